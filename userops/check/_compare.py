"""When are two values, two columns, two tables the same?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._plain import MISSING, Column, Kind, kind_of, plain

# Relative tolerance of numbers that are not whole: room for float32 and for sums in another order.
RELATIVE: Final = 1e-6


def same_number(got: float, want: float, tol: float | None, *, whole: bool) -> bool:
    """Compare two present numbers; ``whole`` asks for the exact whole number."""
    return bool(_close(np.array([got], dtype=np.float64), np.array([want], dtype=np.float64), tol, whole)[0])


def _close(got: np.ndarray, want: np.ndarray, tol: float | None, whole: bool) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        if tol is not None:
            # A hair more than asked for: 12.35 − 12.3 is not exactly 0.05.
            room = tol + 1e-9 * np.maximum(np.abs(want), tol)
        elif whole:
            # Counts are exact; the room is for sums that went through floats.
            room = 1e-6 + 1e-12 * np.abs(want)
        else:
            room = np.where(want == 0, 1e-9, RELATIVE * np.abs(want))
        return np.asarray((got == want) | (np.abs(got - want) <= room))


def same_scalar(got: Any, want: Any, tol: float | None = None) -> bool:
    """Compare two scalars of any kind."""
    got, want = plain(got), plain(want)
    got_kind, want_kind = kind_of(got), kind_of(want)
    if "void" in (got_kind, want_kind):
        return got_kind == want_kind
    if {got_kind, want_kind} <= {"number", "truth"}:
        return same_number(float(got), float(want), tol, whole=isinstance(want, int))
    if want_kind == "text" and got_kind == "time":
        stamp = parse_time(want)
        return stamp is not None and stamp == got
    if isinstance(got, tuple) and isinstance(want, tuple):
        return len(got) == len(want) and all(same_scalar(g, w, tol) for g, w in zip(got, want, strict=True))
    if got_kind != want_kind:
        return False
    try:
        return bool(got == want)
    except Exception:
        return False


def parse_time(text: str) -> pd.Timestamp | None:
    """Read a label such as 2025-03 or 2025-03-01; None if the text is no date."""
    if not text[:4].isdigit():
        return None
    try:
        return pd.Timestamp(text)
    except (ValueError, OverflowError):
        return None


class KindMismatch(Exception):
    """Two columns hold different kinds of things; the message says which, for the learner."""


_NAMES: dict[Kind, tuple[str, str]] = {
    "number": ("numbers", "数字"),
    "time": ("dates or times (`datetime64`)", "日期时间（`datetime64`）"),
    "delta": ("durations (`timedelta64`)", "时长（`timedelta64`）"),
    "truth": ("truth values (True/False)", "布尔值（True/False）"),
    "text": ("text", "文本"),
    "other": ("values of mixed types", "类型混杂的值"),
    "void": ("missing values", "缺失值"),
}


def kind_name(kind: Kind) -> str:
    """Return the name of a kind in the language in force."""
    return t(*_NAMES[kind])


def reconcile(got: Column, want: Column) -> tuple[Column, Column]:
    """Return both columns in one kind.

    Raises:
        KindMismatch: they cannot be compared.
    """
    pair = {got.kind, want.kind}
    if len(pair) == 1 or "void" in pair:
        return got, want
    if pair == {"number", "truth"}:
        return _as_number(got), _as_number(want)
    if want.kind == "text" and got.kind == "time":
        stamps = [MISSING if m else parse_time(v) for v, m in zip(want.data, want.missing, strict=True)]
        if all(s is not None for s in stamps):
            data = np.array(["NaT" if s is MISSING else s for s in stamps], dtype="datetime64[us]")
            return got, Column("time", data, want.missing)
    if "other" in pair:
        return _as_other(got), _as_other(want)
    raise KindMismatch(
        t(
            f"expected {kind_name(want.kind)}, got {kind_name(got.kind)}",
            f"应为{kind_name(want.kind)}，你给的是{kind_name(got.kind)}",
        )
    )


def _as_number(col: Column) -> Column:
    if col.kind != "truth":
        return col
    return Column("number", np.where(col.missing, np.nan, col.data.astype(np.float64)), col.missing, True)


def _as_other(col: Column) -> Column:
    if col.kind == "other":
        return col
    data = np.empty(len(col), dtype=object)
    data[:] = [col.at(i) for i in range(len(col))]
    return Column("other", data, col.missing)


def unequal(got: Column, want: Column, tol: float | None = None) -> np.ndarray:
    """Return a mask of the positions where two columns of one length differ.

    Raises:
        KindMismatch: they hold different kinds of things.
    """
    got, want = reconcile(got, want)
    both = ~got.missing & ~want.missing
    wrong: np.ndarray = np.asarray(got.missing != want.missing)
    if not both.any():
        return wrong
    if got.kind == "number" and want.kind == "number":
        if tol is None and got.integers is not None and want.integers is not None:
            return np.asarray(got.integers != want.integers)
        return np.asarray(wrong | (both & ~_close(got.data, want.data, tol, want.whole)))
    if "other" in (got.kind, want.kind):
        differ = [not same_scalar(g, w, tol) for g, w in zip(got.data, want.data, strict=True)]
        return np.asarray(wrong | (both & np.array(differ, dtype=bool)))
    return np.asarray(wrong | (both & np.asarray(got.data != want.data, dtype=bool)))


# --- lining rows up -------------------------------------------------------------------------------------


def codes(got: list[Column], want: list[Column]) -> tuple[np.ndarray, np.ndarray]:
    """Return one integer a row for each table, equal where the key columns are equal.

    Raises:
        KindMismatch: a key column holds another kind of thing.
    """
    n_got = len(got[0]) if got else 0
    n_want = len(want[0]) if want else 0
    total = np.zeros(n_got + n_want, dtype=np.int64)
    for pair in zip(got, want, strict=True):
        part = _joint_codes(*reconcile(*pair))
        total, _ = pd.factorize(total * (part.max(initial=0) + 1) + part)
    return total[:n_got], total[n_got:]


def distinct(columns: list[Column]) -> bool:
    """Tell whether these columns name every row."""
    rows = codes([c.take(np.array([], dtype=np.int64)) for c in columns], columns)[1]
    return len(pd.unique(rows)) == len(rows)


def _joint_codes(got: Column, want: Column) -> np.ndarray:
    """Return codes of both columns, one after the other; 0 is missing."""
    missing = np.concatenate([got.missing, want.missing])
    found = np.zeros(len(missing), dtype=np.int64)
    if missing.all():
        return found
    if got.integers is not None and want.integers is not None:
        keys = np.concatenate([got.integers, want.integers])
    elif "number" in (got.kind, want.kind):
        keys = np.concatenate([_rounded(got), _rounded(want)])
    elif "void" in (got.kind, want.kind):
        keys = np.concatenate([c.data.astype(object) for c in (got, want)])
    else:
        keys = np.concatenate([got.data, want.data])
    found[~missing] = pd.factorize(keys[~missing])[0] + 1
    return found


def _rounded(col: Column) -> np.ndarray:
    """Return numbers without their float noise: nine significant digits."""
    data = col.data.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = 10.0 ** (8 - np.floor(np.log10(np.abs(data))))
        short = np.round(data * scale) / scale
    return np.where(np.isfinite(short) & (data != np.round(data)), short, data) + 0.0


@dataclass(frozen=True)
class Alignment:
    """How two tables' rows belong together: positions of pairs, and how many rows stayed alone."""

    got: np.ndarray
    want: np.ndarray
    extra: np.ndarray
    absent: int
    repeated: np.ndarray


def align(got_codes: np.ndarray, want_codes: np.ndarray) -> Alignment:
    """Line up rows by code; ``want_codes`` are unique."""
    where = pd.Index(want_codes).get_indexer(got_codes)
    rows = np.arange(len(got_codes))
    again = pd.Series(where).duplicated().to_numpy() & (where >= 0)
    left = rows[(where >= 0) & ~again]
    return Alignment(left, where[left], rows[where < 0], len(want_codes) - len(left), rows[again])
