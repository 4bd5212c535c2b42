"""Read whatever holds rows (frame, list of dicts, dict of columns, array) as one kind of table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from userops._language import t
from userops.check._compare import same_scalar
from userops.check._plain import Unreadable, describe, plain, sequence, unwrap


@dataclass(frozen=True)
class Labelled:
    """Values with their labels: a Series, a dict, a frame of label columns and one value column.

    ``labels`` holds one Series a level, or is None where the labels say nothing (a list, a default index).
    """

    values: pd.Series
    labels: list[pd.Series] | None
    name: Any = None
    level_names: tuple[Any, ...] = ()
    default_index: bool = True


def as_frame(value: Any) -> pd.DataFrame | None:
    """Return frames, lists of dicts, dicts of columns and record arrays as a DataFrame, else None."""
    value = unwrap(value)
    if isinstance(value, pd.DataFrame):
        return value
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return pd.DataFrame(value)
    if isinstance(value, dict) and value:
        if all(isinstance(column, dict) for column in value.values()):
            return pd.DataFrame(value)
        columns = {k: sequence(unwrap(v)) for k, v in value.items()}
        if all(c is not None for c in columns.values()):
            lengths = {len(c) for c in columns.values()}
            if len(lengths) == 1:
                return pd.DataFrame({k: list(c) for k, c in columns.items()})
    if isinstance(value, np.ndarray) and value.dtype.names:
        return pd.DataFrame.from_records(value)
    return None


def meaningful(index: pd.Index) -> bool:
    """Tell whether an index holds labels a person chose, rather than row numbers."""
    if isinstance(index, pd.MultiIndex) or any(name is not None for name in index.names):
        return True
    return (
        not (isinstance(index, pd.RangeIndex) or pd.api.types.is_integer_dtype(index.dtype))
        and len(index) > 0
    )


def levels(index: pd.Index) -> list[pd.Series]:
    """Return the levels of an index as Series with a default index."""
    return [pd.Series(index.get_level_values(i)) for i in range(index.nlevels)]


def labelled(value: Any, *, width: int = 1) -> Labelled:
    """Read a one-dimensional answer.

    Args:
        value: Series, dict, list, array, Index, or frame of ``width`` label columns and one value column.
        width: how many label levels are wanted.

    Raises:
        Unreadable: it is none of these.
    """
    value = unwrap(value)
    keyed = isinstance(value, dict)
    if keyed:
        value = _from_dict(value)
    frame = None if isinstance(value, pd.Series) else as_frame(value)
    if frame is not None:
        return _from_frame(frame, width)
    if isinstance(value, pd.Series):
        return Labelled(
            values=value.reset_index(drop=True),
            labels=levels(value.index),
            name=value.name,
            level_names=tuple(value.index.names),
            default_index=not keyed and _row_numbers(value.index),
        )
    found = sequence(value)
    if found is None or isinstance(value, (set, frozenset)):
        raise Unreadable(
            t(
                f"Expected one column of values (a Series); you handed in {describe(value)}.",
                f"应为一列值（Series），你交的是{describe(value)}。",
            )
        )
    values = (
        found.to_series()
        if isinstance(found, pd.Index)
        else pd.Series(list(found), dtype=object if len(found) == 0 else None)
    )
    return Labelled(values=values.reset_index(drop=True), labels=None)


def _row_numbers(index: pd.Index) -> bool:
    """Tell whether an index only counts the rows, from 0, in whatever order they stand now."""
    if meaningful(index):
        return False
    return isinstance(index, pd.RangeIndex) or set(index) == set(range(len(index)))


def _from_dict(value: dict[Any, Any]) -> Any:
    """Return a dict of label → scalar as a Series; a dict of columns stays what it is."""
    if value and any(sequence(unwrap(v)) is not None or isinstance(v, dict) for v in value.values()):
        return value
    keys = list(value)
    if keys and all(isinstance(k, tuple) and len(k) == len(keys[0]) for k in keys):
        index: pd.Index = pd.MultiIndex.from_tuples(keys)
    else:
        index = pd.Index(keys, dtype=object if not keys else None)
    return pd.Series(list(value.values()), index=index, dtype=object if not keys else None)


def _from_frame(frame: pd.DataFrame, width: int) -> Labelled:
    if meaningful(frame.index) and frame.shape[1] == 1:
        return labelled(frame.iloc[:, 0])
    if not meaningful(frame.index) and frame.shape[1] == width + 1:
        names = [str(c) for c in frame.columns]
        return Labelled(
            values=frame.iloc[:, -1].reset_index(drop=True),
            labels=[frame.iloc[:, i].reset_index(drop=True) for i in range(width)],
            name=names[-1],
            level_names=tuple(names[:-1]),
            default_index=False,
        )
    if frame.shape[1] == 1:
        return labelled(frame.iloc[:, 0])
    raise Unreadable(
        t(
            f"Expected one column of values (a Series); you handed in {describe(frame)}.",
            f"应为一列值（Series），你交的是{describe(frame)}。",
        )
    )


def table(value: Any, want: pd.DataFrame | None = None) -> pd.DataFrame:
    """Read a two-dimensional answer, with meaningful index levels as ordinary columns.

    Args:
        value: frame, list of dicts, dict of columns, Series (of rows with labels) or 2-D array.
        want: the wanted table, whose column names an answer without names takes over.

    Raises:
        Unreadable: it is none of these.
    """
    value = unwrap(value)
    if isinstance(value, pd.Series) and want is not None:
        value = _series_as_frame(value, want)
    one_row = want is not None and len(want) == 1 and isinstance(value, dict) and value
    if one_row and all(sequence(unwrap(v)) is None for v in value.values()):
        value = [value]
    frame = as_frame(value)
    if frame is None and want is not None:
        array = np.asarray(value, dtype=object) if isinstance(value, (list, tuple, np.ndarray)) else None
        if array is not None and array.ndim == 2 and array.shape[1] == want.shape[1]:
            frame = pd.DataFrame({c: list(array[:, i]) for i, c in enumerate(want.columns)})
        elif array is not None and array.size == 0:
            frame = want.iloc[:0]
    if frame is None:
        raise Unreadable(
            t(
                f"Expected a table (DataFrame); you handed in {describe(value)}.",
                f"应为一张表（DataFrame），你交的是{describe(value)}。",
            )
        )
    return flat(frame)


def _series_as_frame(value: pd.Series, want: pd.DataFrame) -> Any:
    """Give a Series the names of the wanted table where that is unambiguous."""
    if want.shape[1] != value.index.nlevels + 1:
        return value.to_frame() if want.shape[1] == 1 else value
    parts = [*levels(value.index), value.reset_index(drop=True)]
    names: list[Any] = [*value.index.names, value.name]
    free = [c for c in want.columns if c not in names]
    for i, name in enumerate(names):
        if name is None and free:
            names[i] = free.pop(0)
    return pd.DataFrame({n: list(p) for n, p in zip(names, parts, strict=True)})


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a default index; meaningful index levels become columns in front."""
    columns = list(frame.columns)
    parts: list[pd.Series] = []
    names: list[Any] = []
    if meaningful(frame.index):
        for i, level in enumerate(levels(frame.index)):
            name = frame.index.names[i]
            name = name if name is not None else ("index" if frame.index.nlevels == 1 else f"level_{i}")
            # A column of the same name is the same thing kept twice; the column wins.
            if name not in columns:
                parts.append(level)
                names.append(name)
    parts.extend(frame.iloc[:, i].reset_index(drop=True) for i in range(len(columns)))
    names.extend(columns)
    result = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=range(len(frame)))
    result.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    return result


def find_column(frame: pd.DataFrame, name: Any) -> int | None:
    """Return the position of a column by name; 3, 3.0, "3" and a date or Period label of the same day agree."""
    wanted = plain(name)
    for i, have in enumerate(frame.columns):
        if same_scalar(have, wanted):
            return i
    for i, have in enumerate(frame.columns):
        if _label(have) == _label(wanted):
            return i
    return None


def find_columns(frame: pd.DataFrame, names: Sequence[Any]) -> dict[Any, int]:
    """Return the positions of those of ``names`` that are there (see ``find_column``)."""
    found = {name: place for name in names if (place := find_column(frame, name)) is not None}
    lacking = [name for name in names if name not in found]
    if lacking and lacking == list(names[:1]) and "index" in list(frame.columns):
        # The one column that is missing is the index, which only has no name.
        found[lacking[0]] = list(frame.columns).index("index")
    return found


def _label(value: Any) -> str:
    value = plain(value)
    if isinstance(value, tuple):
        return "_".join(_label(v) for v in value if v != "")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return str(value).strip().casefold()
