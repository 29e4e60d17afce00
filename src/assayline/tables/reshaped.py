"""A table seen differently: under other names, or without some of its rows. Nothing is copied until a piece is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Finding, InputFacts

from .table import Piece, Table


class Renamed:
    """A table with some columns under other names.

    Args:
        table: the table as it is.
        names: from the name it has to the name it shall have; names it does not have are passed over.
    """

    def __init__(self, table: Table, names: Mapping[str, str]) -> None:
        self.inner = table
        self.names = {new: old for new, old in names.items() if new in table.columns and old not in table.columns}
        self.columns = tuple(self.names.get(name, name) for name in table.columns)
        self.text = table.text

    @property
    def rows_hint(self) -> int:
        """As the table itself."""
        return self.inner.rows_hint

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The pieces, renamed as they are loaded."""
        back = {old: new for new, old in self.names.items()}
        wanted = None if columns is None else [back.get(name, name) for name in columns]
        for piece in self.inner.pieces(wanted):
            yield Piece(piece.start, piece.rows, partial(self._load, piece))

    def _load(self, piece: Piece) -> pl.DataFrame:
        frame = piece.load()
        return frame.rename({new: old for new, old in self.names.items() if new in frame.columns})

    def facts(self) -> InputFacts:
        """As the table itself."""
        return self.inner.facts()

    def findings(self) -> tuple[Finding, ...]:
        """As the table itself, under the names used here."""
        return tuple(finding.but(columns=tuple(self.names.get(name, name) for name in finding.columns)) for finding in self.inner.findings())

    def close(self) -> None:
        """Closes the table."""
        self.inner.close()


class Without:
    """A table without some of its rows, counted anew.

    Args:
        table: the whole table.
        rows: 0-based numbers of the rows left out, ascending.
    """

    def __init__(self, table: Table, rows: npt.NDArray[np.int64]) -> None:
        self.inner, self.left_out = table, rows
        self.columns, self.text = table.columns, table.text

    @property
    def rows_hint(self) -> int:
        """What remains, where the number is known."""
        return max(0, self.inner.rows_hint - len(self.left_out))

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The pieces with what remains of them."""
        start = 0
        for piece in self.inner.pieces(columns):
            low, high = np.searchsorted(self.left_out, [piece.start, piece.start + piece.rows])
            rows = piece.rows - int(high - low)
            yield Piece(start, rows, partial(self._load, piece, int(low), int(high)))
            start += rows

    def _load(self, piece: Piece, low: int, high: int) -> pl.DataFrame:
        frame = piece.load()
        return frame if low == high else frame.filter(kept(self.left_out[low:high] - piece.start, frame.height))

    def facts(self) -> InputFacts:
        """As the whole table."""
        return self.inner.facts()

    def findings(self) -> tuple[Finding, ...]:
        """None: rows were renumbered, and the whole table has said what there is to say."""
        return ()

    def close(self) -> None:
        """Nothing: the whole table belongs to somebody else."""


def kept(rows: npt.NDArray[np.int64], height: int) -> pl.Series:
    """A mask of all rows but these.

    >>> kept(np.array([1], dtype=np.int64), 3).to_list()
    [True, False, True]
    """
    mask = np.ones(height, dtype=bool)
    mask[rows] = False
    return pl.Series(mask)
