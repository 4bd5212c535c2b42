"""The one error a check raises, how it looks in a notebook, and the log of misconceptions met."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import Any, Literal, NoReturn

from userops._language import t

State = Literal["not_attempted", "not_yet"]

_WIDTH = 88
_met: list[str] = []


class Quoting:
    """How much of what came an error's text may quote; this one: all of it."""

    def value(self, value: Any) -> str | None:
        """Return what to say in place of one value; None: the value itself."""
        return None

    def thing(self, value: Any) -> str | None:
        """Return what to say in place of a description of what came; None: the description."""
        return None

    def message(self, message: str, misconception: str | None, state: State) -> str:
        """Return the text to show."""
        return message


_quoting = Quoting()


def set_quoting(quoting: Quoting) -> None:
    """Have all errors' texts made by this policy from now on: an autograder hides what hidden tests ask."""
    global _quoting
    _quoting = quoting


def quoting() -> Quoting:
    """Return the policy in force."""
    return _quoting


class CheckError(AssertionError):
    """An answer that is not right yet, told in one short message in the language in force.

    Attributes:
        state: ``"not_attempted"`` or ``"not_yet"``.
        misconception: key of the recognised misconception, or None.
    """

    def __init__(self, message: str, *, misconception: str | None = None, state: State = "not_yet") -> None:
        message = _quoting.message(message, misconception, state)
        super().__init__(message)
        self.message = message
        self.misconception = misconception
        self.state: State = state

    def _render_traceback_(self) -> list[str]:
        """Return the lines IPython shows instead of a traceback."""
        return box(self.message, self.state)


def box(message: str, state: State) -> list[str]:
    """Return ``message`` as a small box with a heading that names the state."""
    if state == "not_attempted":
        heading = t("○ Not attempted yet", "○ 还没有作答")
    else:
        heading = t("✗ Not yet right", "✗ 还不对")
    body = [line for paragraph in message.splitlines() for line in wrap(paragraph, _WIDTH)]
    # Only a left border: a right one never lines up where CJK glyphs are not exactly two cells wide.
    return [f"┌─ \x1b[1m{heading}\x1b[0m", *(f"│ {line}" for line in body), "└─"]


def wrap(text: str, width: int) -> list[str]:
    """Break ``text`` into lines of at most ``width`` cells; Chinese breaks between any two characters."""
    if _cells(text) <= width:
        return [text]
    if not any(unicodedata.east_asian_width(c) in "WF" for c in text):
        return textwrap.wrap(text, width)
    lines, line = [], ""
    for word in _words(text):
        # Closing punctuation never starts a line.
        if line and _cells(line + word.rstrip()) > width and word[0] not in "，。；：！？、）”》":
            lines.append(line.rstrip())
            line = word.lstrip()
        else:
            line += word
    return [*lines, line] if line else lines


def _words(text: str) -> list[str]:
    words: list[str] = []
    for char in text:
        wide = unicodedata.east_asian_width(char) in "WF"
        if words and not wide and not words[-1][-1].isspace() and not _ends_wide(words[-1]):
            words[-1] += char
        else:
            words.append(char)
    return words


def _ends_wide(word: str) -> bool:
    return unicodedata.east_asian_width(word[-1]) in "WF"


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fail(message: str, *, misconception: str | None = None, state: State = "not_yet") -> NoReturn:
    """Raise the CheckError for ``message``, and log the misconception if one was recognised."""
    if misconception is not None:
        _met.append(misconception)
    raise CheckError(message, misconception=misconception, state=state)


def misconceptions_met() -> list[str]:
    """Return the keys of the misconceptions met since the last ``reset()``, in order."""
    return list(_met)


def reset() -> None:
    """Forget the misconceptions met so far."""
    _met.clear()


def not_attempted() -> str:
    """Return the sentence for an exercise that has not been answered."""
    return t(
        "This exercise has no answer yet. In its cell, put your own code in the place of "
        "`raise NotImplementedError()` (or of `...`), run that cell, then run this one again.",
        "这道练习还没有作答。请在答题单元格里用你的代码替换 `raise NotImplementedError()`（或 `...`），运行它，再运行本单元格。",
    )
