"""What the gradebook says of one student's submission."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    GradeCell,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
)
from sqlalchemy import Connection, Engine, create_engine, func, select
from sqlalchemy.pool import NullPool

from autograder.grading.marks import CellGrade
from userops.errors import CourseError

# ------------------------------------------------------------------------------------------ the gradebook


@dataclass(frozen=True)
class SubmissionGrades:
    """What the gradebook holds for one submission.

    Attributes:
        cells: grades and comments, by grade id.
        penalty: points taken off for being late.
        handed_in: when, in UTC without a zone.
    """

    cells: Mapping[str, CellGrade]
    penalty: float = 0.0
    handed_in: datetime | None = None


@functools.lru_cache(maxsize=4)
def database(db_url: str) -> Engine:
    """The gradebook, to be read by many short connections."""
    # No connection is kept: nothing has to be closed, and another process may write meanwhile.
    return create_engine(db_url, poolclass=NullPool)


def submission_grades(
    connection: Connection, student: str, assignment: str, notebook: str
) -> SubmissionGrades:
    """Read a submission's grades and comments, in one query.

    Raises:
        CourseError: the gradebook does not know the submission.
    """
    rows = connection.execute(
        _QUERY, {"student": student, "assignment": assignment, "notebook": notebook}
    ).all()
    if not rows:
        raise CourseError(f"The gradebook has no submission of {student} for {assignment}: grade it first.")
    cells: dict[str, CellGrade] = {}
    for row in rows:
        # A memo is two cells of one name: one that is graded, one that is commented.
        known = cells.get(row.name, CellGrade())
        score = row.auto_score if row.manual_score is None else row.manual_score
        cells[row.name] = CellGrade(
            score=known.score if score is None else score,
            possible=known.possible + float(row.max_score or 0.0),
            extra=known.extra + float(row.extra_credit or 0.0),
            by_hand=known.by_hand or row.manual_score is not None,
            comment=known.comment or row.manual_comment or "",
        )
    return SubmissionGrades(cells, float(rows[0].late_submission_penalty or 0.0), rows[0].timestamp)


def _query() -> Any:
    from sqlalchemy import bindparam

    cell, graded, task = BaseCell.__table__, GradeCell.__table__, TaskCell.__table__
    grade, comment = Grade.__table__, Comment.__table__
    sheet, work = SubmittedNotebook.__table__, SubmittedAssignment.__table__
    book, task_of = Notebook.__table__, Assignment.__table__
    tables = (
        sheet.join(work, work.c.id == sheet.c.assignment_id)
        .join(book, book.c.id == sheet.c.notebook_id)
        .join(task_of, task_of.c.id == book.c.assignment_id)
        .join(cell, cell.c.notebook_id == book.c.id)
        .outerjoin(graded, graded.c.id == cell.c.id)
        .outerjoin(task, task.c.id == cell.c.id)
        .outerjoin(grade, (grade.c.cell_id == cell.c.id) & (grade.c.notebook_id == sheet.c.id))
        .outerjoin(comment, (comment.c.cell_id == cell.c.id) & (comment.c.notebook_id == sheet.c.id))
    )
    return (
        select(
            cell.c.name,
            grade.c.auto_score,
            grade.c.manual_score,
            grade.c.extra_credit,
            comment.c.manual_comment,
            func.coalesce(graded.c.max_score, task.c.max_score).label("max_score"),
            sheet.c.late_submission_penalty,
            work.c.timestamp,
        )
        .select_from(tables)
        .where(
            work.c.student_id == bindparam("student"),
            task_of.c.name == bindparam("assignment"),
            book.c.name == bindparam("notebook"),
        )
        .order_by(cell.c.name)
    )


_QUERY: Final = _query()
