"""Parquet: row groups in slices of bounded size, after the footer has been looked at with suspicion."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import LimitExceeded, Unreadable

from .header import header_findings, unique_names
from .plain import first_line, named, series_of
from .source import FileSource, Source, seekable
from .table import Piece, Table

if TYPE_CHECKING:
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
ENCRYPTED = b"PARE"
PIECE_ROWS = 600_000  # with 20 columns of 8 bytes about 100 MB a frame: two threads and a spare stay below half a gigabyte
PIECE_CELLS = 16_000_000
PIECE_BYTES = 192 << 20  # uncompressed, by the footer: long texts need shorter slices
FOOTER_DEPTH = 64  # a real footer nests structs fewer than ten deep
NESTING = frozenset(
    {0x1C, 0x19, 0x9C, 0xAC, 0xBC, 0xCC, 0xDC, 0xEC, 0xFC}
)  # openings of a struct or a list that are no printable characters


class ParquetReader:
    """Parquet files, by their first four bytes."""

    name = "parquet"
    rank = 10

    def claims(self, source: Source) -> bool:
        """Whether it starts with PAR1 or PARE, or is called .parquet and is no text."""
        return source.head.startswith((MAGIC, ENCRYPTED)) or (source.suffix in (".parquet", ".pq") and b"\0" in source.head[:64])

    def open(self, source: Source) -> Table:
        """The table, after its footer was checked."""
        return ParquetTable(source, seekable(source))


class ParquetTable:
    """A Parquet file as a table of typed columns."""

    text = False

    def __init__(self, source: Source, file: FileSource) -> None:
        self.source, self.file = source, file
        check_footer(source.path, file)
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.metadata: pq.FileMetaData | None = None
        total = 0
        try:
            self.metadata = pq.read_metadata(file.local())
            schema = self.metadata.schema.to_arrow_schema()
            names = [schema.field(number).name for number in range(len(schema))]
        except (pa.ArrowException, OSError, ValueError, MemoryError):
            # What PyArrow refuses may be only the Arrow schema stored beside the real one: Polars, which ignores it, is asked too.
            self.metadata = None
            with named(source.path, "its footer cannot be read", "footer"):
                lazy = pl.scan_parquet(file.local(), glob=False, hive_partitioning=False)
                names, total = lazy.collect_schema().names(), int(lazy.select(pl.len()).collect().item())
        if len(names) > source.limits.columns:
            raise LimitExceeded(
                source.path,
                f"it has {len(names)} columns, more than the limit of {source.limits.columns}",
                next_step="raise the limit on columns",
            )
        self.raw_names = names
        self.columns = unique_names(names)
        self.groups = [total]
        self.group_bytes = [0]
        if self.metadata is not None:
            total = self.metadata.num_rows
            groups = [self.metadata.row_group(number) for number in range(self.metadata.num_row_groups)]
            self.groups, self.group_bytes = [group.num_rows for group in groups], [group.total_byte_size for group in groups]
        self.rows_hint = total
        if sum(self.groups) != total or min(self.groups, default=0) < 0:
            raise Unreadable(
                source.path,
                f"its footer contradicts itself: the row groups have {sum(self.groups)} rows, the file {total}",
                place="footer",
                next_step="ask for it again",
            )
        self.rows = 0
        self._verified = False

    @property
    def dtypes(self) -> tuple[pl.DataType, ...]:
        """The types of the columns, as Polars will give them."""
        if len(set(self.raw_names)) < len(self.raw_names):
            piece = next(iter(self._slices()), None)
            return (
                tuple(self._load(piece[0], min(1, piece[1]), list(range(len(self.columns)))).dtypes)
                if piece
                else (pl.Null(),) * len(self.columns)
            )
        with named(self.source.path, "its schema cannot be read", "footer"):
            return tuple(pl.scan_parquet(self.file.local(), glob=False, hive_partitioning=False).collect_schema().dtypes())

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """Whole row groups where they are small enough, else slices of them."""
        self.file.start_digest()
        self._verify_pages()
        wanted = (
            list(range(len(self.columns))) if columns is None else [n for n, name in enumerate(self.columns) if name in set(columns)] or [0]
        )
        self.rows = 0
        for start, rows in self._slices():
            yield Piece(start, rows, partial(self._load, start, rows, wanted))
            self.rows += rows
        self.source.settle()

    def _slices(self) -> Iterator[tuple[int, int]]:
        start = held = held_bytes = 0
        width = max(1, len(self.columns))
        most = max(1, min(PIECE_ROWS, PIECE_CELLS // width))
        for number, rows in enumerate(self.groups):
            group_bytes = max(0, self.group_bytes[number])
            if held and (held + rows > most or held_bytes + group_bytes > PIECE_BYTES):
                yield start, held
                start, held, held_bytes = start + held, 0, 0
            step = most if group_bytes <= PIECE_BYTES else max(1, min(most, rows * PIECE_BYTES // group_bytes))
            if rows > step:
                parts = -(-rows // step)
                for part in range(parts):
                    size = rows * (part + 1) // parts - rows * part // parts
                    yield start, size
                    start += size
            else:
                held, held_bytes = held + rows, held_bytes + group_bytes
        if held:
            yield start, held

    def _load(self, start: int, rows: int, wanted: list[int]) -> pl.DataFrame:
        if not self.columns:
            return pl.DataFrame(height=rows) if rows else pl.DataFrame()
        names = [self.raw_names[number] for number in wanted]
        frame: pl.DataFrame | None = None
        if self.metadata is None or len(set(self.raw_names)) == len(self.raw_names):
            try:
                frame = pl.scan_parquet(self.file.local(), glob=False, hive_partitioning=False).slice(start, rows).select(names).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                if self.metadata is None:
                    raise Unreadable(
                        self.source.path,
                        f"a page cannot be decoded: {first_line(error)}",
                        place=_rows(start, rows),
                        next_step="ask for it again",
                    ) from error
        if frame is None:
            # Repeated names, and files that Polars refuses although they are good: PyArrow reads columns by position.
            with named(self.source.path, "a page cannot be decoded", _rows(start, rows)):
                frame = self._by_position(start, rows, wanted)
        frame.columns = [self.columns[number] for number in wanted]
        return frame

    def _by_position(self, start: int, rows: int, wanted: list[int]) -> pl.DataFrame:
        import pyarrow.parquet as pq

        assert self.metadata is not None
        series = []
        with pq.ParquetFile(self.file.local()) as file:
            leaves = _leaves(self.metadata, len(self.raw_names))
            for number in wanted:
                parts = []
                for begin, group in self._overlapping(start, rows):
                    low = max(0, start - begin)
                    table = file.reader.read_row_group(group, column_indices=leaves[number], use_threads=False)
                    parts.append(series_of(table.column(0).slice(low, start + rows - begin - low), f"{number}"))
                series.append(pl.concat(parts))
        return pl.DataFrame(series)

    def _overlapping(self, start: int, rows: int) -> Iterator[tuple[int, int]]:
        at = 0
        for number, size in enumerate(self.groups):
            if at < start + rows and at + size > start:
                yield at, number
            at += size

    def _verify_pages(self) -> None:
        """Where the pages carry checksums, all of them are verified, which no engine does by itself."""
        if self._verified or not self.groups or not self.columns:
            return
        self._verified = True
        if self.metadata is None or not has_page_checksums(self.file, self.metadata):
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.file.local(), page_checksum_verification=True) as file:
                for number in range(file.num_row_groups):
                    file.read_row_group(number, use_threads=True)
        except (pa.ArrowException, OSError) as error:
            raise Unreadable(
                self.source.path,
                f"a page does not match its checksum: {first_line(error)}",
                place=f"row group {number}",
                next_step="the file was damaged after it was written: ask for it again",
            ) from error

    def facts(self) -> InputFacts:
        """What was read."""
        details = dict(self.source.details)
        details["row_groups"] = str(len(self.groups))
        if self.metadata is not None and self.metadata.created_by:
            details["written_by"] = self.metadata.created_by[:100]
        return InputFacts(
            path=self.source.path,
            digest=self.source.digest() or self.file.digest(),
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.source.stored_bytes(),
            format="parquet",
            details=details,
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about names and file."""
        return (*self.source.notes, *header_findings(self.raw_names, self.columns), *_metadata_findings(dict((self.metadata.metadata if self.metadata else None) or {})))

    def close(self) -> None:
        """Lets go of the file."""
        self.source.close()


