"""The wide table of chapter 7: one row a user, a dozen habits, made once from the event log.

``wide_table`` counts the habits, ``prepare`` puts them on one scale. They are the reference answers to
exercises 7.1 and 7.2, so that the rest of the chapter and its explorers do not hang on the learner's.
``personas`` builds on them; the explorer ``segment_count`` scales with ``prepare``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from userops._language import t
from userops.errors import CourseError

MIN_VISITS: Final = 10
"""Fewer visits than this say too little about anybody's habits."""

HABITS: Final = (
    "late_share",
    "morning_share",
    "weekend_share",
    "views_per_visit",
    "searches_per_visit",
    "price_level",
    "beauty_fashion",
    "digital",
    "home_food",
    "health",
    "baby",
    "gifts",
)
"""What a persona is made of: when somebody comes, how they look around, at what and at which price."""

SKEWED: Final = ("views_per_visit", "searches_per_visit", "price_level")
"""Habits with a long right tail: take ``log1p`` before scaling."""

_SHELVES: Final = {
    "beauty": "beauty_fashion",
    "fashion": "beauty_fashion",
    "digital": "digital",
    "home": "home_food",
    "food": "home_food",
    "health": "health",
    "baby": "baby",
    "gifts": "gifts",
}


def label(habit: str) -> str:
    """Return a habit's display name in the language in force; an unknown one stands for itself."""
    return t(*_LABELS.get(habit, (habit, habit)))


_LABELS: Final = {
    "visits": ("visits", "访问次数"),
    "late_share": ("visits late at night", "深夜访问占比"),
    "morning_share": ("visits early in the morning", "清晨访问占比"),
    "weekend_share": ("visits at the weekend", "周末访问占比"),
    "views_per_visit": ("products viewed a visit", "次均浏览商品数"),
    "searches_per_visit": ("searches a visit", "次均搜索数"),
    "price_level": ("price level", "价格档位"),
    "beauty_fashion": ("views: beauty & fashion", "浏览：美妆服饰"),
    "digital": ("views: digital", "浏览：数码"),
    "home_food": ("views: home & food", "浏览：家居食品"),
    "health": ("views: health", "浏览：健康养生"),
    "baby": ("views: baby", "浏览：母婴"),
    "gifts": ("views: gifts", "浏览：礼品"),
}


def wide_table(
    events: pd.DataFrame,
    products: pd.DataFrame,
    *,
    before: str | pd.Timestamp,
    min_visits: int = MIN_VISITS,
) -> pd.DataFrame:
    """Return the habits of every user with at least ``min_visits`` visits before a moment.

    Rows of ``events`` without a user, or at or after ``before``, do not count. A visit is a session; its
    time is that of the user's first row in it.

    Args:
        events: ``user_id``, ``session_id``, ``ts``, ``event``, ``product_id``; any order.
        products: ``product_id``, ``category``, ``price`` (CNY).
        before: the snapshot; nothing from this moment on is used.
        min_visits: users with fewer visits are left out.

    Returns:
        Index ``user_id`` (sorted), columns ``visits`` and ``HABITS``. Shares are of a user's visits
        (22:00–02:59, 05:00–09:59, Saturday and Sunday) or of the products a user viewed; ``price_level``
        is the mean of price ÷ the middle price of the product's category. Without any product view the
        shares are 0 and the price level is 1.

    Raises:
        CourseError: a table lacks a column.
    """
    _need("events", events, ("user_id", "session_id", "ts", "event", "product_id"))
    _need("products", products, ("product_id", "category", "price"))
    known = events[events["user_id"].notna() & (events["ts"] < pd.Timestamp(before))]
    start = known.groupby(["user_id", "session_id"])["ts"].min().reset_index()
    visits = start.groupby("user_id").size()
    table = pd.DataFrame({"visits": visits[visits >= min_visits]})

    start = start[start["user_id"].isin(table.index)]
    hour = start["ts"].dt.hour
    table["late_share"] = ((hour >= 22) | (hour < 3)).groupby(start["user_id"]).mean()
    table["morning_share"] = hour.between(5, 9).groupby(start["user_id"]).mean()
    table["weekend_share"] = (start["ts"].dt.day_of_week >= 5).groupby(start["user_id"]).mean()

    known = known[known["user_id"].isin(table.index)]
    counts = known.groupby(["user_id", "event"]).size().unstack(fill_value=0)
    for habit, event in (("views_per_visit", "product_view"), ("searches_per_visit", "search")):
        table[habit] = counts[event] / table["visits"] if event in counts else 0.0

    views = known.loc[known["event"] == "product_view", ["user_id", "product_id"]]
    shelf = products[["product_id", "category", "price"]].copy()
    shelf["ratio"] = shelf["price"] / shelf.groupby("category")["price"].transform("median")
    shelf["shelf"] = shelf["category"].map(_SHELVES)
    views = views.merge(shelf, on="product_id")
    table["price_level"] = views.groupby("user_id")["ratio"].mean()
    shares = pd.crosstab(views["user_id"], views["shelf"], normalize="index")
    table = table.join(shares.reindex(columns=list(dict.fromkeys(_SHELVES.values()))))
    table["price_level"] = table["price_level"].fillna(1.0)
    table.index = table.index.astype("int64")
    return table.fillna(0.0)[["visits", *HABITS]].sort_index()


def prepare(
    table: pd.DataFrame,
    reference: pd.DataFrame | None = None,
    *,
    habits: Sequence[str] = HABITS,
    skewed: Sequence[str] = SKEWED,
    log: bool = True,
    scale: bool = True,
) -> pd.DataFrame:
    """Return ``table`` on the yardstick of ``reference`` (default: itself): log1p, then mean 0 and SD 1.

    Args:
        table: one row a user.
        reference: the users whose mean and standard deviation count.
        habits: the columns to use.
        skewed: those to take ``log1p`` of first (only columns that are among ``habits``).
        log, scale: leave a step out, for those who want to see what then happens.

    Returns:
        The same rows, columns ``habits``, floats. A column that is constant in ``reference`` becomes 0.
    """
    mine = table[list(habits)].astype(float)
    theirs = mine if reference is None else reference[list(habits)].astype(float)
    if log:
        tails = [habit for habit in skewed if habit in habits]
        mine, theirs = mine.copy(), theirs.copy()
        mine[tails], theirs[tails] = np.log1p(mine[tails]), np.log1p(theirs[tails])
    if not scale:
        return mine
    spread = theirs.std(ddof=0)
    flat = spread < 1e-12
    prepared = (mine - theirs.mean()) / spread.mask(flat, 1.0)
    return prepared.mask(pd.Series(flat), 0.0, axis=1) if flat.any() else prepared


def _need(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    lacking = [column for column in columns if column not in table.columns]
    if lacking:
        raise CourseError(
            t(
                f"`{name}` has no column `{lacking[0]}`: pass a table with {', '.join(columns)}.",
                f"`{name}` 缺少列 `{lacking[0]}`：请传入包含 {'、'.join(columns)} 的表。",
            )
        )
