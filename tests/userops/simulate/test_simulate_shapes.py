"""Believable distributions: the calendar, the clock, the long tail, the vocabulary of events."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from userops import data_folder, load


@cache
def table(name: str) -> pd.DataFrame:
    return load(name)


@cache
def active() -> pd.Series:
    """Daily active users."""
    events = table("events").dropna(subset="user_id")
    return events.groupby(events["ts"].dt.normalize())["user_id"].nunique()


@cache
def sold() -> pd.Series:
    """Paid orders a day."""
    orders = table("orders").dropna(subset="paid_at")
    return orders.groupby(orders["paid_at"].dt.normalize()).size()


def mean(series: pd.Series, first: str, last: str) -> float:
    return float(series.loc[first:last].mean())


def test_every_day_of_the_year_has_visits_and_orders() -> None:
    assert len(active()) == 365
    assert len(sold()) == 365


def test_spring_festival_is_quiet() -> None:
    assert mean(active(), "2025-01-28", "2025-02-02") < 0.75 * mean(active(), "2025-01-10", "2025-01-20")
    assert mean(active(), "2025-02-10", "2025-02-16") > mean(active(), "2025-01-28", "2025-02-02")


def test_the_sales_stand_out() -> None:
    for peak, first, last in (
        ("2025-06-18", "2025-05-05", "2025-05-30"),
        ("2025-11-11", "2025-09-10", "2025-09-30"),
        ("2025-12-12", "2025-11-28", "2025-12-05"),
    ):
        assert sold()[peak] > 1.8 * mean(sold(), first, last), peak
        assert active()[peak] > 1.2 * mean(active(), first, last), peak
    assert sold().idxmax() == pd.Timestamp("2025-11-11")


def test_nights_are_still_and_evenings_busy() -> None:
    first = table("events").drop_duplicates("session_id")["ts"].dt.hour
    share = first.value_counts(normalize=True)
    assert share.loc[[2, 3, 4, 5]].sum() < 0.06
    assert share.loc[[20, 21, 22]].sum() > 0.2
    assert share.idxmax() in (20, 21)
    assert share[12] > share[10]  # the lunch break


def test_personas_keep_their_own_clock_and_weekdays() -> None:
    truth = pd.read_parquet(Path(data_folder()) / "truth" / "users.parquet").set_index("user_id")["persona"]
    visits = table("events").dropna(subset="user_id").drop_duplicates("session_id")
    persona = visits["user_id"].map(truth)
    morning = visits["ts"].dt.hour.between(5, 10).groupby(persona).mean()
    late = ((visits["ts"].dt.hour >= 22) | (visits["ts"].dt.hour < 3)).groupby(persona).mean()
    weekend = (visits["ts"].dt.day_of_week >= 5).groupby(persona).mean()
    assert morning.idxmax() == "health_senior" and morning["health_senior"] > 0.5
    assert late.idxmax() == "trend_youth" and late["trend_youth"] > 0.35
    assert weekend.idxmax() == "premium_devotee"


def test_spending_has_a_long_tail() -> None:
    spent = (
        table("orders")
        .dropna(subset="paid_at")
        .groupby("user_id")["amount"]
        .sum()
        .sort_values(ascending=False)
    )
    top = spent.iloc[: len(spent) // 5].sum() / spent.sum()
    assert 0.55 < top < 0.80
    assert spent.quantile(0.99) > 15 * spent.median()


def test_the_funnel_narrows_at_every_step() -> None:
    events = table("events")
    steps = ["product_view", "add_to_cart", "checkout", "payment"]
    reached = [events.loc[events["event"] == step, "session_id"].nunique() for step in steps]
    rates = np.divide(reached[1:], reached[:-1])
    assert (rates < 0.9).all() and (rates > 0.1).all()
    paid = reached[-1] / events["session_id"].nunique()
    assert 0.03 < paid < 0.12


def test_some_visitors_never_register_and_many_visits_bounce() -> None:
    events = table("events")
    known = events.dropna(subset="user_id")["visitor_id"].nunique()
    assert 0.4 < known / events["visitor_id"].nunique() < 0.6
    bounce = (events.groupby("session_id").size() == 1).mean()
    assert 0.25 < bounce < 0.40
    two = events.dropna(subset="user_id").groupby("user_id")["visitor_id"].nunique()
    assert 0.05 < (two == 2).mean() < 0.30
    assert two.max() == 2


def test_the_thirty_minute_rule_cuts_exactly_the_sessions() -> None:
    events = table("events").sort_values(["visitor_id", "ts"], kind="stable")
    fresh = events["visitor_id"].ne(events["visitor_id"].shift()) | (
        events["ts"].diff() > pd.Timedelta(minutes=30)
    )
    assert (fresh == events["session_id"].ne(events["session_id"].shift())).all()


def test_right_censoring_is_natural() -> None:
    """The last month's users have been seen for a shorter time, nobody is seen after the year."""
    assert table("events")["ts"].max() < pd.Timestamp("2026-01-01")
    registered = table("users")["registered_at"]
    assert (registered >= "2025-12-01").mean() > 0.05
    assert registered.min() >= pd.Timestamp("2025-01-01")


