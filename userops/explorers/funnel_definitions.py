"""Explorer: one July, many conversion rates; what a tool calls a funnel is a handful of choices."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from userops import style
from userops._language import t
from userops.explorers import _base

__all__ = ["KINDS", "STEPS", "UNITS", "WINDOWS", "compute", "draw", "explore", "prepare"]

STEPS: Final = ("search", "product_view", "add_to_cart", "checkout", "payment")
UNITS: Final = ("session_id", "visitor_id", "user_id")
KINDS: Final = ("ordered", "unordered", "open")
WINDOWS: Final[dict[str, float]] = {
    "10min": 10.0,
    "1h": 60.0,
    "1d": 1440.0,
    "7d": 10080.0,
    "none": float("inf"),
}
"""Minutes after the first step in which the others must happen."""

Times = dict[str, dict[str, np.ndarray]]


def prepare(events: pd.DataFrame) -> Times:
    """Return when each unit reached each step, so that ``compute`` only compares.

    Returns:
        ``{unit: {"first": …, "ordered": …}}``, arrays of units × steps in minutes; NaN where a step was not
        reached. ``first`` is the first event of each step, whatever came before; ``ordered`` the first that is
        not before the step before it.
    """
    rows = events[events["event"].isin(STEPS)]
    origin = rows["ts"].min()
    minutes = (rows["ts"] - origin) / pd.Timedelta(minutes=1)
    prepared: Times = {}
    for unit in UNITS:
        known = rows[unit].notna()
        codes, labels = pd.factorize(rows.loc[known, unit])
        table = pd.DataFrame({"unit": codes, "event": rows.loc[known, "event"], "at": minutes[known]})
        shape = (len(labels), len(STEPS))
        first, ordered = np.full(shape, np.nan), np.full(shape, np.nan)
        for k, step in enumerate(STEPS):
            at = table[table["event"] == step]
            earliest = at.groupby("unit")["at"].min()
            first[earliest.index, k] = earliest
            if k:
                at = at[at["at"].to_numpy() >= ordered[at["unit"], k - 1]]
                earliest = at.groupby("unit")["at"].min()
            ordered[earliest.index, k] = earliest
        prepared[unit] = {"first": first, "ordered": ordered}
    return prepared


def compute(
    times: Times, *, unit: str = "session_id", kind: str = "ordered", window: str = "none"
) -> pd.DataFrame:
    """Return the funnel under one definition.

    Args:
        times: what ``prepare(events)`` gives.
        unit: ``"session_id"``, ``"visitor_id"`` or ``"user_id"`` (logged-in users only).
        kind: ``"ordered"`` (closed: each step at or after the one before it), ``"unordered"`` (closed: all
            steps up to this one, in any order), ``"open"`` (whoever did this step, whatever else they did).
        window: a key of ``WINDOWS``; counted from the unit's first first step; an open funnel has none.

    Returns:
        One row a step: ``step``, ``units`` (a count), ``step_rate`` (of the step before), ``overall_rate``
        (of the first step); fractions.
    """
    chosen = times[unit]
    if kind == "open":
        units = (~np.isnan(chosen["first"])).sum(axis=0)
    else:
        at = chosen["ordered" if kind == "ordered" else "first"]
        limit = at[:, :1] + WINDOWS[window]
        reached = ~np.isnan(at) & (at <= limit)
        units = np.logical_and.accumulate(reached, axis=1).sum(axis=0)
    units = pd.Series(units, dtype="float64")
    return pd.DataFrame(
        {
            "step": STEPS,
            "units": units.astype("int64"),
            "step_rate": (units / units.shift()).fillna(1.0),
            "overall_rate": units / units.iloc[0] if units.iloc[0] else np.nan,
        }
    )


def draw(ax: Axes, frame: pd.DataFrame, *, unit: str) -> None:
    """Draw the steps as bars with the step rate between them."""
    names = [_step(step) for step in frame["step"]]
    bars = ax.barh(names, frame["overall_rate"], color=style.PALETTE["blue"])
    labels = [f"{n:,} · {rate:.0%}" for n, rate in zip(frame["units"], frame["step_rate"], strict=True)]
    ax.bar_label(bars, labels, padding=4)
    ax.invert_yaxis()
    ax.set_xlim(0, max(1.0, frame["overall_rate"].max()) * 1.18)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(
        xlabel=t("share of the first step", "占第一步的比例"),
        title=t(
            f"Funnel of {_unit(unit)}; beside each bar: number · step rate",
            f"按{_unit(unit)}的漏斗；柱旁为数量 · 步骤转化率",
        ),
    )


def describe(frame: pd.DataFrame, *, unit: str) -> str:
    """Say the overall rate in a sentence."""
    last = frame.iloc[-1]
    return t(
        f"{last['units']:,} of {frame['units'].iloc[0]:,} {_unit(unit)} end with a payment: {last['overall_rate']:.1%}.",
        f"{frame['units'].iloc[0]:,} 个{_unit(unit)}里有 {last['units']:,} 个走到支付：{last['overall_rate']:.1%}。",
    )


def _step(step: str) -> str:
    return {
        "search": t("search", "搜索"),
        "product_view": t("view a product", "浏览商品"),
        "add_to_cart": t("add to cart", "加入购物车"),
        "checkout": t("check out", "去结算"),
        "payment": t("pay", "支付"),
    }[step]


def _unit(unit: str) -> str:
    return {
        "session_id": t("sessions", "会话"),
        "visitor_id": t("visitors", "访客"),
        "user_id": t("users", "用户"),
    }[unit]


def explore(events: pd.DataFrame) -> Any:
    """Show the explorer for these events."""
    return _base.explorer(
        compute=partial(compute, prepare(events)),
        draw=draw,
        describe=describe,
        title=("What counts as a funnel?", "什么才算一个漏斗？"),
        controls={
            "unit": _base.Choice(
                ("count", "按什么数"),
                {
                    ("sessions", "会话"): "session_id",
                    ("visitors", "访客"): "visitor_id",
                    ("logged-in users", "登录用户"): "user_id",
                },
            ),
            "kind": _base.Choice(
                ("steps", "步骤"),
                {
                    ("closed, in order", "封闭，严格按顺序"): "ordered",
                    ("closed, any order", "封闭，不限顺序"): "unordered",
                    ("open: each step by itself", "开放：每一步各数各的"): "open",
                },
            ),
            "window": _base.Choice(
                ("window after the first step", "第一步之后的转化窗口"),
                {
                    ("none", "不限"): "none",
                    ("10 minutes", "10 分钟"): "10min",
                    ("1 hour", "1 小时"): "1h",
                    ("1 day", "1 天"): "1d",
                    ("7 days", "7 天"): "7d",
                },
            ),
        },
    )
