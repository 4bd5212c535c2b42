"""What the engine's processes say to each other: one frozen dataclass a message.

On its way a message is a plain dict, its class's name under ``"is"`` and its fields beside it; how a dict becomes
bytes is the line's business (``serialization.messages`` between submissions' processes, bare MessagePack to a fork
server, which must not import pandas before it has a notebook). :func:`decode` is told which messages may come and
takes no other, with exactly the fields of the class and values of the fields' types: a learner's process may have
sent anything.

=====================  =================================================================
coordinator            to a fork server: ``Settings``, ``Fork``, ``Signal``, ``CountThreads``, ``Reap``, ``Used``
coordinator            to a student: ``RunCell``, ``TakeSnapshot``, ``RestoreSnapshot``
coordinator            to an examiner: ``BeginExamination``, ``RunLockedCell``, ``RunVisiblePart``, ``RunRest``
examiner               to a student, passed on unread: ``Call``, ``GetAttribute``, ``Query``, ``GetTrace``
an author's command    to a trial: ``BeginChapter``, ``TryCell``, ``TryAnswers``
=====================  =================================================================

Every message but ``BeginExamination`` has an answer; ``TryAnswers`` has one for each.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints, overload

# How an examiner's frame begins: with a question to the student, or with the report on a cell.
ASK, DONE = b"?", b"!"

Packed = bytes | str
"""A learner's value as a message of ``serialization.messages``; as text, why it does not travel."""


class ProtocolError(Exception):
    """What came is none of the messages that may come."""


class Message:
    """What one process says to another."""


A = TypeVar("A", bound=Message)
B = TypeVar("B", bound=Message)
C = TypeVar("C", bound=Message)


# ------------------------------------------------------------------------------------------ fork servers


@dataclass(frozen=True)
class Settings(Message):
    """What a fork server is told at its start; it answers ``Ready`` or ``Failed``.

    Attributes:
        limits: the fields of ``sandbox.Limits``.
        samples: (users, seed) of the sample datasets to make beforehand.
        fonts: path of the host's list of fonts for matplotlib.
    """

    limits: dict[str, Any]
    confined: bool
    samples: list[list[int]]
    fonts: str | None


@dataclass(frozen=True)
class Ready(Message):
    """Everything is imported and read."""


@dataclass(frozen=True)
class Failed(Message):
    """The fork server could not do it."""

    reason: str


@dataclass(frozen=True)
class Fork(Message):
    """Make a process for a submission in this language; the socket it serves comes along. ``Forked`` or ``Busy``."""

    lang: str


@dataclass(frozen=True)
class Forked(Message):
    """Here is the process; its number is the fork server's."""

    pid: int


@dataclass(frozen=True)
class Busy(Message):
    """The machine has no room for another process now."""

    reason: str


@dataclass(frozen=True)
class Signal(Message):
    """Send a signal to a process. ``Signalled``."""

    pid: int
    number: int


@dataclass(frozen=True)
class Signalled(Message):
    """It was sent, or the process had ended already."""


@dataclass(frozen=True)
class CountThreads(Message):
    """How many threads does a process have? ``Threads``."""

    pid: int


@dataclass(frozen=True)
class Threads(Message):
    """So many; 0 if that cannot be told."""

    count: int


@dataclass(frozen=True)
class Reap(Message):
    """Wait for a process's end. ``ProcessorTime``, that it used."""

    pid: int


@dataclass(frozen=True)
class Used(Message):
    """How much has the fork server itself used? ``ProcessorTime``."""


@dataclass(frozen=True)
class ProcessorTime(Message):
    """Processor time."""

    seconds: float


# ------------------------------------------------------------------------------------------ the student


@dataclass(frozen=True)
class RunCell(Message):
    """Run a cell as number ``count``. ``CellOutputs``."""

    source: str
    count: int


@dataclass(frozen=True)
class CellOutputs(Message):
    """A cell's outputs; ``outputs.as_outputs`` looks at what they hold."""

    outputs: list[Any]


@dataclass(frozen=True)
class TakeSnapshot(Message):
    """Remember all names as they are now, under a number, and hand over these. ``SnapshotTaken``."""

    place: int
    names: list[str]


