"""The student's process: runs the learner's cells, keeps their names, and answers for them by value.

Nothing of the examiner's is here to be read, patched or faked: no test, no expected value, no gradebook. Whatever
this process says is only ever taken as a value, so its own agent, which the learner's code can reach, need not
be trusted either.

It is asked, one request at a time:

``cell``   run a cell, return its outputs
``keep``   remember the names as they are now, and return the values of some
``stand``  take the names back to how they were kept: from here on, functions are called as they would have been
``call``   call a function, with arguments that are this process's own copies; returns what they became, too
``attr``   read an attribute of a thing that does not travel by value
``trace``  show the last call's error as a notebook would
``query``  ask DuckDB the learner's SQL
"""

from __future__ import annotations

import io
import linecache
import signal
import socket
import sys
import types
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import numpy as np

from autograder.engine.sandbox import MB, Limits
from autograder.engine.serialization import messages
from autograder.engine.worker.kernel import Notebook
from autograder.engine.worker.snapshot import snapshot


def work(sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
    """Serve one submission until the driver closes the socket."""
    student = Student(notebook, limits)
    signal.signal(signal.SIGINT, student.interrupted)
    while True:
        request = messages.decode(messages.read_frame(sock, limits.message_mb * MB))
        try:
            answer = student.answer(request)
            packed = messages.encode(answer, bounds=student.bounds)
        except KeyboardInterrupt:
            packed = messages.encode({"error": _plain_error("KeyboardInterrupt", "")})
        except Exception as error:
            packed = messages.encode({"error": _plain_error(type(error).__name__, _said(error))})
        messages.write_frame(sock, packed)


class Student:
    """One notebook's names, and what of them was kept at each test."""

    def __init__(self, notebook: Notebook, limits: Limits) -> None:
        self.notebook = notebook
        self.bounds = messages.Bounds(bytes=limits.message_mb * MB)
        self.kept: dict[int, dict[str, Any]] = {}
        self.things: list[Any] = []
        self.last: BaseException | None = None
        self.listening = False

    def interrupted(self, number: int, frame: Any) -> None:
        """Stop the learner's code; between two requests there is nothing to stop."""
        if self.notebook.running or self.listening:
            raise KeyboardInterrupt

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked."""
        return getattr(self, f"_{request['do']}")(**request.get("with", {}))

    def _cell(self, source: str, count: int) -> dict[str, Any]:
        return {"outputs": self.notebook.run(source, count)}

    def _keep(self, place: int, names: list[str]) -> dict[str, Any]:
        have = self.notebook.names
        self.kept[place] = {name: snapshot(value) for name, value in have.items()}
        return {"values": {name: self._packed(have[name]) for name in names if name in have}}

    def _packed(self, value: Any) -> bytes | dict[str, str]:
        self.listening = True
        try:
            return messages.encode(value, self.refer, self.bounds)
        except Exception as error:  # too large, too deep, or of a kind that does not travel
            return {"cannot": _said(error)[:500]}
        finally:
            self.listening = False

    def _stand(self, place: int) -> dict[str, Any]:
        names, kept = self.notebook.names, self.kept.get(place)
        if kept is not None:
            names.clear()
            names.update(kept)
        return {}

    def _call(self, thing: int, args: bytes, without: list[str]) -> dict[str, Any]:
        positional, named = messages.decode(args, self.resolve, self.bounds)
        names = self.notebook.names
        aside = {name: names.pop(name) for name in without if name in names}
        before = [*positional, *named.values()]
        out, err = io.StringIO(), io.StringIO()
        answer: dict[str, Any] = {}
        self.last = None
        self.listening = True
        try:
            with self.notebook.around(), redirect_stdout(out), redirect_stderr(err):
                result = self.things[thing](*positional, **named)
            answer["result"] = self._packed(result)
        except BaseException as error:
            self.last = error
            answer["error"] = self._error(error)
        finally:
            self.listening = False
            names.update(aside)
            _close_figures()  # nobody looks at them, and they may show what a test handed over
        # What the function did to its arguments is part of what it does.
        answer["became"] = self._packed(before)
        answer["out"], answer["err"] = out.getvalue()[:20_000], err.getvalue()[:20_000]
        return answer

    def _attr(self, thing: int, name: str) -> dict[str, Any]:
        try:
            return {"result": self._packed(getattr(self.things[thing], name))}
        except Exception as error:
            return {"error": self._error(error)}

    def _query(self, query: str, tables: bytes) -> dict[str, Any]:
        from userops.sql import ask

        try:
            return {"result": self._packed(ask(query, **messages.decode(tables, None, self.bounds)))}
        except Exception as error:
            return {"error": self._error(error)}

    def _trace(self) -> dict[str, Any]:
        if self.last is None:
            return {"lines": []}
        trace, error = self.last.__traceback__, self.last
        while trace is not None and trace.tb_frame.f_globals is not self.notebook.names:
            trace = trace.tb_next  # this agent's own frames say nothing to a learner
        if trace is None:
            return {"lines": [f"{type(error).__name__}: {_said(error)}"]}
        lines = self.notebook.shell.InteractiveTB.structured_traceback(type(error), error, trace, 0)
        return {"lines": [str(line) for line in lines][:200]}

    def _error(self, error: BaseException) -> dict[str, Any]:
        trace, last = error.__traceback__, None
        own = None
        while trace is not None:
            last = trace
            if trace.tb_frame.f_globals is self.notebook.names:
                own = trace
            trace = trace.tb_next
        stub = False
        if isinstance(error, NotImplementedError) and own is not None and own is last:
            line = linecache.getline(own.tb_frame.f_code.co_filename, own.tb_lineno)
            stub = line.strip().startswith("raise NotImplementedError")
        line = linecache.getline(own.tb_frame.f_code.co_filename, own.tb_lineno).strip() if own else ""
        return {
            **_plain_error(type(error).__name__, _said(error)),
            "bases": [kind.__name__ for kind in type(error).__mro__],
            "stub": stub,
            "line": line[:300],
            "at": [
                self.notebook.shell.compile._filename_map.get(own.tb_frame.f_code.co_filename, 0)
                if own
                else 0,
                own.tb_lineno if own else 0,
            ],
            "missing": error.name if isinstance(error, NameError) and isinstance(error.name, str) else None,
        }

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


def _plain_error(name: str, message: str) -> dict[str, Any]:
    return {"class": name, "message": message, "bases": [name], "stub": False, "line": "", "missing": None}
