"""The one writer: what a submission earned goes into nbgrader's gradebook and into ``autograded/``, whole or not.

A gradebook that is killed in the middle of a class must be able to go on. So a submission is written in this
order: its files into a hidden folder beside their place; everything that the database must know, in *one*
transaction; then the folder is renamed into its place. Whenever that stops, the submission either counts as
graded (files, digest and database agree) or is graded again, which writes the same once more and adds nothing.

The rows are nbgrader's own models, and say what ``nbgrader autograde`` would have said: automatic scores,
what waits for a person, comments, lateness. nbgrader's own methods commit at each step, so the rows are
changed here directly. What a person gave (manual scores, extra credit, comments) is never touched.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import nbformat
from nbformat import NotebookNode
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties, LimitOutput
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from autograder.grading.master import from_edition, from_gradebook
from autograder.notebooks.normalize import utf8
from autograder.notebooks.restore import MasterCell
from autograder.notebooks.scoring import normalise_outcome
from autograder.notebooks.submissions import TIMESTAMP, moment
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from autograder.grading.marks import Marks
from autograder.grading.database_errors import GradingStopped, first_line
from autograder.grading.result_files import alone

WAIT: Final = 60.0  # seconds to wait for a database that somebody else is writing to
FORMAT: Final = 1  # raise it when what is written down changes: everything is then graded again

NO_RESPONSE: Final = {"en": "No response.", "zh": "没有作答。"}  # nbgrader's words for an untouched answer


@dataclass(frozen=True)
class Result:
    """What one submission came to, ready to be written down.

    Attributes:
        student: the student's id.
        notebook: as executed; it is changed while it is written (settled, shortened).
        when: the text of the submission's ``timestamp.txt``.
        digest: what it was graded from (``Book.digest``).
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


def comments(marks: Marks, notebook: NotebookNode, master_cells: Sequence[MasterCell]) -> dict[str, str]:
    """The grader's words to each exercise that is not right, on the last of its answers that is one."""
    stubs = {cell.grade_id: cell.checksum for cell in master_cells if cell.solution}
    answered = {
        cell.metadata.nbgrader.grade_id
        for cell in notebook.cells
        if is_solution(cell) and compute_checksum(cell) != stubs.get(cell.metadata.nbgrader.grade_id)
    }
    said = {}
    for verdict in marks.verdicts:
        places = [grade_id for grade_id in verdict.exercise.solutions if grade_id in answered]
        if places and verdict.wrong and verdict.state != "not_attempted":
            said[places[-1]] = "\n".join(verdict.wrong)
    return said


