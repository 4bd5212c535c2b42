"""One column of values, with labels or without."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from userops import check

DAYS = pd.to_datetime(["2025-03-03", "2025-03-04", "2025-03-05"])
DAU = pd.Series([1, 2, 3], index=pd.Index(DAYS, name="day"), name="users")


def refused(function: Any, *args: Any, **kwargs: Any) -> check.CheckError:
    with pytest.raises(check.CheckError) as caught:
        function(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    "got",
    [
        DAU,
        DAU.iloc[::-1],
        DAU.astype("float32"),
        DAU.astype("Int64"),
        DAU.astype("category"),
        DAU.rename(None).rename_axis(None),
        DAU.to_frame(),
        DAU.reset_index(),
        DAU.to_dict(),
        DAU.set_axis([d.date() for d in DAYS]),
        DAU.set_axis(DAYS.to_period("D")),
        DAU.set_axis(DAYS.tz_localize("Asia/Shanghai")),
        DAU.set_axis(DAYS.astype("datetime64[s]")),
        DAU.tolist(),
        DAU.to_numpy(),
        tuple(DAU),
        pd.Index([1, 2, 3]),
        {dt.date(2025, 3, 3): 1, dt.date(2025, 3, 4): 2, dt.date(2025, 3, 5): 3},
        pl.DataFrame({"day": [d.date() for d in DAYS], "n": [1, 2, 3]}),
        pl.Series([1, 2, 3]),
    ],
    ids=lambda v: type(v).__name__,
)
@pytest.mark.parametrize("want", [DAU, [1, 2, 3], DAU.to_dict()], ids=["series", "list", "dict"])
def test_the_same_values_in_any_form(got: object, want: object) -> None:
    check.series(got, want)


def test_a_query_result() -> None:
    rows = "(date '2025-03-04', 2), (date '2025-03-03', 1), (date '2025-03-05', 3)"
    query = duckdb.sql(f"select * from (values {rows}) v(day, n)")
    check.series(query, DAU)
    check.series(query.df(), [1, 2, 3])
    check.series(query.fetchdf().set_index("day")["n"], DAU)


def test_a_list_means_the_order_of_the_sorted_index() -> None:
    check.series(pd.Series([3, 1, 2], index=["c", "a", "b"]), [1, 2, 3])
    refused(check.series, pd.Series([1, 2, 3], index=["c", "a", "b"]), [1, 2, 3])
    check.series([1, 2, 3], pd.Series([3, 1, 2], index=["c", "a", "b"]))


def test_labels_given_beside_a_list() -> None:
    check.series(pd.Series([2, 1], index=["b", "a"]), [1, 2], index=["a", "b"])
    assert "should not be there ('c')" in str(
        refused(check.series, pd.Series([2, 1], index=["c", "a"]), [1, 2], index=["a", "b"])
    )


def test_labels_decide_not_positions() -> None:
    refused(check.series, pd.Series([2, 1], index=["a", "b"]), pd.Series([1, 2], index=["a", "b"]))


def test_row_numbers_line_up_shuffled_rows() -> None:
    want = pd.Series([1.0, 2.0, 3.0])
    check.series(want.sample(frac=1, random_state=1), want)
    refused(check.series, pd.Series([3.0, 2.0, 1.0]), want)


def test_two_levels() -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["channel", "month"])
    want = pd.Series([0.1, 0.2, 0.3], index=index)
    check.series(want.iloc[::-1], want)
    check.series(want.reset_index(name="rate"), want)
    check.series(want.to_dict(), want)
    check.series(want, [0.1, 0.2, 0.3])
    assert "2 level(s); yours has 1" in str(refused(check.series, want.droplevel("month").iloc[[0, 2]], want))


def test_missing_values_agree_in_any_flavour() -> None:
    want = pd.Series([1.0, np.nan], index=["a", "b"])
    check.series(pd.Series([1, None], index=["a", "b"], dtype="Int64"), want)
    check.series(pd.Series([1, pd.NA], index=["a", "b"], dtype=object), want)
    refused(check.series, pd.Series([1.0, 0.0], index=["a", "b"]), want)
    refused(check.series, want, pd.Series([1.0, 0.0], index=["a", "b"]))


def test_text_and_truth_values() -> None:
    want = pd.Series(["x", "y"], index=[1, 2])
    check.series(want.astype("category"), want)
    check.series(want.astype(object), want)
    refused(check.series, pd.Series(["x", "z"], index=[1, 2]), want)
    check.series(pd.Series([1, 0]), pd.Series([True, False]))
    check.series(pd.Series([True, None], dtype="boolean"), [True, None])


def test_months_as_text_accept_months_as_dates() -> None:
    want = pd.Series([1, 2], index=["2025-03", "2025-04"])
    check.series(pd.Series([1, 2], index=pd.PeriodIndex(["2025-03", "2025-04"], freq="M")), want)
    error = refused(check.series, want, pd.Series([1, 2], index=pd.to_datetime(["2025-03-01", "2025-04-01"])))
    assert "labels (index) are of another kind" in str(error)
    assert "dates or times" in str(error)


def test_intervals_as_text() -> None:
    cut = pd.cut(pd.Series([1, 5]), [0, 2, 6])
    check.series(pd.Series([1, 1], index=pd.CategoricalIndex(cut)), {"(0, 2]": 1, "(2, 6]": 1})


def test_durations() -> None:
    want = pd.Series(pd.to_timedelta(["1D", "2D"]))
    check.series([dt.timedelta(days=1), np.timedelta64(2, "D")], want)
    assert "durations" in str(refused(check.series, pd.Series([1, 2]), want))


def test_tolerance() -> None:
    check.series([1.04, 2.0], [1.0, 2.0], tol=0.05)
    refused(check.series, [1.06, 2.0], [1.0, 2.0], tol=0.05)


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (DAU.iloc[:0], "empty"),
        (DAU.iloc[:2], "1 more is missing"),
        (pd.concat([DAU, DAU.iloc[[0]]]), "2025-03-03 appears again"),
        (DAU.set_axis(DAYS + pd.Timedelta("1D")), "1 should not be there (2025-03-06)"),
        (DAU.add([0, 5, 0]), "1 of 3 values differ. For instance, at 2025-03-04 you have 7"),
        (DAU.astype(str), "expected numbers, got text"),
        (DAU.set_axis(["a", "b", "c"]), "labels (index) are of another kind"),
        ([1, 2], "2 values; some are missing"),
        ([1, 2, 3, 4], "4 values; that is too many"),
        ([1, 2, 4], "1 of 3 values differ"),
        ([], "empty"),
        (5, "the number 5"),
        ("abc", "the text 'abc'"),
        ({1, 2, 3}, "a set of 3 values"),
        (pd.DataFrame({"a": [1], "b": [2], "c": [3]}), "a DataFrame of 1 row with the columns a, b, c"),
        (pd.DataFrame({"g": ["a"], "n": [1]}).groupby("g"), "groups that are not summed up"),
        (pl.LazyFrame({"a": [1]}), ".collect()"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_wrong_series_is_told_where(got: object, said: str) -> None:
    assert said in str(refused(check.series, got, DAU))


def test_the_right_values_are_never_printed() -> None:
    want = pd.Series([987654, 876543], index=["a", "b"])
    for got in (pd.Series([1, 876543], index=["a", "b"]), [1, 2], pd.Series([1], index=["a"]), None, "x"):
        assert "987654" not in str(refused(check.series, got, want)).replace(",", "")


def test_misconceptions() -> None:
    wrong = {"events": ([3, 1, 1], "Events."), "shifted": (lambda got: got.index[0] > DAYS[0], "Shifted.")}
    assert refused(check.series, pd.Series([3, 1, 1], index=DAYS), DAU, wrong=wrong).misconception == "events"
    later = DAU.set_axis(DAYS + pd.Timedelta("1D"))
    assert refused(check.series, later, DAU, wrong=wrong).misconception == "shifted"
    assert refused(check.series, [9, 9, 9], DAU, wrong=wrong).misconception is None


def test_order_and_names_where_asked() -> None:
    check.series(DAU, DAU, order=True, names=True)
    assert "not in the order" in str(refused(check.series, DAU.iloc[::-1], DAU, order=True))
    assert "named 'users'" in str(refused(check.series, DAU.rename("n"), DAU, names=True))
    assert "named 'day'" in str(refused(check.series, DAU.rename_axis("date"), DAU, names=True))
    refused(check.series, [3, 2, 1], [1, 2, 3], order=True)


def test_labels_that_repeat_on_both_sides() -> None:
    want = pd.Series([1, 2, 3], index=["a", "a", "b"])
    check.series(want, want)
    refused(check.series, pd.Series([1, 2, 4], index=["a", "a", "b"]), want)
    refused(check.series, pd.Series([1, 2, 3], index=["a", "b", "b"]), want)
    refused(check.series, pd.Series([1, 2], index=["a", "b"]), want)


def test_big_series_are_quick_and_told_shortly() -> None:
    want = pd.Series(np.arange(300_000.0), index=np.arange(300_000) + 5)
    check.series(want.sample(frac=1, random_state=1), want)
    assert len(str(refused(check.series, want + 1, want))) < 300


# --- mapping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "got",
    [
        {"a": 1, "b": 0.5},
        {"b": 0.5, "a": 1.0},
        pd.Series({"a": 1, "b": 0.5}),
        [("a", 1), ("b", 0.5)],
        pd.DataFrame({"k": ["a", "b"], "v": [1, 0.5]}),
        {"a": np.float32(1), "b": np.float64(0.5)},
    ],
    ids=lambda v: type(v).__name__,
)
def test_mapping_in_any_form(got: object) -> None:
    check.mapping(got, {"a": 1, "b": 0.5})
    check.mapping(got, pd.Series({"a": 1, "b": 0.5}))


def test_wrong_mappings() -> None:
    want = {"dau": 3, "mau": 30}
    assert "at 'mau' you have 90" in str(refused(check.mapping, {"dau": 3, "mau": 90}, want))
    assert "1 more is missing" in str(refused(check.mapping, {"dau": 3}, want))
    assert "'wau'" in str(refused(check.mapping, {"dau": 3, "mau": 30, "wau": 9}, want))
    assert "label for each value" in str(refused(check.mapping, [3, 30], want))
    assert "label for each value" in str(refused(check.mapping, pd.Series([3, 30]), want))
    assert "empty" in str(refused(check.mapping, {}, want))
    error = refused(
        check.mapping, {"dau": 3, "mau": 90}, want, wrong={"sum": ({"dau": 3, "mau": 90}, "Sum.")}
    )
    assert error.misconception == "sum"


def test_mapping_values_of_mixed_kinds() -> None:
    want = {"n": 3, "name": "organic", "day": pd.Timestamp("2025-01-01"), "ok": True}
    check.mapping({"n": 3.0, "name": "organic", "day": dt.date(2025, 1, 1), "ok": np.True_}, want)
    assert "at 'name'" in str(
        refused(check.mapping, {"n": 3, "name": "x", "day": dt.date(2025, 1, 1), "ok": True}, want)
    )
