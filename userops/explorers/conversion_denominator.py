"""Explorer: one shop, many conversion rates. What counts, per what, in buckets of which length?"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from userops import style
from userops._language import t
from userops.explorers import _base

__all__ = ["BUCKETS", "GOALS", "UNITS", "compute", "draw", "explore", "prepare"]

GOALS: Final = ("add_to_cart", "checkout", "payment")
UNITS: Final = ("session", "visitor", "user", "event")
BUCKETS: Final = ("day", "week", "month", "quarter", "year")
_PERIODS: Final = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}


def prepare(events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return one row a unit and day, for each of ``UNITS``: all that ``compute`` needs.

    Args:
        events: columns ``ts``, ``session_id``, ``visitor_id``, ``user_id`` and ``event``.

    Returns:
        By unit a frame of ``unit`` (its id), ``day`` and, for each goal, how often it was reached that day, sorted
        by unit and day. A session belongs to the day on which it began. Events are added up by day: ``unit`` is then their number.
    """
    rows = events[["session_id", "visitor_id", "user_id"]].assign(day=events["ts"].dt.normalize())
    for goal in GOALS:
        rows[goal] = (events["event"] == goal).astype("int32")
    rows["began"] = rows.groupby("session_id")["day"].transform("min")

    tables = {}
    for per in ("session", "visitor", "user"):
        keys = [f"{per}_id", "began" if per == "session" else "day"]
        table = rows.groupby(keys)[list(GOALS)].sum().reset_index()
        tables[per] = table.set_axis(["unit", "day", *GOALS], axis=1).astype({"unit": "int64"})
    tables["event"] = (
        rows.groupby("day").agg(unit=("day", "size"), **{g: (g, "sum") for g in GOALS}).reset_index()
    )
    return tables


def compute(
    prepared: dict[str, pd.DataFrame], *, goal: str = "payment", per: str = "session", bucket: str = "day"
) -> pd.DataFrame:
    """Return the conversion rate in each bucket of time.

    Args:
        prepared: what ``prepare(events)`` gives.
        goal: the event that counts as converting, one of ``GOALS``.
        per: the denominator, one of ``UNITS``. A session, visitor or user converts once a bucket, however often
            it reached the goal; ``"event"`` divides goal events by all events.
        bucket: one of ``BUCKETS``; weeks begin on Monday.

    Returns:
        ``start`` (first day of the bucket), ``units``, ``converted``, ``rate``, and on every row ``pooled`` (sum of
        ``converted`` / sum of ``units``) and ``mean_of_rates`` (mean of ``rate``).
    """
    rows = prepared[per]
    day = rows["day"].to_numpy().astype("datetime64[D]").astype("int64")
    first = int(day.min())
    # A calendar of a few hundred days is turned into periods, not a row for each unit: that is what takes time.
    calendar = pd.DatetimeIndex(np.arange(first, day.max() + 1).astype("datetime64[D]"))
    place, buckets = pd.factorize(calendar.to_period(_PERIODS[bucket]), sort=True)
    code = place[day - first]
    unit, reached = rows["unit"].to_numpy(), rows[goal].to_numpy()
    if per == "event":
        units = np.bincount(code, weights=unit, minlength=len(buckets))
        converted = np.bincount(code, weights=reached, minlength=len(buckets))
    else:
        units = _distinct(code, unit, len(buckets))
        converted = _distinct(code[reached > 0], unit[reached > 0], len(buckets))
    # A bucket that nobody visited has no rate.
    rate = np.divide(converted, units, out=np.full(len(buckets), np.nan), where=units > 0)
    return pd.DataFrame(
        {
            "start": buckets.to_timestamp(how="start"),
            "units": units.astype("int64"),
            "converted": converted.astype("int64"),
            "rate": rate,
            "pooled": converted.sum() / units.sum(),
            "mean_of_rates": np.nanmean(rate),
        }
    )


def _distinct(code: np.ndarray, unit: np.ndarray, buckets: int) -> np.ndarray:
    """Count the different units in each bucket; rows come sorted by unit and day."""
    first = np.ones(len(code), dtype=bool)
    first[1:] = (unit[1:] != unit[:-1]) | (code[1:] != code[:-1])
    return np.bincount(code[first], minlength=buckets)


def draw(ax: Axes, frame: pd.DataFrame, *, per: str) -> None:
    """Draw the rate of each bucket and the two ways to average them."""
    few = len(frame) <= 60
    ax.plot(
        frame["start"],
        frame["rate"],
        color=style.PALETTE["blue"],
        marker="o" if few else None,
        linewidth=1.5,
        label=t("rate of each bucket", "各格的转化率"),
    )
    ax.axhline(
        frame["pooled"].iloc[0],
        color=style.PALETTE["green"],
        linestyle="--",
        label=t("ratio of the sums", "总数相除"),
    )
    ax.axhline(
        frame["mean_of_rates"].iloc[0],
        color=style.PALETTE["red"],
        linestyle=":",
        label=t("mean of the rates", "各格转化率的平均"),
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0 if frame["rate"].max() >= 0.1 else 1))
    ax.set_ylim(bottom=0)
    ax.set(
        xlabel=t("first day of the bucket", "每格的第一天"),
        ylabel=_rate_name(per),
        title=t("What is the conversion rate?", "转化率是多少？"),
    )
    ax.legend(loc="upper left", ncols=3, fontsize=9)
    ax.margins(y=0.2)


def describe(frame: pd.DataFrame, *, per: str) -> str:
    """Say both averages in words."""
    pooled, mean = frame["pooled"].iloc[0], frame["mean_of_rates"].iloc[0]
    return t(
        f"{_rate_name(per)}: {pooled:.2%} as the ratio of the sums, {mean:.2%} as the mean of {len(frame):,} rates.",
        f"{_rate_name(per)}：总数相除是 {pooled:.2%}，{len(frame):,} 格转化率的平均是 {mean:.2%}。",
    )


def _rate_name(per: str) -> str:
    return {
        "session": t("conversion per session", "按会话的转化率"),
        "visitor": t("conversion per visitor", "按访客的转化率"),
        "user": t("conversion per registered user", "按注册用户的转化率"),
        "event": t("goal events per event", "目标事件占全部事件"),
    }[per]


def explore(events: pd.DataFrame) -> _base.Explorer:
    """Show the explorer for these events (``ts``, ``session_id``, ``visitor_id``, ``user_id``, ``event``)."""
    return _base.explorer(
        compute=partial(compute, prepare(events)),
        draw=draw,
        describe=describe,
        title=("Conversion of what, per what?", "谁的转化率，除以什么？"),
        controls={
            "goal": _base.Choice(
                ("converting means", "什么算转化"),
                {
                    ("paying", "付款"): "payment",
                    ("going to checkout", "去结算"): "checkout",
                    ("putting something into the cart", "加购"): "add_to_cart",
                },
            ),
            "per": _base.Choice(
                ("per", "按什么算"),
                {
                    ("session", "会话"): "session",
                    ("visitor", "访客"): "visitor",
                    ("registered user", "注册用户"): "user",
                    ("event (don't)", "事件（别这么干）"): "event",
                },
            ),
            "bucket": _base.Choice(
                ("in buckets of a", "每格多长"),
                {
                    ("day", "一天"): "day",
                    ("week", "一周"): "week",
                    ("month", "一个月"): "month",
                    ("quarter", "一个季度"): "quarter",
                    ("year", "一年"): "year",
                },
            ),
        },
    )
