"""The active-window explorer: its numbers against a count by hand, its controls, its picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from userops import use_language
from userops.explorers import active_window


def events(rows: list[tuple[str, int | None, str]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["ts", "user_id", "event"])
    return table.assign(ts=pd.to_datetime(table["ts"]), user_id=table["user_id"].astype("Int64"))


SMALL = events(
    [
        ("2025-01-30 09:00", 1, "page_view"),
        ("2025-01-30 23:59", 1, "payment"),
        ("2025-01-30 10:00", None, "payment"),
        ("2025-01-31 08:00", 2, "product_view"),
        ("2025-02-01 08:00", 1, "search"),
        ("2025-02-04 08:00", 3, "add_to_cart"),
        ("2025-02-04 09:00", 2, "review"),
    ]
)


@pytest.fixture
def many() -> pd.DataFrame:
    random = np.random.default_rng(4)
    n = 3000
    start = pd.Timestamp("2025-03-20")
    user = pd.array(random.integers(0, 60, n), dtype="Int64")
    user[random.random(n) < 0.2] = pd.NA
    names = ["page_view", "search", "product_view", "add_to_cart", "checkout", "payment", "share"]
    return pd.DataFrame(
        {
            "ts": start + pd.to_timedelta(random.integers(0, 80 * 24 * 3600, n), unit="s"),
            "user_id": user,
            "event": random.choice(names, n),
        }
    )


def by_hand(table: pd.DataFrame, day: pd.Timestamp, window: int, names: set[str]) -> int:
    age = (day - table["ts"].dt.normalize()).dt.days
    return table.loc[age.between(0, window - 1) & table["event"].isin(names), "user_id"].nunique()


def test_a_small_diary_counts_as_a_person_would() -> None:
    frame = active_window.compute(active_window.prepare(SMALL), window=3)

    assert list(frame["day"]) == list(pd.date_range("2025-01-30", "2025-02-04"))
    assert list(frame["dau"]) == [1, 1, 1, 0, 0, 2]
    assert frame["active"].isna().tolist() == [True, True, False, False, False, False]
    assert list(frame["active"])[2:] == [2, 2, 1, 2]
    assert list(frame["calendar"]) == [2, 2, 3, 3, 3, 3]
    assert frame["stickiness"].iloc[-1] == pytest.approx((0 + 0 + 2) / 3 / 2)


def test_a_stricter_action_keeps_those_who_went_as_far_or_further() -> None:
    frame = active_window.compute(active_window.prepare(SMALL), action="add_to_cart", window=1)

    assert list(frame["dau"]) == [1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("window", [1, 2, 7, 30, 90])
@pytest.mark.parametrize("action", active_window.ACTIONS)
def test_every_window_equals_a_count_by_hand(many: pd.DataFrame, action: str, window: int) -> None:
    frame = active_window.compute(active_window.prepare(many), action=action, window=window)
    names = set(many["event"])
    if action != "any":
        names = set(active_window.ACTIONS[active_window.ACTIONS.index(action) :])

    for row in frame.iloc[:: max(1, len(frame) // 12)].itertuples():
        assert row.dau == by_hand(many, row.day, 1, names)
        if not np.isnan(row.active):
            assert row.active == by_hand(many, row.day, window, names)
        month = many[many["ts"].dt.to_period("M") == row.day.to_period("M")]
        assert row.calendar == month.loc[month["event"].isin(names), "user_id"].nunique()


def test_a_longer_window_never_holds_fewer_users(many: pd.DataFrame) -> None:
    prepared = active_window.prepare(many)
    last = [active_window.compute(prepared, window=window)["active"].iloc[-1] for window in range(1, 60)]

    assert last == sorted(last)


def test_a_window_longer_than_the_data_is_never_full() -> None:
    frame = active_window.compute(active_window.prepare(SMALL), window=90)

    assert frame["active"].isna().all()
    assert frame["stickiness"].isna().all()


def test_preparing_leaves_the_events_alone() -> None:
    before = SMALL.copy()

    active_window.prepare(SMALL)

    pd.testing.assert_frame_equal(SMALL, before)


@pytest.mark.parametrize(("lang", "word"), [("en", "stickiness"), ("zh", "粘性")])
def test_moving_a_control_changes_data_picture_and_sentence(many: pd.DataFrame, lang: str, word: str) -> None:
    use_language(lang)
    explorer = active_window.explore(many)
    frame, png = explorer.frame, explorer.png

    explorer.set(window=7, action="payment", calendar=False)

    assert word in explorer.sentence
    assert explorer.png != png
    assert explorer.frame["active"].iloc[-1] < frame["active"].iloc[-1]


def test_a_window_without_anybody_says_so() -> None:
    frame = active_window.compute(active_window.prepare(SMALL), action="payment", window=2)

    use_language("en")
    assert active_window.describe(frame, window=2) == "Nobody was active in the last window."
