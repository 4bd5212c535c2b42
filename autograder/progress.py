"""One progress bar for everything that takes long."""

from __future__ import annotations

import time
from typing import Any, Final, TextIO

PLAIN_EVERY: Final = 15.0  # seconds between two lines of progress where there is no terminal


# ------------------------------------------------------------------------------------------ what is shown


class Progress:
    """A bar with rate and remaining time on a terminal; elsewhere a line now and then.

    Args:
        name: what is being done.
        total: how many there are; 0 shows nothing.
        stream: where to show it.
    """

    def __init__(self, name: str, total: int, stream: TextIO | None) -> None:
        self.name, self.total, self.stream = name, total, stream
        self.done, self.started = 0, time.monotonic()
        self.said = self.started
        self.bar: Any = None
        if stream is not None and stream.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=total, desc=name, unit="student", file=stream, leave=False, dynamic_ncols=True
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        if self.bar is not None:
            self.bar.update()
        elif self.stream is not None and (
            self.done == self.total or time.monotonic() - self.said >= PLAIN_EVERY
        ):
            self.said = time.monotonic()
            print(self.line(self.said - self.started), file=self.stream, flush=True)

    def line(self, seconds: float) -> str:
        """The state in words, ``seconds`` after the start."""
        rate = self.done / max(seconds, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        return f"{self.name}: {self.done}/{self.total} students, {rate:.3g}/s, {duration(left)} left"


def no_progress(total: int) -> Progress:
    return Progress("", total, None)


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
