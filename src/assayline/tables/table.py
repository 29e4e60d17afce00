"""What every reader gives: a table that can be read in pieces, in order, more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from assayline.core import Finding, InputFacts

if TYPE_CHECKING:  # the parent process never loads the engine: it only starts the child
    import polars as pl

    from .source import Source


@dataclass(frozen=True)
class Piece:
    """Consecutive rows that can be loaded on their own, in any thread.

    Args:
        start: 0-based number of its first data row in the table.
        rows: how many rows it has by our own count.
        load: gives the rows as a frame with the columns that were asked for. A frame of another height
            than `rows` becomes the finding `row_count_mismatch`.
    """

    start: int
    rows: int
    load: Callable[[], pl.DataFrame]


@runtime_checkable
class Table(Protocol):
    """Something with named columns and ordered rows.

    Attributes:
        columns: names, in order, made unique by the reader (`id`, `id_2`); the header as it was goes into a finding.
        text: True when every column arrives as text as it stands in the file, to be typed by majority;
            an empty, unquoted field is null.
        rows_hint: number of rows if known before reading, else an estimate, else 0 (for the progress bar).
    """

    columns: tuple[str, ...]
    text: bool

    @property
    def rows_hint(self) -> int: ...

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The table in order, all columns or these; a new iterator starts a new pass."""
        ...

    def facts(self) -> InputFacts:
        """What was read; complete after the first full pass."""
        ...

    def findings(self) -> tuple[Finding, ...]:
        """What reading itself noticed (family "file", and others); complete after the first full pass."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Opens one kind of input. Readers are asked in turn; the first that claims an input opens it.

    Attributes:
        name: "csv", "parquet", …; shown as the input's format.
        rank: lower is asked first; magic bytes before guesses.
    """

    name: str
    rank: int

    def claims(self, source: Source) -> bool:
        """Whether this is mine, by `source.name` and by `source.head` (b"" for addresses such as sqlite:…)."""
        ...

    def open(self, source: Source) -> Table:
        """The table.

        Raises:
            InputError: it cannot be read; names file, place, cause and next step.
        """
        ...
