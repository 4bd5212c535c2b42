"""Checks of one column of values: a Series, and label → value."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._compare import KindMismatch, align, codes, unequal
from userops.check._form import as_dict, as_series, paired
from userops.check._judge import Wrong, judge
from userops.check._plain import Column, column, many, show
from userops.check._table import Labelled, labelled


def series(
    got: Any,
    want: Any,
    *,
    wrong: Wrong | None = None,
    index: Sequence[Any] | None = None,
    order: bool = False,
    tol: float | None = None,
    names: bool = False,
    hint: str | None = None,
) -> None:
    """Check one column of values.

    Where both sides have labels, values are compared label by label and the order of rows does not matter.
    A list is compared with the values in the order of the sorted index (or in the given order if ``order``).

    Args:
        got: Series, dict, list, array, Index, or a frame of label columns and one value column.
        want: Series, dict or list; a list may get its labels through ``index``.
        wrong: ``{key: (values in the form of want, or predicate, message)}``; a predicate gets a Series, which
            takes the labels of ``want`` in their order if it has none.
        index: labels for a ``want`` that is a list.
        order: the order of rows matters.
        tol: absolute tolerance; default 1e-6 relative, exact for whole numbers.
        names: the names of the Series and of its index must agree too.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: not right.
    """

    def wanted(target: Any) -> Labelled:
        if index is not None and not isinstance(target, (pd.Series, dict)):
            target = pd.Series(list(target), index=pd.Index(list(index)))
        return labelled(target)

    # A test that cannot be read is the author's mistake: it is raised here, not told the learner.
    right = wanted(want)

    def compare(value: Any, target: Any) -> str | None:
        target = wanted(target)
        width = len(target.labels) if target.labels else 1
        mine = labelled(value, width=width)
        problem = _series_problem(mine, target, order=order, tol=tol)
        return problem or (_names_problem(mine, target) if names else None)

    judge(got, want, wrong or {}, compare, hint, form=partial(as_series, want=right))


def mapping(
    got: Any,
    want: Any,
    *,
    wrong: Wrong | None = None,
    tol: float | None = None,
    hint: str | None = None,
) -> None:
    """Check label → value, whatever holds it: dict, Series, two-column frame, list of pairs.

    Args:
        got: what the learner has.
        want: dict or Series.
        wrong: ``{key: (dict, Series or predicate, message)}``; a predicate gets a dict of built-ins.
        tol: absolute tolerance; default 1e-6 relative, exact for whole numbers.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: not right.
    """

    right = labelled(want)

    def compare(value: Any, target: Any) -> str | None:
        target = labelled(target)
        mine = labelled(paired(value), width=len(target.labels or [None]))
        if not len(mine.values) and len(target.values):
            return _length(0, len(target.values))
        if mine.labels is None or (mine.default_index and not target.default_index):
            return t(
                "Expected a label for each value: a dict or a Series with an index.",
                "每个值都要有标签：请交字典，或带索引的 Series。",
            )
        return _by_label(mine, target, order=False, tol=tol)

    judge(got, want, wrong or {}, compare, hint, form=partial(as_dict, want=right))


def _series_problem(got: Labelled, want: Labelled, *, order: bool, tol: float | None) -> str | None:
    got_labelled = got.labels is not None and (
        not got.default_index or not want.default_index or _same_labels(got, want)
    )
    want_labelled = want.labels is not None and (not want.default_index or _same_labels(got, want))
    if got_labelled and want_labelled and not _rows_only(got, want):
        return _by_label(got, want, order=order, tol=tol)
    if len(got.values) != len(want.values):
        return _length(len(got.values), len(want.values))
    if order:
        return _by_position(got.values, want.values, tol)
    # A list stands for the values in the order of the sorted index. Where both sides come without labels to
    # match, the order in which the learner left the rows is as good as the sorted one.
    if want.labels is None:
        return _by_position(_sorted_values(got), want.values, tol)
    tries = [(got.values, want.values)]
    tries.append(
        (got.values, _sorted_values(want)) if got.labels is None else (_sorted_values(got), want.values)
    )
    problems = [_by_position(mine, theirs, tol) for mine, theirs in tries]
    return None if None in problems else problems[0]


def _rows_only(got: Labelled, want: Labelled) -> bool:
    """One side has chosen labels, the other mere row numbers: then there is nothing to match by label."""
    return got.default_index != want.default_index and not _same_labels(got, want)


def _same_labels(got: Labelled, want: Labelled) -> bool:
    if got.labels is None or want.labels is None or len(got.labels) != len(want.labels):
        return False
    if len(got.values) != len(want.values):
        return False
    try:
        mine, theirs = codes([column(c) for c in got.labels], [column(c) for c in want.labels])
    except KindMismatch:
        return False
    return len(set(theirs.tolist())) == len(theirs) and set(mine.tolist()) == set(theirs.tolist())


def _by_label(got: Labelled, want: Labelled, *, order: bool, tol: float | None) -> str | None:
    assert got.labels is not None and want.labels is not None
    if len(got.labels) != len(want.labels):
        return t(
            f"The index should have {len(want.labels)} level(s); yours has {len(got.labels)}.",
            f"索引应有 {len(want.labels)} 层，你的有 {len(got.labels)} 层。",
        )
    got_labels, want_labels = [column(c) for c in got.labels], [column(c) for c in want.labels]
    try:
        mine, theirs = codes(got_labels, want_labels)
    except KindMismatch as mismatch:
        return t(
            f"The labels (index) are of another kind: {mismatch}.", f"标签（索引）的类型不对：{mismatch}。"
        )
    if len(set(theirs.tolist())) < len(theirs):
        # Labels that repeat cannot line rows up: compare in the order of the labels.
        if len(mine) != len(theirs):
            return _length(len(mine), len(theirs))
        left, right = np.argsort(mine, kind="stable"), np.argsort(theirs, kind="stable")
        if not np.array_equal(mine[left], theirs[right]):
            return t("The labels (index) are not the ones asked for.", "标签（索引）不是题目要求的。")
        return _by_position(got.values.iloc[left], want.values.iloc[right], tol)
    rows = align(mine, theirs)
    if len(rows.repeated):
        label = _label_text(got_labels, int(rows.repeated[0]))
        return t(
            f"Each label may appear only once; {label} appears again.",
            f"每个标签只能出现一次，而 {label} 出现了多次。",
        )
    if len(rows.extra) or rows.absent:
        return _labels_problem(got_labels, len(mine), rows.extra, rows.absent)
    try:
        differ = unequal(column(got.values.iloc[rows.got]), column(want.values.iloc[rows.want]), tol)
    except KindMismatch as mismatch:
        return _kind(mismatch)
    if differ.any():
        first = int(rows.got[np.flatnonzero(differ)[0]])
        return t(
            f"{int(differ.sum()):,} of {len(differ):,} values differ. For instance, at {_label_text(got_labels, first)} "
            f"you have {show(column(got.values.iloc[[first]]).at(0))}.",
            f"{len(differ):,} 个值里有 {int(differ.sum()):,} 个不对。例如 {_label_text(got_labels, first)} 处，"
            f"你的值是 {show(column(got.values.iloc[[first]]).at(0))}。",
        )
    if order and not np.array_equal(rows.got[np.argsort(rows.want)], np.arange(len(rows.got))):
        return t(
            "The values are right, but the rows are not in the order asked for.",
            "数值都对，但行的顺序不是题目要求的。",
        )
    return None


def _labels_problem(labels: list[Column], n: int, extra: np.ndarray, absent: int) -> str:
    if n == 0:
        return t("Your result is empty.", "你的结果是空的。")
    parts_en, parts_zh = [], []
    if len(extra):
        shown = [_label_text(labels, int(i)) for i in extra[:3]]
        more = " …" if len(extra) > 3 else ""
        parts_en.append(f"{len(extra):,} should not be there ({', '.join(shown)}{more})")
        parts_zh.append(f"有 {len(extra):,} 个不该出现（{'、'.join(shown)}{more}）")
    if absent:
        parts_en.append(f"{absent:,} more {'is' if absent == 1 else 'are'} missing")
        parts_zh.append(f"还缺 {absent:,} 个")
    return t(
        f"The labels (index) of your result ({many(n, 'value')}) are not the ones asked for: {' and '.join(parts_en)}.",
        f"你的结果（{n:,} 个值）标签（索引）不对：{'，'.join(parts_zh)}。",
    )


def _by_position(got: pd.Series, want: pd.Series, tol: float | None) -> str | None:
    mine = column(got)
    try:
        differ = unequal(mine, column(want), tol)
    except KindMismatch as mismatch:
        return _kind(mismatch)
    if not differ.any():
        return None
    first = int(np.flatnonzero(differ)[0])
    return t(
        f"{int(differ.sum()):,} of {len(differ):,} values differ. The first that does is your {show(mine.at(first))} "
        f"(row {first + 1}, in the order of the index).",
        f"{len(differ):,} 个值里有 {int(differ.sum()):,} 个不对。第一个是你的 {show(mine.at(first))}（按索引顺序第 {first + 1} 行）。",
    )


def _sorted_values(data: Labelled) -> pd.Series:
    if data.labels is None:
        return data.values
    frame = pd.concat(data.labels, axis=1)
    frame.columns = pd.RangeIndex(frame.shape[1])
    try:
        order = frame.sort_values(list(frame.columns), kind="stable").index.to_numpy()
    except TypeError:
        return data.values
    return data.values.iloc[order].reset_index(drop=True)


def _names_problem(got: Labelled, want: Labelled) -> str | None:
    if got.name != want.name:
        return t(
            f"The Series should be named {show(want.name)}.", f"这个 Series 的名称应为 {show(want.name)}。"
        )
    if want.level_names and got.level_names != want.level_names:
        wanted = ", ".join(show(n) for n in want.level_names)
        return t(f"The index should be named {wanted}.", f"索引的名称应为 {wanted}。")
    return None


def _length(got: int, want: int) -> str:
    if got == 0:
        return t("Your result is empty.", "你的结果是空的。")
    if got > want:
        return t(
            f"Your result has {many(got, 'value')}; that is too many.", f"你的结果有 {got:,} 个值，太多了。"
        )
    return t(
        f"Your result has {many(got, 'value')}; some are missing.", f"你的结果有 {got:,} 个值，少了一些。"
    )


def _kind(mismatch: KindMismatch) -> str:
    return t(f"The values are of another kind: {mismatch}.", f"值的类型不对：{mismatch}。")


def _label_text(labels: list[Column], row: int) -> str:
    return " · ".join(show(level.at(row)) for level in labels)
