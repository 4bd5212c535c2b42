"""Do tables fit the schema? For the shipped data and for anyone's own in the same form.

``validate`` returns every problem it finds; each says which table, which column, how many rows and what to
do. Column types, ranges and keys are checked by pandera from ``userops.schema.tables``; rules between columns and
tables are in ``userops.schema.constraints``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from userops._language import t
from userops.errors import CourseError
from userops.schema.constraints import Problem, between_tables
from userops.schema.tables import TABLES, Column, Table


def validate(tables: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """Check tables against the schema and against each other.

    Only the tables that are there are checked; a rule that needs a table or a column that is missing or
    broken is left out, so that one fault is reported once.

    Args:
        tables: frames by table name, with the schema's column names (``rename`` maps one's own names).
    """
    problems: list[Problem] = []
    sound: dict[str, pd.DataFrame] = {}
    for name, frame in tables.items():
        if name not in TABLES:
            known = ", ".join(TABLES)
            what = t(f"no such table; use one of {known}.", f"没有这个表，可用的表：{known}。")
            problems.append(Problem(name, "", len(frame), what))
            continue
        fitted, found = conform(frame, TABLES[name])
        if not found:
            found = _columns(fitted, TABLES[name])
        problems += found
        broken = {problem.column for problem in found}
        sound[name] = fitted.drop(columns=[column for column in broken if column in fitted])
    return problems + between_tables(sound)


def conform(frame: pd.DataFrame, table: Table) -> tuple[pd.DataFrame, list[Problem]]:
    """Bring each column to its type where nothing is lost; report columns that are missing or do not fit."""
    fitted: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    for column in table.columns:
        if column.name not in frame:
            near = ", ".join(str(name) for name in frame.columns)
            what = t(
                f"the column is missing; add it, or name yours in a column mapping (yours: {near}).",
                f"缺少这一列；请补上，或在列名映射中指明对应的列（现有：{near}）。",
            )
            problems.append(Problem(table.name, column.name, len(frame), what))
            continue
        values, wrong = _cast(frame[column.name], column)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            example = frame[column.name].iloc[row]
            kind = _kind(column)
            what = t(
                f"not {kind[0]}, for example {example!r} in row {row + 1}; mend or remove these values.",
                f"不是{kind[1]}，例如第 {row + 1} 行的 {example!r}；请修正或移除这些值。",
            )
            problems.append(Problem(table.name, column.name, int(wrong.sum()), what))
        else:
            fitted[column.name] = values
    return pd.DataFrame(fitted, index=frame.index).reset_index(drop=True), problems


def _kind(column: Column) -> tuple[str, str]:
    return {
        "int64": ("a whole number", "整数"),
        "Int64": ("a whole number", "整数"),
        "float64": ("a number", "数字"),
        "str": ("text", "文本"),
        "bool": ("true or false", "布尔值（真或假）"),
        "datetime64[us]": (
            "a time without a zone such as 2025-08-03 14:05:22",
            "不带时区的时间（如 2025-08-03 14:05:22）",
        ),
    }[column.dtype]


_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def _cast(values: pd.Series, column: Column) -> tuple[pd.Series, np.ndarray]:
    """Return the values in the column's type, and which of them do not fit."""
    gone = values.isna().to_numpy()
    none = np.zeros(len(values), dtype=bool)
    if column.dtype == "datetime64[us]":
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            return values, ~gone
        if pd.api.types.is_numeric_dtype(values.dtype):
            return values, ~gone
        times = pd.to_datetime(values, errors="coerce", format="ISO8601")
        wrong = times.isna().to_numpy() & ~gone
        return times.astype("datetime64[us]") if not isinstance(
            times.dtype, pd.DatetimeTZDtype
        ) else times, wrong
    if column.dtype == "str":
        text = values.astype("str").where(~gone)
        return text.astype("str"), none
    if column.dtype == "bool":
        truths = values.astype("str").str.lower().map(_TRUTHS)
        wrong = truths.isna().to_numpy() & ~gone
        return (truths.astype("boolean") if gone.any() or wrong.any() else truths.astype("bool")), wrong
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = numbers.isna().to_numpy() & ~gone
    if column.dtype == "float64":
        return numbers.astype("float64"), wrong
    floats = numbers.astype("float64").to_numpy()
    with np.errstate(invalid="ignore"):
        wrong |= ~gone & (floats != np.floor(floats))
    if wrong.any():
        return numbers, wrong
    whole = numbers.astype("Int64")
    return whole if column.dtype == "Int64" or gone.any() else whole.astype("int64"), wrong


def pandera_schema(table: Table) -> Any:
    """Return the table's pandera schema: absence, range and permitted values of each column, and the key."""
    import pandera.pandas as pa

    columns = {}
    for column in table.columns:
        checks = []
        if column.ge is not None:
            checks.append(pa.Check.ge(column.ge))
        if column.le is not None:
            checks.append(pa.Check.le(column.le))
        if column.values:
            checks.append(pa.Check.isin(list(column.values)))
        columns[column.name] = pa.Column(None, checks=checks, nullable=column.missing is not None)
    return pa.DataFrameSchema(columns, unique=list(table.key) or None, name=table.name)


def _columns(frame: pd.DataFrame, table: Table) -> list[Problem]:
    from pandera.errors import SchemaErrors

    try:
        pandera_schema(table).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        found = []
        for (column, check), rows in cases.groupby(["column", "check"], sort=False, dropna=False):
            found.append(_told(table, column, str(check), rows))
        merged = {(problem.column, problem.what): problem for problem in found}
        return list(merged.values())
    return []


