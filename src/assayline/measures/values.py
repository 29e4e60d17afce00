"""Which values stand there and how often, while they are few."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import polars as pl

from .block import FEW_VALUES, Block, Column

THIN_VALUES = 64  # different values of a thinned column: more than a chart shows


@dataclass(frozen=True)
class Values:
    """Exact counts of the different values as text; given up when they are more than 4,096.

    Args:
        counts: value -> rows; empty when given up.
        filled: rows with a value.
        complete: False once there were too many different values.
    """

    name: ClassVar[str] = "values"
    counts: Mapping[str, int] = field(default_factory=dict)
    filled: int = 0
    complete: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))

    def merge(self, other: Values) -> Values:
        filled = self.filled + other.filled
        if not (self.complete and other.complete):
            return Values({}, filled, False)
        few, many = sorted((self.counts, other.counts), key=len)
        counts = dict(many)
        for value, count in few.items():
            counts[value] = counts.get(value, 0) + count
        if len(counts) > FEW_VALUES:
            return Values({}, filled, False)
        return Values(counts, filled, True)

    def thinned(self) -> Values:
        """Given up when they are more than 64."""
        return self if len(self.counts) <= THIN_VALUES else Values({}, self.filled, False)

    def top(self, n: int = 10) -> list[tuple[str, int]]:
        """The most frequent values, ties in order of the alphabet."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:n]

    def as_json(self) -> dict[str, Any]:
        return {"counts": dict(sorted(self.counts.items())), "filled": self.filled, "complete": self.complete}


class ValuesMeasure:
    """Counts the different values of a column that has few of them."""

    name = "values"
    ordered = False
    whole = False
    state = Values

    def applies(self, column: Column) -> bool:
        return column.kind != "nested"

    def of(self, part: Column | Block) -> Values:
        assert isinstance(part, Column)
        filled = part.rows - part.nulls
        if part.counts is None:
            return Values({}, filled, False)
        values, counts = part.counts
        if values.dtype.is_float():
            values = pl.select(pl.when(values == 0).then(0.0).otherwise(values)).to_series()  # -0.0 is 0.0
        return Values(dict(zip(shown(values), counts.tolist(), strict=True)), filled, True)


def shown(values: pl.Series) -> list[str]:
    """Values as the text that stands for them everywhere in a report.

    >>> shown(pl.Series([1.0, 2.5])), shown(pl.Series([True]))
    (['1.0', '2.5'], ['true'])
    """
    if values.dtype == pl.String:
        return values.to_list()
    try:
        return [str(value) for value in values.cast(pl.String).to_list()]
    except pl.exceptions.PolarsError:
        return [str(value) for value in values.to_list()]
