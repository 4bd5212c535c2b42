"""One progress bar for everything that takes long: students, cells, answers."""

from __future__ import annotations

import time
from typing import Any, Final, TextIO

PLAIN_EVERY: Final = 15.0  # seconds between two lines of progress where there is no terminal


class Progress:
    """A bar with rate and remaining time on a terminal; elsewhere a line now and then.

    Args:
        name: what is being done.
        total: how many there are; 0 shows nothing until ``at`` says how many.
        stream: where to show it; None shows nothing.
        unit: one of them, in English.
        intro: what a stream that is no terminal hears first, with ``{name}`` and ``{total}``.
    """

    def __init__(
        self, name: str, total: int, stream: TextIO | None, *, unit: str = "student", intro: str = ""
    ) -> None:
        self.name, self.total, self.stream = name, total, stream
        self.unit, self.intro = unit, intro
        self.done, self.started = 0, time.monotonic()
        self.said = self.started
        self.bar: Any = None
        self._open()

    def _open(self) -> None:
        if self.stream is None or not self.total:
            return
        if self.stream.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=self.total,
                desc=self.name,
                unit=self.unit,
                file=self.stream,
                leave=False,
                dynamic_ncols=True,
            )
        elif self.intro:
            print(self.intro.format(name=self.name, total=self.total), file=self.stream, flush=True)

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
        else:
            self._say(at_end=True)

    def at(self, done: int, total: int) -> None:
        """So many of so many are done; the end is not told, for what was waited for is shown then."""
        if not self.total:
            self.total = total
            self._open()
        self.done = done
        if self.bar is not None:
            self.bar.n = done
            self.bar.refresh()
        else:
            self._say(at_end=False)

    def _say(self, *, at_end: bool) -> None:
        now = time.monotonic()
        ended = at_end and self.done == self.total
        if self.stream is not None and (ended or now - self.said >= PLAIN_EVERY):
            self.said = now
            print(self.line(now - self.started), file=self.stream, flush=True)

    def line(self, seconds: float) -> str:
        """The state in words, ``seconds`` after the start."""
        rate = self.done / max(seconds, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        return f"{self.name}: {self.done}/{self.total} {self.unit}s, {rate:.3g}/s, {duration(left)} left"


def no_progress(total: int) -> Progress:
    """Show nothing of ``total`` steps."""
    return Progress("", total, None)


def duration(seconds: float) -> str:
    """A length of time as a person says it: ``"40 s"``, ``"7 min"``, ``"1.7 h"``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
