"""How NumPy's and pandas' values go onto the tape and come off it: importing this registers them.

A frame goes as its blocks, a block as its dtype, shape and bytes; strings go as the three buffers of an Arrow
array rather than as an Arrow file, because a file may be compressed, dictionary-coded or run-length-coded:
a few bytes that unfold into a terabyte. Every buffer's length is checked against what shape and dtype ask
for, every dtype against a list, and what pandas would later take on trust (codes, offsets, placements,
UTF-8) is checked here.
"""

from __future__ import annotations

import functools
import math
import re
import sys
import warnings
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray, ExtensionDtype
from pandas.api.internals import create_dataframe_from_blocks
from pandas.tseries.frequencies import to_offset

from autograder.engine.serialization.python_types import (
    FALLBACKS,
    Kind,
    Reader,
    UnsendableError,
    WireError,
    Writer,
    get_zone,
    gets,
    put_zone,
    puts,
    type_name,
    zone,
)

_DTYPE: Final = re.compile(r"[<>|][biufcmMUS]\d{1,9}(\[([1-9]\d{0,8})?[a-zA-Z]{1,2}\])?", re.ASCII)
_FREQ: Final = re.compile(r"[0-9A-Za-z-]{1,24}", re.ASCII)
_UNITS: Final = ("s", "ms", "us", "ns")
_STEPS: Final = (
    10_000  # a longer index keeps its frequency only if that is a fixed span: checking others is slow
)
_LARGE: Final = 25  # what an array, an index or a frame takes up, in values of average size
_X87: Final = np.dtype(np.longdouble).itemsize == 16 and np.finfo(np.longdouble).nmant == 63


# NumPy


@functools.lru_cache(maxsize=512)
def _dtype(text: str) -> np.dtype:
    """The dtype of this name, of the kinds that are plain bytes."""
    if not _DTYPE.fullmatch(text):
        raise WireError("an unknown dtype")
    dtype = np.dtype(text)
    if dtype.kind not in "biufcmMUS" or dtype.str != text or not dtype.itemsize:
        raise WireError("an unknown dtype")
    return dtype


def _name(dtype: np.dtype) -> str:
    if dtype.kind not in "biufcmMUS" or not dtype.itemsize:
        raise UnsendableError(f"an array of dtype {dtype} cannot be sent")
    return dtype.str


def _checked(array: np.ndarray) -> np.ndarray:
    """Bytes that every reader of such an array may take on trust: truth values, characters, dates."""
    dtype, bad = array.dtype, False
    if dtype.kind == "b":
        bad = bool(array.size and array.view(np.uint8).max() > 1)
    elif dtype.kind == "U":
        bad = bool(array.size and array.view(dtype.byteorder + "u4").max() > sys.maxunicode)
    elif dtype.kind == "M" and np.datetime_data(dtype)[0] == "generic":
        bad = not np.isnat(array).all()
    if bad:
        raise WireError(f"an array of {dtype} with values that are none")
    return array


def _raw(array: np.ndarray) -> np.ndarray:
    """The bytes of a contiguous array, as a flat array of them."""
    raw = array.reshape(-1).view(np.uint8)
    if _X87 and array.dtype.char in "gG":  # ten bytes hold the number, six are left over
        numbers = raw.reshape(-1, 16).copy()
        numbers[:, 10:] = 0
        return numbers.reshape(-1)
    return raw


def _put_shape(w: Writer, shape: tuple[int, ...]) -> None:
    w.plain(len(shape))
    for n in shape:
        w.plain(n)


def _get_shape(r: Reader, depth: int) -> tuple[int, ...]:
    ndim = r.expect(depth, int)
    if not 0 <= ndim <= 32:
        raise WireError("too many axes")
    shape = tuple(r.expect(depth, int) for _ in range(ndim))
    # Axes beside an empty one are bounded too: nobody holds their length, but loops would run over it.
    if any(n < 0 for n in shape) or math.prod(n or 1 for n in shape) > r.bounds.bytes:
        raise WireError("an impossible shape")
    return shape


