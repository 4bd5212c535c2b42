"""The conversion explorer: its rates against a count by hand, its two averages, its controls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from userops import use_language
from userops.explorers import conversion_denominator as explorer_of

PERIOD = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}

# A kiosk: one of two customers buys on Monday, one of four on Tuesday, where one visitor comes back.
KIOSK = pd.DataFrame(
    [
        ("2025-03-03 09:00", 1, 1, 1, "page_view"),
        ("2025-03-03 09:05", 1, 1, 1, "payment"),
        ("2025-03-03 10:00", 2, 2, None, "page_view"),
        ("2025-03-04 09:00", 3, 1, 1, "page_view"),
        ("2025-03-04 09:10", 4, 3, None, "add_to_cart"),
        ("2025-03-04 09:20", 4, 3, 3, "checkout"),
        ("2025-03-04 09:21", 4, 3, 3, "payment"),
        ("2025-03-04 09:22", 4, 3, 3, "payment"),
        ("2025-03-04 11:00", 5, 4, 4, "page_view"),
        ("2025-03-04 23:59", 6, 5, None, "page_view"),
        ("2025-03-05 00:01", 6, 5, None, "product_view"),
    ],
    columns=["ts", "session_id", "visitor_id", "user_id", "event"],
).assign(ts=lambda d: pd.to_datetime(d["ts"]), user_id=lambda d: d["user_id"].astype("Int64"))


@pytest.fixture
def many() -> pd.DataFrame:
    random = np.random.default_rng(9)
    n = 4000
    session = np.sort(random.integers(1, 900, n))
    visitor = session % 211
    user = pd.array(visitor % 97, dtype="Int64")
    user[random.random(n) < 0.3] = pd.NA
    began = pd.Timestamp("2025-02-20") + pd.to_timedelta(random.integers(0, 60 * 24, 901)[session], unit="h")
    return pd.DataFrame(
        {
            "ts": began + pd.to_timedelta(random.integers(0, 40, n), unit="min"),
            "session_id": session,
            "visitor_id": visitor,
            "user_id": user,
            "event": random.choice(
                ["page_view", "add_to_cart", "checkout", "payment"], n, p=[0.9, 0.05, 0.03, 0.02]
            ),
        }
    )


def by_hand(table: pd.DataFrame, goal: str, per: str, bucket: str) -> pd.DataFrame:
    day = table["ts"].dt.normalize()
    if per == "session":
        day = day.groupby(table["session_id"]).transform("min")
    rows = []
    for period, part in table.groupby(day.dt.to_period(PERIOD[bucket])):
        reached = part[part["event"] == goal]
        if per == "event":
            rows.append((period.start_time, len(part), len(reached)))
        else:
            rows.append((period.start_time, part[f"{per}_id"].nunique(), reached[f"{per}_id"].nunique()))
    return pd.DataFrame(rows, columns=["start", "units", "converted"])


@pytest.mark.parametrize("bucket", explorer_of.BUCKETS)
@pytest.mark.parametrize("per", explorer_of.UNITS)
@pytest.mark.parametrize("goal", explorer_of.GOALS)
def test_every_bucket_equals_a_count_by_hand(many: pd.DataFrame, goal: str, per: str, bucket: str) -> None:
    frame = explorer_of.compute(explorer_of.prepare(many), goal=goal, per=per, bucket=bucket)
    frame = frame[frame["units"] > 0].reset_index(drop=True)
    want = by_hand(many, goal, per, bucket)

    assert list(frame["start"]) == list(want["start"])
    assert list(frame["units"]) == list(want["units"])
    assert list(frame["converted"]) == list(want["converted"])
    assert frame["pooled"].iloc[0] == pytest.approx(want["converted"].sum() / want["units"].sum())


def test_two_payments_make_one_converted_session_on_the_day_it_began() -> None:
    frame = explorer_of.compute(explorer_of.prepare(KIOSK), per="session", bucket="day")

    assert list(frame["units"]) == [2, 4]
    assert list(frame["converted"]) == [1, 1]
    assert frame["pooled"].iloc[0] == pytest.approx(2 / 6)
    assert frame["mean_of_rates"].iloc[0] == pytest.approx((1 / 2 + 1 / 4) / 2)


def test_a_returning_visitor_counts_once_in_a_longer_bucket() -> None:
    prepared = explorer_of.prepare(KIOSK)

    assert explorer_of.compute(prepared, per="visitor", bucket="day")["units"].sum() == 7
    assert list(explorer_of.compute(prepared, per="visitor", bucket="month")["units"]) == [5]


def test_a_stranger_is_no_user() -> None:
    frame = explorer_of.compute(explorer_of.prepare(KIOSK), per="user", bucket="year")

    assert list(frame["units"]) == [3]
    assert list(frame["converted"]) == [2]


def test_a_day_without_visits_has_no_rate() -> None:
    gap = KIOSK[KIOSK["ts"].dt.day != 4]
    frame = explorer_of.compute(explorer_of.prepare(gap), per="visitor", bucket="day")

    assert list(frame["units"]) == [2, 0, 1]
    assert np.isnan(frame["rate"].iloc[1])
    assert frame["mean_of_rates"].iloc[0] == pytest.approx((1 / 2 + 0) / 2)


def test_preparing_leaves_the_events_alone() -> None:
    before = KIOSK.copy()

    explorer_of.prepare(KIOSK)

    pd.testing.assert_frame_equal(KIOSK, before)


@pytest.mark.parametrize(("lang", "word"), [("en", "ratio of the sums"), ("zh", "总数相除")])
def test_moving_a_control_changes_data_picture_and_sentence(many: pd.DataFrame, lang: str, word: str) -> None:
    use_language(lang)
    explorer = explorer_of.explore(many)
    png, sentence = explorer.png, explorer.sentence

    explorer.set(per="visitor", bucket="month", goal="checkout")

    assert word in explorer.sentence
    assert explorer.sentence != sentence
    assert explorer.png != png
    assert len(explorer.frame) == len(by_hand(many, "checkout", "visitor", "month"))
