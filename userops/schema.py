"""The schema of Juzi Mall's data: ``TABLES`` names every column; ``label`` gives a value's display name."""

from __future__ import annotations

from userops._language import t
from userops.tables import (
    CATEGORIES,
    CHANNELS,
    DEVICES,
    EVENTS,
    EXPERIMENTS,
    ORDER_STATUS,
    PAGES,
    PERSONAS,
    PROVINCES,
    TABLES,
    Column,
    Table,
)

__all__ = [
    "CATEGORIES",
    "CHANNELS",
    "DEVICES",
    "EVENTS",
    "EXPERIMENTS",
    "ORDER_STATUS",
    "PAGES",
    "PERSONAS",
    "PROVINCES",
    "TABLES",
    "Column",
    "Table",
    "label",
]


def label(table: str, column: str, value: str) -> str:
    """Return the display name of a coded value in the language in force, e.g. for a chart's ticks.

    >>> label("users", "channel", "search_ads")
    'search ads'
    """
    zh = TABLES[table][column].values.get(value, value)
    return t(value.replace("_", " "), zh)
