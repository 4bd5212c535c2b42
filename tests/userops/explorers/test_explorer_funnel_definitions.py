"""One diary of visits, and what each definition of a funnel makes of it."""

from __future__ import annotations

import pandas as pd
import pytest

from userops import load
from userops.explorers import funnel_definitions as funnel


@pytest.fixture
def times() -> funnel.Times:
    diary = [
        # session 1, user 1: the whole way, checkout after 20 minutes
        (1, 1, "10:00", "search"),
        (1, 1, "10:02", "product_view"),
        (1, 1, "10:03", "add_to_cart"),
        (1, 1, "10:20", "checkout"),
        (1, 1, "10:21", "payment"),
        # session 2, user 1: straight from the cart
        (2, 1, "12:00", "checkout"),
        (2, 1, "12:01", "payment"),
        # session 3, user 2: the view before the search
        (3, 2, "09:00", "product_view"),
        (3, 2, "09:05", "search"),
        # session 4, a stranger
        (4, None, "08:00", "search"),
    ]
    events = pd.DataFrame(diary, columns=["session_id", "user_id", "clock", "event"])
    return funnel.prepare(
        events.assign(
            ts=pd.to_datetime("2025-07-01 " + events["clock"]),
            visitor_id=events["session_id"] + 10,
            user_id=events["user_id"].astype("Int64"),
        )
    )


@pytest.mark.parametrize(
    ("unit", "kind", "window", "units"),
    [
        ("session_id", "ordered", "none", [3, 1, 1, 1, 1]),
        ("session_id", "ordered", "10min", [3, 1, 1, 0, 0]),
        ("session_id", "unordered", "none", [3, 2, 1, 1, 1]),
        ("session_id", "open", "none", [3, 2, 1, 2, 2]),
        ("user_id", "ordered", "none", [2, 1, 1, 1, 1]),
        ("user_id", "open", "none", [2, 2, 1, 1, 1]),
    ],
)
def test_each_definition(times: funnel.Times, unit: str, kind: str, window: str, units: list[int]) -> None:
    frame = funnel.compute(times, unit=unit, kind=kind, window=window)
    assert frame["units"].tolist() == units


def test_rates(times: funnel.Times) -> None:
    frame = funnel.compute(times)
    assert frame["step_rate"].tolist() == pytest.approx([1, 1 / 3, 1, 1, 1])
    assert frame["overall_rate"].tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3, 1 / 3])


def test_definitions_differ_on_the_shipped_data() -> None:
    events = load("events")
    explorer = funnel.explore(events[events["ts"].dt.month == 7])
    ordered = explorer.frame["overall_rate"].iloc[-1]
    before = explorer.png
    explorer.set(unit="user_id", kind="open")
    assert explorer.png != before
    assert explorer.frame["overall_rate"].iloc[-1] > 1.5 * ordered
