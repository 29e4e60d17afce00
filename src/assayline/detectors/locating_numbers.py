"""Finds the rows whose number fulfils a simple condition: the second look of the history layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Cell
from assayline.measures import Block

from .locating import accused

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NumbersAre:
    """Accuses the cells of one column whose number fulfils a test.

    Args:
        column: the column.
        test: from an array of numbers (NaN where there is none) to a boolean array.
        confidence: of each accusation.
        suggest: from the accused values (as text) to what should stand there, or None.
    """

    column: str
    test: Callable[[Floats], npt.NDArray[np.bool_]]
    confidence: float = 0.6
    suggest: Callable[[str | None], str | None] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> NumbersAre:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        column = block.column(self.column)
        typed: Any = column.typed
        if column.kind == "time":
            typed = typed.to_physical()
        elif column.kind != "number":  # the past may read a column of numbers that today is kept as text
            if column.series.dtype != pl.String:
                return []
            typed = column.series.str.strip_chars().cast(pl.Float64, strict=False)
        numbers = typed.cast(float, strict=False).fill_null(float("nan")).to_numpy()
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(self.test(numbers) & np.isfinite(numbers))
        return accused(column.series, self.column, rows, block.start, self.confidence, self.suggest)

    @classmethod
    def equal(cls, column: str, value: float, confidence: float, instead: str | None = "") -> NumbersAre:
        """Accuses the cells that hold exactly this number; they should be empty, or hold `instead` (None: nobody knows)."""
        return cls(column, lambda numbers: numbers == value, confidence, lambda _: instead)

    @classmethod
    def outside(cls, column: str, low: float, high: float, confidence: float) -> NumbersAre:
        """Accuses the cells below `low` or above `high`."""
        return cls(column, lambda numbers: (numbers < low) | (numbers > high), confidence)