def _told(table: Table, column: Any, check: str, cases: pd.DataFrame) -> Problem:
    """Turn pandera's failure cases of one check into a sentence."""
    rows = int(cases["index"].nunique())
    if check.startswith("multiple_fields_uniqueness") or check == "field_uniqueness":
        key = ", ".join(table.key)
        what = t(
            f"the key ({key}) is not unique; keep one row of each.",
            f"主键（{key}）重复；每个值请只保留一行。",
        )
        return Problem(table.name, key, rows, what)
    spec = table[str(column)]
    examples = ", ".join(str(value) for value in pd.unique(cases["failure_case"])[:3])
    if check == "not_nullable":
        what = t("values are missing; this column may not be empty.", "有缺失值；这一列不允许为空。")
    elif spec.values:
        allowed = ", ".join(spec.values)
        what = t(
            f"unknown values ({examples}); use one of: {allowed}.",
            f"出现未知取值（{examples}）；可用取值：{allowed}。",
        )
    else:
        low, high = _bound(spec.ge), _bound(spec.le)
        what = t(
            f"out of range ({examples}); allowed: {low or '−∞'} to {high or '∞'}. Check the unit.",
            f"超出范围（{examples}）；允许：{low or '−∞'} 到 {high or '∞'}。请检查单位。",
        )
    return Problem(table.name, spec.name, rows, what)


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


# ---------------------------------------------------------------- one's own tables
def rename(
    tables: Mapping[str, pd.DataFrame], mapping: Mapping[str, Mapping[str, str]]
) -> dict[str, pd.DataFrame]:
    """Give one's own columns the schema's names: ``{"orders": {"buyer": "user_id"}}`` reads "my buyer is user_id".

    Raises:
        CourseError: the mapping names a table or column that is not there, or one the schema does not have.
    """
    renamed = dict(tables)
    for name, columns in mapping.items():
        if name not in tables:
            raise CourseError(
                t(
                    f"The column mapping names the table '{name}', which is not in the folder; remove it or add the table.",
                    f"列名映射中提到的表“{name}”不在文件夹中，请删除该项或补上这张表。",
                )
            )
        absent = [mine for mine in columns if mine not in tables[name]]
        strange = [ours for ours in columns.values() if name in TABLES and ours not in TABLES[name].names]
        if absent or strange:
            bad = ", ".join(absent or strange)
            raise CourseError(
                t(
                    f"The column mapping of '{name}' names {bad}, which "
                    f"{'your table does not have' if absent else 'the schema does not have'}; see datasets/README.md.",
                    f"“{name}”的列名映射中的 {bad} {'在您的表里不存在' if absent else '不在规定的列中'}，请参照 datasets/README.md。",
                )
            )
        renamed[name] = tables[name].rename(columns=dict(columns))
    return renamed


def read_folder(folder: Path) -> dict[str, pd.DataFrame]:
    """Read every known table of a folder, all parts together: see ``read_parts``."""
    parts = list(read_parts(folder))
    names = {name: None for part in parts for name in part}
    shared = {name for name in names if len(parts) > 1 and not (folder / name).is_dir()}
    return {
        name: parts[0][name]
        if len(parts) == 1 or name in shared
        else pd.concat([part[name] for part in parts], ignore_index=True)
        for name in names
    }


def read_parts(folder: Path) -> Iterator[dict[str, pd.DataFrame]]:
    """Yield the known tables of a folder: ``orders.parquet``, ``orders.csv`` or ``orders/part-0000.parquet`` …

    A company in parts is yielded part by part, each with the tables that all share, so that memory stays
    that of one part: the parts of a simulated company have no user in common.

    Raises:
        CourseError: no such folder, no known table in it, or a file that cannot be read.
    """
    if not folder.is_dir():
        raise CourseError(
            t(
                f"There is no folder {folder}; give one that holds the tables.",
                f"找不到文件夹 {folder}，请指定存放数据表的文件夹。",
            )
        )
    files: dict[str, list[Path]] = {}
    for name in TABLES:
        for path in (
            folder / f"{name}.parquet",
            folder / f"{name}.csv",
            *sorted((folder / name).glob("*.parquet")),
        ):
            if path.is_file():
                files.setdefault(name, []).append(path)
    if not files:
        names = ", ".join(TABLES)
        raise CourseError(
            t(
                f"{folder} holds none of the tables; name the files after them ({names}), as .parquet or .csv.",
                f"{folder} 中没有任何数据表；请以表名命名文件（{names}），格式为 .parquet 或 .csv。",
            )
        )
    number = max(len(paths) for paths in files.values())
    shared = {name: _read(paths[0]) for name, paths in files.items() if len(paths) == 1}
    for part in range(number):
        own = {
            name: _read(paths[part]) for name, paths in files.items() if 1 < len(paths) and part < len(paths)
        }
        yield {
            name: shared[name] if name in shared else own[name]
            for name in files
            if name in shared or name in own
        }


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CourseError(
            t(
                f"{path} cannot be read ({reason}); save it as Parquet or as UTF-8 CSV.",
                f"无法读取 {path}（{reason}），请另存为 Parquet 或 UTF-8 编码的 CSV。",
            )
        ) from error


def read_mapping(path: Path) -> dict[str, dict[str, str]]:
    """Read a column mapping from a JSON file.

    Raises:
        CourseError: the file is not there or is not a mapping of tables to mappings of columns.
    """
    try:
        mapping = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(
            t(
                f"The column mapping {path} cannot be read as JSON: {error}.",
                f"无法将列名映射 {path} 读作 JSON：{error}。",
            )
        ) from error
    if not isinstance(mapping, dict) or not all(isinstance(columns, dict) for columns in mapping.values()):
        raise CourseError(
            t(
                f'The column mapping {path} must look like {{"orders": {{"buyer": "user_id"}}}}.',
                f'列名映射 {path} 应形如 {{"orders": {{"buyer": "user_id"}}}}。',
            )
        )
    return mapping
