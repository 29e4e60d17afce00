"""Ways to find the rows a finding speaks of: the second look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Cell
from assayline.measures import Block, shown


@dataclass(frozen=True)
class Where:
    """Accuses the cells of one column for which a test on the column's block is true.

    Args:
        column: the column.
        test: from the block's `Column` to a boolean Series (null counts as false).
        confidence: of each accusation.
        suggest: from the accused values (as text) to what should stand there, or None.
    """

    column: str
    test: Callable[..., pl.Series]
    confidence: float = 0.9
    suggest: Callable[[str | None], str | None] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> Where:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        column = block.column(self.column)
        rows = np.flatnonzero(self.test(column).fill_null(False).to_numpy())
        return accused(column.series, self.column, rows, block.start, self.confidence, self.suggest)


@dataclass(frozen=True)
class OneOf:
    """Accuses the cells of one column that hold one of some values (as text).

    Args:
        column: the column.
        values: value -> (confidence, what should stand there or None).
    """

    column: str
    values: Mapping[str, tuple[float, str | None]]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> OneOf:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        series = block.column(self.column).series
        rows = np.flatnonzero(self._among(series).fill_null(False).to_numpy())
        return Accused(series, self.column, rows, block.start, self._confidence, self._suggestion)

    def _among(self, series: pl.Series) -> pl.Series:
        if series.dtype == pl.String:
            return series.is_in(list(self.values))
        if series.dtype.is_numeric():
            # Numbers are compared as numbers: writing out half a million of them takes a hundred times as long.
            wanted = pl.Series(list(self.values), dtype=pl.String).cast(series.dtype, strict=False)
            if wanted.null_count() == 0:
                return series.is_in(wanted.implode())
        return pl.Series(shown(series), dtype=pl.String).is_in(list(self.values)) & series.is_not_null()

    def _confidence(self, value: str | None) -> float:
        return self.values.get(value or "", (0.5, None))[0]

    def _suggestion(self, value: str | None) -> str | None:
        return self.values.get(value or "", (0.5, None))[1]


@dataclass(frozen=True)
class RowsAre:
    """Accuses the cells of one column in rows whose numbers are known.

    Args:
        column: the column.
        rows: 0-based row numbers, rising.
        confidence: of each accusation.
    """

    column: str
    rows: tuple[int, ...]
    confidence: float = 0.8

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> RowsAre:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        rows = np.asarray(self.rows, dtype=np.int64) - block.start
        return Accused(block.column(self.column).series, self.column, rows[(rows >= 0) & (rows < block.rows)], block.start, self.confidence)


class Accused(Sequence[Cell]):
    """Cells that are only spelled out when somebody looks: a finding may touch ten million of them.

    Args:
        series: the column's block.
        column: its name.
        rows: positions within the block.
        start: row number of the block's first row.
        confidence: of each accusation, or from a value as text to it.
        suggest: from a value as text to what should stand there.
    """

    def __init__(
        self,
        series: pl.Series,
        column: str,
        rows: npt.NDArray[np.int64],
        start: int,
        confidence: float | Callable[[str | None], float],
        suggest: Callable[[str | None], str | None] | None = None,
    ) -> None:
        self.series, self.column, self.rows, self.start = series, column, rows, start
        self.confidence, self.suggest = confidence, suggest

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        chosen = self.rows[index] if isinstance(index, slice) else self.rows[index : index + 1 or None]
        picked = self.series.gather(chosen)
        values = [None if missing else text for missing, text in zip(picked.is_null().to_list(), shown(picked), strict=True)]
        cells = [
            Cell(
                self.start + int(row), self.column, self.confidence(value) if callable(self.confidence) else self.confidence, value,
                self.suggest(value) if self.suggest else None,
            )
            for row, value in zip(chosen.tolist(), values, strict=True)
        ]
        return cells if isinstance(index, slice) else cells[0]

    def __iter__(self) -> Iterator[Cell]:
        return iter(self[:])


accused = Accused
