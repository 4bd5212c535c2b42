"""The examiner's process: runs locked cells and tests, and reaches the learner's names over the wire.

A learner's function is here a stand-in that sends its arguments away and gets a value back; a learner's frame is
the examiner's own frame with the same numbers in it. Nothing of the learner's is ever executed here.

What a hidden test hands to a learner's function could come back in an error's message, in something printed, or
in a value that a check quotes, at once or when a later test calls. So all tests' visible lines run before the first
hidden one; and from the first call by a hidden line on, prints are dropped, an error keeps its class and the
learner's own line, and a check tells what is wrong without quoting what came (:class:`Gate`).
"""

from __future__ import annotations

import contextlib
import re
import socket
import sys
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from autograder.engine.protocol import (
    ASK,
    DONE,
    BeginExamination,
    Call,
    CellReport,
    GetAttribute,
    GetTrace,
    Message,
    Packed,
    Query,
    Raised,
    Returned,
    RunLockedCell,
    RunRest,
    RunVisiblePart,
    StudentLost,
    Trace,
    decode,
    encode,
)
from autograder.engine.sandbox import MB, Limits
from autograder.engine.serialization import messages
from autograder.engine.worker.kernel import Notebook
from autograder.engine.worker.redaction import PANDAS_ERRORS, Gate
from autograder.engine.worker.snapshot import snapshot
from autograder.engine.worker.stand_ins import (
    KNOWN_ERRORS,
    Remote,
    RemoteFunction,
    identifier,
    learners_error,
    lost,
    picture_of,
)
from userops import check
from userops.check.grader import NoPicture, set_quoting
from userops.errors import CourseError
from userops.sql import set_runner

_LIBRARIES: Final = frozenset(
    {"numpy", "pandas", "matplotlib", "scipy", "sklearn", "math", "datetime", "userops"}
)


