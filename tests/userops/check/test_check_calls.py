"""Checks that call the learner's function."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from userops import check
from userops.errors import CourseError

EVENTS = pd.DataFrame({"day": ["a", "a", "a", "b"], "user_id": [1, 1, 2, 1]})


def dau(events: pd.DataFrame) -> pd.Series:
    return events.groupby("day")["user_id"].nunique()


def count(events: pd.DataFrame) -> pd.Series:
    return events.groupby("day").size()


def refused(function: Any, *args: Any, **kwargs: Any) -> check.CheckError:
    with pytest.raises(check.CheckError) as caught:
        function(*args, **kwargs)
    return caught.value


# --- same ---------------------------------------------------------------------------------------------


def loop(events: pd.DataFrame) -> dict[str, int]:
    seen: dict[str, set[int]] = {}
    for row in events.itertuples():
        seen.setdefault(row.day, set()).add(row.user_id)
    return {day: len(users) for day, users in seen.items()}


def test_the_same_function_in_another_style() -> None:
    check.same(loop, dau, EVENTS, (EVENTS.iloc[:2],), EVENTS.iloc[:0])


@pytest.mark.parametrize(
    ("right", "same", "other"),
    [
        (lambda x: x / 2, lambda x: np.float32(x / 2), lambda x: x),
        (lambda x: f"tier {x}", lambda x: f"Tier {x}", lambda x: "tier"),
        (lambda x: [x, x + 1], lambda x: np.array([x, x + 1]), lambda x: [x]),
        (lambda x: ["a", "b"], lambda x: {"b", "a"}, lambda x: ["a"]),
        (lambda x: {"a", x}, lambda x: [x, "a"], lambda x: ["a"]),
        (lambda x: {"n": x}, lambda x: pd.Series({"n": x}), lambda x: {"n": 0}),
        (lambda x: {"n": [x]}, lambda x: pd.DataFrame({"n": [x]}), lambda x: {"n": [0]}),
        (lambda x: {}, lambda x: {}, lambda x: {"a": 1}),
        (lambda x: [{"n": x}], lambda x: pd.DataFrame({"n": [x]}), lambda x: [{"n": 0}]),
        (lambda x: np.eye(2), lambda x: [[1, 0], [0, 1]], lambda x: np.zeros((2, 2))),
        (lambda x: pd.DataFrame({"n": [x]}), lambda x: [{"n": x}], lambda x: pd.DataFrame({"n": [0]})),
        (lambda x: True, lambda x: np.True_, lambda x: False),
        (lambda x: pd.Timestamp("2025-01-01"), lambda x: np.datetime64("2025-01-01"), lambda x: x),
        (lambda x: None, lambda x: float("nan"), lambda x: 0),
    ],
)
def test_results_are_compared_by_their_kind(right: Any, same: Any, other: Any) -> None:
    check.same(same, right, 3)
    refused(check.same, other, right, 3)


def test_the_misconception_of_a_function() -> None:
    wrong = {"events": (count, "You counted events."), "broken": (lambda e: 1 / 0, "never")}
    error = refused(check.same, count, dau, EVENTS, wrong=wrong)
    assert (error.misconception, str(error)) == ("events", "You counted events.")
    assert check.misconceptions_met() == ["events"]
    assert refused(check.same, lambda e: dau(e) + 1, dau, EVENTS, wrong=wrong).misconception is None


def test_the_wrong_idea_that_explains_every_failure_wins() -> None:
    first = {"floor": (lambda x: int(x), "Floor."), "trunc": (lambda x: x // 1, "Trunc.")}
    error = refused(check.same, lambda x: x // 1, round, 1.7, -1.3, wrong=first)
    assert error.misconception == "trunc"
    assert check.misconceptions_met() == ["trunc"]


def test_a_wrong_idea_that_is_right_here_explains_nothing() -> None:
    wrong = {"same": (dau, "never")}
    assert refused(check.same, count, dau, EVENTS, wrong=wrong).misconception is None


def test_the_arguments_are_copies() -> None:
    def spoil(events: pd.DataFrame) -> pd.Series:
        result = dau(events)
        events["user_id"] = 0
        return result

    before = EVENTS.copy()
    check.same(spoil, dau, EVENTS, EVENTS)
    pd.testing.assert_frame_equal(before, EVENTS)


def test_options_reach_the_comparison() -> None:
    check.same(lambda x: x + 0.01, lambda x: x, 1.5, tol=0.02)
    refused(check.same, lambda x: x[::-1], lambda x: x, ([1.0, 2.0],), order=True)
    check.same(
        lambda: pd.DataFrame({"k": [1], "n": [1], "m": [9]}),
        lambda: pd.DataFrame({"k": [1], "n": [1], "m": [2]}),
        (),
        keys="k",
        columns=["n"],
    )
    assert str(refused(check.same, lambda x: 0, lambda x: 5, 1, hint="Think.")).endswith("Think.")


def test_what_is_no_function() -> None:
    assert "Was it overwritten" in str(refused(check.same, pd.Series([1]), dau, EVENTS))
    assert refused(check.same, ..., dau, EVENTS).state == "not_attempted"
    with pytest.raises(ValueError, match="at least one set"):
        check.same(dau, dau)


def test_a_stub_is_not_attempted() -> None:
    def stub(events: pd.DataFrame) -> None:
        raise NotImplementedError

    for call in (
        lambda: check.same(stub, dau, EVENTS),
        lambda: check.unchanged(stub, EVENTS),
        lambda: check.raises(ValueError, stub, 1),
    ):
        assert refused(call).state == "not_attempted"


def test_an_error_in_the_function_is_told_with_its_type_and_message() -> None:
    def crash(events: pd.DataFrame) -> pd.Series:
        return events["users"]

    said = str(refused(check.same, crash, dau, EVENTS))
    assert said.startswith("`crash` stopped with KeyError: 'users'")
    assert "cannot be called as the exercise says" in str(refused(check.same, lambda: 1, dau, EVENTS))

    class Silent(Exception):
        def __str__(self) -> str:
            raise ValueError

    def silent(events: pd.DataFrame) -> None:
        raise Silent

    assert "stopped with Silent." in str(refused(check.same, silent, dau, EVENTS))

    def long(events: pd.DataFrame) -> None:
        raise ValueError("x" * 5000)

    assert len(str(refused(check.same, long, dau, EVENTS))) < 300


def test_a_stand_in_that_is_only_callable() -> None:
    class Remote:
        def __call__(self, *args: Any) -> Any:
            return loop(*args)

    check.same(Remote(), dau, EVENTS)
    check.unchanged(Remote(), EVENTS)


def test_a_stand_in_that_rebuilds_the_learners_error() -> None:
    class Remote:
        def __init__(self, error: str) -> None:
            self.error = error

        def __getattr__(self, name: str) -> Any:
            raise ConnectionError(name)

        def __call__(self, *args: Any) -> Any:
            raise type(self.error, (Exception,), {})("from afar")

    assert refused(check.same, Remote("NotImplementedError"), dau, EVENTS).state == "not_attempted"
    said = str(refused(check.same, Remote("KeyError"), dau, EVENTS))
    assert said.startswith("Your code stopped with KeyError: from afar")
    assert "Call it: `f(...)`" in str(refused(check.number, Remote("x"), 3))


def test_a_function_that_quits() -> None:
    assert "stopped with SystemExit" in str(refused(check.same, lambda e: sys.exit("bye"), dau, EVENTS))


# --- empty --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [EVENTS.iloc[:0], dau(EVENTS.iloc[:0]), [], {}, (), set(), np.array([]), pd.Index([])]
)
def test_empty(value: object) -> None:
    check.empty(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (EVENTS, "a DataFrame of 4 rows"),
        ([0], "a list of 1 value."),
        (0, "the number 0"),
        (None, "None"),
        ("", "the text ''"),
        (float("nan"), "a missing value"),
        (dau, "Call it: `dau(...)`"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_not_empty(value: object, said: str) -> None:
    assert said in str(refused(check.empty, value))


# --- unchanged ----------------------------------------------------------------------------------------


def test_unchanged() -> None:
    check.unchanged(dau, EVENTS)
    check.unchanged(lambda e: e.assign(x=1), EVENTS)
    check.unchanged(lambda d, k=None: None, {"a": [1, float("nan")]}, k=np.array([1.0, np.nan]))
    check.unchanged(lambda s: None, object())


def _spoil_column(events: pd.DataFrame) -> None:
    events["x"] = 1


def _spoil_values(events: pd.DataFrame) -> None:
    events["user_id"] = 0


@pytest.mark.parametrize(
    ("spoil", "value", "said"),
    [
        (_spoil_column, EVENTS, "column `x` added"),
        (lambda e: e.drop(columns="day", inplace=True), EVENTS, "column `day` removed"),
        (_spoil_values, EVENTS, "column `user_id`"),
        (lambda e: e.drop(index=0, inplace=True), EVENTS, "4 rows became 3"),
        (lambda e: e.sort_values("user_id", ascending=False, inplace=True), EVENTS, "the order of its rows"),
        (
            lambda e: e.set_axis([9, 8, 7, 6]).index is not None and setattr(e, "index", [9, 8, 7, 6]),
            EVENTS,
            "the order of its rows",
        ),
        (lambda s: s.sort_index(ascending=False, inplace=True), pd.Series([1, 2]), "its values"),
        (lambda a: a.sort(), np.array([2, 1]), "its values"),
        (lambda x: x.append(1), [1], "its length"),
        (lambda x: x.sort(), [2, 1], "its value"),
        (lambda d: d.update(b=1), {"a": 1}, "its keys"),
        (lambda d: d["a"].append(1), {"a": [1]}, "its length"),
        (lambda x: x.add(3), {1, 2}, "its value"),
    ],
)
def test_a_change_is_named(spoil: Any, value: Any, said: str) -> None:
    error = refused(check.unchanged, spoil, value)
    assert f"({said}" in str(error)


def test_the_tests_own_table_stays_as_it_was() -> None:
    table = EVENTS.copy()
    refused(check.unchanged, _spoil_column, table)
    pd.testing.assert_frame_equal(table, EVENTS)


# --- raises -------------------------------------------------------------------------------------------


def test_raises() -> None:
    def refuse(x: int) -> int:
        if x < 0:
            raise CourseError("no")
        return x

    check.raises(CourseError, refuse, -1)
    check.raises(Exception, refuse, -1)
    assert "returned the number 3" in str(refused(check.raises, CourseError, refuse, 3))
    assert "stopped with TypeError" in str(refused(check.raises, CourseError, refuse, "a"))
    assert "the number 5" in str(refused(check.raises, ValueError, 5))

    def stub() -> None:
        raise NotImplementedError

    check.raises(NotImplementedError, stub)


def test_an_error_from_elsewhere_counts_by_its_name() -> None:
    class ValueError(Exception):  # the same name, rebuilt on the other side of a wire
        pass

    def remote() -> None:
        raise ValueError("no")

    check.raises(
        __builtins__["ValueError"] if isinstance(__builtins__, dict) else __builtins__.ValueError, remote
    )


def test_nothing_a_function_says_on_stderr_gets_through(
    capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    def noisy(events: pd.DataFrame) -> pd.Series:
        print("progress", file=sys.stderr)
        warnings.warn("old way", FutureWarning, stacklevel=2)
        return dau(events)

    check.same(noisy, dau, EVENTS)
    check.unchanged(noisy, EVENTS)
    refused(check.raises, ValueError, noisy, EVENTS)
    assert capsys.readouterr().err == ""
    assert len(recwarn) == 0
