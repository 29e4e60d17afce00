"""What a rule asks of the whole lot, as states that merge: a table read in pieces gives the same value as the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import numpy as np
import polars as pl

from assayline.errors import MisuseError

from .exact import divided, scaled_sum
from .limits import DISTINCT

Value: TypeAlias = float | str | datetime | bool | None


@dataclass(frozen=True)
class Counted:
    """Rows, and those of them that count: for `count(*)`, `count(x)` and `share(x)`."""

    rows: int = 0
    hits: int = 0
    share: bool = False

    def merge(self, other: Counted) -> Counted:
        return Counted(self.rows + other.rows, self.hits + other.hits, self.share or other.share)

    def value(self) -> Value:
        if not self.share:
            return float(self.hits)
        return self.hits / self.rows if self.rows else None


@dataclass(frozen=True)
class Summed:
    """An exact sum and how many numbers are in it, for `sum(x)` and `avg(x)`."""

    scaled: int = 0
    count: int = 0
    mean: bool = False
    infinite: bool = False

    def merge(self, other: Summed) -> Summed:
        return Summed(self.scaled + other.scaled, self.count + other.count, self.mean or other.mean, self.infinite or other.infinite)

    def value(self) -> Value:
        if self.infinite or not self.count:
            return None
        return divided(self.scaled, self.count if self.mean else 1)


@dataclass(frozen=True)
class Extreme:
    """The smallest or the largest value so far."""

    largest: bool
    found: float | str | datetime | None = None

    def merge(self, other: Extreme) -> Extreme:
        both = [one for one in (self.found, other.found) if one is not None]
        return Extreme(self.largest, (max if self.largest else min)(both, default=None))

    def value(self) -> Value:
        return self.found


@dataclass(frozen=True)
class Different:
    """64 bits of each different value for `count(distinct x)`: two of ten million values coincide once in 400,000 lots.

    Args:
        hashes: of the values so far, each once.
        waiting: of later pieces; put among the others once they are as many, so that each is moved a few times only.
    """

    hashes: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.UInt64))
    waiting: tuple[pl.Series, ...] = ()

    def merge(self, other: Different) -> Different:
        waiting = (*self.waiting, other.hashes, *other.waiting)
        if sum(map(len, waiting)) < len(self.hashes):
            return Different(self.hashes, waiting)
        both = pl.concat([self.hashes, *waiting]).unique()
        if len(both) > DISTINCT:
            raise MisuseError(
                f"count(distinct …) met more than {DISTINCT:,} different values: compare count(x) with count(*), or ask for less"
            )
        return Different(both)

    def value(self) -> Value:
        return float(pl.concat([self.hashes, *self.waiting]).n_unique())


State: TypeAlias = Counted | Summed | Extreme | Different


def joined(before: State, added: State) -> State:
    """The state of two pieces, of which each gave one for the same aggregate."""
    match before, added:
        case Counted(), Counted():
            return before.merge(added)
        case Summed(), Summed():
            return before.merge(added)
        case Extreme(), Extreme():
            return before.merge(added)
        case Different(), Different():
            return before.merge(added)
        case _:
            raise TypeError(f"{type(before).__name__} and {type(added).__name__} are states of different aggregates")


def state_of(name: str, distinct: bool, values: pl.Series | None, rows: int) -> State:
    """What one piece adds.

    Args:
        name: the aggregate.
        distinct: only different values count.
        values: the argument in the rows of the piece; None in `count(*)`.
        rows: of the piece.
    """
    if values is None:
        return Counted(rows, rows)
    if name == "share":
        return Counted(rows, int(values.sum() or 0), share=True)
    filled = values.drop_nulls()
    if name == "count" and distinct:
        if filled.dtype == pl.Float64:
            filled = filled + 0.0  # -0 is no value of its own
        return Different().merge(Different(filled.hash(0)))
    if name == "count":
        return Counted(rows, len(filled))
    if name in ("min", "max"):
        found = None if filled.dtype == pl.Null else filled.max() if name == "max" else filled.min()
        return Extreme(name == "max", found)  # type: ignore[arg-type]  # numbers, texts and times only
    numbers = filled.to_numpy()
    finite = numbers[np.isfinite(numbers)]
    return Summed(scaled_sum(finite) if len(finite) else 0, len(numbers), name == "avg", len(finite) < len(numbers))
