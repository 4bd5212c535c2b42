"""Explorer: the same month's revenue, before and after a join, at the right and the wrong grain."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from userops import style
from userops._language import t
from userops.explorers import _base

__all__ = ["JOINS", "MEASURES", "compute", "draw", "explore", "prepare"]

JOINS: Final = ("orders", "lines")
MEASURES: Final = ("amount", "line_value", "rows", "distinct_orders")


def prepare(orders: pd.DataFrame, order_items: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return paid orders joined to their lines: one row a line, with the month of payment."""
    paid = orders.loc[orders["status"] == "paid", ["order_id", "paid_at", "amount"]]
    lines = paid.merge(order_items, on="order_id").merge(
        products[["product_id", "category"]], on="product_id"
    )
    return pd.DataFrame(
        {
            "order_id": lines["order_id"],
            "month": lines["paid_at"].dt.month,
            "category": lines["category"],
            "amount": lines["amount"],
            "line_value": lines["quantity"] * lines["unit_price"],
        }
    )


def compute(lines: pd.DataFrame, *, join: str = "orders", measure: str = "amount") -> pd.DataFrame:
    """Return what a report by month says, beside paid revenue and the number of paid orders.

    Args:
        lines: what ``prepare`` gives, one row a line.
        join: the table that is added up: ``"orders"`` (one row an order) or ``"lines"`` (orders joined to lines).
        measure: ``"amount"`` (sum of the order's amount), ``"line_value"`` (sum of quantity × unit price; on
            orders it is summed per order first), ``"rows"`` (count(*)), ``"distinct_orders"``.

    Returns:
        12 rows: ``month``, ``reported``, ``right`` (revenue in CNY for sums, orders for counts), ``factor``.
    """
    per_order = lines.groupby(["month", "order_id"], as_index=False).agg(
        amount=("amount", "first"), line_value=("line_value", "sum")
    )
    table = per_order if join == "orders" else lines
    how = {"rows": ("order_id", "size"), "distinct_orders": ("order_id", "nunique")}.get(
        measure, (measure, "sum")
    )
    counts = measure in ("rows", "distinct_orders")
    truth = ("order_id", "size") if counts else ("amount", "sum")
    frame = pd.DataFrame(
        {
            "reported": table.groupby("month").agg(value=how)["value"],
            "right": per_order.groupby("month").agg(value=truth)["value"],
        }
    )
    frame = frame.reindex(range(1, 13), fill_value=0).astype(float).rename_axis("month").reset_index()
    return frame.assign(factor=(frame["reported"] / frame["right"]).where(frame["right"] > 0))


def draw(ax: Axes, frame: pd.DataFrame, *, measure: str) -> None:
    """Draw what is reported as bars, what is right as marks."""
    counts = measure in ("rows", "distinct_orders")
    unit = 1 if counts else 10_000
    ax.bar(
        frame["month"],
        frame["reported"] / unit,
        color=style.PALETTE["sky"],
        label=t("the report", "报表上的数"),
    )
    ax.plot(
        frame["month"],
        frame["right"] / unit,
        "o",
        color=style.PALETTE["red"],
        label=t("paid orders", "已支付订单数") if counts else t("paid revenue", "已支付收入"),
    )
    ax.set_xticks(range(1, 13))
    ax.set(
        xlabel=t("month", "月份"),
        ylabel=t("orders", "单") if counts else t("10,000 yuan", "万元"),
        title=t("What the report says, and what is so", "报表说的，与实际的"),
    )
    ax.legend(loc="upper left")


def describe(frame: pd.DataFrame, *, measure: str) -> str:
    """Say November in a sentence."""
    november = frame.set_index("month").loc[11]
    if measure in ("rows", "distinct_orders"):
        return t(
            f"November: the report says {november['reported']:,.0f}, there were {november['right']:,.0f} paid orders.",
            f"十一月：报表说 {november['reported']:,.0f}，实际已支付 {november['right']:,.0f} 单。",
        )
    return t(
        f"November: the report says {november['reported'] / 1e6:.2f} million, paid revenue is "
        f"{november['right'] / 1e6:.2f} million ({november['factor']:.2f} times).",
        f"十一月：报表说 {november['reported'] / 1e4:.0f} 万，已支付收入是 {november['right'] / 1e4:.0f} 万"
        f"（{november['factor']:.2f} 倍）。",
    )


def explore(orders: pd.DataFrame, order_items: pd.DataFrame, products: pd.DataFrame) -> Any:
    """Show the explorer for these tables."""
    return _base.explorer(
        compute=partial(compute, prepare(orders, order_items, products)),
        draw=draw,
        describe=describe,
        title=("What happens to money in a join", "钱在连接里发生了什么"),
        controls={
            "join": _base.Choice(
                ("one row is", "一行是"),
                {
                    ("one order (no join)", "一笔订单（不连接）"): "orders",
                    ("one line (orders join order_items)", "一条明细（orders 连 order_items）"): "lines",
                },
            ),
            "measure": _base.Choice(
                ("add up", "加总"),
                {
                    ("sum(amount)", "sum(amount)"): "amount",
                    ("sum(quantity * unit_price)", "sum(quantity * unit_price)"): "line_value",
                    ("count(*)", "count(*)"): "rows",
                    ("count(distinct order_id)", "count(distinct order_id)"): "distinct_orders",
                },
            ),
        },
    )
