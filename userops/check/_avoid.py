"""Meet a misconception where the right answer must not be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from userops.check._axes import picture
from userops.check._chart import chart
from userops.check._decision import choices
from userops.check._error import CheckError, fail
from userops.check._form import as_dict, as_series, as_table, collection, scalar
from userops.check._judge import Form, in_form, is_predicate
from userops.check._plain import unwrap


def avoid(
    how: Callable[..., None], got: Any, *, wrong: Mapping[str, tuple[Any, str]], **options: Any
) -> None:
    """Check that an answer is not what a known wrong idea gives; whether it is right stays open.

    For visible tests of answers that come from the course's own data: the test must not work out the right
    answer before the learner's eyes, but it may well work out the wrong ones.

    Args:
        how: the check to compare with: ``check.number``, ``check.frame``, ``check.chart`` …
        got: the learner's answer.
        wrong: ``{key: (value the wrong idea gives, or a predicate, message)}``; for a chart, its y values. A
            predicate gets the answer as it would from ``how``.
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
    if is_predicate(value):
        form = _form(how, options)
        try:
            return bool(value(in_form(unwrap(got), form)))
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


_FORMS: Final[Mapping[str, Form]] = {
    "chart": picture,
    "choice": scalar,
    "decision": choices,
    "items": collection,
    "mapping": as_dict,
    "number": scalar,
    "series": as_series,
    "text": scalar,
}


def _form(how: Callable[..., None], options: Mapping[str, Any]) -> Form:
    """Return the form in which a check reads an answer when nothing is known of the right one.

    Raises:
        ValueError: the check has no form: a mistake in the test.
    """
    name = getattr(how, "__name__", "")
    if name == "frame":
        return partial(as_table, names=options.get("columns") or ())
    if name not in _FORMS:
        raise ValueError(
            f"avoid(): a predicate needs one of {', '.join(['frame', *_FORMS])}, not {name or how!r}"
        )
    return _FORMS[name]
