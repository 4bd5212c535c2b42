"""The schema of Juzi Mall's data: ``TABLES`` names every column; ``label`` gives a value's display name."""

from userops.schema.labels import label
from userops.schema.tables import (
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
