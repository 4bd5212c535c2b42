"""Users × days since registration, packed once so that an explorer can ask it many questions quickly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from userops.errors import CourseError

NEVER = -1  # the last active age of somebody who was never active


@dataclass(frozen=True, eq=False)
class Panel:
    """One entry a user; two panels are the same only if they are one object.

    Attributes:
        start: day 0, ``datetime64[D]``.
        observed: number of whole days after day 0 that the data cover.
        running: ``running[d, u]`` is the number of active days of user ``u`` at ages below ``d`` (days first:
            a question about a day then reads one stretch of memory).
        last: the last active age, ``NEVER`` without any.
    """

    start: np.ndarray
    observed: np.ndarray
    running: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def days(self) -> int:
        """Ages run from 0 to ``days - 1``."""
        return len(self.running) - 1

    def active(self, first: int, last: int | None) -> np.ndarray:
        """Tell for each user whether any age from ``first`` to ``last`` (None: ever after) was active."""
        if last is None:
            return np.asarray(self.last >= first)
        stop, begin = min(last + 1, self.days), min(first, self.days)
        return np.asarray(self.running[stop] > self.running[begin])


def panel(people: pd.DataFrame, ages: pd.DataFrame) -> Panel:
    """Pack two tidy tables.

    Args:
        people: one row a user: ``user_id``, ``start`` (timestamp of day 0), ``observed`` (whole days).
        ages: ``user_id`` and ``age``; repeats and people not in ``people`` do no harm.

    Raises:
        CourseError: a column is missing, or there is nobody.
    """
    for name, table, columns in (
        ("people", people, ("user_id", "start", "observed")),
        ("ages", ages, ("user_id", "age")),
    ):
        lacking = [c for c in columns if c not in table.columns]
        if lacking:
            raise CourseError(
                f"`{name}` has no column `{lacking[0]}`: pass a table with {', '.join(columns)}."
            )
    if people.empty:
        raise CourseError("`people` has no rows: pass at least one user.")
    observed = people["observed"].to_numpy(dtype=np.int64)
    row = pd.Index(people["user_id"]).get_indexer(ages["user_id"])
    age = ages["age"].to_numpy(dtype=np.int64)
    known = (row >= 0) & (age >= 0)
    row, age = row[known], age[known]
    width = int(max(observed.max(), age.max(initial=0))) + 1
    active = np.zeros((width, len(people)), dtype=bool)
    active[age, row] = True
    running = np.zeros((width + 1, len(people)), dtype=np.int16)
    np.cumsum(active, axis=0, dtype=np.int16, out=running[1:])
    last = np.full(len(people), NEVER, dtype=np.int64)
    np.maximum.at(last, row, age)
    return Panel(people["start"].to_numpy().astype("datetime64[D]"), observed, running, last)


def wilson(hits: np.ndarray, total: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's 95 % interval of a share; NaN where ``total`` is 0 (Wilson 1927)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hits / total
        middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
        half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return middle - half, middle + half
