"""Grade what a class has handed in: everybody's notebook of one chapter, side by side.

Reads course/submitted/<student>/<chapter>/, writes course/autograded/ and the gradebook, from which
formgrader, nbgrader's feedback and its export read. A submission that was graded before and has not changed
is left alone; one that cannot be graded is refused with a sentence, keeps the grade of the student's last
good submission, and stops nobody else. Stopped in the middle, run the same command again.

``HandIns`` makes a job of what was handed in, ``ClassRun`` leads the jobs through the executor and says who is
refused, ``Recorder`` writes down what came of them.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from nbgrader.coursedir import CourseDirectory

from autograder.authoring.repository import Repository
from autograder.grading.class_report import ClassReport, RefusedSubmission
from autograder.grading.course import course_language, nbgrader_settings
from autograder.grading.database_errors import GradingStoppedError
from autograder.grading.gradebook import ChapterGradebook, GradedSubmission
from autograder.grading.marks import comments, mark
from autograder.notebooks.outline import Exercise, outline
from autograder.notebooks.restore import Change, restore
from autograder.notebooks.submissions import (
    Submission,
    language_of_notebook,
    read_submission,
    students,
)
from autograder.notebooks.timestamps import parse_timestamp
from autograder.progress import Progress, no_progress
from userops.errors import CourseError


class Pages(Protocol):
    """What writes feedback pages (``autograder.feedback.writer.FeedbackWriter``)."""

    def write(self, student: str) -> object:
        """Write one student's page, from what stands in the gradebook and in ``autograded/``."""


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
) -> ClassReport:
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
        GradingStoppedError: the database or the disk gave up; what was graded so far is kept.
    """
    started = time.monotonic()
    repo.require_tables(chapter)
    with nbgrader_settings(repo, folder) as config:
        coursedir = CourseDirectory(config=config)
        submitted = Path(coursedir.root) / coursedir.submitted_directory
        names = _without(students(submitted, chapter, wanted), coursedir.student_id_exclude)
        with contextlib.ExitStack() as stack:
            gradebook = stack.enter_context(ChapterGradebook(coursedir, config, chapter))
            writer = stack.enter_context(pages(coursedir, chapter)) if pages else None
            executor = executor or importlib.import_module("autograder.engine")
            # Which cells make up an exercise is the same in every language.
            recorder = Recorder(gradebook, outline(gradebook.master).exercises, writer)
            run = ClassRun(HandIns(gradebook, submitted, executor, force=force), recorder, executor, folder)
            with (progress or no_progress)(len(names)) as bar:
                run.grade(names, options or {}, bar)
            report = run.report
            there = {*report.graded, *report.unchanged}
            report.points = {name: points for name, points in gradebook.points().items() if name in there}
            report.by_hand = sum(c.points for c in gradebook.master_cells if c.grade and c.solution)
            report.possible = sum(c.points for c in gradebook.master_cells if c.grade) - report.by_hand
    report.refused.sort(key=lambda refused: refused.student)
    report.seconds = time.monotonic() - started
    return report


def _without(names: list[str], excluded: str) -> list[str]:
    """As nbgrader's ``student_id_exclude`` says."""
    return [name for name in names if name not in excluded.split(",")]


# ------------------------------------------------------------------------------------------ before the run


@dataclass(frozen=True)
class HandIn:
    """A submission on its way: what is remembered of it while it runs."""

    submission: Submission
    digest: str
    lang: str
    changes: tuple[Change, ...]


class HandIns:
    """Reads and restores what was handed in, and knows what has been graded before.

    Args:
        gradebook: the chapter's, open.
        submitted: the course's folder of submissions.
        executor: its ``VERSION`` is part of what a grade depends on.
        force: take nothing for graded.
    """

    def __init__(
        self, gradebook: ChapterGradebook, submitted: Path, executor: Any, *, force: bool = False
    ) -> None:
        self.gradebook, self.submitted = gradebook, submitted
        self.version = str(getattr(executor, "VERSION", ""))
        self.lang = course_language(gradebook.root) or "en"
        self.cells = frozenset(cell.grade_id for cell in gradebook.master_cells)
        self.done: dict[str, datetime | None] = {} if force else gradebook.done()

    def read(self, student: str) -> HandIn | None:
        """Read and restore one submission; None if it has been graded before.

        Raises:
            CourseError: why it cannot be graded.
        """
        chapter = self.gradebook.chapter
        submission = read_submission(self.submitted, student, chapter, self.cells)
        digest = self.gradebook.digest(submission.data, self.version)
        in_database = self.done.get(student) == parse_timestamp(submission.when)
        if in_database and self.gradebook.files.is_graded(student, submission.when, digest):
            return None
        lang = language_of_notebook(submission.notebook) or self.lang
        changes = tuple(restore(submission.notebook, self.gradebook.master_cells))
        return HandIn(submission, digest, lang, changes)


