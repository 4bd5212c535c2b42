"""A known misconception is met in whatever form the answer comes, be it told by a value or by a predicate."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from userops import check


def met(how: Callable[..., None], got: Any, *args: Any, idea: Any, **options: Any) -> str | None:
    """Return the misconception that an answer meets; the answer is never right."""
    with pytest.raises(check.CheckError) as caught:
        how(got, *args, wrong={"idea": (idea, "that idea")}, **options)
    return caught.value.misconception


def kind(value: object) -> str:
    return f"{type(value).__module__.split('.')[0]}.{type(value).__name__}"


def both(idea: Any, predicate: Callable[[Any], bool]) -> Any:
    return pytest.mark.parametrize("idea", [idea, predicate], ids=["value", "predicate"])


# --- one value --------------------------------------------------------------------------------------------

FIVES = [
    5, 5.0, [5], (5,), {5}, {"n": 5}, [[5]], Decimal(5), [Decimal(5)], Fraction(5), np.int8(5), np.float32(5),
    np.array(5), np.array([5]), np.array([[5.0]]), np.array([Decimal(5)]), pd.Series([5]), pd.Index([5]),
    pd.Series([5], dtype="Int64"), pd.Series([Decimal(5)], index=["a"]), pd.DataFrame({"n": [5]}),
    pl.Series([5]), pl.Series([Decimal(5)]), pl.DataFrame({"n": [5]}), pa.table({"n": [5]}), pa.chunked_array([[5]]),
]  # fmt: skip


@both(5, lambda got: got in (5, 50) and 5 - 0.5 < got < 5 + 0.5)
@pytest.mark.parametrize("got", FIVES, ids=kind)
def test_a_number(got: object, idea: Any) -> None:
    assert met(check.number, got, 7, idea=idea) == "idea"
    assert met(check.number, got, 7.5, tol=0.1, idea=idea) == "idea"
    with pytest.raises(check.CheckError, match="that idea"):
        check.avoid(check.number, got, wrong={"idea": (idea, "that idea")})


@pytest.mark.parametrize("got", FIVES, ids=kind)
def test_a_predicate_of_a_number_gets_a_built_in(got: object) -> None:
    seen: list[Any] = []
    met(check.number, got, 7, idea=lambda came: bool(seen.append(came)))
    assert seen == [5]
    assert type(seen[0]) in (int, float)


@pytest.mark.parametrize("got", [float("nan"), np.nan, pd.NA, pd.NaT, [np.nan], pl.Series([None])], ids=kind)
def test_a_missing_number_is_nan_to_a_predicate(got: object) -> None:
    assert met(check.number, got, 7, idea=lambda came: came != came) == "idea"


def test_what_is_no_number_comes_to_the_predicate_as_it_is() -> None:
    assert met(check.number, "5 %", 5, idea=lambda got: got.endswith("%")) == "idea"
    assert met(check.number, [1, 2], 5, idea=lambda got: got == [1, 2]) == "idea"
    assert met(check.number, None, 5, idea=lambda got: got is None) == "idea"
    assert met(check.number, pl.LazyFrame({"n": [5]}), 7, idea=lambda got: True) == "idea"


WORDS = ["no", ["no"], np.array("no"), np.array(["no"]), np.str_("no"), pd.Series(["no"]), pl.Series(["no"])]


@both("no", lambda got: got.startswith("n"))
@pytest.mark.parametrize("got", WORDS, ids=kind)
def test_a_text_and_a_choice(got: object, idea: Any) -> None:
    assert met(check.text, got, "yes", idea=idea) == "idea"
    assert met(check.choice, got, "yes", ["yes", "no"], idea=idea) == "idea"


# --- collections ------------------------------------------------------------------------------------------


@both([1, 2], lambda got: 1 in got and sum(got) == 3 and 0.5 * got[0] < 1)
@pytest.mark.parametrize(
    "got",
    [
        [1, 2], (1, 2), np.array([1.0, 2.0]), pd.Series([1, 2]), pd.Index([1, 2]), pd.DataFrame({"n": [1, 2]}),
        [Decimal(1), Decimal(2)], [np.int8(1), np.int8(2)], pl.Series([1, 2]), pl.DataFrame({"n": [1, 2]}),
        pd.Series([1, 2], dtype="Int64"), {1: "a", 2: "b"}.keys(), range(1, 3), pa.chunked_array([[1, 2]]),
    ],
    ids=kind,
)  # fmt: skip
def test_items(got: object, idea: Any) -> None:
    assert met(check.items, got, [1, 2, 3], idea=idea) == "idea"


def test_a_set_stays_a_set() -> None:
    assert met(check.items, {1, 2}, [1, 2, 3], idea=lambda got: got == {1, 2}) == "idea"


# --- a column of values -----------------------------------------------------------------------------------

WANT = pd.Series([1.5, 2.5, 3.5], index=pd.Index(["a", "b", "c"], name="k"), name="n")
OFF = pd.Series([1.5, 2.5, 9.5], index=WANT.index, name="n")
OFF_FORMS = [
    OFF, OFF.to_dict(), OFF.to_frame(), OFF.reset_index(), OFF[::-1], OFF.astype("Float64"), OFF.astype("category"),
    OFF.map(lambda v: Decimal(str(v))), OFF.map(lambda v: Decimal(str(v))).to_dict(), pl.from_pandas(OFF.reset_index()),
    OFF.reset_index().to_dict("records"), pa.Table.from_pandas(OFF.reset_index(), preserve_index=False),
]  # fmt: skip
BARE_FORMS = [
    OFF.tolist(), tuple(OFF), OFF.to_numpy(), pl.Series(OFF.tolist()), [Decimal(str(v)) for v in OFF],
    pl.Series([Decimal(str(v)) for v in OFF]), pl.DataFrame({"n": OFF.tolist()}), pd.array(OFF, dtype="Float64"),
    OFF.reset_index(drop=True),
]  # fmt: skip


@both(OFF, lambda got: got["c"] - 0.5 == 9 and got.loc["a"] == 1.5 and (got > 9).any())
@pytest.mark.parametrize("got", [*OFF_FORMS, *BARE_FORMS], ids=kind)
def test_a_series(got: object, idea: Any) -> None:
    assert met(check.series, got, WANT, idea=idea) == "idea"


@both(OFF, lambda got: got["c"] - 0.5 == 9 and max(got.values()) == 9.5)
@pytest.mark.parametrize("got", [*OFF_FORMS, list(OFF.items())], ids=kind)
def test_a_mapping(got: object, idea: Any) -> None:
    assert met(check.mapping, got, WANT, idea=idea) == "idea"


@pytest.mark.parametrize("got", OFF_FORMS, ids=kind)
def test_avoid_a_series_or_a_mapping(got: object) -> None:
    for how, idea in ((check.series, lambda s: s.max() == 9.5), (check.mapping, lambda d: d["c"] == 9.5)):
        assert met(partial(check.avoid, how), got, idea=idea) == "idea"


def test_missing_values_of_a_series_are_missing_to_pandas() -> None:
    for gap in (None, np.nan, pd.NA):
        for values in (["x", gap, "z"], [1, gap, 3], [True, gap, False], [Decimal(1), gap, Decimal(3)]):
            got = pd.Series(values, index=WANT.index, dtype=object)
            assert (
                met(check.series, got, WANT, idea=lambda s: s.isna().tolist() == [False, True, False])
                == "idea"
            )


def test_a_series_of_two_levels() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", "day"])
    want, off = pd.Series([1, 2, 3, 4], index=index), pd.Series([1, 2, 3, 9], index=index)
    for got in (
        off,
        off.to_dict(),
        off.rename("n").reset_index(),
        pl.from_pandas(off.rename("n").reset_index()),
    ):
        assert met(check.series, got, want, idea=lambda s: s.loc[("b", 2)] == 9) == "idea"
        assert met(check.mapping, got, want, idea=lambda d: d[("b", 2)] == 9) == "idea"


# --- tables -----------------------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "channel": ["a", "b"],
        "users": [3, 4],
        "share": [0.25, 0.5],
        "day": pd.to_datetime(["2025-03-01", "2025-03-02"]),
    }
)
WRONG = TABLE.assign(share=[25.0, 50.0])
TABLES = [
    WRONG, WRONG[::-1], WRONG.iloc[:, ::-1], WRONG.set_index("channel"), WRONG.set_index("channel").rename_axis(None),
    WRONG.to_dict("records"), WRONG.to_dict("list"), pl.from_pandas(WRONG), pl.from_pandas(WRONG.assign(share=[Decimal(25), Decimal(50)])),
    WRONG.assign(share=[Decimal(25), Decimal(50)]), WRONG.rename(columns={"share": "Share", "users": "Users "}),
    WRONG.convert_dtypes(), WRONG.astype({"users": "Int64", "channel": "category"}), WRONG.convert_dtypes(dtype_backend="pyarrow"),
    WRONG.assign(day=WRONG["day"].dt.tz_localize("Asia/Shanghai")), WRONG.assign(day=WRONG["day"].dt.to_period("D")),
    WRONG.to_numpy(dtype=object), pa.Table.from_pandas(WRONG),
]  # fmt: skip


def percent(got: pd.DataFrame) -> bool:
    lines = got.set_index("channel")
    return bool(
        lines.loc["a", "share"] - 0.5 == 24.5
        and got["users"].sum() == 7
        and got["day"].max() == pd.Timestamp("2025-03-02")
        and (got["channel"].str.upper() == ["A", "B"]).all() != (got["channel"].iloc[0] == "b")
    )


@both(WRONG, percent)
@pytest.mark.parametrize("got", TABLES, ids=kind)
def test_a_table(got: object, idea: Any) -> None:
    assert met(check.frame, got, TABLE, keys="channel", idea=idea) == "idea"
    assert met(check.frame, got, TABLE.set_index("channel"), idea=idea) == "idea"


@both(WRONG, percent)
def test_a_query_result(idea: Any) -> None:
    # Made here: a relation that outlives its test is reported as a leak when Python ends.
    assert met(check.frame, duckdb.from_df(WRONG), TABLE, keys="channel", idea=idea) == "idea"


@pytest.mark.parametrize("got", [form for form in TABLES if not isinstance(form, np.ndarray)], ids=kind)
def test_avoid_a_table(got: object) -> None:
    columns = ["channel", "share"]
    idea = partial(check.avoid, check.frame, keys=["channel"], columns=columns)
    if not (isinstance(got, pd.DataFrame) and got.index.dtype.kind == "O" and got.index.name is None):
        assert (
            met(idea, got, idea=lambda table: table.set_index("channel")["share"].max() - 0.5 == 49.5)
            == "idea"
        )


def test_avoid_refuses_a_check_without_a_form() -> None:
    with pytest.raises(ValueError, match=r"avoid\(\).*frame"):
        check.avoid(check.same, 5, wrong={"idea": (lambda got: True, "that idea")})


# --- decisions and charts ---------------------------------------------------------------------------------


@both({"share": 5, "who": "all"}, lambda got: got["share"] - 0.5 == 4.5 and got["who"].startswith("a"))
@pytest.mark.parametrize("five", FIVES, ids=kind)
def test_a_decision(five: object, idea: Any) -> None:
    for got in ({"share": five, "who": "all"}, {"share": five, "who": np.array(["all"])}):
        assert met(check.decision, got, {"share": 7, "who": "all"}, idea=idea) == "idea"
        check.decision(
            got, {"share": lambda share: 4.5 < share - 0.25 < 5, "who": lambda who: who.startswith("a")}
        )
    assert met(partial(check.avoid, check.decision), got, idea=lambda found: found["share"] == 5) == "idea"


@both([1, 2, 9], lambda seen: seen.marks[0].y[-1] == 9 and seen.get_ylim()[0] == 0)
def test_a_chart(idea: Any) -> None:
    fig, ax = plt.subplots()
    bars = ax.bar(["a", "b", "c"], [1, 2, 9])
    ax.set(title="t", xlabel="x", ylabel="y")
    for got in (ax, fig, [ax], np.array([ax]), bars):
        assert met(check.chart, got, kind="bar", y=[1, 2, 3], idea=idea) == "idea"
        assert met(partial(check.avoid, check.chart), got, idea=idea) == "idea"
    plt.close(fig)
