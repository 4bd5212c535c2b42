"""Explorer: the same customers, scored by three rules on any day; and chapter 6's own RFM functions."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from userops._language import t
from userops.explorers import _base

__all__ = ["RULES", "compute", "draw", "explore", "movement", "rfm", "score", "segments"]

RULES: Final = ("beaten", "equal_width", "row_order")
_BINS: Final = 5


def rfm(orders: pd.DataFrame, snapshot: pd.Timestamp) -> pd.DataFrame:
    """Return each customer's RFM values as known at the end of the snapshot day.

    Returns:
        One row a user with a purchase (status ``paid``): ``user_id``, ``recency`` (calendar days since the
        last purchase), ``frequency`` (orders), ``monetary`` (CNY).
    """
    bought = orders[(orders["status"] == "paid") & (orders["paid_at"] < snapshot + pd.Timedelta(days=1))]
    table = bought.groupby("user_id", as_index=False).agg(
        last=("paid_at", "max"), frequency=("order_id", "nunique"), monetary=("amount", "sum")
    )
    table["recency"] = (snapshot - table.pop("last").dt.normalize()).dt.days
    return table[["user_id", "recency", "frequency", "monetary"]]


def score(values: pd.Series, *, high_is_good: bool = True, rule: str = "beaten") -> pd.Series:
    """Return scores from 1 to 5.

    Args:
        values: one number a customer.
        high_is_good: False when small is good (recency).
        rule: ``"beaten"``: 1 + floor(5 × share of customers strictly worse), equal people equal scores;
            ``"equal_width"``: five steps of equal width between minimum and maximum; ``"row_order"``: five
            groups of equal size, ties broken by the order of rows.
    """
    good = values if high_is_good else -values
    if rule == "equal_width":
        low, high = good.min(), good.max()
        step = (high - low) / _BINS or 1.0
        return np.ceil((good - low) / step).clip(1, _BINS).astype("int64")
    worse = good.rank(method="first" if rule == "row_order" else "min") - 1
    return (1 + _BINS * worse // max(len(values), 1)).astype("int64")


def segments(orders: pd.DataFrame, snapshot: pd.Timestamp) -> pd.DataFrame:
    """Return the RFM table with scores ``r``, ``f``, ``m`` and the ``segment``; the first fitting rule decides."""
    table = rfm(orders, snapshot)
    r = score(table["recency"], high_is_good=False)
    f, m = score(table["frequency"]), score(table["monetary"])
    rules = {
        "champion": (r >= 4) & (f >= 4) & (m >= 4),
        "loyal": (r >= 3) & (f >= 4),
        "at_risk": (r <= 2) & ((f >= 4) | (m >= 4)),
        "new": (r >= 4) & (f <= 2),
        "sleeping": r <= 2,
    }
    names = np.select(list(rules.values()), list(rules), default="regular")
    return table.assign(r=r, f=f, m=m, segment=names)


def movement(before: pd.Series, after: pd.Series, tiers: list[str]) -> pd.DataFrame:
    """Return the share of each tier's users (rows: before) that ended in each tier (columns: after).

    Args:
        before, after: tier names by user; users missing from ``after`` count as ``"none"``, users missing from
            ``before`` are left out.
        tiers: all names, in order.
    """
    now = after.reindex(before.index, fill_value="none")
    table = pd.crosstab(before.to_numpy(), now.to_numpy(), normalize="index")
    return table.reindex(index=tiers, columns=tiers, fill_value=0.0)


def compute(orders: pd.DataFrame, *, snapshot: pd.Timestamp, rule: str = "beaten") -> pd.DataFrame:
    """Return how many customers have each pair of scores.

    Returns:
        25 rows: ``r``, ``f`` (scores 1–5), ``customers``.
    """
    table = rfm(orders, pd.Timestamp(snapshot))
    r = score(table["recency"], high_is_good=False, rule=rule)
    f = score(table["frequency"], rule=rule)
    every = pd.MultiIndex.from_product([range(1, 6), range(1, 6)], names=["r", "f"])
    counts = table.groupby([r.rename("r"), f.rename("f")]).size()
    return counts.reindex(every, fill_value=0).rename("customers").reset_index()


def draw(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw the 5 × 5 grid with its numbers."""
    grid = frame.pivot(index="r", columns="f", values="customers")
    ax.imshow(grid.to_numpy(), cmap="Blues", origin="lower", aspect="auto")
    ax.grid(visible=False)
    dark = grid.to_numpy().max() / 2
    for (row, column), n in np.ndenumerate(grid.to_numpy()):
        ax.text(column, row, f"{n:,}", ha="center", va="center", color="white" if n > dark else "black")
    scores = [str(score) for score in range(1, 6)]
    ax.set_xticks(range(5), scores)
    ax.set_yticks(range(5), scores)
    ax.set(
        xlabel=t("frequency score", "F 分"),
        ylabel=t("recency score (5: bought lately)", "R 分（5：最近刚买）"),
        title=t("Customers in each cell", "每格的客户数"),
    )


def describe(frame: pd.DataFrame) -> str:
    """Say where most customers sit, and which frequency scores are empty."""
    by_f = frame.groupby("f")["customers"].sum()
    total = int(by_f.sum())
    if not total:
        return t("No purchase yet on that day.", "到这一天还没有任何购买。")
    empty = [str(f) for f in by_f.index[by_f == 0]]
    top = by_f.idxmax()
    return t(
        f"{total:,} customers; {by_f.max() / total:.0%} of them have frequency score {top}. "
        + (f"Nobody has {', '.join(empty)}." if empty else "Every frequency score is used."),
        f"共 {total:,} 位客户，其中 {by_f.max() / total:.0%} 的 F 分是 {top}。"
        + (f"没有人得 {'、'.join(empty)} 分。" if empty else "每个 F 分都有人。"),
    )


def explore(orders: pd.DataFrame) -> Any:
    """Show the explorer for these orders."""
    paid = orders.loc[orders["status"] == "paid", ["user_id", "order_id", "paid_at", "status", "amount"]]
    month_ends = list(pd.date_range("2025-01-31", "2025-12-31", freq="ME"))
    return _base.explorer(
        compute=partial(compute, paid),
        draw=draw,
        describe=describe,
        title=("Scores by rule and day", "换规则、换日期打分"),
        controls={
            "rule": _base.Choice(
                ("rule", "规则"),
                {
                    ("fifths beaten (ours)", "胜过几个五分之一（本章规则）"): "beaten",
                    ("equal width (pd.cut)", "等宽（pd.cut）"): "equal_width",
                    ("row order breaks ties (pd.qcut)", "并列看行序（pd.qcut）"): "row_order",
                },
            ),
            "snapshot": _base.Steps(("snapshot date", "快照日"), month_ends, month_ends[-1]),
        },
    )
