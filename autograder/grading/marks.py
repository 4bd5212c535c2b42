"""Judge an executed notebook, exercise by exercise, in words for the learner.

The points are nbgrader's (its own ``determine_grade``, or what a gradebook holds); the words are what the tests
said (``autograder.grading.check_messages``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, is_solution

from autograder.grading.check_messages import says, spoken, stopped, visible_ok
from autograder.grading.outcomes import complaints, test_counts
from autograder.notebooks.outline import Exercise
from autograder.notebooks.restore import MasterCell
from autograder.notebooks.scoring import automatic_score

State = Literal["right", "partly", "not_yet", "not_attempted", "memo", "marked"]

LONGEST: Final = 1200  # characters of one message


@dataclass(frozen=True)
class CellGrade:
    """What a gradebook holds for one cell.

    Attributes:
        score: points without extra credit; None while nobody has judged the cell.
        possible: the most that the cell can earn, extra credit aside.
        extra: extra credit.
        by_hand: whether a person gave the score.
        comment: what the instructor wrote to the answer, as plain text.
    """

    score: float | None = None
    possible: float = 0.0
    extra: float = 0.0
    by_hand: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Verdict:
    """What one exercise has earned so far, and why.

    Attributes:
        points, possible: points, extra credit included; of what a reader has still to judge, ``points`` is None.
        right: what is right, in the checks' words (the parts of an exercise with parts).
        wrong: what is not right yet, each a sentence or two.
        misconceptions: keys of the recognised ones.
        answer: a memo's text, as Markdown.
        extra: extra credit among the points.
        marked: whether a person gave the points.
        comments: the instructor's comments.
    """

    exercise: Exercise
    state: State
    points: float | None
    possible: float
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    misconceptions: tuple[str, ...] = ()
    answer: str = ""
    extra: float = 0.0
    marked: bool = False
    comments: tuple[str, ...] = ()

    @property
    def by_hand(self) -> bool:
        """Whether a reader has still to give the points."""
        return self.points is None

    def as_json(self) -> dict[str, Any]:
        """The verdict as ``userops check --json`` prints it."""
        return {
            "exercise": self.exercise.number,
            "title": self.exercise.title,
            "cells": [*self.exercise.solutions, *([self.exercise.memo] if self.exercise.memo else [])],
            "state": self.state,
            "points": self.points,
            "possible": self.possible,
            "right": list(self.right),
            "wrong": list(self.wrong),
            "misconceptions": list(self.misconceptions),
            "read_again": self.exercise.section,
        }


@dataclass(frozen=True)
class Marks:
    """The verdicts of a chapter."""

    verdicts: tuple[Verdict, ...]

    @property
    def points(self) -> float:
        """Points earned so far, by tests or from a reader."""
        return sum(v.points or 0 for v in self.verdicts)

    @property
    def possible(self) -> float:
        """Points that could be earned where points have been given."""
        return sum(v.possible for v in self.verdicts if not v.by_hand)

    @property
    def by_hand(self) -> float:
        """Points that a reader has still to give."""
        return sum(v.possible for v in self.verdicts if v.by_hand)


def mark(
    executed: NotebookNode,
    exercises: Sequence[Exercise],
    master_cells: Sequence[MasterCell],
    lang: str,
    *,
    misconceptions_met: Mapping[str, Sequence[str]],
    grades: Mapping[str, CellGrade] | None = None,
) -> Marks:
    """Judge every exercise of an executed notebook (restored before it ran, see ``autograder.notebooks.restore``).

    Args:
        executed: the notebook with outputs; with ``grades`` it is not changed.
        exercises: what the chapter asks.
        master_cells: its cells as handed out.
        lang: ``"en"`` or ``"zh"``.
        misconceptions_met: keys of the misconceptions met, by grade id of the test.
        grades: what a gradebook holds, by grade id; without it the points are read from the outputs.
    """
    known = {cell.grade_id: cell for cell in master_cells}
    cells = _Cells(executed, known, lang, misconceptions_met, grades)
    verdicts = []
    for exercise in exercises:
        if exercise.solutions or exercise.tests:
            verdicts.append(_judge(exercise, cells))
        if exercise.memo:
            verdicts.append(_judge_memo(exercise, cells))
    return Marks(tuple(verdicts))


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


@dataclass
class _Cells:
    """An executed notebook's cells by grade id, with what is needed to read them."""

    notebook: NotebookNode
    master_cells: Mapping[str, MasterCell]
    lang: str
    misconceptions_met: Mapping[str, Sequence[str]]
    grades: Mapping[str, CellGrade] | None

    def __post_init__(self) -> None:
        self.by_id: dict[str, NotebookNode] = {
            cell.metadata.nbgrader.grade_id: cell
            for cell in self.notebook.cells
            if "nbgrader" in cell.metadata
        }
        self.tests = test_counts(self.notebook)
        self.visible_ok = visible_ok(self.lang)

    def answered(self, grade_id: str) -> bool:
        """Whether an answer cell holds anything but the stub."""
        return self.master_cells[grade_id].is_answered_by(self.by_id[grade_id].source)

    def grade(self, grade_id: str) -> CellGrade:
        """What a test has earned: by the gradebook, or as nbgrader would read the outputs."""
        possible = self.master_cells[grade_id].points
        if self.grades is not None:
            return self.grades.get(grade_id, CellGrade(0.0, possible))
        return CellGrade(automatic_score(self.by_id[grade_id]), possible)

    def comments(self, exercise: Exercise) -> tuple[str, ...]:
        """What the instructor wrote to an exercise's answers."""
        ids = [*exercise.solutions, *exercise.tests, *([exercise.memo] if exercise.memo else [])]
        found = [self.grades[i].comment.strip() for i in ids if i in self.grades] if self.grades else []
        return tuple(dict.fromkeys(filter(None, found)))


