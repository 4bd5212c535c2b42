"""Checks of single values and of plain collections."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Hashable
from typing import Any

import numpy as np

from userops._language import t
from userops.check._compare import same_number, same_scalar
from userops.check._form import collection, listed, only, scalar
from userops.check._judge import Wrong, judge
from userops.check._plain import MISSING, Unreadable, describe, kind_of, many, plain, show


def number(
    got: Any,
    want: float,
    *,
    wrong: Wrong | None = None,
    tol: float | None = None,
    hint: str | None = None,
) -> None:
    """Check one number.

    Args:
        got: what the learner has; a Series, array, list or frame holding one number is taken as that number.
        want: the right number; whole numbers (``int``) are compared exactly, others to 1e-6 relative.
        wrong: ``{key: (value or predicate, message)}``, the known misconceptions; a predicate gets the number
            as a built-in.
        tol: absolute tolerance instead of the default.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: not right.
    """
    if kind_of(plain(want)) not in ("number", "void"):
        raise TypeError(f"number() wants a number, not {type(want).__name__}")

    def compare(value: Any, target: Any) -> str | None:
        return _number_problem(value, plain(only(target)), tol)

    judge(got, want, wrong or {}, compare, hint, form=scalar)


def _number_problem(value: Any, want: Any, tol: float | None) -> str | None:
    got = plain(only(value))
    kind = kind_of(got)
    if kind == "void" or want is MISSING:
        if kind == "void" and want is MISSING:
            return None
        if kind == "void":
            return t(
                "Expected a number, but yours is missing (NaN). Which missing values went into the calculation?",
                "应为一个数字，你的结果却是缺失值（NaN）。计算里混进了哪些缺失值？",
            )
    if kind == "text":
        return t(
            f"Expected a number, but you handed in the text {show(got)}. Leave out quotes, % signs and formatting.",
            f"应为数字，你交的是文本{show(got)}。请去掉引号、百分号和格式化。",
        )
    if kind != "number":
        return t(
            f"Expected one number; you handed in {describe(value)}.",
            f"应为一个数字，你交的是{describe(value)}。",
        )
    if want is MISSING:
        return t(
            "Here the right answer is a missing value (NaN): there is nothing to compute from.",
            "这里应得到缺失值（NaN），因为没有可以计算的数据。",
        )
    if same_number(got, want, tol, whole=isinstance(want, int)):
        return None
    return _near_miss(got, want, tol) or t(
        f"Expected another number; yours is {show(got)}. Check who and what is counted, over which period, and the denominator.",
        f"数字不对，你的结果是 {show(got)}。再想想：数的是谁、数的是什么、哪段时间、分母是什么。",
    )


def _near_miss(got: float, want: float, tol: float | None) -> str | None:
    """Recognise a slip of form that needs no misconception of its own."""
    if want and np.isfinite(got):
        room = None if tol is None else tol * 100
        share = not isinstance(want, int)
        if share and abs(want) <= 1.5 and same_number(got, want * 100, room, whole=False):
            return t(
                f"{show(got)} is a percentage. The exercise asks for a fraction (a half is 0.5, not 50).",
                f"{show(got)} 是百分数，题目要的是小数（一半写作 0.5，而不是 50）。",
            )
        if (
            share
            and abs(got) <= 1.5
            and same_number(got, want / 100, None if tol is None else tol / 100, whole=False)
        ):
            return t(
                f"{show(got)} is a fraction. The exercise asks for a percentage (a half is 50, not 0.5).",
                f"{show(got)} 是小数，题目要的是百分数（一半写作 50，而不是 0.5）。",
            )
        if same_number(got, -want, tol, whole=False):
            return t("The sign is the wrong way round.", "正负号反了。")
        for digits in range(5):
            if got and got == round(want, digits) and abs(want) >= 10.0**-digits:
                return t(
                    "This looks rounded. Hand in the number as computed, without `round`.",
                    "这个数看起来被四舍五入过。请交未经 `round` 的原始结果。",
                )
    return None


def text(
    got: Any, want: str | Collection[str], *, wrong: Wrong | None = None, hint: str | None = None
) -> None:
    """Check a short text; case, spaces and full-width forms do not matter.

    Args:
        got: what the learner has.
        want: the right text, or a collection of texts that are all right.
        wrong: ``{key: (text, texts or predicate, message)}``; a predicate gets the text.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: not right.
    """

    def compare(value: Any, target: Any) -> str | None:
        came = only(value)
        value = plain(came)
        if kind_of(value) != "text":
            return t(
                f"Expected a text in quotes; you handed in {describe(came)}.",
                f"应为一段文本（加引号），你交的是{describe(came)}。",
            )
        if not value.strip():
            return t("The text is empty.", "文本是空的。")
        accepted = [target] if isinstance(target, str) else list(target)
        if folded(value) in {folded(a) for a in accepted}:
            return None
        return t(
            f"{show(value)} is not it. Read the question once more.", f"{show(value)}不对，请再读一遍题目。"
        )

    judge(got, want, wrong or {}, compare, hint, form=scalar)


def folded(value: str) -> str:
    """Return a text without what does not matter: case, spaces, dashes, full-width forms, outer punctuation."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    return "".join(folded.replace("_", " ").replace("-", " ").split()).strip(".,;:!?。、；：'\"“”‘’")


