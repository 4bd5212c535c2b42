"""Starts the two warm parents, and asks them for forks."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal

import msgpack

from autograder.engine import sandbox
from autograder.engine.protocol import settings_for
from autograder.engine.sandbox import Limits
from userops.errors import CourseError

Kind = Literal["student", "examiner", "trial"]

ROOT: Final = Path(__file__).resolve().parents[3]
START_SECONDS: Final = 180


class NoRoom(CourseError):
    """No process could be started: there are too many, of threads, too."""


class Child:
    """One forked process, and the line to it."""

    def __init__(self, parent: Parent, pid: int, sock: socket.socket) -> None:
        self.parent, self.pid, self.sock = parent, pid, sock

    def signal(self, number: int) -> None:
        """Send a signal, by way of the parent (the process has no number out here)."""
        self.parent.request({"do": "signal", "pid": self.pid, "signal": number})

    def threads(self) -> int:
        """How many threads it has; 0 if that cannot be told."""
        return int(self.parent.request({"do": "threads", "pid": self.pid}).get("threads", 0))

    def end(self) -> float:
        """End the process and all it started; returns the processor time it used, in seconds."""
        self.sock.close()
        self.signal(9)
        return float(self.parent.request({"do": "reap", "pid": self.pid})["cpu"])


class Parent:
    """One warm parent."""

    def __init__(
        self, kind: Kind, limits: Limits, confined: bool, samples: Sequence[tuple[int, int]]
    ) -> None:
        self.kind = kind
        self._lock = threading.Lock()
        # Where there are no packets (macOS) a stream does: requests and answers strictly take turns.
        packets = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM
        self._control, theirs = socket.socketpair(socket.AF_UNIX, packets)
        data = _data()
        environment = _environment(data, confined)
        line = sandbox.command(ROOT, data, environment) if confined else []
        self._log = tempfile.TemporaryFile()
        start = "from autograder.engine.worker.forkserver import main; main()"
        line += [sys.executable, "-c", start, "--role", kind, "--control", str(theirs.fileno())]
        self._process = _start(
            line, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("USEROPS_ENGINE_DEBUG") else self._log,
            env=None if confined else {**os.environ, **environment},
        )  # fmt: skip
        theirs.close()
        # Which samples hidden tests ask for is nothing to know for a learner's process.
        known = list(samples) if kind == "examiner" else []
        self._control.send(settings_for(limits, confined, known, _fonts()))

    def wait(self) -> None:
        """Wait until the parent is warm.

        Raises:
            CourseError: it could not be started.
        """
        self._control.settimeout(START_SECONDS)
        try:
            data = self._control.recv(1 << 16)
        except (TimeoutError, ConnectionError):
            data = b""
        told = msgpack.unpackb(data) if data else {"failed": self._last_words()}
        if "failed" in told:
            self.close()
            last = str(told["failed"]).strip().splitlines()[-1]
            raise CourseError(
                f"The grading process ({self.kind}) could not be started: {last}. Run it with USEROPS_ENGINE_DEBUG=1 "
                "to see more."
            )
        self._control.settimeout(60)

    def _last_words(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(size - 2000, 0))
        return self._log.read().decode("utf-8", "replace").strip() or "it ended without a word"

    def request(self, request: Mapping[str, Any], passed: Sequence[int] = ()) -> dict[str, Any]:
        """Ask the parent to do something; returns its answer."""
        with self._lock:
            try:
                socket.send_fds(self._control, [msgpack.packb(request)], passed)
                data = self._control.recv(1 << 16)
            except OSError:
                data = b""
        if not data:
            raise CourseError(
                "The grading process has gone: run the same command again; what is graded stays graded."
            )
        answer = msgpack.unpackb(data)
        if "failed" in answer:
            raise CourseError(
                f"The grading process could not go on ({answer['failed']}): run the same command again."
            )
        return answer

    def fork(self, lang: str) -> Child:
        """Fork a process for a submission.

        Raises:
            NoRoom: the machine has no room for another process now.
        """
        ours, theirs = socket.socketpair()
        try:
            told = self.request({"do": "fork", "lang": lang}, [theirs.fileno()])
            if "busy" in told:
                raise NoRoom(f"This machine could not start another process ({told['busy']}).")
            pid = told["pid"]
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return Child(self, pid, ours)

    def close(self) -> None:
        """End the parent, and with it every child."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._log.close()


class Parents:
    """The two warm parents, as a context."""

    def __init__(
        self, limits: Limits, *, confined: bool = True, samples: Sequence[tuple[int, int]] = ()
    ) -> None:
        sandbox.require(confined)
        self.limits, self.confined = limits, confined
        self._parents: dict[Kind, Parent] = {}
        try:
            for kind in ("student", "examiner"):
                self._parents[kind] = Parent(kind, limits, confined, samples)
            for parent in self._parents.values():
                parent.wait()
        except BaseException:
            self.close()
            raise

    def fork(self, kind: Kind, lang: str) -> Child:
        """Fork a process of one kind."""
        return self._parents[kind].fork(lang)

    def used(self) -> float:
        """Processor seconds that the warm parents themselves have used."""
        return sum(float(parent.request({"do": "used"})["cpu"]) for parent in self._parents.values())

    def close(self) -> None:
        """End both."""
        for parent in self._parents.values():
            parent.close()
        self._parents.clear()

    def __enter__(self) -> Parents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start(line: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that dies with its starter: Linux means the thread, so one waits as long as it runs."""
    started: queue.Queue[subprocess.Popen[bytes] | BaseException] = queue.Queue()

    def start() -> None:
        try:
            process = subprocess.Popen(line, **options)
        except BaseException as error:
            started.put(error)
            return
        started.put(process)
        process.wait()

    threading.Thread(target=start, daemon=True, name="warm parent").start()
    process = started.get()
    if isinstance(process, BaseException):
        raise process
    return process


def _data() -> Path:
    from userops._load import data_folder

    return data_folder().resolve()


def _environment(data: Path, confined: bool) -> dict[str, str]:
    environment = {
        "USEROPS_DATA": str(data),
        "PYTHONPATH": str(ROOT),  # this package, whichever is installed
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        # joblib's and Arrow's own processes and threads have no place in a fork.
        "JOBLIB_MULTIPROCESSING": "0", "LOKY_MAX_CPU_COUNT": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false", "ARROW_IO_THREADS": "1",
        # Each thread would set aside 64 MB of addresses, and a limit of memory counts them.
        "MALLOC_ARENA_MAX": "2",
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",  # macOS: nothing here uses its frameworks
    }  # fmt: skip
    if confined:
        environment |= {
            "PATH": "/usr/bin:/bin", "HOME": "/tmp/work", "LANG": "C.UTF-8", "MPLCONFIGDIR": "/tmp/matplotlib",
            "IPYTHONDIR": "/tmp/ipython", "JUPYTER_CONFIG_DIR": "/tmp/jupyter", "TZ": os.environ.get("TZ", ""),
        }  # fmt: skip
        if not environment["TZ"]:
            del environment["TZ"]
    return environment


def _fonts() -> str | None:
    """The host's list of fonts, if matplotlib has made one."""
    import matplotlib

    found = sorted(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))
    return str(found[-1]) if found else None
