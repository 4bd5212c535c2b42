"""A class's feedback pages on disk: one HTML file a submission, written again only when it would be another.

Two doors, one page: ``userops grade`` holds a ``FeedbackWriter`` open while it grades, and stock ``nbgrader
generate_feedback`` calls ``FeedbackExporter`` (``autograder.nbgrader_plugins.exporter``). What a page is made from
(graded notebook, grades, chapter, looks) stands in it as a digest.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from autograder.authoring.repository import Repository
from autograder.feedback.class_page import ClassPages
from autograder.grading.atomic_write import replace_text
from autograder.grading.standings import SubmissionGrades, database, submission_grades
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory

# Files that nbgrader puts beside the page, and asks for when it releases feedback.
BESIDE: Final = ("timestamp.txt", "submission_secret.txt")


@dataclass(frozen=True)
class WrittenPage:
    """Where a submission's page is, and whether it is another than before."""

    student: str
    path: Path
    changed: bool


class FeedbackWriter:
    """Writes feedback pages of one assignment; a connection to the gradebook is kept within ``with``.

    Args:
        repo: the checkout, for the chapters in both languages.
        coursedir: nbgrader's course folder, for paths and the gradebook's address.
        assignment: the chapter's id.
        notebook: name of the notebook, where an assignment has another or several.
    """

    def __init__(
        self, repo: Repository, coursedir: CourseDirectory, assignment: str, notebook: str = ""
    ) -> None:
        self.coursedir, self.assignment, self.notebook = coursedir, assignment, notebook or assignment
        self._pages = ClassPages(repo, coursedir, assignment, notebook)
        self._connection: Connection | None = None

    def __enter__(self) -> FeedbackWriter:
        self._connection = database(self.coursedir.db_url).connect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def path(self, student: str) -> Path:
        """Where a student's page is, or will be."""
        return self._folder(self.coursedir.feedback_directory, student) / f"{self.notebook}.html"

    def write(self, student: str, *, force: bool = False) -> WrittenPage:
        """Write one student's page, unless it would be the same; ``force`` writes in any case.

        Raises:
            CourseError: the submission has not been graded, or the page cannot be written.
        """
        target = self.path(student)
        graded = self._folder(self.coursedir.autograded_directory, student)
        text = self._text(graded, student)
        grades = self._grades(student)
        digest = self._pages.digest(text, grades)
        new = force or not _is_made_from(target, digest)
        page = self._pages.html(student, text, grades, digest) if new else ""
        try:
            if new:
                target.parent.mkdir(parents=True, exist_ok=True)
                replace_text(target, page, 0o664 if self.coursedir.groupshared else 0o644)
            for name in BESIDE:
                _copy(graded / name, target.parent / name)
        except OSError as error:
            raise CourseError(
                f"{target} cannot be written ({error.strerror}): check permissions and free space, and run this again."
            ) from error
        return WrittenPage(student, target, new)

    def html(self, student: str, text: str) -> str:
        """The page alone, of a graded notebook's text.

        Raises:
            CourseError: the gradebook does not know the submission, or the notebook is damaged.
        """
        grades = self._grades(student)
        return self._pages.html(student, text, grades, self._pages.digest(text, grades))

    def _folder(self, step: str, student: str) -> Path:
        return Path(self.coursedir.format_path(step, student, self.assignment))

    def _text(self, folder: Path, student: str) -> str:
        try:
            return (folder / f"{self.notebook}.ipynb").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise CourseError(
                f"{student} has no graded notebook for {self.assignment}: grade it first."
            ) from None

    def _grades(self, student: str) -> SubmissionGrades:
        if self._connection is not None:
            with self._connection.begin():
                return submission_grades(self._connection, student, self.assignment, self.notebook)
        with database(self.coursedir.db_url).connect() as connection:
            return submission_grades(connection, student, self.assignment, self.notebook)


def _is_made_from(page: Path, digest: str) -> bool:
    try:
        with page.open(encoding="utf-8") as file:
            start = file.read(2000)
    except (OSError, UnicodeDecodeError):
        return False
    return f'name="userops-made-from" content="{digest}"' in start


def _copy(old: Path, new: Path) -> None:
    """Copy a small file of nbgrader's, if there is one; what a submission made a link is not followed."""
    there = old.is_file() and not old.is_symlink()
    if there and not (new.is_file() and new.read_bytes() == old.read_bytes()):
        shutil.copyfile(old, new)