@puts(np.ndarray)
def _put_array(w: Writer, value: Any, depth: int) -> None:
    if type(value) is not np.ndarray:
        value = np.ndarray.view(value, np.ndarray)
    if value.dtype.kind == "O":
        w.head(Kind.OBJECTS, 0, depth, _LARGE)
        _put_shape(w, value.shape)
        w.many(value.reshape(-1).tolist(), depth + 1)
        return
    name = _name(value.dtype)
    if value.nbytes > w.room:
        w.grow(value.nbytes)
    fortran = value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous
    w.head(Kind.ARRAY, int(fortran), depth, _LARGE)
    w.plain(name)
    _put_shape(w, value.shape)
    w.buffer(_raw(np.ascontiguousarray(value.T if fortran else value)))


@gets(Kind.ARRAY)
def _get_array(r: Reader, n: int, depth: int) -> np.ndarray:
    r.charge(_LARGE)
    dtype = _dtype(r.expect(depth, str))
    shape = _get_shape(r, depth)
    data = r.buffer()
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise WireError("an array whose bytes do not fit its shape")
    array = _checked(np.frombuffer(data, np.uint8).copy().view(dtype))
    return array.reshape(shape[::-1]).T if n else array.reshape(shape)


@gets(Kind.OBJECTS)
def _get_objects(r: Reader, n: int, depth: int) -> np.ndarray:
    r.charge(_LARGE)
    shape = _get_shape(r, depth)
    items = r.many(math.prod(shape), depth + 1)
    return np.fromiter(items, dtype=object, count=len(items)).reshape(shape)


@puts(np.ma.MaskedArray)
def _put_masked(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.MASKED, 0, depth)
    _put_array(w, value, depth + 1)
    mask = np.ma.MaskedArray.__dict__["mask"].__get__(value)
    w.put(None if mask is np.ma.nomask else np.ndarray.view(mask, np.ndarray), depth + 1)


@gets(Kind.MASKED)
def _get_masked(r: Reader, n: int, depth: int) -> np.ma.MaskedArray:
    data = r.expect(depth + 1, np.ndarray)
    mask = r.expect(depth + 1, np.ndarray, type(None))
    if mask is not None and (mask.dtype != bool or mask.shape != data.shape):
        raise WireError("a mask that does not fit")
    return np.ma.MaskedArray(data, mask=np.ma.nomask if mask is None else mask)


@puts(type(np.ma.masked))
def _put_masked_one(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.MASKED_ONE, 0, depth)


@gets(Kind.MASKED_ONE)
def _get_masked_one(r: Reader, n: int, depth: int) -> Any:
    return np.ma.masked


@puts(*{np.dtype(char).type for char in "?bBhHiIlLqQefdgFDGmM"})
def _put_np_scalar(w: Writer, value: Any, depth: int) -> None:
    dtype = np.generic.dtype.__get__(value)
    w.head(Kind.NP_SCALAR, 0, depth)
    w.plain(_name(dtype))
    data = np.generic.tobytes(value)
    w.plain(data if dtype.char not in "gG" else bytes(_raw(np.frombuffer(data, dtype))))


@gets(Kind.NP_SCALAR)
def _get_np_scalar(r: Reader, n: int, depth: int) -> np.generic:
    dtype, data = _dtype(r.expect(depth, str)), r.expect(depth, bytes)
    if len(data) != dtype.itemsize or dtype.kind in "US":
        raise WireError("a scalar whose bytes do not fit its dtype")
    scalar: np.generic = _checked(np.frombuffer(data, dtype))[0]
    return scalar


@puts(np.str_)
def _put_np_str(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.NP_STR, 0, depth)
    w.plain(str.__str__(value))


@gets(Kind.NP_STR)
def _get_np_str(r: Reader, n: int, depth: int) -> np.str_:
    return np.str_(r.expect(depth, str))


@puts(np.bytes_)
def _put_np_bytes(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.NP_BYTES, 0, depth)
    w.plain(bytes.__bytes__(value))


