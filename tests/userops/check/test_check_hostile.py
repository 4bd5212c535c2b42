"""Whatever is handed in, the answer is a CheckError with a clear, short sentence: never an internal error."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from userops import check, use_language


class Spiteful:
    """An object all of whose manners are bad."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__

    def __len__(self) -> int:
        raise RuntimeError("len")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __float__(self) -> float:
        raise RuntimeError("float")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("getattr")


class Agreeable(float):
    """Equal to everything, if one lets it speak."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __sub__(self, other: Any) -> float:
        return 0.0

    __rsub__ = __sub__
    __hash__ = float.__hash__


class AgreeableText(str):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def endless() -> Iterator[int]:
    yield from itertools.count()


async def later() -> int:
    return 1


def _selfish_list() -> list[Any]:
    found: list[Any] = [1]
    found.append(found)
    return found


SILLY: dict[str, Any] = {
    "none": None,
    "ellipsis": ...,
    "not implemented": NotImplemented,
    "function": math.sqrt,
    "lambda": lambda x: x,
    "method": "abc".upper,
    "class": dict,
    "module": math,
    "exception": ValueError("x"),
    "generator": (i for i in range(3)),
    "endless generator": endless(),
    "map": map(str, [1]),
    "file": io.StringIO("x"),
    "nan": math.nan,
    "inf": math.inf,
    "huge int": 10**400,
    "complex": 1 + 2j,
    "bytes": b"12",
    "text": "十二",
    "empty text": "",
    "number text": "5",
    "true": True,
    "empty list": [],
    "nested": [[1, 2], [3]],
    "self-holding list": _selfish_list(),
    "dict": {"a": object()},
    "dict of lists": {"a": [1], "b": [1, 2]},
    "list of dicts": [{"a": 1}, {"b": 2}],
    "list of mixed": [1, "a", None, object()],
    "object": object(),
    "spiteful": Spiteful(),
    "list of spiteful": [Spiteful()],
    "series of spiteful": pd.Series([Spiteful()], dtype=object),
    "frame of spiteful": pd.DataFrame({"a": pd.Series([Spiteful()], dtype=object)}),
    "empty frame": pd.DataFrame(),
    "frame without columns": pd.DataFrame(index=range(5)),
    "wide frame": pd.DataFrame(np.zeros((1, 500))),
    "long frame": pd.DataFrame({"a": np.zeros(100_000)}),
    "long series": pd.Series(np.zeros(100_000)),
    "object series": pd.Series([object(), {}, []]),
    "mixed index": pd.Series([1, 2, 3], index=[1, "a", None]),
    "interval index": pd.Series([1], index=pd.IntervalIndex.from_tuples([(0, 1)])),
    "cube": np.zeros((2, 2, 2)),
    "record array": np.array([(1, "a")], dtype=[("n", int), ("s", "U1")]),
    "nat": pd.NaT,
    "na": pd.NA,
    "timestamp": pd.Timestamp("2025-01-01", tz="UTC"),
    "far date": np.datetime64("9999-12-31"),
    "group by": pd.DataFrame({"a": [1]}).groupby("a"),
    "rolling": pd.Series([1]).rolling(1),
    "lazy polars": pl.LazyFrame({"a": [1]}),
    "polars expression": pl.col("a"),
    "empty polars": pl.DataFrame(),
    "masked": np.ma.array([1, 2], mask=[True, True]),
    "set of mixed": {1, "a", (2, 3)},
    "bool array": np.array([True, False]),
}

DAYS = pd.date_range("2025-01-01", periods=3)
CHECKS: dict[str, Any] = {
    "number": lambda v: check.number(v, 37),
    "share": lambda v: check.number(v, 0.37, tol=0.01),
    "text": lambda v: check.text(v, "referral"),
    "choice": lambda v: check.choice(v, "ship", ["ship", "stop"]),
    "items": lambda v: check.items(v, [11, 12]),
    "items in order": lambda v: check.items(v, ["kol", "tv"], order=True),
    "series": lambda v: check.series(v, pd.Series([7, 8, 9], index=DAYS)),
    "series of a list": lambda v: check.series(v, [7.5, 8.5], order=True, names=True),
    "series of text": lambda v: check.series(v, pd.Series(["x", "y"], index=["a", "b"])),
    "mapping": lambda v: check.mapping(v, {"dau": 7, "mau": 9}),
    "frame": lambda v: check.frame(
        v, pd.DataFrame({"day": DAYS, "n": [7, 8, 9], "r": [0.1, 0.2, 0.3]}), keys="day"
    ),
    "frame without key": lambda v: check.frame(
        v, pd.DataFrame({"x": [0.5, 0.5], "y": [1.5, 1.5]}), order=True
    ),
    "decision": lambda v: check.decision(v, {"channel": "referral", "ship": True}),
    "chart": lambda v: check.chart(v, kind="line", y=[1, 2]),
    "same": lambda v: check.same(lambda: v, lambda: pd.Series([7, 8, 9], index=DAYS), ()),
    "same number": lambda v: check.same(lambda: v, lambda: 37, ()),
    "same function": lambda v: check.same(v, lambda x: pd.DataFrame({"n": [x]}), 37.5),
}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", CHECKS)
def test_a_silly_answer_gets_a_sentence(name: str, lang: str, capsys: pytest.CaptureFixture[str]) -> None:
    use_language(lang)
    for what, value in SILLY.items():
        with pytest.raises(check.CheckError) as caught:
            CHECKS[name](value)
        message = str(caught.value)
        assert 5 < len(message) < 420, (what, message)
        assert caught.value.state == (
            "not_attempted" if what in ("ellipsis", "not implemented") else "not_yet"
        ), what
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize("what", SILLY)
def test_a_predicate_that_breaks_matches_nothing(what: str) -> None:
    wrong = {"broken": (lambda got: got["no"].such(1) > 2, "never"), "never": (Spiteful(), "never")}
    with pytest.raises(check.CheckError) as caught:
        check.number(SILLY[what], 37, wrong=wrong)
    assert caught.value.misconception is None


def test_a_function_is_told_to_be_called() -> None:
    def daily_active_users() -> int:
        return 3

    with pytest.raises(check.CheckError, match=r"Call it: `daily_active_users\(\.\.\.\)`"):
        check.number(daily_active_users, 3)


def test_a_coroutine_is_told_apart_from_a_number() -> None:
    pending = later()
    with pytest.raises(check.CheckError, match="iterator"):
        check.number(pending, 1)
    with pytest.raises(StopIteration) as ended:  # the browser's tests may have a loop running
        pending.send(None)
    assert ended.value.value == 1


def test_an_object_that_agrees_with_everything_is_judged_by_its_value() -> None:
    check.number(Agreeable(3), 3)
    for call in (
        lambda: check.number(Agreeable(4), 3),
        lambda: check.series([Agreeable(4)], [3]),
        lambda: check.items([Agreeable(4)], [3]),
        lambda: check.text(AgreeableText("a"), "b"),
        lambda: check.items([AgreeableText("a")], ["b"]),
        lambda: check.series(pd.Series([AgreeableText("a")], dtype=object), ["b"]),
        lambda: check.mapping({"n": Agreeable(4)}, {"n": 3}),
    ):
        with pytest.raises(check.CheckError):
            call()


def test_an_endless_generator_is_not_run() -> None:
    source = endless()
    with pytest.raises(check.CheckError, match="iterator"):
        check.items(source, [0, 1])
    assert next(source) == 0