# ------------------------------------------------------------------------------------------ after the run


class Recorder:
    """Judges what the executor made of a submission, and writes it down: the grade, then the feedback page.

    Args:
        gradebook: the chapter's, open.
        exercises: what the chapter asks.
        pages: the writer of feedback pages, if there are to be any.
    """

    def __init__(
        self, gradebook: ChapterGradebook, exercises: Sequence[Exercise], pages: Pages | None
    ) -> None:
        self.gradebook, self.exercises, self.pages = gradebook, exercises, pages

    def grade(self, hand_in: HandIn, ran: Any) -> float:
        """Write one submission's grade down; return its points.

        Raises:
            CourseError: it cannot be written down; nothing of it was.
            GradingStoppedError: nothing can be written any more.
        """
        cells, lang = self.gradebook.master_cells, hand_in.lang
        marks = mark(ran.notebook, self.exercises, cells, lang, misconceptions_met=ran.misconceptions_met)
        return self.gradebook.save(
            GradedSubmission(
                student=hand_in.submission.student,
                notebook=ran.notebook,
                when=hand_in.submission.when,
                digest=hand_in.digest,
                lang=lang,
                comments=comments(marks, ran.notebook, cells),
                misconceptions_met=ran.misconceptions_met,
                changes=[(change.what, change.grade_id) for change in hand_in.changes],
            )
        )

    def page(self, student: str) -> str | None:
        """Make the student's feedback page; return what went wrong, for the page can be made again any time."""
        if self.pages is None:
            return None
        try:
            self.pages.write(student)
        except CourseError as error:
            return str(error)
        except Exception as error:  # what nobody thought of costs this page alone
            return f"no feedback page could be made ({type(error).__name__}: {error})."
        return None


# ------------------------------------------------------------------------------------------ the run


class ClassRun:
    """A class on its way through the executor: hand-ins become jobs as it asks for them, its results rows.

    Args:
        hand_ins, recorder: what stands before and behind the executor.
        executor: what offers ``plan``, ``Job`` and ``Engine``.
        folder: the course's folder, as the report names it.
    """

    def __init__(self, hand_ins: HandIns, recorder: Recorder, executor: Any, folder: Path) -> None:
        self.hand_ins, self.recorder, self.executor = hand_ins, recorder, executor
        self.gradebook = recorder.gradebook
        self.report = ClassReport(self.gradebook.chapter, folder)
        self.running: dict[str, HandIn] = {}

    def grade(self, names: Sequence[str], options: dict[str, Any], bar: Progress) -> None:
        """Run these students' submissions; the executor is started only if there is anything to run."""
        jobs = self._jobs(names, bar)
        first = next(jobs, None)
        if first is not None:
            plan = self.executor.chapter_plan(self.gradebook.chapter, self.gradebook.master_cells)
            with self.executor.Engine(**options) as engine:
                for ran in engine.run(plan, itertools.chain([first], jobs)):
                    self._finish(ran)
                    bar.step()
        for student in list(self.running):
            self._refuse(student, "its run ended without a result: grade it again.")
            bar.step()

    def _jobs(self, names: Sequence[str], bar: Progress) -> Iterator[Any]:
        """The submissions that must run, one by one: a class of 100,000 is never in memory together."""
        for student in names:
            try:
                hand_in = self.hand_ins.read(student)
                job = self._job(student, hand_in) if hand_in is not None else None
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

    def _job(self, student: str, hand_in: HandIn) -> Any:
        self.report.note(student, *hand_in.submission.notes)
        self.running[student] = hand_in
        return self.executor.Job(key=student, notebook=hand_in.submission.notebook, lang=hand_in.lang)

    def _finish(self, ran: Any) -> None:
        """Write down what a submission came to."""
        student = ran.key
        hand_in = self.running.pop(student)
        if ran.trouble:
            self._refuse(student, ran.trouble)
            return
        try:
            self.report.graded[student] = self.recorder.grade(hand_in, ran)
            self.report.note(student, *ran.notes)
            self._page(student)
        except GradingStoppedError:
            raise
        except CourseError as error:
            self._refuse(student, str(error))
        except Exception as error:  # as above
            self._refuse(student, f"its result could not be read ({type(error).__name__}: {error}).")

    def _page(self, student: str) -> None:
        trouble = self.recorder.page(student)
        if trouble is not None:
            self.report.note(student, trouble)

    def _refuse(self, student: str, reason: str) -> None:
        self.running.pop(student, None)
        kept = self.gradebook.files.has_result(student)
        self.report.refused.append(RefusedSubmission(student, reason, kept))