@gets(Kind.NP_BYTES)
def _get_np_bytes(r: Reader, n: int, depth: int) -> np.bytes_:
    return np.bytes_(r.expect(depth, bytes))


@puts(np.dtype, ExtensionDtype)
def _put_dtype(w: Writer, value: Any, depth: int) -> None:
    """As an empty array of it: what can be sent and what is checked is then the same."""
    w.head(Kind.DTYPE, 0, depth)
    if isinstance(value, pd.SparseDtype):
        value = value.subtype
    empty = np.empty(0, value) if isinstance(value, np.dtype) else pd.array([], dtype=value)
    w.put(empty, depth + 1)


@gets(Kind.DTYPE)
def _get_dtype(r: Reader, n: int, depth: int) -> np.dtype | ExtensionDtype:
    return _column(r, depth).dtype


# pandas' scalars


@puts(type(pd.NaT))
def _put_nat(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.NAT, 0, depth)


@gets(Kind.NAT)
def _get_nat(r: Reader, n: int, depth: int) -> Any:
    return pd.NaT


@puts(type(pd.NA))
def _put_na(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.NA, 0, depth)


@gets(Kind.NA)
def _get_na(r: Reader, n: int, depth: int) -> Any:
    return pd.NA


@puts(pd.Timestamp)
def _put_timestamp(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.TIMESTAMP, 0, depth)
    moment = value.asm8
    w.plain(int(moment.view("i8")))
    w.plain(value.unit)
    put_zone(w, value.tzinfo)


def _unit(r: Reader, depth: int) -> str:
    unit: str = r.expect(depth, str)
    if unit not in _UNITS:
        raise WireError("an unknown unit of time")
    return unit


@gets(Kind.TIMESTAMP)
def _get_timestamp(r: Reader, n: int, depth: int) -> pd.Timestamp:
    number, unit = r.expect(depth, int), _unit(r, depth)
    moment = pd.Timestamp(np.datetime64(number, unit))  # type: ignore[call-overload]  # any unit of _UNITS
    tz = get_zone(r, depth)
    return moment if tz is None else moment.tz_localize("UTC").tz_convert(tz)


@puts(pd.Timedelta)
def _put_span(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.PD_TIMEDELTA, 0, depth)
    w.plain(int(value.asm8.view("i8")))
    w.plain(value.unit)


@gets(Kind.PD_TIMEDELTA)
def _get_span(r: Reader, n: int, depth: int) -> pd.Timedelta:
    number, unit = r.expect(depth, int), _unit(r, depth)
    return pd.Timedelta(np.timedelta64(number, unit))  # type: ignore[call-overload]  # any unit of _UNITS


@functools.lru_cache(maxsize=64)
def _period_dtype(freq: str) -> pd.PeriodDtype:
    if not _FREQ.fullmatch(freq):
        raise WireError("an unknown frequency")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pd.PeriodDtype(freq)


@functools.lru_cache(maxsize=64)
def _offset(freq: str) -> pd.offsets.BaseOffset:
    if not _FREQ.fullmatch(freq):
        raise WireError("an unknown frequency")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return to_offset(freq)


def _spelled(offset: Any) -> str | None:
    """The name of an offset that says all of it, or None."""
    try:
        return offset.freqstr if _offset(offset.freqstr) == offset else None
    except Exception:  # whatever pandas says of a name it does not know
        return None


@puts(pd.offsets.BaseOffset)
def _put_offset(w: Writer, value: Any, depth: int) -> None:
    if (name := _spelled(value)) is None:
        raise UnsendableError(f"an offset of type {type_name(value)} cannot be sent")
    w.head(Kind.OFFSET, 0, depth)
    w.plain(name)


@gets(Kind.OFFSET)
def _get_offset(r: Reader, n: int, depth: int) -> pd.offsets.BaseOffset:
    return _offset(r.expect(depth, str))