def _judge(exercise: Exercise, cells: _Cells) -> Verdict:
    right: list[str] = []
    wrong: list[str] = []
    for grade_id in exercise.solutions:
        if cells.answered(grade_id):
            stops = complaints(cells.by_id[grade_id], cells.tests)
            wrong += [stopped(complaint, cells.lang) for complaint in stops]
    failed = bool(wrong)
    grades = [cells.grade(grade_id) for grade_id in exercise.tests]
    for grade_id in exercise.tests:
        good, bad = spoken(cells.by_id[grade_id], cells.visible_ok)
        right += good
        wrong += bad or [
            says(complaint, cells.lang)
            for complaint in complaints(cells.by_id[grade_id], cells.tests)
            # A name that is missing because its cell stopped has been explained already.
            if not (failed and complaint.name == "NameError")
        ]
    base, extra = sum(grade.score or 0.0 for grade in grades), sum(grade.extra for grade in grades)
    possible = sum(grade.possible for grade in grades)
    by_hand = any(grade.by_hand for grade in grades)
    answered = any(cells.answered(grade_id) for grade_id in exercise.solutions)
    state: State = "right" if base >= possible else "partly" if base > 0 else "not_yet"
    if exercise.solutions and not answered and not by_hand:
        state, right, wrong = "not_attempted", [], []
    elif state == "right":
        wrong = []
    met = [str(key) for grade_id in exercise.tests for key in cells.misconceptions_met.get(grade_id, [])]
    return Verdict(
        exercise,
        state,
        base + extra,
        possible,
        tuple(dict.fromkeys(right)),
        tuple(dict.fromkeys(text[:LONGEST] for text in wrong)),
        tuple(dict.fromkeys(met)) if state != "not_attempted" else (),
        extra=extra,
        marked=by_hand,
        comments=() if exercise.memo else cells.comments(exercise),
    )


def _judge_memo(exercise: Exercise, cells: _Cells) -> Verdict:
    memo = str(exercise.memo)
    answered = cells.answered(memo)
    answer = _as_text(cells.by_id[memo]) if answered else ""
    if cells.grades is None:
        state: State = "memo" if answered else "not_attempted"
        return Verdict(exercise, state, None, cells.master_cells[memo].points, answer=answer)
    grade = cells.grades.get(memo, CellGrade(None, cells.master_cells[memo].points))
    state = "marked" if grade.by_hand else "memo" if answered or grade.score is None else "not_attempted"
    return Verdict(
        exercise,
        state,
        None if state == "memo" else (grade.score or 0.0) + grade.extra,
        grade.possible,
        answer=answer,
        extra=grade.extra,
        marked=grade.by_hand,
        comments=cells.comments(exercise),
    )


def _as_text(cell: NotebookNode) -> str:
    """An answer as Markdown; code stands in a fence longer than any it holds."""
    if cell.cell_type == "markdown":
        return str(cell.source)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", cell.source)), default=0))
    return f"{fence}\n{cell.source}\n{fence}"
