"""What the order of the rows tells: runs of equal values, steps up and down, gaps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from .block import Block, Column

GAP_BINS = 64  # powers of two of a microsecond: from 1 µs to 500,000 years


@dataclass(frozen=True)
class Runs:
    """Runs of equal consecutive values; a missing value ends a run. Exact; ordered.

    Args:
        rows: rows seen.
        filled: rows with a value.
        runs: how many runs.
        longest: rows of the longest run.
        longest_start: 0-based row where it starts.
        first_hash, first: value (as a hash) and rows of the run at the beginning; 0 rows if the first row is missing.
        last_hash, last: the same at the end.
        start: 0-based row of the first row.
    """

    name: ClassVar[str] = "runs"
    rows: int = 0
    filled: int = 0
    runs: int = 0
    longest: int = 0
    longest_start: int = 0
    first_hash: int = 0
    first: int = 0
    last_hash: int = 0
    last: int = 0
    start: int = 0

    def merge(self, other: Runs) -> Runs:
        if not other.rows:
            return self
        if not self.rows:
            return other
        joined = self.last > 0 and other.first > 0 and self.last_hash == other.first_hash
        bridge = self.last + other.first if joined else 0
        first = bridge if joined and self.first == self.rows else self.first
        last = bridge if joined and other.last == other.rows else other.last
        candidates = [(self.longest, self.longest_start), (other.longest, other.longest_start)]
        if joined:
            candidates.append((bridge, self.start + self.rows - self.last))
        longest, start = max(candidates, key=lambda pair: (pair[0], -pair[1]))
        return Runs(
            self.rows + other.rows, self.filled + other.filled, self.runs + other.runs - joined, longest, start,
            self.first_hash, first, other.last_hash, last, self.start,
        )  # fmt: skip

    def moved(self, rows: int) -> Runs:
        """The rows under other numbers."""
        return replace(self, start=self.start + rows, longest_start=self.longest_start + (rows if self.filled else 0)) if self.rows else self

    def as_json(self) -> dict[str, Any]:
        return dict(self.__dict__)


class RunsMeasure:
    """Measures runs of equal values."""

    name = "runs"
    ordered = True
    whole = False
    state = Runs

    def applies(self, column: Column) -> bool:
        return True

    def of(self, part: Column | Block) -> Runs:
        assert isinstance(part, Column)
        rows = part.rows
        if rows == 0:
            return Runs()
        hashes = part.hashes
        equal = hashes[1:] == hashes[:-1]
        missing = part.is_null
        if part.nulls:
            equal &= ~missing[1:]  # nulls share one hash, and are no run
        filled = rows - part.nulls
        if filled == 0:
            return Runs(rows=rows, start=part.start)
        repeats = np.flatnonzero(equal)  # row r + 1 repeats row r
        if not len(repeats):
            longest, longest_start = 1, int(missing.argmin())
        else:
            ends = np.flatnonzero(np.diff(repeats) != 1)
            begins = np.concatenate(([0], ends + 1))
            lengths = np.diff(np.append(begins, len(repeats)))
            top = int(lengths.argmax())
            longest, longest_start = int(lengths[top]) + 1, int(repeats[begins[top]])
        first = 0 if missing[0] else int(equal.argmin()) + 1 if not equal.all() else rows
        last = 0 if missing[-1] else int(equal[::-1].argmin()) + 1 if not equal.all() else rows
        return Runs(
            rows, filled, filled - len(repeats), longest, part.start + longest_start,
            int(hashes[0]) if first else 0, first, int(hashes[-1]) if last else 0, last, part.start,
        )  # fmt: skip


@dataclass(frozen=True)
class Steps:
    """Steps between consecutive numbers or times (missing ones skipped). Exact; ordered.

    Args:
        n: numbers.
        ups, downs, equals: steps of each kind.
        first, last: first and last number.
        gaps: for times, positive steps by power of two of a microsecond.
    """

    name: ClassVar[str] = "steps"
    n: int = 0
    ups: int = 0
    downs: int = 0
    equals: int = 0
    first: float = 0.0
    last: float = 0.0
    gaps: tuple[int, ...] = ()

    def merge(self, other: Steps) -> Steps:
        if not other.n:
            return self
        if not self.n:
            return other
        step = other.first - self.last
        gaps = [a + b for a, b in zip(self.gaps, other.gaps, strict=True)] if self.gaps and other.gaps else list(self.gaps or other.gaps)
        if gaps and step > 0:
            gaps[_power_of_two(step)] += 1
        return Steps(
            self.n + other.n, self.ups + other.ups + (step > 0), self.downs + other.downs + (step < 0),
            self.equals + other.equals + (step == 0), self.first, other.last, tuple(gaps),
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "gaps": list(self.gaps)}


def _power_of_two(step: float) -> int:
    return min(GAP_BINS - 1, max(0, int(np.frexp(step)[1]) - 1))


class StepsMeasure:
    """Measures steps between consecutive numbers and times."""

    name = "steps"
    ordered = True
    whole = False
    state = Steps

    def applies(self, column: Column) -> bool:
        return column.kind in ("number", "time")

    def of(self, part: Column | Block) -> Steps:
        assert isinstance(part, Column)
        x = part.numbers
        if not len(x):
            return Steps()
        before, after = x[:-1], x[1:]
        ups, downs = int(np.count_nonzero(after > before)), int(np.count_nonzero(after < before))
        gaps: tuple[int, ...] = ()
        if part.kind == "time":
            steps = np.diff(x)
            # The exponent field of an IEEE double is its power of two; ten times faster than a logarithm.
            powers = np.clip((steps[steps > 0].view(np.int64) >> 52) - 1023, 0, GAP_BINS - 1)
            gaps = tuple(np.bincount(powers, minlength=GAP_BINS).tolist())
        return Steps(len(x), ups, downs, len(x) - 1 - ups - downs, float(x[0]), float(x[-1]), gaps)
