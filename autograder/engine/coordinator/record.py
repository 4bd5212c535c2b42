"""What is written down of a submission while it runs, and the words for what the coordinator itself has to say."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nbformat import NotebookNode

TIMEOUT: Final = "The cell took longer than {:g} seconds and was stopped.  单元格运行超过 {:g} 秒，已被中断。"
DEAD: Final = "Python stopped while this cell ran.  Python 在运行这个单元格时停掉了。"
NOT_RUN: Final = "Not run: the notebook had used up its time.  没有运行：整个 notebook 的时间已用完。"


@dataclass
class RunRecord:
    """What came of a submission so far.

    Attributes:
        outputs: a cell's place in the notebook -> its outputs.
        misconceptions_met: a test's grade id -> the misconceptions met, in order.
        notes: what happened on the way, for the log.
        cpu, wall: seconds, of both processes together.
        parts: seconds of wall clock by part.
    """

    outputs: dict[int, list[NotebookNode]] = field(default_factory=dict)
    misconceptions_met: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cpu: float = 0.0
    wall: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def clock(self, part: str) -> Iterator[None]:
        """Add what happens within to a part of the submission's time."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.parts[part] = self.parts.get(part, 0.0) + time.monotonic() - started


def lost_error(stopped: bool, seconds: float) -> tuple[str, str]:
    """Name and text of the error of a cell that ended its process, or was stopped after so many seconds."""
    if stopped:
        return "CellTimeoutError", TIMEOUT.format(seconds, seconds)
    return "DeadKernelError", DEAD
