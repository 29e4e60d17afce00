"""Rows of today that a comparison with the past ranks first, as cells with their place in the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assayline.core import Cell
from assayline.measures import Sample, shown

from .comparison import Comparison


def cells_of_today(comparison: Comparison, column: str, worst: Sequence[tuple[int, float]]) -> tuple[Cell, ...]:
    """The cells of one column in some of the rows looked at, in the order given.

    Args:
        comparison: today beside its past.
        column: the column.
        worst: position among the rows of today that were looked at, and the share of such accusations that would be right.
    """
    sample = comparison.today.of(None, Sample)
    if sample is None or not worst:
        return ()
    looked = comparison.now_frame.height
    numbers = sample.numbers if len(sample.numbers) == looked else sample.numbers[np.linspace(0, len(sample.numbers) - 1, looked).astype(np.int64)]
    cells = comparison.now_frame.get_column(column).gather([row for row, _ in worst])
    values = [None if empty else text for text, empty in zip(shown(cells), cells.is_null().to_list(), strict=True)]
    return tuple(Cell(int(numbers[row]), column, round(share, 3), value) for (row, share), value in zip(worst, values, strict=True))
