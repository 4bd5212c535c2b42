"""The one writer: what a submission earned goes into nbgrader's gradebook and into ``autograded/``, whole or not.

A gradebook that is killed in the middle of a class must be able to go on. So a submission is written in this
order: its files into a hidden folder beside their place (``result_files``); everything that the database must know,
in *one* transaction; then the folder is renamed into its place. Whenever that stops, the submission either counts as
graded (files, digest and database agree) or is graded again, which writes the same once more and adds nothing.

The rows are nbgrader's own models, and say what ``nbgrader autograde`` would have said: automatic scores,
what waits for a person, comments, lateness. nbgrader's own methods commit at each step, so the rows are
changed here directly. What a person gave (manual scores, extra credit, comments) is never touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbformat import NotebookNode
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import LimitOutput
from nbgrader.utils import compute_checksum, is_grade, is_solution
from sqlalchemy import create_engine, func, inspect, make_url, select, text
from sqlalchemy.exc import IntegrityError

from autograder.grading.database_errors import database_errors
from autograder.grading.late_penalty import LatePenalty
from autograder.grading.master import fits, from_edition, from_gradebook, read_master
from autograder.grading.result_files import ResultFiles
from autograder.notebooks.normalize import utf8
from autograder.notebooks.scoring import automatic_score
from autograder.notebooks.timestamps import parse_timestamp
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

WAIT: Final = 60.0  # seconds to wait for a database that somebody else is writing to
FORMAT: Final = 1  # raise it when what is written down changes: everything is then graded again

NO_RESPONSE: Final = {"en": "No response.", "zh": "没有作答。"}  # nbgrader's words for an untouched answer


@dataclass(frozen=True)
class GradedSubmission:
    """What one submission came to, ready to be written down.

    Attributes:
        student: the student's id.
        notebook: as executed; it is changed while it is written (outcomes normalised, shortened).
        when: the text of the submission's ``timestamp.txt``.
        digest: what it was graded from (``ChapterGradebook.digest``).
        lang: the submission's language.
        comments: the grader's words, by grade id of the answer that they belong to.
        misconceptions_met: misconceptions met, by grade id of the test.
        changes: what had to be put right in the file, as ``(what, grade id)``.
    """

    student: str
    notebook: NotebookNode
    when: str
    digest: str
    lang: str
    comments: Mapping[str, str] = field(default_factory=dict)
    misconceptions_met: Mapping[str, Sequence[str]] = field(default_factory=dict)
    changes: Sequence[tuple[str, str]] = ()


class _ChapterRows:
    """What the gradebook's rows say of a chapter, read once: its ids, its cells by id, its kernel and due date."""

    def __init__(self, notebook: Notebook) -> None:
        self.assignment, self.notebook = notebook.assignment_id, notebook.id
        self.kernelspec = json.loads(notebook.kernelspec) if notebook.kernelspec else None
        self.due = notebook.assignment.duedate
        graded = [*notebook.grade_cells, *notebook.task_cells]
        answers = [*notebook.solution_cells, *notebook.task_cells]
        self.grades: dict[str, str] = {cell.id: cell.name for cell in graded}
        self.comments: dict[str, str] = {cell.id: cell.name for cell in answers}
        # Tasks are judged by a person alone.
        self.tasks: set[str] = {name for cell, name in self.grades.items() if cell in self.comments}
        names = {cell.name for cell in answers}
        self.tests: list[str] = [c.id for c in graded if c.cell_type == "code" and c.name not in names]