def choice(
    got: Any,
    want: Any,
    options: Collection[Any],
    *,
    wrong: Wrong | None = None,
    hint: str | None = None,
) -> None:
    """Check one of several given options.

    Args:
        got: what the learner chose.
        want: the right option, or a set, list or tuple of options that are all right.
        options: everything that may be chosen; the learner is told these.
        wrong: ``{key: (option or predicate, message)}``; a predicate gets the choice as a built-in.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: not one of the options, or not the right one.
    """
    listed = list(options)
    for accepted in _accepted(want):
        if not any(_same_choice(accepted, o) for o in listed):
            raise ValueError(f"choice(): the wanted {accepted!r} is not among the options")

    def compare(value: Any, target: Any) -> str | None:
        value = plain(only(value))
        if any(_same_choice(value, a) for a in _accepted(target)):
            return None
        names = t(", ", "、").join(show(o) for o in listed)
        if not any(_same_choice(value, o) for o in listed):
            return t(
                f"Choose one of {names}; you handed in {describe(value)}.",
                f"请从{names}中选一个，你交的是{describe(value)}。",
            )
        return t(
            f"{show(value)} does not fit. What speaks for the others?",
            f"选{show(value)}不合适。想想其他选项的理由。",
        )

    judge(got, want, wrong or {}, compare, hint, form=scalar)


def _accepted(want: Any) -> list[Any]:
    return list(want) if isinstance(want, (set, frozenset, list, tuple)) else [want]


def _same_choice(a: Any, b: Any) -> bool:
    a, b = plain(a), plain(b)
    if isinstance(a, str) and isinstance(b, str):
        return folded(a) == folded(b)
    return kind_of(a) == kind_of(b) and same_scalar(a, b)


def items(
    got: Any,
    want: Any,
    *,
    wrong: Wrong | None = None,
    order: bool = False,
    hint: str | None = None,
) -> None:
    """Check a collection of single things: ids, names, column names.

    Args:
        got: list, tuple, set, array, Index, Series (its values), one-column frame or dict view.
        want: the right items, in the right order if ``order``.
        wrong: ``{key: (items or predicate, message)}``; a predicate gets a list (of a set, a frozenset).
        order: the order matters too.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: not right.
    """

    listed(want)

    def compare(value: Any, target: Any) -> str | None:
        as_set = isinstance(value, (set, frozenset)) or isinstance(target, (set, frozenset))
        return _items_problem(value, listed(target), order=order and not as_set, as_set=as_set)

    judge(got, want, wrong or {}, compare, hint, form=collection)


def _items_problem(value: Any, want: list[Any], *, order: bool, as_set: bool) -> str | None:
    got = listed(value)
    got_keys, want_keys = [_key(v) for v in got], [_key(v) for v in want]
    if as_set:
        got_keys, want_keys = sorted(set(got_keys), key=repr), sorted(set(want_keys), key=repr)
    have, need = Counter(got_keys), Counter(want_keys)
    if have == need or _same_numbers(got, want, order=order, as_set=as_set):
        if order and got_keys != want_keys and not _same_numbers(got, want, order=True, as_set=False):
            return t("The right items, but not in the order asked for.", "内容对了，但顺序不是题目要求的。")
        return None
    if set(have) == set(need) and len(got_keys) > len(want_keys):
        return t("Some items stand in your list more than once.", "你的列表里有重复项。")
    extra = [k for k in have if k not in need]
    lacking = [k for k in need if k not in have]
    if extra and {type(k) for k in extra}.isdisjoint({type(k) for k in need}):
        return t(
            f"Expected another kind of item; yours look like {show(extra[0])}.",
            f"列表里元素的类型不对，你的元素形如 {show(extra[0])}。",
        )
    if not got:
        return t("Your list is empty.", "你的列表是空的。")
    parts_en, parts_zh = [], []
    if extra:
        some_en, some_zh = ", ".join(show(k) for k in extra[:3]), "、".join(show(k) for k in extra[:3])
        more = " …" if len(extra) > 3 else ""
        parts_en.append(f"{many(len(extra), 'of yours does', 'of yours do')} not belong ({some_en}{more})")
        parts_zh.append(f"有 {len(extra)} 个不该在其中（{some_zh}{more}）")
    if lacking:
        parts_en.append("some are missing")
        parts_zh.append("还缺一些")
    if not parts_en:
        parts_en.append("some are there too often or too seldom")
        parts_zh.append("有的出现次数不对")
    return t(
        f"Your list ({many(len(got), 'item')}) is not the one asked for: {' and '.join(parts_en)}.",
        f"你的列表（{len(got):,} 个元素）不对：{'，'.join(parts_zh)}。",
    )


def _key(value: Any) -> Hashable:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        hash(value)
        key: Hashable = value
    except TypeError as error:
        raise Unreadable(
            t(
                f"The list should hold single values; yours holds {describe(value)}.",
                f"列表里应是单个的值，你的列表里有{describe(value)}。",
            )
        ) from error
    return key


def _same_numbers(got: list[Any], want: list[Any], *, order: bool, as_set: bool) -> bool:
    """Compare lists of numbers within the float tolerance."""
    if as_set or not want or len(got) != len(want):
        return False
    if not all(kind_of(v) == "number" for v in got + want):
        return False
    pairs = zip(got, want, strict=True) if order else zip(sorted(got), sorted(want), strict=True)
    return all(same_number(g, w, None, whole=isinstance(w, int)) for g, w in pairs)