def _period_name(dtype: pd.PeriodDtype) -> str:
    name: str = dtype.name[len("period[") : -1]
    if _period_dtype(name) != dtype:
        raise UnsendableError(f"periods of {dtype.name} cannot be sent")
    return name


@puts(pd.Period)
def _put_period(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.PERIOD, 0, depth)
    w.plain(value.ordinal)
    w.plain(_period_name(pd.PeriodDtype(value.freq)))


@gets(Kind.PERIOD)
def _get_period(r: Reader, n: int, depth: int) -> pd.Period:
    ordinal = r.expect(depth, int)
    return pd.Period(ordinal=ordinal, freq=_period_dtype(r.expect(depth, str)).freq)


@puts(pd.Interval)
def _put_interval(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.INTERVAL, 0, depth)
    w.put(value.left, depth + 1)
    w.put(value.right, depth + 1)
    w.plain(value.closed)


@gets(Kind.INTERVAL)
def _get_interval(r: Reader, n: int, depth: int) -> pd.Interval:
    left, right = r.get(depth + 1), r.get(depth + 1)
    return pd.Interval(left, right, closed=r.expect(depth, str))


# pandas' arrays

_MISSING: Final = (np.nan, pd.NA)


def _column(r: Reader, depth: int) -> np.ndarray | ExtensionArray:
    value = r.get(depth + 1)
    if type(value) is not np.ndarray and not isinstance(value, ExtensionArray):
        raise WireError("no array where one was due")
    return value


def _numbers(r: Reader, depth: int, kind: str) -> np.ndarray:
    """A flat array of 64-bit integers ("i8"), truth values ("b1") and so on."""
    value: np.ndarray = r.expect(depth + 1, np.ndarray)
    if value.ndim != 1 or value.dtype != np.dtype(kind):
        raise WireError("numbers of another kind were due")
    return value


@puts(pd.arrays.NumpyExtensionArray)
def _put_wrapped(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.WRAPPED, 0, depth)
    w.put(value.to_numpy(), depth + 1)


@gets(Kind.WRAPPED)
def _get_wrapped(r: Reader, n: int, depth: int) -> ExtensionArray:
    return pd.arrays.NumpyExtensionArray(r.expect(depth + 1, np.ndarray))


@puts(pd.arrays.SparseArray)
def _put_sparse(w: Writer, value: Any, depth: int) -> None:
    w.grow(_unfolded(value))
    w.put(value.to_dense(), depth)


def _unfolded(value: pd.arrays.SparseArray) -> int:
    """Its bytes, asked before it is unfolded."""
    size: int = value.dtype.subtype.itemsize
    return len(value) * size


@puts(pd.arrays.DatetimeArray)
def _put_datetimes(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.DATETIMES, 0, depth)
    w.plain(value.unit)
    put_zone(w, value.tz)
    w.put(value.asi8, depth + 1)


@gets(Kind.DATETIMES)
def _get_datetimes(r: Reader, n: int, depth: int) -> ExtensionArray:
    unit, tz = _unit(r, depth), get_zone(r, depth)
    index = pd.DatetimeIndex(_numbers(r, depth, "i8").view(f"M8[{unit}]"))
    return (index if tz is None else index.tz_localize("UTC").tz_convert(tz)).array


@puts(pd.arrays.TimedeltaArray)
def _put_timedeltas(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.TIMEDELTAS, 0, depth)
    w.plain(value.unit)
    w.put(value.asi8, depth + 1)


@gets(Kind.TIMEDELTAS)
def _get_timedeltas(r: Reader, n: int, depth: int) -> ExtensionArray:
    unit = _unit(r, depth)
    return pd.TimedeltaIndex(_numbers(r, depth, "i8").view(f"m8[{unit}]")).array


@puts(pd.arrays.PeriodArray)
def _put_periods(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.PERIODS, 0, depth)
    w.plain(_period_name(value.dtype))
    w.put(value.asi8, depth + 1)