def work(sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
    """Serve one submission until the coordinator closes the socket."""
    examiner = Examiner(sock, notebook, limits)
    set_quoting(examiner.gate)
    set_runner(examiner.query)
    while True:
        told = messages.decode(messages.read_frame(sock, limits.message_mb * MB))
        match decode(told, BeginExamination, RunLockedCell, RunVisiblePart, RunRest):
            case BeginExamination(own, tainted):
                examiner.own, examiner.gate.tainted = frozenset(own), tainted
                continue
            case RunLockedCell() as cell:
                report = examiner.run_locked(cell)
            case RunVisiblePart() as test:
                report = examiner.run_visible(test)
            case RunRest() as test:
                report = examiner.run_rest(test)
        messages.write_frame(sock, DONE + messages.encode(encode(report)))


class Examiner:
    """The locked names, and a line to the learner's."""

    def __init__(self, sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
        self.sock, self.notebook = sock, notebook
        self.bounds = messages.Bounds(bytes=limits.message_mb * MB)
        self.gate = Gate(notebook.names)
        self.own: frozenset[str] = frozenset()
        self.locked: dict[str, Any] = {}
        self.taken: frozenset[str] = frozenset()  # the learner's names that the running test was given
        # A test's text -> names after its visible lines, and which of them are the learner's.
        self.paused: dict[str, tuple[dict[str, Any], frozenset[str]]] = {}

    # ------------------------------------------------------------------ cells

    def run_locked(self, cell: RunLockedCell) -> CellReport:
        """Run a locked cell, and remember what it binds."""
        self._begin([])
        names = self.notebook.names
        before = dict(names)
        report = self._run(cell.source, cell.count)
        new = (name for name, value in names.items() if before.get(name, names) is not value)
        self.locked |= {name: names[name] for name in new if name[0] != "_"}
        return report

    def run_visible(self, test: RunVisiblePart) -> CellReport:
        """Run a test's first lines alone, and remember where they ended."""
        self._begin([])
        self._take(test.values, test.absent)
        report = self._run("\n".join(test.source.split("\n")[: test.visible]), test.count)
        if not report.passed:
            return report
        self.paused[test.source] = dict(self.notebook.names), self.taken
        # What the last of these lines gives is not the test's result.
        return replace(report, outputs=[o for o in report.outputs if o["output_type"] != "execute_result"])

    def run_rest(self, test: RunRest) -> CellReport:
        """Run a test from where its visible lines ended, or from the start if they have not been run here."""
        self._begin(test.hidden)
        paused = self.paused.pop(test.source, None)
        if paused is None:
            self._take(test.values, test.absent)
            return self._run(test.source, test.count)
        self._resume(*paused, test.values)
        lines = test.source.split("\n")
        rest = [*(f"# {line}" for line in lines[: test.visible]), *lines[test.visible :]]
        return replace(self._run("\n".join(rest), test.count), goes_on=True)

    def _begin(self, hidden: list[tuple[int, int]]) -> None:
        check.reset()
        self.gate.open(hidden)

    def _take(self, values: dict[str, Packed], absent: list[str]) -> None:
        """Give a test its names: the locked ones, and the learner's that it reads."""
        names = self.notebook.names
        # A learner's function may change a table that it is handed: for this test alone.
        names.update({name: snapshot(value) for name, value in self.locked.items()})
        for name in absent:
            names.pop(name, None)
        for name, packed in values.items():
            names[name] = self.unpack(packed)
        self.taken = frozenset(values)

    def _resume(self, then: dict[str, Any], taken: frozenset[str], values: dict[str, Packed]) -> None:
        """Take the names back to where a test's visible lines ended."""
        names = self.notebook.names
        names.clear()
        names.update(then)
        self.taken = taken
        # What stands in for a thing of a process that has gone, stands in for the new one's.
        for name, packed in values.items():
            if isinstance(names.get(name), Remote):
                names[name] = self.unpack(packed)

    def _run(self, source: str, count: int) -> CellReport:
        outputs = self.notebook.run(source, count)
        shown = [self.gate.filter(output, self.notebook.error) for output in outputs]
        met = [str(key) for key in check.misconceptions_met()]
        return CellReport(shown, met, self.notebook.passed, goes_on=False)

    # ------------------------------------------------------------------ questions to the learner's process

    def unpack(self, packed: Packed) -> Any:
        """Turn what the student sent into a value of the examiner's own."""
        if isinstance(packed, bytes):
            with contextlib.suppress(messages.WireError):
                return messages.decode(packed, self.resolve, self.bounds)
        return Remote.named("object", "", self, None)

    def ask(self, question: Call | GetAttribute | Query) -> Returned | Raised:
        """Ask the student.

        Raises:
            KeyboardInterrupt: its process died or was stopped: that ends the test.
            ProtocolError, WireError: its answer makes no sense.
        """
        if self.gate.is_hidden():
            self.gate.tainted = self.gate.asked = True
        answer = decode(self._exchange(question), Returned, Raised, StudentLost)
        if isinstance(answer, StudentLost):
            raise lost(answer.message, answer.name)
        return answer

    def trace(self) -> list[str]:
        """The last call's error as the learner's notebook would show it; nothing if it cannot be shown."""
        answer = decode(self._exchange(GetTrace()), Trace, Raised, StudentLost)
        if isinstance(answer, StudentLost):
            raise lost(answer.message, answer.name)
        return answer.lines if isinstance(answer, Trace) else []

    def _exchange(self, question: Message) -> object:
        messages.write_frame(self.sock, ASK + messages.encode(encode(question)))
        return messages.decode(messages.read_frame(self.sock, self.bounds.bytes + MB), None, self.bounds)

    def call(self, thing: int | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a learner's function by value; raises what the learner's code raised there."""
        if thing is None:
            raise TypeError("this function stayed behind")
        # A test may take a learner's name away to see whether a function needs it.
        without = sorted(self.taken - self.notebook.names.keys())
        packed = messages.encode((args, kwargs), self.refer, self.bounds)
        answer = self.ask(Call(thing, packed, without))
        if isinstance(answer.became, bytes):
            _take_over([*args, *kwargs.values()], self.unpack(answer.became))
        hidden = self.gate.is_hidden()
        if not hidden:
            sys.stdout.write(answer.out)
            sys.stderr.write(answer.err)
        return self._result(answer, hidden)

    def attribute(self, thing: int, name: str) -> Any:
        """Read an attribute of a learner's object."""
        answer = self.ask(GetAttribute(thing, name))
        if isinstance(answer, Raised):
            raise AttributeError(name)
        return self._result(answer, self.gate.is_hidden())

    def query(self, query: str, **tables: pd.DataFrame) -> Any:
        """Ask DuckDB a learner's query, in the learner's process."""
        packed = messages.encode(tables, None, self.bounds)
        answer = self.ask(Query(query, packed))
        hidden = self.gate.is_hidden()
        if isinstance(answer, Raised):
            said = answer.message
            if hidden:  # DuckDB quotes what it could not convert
                kind = re.match(r"[A-Z][A-Za-z ]{2,30} Error(?=:)", said)
                said = kind[0] if kind else "Error"
            raise CourseError(said)
        return self._result(answer, hidden)

    def _result(self, answer: Returned | Raised, hidden: bool) -> Any:
        if isinstance(answer, Raised):
            raise self._error(answer, hidden)
        value = self.unpack(answer.value)
        if hidden:
            self.gate.remember(value)
        return value

    def _error(self, told: Raised, hidden: bool) -> BaseException:
        """Make the learner's error one of the examiner's: same class name, same words."""
        name, message = told.name[:100], told.message[:20_000]
        # An interrupted call ends the test, as it ends a cell.
        base = (
            KeyboardInterrupt
            if name == "KeyboardInterrupt"
            else next((KNOWN_ERRORS[b] for b in told.bases[:20] if b in KNOWN_ERRORS), Exception)
        )
        line = told.line if told.line in self.own else ""  # a line that was handed in, or none
        missing = told.missing
        if hidden:
            if name not in KNOWN_ERRORS and name not in PANDAS_ERRORS:
                name = base.__name__
            if message and not self.gate.is_own(message, line):
                message = ""
            missing = missing if missing is not None and missing in line else None
            if line:
                self.gate.lines.add(line)
        error: Any = learners_error(name, base, message)
        error.__owner__ = self if not hidden else None
        error.__stub__ = told.is_stub
        error.__line__ = line
        error.__at__ = [min(max(n, 0), 99_999) for n in (told.cell, told.number)]
        if isinstance(error, NameError) and missing is not None:
            error.name = missing
        return error  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ what does not travel by value

    def refer(self, value: Any) -> dict[str, Any] | None:
        """Pass a learner's own thing back."""
        if isinstance(value, Remote) and object.__getattribute__(value, "_thing") is not None:
            return {"back": object.__getattribute__(value, "_thing")}
        return None

    def resolve(self, described: dict[str, Any]) -> Any:
        """Stand in for what stayed with the learner."""
        kind = described.get("kind")
        if kind == "value":
            return messages.decode(described["value"], self.resolve, self.bounds)
        if kind == "picture":
            return picture_of(
                messages.decode(described["shown"], lambda other: str(other.get("text", "")), self.bounds)
            )
        if kind == "unreadable":
            return NoPicture(str(described.get("said", ""))[:1000])
        if kind == "module":
            name = str(described.get("name"))
            found = sys.modules.get(name) if name.split(".")[0] in _LIBRARIES else None
            return found if found is not None else Remote.named("module", "", self, None)
        class_name, thing = str(described.get("class", "object")), described.get("thing")
        thing = thing if isinstance(thing, int) else None
        if self.gate.asked:  # a name, too, can tell
            class_name = class_name if class_name in KNOWN_ERRORS else "object"
            described = {**described, "name": "f" if kind == "function" else "object"}
        if kind == "iterator":
            return iter(())
        if kind == "class":
            return type(identifier(str(described.get("name", "object"))), (), {})
        if kind == "error":
            return learners_error(class_name, KNOWN_ERRORS.get(class_name, Exception), "")
        module = "pandas" if described.get("module") == "pandas" else ""
        if kind == "function":
            return RemoteFunction(self, thing, str(described.get("name", "")))
        return Remote.named(class_name, module, self, thing)


def _take_over(mine: list[Any], became: Any) -> None:
    """Give the examiner's arguments the contents that the learner's copies have after the call."""
    if not isinstance(became, list) or len(became) != len(mine):
        return
    for old, new in zip(mine, became, strict=True):
        _become(old, new)


def _become(old: Any, new: Any) -> None:
    kind = type(old)
    if type(new) is not kind:
        return
    if kind in (pd.DataFrame, pd.Series):
        if not _identical(old, new):
            old._update_inplace(new)  # noqa: SLF001 - the one way to change a frame for all who hold it
    elif kind is np.ndarray:
        if old.shape == new.shape and old.dtype == new.dtype and old.flags.writeable:
            old[...] = new
    elif kind is list:
        _become_list(old, new)
    elif kind is dict:
        _become_dict(old, new)
    elif kind is set:
        if old != new:
            old.clear()
            old.update(new)
    elif kind is tuple and len(old) == len(new):
        for a, b in zip(old, new, strict=True):
            _become(a, b)


def _become_list(old: list[Any], new: list[Any]) -> None:
    for a, b in zip(old, new, strict=False):
        _become(a, b)
    if len(old) != len(new) or not all(_is_same(a, b) for a, b in zip(old, new, strict=True)):
        old[:] = new


def _become_dict(old: dict[Any, Any], new: dict[Any, Any]) -> None:
    for key in old.keys() & new.keys():
        _become(old[key], new[key])
    if list(old) != list(new) or not all(_is_same(old[key], new[key]) for key in old):
        old.clear()
        old.update(new)


def _is_same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, pd.DataFrame | pd.Series | pd.Index | np.ndarray | list | dict | set | tuple):
        return True  # it has become the other in place, or cannot
    try:
        return bool(a == b) or (a != a and b != b)
    except Exception:
        return False


def _identical(a: Any, b: Any) -> bool:
    if not a.index.equals(b.index) or a.index.names != b.index.names or not a.equals(b):
        return False
    if isinstance(a, pd.DataFrame):
        return list(map(str, a.columns)) == list(map(str, b.columns)) and list(a.dtypes) == list(b.dtypes)
    return bool(a.dtype == b.dtype and a.name == b.name)
