"""Checks that call the learner's function.

The function may also be a stand-in that runs the learner's code in another process: all that is asked of
it is to be callable and to raise what the learner's code raised.
"""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._compare import same_scalar
from userops.check._error import CheckError, fail, not_attempted
from userops.check._form import scalar
from userops.check._frame import frame
from userops.check._judge import judge, name_of, unusable
from userops.check._plain import describe, kind_of, plain, sequence, unwrap
from userops.check._series import mapping, series
from userops.check._values import items, number, text

WrongFunctions = Mapping[str, tuple[Callable[..., Any], str]]


def call(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> Any:
    """Call the learner's function and turn its failures into sentences.

    Raises:
        CheckError: it is no function, is not written yet, or stopped with an error.
    """
    if not callable(func):
        unusable(func)
        fail(
            t(
                f"Expected a function here, but the name now stands for {describe(func)}. Was it overwritten?",
                f"这里应是一个函数，但这个名字现在是{describe(func)}。是不是被覆盖了？",
            )
        )
    try:
        return _quietly(func, args, kwargs or {})
    except NotImplementedError:
        fail(not_attempted(), state="not_attempted")
    except CheckError:
        raise
    except (Exception, SystemExit) as error:
        # A stand-in for code in another process may rebuild the exception as a class of the same name.
        if type(error).__name__ == "NotImplementedError":
            fail(not_attempted(), state="not_attempted")
        fail(stopped(func, error))


def _quietly(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call the function; what it says on stderr is lost, for nbgrader takes all points where anything stands."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return func(*args, **kwargs)


def stopped(func: Any, error: BaseException) -> str:
    """Return the sentence for a function that raised."""
    name = name_of(func)
    name = f"`{name}`" if name else t("Your code", "你的代码")
    what = type(error).__name__
    detail = " ".join(_message(error).split())
    detail = detail if len(detail) <= 160 else detail[:159] + "…"
    if isinstance(error, TypeError) and "positional argument" in detail:
        return t(
            f"{name} cannot be called as the exercise says: {detail}. Compare its `def` line with the task.",
            f"{name} 无法按题目要求的方式调用：{detail}。请对照题目检查 `def` 那一行。",
        )
    return t(
        f"{name} stopped with {what}{': ' + detail if detail else ''}. Try it on the small example first.",
        f"{name} 运行时报错 {what}{'：' + detail if detail else ''}。先在小例子上试一试。",
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def same(
    func: Callable[..., Any],
    reference: Callable[..., Any],
    *argsets: Any,
    wrong: WrongFunctions | None = None,
    tol: float | None = None,
    order: bool = False,
    keys: str | list[Any] | None = None,
    columns: list[Any] | None = None,
    hint: str | None = None,
) -> None:
    """Check that ``func`` gives what ``reference`` gives, on each set of arguments.

    Args:
        func: the learner's function.
        reference: the right function.
        argsets: a tuple of arguments each (one argument that is no tuple stands for itself).
        wrong: ``{key: (the function the wrong idea would write, message)}``; run only if an answer is not right.
        tol, order, keys, columns, hint: passed on to the check of the kind that ``reference`` returns.

    Raises:
        CheckError: the function fails, or differs from the reference.
    """
    if not argsets:
        raise ValueError("same() needs at least one set of arguments")
    wrong = wrong or {}
    first_problem: CheckError | None = None
    evidence: dict[str, list[bool]] = {key: [] for key in wrong}
    options = {"tol": tol, "order": order, "keys": keys, "columns": columns, "hint": hint}
    for argset in argsets:
        args = argset if isinstance(argset, tuple) else (argset,)
        want = reference(*copy.deepcopy(args))
        got = call(func, copy.deepcopy(args))
        try:
            by_kind(got, want, options)
            continue
        except CheckError as problem:
            first_problem = first_problem or problem
        for key, (other, _) in wrong.items():
            evidence[key].append(_agrees(got, want, other, args, options))
    if first_problem is None:
        return
    # A wrong idea must explain every failure; among several, the first listed wins. If none does, one that
    # explains some failures is still the best thing to say.
    for test in (all, any):
        for key, seen in evidence.items():
            if seen and test(seen):
                fail(wrong[key][1], misconception=key)
    raise first_problem


def _agrees(
    got: Any, want: Any, other: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> bool:
    try:
        idea = other(*copy.deepcopy(args))
    except Exception:
        return False
    try:
        by_kind(idea, want, options)
        return False  # Here the wrong idea gives the right result: it explains nothing.
    except CheckError:
        pass
    try:
        by_kind(got, idea, options)
    except Exception:
        return False
    return True


def by_kind(got: Any, want: Any, options: Mapping[str, Any]) -> None:
    """Compare with the check that fits the kind of ``want``."""
    tol, order, hint = options["tol"], options["order"], options["hint"]
    want = unwrap(want)
    if isinstance(want, pd.DataFrame):
        frame(got, want, tol=tol, order=order, keys=options["keys"], columns=options["columns"], hint=hint)
    elif isinstance(want, (pd.Series, pd.Index)):
        series(got, want, tol=tol, order=order, hint=hint)
    elif isinstance(want, Mapping):
        _mapping(got, dict(want), tol=tol, hint=hint)
    elif isinstance(want, (set, frozenset)):
        items(got, want, hint=hint)
    elif isinstance(want, np.ndarray) and want.ndim == 2:
        frame(got, pd.DataFrame(want), tol=tol, order=True, hint=hint)
    elif isinstance(want, (list, tuple, range, np.ndarray)):
        _sequence(got, list(want), tol=tol, order=order, hint=hint)
    elif kind_of(plain(want)) in ("number", "void"):
        number(got, want, tol=tol, hint=hint)
    elif kind_of(plain(want)) == "text":
        text(got, plain(want), hint=hint)
    else:
        _scalar(got, want, hint)


def _mapping(got: Any, want: dict[Any, Any], *, tol: float | None, hint: str | None) -> None:
    if any(sequence(unwrap(v)) is not None or isinstance(v, Mapping) for v in want.values()):
        frame(got, want, tol=tol, hint=hint)
    elif want:
        mapping(got, want, tol=tol, hint=hint)
    else:
        empty(got)


def _sequence(got: Any, want: list[Any], *, tol: float | None, order: bool, hint: str | None) -> None:
    if want and all(kind_of(plain(v)) in ("number", "void") for v in want):
        series(got, want, tol=tol, order=order, hint=hint)
    elif want and all(isinstance(v, Mapping) for v in want):
        frame(got, want, tol=tol, order=order, hint=hint)
    else:
        items(got, want, order=order, hint=hint)


def _scalar(got: Any, want: Any, hint: str | None) -> None:
    def compare(value: Any, target: Any) -> str | None:
        if same_scalar(value, target):
            return None
        return t(
            f"Expected another value; you have {describe(value)}.", f"值不对，你给的是{describe(value)}。"
        )

    judge(got, want, {}, compare, hint, form=scalar)


def empty(value: Any) -> None:
    """Check that a result holds no rows: an empty table, Series, list or dict.

    Raises:
        CheckError: it holds something, or is nothing that could be empty.
    """
    try:
        inner = unwrap(value)
        size = (
            len(inner)
            if isinstance(
                inner, (pd.DataFrame, pd.Series, pd.Index, np.ndarray, dict, list, tuple, set, frozenset, str)
            )
            else None
        )
    except Exception:
        size = None
    if size == 0 and not isinstance(value, str):
        return
    unusable(value)
    if size is None or isinstance(value, str):
        fail(
            t(
                f"With nothing to count, the result should be empty and of the same form as always; you handed in {describe(value)}.",
                f"没有数据可算时，结果应是同样形式的空结果；你交的是{describe(value)}。",
            )
        )
    fail(
        t(
            f"With an empty table the result should be empty too; you handed in {describe(value)}.",
            f"输入空表时，结果也应为空；你交的是{describe(value)}。",
        )
    )


def unchanged(func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Check that calling ``func`` leaves its arguments as they were.

    Raises:
        CheckError: an argument changed (a column added, rows sorted in place …), or the call failed.
    """
    mine = copy.deepcopy(args), copy.deepcopy(kwargs)
    call(func, *mine)
    before = [*args, *kwargs.values()]
    after = [*mine[0], *mine[1].values()]
    for old, new in zip(before, after, strict=True):
        change = _change(old, new)
        if change is not None:
            fail(
                t(
                    f"Your function changes the table it is given ({change}); the next cell would see it. Work on a copy (`.copy()`, `.assign(...)`).",
                    f"你的函数改动了传入的数据（{change}），后面的单元格会受影响。请在副本上操作（`.copy()`、`.assign(...)`）。",
                )
            )


def _change(old: Any, new: Any) -> str | None:
    """Return what changed between an argument and its copy after the call, or None."""
    if isinstance(old, pd.DataFrame):
        added = [c for c in new.columns if c not in old.columns]
        gone = [c for c in old.columns if c not in new.columns]
        if added or gone:
            name = (added or gone)[0]
            return t(
                f"column `{name}` {'added' if added else 'removed'}",
                f"{'多了' if added else '少了'}列 `{name}`",
            )
        if len(old) != len(new):
            return t(f"{len(old):,} rows became {len(new):,}", f"{len(old):,} 行变成了 {len(new):,} 行")
        if not old.index.equals(new.index):
            return t("the order of its rows or its index", "行的顺序或索引")
        if (
            old.equals(new)
            and list(old.columns) == list(new.columns)
            and list(old.dtypes) == list(new.dtypes)
        ):
            return None
        for name in old.columns:
            if not isinstance(old[name], pd.DataFrame) and not old[name].equals(new[name]):
                return t(f"column `{name}`", f"列 `{name}`")
        return t("the order of its columns", "列的顺序")
    if isinstance(old, (pd.Series, pd.Index)):
        same_index = not isinstance(old, pd.Series) or old.index.equals(new.index)
        return None if old.equals(new) and same_index else t("its values", "其中的值")
    if isinstance(old, np.ndarray):
        equal = old.shape == new.shape and (np.array_equal(old, new, equal_nan=old.dtype.kind in "fc"))
        return None if equal else t("its values", "其中的值")
    if isinstance(old, dict):
        if list(old) != list(new):
            return t("its keys", "其中的键")
        return next((c for k in old if (c := _change(old[k], new[k])) is not None), None)
    if isinstance(old, (list, tuple)):
        if len(old) != len(new):
            return t("its length", "长度")
        return next((c for o, n in zip(old, new, strict=True) if (c := _change(o, n)) is not None), None)
    try:
        equal = bool(old == new) or (old != old and new != new)
    except Exception:
        return None
    kind: Any = type(old)
    comparable = kind.__eq__ is not object.__eq__
    return None if equal or not comparable else t("its value", "其中的值")


def raises(exc_type: type[BaseException], func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Check that ``func(*args, **kwargs)`` raises ``exc_type`` (or a subclass, also told by name).

    Raises:
        CheckError: it returned, or raised something else.
    """
    if not callable(func):
        call(func, ())
    try:
        came = _quietly(func, copy.deepcopy(args), copy.deepcopy(kwargs))
    except NotImplementedError:
        if exc_type is NotImplementedError:
            return
        fail(not_attempted(), state="not_attempted")
    except Exception as error:
        if isinstance(error, exc_type) or exc_type.__name__ in {c.__name__ for c in type(error).__mro__}:
            return
        fail(
            t(
                f"The function should stop with {exc_type.__name__}; it stopped with {type(error).__name__}.",
                f"这里函数应抛出 {exc_type.__name__}，实际抛出的是 {type(error).__name__}。",
            )
        )
    fail(
        t(
            f"The function should refuse this input with {exc_type.__name__}, but it returned {describe(came)}.",
            f"这种输入应当被拒绝（抛出 {exc_type.__name__}），但函数返回了{describe(came)}。",
        )
    )
