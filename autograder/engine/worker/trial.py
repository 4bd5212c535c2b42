"""The trial process: an author's chapter runs here from top to bottom, and answers are tried in forks of it.

A chapter's cases (right answers in another style, wrong ones with their misconception) run in the very notebook
that runs submissions, so what they print, show and raise is what a learner will see. Each is tried in a fork made
at its exercise's place: whatever an answer does to names, settings or tables ends with its fork. Only pictures are
not drawn there: nobody looks at them.

There are no walls in here, and test and answer share one process: what runs is the author's own code.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import tempfile
import warnings
from collections.abc import Iterator
from typing import IO, NoReturn

from autograder.engine.protocol import (
    AnswerEnded,
    AnswerTried,
    BeginChapter,
    CellTried,
    ChapterBegun,
    Message,
    TryAnswers,
    TryCell,
    decode,
    encode,
)
from autograder.engine.sandbox import MB, Limits
from autograder.engine.serialization import messages
from autograder.engine.worker.kernel import Notebook


def work(sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
    """Serve one run of a chapter until the author's side closes the socket."""
    trial = Trial(notebook, limits)
    while True:
        request = messages.decode(messages.read_frame(sock, limits.message_mb * MB))
        for answer in trial.answer(request):
            messages.write_frame(sock, messages.encode(encode(answer)))


class Trial:
    """One chapter's names, as its cells leave them."""

    def __init__(self, notebook: Notebook, limits: Limits) -> None:
        self.notebook, self.limits = notebook, limits

    def answer(self, request: object) -> Iterator[Message]:
        """Do what is asked."""
        match decode(request, BeginChapter, TryCell, TryAnswers):
            case BeginChapter(folder, samples):
                yield self._begin(folder, samples)
            case TryCell(source, count, strict):
                yield self._run(source, count, strict=strict)
            case TryAnswers(answers, count, workers):
                yield from self._try(answers, count, workers)

    def _begin(self, folder: str, samples: list[list[int]]) -> Message:
        import duckdb

        from userops import _load

        os.chdir(folder)
        # DuckDB's threads would be missing in a fork, and what they were to do would never be done.
        duckdb.set_default_connection(duckdb.connect(":memory:", config={"threads": 1}))
        for users, seed in samples:  # every fork inherits them
            _load.sample("users", seed=seed, users=users)
        return ChapterBegun()

    def _run(self, source: str, count: int, *, strict: bool = False) -> CellTried:
        """Run a cell, within the time a submission's cell has: after it the process is ended."""
        from userops import check
        from userops.check._notebook import unanswered

        check.reset()
        signal.setitimer(signal.ITIMER_REAL, self.limits.cell_seconds)
        if strict:
            with warnings.catch_warnings():
                warnings.resetwarnings()
                warnings.simplefilter("error")
                # Figures are drawn without a screen here; a notebook shows them.
                warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
                outputs = self.notebook.run(source, count)
        else:
            outputs = self.notebook.run(source, count)
        signal.setitimer(signal.ITIMER_REAL, 0)
        met, error = check.misconceptions_met(), self.notebook.error
        if error is None:
            return CellTried(outputs, met, None, "", 0)
        line = self._line(error, count)
        if (message := unanswered(error, error.__traceback__, self.notebook.names)) is not None:
            return CellTried(outputs, met, "CheckError", message, line)
        return CellTried(outputs, met, type(error).__name__, str(error), line)

    def _line(self, error: BaseException, count: int) -> int:
        """The innermost line of the cell numbered ``count`` that the error went through."""
        number = self.notebook.cell_number
        if isinstance(error, SyntaxError) and error.filename and number(error.filename) == count:
            return error.lineno or 0
        line, trace = 0, error.__traceback__
        while trace is not None:
            if number(trace.tb_frame.f_code.co_filename) == count:
                line = trace.tb_lineno
            trace = trace.tb_next
        return line

    def _try(self, answers: list[list[str]], count: int, workers: int) -> Iterator[Message]:
        """Run each answer's cells in a fork of its own, ``workers`` at a time; tell of each as it ends."""
        waiting = list(enumerate(answers))[::-1]
        running: dict[int, tuple[int, IO[bytes]]] = {}
        while waiting or running:
            if waiting and len(running) < workers:
                at, sources = waiting.pop()
                file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its process has ended
                if (pid := os.fork()) == 0:
                    self._become(sources, count, file)
                running[pid] = at, file
                continue
            pid, status = os.wait()
            if pid not in running:  # a program that a cell has started
                continue
            at, file = running.pop(pid)
            with file:
                file.seek(0)
                yield self._ended(at, os.waitstatus_to_exitcode(status)) or AnswerTried(
                    at, messages.decode(file.read())
                )

    def _become(self, sources: list[str], count: int, file: IO[bytes]) -> NoReturn:
        """Run an answer's cells in a fresh fork, write down what came, and end."""
        status = 1
        try:
            gc.disable()  # a collection would copy every page that is shared; nothing in here lives long
            self.notebook.spill()  # its own, or it would write into its parent's
            self.notebook.draw_nothing()
            outcomes = [encode(self._run(source, count + at)) for at, source in enumerate(sources)]
            file.write(messages.encode(outcomes))
            file.flush()
            status = 0
        finally:
            os._exit(status)

    def _ended(self, at: int, code: int) -> Message | None:
        if code == -signal.SIGALRM:
            return AnswerEnded(at, f"a cell took more than {self.limits.cell_seconds:g} seconds")
        return AnswerEnded(at, f"the process ended ({code})") if code else None
