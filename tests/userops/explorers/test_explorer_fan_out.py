"""Fan-out: which sums grow in a join, and which do not."""

from __future__ import annotations

import pandas as pd
import pytest

from userops import load
from userops.explorers import fan_out


@pytest.fixture
def lines() -> pd.DataFrame:
    orders = pd.DataFrame(
        {
            "order_id": [1, 2, 3],
            "paid_at": pd.to_datetime(["2025-11-02", "2025-11-03", "2025-11-04"]),
            "status": ["paid", "paid", "cancelled"],
            "amount": [90.0, 40.0, 500.0],
        }
    )
    items = pd.DataFrame(
        {
            "order_id": [1, 1, 2, 3],
            "product_id": [5, 6, 5, 5],
            "quantity": [2, 1, 1, 9],
            "unit_price": [40.0, 20.0, 40.0, 40.0],
        }
    )
    products = pd.DataFrame({"product_id": [5, 6], "category": ["food", "home"]})
    return fan_out.prepare(orders, items, products)


@pytest.mark.parametrize(
    ("join", "measure", "reported", "right"),
    [
        ("orders", "amount", 130, 130),
        ("lines", "amount", 220, 130),
        ("lines", "line_value", 140, 130),
        ("orders", "line_value", 140, 130),
        ("lines", "rows", 3, 2),
        ("lines", "distinct_orders", 2, 2),
    ],
)
def test_november(lines: pd.DataFrame, join: str, measure: str, reported: float, right: float) -> None:
    frame = fan_out.compute(lines, join=join, measure=measure).set_index("month")
    assert len(frame) == 12
    assert frame.loc[11, "reported"] == pytest.approx(reported)
    assert frame.loc[11, "right"] == pytest.approx(right)
    assert pd.isna(frame.loc[3, "factor"])


def test_the_explorer_redraws() -> None:
    explorer = fan_out.explore(load("orders"), load("order_items"), load("products"))
    before = explorer.png
    explorer.set(join="lines")
    assert explorer.png != before
    assert (explorer.frame["factor"] > 1.2).all()
    assert "million" in explorer.sentence
