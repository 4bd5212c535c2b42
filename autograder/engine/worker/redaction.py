"""What of a learner's answers may be shown, once a hidden line has spoken to the learner's code."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

import numpy as np
import pandas as pd

from autograder.engine.worker.stand_ins import LearnersError
from userops import t
from userops.check import CheckError
from userops.check.grader import MISSING, Quoting, State, kind_of, plain

PANDAS_ERRORS: Final = frozenset(
    name for name, kind in vars(pd.errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
) | {"CheckError", "CourseError"}


class Gate(Quoting):
    """Lets through what a learner may know of a test: of its hidden lines, whether they pass and what is meant.

    As the checks' way of quoting it has them quote nothing of what came, once it may tell what a hidden line asked.

    Attributes:
        tainted: a learner's function has been called by a hidden line; from then on it may tell what it saw.
        asked: this test has called a learner's function since.
        lines: the learner's own lines, which may be quoted.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.hidden: list[tuple[int, int]] = []
        self.tainted = self.asked = False
        self.texts: set[str] = set()
        self.lines: set[str] = set()

    def open(self, hidden: Any) -> None:
        """Begin a cell whose hidden lines are these (first and last, from 1)."""
        self.hidden = [tuple(span) for span in hidden]
        self.asked = False
        self.texts, self.lines = set(), set()

    def is_hidden(self) -> bool:
        """Whether what a learner's function says now must not be shown."""
        if self.tainted:
            return True
        if not self.hidden:
            return False
        frame = inspect.currentframe()
        while (frame := frame.f_back if frame else None) is not None:
            if frame.f_globals is self.names and frame.f_code.co_name == "<module>":
                return any(first <= frame.f_lineno <= last for first, last in self.hidden)
        return True

    def is_own(self, message: str, line: str) -> bool:
        """Whether an error's message says only what the learner's own line says, or what Python always says."""
        text = message.strip().strip("'\"")
        return len(text) <= 120 and (text in line or _ORDINARY.fullmatch(text) is not None)

    def remember(self, value: Any) -> None:
        """Note the texts in what a learner's function returned to a hidden line."""
        if len(self.texts) < 5000:
            self.texts |= {text for text in _texts(value, 3)[:1000] if text.strip()}

    def value(self, value: Any) -> str | None:
        """In place of a value that may tell: dots."""
        shown = not self.asked or plain(value) is MISSING or isinstance(value, bool)
        return None if shown else "…"

    def thing(self, value: Any) -> str | None:
        """In place of a description that may tell: what kind of thing came."""
        return _in_kind(value) if self.asked else None

    def message(self, message: str, misconception: str | None, state: State) -> str:
        """What is said to a known misconception was written by the author; all else may tell."""
        told = self.asked and misconception is None and state != "not_attempted"
        return self.discreet(message) if told else message

    def discreet(self, message: str) -> str:
        """A message without numbers, and without the texts that came."""
        kept = sorted((line for line in self.lines if line in message), key=len, reverse=True)
        for number, line in enumerate(kept):
            message = message.replace(line, f"\0{chr(0xE000 + number)}\0")
        message = _NUMBER.sub("…", self._without(message))
        for number, line in enumerate(kept):
            message = message.replace(f"\0{chr(0xE000 + number)}\0", line)
        return message

    def _without(self, message: str) -> str:
        for text in sorted((text for text in self.texts if text in message), key=len, reverse=True):
            message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "…", message)
        return message

    def filter(self, output: dict[str, Any], error: BaseException | None) -> dict[str, Any]:
        """Take out of a test's output what came of a learner's function and was asked by a hidden line."""
        if not self.asked:
            return output
        if output["output_type"] == "stream":
            return {**output, "text": self._without(output["text"])}
        # A check's words, and those of an error that came over the wire, have passed here already.
        if output["output_type"] == "error" and not isinstance(error, CheckError | LearnersError):
            said = self.discreet(output["evalue"]) if isinstance(error, AssertionError) else ""
            return {**output, "evalue": said, "traceback": [f"{output['ename']}: {said}".rstrip(": ")]}
        return output


def _in_kind(value: Any) -> str:
    """What kind of thing came, and no more."""
    for kind, en, zh in _THINGS:
        if isinstance(value, kind):
            return t(en, zh)
    en, zh = _SCALARS.get(kind_of(plain(value)), ("an object", "一个对象"))
    return t(en, zh)


_THINGS: Final = (
    (pd.DataFrame, "a DataFrame", "一个 DataFrame"),
    (pd.Series, "a Series", "一个 Series"),
    (dict, "a dict", "一个字典"),
    (list, "a list", "一个列表"),
    (tuple, "a tuple", "一个元组"),
    ((set, frozenset), "a set", "一个集合"),
    ((np.ndarray, pd.Index), "an array", "一个数组"),
)
_SCALARS: Final = {
    "void": ("a missing value", "一个缺失值"),
    "truth": ("a truth value", "一个布尔值"),
    "number": ("a number", "一个数字"),
    "text": ("a text", "一段文本"),
    "time": ("a time", "一个时间"),
    "delta": ("a duration", "一个时长"),
}
# Numbers, but for those that the checks' own sentences hold.
_NUMBER: Final = re.compile(r"(?<![^\W\d_])(?!(?:0\.5|50)(?![\d.,]*\d))\d(?:[\d,.:/eE+-]*\d)?")

_ORDINARY: Final = re.compile(
    r"division by zero|float division by zero|integer division or modulo by zero|list index out of range"
    r"|(?:max|min)\(\) (?:arg|iterable argument) is (?:an )?empty(?: sequence)?"
    r"|(?:'[A-Za-z]{1,12}' object|[A-Za-z_]{1,40}\(\)) (?:is|has|takes|missing|got)[A-Za-z0-9_ ',()]{1,80}"
    r"|unsupported operand type\(s\) for [^ ]{1,4}: '[A-Za-z]{1,12}' and '[A-Za-z]{1,12}'"
    r"|name '[A-Za-z_]{1,40}' is not defined|single positional indexer is out-of-bounds"
)


def _texts(value: Any, depth: int) -> list[str]:
    if isinstance(value, str):
        return [value[:10_000]]
    if isinstance(value, int | float | pd.Timestamp | pd.Timedelta):
        return [str(value)]
    if depth == 0:
        return []
    if isinstance(value, pd.DataFrame):
        return _texts(list(value.columns), depth - 1) + [
            t for c in range(min(value.shape[1], 50)) for t in _texts(value.iloc[:50, c], 1)
        ]
    if isinstance(value, pd.Series | pd.Index):
        values = list(value[:200]) if value.dtype.kind in "OTSU" else []
        return [t for v in values for t in _texts(v, depth - 1)] + _texts(getattr(value, "name", None), 1)
    if isinstance(value, dict):
        return [t for pair in list(value.items())[:200] for item in pair for t in _texts(item, depth - 1)]
    if isinstance(value, list | tuple | set | frozenset):
        return [t for item in list(value)[:200] for t in _texts(item, depth - 1)]
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        return [t for item in value.ravel()[:200].tolist() for t in _texts(item, depth - 1)]
    return []