@gets(Kind.PERIODS)
def _get_periods(r: Reader, n: int, depth: int) -> ExtensionArray:
    dtype = _period_dtype(r.expect(depth, str))
    return pd.arrays.PeriodArray(_numbers(r, depth, "i8"), dtype=dtype)


@puts(pd.arrays.IntervalArray)
def _put_intervals(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.INTERVALS, 0, depth)
    w.plain(value.closed)
    w.put(value.left, depth + 1)
    w.put(value.right, depth + 1)


@gets(Kind.INTERVALS)
def _get_intervals(r: Reader, n: int, depth: int) -> ExtensionArray:
    closed = r.expect(depth, str)
    left, right = _index(r, depth), _index(r, depth)
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=closed)


@puts(pd.Categorical)
def _put_categorical(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.CATEGORICAL, int(value.ordered is True), depth)
    w.put(value.categories, depth + 1)
    w.put(value.codes, depth + 1)


@gets(Kind.CATEGORICAL)
def _get_categorical(r: Reader, n: int, depth: int) -> ExtensionArray:
    dtype = pd.CategoricalDtype(_index(r, depth), ordered=bool(n))
    codes = r.expect(depth + 1, np.ndarray)
    if codes.ndim != 1 or codes.dtype.kind != "i":
        raise WireError("codes that are none")
    return pd.Categorical.from_codes(codes, dtype=dtype)


_NULLABLE: Final = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)


@puts(*_NULLABLE)
def _put_nullable(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.NULLABLE, 0, depth)
    # pandas offers the two arrays that such a one is made of under these names only.
    w.put(value._data, depth + 1)  # noqa: SLF001
    w.put(value._mask, depth + 1)  # noqa: SLF001


@gets(Kind.NULLABLE)
def _get_nullable(r: Reader, n: int, depth: int) -> ExtensionArray:
    data, mask = r.expect(depth + 1, np.ndarray), _numbers(r, depth, "b1")
    if data.shape != mask.shape:
        raise WireError("a mask that does not fit")
    make = dict(zip("iufb", (_NULLABLE[0], *_NULLABLE), strict=True)).get(data.dtype.kind)
    if make is None:
        raise WireError("an array that cannot be nullable")
    return make(data, mask)


@puts(*{type(pd.array([], dtype=pd.StringDtype("python", na_value=na))) for na in _MISSING})
def _put_strings(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.STRINGS, int(value.dtype.na_value is pd.NA), depth)
    w.put([None if item is value.dtype.na_value else item for item in value.tolist()], depth + 1)


@gets(Kind.STRINGS)
def _get_strings(r: Reader, n: int, depth: int) -> ExtensionArray:
    items = r.expect(depth + 1, list)
    if not all(item is None or type(item) is str for item in items):
        raise WireError("a string that is none")
    return pd.array(items, dtype=pd.StringDtype("python", na_value=_MISSING[bool(n)]))


# Arrow: a type's name, its parameters, then the buffers, cut to what the array shows of them.

_FIXED: Final = {
    str(kind): kind
    for kind in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64(), pa.date32(), pa.date64(), pa.bool_(), pa.null()),
        *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
        *(pa.string(), pa.large_string(), pa.binary(), pa.large_binary()),
        *(make(unit) for make in (pa.duration, pa.timestamp) for unit in _UNITS),
    )
}
_VARIABLE: Final = {"string": "i4", "binary": "i4", "large_string": "i8", "large_binary": "i8"}


