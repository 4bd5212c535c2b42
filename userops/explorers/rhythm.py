"""Explorer: when in the day do they come? The answer depends on what is counted, and on which days."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from userops import style
from userops._language import t
from userops.explorers import _base

__all__ = ["COUNTS", "DAYS", "compute", "draw", "explore"]

COUNTS: Final = ("events", "visitors", "people")
DAYS: Final = ("all", "workdays", "weekend")


def prepare(events: pd.DataFrame) -> pd.DataFrame:
    """Return one row a (weekend, hour, visitor, user) with its number of events: all that ``compute`` needs."""
    keys = pd.DataFrame(
        {
            "weekend": events["ts"].dt.day_of_week >= 5,
            "hour": events["ts"].dt.hour,
            "visitor_id": events["visitor_id"],
            "user_id": events["user_id"].fillna(0).astype("int64"),
        }
    )
    return keys.groupby(list(keys.columns), sort=False).size().rename("events").reset_index()


def compute(prepared: pd.DataFrame, *, count: str = "events", days: str = "all") -> pd.DataFrame:
    """Return what happened in each hour of the day.

    Args:
        prepared: what ``prepare(events)`` gives.
        count: ``"events"``, ``"visitors"`` (different visitor_id) or ``"people"`` (different user_id, so
            logged-in users only). Visitors and people count once an hour of the day over the whole period.
        days: ``"all"``, ``"workdays"`` (Monday to Friday; holidays are not known here) or ``"weekend"``.

    Returns:
        24 rows: ``hour`` (0–23), ``value`` (a count), ``share`` (of the sum over the hours).
    """
    rows = prepared if days == "all" else prepared[prepared["weekend"] == (days == "weekend")]
    if count == "events":
        value = rows.groupby("hour")["events"].sum()
    elif count == "visitors":
        value = rows.groupby("hour")["visitor_id"].nunique()
    else:
        value = rows[rows["user_id"] > 0].groupby("hour")["user_id"].nunique()
    value = value.reindex(range(24), fill_value=0)
    share = value / max(int(value.sum()), 1)
    return pd.DataFrame({"hour": range(24), "value": value.to_numpy(), "share": share.to_numpy()})


def draw(ax: Axes, frame: pd.DataFrame, *, count: str) -> None:
    """Draw the hours as bars; the highest stands out."""
    peak = frame["value"].idxmax()
    colours = [style.PALETTE["orange" if hour == peak else "blue"] for hour in frame.index]
    ax.bar(frame["hour"], frame["value"], color=colours)
    ax.set_xticks(range(0, 24, 2))
    ax.set(
        xlabel=t("hour of day", "钟点"),
        ylabel=_label(count),
        title=t("Juzi Mall by the hour", "橘子商城的一天"),
    )


def describe(frame: pd.DataFrame, *, count: str) -> str:
    """Say the peak in a sentence."""
    peak = frame.loc[frame["value"].idxmax()]
    noon = frame.loc[frame["hour"] == 12, "value"].item() / max(peak["value"], 1)
    return t(
        f"Most {_label(count)} at {peak['hour']:.0f}:00: {peak['value']:,.0f}. Noon reaches {noon:.0%} of that.",
        f"{_label(count)}最多的是 {peak['hour']:.0f} 点：{peak['value']:,.0f}。中午 12 点是它的 {noon:.0%}。",
    )


def _label(count: str) -> str:
    return {
        "events": t("events", "事件数"),
        "visitors": t("visitors", "访客数"),
        "people": t("logged-in users", "登录用户数"),
    }[count]


def explore(events: pd.DataFrame) -> Any:
    """Show the explorer for these events (columns ``ts``, ``visitor_id``, ``user_id``)."""
    return _base.explorer(
        compute=partial(compute, prepare(events)),
        draw=draw,
        describe=describe,
        title=("When do they come?", "他们什么时候来？"),
        controls={
            "count": _base.Choice(
                ("count", "数什么"),
                {
                    ("events", "事件"): "events",
                    ("visitors (browsers and devices)", "访客（浏览器或设备）"): "visitors",
                    ("people (logged-in users)", "人（登录用户）"): "people",
                },
            ),
            "days": _base.Choice(
                ("on", "哪几天"),
                {
                    ("all days", "每天"): "all",
                    ("workdays", "工作日"): "workdays",
                    ("weekends", "周末"): "weekend",
                },
            ),
        },
    )
