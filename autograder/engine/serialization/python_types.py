"""The tape values are written on, and how Python's own values go onto it and come off it.

A message is a flat run of MessagePack scalars, then raw buffers. No MessagePack array or map is ever read:
a container is a *head* (its kind and how many values follow) and then its values, so that nothing is
allocated on the word of a stranger, and every value counts against the bounds before it is read.

Writing happens beside a learner's objects. It picks by exact type, then by the first known base class, and
reads only through that base's own methods, so an overridden ``__iter__`` or ``__eq__`` is not asked.
Reading happens beside the tests. It makes exact types of the list below and nothing else.
"""

from __future__ import annotations

import datetime
import functools
import pathlib
import struct
import uuid
import zoneinfo
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, auto, unique
from fractions import Fraction
from itertools import repeat
from typing import Any, Final

import msgpack


class WireError(Exception):
    """A message that is malformed, truncated, too large, too deep or of a kind not known here."""


class UnsendableError(TypeError):
    """A value that cannot go by value, and for which there is no reference."""


@dataclass(frozen=True)
class Bounds:
    """How large a message may be: bytes in all, containers inside one another, values in all."""

    bytes: int = 256 * 1024**2
    depth: int = 40
    items: int = 5_000_000


@unique
class Kind(IntEnum):
    """What a head announces. Both ends run the same module: the numbers are never stored."""

    REF = 0
    LIST = auto()
    TUPLE = auto()
    SET = auto()
    FROZENSET = auto()
    DICT = auto()
    INT = auto()
    COMPLEX = auto()
    BYTEARRAY = auto()
    RANGE = auto()
    SLICE = auto()
    ELLIPSIS = auto()
    DATETIME = auto()
    DATE = auto()
    TIME = auto()
    TIMEDELTA = auto()
    TIMEZONE = auto()
    DECIMAL = auto()
    FRACTION = auto()
    UUID = auto()
    # NumPy
    NP_SCALAR = auto()
    NP_STR = auto()
    NP_BYTES = auto()
    ARRAY = auto()
    OBJECTS = auto()
    MASKED = auto()
    MASKED_ONE = auto()
    DTYPE = auto()
    # pandas
    NAT = auto()
    NA = auto()
    TIMESTAMP = auto()
    PD_TIMEDELTA = auto()
    PERIOD = auto()
    INTERVAL = auto()
    OFFSET = auto()
    WRAPPED = auto()
    DATETIMES = auto()
    TIMEDELTAS = auto()
    PERIODS = auto()
    INTERVALS = auto()
    CATEGORICAL = auto()
    NULLABLE = auto()
    STRINGS = auto()
    ARROW_STRINGS = auto()
    ARROW = auto()
    RANGE_INDEX = auto()
    INDEX = auto()
    MULTI_INDEX = auto()
    SERIES = auto()
    FRAME = auto()


Reference = dict[str, Any]
Refer = Callable[[Any], Reference | None]  # what goes in the place of a value that cannot go; None: nothing
Resolve = Callable[[Reference], Any]
Put = Callable[["Writer", Any, int], None]
Get = Callable[["Reader", int, int], Any]

PUT: Final[dict[type, Put]] = {}
GET: Final[dict[int, Get]] = {}
FALLBACKS: Final[list[Callable[[Any, type], Any]]] = []  # e.g. a polars frame -> a pandas one, or None

_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
_NUMBERS: Final = frozenset({type(None), bool, int, float})
_PACK: Final = msgpack.Packer(unicode_errors="surrogatepass").pack
_HEAD: Final = struct.Struct(">BBI").pack
_FIXEXT4: Final = 0xD6
_LENGTH: Final = struct.Struct("<Q")
_INLINE: Final = 256  # a shorter buffer stands among the values
_MRO: Final = type.__dict__["__mro__"].__get__  # a metaclass may lie about __mro__, not about this
_SET: Final = 4  # what an empty set takes up, in values of average size
_FRACTION_BYTES: Final = 16 * 1024  # reducing a fraction takes quadratic time