def test_missing_fields_are_as_rare_as_promised() -> None:
    users = table("users")
    assert abs(users["birth_year"].isna().mean() - 0.15) < 0.02
    assert abs(users["gender"].isna().mean() - 0.10) < 0.01
    age = 2025 - users["birth_year"].dropna()
    assert age.between(18, 90).all()


def test_tickets_are_said_in_both_languages_and_partly_labelled() -> None:
    tickets = table("tickets")
    assert 2_000 < len(tickets) < 6_000
    assert tickets["text_zh"].str.contains(r"[\u4e00-\u9fff]").all()
    assert not tickets["text_en"].str.contains(r"[\u4e00-\u9fff]").any()
    assert tickets["text_en"].str.match(r"[A-Z]").all()
    assert 0.55 < tickets["category"].notna().mean() < 0.65
    assert set(tickets["category"].dropna()) == {
        "delivery",
        "quality",
        "refund",
        "payment",
        "account",
        "coupon",
    }
    assert 0.02 < tickets["resolved_at"].isna().mean() < 0.10


def test_referrals_join_an_inviter_active_at_that_time() -> None:
    referrals = table("referrals")
    joined = table("users").set_index("user_id")["registered_at"]
    assert (referrals["inviter_id"].map(joined) < referrals["invited_at"]).all()
    accepted = referrals.dropna(subset="invitee_id")
    assert accepted["invitee_id"].is_unique
    assert 0.2 < len(accepted) / len(referrals) < 0.3
    channel = table("users").set_index("user_id")["channel"]
    assert (accepted["invitee_id"].map(channel) == "referral").all()
    assert (channel == "referral").sum() == len(accepted)
    assert ((accepted["reward"] > 0) == accepted["first_order_at"].notna()).all()


def test_every_click_is_followed_by_a_visit() -> None:
    clicked = table("messages").dropna(subset="clicked_at").sort_values("clicked_at")
    visits = table("events").dropna(subset="user_id").drop_duplicates("session_id")[["user_id", "ts"]]
    visits = visits.astype({"user_id": "int64"}).sort_values("ts")
    after = pd.merge_asof(
        clicked, visits, left_on="clicked_at", right_on="ts", by="user_id", direction="forward"
    )
    assert ((after["ts"] - after["clicked_at"]) < pd.Timedelta(minutes=2)).mean() > 0.97


def test_things_bought_together_go_together() -> None:
    """Item-to-item lift exists: chapter 15 lives on it."""
    items = table("order_items")[["order_id", "product_id"]]
    pairs = items.merge(items, on="order_id").query("product_id_x < product_id_y")
    count = pairs.groupby(["product_id_x", "product_id_y"]).size().nlargest(30)
    share = items.groupby("product_id").size() / items["order_id"].nunique()
    x, y = (count.index.get_level_values(level) for level in (0, 1))
    lift = count / items["order_id"].nunique() / (share.reindex(x).to_numpy() * share.reindex(y).to_numpy())
    assert count.min() > 15
    assert lift.median() > 3
