"""Tables: form never costs, content does."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from userops import check, use_language

WANT = pd.DataFrame(
    {
        "channel": ["kol", "organic", "referral"],
        "day": pd.to_datetime(["2025-03-03", "2025-03-03", "2025-03-04"]),
        "users": [10, 20, 30],
        "rate": [0.1, 0.25, np.nan],
    }
)


def refused(function: Any, *args: Any, **kwargs: Any) -> check.CheckError:
    with pytest.raises(check.CheckError) as caught:
        function(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    "got",
    [
        WANT,
        WANT.iloc[::-1],
        WANT[["rate", "users", "day", "channel"]],
        WANT.set_index("channel"),
        WANT.set_index(["day", "channel"]),
        WANT.set_axis([7, 3, 5]),
        WANT.assign(extra=1),
        WANT.astype({"users": "float64", "rate": "float32", "channel": "category"}),
        WANT.astype({"users": "Int16", "channel": object, "day": "datetime64[ns]"}),
        WANT.assign(rate=WANT["rate"] + 1e-10),
        WANT.assign(rate=[0.1, 0.25, None]).astype({"rate": object}),
        WANT.assign(day=[d.date() for d in WANT["day"]]),
        WANT.assign(day=WANT["day"].dt.to_period("D")),
        WANT.convert_dtypes(),
        WANT.to_dict("records"),
        WANT.to_dict("list"),
        WANT.to_records(index=False),
        pl.from_dicts(WANT.to_dict("records")),
        WANT.rename(columns={"users": "Users"}),
    ],
    ids=lambda v: type(v).__name__,
)
@pytest.mark.parametrize("keys", [None, "channel", ["day", "channel"]], ids=str)
def test_the_same_table_in_any_form(got: object, keys: Any) -> None:
    check.frame(got, WANT, keys=keys)


def test_a_query_result() -> None:
    query = duckdb.from_df(WANT).order("users desc")
    check.frame(query, WANT)
    check.frame(query.pl(), WANT, keys="channel")
    check.frame(query.to_arrow_table(), WANT)


def test_a_named_index_is_a_column() -> None:
    want = WANT.set_index("channel")
    check.frame(WANT, want)
    check.frame(want.rename_axis(None), want)
    check.frame(
        WANT.pivot_table(index="channel", columns="day", values="users"),
        WANT.pivot_table(index="channel", columns="day", values="users").iloc[:, ::-1],
    )


def test_column_labels_agree_as_numbers_text_or_dates() -> None:
    want = pd.DataFrame({"cohort": ["a", "b"], 0: [1.0, 1.0], 1: [0.5, 0.4]})
    check.frame(want.rename(columns=str), want)
    check.frame(want.rename(columns={0: 0.0, 1: 1.0}), want)
    check.frame(want.rename(columns=str).set_index("cohort"), want.set_index("cohort"))
    months = pd.DataFrame({"c": ["a"], pd.Timestamp("2025-03-01"): [1]})
    check.frame(months.rename(columns={pd.Timestamp("2025-03-01"): pd.Period("2025-03", "M")}), months)


def test_a_series_stands_for_a_table_where_that_is_clear() -> None:
    want = pd.DataFrame({"channel": ["a", "b"], "users": [1, 2]})
    check.frame(pd.Series([2, 1], index=["b", "a"]), want)
    check.frame(pd.Series([2, 1], index=pd.Index(["b", "a"], name="channel"), name="users"), want)
    assert "a Series of 3 values" in str(refused(check.frame, pd.Series([1, 2, 3]), WANT))


def test_plain_rows_take_the_wanted_names() -> None:
    check.frame([["a", 1], ["b", 2]], pd.DataFrame({"k": ["a", "b"], "n": [1, 2]}))
    check.frame(np.array([[1, 2], [3, 4]]), pd.DataFrame({"k": [1, 3], "n": [2, 4]}))
    check.frame({"k": "a", "n": 1}, pd.DataFrame({"k": ["a"], "n": [1]}))
    check.frame([], pd.DataFrame({"k": [], "n": []}))


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (WANT.drop(columns=["users", "rate"]), "lacks the column(s) `users`, `rate`. It has: channel, day"),
        (WANT.iloc[:0], "no rows"),
        (WANT.iloc[:2], "1 more is missing"),
        (
            pd.concat([WANT, WANT.iloc[[0]]]),
            "One row is expected for each `channel`; channel = 'kol' has more",
        ),
        (pd.concat([WANT, WANT.iloc[[0]].assign(channel="tv")]), "1 should not be there (channel = 'tv')"),
        (
            WANT.assign(users=[10, 21, 31]),
            "Column `users` differs in 2 of 3 rows. You have: channel = 'organic': 21",
        ),
        (WANT.assign(rate=[0.1, 0.25, 0.0]), "Column `rate` differs in 1 of 3 rows"),
        (WANT.assign(rate=[0.1, np.nan, np.nan]), "channel = 'organic': NaN"),
        (WANT.assign(users=["10", "20", "30"]), "Column `users`: expected numbers, got text"),
        (
            WANT.assign(day=["2025-03-03", "2025-03-03", "2025-03-04"]),
            "Column `day`: expected dates or times",
        ),
        ([1, 2, 3], "a list of 3 values"),
        ("table", "the text 'table'"),
        (pl.LazyFrame({"a": [1]}), ".collect()"),
        (WANT.groupby("channel"), "groups that are not summed up"),
        ({}, "a dict of 0 entries"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_a_wrong_table_is_told_where(got: object, said: str) -> None:
    assert said in str(refused(check.frame, got, WANT))


def test_at_most_three_rows_are_shown_and_no_right_value() -> None:
    want = pd.DataFrame({"k": range(50), "n": range(1000, 1050)})
    said = str(refused(check.frame, want.assign(n=-1), want))
    assert said.count("k = ") == 3
    assert "10" not in said.replace("50 of 50", "")


def test_only_the_named_columns_count() -> None:
    check.frame(WANT.assign(rate=0.0), WANT, columns=["users"], keys="channel")
    refused(check.frame, WANT.assign(users=0), WANT, columns=["users"], keys="channel")


def test_order_where_asked() -> None:
    check.frame(WANT, WANT, order=True)
    assert "not in the order" in str(refused(check.frame, WANT.iloc[::-1], WANT, order=True))
    assert "differs in 1 of 3" in str(refused(check.frame, WANT.assign(users=[10, 20, 31]), WANT, order=True))
    assert "too many" in str(refused(check.frame, pd.concat([WANT, WANT]), WANT, order=True))
    assert "some are missing" in str(refused(check.frame, WANT.iloc[:1], WANT, order=True))


def test_tables_without_a_key_are_bags_of_rows() -> None:
    want = pd.DataFrame({"g": ["a", "a", "a", "b"], "x": [0.1, 0.2, 0.2, 0.1], "y": [2.5, 1.5, 0.5, 0.5]})
    check.frame(want.sample(frac=1, random_state=3), want)
    noisy = want.assign(x=want["x"] + [0, 1e-9, -1e-9, 0])
    check.frame(noisy.iloc[[2, 1, 0, 3]], want)
    refused(check.frame, want.assign(y=[2.5, 1.5, 0.6, 0.5]), want)
    refused(check.frame, want.assign(g=["a", "a", "b", "b"]), want)
    assert "some are missing" in str(refused(check.frame, want.iloc[:3], want))
    assert "too many" in str(refused(check.frame, pd.concat([want, want]), want))
    exact = pd.DataFrame({"g": ["a", "a"], "n": [1, 1]})
    check.frame(exact, exact)
    refused(check.frame, exact.assign(n=[1, 2]), exact)


def test_numbers_without_a_key_and_a_tolerance() -> None:
    want = pd.DataFrame({"x": [1.5, 1.5, 2.5], "y": [1.5, 0.5, 0.5]})
    check.frame((want + 0.01).iloc[[2, 0, 1]], want, tol=0.02)
    refused(check.frame, want + 0.03, want, tol=0.02)


def test_misconceptions() -> None:
    wrong = {
        "fanout": (WANT.assign(users=[20, 40, 60]), "The join doubled the rows."),
        "wide": (lambda got: len(got.columns) > 8, "Too wide."),
    }
    doubled = WANT.assign(users=[20, 40, 60]).iloc[::-1]
    assert refused(check.frame, doubled, WANT, wrong=wrong).misconception == "fanout"
    wide = WANT.assign(users=0, **{f"c{i}": 0 for i in range(9)})
    assert refused(check.frame, wide, WANT, wrong=wrong).misconception == "wide"
    other = refused(check.frame, WANT.assign(users=0), WANT, wrong=wrong, hint="Look at the join.")
    assert other.misconception is None
    assert str(other).endswith("Look at the join.")


def test_author_mistakes_are_not_blamed_on_the_learner() -> None:
    with pytest.raises(ValueError, match="no column 'nope'"):
        check.frame(WANT, WANT, keys="nope")
    with pytest.raises(ValueError, match="do not name the rows"):
        check.frame(WANT, WANT, keys="day")


def test_an_empty_table_wanted() -> None:
    check.frame(WANT.iloc[:0], WANT.iloc[:0])
    check.frame(pd.DataFrame(columns=WANT.columns), WANT.iloc[:0])
    assert "should not be there" in str(refused(check.frame, WANT, WANT.iloc[:0]))


def test_duplicate_and_strange_columns() -> None:
    double = pd.concat([WANT, WANT["users"]], axis=1)
    check.frame(double, WANT)
    wide = WANT.pivot_table(index="channel", columns="day", values=["users"])
    check.frame(wide, wide)
    flat = wide.copy()
    flat.columns = [f"{a}_{b.date()}" for a, b in wide.columns]
    check.frame(flat, wide)


def test_chinese_names_and_values() -> None:
    want = pd.DataFrame({"城市": ["杭州", "成都"], "用户数": [1, 2]})
    check.frame(want.iloc[::-1], want)
    use_language("zh")
    said = str(refused(check.frame, want.assign(用户数=[1, 3]), want))
    assert said == "列 `用户数` 在 2 行里有 1 行不对。你的值：城市 = “成都”: 3。"
    assert "缺少列 `用户数`" in str(refused(check.frame, want[["城市"]], want))


def test_big_tables_are_told_shortly() -> None:
    want = pd.DataFrame(
        {"user_id": range(200_000), "day": dt.date(2025, 1, 1), "n": np.arange(200_000) * 1.5}
    )
    check.frame(want.sample(frac=1, random_state=0), want, keys="user_id")
    assert len(str(refused(check.frame, want.assign(n=0), want))) < 300
