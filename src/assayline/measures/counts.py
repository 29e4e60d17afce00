"""How many rows, and how many of them say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .block import Block, Column
from .texts import shape_table, total

BLANK = "^[ c]*$"  # the shape of nothing but blanks, tabs and other control characters


@dataclass(frozen=True)
class Counts:
    """Rows of a column by what stands there: all exact.

    Args:
        rows: all rows.
        nulls: nothing stands there.
        blanks: text of white space only, or of length zero.
        nans: floating-point NaN.
        infinities: floating-point infinities.
        unparsed: filled cells that do not read as what the column is taken for.
    """

    name: ClassVar[str] = "counts"
    rows: int = 0
    nulls: int = 0
    blanks: int = 0
    nans: int = 0
    infinities: int = 0
    unparsed: int = 0

    def merge(self, other: Counts) -> Counts:
        return Counts(
            self.rows + other.rows, self.nulls + other.nulls, self.blanks + other.blanks, self.nans + other.nans,
            self.infinities + other.infinities, self.unparsed + other.unparsed,
        )  # fmt: skip

    @property
    def filled(self) -> int:
        """Rows where something stands."""
        return self.rows - self.nulls - self.blanks - self.nans

    @property
    def null_share(self) -> float:
        """0..1, share of the rows where nothing stands."""
        return 1 - self.filled / self.rows if self.rows else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows, "nulls": self.nulls, "blanks": self.blanks, "nans": self.nans,
            "infinities": self.infinities, "unparsed": self.unparsed,
        }  # fmt: skip


class CountsMeasure:
    """Counts rows, nulls, blanks, NaN, infinities and cells of the wrong type."""

    name = "counts"
    ordered = False
    whole = False
    state = Counts

    def applies(self, column: Column) -> bool:
        return True

    def of(self, part: Column | Block) -> Counts:
        assert isinstance(part, Column)
        blanks = nans = infinities = 0
        if part.is_text:
            shapes, counts = shape_table(part)
            blanks = total(shapes, counts, lambda shape: not shape.strip(" c"), lambda many: many.str.contains(BLANK))
        if part.kind == "number" and part.typed.dtype.is_float() and len(part.numbers) != part.rows - part.nulls:
            floats = part.typed.drop_nulls().to_numpy()
            nans, infinities = int(np.isnan(floats).sum()), int(np.isinf(floats).sum())
        return Counts(part.rows, part.nulls, blanks, nans, infinities, part.unparsed.len())

