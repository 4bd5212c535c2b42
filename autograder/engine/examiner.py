"""The examiner's process: runs locked cells and tests, and reaches the learner's names over the wire.

A learner's function is here a stand-in that sends its arguments away and gets a value back; a learner's frame is
the examiner's own frame with the same numbers in it. Nothing of the learner's is ever executed here.

What a hidden test hands to a learner's function could come back in an error's message, in something printed, or
in a value that a check quotes, at once or when a later test calls. So all tests' visible lines run before the first
hidden one; and from the first call by a hidden line on, prints are dropped, an error keeps its class and the
learner's own line, and a check tells what is wrong without quoting what came (:class:`Gate`).
"""

from __future__ import annotations

import builtins
import re
import socket
import sys
from typing import Any, Final

import numpy as np
import pandas as pd

from autograder.engine import wire
from autograder.engine.sandbox import MB, Limits
from autograder.engine.shell import Notebook
from autograder.engine.student import isolated

ASK, DONE = b"?", b"!"
_LIBRARIES: Final = frozenset(
    {"numpy", "pandas", "matplotlib", "scipy", "sklearn", "math", "datetime", "userops"}
)
_KNOWN: Final = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}


class Lost(Exception):
    """The learner's process died or was stopped while it answered."""


def work(sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
    """Serve one submission until the driver closes the socket."""
    examiner = Examiner(sock, notebook, limits)
    while True:
        request = wire.decode(wire.read_frame(sock, limits.message_mb * MB))
        if "own" in request:
            examiner.own = frozenset(request.pop("own"))
        answer = examiner.cell(**request)
        wire.write_frame(sock, DONE + wire.encode(answer))


class Examiner:
    """The locked names, and a line to the learner's."""

    def __init__(self, sock: socket.socket, notebook: Notebook, limits: Limits) -> None:
        self.sock, self.notebook = sock, notebook
        self.bounds = wire.Bounds(bytes=limits.message_mb * MB)
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
            names.update({name: isolated(value) for name, value in self.locked.items()})
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
            "met": check.met(),
            "passed": passed,
            "goes_on": paused is not None,
        }

    def unpack(self, packed: Any) -> Any:
        """Turn what the student sent into a value of the examiner's own."""
        if isinstance(packed, dict):
            return Remote.named("object", "", self, None, cannot=str(packed.get("cannot")))
        try:
            return wire.decode(packed, self.resolve, self.bounds)
        except (wire.WireError, TypeError) as error:
            return Remote.named("object", "", self, None, cannot=str(error))

    def ask(self, do: str, **with_: Any) -> dict[str, Any]:
        """Ask the student; raises what the learner's code raised there."""
        if do != "trace" and self.gate.is_hidden():
            self.gate.tainted = self.gate.asked = True
        wire.write_frame(self.sock, ASK + wire.encode({"do": do, "with": with_}))
        answer = wire.decode(wire.read_frame(self.sock, self.bounds.bytes + MB), None, self.bounds)
        if not isinstance(answer, dict):
            raise Lost("The answer makes no sense.")
        if "lost" in answer:
            raise lost(str(answer["lost"]), str(answer.get("class", "DeadKernelError")))
        return answer

    def call(self, thing: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a learner's function by value."""
        # A test may take a learner's name away to see whether a function needs it.
        without = sorted(self.taken - self.notebook.names.keys())
        packed = wire.encode((args, kwargs), self.refer, self.bounds)
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

        answer = self.ask("query", query=query, tables=wire.encode(tables, None, self.bounds))
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
            return wire.decode(described["value"], self.resolve, self.bounds)
        if kind == "picture":
            return _picture(
                wire.decode(described["shown"], lambda other: str(other.get("text", "")), self.bounds)
            )
        if kind == "unreadable":
            from userops.check._axes import NoPicture

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


# ------------------------------------------------------------------------------------------ stand-ins


class Remote:
    """An object that stayed with the learner; its attributes are read over the wire, by value."""

    _thing: int | None

    @classmethod
    def named(
        cls, name: str, module: str, examiner: Examiner, thing: int | None, *, cannot: str = ""
    ) -> Remote:
        """Make a stand-in whose class goes by the learner's class's name."""
        kind = type(_identifier(name), (Remote,), {"__module__": module or "learner"})
        stand_in = object.__new__(kind)
        object.__setattr__(stand_in, "_examiner", examiner)
        object.__setattr__(stand_in, "_thing", thing)
        object.__setattr__(stand_in, "_cannot", cannot)
        return stand_in

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or object.__getattribute__(self, "_thing") is None:
            raise AttributeError(name)
        examiner = object.__getattribute__(self, "_examiner")
        answer = examiner.ask("attr", thing=object.__getattribute__(self, "_thing"), name=name)
        if "error" in answer:
            raise AttributeError(name)
        return examiner.result(answer, examiner.gate.is_hidden())


class RemoteFunction(Remote):
    """A learner's function: calling it runs it there."""

    def __init__(self, examiner: Examiner, thing: int | None, name: str) -> None:
        object.__setattr__(self, "_examiner", examiner)
        object.__setattr__(self, "_thing", thing)
        object.__setattr__(self, "_cannot", "")
        object.__setattr__(self, "__name__", name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        examiner, thing = object.__getattribute__(self, "_examiner"), object.__getattribute__(self, "_thing")
        return examiner.call(thing, args, kwargs)

    def __deepcopy__(self, memo: Any) -> RemoteFunction:
        return self


class LearnersError:
    """What every error that came over the wire is, besides the class it was."""


def learners_error(name: str, base: type[BaseException], message: str) -> BaseException:
    """Make an exception with a class's name and a message, shown as the learner would see it."""
    kind = type(
        _identifier(name),
        (LearnersError, base),
        {"__str__": lambda self: message, "_render_traceback_": _render},
    )
    error = kind.__new__(kind)
    error.args = (message,) if message else ()
    return error


def lost(message: str, name: str) -> BaseException:
    """The error of a call that the learner's process did not survive, or did not end: it ends the test."""
    return learners_error(name, KeyboardInterrupt, message)


def _render(error: Any) -> list[str]:
    """What a notebook shows of a learner's error: the learner's own lines, no test."""
    from userops.check._error import box, not_attempted

    if getattr(error, "__stub__", False):
        return box(not_attempted(), "not_attempted")
    remote, text = getattr(error, "__remote__", None), f"{type(error).__name__}: {error}".rstrip(": ")
    if remote is not None:
        lines = remote.ask("trace").get("lines")
        if isinstance(lines, list) and lines:
            return [str(line)[:5000] for line in lines[:200]]
    line = getattr(error, "__line__", "")
    if not line:
        return [text]
    cell, number = error.__at__
    return [f"Cell In[{cell}], line {number}\n----> {number} {line}", text]


def _picture(fields: Any) -> Any:
    from userops.check._axes import Mark, Picture

    def words(value: Any) -> str:
        return str(value)[:2000]

    fields = fields if isinstance(fields, dict) else {}
    marks = [
        Mark(words(m.get("kind")), list(m.get("x") or []), list(m.get("y") or []), words(m.get("label", "")))
        for m in fields.get("marks") or []
        if isinstance(m, dict)
    ]
    text = {key: words(fields.get(key, "")) for key in ("xlabel", "ylabel", "title", "xscale", "yscale")}
    limits = {key: tuple(float(v) for v in list(fields.get(key) or (0, 1))[:2]) for key in ("xlim", "ylim")}
    legend = fields.get("legend")
    return Picture(
        marks=marks, **text, **limits,  # type: ignore[arg-type]
        legend=None if legend is None else [words(v) for v in legend],
        xticks=[words(v) for v in fields.get("xticks") or []],
        yticks=[words(v) for v in fields.get("yticks") or []],
        horizontal=bool(fields.get("horizontal")), twin=bool(fields.get("twin")),
        reference_lines=int(fields.get("reference_lines") or 0), freq=fields.get("freq"),
    )  # fmt: skip


def _identifier(name: str) -> str:
    return name if name.isidentifier() and len(name) < 100 else "object"


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


# ------------------------------------------------------------------------------------------ what may be seen

_PANDAS_ERRORS: Final = frozenset(
    name for name, kind in vars(pd.errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
) | {"CheckError", "CourseError"}


class Gate:
    """Lets through what a learner may know of a test: of its hidden lines, whether they pass and what is meant.

    Attributes:
        tainted: a learner's function has been called by a hidden line; from then on it may tell what it saw.
        asked: this test has called a learner's function since.
        lines: the learner's own lines, which may be quoted.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.hidden: list[tuple[int, int]] = []
        self.tainted = self.asked = False
        self.texts: set[str] = set()
        self.lines: set[str] = set()

    def open(self, hidden: Any) -> None:
        """Begin a cell whose hidden lines are these (first and last, from 1)."""
        self.hidden = [tuple(span) for span in hidden]
        self.asked = False
        self.texts, self.lines = set(), set()

    def is_hidden(self) -> bool:
        """Whether what a learner's function says now must not be shown."""
        if self.tainted:
            return True
        if not self.hidden:
            return False
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_globals is self.names and frame.f_code.co_name == "<module>":
                return any(first <= frame.f_lineno <= last for first, last in self.hidden)
            frame = frame.f_back  # type: ignore[assignment]
        return True

    def is_own(self, message: str, line: str) -> bool:
        """Whether an error's message says only what the learner's own line says, or what Python always says."""
        text = message.strip().strip("'\"")
        return len(text) <= 120 and (text in line or _ORDINARY.fullmatch(text) is not None)

    def remember(self, value: Any) -> None:
        """Note the texts in what a learner's function returned to a hidden line."""
        if len(self.texts) < 5000:
            self.texts |= {text for text in _texts(value, 3)[:1000] if text.strip()}

    def hush(self) -> None:
        """Have the checks quote nothing of what came, once it may tell what a hidden line asked."""
        from userops.check import _error, _plain

        show, describe, init = _plain.show, _plain.describe, _error.CheckError.__init__

        def quiet_show(value: Any, limit: int = 40) -> str:
            if not self.asked or _plain.plain(value) is _plain.MISSING or isinstance(value, bool):
                return show(value, limit)
            return "…"

        def quiet_describe(value: Any) -> str:
            return _in_kind(value) if self.asked else describe(value)

        def quiet_init(error: Any, message: str, **more: Any) -> None:
            # What is said to a known misconception was written by the author.
            told = self.asked and more.get("misconception") is None and more.get("state") != "not_attempted"
            init(error, self.discreet(message) if told else message, **more)

        _error.CheckError.__init__ = quiet_init  # type: ignore[method-assign]
        for name, module in list(sys.modules.items()):
            if name.startswith("userops.check"):
                for old, new in ((show, quiet_show), (describe, quiet_describe)):
                    if vars(module).get(old.__name__) is old:
                        setattr(module, old.__name__, new)

    def discreet(self, message: str) -> str:
        """A message without numbers, and without the texts that came."""
        kept = sorted((line for line in self.lines if line in message), key=len, reverse=True)
        for number, line in enumerate(kept):
            message = message.replace(line, f"\0{chr(0xE000 + number)}\0")
        message = _NUMBER.sub("…", self._without(message))
        for number, line in enumerate(kept):
            message = message.replace(f"\0{chr(0xE000 + number)}\0", line)
        return message

    def _without(self, message: str) -> str:
        for text in sorted((text for text in self.texts if text in message), key=len, reverse=True):
            message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "…", message)
        return message

    def filter(self, output: dict[str, Any], error: BaseException | None) -> dict[str, Any]:
        """Take out of a test's output what came of a learner's function and was asked by a hidden line."""
        from userops.check import CheckError

        if not self.asked:
            return output
        if output["output_type"] == "stream":
            return {**output, "text": self._without(output["text"])}
        # A check's words, and those of an error that came over the wire, have passed here already.
        if output["output_type"] == "error" and not isinstance(error, CheckError | LearnersError):
            said = self.discreet(output["evalue"]) if isinstance(error, AssertionError) else ""
            return {**output, "evalue": said, "traceback": [f"{output['ename']}: {said}".rstrip(": ")]}
        return output


def _in_kind(value: Any) -> str:
    """What kind of thing came, and no more."""
    from userops._language import t
    from userops.check._plain import kind_of, plain

    for kind, en, zh in _THINGS:
        if isinstance(value, kind):
            return t(en, zh)
    en, zh = _SCALARS.get(kind_of(plain(value)), ("an object", "一个对象"))
    return t(en, zh)


_THINGS: Final = (
    (pd.DataFrame, "a DataFrame", "一个 DataFrame"),
    (pd.Series, "a Series", "一个 Series"),
    (dict, "a dict", "一个字典"),
    (list, "a list", "一个列表"),
    (tuple, "a tuple", "一个元组"),
    ((set, frozenset), "a set", "一个集合"),
    ((np.ndarray, pd.Index), "an array", "一个数组"),
)
_SCALARS: Final = {
    "void": ("a missing value", "一个缺失值"),
    "truth": ("a truth value", "一个布尔值"),
    "number": ("a number", "一个数字"),
    "text": ("a text", "一段文本"),
    "time": ("a time", "一个时间"),
    "delta": ("a duration", "一个时长"),
}
# Numbers, but for those that the checks' own sentences hold.
_NUMBER: Final = re.compile(r"(?<![^\W\d_])(?!(?:0\.5|50)(?![\d.,]*\d))\d(?:[\d,.:/eE+-]*\d)?")

_ORDINARY: Final = re.compile(
    r"division by zero|float division by zero|integer division or modulo by zero|list index out of range"
    r"|(?:max|min)\(\) (?:arg|iterable argument) is (?:an )?empty(?: sequence)?"
    r"|(?:'[A-Za-z]{1,12}' object|[A-Za-z_]{1,40}\(\)) (?:is|has|takes|missing|got)[A-Za-z0-9_ ',()]{1,80}"
    r"|unsupported operand type\(s\) for [^ ]{1,4}: '[A-Za-z]{1,12}' and '[A-Za-z]{1,12}'"
    r"|name '[A-Za-z_]{1,40}' is not defined|single positional indexer is out-of-bounds"
)


def _texts(value: Any, depth: int) -> list[str]:
    if isinstance(value, str):
        return [value[:10_000]]
    if isinstance(value, int | float | pd.Timestamp | pd.Timedelta):
        return [str(value)]
    if depth == 0:
        return []
    if isinstance(value, pd.DataFrame):
        return _texts(list(value.columns), depth - 1) + [
            t for c in range(min(value.shape[1], 50)) for t in _texts(value.iloc[:50, c], 1)
        ]
    if isinstance(value, pd.Series | pd.Index):
        values = list(value[:200]) if value.dtype.kind in "OTSU" else []
        return [t for v in values for t in _texts(v, depth - 1)] + _texts(getattr(value, "name", None), 1)
    if isinstance(value, dict):
        return [t for pair in list(value.items())[:200] for item in pair for t in _texts(item, depth - 1)]
    if isinstance(value, list | tuple | set | frozenset):
        return [t for item in list(value)[:200] for t in _texts(item, depth - 1)]
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        return [t for item in value.ravel()[:200].tolist() for t in _texts(item, depth - 1)]
    return []