@dataclass(frozen=True)
class SnapshotTaken(Message):
    """Of the names asked for, those that there are."""

    values: dict[str, Packed]


@dataclass(frozen=True)
class RestoreSnapshot(Message):
    """Take the names back to how they were: from here on, functions are called as they would have been then."""

    place: int


@dataclass(frozen=True)
class SnapshotRestored(Message):
    """The names are as they were."""


@dataclass(frozen=True)
class Call(Message):
    """Call a thing that stayed with the learner. ``Returned`` or ``Raised``.

    Attributes:
        arguments: (positional, named) as a message of ``serialization.messages``.
        without: names that are taken away for the time of the call.
    """

    thing: int
    arguments: bytes
    without: list[str]


@dataclass(frozen=True)
class GetAttribute(Message):
    """Read an attribute of a thing that stayed with the learner. ``Returned`` or ``Raised``."""

    thing: int
    name: str


@dataclass(frozen=True)
class Query(Message):
    """Ask DuckDB the learner's SQL of these tables (a message of ``serialization.messages``)."""

    query: str
    tables: bytes


@dataclass(frozen=True)
class Returned(Message):
    """What came back, and what else a call left.

    Attributes:
        became: of a call, the list of its arguments as they are after it.
        out, err: what it printed.
    """

    value: Packed
    became: Packed | None = None
    out: str = ""
    err: str = ""


@dataclass(frozen=True)
class Raised(Message):
    """An exception of the learner's code, or of what was asked of its process.

    Attributes:
        name, message: its class's name, and its text.
        bases: names of its class and of what that derives from, nearest first.
        is_stub: the answer is still the one that was handed out.
        line, cell, number: the learner's own line that raised it, the cell's count, the line's number from 1.
        missing: of a NameError, the name.
        became, out, err: as in ``Returned``.
    """

    name: str
    message: str
    bases: list[str]
    is_stub: bool = False
    line: str = ""
    cell: int = 0
    number: int = 0
    missing: str | None = None
    became: Packed | None = None
    out: str = ""
    err: str = ""


@dataclass(frozen=True)
class GetTrace(Message):
    """Show the last call's error as a notebook would. ``Trace``."""


@dataclass(frozen=True)
class Trace(Message):
    """Lines of a traceback."""

    lines: list[str]


@dataclass(frozen=True)
class StudentLost(Message):
    """To the examiner, in place of an answer: the student's process died or was stopped.

    Attributes:
        name, message: of the error that ends the test.
    """

    name: str
    message: str


# ------------------------------------------------------------------------------------------ the examiner


@dataclass(frozen=True)
class BeginExamination(Message):
    """What holds for all cells to come; has no answer.

    Attributes:
        own: the lines that the learner handed in, which may be quoted.
        tainted: a learner's function may have been called by a hidden line already.
    """

    own: list[str]
    tainted: bool


@dataclass(frozen=True)
class RunLockedCell(Message):
    """Run a locked cell. ``CellReport``."""

    source: str
    count: int


@dataclass(frozen=True)
class RunVisiblePart(Message):
    """Run the lines of a test that stand before anything hidden, and remember where they ended. ``CellReport``.

    Attributes:
        source: of the whole test.
        visible: how many first lines these are.
        values: the learner's names that the test reads.
        absent: those of them that the learner does not have.
    """

    source: str
    count: int
    visible: int
    values: dict[str, Packed]
    absent: list[str]


@dataclass(frozen=True)
class RunRest(Message):
    """Run of a test what has not been run: from where its visible part ended, or all of it. ``CellReport``.

    Attributes:
        hidden: first and last line (from 1) of each hidden part.
        values, absent: as for the visible part; after that, only what the learner's new process has instead.
    """

    source: str
    count: int
    visible: int
    hidden: list[tuple[int, int]]
    values: dict[str, Packed]
    absent: list[str]


@dataclass(frozen=True)
class CellReport(Message):
    """What came of a locked cell, or of (a part of) a test.

    Attributes:
        outputs: as a notebook holds them; what a learner may not know is taken out.
        misconceptions_met: their keys, in order.
        goes_on: it began where the test's visible part had ended.
    """

    outputs: list[Any]
    misconceptions_met: list[str]
    passed: bool
    goes_on: bool


# ------------------------------------------------------------------------------------------ the trial