class ChapterGradebook:
    """One chapter's gradebook and its ``files`` in ``autograded/``, open for writing by this process alone.

    Args:
        coursedir: nbgrader's course folder; it names the database (``db_url``).
        config: nbgrader's settings (late penalties, limits of output).
        chapter: the chapter's id.
        wait: seconds to wait for a database that somebody else is writing to.

    Raises:
        CourseError: there is no gradebook yet, it does not know the chapter, or does not fit the source.
        GradingStoppedError: it cannot be opened, or another process is grading the chapter.
    """

    def __init__(
        self, coursedir: CourseDirectory, config: Config, chapter: str, *, wait: float = WAIT
    ) -> None:
        self.coursedir, self.chapter, self.wait = coursedir, chapter, wait
        self.root = Path(coursedir.root)
        self.files = ResultFiles(
            self.root,
            self.root / coursedir.autograded_directory,
            chapter,
            shared=bool(coursedir.groupshared),
        )
        self._limit = LimitOutput(config=config)
        self._late = LatePenalty(config)
        self._new_students = bool(config.get("Autograde", {}).get("create_student", True))
        self._stack = contextlib.ExitStack()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> ChapterGradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ------------------------------------------------------------------------------------------ opening

    def _open(self) -> None:
        url = make_url(self.coursedir.db_url)
        sqlite = url.get_backend_name() == "sqlite"
        if sqlite:
            # Without this nbgrader would make an empty gradebook, in which nobody finds the chapter.
            if url.database and not Path(url.database).is_file():
                raise CourseError(f"There is no gradebook {url.database}: make it with `userops course`.")
            url = url.update_query_dict({"timeout": f"{self.wait:g}"})
        # Two writers at once begin one after the other, and each sees what the other wrote.
        self._begin = text("BEGIN IMMEDIATE") if sqlite else None
        self._stack.enter_context(self.files.alone())
        with self._errors():
            # Asked beforehand: where this fails, nbgrader would leave its connection open.
            engine = create_engine(url)
            try:
                inspect(engine).get_table_names()
            finally:
                engine.dispose()
            self.gradebook = Gradebook(url.render_as_string(hide_password=False), self.coursedir.course_id)
            self._stack.callback(self.gradebook.close)
            self._chapter = _ChapterRows(self._find_notebook())
            known = from_gradebook(self.gradebook, self.chapter, self.chapter)
            self.gradebook.db.rollback()
        self.files.sweep()
        self.master = self._read_master()
        # A gradebook keeps no order; and what the tests are taken from must be what the grades are kept by.
        self.master_cells = from_edition(self.master)
        if not fits(self.master_cells, known):
            raise CourseError(
                f"The source of {self.chapter} and the gradebook do not fit: run `nbgrader generate_assignment "
                f"{self.chapter} --force`, or `userops course {self.chapter}`, and then this again."
            )
        cells = json.dumps([asdict(cell) for cell in self.master_cells], sort_keys=True)
        self._cells_hashed = hashlib.sha256(cells.encode("ascii"))

    def _find_notebook(self) -> Notebook:
        try:
            notebook = self.gradebook.find_notebook(self.chapter, self.chapter)
        except MissingEntry:
            raise CourseError(
                f"The gradebook of {self.root} has no {self.chapter}: add it with `userops course {self.chapter}`."
            ) from None
        others = [n.name for n in notebook.assignment.notebooks if n.name != self.chapter]
        if others:
            raise CourseError(
                f"{self.chapter} has more notebooks than its own ({', '.join(others)}): grade it with `nbgrader "
                f"autograde {self.chapter}`."
            )
        return notebook

    def _read_master(self) -> NotebookNode:
        path = self.root / self.coursedir.source_directory / self.chapter / f"{self.chapter}.ipynb"
        try:
            return read_master(path)
        except (OSError, ValueError):
            raise CourseError(
                f"{path} cannot be read: make it again with `userops course {self.chapter}`."
            ) from None

    def _errors(self) -> AbstractContextManager[None]:
        return database_errors(self.root, self.wait)

    # ------------------------------------------------------------------------------------------ what there is

    def digest(self, data: bytes, version: str) -> str:
        """Name everything that a grade depends on: the file handed in, the chapter's cells, the grader's version."""
        total = self._cells_hashed.copy()
        for part in (f"{FORMAT}/{version}".encode(), data):
            total.update(len(part).to_bytes(8, "big") + part)
        return total.hexdigest()

    def done(self) -> dict[str, datetime | None]:
        """When each student's graded submission was handed in, by the database: those graded completely."""
        with self._errors():
            db = self.gradebook.db
            rows = db.execute(
                select(SubmittedAssignment.student_id, SubmittedAssignment.timestamp).where(
                    SubmittedAssignment.assignment_id == self._chapter.assignment
                )
            ).all()
            lacking = db.execute(
                select(SubmittedAssignment.student_id)
                .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
                .where(SubmittedNotebook.notebook_id == self._chapter.notebook)
                .where(Grade.cell_id.in_(self._chapter.tests), Grade.auto_score.is_(None))
                .distinct()
            ).all()
            db.rollback()
        without = {student for (student,) in lacking}
        return {student: when for student, when in rows if student not in without}

    def points(self) -> dict[str, float]:
        """Everybody's points in the chapter, late penalties taken off."""
        given = func.coalesce(Grade.manual_score, Grade.auto_score)
        score = func.coalesce(given + func.coalesce(Grade.extra_credit, 0.0), 0.0)
        with self._errors():
            rows = self.gradebook.db.execute(
                select(
                    SubmittedAssignment.student_id,
                    func.sum(score),
                    func.max(func.coalesce(SubmittedNotebook.late_submission_penalty, 0.0)),
                )
                .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
                .where(SubmittedNotebook.notebook_id == self._chapter.notebook)
                .group_by(SubmittedAssignment.student_id)
            ).all()
            self.gradebook.db.rollback()
        return {student: max(0.0, float(total) - float(late)) for student, total, late in rows}

    # ------------------------------------------------------------------------------------------ writing

    def save(self, submission: GradedSubmission) -> float:
        """Write one submission down; return its points (what a person gave included, late penalties off).

        Raises:
            CourseError: this submission cannot be written down; nothing of it was.
            GradingStoppedError: nothing can be written any more; of this submission nothing counts as graded.
        """
        student, notebook = submission.student, submission.notebook
        self._limit.preprocess(notebook, {})
        scores = self._scores(notebook)
        self._label(submission)
        try:
            self.files.write(student, notebook, submission.when)
            with self._errors():
                points = self._record(submission, scores)
            self.files.put(student)
        finally:
            self.files.discard(student)
        return points

    def _scores(self, notebook: NotebookNode) -> dict[str, float | None]:
        """Each graded cell's automatic score: a plain float, or None where a person must judge."""
        stubs = {cell.grade_id: cell.checksum for cell in self.master_cells}
        scores: dict[str, float | None] = {}
        for cell in notebook.cells:
            if not _known(cell):
                continue
            meta = cell.metadata.nbgrader
            # nbgrader tells an untouched answer by it.
            meta["checksum"] = stubs.get(meta.grade_id, "")
            if is_grade(cell):
                scores[meta.grade_id] = automatic_score(cell)
        missing = set(self._chapter.grades.values()) - scores.keys() - self._chapter.tasks
        if missing:
            raise CourseError(
                f"its result lacks the cell{'s' if len(missing) > 1 else ''} {', '.join(sorted(missing))}: grade it again."
            )
        return scores

    def _label(self, submission: GradedSubmission) -> None:
        """Note in the notebook what it was graded from, and what only its run knew."""
        metadata = submission.notebook.metadata
        metadata["userops"] = {
            **metadata.get("userops", {}),
            "chapter": self.chapter,
            "lang": submission.lang,
            "graded": submission.digest,
            # What the feedback page tells beside the outputs (autograder.feedback.writer.LEFT).
            "met": {test: list(keys) for test, keys in submission.misconceptions_met.items() if keys},
            "changes": [list(change) for change in submission.changes],
        }
        if self._chapter.kernelspec:
            metadata["kernelspec"] = self._chapter.kernelspec

    def _record(self, submission: GradedSubmission, scores: Mapping[str, float | None]) -> float:
        """Write the rows, in one transaction; once more if another writer made the same rows meanwhile."""
        for attempt in (1, 2):
            try:
                points = self._rows(submission, scores)
                self.gradebook.db.commit()
                return points
            except IntegrityError:
                if attempt == 2:
                    raise
            finally:
                # Nothing stays in memory, nothing half-written stays open.
                self.gradebook.db.rollback()
                self.gradebook.db.expunge_all()
        raise AssertionError("unreachable")

    def _rows(self, submission: GradedSubmission, scores: Mapping[str, float | None]) -> float:
        if self._begin is not None:
            self.gradebook.db.execute(self._begin)
        assignment, notebook = self._submitted(submission.student)
        assignment.timestamp = parse_timestamp(submission.when)
        total = self._write_grades(notebook, scores)
        self._write_comments(notebook, submission)
        due = self._chapter.due
        if due is not None and assignment.extension:
            due += assignment.extension
        penalty = self._late.points(submission.student, total, assignment.timestamp, due)
        notebook.late_submission_penalty = penalty
        return max(0.0, total - (penalty or 0.0))

    def _write_grades(self, notebook: SubmittedNotebook, scores: Mapping[str, float | None]) -> float:
        """Write the automatic scores; return what was earned, by tests and from a person."""
        total = 0.0
        for name, grade in self._each(Grade, notebook, self._chapter.grades).items():
            if name in scores:
                grade.auto_score = scores[name]
                # As nbgrader: a score that a person gave is looked at again, now that the answer has changed.
                grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
            earned = grade.auto_score if grade.manual_score is None else grade.manual_score
            if earned is not None:
                total += earned + (grade.extra_credit or 0.0)
        return total

    def _write_comments(self, notebook: SubmittedNotebook, submission: GradedSubmission) -> None:
        untouched = {
            cell.metadata.nbgrader.grade_id
            for cell in submission.notebook.cells
            if _known(cell)
            and is_solution(cell)
            and cell.metadata.nbgrader.checksum == compute_checksum(cell)
        }
        for name, comment in self._each(Comment, notebook, self._chapter.comments).items():
            if name in untouched:
                comment.auto_comment = NO_RESPONSE.get(submission.lang, NO_RESPONSE["en"])
            else:
                # PostgreSQL's text holds no NUL.
                comment.auto_comment = utf8(submission.comments.get(name, "")).replace("\0", "") or None

    def _submitted(self, student: str) -> tuple[SubmittedAssignment, SubmittedNotebook]:
        """The rows of a student's submission, made if they are not there."""
        db = self.gradebook.db
        if db.get(Student, student) is None:
            if not self._new_students:
                raise CourseError(
                    f"No student {student} is in the gradebook: add them with `nbgrader db student add`."
                )
            db.add(Student(id=student))
            db.flush()
        assignment = db.scalars(
            select(SubmittedAssignment).where(
                SubmittedAssignment.assignment_id == self._chapter.assignment,
                SubmittedAssignment.student_id == student,
            )
        ).one_or_none()
        if assignment is None:
            assignment = SubmittedAssignment(assignment_id=self._chapter.assignment, student_id=student)
            db.add(assignment)
            db.flush()
        notebook = db.scalars(
            select(SubmittedNotebook).where(
                SubmittedNotebook.notebook_id == self._chapter.notebook,
                SubmittedNotebook.assignment_id == assignment.id,
            )
        ).one_or_none()
        if notebook is None:
            notebook = SubmittedNotebook(notebook_id=self._chapter.notebook, assignment_id=assignment.id)
            db.add(notebook)
            db.flush()
        return assignment, notebook

    def _each(self, model: Any, notebook: SubmittedNotebook, cells: Mapping[str, str]) -> dict[str, Any]:
        """The submission's grades or comments by name; those of cells that came later are made now.

        Asked for by cell as well: nbgrader's only index begins with it, and 100,000 submissions have millions of
        rows.
        """
        db = self.gradebook.db
        found = db.scalars(select(model).where(model.cell_id.in_(cells), model.notebook_id == notebook.id))
        rows = {row.cell_id: row for row in found}
        for cell in cells.keys() - rows.keys():
            rows[cell] = model(cell_id=cell, notebook_id=notebook.id)
            db.add(rows[cell])
        return {name: rows[cell] for cell, name in cells.items()}


def _known(cell: NotebookNode) -> bool:
    return "nbgrader" in cell.metadata and "grade_id" in cell.metadata.nbgrader
