"""Asking DuckDB in a fresh room, and taking a learner's answer as a query or a function."""

from __future__ import annotations

import pandas as pd
import pytest

from userops import check, use_language
from userops.errors import CourseError
from userops.sql import answer, ask, reconcile

TABLE = pd.DataFrame({"a": [1, 2, 2], "b": pd.array([1, None, 3], dtype="Int64")})


def test_a_query_sees_the_tables_that_are_handed_in() -> None:
    counted = ask("select count(*) as n, count(b) as known from t", t=TABLE)
    assert counted.to_dict("records") == [{"n": 3, "known": 2}]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select * from TABLE_OF_THE_CALLER", "does not exist"),
        ("selec 1", "syntax error"),
        ("select * from read_csv('pyproject.toml')", "disabled"),
        ("copy (select 1) to 'out.csv'", "disabled"),
    ],
)
def test_the_room_holds_nothing_else(query: str, said: str) -> None:
    TABLE_OF_THE_CALLER = TABLE  # noqa: F841 - DuckDB would find it, were it allowed to look
    with pytest.raises(CourseError, match=said):
        ask(query)


def test_an_answer_is_a_query_or_a_function() -> None:
    by_sql = answer("select a, count(*) as n from t group by a", t=TABLE)
    by_function = answer(lambda t: t.groupby("a").size().rename("n").reset_index(), t=TABLE)
    assert reconcile(by_sql, by_function).startswith("Equal: 2 rows")


@pytest.mark.parametrize("solution", [TABLE, 7, None, "select nonsense from t"])
def test_anything_else_is_told_what_is_expected(solution: object) -> None:
    with pytest.raises(check.CheckError):
        answer(solution, t=TABLE)


def test_a_stub_stays_not_attempted() -> None:
    def stub(t: pd.DataFrame) -> pd.DataFrame:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        answer(stub, t=TABLE)


def test_reconcile_says_where_tables_differ() -> None:
    with pytest.raises(check.CheckError):
        reconcile(TABLE, TABLE.assign(a=[1, 2, 3]))


def test_the_sentence_is_in_the_language_in_force() -> None:
    use_language("zh")
    try:
        assert "完全一致" in reconcile(TABLE, TABLE)
    finally:
        use_language("en")
