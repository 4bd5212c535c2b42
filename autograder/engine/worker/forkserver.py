"""The fork server: everything imported and every table read once, then one fork a submission.

A fork of a process that has pandas, matplotlib and scikit-learn loaded takes milliseconds; a fresh kernel takes
seconds. The price is care: a process with several threads must not be forked (a thread's locks stay locked in
the child), so this one has a single thread and makes sure of it; Arrow, which starts threads to read files, reads
them in a child of its own.

Its one request at a time comes over a socket (see ``protocol``). It never reads a byte that a learner's process
wrote.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import pkgutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import msgpack

from autograder.engine import sandbox
from autograder.engine.protocol import (
    Busy,
    CountThreads,
    Failed,
    Fork,
    Forked,
    Message,
    ProcessorTime,
    ProtocolError,
    Ready,
    Reap,
    Settings,
    Signal,
    Signalled,
    Threads,
    Used,
    decode,
    encode,
)
from autograder.engine.sandbox import Limits
from autograder.engine.worker.kernel import Notebook, forget

# What the chapters import, and what those import only when first used.
LIBRARIES: Final = (
    "numpy", "pandas", "matplotlib.pyplot", "scipy.stats", "sklearn.cluster", "sklearn.preprocessing",
    "sklearn.metrics", "sklearn.mixture", "sklearn.decomposition", "sklearn.pipeline", "sklearn.linear_model",
    "sklearn.ensemble", "sklearn.tree", "sklearn.model_selection", "threadpoolctl", "duckdb", "pandera.pandas",
    "ipywidgets", "IPython.display", "userops.check", "userops.style", "userops.sql", "userops.cdnow",
    "userops.glossary", "userops.simulate", "matplotlib.backends.backend_agg", "matplotlib.dates", "PIL.PngImagePlugin",
    "pandas.plotting._matplotlib", "pandas.io.formats.html", "pandas.io.formats.style", "html.parser", "sqlite3",
)  # fmt: skip


def main() -> None:
    """Run a fork server; the socket it serves is descriptor ``--control``."""
    parser = argparse.ArgumentParser(prog="python -m autograder.engine.worker.forkserver")
    parser.add_argument("--role", choices=("student", "examiner", "trial"), required=True)
    parser.add_argument("--control", type=int, required=True)
    args = parser.parse_args()
    with socket.socket(fileno=args.control) as control:
        settings = decode(msgpack.unpackb(control.recv(1 << 20)), Settings)
        try:
            server = ForkServer(args.role, control, settings)
            server.warm()
        except BaseException:
            control.send(msgpack.packb(encode(Failed(traceback.format_exc()[-4000:]))))
            raise
        control.send(msgpack.packb(encode(Ready())))
        server.serve()


class ForkServer:
    """Forks one kind of process."""

    def __init__(self, role: str, control: socket.socket, settings: Settings) -> None:
        self.role, self.control = role, control
        self.limits = Limits(**settings.limits)
        self.confined, self.samples, self.fonts = settings.confined, settings.samples, settings.fonts
        self.processes = sandbox.OwnProcesses() if self.confined else None

    def warm(self) -> None:
        """Import, read, and draw once; then stand still."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us
        if self.confined:
            _own_font_cache(self.fonts)
        if "pandas" in sys.modules:
            raise RuntimeError("pandas was imported before there was a notebook to ask about")
        self.notebook = Notebook(characters=self.limits.characters)
        with self.notebook.around():
            _import_libraries()
            from autograder.engine.serialization import messages
            from userops import _load

            messages.warm()
            _read_tables()
            for users, seed in self.samples if self.role == "examiner" else ():
                _load.sample("users", seed=seed, users=users)
        self.notebook.run(WARM_UP, 1)
        self.notebook.draw_once()
        self.notebook.forget_names()
        # Late: they import pandas.
        self.work: Callable[[socket.socket, Notebook, Limits], None]
        if self.role == "student":
            from autograder.engine.worker.student import work
        elif self.role == "examiner":
            from autograder.engine.worker.examiner import work
        else:
            from autograder.engine.worker.trial import work
        self.work = work
        gc.collect()
        gc.freeze()
        sandbox.remember_size()
        _require_one_thread()

    def serve(self) -> None:
        """Answer requests until the socket closes."""
        while True:
            try:
                data, passed, _, _ = socket.recv_fds(self.control, 1 << 16, 1)
            except ConnectionError:
                return
            if not data:
                return
            answer: Message
            try:
                request = decode(msgpack.unpackb(data), Fork, Signal, CountThreads, Reap, Used)
                answer = self._answer(request, passed)
            except (OSError, ProtocolError) as error:
                answer = Failed(str(error))
            finally:
                for number in passed:
                    os.close(number)
            self.control.send(msgpack.packb(encode(answer)))

    def _answer(self, request: Message, passed: list[int]) -> Message:
        match request:
            case Fork(lang):
                return self._fork(lang, passed)
            case Signal(pid, number):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                return Signalled()
            case CountThreads(pid):
                # The number of a running process cannot be another's: it is reaped here, on request.
                try:
                    return Threads(len(os.listdir(f"/proc/{pid}/task")))  # noqa: PTH208
                except OSError:
                    return Threads(0)
            case Reap(pid):
                used = os.wait4(pid, 0)[2]
                return ProcessorTime(used.ru_utime + used.ru_stime)
        own = os.times()  # of this process itself: forking is its work
        return ProcessorTime(own.user + own.system)

    def _fork(self, lang: str, passed: list[int]) -> Message:
        try:
            pid = self.processes.fork() if self.processes else os.fork()
        except BlockingIOError as error:
            return Busy(str(error))
        if pid == 0:
            self._become(passed[0], lang)
        return Forked(pid)

    def _become(self, number: int, lang: str) -> NoReturn:
        """Turn a fork into the process that works on a submission; never returns."""
        status = 1
        try:
            gc.disable()
            self.notebook.spill()
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.close(null)
            wall = sandbox.confine if self.confined else sandbox.limit_only
            wall(self.limits, [number])
            os.environ["USEROPS_LANG"] = lang
            forget()
            gc.enable()
            with socket.socket(fileno=number) as sock:
                self.work(sock, self.notebook, self.limits)
            status = 0
        except (EOFError, ConnectionError):
            status = 0  # the coordinator has heard enough
        finally:
            os._exit(status)  # whatever it was: nothing runs above a fork's own work


