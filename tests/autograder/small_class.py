"""A course on the small chapter with a class that has handed in, for tests of grading."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nbformat
import plain_executor
from nbformat import NotebookNode
from nbgrader.api import Base, Gradebook

from autograder.authoring.repository import Repository
from autograder.grading.batch import grade
from autograder.grading.class_report import ClassReport
from autograder.grading.course import make_course

CHAPTER: Final = "ch01_small"
RIGHT: Final = {
    "people": 'def people(events):\n    return events["user_id"].nunique()',
    "pair": "first, second = 1, 2",
    "memo": "Two people came. 来了两个人。",
}
EVENTS: Final = {
    **RIGHT,
    "people": "def people(events):\n    return len(events)",
}  # counts events, not people
SWAPPED: Final = {**RIGHT, "pair": "first, second = 1, 1"}  # one part of two
WHEN: Final = "2026-03-02 08:30:00.000000 UTC"


def cell_of(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    """The cell with a grade id."""
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


@dataclass
class Small:
    """A small checkout with a course in it."""

    repo: Repository
    url: str | None = None  # the gradebook's address, if it is no file

    @property
    def folder(self) -> Path:
        return self.repo.root / "course"

    @property
    def book(self) -> Gradebook:
        return Gradebook(self.url or f"sqlite:///{self.folder / 'gradebook.db'}", "userops")

    def answered(self, answers: Mapping[str, str], lang: str = "en") -> NotebookNode:
        """The learner's notebook with these answers."""
        notebook = nbformat.read(self.repo.notebook(CHAPTER, lang), as_version=4)
        for grade_id, source in answers.items():
            cell_of(notebook, grade_id).source = source
        return notebook

    def place(self, student: str, name: str = f"{CHAPTER}.ipynb") -> Path:
        """Where a student's notebook lies; its folder is made."""
        path = self.folder / "submitted" / student / CHAPTER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def hand_in(
        self, student: str, answers: Mapping[str, str] = RIGHT, lang: str = "en", when: str | None = WHEN
    ) -> Path:
        """Put a student's notebook into ``submitted/``."""
        path = self.place(student)
        path.write_text(nbformat.writes(self.answered(answers, lang)), encoding="utf-8")
        if when is not None:
            (path.parent / "timestamp.txt").write_text(f"{when}\n", encoding="utf-8")
        return path

    def grade(self, *wanted: str, **options: Any) -> ClassReport:
        """``userops grade``, with the stand-in for the engine."""
        options.setdefault("executor", plain_executor)
        return grade(self.repo, self.folder, CHAPTER, wanted=wanted, **options)

    def autograded(self, student: str) -> Path:
        return self.folder / "autograded" / student / CHAPTER

    def rows(self, student: str) -> dict[str, Any]:
        """What the gradebook holds of a student."""
        with self.book as book:
            submission = book.find_submission(CHAPTER, student)
            (notebook,) = submission.notebooks
            return {
                "when": submission.timestamp,
                "late": notebook.late_submission_penalty,
                "grades": {
                    g.name: (g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade)
                    for g in notebook.grades
                },
                "comments": {c.name: (c.auto_comment, c.manual_comment) for c in notebook.comments},
            }


def copy_small(template: Path, to: Path) -> Small:
    """A copy of a small checkout with a course (``make_template``)."""
    return Small(Repository(Path(shutil.copytree(template, to, symlinks=True))))


def make_template(root: Path) -> Path:
    """The checkout and its course, made once a test run."""
    from small_course import make_small_course

    repo = make_small_course(root)
    make_course(repo, repo.root / "course", "en", [CHAPTER])
    return repo.root


def everything(small: Small) -> dict[str, Any]:
    """All that grading left: the gradebook's rows by name (ids are random) and the files in ``autograded/``."""
    with small.book as book:
        names = sorted(student.id for student in book.students)
        counts = [len(book.db.execute(table.select()).all()) for table in Base.metadata.sorted_tables]
    files = {
        path.relative_to(small.folder).as_posix(): path.read_bytes()
        for path in (small.folder / "autograded").rglob("*")
        if path.is_file()
    }
    return {"rows": {name: small.rows(name) for name in names}, "counts": counts, "files": files}


def hand_in_class(small: Small, number: int = 12) -> None:
    """A mixed class: right, wrong, empty, in both languages, and one broken file."""
    for i in range(number):
        answers = (RIGHT, EVENTS, SWAPPED, {})[i % 4]
        small.hand_in(f"student-{i:02}", answers, ("en", "zh")[i % 2])
    small.place("broken").write_text("{", encoding="utf-8")
