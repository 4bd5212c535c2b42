"""Meet a misconception where the right answer must not be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from userops.check._axes import picture
from userops.check._chart import chart
from userops.check._error import CheckError, fail


def avoid(
    how: Callable[..., None], got: Any, *, wrong: Mapping[str, tuple[Any, str]], **options: Any
) -> None:
    """Check that an answer is not what a known wrong idea gives; whether it is right stays open.

    For visible tests of answers that come from the course's own data: the test must not work out the right
    answer before the learner's eyes, but it may well work out the wrong ones.

    Args:
        how: the check to compare with: ``check.number``, ``check.frame``, ``check.chart`` …
        got: the learner's answer.
        wrong: ``{key: (value the wrong idea gives, or a predicate, message)}``; for a chart, its y values.
        options: passed on to ``how``.

    Raises:
        CheckError: the answer is one of them.
    """
    if how is chart:
        options = {"xlabel": False, "ylabel": False, "title": False, **options}
    for key, (value, message) in wrong.items():
        if _matches(how, got, value, options):
            fail(message, misconception=key)


def _matches(how: Callable[..., None], got: Any, value: Any, options: Mapping[str, Any]) -> bool:
    if callable(value):
        try:
            return bool(value(picture(got) if how is chart else got))
        except Exception:  # a predicate may stumble over an answer of another form: then it is not that idea
            return False
    try:
        if how is chart:
            how(got, y=value, **options)
        else:
            how(got, value, **options)
    except CheckError:
        return False
    return True