def _metadata_findings(metadata: dict[bytes, bytes]) -> list[Finding]:
    """Notes that writers leave in a file and that must not be trusted; nothing in them is used here."""
    found = []
    with contextlib.suppress(ValueError):
        if b"arrow.py_extension_type" in base64.b64decode(metadata.get(b"ARROW:schema", b"")):
            found.append(Finding(
                "active_content", (), "The schema holds a pickled Python type, which runs code in readers that load it; it was not loaded.", 0.5,
                suggestion="find out who wrote this file",
            ))  # fmt: skip
    try:
        json.loads(metadata.get(b"pandas", b"{}"))
    except ValueError:
        found.append(Finding("syntax", (), "The note that pandas leaves in its files is not valid JSON; it was ignored.", 0.3, suggestion="write the file again"))
    return found


def check_footer(path: str, file: FileSource) -> None:
    """The last eight bytes and the nesting of the footer, before a parser that might follow them anywhere.

    Raises:
        Unreadable: truncated, encrypted, or a length that cannot be.
    """
    if file.size < 12:
        raise Unreadable(
            path, f"it is {file.size} bytes long, too short for Parquet", place="footer", next_step="ask for it again: it was cut off"
        )
    head, tail = file.at(0, 4), file.at(file.size - 8, 8)
    if head == ENCRYPTED or tail[4:] == ENCRYPTED:
        raise Unreadable(path, "it is encrypted (PARE)", place="footer", next_step="decrypt it first; Assayline holds no keys")
    if head != MAGIC:
        raise Unreadable(
            path, f"it does not start with PAR1 but with {head!r}", place="byte 0", next_step="ask for it again, or correct its name"
        )
    if tail[4:] != MAGIC:
        raise Unreadable(
            path,
            f"it does not end with PAR1 but with {tail[4:]!r}: it was cut off, or something was appended",
            place=f"byte {file.size - 4}",
            next_step="ask for it again",
        )
    length = int.from_bytes(tail[:4], "little")
    if length == 0 or length > file.size - 12:
        raise Unreadable(
            path, f"its footer claims {length} bytes in a file of {file.size}", place=f"byte {file.size - 8}", next_step="ask for it again"
        )
    depth = thrift_depth(file.at(file.size - 8 - length, min(length, 64 << 20)))
    if depth > FOOTER_DEPTH:
        raise Unreadable(
            path,
            f"its footer nests structures more than {FOOTER_DEPTH} deep",
            place=f"byte {file.size - 8 - length}",
            next_step="ask for it again",
        )


