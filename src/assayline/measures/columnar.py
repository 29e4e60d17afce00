"""Plain values as bytes and back, by columns: a thousand states of one kind become one column per field, and compress as such.

Equal values give equal bytes, whatever the order in which a dictionary or a set was filled, so that bytes can be named by their digest.
What comes back is of the same types; nothing is imported or called because the bytes say so: classes are looked up in a list the caller gives.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from itertools import accumulate, chain, repeat
from types import MappingProxyType
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from .columnar_frames import read_frame, read_series, write_frame, write_series

(NONE, BOOL, INT, LARGE, FLOAT, TEXT, BYTES, TUPLE, LIST, DICT, SET, FROZEN, DATE, DATETIME, TIME, DELTA, ARRAY, SCALAR, FRAME, SERIES, RECORD,
 MIXED) = range(22)  # fmt: skip
PLAIN: dict[type, int] = {
    type(None): NONE, bool: BOOL, int: INT, float: FLOAT, str: TEXT, bytes: BYTES, tuple: TUPLE, list: LIST, dict: DICT, MappingProxyType: DICT,
    set: SET, frozenset: FROZEN, datetime.date: DATE, datetime.datetime: DATETIME, datetime.time: TIME, datetime.timedelta: DELTA,
    pl.DataFrame: FRAME, pl.Series: SERIES,
}  # fmt: skip
WIDTHS = ("u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8")  # tried in this order: the narrowest that holds every number
LIMITS = [(int(np.iinfo(width).min), int(np.iinfo(width).max)) for width in WIDTHS]
SCALARS = "biufcmM"  # kinds of numpy types whose bytes say everything
MARK = "\x1f"  # the unit separator of ASCII; rarer in texts than any other sign
MICROSECOND = datetime.timedelta(microseconds=1)


class Refusal(Exception):
    """A value that has no bytes; the caller says where it stood."""


class Malformed(Exception):
    """Bytes that this module never wrote."""


class Names(Protocol):
    """Which classes may stand in the bytes."""

    def name_of(self, kind: type, inside: str) -> str | None:
        """The name of a class, seen from inside the class of this name ("": outermost); None where it is not allowed."""
        ...

    def class_of(self, name: str, inside: str) -> type | None:
        """The class of a name; None where there is none."""
        ...


class Writer:
    """Writes columns of values.

    Args:
        names: the classes that may occur.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self._parts: list[bytes] = []

    def written(self) -> bytes:
        """Everything written so far."""
        return b"".join(self._parts)

    def raw(self, data: bytes) -> None:
        self._parts.append(data)

    def number(self, value: int) -> None:
        self._parts.append(struct.pack("<Q", value))

    def text(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self.number(len(data))
        self.raw(data)

    def whole(self, numbers: npt.NDArray[Any]) -> None:
        """Whole numbers, as narrow as they are; the reader is told how many there are."""
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
        code = next(code for code, (least, most) in enumerate(LIMITS) if least <= low and high <= most)
        self.raw(bytes([code]))
        self.raw(by_bytes(numbers.astype("<" + WIDTHS[code])))

    def sizes(self, values: Iterable[Any]) -> None:
        self.whole(np.fromiter(map(len, values), dtype=np.int64))

    def values(self, values: Sequence[Any], inside: str = "") -> None:
        """A column of any values.

        Args:
            values: the values.
            inside: name of the class they are part of.

        Raises:
            Refusal: one of them is of a type that cannot be written.
        """
        kinds = set(map(type, values))
        if len(kinds) == 1 and (tag := PLAIN.get(next(iter(kinds)))) is not None:
            self._one_kind(tag, "", values, inside)
            return
        groups: dict[tuple[int, str], list[Any]] = {}
        sorts = [self._sort(value, inside) for value in values]
        for sort, value in zip(sorts, values, strict=True):
            groups.setdefault(sort, []).append(value)
        if len(groups) == 1:
            self._one_kind(*sorts[0], values, inside)
            return
        ordered = sorted(groups)
        place = {sort: number for number, sort in enumerate(ordered)}
        self._begin(MIXED, values)
        self.number(len(ordered))
        self.whole(np.fromiter((place[sort] for sort in sorts), dtype=np.int64, count=len(sorts)))
        for sort in ordered:
            self._one_kind(*sort, groups[sort], inside)

    def _begin(self, tag: int, values: Sequence[Any]) -> None:
        self.raw(bytes([tag]))
        self.number(len(values))

    def _sort(self, value: Any, inside: str) -> tuple[int, str]:
        kind = type(value)
        tag = PLAIN.get(kind)
        if tag is not None:
            return tag, ""
        if kind is np.ndarray or isinstance(value, np.generic):
            dtype = value.dtype
            if dtype.kind not in SCALARS:
                raise Refusal(f"an array of {dtype}")
            return (ARRAY if kind is np.ndarray else SCALAR), dtype.newbyteorder("<").str
        if is_dataclass(kind):
            name = self.names.name_of(kind, inside)
            if name is None:
                raise Refusal(f"a {kind.__module__}.{kind.__qualname__}, which no field of an installed measure's state is declared as")
            return RECORD, name
        raise Refusal(f"a {kind.__module__}.{kind.__qualname__}")

    def _one_kind(self, tag: int, detail: str, values: Sequence[Any], inside: str) -> None:
        if tag == INT:
            self._integers(values)
            return
        self._begin(tag, values)
        if tag == RECORD:
            self._records(detail, values)
        elif tag in (ARRAY, SCALAR):
            self._arrays(detail, values)
        elif tag == FLOAT:
            self.raw(by_bytes(np.array(values, dtype="<f8")))
        elif tag in (NONE, BOOL):  # a byte each, though less would do: what is read then never grows without bytes that pay for it
            self.raw(bytes(map(bool, values)))
        elif tag == TEXT:
            self._texts(values)
        elif tag == BYTES:
            self.sizes(values)
            self.raw(b"".join(values))
        elif tag in (TUPLE, LIST):
            self.sizes(values)
            self.values([*chain.from_iterable(values)], inside)
        elif tag == DICT:
            self.sizes(values)
            keys = [self._in_order(one, inside) for one in values]
            self.values([*chain.from_iterable(keys)], inside)
            self.values([one[key] for one, mine in zip(values, keys, strict=True) for key in mine], inside)
        elif tag in (SET, FROZEN):
            self.sizes(values)
            self.values([*chain.from_iterable(self._in_order(one, inside) for one in values)], inside)
        elif tag == DATE:
            self.whole(np.array([one.toordinal() for one in values], dtype=np.int64))
        elif tag == DELTA:
            self.values([one // MICROSECOND for one in values])
        elif tag in (DATETIME, TIME):
            self.values([one.replace(tzinfo=None, fold=0).isoformat() for one in values])
            self.values([one.fold for one in values])
            self.values([_zone(one.tzinfo) for one in values])
        elif tag == FRAME:
            for one in values:
                write_frame(self, one)
        else:
            for one in values:
                write_series(self, one)

    def _texts(self, values: Sequence[str]) -> None:
        """With a mark between two texts where none has that mark in it: cutting at marks is several times as fast as by lengths."""
        together = MARK.join(values)
        cut = together.count(MARK) == len(values) - 1
        self.raw(bytes([cut]))
        if not cut:
            self.sizes(values)
            together = "".join(values)
        self.text(together)

    def _integers(self, values: Sequence[int]) -> None:
        numbers: npt.NDArray[Any] | None = None
        for dtype in (np.int64, np.uint64):
            try:
                numbers = np.array(values, dtype=dtype)
                break
            except OverflowError:
                continue
        if numbers is not None:
            self._begin(INT, values)
            self.whole(numbers)
            return
        self._begin(LARGE, values)
        written = [value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True) for value in values]
        self.sizes(written)
        self.raw(b"".join(written))

    def _in_order(self, keys: Iterable[Any], inside: str) -> list[Any]:
        listed = list(keys)
        if len(set(map(type, listed))) <= 1 and listed and isinstance(listed[0], (str, int, bytes)):
            return sorted(listed)
        return sorted(listed, key=lambda key: self._alone(key, inside))

    def _alone(self, value: Any, inside: str) -> bytes:
        writer = Writer(self.names)
        writer.values([value], inside)
        return writer.written()

    def _arrays(self, dtype: str, values: Sequence[Any]) -> None:
        arrays = [np.asarray(one) for one in values]
        self.text(dtype)
        self.whole(np.array([one.ndim for one in arrays], dtype=np.int64))
        self.whole(np.array([*chain.from_iterable(one.shape for one in arrays)], dtype=np.int64))
        flat = [one.astype(dtype, copy=False).ravel() for one in arrays]
        self.packed_numbers(np.concatenate(flat) if len(flat) > 1 else flat[0], flat)

    def packed_numbers(self, numbers: npt.NDArray[Any], pieces: Sequence[npt.NDArray[Any]] = ()) -> None:
        """Numbers of any fixed width, whole ones as differences where each piece rises; the reader is told type and count."""
        rising = numbers.dtype.kind in "iu" and numbers.dtype.itemsize == 8 and all(bool((one[1:] >= one[:-1]).all()) for one in pieces or (numbers,))
        self.raw(bytes([rising]))
        if rising and len(numbers):
            unsigned = numbers.view("<u8")
            numbers = np.concatenate((unsigned[:1], unsigned[1:] - unsigned[:-1]))  # modulo 2**64: what falls between pieces comes back too
        self.raw(by_bytes(numbers))

    def _records(self, name: str, values: Sequence[Any]) -> None:
        self.text(name)
        written = sorted(one.name for one in fields(values[0]) if one.init)
        self.number(len(written))
        for field in written:
            self.text(field)
            self.values([getattr(value, field) for value in values], name)


class Reader:
    """Reads what a `Writer` wrote.

    Args:
        data: the bytes.
        names: the classes that may occur.
    """

    def __init__(self, data: bytes, names: Names) -> None:
        self.names = names
        self._data = memoryview(data)
        self._at = 0

    def take(self, size: int) -> memoryview:
        """The next bytes.

        Raises:
            Malformed: there are not so many left.
        """
        end = self._at + size
        if end > len(self._data):
            raise Malformed(f"{size:,} bytes wanted at byte {self._at:,}, {len(self._data) - self._at:,} left")
        found = self._data[self._at : end]
        self._at = end
        return found

    def finished(self) -> bool:
        """Whether everything was read."""
        return self._at == len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def text(self) -> str:
        return str(self.take(self.number()), "utf-8", "surrogatepass")

    def fixed(self, dtype: str, count: int) -> npt.NDArray[Any]:
        """Numbers of a fixed width that were written byte by byte."""
        kind = np.dtype(dtype)
        return from_bytes(self.take(count * kind.itemsize), kind)

    def whole(self, count: int) -> npt.NDArray[Any]:
        return self.fixed("<" + WIDTHS[self.byte()], count)

    def sizes(self, count: int) -> npt.NDArray[np.int64]:
        """Sizes of so many things."""
        sizes = self.whole(count).astype(np.int64)
        if count and int(sizes.min()) < 0:
            raise Malformed("a negative size")
        return sizes

    def values(self, inside: str = "") -> list[Any]:
        """The next column.

        Raises:
            Malformed: there is none.
        """
        tag, count = self.byte(), self.number()
        if count > len(self._data):
            raise Malformed(f"{count:,} values in {len(self._data):,} bytes")
        return self._one_kind(tag, count, inside)

    def _one_kind(self, tag: int, count: int, inside: str) -> list[Any]:
        if tag == RECORD:
            return self._records(count, inside)
        if tag in (ARRAY, SCALAR):
            return self._arrays(count, tag)
        if tag == INT:
            return list(self.whole(count).tolist())
        if tag == FLOAT:
            return list(self.fixed("<f8", count).tolist())
        if tag == NONE:
            self.take(count)
            return [None] * count
        if tag == BOOL:
            return [byte != 0 for byte in self.take(count)]
        if tag == TEXT:
            return self._texts(count)
        if tag in (BYTES, LARGE):
            sizes = self.sizes(count)
            pieces = self._cut(bytes(self.take(int(sizes.sum()))), sizes)
            return pieces if tag == BYTES else [int.from_bytes(one, "little", signed=True) for one in pieces]
        if tag in (TUPLE, LIST, SET, FROZEN):
            make: Callable[[Any], Any] = {TUPLE: tuple, LIST: list, SET: set, FROZEN: frozenset}[tag]
            sizes = self.sizes(count)
            return [make(one) for one in self._cut(self.values(inside), sizes)]
        if tag == DICT:
            sizes = self.sizes(count)
            keys, values = self._cut(self.values(inside), sizes), self._cut(self.values(inside), sizes)
            return [dict(zip(mine, theirs, strict=True)) for mine, theirs in zip(keys, values, strict=True)]
        if tag == DATE:
            return [datetime.date.fromordinal(one) for one in self.whole(count).tolist()]
        if tag == DELTA:
            return [one * MICROSECOND for one in self._some(count)]
        if tag in (DATETIME, TIME):
            read = datetime.datetime.fromisoformat if tag == DATETIME else datetime.time.fromisoformat
            columns = zip(self._some(count), self._some(count), self._some(count), strict=True)
            return [read(text).replace(fold=fold, tzinfo=_zone_of(zone)) for text, fold, zone in columns]
        if tag == FRAME:
            return [read_frame(self) for _ in range(count)]
        if tag == SERIES:
            return [read_series(self) for _ in range(count)]
        if tag == MIXED:
            kinds = self.number()
            chosen = self.whole(count).tolist()
            groups = [iter(self.values(inside)) for _ in range(min(kinds, count))]
            try:
                return [next(groups[one]) for one in chosen]
            except StopIteration:
                raise Malformed("fewer values of a kind than are wanted") from None
        raise Malformed(f"kind {tag} of values")

    def _texts(self, count: int) -> list[str]:
        if not self.byte():
            sizes = self.sizes(count)
            return self._cut(self.text(), sizes)
        found = self.text().split(MARK)
        if len(found) != count:
            raise Malformed(f"{len(found):,} texts instead of {count:,}")
        return found

    def _some(self, count: int) -> list[Any]:
        found = self.values()
        if len(found) != count:
            raise Malformed(f"{len(found):,} values instead of {count:,}")
        return found

    def _cut(self, whole: Any, sizes: npt.NDArray[np.int64]) -> list[Any]:
        ends = [*accumulate(sizes.tolist())]
        if len(whole) != (ends[-1] if ends else 0):
            raise Malformed(f"{len(whole):,} values where {ends[-1] if ends else 0:,} are announced")
        return [whole[begin:end] for begin, end in zip(chain((0,), ends), ends, strict=False)]

    def _arrays(self, count: int, tag: int) -> list[Any]:
        dtype = np.dtype(self.text())
        if dtype.kind not in SCALARS:
            raise Malformed(f"an array of {dtype}")
        depths = self.sizes(count)
        lengths = self.sizes(int(depths.sum()))
        shapes = [tuple(one.tolist()) for one in self._cut(lengths, depths)]
        sizes = [int(np.prod(shape, dtype=object)) for shape in shapes]
        flat = self.packed_numbers(dtype, sum(sizes))
        if tag == SCALAR:
            return list(flat)
        cut = zip(self._cut(flat, np.array(sizes, dtype=np.int64)), shapes, strict=True)
        return [one.reshape(shape) if len(shape) != 1 else one for one, shape in cut]

    def packed_numbers(self, dtype: np.dtype[Any], count: int) -> npt.NDArray[Any]:
        """Numbers of a type, as `Writer.packed_numbers` wrote them."""
        rising = self.byte()
        numbers = from_bytes(self.take(count * dtype.itemsize), np.dtype("<u8") if rising else dtype)
        return np.cumsum(numbers, dtype=np.uint64).view(dtype) if rising else numbers

    def _records(self, count: int, inside: str) -> list[Any]:
        name = self.text()
        found = self.names.class_of(name, inside)
        if found is None:
            raise Unknown(name)
        columns: dict[str, list[Any]] = {}
        for _ in range(self.number()):
            field = self.text()
            columns[field] = self.values(name)
        there = [one.name for one in fields(found) if one.init and not one.kw_only]
        if set(columns) == set(there):  # the usual case, three times as fast as by name
            made = list(map(found, *(columns[field] for field in there))) if there else [found() for _ in range(count)]
        else:
            made = [found(**dict(zip(columns, row, strict=True))) for row in (zip(*columns.values(), strict=True) if columns else repeat((), count))]
        if len(made) != count:
            raise Malformed(f"{len(made):,} of {name!r} instead of {count:,}")
        return made


class Unknown(Malformed):
    """A class that is not in the list."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"a {name!r}")


def by_bytes(numbers: npt.NDArray[Any]) -> bytes:
    """All first bytes of some numbers, then all second ones: what numbers have in common stands together, and compresses.

    >>> by_bytes(np.array([1, 2], dtype="<u2"))
    b'\\x01\\x02\\x00\\x00'
    """
    width = numbers.dtype.itemsize
    if width == 1:
        return numbers.tobytes()
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, width).T.tobytes()


def from_bytes(data: memoryview, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Numbers from what `by_bytes` made of them."""
    flat = np.frombuffer(data, dtype=np.uint8).reshape(dtype.itemsize, -1)
    return np.ascontiguousarray(flat.T).reshape(-1).view(dtype) if dtype.itemsize > 1 else flat.reshape(-1).copy().view(dtype)


def _zone(zone: datetime.tzinfo | None) -> str | datetime.timedelta | None:
    if zone is None:
        return None
    if isinstance(zone, datetime.timezone):
        return zone.utcoffset(None)
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    raise Refusal(f"a time zone {zone!r}")


def _zone_of(written: str | datetime.timedelta | None) -> datetime.tzinfo | None:
    if written is None:
        return None
    return datetime.timezone(written) if isinstance(written, datetime.timedelta) else ZoneInfo(written)
