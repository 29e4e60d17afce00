"""Avro container files: the blocks are walked and weighed before anything is decoded, because decoders believe every number."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import LimitExceeded, Unreadable

from .avro_lists import EmptyItems, TooManyItems
from .header import header_findings, unique_names
from .jsontext import Shape, _as_text, check_depth
from .plain import is_panic, named
from .source import FileSource, Source, seekable
from .table import Piece, Table

MAGIC = b"Obj\x01"
CODECS = {
    "null": 1,
    "deflate": 1100,
    "snappy": 25,
    "zstandard": 40_000,
    "bzip2": 50_000,
    "xz": 10_000,
}  # most bytes out of one byte, rounded up
PIECE_ROWS = 200_000
PIECE_BYTES = 32 << 20
NULL_ROWS = 50_000_000  # records without a single byte: more of them than this is a bomb
SMALLEST = {"null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1, "enum": 1, "array": 1, "map": 1}


class AvroReader:
    """Avro container files, by their magic number or their name."""

    name = "avro"
    rank = 16

    def claims(self, source: Source) -> bool:
        """Whether it starts with Obj and is binary, or is called .avro and is binary."""
        return source.head.startswith(MAGIC) or (
            source.suffix == ".avro" and (source.head.startswith(b"Obj") or b"\0" in source.head[:256])
        )

    def open(self, source: Source) -> Table:
        """The table, after the header and all block headers were checked."""
        return AvroTable(source, seekable(source))


@dataclass(frozen=True)
class Block:
    """Where a block stands and how many records it claims."""

    offset: int
    end: int
    count: int


class AvroTable:
    """An Avro file as a table of typed columns."""

    text = False

    def __init__(self, source: Source, file: FileSource) -> None:
        self.source, self.file = source, file
        self.header, self.schema, self.codec, self.sync = read_header(source.path, file, source.limits.depth)
        smallest = smallest_size(source.path, self.schema, {}, ())
        self.blocks = list(walk(source.path, file, len(self.header), self.codec, self.sync, smallest))
        fields = self.schema.get("fields") if isinstance(self.schema, dict) else None
        self.raw_names = (
            [str(one["name"]) for one in fields] if isinstance(fields, list) and self.schema.get("type") == "record" else ["value"]
        )
        if len(self.raw_names) > source.limits.columns:
            raise LimitExceeded(
                source.path,
                f"it has {len(self.raw_names)} columns, more than the limit of {source.limits.columns}",
                next_step="raise the limit on columns",
            )
        self.columns = unique_names(self.raw_names)
        self.rows_hint = sum(block.count for block in self.blocks)
        self.rows = 0
        self._weigh_lists()
        self._with_polars = True
        first = self._groups()[0] if self.blocks else ()
        try:
            self.dtypes = tuple(self._polars(first).dtypes)
            if len(self.dtypes) != len(self.columns):
                raise ValueError("another number of columns")
        except BaseException as error:
            if not isinstance(error, Exception) and not is_panic(error):
                raise
            self._with_polars = False
            self.shapes = [Shape() for _ in self.columns]
            for group in self._groups():
                for row in self._records(group):
                    for shape, value in zip(self.shapes, row, strict=True):
                        shape.see(_plain(value), 0)
            self.dtypes = tuple(_instance(shape.dtype()) for shape in self.shapes)

    def _weigh_lists(self) -> None:
        lists = EmptyItems(self.schema)
        for group in self._groups() if lists.needed else ():
            with named(self.source.path, "a record cannot be decoded", f"byte {group[0].offset}"):
                try:
                    lists.count(self._bytes(group))
                except TooManyItems as error:
                    raise LimitExceeded(
                        self.source.path,
                        f"its lists hold {error} items that take no byte",
                        place=f"byte {group[0].offset}",
                        next_step="ask for it again, without the lists of nothing",
                    ) from error

    def _groups(self) -> list[tuple[Block, ...]]:
        groups: list[tuple[Block, ...]] = []
        held: list[Block] = []
        for block in self.blocks:
            held.append(block)
            if sum(one.count for one in held) >= PIECE_ROWS or block.end - held[0].offset >= PIECE_BYTES:
                groups.append(tuple(held))
                held = []
        if held:
            groups.append(tuple(held))
        return groups

    def _bytes(self, group: Sequence[Block]) -> bytes:
        if not group:
            return self.header
        return self.header + self.file.at(group[0].offset, group[-1].end - group[0].offset)

    def _polars(self, group: Sequence[Block]) -> pl.DataFrame:
        frame = pl.read_avro(io.BytesIO(self._bytes(group)))
        if frame.height != sum(block.count for block in group):
            raise ValueError(f"{frame.height} records were decoded, the blocks claim {sum(block.count for block in group)}")
        return frame

    def _records(self, group: Sequence[Block]) -> Iterator[list[Any]]:
        import fastavro

        with named(self.source.path, "a record cannot be decoded", f"byte {group[0].offset}" if group else "header"):
            for record in fastavro.reader(Guarded(self._bytes(group))):
                yield [record.get(name) for name in self.raw_names] if isinstance(record, dict) else [record]

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """Groups of blocks in order."""
        self.file.start_digest()
        wanted = (
            list(range(len(self.columns))) if columns is None else [n for n, name in enumerate(self.columns) if name in set(columns)] or [0]
        )
        start = 0
        for group in self._groups():
            rows = sum(block.count for block in group)
            if rows:
                yield Piece(start, rows, partial(self._load, group, wanted))
            start += rows
        self.rows = start
        self.source.settle()

    def _load(self, group: tuple[Block, ...], wanted: list[int]) -> pl.DataFrame:
        if self._with_polars:
            with named(self.source.path, "a record cannot be decoded", f"byte {group[0].offset}"):
                frame = self._polars(group)
            frame.columns = list(self.columns)
            return frame.select([self.columns[number] for number in wanted])
        rows = list(self._records(group))
        series = []
        for number in wanted:
            dtype = self.dtypes[number]
            values = [_plain(row[number]) for row in rows]
            if dtype == pl.String():
                values = [one if one is None or type(one) is str else _as_text(one) for one in values]
            series.append(pl.Series(self.columns[number], values, dtype=pl.String() if dtype == pl.Null() else dtype, strict=False))
        return pl.DataFrame(series)

    def facts(self) -> InputFacts:
        """What was read."""
        return InputFacts(
            path=self.source.path,
            digest=self.source.digest(),
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.source.stored_bytes(),
            format="avro",
            details=dict(self.source.details) | {"codec": self.codec, "blocks": str(len(self.blocks))},
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about names and file."""
        return (*self.source.notes, *header_findings(self.raw_names, self.columns))

    def close(self) -> None:
        """Lets go of the file."""
        self.source.close()


