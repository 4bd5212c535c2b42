"""Bring what a learner hands in to plain forms: one scalar type a kind, one array a column.

Everything the checks compare goes through here, so that row order, dtype width, the data frame library
or the flavour of "missing" can never cost a point.
"""

from __future__ import annotations

import datetime as dt
import numbers
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._error import quoting


class _Missing:
    """None, NaN, NA and NaT are one thing to a check."""

    def __repr__(self) -> str:
        return "NA"


MISSING: Final = _Missing()

Kind = Literal["number", "time", "delta", "truth", "text", "other", "void"]


class Unreadable(Exception):
    """A value that cannot be taken as what the check needs; the message is for the learner."""


# --- scalars -----------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return ``value`` as an exact built-in (or Timestamp, Timedelta, tuple, MISSING) where possible."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return value
    if kind is float:
        return MISSING if value != value else value
    if value is None or value is pd.NA or value is pd.NaT or value is MISSING:
        return MISSING
    if isinstance(value, Enum):
        return plain(value.value)
    # Subclasses are rebuilt as the built-in, so that a clever __eq__ decides nothing.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (np.datetime64, dt.date, pd.Period)):
        return _timestamp(value)
    if isinstance(value, (np.timedelta64, dt.timedelta)):
        delta = pd.Timedelta(value)
        return MISSING if delta is pd.NaT else delta
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, (float, np.floating, Decimal, Fraction)):
        number = float(value)
        return MISSING if number != number else number
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return plain(value.item())
    if isinstance(value, pd.Interval):
        return _interval(value)
    if isinstance(value, (tuple, list)):
        return tuple(plain(v) for v in value)
    if isinstance(value, (set, frozenset)):
        return frozenset(plain(v) for v in value)
    return value


def _timestamp(value: Any) -> Any:
    if isinstance(value, pd.Period):
        value = value.to_timestamp(how="start")
    stamp = pd.Timestamp(value)
    if stamp is pd.NaT:
        return MISSING
    # The course's times are naive Shanghai time; a zone stuck on by a database changes nothing a clock shows.
    return stamp.tz_localize(None) if stamp.tzinfo is not None else stamp


def _interval(value: pd.Interval) -> str:
    """Return an interval as its usual label, the same for whole numbers and floats: "(0, 2]"."""
    left, right = (f"{v:g}" if isinstance(v, numbers.Real) else str(v) for v in (value.left, value.right))
    return f"{'[' if value.closed_left else '('}{left}, {right}{']' if value.closed_right else ')'}"


def kind_of(value: Any) -> Kind:
    """Return the kind of a plain scalar."""
    if value is MISSING:
        return "void"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, pd.Timestamp):
        return "time"
    if isinstance(value, pd.Timedelta):
        return "delta"
    if isinstance(value, str):
        return "text"
    return "other"


