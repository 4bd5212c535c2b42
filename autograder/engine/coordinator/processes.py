"""A submission's two processes: forking them, asking the student's, ending them, in time."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from typing import Final

from autograder.engine.coordinator.forkservers import ForkedProcess, ForkServers, Kind, NoRoomError
from autograder.engine.coordinator.record import RunRecord
from autograder.engine.protocol import A, Message, ProtocolError, Raised, decode, encode
from autograder.engine.sandbox import MB, THREADS, Limits
from autograder.engine.serialization import messages

GRACE: Final = 2.0  # seconds between an interrupt and the end
GLANCE: Final = 0.25  # seconds between two looks at a process that works long


class ProcessDiedError(Exception):
    """A process ended, or said what no honest one says."""


class ProcessStoppedError(Exception):
    """A process was ended because it took too long."""


class TimedLine:
    """A line that must have said all by a deadline, in however small pieces."""

    def __init__(self, sock: socket.socket, deadline: float, watched: ForkedProcess | None = None) -> None:
        self._sock, self._deadline, self._watched = sock, deadline, watched

    def recv(self, most: int, /) -> bytes:
        """As a socket's.

        Raises:
            TimeoutError: the deadline has passed.
            ProcessDiedError: the process watched has too many threads.
        """
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(min(left, GLANCE))
            try:
                return self._sock.recv(most)
            except TimeoutError:
                # The machine's threads are for all; a limit on their number does not bind root.
                if self._watched is not None and self._watched.threads() > THREADS:
                    raise ProcessDiedError("it has too many threads") from None


class Processes:
    """The student's process and the examiner's, of one submission.

    Attributes:
        student: None if it has ended and is not replaced any more.
        restarts, examiners: how often each has been replaced.
        end: when the submission's time is over.
    """

    def __init__(self, servers: ForkServers, lang: str, limits: Limits, record: RunRecord) -> None:
        self.limits, self.record = limits, record
        self._servers, self._lang = servers, lang
        self.student: ForkedProcess | None = None
        self.restarts = self.examiners = 0
        self.end = time.monotonic() + limits.submission_seconds

    def start_student(self) -> None:
        """Fork a student's process."""
        self.student = self._fork("student")

    def restart_student(self) -> bool:
        """Put a new process in the student's place; returns whether there may be another one."""
        self.end_student()
        if self.restarts >= self.limits.restarts:
            return False
        self.restarts += 1
        self.start_student()
        return True

    def end_student(self) -> None:
        """End the student's process, if there is one."""
        if self.student is not None:
            self.record.cpu += self.student.end()
            self.student = None

    def start_examiner(self) -> None:
        """Fork an examiner's process."""
        self.examiner = self._fork("examiner")

    def restart_examiner(self) -> None:
        """Put a new process in the examiner's place."""
        self.end_examiner()
        self.start_examiner()
        self.examiners += 1

    def end_examiner(self) -> None:
        """End the examiner's process."""
        self.record.cpu += self.examiner.end()

    def generation(self) -> tuple[int, int]:
        """Which processes these are: the same as long as none has been replaced."""
        return self.restarts, self.examiners

    def _fork(self, kind: Kind) -> ForkedProcess:
        """Fork a process. A submission that fills the machine with threads can hold this up, until it is ended."""
        patience = time.monotonic() + 2 * (self.limits.cell_seconds + GRACE) + 30
        while True:
            try:
                with self.record.clock(f"forking the {kind}"):
                    return self._servers.fork(kind, self._lang)
            except NoRoomError:
                if self.student is not None:
                    self.record.notes.append("it was ended: it left no room for another process")
                    self.end_student()
                elif time.monotonic() > patience:
                    raise
                time.sleep(0.2)

    def deadline(self) -> float:
        """When a cell that starts now must be done."""
        return min(time.monotonic() + self.limits.cell_seconds, self.end + 1)

    def ask_student(self, request: Message, expected: type[A]) -> A | Raised:
        """Ask the student; an answer that is neither what is expected nor an exception counts as its death.

        Raises:
            ProcessDiedError, ProcessStoppedError: as ``relay``.
        """
        raw = self.relay(messages.encode(encode(request)), self.deadline())
        try:
            return decode(messages.decode(raw), expected, Raised)
        except (messages.WireError, ProtocolError) as error:
            raise ProcessDiedError(str(error)) from None

    def relay(self, request: bytes, deadline: float) -> bytes:
        """Send a request to the student and return its answer, by the deadline.

        Raises:
            ProcessDiedError: the process is gone, or breaks the rules of the line.
            ProcessStoppedError: it was ended, for not answering.
        """
        if self.student is None:
            raise ProcessDiedError("there is no process")
        line, most = self.student.sock, self.limits.message_mb * MB
        try:
            line.settimeout(max(self.limits.cell_seconds, 1.0))
            messages.write_frame(line, request)
            with contextlib.suppress(TimeoutError):
                return messages.read_frame(TimedLine(line, deadline, self.student), most)
            self.student.signal(signal.SIGINT)
            # If an answer had begun, the rest of it makes no sense now, and the process is ended.
            return messages.read_frame(TimedLine(line, time.monotonic() + GRACE), most)
        except TimeoutError:
            raise ProcessStoppedError from None
        except (EOFError, ConnectionError, messages.WireError) as error:
            raise ProcessDiedError(str(error)) from None
