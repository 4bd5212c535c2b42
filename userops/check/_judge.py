"""The order in which an answer is judged: right, a known misconception, unusable, not yet."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._error import CheckError, fail, not_attempted
from userops.check._plain import Unreadable, describe, unwrap

Wrong = Mapping[str, tuple[Any, str]]
Compare = Callable[[Any, Any], str | None]
"""Takes what came and what was wanted; returns None if they agree, else the sentence for the learner."""
Form = Callable[[Any], Any]
"""Brings an opened answer to the plain form in which the check reads it (see ``_form``)."""


def judge(
    got: Any, want: Any, wrong: Wrong, compare: Compare, hint: str | None = None, *, form: Form
) -> None:
    """Compare ``got`` with ``want``, then with each known misconception, and raise the fitting CheckError.

    ``got`` is opened once; values are compared with it, and predicates get it in the check's ``form``.

    Raises:
        CheckError: ``got`` is not right.
        ValueError, TypeError: the test itself is malformed (``wrong`` is not ``{key: (value, message)}``).
    """
    _validate(wrong)
    opened, problem = _opened(got)
    problem = problem or _verdict(opened, want, compare)
    if problem is None:
        return
    shown = in_form(opened, form)
    for key, (value, message) in wrong.items():
        if _matches(opened, shown, value, compare):
            fail(message, misconception=key)
    unusable(got)
    fail(problem if hint is None else f"{problem}\n{hint}")


def _opened(got: Any) -> tuple[Any, str | None]:
    """Return ``got`` without the wrapping of a foreign library, or as it is and what is wrong with it."""
    try:
        return unwrap(got), None
    except Unreadable as problem:
        return got, str(problem)
    except Exception:
        return got, _unreadable(got)


def _verdict(opened: Any, want: Any, compare: Compare) -> str | None:
    """Return None if the answer is right, else a generic sentence; nothing a learner hands in can break it."""
    try:
        return compare(opened, want)
    except CheckError:
        raise
    except Unreadable as problem:
        return str(problem)
    except Exception:
        return _unreadable(opened)


def _unreadable(got: Any) -> str:
    return t(
        f"Your answer could not be read: it is {describe(got)}. Hand in the form the exercise describes.",
        f"读不懂你的答案：它是{describe(got)}。请按练习要求的形式作答。",
    )


def in_form(opened: Any, form: Form) -> Any:
    """Return the answer in a check's form; as it came if it cannot be brought to it."""
    try:
        return form(opened)
    except Exception:
        return opened


def _matches(opened: Any, shown: Any, value: Any, compare: Compare) -> bool:
    """Tell whether the answer is what a wrong idea gives: a value, or a predicate of the answer's form."""
    try:
        if is_predicate(value):
            return bool(value(shown))
        return compare(opened, value) is None
    except CheckError:
        raise
    except Exception:
        return False


def is_predicate(value: Any) -> bool:
    """Tell whether what ``wrong`` or ``accepted`` names is a predicate, and not a value."""
    return callable(value) and not isinstance(value, type)


def unusable(got: Any) -> None:
    """Raise the special message for things that are no answer at all.

    Raises:
        CheckError: ``got`` is None, an ellipsis, a function, an iterator, a module, an exception …
    """
    if (
        got is Ellipsis
        or got is NotImplemented
        or isinstance(got, NotImplementedError)
        or got is NotImplementedError
    ):
        fail(not_attempted(), state="not_attempted")
    if got is None:
        fail(
            t(
                "The answer is None: nothing came back. Does the function end with `return`, and does the cell "
                "assign the result? Methods such as `list.sort()` or `inplace=True` return None.",
                "答案是 None，也就是什么都没有返回。函数末尾写了 `return` 吗？结果赋值了吗？"
                "`list.sort()` 和 `inplace=True` 这类写法返回的就是 None。",
            )
        )
    if isinstance(got, type):
        fail(
            t(
                f"You handed in the type {got.__name__} itself, not a value of it.",
                f"你交的是类型 {got.__name__} 本身，而不是一个具体的值。",
            )
        )
    if isinstance(got, types.ModuleType):
        fail(
            t(
                f"You handed in the module {got.__name__}, not a result.",
                f"你交的是模块 {got.__name__}，而不是计算结果。",
            )
        )
    if isinstance(
        got, (types.GeneratorType, map, filter, zip, enumerate, types.CoroutineType)
    ) or _is_iterator(got):
        fail(
            t(
                "You handed in an iterator, which has not produced its values yet. Wrap it in `list(...)`.",
                "你交的是迭代器，它还没有产生具体的值。请用 `list(...)` 把它变成列表。",
            )
        )
    if isinstance(got, BaseException):
        fail(
            t(
                f"You handed in an error ({type(got).__name__}), not a result. Did `return` stand where `raise` should?",
                f"你交的是一个异常（{type(got).__name__}），而不是结果。是不是该用 `raise` 的地方写成了 `return`？",
            )
        )
    if callable(got) and not isinstance(got, (pd.DataFrame, pd.Series, pd.Index, np.ndarray)):
        name = name_of(got)
        call = f"`{name}(...)`" if name else "`f(...)`"
        fail(
            t(
                f"You handed in the function itself, not its result. Call it: {call}.",
                f"你交的是函数本身，而不是它的结果。请调用它：{call}。",
            )
        )


def name_of(func: Any) -> str | None:
    """Return the name of a function, None if it has none that could be written in code."""
    try:
        name = func.__name__
    except Exception:  # a stand-in may answer any attribute with any error
        return None
    return name if isinstance(name, str) and name.isidentifier() else None


def _is_iterator(got: Any) -> bool:
    # Only the type is asked, so that a strange __getattr__ is never run.
    return hasattr(type(got), "__next__") and hasattr(type(got), "__iter__")


def _validate(wrong: Wrong) -> None:
    for key, entry in wrong.items():
        if not (isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], str)):
            raise TypeError(
                f"wrong[{key!r}] must be (value or predicate, message), not {type(entry).__name__}"
            )
