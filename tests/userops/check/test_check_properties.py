"""For any table: its form never costs a point, and any changed value always does."""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from userops import check

settings.register_profile(
    "course", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("course")

WORDS = st.text(alphabet=string.ascii_lowercase + "橘子商城", min_size=1, max_size=4)
WHOLE = st.integers(-(10**9), 10**9)
SHARES = st.floats(0.001, 1000, allow_nan=False).map(lambda v: float(f"{v:.7g}"))
TIMES = st.datetimes(min_value=pd.Timestamp("2024-01-01"), max_value=pd.Timestamp("2026-01-01")).map(
    lambda v: v.replace(microsecond=0)
)


@st.composite
def tables(draw: st.DrawFn, *, least: int = 1) -> pd.DataFrame:
    """A table with a key, a count, a share with gaps, a text and a time."""
    keys = draw(st.lists(st.integers(0, 10**6), min_size=least, max_size=8, unique=True))
    n = len(keys)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return pd.DataFrame(
        {
            "user_id": keys,
            "orders": column(WHOLE),
            "rate": pd.array(column(st.one_of(SHARES, st.none())), dtype="float64"),
            "channel": pd.array(column(WORDS), dtype="str"),
            "first": pd.to_datetime(column(TIMES)),
        }
    )


@st.composite
def reshaped(draw: st.DrawFn, table: pd.DataFrame) -> Any:
    """The same table in another form."""
    rows = draw(st.permutations(range(len(table))))
    columns = draw(st.permutations(list(table.columns)))
    got = table.iloc[rows][columns]
    dtypes = {
        "orders": draw(st.sampled_from(["int64", "int32", "float64", "Int64", object])),
        "rate": draw(st.sampled_from(["float64", "Float64", object])),
        "channel": draw(st.sampled_from(["str", "category", object])),
        "first": draw(st.sampled_from(["datetime64[s]", "datetime64[us]", "datetime64[ns]", object])),
    }
    got = got.astype(dtypes)
    if dtypes["rate"] == "float64":
        got = got.assign(rate=got["rate"] * (1 + draw(st.floats(-1e-9, 1e-9))))
    form = draw(
        st.sampled_from(["frame", "reset", "index", "two levels", "records", "lists", "polars", "extra"])
    )
    match form:
        case "reset":
            return got.reset_index(drop=True)
        case "index":
            return got.set_index("user_id")
        case "two levels":
            return got.set_index(["channel", "user_id"])
        case "records":
            return got.to_dict("records")
        case "lists":
            return got.to_dict("list")
        case "polars":
            return pl.from_dicts(
                [
                    {k: (None if v is pd.NA or v != v else v) for k, v in r.items()}
                    for r in got.to_dict("records")
                ]
            )
        case "extra":
            return got.assign(note="x")
        case _:
            return got


@given(st.data())
def test_the_form_of_a_table_never_costs(data: st.DataObject) -> None:
    want = data.draw(tables())
    got = data.draw(reshaped(want))
    check.frame(got, want, keys=data.draw(st.sampled_from([None, "user_id", ["channel", "user_id"]])))


@given(st.data())
def test_one_changed_cell_always_costs(data: st.DataObject) -> None:
    want = data.draw(tables())
    name = data.draw(st.sampled_from(list(want.columns)))
    row = data.draw(st.integers(0, len(want) - 1))
    old = want.loc[row, name]
    new = data.draw(
        {"user_id": st.integers(0, 10**6), "orders": WHOLE, "rate": SHARES, "channel": WORDS, "first": TIMES}[
            name
        ]
    )
    assume(new != old and not (name == "rate" and math.isclose(new, old, rel_tol=1e-5)))
    changed = want.copy()
    changed[name] = changed[name].astype(object)
    changed.loc[row, name] = new
    got = data.draw(reshaped(changed.astype({name: want[name].dtype})))
    with pytest.raises(check.CheckError):
        check.frame(got, want, keys=data.draw(st.sampled_from([None, "user_id"])))


@given(st.data())
def test_one_row_more_or_less_always_costs(data: st.DataObject) -> None:
    want = data.draw(tables(least=2))
    row = data.draw(st.integers(0, len(want) - 1))
    fewer = want.drop(index=row)
    more = pd.concat([want, want.iloc[[row]]])
    for got in (fewer, more):
        for keys in (None, "user_id"):
            with pytest.raises(check.CheckError):
                check.frame(got, want, keys=keys)


@given(st.data())
def test_rows_without_a_key_in_any_order(data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([0.5, 1.5])),
            min_size=1,
            max_size=9,
        )
    )
    want = pd.DataFrame(rows, columns=["g", "x", "y"])
    noise = data.draw(st.lists(st.floats(-1e-9, 1e-9), min_size=len(rows), max_size=len(rows)))
    got = want.assign(x=want["x"] + noise).iloc[data.draw(st.permutations(range(len(rows))))]
    check.frame(got, want)
    row = data.draw(st.integers(0, len(rows) - 1))
    other = got.reset_index(drop=True)
    other.loc[row, "y"] = 9.5
    with pytest.raises(check.CheckError):
        check.frame(other, want)


