"""The student's process: runs the learner's cells, keeps their names, and answers for them by value.

Nothing of the examiner's is here to be read, patched or faked: no test, no expected value, no gradebook. Whatever
this process says is only ever taken as a value, so its own agent, which the learner's code can reach, need not
be trusted either.

It is asked, one request at a time (see ``protocol``), and knows nothing of who asks.
"""

from __future__ import annotations

import io
import linecache
import signal
import socket
import sys
import types
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Any, Final

import numpy as np

from autograder.engine.protocol import (
    Call,
    CellOutputs,
    GetAttribute,
    GetTrace,
    Message,
    Packed,
    Query,
    Raised,
    RestoreSnapshot,
    Returned,
    RunCell,
    SnapshotRestored,
    SnapshotTaken,
    TakeSnapshot,
    Trace,
    decode,
    encode,
)
from autograder.engine.sandbox import MB, Limits
from autograder.engine.serialization import messages
from autograder.engine.worker.kernel import Notebook
from autograder.engine.worker.snapshot import snapshot

REQUESTS: Final = (RunCell, TakeSnapshot, RestoreSnapshot, Call, GetAttribute, Query, GetTrace)


def work(sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
    """Serve one submission until the coordinator closes the socket."""
    student = Student(notebook, limits)
    signal.signal(signal.SIGINT, student.interrupted)
    while True:
        told = messages.decode(messages.read_frame(sock, limits.message_mb * MB))
        try:
            answer = student.answer(told)
            packed = messages.encode(encode(answer), bounds=student.bounds)
        except KeyboardInterrupt:
            packed = messages.encode(encode(Raised("KeyboardInterrupt", "", ["KeyboardInterrupt"])))
        except Exception as error:
            name = type(error).__name__
            packed = messages.encode(encode(Raised(name, _said(error), [name])))
        messages.write_frame(sock, packed)


class Student:
    """One notebook's names, and what they were at each test."""

    def __init__(self, notebook: Notebook, limits: Limits) -> None:
        self.notebook = notebook
        self.bounds = messages.Bounds(bytes=limits.message_mb * MB)
        self.snapshots: dict[int, dict[str, Any]] = {}
        self.things: list[Any] = []
        self.last: BaseException | None = None
        self.listening = False

    def interrupted(self, number: int, frame: Any) -> None:
        """Stop the learner's code; between two requests there is nothing to stop."""
        if self.notebook.running or self.listening:
            raise KeyboardInterrupt

    def answer(self, told: object) -> Message:
        """Do what is asked."""
        match decode(told, *REQUESTS):
            case RunCell(source, count):
                return CellOutputs(self.notebook.run(source, count))
            case TakeSnapshot(place, names):
                return self.take_snapshot(place, names)
            case RestoreSnapshot(place):
                return self.restore_snapshot(place)
            case Call(thing, arguments, without):
                return self.call(thing, arguments, without)
            case GetAttribute(thing, name):
                return self.attribute(thing, name)
            case Query(query, tables):
                return self.query(query, tables)
        return self.trace()

    def take_snapshot(self, place: int, names: list[str]) -> SnapshotTaken:
        """Remember all names as they are now; hand over some."""
        have = self.notebook.names
        self.snapshots[place] = {name: snapshot(value) for name, value in have.items()}
        return SnapshotTaken({name: self._packed(have[name]) for name in names if name in have})

    def restore_snapshot(self, place: int) -> SnapshotRestored:
        """Take the names back to how they were."""
        names, then = self.notebook.names, self.snapshots.get(place)
        if then is not None:
            names.clear()
            names.update(then)
        return SnapshotRestored()

    def call(self, thing: int, arguments: bytes, without: list[str]) -> Returned | Raised:
        """Call a function, with arguments that are this process's own copies."""
        positional, named = messages.decode(arguments, self.resolve, self.bounds)
        names = self.notebook.names
        aside = {name: names.pop(name) for name in without if name in names}
        before = [*positional, *named.values()]
        out, err = io.StringIO(), io.StringIO()
        answer: Returned | Raised
        self.last = None
        self.listening = True
        try:
            with self.notebook.around(), redirect_stdout(out), redirect_stderr(err):
                result = self.things[thing](*positional, **named)
            answer = Returned(self._packed(result))
        except BaseException as error:
            self.last = error
            answer = self._raised(error)
        finally:
            self.listening = False
            names.update(aside)
            _close_figures()  # nobody looks at them, and they may show what a test handed over
        # What the function did to its arguments is part of what it does.
        became = self._packed(before)
        return replace(answer, became=became, out=out.getvalue()[:20_000], err=err.getvalue()[:20_000])

    def attribute(self, thing: int, name: str) -> Returned | Raised:
        """Read an attribute of a thing that does not travel by value."""
        try:
            return Returned(self._packed(getattr(self.things[thing], name)))
        except Exception as error:
            return self._raised(error)

    def query(self, query: str, tables: bytes) -> Returned | Raised:
        """Ask DuckDB the learner's SQL."""
        from userops.sql import ask

        try:
            return Returned(self._packed(ask(query, **messages.decode(tables, None, self.bounds))))
        except Exception as error:
            return self._raised(error)

    def trace(self) -> Trace:
        """Show the last call's error as a notebook would."""
        if self.last is None:
            return Trace([])
        trace, error = self.last.__traceback__, self.last
        while trace is not None and trace.tb_frame.f_globals is not self.notebook.names:
            trace = trace.tb_next  # this agent's own frames say nothing to a learner
        if trace is None:
            return Trace([f"{type(error).__name__}: {_said(error)}"])
        lines = self.notebook.shell.InteractiveTB.structured_traceback(type(error), error, trace, 0)
        return Trace([str(line) for line in lines][:200])

    def _packed(self, value: Any) -> Packed:
        self.listening = True
        try:
            return messages.encode(value, self.refer, self.bounds)
        except Exception as error:  # too large, too deep, or of a kind that does not travel
            return _said(error)[:500]
        finally:
            self.listening = False

    def _raised(self, error: BaseException) -> Raised:
        trace, own, last = error.__traceback__, None, None
        while trace is not None:
            last = trace
            if trace.tb_frame.f_globals is self.notebook.names:
                own = trace
            trace = trace.tb_next
        file, number = (own.tb_frame.f_code.co_filename, own.tb_lineno) if own else ("", 0)
        line = linecache.getline(file, number).strip() if own else ""
        return Raised(
            name=type(error).__name__,
            message=_said(error),
            bases=[kind.__name__ for kind in type(error).__mro__],
            is_stub=isinstance(error, NotImplementedError)
            and own is not None
            and own is last
            and line.startswith("raise NotImplementedError"),
            line=line[:300],
            cell=self.notebook.cell_number(file),
            number=number,
            missing=error.name if isinstance(error, NameError) and isinstance(error.name, str) else None,
        )

    # ------------------------------------------------------------------ what does not travel by value

    def refer(self, value: Any) -> dict[str, Any] | None:
        """Describe a value that stays here."""
        from userops.check.grader import Unreadable, unwrap

        try:
            inner = unwrap(value)
        except Unreadable:
            inner = value
        if inner is not value:
            return {"kind": "value", "value": messages.encode(inner, self.refer, self.bounds)}
        if _is_drawn(value):
            return self._picture(value)
        if isinstance(value, types.ModuleType):
            return {"kind": "module", "name": value.__name__}
        described = {
            "kind": _kind(value),
            "thing": self._put(value),
            "class": type(value).__name__,
            "module": "pandas" if type(value).__module__.startswith("pandas") else "",
        }
        name = getattr(value, "__name__", None)
        if isinstance(name, str):
            described["name"] = name
        return described

    def _put(self, value: Any) -> int:
        for number, known in enumerate(self.things):
            if known is value:
                return number
        self.things.append(value)
        return len(self.things) - 1

    def _picture(self, value: Any) -> dict[str, Any]:
        from dataclasses import asdict

        from userops.check.grader import Unreadable, picture

        try:
            seen = asdict(picture(value))
        except Unreadable as error:
            return {"kind": "unreadable", "said": str(error), "class": type(value).__name__}
        freq = seen.pop("freq", None)
        seen["freq"] = None if freq is None else str(getattr(freq, "freqstr", freq))
        return {
            "kind": "picture",
            "shown": messages.encode(
                seen, lambda other: {"kind": "text", "text": str(other)[:200]}, self.bounds
            ),
        }

    def resolve(self, described: dict[str, Any]) -> Any:
        """Find the thing that the examiner passes back."""
        return self.things[described["back"]]


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return "class"
    if isinstance(value, BaseException):
        return "error"
    if isinstance(value, types.GeneratorType | map | filter | zip | enumerate | types.CoroutineType) or (
        hasattr(type(value), "__next__")
    ):
        return "iterator"
    return "function" if callable(value) else "object"


def _is_drawn(value: Any) -> bool:
    if "matplotlib" not in sys.modules:
        return False
    from matplotlib.artist import Artist
    from matplotlib.container import Container

    if isinstance(value, Artist | Container):
        return True
    if isinstance(value, np.ndarray) and value.dtype == object and value.size:
        return all(isinstance(item, Artist) for item in value.ravel())
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Artist) for item in value)


def _close_figures() -> None:
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is not None and plt.get_fignums():
        plt.close("all")


def _said(error: BaseException) -> str:
    try:
        return str(error)[:20_000]
    except Exception:
        return ""
