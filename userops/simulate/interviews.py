"""The interviews of December: users drawn at random, and which persona the interviewer met."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from userops.simulate import parameters
from userops.simulate._random import Ints

SHARE: Final = 0.02
"""Of all registered users: 400 of the shipped company's 20,000."""

MIN_VISITS: Final = 10
"""Only users whose habits were known were called: those in the wide table (``userops.lessons.habits``)."""

SNAPSHOT: Final = np.datetime64("2025-12-01")
"""What the research team knew when it drew."""

DAYS: Final[Ints] = np.array(
    [day for day in range(parameters.day(12, 8), parameters.day(12, 27)) if parameters.WEEKDAY[day] < 5]
)
"""The working days on which calls were made, as days of the year: 8 to 26 December."""


def interviews(events: pd.DataFrame, truth: pd.DataFrame, seed: int, number: int) -> pd.DataFrame:
    """Draw the interviewed users of one block, each with a day and the persona that the block planted.

    Args:
        events: the block's ``user_id``, ``session_id``, ``ts``.
        truth: the block's ``user_id`` and ``persona``, one row a user.
        seed, number: of the company and of the block.

    Returns:
        ``user_id`` (ascending), ``interviewed_on``, ``persona``: ``SHARE`` of the block's users, fewer if
        fewer qualify.
    """
    known = events[events["user_id"].notna() & (events["ts"] < SNAPSHOT)]
    visits = known[["user_id", "session_id"]].drop_duplicates().groupby("user_id").size()
    regulars = visits.index[visits >= MIN_VISITS].to_numpy(dtype=np.int64)
    # Not a stream of `_random`: the shipped company's interviews (seed 2025, block 0) were drawn from the
    # seed 20251208, the year and the first day, before they had a table, and chapter 7 prints their numbers.
    rng = np.random.default_rng([seed * 10_000 + 1208, number])
    count = min(round(SHARE * len(truth)), len(regulars))
    chosen = np.sort(rng.choice(regulars, count, replace=False))
    on = parameters.EPOCH + DAYS[rng.integers(0, len(DAYS), count)] * np.timedelta64(1, "D")
    return pd.DataFrame(
        {
            "user_id": chosen,
            "interviewed_on": on.astype("datetime64[us]"),
            "persona": truth.set_index("user_id")["persona"].reindex(chosen).to_numpy(dtype=object),
        }
    ).astype({"persona": "str"})