class Guarded(io.BytesIO):
    """Bytes that refuse lengths which cannot be: a decoder asks for what the data tells it to."""

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, all of them."""
        if size is None or size < 0:
            raise ValueError(f"a length of {size} bytes")
        if size > 1 and size > len(self.getbuffer()) - self.tell():
            raise ValueError(f"a length of {size} bytes where {len(self.getbuffer()) - self.tell()} are left")
        return super().read(size)


def read_header(path: str, file: FileSource, depth: int) -> tuple[bytes, Any, str, bytes]:
    """The bytes of the header, the schema, the codec and the sync marker.

    Raises:
        Unreadable: no Avro, an unknown codec, a schema that is no JSON.
    """
    data = file.at(0, min(file.size, 16 << 20))
    if not data.startswith(MAGIC):
        raise Unreadable(
            path,
            f"it does not start with Obj\\x01 but with {data[:4]!r}",
            place="byte 0",
            next_step="ask for it again, or correct its name",
        )
    at = 4
    entries: dict[str, bytes] = {}
    while True:
        count, at = _long(path, data, at)
        if count == 0:
            break
        if count < 0:
            count = -count
            _, at = _long(path, data, at)
        if count > 1000:
            raise Unreadable(path, f"its header claims {count} entries", place=f"byte {at}", next_step="ask for it again")
        for _ in range(count):
            key, at = _bytes(path, data, at)
            entries[key.decode("utf-8", "replace")], at = _bytes(path, data, at)
    sync = data[at : at + 16]
    if len(sync) < 16:
        raise Unreadable(path, "its header is cut off", place=f"byte {at}", next_step="ask for it again")
    codec = entries.get("avro.codec", b"null").decode("utf-8", "replace") or "null"
    if codec not in CODECS:
        raise Unreadable(
            path, f"its codec is {codec!r}, which nobody knows", place="header", next_step=f"write it with one of {', '.join(CODECS)}"
        )
    text = entries.get("avro.schema", b"")
    check_depth(path, text, depth, "schema")
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(path, f"its schema is not JSON: {error}", place="header", next_step="ask for it again") from error
    return data[: at + 16], schema, codec, sync


def walk(path: str, file: FileSource, start: int, codec: str, sync: bytes, smallest: int) -> Iterator[Block]:
    """The blocks of the file, after comparing what each claims with what can be in it."""
    at = start
    while at < file.size:
        head = file.at(at, min(24, file.size - at))
        count, used = _long(path, head, 0, at)
        size, used = _long(path, head, used, at)
        end = at + used + size + 16
        if size < 0 or count < 0 or end > file.size:
            raise Unreadable(
                path,
                f"a block claims {size} bytes where {file.size - at} are left",
                place=f"byte {at}",
                next_step="ask for it again: it was cut off or damaged",
            )
        most = size * CODECS[codec]
        if (smallest and count * smallest > most) or (not smallest and count > NULL_ROWS):
            raise LimitExceeded(path, f"a block of {size} bytes claims {count} records", place=f"byte {at}", next_step="ask for it again")
        if file.at(end - 16, 16) != sync:
            raise Unreadable(
                path,
                "a block does not end with the sync marker of the file",
                place=f"byte {end - 16}",
                next_step="ask for it again: it is damaged",
            )
        yield Block(at, end, count)
        at = end


def smallest_size(path: str, schema: Any, names: dict[str, Any], within: tuple[str, ...]) -> int:
    """How many bytes a value of this schema takes at least; a schema that contains itself is refused."""
    if isinstance(schema, str):
        if schema in SMALLEST:
            return SMALLEST[schema]
        if schema in within:
            raise LimitExceeded(
                path,
                f"its schema is recursive ({schema!r} contains itself): its records are trees, not rows",
                place="schema",
                next_step="flatten it",
            )
        return smallest_size(path, names[schema], names, (*within, schema)) if schema in names else 0
    if isinstance(schema, list):
        return 1 + min((smallest_size(path, one, names, within) for one in schema), default=0)
    if not isinstance(schema, dict):
        raise Unreadable(path, f"its schema holds {schema!r}", place="schema", next_step="ask for it again")
    kind, name = schema.get("type"), schema.get("name")
    if isinstance(name, str):
        names[name] = schema
        within = (*within, name)
    if kind in ("record", "error"):
        return sum(smallest_size(path, one.get("type"), names, within) for one in schema.get("fields", []) if isinstance(one, dict))
    if kind == "fixed":
        return max(0, int(schema.get("size", 0)))
    if kind in ("array", "map"):
        smallest_size(path, schema.get("items" if kind == "array" else "values"), names, within)
        return 1
    if isinstance(kind, (dict, list)):
        return smallest_size(path, kind, names, within)
    return SMALLEST.get(str(kind), 0) if kind in SMALLEST else smallest_size(path, kind, names, within)


def _long(path: str, data: bytes, at: int, base: int = 0) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Unreadable(
                path,
                "a number is cut off or longer than 64 bits",
                place=f"byte {base + at}",
                next_step="ask for it again: it was cut off or damaged",
            )
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def _bytes(path: str, data: bytes, at: int) -> tuple[bytes, int]:
    length, at = _long(path, data, at)
    if length < 0 or at + length > len(data):
        raise Unreadable(path, f"its header claims a text of {length} bytes", place=f"byte {at}", next_step="ask for it again")
    return data[at : at + length], at + length


def _plain(value: Any) -> Any:
    """A decoded value in the kinds that JSON has, so that both kinds of file are treated alike."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return str(value)  # dates, times, decimals and UUIDs as text; they are typed like any other text later


def _instance(kind: Any) -> pl.DataType:
    found: pl.DataType = kind() if isinstance(kind, type) else kind
    return found