def puts(*kinds: type) -> Callable[[Put], Put]:
    """Register how values of these types, and of classes derived from them, are written."""

    def register(put: Put) -> Put:
        PUT.update(dict.fromkeys(kinds, put))
        return put

    return register


def gets(*kinds: Kind) -> Callable[[Get], Get]:
    """Register how what such a head announces is read: ``get(reader, n, depth)``."""

    def register(get: Get) -> Get:
        GET.update(dict.fromkeys(map(int, kinds), get))
        return get

    return register


class Writer:
    """One message in the making."""

    def __init__(self, refer: Refer | None, bounds: Bounds) -> None:
        self.refer, self.bounds = refer, bounds
        self.parts: list[bytes] = []
        self.buffers: list[Any] = []
        self.left, self.room = bounds.items, bounds.bytes

    def put(self, value: Any, depth: int) -> None:
        """Write one value; ``depth`` containers are around it."""
        kind = type(value)
        put = PUT.get(kind)
        if put is not None:
            put(self, value, depth)
            return
        for base in _MRO(kind):
            if put := PUT.get(base):
                put(self, value, depth)
                return
        for fallback in FALLBACKS:
            if (plain := fallback(value, kind)) is not None:
                self.put(plain, depth)
                return
        self._refer(value, depth)

    def _refer(self, value: Any, depth: int) -> None:
        reference = self.refer(value) if self.refer else None
        if reference is None:
            raise UnsendableError(f"a value of type {type_name(value)} cannot be sent")
        self.head(Kind.REF, 0, depth)
        refer, self.refer = self.refer, None  # a reference is made of plain values only
        try:
            self.put(reference, depth + 1)
        finally:
            self.refer = refer

    def many(self, items: list[Any], depth: int) -> None:
        """Values one after the other, as ``Reader.many`` takes them."""
        self.charge(len(items))
        kinds = {*map(type, items)}
        if kinds <= _NUMBERS or (
            kinds == {str} and max(map(len, items)) <= 64
        ):  # most lists: three times as fast
            try:
                self.parts.append(b"".join(map(_PACK, items)))
                return
            except OverflowError:  # an integer beyond 64 bits
                pass
        for item in items:
            self.put(item, depth)

    def head(self, kind: Kind, n: int, depth: int, more: int = 0) -> None:
        """Announce a value; ``more`` is what it takes up beside its buffers, in values of average size."""
        self.charge(1 + more)
        if depth >= self.bounds.depth:
            raise UnsendableError(f"values nested more than {self.bounds.depth} deep cannot be sent")
        self.parts.append(_HEAD(_FIXEXT4, kind, n))

    def charge(self, n: int) -> None:
        """Count ``n`` values against the bounds."""
        self.left -= n
        if self.left < 0:
            raise UnsendableError(f"more than {self.bounds.items:,} values cannot be sent at once")

    def plain(self, value: bool | int | float | str | bytes | None) -> None:
        """One scalar: exact types only, integers within 64 bits."""
        data = _PACK(value)
        if len(data) > 64:
            self.grow(len(data))
        self.parts.append(data)

    def grow(self, nbytes: int) -> None:
        """Called before bytes are copied, so that a broadcast array is refused and not unfolded."""
        self.room -= nbytes
        if self.room < 0:
            raise UnsendableError(f"more than {self.bounds.bytes:,} bytes cannot be sent at once")

    def buffer(self, data: Any) -> None:
        """Raw bytes: anything flat, of one-byte items, with the buffer protocol."""
        n = len(data)
        if n <= _INLINE:
            self.parts.append(_PACK(bytes(data)))
            return
        self.grow(n)
        self.parts.append(_PACK(n))
        self.buffers.append(data)

    def message(self) -> bytes:
        """What has been written: the tape, then the buffers."""
        tape = b"".join(self.parts)
        if len(tape) + sum(map(len, self.buffers)) + 8 > self.bounds.bytes:
            self.grow(self.bounds.bytes + 1)
        return b"".join([_LENGTH.pack(len(tape)), tape, *self.buffers])


