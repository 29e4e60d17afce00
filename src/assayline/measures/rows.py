"""The table as a whole: its rows, which repeat, and a sample of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from .block import CACHED, Block, Column, Hashes
from .distinct import Sketch, lowest

MASK = 2**128 - 1
THIN_ROWS = 192  # rows of a thinned sample: a share is sure to ±9 percentage points in 99 of 100 cases


@dataclass(frozen=True, eq=False)
class Rows:
    """How many rows, which repeat, and a multiset hash of them all.

    Args:
        n: rows.
        digest: sum of 128-bit row hashes modulo 2**128: equal for equal rows in any order.
        whole: sketch of the rows.
        untimed: sketch of the rows without their time columns, to recognise old rows under new dates.
    """

    name: ClassVar[str] = "rows"
    n: int = 0
    digest: int = 0
    whole: Sketch = field(default_factory=lambda: Sketch(65_536))
    untimed: Sketch = field(default_factory=lambda: Sketch(65_536))

    def merge(self, other: Rows) -> Rows:
        return Rows(self.n + other.n, (self.digest + other.digest) & MASK, self.whole.merge(other.whole), self.untimed.merge(other.untimed))

    def thinned(self) -> Rows:
        return Rows(self.n, self.digest, self.whole.thinned(), self.untimed.thinned())

    def as_json(self) -> dict[str, Any]:
        return {"n": self.n, "digest": f"{self.digest:032x}", "whole": self.whole.as_json(), "untimed": self.untimed.as_json()}


class RowsMeasure:
    """Counts and sketches rows."""

    name = "rows"
    ordered = False
    whole = True
    state = Rows

    def applies(self, column: Column) -> bool:
        return True

    def of(self, part: Column | Block) -> Rows:
        assert isinstance(part, Block)
        hashes, without_times = part.row_hashes()
        size = part.plan.row_sketch
        high = int(np.bitwise_and(hashes, np.uint64(0xFFFFFFFF)).sum(dtype=np.uint64)) + (int((hashes >> np.uint64(32)).sum(dtype=np.uint64)) << 32)
        mixed = hashes * np.uint64(0x94D049BB133111EB) ^ (hashes >> np.uint64(31))
        low = int(np.bitwise_and(mixed, np.uint64(0xFFFFFFFF)).sum(dtype=np.uint64)) + (int((mixed >> np.uint64(32)).sum(dtype=np.uint64)) << 32)
        found, counts = lowest(hashes, size)
        whole = Sketch(size, part.rows, found, counts)
        untimed = whole
        if part.plan.times:
            found, counts = lowest(without_times, size)
            untimed = Sketch(size, part.rows, found, counts)
        return Rows(part.rows, ((high << 64) + low) & MASK, whole, untimed)


@dataclass(frozen=True, eq=False)
class Sample:
    """A bounded random sample of whole rows, the same whatever the chunks; everything while the table is small.

    Rows are chosen by a fixed pseudo-random priority of their number, the lowest `size` are kept. A share seen in the
    sample is within 0.7 percentage points of the table's in 99.9 of 100 cases at 65,536 rows (Dvoretzky-Kiefer-Wolfowitz).

    Args:
        size: most rows it keeps.
        rows: rows of the table.
        frame: the sampled rows as they arrived, in order of their numbers.
        numbers: their 0-based row numbers.
    """

    name: ClassVar[str] = "sample"
    size: int = 65_536
    rows: int = 0
    frame: pl.DataFrame = field(default_factory=pl.DataFrame)
    numbers: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def merge(self, other: Sample) -> Sample:
        if not other.rows:
            return self
        if not self.rows:
            return other
        size = min(self.size, other.size)
        numbers = np.concatenate((self.numbers, other.numbers))
        frame = stacked((self.frame, other.frame))
        return Sample(size, self.rows + other.rows, frame, numbers)._of_size(size)

    def _of_size(self, size: int) -> Sample:
        if len(self.numbers) <= size:
            return replace(self, size=size)
        ranks = priorities(self.numbers)
        last = np.partition(ranks, size - 1)[size - 1]
        chosen = ranks < last
        # Lots that are merged as they are have the same row numbers: of equals the first ones stay, whatever the grouping.
        chosen[np.flatnonzero(ranks == last)[: size - int(np.count_nonzero(chosen))]] = True
        kept = np.flatnonzero(chosen)
        return Sample(size, self.rows, self.frame[kept], self.numbers[kept])

    def thinned(self) -> Sample:
        """At most 192 of the rows."""
        return self._of_size(min(self.size, THIN_ROWS))

    def moved(self, rows: int) -> Sample:
        """The rows under other numbers; which of them were chosen stays."""
        return replace(self, numbers=self.numbers + rows)

    @property
    def exact(self) -> bool:
        """Whether it is the whole table."""
        return len(self.numbers) == self.rows

    @property
    def ceiling(self) -> int:
        """Rows with a priority above this one cannot enter any more."""
        return int(priorities(self.numbers).max()) if len(self.numbers) >= self.size else 2**64 - 1

    def as_json(self) -> dict[str, Any]:
        return {"size": self.size, "rows": self.rows, "numbers": self.numbers.tolist()}


def stacked(frames: tuple[pl.DataFrame, ...]) -> pl.DataFrame:
    """Frames below each other, whatever their columns and types."""
    try:
        return pl.concat(frames, how="vertical")
    except pl.exceptions.PolarsError:
        try:
            return pl.concat(frames, how="diagonal_relaxed")
        except pl.exceptions.PolarsError:
            return pl.concat([frame.with_columns(pl.all().cast(pl.String, strict=False)) for frame in frames], how="diagonal_relaxed")


def priorities(numbers: npt.NDArray[np.int64]) -> Hashes:
    """A pseudo-random 64-bit priority for each row number (splitmix64, Steele et al. 2014)."""
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for begin in range(0, len(mixed), CACHED):
        z = mixed[begin : begin + CACHED]
        z ^= z >> np.uint64(30)
        z *= np.uint64(0xBF58476D1CE4E5B9)
        z ^= z >> np.uint64(27)
        z *= np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return mixed


class SampleMeasure:
    """Keeps a bounded sample of rows."""

    name = "sample"
    ordered = True
    whole = True
    state = Sample

    def applies(self, column: Column) -> bool:
        return True

    def of(self, part: Column | Block) -> Sample:
        assert isinstance(part, Block)
        size = part.plan.sample_rows
        numbers = np.arange(part.start, part.start + part.rows, dtype=np.int64)
        if part.rows <= size and part.ceiling == 2**64 - 1:
            return Sample(size, part.rows, part.frame, numbers)
        ranks = priorities(numbers)
        kept = np.flatnonzero(ranks <= np.uint64(part.ceiling))
        if len(kept) > size:
            kept = np.sort(kept[np.argpartition(ranks[kept], size - 1)[:size]])
        return Sample(size, part.rows, part.frame[kept], numbers[kept])