def _put_arrow(w: Writer, table: pa.ChunkedArray, depth: int) -> None:
    array = (
        table.chunk(0)
        if table.num_chunks == 1
        else pa.concat_arrays(table.chunks or [table.combine_chunks()])
    )
    kind, n, start = array.type, len(array), array.offset
    tz = kind.tz if pa.types.is_timestamp(kind) else None
    digits = (kind.precision, kind.scale) if pa.types.is_decimal128(kind) else None
    name = "decimal128" if digits else str(pa.timestamp(kind.unit) if tz else kind)
    if name not in _FIXED and not digits:
        raise UnsendableError(f"an Arrow array of type {kind} cannot be sent")
    for part in (name, tz, *(digits or (None, None)), n):
        w.plain(part)
    if name == "null":
        w.charge(n)
        return
    valid, *rest = array.buffers()
    if array.null_count:
        w.buffer(_bits(valid, start, n))
    else:
        w.buffer(b"")
    if name in _VARIABLE:
        width = _VARIABLE[name]
        if not n:  # Arrow may leave the offsets of an empty array out
            w.buffer(np.zeros(1, width).view(np.uint8))
            w.buffer(b"")
            return
        offsets = np.frombuffer(rest[0], width)[start : start + n + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        w.buffer((offsets - offsets[0] if first else offsets).view(np.uint8))
        w.buffer(memoryview(rest[1])[first:last] if last > first else b"")
    elif name == "bool":
        w.buffer(_bits(rest[0], start, n) if n else b"")
    else:
        size = kind.bit_width // 8
        w.buffer(memoryview(rest[0])[start * size : (start + n) * size] if n else b"")


def _bits(buffer: pa.Buffer, start: int, n: int) -> np.ndarray:
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), count=start + n, bitorder="little")
    return np.packbits(bits[start:], bitorder="little")


