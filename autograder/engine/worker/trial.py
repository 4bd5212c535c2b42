"""The trial process: an author's chapter runs here from top to bottom, and answers are tried in forks of it.

A chapter's cases (right answers in another style, wrong ones with their misconception) run in the very notebook
that runs submissions, so what they print, show and raise is what a learner will see. Each is tried in a fork made
at its exercise's place: whatever an answer does to names, settings or tables ends with its fork.

There are no walls in here, and test and answer share one process: what runs is the author's own code.

It is asked, one request at a time:

``begin``    go to the course's folder, make the sample datasets that tests ask for
``run``      run a cell here; with ``strict``, warnings are errors
``attempt``  run each of several answers, with the cells that grade it, in a fork of its own, some side by side
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import tempfile
import warnings
from collections.abc import Iterator
from typing import IO, Any

from autograder.engine.sandbox import MB, Limits
from autograder.engine.serialization import messages
from autograder.engine.worker.kernel import Notebook


def work(sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
    """Serve one run of a chapter until the author's side closes the socket."""
    trial = Trial(notebook, limits)
    asked = {"begin": trial.begin, "run": trial.run, "attempt": trial.attempt}
    while True:
        request = messages.decode(messages.read_frame(sock, limits.message_mb * MB))
        for answer in asked[request.pop("do")](**request):
            messages.write_frame(sock, messages.encode(answer))


class Trial:
    """One chapter's names, as its cells leave them."""

    def __init__(self, notebook: Notebook, limits: Limits) -> None:
        self.notebook, self.limits = notebook, limits

    def begin(self, folder: str, samples: list[list[int]]) -> Iterator[dict[str, Any]]:
        """Stand where a learner's kernel would; ``samples`` are (users, seed) of datasets that every fork inherits."""
        import duckdb

        from userops import _load

        os.chdir(folder)
        # DuckDB's threads would be missing in a fork, and what they were to do would never be done.
        duckdb.set_default_connection(duckdb.connect(":memory:", config={"threads": 1}))
        for users, seed in samples:
            _load._sample_dataset(users, seed)  # noqa: SLF001 - as the examiner's warm parent
        yield {}

    def run(self, source: str, count: int, strict: bool) -> Iterator[dict[str, Any]]:
        """Run one cell here; ``count`` is its execution count."""
        yield self._run(source, count, strict=strict)

    def _run(self, source: str, count: int, *, strict: bool = False) -> dict[str, Any]:
        """Run a cell, within the time a submission's cell has: after it the process is ended.

        Returns:
            ``outputs`` as a notebook holds them; ``met``: keys of misconceptions; ``error``: None, or its ``name``,
            ``message`` and 1-based ``line`` in the cell (0: not the cell's own).
        """
        from userops import check

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
        error = self.notebook.error
        return {
            "outputs": outputs,
            "met": check.misconceptions_met(),
            "error": None if error is None else self._told(error, count),
        }

    def _told(self, error: BaseException, count: int) -> dict[str, Any]:
        from userops.check._notebook import unanswered

        message = unanswered(error, error.__traceback__, self.notebook.names)
        return {
            "name": type(error).__name__ if message is None else "CheckError",
            "message": str(error) if message is None else message,
            "line": self._line(error, count),
        }

    def _line(self, error: BaseException, count: int) -> int:
        """The innermost line of the cell numbered ``count`` that the error went through."""
        numbers = self.notebook.shell.compile._filename_map  # noqa: SLF001 - IPython's file name -> cell number
        if isinstance(error, SyntaxError) and numbers.get(error.filename) == count:
            return error.lineno or 0
        line, trace = 0, error.__traceback__
        while trace is not None:
            if numbers.get(trace.tb_frame.f_code.co_filename) == count:
                line = trace.tb_lineno
            trace = trace.tb_next
        return line

    def attempt(self, answers: list[list[str]], count: int, workers: int) -> Iterator[dict[str, Any]]:
        """Run each answer's cells in a fork of its own, ``workers`` at a time.

        Yields:
            As each ends: ``at`` (its place in ``answers``), and either ``outcomes``, one of ``_run`` for each cell, or
            ``ended``: how its process ended before it could answer.
        """
        waiting = list(enumerate(answers))[::-1]
        running: dict[int, tuple[int, IO[bytes]]] = {}
        while waiting or running:
            if waiting and len(running) < workers:
                at, sources = waiting.pop()
                file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its process has ended
                running[self._fork(sources, count, file)] = at, file
                continue
            pid, status = os.wait()
            if pid not in running:  # a program that a cell has started
                continue
            at, file = running.pop(pid)
            with file:
                file.seek(0)
                yield {"at": at, **(self._end(os.waitstatus_to_exitcode(status)) or messages.decode(file.read()))}

    def _fork(self, sources: list[str], count: int, file: IO[bytes]) -> int:
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            gc.disable()  # a collection would copy every page that is shared; nothing in here lives long
            self.notebook.spill()  # its own, or it would write into its parent's
            outcomes = [self._run(source, count + at) for at, source in enumerate(sources)]
            file.write(messages.encode({"outcomes": outcomes}))
            file.flush()
            status = 0
        finally:
            os._exit(status)

    def _end(self, code: int) -> dict[str, Any]:
        if code == -signal.SIGALRM:
            return {"ended": f"a cell took more than {self.limits.cell_seconds:g} seconds"}
        return {"ended": f"the process ended ({code})"} if code else {}
