"""The examiner's process: runs locked cells and tests, and reaches the learner's names over the wire.

A learner's function is here a stand-in that sends its arguments away and gets a value back; a learner's frame is
the examiner's own frame with the same numbers in it. Nothing of the learner's is ever executed here.

What a hidden test hands to a learner's function could come back in an error's message, in something printed, or
in a value that a check quotes, at once or when a later test calls. So all tests' visible lines run before the first
hidden one; and from the first call by a hidden line on, prints are dropped, an error keeps its class and the
learner's own line, and a check tells what is wrong without quoting what came (:class:`Gate`).
"""

from __future__ import annotations

import re
import socket
import sys
from typing import Any, Final

import numpy as np
import pandas as pd

from autograder.engine.protocol import ASK, DONE
from autograder.engine.sandbox import MB, Limits
from autograder.engine.serialization import messages
from autograder.engine.worker.kernel import Notebook
from autograder.engine.worker.redaction import _PANDAS_ERRORS, Gate
from autograder.engine.worker.snapshot import snapshot
from autograder.engine.worker.stand_ins import (
    _KNOWN,
    Remote,
    RemoteFunction,
    _identifier,
    _picture,
    learners_error,
    lost,
)

_LIBRARIES: Final = frozenset(
    {"numpy", "pandas", "matplotlib", "scipy", "sklearn", "math", "datetime", "userops"}
)


class Lost(Exception):
    """The learner's process died or was stopped while it answered."""


