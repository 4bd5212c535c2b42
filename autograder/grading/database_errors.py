"""What a database or a disk says when it refuses, in sentences."""

from __future__ import annotations

from userops.errors import CourseError


class GradingStopped(CourseError):
    """What stops the grading of everybody: the disk, the database. What was graded before is kept."""


def first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
