"""Values cross the wire and come out equal; what is no message of ours comes out as a WireError."""

from __future__ import annotations

import collections
import contextlib
import datetime
import enum
import math
import pathlib
import random
import socket
import struct
import threading
import uuid
import warnings
import zoneinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgpack
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.engine.serialization.messages import (
    Bounds,
    Unsendable,
    WireError,
    decode,
    encode,
    read_frame,
    warm,
    write_frame,
)
from autograder.engine.serialization.python_types import Kind, zones

few = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
many = settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))


def there_and_back(value: Any) -> Any:
    message = encode(value)
    back = decode(message)
    assert encode(back) == message, "sent again, it is another message"
    return back


def same(a: Any, b: Any) -> bool:
    """Equal in type, value, sign, order and missing values, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, set | frozenset):
        return encode(a) == encode(b)
    if isinstance(a, slice):
        return same([a.start, a.stop, a.step], [b.start, b.stop, b.step])
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, Decimal):
        return str(a) == str(b)
    if isinstance(a, datetime.datetime | datetime.time) and not isinstance(a, pd.Timestamp):
        return (repr(a), a.fold) == (repr(b), b.fold)
    if isinstance(a, np.ndarray | np.generic):
        if a.dtype != b.dtype or np.shape(a) != np.shape(b):
            return False
        if a.dtype.kind == "O":
            return same(a.reshape(-1).tolist(), b.reshape(-1).tolist())
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fcmM"))
    if isinstance(a, pd.DataFrame):
        return (
            same(a.columns, b.columns)
            and same(a.index, b.index)
            and all(same(a.iloc[:, i], b.iloc[:, i]) for i in range(a.shape[1]))
        )
    if isinstance(a, pd.Series):
        return same(a.index, b.index) and same(a.name, b.name) and same(a.array, b.array)
    if isinstance(a, pd.MultiIndex):
        return same(list(a.names), list(b.names)) and all(
            same(a.get_level_values(i), b.get_level_values(i)) for i in range(a.nlevels)
        )
    if isinstance(a, pd.RangeIndex):
        return same([a.name, a.start, a.stop, a.step], [b.name, b.start, b.stop, b.step])
    if isinstance(a, pd.Index):
        return (
            same(a.name, b.name)
            and a.dtype == b.dtype
            and getattr(a, "freq", None) == getattr(b, "freq", None)
            and same(list(a), list(b))
        )
    if isinstance(a, pd.api.extensions.ExtensionArray):
        return a.dtype == b.dtype and same(list(a), list(b))
    return a is b or a == b


# What goes by value

whole = st.integers() | st.integers(-(2**200), 2**200)
text = st.text(st.characters(), max_size=8)  # lone surrogates too
time_zones = st.none() | st.sampled_from(
    [
        datetime.UTC,
        datetime.timezone(datetime.timedelta(hours=-3, microseconds=7)),
        zoneinfo.ZoneInfo("Asia/Shanghai"),
        zoneinfo.ZoneInfo("UTC"),
    ]
)
hashables = st.one_of(
    st.none(),
    st.booleans(),
    whole,
    st.floats(),
    st.complex_numbers(),
    text,
    st.binary(max_size=300),
    st.dates(),
    st.times(timezones=time_zones),
    st.datetimes(timezones=time_zones),
    st.timedeltas(),
    st.decimals().filter(lambda value: not value.is_snan()),  # has no hash
    st.fractions(),
    st.uuids(),
    st.builds(range, st.integers(), st.integers(), st.integers(1, 9)),
    st.just(...),
    st.sampled_from([pd.NaT, pd.NA, pd.Timestamp(0), pd.Timedelta(5, "ms"), pd.Period("2024-02", "M")]),
    hnp.scalar_dtypes().flatmap(lambda dtype: hnp.arrays(dtype, (1,)).map(lambda a: a[0])),
)
arrays = hnp.arrays(
    hnp.scalar_dtypes() | hnp.byte_string_dtypes() | hnp.unicode_string_dtypes(),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)
keys = st.recursive(
    hashables, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4
)
values = st.recursive(
    hashables | arrays | st.sets(hashables, max_size=4) | st.binary(max_size=9).map(bytearray),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(keys, inner, max_size=3),
        st.builds(slice, inner, inner, inner),
    ),
    max_leaves=8,
)


@many
@given(values)
def test_python_and_numpy_values_come_back_the_same(value: Any) -> None:
    assert same(there_and_back(value), value)


@given(st.integers(-(2**70), 2**70), st.integers(0, 3))
@few
def test_integers_at_the_edges(n: int, power: int) -> None:
    for value in (n, 2**63 + n % 3, -(2**63) - n % 3, 2**64 - n % 3, 256**power + n % 2, -(256**power)):
        assert there_and_back(value) == value


moments = st.integers(-(2**53), 2**53)
cells = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint8": st.integers(0, 255),
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "bool": st.booleans(),
    "complex128": st.complex_numbers(),
    "datetime64[us]": moments,
    "datetime64[ns]": moments,
    "timedelta64[s]": st.integers(-(10**9), 10**9),
    "datetime64[ms, Asia/Shanghai]": st.integers(0, 2**40),
    "period[M]": st.integers(0, 900).map(lambda n: pd.Period("2000-01", "M") + n) | st.none(),
    "Int16": st.integers(-9, 9) | st.none(),
    "Float64": st.floats(allow_nan=False) | st.none(),
    "boolean": st.booleans() | st.none(),
    "str": st.text(st.characters(codec="utf-8"), max_size=5) | st.none(),
    "string[python]": text | st.none(),
    "string[pyarrow]": st.text(st.characters(codec="utf-8"), max_size=5) | st.none(),
    "category": st.sampled_from(["a", "b", "", None]),
    "object": st.recursive(hashables, lambda inner: st.lists(inner, max_size=2), max_leaves=3),
    "int32[pyarrow]": st.integers(-9, 9) | st.none(),
    "bool[pyarrow]": st.booleans() | st.none(),
    "double[pyarrow]": st.floats(allow_nan=False) | st.none(),
    "timestamp[us][pyarrow]": st.datetimes() | st.none(),
    "large_binary[pyarrow]": st.binary(max_size=3) | st.none(),
}
labels = (
    st.none()
    | st.integers(-5, 5)
    | st.text(max_size=2)
    | st.just(math.nan)
    | st.tuples(st.integers(), st.text(max_size=2))
)


@st.composite
def columns(draw: st.DrawFn, n: int) -> Any:
    dtype = draw(st.sampled_from(sorted(cells)))
    items = draw(st.lists(cells[dtype], min_size=n, max_size=n))
    if dtype == "object":
        out = np.empty(n, object)
        for i, item in enumerate(items):
            out[i] = item
        return out
    if dtype.startswith("datetime64[ms"):
        return (
            pd.DatetimeIndex(np.array(items, "M8[ms]")).tz_localize("UTC").tz_convert("Asia/Shanghai").array
        )
    if "64[" in dtype:
        return np.array(items, "i8").view(dtype)
    return pd.array(items, dtype=dtype)


@st.composite
def indexes(draw: st.DrawFn, n: int) -> pd.Index:
    name = draw(labels)
    kind = draw(st.integers(0, 6))
    if kind == 0:
        start, step = draw(st.integers(-9, 9)), draw(st.integers(1, 5))
        return pd.RangeIndex(start, start + n * step, step, name=name)
    if kind == 1:
        arrays = [draw(columns(n)) for _ in range(2)]
        arrays = [a if a.dtype != object else np.arange(n) for a in arrays]
        return pd.MultiIndex.from_arrays(arrays, names=[name, draw(labels)])
    if kind == 2:
        freq = draw(st.sampled_from(["D", "ME", "2h", "W-MON", "QS-FEB", "B"]))
        return pd.date_range(
            "2024-02-28", periods=n, freq=freq, tz=draw(st.sampled_from([None, "UTC"])), name=name
        )
    if kind == 3:
        return pd.interval_range(0, n, periods=n, closed="left", name=name)
    if kind == 4:
        return pd.Index(
            np.fromiter((draw(labels) for _ in range(n)), object, n),
            dtype=object,
            name=name,
            tupleize_cols=False,
        )
    array = draw(columns(n).filter(lambda array: array.dtype != object))  # lists are no labels
    return pd.Index(array, dtype=array.dtype, name=name, tupleize_cols=False)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n, width = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    series = {i: pd.Series(a, dtype=a.dtype) for i, a in enumerate(draw(columns(n)) for _ in range(width))}
    frame = pd.DataFrame(series, index=range(n))
    frame.index = draw(indexes(n))
    frame.columns = draw(indexes(width))
    return frame


@many
@given(frames(), st.data())
def test_frames_series_and_indexes_come_back_the_same(frame: pd.DataFrame, data: st.DataObject) -> None:
    back = there_and_back(frame)
    assert same(back, frame)
    assert len(back._mgr.blocks) <= back.shape[1] and back.dtypes.tolist() == frame.dtypes.tolist()
    for piece in (frame.index, frame.columns, frame.iloc[1:], frame.iloc[:, ::-1], frame.dtypes):
        assert same(there_and_back(piece), piece)
    if frame.shape[1]:
        column = frame.iloc[:, data.draw(st.integers(0, frame.shape[1] - 1))]
        assert same(there_and_back(column), column)
        assert same(there_and_back(column.array), column.array)


def test_frames_keep_what_a_test_may_look_at() -> None:
    frame = pd.DataFrame([[1, "x", 2.5], [3, None, math.nan]], columns=["a", "b", "a"]).set_index(
        "b", append=True
    )
    frame.columns.name = ("k", 1)
    frame.attrs["lie"] = object()
    back = there_and_back(frame)
    pd.testing.assert_frame_equal(
        back, frame, check_exact=True, check_column_type="exact", check_index_type="exact"
    )
    assert back.columns.name == ("k", 1) and list(back.index.names) == [None, "b"] and back.attrs == {}
    back.iloc[0, 0] = 7  # its own memory, open to writing
    grouped = pd.DataFrame({"a": [1, 1, 2], "b": list("xyx"), "n": 1.5}).pivot_table(
        index="a", columns="b", values="n"
    )
    pd.testing.assert_frame_equal(there_and_back(grouped), grouped, check_column_type="exact")


@pytest.mark.parametrize(
    "value",
    [
        pd.Categorical(["b", "a", None], categories=["b", "a"], ordered=True),
        pd.CategoricalDtype([3, 1], ordered=True),
        pd.DatetimeTZDtype("us", "Europe/Rome"),
        np.dtype("M8[s]"),
        np.dtype("O"),
        pd.offsets.MonthEnd(2),
        pd.offsets.Week(weekday=3),
        pd.IntervalIndex.from_arrays(pd.RangeIndex(3), pd.RangeIndex(1, 4)),
        pd.Interval(pd.Timestamp(0), pd.Timestamp(9), closed="neither"),
        pd.Timestamp("2024-11-03 06:30", tz="UTC").tz_convert("America/New_York"),
        pd.Timestamp(2**62).as_unit("ns"),
        pd.Timedelta(3, "s").as_unit("s"),
        pd.Series([Decimal("1.50"), None], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
        pd.Series(
            pa.array([1, None], pa.timestamp("s", "+02:00")), dtype=pd.ArrowDtype(pa.timestamp("s", "+02:00"))
        ),
        pd.Series([None, None], dtype=pd.ArrowDtype(pa.null())),
        pd.Series([[1, {"a": [2]}], (3,), {4}, None], dtype=object),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(4, dtype=">i4"),
        np.array(["a\0b", "\ud800"]),
        np.longdouble("1.1"),
        np.str_("a\0"),
        np.bytes_(b"a\0"),
        np.array([np.array(5), [1], None], dtype=object),
        zoneinfo.ZoneInfo("Asia/Shanghai"),
        uuid.UUID(int=5),
        range(10**30),
        pd.RangeIndex(10**12),
        pd.DataFrame(index=pd.RangeIndex(3)),
        pd.DataFrame(columns=["a"]),
        pd.Series(["\ud800", "b"], dtype=object),
    ],
    ids=repr,
)
def test_particular_values(value: Any) -> None:
    assert same(there_and_back(value), value)


def test_order_in_memory_is_kept() -> None:
    for array in (np.asfortranarray(np.eye(3, 2)), np.eye(3, 2), np.eye(9)[::2, ::-3], np.eye(4).T):
        back = there_and_back(array)
        assert same(back, np.array(array)) and back.flags.f_contiguous == array.flags.f_contiguous


def test_masked_arrays() -> None:
    for value in (np.ma.array([1.5, 2.5], mask=[0, 1]), np.ma.array([1, 2])):
        back = there_and_back(value)
        assert type(back) is np.ma.MaskedArray and back.dtype == value.dtype
        assert back.tolist() == value.tolist() and (back.mask is np.ma.nomask) == (value.mask is np.ma.nomask)
    assert there_and_back(np.ma.masked) is np.ma.masked


def test_what_arrives_as_something_plainer() -> None:
    counts = {"b": 1, "a": 2}
    assert same(there_and_back(collections.deque([1, 2], 5)), [1, 2])
    assert same(there_and_back(counts.keys()), ["b", "a"])
    assert same(there_and_back(collections.OrderedDict(counts).items()), [("b", 1), ("a", 2)])
    assert same(there_and_back(pathlib.PurePosixPath("/a/b")), "/a/b")
    frame = pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 5]), "x": [1, 2, 3]})
    assert same(there_and_back(frame), pd.DataFrame({"s": np.array([0, 0, 5]), "x": [1, 2, 3]}))
    assert same(there_and_back(frame.style), there_and_back(frame))
    polar = pl.DataFrame({"a": [1, None], "b": ["x", "y"]})
    assert same(there_and_back(polar), there_and_back(polar.to_pandas()))
    assert same(there_and_back(polar["b"]), there_and_back(polar["b"].to_pandas()))
    assert same(there_and_back(polar.lazy()), there_and_back(polar.to_pandas()))


# Classes that lie


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("the learner's own code was run")


LIES = dict.fromkeys(
    "__eq__ __hash__ __iter__ __len__ __getitem__ __repr__ __str__ __bool__ __int__ __index__ __float__ "
    "__complex__ __bytes__ __array__ __array_finalize__ __array_ufunc__ __reduce_ex__ __contains__ keys items "
    "values copy tolist tobytes dtype shape index columns name view real imag numerator year utcoffset".split(),
    refuse,
)


def lie(base: type, *arguments: Any, **more: Any) -> Any:
    wanted = {key: value for key, value in LIES.items() if key in dir(base) or key == "__array__"}
    if not (issubclass(base, np.ndarray)):
        wanted["__class__"] = property(refuse)
    return type("Lie", (base,), wanted | more)(*arguments)


@pytest.mark.parametrize(
    ("base", "value"),
    [
        (int, 5),
        (float, 1.5),
        (complex, 1j),
        (str, "a"),
        (bytes, b"a"),
        (bytearray, bytearray(b"a")),
        (list, [1, 2]),
        (tuple, (1, 2)),
        (dict, {"a": 1}),
        (set, {1}),
        (frozenset, frozenset({1})),
        (np.float64, np.float64(2.5)),
        (np.str_, np.str_("a")),
        (pd.DataFrame, pd.DataFrame({"a": [1], "b": ["x"]})),
        (pd.Series, pd.Series(["a"], name="n")),
    ],
)
def test_a_class_that_lies_arrives_as_what_it_is(base: type, value: Any) -> None:
    if base in (pd.DataFrame, pd.Series):  # their own constructors ask the class: lie after it is made
        liar = type("Lie", (base,), {})(value)
        if base is pd.Series:
            liar.name = "n"
        for name in (
            "__eq__",
            "__len__",
            "__iter__",
            "__array__",
            "dtype",
            "shape",
            "index",
            "columns",
            "copy",
        ):
            setattr(type(liar), name, property(refuse) if name.isalpha() else refuse)
    else:
        liar = lie(base, value)
    assert same(decode(encode(liar)), value)


def test_other_classes_derived_from_known_ones() -> None:
    class Array(np.ndarray):
        def __iter__(self) -> Any:
            refuse()

        dtype = shape = property(refuse)

    class Colour(enum.IntEnum):
        RED = 3

    class Word(enum.StrEnum):
        A = "a"

    class Row(collections.namedtuple("Row", "a b")):
        __slots__ = ()
        __iter__ = refuse

    class Meta(type):
        __mro__ = property(refuse)
        __name__ = property(refuse)

    class Shy(list, metaclass=Meta):
        pass

    late = collections.OrderedDict(a=1, b=2)
    late.move_to_end("a")
    for given_, plain in [
        (np.arange(3).view(Array), np.arange(3)),
        (np.array([[1, 2]]).view(np.matrix), np.array([[1, 2]])),
        (Colour.RED, 3),
        (Word.A, "a"),
        (Row(1, 2), (1, 2)),
        (Shy([1]), [1]),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (late, {"b": 2, "a": 1}),
    ]:
        assert same(decode(encode(given_)), plain)
    with pytest.raises(Unsendable, match="Stranger"):
        encode(type("Stranger", (), {"__class__": property(refuse), "__eq__": refuse})())


# References


def test_what_cannot_go_by_value_goes_as_a_reference() -> None:
    held: list[Any] = []

    def refer(value: Any) -> dict:
        held.append(value)
        return {"ref": len(held) - 1, "what": type(value).__name__}

    value = {"f": len, "t": [int, (object(), ...)], "axes": pd.Series([test_particular_values], dtype=object)}
    back = decode(encode(value, refer), lambda ref: held[ref["ref"]])
    assert back["f"] is len and back["t"][0] is int and back["t"][1][0] is held[2]
    assert back["axes"][0] is test_particular_values
    with pytest.raises(Unsendable, match="builtin_function_or_method"):
        encode([len])
    with pytest.raises(Unsendable, match="type"):
        encode([int], lambda value: None)
    with pytest.raises(Unsendable):  # a reference is made of plain values
        encode(len, lambda value: {"f": len})
    with pytest.raises(WireError):
        decode(encode(len, refer))
    with pytest.raises(WireError, match="KeyError"):
        decode(encode(len, refer), lambda ref: ref["nothing"])


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(2, [("a", "i4")]),
        np.void(b"abc"),
        pd.offsets.DateOffset(months=1, day=3),
        pd.Series([[1]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        pd.Series(["a"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        np.broadcast_to(np.float64(1), (10**6, 10**6)),
        pd.Series([1]).groupby([0]),
        Fraction(1, 2 ** (10**6)),
        Decimal,
        (n for n in "a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_sent(value: Any) -> None:
    with pytest.raises(Unsendable):
        encode(value)


def test_cycles_and_depths_end() -> None:
    loop: list = []
    loop.append(loop)
    around: dict = {"a": [()]}
    around["a"].append(around)
    cells_ = pd.Series([None], dtype=object)
    cells_.array[0] = cells_
    for value in (loop, around, cells_):
        with pytest.raises(Unsendable, match="deep"):
            encode(value)
        with pytest.raises(Unsendable):
            encode(value, bounds=Bounds(depth=10**6))
    deep: list = []
    for _ in range(38):
        deep = [deep]
    assert same(there_and_back(deep), deep)
    with pytest.raises(WireError, match="deep"):
        decode(encode([[deep]], bounds=Bounds(depth=50)))
    with pytest.raises(WireError):
        decode(encode([[deep]], bounds=Bounds(depth=50)), bounds=Bounds(depth=30))


def test_the_bounds_hold_on_both_sides() -> None:
    small = Bounds(bytes=1000, items=10)
    for value in (
        list(range(11)),
        b"x" * 1001,
        ["x" * 300] * 9,
        np.zeros(200),
        [np.zeros(60)] * 3,
        {"a": [1] * 9},
    ):
        with pytest.raises(Unsendable):
            encode(value, bounds=small)
        with pytest.raises(WireError):
            decode(encode(value), bounds=small)
    assert decode(encode(list(range(9)), bounds=small), bounds=small) == list(range(9))


@pytest.mark.parametrize("n", range(13))
def test_what_is_within_the_bounds_here_is_within_them_there(n: int) -> None:
    message, value = SAMPLES[n], decode(SAMPLES[n])
    assert (
        decode(encode(value, bounds=Bounds(bytes=len(message))), bounds=Bounds(bytes=len(message)))
        is not None
    )
    with pytest.raises(Unsendable):
        encode(value, bounds=Bounds(bytes=len(message) - 1))

    def fits(items: int) -> bool:
        try:
            return bool(encode(value, bounds=Bounds(items=items)))
        except Unsendable:
            return False

    least = next(items for items in range(10_000) if fits(items))
    assert same(decode(message, bounds=Bounds(items=least)), value)
    with pytest.raises(WireError):
        decode(message, bounds=Bounds(items=least - 1))


# What is no message of ours


def tape(*tokens: Any, buffers: bytes = b"") -> bytes:
    """A message made by hand: a Kind (or a Kind and how many) is a head, anything else a scalar."""
    out = b""
    for token in tokens:
        head = (token, 0) if isinstance(token, Kind) else token
        if type(head) is tuple:
            out += msgpack.packb(msgpack.ExtType(int(head[0]), head[1].to_bytes(4, "big")))
        else:
            out += token if isinstance(token, bytearray) else msgpack.packb(token)
    return struct.pack("<Q", len(out)) + out + buffers


I8 = (Kind.ARRAY, "<i8", 1)
EMPTY = (Kind.ARRAY, "<i8", 1, 0, b"")
RANGE3 = (Kind.RANGE_INDEX, 0, 3, 1, None)
three = np.arange(3).tobytes()


def test_the_hand_made_messages_are_messages() -> None:
    assert decode(tape((Kind.LIST, 2), 1, "a")) == [1, "a"]
    assert same(decode(tape(*I8, 3, three)), np.arange(3))
    assert same(decode(tape(Kind.SERIES, *I8, 3, three, *RANGE3, "n")), pd.Series(range(3), name="n"))
    frame = decode(
        tape(
            (Kind.FRAME, 1),
            Kind.RANGE_INDEX,
            0,
            1,
            1,
            None,
            *RANGE3,
            *I8,
            1,
            bytes(8),
            Kind.ARRAY,
            "<i8",
            2,
            1,
            3,
            three,
        )
    )
    assert same(frame, pd.DataFrame({0: range(3)}).set_axis(pd.RangeIndex(1), axis=1))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0" * 8,
        b"\0" * 9,
        struct.pack("<Q", 2**63) + b"\xc0",
        tape(),
        tape(1, 2),
        tape(1, buffers=b"x"),
        tape([]),
        tape({}),
        tape(msgpack.Timestamp(5)),
        tape(msgpack.ExtType(5, b"abc")),
        tape(bytearray(b"\xc1")),
        tape(bytearray(b"\xa2\xff\xfe")),
        tape((120, 0)),
        tape((Kind.LIST, 2), 1),
        tape((Kind.LIST, 2**32 - 1)),
        tape(*[(Kind.LIST, 1)] * 1000),
        tape(bytearray(b"\xdd\xff\xff\xff\xff" * 500)),
        tape((Kind.SET, 2), 1, True),
        tape((Kind.SET, 1), (Kind.LIST, 0)),
        tape((Kind.DICT, 1), (Kind.LIST, 0), 1),
        tape((Kind.DICT, 2), 1, 1, 1.0, 2),
        tape(Kind.INT, "5"),
        tape(Kind.RANGE, 1, 2, 0),
        tape(Kind.DATETIME, 2024, 13, 1, 0, 0, 0, 0, 0, None),
        tape(Kind.TIME, 1, 0, 0, 0, 0, "../../etc/passwd"),
        tape(Kind.TIME, 1, 0, 0, 0, 0, 10**15),
        tape(Kind.TIMEDELTA, 10**12, 0, 0),
        tape(Kind.DECIMAL, "one"),
        tape(Kind.FRACTION, 1, 0),
        tape(Kind.FRACTION, 1, Kind.INT, b"\1" * 20_000),
        tape(Kind.UUID, b"short"),
        tape(Kind.REF, (Kind.DICT, 0)),
        tape(Kind.NP_SCALAR, "|O8", bytes(8)),
        tape(Kind.NP_SCALAR, "<f8", bytes(16)),
        tape(Kind.NP_SCALAR, "|b1", b"\2"),
        tape(Kind.NP_SCALAR, "<M8", b"\1" + bytes(7)),
        tape(Kind.ARRAY, "|O8", 1, 1, bytes(8)),
        tape(Kind.ARRAY, "<i8,<i8", 1, 1, bytes(16)),
        tape(Kind.ARRAY, "|V8", 1, 1, bytes(8)),
        tape(Kind.ARRAY, "|S0", 1, 10**12, b""),
        tape(Kind.ARRAY, "<M8[0s]", 1, 1, bytes(8)),
        tape(Kind.ARRAY, "|b1", 1, 1, b"\2"),
        tape(Kind.ARRAY, "<U1", 1, 1, b"\xff" * 4),
        tape(*I8, 4, three),
        tape(*I8, -3, three),
        tape(*I8, True, bytes(8)),
        tape(*I8, 3, 24),
        tape(*I8, 3, 25, buffers=three),
        tape(*I8, 3, -1, buffers=three),
        tape(Kind.ARRAY, "<i8", 2, 0, 10**12, b""),
        tape(Kind.ARRAY, "<i8", 99, *[1] * 99, bytes(8)),
        tape(Kind.OBJECTS, 1, 10**9),
        tape(Kind.OBJECTS, 2, 2**40, 2**40),
        tape(Kind.MASKED, *I8, 3, three, *I8, 3, three),
        tape(Kind.DTYPE, 5),
        tape(Kind.TIMESTAMP, 5, "D", None),
        tape(Kind.TIMESTAMP, 2**64 - 1, "s", None),
        tape(Kind.PERIOD, 5, "no"),
        tape(Kind.PERIOD, 5, "M; import os"),
        tape(Kind.OFFSET, "x" * 50),
        tape(Kind.OFFSET, "no"),
        tape(Kind.INTERVAL, 2, 1, "left"),
        tape(Kind.INTERVAL, 1, 2, "sideways"),
        tape(Kind.DATETIMES, "us", None, Kind.ARRAY, "<i4", 1, 2, bytes(8)),
        tape(Kind.DATETIMES, "us", "Nowhere/Land", *EMPTY),
        tape((Kind.CATEGORICAL, 0), *RANGE3, Kind.ARRAY, "|i1", 1, 1, b"\3"),
        tape((Kind.CATEGORICAL, 0), *RANGE3, Kind.ARRAY, "|i1", 1, 1, b"\xfe"),
        tape(
            (Kind.CATEGORICAL, 0), Kind.INDEX, *I8, 2, bytes(16), None, None, Kind.ARRAY, "|i1", 1, 1, b"\0"
        ),
        tape((Kind.CATEGORICAL, 0), Kind.RANGE_INDEX, 0, 10**12, 1, None, *EMPTY),
        tape(Kind.NULLABLE, *I8, 3, three, Kind.ARRAY, "|b1", 1, 2, b"\0\0"),
        tape(Kind.NULLABLE, Kind.ARRAY, "<U2", 1, 3, bytes(24), Kind.ARRAY, "|b1", 1, 3, bytes(3)),
        tape(Kind.STRINGS, (Kind.LIST, 1), 5),
        tape(Kind.ARROW, "run_end_encoded", None, None, None, 5),
        tape(Kind.ARROW, "null", None, None, None, 10**10),
        tape(Kind.ARROW, "int64", None, None, None, 2, b"", bytes(8)),
        tape(Kind.ARROW, "int64", None, None, None, 2, b"\1\1", bytes(16)),
        tape(Kind.ARROW, "int64", "UTC", None, None, 1, b"", bytes(8)),
        tape(Kind.ARROW, "timestamp[us]", "../x", None, None, 1, b"", bytes(8)),
        tape(Kind.ARROW, "decimal128", None, 99, 0, 1, b"", bytes(16)),
        tape(Kind.ARROW, "decimal128", None, None, None, 1, b"", bytes(16)),
        tape(Kind.ARROW, "decimal128", None, 2, 0, 1, b"", b"\xff" * 15 + b"\x7f"),
        tape(Kind.ARROW_STRINGS, "int64", None, None, None, 1, b"", bytes(8)),
        tape(Kind.ARROW_STRINGS, "string", None, None, None, 1, b"", struct.pack("2i", 0, 5), b"ab"),
        tape(Kind.ARROW_STRINGS, "string", None, None, None, 1, b"", struct.pack("2i", 1, 2), b"ab"),
        tape(Kind.ARROW_STRINGS, "string", None, None, None, 2, b"", struct.pack("3i", 0, 9, 2), b"ab"),
        tape(Kind.ARROW_STRINGS, "string", None, None, None, 1, b"", struct.pack("2i", 0, 2), b"\xff\xfe"),
        tape(Kind.ARROW_STRINGS, "string", None, None, None, -1, b"", b"", b""),
        tape(Kind.RANGE_INDEX, 0, 2**63, 1, None),
        tape(Kind.RANGE_INDEX, 0, 5, 0, None),
        tape(Kind.RANGE_INDEX, 0, 5, 1, (Kind.LIST, 0)),
        tape(Kind.INDEX, Kind.ARRAY, "<i8", 2, 1, 1, bytes(8), None, None),
        tape(Kind.INDEX, *I8, 3, three, None, "D"),
        tape(Kind.INDEX, Kind.DATETIMES, "us", None, *I8, 3, three, None, "D"),
        tape((Kind.MULTI_INDEX, 1), (Kind.LIST, 1), None, *RANGE3, Kind.ARRAY, "|i1", 1, 1, b"\3"),
        tape((Kind.MULTI_INDEX, 1), (Kind.LIST, 1), None, *RANGE3, Kind.ARRAY, "|i1", 1, 1, b"\xf0"),
        tape((Kind.MULTI_INDEX, 1), (Kind.LIST, 1), (Kind.LIST, 0), *RANGE3, Kind.ARRAY, "|i1", 1, 1, b"\0"),
        tape((Kind.MULTI_INDEX, 1), (Kind.LIST, 0), *RANGE3, Kind.ARRAY, "|i1", 1, 1, b"\0"),
        tape((Kind.MULTI_INDEX, 0), (Kind.LIST, 0)),
        tape(Kind.SERIES, *I8, 2, bytes(16), *RANGE3, None),
        tape(Kind.SERIES, *I8, 3, three, *RANGE3, (Kind.LIST, 0)),
        tape(Kind.SERIES, 5, *RANGE3, None),
        tape(Kind.SERIES, Kind.ARRAY, "<U2", 1, 3, bytes(24), *RANGE3, None),
        tape(Kind.SERIES, Kind.ARRAY, "<i8", 0, bytes(8), *RANGE3, None),
        tape((Kind.FRAME, 0), *RANGE3, *RANGE3),
        tape((Kind.FRAME, 0), Kind.RANGE_INDEX, 0, 0, 1, None, Kind.RANGE_INDEX, 0, 10**12, 1, None),
        tape((Kind.FRAME, 0), Kind.RANGE_INDEX, 0, 10**12, 1, None, *RANGE3),
        tape((Kind.FRAME, 1), *RANGE3, *RANGE3, *I8, 1, bytes(8), Kind.ARRAY, "<i8", 2, 1, 3, three),
        tape((Kind.FRAME, 1), *RANGE3, *RANGE3, *I8, 3, bytes(24), Kind.ARRAY, "<i8", 2, 3, 3, three * 3),
        tape((Kind.FRAME, 2**32 - 1), *RANGE3, *RANGE3),
    ],
)
def test_a_message_that_is_wrong_somewhere(message: bytes) -> None:
    with pytest.raises(WireError):
        decode(message)


SAMPLES = [
    encode(value)
    for value in (
        {
            "a": [1, 2.5, None, "x" * 40],
            (1, "b"): {3, 4},
            "d": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        },
        [Decimal("1.5"), Fraction(1, 3), 2**80, 1j, slice(1, None), range(5), b"x" * 300],
        np.arange(60.0).reshape(6, 10),
        np.array(["ab", "c"]),
        pd.DataFrame(
            {"a": range(50), "b": list("xyzuv") * 10, "c": pd.date_range("2024", periods=50, freq="h")}
        ),
        pd.DataFrame(
            {"a": pd.Categorical(["x", None]), "b": pd.array([1, None], dtype="Int64"), "c": [[1], "é"]}
        ),
        pd.Series(1.5, pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", None]), name=("t", 1)),
        pd.date_range("2024", periods=4, freq="ME", tz="UTC"),
        pd.period_range("2024-01", periods=3, freq="M"),
        pd.interval_range(0, 3),
        pd.Series(["é", None, "b"], dtype=pd.ArrowDtype(pa.string())),
        pd.Series([1, None], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))),
        [
            np.datetime64("2024-01-01", "D"),
            pd.Timestamp(5, tz="UTC"),
            pd.Timedelta(5),
            pd.Period("2024-01", "M"),
            pd.NA,
        ],
    )
]


def harmless(message: bytes) -> None:
    """A value or a WireError, nothing else; and a value can be shown and sent again."""
    bounds = Bounds(bytes=10**6, items=10_000)
    with warnings.catch_warnings(record=True, action="always") as warned, contextlib.suppress(WireError):
        value = decode(message, bounds=bounds)
        encode(value)
    assert not warned


@many
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    harmless(data)
    harmless(struct.pack("<Q", len(data)) + data)


tokens = st.one_of(
    st.sampled_from(list(Kind)),
    st.tuples(st.sampled_from(list(Kind)), st.integers(0, 3)),
    st.integers(-3, 9),
    st.sampled_from(
        [
            "<i8",
            "|b1",
            "<M8[us]",
            "us",
            "UTC",
            "M",
            "D",
            "left",
            "string",
            "int64",
            None,
            b"",
            bytes(8),
            "<U1",
        ]
    ),
    st.binary(max_size=24),
    st.floats(),
)


@many
@given(st.lists(tokens, max_size=25))
def test_random_sentences(words: list) -> None:
    harmless(tape(*words))


@many
@given(st.sampled_from(SAMPLES), st.randoms(use_true_random=False), st.integers(1, 4))
def test_flipped_cut_and_swapped_bytes(message: bytes, dice: random.Random, times: int) -> None:
    data = bytearray(message)
    for _ in range(times):
        at = dice.randrange(len(data))
        match dice.randrange(5):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xC0, 0xD6, 0xFF))
            case 2:
                del data[at : at + dice.randrange(1, 9)]
            case 3:
                data[at:at] = data[: dice.randrange(1, 20)]
            case 4:
                data[:8] = struct.pack("<Q", dice.randrange(len(data) + 9))
        if not data:
            break
    harmless(bytes(data))


@pytest.mark.parametrize("message", SAMPLES)
def test_every_cut_is_noticed(message: bytes) -> None:
    for n in range(len(message)):
        with pytest.raises(WireError):
            decode(message[:n])
    assert same(decode(memoryview(message)), decode(bytearray(message)))


def test_what_is_read_owns_its_memory() -> None:
    values_ = [
        np.arange(90),
        pd.Series(list("abc") * 90),
        pd.Series(np.arange(90), dtype="int64[pyarrow]"),
        b"x" * 400,
    ]
    for value in values_:
        message = bytearray(encode(value))
        back = decode(memoryview(message))
        message[:] = bytes(len(message))
        assert same(back, value)


def test_what_is_slow_once_can_be_done_before() -> None:
    zones.cache_clear()
    warm()
    assert zones.cache_info().currsize == 1


# Frames


def test_frames_go_over_a_socket() -> None:
    here, there = socket.socketpair()
    payloads = [b"", b"a", b"x" * 3_000_000]
    with here, there:

        def send() -> None:
            for payload in payloads:
                write_frame(here, payload)
            here.sendall(b"\0\0\0\5ab")
            here.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert [read_frame(there, 3_000_000) for _ in payloads] == payloads
        with pytest.raises(EOFError):
            read_frame(there, 9)
        with pytest.raises(EOFError):
            read_frame(there, 9)
        sender.join()
    here, there = socket.socketpair()
    with here, there:
        write_frame(here, bytes(10))
        with pytest.raises(WireError, match="10 bytes"):
            read_frame(there, 9)