class Reader:
    """One message being read; whatever it raises, ``wire.decode`` turns into a WireError."""

    def __init__(self, data: memoryview, resolve: Resolve | None, bounds: Bounds) -> None:
        if not 8 < len(data) <= bounds.bytes:
            raise WireError(f"a message of {len(data):,} bytes")
        (n,) = _LENGTH.unpack(data[:8])
        if n > len(data) - 8:
            raise WireError("a truncated message")
        self.bounds, self.resolve = bounds, resolve
        self.left = bounds.items
        self.buffers = data[8 + n :]
        tape = msgpack.Unpacker(
            max_buffer_size=max(n, 16),
            max_array_len=0,
            max_map_len=0,
            max_ext_len=4,
            unicode_errors="surrogatepass",
            ext_hook=_head,
        )
        tape.feed(data[8 : 8 + n])
        self.next = tape.__next__

    def get(self, depth: int) -> Any:
        """Read one value; ``depth`` containers are around it."""
        token = self.next()
        if type(token) is tuple:
            return self._open(token, depth)
        if type(token) in _PLAIN:
            return token
        raise WireError("a token of an unknown kind")

    def _open(self, token: tuple[int, int], depth: int) -> Any:
        if depth >= self.bounds.depth:
            raise WireError("values nested too deep")
        kind, n = token
        get = GET.get(kind)
        if get is None:
            raise WireError(f"a value of unknown kind {kind}")
        self.charge(1)
        return get(self, n, depth)

    def many(self, n: int, depth: int) -> list[Any]:
        """The next ``n`` values, charged for before the first is read."""
        self.charge(n)
        out, step = [], self.next
        for _ in repeat(None, n):
            token = step()
            kind = type(token)
            if kind is tuple:
                token = self._open(token, depth)
            elif kind not in _PLAIN:
                raise WireError("a token of an unknown kind")
            out.append(token)
        return out

    def charge(self, n: int) -> None:
        """Count ``n`` values against the bounds."""
        self.left -= n
        if self.left < 0:
            raise WireError("too many values")

    def expect(self, depth: int, *kinds: type) -> Any:
        """The next value, which must be of exactly one of these types."""
        value = self.get(depth)
        if type(value) not in kinds:
            raise WireError(f"a {type(value).__name__} where {kinds[0].__name__} was due")
        return value

    def buffer(self) -> memoryview:
        """The next raw bytes, still part of the message: copy what is to be kept."""
        n = self.next()
        if type(n) is bytes:
            return memoryview(n)
        if type(n) is not int or not 0 <= n <= len(self.buffers):
            raise WireError("a buffer that is not there")
        data, self.buffers = self.buffers[:n], self.buffers[n:]
        return data

    def finish(self) -> None:
        """Require that nothing is left."""
        if len(self.buffers) or next(iter(self.next, None), self) is not self:
            raise WireError("something follows the end")


def _head(code: int, data: bytes) -> tuple[int, int]:
    if len(data) != 4:
        raise WireError("a malformed head")
    return code, int.from_bytes(data, "big")