@dataclass(frozen=True)
class BeginChapter(Message):
    """Stand where a learner's kernel would. ``ChapterBegun``.

    Attributes:
        folder: the course's.
        samples: (users, seed) of the sample datasets that its tests ask for.
    """

    folder: str
    samples: list[list[int]]


@dataclass(frozen=True)
class ChapterBegun(Message):
    """It stands there."""


@dataclass(frozen=True)
class TryCell(Message):
    """Run a cell of the chapter itself; with ``strict``, warnings are errors. ``CellTried``."""

    source: str
    count: int
    strict: bool


@dataclass(frozen=True)
class CellTried(Message):
    """What came of a cell.

    Attributes:
        outputs: as a notebook holds them.
        misconceptions_met: their keys, in order.
        error, message: an exception's name and text; None and empty if it raised none.
        line: the cell's own line that raised it, from 1; 0 if none did.
    """

    outputs: list[Any]
    misconceptions_met: list[str]
    error: str | None
    message: str
    line: int


@dataclass(frozen=True)
class TryAnswers(Message):
    """Run each answer's cells in a fork of its own. For each, as it is done: ``AnswerTried`` or ``AnswerEnded``.

    Attributes:
        answers: of each the cells: its own, and those that grade it.
        count: the first cell's execution count.
        workers: how many are tried at a time.
    """

    answers: list[list[str]]
    count: int
    workers: int


@dataclass(frozen=True)
class AnswerTried(Message):
    """What came of the answer at this place: a ``CellTried`` for each cell, as plain dicts."""

    at: int
    cells: list[Any]


@dataclass(frozen=True)
class AnswerEnded(Message):
    """The answer at this place ended its process, or had to be ended."""

    at: int
    reason: str


# ------------------------------------------------------------------------------------------ to a dict and back


def encode(message: Message) -> dict[str, Any]:
    """The message as a plain dict."""
    return {"is": type(message).__name__} | message.__dict__


@overload
def decode(told: object, one: type[A], /) -> A: ...
@overload
def decode(told: object, one: type[A], other: type[B], /) -> A | B: ...
@overload
def decode(told: object, one: type[A], other: type[B], third: type[C], /) -> A | B | C: ...
@overload
def decode(told: object, /, *expected: type[Message]) -> Message: ...
def decode(told: object, /, *expected: type[Message]) -> Message:
    """The message that a plain dict is.

    Args:
        told: what came; anything.
        expected: the messages that may come.

    Raises:
        ProtocolError: it is none of these, or lacks a field, or has one too many or one of another type.
    """
    if type(told) is dict:
        name = told.get("is")
        for kind in expected:
            if kind.__name__ == name:
                checks = _CHECKS[kind]
                if len(told) == len(checks) + 1 and all(
                    key in told and fits(told[key]) for key, fits in checks.items()
                ):
                    return kind(**{key: told[key] for key in checks})
                raise ProtocolError(f"a {name} with other fields than it has")
    raise ProtocolError(f"not one of {', '.join(kind.__name__ for kind in expected)}")


_Check = Callable[[Any], bool]


def _check(hint: Any) -> _Check:
    """Whether a value is exactly of a type that a field declares."""
    origin, of = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: True
    if origin in (Union, types.UnionType):
        kinds = frozenset(of)
        return lambda value: type(value) in kinds
    if origin is list:
        one = _check(of[0])
        if of[0] is Any:
            return lambda value: type(value) is list
        return lambda value: type(value) is list and all(map(one, value))
    if origin is dict:
        key, one = _check(of[0]), _check(of[1])
        return lambda value: type(value) is dict and all(map(key, value)) and all(map(one, value.values()))
    if origin is tuple:
        ones = [_check(one) for one in of]
        return lambda value: (
            type(value) is tuple
            and len(value) == len(ones)
            and all(fits(item) for fits, item in zip(ones, value, strict=True))
        )
    return lambda value: type(value) is hint


# Worked out once: every fork inherits them.
_CHECKS: Final[dict[type[Message], dict[str, _Check]]] = {
    kind: {field.name: _check(get_type_hints(kind)[field.name]) for field in fields(kind)}  # type: ignore[arg-type]
    for kind in Message.__subclasses__()
}
