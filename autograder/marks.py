"""Judge an executed notebook, exercise by exercise, in words for the learner.

The points are nbgrader's (its own ``determine_grade``); the words come from the checks. Nothing here shows a
hidden test: only what a check says, and the learner's own lines, are read from a test cell.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from autograder.exercises import Exercise
from autograder.outcome import Complaint, complaints, settle, test_counts
from autograder.restore import TrueCell
from userops._language import language, use_language

State = Literal["right", "partly", "not_yet", "not_attempted", "memo"]

# The type under which the probe after a test cell reports the misconceptions that were met.
MET: Final = "application/vnd.userops.met+json"
LONGEST: Final = 1200  # characters of one message


@dataclass(frozen=True)
class Verdict:
    """What one exercise has earned so far, and why.

    Attributes:
        points, possible: points; of what only a reader can judge, ``points`` is None.
        right: what is right, in the checks' words (the parts of an exercise with parts).
        wrong: what is not right yet, each a sentence or two.
        misconceptions: keys of the recognised ones.
        answer: a memo's text.
    """

    exercise: Exercise
    state: State
    points: float | None
    possible: float
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    misconceptions: tuple[str, ...] = ()
    answer: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether only a reader can give the points."""
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
        """Points earned so far, memos aside."""
        return sum(v.points or 0 for v in self.verdicts)

    @property
    def possible(self) -> float:
        """Points that the tests can give."""
        return sum(v.possible for v in self.verdicts if not v.by_hand)

    @property
    def by_hand(self) -> float:
        """Points that only a reader can give."""
        return sum(v.possible for v in self.verdicts if v.by_hand)


def mark(
    executed: NotebookNode, exercises: Sequence[Exercise], truth: Sequence[TrueCell], lang: str
) -> Marks:
    """Judge every exercise of an executed notebook (restored before it ran, see ``autograder.restore``)."""
    known = {cell.grade_id: cell for cell in truth}
    cells = _Cells(executed, known, lang)
    verdicts = []
    for exercise in exercises:
        if exercise.solutions or exercise.tests:
            verdicts.append(_judge(exercise, cells))
        if exercise.memo:
            verdicts.append(_judge_memo(exercise, cells))
    return Marks(tuple(verdicts))


@dataclass
class _Cells:
    """An executed notebook's cells by grade id, with what is needed to read them."""

    notebook: NotebookNode
    truth: Mapping[str, TrueCell]
    lang: str
    by_id: dict[str, NotebookNode] = field(default_factory=dict)
    met: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        last = ""
        for cell in self.notebook.cells:
            if "nbgrader" in cell.metadata:
                last = cell.metadata.nbgrader.grade_id
                self.by_id[last] = cell
            for output in cell.get("outputs", []):
                if output.output_type == "display_data" and MET in output.data:
                    self.met.setdefault(last, []).extend(map(str, output.data[MET]))
        self.tests = test_counts(self.notebook)
        self.visible_ok = _visible_ok(self.lang)

    def answered(self, grade_id: str) -> bool:
        """Whether an answer cell holds anything but the stub."""
        return self.by_id[grade_id].source.strip() not in ("", self.truth[grade_id].source.strip())


def _judge(exercise: Exercise, cells: _Cells) -> Verdict:
    points = possible = 0.0
    right: list[str] = []
    wrong: list[str] = []
    for grade_id in exercise.solutions:
        if cells.answered(grade_id):
            stops = complaints(cells.by_id[grade_id], cells.tests)
            wrong += [_stopped(complaint, cells.lang) for complaint in stops]
    failed = bool(wrong)
    for grade_id in exercise.tests:
        cell = cells.by_id[grade_id]
        settle(cell)
        earned, most = determine_grade(cell)
        points, possible = points + earned, possible + most
        good, bad = _printed(cell, cells.visible_ok)
        right += good
        wrong += bad or [
            _says(complaint, cells.lang)
            for complaint in complaints(cell, cells.tests)
            # A name that is missing because its cell stopped has been explained already.
            if not (failed and complaint.name == "NameError")
        ]
    if exercise.solutions and not any(cells.answered(grade_id) for grade_id in exercise.solutions):
        return Verdict(exercise, "not_attempted", 0.0 if points == 0 else points, possible)
    state: State = "right" if points >= possible else "partly" if points > 0 else "not_yet"
    if state == "right":
        wrong = []
    met = [key for grade_id in exercise.tests for key in cells.met.get(grade_id, [])]
    return Verdict(
        exercise,
        state,
        points,
        possible,
        tuple(dict.fromkeys(right)),
        tuple(dict.fromkeys(text[:LONGEST] for text in wrong)),
        tuple(dict.fromkeys(met)),
    )