def _get_arrow(r: Reader, depth: int) -> pa.Array:
    name, tz = r.expect(depth, str), r.expect(depth, str, type(None))
    digits = [r.expect(depth, int, type(None)) for _ in range(2)]
    n = r.expect(depth, int)
    if not 0 <= n <= 8 * r.bounds.bytes:
        raise WireError("an impossible length")
    kind = pa.decimal128(*digits) if name == "decimal128" else _FIXED.get(name)
    if kind is None:
        raise WireError("an unknown Arrow type")
    if tz is not None:
        kind = pa.timestamp(kind.unit, _arrow_zone(tz))
    if name == "null":
        r.charge(n)
        return pa.nulls(n)
    valid, bits = r.buffer(), (n + 7) // 8
    sizes = (
        [(n + 1) * int(_VARIABLE[name][1])]
        if name in _VARIABLE
        else [bits if name == "bool" else n * kind.bit_width // 8]
    )
    rest = [r.buffer() for _ in range(1 + (name in _VARIABLE))]
    if len(valid) not in (0, bits) or len(rest[0]) != sizes[0]:
        raise WireError("an Arrow array whose bytes do not fit its length")
    if name in _VARIABLE:
        offsets = np.frombuffer(rest[0], _VARIABLE[name])
        if offsets[0] or offsets[-1] != len(rest[1]):
            raise WireError("an Arrow array whose offsets do not fit its bytes")
    buffers = [pa.py_buffer(bytes(data)) for data in rest]
    array = pa.Array.from_buffers(kind, n, [pa.py_buffer(bytes(valid)) if len(valid) else None, *buffers])
    array.validate(full=True)
    return array


_OFFSET_ZONE: Final = re.compile(r"[+-]\d\d:\d\d", re.ASCII)


def _arrow_zone(name: str) -> str:
    if not _OFFSET_ZONE.fullmatch(name):
        zone(name)
    return name


@puts(pd.arrays.ArrowStringArray)
def _put_arrow_strings(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.ARROW_STRINGS, int(value.dtype.na_value is pd.NA), depth, _LARGE)
    _put_arrow(w, value.__arrow_array__(), depth)


@gets(Kind.ARROW_STRINGS)
def _get_arrow_strings(r: Reader, n: int, depth: int) -> ExtensionArray:
    r.charge(_LARGE)
    array = _get_arrow(r, depth)
    dtype = pd.StringDtype("pyarrow", na_value=_MISSING[bool(n)])
    return pd.arrays.ArrowStringArray(array, dtype=dtype)


@puts(pd.arrays.ArrowExtensionArray)
def _put_arrow_array(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.ARROW, 0, depth, _LARGE)
    _put_arrow(w, value.__arrow_array__(), depth)


@gets(Kind.ARROW)
def _get_arrow_array(r: Reader, n: int, depth: int) -> ExtensionArray:
    r.charge(_LARGE)
    return pd.arrays.ArrowExtensionArray(_get_arrow(r, depth))


# Indexes, series, frames


def _axis(r: Reader, depth: int) -> pd.Index:
    """An index whose length the caller compares with that of its data."""
    value = r.get(depth + 1)
    if not isinstance(value, pd.Index):
        raise WireError("no index where one was due")
    return value


def _index(r: Reader, depth: int) -> pd.Index:
    """An index that pandas may unfold: a range as long as the world is refused."""
    value = _axis(r, depth)
    if type(value) is pd.RangeIndex and len(value) > r.bounds.items:
        raise WireError("a range longer than any data")
    return value


@puts(pd.RangeIndex)
def _put_range_index(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.RANGE_INDEX, 0, depth, _LARGE)
    for part in (value.start, value.stop, value.step):
        w.plain(part)
    w.put(value.name, depth + 1)


@gets(Kind.RANGE_INDEX)
def _get_range_index(r: Reader, n: int, depth: int) -> pd.RangeIndex:
    r.charge(_LARGE)
    parts = [r.expect(depth, int) for _ in range(3)]
    if not all(-(2**62) <= part < 2**62 for part in parts):
        raise WireError("a range beyond 64 bits")
    return pd.RangeIndex(*parts, name=r.get(depth + 1))


@puts(pd.Index)
def _put_index(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.INDEX, 0, depth, _LARGE)
    w.put(value._values, depth + 1)  # noqa: SLF001 - as it lies there, not a copy
    w.put(value.name, depth + 1)
    freq = value.freq if isinstance(value, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    w.plain(freq and (_spelled(freq) if _quick(freq, len(value)) else None))


def _quick(freq: pd.offsets.BaseOffset, n: int) -> bool:
    return isinstance(freq, pd.offsets.Tick | pd.offsets.Day) or n <= _STEPS


@gets(Kind.INDEX)
def _get_index(r: Reader, n: int, depth: int) -> pd.Index:
    r.charge(_LARGE)
    array = _column(r, depth)
    if array.ndim != 1:
        raise WireError("an index of more than one axis")
    if type(array) is np.ndarray and array.dtype.kind not in "biufcO":
        raise WireError("an index of a dtype it cannot have")
    index = pd.Index(array, dtype=array.dtype, name=r.get(depth + 1), copy=False, tupleize_cols=False)
    freq = r.expect(depth, str, type(None))
    if freq is not None:
        if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
            raise WireError("an index that has no frequency")
        offset = _offset(freq)
        if not _quick(offset, len(index)):
            raise WireError("an index too long for its frequency")
        index.freq = offset  # pandas checks that it is true
    return index


@puts(pd.MultiIndex)
def _put_multi_index(w: Writer, value: Any, depth: int) -> None:
    w.head(Kind.MULTI_INDEX, value.nlevels, depth, _LARGE)
    w.charge(value.nlevels)
    w.put(list(value.names), depth + 1)
    for level, codes in zip(value.levels, value.codes, strict=True):
        w.put(level, depth + 1)
        w.put(np.asarray(codes), depth + 1)


@gets(Kind.MULTI_INDEX)
def _get_multi_index(r: Reader, n: int, depth: int) -> pd.MultiIndex:
    r.charge(_LARGE + n)
    names, levels, codes = r.expect(depth + 1, list), [], []
    for _ in range(n):
        levels.append(_index(r, depth))
        codes.append(r.expect(depth + 1, np.ndarray))
        if codes[-1].ndim != 1 or codes[-1].dtype.kind != "i":
            raise WireError("codes that are none")
    return pd.MultiIndex(levels, codes, names=names, verify_integrity=True)


def _storable(array: np.ndarray | ExtensionArray, ndim: int) -> Any:
    """An array that pandas itself would keep in a series or frame."""
    if type(array) is not np.ndarray:
        if type(array) is pd.arrays.NumpyExtensionArray:
            raise WireError("a column of a dtype it cannot have")
        return array
    dtype = array.dtype
    dated = dtype.kind in "mM" and dtype.isnative and np.datetime_data(dtype)[0] in _UNITS
    if array.ndim != ndim or not (dtype.kind in "biufcO" or (dated and np.datetime_data(dtype)[1] == 1)):
        raise WireError("a column of a dtype it cannot have")
    return array


@puts(pd.Series)
def _put_series(w: Writer, value: Any, depth: int) -> None:
    if type(value) is not pd.Series:
        mgr = object.__getattribute__(value, "_mgr")
        name = pd.Series.name.fget(value)
        value = pd.Series._from_mgr(mgr, mgr.axes)  # noqa: SLF001 - none of the derived class's own code
        value.name = name
    w.head(Kind.SERIES, 0, depth, _LARGE)
    w.put(value._values, depth + 1)  # noqa: SLF001 - as it lies there, not a copy
    w.put(value.index, depth + 1)
    w.put(value.name, depth + 1)


@gets(Kind.SERIES)
def _get_series(r: Reader, n: int, depth: int) -> pd.Series:
    r.charge(_LARGE)
    array = _storable(_column(r, depth), 1)
    index = _axis(r, depth)
    if len(index) != len(array):
        raise WireError("an index of another length than its data")
    return pd.Series(array, index=index, dtype=array.dtype, name=r.get(depth + 1), copy=False)


@puts(pd.DataFrame)
def _put_frame(w: Writer, value: Any, depth: int) -> None:
    mgr = object.__getattribute__(value, "_mgr")
    columns, index = mgr.axes
    pieces: list[tuple[np.ndarray, Any]] = []
    for block in mgr.blocks:
        places, values = block.mgr_locs.as_array, block.values
        if isinstance(values, pd.arrays.DatetimeArray | pd.arrays.TimedeltaArray) and isinstance(
            values.dtype, np.dtype
        ):
            values = np.asarray(values)
        if type(values) is pd.arrays.SparseArray:
            w.grow(_unfolded(values))
            values = values.to_dense()[np.newaxis]
        if isinstance(values, ExtensionArray) and values.ndim == 2:
            pieces += [(places[i : i + 1], values[i]) for i in range(len(places))]
        else:
            pieces.append((places, values))
    w.head(Kind.FRAME, len(pieces), depth, _LARGE + len(pieces))
    w.put(columns, depth + 1)
    w.put(index, depth + 1)
    for places, values in pieces:
        w.put(places, depth + 1)
        w.put(values, depth + 1)


@gets(Kind.FRAME)
def _get_frame(r: Reader, n: int, depth: int) -> pd.DataFrame:
    r.charge(_LARGE + n)
    columns, index = _axis(r, depth), _axis(r, depth)
    blocks = []
    for _ in range(n):
        places = _numbers(r, depth, "i8")
        array = _storable(_column(r, depth), 2)
        shape = array.shape if array.ndim == 2 else (1, len(array))
        if shape != (len(places), len(index)):
            raise WireError("columns of another length than their frame")
        blocks.append((array, places))
    places = np.concatenate([np.empty(0, "i8"), *(places for _, places in blocks)])
    if len(places) != len(columns) or (np.sort(places) != np.arange(len(places))).any():
        raise WireError("columns that are not all there")
    if not blocks and len(index) > r.bounds.items:
        raise WireError("an index without data")
    return create_dataframe_from_blocks(blocks, index, columns)


def _foreign(value: Any, kind: type) -> Any:
    """A polars frame or series as pandas' own, a Styler as its data; never imported, only recognised."""
    if (polars := sys.modules.get("polars")) is not None:
        if issubclass(kind, polars.LazyFrame):
            return value.collect()
        if issubclass(kind, polars.DataFrame | polars.Series):
            return value.to_pandas()
    style = sys.modules.get("pandas.io.formats.style")
    return value.data if style is not None and issubclass(kind, style.Styler) else None


FALLBACKS.append(_foreign)
