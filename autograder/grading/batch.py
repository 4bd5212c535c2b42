"""Grade what a class has handed in: everybody's notebook of one chapter, side by side.

Reads course/submitted/<student>/<chapter>/, writes course/autograded/ and the gradebook, from which
formgrader, nbgrader's feedback and its export read. A submission that was graded before and has not changed
is left alone; one that cannot be graded is refused with a sentence, keeps the grade of the student's last
good submission, and stops nobody else. Stopped in the middle, run the same command again.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import Repository
from autograder.grading.course import language_of, nbgrader_settings
from autograder.notebooks.submissions import Submission, language_of_notebook, read_submission, students
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory

    from autograder.grading.gradebook import Book
    from autograder.notebooks.outline import Outline
    from autograder.notebooks.restore import Change
from autograder.progress import Progress, duration, no_progress

# ------------------------------------------------------------------------------------------ results


@dataclass(frozen=True)
class Refused:
    """A submission that was not graded, and why; ``kept`` if the grade of an earlier one stays."""

    student: str
    reason: str
    kept: bool


@dataclass
class Report:
    """What became of a class.

    Attributes:
        graded: points of those graded now, by student.
        unchanged: those graded before.
        notes: what the instructor should know, by student.
        points: everybody's points by the gradebook, of those graded now or before.
        possible, by_hand: the most a student can earn by tests, and from a reader.
        seconds: how long it took.
    """

    chapter: str
    folder: Path
    graded: dict[str, float] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    points: dict[str, float] = field(default_factory=dict)
    possible: float = 0.0
    by_hand: float = 0.0
    seconds: float = 0.0

    @property
    def median(self) -> float | None:
        """The median of the points of everybody who has been graded."""
        return statistics.median(self.points.values()) if self.points else None

    @property
    def number(self) -> int:
        """How many students there are."""
        return len(self.graded) + len(self.unchanged) + len(self.refused)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "chapter": self.chapter,
            "course": str(self.folder),
            "students": self.number,
            "graded": dict(sorted(self.graded.items())),
            "unchanged": sorted(self.unchanged),
            "refused": [asdict(refused) for refused in self.refused],
            "notes": dict(sorted(self.notes.items())),
            "median": self.median,
            "possible": self.possible,
            "by_hand": self.by_hand,
            "seconds": round(self.seconds, 1),
        }

    def summary(self) -> str:
        """The report for a terminal."""
        lines = [
            f"{self.chapter}: {self.number} student{'s' if self.number != 1 else ''}, {len(self.graded)} graded, "
            f"{len(self.unchanged)} unchanged, {len(self.refused)} refused  ({duration(self.seconds)})"
        ]
        if self.median is not None:
            lines.append(
                f"median {self.median:g} of {self.possible:g} points"
                + (f" ({self.by_hand:g} more for a reader to give)" if self.by_hand else "")
            )
        for student, notes in sorted(self.notes.items()):
            lines += [f"  {_shown(student)}: {note}" for note in notes]
        for refused in self.refused:
            stays = " (The grade of an earlier submission stays.)" if refused.kept else ""
            lines.append(f"  refused  {_shown(refused.student)}: {refused.reason}{stays}")
        return "\n".join(lines)


class Pages(Protocol):
    """What writes feedback pages (``autograder.feedback.writer.Writer``)."""

    def write(self, student: str) -> object:
        """Write one student's page, from what stands in the gradebook and in ``autograded/``."""


# ------------------------------------------------------------------------------------------ the work


