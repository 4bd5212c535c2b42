"""Explorer: who is active? It depends on what counts as an action, and on how long the window is."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from userops import style
from userops._language import t
from userops.explorers import _base

__all__ = ["ACTIONS", "compute", "draw", "explore", "prepare"]

ACTIONS: Final = ("any", "product_view", "add_to_cart", "checkout", "payment")
"""From loose to strict. "any": every event; the others: that event or one further towards the payment."""


def prepare(events: pd.DataFrame) -> pd.DataFrame:
    """Return one row a user and active day: all that ``compute`` needs.

    Args:
        events: columns ``ts``, ``user_id`` (missing while not logged in) and ``event``.

    Returns:
        ``user`` (0, 1, …), ``day`` (a timestamp at midnight) and ``depth`` (position in ``ACTIONS`` of the
        strictest action of that day), sorted by user and day.
    """
    known = events.loc[events["user_id"].notna(), ["ts", "user_id", "event"]]
    depth = known["event"].map({name: place for place, name in enumerate(ACTIONS)})
    rows = pd.DataFrame(
        {
            "user": pd.factorize(known["user_id"])[0],
            "day": known["ts"].dt.normalize(),
            "depth": depth.fillna(0).astype("int8"),
        }
    )
    return rows.groupby(["user", "day"], as_index=False)["depth"].max()


def compute(prepared: pd.DataFrame, *, action: str = "any", window: int = 30) -> pd.DataFrame:
    """Return the active users of each day, of the window that ends with it, and of its calendar month.

    Args:
        prepared: what ``prepare(events)`` gives.
        action: the loosest action that counts, one of ``ACTIONS``.
        window: days in the window, its last day included.

    Returns:
        One row for each calendar day from the first to the last event: ``day``, ``dau``, ``active`` (different
        users in the window; missing until the first window is full), ``calendar`` (different users of the
        whole calendar month) and ``stickiness`` (mean DAU of the window / ``active``).
    """
    days = pd.date_range(prepared["day"].min(), prepared["day"].max(), freq="D")
    rows = prepared[prepared["depth"] >= ACTIONS.index(action)]
    user = rows["user"].to_numpy()
    day = (rows["day"] - days[0]).dt.days.to_numpy()

    dau = np.bincount(day, minlength=len(days))
    # A day of activity keeps its user in the windows that end on it and on the following ones, until the
    # user's next active day takes over or the window has passed: one step up, one step down, add up.
    stay = np.full(len(day), window)
    same_user = user[1:] == user[:-1]
    stay[:-1][same_user] = np.minimum(np.diff(day)[same_user], window)
    steps = (
        np.bincount(day, minlength=len(days))
        - np.bincount(day + stay, minlength=len(days) + window)[: len(days)]
    )
    active = np.cumsum(steps).astype(float)
    active[: window - 1] = np.nan

    # Rows are sorted by user and day, so a user's month begins where the user or the month changes.
    month = (12 * days.year + days.month).to_numpy()
    month = month - month[0]
    begins = np.ones(len(day), dtype=bool)
    begins[1:] = ~same_user | (np.diff(month[day]) != 0)
    calendar = np.bincount(month[day][begins], minlength=month[-1] + 1)[month]

    mean_dau = pd.Series(dau).rolling(window).mean().to_numpy()
    return pd.DataFrame(
        {
            "day": days,
            "dau": dau,
            "active": active,
            "calendar": calendar,
            "stickiness": np.divide(mean_dau, active, out=np.full(len(days), np.nan), where=active > 0),
        }
    )


def draw(ax: Axes, frame: pd.DataFrame, *, window: int, calendar: bool = True) -> None:
    """Draw the window's active users, the DAU, and the calendar months as steps."""
    if calendar:
        ax.step(
            frame["day"],
            frame["calendar"],
            where="post",
            color=style.PALETTE["grey"],
            linewidth=1.2,
            label=t("calendar month", "自然月"),
        )
    ax.plot(
        frame["day"],
        frame["active"],
        color=style.PALETTE["blue"],
        label=t(f"last {window} days", f"最近 {window} 天"),
    )
    ax.plot(
        frame["day"],
        frame["dau"],
        color=style.PALETTE["orange"],
        linewidth=1,
        label=t("that day (DAU)", "当天（DAU）"),
    )
    ax.set_ylim(bottom=0)
    ax.set(
        xlabel=t("day on which the window ends", "窗口的最后一天"),
        ylabel=t("different registered users", "不同注册用户数"),
        title=t("How many are active?", "有多少人活跃？"),
    )
    ax.legend(loc="upper left")


def describe(frame: pd.DataFrame, *, window: int) -> str:
    """Say the last window and its stickiness in words."""
    last = frame.iloc[-1]
    if not last["active"] > 0:
        return t("Nobody was active in the last window.", "最后一个窗口里没有人活跃。")
    mean = last["stickiness"] * last["active"]
    return t(
        f"In the {window} days up to {last['day']:%Y-%m-%d} {last['active']:,.0f} users were active, "
        f"{mean:,.0f} on an average day: stickiness {last['stickiness']:.3f}.",
        f"截至 {last['day']:%Y-%m-%d} 的 {window} 天里有 {last['active']:,.0f} 人活跃，"
        f"日均 {mean:,.0f} 人：粘性 {last['stickiness']:.3f}。",
    )


def explore(events: pd.DataFrame) -> _base.Explorer:
    """Show the explorer for these events (columns ``ts``, ``user_id``, ``event``)."""
    return _base.explorer(
        compute=partial(_compute, prepare(events)),
        draw=draw,
        describe=describe,
        title=("Who is active?", "谁算活跃？"),
        controls={
            "action": _base.Choice(
                ("what counts", "什么算活跃"),
                {
                    ("any event", "任意事件"): "any",
                    ("looked at a product, or more", "看过商品，或更进一步"): "product_view",
                    ("put into the cart, or more", "加过购物车，或更进一步"): "add_to_cart",
                    ("went to checkout, or more", "去过结算，或更进一步"): "checkout",
                    ("paid", "付过款"): "payment",
                },
            ),
            "window": _base.Slider(("days in the window", "窗口天数"), 1, 90, value=30),
            "calendar": _base.Toggle(("show calendar months", "显示自然月"), value=True),
        },
    )


def _compute(prepared: pd.DataFrame, *, action: str, window: int, calendar: bool) -> pd.DataFrame:
    # Whether the steps are drawn changes nothing in the data.
    return compute(prepared, action=action, window=window)
