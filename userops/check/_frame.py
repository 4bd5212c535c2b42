"""The check of a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._compare import Alignment, KindMismatch, align, codes, distinct, reconcile, unequal
from userops.check._form import as_table
from userops.check._judge import Wrong, judge
from userops.check._plain import Column, Unreadable, column, many, show
from userops.check._table import find_columns, table

Columns = dict[Any, Column]


def frame(
    got: Any,
    want: Any,
    *,
    wrong: Wrong | None = None,
    keys: str | Sequence[Any] | None = None,
    columns: Sequence[Any] | None = None,
    tol: float | None = None,
    order: bool = False,
    hint: str | None = None,
) -> None:
    """Check a table; the order of columns and rows, the index and dtype widths never matter.

    Args:
        got: DataFrame (pandas, polars, DuckDB, Arrow), list of dicts, dict of columns, or a Series whose
            labels and values make up the table.
        want: the right table; a named index counts as columns.
        wrong: ``{key: (table or predicate, message)}``; a predicate gets a pandas DataFrame with the wanted
            names and a default index.
        keys: columns that name a row; without them a unique prefix of the exact columns is used.
        columns: compare these only; default all of ``want``. Further columns of ``got`` are ignored.
        tol: absolute tolerance for numbers; default 1e-6 relative, exact for whole numbers.
        order: the order of rows matters.
        hint: a sentence added to the generic message.

    Raises:
        CheckError: not right.
    """
    key_list = [keys] if isinstance(keys, str) else list(keys or [])
    right = table(want)
    _validate(right, key_list, list(columns or []))

    def names_of(target: pd.DataFrame) -> list[Any]:
        if columns is None:
            return list(target.columns)
        return [*[k for k in key_list if k not in columns], *columns]

    def asked(target: pd.DataFrame) -> pd.DataFrame:
        return target[list(dict.fromkeys([*names_of(target), *key_list]))]

    def compare(value: Any, target: Any) -> str | None:
        whole = table(target)
        wanted = asked(whole)
        mine = table(value, wanted)
        return _frame_problem(mine, wanted, names_of(whole), key_list, tol=tol, order=order)

    judge(got, want, wrong or {}, compare, hint, form=partial(as_table, want=asked(right)))


def _validate(want: pd.DataFrame, keys: list[Any], columns: list[Any]) -> None:
    """Raise ValueError for a test that could never pass: the author's mistake, not the learner's."""
    unknown = [n for n in [*keys, *columns] if n not in list(want.columns)]
    if unknown:
        raise ValueError(f"frame(): the wanted table has no column {unknown[0]!r}")
    if keys and not distinct([column(want[k]) for k in keys]):
        raise ValueError(f"frame(): the keys {keys} do not name the rows of the wanted table")


def _frame_problem(
    got: pd.DataFrame,
    want: pd.DataFrame,
    names: list[Any],
    keys: list[Any],
    *,
    tol: float | None,
    order: bool,
) -> str | None:
    positions = _match_columns(got, names)
    mine: Columns = {name: column(got.iloc[:, i]) for name, i in positions.items()}
    theirs: Columns = {name: column(want[name]) for name in names}
    for name in names:
        try:
            reconcile(mine[name], theirs[name])
        except KindMismatch as mismatch:
            return t(f"Column `{name}`: {mismatch}.", f"列 `{name}`：{mismatch}。")
    if len(got) == 0 and len(want) > 0:
        return t("Your table has no rows.", "你的表里没有任何行。")
    if order:
        return _in_order(mine, theirs, names, len(got), len(want), tol)
    keys = keys or _find_keys(theirs, names)
    if keys:
        return _by_key(mine, theirs, names, keys, tol)
    return _as_bag(mine, theirs, names, len(got), len(want), tol)


def _match_columns(got: pd.DataFrame, names: list[Any]) -> dict[Any, int]:
    positions = find_columns(got, names)
    lacking = [name for name in names if name not in positions]
    if lacking:
        have = ", ".join(str(c) for c in got.columns[:10]) or t("none", "无")
        some = ", ".join(f"`{n}`" for n in lacking[:6])
        raise Unreadable(
            t(
                f"Your table lacks the column(s) {some}. It has: {have}.",
                f"你的表缺少列 {some}。现有的列：{have}。",
            )
        )
    return positions


def _exact(col: Column) -> bool:
    return col.kind in ("text", "time", "delta", "truth", "void") or (col.kind == "number" and col.whole)


def _find_keys(want: Columns, names: list[Any]) -> list[Any]:
    """Return the shortest run of exact columns that names every row, or nothing."""
    chosen: list[Any] = []
    for name in names:
        if not _exact(want[name]):
            continue
        chosen.append(name)
        if distinct([want[n] for n in chosen]):
            return chosen
    return []


def _by_key(got: Columns, want: Columns, names: list[Any], keys: list[Any], tol: float | None) -> str | None:
    mine, theirs = codes([got[k] for k in keys], [want[k] for k in keys])
    if len(pd.unique(theirs)) < len(theirs):
        # A misconception's table may repeat keys that the right one does not.
        n = len(mine)
        return _as_bag(got, want, names, n, len(theirs), tol)
    rows = align(mine, theirs)
    if len(rows.repeated):
        where = _where(got, keys, int(rows.repeated[0]))
        return t(
            f"One row is expected for each {_names(keys)}; {where} has more than one.",
            f"每个 {_names(keys)} 应只有一行，而 {where} 有不止一行。",
        )
    if len(rows.extra) or rows.absent:
        return _rows_problem(got, keys, rows, len(mine))
    for name in names:
        if name in keys:
            continue
        differ = unequal(got[name].take(rows.got), want[name].take(rows.want), tol)
        if differ.any():
            return _cells_problem(got, name, keys, rows.got[np.flatnonzero(differ)], len(differ))
    return None


def _rows_problem(got: Columns, keys: list[Any], rows: Alignment, n: int) -> str:
    parts_en, parts_zh = [], []
    if len(rows.extra):
        shown = "; ".join(_where(got, keys, int(i)) for i in rows.extra[:3]) + (
            " …" if len(rows.extra) > 3 else ""
        )
        parts_en.append(f"{len(rows.extra):,} should not be there ({shown})")
        parts_zh.append(f"有 {len(rows.extra):,} 行不该出现（{shown}）")
    if rows.absent:
        parts_en.append(f"{rows.absent:,} more {'is' if rows.absent == 1 else 'are'} missing")
        parts_zh.append(f"还缺 {rows.absent:,} 行")
    return t(
        f"The rows of your table ({n:,}) are not the ones asked for: {' and '.join(parts_en)}.",
        f"你的表（{n:,} 行）行不对：{'，'.join(parts_zh)}。",
    )


def _cells_problem(got: Columns, name: Any, keys: list[Any], rows: np.ndarray, n: int) -> str:
    shown_en = "; ".join(f"{_where(got, keys, int(i))}: {show(got[name].at(int(i)))}" for i in rows[:3])
    more = " …" if len(rows) > 3 else ""
    return t(
        f"Column `{name}` differs in {len(rows):,} of {n:,} rows. You have: {shown_en}{more}.",
        f"列 `{name}` 在 {n:,} 行里有 {len(rows):,} 行不对。你的值：{shown_en}{more}。",
    )


def _in_order(
    got: Columns, want: Columns, names: list[Any], n_got: int, n_want: int, tol: float | None
) -> str | None:
    if n_got != n_want:
        return _count(n_got, n_want)
    differing = [(n, d) for n in names if (d := unequal(got[n], want[n], tol)).any()]
    if not differing:
        return None
    keys = _find_keys(want, names)
    if (
        _by_key(got, want, names, keys, tol) if keys else _as_bag(got, want, names, n_got, n_want, tol)
    ) is None:
        return t(
            "The rows are right, but not in the order asked for.", "行的内容都对，但顺序不是题目要求的。"
        )
    name, mask = differing[0]
    return _cells_problem(got, name, [], np.flatnonzero(mask), n_got)


def _as_bag(
    got: Columns, want: Columns, names: list[Any], n_got: int, n_want: int, tol: float | None
) -> str | None:
    """Compare tables whose rows have no unique exact key: rows are paired off, whatever their order."""
    if n_got != n_want:
        return _count(n_got, n_want)
    exact = [n for n in names if _exact(want[n]) and tol is None]
    loose = [n for n in names if n not in exact]
    if exact:
        mine, theirs = codes([got[n] for n in exact], [want[n] for n in exact])
    else:
        mine = theirs = np.zeros(n_want, dtype=np.int64)
    left, right = _sorted_rows(got, mine, loose), _sorted_rows(want, theirs, loose)
    if not np.array_equal(mine[left], theirs[right]):
        return _bag_problem(n_got)
    # Noise may have sorted near-equal numbers another way round: then rows are paired off within each group.
    differ = any(unequal(got[n].take(left), want[n].take(right), tol).any() for n in loose)
    if differ and not _pair_off(got, want, loose, mine, theirs, tol):
        return _bag_problem(n_got)
    return None


def _sorted_rows(data: Columns, group: np.ndarray, loose: list[Any]) -> np.ndarray:
    frame = pd.DataFrame({"group": group})
    for i, name in enumerate(loose):
        col = data[name]
        frame[f"c{i}"] = col.data if col.kind == "number" else pd.Series(col.data).astype(str)
    return np.asarray(frame.sort_values(list(frame.columns), kind="stable").index)


def _pair_off(
    got: Columns, want: Columns, loose: list[Any], mine: np.ndarray, theirs: np.ndarray, tol: float | None
) -> bool:
    groups = {code: np.flatnonzero(mine == code) for code in np.unique(theirs)}
    for code, candidates in groups.items():
        free = list(candidates)
        if len(free) > 500:
            return False
        for row in np.flatnonzero(theirs == code):
            here = np.array(free, dtype=np.int64)
            fits = np.ones(len(free), dtype=bool)
            for name in loose:
                fits &= ~unequal(got[name].take(here), want[name].take(np.full(len(here), row)), tol)
            if not fits.any():
                return False
            free.pop(int(np.flatnonzero(fits)[0]))
    return True


def _bag_problem(n: int) -> str:
    return t(
        f"Some of your {n:,} rows are not the ones asked for.",
        f"你的 {n:,} 行里有一些不对。",
    )


def _count(got: int, want: int) -> str:
    if got > want:
        return t(f"Your table has {many(got, 'row')}; that is too many.", f"你的表有 {got:,} 行，太多了。")
    return t(f"Your table has {many(got, 'row')}; some are missing.", f"你的表有 {got:,} 行，少了一些。")


def _where(data: Columns, keys: list[Any], row: int) -> str:
    if not keys:
        return t(f"row {row + 1}", f"第 {row + 1} 行")
    return ", ".join(f"{k} = {show(data[k].at(row))}" for k in keys[:3])


def _names(keys: list[Any]) -> str:
    return " × ".join(f"`{k}`" for k in keys)