# --- columns -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column of values.

    ``data`` is float64 for numbers, ``datetime64[us]`` for times, ``timedelta64[us]`` for durations, bool
    for truth values, object otherwise; ``missing`` marks the missing ones; ``whole`` is true if every
    number present is a whole number; ``integers`` keeps the exact values of an integer dtype.
    """

    kind: Kind
    data: np.ndarray
    missing: np.ndarray
    whole: bool = False
    integers: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.data)

    def take(self, positions: np.ndarray) -> Column:
        """Return the rows at ``positions`` (integers or a boolean mask)."""
        integers = None if self.integers is None else self.integers[positions]
        return Column(self.kind, self.data[positions], self.missing[positions], self.whole, integers)

    def at(self, position: int) -> Any:
        """Return one value as a plain scalar."""
        if self.missing[position]:
            return MISSING
        if self.kind == "number":
            if self.integers is not None:
                return int(self.integers[position])
            number = float(self.data[position])
            return int(number) if self.whole and np.isfinite(number) else number
        return plain(self.data[position])


def column(values: Any) -> Column:
    """Return array-likes (Series, Index, array, list of scalars) as a Column."""
    if isinstance(values, pd.Index):
        values = values.to_series()
    if isinstance(values, np.ndarray) and values.dtype != object and values.dtype.kind in "biufmM":
        values = pd.Series(values)
    if isinstance(values, pd.Series):
        made = _typed_column(values)
        if made is not None:
            return made
        values = values.to_numpy(dtype=object)
    values = list(values)
    types = set(map(type, values)) - {type(None)}
    if types == {str}:
        # The two kinds that make long object columns need no look at each value.
        missing = np.array([v is None for v in values], dtype=bool)
        return Column("text", _objects(values), missing)
    if types == {dt.date}:
        days = np.array(values, dtype="datetime64[D]").astype("datetime64[us]")
        return Column("time", days, np.isnat(days))
    return _listed_column([plain(v) for v in values])


def _objects(values: list[Any]) -> np.ndarray:
    data = np.empty(len(values), dtype=object)
    data[:] = values
    return data


def _typed_column(values: pd.Series) -> Column | None:
    """Take the fast road for dtypes that say what they hold; None for the others."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = pd.Series(
            np.asarray(values), dtype=dtype.categories.dtype if not values.isna().any() else None
        )
        dtype = values.dtype
    missing = values.isna().to_numpy(dtype=bool)
    if pd.api.types.is_bool_dtype(dtype):
        data = values.to_numpy(dtype=object)
        flags = np.array(
            [bool(v) if not m else False for v, m in zip(data, missing, strict=True)], dtype=bool
        )
        return Column("void" if missing.all() else "truth", flags, missing)
    if pd.api.types.is_complex_dtype(dtype):
        return None
    if pd.api.types.is_numeric_dtype(dtype):
        if "decimal" in str(dtype):
            return None
        data = values.to_numpy(dtype=np.float64, na_value=np.nan)
        integers = None
        if pd.api.types.is_integer_dtype(dtype) and not missing.any():
            integers = values.to_numpy()
            if integers.dtype.kind not in "iu":
                integers = integers.astype(np.int64)
        return _number_column(data, integers)
    if isinstance(dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp(how="start")
        dtype = values.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_localize(None)
        dtype = values.dtype
    if pd.api.types.is_datetime64_dtype(dtype):
        return Column(
            "void" if missing.all() else "time", values.to_numpy().astype("datetime64[us]"), missing
        )
    if pd.api.types.is_timedelta64_dtype(dtype):
        return Column(
            "void" if missing.all() else "delta", values.to_numpy().astype("timedelta64[us]"), missing
        )
    if isinstance(dtype, pd.StringDtype):
        return Column("void" if missing.all() else "text", values.to_numpy(dtype=object), missing)
    return None


def _number_column(data: np.ndarray, integers: np.ndarray | None) -> Column:
    missing = np.isnan(data)
    present = data[~missing]
    with np.errstate(invalid="ignore"):
        whole = integers is not None or bool(np.all(np.isfinite(present) & (present == np.round(present))))
    return Column("void" if missing.all() else "number", data, missing, whole, integers)


def _listed_column(values: list[Any]) -> Column:
    missing = np.fromiter((v is MISSING for v in values), dtype=bool, count=len(values))
    kinds = {kind_of(v) for v in values} - {"void"}
    if not kinds:
        return Column("void", np.full(len(values), np.nan), missing)
    if kinds == {"truth"}:
        return Column("truth", np.array([v is True for v in values], dtype=bool), missing)
    if kinds <= {"number", "truth"}:
        data = np.array([np.nan if v is MISSING else float(v) for v in values], dtype=np.float64)
        small = not missing.any() and all(isinstance(v, int) and abs(v) < 2**63 for v in values)
        return _number_column(data, np.array(values, dtype=np.int64) if small else None)
    if kinds == {"time"}:
        data = np.array(
            [
                np.datetime64("NaT", "us")
                if v is MISSING
                else np.datetime64(v.to_pydatetime(warn=False), "us")
                for v in values
            ],
            dtype="datetime64[us]",
        )
        return Column("time", data, missing)
    if kinds == {"delta"}:
        data = np.array(
            [
                np.timedelta64("NaT", "us") if v is MISSING else np.timedelta64(v.to_pytimedelta(), "us")
                for v in values
            ],
            dtype="timedelta64[us]",
        )
        return Column("delta", data, missing)
    return Column("text" if kinds == {"text"} else "other", _objects(values), missing)


# --- foreign containers --------------------------------------------------------------------------------


def unwrap(value: Any) -> Any:
    """Return polars, DuckDB, Arrow and PySpark-like results as pandas; anything else untouched.

    Raises:
        Unreadable: a result that has not been computed yet.
    """
    home = (type(value).__module__ or "").split(".")[0]
    name = type(value).__name__
    if home == "polars":
        if name == "LazyFrame":
            raise Unreadable(
                t(
                    "You handed in a lazy polars query that has not run yet. Call `.collect()` first.",
                    "你交的是还没有执行的 polars 惰性查询，请先调用 `.collect()`。",
                )
            )
        if name == "DataFrame":
            return pd.DataFrame({c: _from_polars(value.get_column(c)) for c in value.columns})
        if name == "Series":
            return _from_polars(value)
    if home in {"duckdb", "_duckdb"} and hasattr(value, "df"):
        return value.df()
    if home == "pyarrow" and hasattr(value, "to_pandas"):
        return value.to_pandas()
    if home == "pandas" and (
        "GroupBy" in name or name in {"Rolling", "Expanding", "Resampler", "DatetimeIndexResampler"}
    ):
        raise Unreadable(
            t(
                "You handed in groups that are not summed up yet. Say what to compute for each group "
                "(`.sum()`, `.nunique()`, `.size()` …).",
                "你交的是还没有汇总的分组。请说明每一组要算什么（`.sum()`、`.nunique()`、`.size()` 等）。",
            )
        )
    if home == "scipy" and hasattr(value, "toarray"):
        return value.toarray()
    if isinstance(value, np.ma.MaskedArray):
        return np.array(value.tolist(), dtype=object)
    if isinstance(value, np.matrix):
        return np.asarray(value)
    return value


def _from_polars(series: Any) -> pd.Series:
    # to_numpy keeps dates, times and strings without needing one particular pyarrow.
    return pd.Series(series.to_list(), name=series.name, dtype=object if series.len() == 0 else None)


# --- what came -------------------------------------------------------------------------------------------


def show(value: Any, limit: int = 40) -> str:
    """Return a short, safe text of one scalar."""
    if (instead := quoting().value(value)) is not None:
        return instead
    value = plain(value)
    if value is MISSING:
        return t("NaN (missing)", "NaN（缺失值）")
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 1e15
        return f"{value:,.0f}" if whole else f"{value:.6g}" if abs(value) < 1e6 else f"{value:,.2f}"
    if isinstance(value, pd.Timestamp):
        midnight = value == value.normalize()
        return f"{value:%Y-%m-%d}" if midnight else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, str):
        text = value if len(value) <= limit else value[: limit - 1] + "…"
        return t(f"'{text}'", f"“{text}”")
    if isinstance(value, tuple):
        return "(" + ", ".join(show(v, limit) for v in value[:4]) + (", …" if len(value) > 4 else "") + ")"
    try:
        text = repr(value)
    except Exception:
        text = type(value).__name__
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def many(n: int, one: str, more: str | None = None) -> str:
    """Return an English count: 1 row, 2 rows."""
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def describe(value: Any) -> str:
    """Return what kind of thing came, in a few words and never at length."""
    if (instead := quoting().thing(value)) is not None:
        return instead
    try:
        return _describe(value)
    except Exception:
        return t(f"an object of type {type(value).__name__}", f"一个 {type(value).__name__} 对象")


