"""The one error a person is meant to read: a sentence that says what happened and what to do next."""


class CourseError(Exception):
    """Bad input or a missing piece, told in one sentence; the command line prints it and exits with 2."""
