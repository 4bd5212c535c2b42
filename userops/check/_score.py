"""Partial credit that nbgrader reads as it is meant."""

from __future__ import annotations

from types import TracebackType

from userops._language import t
from userops.check._calls import stopped
from userops.check._error import CheckError, not_attempted


class Score:
    """Adds up the parts of an exercise.

    >>> score = Score(1)
    >>> with score.part(1, "the table"):
    ...     pass
    ✓ the table
    >>> score.total()
    1.0

    A part that fails prints its message to stdout and lets the others go on.

    Raises:
        ValueError: ``maximum`` is not positive, or ``total()`` finds that the parts do not add up to it.
    """

    def __init__(self, maximum: float) -> None:
        self.maximum = float(maximum)
        if not self.maximum > 0:
            raise ValueError("Score() needs a maximum above zero")
        self._points = 0.0
        self._declared = 0.0
        self._first: CheckError | None = None

    def declare(self, points: float) -> None:
        """Count a part's points towards the maximum."""
        self._declared += points

    def add(self, points: float) -> None:
        """Give a part's points."""
        self._points += points

    def miss(self, problem: CheckError) -> None:
        """Note what was wrong with a part; the first is kept."""
        self._first = self._first or problem

    def part(self, points: float, name: str = "") -> Part:
        """Return the context of one part worth ``points``."""
        return Part(self, float(points), str(name))

    def total(self) -> float:
        """Return the points as a plain float in [0, maximum]: the last expression of the test cell.

        Raises:
            CheckError: no part was right: the first part's error.
            ValueError: the parts do not add up to the maximum.
        """
        if abs(self._declared - self.maximum) > 1e-9:
            raise ValueError(f"the parts add up to {self._declared:g}, not to the maximum {self.maximum:g}")
        if self._first is not None and self._points <= 0:
            raise self._first
        return float(min(max(round(self._points, 6), 0.0), self.maximum))


class Part:
    """One part of a Score, used with ``with``."""

    def __init__(self, score: Score, points: float, name: str) -> None:
        self._score, self._points, self._name = score, points, name

    def __enter__(self) -> Part:
        self._score.declare(self._points)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._score.add(self._points)
            print(f"✓ {self._name}" if self._name else "✓")
            return True
        if not isinstance(error, Exception):
            return False
        # Undefined in the test cell itself means unanswered; deeper down it is a mistake in the learner's code.
        problem = as_check_error(error, here=trace is not None and trace.tb_next is None)
        self._score.miss(problem)
        name = t(f"{self._name}: ", f"{self._name}：") if self._name else ""
        print(f"✗ {name}{problem.message}")
        return True


def as_check_error(error: Exception, *, here: bool) -> CheckError:
    """Return any failure inside a part as a CheckError; ``here``: it was raised in the test cell itself."""
    if isinstance(error, CheckError):
        return error
    if isinstance(error, NotImplementedError):
        return CheckError(not_attempted(), state="not_attempted")
    if isinstance(error, NameError) and here:
        return CheckError(undefined(error), state="not_attempted")
    return CheckError(stopped(None, error))


def undefined(error: NameError) -> str:
    """Return the sentence for a name that no cell has defined."""
    name = error.name or str(error)
    return t(
        f"`{name}` is not defined yet. Answer the exercise in the cell above, run that cell, then run this one.",
        f"`{name}` 还没有定义。请先在上方单元格里作答并运行，再运行本单元格。",
    )


def visible_ok() -> None:
    """Say that the visible checks pass."""
    print(
        t(
            "✓ The visible checks pass. Hidden checks on other data decide the points.",
            "✓ 可见检查全部通过。得分由另一批数据上的隐藏检查决定。",
        )
    )
