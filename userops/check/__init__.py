"""Checks that compare an answer with what is right and with what each known misconception would give.

``wrong`` is always ``{key: (value the wrong idea gives, message)}``; a value may be a
predicate, which gets the answer in the plain form in which the check reads it (a built-in, a Series, a DataFrame …).
Every check is tolerant of form (row order, index, dtype width, float noise, data frame library) and raises
one short ``CheckError`` in the language in force. Nothing is ever written to stderr.
"""

from userops.check import grader
from userops.check._avoid import avoid
from userops.check._calls import empty, raises, same, unchanged
from userops.check._chart import chart
from userops.check._decision import decision
from userops.check._error import CheckError, misconceptions_met, reset
from userops.check._frame import frame
from userops.check._notebook import install as _install
from userops.check._score import Score, visible_ok
from userops.check._series import mapping, series
from userops.check._values import choice, items, number, text

__all__ = [
    "CheckError",
    "Score",
    "avoid",
    "chart",
    "choice",
    "decision",
    "empty",
    "frame",
    "grader",
    "items",
    "mapping",
    "misconceptions_met",
    "number",
    "raises",
    "reset",
    "same",
    "series",
    "text",
    "unchanged",
    "visible_ok",
]

_install()