def work(sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
    """Serve one submission until the driver closes the socket."""
    examiner = Examiner(sock, notebook, limits)
    while True:
        request = messages.decode(messages.read_frame(sock, limits.message_mb * MB))
        if "own" in request:
            examiner.own = frozenset(request.pop("own"))
        answer = examiner.cell(**request)
        messages.write_frame(sock, DONE + messages.encode(answer))


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
        self.gate.hush()
        import userops.sql

        userops.sql.run_query = self.query

    def cell(
        self,
        source: str,
        count: int,
        values: dict[str, Any] | None = None,
        absent: list[str] = (),  # type: ignore[assignment]
        hidden: list[tuple[int, int]] = (),  # type: ignore[assignment]
        visible: int = 0,
        part: str = "",
        tainted: bool = False,
    ) -> dict[str, Any]:
        """Run a locked cell, or a test (with ``values``: the learner's names that it reads).

        Args:
            visible: of a test, how many first lines can run before the others.
            part: ``"first"``: run these alone; ``"rest"``: run the others, where they ended.
            tainted: a learner's function may have been called by a hidden line already.
        """
        from userops import check

        names = self.notebook.names
        check.reset()
        self.gate.tainted |= tainted
        self.gate.open([] if part == "first" else hidden)
        paused = self.paused.pop(source, None) if part == "rest" else None
        if paused is not None:
            names.clear()
            names.update(paused[0])
            self.taken = paused[1]
            # What stands in for a thing of a process that has gone, stands in for the new one's.
            for name, packed in (values or {}).items():
                if isinstance(names.get(name), Remote):
                    names[name] = self.unpack(packed)
        elif values is not None:
            # A learner's function may change a table that it is handed: for this test alone.
            names.update({name: snapshot(value) for name, value in self.locked.items()})
            for name in absent:
                names.pop(name, None)
            for name, packed in values.items():
                names[name] = self.unpack(packed)
            self.taken = frozenset(values)
        lines = source.split("\n")
        if part == "first":
            run = "\n".join(lines[:visible])
        elif paused is not None:
            run = "\n".join([*(f"# {line}" for line in lines[:visible]), *lines[visible:]])
        else:
            run = source
        before = dict(names)
        outputs = self.notebook.run(run, count)
        passed = self.notebook.passed
        if values is None:
            new = (name for name, value in names.items() if before.get(name, names) is not value)
            self.locked |= {name: names[name] for name in new if name[0] != "_"}
        if part == "first" and passed:
            self.paused[source] = dict(names), self.taken
            outputs = [output for output in outputs if output["output_type"] != "execute_result"]
        return {
            "outputs": [self.gate.filter(output, self.notebook.error) for output in outputs],
            "met": check.misconceptions_met(),
            "passed": passed,
            "goes_on": paused is not None,
        }

    def unpack(self, packed: Any) -> Any:
        """Turn what the student sent into a value of the examiner's own."""
        if isinstance(packed, dict):
            return Remote.named("object", "", self, None, cannot=str(packed.get("cannot")))
        try:
            return messages.decode(packed, self.resolve, self.bounds)
        except (messages.WireError, TypeError) as error:
            return Remote.named("object", "", self, None, cannot=str(error))

    def ask(self, do: str, **with_: Any) -> dict[str, Any]:
        """Ask the student; raises what the learner's code raised there."""
        if do != "trace" and self.gate.is_hidden():
            self.gate.tainted = self.gate.asked = True
        messages.write_frame(self.sock, ASK + messages.encode({"do": do, "with": with_}))
        answer = messages.decode(messages.read_frame(self.sock, self.bounds.bytes + MB), None, self.bounds)
        if not isinstance(answer, dict):
            raise Lost("The answer makes no sense.")
        if "lost" in answer:
            raise lost(str(answer["lost"]), str(answer.get("class", "DeadKernelError")))
        return answer

    def call(self, thing: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a learner's function by value."""
        # A test may take a learner's name away to see whether a function needs it.
        without = sorted(self.taken - self.notebook.names.keys())
        packed = messages.encode((args, kwargs), self.refer, self.bounds)
        answer = self.ask("call", thing=thing, args=packed, without=without)
        became = answer.get("became")
        if isinstance(became, bytes):
            _take_over([*args, *kwargs.values()], self.unpack(became))
        hidden = self.gate.is_hidden()
        if not hidden:
            sys.stdout.write(str(answer.get("out", "")))
            sys.stderr.write(str(answer.get("err", "")))
        return self.result(answer, hidden)

    def result(self, answer: dict[str, Any], hidden: bool) -> Any:
        """The value of an answer, or its error."""
        if "error" in answer:
            raise self.error(answer["error"], hidden)
        value = self.unpack(answer.get("result"))
        if hidden:
            self.gate.remember(value)
        return value

    def query(self, query: str, **tables: pd.DataFrame) -> Any:
        """Ask DuckDB a learner's query, in the learner's process."""
        from userops.errors import CourseError

        answer = self.ask("query", query=query, tables=messages.encode(tables, None, self.bounds))
        hidden = self.gate.is_hidden()
        if "error" in answer:
            said = str(answer["error"].get("message", ""))
            if hidden:  # DuckDB quotes what it could not convert
                kind = re.match(r"[A-Z][A-Za-z ]{2,30} Error(?=:)", said)
                said = kind[0] if kind else "Error"
            raise CourseError(said)
        return self.result(answer, hidden)

    def error(self, told: Any, hidden: bool) -> BaseException:
        """Make the learner's error one of the examiner's: same class name, same words."""
        told = told if isinstance(told, dict) else {}
        name, message = str(told.get("class", "Exception"))[:100], str(told.get("message", ""))[:20_000]
        bases = [str(base) for base in told.get("bases") or []][:20]
        # An interrupted call ends the test, as it ends a cell.
        base = (
            KeyboardInterrupt
            if name == "KeyboardInterrupt"
            else next((_KNOWN[b] for b in bases if b in _KNOWN), Exception)
        )
        line = str(told.get("line", ""))
        if line not in self.own:
            line = ""  # not a line that was handed in
        missing = told.get("missing")
        if hidden:
            if name not in _KNOWN and name not in _PANDAS_ERRORS:
                name = base.__name__
            if message and not self.gate.is_own(message, line):
                message = ""
            missing = missing if isinstance(missing, str) and missing in line else None
        error = learners_error(name, base, message)
        error.__remote__ = self if not hidden else None  # type: ignore[attr-defined]
        error.__stub__ = bool(told.get("stub"))  # type: ignore[attr-defined]
        error.__line__ = line  # type: ignore[attr-defined]
        if hidden and line:
            self.gate.lines.add(line)
        at = told.get("at")
        at = at if isinstance(at, list) and len(at) == 2 and all(type(n) is int for n in at) else [0, 0]
        error.__at__ = [min(max(n, 0), 99_999) for n in at]  # type: ignore[attr-defined]
        if isinstance(error, NameError) and isinstance(missing, str):
            error.name = missing
        return error

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
            return _picture(
                messages.decode(described["shown"], lambda other: str(other.get("text", "")), self.bounds)
            )
        if kind == "unreadable":
            from userops.check.grader import NoPicture

            return NoPicture(str(described.get("said", ""))[:1000])
        if kind == "module":
            name = str(described.get("name"))
            found = sys.modules.get(name) if name.split(".")[0] in _LIBRARIES else None
            return found if found is not None else Remote.named("module", "", self, None)
        class_name, thing = str(described.get("class", "object")), described.get("thing")
        thing = thing if isinstance(thing, int) else None
        if self.gate.asked:  # a name, too, can tell
            class_name = class_name if class_name in _KNOWN else "object"
            described = {**described, "name": "f" if kind == "function" else "object"}
        if kind == "iterator":
            return iter(())
        if kind == "class":
            return type(_identifier(str(described.get("name", "object"))), (), {})
        if kind == "error":
            return learners_error(class_name, _KNOWN.get(class_name, Exception), "")
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
            old._update_inplace(new)
    elif kind is np.ndarray:
        if old.shape == new.shape and old.dtype == new.dtype and old.flags.writeable:
            old[...] = new
    elif kind is list:
        for a, b in zip(old, new, strict=False):
            _become(a, b)
        if len(old) != len(new) or not all(_is_same(a, b) for a, b in zip(old, new, strict=True)):
            old[:] = new
    elif kind is dict:
        for key in old.keys() & new.keys():
            _become(old[key], new[key])
        if list(old) != list(new) or not all(_is_same(old[key], new[key]) for key in old):
            old.clear()
            old.update(new)
    elif kind is set:
        if old != new:
            old.clear()
            old.update(new)
    elif kind is tuple and len(old) == len(new):
        for a, b in zip(old, new, strict=True):
            _become(a, b)


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
    return a.dtype == b.dtype and a.name == b.name
