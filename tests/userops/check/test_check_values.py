"""Single values and plain collections: what passes, what each slip is told."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from userops import check, use_language


def refused(function: Any, *args: Any, **kwargs: Any) -> check.CheckError:
    with pytest.raises(check.CheckError) as caught:
        function(*args, **kwargs)
    return caught.value


# --- number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "got",
    [
        12.5,
        np.float64(12.5),
        np.float32(12.5),
        Decimal("12.5"),
        Fraction(25, 2),
        12.5 + 1e-9,
        [12.5],
        np.array([12.5]),
        np.array(12.5),
        np.array([[12.5]]),
        pd.Series([12.5]),
        pd.DataFrame({"x": [12.5]}),
        pl.Series([12.5]),
        pl.DataFrame({"x": [12.5]}),
        {"mean": 12.5},
    ],
    ids=lambda v: type(v).__module__.split(".")[0] + "." + type(v).__name__,
)
def test_one_number_in_any_wrapping(got: object) -> None:
    check.number(got, 12.5)


@pytest.mark.parametrize("got", [3, 3.0, np.int8(3), np.uint64(3), 3 + 1e-9])
def test_a_whole_number_in_any_type(got: object) -> None:
    check.number(got, 3)


def test_whole_numbers_are_exact_however_large() -> None:
    check.number(20_000_000, 20_000_000)
    refused(check.number, 20_000_001, 20_000_000)


@pytest.mark.parametrize("got", [float("nan"), None, pd.NA, np.nan])
def test_missing_is_missing(got: object) -> None:
    check.number(got, float("nan"))


def test_a_number_where_nothing_can_be_computed() -> None:
    assert "right answer is a missing value" in str(refused(check.number, 0.0, float("nan")))


def test_tolerance_is_absolute_and_includes_its_edge() -> None:
    check.number(12.35, 12.3, tol=0.05)
    refused(check.number, 12.36, 12.3, tol=0.05)
    check.number(6, 5, tol=1)


def test_a_misconception_gets_its_own_message_and_is_logged() -> None:
    wrong = {"events": (30, "You counted events."), "double": (20, "Twice.")}
    error = refused(check.number, 30, 10, wrong=wrong)
    assert (str(error), error.misconception, error.state) == ("You counted events.", "events", "not_yet")
    assert check.misconceptions_met() == ["events"]


def test_a_wrong_value_that_happens_to_be_right_is_right() -> None:
    check.number(10, 10, wrong={"events": (10, "never")})
    assert check.misconceptions_met() == []


def test_a_misconception_may_be_a_predicate() -> None:
    wrong = {"negative": (lambda got: got < 0, "A count is never negative.")}
    assert refused(check.number, -4, 10, wrong=wrong).misconception == "negative"
    assert refused(check.number, "x", 10, wrong=wrong).misconception is None


def test_even_none_can_be_a_known_mistake() -> None:
    wrong = {"printed": (lambda got: got is None, "print() returns nothing.")}
    assert refused(check.number, None, 10, wrong=wrong).misconception == "printed"


@pytest.mark.parametrize(
    ("got", "want", "said"),
    [
        (12.3, 0.123, "percentage"),
        (0.123, 12.3, "is a fraction"),
        (0.5, 50.0, "is a fraction"),
        (-0.2, 0.2, "sign"),
        (0.12, 0.123, "rounded"),
        (36, 35.6, "rounded"),
        (500, 5, "Expected another number"),
        (1, 2, "Expected another number"),
        (float("nan"), 2.0, "missing (NaN)"),
        ("12.5", 12.5, "the text '12.5'"),
        ("12.5%", 12.5, "% signs"),
        (True, 1, "the truth value True"),
        ([1, 2], 3, "a list of 2 values"),
        (pd.Series([1, 2]), 3, "a Series of 2 values"),
        (pd.DataFrame({"a": [1, 2]}), 3, "a DataFrame of 2 rows with the columns a"),
        ({"a": 1, "b": 2}, 3, "a dict of 2 entries"),
        (pd.Timestamp("2025-01-01"), 3, "the time 2025-01-01"),
        (pd.Timedelta("1D"), 3, "the duration"),
        (np.zeros((2, 3)), 3, "an array of 2 × 3 values"),
        (float("inf"), 3, "yours is inf"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_wrong_number_is_told_what_kind_of_slip(got: object, want: float, said: str) -> None:
    assert said in str(refused(check.number, got, want))


def test_the_hint_follows_the_generic_message() -> None:
    error = refused(check.number, 4, 5, hint="Count people.")
    assert str(error).endswith("\nCount people.")
    assert "Count" not in str(refused(check.number, 4, 5, wrong={"a": (4, "A.")}, hint="Count people."))


def test_a_test_that_wants_no_number_is_the_authors_mistake() -> None:
    with pytest.raises(TypeError, match="wants a number"):
        check.number(3, "three")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"wrong\['a'\]"):
        check.number(3, 4, wrong={"a": 3})  # type: ignore[dict-item]


def test_messages_follow_the_language() -> None:
    use_language("zh")
    assert "百分数" in str(refused(check.number, 12.3, 0.123))
    assert "文本“12.5”" in str(refused(check.number, "12.5", 12.5))
    assert "没有返回" in str(refused(check.number, None, 3)) or "什么都没有返回" in str(
        refused(check.number, None, 3)
    )


# --- text, choice -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "got", ["marketing", " Marketing ", "ＭＡＲＫＥＴＩＮＧ", "marketing.", ["marketing"]]
)
def test_text_is_tolerant_of_its_form(got: object) -> None:
    check.text(got, "marketing")


def test_several_texts_can_be_right() -> None:
    check.text("short_video", {"short video", "短视频"})
    check.text("短视频", {"short video", "短视频"})
    check.text("short-video", {"short video", "短视频"})


@pytest.mark.parametrize(
    ("got", "said"),
    [
        ("sales", "'sales' is not it"),
        ("", "empty"),
        ("  ", "empty"),
        (3, "Expected a text"),
        (["a", "b"], "list"),
    ],
)
def test_a_wrong_text(got: object, said: str) -> None:
    error = refused(check.text, got, "marketing")
    assert said in str(error)
    assert "marketing" not in str(error)


def test_a_wrong_text_can_be_known() -> None:
    wrong = {"last_click": ({"search ads", "search"}, "Last click flatters search.")}
    assert refused(check.text, "Search_ads", "referral", wrong=wrong).misconception == "last_click"


def test_choice() -> None:
    options = ["ship", "stop", "extend"]
    check.choice("Ship", "ship", options)
    check.choice("stop", {"stop", "extend"}, options)
    check.choice(2, 2, [1, 2, 3])
    assert "Choose one of 'ship', 'stop', 'extend'; you handed in the text 'go'" in str(
        refused(check.choice, "go", "ship", options)
    )
    error = refused(check.choice, "stop", "ship", options)
    assert "'stop' does not fit" in str(error)
    assert "ship" not in str(error)
    assert refused(check.choice, "stop", "ship", options, wrong={"p": ("stop", "p?")}).misconception == "p"
    with pytest.raises(ValueError, match="not among the options"):
        check.choice("a", "b", ["a", "c"])


def test_true_is_no_choice_of_one() -> None:
    refused(check.choice, True, 1, [1, 2])


# --- items --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "got",
    [
        [3, 1, 2],
        (1, 2, 3),
        {1, 2, 3},
        range(1, 4),
        np.array([1.0, 2.0, 3.0]),
        pd.Series([2, 3, 1]),
        pd.Index([2, 3, 1]),
        pd.array([1, 2, 3], dtype="Int64"),
        pl.Series([3, 2, 1]),
        pd.DataFrame({"user_id": [3, 2, 1]}),
        {1: "a", 2: "b", 3: "c"}.keys(),
        pd.Series([1, 2, 3], dtype="category"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_items_in_any_collection(got: object) -> None:
    check.items(got, [1, 2, 3])


def test_items_of_other_kinds() -> None:
    check.items(["a", "b"], {"b", "a"})
    check.items([pd.Timestamp("2025-01-01")], [np.datetime64("2025-01-01")])
    check.items([("a", 1)], [["a", 1]])
    check.items([0.1 + 0.2], [0.3])
    check.items([None, "a"], ["a", np.nan])


@pytest.mark.parametrize(
    ("got", "want", "said"),
    [
        ([1, 2], [1, 2, 3], "some are missing"),
        ([1, 2, 3, 4], [1, 2, 3], "1 of yours does not belong (4)"),
        ([1, 1, 2, 3], [1, 2, 3], "more than once"),
        ([1, 2, 2, 3], [1, 1, 2, 3], "too often or too seldom"),
        (["1", "2"], [1, 2], "another kind of item"),
        ([], [1], "empty"),
        ("abc", ["a"], "the text 'abc'"),
        ({"a": 1}, ["a"], "a dict"),
        ([[1], [2]], [1, 2], "another kind"),
        ([{"a": 1}], [1], "single values"),
        (3, [3], "the number 3"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_wrong_items(got: object, want: list[Any], said: str) -> None:
    assert said in str(refused(check.items, got, want))


def test_missing_items_are_never_named() -> None:
    assert "Chengdu" not in str(refused(check.items, ["Hangzhou"], ["Hangzhou", "Chengdu"]))


def test_the_order_of_items_matters_only_if_asked() -> None:
    check.items([2, 1], [1, 2])
    check.items([1, 2], [1, 2], order=True)
    assert "not in the order" in str(refused(check.items, [2, 1], [1, 2], order=True))
    check.items([0.1 + 0.2, 1.5], [0.3, 1.5], order=True)


def test_a_set_has_no_duplicates_to_find() -> None:
    check.items([1, 1, 2], {1, 2})


def test_known_wrong_items() -> None:
    wrong = {"revenue": (["a", "c"], "By profit, not by revenue.")}
    assert refused(check.items, ["c", "a"], ["a", "b"], wrong=wrong).misconception == "revenue"
