"""When a notebook was handed in: ``timestamp.txt`` beside it, as nbgrader writes and reads it."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from userops.errors import CourseError

TIMESTAMP: Final = "timestamp.txt"

_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?( ?(Z|[+-]\d\d:?\d\d|[A-Za-z_]+(/[A-Za-z_]+)*([+-]\d+)?))?"
)


@functools.lru_cache(maxsize=64)
def parse_timestamp(text: str) -> datetime:
    """A timestamp as nbgrader reads it: UTC, without a zone.

    Raises:
        CourseError: it is not one.
    """
    from nbgrader.utils import parse_utc

    # dateutil reads much more than a time, the names of files for zones among it.
    if _TIME.fullmatch(text):
        try:
            parsed = parse_utc(text)
        except (ValueError, OverflowError, TypeError):
            parsed = None
        if parsed is not None and parsed.tzinfo is None:
            return cast(datetime, parsed)
    raise CourseError(f"“{''.join(filter(str.isprintable, text[:40]))}” is not a time.")


def format_timestamp(seconds: float) -> str:
    """A moment (seconds since 1970) as nbgrader writes it: ``2025-03-01 09:30:00.000000 UTC``."""
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%d %H:%M:%S.%f} UTC"


def write_timestamp(folder: Path, seconds: float) -> str:
    """Write down when a folder's notebook was handed in; returns the text.

    Raises:
        OSError: the folder is read-only.
    """
    text = format_timestamp(seconds)
    (folder / TIMESTAMP).write_text(f"{text}\n", encoding="utf-8")
    return text
