"""Judge an executed notebook, exercise by exercise, in words for the learner.

The points are nbgrader's (its own ``determine_grade``, or what a gradebook holds); the words come from the
checks. Nothing here shows a hidden test: only what a check says, and the learner's own lines, are read from a
test cell. What the learner's code printed while a test called it is left out (``spoken``).
"""

from __future__ import annotations

import ast
import functools
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from autograder.grading.outcomes import Complaint, complaints, test_counts
from autograder.notebooks.outline import Exercise
from autograder.notebooks.restore import MasterCell
from autograder.notebooks.scoring import normalise_outcome
from userops._language import language, use_language

State = Literal["right", "partly", "not_yet", "not_attempted", "memo", "marked"]

# The type under which the probe after a test cell reports the misconceptions that were met.
MET: Final = "application/vnd.userops.misconceptions_met+json"
LONGEST: Final = 1200  # characters of one message
# Characters of an error's own message: the learner's code writes it, and may hold what a hidden test passed in.
LONGEST_ERROR: Final = 300


@dataclass(frozen=True)
class Given:
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
        given: whether a person gave the points.
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
    given: bool = False
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
    grades: Mapping[str, Given] | None = None,
    misconceptions_met: Mapping[str, Sequence[str]] | None = None,
) -> Marks:
    """Judge every exercise of an executed notebook (restored before it ran, see ``autograder.notebooks.restore``).

    Args:
        executed: the notebook with outputs; with ``grades`` it is not changed.
        exercises: what the chapter asks.
        master_cells: its cells as handed out.
        lang: ``"en"`` or ``"zh"``.
        grades: what a gradebook holds, by grade id; without it the points are read from the outputs.
        misconceptions_met: misconceptions met, by test; without it they are read from what the probes left in the outputs.
    """
    known = {cell.grade_id: cell for cell in master_cells}
    cells = _Cells(executed, known, lang, grades=grades)
    if misconceptions_met is not None:
        cells.misconceptions_met = {
            grade_id: list(map(str, keys)) for grade_id, keys in misconceptions_met.items()
        }
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
    master_cells: Mapping[str, MasterCell]
    lang: str
    grades: Mapping[str, Given] | None = None
    by_id: dict[str, NotebookNode] = field(default_factory=dict)
    misconceptions_met: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        last = ""
        for cell in self.notebook.cells:
            if "nbgrader" in cell.metadata:
                last = cell.metadata.nbgrader.grade_id
                self.by_id[last] = cell
            for output in cell.get("outputs", []):
                if output.output_type == "display_data" and MET in output.data:
                    self.misconceptions_met.setdefault(last, []).extend(map(str, output.data[MET]))
        self.tests = test_counts(self.notebook)
        self.visible_ok = _visible_ok(self.lang)

    def answered(self, grade_id: str) -> bool:
        """Whether an answer cell holds anything but the stub."""
        return self.by_id[grade_id].source.strip() not in ("", self.master_cells[grade_id].source.strip())

    def given(self, grade_id: str) -> Given:
        """What a test has earned: by the gradebook, or as nbgrader would read the outputs."""
        if self.grades is not None:
            return self.grades.get(grade_id, Given(0.0, self.master_cells[grade_id].points))
        cell = self.by_id[grade_id]
        normalise_outcome(cell)
        earned, most = determine_grade(cell)
        return Given(earned, most)

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
            wrong += [_stopped(complaint, cells.lang) for complaint in stops]
    failed = bool(wrong)
    earned = [cells.given(grade_id) for grade_id in exercise.tests]
    for grade_id in exercise.tests:
        good, bad = spoken(cells.by_id[grade_id], cells.visible_ok)
        right += good
        wrong += bad or [
            says(complaint, cells.lang)
            for complaint in complaints(cells.by_id[grade_id], cells.tests)
            # A name that is missing because its cell stopped has been explained already.
            if not (failed and complaint.name == "NameError")
        ]
    base, extra = sum(given.score or 0.0 for given in earned), sum(given.extra for given in earned)
    possible = sum(given.possible for given in earned)
    by_hand = any(given.by_hand for given in earned)
    answered = any(cells.answered(grade_id) for grade_id in exercise.solutions)
    state: State = "right" if base >= possible else "partly" if base > 0 else "not_yet"
    if exercise.solutions and not answered and not by_hand:
        state, right, wrong = "not_attempted", [], []
    elif state == "right":
        wrong = []
    met = [key for grade_id in exercise.tests for key in cells.misconceptions_met.get(grade_id, [])]
    return Verdict(
        exercise,
        state,
        base + extra,
        possible,
        tuple(dict.fromkeys(right)),
        tuple(dict.fromkeys(text[:LONGEST] for text in wrong)),
        tuple(dict.fromkeys(met)) if state != "not_attempted" else (),
        extra=extra,
        given=by_hand,
        comments=() if exercise.memo else cells.comments(exercise),
    )


