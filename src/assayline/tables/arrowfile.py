"""Arrow IPC files, Feather and ORC: batches that are validated before anyone follows their offsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import LimitExceeded, Unreadable

from .header import header_findings, unique_names
from .plain import frame_of, named
from .source import FileSource, Source, seekable
from .table import Piece, Table

FILE_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
FEATHER_1 = b"FEA1"
ORC_MAGIC = b"ORC"
PIECE_ROWS = 200_000  # small batches are put together so that the cost of a piece does not show


class ArrowReader:
    """Arrow IPC files and streams, and Feather (version 2 is the same)."""

    name = "arrow"
    rank = 12

    def claims(self, source: Source) -> bool:
        """By the magic number; a stream only under its usual names, for its first bytes say little."""
        return source.head.startswith((FILE_MAGIC, FEATHER_1)) or (
            source.head.startswith(STREAM_MAGIC) and source.suffix in (".arrow", ".arrows", ".ipc", ".feather")
        )

    def open(self, source: Source) -> Table:
        """The table; its batches stay in the file until they are asked for."""
        import pyarrow as pa

        if source.head.startswith(FEATHER_1):
            raise Unreadable(
                source.path,
                "it is Feather version 1, which nobody writes any more",
                place="byte 0",
                next_step="write it again with a current library",
            )
        file = seekable(source)
        with named(source.path, "its Arrow metadata cannot be read", "footer", "ask for it again: it was cut off or damaged"):
            if source.head.startswith(FILE_MAGIC):
                reader = pa.ipc.open_file(pa.OSFile(file.local(), "rb"))
                batches = [partial(_batch, file.local(), number) for number in range(reader.num_record_batches)]
                schema = reader.schema
                sizes = [_rows_of(file.local(), number) for number in range(reader.num_record_batches)]
            else:
                whole = pa.ipc.open_stream(pa.OSFile(file.local(), "rb")).read_all()
                held = whole.to_batches(max_chunksize=PIECE_ROWS)
                batches, schema, sizes = [partial(_same, one) for one in held], whole.schema, [one.num_rows for one in held]
        return BatchesTable(source, file, "arrow", schema, batches, sizes)


class OrcReader:
    """ORC files, by their first three bytes."""

    name = "orc"
    rank = 14

    def claims(self, source: Source) -> bool:
        """Whether it starts with ORC and is no text."""
        return source.head.startswith(ORC_MAGIC) and (source.suffix == ".orc" or b"\0" in source.head[:64])

    def open(self, source: Source) -> Table:
        """The table; one piece a stripe."""
        import pyarrow.orc as orc

        file = seekable(source)
        with named(source.path, "its footer cannot be read", "footer", "ask for it again: it was cut off or damaged"):
            reader = orc.ORCFile(file.local())
            schema, stripes = reader.schema, reader.nstripes
            batches = [partial(_stripe, file.local(), number) for number in range(stripes)]
            sizes = [
                reader.read_stripe(number, columns=[]).num_rows
                if len(schema) == 0
                else reader.read_stripe(number, columns=[schema.field(0).name]).num_rows
                for number in range(stripes)
            ]
        if sum(sizes) != reader.nrows:
            raise Unreadable(
                source.path,
                f"its stripes have {sum(sizes)} rows, its footer says {reader.nrows}",
                place="footer",
                next_step="ask for it again",
            )
        return BatchesTable(source, file, "orc", schema, batches, sizes)


def _batch(path: str, number: int) -> Any:
    import pyarrow as pa

    with pa.OSFile(path, "rb") as file:
        batch = pa.ipc.open_file(file).get_batch(number)
        batch.validate(full=True)  # offsets that point outside would be followed blindly
        return batch


def _rows_of(path: str, number: int) -> int:
    import pyarrow as pa

    with pa.OSFile(path, "rb") as file:
        return int(pa.ipc.open_file(file).get_batch(number).num_rows)


def _same(batch: Any) -> Any:
    batch.validate(full=True)
    return batch


def _stripe(path: str, number: int) -> Any:
    import pyarrow.orc as orc

    return orc.ORCFile(path).read_stripe(number)


class BatchesTable:
    """Batches of typed columns, put together to pieces."""

    text = False

    def __init__(self, source: Source, file: FileSource, format: str, schema: Any, batches: list[Any], sizes: list[int]) -> None:
        self.source, self.file, self.format = source, file, format
        self.batches, self.sizes = batches, sizes
        self.raw_names = [schema.field(number).name for number in range(len(schema))]
        if len(self.raw_names) > source.limits.columns:
            raise LimitExceeded(
                source.path,
                f"it has {len(self.raw_names)} columns, more than the limit of {source.limits.columns}",
                next_step="raise the limit on columns",
            )
        self.columns = unique_names(self.raw_names)
        self.rows_hint = sum(sizes)
        self.rows = 0
        import pyarrow as pa

        empty = pa.table(
            [pa.array([], type=schema.field(number).type) for number in range(len(schema))], names=[str(n) for n in range(len(schema))]
        )
        with named(source.path, "a column type cannot be read", "schema"):
            self.dtypes = tuple(frame_of(empty, self.columns).dtypes)

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The batches in order."""
        self.file.start_digest()
        wanted = (
            list(range(len(self.columns))) if columns is None else [n for n, name in enumerate(self.columns) if name in set(columns)] or [0]
        )
        start, held, rows = 0, [], 0
        for number, size in enumerate(self.sizes):
            held.append(number)
            rows += size
            if rows >= PIECE_ROWS:
                yield Piece(start, rows, partial(self._load, tuple(held), wanted))
                start, held, rows = start + rows, [], 0
        if rows:
            yield Piece(start, rows, partial(self._load, tuple(held), wanted))
        self.rows = start + rows
        self.source.settle()

    def _load(self, numbers: tuple[int, ...], wanted: list[int]) -> pl.DataFrame:
        frames = []
        names = [self.columns[number] for number in wanted]
        for number in numbers:
            with named(self.source.path, "a batch cannot be decoded", f"batch {number}"):
                batch = self.batches[number]()
                frame = frame_of(batch.select(wanted), names)
                frames.append(
                    frame.cast(
                        {
                            name: self.dtypes[place]
                            for name, place in zip(names, wanted, strict=True)
                            if frame.schema[name] != self.dtypes[place]
                        }
                    )
                )
        return pl.concat(frames) if len(frames) > 1 else frames[0]

    def facts(self) -> InputFacts:
        """What was read."""
        return InputFacts(
            path=self.source.path,
            digest=self.source.digest(),
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.source.stored_bytes(),
            format=self.format,
            details=dict(self.source.details) | {"batches": str(len(self.sizes))},
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about names and file."""
        return (*self.source.notes, *header_findings(self.raw_names, self.columns))

    def close(self) -> None:
        """Lets go of the file."""
        self.source.close()