def type_name(value: Any) -> str:
    """The name of a value's class, for a message; a metaclass is not asked."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


# Scalars


@puts(type(None), bool)
def _put_plain(w: Writer, value: Any, depth: int) -> None:
    w.parts.append(_PACK(value))


@puts(float)
def _put_float(w: Writer, value: Any, depth: int) -> None:
    w.parts.append(_PACK(float.__float__(value)))


@puts(int)
def _put_int(w: Writer, value: Any, depth: int) -> None:
    value = int.__int__(value)
    if -(2**63) <= value < 2**64:
        w.parts.append(_PACK(value))
        return
    w.head(Kind.INT, 0, depth)
    w.plain(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


@gets(Kind.INT)
def _get_int(r: Reader, n: int, depth: int) -> int:
    return int.from_bytes(r.expect(depth, bytes), "little", signed=True)


@puts(str)
def _put_str(w: Writer, value: Any, depth: int) -> None:
    w.plain(str.__str__(value))


@puts(bytes)
def _put_bytes(w: Writer, value: Any, depth: int) -> None:
    w.plain(bytes.__bytes__(value))


@puts(bytearray)
def _put_bytearray(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.BYTEARRAY, 0, depth)
    w.plain(b"".join([value]))


@gets(Kind.BYTEARRAY)
def _get_bytearray(r: Reader, n: int, depth: int) -> bytearray:
    return bytearray(r.expect(depth, bytes))


@puts(complex)
def _put_complex(w: Writer, value: Any, depth: int) -> None:
    value = complex.__complex__(value)
    w.head(Kind.COMPLEX, 0, depth)
    w.plain(value.real)
    w.plain(value.imag)


@gets(Kind.COMPLEX)
def _get_complex(r: Reader, n: int, depth: int) -> complex:
    return complex(r.expect(depth, float), r.expect(depth, float))


@puts(type(...))
def _put_ellipsis(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.ELLIPSIS, 0, depth)


@gets(Kind.ELLIPSIS)
def _get_ellipsis(r: Reader, n: int, depth: int) -> Any:
    return ...


@puts(range, slice)
def _put_range(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.RANGE if type(value) is range else Kind.SLICE, 3, depth)
    for part in (value.start, value.stop, value.step):
        w.put(part, depth + 1)


@gets(Kind.RANGE)
def _get_range(r: Reader, n: int, depth: int) -> range:
    return range(*(r.expect(depth + 1, int) for _ in range(3)))


@gets(Kind.SLICE)
def _get_slice(r: Reader, n: int, depth: int) -> slice:
    return slice(*(r.get(depth + 1) for _ in range(3)))


@puts(Decimal)
def _put_decimal(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.DECIMAL, 0, depth)
    w.plain(Decimal.__str__(value))


@gets(Kind.DECIMAL)
def _get_decimal(r: Reader, n: int, depth: int) -> Decimal:
    return Decimal(r.expect(depth, str))


@puts(Fraction)
def _put_fraction(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.FRACTION, 0, depth)
    for name in ("numerator", "denominator"):
        part = Fraction.__dict__[name].__get__(value)
        if int.bit_length(part) > 8 * _FRACTION_BYTES:
            raise UnsendableError("a fraction of that many digits cannot be sent")
        w.put(part, depth + 1)


@gets(Kind.FRACTION)
def _get_fraction(r: Reader, n: int, depth: int) -> Fraction:
    above, below = r.expect(depth + 1, int), r.expect(depth + 1, int)
    if max(above.bit_length(), below.bit_length()) > 8 * _FRACTION_BYTES:
        raise WireError("a fraction of too many digits")
    return Fraction(above, below)


@puts(uuid.UUID)
def _put_uuid(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.UUID, 0, depth)
    w.plain(uuid.UUID.__dict__["bytes"].__get__(value))


@gets(Kind.UUID)
def _get_uuid(r: Reader, n: int, depth: int) -> uuid.UUID:
    return uuid.UUID(bytes=r.expect(depth, bytes))


@puts(pathlib.PurePath)
def _put_path(w: Writer, value: Any, depth: int) -> None:
    w.plain(pathlib.PurePath.__str__(value))


# Containers


def _put_items(w: Writer, kind: Kind, items: list[Any], depth: int) -> None:
    w.head(kind, len(items), depth)
    w.many(items, depth + 1)


@puts(list)
def _put_list(w: Writer, value: Any, depth: int) -> None:
    _put_items(w, Kind.LIST, [*list.__iter__(value)], depth)


@puts(tuple)
def _put_tuple(w: Writer, value: Any, depth: int) -> None:
    _put_items(w, Kind.TUPLE, [*tuple.__iter__(value)], depth)


@puts(deque)
def _put_deque(w: Writer, value: Any, depth: int) -> None:
    _put_items(w, Kind.LIST, [*deque.__iter__(value)], depth)


_VIEWED: Final[tuple[dict[Any, Any], ...]] = ({}, OrderedDict())


@puts(*(type(view) for d in _VIEWED for view in (d.keys(), d.values(), d.items())))
def _put_view(w: Writer, value: Any, depth: int) -> None:
    _put_items(w, Kind.LIST, [*value], depth)


@gets(Kind.LIST)
def _get_list(r: Reader, n: int, depth: int) -> list[Any]:
    return r.many(n, depth + 1)


@gets(Kind.TUPLE)
def _get_tuple(r: Reader, n: int, depth: int) -> tuple[Any, ...]:
    return tuple(r.many(n, depth + 1))


def _put_unordered(w: Writer, kind: Kind, items: Iterable[Any], depth: int) -> None:
    """A set's elements, in the order of their bytes: equal sets give equal messages."""
    items = [*items]
    w.head(kind, len(items), depth, _SET)
    w.charge(len(items))
    outer, w.parts = w.parts, []
    held = len(w.buffers)
    chunks = []
    try:
        for item in items:
            w.put(item, depth + 1)
            chunks.append(b"".join(w.parts))
            w.parts.clear()
    finally:
        w.parts = outer
    if len(w.buffers) == held:  # else the buffers' order is the elements'
        chunks.sort()
    w.parts += chunks


