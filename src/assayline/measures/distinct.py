"""How many different values there are, how often they repeat, and how many two lots share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .block import Block, Column, Hashes

NO_HASHES = np.zeros(0, dtype=np.uint64)
NO_COUNTS = np.zeros(0, dtype=np.int64)
THIN = 160  # hashes of a thinned sketch: a standard error of 8 % in little more than 1 KB


@dataclass(frozen=True, eq=False)
class Sketch:
    """The `size` smallest hashes with their exact counts: a sample of the different values.

    While there are fewer different values than `size` everything below is exact. Above it the number of
    different values has a relative standard error of 1 / sqrt(size - 2): 1.6 % for 4,096 (bottom-k, Beyer et al. 2007).
    """

    size: int = 4_096
    rows: int = 0
    hashes: Hashes = field(default_factory=lambda: NO_HASHES)
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: NO_COUNTS)

    def merge(self, other: Sketch) -> Sketch:
        size = min(self.size, other.size)
        hashes = np.concatenate((self.hashes, other.hashes))
        counts = np.concatenate((self.counts, other.counts))
        hashes, counts = _summed(hashes, counts)
        return Sketch(size, self.rows + other.rows, hashes[:size], counts[:size])

    @property
    def exact(self) -> bool:
        """Whether every different value is in the sketch."""
        return len(self.hashes) < self.size

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        if self.exact:
            return len(self.hashes)
        return round((self.size - 1) / (float(self.hashes[-1]) / 2.0**64))

    @property
    def repeated(self) -> int:
        """How many of the different values in the sketch stand in more than one row."""
        return int((self.counts > 1).sum())

    @property
    def surplus_share(self) -> float:
        """0..1, share of the rows that repeat a value already seen."""
        sampled = int(self.counts.sum())
        return (sampled - len(self.hashes)) / sampled if sampled else 0.0

    def overlap(self, other: Sketch) -> float:
        """0..1, Jaccard similarity of the two sets of different values."""
        if not len(self.hashes) or not len(other.hashes):
            return 0.0
        size = min(self.size, other.size)
        union = np.union1d(self.hashes, other.hashes)[:size]
        both = np.isin(union, self.hashes) & np.isin(union, other.hashes)
        return float(both.mean())

    def contained_in(self, other: Sketch) -> float:
        """0..1, share of these different values that stand in the other too."""
        if not len(self.hashes):
            return 0.0
        reach = other.hashes[-1] if not other.exact and len(other.hashes) else np.uint64(2**64 - 1)
        ours = self.hashes[self.hashes <= reach]
        if not len(ours) or not len(other.hashes):
            return 0.0
        place = np.minimum(np.searchsorted(other.hashes, ours), len(other.hashes) - 1)  # the hashes of a sketch rise
        return float((other.hashes[place] == ours).mean())

    def thinned(self) -> Sketch:
        """The same rows in a sketch of 160 hashes."""
        size = min(self.size, THIN)
        return Sketch(size, self.rows, self.hashes[:size].copy(), self.counts[:size].copy())

    def as_json(self) -> dict[str, Any]:
        return {"size": self.size, "rows": self.rows, "hashes": self.hashes.tolist(), "counts": self.counts.tolist()}


@dataclass(frozen=True, eq=False)
class Distinct(Sketch):
    """The sketch of one column's filled cells."""

    name: ClassVar[str] = "distinct"

    def merge(self, other: Sketch) -> Distinct:
        both = super().merge(other)
        return Distinct(both.size, both.rows, both.hashes, both.counts)

    def thinned(self) -> Distinct:
        few = super().thinned()
        return Distinct(few.size, few.rows, few.hashes, few.counts)


def _summed(hashes: Hashes, counts: npt.NDArray[np.int64]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    order = np.argsort(hashes, kind="stable")
    hashes, counts = hashes[order], counts[order]
    if len(hashes) == 0:
        return hashes, counts
    starts = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1])))
    return hashes[starts], np.add.reduceat(counts, starts)


def lowest(hashes: Hashes, size: int, weights: npt.NDArray[np.int64] | None = None) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The `size` smallest different hashes, with how often (or with what weight) each stands there."""
    n = len(hashes)
    limit = 2.0**64
    share = 1.25 * size / n if n else 1.0  # enough if all are different; more is taken while they are not
    while True:
        chosen = hashes if share >= 1 else hashes[hashes < np.uint64(share * limit)]
        if share >= 1 or len(chosen) >= size:
            if weights is None:
                found, counts = np.unique(chosen, return_counts=True)
            else:
                mask = slice(None) if share >= 1 else hashes < np.uint64(share * limit)
                found, counts = _summed(chosen, weights[mask])
            if share >= 1 or len(found) >= size:
                return found[:size], counts[:size].astype(np.int64)
        seen = len(np.unique(chosen))
        # Repeats make the smallest hashes fewer than hoped; what was seen tells how many different ones there are.
        share = max(2 * share, 1.25 * size * share / seen) if seen > 64 else 8 * share


class DistinctMeasure:
    """Sketches the different values of a column."""

    name = "distinct"
    ordered = False
    whole = False
    state = Distinct

    def applies(self, column: Column) -> bool:
        return True

    def of(self, part: Column | Block) -> Distinct:
        assert isinstance(part, Column)
        filled = part.rows - part.nulls
        if part.counts is not None and part.rows > part.whole.sketch:
            values, counts = part.counts
            hashes, weights = lowest(Column(values, part.plan, 0, part.whole).hashes, part.whole.sketch, counts)
            return Distinct(part.whole.sketch, filled, hashes, weights)
        hashes = part.hashes[~part.is_null] if part.nulls else part.hashes
        found, counts = lowest(hashes, part.whole.sketch)
        return Distinct(part.whole.sketch, filled, found, counts)