def grade(
    repo: Repository,
    folder: Path,
    chapter: str,
    *,
    wanted: Sequence[str] = (),
    force: bool = False,
    options: dict[str, Any] | None = None,
    executor: Any = None,
    pages: Callable[[CourseDirectory, str], AbstractContextManager[Pages]] | None = None,
    progress: Callable[[int], Progress] | None = None,
) -> Report:
    """Grade a chapter for a class.

    Args:
        repo: the checkout.
        folder: the instructor's course, as ``userops course`` makes it.
        chapter: the chapter's id.
        wanted: students; all who handed in, by default.
        force: grade also what has not changed.
        options: for the executor's ``Engine``.
        executor: what offers ``chapter_plan``, ``Job`` and ``Engine``; ``autograder.engine`` by default.
        pages: makes the writer of everybody's feedback pages, of nbgrader's folders and a chapter.
        progress: makes a progress bar for so many submissions.

    Raises:
        CourseError: no course, no gradebook, nobody handed in, tables are missing.
        GradingStopped: the database or the disk gave up; what was graded so far is kept.
    """
    from nbgrader.coursedir import CourseDirectory

    from autograder.grading.gradebook import Book

    started = time.monotonic()
    repo.require_tables(chapter)
    with nbgrader_settings(repo, folder) as config:
        coursedir = CourseDirectory(config=config)
        submitted = Path(coursedir.root) / coursedir.submitted_directory
        names = _without(students(submitted, chapter, wanted), coursedir.student_id_exclude)
        with contextlib.ExitStack() as stack:
            book = stack.enter_context(Book(coursedir, config, chapter))
            writer = stack.enter_context(pages(coursedir, chapter)) if pages else None
            executor = executor or importlib.import_module("autograder.engine")
            work = _Class(repo, folder, book, submitted, names, force, executor, writer)
            with (progress or no_progress)(len(names)) as bar:
                work.grade(options or {}, bar)
            report = work.report
            there = {*report.graded, *report.unchanged}
            report.points = {name: points for name, points in book.points().items() if name in there}
            report.by_hand = sum(c.points for c in book.master_cells if c.grade and c.solution)
            report.possible = sum(c.points for c in book.master_cells if c.grade) - report.by_hand
    report.refused.sort(key=lambda refused: refused.student)
    report.seconds = time.monotonic() - started
    return report


def _without(names: list[str], excluded: str) -> list[str]:
    """As nbgrader's ``student_id_exclude`` says."""
    return [name for name in names if name not in excluded.split(",")]


@dataclass
class _Handed:
    """A submission on its way: what is remembered of it while it runs."""

    submission: Submission
    digest: str
    lang: str
    changes: tuple[Change, ...]