@puts(set)
def _put_set(w: Writer, value: Any, depth: int) -> None:
    _put_unordered(w, Kind.SET, set.__iter__(value), depth)


@puts(frozenset)
def _put_frozenset(w: Writer, value: Any, depth: int) -> None:
    _put_unordered(w, Kind.FROZENSET, frozenset.__iter__(value), depth)


@gets(Kind.SET)
def _get_set(r: Reader, n: int, depth: int) -> set[Any]:
    r.charge(_SET)
    out = set(r.many(n, depth + 1))
    if len(out) != n:
        raise WireError("a set with an element twice")
    return out


@gets(Kind.FROZENSET)
def _get_frozenset(r: Reader, n: int, depth: int) -> frozenset[Any]:
    return frozenset(_get_set(r, n, depth))


def _put_pairs(w: Writer, pairs: list[tuple[Any, Any]], depth: int) -> None:
    w.head(Kind.DICT, len(pairs), depth)
    w.charge(2 * len(pairs))
    for key, value in pairs:
        w.put(key, depth + 1)
        w.put(value, depth + 1)


@puts(dict)
def _put_dict(w: Writer, value: Any, depth: int) -> None:
    _put_pairs(w, [*dict.items(value)], depth)


@puts(OrderedDict)
def _put_ordered(w: Writer, value: Any, depth: int) -> None:
    _put_pairs(w, [*OrderedDict.items(value)], depth)  # its order is not the dict's below it


@gets(Kind.DICT)
def _get_dict(r: Reader, n: int, depth: int) -> dict[Any, Any]:
    flat = r.many(2 * n, depth + 1)
    out = dict(zip(flat[::2], flat[1::2], strict=True))
    if len(out) != n:
        raise WireError("a dict with a key twice")
    return out


@gets(Kind.REF)
def _get_ref(r: Reader, n: int, depth: int) -> Any:
    if r.resolve is None:
        raise WireError("a reference, where none can be resolved")
    resolve, r.resolve = r.resolve, None
    reference = r.expect(depth + 1, dict)
    r.resolve = resolve
    return resolve(reference)


# Dates and times


@functools.cache
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(zoneinfo.available_timezones())