# A first use fills caches (column widths, fonts, parsers of tracebacks); every fork would fill them again.
WARM_UP: Final = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from userops import style

display(pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.to_datetime(["2025-01-01", "2025-02-01"])}))
pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).groupby("b")["a"].sum().to_frame().merge(pd.DataFrame({"b": ["x"]}), on="b")
fig, ax = plt.subplots()
ax.plot([1, 2], label="x")
ax.bar([1, 2], [3, 4])
ax.set(title="x", xlabel="x", ylabel="y")
ax.legend()
plt.show()
settings = plt.rcParams.copy()
style.use()
plt.rcParams.update(settings)
"""


def _own_font_cache(fonts: str | None) -> None:
    """Give matplotlib a folder of its own, with the host's list of fonts: making that list takes seconds."""
    folder = Path(os.environ["MPLCONFIGDIR"])
    folder.mkdir(parents=True, exist_ok=True)
    if fonts and Path(fonts).is_file():
        (folder / Path(fonts).name).write_bytes(Path(fonts).read_bytes())


def _import_libraries() -> None:
    from userops import explorers, glossary

    own = [f"userops.explorers.{module.name}" for module in pkgutil.iter_modules(explorers.__path__)]
    for name in (*LIBRARIES, *own):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    glossary.entries()


def _read_tables() -> None:
    """Read every table of the course in a child, which may start threads, and take it over from memory."""
    import pyarrow as pa
    import pyarrow.ipc

    from userops import _load

    if not hasattr(os, "memfd_create"):
        return
    tables = {}
    for path in sorted(_load.data_folder().glob("*.parquet")):
        catch = os.memfd_create(path.stem)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                import pyarrow.parquet as pq

                table = pq.read_table(path)
                with (
                    pa.OSFile(f"/proc/self/fd/{catch}", "wb") as file,
                    pa.ipc.new_stream(file, table.schema) as out,
                ):
                    out.write_table(table)
                status = 0
            finally:
                os._exit(status)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0:
            with pa.memory_map(f"/proc/self/fd/{catch}") as file:
                tables[path.stem] = _load.to_pandas(pa.ipc.open_stream(file).read_all(), threads=False)
        os.close(catch)
    _load.keep(tables)


def _require_one_thread() -> None:
    """Refuse to serve with a second thread: a fork would inherit its locks and not the thread."""
    if sys.platform == "linux":
        names = []
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # it ended since the list was made
                names.append((task / "comm").read_text(encoding="utf-8").strip())
        if len(names) > 1:
            raise RuntimeError(f"a fork server must have one thread; this one has {', '.join(names)}")


if __name__ == "__main__":
    main()