def thrift_depth(data: bytes) -> int:
    """How deep the structures at the start of a Thrift compact message nest, as far as a cheap look shows.

    Only a run of struct-begin bytes is looked for, since every nested struct of the compact protocol opens with a
    field header of type 12 (0x?c) or a list of them.

    >>> thrift_depth(bytes([0x1c]) * 500) > 100, thrift_depth(b"\\x15\\x04\\x19\\x2c") < 10
    (True, True)
    """
    deepest = run = 0
    for byte in data[: 1 << 16]:
        run = run + 1 if byte in NESTING else 0
        if run > deepest:
            deepest = run
    return deepest


def has_page_checksums(file: FileSource, metadata: pq.FileMetaData) -> bool:
    """Whether the first pages carry a CRC (field 4 of the page header, Parquet format 2.x).

    Writers switch checksums on for a whole file, so the first page of the first and of the last column chunk decide.
    """
    for group, column in {(0, 0), (metadata.num_row_groups - 1, metadata.num_columns - 1)}:
        chunk = metadata.row_group(group).column(column)
        offset = (
            chunk.data_page_offset
            if not chunk.has_dictionary_page
            else min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset)
        )
        if 0 < offset < file.size and _page_has_crc(file.at(offset, min(64, file.size - offset))):
            return True
    return False


def _page_has_crc(header: bytes) -> bool:
    """Reads the i32 fields 1 to 4 at the start of a PageHeader in the compact protocol."""
    at, field = 0, 0
    while at < len(header):
        byte = header[at]
        at += 1
        if byte == 0 or byte & 0x0F != 5:  # stop, or no i32: fields 1 to 4 are all i32
            return False
        field = field + (byte >> 4) if byte >> 4 else 99
        while at < len(header) and header[at] & 0x80:
            at += 1
        at += 1
        if field >= 4:
            return field == 4
    return False


def _leaves(metadata: pq.FileMetaData, count: int) -> list[list[int]]:
    """The leaf columns that belong to each top-level column, by position: a flat column is a leaf of its own, nested ones share a root."""
    roots = []
    for number in range(metadata.num_columns):
        path = metadata.schema.column(number).path
        nested = (
            metadata.schema.column(number).max_repetition_level > 0
            or metadata.schema.column(number).max_definition_level > 1
            or "." in path
        )
        roots.append((path.split(".")[0], nested))
    found: list[list[int]] = []
    previous = ("", False)
    for number, root in enumerate(roots):
        if found and root[1] and root == previous:
            found[-1].append(number)
        else:
            found.append([number])
        previous = root
    return found if len(found) == count else [[number] for number in range(metadata.num_columns)]


def _rows(start: int, rows: int) -> str:
    return f"rows {start} to {start + rows - 1}"