def zone(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by its name, which may come from a stranger: never a path, only a name on the list."""
    if name not in zones():
        raise WireError("an unknown time zone")
    return zoneinfo.ZoneInfo(name)


def put_zone(w: Writer, value: Any) -> None:
    """No time zone, an offset in microseconds, or a name: None, int or str."""
    if value is None:
        w.plain(None)
    elif type(value) is datetime.timezone:
        w.plain(value.utcoffset(None) // datetime.timedelta(microseconds=1))
    else:
        key = value.key if type(value) is zoneinfo.ZoneInfo else _foreign_zone(value)
        if type(key) is not str or key not in zones():
            raise UnsendableError(f"a time zone of type {type_name(value)} cannot be sent")
        w.plain(key)


def _foreign_zone(value: Any) -> str | None:
    """The name of a zone as older libraries keep it: pytz's ``zone``, dateutil's UTC."""
    room = type(value).__module__
    if room.split(".")[0] == "pytz":
        zone: str | None = value.zone
        return zone
    return "UTC" if room == "dateutil.tz.tz" and type(value).__name__ == "tzutc" else None


def get_zone(r: Reader, depth: int) -> datetime.tzinfo | None:
    """Read a time zone that ``put_zone`` wrote."""
    key = r.expect(depth, str, int, type(None))
    if type(key) is int:
        return datetime.timezone(datetime.timedelta(microseconds=key))
    return key if key is None else zone(key)


@puts(datetime.timezone, zoneinfo.ZoneInfo)
def _put_timezone(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.TIMEZONE, 0, depth)
    put_zone(w, value)


@gets(Kind.TIMEZONE)
def _get_timezone(r: Reader, n: int, depth: int) -> datetime.tzinfo | None:
    return get_zone(r, depth)


_CLOCK: Final = ("hour", "minute", "second", "microsecond", "fold")
_STAMP: Final = ("year", "month", "day", *_CLOCK)


def _fields(w: Writer, kind: Kind, base: type, names: tuple[str, ...], value: Any, depth: int) -> None:
    w.head(kind, 0, depth)
    for name in names:
        w.plain(base.__dict__[name].__get__(value))


_CALENDAR: Final = ("year", "month", "day")


@puts(datetime.datetime)
def _put_datetime(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.DATETIME, 0, depth)
    for name in _CALENDAR:
        w.plain(datetime.date.__dict__[name].__get__(value))
    for name in _CLOCK:
        w.plain(datetime.datetime.__dict__[name].__get__(value))
    put_zone(w, datetime.datetime.__dict__["tzinfo"].__get__(value))


@gets(Kind.DATETIME)
def _get_datetime(r: Reader, n: int, depth: int) -> datetime.datetime:
    stamp: dict[str, Any] = {name: r.expect(depth, int) for name in _STAMP}
    return datetime.datetime(**stamp, tzinfo=get_zone(r, depth))


@puts(datetime.date)
def _put_date(w: Writer, value: Any, depth: int) -> None:
    _fields(w, Kind.DATE, datetime.date, _CALENDAR, value, depth)


@gets(Kind.DATE)
def _get_date(r: Reader, n: int, depth: int) -> datetime.date:
    return datetime.date(*(r.expect(depth, int) for _ in _CALENDAR))


@puts(datetime.time)
def _put_time(w: Writer, value: Any, depth: int) -> None:
    _fields(w, Kind.TIME, datetime.time, _CLOCK, value, depth)
    put_zone(w, datetime.time.__dict__["tzinfo"].__get__(value))


@gets(Kind.TIME)
def _get_time(r: Reader, n: int, depth: int) -> datetime.time:
    clock: dict[str, Any] = {name: r.expect(depth, int) for name in _CLOCK}
    return datetime.time(**clock, tzinfo=get_zone(r, depth))


_SPAN: Final = ("days", "seconds", "microseconds")


@puts(datetime.timedelta)
def _put_timedelta(w: Writer, value: Any, depth: int) -> None:
    _fields(w, Kind.TIMEDELTA, datetime.timedelta, _SPAN, value, depth)


@gets(Kind.TIMEDELTA)
def _get_timedelta(r: Reader, n: int, depth: int) -> datetime.timedelta:
    return datetime.timedelta(*(r.expect(depth, int) for _ in _SPAN))