def _judge_memo(exercise: Exercise, cells: _Cells) -> Verdict:
    memo = str(exercise.memo)
    answered = cells.answered(memo)
    answer = _as_text(cells.by_id[memo]) if answered else ""
    if cells.grades is None:
        state: State = "memo" if answered else "not_attempted"
        return Verdict(exercise, state, None, cells.master_cells[memo].points, answer=answer)
    given = cells.grades.get(memo, Given(None, cells.master_cells[memo].points))
    state = "marked" if given.by_hand else "memo" if answered or given.score is None else "not_attempted"
    return Verdict(
        exercise,
        state,
        None if state == "memo" else (given.score or 0.0) + given.extra,
        given.possible,
        answer=answer,
        extra=given.extra,
        given=given.by_hand,
        comments=cells.comments(exercise),
    )


def _as_text(cell: NotebookNode) -> str:
    """An answer as Markdown; code stands in a fence longer than any it holds."""
    if cell.cell_type == "markdown":
        return cell.source
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", cell.source)), default=0))
    return f"{fence}\n{cell.source}\n{fence}"


def spoken(cell: NotebookNode, visible_ok: str = "") -> tuple[list[str], list[str]]:
    """What a test cell's parts said, right ones and wrong ones: ``✓ the table``, ``✗ the chart: no label``.

    A test cell also holds what the learner's code printed while the test called it, hidden data perhaps. So a
    line counts only where it begins with a name of a part that stands in the test, once; and a second line only
    where it is the test's own text.

    Args:
        cell: an executed test cell with its whole source.
        visible_ok: the line of ``check.visible_ok()``, which is not counted.
    """
    texts = _texts(cell.source)
    parts: dict[str, tuple[bool, list[str]]] = {}
    doubtful: set[str] = set()
    last: list[str] | None = None
    for line in _stdout(cell).splitlines():
        if line.strip() == visible_ok:
            continue
        if line[:1] in ("✓", "✗") and (found := texts.label(line[2:])) is not None:
            label, message = found
            if label in parts or re.search(r"[✓✗] ", message):
                doubtful.add(label)
            last = [line[2:]]
            parts[label] = (line[0] == "✓", last)
        elif last is not None and line.strip() and texts.holds(line.strip()):
            last.append(line)
        else:
            last = None
    right, wrong = [], []
    for label, (good, lines) in parts.items():
        (right if good else wrong).append(label if label in doubtful else "\n".join(lines))
    return right, wrong


class _Texts:
    """The literal texts of a test: the names of its parts, its hints."""

    def __init__(self, source: str) -> None:
        try:
            nodes = list(ast.walk(ast.parse(source)))
        except (SyntaxError, ValueError):
            nodes = []
        whole = {
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        filled = {_pattern(node) for node in nodes if isinstance(node, ast.JoinedStr)}
        self._lines = frozenset(line.strip() for text in whole for line in text.splitlines())
        self._patterns = tuple(re.compile(pattern) for pattern in sorted(filled) if pattern.strip("(.*?)"))

    def holds(self, text: str) -> bool:
        """Whether the text is one of the test's own lines, or fills one of its patterns."""
        return text in self._lines or any(pattern.fullmatch(text) for pattern in self._patterns)

    def label(self, text: str) -> tuple[str, str] | None:
        """Split ``"the chart: no label"`` into a part's name and the rest; None if no part is called so."""
        # The longest name first: "the chart" and "the chart: colours" may both be parts.
        for end in [match.start() for match in re.finditer("[:：]|$", text)][::-1]:
            name = text[:end].strip()
            if not name or self.holds(name) or all(self.holds(piece) for piece in name.split(" · ")):
                return name, text[end:]
        return None


def _pattern(node: ast.JoinedStr) -> str:
    """An f-string as a pattern: what it fills in may be anything."""
    return "".join(
        re.escape(part.value) if isinstance(part, ast.Constant) else "(.*?)" for part in node.values
    )


# A class has the same tests in every notebook.
_texts = functools.lru_cache(maxsize=512)(_Texts)


def _stdout(cell: NotebookNode) -> str:
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")


@functools.cache
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


def says(complaint: Complaint, lang: str) -> str:
    """A test's error as a sentence for the learner."""
    if complaint.from_check:
        return complaint.message
    if complaint.name == "AssertionError":
        return complaint.message or _t(lang, "A check on your answer did not pass.", "有一项检查没有通过。")
    return _stopped(complaint, lang)


def _stopped(complaint: Complaint, lang: str) -> str:
    """An error that stopped the learner's code, in one sentence."""
    name, message = complaint.name, complaint.message
    if len(message) > LONGEST_ERROR:
        message = f"{message[:LONGEST_ERROR]} …"
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