def _describe(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        names = ", ".join(str(c) for c in value.columns[:8]) + (" …" if value.shape[1] > 8 else "")
        return t(
            f"a DataFrame of {many(len(value), 'row')} with the columns {names or '(none)'}",
            f"一个 {len(value):,} 行的 DataFrame（列：{names or '无'}）",
        )
    if isinstance(value, pd.Series):
        return t(f"a Series of {many(len(value), 'value')}", f"一个含 {len(value):,} 个值的 Series")
    if isinstance(value, np.ndarray) and value.ndim > 1:
        shape = " × ".join(str(n) for n in value.shape)
        return t(f"an array of {shape} values", f"一个 {shape} 的数组")
    if isinstance(value, dict):
        return t(f"a dict of {many(len(value), 'entry', 'entries')}", f"一个含 {len(value):,} 项的字典")
    scalar = plain(value)
    kind = kind_of(scalar)
    if scalar is MISSING:
        return t("a missing value", "一个缺失值")
    if kind == "truth":
        return t(f"the truth value {scalar}", f"布尔值 {scalar}")
    if kind == "number":
        return t(f"the number {show(scalar)}", f"数字 {show(scalar)}")
    if kind == "text":
        return t(f"the text {show(scalar)}", f"文本{show(scalar)}")
    if kind == "time":
        return t(f"the time {show(scalar)}", f"时间 {show(scalar)}")
    if kind == "delta":
        return t(f"the duration {scalar}", f"时长 {scalar}")
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray, pd.Index)):
        words: dict[type, tuple[str, str]] = {list: ("list", "列表"), tuple: ("tuple", "元组")}
        other = ("set", "集合") if isinstance(value, (set, frozenset)) else ("array", "数组")
        word_en, word_zh = words.get(type(value), other)
        article = "an" if word_en == "array" else "a"
        return t(
            f"{article} {word_en} of {many(len(value), 'value')}", f"一个含 {len(value):,} 个值的{word_zh}"
        )
    name = type(value).__name__
    return t(f"an object of type {name}", f"一个 {name} 对象")


def sequence(value: Any) -> Any:
    """Return lists, arrays, sets, dict views, ranges, Series and one-column frames as a list, array, Series or
    Index, else None.
    """
    if isinstance(value, pd.DataFrame):
        return value.iloc[:, 0] if value.shape[1] == 1 else None
    if isinstance(value, np.ndarray):
        if value.ndim == 1:
            return value
        return value.ravel() if value.ndim == 2 and 1 in value.shape else None
    if isinstance(value, (pd.Series, pd.Index)):
        return value
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return pd.Series(value)
    if isinstance(value, (list, tuple, range, set, frozenset)):
        return list(value)
    if isinstance(value, (type({}.keys()), type({}.values()))):
        return list(value)
    return None