class _Class:
    """A class on its way through the executor: hand-ins become jobs as the executor asks for them, results rows."""

    def __init__(
        self,
        repo: Repository,
        folder: Path,
        book: Book,
        submitted: Path,
        names: Sequence[str],
        force: bool,
        executor: Any,
        pages: Pages | None,
    ) -> None:
        self.repo, self.folder, self.book, self.submitted = repo, folder, book, submitted
        self.names, self.force, self.executor, self.pages = names, force, executor, pages
        self.report = Report(book.chapter, folder)
        self.lang = language_of(folder) or "en"
        self.cells = frozenset(cell.grade_id for cell in book.master_cells)
        self.version = str(getattr(executor, "VERSION", ""))
        self.done = {} if force else book.done()
        self.running: dict[str, _Handed] = {}
        self.outlines: dict[str, Outline] = {}

    def grade(self, options: dict[str, Any], bar: Progress) -> None:
        """Run everything; the executor is started only if there is anything to run."""
        jobs = self._jobs(bar)
        first = next(jobs, None)
        if first is not None:
            plan = self.executor.chapter_plan(self.book.chapter, self.book.master_cells)
            with self.executor.Engine(**options) as engine:
                for ran in engine.run(plan, itertools.chain([first], jobs)):
                    self._finish(ran)
                    bar.step()
        for student in list(self.running):
            self._refuse(student, "its run ended without a result: grade it again.")
            bar.step()

    def _jobs(self, bar: Progress) -> Iterator[Any]:
        """The submissions that must run, one by one: a class of 100,000 is never in memory together."""
        for student in self.names:
            try:
                job = self._job(student)
            except CourseError as error:
                self._refuse(student, str(error))
            except Exception as error:  # what nobody thought of costs its own submission alone
                self._refuse(student, f"it could not be read ({type(error).__name__}: {error}).")
            else:
                if job is not None:
                    yield job
                    continue
                self.report.unchanged.append(student)
                self._page(student)  # a person may have given points since, or a run ended before it was made
            bar.step()

    def _job(self, student: str) -> Any:
        """Read and restore one submission; None if it has been graded before."""
        from autograder.notebooks.restore import restore
        from autograder.notebooks.submissions import moment

        submission = read_submission(self.submitted, student, self.book.chapter, self.cells)
        name = self.book.digest(submission.data, self.version)
        if self.done.get(student) == moment(submission.when) and self.book.is_graded(
            student, submission.when, name
        ):
            return None
        lang = language_of_notebook(submission.notebook) or self.lang
        changes = tuple(restore(submission.notebook, self.book.master_cells))
        self._note(student, *submission.notes)
        self.running[student] = _Handed(submission, name, lang, changes)
        return self.executor.Job(key=student, notebook=submission.notebook, lang=lang)

    def _finish(self, ran: Any) -> None:
        """Write down what a submission came to."""
        from autograder.grading.database_errors import GradingStopped

        handed = self.running.pop(ran.key)
        if ran.trouble:
            self._refuse(ran.key, ran.trouble)
            return
        try:
            self._write(ran, handed)
        except GradingStopped:
            raise
        except CourseError as error:
            self._refuse(ran.key, str(error))
        except Exception as error:  # as above
            self._refuse(ran.key, f"its result could not be read ({type(error).__name__}: {error}).")

    def _write(self, ran: Any, handed: _Handed) -> None:
        from autograder.grading.gradebook import Result, comments
        from autograder.grading.marks import mark

        student, lang, master_cells = ran.key, handed.lang, self.book.master_cells
        asked = self._outline(lang)
        marks = mark(
            ran.notebook, asked.exercises, master_cells, lang, misconceptions_met=ran.misconceptions_met
        )
        self.report.graded[student] = self.book.save(
            Result(
                student=student,
                notebook=ran.notebook,
                when=handed.submission.when,
                digest=handed.digest,
                lang=lang,
                comments=comments(marks, ran.notebook, master_cells),
                misconceptions_met=ran.misconceptions_met,
                changes=[(change.what, change.grade_id) for change in handed.changes],
            )
        )
        self._note(student, *ran.notes)
        self._page(student)

    def _page(self, student: str) -> None:
        """Make the student's feedback page; the grade stands whatever comes of it, the page can be made again."""
        if self.pages is not None:
            try:
                self.pages.write(student)
            except CourseError as error:
                self._note(student, str(error))
            except Exception as error:  # as above
                self._note(student, f"no feedback page could be made ({type(error).__name__}: {error}).")

    def _note(self, student: str, *notes: str) -> None:
        if notes:
            self.report.notes.setdefault(student, []).extend(notes)

    def _outline(self, lang: str) -> Outline:
        """What the chapter asks, in a language: from its source, if that still is what the course grades by."""
        from autograder.grading.master import from_edition
        from autograder.notebooks.outline import outline

        if lang not in self.outlines:
            master = self.book.master
            if lang != master.metadata.get("userops", {}).get("lang"):
                own = edition(read_chapter(self.repo.source(self.book.chapter)), lang, release=False)
                if {cell.grade_id for cell in from_edition(own)} == self.cells:
                    master = own
            self.outlines[lang] = outline(master)
        return self.outlines[lang]

    def _refuse(self, student: str, reason: str) -> None:
        self.running.pop(student, None)
        self.report.refused.append(Refused(student, reason, self.book.has_result(student)))


def _shown(student: str) -> str:
    """A student's id as it can stand in a line, whatever is in it."""
    return student if student.isprintable() else ascii(student)[1:-1]
