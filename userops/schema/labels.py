"""Display names of coded values, in the language in force."""

from __future__ import annotations

from userops._language import t
from userops.schema.tables import TABLES


def label(table: str, column: str, value: str) -> str:
    """Return the display name of a coded value in the language in force, e.g. for a chart's ticks.

    >>> label("users", "channel", "search_ads")
    'search ads'
    """
    zh = TABLES[table][column].values.get(value, value)
    return t(value.replace("_", " "), zh)
