"""The day's rhythm: what is counted, on which days, and the explorer around it."""

from __future__ import annotations

import pandas as pd
import pytest

from userops.explorers import rhythm


@pytest.fixture
def events() -> pd.DataFrame:
    # Friday 5 September 2025: user 1 three times at 20; a visitor at 20; Saturday: user 1 at 20, user 2 at 9.
    return pd.DataFrame(
        {
            "ts": pd.to_datetime(
                [
                    "2025-09-05 20:00",
                    "2025-09-05 20:10",
                    "2025-09-05 20:59",
                    "2025-09-05 20:30",
                    "2025-09-06 20:00",
                    "2025-09-06 09:00",
                ]
            ),
            "visitor_id": [11, 11, 12, 13, 11, 14],
            "user_id": pd.array([1, 1, 1, None, 1, 2], dtype="Int64"),
        }
    )


def at(frame: pd.DataFrame, hour: int) -> int:
    return int(frame.set_index("hour").loc[hour, "value"])


@pytest.mark.parametrize(
    ("count", "days", "at_20"),
    [
        ("events", "all", 5),
        ("events", "workdays", 4),
        ("visitors", "all", 3),
        ("people", "all", 1),
        ("people", "weekend", 1),
    ],
)
def test_counts_what_is_asked(events: pd.DataFrame, count: str, days: str, at_20: int) -> None:
    frame = rhythm.compute(rhythm.prepare(events), count=count, days=days)
    assert len(frame) == 24
    assert at(frame, 20) == at_20


def test_an_hour_without_anybody_is_zero_and_shares_add_up(events: pd.DataFrame) -> None:
    frame = rhythm.compute(rhythm.prepare(events), count="people")
    assert at(frame, 3) == 0
    assert frame["share"].sum() == pytest.approx(1)


def test_no_events_at_all(events: pd.DataFrame) -> None:
    frame = rhythm.compute(rhythm.prepare(events.iloc[:0]), count="events")
    assert frame["value"].sum() == 0


def test_the_explorer_redraws(events: pd.DataFrame) -> None:
    explorer = rhythm.explore(events)
    before = explorer.png
    explorer.set(count="people", days="weekend")
    assert explorer.png != before
    assert at(explorer.frame, 9) == 1
    assert "9:00" in explorer.sentence
