"""Starts the two fork servers, and asks them for forks."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, overload

import msgpack

from autograder.engine import sandbox
from autograder.engine.protocol import (
    A,
    B,
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
from userops.errors import CourseError

Kind = Literal["student", "examiner", "trial"]

ROOT: Final = Path(__file__).resolve().parents[3]
START_SECONDS: Final = 180


class NoRoomError(CourseError):
    """No process could be started: there are too many, of threads, too."""


class ForkedProcess:
    """One forked process, and the line to it."""

    def __init__(self, server: ForkServerProcess, pid: int, sock: socket.socket) -> None:
        self._server, self._pid, self.sock = server, pid, sock

    def signal(self, number: int) -> None:
        """Send a signal, by way of the fork server (the process has no number out here)."""
        self._server.request(Signal(self._pid, number), Signalled)

    def threads(self) -> int:
        """How many threads it has; 0 if that cannot be told."""
        return self._server.request(CountThreads(self._pid), Threads).count

    def end(self) -> float:
        """End the process and all it started; returns the processor time it used, in seconds."""
        self.sock.close()
        self.signal(9)
        return self._server.request(Reap(self._pid), ProcessorTime).seconds


class ForkServerProcess:
    """One fork server, which runs ``worker.forkserver``."""

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
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the program
        start = "from autograder.engine.worker.forkserver import main; main()"
        line += [sys.executable, "-c", start, "--role", kind, "--control", str(theirs.fileno())]
        self._process = _start(
            line, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("USEROPS_ENGINE_DEBUG") else self._log,
            env=None if confined else {**os.environ, **environment},
        )  # fmt: skip
        theirs.close()
        # Which samples hidden tests ask for is nothing to know for a learner's process.
        known = [list(pair) for pair in samples] if kind == "examiner" else []
        self._send(Settings(asdict(limits), confined, known, _fonts()))

    def wait(self) -> None:
        """Wait until everything is imported and read.

        Raises:
            CourseError: it could not be started.
        """
        self._control.settimeout(START_SECONDS)
        try:
            told = self._receive(Ready, Failed)
        except (EOFError, TimeoutError, ConnectionError):
            told = Failed(self._last_words())
        if isinstance(told, Failed):
            self.close()
            last = told.reason.strip().splitlines()[-1]
            raise CourseError(
                f"The grading process ({self.kind}) could not be started: {last}. Run it with USEROPS_ENGINE_DEBUG=1 "
                "to see more."
            )
        self._control.settimeout(60)

    def _last_words(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(size - 2000, 0))
        return self._log.read().decode("utf-8", "replace").strip() or "it ended without a word"

    @overload
    def request(self, request: Message, one: type[A], /, *, passed: Sequence[int] = ()) -> A: ...
    @overload
    def request(
        self, request: Message, one: type[A], other: type[B], /, *, passed: Sequence[int] = ()
    ) -> A | B: ...
    def request(self, request: Message, /, *expected: type[Message], passed: Sequence[int] = ()) -> Message:
        """Ask the fork server to do something; returns its answer.

        Args:
            expected: the answers that may come.
            passed: descriptors that go along.

        Raises:
            CourseError: it has gone, or could not do it.
        """
        with self._lock:
            try:
                self._send(request, passed)
                answer = self._receive(*expected, Failed)
            except (OSError, EOFError, ProtocolError) as error:
                raise CourseError(
                    "The grading process has gone: run the same command again; what is graded stays graded."
                ) from error
        if isinstance(answer, Failed):
            raise CourseError(
                f"The grading process could not go on ({answer.reason}): run the same command again."
            )
        return answer

    def _send(self, message: Message, passed: Sequence[int] = ()) -> None:
        socket.send_fds(self._control, [msgpack.packb(encode(message))], passed)

    def _receive(self, *expected: type[Message]) -> Message:
        data = self._control.recv(1 << 16)
        if not data:
            raise EOFError("it has ended")
        return decode(msgpack.unpackb(data), *expected)

    def fork(self, lang: str) -> ForkedProcess:
        """Fork a process for a submission.

        Raises:
            NoRoomError: the machine has no room for another process now.
        """
        ours, theirs = socket.socketpair()
        try:
            told = self.request(Fork(lang), Forked, Busy, passed=[theirs.fileno()])
            if isinstance(told, Busy):
                raise NoRoomError(f"This machine could not start another process ({told.reason}).")
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ForkedProcess(self, told.pid, ours)

    def close(self) -> None:
        """End it, and with it every process that it forked."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._log.close()


class ForkServers:
    """The two fork servers, as a context."""

    def __init__(
        self, limits: Limits, *, confined: bool = True, samples: Sequence[tuple[int, int]] = ()
    ) -> None:
        sandbox.require(confined)
        self.limits, self.confined = limits, confined
        self._servers: dict[Kind, ForkServerProcess] = {}
        try:
            for kind in ("student", "examiner"):
                self._servers[kind] = ForkServerProcess(kind, limits, confined, samples)
            for server in self._servers.values():
                server.wait()
        except BaseException:
            self.close()
            raise

    def fork(self, kind: Kind, lang: str) -> ForkedProcess:
        """Fork a process of one kind; as ``ForkServerProcess.fork``."""
        return self._servers[kind].fork(lang)

    def used(self) -> float:
        """Processor seconds that the fork servers themselves have used."""
        return sum(server.request(Used(), ProcessorTime).seconds for server in self._servers.values())

    def close(self) -> None:
        """End both."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def __enter__(self) -> ForkServers:
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

    threading.Thread(target=start, daemon=True, name="fork server").start()
    process = started.get()
    if isinstance(process, BaseException):
        raise process
    return process


def _data() -> Path:
    from userops import data_folder

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
