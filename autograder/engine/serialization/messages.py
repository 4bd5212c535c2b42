"""Values to bytes and back, between a student's process that is not trusted and the examiner's.

Nothing here can execute: MessagePack scalars, raw NumPy and Arrow buffers whose types stand on a list, and
lengths that are checked before anything is made of them. No pickle, no evaluation, no attribute or module
looked up by a name from the message. What cannot go by value (functions, classes, charts, estimators) goes
as a reference, a small dict that the caller makes and understands.
"""

from __future__ import annotations

import socket
from typing import Any, Final, Protocol

import pandas as pd

import autograder.engine.serialization.pandas_types  # noqa: F401 - registers NumPy's and pandas' types
from autograder.engine.serialization.python_types import (
    Bounds,
    Reader,
    Refer,
    Resolve,
    UnsendableError,
    WireError,
    Writer,
    type_name,
    zones,
)

__all__ = ["Bounds", "UnsendableError", "WireError", "decode", "encode", "read_frame", "warm", "write_frame"]

_BOUNDS: Final = Bounds()


class Source(Protocol):
    """What bytes come from: a socket, or something that keeps time for one."""

    def recv(self, most: int, /) -> bytes:
        """The next bytes, ``most`` at most; none at the end."""


def encode(value: Any, refer: Refer | None = None, bounds: Bounds = _BOUNDS) -> bytes:
    """The message for ``value``.

    ``refer(obj)`` is asked for whatever cannot go by value: a dict of plain values to go in its place, or
    None. A class derived from a known one (a namedtuple, a Counter, a learner's own list) arrives as that.

    Raises ``UnsendableError`` for what has no reference, and for what is too large or too deep for the bounds.
    """
    writer = Writer(refer, bounds)
    try:
        writer.put(value, 0)
        return writer.message()
    except UnsendableError:
        raise
    except Exception as error:  # its text may be the learner's code: not asked
        raise UnsendableError(f"this value cannot be sent: a {type_name(error)} while reading it") from error


def decode(
    data: bytes | memoryview,
    resolve: Resolve | None = None,
    bounds: Bounds = _BOUNDS,
) -> Any:
    """The value of a message, of exact plain types, sharing no memory with ``data``.

    ``resolve(reference)`` makes a value of a reference. Raises ``WireError`` and nothing else, whatever the
    bytes are.
    """
    try:
        reader = Reader(memoryview(data).cast("B"), resolve, bounds)
        value = reader.get(0)
        reader.finish()
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"{type(error).__name__}: {error}"[:200]) from error
    return value


def warm() -> None:
    """Do what is slow the first time, some 40 ms: once, before forking."""
    zones()
    frame = pd.DataFrame({"a": ["x"], "b": [1], "c": pd.to_datetime(["2024-01-01"])})
    decode(encode([frame, frame["a"]]))


def write_frame(sock: socket.socket, payload: bytes | memoryview) -> None:
    """Send one message, its length before it in four bytes."""
    sock.sendall(len(payload).to_bytes(4, "big"))
    sock.sendall(payload)


def read_frame(sock: Source, limit: int) -> bytes:
    """The next message. Raises ``WireError`` over the limit (in bytes), ``EOFError`` at the end."""
    n = int.from_bytes(_exactly(sock, 4), "big")
    if n > limit:
        raise WireError(f"a message of {n:,} bytes, {limit:,} are allowed")
    return _exactly(sock, n)


def _exactly(sock: Source, n: int) -> bytes:
    chunks, left = [], n
    while left:
        # In pieces: memory grows with what has come, not with what was promised.
        chunk = sock.recv(min(left, 1024**2))
        if not chunk:
            raise EOFError("the connection ended")
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
