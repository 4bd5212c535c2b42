"""RFM values, scores by three rules, segments, and the explorer around them."""

from __future__ import annotations

import pandas as pd
import pytest

from userops import load
from userops.explorers import rfm_grid

DAY = pd.Timestamp("2025-12-31")


@pytest.fixture
def orders() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": [1, 2, 3, 4],
            "user_id": [7, 7, 8, 9],
            "paid_at": pd.to_datetime(
                [
                    "2025-12-01 10:00",
                    "2025-12-31 23:30",
                    "2025-12-30 09:00",
                    "2026-01-02 09:00",
                ]
            ),
            "status": ["paid", "paid", "refunded", "paid"],
            "amount": [100.0, 50.0, 999.0, 10.0],
        }
    )


def test_only_kept_purchases_up_to_the_evening_of_the_snapshot(orders: pd.DataFrame) -> None:
    table = rfm_grid.rfm(orders, DAY)
    assert table.to_dict("records") == [{"user_id": 7, "recency": 0, "frequency": 2, "monetary": 150.0}]


def test_ties_get_equal_scores() -> None:
    values = pd.Series([1, 1, 1, 1, 2, 2, 3, 4, 5, 50])
    assert rfm_grid.score(values).tolist() == [1, 1, 1, 1, 3, 3, 4, 4, 5, 5]
    assert rfm_grid.score(values, rule="row_order").tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert rfm_grid.score(values, rule="equal_width").tolist() == [1] * 9 + [5]


def test_small_is_good_for_recency() -> None:
    assert rfm_grid.score(pd.Series([0, 10, 200, 30, 90]), high_is_good=False).tolist() == [5, 4, 1, 3, 2]


def test_everybody_is_in_one_cell_and_one_segment() -> None:
    orders = load("orders")
    table = rfm_grid.segments(orders, DAY)
    assert table["user_id"].is_unique
    assert set(table["segment"]) == {"champion", "loyal", "at_risk", "new", "sleeping", "regular"}
    assert rfm_grid.compute(orders, snapshot=DAY)["customers"].sum() == len(table)


def test_the_explorer_redraws_and_says_what_equal_width_does() -> None:
    explorer = rfm_grid.explore(load("orders"))
    before = explorer.png
    explorer.set(rule="equal_width")
    assert explorer.png != before
    by_frequency = explorer.frame.groupby("f")["customers"].sum()
    assert by_frequency[1] / by_frequency.sum() > 0.8
    assert "score 1" in explorer.sentence