class Book:
    """One chapter's gradebook and ``autograded/``, open for writing by this process alone.

    Args:
        coursedir: nbgrader's course folder; it names the database (``db_url``).
        config: nbgrader's settings (late penalties, limits of output).
        chapter: the chapter's id.
        wait: seconds to wait for a database that somebody else is writing to.

    Raises:
        CourseError: there is no gradebook yet, it does not know the chapter, or does not fit the source.
        GradingStopped: it cannot be opened, or another process is grading the chapter.
    """

    def __init__(
        self, coursedir: CourseDirectory, config: Config, chapter: str, *, wait: float = WAIT
    ) -> None:
        self.coursedir, self.chapter, self.wait = coursedir, chapter, wait
        self.root = Path(coursedir.root)
        self.autograded = self.root / coursedir.autograded_directory
        self._limit = LimitOutput(config=config)
        self._late = AssignLatePenalties(config=config)
        self._late.init_plugin()
        self._new_students = bool(config.get("Autograde", {}).get("create_student", True))
        self._stack = contextlib.ExitStack()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Book:
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
        self._stack.enter_context(alone(self.root / f".grading-{self.chapter}.lock", self.chapter))
        with self._sentences():
            self.gradebook = Gradebook(url.render_as_string(hide_password=False), self.coursedir.course_id)
            self._stack.callback(self.gradebook.close)
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
            self._assignment, self._notebook = notebook.assignment_id, notebook.id
            self._kernelspec = json.loads(notebook.kernelspec) if notebook.kernelspec else None
            self._duedate = notebook.assignment.duedate
            grades = [*notebook.grade_cells, *notebook.task_cells]
            answers = [*notebook.solution_cells, *notebook.task_cells]
            self._grades = {cell.id: cell.name for cell in grades}
            self._comments = {cell.id: cell.name for cell in answers}
            names = {cell.name for cell in answers}
            self._tests = [c.id for c in grades if c.cell_type == "code" and c.name not in names]
            master_cells = from_gradebook(self.gradebook, self.chapter, self.chapter)
            self.gradebook.db.rollback()
        self._sweep()
        self.master = self._source()
        # A gradebook keeps no order; and what the tests are taken from must be what the grades are kept by.
        self.master_cells = from_edition(self.master)
        if {cell.grade_id: cell for cell in self.master_cells} != {
            cell.grade_id: cell for cell in master_cells
        }:
            raise CourseError(
                f"The source of {self.chapter} and the gradebook do not fit: run `nbgrader generate_assignment "
                f"{self.chapter} --force`, or `userops course {self.chapter}`, and then this again."
            )

        cells = json.dumps([asdict(cell) for cell in self.master_cells], sort_keys=True)
        self._cells_hashed = hashlib.sha256(cells.encode("ascii"))

    def _source(self) -> NotebookNode:
        path = self.root / self.coursedir.source_directory / self.chapter / f"{self.chapter}.ipynb"
        try:
            return nbformat.read(path, as_version=4)
        except (OSError, ValueError, nbformat.reader.NotJSONError):
            raise CourseError(
                f"{path} cannot be read: make it again with `userops course {self.chapter}`."
            ) from None

    # ------------------------------------------------------------------------------------------ what there is

    def digest(self, data: bytes, version: str) -> str:
        """Name everything that a grade depends on: the file handed in, the chapter's cells, the grader's version."""
        total = self._cells_hashed.copy()
        for part in (f"{FORMAT}/{version}".encode(), data):
            total.update(len(part).to_bytes(8, "big") + part)
        return total.hexdigest()

    def done(self) -> dict[str, datetime | None]:
        """When each student's graded submission was handed in, by the database: those graded completely."""
        with self._sentences():
            db = self.gradebook.db
            rows = db.execute(
                select(SubmittedAssignment.student_id, SubmittedAssignment.timestamp).where(
                    SubmittedAssignment.assignment_id == self._assignment
                )
            ).all()
            lacking = db.execute(
                select(SubmittedAssignment.student_id)
                .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
                .where(SubmittedNotebook.notebook_id == self._notebook)
                .where(Grade.cell_id.in_(self._tests), Grade.auto_score.is_(None))
                .distinct()
            ).all()
            db.rollback()
        without = {student for (student,) in lacking}
        return {student: when for student, when in rows if student not in without}

    def is_graded(self, student: str, when: str, digest: str) -> bool:
        """Whether the files in ``autograded/`` are what this very submission came to."""
        folder = self.autograded / student / self.chapter
        try:
            same_time = (folder / TIMESTAMP).read_text(encoding="utf-8").strip() == when
            told = json.loads((folder / f"{self.chapter}.ipynb").read_bytes())["metadata"]["userops"]
            return same_time and told.get("graded") == digest
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False

    def has_result(self, student: str) -> bool:
        """Whether anything stands in ``autograded/`` for a student."""
        return (self.autograded / student / self.chapter).is_dir()

    def points(self) -> dict[str, float]:
        """Everybody's points in the chapter, late penalties taken off."""
        given = func.coalesce(Grade.manual_score, Grade.auto_score)
        score = func.coalesce(given + func.coalesce(Grade.extra_credit, 0.0), 0.0)
        with self._sentences():
            rows = self.gradebook.db.execute(
                select(
                    SubmittedAssignment.student_id,
                    func.sum(score),
                    func.max(func.coalesce(SubmittedNotebook.late_submission_penalty, 0.0)),
                )
                .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
                .where(SubmittedNotebook.notebook_id == self._notebook)
                .group_by(SubmittedAssignment.student_id)
            ).all()
            self.gradebook.db.rollback()
        return {student: max(0.0, float(total) - float(late)) for student, total, late in rows}

    # ------------------------------------------------------------------------------------------ writing

    def save(self, result: Result) -> float:
        """Write one submission down; return its points (what a person gave included, late penalties off).

        Raises:
            CourseError: this submission cannot be written down; nothing of it was.
            GradingStopped: nothing can be written any more; of this submission nothing counts as graded.
        """
        notebook = result.notebook
        self._limit.preprocess(notebook, {})
        scores = self._scores(notebook)
        notebook.metadata["userops"] = {
            **notebook.metadata.get("userops", {}),
            "chapter": self.chapter,
            "lang": result.lang,
            "graded": result.digest,
            # What the feedback page tells beside the outputs (autograder.feedback.writer.LEFT).
            "met": {test: list(keys) for test, keys in result.misconceptions_met.items() if keys},
            "changes": [list(change) for change in result.changes],
        }
        if self._kernelspec:
            notebook.metadata["kernelspec"] = self._kernelspec
        place = self.autograded / result.student / self.chapter
        new = self._hidden(result.student, "new")
        try:
            with self._disk():
                self._write(new, notebook, result.when)
            with self._sentences():
                points = self._record(result, notebook, scores)
            with self._disk():
                self._put(new, place, self._hidden(result.student, "old"))
        finally:
            shutil.rmtree(new, ignore_errors=True)
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
                scores[meta.grade_id] = _score(cell)
        missing = set(self._grades.values()) - scores.keys() - self._task_names()
        if missing:
            raise CourseError(
                f"its result lacks the cell{'s' if len(missing) > 1 else ''} {', '.join(sorted(missing))}: grade it again."
            )
        return scores

    def _task_names(self) -> set[str]:
        """Tasks are judged by a person alone."""
        return {name for cell, name in self._grades.items() if cell in self._comments}

    def _record(self, result: Result, notebook: NotebookNode, scores: Mapping[str, float | None]) -> float:
        """Write the rows, in one transaction; once more if another writer made the same rows meanwhile."""
        for attempt in (1, 2):
            try:
                points = self._rows(result, notebook, scores)
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

    def _rows(self, result: Result, notebook: NotebookNode, scores: Mapping[str, float | None]) -> float:
        db = self.gradebook.db
        if self._begin is not None:
            db.execute(self._begin)
        submission, submitted = self._submitted(result.student)
        submission.timestamp = moment(result.when)
        grades = self._each(Grade, submitted, self._grades)
        total = 0.0
        for name, grade in grades.items():
            if name in scores:
                grade.auto_score = scores[name]
                # As nbgrader: a score that a person gave is looked at again, now that the answer has changed.
                grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
            earned = grade.auto_score if grade.manual_score is None else grade.manual_score
            if earned is not None:
                total += earned + (grade.extra_credit or 0.0)
        untouched = {
            cell.metadata.nbgrader.grade_id
            for cell in notebook.cells
            if _known(cell)
            and is_solution(cell)
            and cell.metadata.nbgrader.checksum == compute_checksum(cell)
        }
        for name, comment in self._each(Comment, submitted, self._comments).items():
            if name in untouched:
                comment.auto_comment = NO_RESPONSE.get(result.lang, NO_RESPONSE["en"])
            else:
                # PostgreSQL's text holds no NUL.
                comment.auto_comment = utf8(result.comments.get(name, "")).replace("\0", "") or None
        submitted.late_submission_penalty = self._penalty(result.student, submission, total)
        return max(0.0, total - (submitted.late_submission_penalty or 0.0))

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
        submission = db.scalars(
            select(SubmittedAssignment).where(
                SubmittedAssignment.assignment_id == self._assignment,
                SubmittedAssignment.student_id == student,
            )
        ).one_or_none()
        if submission is None:
            submission = SubmittedAssignment(assignment_id=self._assignment, student_id=student)
            db.add(submission)
            db.flush()
        submitted = db.scalars(
            select(SubmittedNotebook).where(
                SubmittedNotebook.notebook_id == self._notebook,
                SubmittedNotebook.assignment_id == submission.id,
            )
        ).one_or_none()
        if submitted is None:
            submitted = SubmittedNotebook(notebook_id=self._notebook, assignment_id=submission.id)
            db.add(submitted)
            db.flush()
        return submission, submitted

    def _each(self, model: Any, submitted: SubmittedNotebook, cells: Mapping[str, str]) -> dict[str, Any]:
        """The submission's grades or comments by name; those of cells that came later are made now.

        Asked for by cell as well: nbgrader's only index begins with it, and 100,000 submissions have millions of
        rows.
        """
        db = self.gradebook.db
        found = db.scalars(select(model).where(model.cell_id.in_(cells), model.notebook_id == submitted.id))
        rows = {row.cell_id: row for row in found}
        for cell in cells.keys() - rows.keys():
            rows[cell] = model(cell_id=cell, notebook_id=submitted.id)
            db.add(rows[cell])
        return {name: rows[cell] for cell, name in cells.items()}

    def _penalty(self, student: str, submission: SubmittedAssignment, score: float) -> float | None:
        """What lateness costs, by the plugin that the settings name (nbgrader's own: nothing)."""
        if self._duedate is None or submission.timestamp is None:
            return None
        due = self._duedate + submission.extension if submission.extension else self._duedate
        late = max(0.0, (submission.timestamp - due).total_seconds())
        if not late:
            return None
        try:
            penalty = self._late.plugin_inst.late_submission_penalty(student, score, late)
            if penalty is None:
                return None
            return float(self._late._check_late_penalty(SimpleNamespace(score=score), float(penalty)))
        except Exception as error:
            raise CourseError(
                f"the late penalty could not be worked out ({type(error).__name__}: {error}): mend the plugin that "
                "nbgrader_config.py names."
            ) from error

    # ------------------------------------------------------------------------------------------ files

    def _write(self, new: Path, notebook: NotebookNode, when: str) -> None:
        shared = self.coursedir.groupshared
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        # On one line: nbformat's own writer takes twenty times as long. What a learner printed may hold half a
        # character, which UTF-8 cannot.
        text = json.dumps(notebook, ensure_ascii=False, sort_keys=True)
        for name, content in ((f"{self.chapter}.ipynb", text), (TIMESTAMP, when)):
            path = new / name
            path.write_bytes(f"{content}\n".encode(errors="replace"))
            path.chmod(0o664 if shared else 0o444)  # as nbgrader leaves them: to be read, not changed
        if shared:
            for path in (new, new.parent):
                with contextlib.suppress(PermissionError):
                    path.chmod((path.stat().st_mode | 0o2770) & 0o2777)

    def _put(self, new: Path, place: Path, old: Path) -> None:
        """Rename the folder into its place; killed in between, ``_sweep`` does the rest."""
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)

    def _hidden(self, student: str, what: str) -> Path:
        """Where a result waits (``new``) or makes room (``old``), beside its place."""
        return self.autograded / student / f".{self.chapter}.{what}"

    def _sweep(self) -> None:
        """Clear up after a run that was killed while it wrote: nobody else writes now."""
        with self._disk():
            for folder in self.autograded.iterdir() if self.autograded.is_dir() else ():
                new, old = self._hidden(folder.name, "new"), self._hidden(folder.name, "old")
                if old.exists() and new.exists() and not self.has_result(folder.name):
                    # The last step, which it was killed at: the database had it.
                    new.rename(folder / self.chapter)
                for path in (new, old):
                    if path.exists():
                        shutil.rmtree(path)

    # ------------------------------------------------------------------------------------------ trouble

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise GradingStopped(self._why(error)) from error

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """What a database says, as a sentence; of what only one submission's values caused, another."""
        try:
            yield
        except OSError as error:
            raise GradingStopped(self._why(error)) from error
        except (DataError, IntegrityError) as error:
            raise CourseError(f"the gradebook does not take it ({first_line(error.orig)}).") from error
        except DBAPIError as error:
            raise GradingStopped(self._trouble(error)) from error
        except StatementError as error:
            raise CourseError(f"the gradebook does not take it ({first_line(error.orig)}).") from error
        except SQLAlchemyError as error:
            raise GradingStopped(self._trouble(error)) from error

    def _trouble(self, error: SQLAlchemyError) -> str:
        said = first_line(getattr(error, "orig", None) or error)
        if "locked" in said:
            return (
                f"The gradebook is being written by another program, and was not free within {self.wait:g} seconds: "
                "let it finish, then run this again; what is graded so far is kept."
            )
        if "full" in said:
            return self._why(OSError(errno.ENOSPC, said))
        return (
            f"The gradebook cannot be used ({said}): see that its server runs and its file can be written, then run "
            "this again; what is graded so far is kept."
        )

    def _why(self, error: OSError) -> str:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return (
                f"The disk that holds {self.root} is full: free some space, then run this again; what is graded so "
                "far is kept."
            )
        return (
            f"{error.filename or self.root} cannot be written ({error.strerror}): check its permissions, then run this "
            "again; what is graded so far is kept."
        )


def _known(cell: NotebookNode) -> bool:
    return "nbgrader" in cell.metadata and "grade_id" in cell.metadata.nbgrader


def _score(cell: NotebookNode) -> float | None:
    if cell.cell_type == "code" and not is_solution(cell):
        normalise_outcome(cell)
    try:
        score, _ = determine_grade(cell)
    except (KeyError, ValueError):
        # A last value without any text: the test ran to its end, and gave no number.
        score = cell.metadata.nbgrader.points
    return None if score is None else float(score)
