"""The plain form in which each check reads an answer, and in which a predicate of ``wrong=`` gets it.

``[5]``, ``Decimal(5)``, an array of one value and a polars Series are the number 5 to a comparison; here they
become 5 for a predicate, too. A form is made of what ``unwrap`` has opened. An answer that cannot be brought
to the form (``Unreadable``) is shown to predicates as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._plain import MISSING, Unreadable, column, describe, kind_of, plain, sequence, unwrap
from userops.check._table import Labelled, find_columns, labelled, table


def only(value: Any) -> Any:
    """Return the one value in a container of one, else the value as it is."""
    value = unwrap(value)
    if isinstance(value, dict):
        return next(iter(value.values())) if len(value) == 1 else value
    if isinstance(value, (pd.DataFrame, pd.Series, pd.Index, np.ndarray)):
        if value.size != 1:
            return value
        return (
            value.iloc[0, 0]
            if isinstance(value, pd.DataFrame)
            else np.asarray(value, dtype=object).ravel()[0]
        )
    if isinstance(value, (list, tuple, set, frozenset)) and len(value) == 1:
        return only(next(iter(value)))
    return value


def scalar(value: Any) -> Any:
    """Return the one value in ``value`` as a built-in, Timestamp or Timedelta.

    Returns:
        NaN for a missing value (but None for None), the value itself where it holds several or is no scalar.
    """
    inner = only(value)
    found = plain(inner)
    if found is MISSING:
        return None if value is None else float("nan")
    return inner if kind_of(found) == "other" else found


def listed(value: Any) -> list[Any]:
    """Return the members of a collection as plain scalars.

    Raises:
        Unreadable: it is a dict or no collection.
    """
    if isinstance(value, Mapping):
        raise Unreadable(
            t(
                "Expected a list; you handed in a dict. Hand in its keys or its values.",
                "应为列表，你交的是字典。请只交它的键或值。",
            )
        )
    found = sequence(unwrap(value))
    if found is None:
        raise Unreadable(
            t(
                f"Expected a list of things; you handed in {describe(value)}.",
                f"应为一个列表，你交的是{describe(value)}。",
            )
        )
    return [plain(v) for v in found]


def collection(value: Any) -> list[Any] | frozenset[Any]:
    """Return a collection of single things as a list, a set as a frozenset; missing ones as NaN.

    Raises:
        Unreadable: it is a dict or no collection.
    """
    members = [float("nan") if v is MISSING else v for v in listed(value)]
    return frozenset(members) if isinstance(value, (set, frozenset)) else members


def tidy(values: pd.Series) -> pd.Series:
    """Return a Series as numbers, truths, times, durations or text, whatever held them; index and name stay.

    Decimals become floats, nullable and Arrow dtypes their NumPy kin, categories their values, times with a
    zone the clock they show. What is missing is NaN, NaT or None.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype) or (isinstance(dtype, np.dtype) and dtype.kind != "O"):
        return values
    read = column(values)
    data = read.data
    if read.kind == "void":
        data = np.full(len(read), np.nan)
    elif read.kind == "number":
        data = read.data if read.integers is None else read.integers
    elif read.kind not in ("time", "delta") and read.missing.any():
        data = read.data.astype(object)
        data[read.missing] = None
    return pd.Series(data, index=values.index, name=values.name)


def as_series(value: Any, want: Labelled | None = None) -> pd.Series:
    """Return one column of values as a Series.

    Args:
        value: what ``labelled`` reads; without labels, or with mere row numbers where others are wanted, it
            takes those of ``want``, in their order, if there are as many.
        want: what is wanted; says how many label columns a frame has.

    Raises:
        Unreadable: it is no column of values.
    """
    found = labelled(value, width=_width(want))
    values = tidy(found.values)
    if (
        want is not None
        and want.labels is not None
        and len(want.values) == len(values)
        and _bare(found, want)
    ):
        found = replace(found, labels=want.labels, level_names=want.level_names)
    if found.labels is not None:
        values.index = _index(found)
    return values.rename(found.name)


def _bare(found: Labelled, want: Labelled) -> bool:
    """Tell whether an answer has no labels, or mere row numbers where others are wanted."""
    if found.labels is None:
        return True
    return found.default_index and not want.default_index and set(_index(found)) != set(_index(want))


def as_dict(value: Any, want: Labelled | None = None) -> dict[Any, Any]:
    """Return label → value as a dict of scalars; labels of several levels are tuples.

    Raises:
        Unreadable: it is no column of values.
        ValueError: its values have no labels.
    """
    found = labelled(paired(value), width=_width(want))
    if found.labels is None:
        raise ValueError("no labels")
    labels = [scalar(label) if not isinstance(label, tuple) else plain(label) for label in _index(found)]
    return dict(zip(labels, map(scalar, found.values), strict=True))


def paired(value: Any) -> Any:
    """Return a list of (label, value) pairs as a dict; anything else untouched."""
    pairs = isinstance(value, (list, tuple)) and all(
        isinstance(p, (list, tuple)) and len(p) == 2 for p in value
    )
    return dict(value) if pairs and value else value


def as_table(value: Any, want: pd.DataFrame | None = None, names: Sequence[Any] = ()) -> pd.DataFrame:
    """Return a table with the wanted column names, a default index and tidy columns.

    Args:
        value: what ``table`` reads; meaningful index levels become columns.
        want: the wanted table, which lends names to an answer without any.
        names: further names to look for; "Users" is taken as "users".

    Raises:
        Unreadable: it is no table.
    """
    frame = table(value, want)
    have = list(frame.columns)
    for name, place in find_columns(frame, [*([] if want is None else want.columns), *names]).items():
        if name not in have:
            have[place] = name
    made = pd.concat([tidy(frame.iloc[:, i]) for i in range(len(have))], axis=1) if have else frame.copy()
    made.columns = pd.Index(have, dtype=object, tupleize_cols=False)
    return made


def _width(want: Labelled | None) -> int:
    return len(want.labels) if want is not None and want.labels else 1


def _index(found: Labelled) -> pd.Index:
    assert found.labels is not None
    names = found.level_names or (None,) * len(found.labels)
    if len(found.labels) == 1:
        return pd.Index(found.labels[0], name=names[0])
    return pd.MultiIndex.from_arrays(found.labels, names=names)
