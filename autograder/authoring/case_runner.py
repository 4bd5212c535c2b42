"""An author's line to a trial process: run a chapter's cells there, try answers in forks of it, hear what came.

The cells run on the engine's own notebook (``autograder.engine.worker.trial``), which runs submissions too; there
is no second way to execute a cell. One fork server serves all of a command's chapters; it is started when the
first of them runs, and needs no sandbox: what runs is the author's own code.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, overload

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.authoring.chapter import Cell, Chapter
from autograder.engine import protocol
from autograder.engine.coordinator.forkservers import ForkServerProcess
from autograder.engine.protocol import (
    A,
    AnswerEnded,
    AnswerTried,
    B,
    BeginChapter,
    CellTried,
    ChapterBegun,
    Message,
    TryAnswers,
    TryCell,
)
from autograder.engine.sandbox import MB, Limits
from autograder.engine.serialization import messages
from userops.errors import CourseError

LIMITS: Final = Limits()
WORKERS: Final = min(
    os.cpu_count() or 1, 4
)  # answers tried at a time; each may hold its own copy of large tables


class CellError(CourseError):
    """A cell that must run did not: says the chapter, the cell and the line."""


@dataclass(frozen=True)
class CellOutcome:
    """What came of running one cell.

    Attributes:
        outputs: as a notebook holds them.
        misconceptions_met: their keys, in order.
        error: what it raised, in one line; None if nothing. A figure that fails while it is drawn is in
            ``outputs`` alone.
        line: 1-based line of the cell that raised it; 0 if none of its own did.
    """

    outputs: tuple[NotebookNode, ...] = ()
    misconceptions_met: tuple[str, ...] = ()
    error: str | None = None
    line: int = 0

    def text(self, name: str) -> str:
        """What the cell wrote to ``"stdout"`` or ``"stderr"``."""
        return "".join(o.text for o in self.outputs if o.output_type == "stream" and o.name == name)

    @property
    def failure(self) -> str | None:
        """What went wrong, be it in the cell or in what it shows."""
        shown = (say(o.ename, o.evalue) for o in self.outputs if o.output_type == "error")
        return self.error or next(shown, None)


Attempt = tuple[int, CellOutcome, list[CellOutcome]]


class TrialNotebook:
    """One chapter in a trial process, as a context.

    Args:
        chapter: whose cells will run; they find themselves in its course's folder.
        lang: ``"en"`` or ``"zh"``.
        samples: (users, seed) of the sample datasets that its tests ask for, made once for all answers.
    """

    def __init__(self, chapter: Chapter, lang: str, samples: Sequence[tuple[int, int]] = ()) -> None:
        self.chapter = chapter
        self._process = _fork_server().fork(lang)
        self._cell: Cell | None = None
        self._send(BeginChapter(str(chapter.root), [list(pair) for pair in samples]))
        self._receive(ChapterBegun)

    def __enter__(self) -> TrialNotebook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.end()

    def run(self, cell: Cell, *, source: str | None = None) -> CellOutcome:
        """Run a cell, whatever comes of it; ``source`` instead of its own text.

        Raises:
            CellError: it ended the process, or took longer than a submission's cell may.
        """
        return self._run(cell, cell.source if source is None else source, strict=False)

    def must_run(self, cell: Cell) -> None:
        """Run a cell that has to work: a locked cell, a worked example, a reference solution.

        Raises:
            CellError: it fails, warns or writes to stderr.
        """
        outcome = self._run(cell, cell.source, strict=True)
        if outcome.failure is not None:
            line = cell.line + max(outcome.line - 1, 0)
            raise CellError(f"{self._where(cell)}, line {line}: {outcome.failure}")
        if noise := outcome.text("stderr"):
            raise CellError(
                f"{self._where(cell)}, line {cell.line}: the cell writes to stderr: {one_line(noise)}"
            )

    def attempt(self, place: Cell, sources: Sequence[str], then: Sequence[Cell]) -> Iterator[Attempt]:
        """Run answers, each with the cells after it, in forks: nothing of them is left behind.

        Args:
            place: the solution cell in whose place the answers stand.
            sources: their texts.
            then: the cells that grade each.

        Yields:
            For each answer, in the order in which they are done: its place in ``sources``, its outcome, and those
            of ``then``. If it ends its process, or takes longer than a submission's cell may, that is their error.
        """
        self._cell = place
        answers = [[source, *(cell.source for cell in then)] for source in sources]
        self._send(TryAnswers(answers, place.index + 1, WORKERS))
        for _ in sources:
            told = self._receive(AnswerTried, AnswerEnded)
            if isinstance(told, AnswerEnded):
                # As a submission's: its tests find nobody who answers.
                dead = new_output("error", ename="DeadKernelError", evalue=told.reason, traceback=[])
                outcomes = [CellOutcome((dead,), error=told.reason)] * (1 + len(then))
            else:
                outcomes = [_outcome(protocol.decode(cell, CellTried)) for cell in told.cells]
            yield told.at, outcomes[0], outcomes[1:]

    def _run(self, cell: Cell, source: str, *, strict: bool) -> CellOutcome:
        self._cell = cell
        self._send(TryCell(source, cell.index + 1, strict))
        return _outcome(self._receive(CellTried))

    def _send(self, message: Message) -> None:
        # A process that is gone is noticed, and told of, where its answer is read.
        with contextlib.suppress(ConnectionError):
            messages.write_frame(self._process.sock, messages.encode(protocol.encode(message)))

    @overload
    def _receive(self, one: type[A], /) -> A: ...
    @overload
    def _receive(self, one: type[A], other: type[B], /) -> A | B: ...
    def _receive(self, *expected: type[Message]) -> Message:
        try:
            told = messages.decode(messages.read_frame(self._process.sock, LIMITS.message_mb * MB))
        except (EOFError, ConnectionError):
            place = "" if self._cell is None else f"{self._where(self._cell)}, line {self._cell.line}: "
            raise CellError(
                f"{place}the cell ended its process, or took more than {LIMITS.cell_seconds:g} seconds"
            ) from None
        return protocol.decode(told, *expected)

    def _where(self, cell: Cell) -> str:
        return f"{self.chapter.path.name}, {cell.name}"


@functools.cache
def _fork_server() -> ForkServerProcess:
    """What this process's trials are forked from."""
    server = ForkServerProcess("trial", LIMITS, confined=False, samples=())
    server.wait()
    atexit.register(server.close)
    return server


def _outcome(told: CellTried) -> CellOutcome:
    return CellOutcome(
        tuple(nbformat.from_dict(output) for output in told.outputs),
        tuple(told.misconceptions_met),
        None if told.error is None else say(told.error, told.message),
        told.line,
    )


def say(name: str, message: str) -> str:
    """An error in one line: a check's own message, else the error's name and message."""
    text = " ".join(message.split())
    return text if name == "CheckError" else f"{name}: {text}".rstrip(": ")


def one_line(text: str, limit: int = 200) -> str:
    """The text without line breaks, cut at ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
