"""Ask DuckDB about DataFrames, in a fresh room: only the tables handed in exist there.

A query sees neither the notebook's variables nor any file, so its result is its own work, and the same query
can be asked again about other data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pandas as pd

from userops._language import t
from userops.check import CheckError, frame
from userops.errors import CourseError

# Learners' machines and graders differ in cores; the order of rows must not.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


def ask(query: str, **tables: pd.DataFrame) -> pd.DataFrame:
    """Return the result of one SQL query over the tables, which go by their keyword's name.

    >>> ask("select count(*) as n from t", t=pd.DataFrame({"a": [1, 2]}))
       n
    0  2

    Raises:
        CourseError: DuckDB refuses the query (its own first sentence says why), or it returns no table.
    """
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        try:
            result = connection.execute(query)
            if result.description is None:
                raise CourseError(t("The query returns no table.", "这条查询没有返回表。"))
            return result.df()
        except duckdb.Error as error:
            raise CourseError(_reason(error)) from None


def _reason(error: duckdb.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


_runner: Callable[..., Any] = ask


def set_runner(run: Callable[..., Any]) -> None:
    """Have learners' queries run by ``run(query, **tables)`` from now on: by an autograder, in the learner's process.

    ``run`` returns and raises what ``ask`` does.
    """
    global _runner
    _runner = run


def answer(solution: Any, **tables: pd.DataFrame) -> Any:
    """Return what a learner's answer gives for these tables, be it a query (text) or a function of the tables.

    Raises:
        CheckError: the query does not run, or the answer is neither text nor a function.
        NotImplementedError: the function is still the stub.
    """
    if isinstance(solution, str):
        try:
            return _runner(solution, **tables)
        except CourseError as error:
            raise CheckError(
                t(f"Your query does not run. DuckDB says: {error}", f"查询跑不通。DuckDB 说：{error}")
            ) from None
    if callable(solution):
        return solution(**tables)
    if isinstance(solution, pd.DataFrame):
        raise CheckError(
            t(
                "You handed in a result. Hand in the question: the SQL as text, or a function that takes the tables.",
                "你交的是结果。请交“问法”：SQL 文本，或以表为参数的函数。",
            )
        )
    raise CheckError(
        t(
            "Expected SQL as text, or a function that takes the tables.",
            "这里应是 SQL 文本，或以表为参数的函数。",
        )
    )


def reconcile(left: pd.DataFrame, right: pd.DataFrame) -> str:
    """Say that two tables are equal (rows and columns in any order); money to a tenth of a cent.

    Raises:
        CheckError: they differ; the message says where.
    """
    frame(left, right, tol=0.001)
    n = len(pd.DataFrame(left))
    return t(f"Equal: {n:,} rows, {right.shape[1]} columns.", f"完全一致：{n:,} 行，{right.shape[1]} 列。")
