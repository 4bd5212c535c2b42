"""Tables of Juzi Mall: the shipped ones, and small fresh ones for tests."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from userops._language import t
from userops.errors import CourseError

_kept: dict[str, pd.DataFrame] = {}


def keep(tables: Mapping[str, pd.DataFrame]) -> None:
    """Serve these tables from memory from now on: for a process that runs many notebooks, one after another.

    ``load`` still returns a new frame on each call; pandas copies what somebody writes to.
    """
    _kept.update(tables)


def load(table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read one table of the course's data.

    Args:
        table: its name, such as ``"orders"``; ``datasets/README.md`` describes each.
        columns: read only these, in this order.

    Returns:
        A new frame on each call; text is ``str``, ids that may be missing ``Int64``, times ``datetime64[us]``.

    Raises:
        CourseError: no such table or column, no data folder, or a file that cannot be read.
    """
    if table in _kept:
        frame = _kept[table]
        if columns is None:
            return frame.copy(deep=False)
        names = [columns] if isinstance(columns, str) else list(columns)
        _check_columns(table, names, list(frame.columns))
        return frame[names].copy(deep=False)
    folder = data_folder()
    known = sorted(p.stem for p in folder.glob("*.parquet"))
    if table not in known:
        raise CourseError(_unknown(str(table), known))
    path = folder / f"{table}.parquet"
    try:
        if columns is not None:
            names = [columns] if isinstance(columns, str) else list(columns)
            _check_columns(table, names, pq.read_schema(path).names)
            return to_pandas(pq.read_table(path, columns=names))[names]
        return to_pandas(pq.read_table(path))
    except (OSError, pa.ArrowInvalid) as error:
        raise CourseError(
            t(
                f"The table '{table}' ({path}) cannot be read; restore it with `git checkout datasets`.",
                f"无法读取数据表“{table}”（{path}），请用 `git checkout datasets` 恢复。",
            )
        ) from error


def sample(table: str, *, seed: int, users: int = 400) -> pd.DataFrame:
    """Return the same table of a different, small company: fresh data for tests.

    Tables of one seed belong together. Made once a process and seed; a new copy on each call.

    Args:
        table: its name, as for ``load``.
        seed: which company.
        users: how many registered users it has.

    Raises:
        CourseError: no such table.
    """
    tables = _sample_dataset(users, seed)
    if table not in tables:
        raise CourseError(_unknown(str(table), sorted(tables)))
    return tables[table].copy()


def export_file(name: str) -> Path:
    """Return the path of one of the dirty exports of chapter 2, such as ``"orders_export.csv"``.

    Raises:
        CourseError: there is no such export.
    """
    folder = data_folder() / "raw"
    path = folder / name
    if not path.is_file():
        have = ", ".join(sorted(p.name for p in folder.glob("*.csv"))) or "-"
        raise CourseError(
            t(
                f"There is no export '{name}'. The exports are: {have}; `git checkout datasets` brings them back.",
                f"没有名为“{name}”的导出文件。现有：{have}；可用 `git checkout datasets` 恢复。",
            )
        )
    return path


@lru_cache(maxsize=16)
def _sample_dataset(users: int, seed: int) -> dict[str, pd.DataFrame]:
    # Here and not above: most notebooks never need the generator.
    from userops.simulate import sample_dataset

    return sample_dataset(users=users, seed=seed)


def data_folder() -> Path:
    """Return the folder of the course's tables.

    Raises:
        CourseError: there is none in ``USEROPS_DATA``, nor in a parent of the working directory.
    """
    named = os.environ.get("USEROPS_DATA")
    if named:
        folder = Path(named)
        if (folder / "users.parquet").is_file():
            return folder
        raise CourseError(
            t(
                f"USEROPS_DATA is set to {folder}, but no users.parquet is there; correct it or unset it.",
                f"USEROPS_DATA 指向 {folder}，但里面没有 users.parquet；请改正或取消这个环境变量。",
            )
        )
    here = Path.cwd()
    package_home = Path(__file__).resolve().parents[1]
    for folder in (*(p / "datasets" for p in (here, *here.parents)), package_home / "datasets"):
        if (folder / "users.parquet").is_file():
            return folder
    raise CourseError(
        t(
            "No datasets folder here or above; open the notebook inside the course's folder, or set USEROPS_DATA.",
            "在当前目录及上级目录里都没有 datasets 文件夹；请在课程目录内打开笔记本，或设置环境变量 USEROPS_DATA。",
        )
    )


def to_pandas(table: pa.Table, *, threads: bool = True) -> pd.DataFrame:
    """Return an Arrow table with the course's dtypes, also where another tool than pandas wrote the file."""
    frame = table.to_pandas(use_threads=threads)
    if b"pandas" in (table.schema.metadata or {}):
        return frame
    for field in table.schema:
        if pa.types.is_integer(field.type) and table.column(field.name).null_count:
            # Through floats large ids would lose their last digits.
            whole = table.column(field.name).cast(pa.int64())
            frame[field.name] = whole.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get).array
        elif pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
            frame[field.name] = pd.to_datetime(frame[field.name]).astype("datetime64[us]")
    return frame


def _check_columns(table: str, names: list[str], have: list[str]) -> None:
    for name in names:
        if name not in have:
            close = difflib.get_close_matches(str(name), have, n=1, cutoff=0.5)
            mean = t(f" Did you mean '{close[0]}'?", f"是不是“{close[0]}”？") if close else ""
            raise CourseError(
                t(
                    f"The table '{table}' has no column '{name}'.{mean} It has: {', '.join(have)}.",
                    f"数据表“{table}”没有列“{name}”。{mean}现有的列：{', '.join(have)}。",
                )
            )


def _unknown(table: str, have: list[str]) -> str:
    close = difflib.get_close_matches(table, have, n=1, cutoff=0.5)
    mean = t(f" Did you mean '{close[0]}'?", f"是不是“{close[0]}”？") if close else ""
    return t(
        f"There is no table '{table}'.{mean} The tables are: {', '.join(have)}.",
        f"没有名为“{table}”的数据表。{mean}可用的表：{', '.join(have)}。",
    )