def _judge_memo(exercise: Exercise, cells: _Cells) -> Verdict:
    memo = str(exercise.memo)
    possible = cells.truth[memo].points
    if not cells.answered(memo):
        return Verdict(exercise, "not_attempted", None, possible)
    return Verdict(exercise, "memo", None, possible, answer=cells.by_id[memo].source)


def _printed(cell: NotebookNode, visible_ok: str) -> tuple[list[str], list[str]]:
    """What a test cell's parts printed: ``✓ the table`` and ``✗ the chart: the axis has no label``."""
    right: list[str] = []
    wrong: list[str] = []
    for line in _stdout(cell).splitlines():
        if line.strip() == visible_ok:
            continue
        if line.startswith("✓ "):
            right.append(line[2:])
        elif line.startswith("✗ "):
            wrong.append(line[2:])
        elif wrong and line.strip():
            wrong[-1] += f"\n{line}"
    return right, wrong


def _stdout(cell: NotebookNode) -> str:
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")


def _visible_ok(lang: str) -> str:
    """The line that ``check.visible_ok()`` prints in a language."""
    from userops import check

    before, printed = language(), io.StringIO()
    use_language(lang)
    try:
        with redirect_stdout(printed):
            check.visible_ok()
    finally:
        use_language(before)
    return printed.getvalue().strip()


def _says(complaint: Complaint, lang: str) -> str:
    """A test's error as a sentence for the learner."""
    if complaint.from_check:
        return complaint.message
    if complaint.name == "AssertionError":
        return complaint.message or _t(lang, "A check on your answer did not pass.", "有一项检查没有通过。")
    return _stopped(complaint, lang)


def _stopped(complaint: Complaint, lang: str) -> str:
    """An error that stopped the learner's code, in one sentence."""
    name, message = complaint.name, complaint.message
    if name == "NotImplementedError" and not message:
        return _t(
            lang,
            "The line `raise NotImplementedError()` is still there: put your code in its place.",
            "`raise NotImplementedError()` 这一行还在：请把它换成你的代码。",
        )
    # The kernel is interrupted as by its stop button, after too long or too much; nobody else could have.
    if name in ("CellTimeoutError", "KeyboardInterrupt"):
        place = f"（`{complaint.where}`）" if complaint.where and lang == "zh" else ""
        place = f" (at the line `{complaint.where}`)" if complaint.where and lang != "zh" else place
        return _t(
            lang,
            f"Your code ran too long, or printed too much, and was stopped{place}: is there a loop that never ends?",
            f"代码运行太久或输出太多，已被中断{place}：是不是有停不下来的循环？",
        )
    if name == "DeadKernelError":
        return _t(
            lang,
            "Python itself stopped here (out of memory?), and nothing after this cell could run.",
            "Python 在这里整个停掉了（内存不足？），后面的单元格都没能运行。",
        )
    if name == "NameError" and not complaint.where and (match := re.search(r"'(\w+)'", message)):
        return _t(
            lang,
            f"`{match[1]}` is not defined yet: your answer must give this name a value.",
            f"`{match[1]}` 还没有定义：答案里要给这个名字赋值。",
        )
    what = f"{name}: {message}" if message else name
    if complaint.where:
        return _t(
            lang,
            f"Your code stopped with `{what}` at the line `{complaint.where}`.",
            f"代码运行到 `{complaint.where}` 这一行时出错：`{what}`。",
        )
    return _t(lang, f"Your code stopped with `{what}`.", f"代码运行时出错：`{what}`。")


def _t(lang: str, en: str, zh: str) -> str:
    return zh if lang == "zh" else en
