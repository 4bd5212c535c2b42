"""Messages between processes: there and back equal, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import msgpack
import pytest

from autograder.engine.protocol import (
    AnswerEnded,
    AnswerTried,
    BeginChapter,
    BeginExamination,
    Busy,
    Call,
    CellOutputs,
    CellReport,
    CellTried,
    ChapterBegun,
    CountThreads,
    Failed,
    Fork,
    Forked,
    GetAttribute,
    GetTrace,
    Message,
    ProcessorTime,
    ProtocolError,
    Query,
    Raised,
    Ready,
    Reap,
    RestoreSnapshot,
    Returned,
    RunCell,
    RunLockedCell,
    RunRest,
    RunVisiblePart,
    Settings,
    Signal,
    Signalled,
    SnapshotRestored,
    SnapshotTaken,
    StudentLost,
    TakeSnapshot,
    Threads,
    Trace,
    TryAnswers,
    TryCell,
    Used,
    decode,
    encode,
)
from autograder.engine.serialization import messages

TO_A_FORK_SERVER: Final = (
    Settings({"cpu_seconds": 3, "cell_seconds": 1.5}, True, [[400, 7]], None),
    Ready(),
    Failed("no"),
    Fork("zh"),
    Forked(12),
    Busy("full"),
    Signal(12, 9),
    Signalled(),
    CountThreads(12),
    Threads(1),
    Reap(12),
    Used(),
    ProcessorTime(0.5),
)
BETWEEN: Final = (
    RunCell("x = 1", 3),
    CellOutputs([{"output_type": "stream"}, 5]),
    TakeSnapshot(2, ["x"]),
    SnapshotTaken({"x": b"packed", "y": "it is too large"}),
    RestoreSnapshot(2),
    SnapshotRestored(),
    Call(0, b"packed", ["helper"]),
    GetAttribute(0, "size"),
    Query("select 1", b"packed"),
    Returned(b"packed", "it does not travel", "out", "err"),
    Raised(
        "KeyError", "'x'", ["KeyError", "LookupError"], True, "d['x']", 3, 1, "x", b"packed", "out", "err"
    ),
    GetTrace(),
    Trace(["Cell In[3], line 1"]),
    StudentLost("DeadKernelError", "gone"),
    BeginExamination(["x = 1"], False),
    RunLockedCell("import x", 1),
    RunVisiblePart("assert x", 4, 1, {"x": b"packed"}, ["y"]),
    RunRest("assert x", 4, 1, [(2, 5)], {"x": b"packed"}, ["y"]),
    CellReport([{"output_type": "error"}], ["counted_events"], False, True),
)
OF_A_TRIAL: Final = (
    BeginChapter("/course", [[400, 7]]),
    ChapterBegun(),
    TryCell("x = 1", 3, True),
    CellTried([{"output_type": "stream"}], ["counted_events"], "KeyError", "'x'", 2),
    TryAnswers([["x = 1", "assert x"]], 4, 2),
    AnswerTried(0, [{"outputs": []}]),
    AnswerEnded(1, "it took too long"),
)
ALL: Final = (*TO_A_FORK_SERVER, *BETWEEN, *OF_A_TRIAL)


def test_every_message_is_tried_here() -> None:
    assert {type(message) for message in ALL} == set(Message.__subclasses__())


@pytest.mark.parametrize("message", TO_A_FORK_SERVER, ids=lambda message: type(message).__name__)
def test_there_and_back_to_a_fork_server(message: Message) -> None:
    assert decode(msgpack.unpackb(msgpack.packb(encode(message))), type(message)) == message


@pytest.mark.parametrize("message", [*BETWEEN, *OF_A_TRIAL], ids=lambda message: type(message).__name__)
def test_there_and_back_between_two_processes(message: Message) -> None:
    assert decode(messages.decode(messages.encode(encode(message))), Ready, type(message)) == message


@pytest.mark.parametrize("message", ALL, ids=lambda message: type(message).__name__)
def test_a_message_that_may_not_come_now_is_refused(message: Message) -> None:
    others = [kind for kind in Message.__subclasses__() if kind is not type(message)]
    with pytest.raises(ProtocolError, match="not one of"):
        decode(encode(message), *others)


@pytest.mark.parametrize("message", ALL, ids=lambda message: type(message).__name__)
def test_a_field_too_few_too_many_or_of_another_type_is_refused(message: Message) -> None:
    told = encode(message)
    spoilt = [told | {"more": 1}]
    for name in (field.name for field in fields(message)):  # type: ignore[arg-type]
        spoilt.append({key: value for key, value in told.items() if key != name})
        spoilt.append({("other" if key == name else key): value for key, value in told.items()})
        spoilt.append(told | {name: object()})
    spoilt = [one for one in spoilt if not (one.keys() == told.keys() and one == told)]
    for one in spoilt:
        with pytest.raises(ProtocolError, match="other fields"):
            decode(one, type(message))


class Text(str):
    """Equal to a text, and none."""


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        7,
        {},
        {"is": None},
        {"is": "Message"},
        {"is": ["Threads"], "count": 1},
        {"is": "Threads", "count": True},
        {"is": "Threads", "count": 1.0},
        {"is": "Trace", "lines": ("a",)},
        {"is": "Trace", "lines": ["a", 1]},
        {"is": "Trace", "lines": [Text("a")]},
        {"is": "SnapshotTaken", "values": {"a": 1}},
        {"is": "SnapshotTaken", "values": {1: b""}},
        {"is": "SnapshotTaken", "values": {"a": None}},
        {"is": "SnapshotTaken", "values": [["a", b""]]},
    ],
    ids=str,
)
def test_what_is_nearly_a_message_is_refused(told: Any) -> None:
    with pytest.raises(ProtocolError):
        decode(told, Threads, Trace, SnapshotTaken)