LABELS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=8, unique=True).map(lambda v: pd.Index(v, name="label")),
    st.lists(TIMES, min_size=1, max_size=8, unique=True).map(lambda v: pd.DatetimeIndex(v, name="day")),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True).map(
        lambda v: pd.Index(v, name="user_id")
    ),
)


@st.composite
def columns_of_values(draw: st.DrawFn) -> pd.Series:
    index = draw(LABELS)
    values = draw(
        st.lists(draw(st.sampled_from([WHOLE, SHARES, WORDS])), min_size=len(index), max_size=len(index))
    )
    return pd.Series(values, index=index)


@given(st.data())
def test_the_form_of_a_series_never_costs(data: st.DataObject) -> None:
    want = data.draw(columns_of_values())
    got = want.iloc[data.draw(st.permutations(range(len(want))))]
    forms = [
        got,
        got.to_frame(),
        got.reset_index(),
        got.to_dict(),
        got.astype(object),
        got.rename_axis(None),
        got.rename("n"),
    ]
    form = data.draw(st.sampled_from(range(len(forms))))
    # An unnamed index of numbers may be mere row numbers; labels that agree are still matched.
    check.series(forms[form], want)
    check.series(got, want.sort_index().tolist())
    check.mapping(got.to_dict(), want)


@given(st.data())
def test_a_changed_value_or_label_always_costs(data: st.DataObject) -> None:
    want = data.draw(columns_of_values())
    row = data.draw(st.integers(0, len(want) - 1))
    old = want.iloc[row]
    new = data.draw(WORDS if isinstance(old, str) else WHOLE if float(old).is_integer() else SHARES)
    assume(new != old and not (isinstance(old, float) and math.isclose(new, old, rel_tol=1e-5)))
    values = want.tolist()
    values[row] = new
    shuffle = data.draw(st.permutations(range(len(want))))
    got = pd.Series(values, index=want.index).iloc[shuffle]
    for form in (got, got.to_dict(), got.reset_index()):
        with pytest.raises(check.CheckError):
            check.series(form, want)
        with pytest.raises(check.CheckError):
            check.mapping(form, want)
    with pytest.raises(check.CheckError):
        check.series(want.drop(index=want.index[row]), want)
    labels = list(want.index)
    labels[row] = {str: "another label", int: 2_000_000}.get(type(labels[row]), pd.Timestamp("2030-01-01"))
    moved = pd.Series(want.tolist(), index=pd.Index(labels)).iloc[shuffle]
    for form in (moved, moved.to_dict()):
        with pytest.raises(check.CheckError):
            check.series(form, want)


@given(st.lists(st.one_of(WORDS, WHOLE), min_size=1, max_size=8), st.randoms())
def test_items_in_any_order_and_collection(want: list[Any], chance: Any) -> None:
    got = list(want)
    chance.shuffle(got)
    check.items(got, want)
    check.items(tuple(got), want)
    check.items(np.array(got, dtype=object), want)
    check.items(set(got), set(want))
    with pytest.raises(check.CheckError):
        check.items([*got, "another one"], want)
    with pytest.raises(check.CheckError):
        check.items(got[1:], want)


@given(st.one_of(WHOLE, SHARES), st.sampled_from([int, float, np.float64, np.float32, np.int64]))
def test_numbers_in_any_type(want: float, kind: Any) -> None:
    assume(float(kind(want)) == want or (kind is np.float32 and isinstance(want, float)))
    check.number(kind(want), want)


@given(st.one_of(WHOLE, SHARES), st.one_of(WHOLE, SHARES))
def test_another_number_never_passes(got: float, want: float) -> None:
    assume(got != want and not (isinstance(want, float) and math.isclose(got, want, rel_tol=1.01e-6)))
    with pytest.raises(check.CheckError) as caught:
        check.number(got, want)
    if got not in (want * 100, want / 100, -want) and abs(want) > 1000:
        # Nothing of the answer is given away.
        assert f"{want:,}" not in str(caught.value).replace(f"{got:,}", "")


@given(st.lists(st.tuples(st.floats(0.01, 5), st.booleans()), min_size=1, max_size=8))
def test_a_score_is_a_plain_float_within_its_bounds(parts: list[tuple[float, bool]]) -> None:
    maximum = sum(points for points, _ in parts)
    score = check.Score(np.float64(maximum))
    for points, right in parts:
        with score.part(np.float64(points)):
            check.number(1 if right else 0, 1)
    if not any(right for _, right in parts):
        with pytest.raises(check.CheckError):
            score.total()
        return
    total = score.total()
    assert type(total) is float
    assert 0 <= total <= maximum
    assert total == pytest.approx(sum(p for p, right in parts if right), abs=1e-6)
    assert float(repr(total)) == total
