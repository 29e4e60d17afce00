"""A typed table in which a column that used to hold numbers or times has come as text: read as what it was, cell by cell."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import polars as pl

from assayline.core import Cell, Finding, InputFacts

from .accused import NamedCells
from .table import Piece, Table

MOST_SPLIT = 0.2  # above this share of cells that do not read, the lot waits for a person: Policy.most_split
MAJORITY = 0.5  # a column of which less than half reads as what it was is another column
EXAMPLES = 5


class Retyped:
    """The table with these columns parsed; a cell that does not read as what its column was is null here, and is accused.

    Args:
        table: as it came.
        dtypes: the columns that came as text, with the types they had.
    """

    text = False

    def __init__(self, table: Table, dtypes: Mapping[str, pl.DataType]) -> None:
        self.inner, self.dtypes = table, dict(dtypes)
        self.columns = table.columns
        self._bad: dict[str, dict[int, str]] = {name: {} for name in dtypes}
        self._filled: dict[str, dict[int, int]] = {name: {} for name in dtypes}
        self._lock = threading.Lock()

    @property
    def rows_hint(self) -> int:
        """As the table itself."""
        return self.inner.rows_hint

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The pieces, parsed as they are loaded."""
        for piece in self.inner.pieces(columns):
            yield Piece(piece.start, piece.rows, partial(self._load, piece))

    def _load(self, piece: Piece) -> pl.DataFrame:
        frame = piece.load()
        for name, dtype in self.dtypes.items():
            if name not in frame.columns or frame.schema[name] != pl.String:
                continue
            texts = frame.get_column(name)
            parsed = parsed_as(texts, dtype)
            lost = (parsed.is_null() & texts.is_not_null() & (texts.str.strip_chars() != "")).arg_true().to_list()
            with self._lock:
                self._filled[name][piece.start] = texts.len() - texts.null_count()
                self._bad[name].update({piece.start + row: texts[row] for row in lost})
            frame = frame.with_columns(parsed)
        return frame

    def facts(self) -> InputFacts:
        """As the table itself."""
        return self.inner.facts()

    def findings(self) -> tuple[Finding, ...]:
        """What the table says, and for each column that it came as text and which cells do not read."""
        found = list(self.inner.findings())
        for name, dtype in self.dtypes.items():
            found.append(
                Finding(
                    "mixed_types", (name,), f"{name} came as text; it was read as {_kind(dtype)}, as before.", 0.2, evidence={"columns": 1},
                    suggestion="tell the sender that its type has changed",
                )
            )  # fmt: skip
            bad, filled = self._bad[name], sum(self._filled[name].values())
            if bad:
                rows = tuple(sorted(bad))
                few = len(rows) <= MOST_SPLIT * max(1, filled)
                shown = ", ".join(repr(bad[row][:40]) for row in rows[:3])
                found.append(
                    Finding(
                        "type_to_string", (name,), f"{len(rows):,} of {filled:,} values of {name}, which came as text, do not read as {_kind(dtype)}: {shown}.",
                        0.6 if few else 0.85, layer="signature" if few else "history", rows=len(rows), exact_rows=True,
                        evidence={"rows": len(rows), "rows_share": len(rows) / max(1, filled)}, suggestion=f"write {_kind(dtype)} alone",
                        locate=NamedCells(rows, (name,) * len(rows), 0.9, bad), examples=tuple(Cell(row, name, 0.9, bad[row]) for row in rows[:EXAMPLES]),
                    )
                )  # fmt: skip
        return tuple(found)

    def close(self) -> None:
        """Nothing: the table belongs to somebody else."""


def retyped(table: Table, before: Mapping[str, pl.DataType]) -> Table:
    """The table, with columns parsed that were numbers or times in earlier lots and have come as text.

    Args:
        table: a table; one that is text all over is typed by majority anyway and stays as it is.
        before: the types its columns had.
    """
    before = {name: dtype for name, dtype in before.items() if dtype.is_numeric() or dtype.is_temporal()}
    if table.text or not before:
        return table
    first = next(iter(table.pieces()), None)
    if first is None:
        return table
    head = first.load()
    changed = {}
    for name, dtype in before.items():
        if name not in head.columns or head.schema[name] != pl.String:
            continue
        texts = head.get_column(name).drop_nulls()
        if texts.len() and parsed_as(texts, dtype).null_count() < MAJORITY * texts.len():
            changed[name] = dtype
    return Retyped(table, changed) if changed else table


def parsed_as(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Texts as numbers or times; null where one does not read.

    >>> parsed_as(pl.Series(["1.5", " 2", "x", None]), pl.Float64()).to_list()
    [1.5, 2.0, None, None]
    """
    bare = texts.str.strip_chars()
    if dtype.is_temporal():
        try:
            if dtype == pl.Date:
                return bare.str.to_date(strict=False)
            times = bare.str.to_datetime(strict=False, time_unit="us")
            return times.cast(dtype, strict=False)
        except pl.exceptions.PolarsError:  # no format fits
            return pl.Series(texts.name, [None] * texts.len(), dtype=dtype)
    if dtype.is_integer():
        numbers = bare.cast(pl.Float64, strict=False)  # 12.0 is a whole number too
        return numbers.set(numbers != numbers.floor(), None).cast(dtype, strict=False)
    return bare.cast(dtype, strict=False)


def _kind(dtype: pl.DataType) -> str:
    return "times" if dtype.is_temporal() else "numbers"
