"""Rules between columns and between tables: what must hold for any company's data in this form.

Each rule is a function of the tables that returns, for the rows it applies to, which of them break it. A
rule runs only when every column it reads is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from userops._language import t
from userops.schema.tables import TABLES

Tables = Mapping[str, pd.DataFrame]
CENT = 0.005


@dataclass(frozen=True)
class Problem:
    """One thing wrong: ``rows`` is how many rows it touches, ``what`` what is wrong and what to do about it."""

    table: str
    column: str
    rows: int
    what: str

    def __str__(self) -> str:
        place = f"{self.table}.{self.column}" if self.column else self.table
        rows = t(f"{self.rows:,} row{'' if self.rows == 1 else 's'}", f"{self.rows:,} 行")
        colon = t(": ", "：")
        return f"{place}{t(' (', '（')}{rows}{t(')', '）')}{colon}{self.what}"


@dataclass(frozen=True)
class Rule:
    """``breaks`` returns which rows of ``table`` break the rule; ``needs`` lists "table.column" it reads."""

    table: str
    column: str
    needs: str
    en: str
    zh: str
    breaks: Callable[[Tables], np.ndarray]


def between_tables(tables: Tables) -> list[Problem]:
    """Return the problems that show only when columns or tables are compared."""
    found = []
    for name, table in TABLES.items():
        for column, (other, other_column) in table.links.items():
            if name not in tables or other not in tables:
                continue
            if column not in tables[name] or other_column not in tables[other]:
                continue
            values = tables[name][column]
            lost = values.notna() & ~values.isin(tables[other][other_column])
            if lost.any():
                example = values[lost].iloc[0]
                what = t(
                    f"no such {other_column} in {other} (for example {example}); add it there or remove these rows.",
                    f"{other} 中没有对应的 {other_column}（例如 {example}）；请在该表补上，或移除这些行。",
                )
                found.append(Problem(name, column, int(lost.sum()), what))
    for rule in RULES:
        if not all(_has(tables, need) for need in rule.needs.split()):
            continue
        broken = np.asarray(rule.breaks(tables), dtype=bool)
        if broken.any():
            found.append(Problem(rule.table, rule.column, int(broken.sum()), t(rule.en, rule.zh)))
    return found


def _has(tables: Tables, need: str) -> bool:
    table, column = need.split(".")
    return table in tables and column in tables[table]


def _before(frame: pd.DataFrame, first: str, second: str) -> np.ndarray:
    """Return the rows whose ``first`` lies before ``second``; a missing time breaks nothing."""
    return np.asarray((frame[first] < frame[second]).fillna(False))


def _sum_of_lines(tables: Tables) -> np.ndarray:
    items, orders = tables["order_items"], tables["orders"]
    totals = (items["quantity"] * items["unit_price"]).groupby(items["order_id"]).sum()
    expected = totals.reindex(orders["order_id"]).to_numpy()
    # An order without a line has no sum, and breaks the rule too.
    return np.asarray(~(np.abs(expected - orders["items_total"].to_numpy()) < CENT))


def _amount(tables: Tables) -> np.ndarray:
    orders = tables["orders"]
    off = orders["items_total"] - orders["discount"] + orders["shipping"] - orders["amount"]
    return np.asarray(~(off.abs() < CENT))


def _status(tables: Tables) -> np.ndarray:
    orders = tables["orders"]
    cancelled, refunded = orders["status"] == "cancelled", orders["status"] == "refunded"
    return np.asarray((cancelled != orders["paid_at"].isna()) | (refunded != orders["refunded_at"].notna()))


def _paid_without_event(tables: Tables) -> np.ndarray:
    orders, events = tables["orders"], tables["events"]
    payments = events.loc[events["event"] == "payment", ["session_id", "ts"]].drop_duplicates()
    both = orders[["session_id", "paid_at"]].merge(
        payments.assign(seen=True),
        how="left",
        left_on=["session_id", "paid_at"],
        right_on=["session_id", "ts"],
    )
    return np.asarray(orders["paid_at"].notna().to_numpy() & both["seen"].isna().to_numpy())


def _payment_without_order(tables: Tables) -> np.ndarray:
    orders, events = tables["orders"], tables["events"]
    paid = orders.loc[orders["paid_at"].notna(), "session_id"]
    return np.asarray((events["event"] == "payment") & ~events["session_id"].isin(paid))


def _too_early(table: str, column: str) -> Callable[[Tables], np.ndarray]:
    def breaks(tables: Tables) -> np.ndarray:
        joined = tables["users"].set_index("user_id")["registered_at"]
        frame = tables[table]
        return np.asarray((frame[column] < frame["user_id"].map(joined)).fillna(False))

    return breaks


def _mixed_sessions(tables: Tables) -> np.ndarray:
    events = tables["events"]
    first = events.drop_duplicates("session_id").set_index("session_id")["visitor_id"]
    return np.asarray(events["visitor_id"] != events["session_id"].map(first))


def _unlaunched(tables: Tables) -> np.ndarray:
    events = tables["events"]
    launched = tables["products"].set_index("product_id")["launched_on"]
    return np.asarray((events["ts"] < events["product_id"].map(launched)).fillna(False))


def _coupon_of_another(tables: Tables) -> np.ndarray:
    owner = tables["coupons"].set_index("coupon_id")["user_id"]
    orders = tables["orders"]
    used = orders["coupon_id"].map(owner)
    return np.asarray(used.notna() & (used != orders["user_id"]))


def _overdrawn(tables: Tables) -> np.ndarray:
    points = tables["points"]
    order = points.sort_values(["user_id", "ts"], kind="stable")
    balance = order.groupby("user_id")["delta"].cumsum()
    return np.asarray((balance < 0).reindex(points.index))


def _held_out_but_read(tables: Tables) -> np.ndarray:
    messages = tables["messages"]
    return np.asarray(messages["holdout"] & (messages["opened_at"].notna() | messages["clicked_at"].notna()))


def _cents(table: str, column: str) -> Callable[[Tables], np.ndarray]:
    def breaks(tables: Tables) -> np.ndarray:
        values = tables[table][column].to_numpy()
        return np.asarray(values != np.round(values, 2))

    return breaks


def _order(table: str, first: str, second: str, en: str, zh: str) -> Rule:
    return Rule(
        table,
        second,
        f"{table}.{first} {table}.{second}",
        en,
        zh,
        lambda tables: _before(tables[table], second, first),
    )


_MONEY = ("items_total", "discount", "shipping", "amount")
RULES: tuple[Rule, ...] = (
    *(
        Rule(
            "orders",
            name,
            f"orders.{name}",
            "not exact to a cent; round it to two decimals.",
            "未精确到分；请保留两位小数。",
            _cents("orders", name),
        )
        for name in _MONEY
    ),
    Rule(
        "orders",
        "items_total",
        "orders.order_id orders.items_total order_items.order_id order_items.quantity order_items.unit_price",
        "differs from the sum of its lines (quantity × unit_price); mend the lines or the total.",
        "与明细合计（quantity × unit_price）不符；请修正明细或合计。",
        _sum_of_lines,
    ),
    Rule(
        "orders",
        "amount",
        "orders.items_total orders.discount orders.shipping orders.amount",
        "is not items_total − discount + shipping; check the unit and the sign of the discount.",
        "不等于 items_total − discount + shipping；请检查单位与优惠的正负号。",
        _amount,
    ),
    Rule(
        "orders",
        "status",
        "orders.status orders.paid_at orders.refunded_at",
        "does not fit paid_at and refunded_at: a cancelled order has no paid_at, a refunded one has refunded_at.",
        "与 paid_at、refunded_at 矛盾：已取消的订单没有 paid_at，已退款的订单应有 refunded_at。",
        _status,
    ),
    _order(
        "orders",
        "created_at",
        "paid_at",
        "before created_at; check the time zone.",
        "早于 created_at；请检查时区。",
    ),
    _order("orders", "paid_at", "refunded_at", "before paid_at.", "早于 paid_at。"),
    Rule(
        "orders",
        "paid_at",
        "orders.session_id orders.paid_at events.session_id events.ts events.event",
        "no payment event of that session and time in events; add the events or correct the time.",
        "events 中没有该会话在该时间的 payment 事件；请补上事件或修正时间。",
        _paid_without_event,
    ),
    Rule(
        "events",
        "event",
        "orders.session_id orders.paid_at events.session_id events.event",
        "a payment event without a paid order of that session; add the order or drop the event.",
        "有 payment 事件，却没有该会话的已支付订单；请补上订单或删除事件。",
        _payment_without_order,
    ),
    Rule(
        "events",
        "session_id",
        "events.session_id events.visitor_id",
        "one session with several visitors; cut sessions by visitor.",
        "同一会话出现多个访客；请按访客切分会话。",
        _mixed_sessions,
    ),
    Rule(
        "events",
        "ts",
        "events.ts",
        "earlier than the row before; sort the table by ts.",
        "早于上一行；请按 ts 排序。",
        lambda tables: np.r_[False, np.diff(tables["events"]["ts"].to_numpy()) < np.timedelta64(0, "us")],
    ),
    Rule(
        "events",
        "product_id",
        "events.product_id events.ts products.product_id products.launched_on",
        "seen before the product's launch; correct launched_on.",
        "早于商品上架；请修正 launched_on。",
        _unlaunched,
    ),
    *(
        Rule(
            table,
            column,
            f"{table}.user_id {table}.{column} users.user_id users.registered_at",
            "before the user's registration; correct it, or leave user_id empty.",
            "早于该用户注册；请修正，或将 user_id 置空。",
            _too_early(table, column),
        )
        for table, column in (
            ("events", "ts"),
            ("orders", "created_at"),
            ("coupons", "issued_at"),
            ("points", "ts"),
            ("messages", "sent_at"),
            ("experiments", "exposed_at"),
            ("community", "joined_at"),
            ("tickets", "created_at"),
            ("surveys", "sent_at"),
            ("interviews", "interviewed_on"),
        )
    ),
    Rule(
        "orders",
        "coupon_id",
        "orders.coupon_id orders.user_id coupons.coupon_id coupons.user_id",
        "the coupon belongs to another user.",
        "该优惠券属于其他用户。",
        _coupon_of_another,
    ),
    Rule(
        "points",
        "delta",
        "points.user_id points.ts points.delta",
        "the balance falls below zero; check the order of entries.",
        "积分余额为负；请检查流水的先后。",
        _overdrawn,
    ),
    Rule(
        "messages",
        "holdout",
        "messages.holdout messages.opened_at messages.clicked_at",
        "held out, yet opened or clicked: nothing was sent.",
        "标为留出对照，却有打开或点击：对照组并未发送。",
        _held_out_but_read,
    ),
    _order("messages", "sent_at", "opened_at", "before sent_at.", "早于 sent_at。"),
    _order("messages", "opened_at", "clicked_at", "before opened_at.", "早于 opened_at。"),
    _order("coupons", "issued_at", "redeemed_at", "before issued_at.", "早于 issued_at。"),
    _order("tickets", "created_at", "first_response_at", "before created_at.", "早于 created_at。"),
    _order(
        "tickets", "first_response_at", "resolved_at", "before first_response_at.", "早于 first_response_at。"
    ),
    _order("referrals", "invited_at", "registered_at", "before invited_at.", "早于 invited_at。"),
    _order("community", "joined_at", "left_at", "before joined_at.", "早于 joined_at。"),
    _order("surveys", "sent_at", "answered_at", "before sent_at.", "早于 sent_at。"),
    _order("campaigns", "starts_on", "ends_on", "before starts_on.", "早于 starts_on。"),
)
