"""What rows may have in common, as conditions in words: one value, one bin of a number, an hour, a day, a missing cell; and pairs of these."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ..trials.laws import Floats
from ..trials.slicing import as_numbers, legible

Mask = npt.NDArray[np.bool_]
BINS = 5
MOST_VALUES = 60  # of a column, those that carry most
FEW_VALUES = 200  # different whole numbers up to which each is a name (a station, a store) besides being a quantity
RESOLUTION = 1e-9


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with something in common.

    Args:
        words: the conditions: ("station = 3", "hour of time = 5").
        columns: they read.
        now: (rows of the lot,) where they hold.
        before: (rows of before,) where they hold.
        same: other single conditions that hold for exactly these rows of the lot.
    """

    words: tuple[str, ...]
    columns: tuple[str, ...]
    now: Mask
    before: Mask
    same: tuple[str, ...] = ()

    def both(self, other: Rows) -> Rows:
        """Rows that meet the conditions of both."""
        return Rows((*self.words, *other.words), (*self.columns, *other.columns), self.now & other.now, self.before & other.before)


def singles(now: pl.DataFrame, before: pl.DataFrame, weight: Floats, columns: Sequence[str]) -> Iterator[Rows]:
    """Single conditions.

    Args:
        now: the lot.
        before: rows of before; may have no rows, and may lack columns.
        weight: (rows of the lot,) at least 0: how much each row carries, 0 for those that are not searched; conditions come from rows that carry something.
        columns: of `now` that may describe rows.
    """
    for name in columns:
        column = now.get_column(name)
        if not legible(column) or column.null_count() == now.height:
            continue
        earlier = before.get_column(name) if name in before.columns else pl.Series(name, [None] * before.height, dtype=column.dtype)
        yield from _of_column(column, earlier, weight)


def _of_column(column: pl.Series, earlier: pl.Series, weight: Floats) -> Iterator[Rows]:
    name = column.name
    if column.null_count():
        yield Rows((f"{name} is missing",), (name,), column.is_null().to_numpy(), earlier.is_null().to_numpy())
    if column.dtype.is_temporal():
        if column.dtype in (pl.Datetime, pl.Time) or isinstance(column.dtype, pl.Datetime):
            yield from _values(f"hour of {name}", name, _part(column, "hour"), _part(earlier, "hour"), weight)
        if isinstance(column.dtype, pl.Datetime):
            yield from _values(f"day of {name}", name, _part(column, "day"), _part(earlier, "day"), weight)
        elif column.dtype == pl.Date:
            yield from _values(name, name, column.cast(pl.String), _part(earlier, "day"), weight)
    elif column.dtype.is_numeric():
        known = as_numbers(column)
        different = np.unique(known[np.isfinite(known)])
        if len(different) <= 2 * BINS or (column.dtype.is_integer() and len(different) <= FEW_VALUES):
            yield from _values(name, name, _written(column), _written(earlier), weight)
    else:
        yield from _values(name, name, column.cast(pl.String, strict=False), earlier.cast(pl.String, strict=False), weight)
        return
    yield from _bins(column, earlier)


def _part(column: pl.Series, part: str) -> pl.Series:
    if column.dtype == pl.Null or not column.dtype.is_temporal():
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    return column.dt.hour().cast(pl.String) if part == "hour" else column.cast(pl.Date).cast(pl.String)


def _written(column: pl.Series) -> pl.Series:
    """Numbers as people write them, so that 3 and 3.0 are one value."""
    numbers = as_numbers(column)
    return pl.Series(column.name, [f"{value:.12g}" if math.isfinite(value) else None for value in numbers.tolist()], dtype=pl.String)


def _values(shown: str, name: str, texts: pl.Series, earlier: pl.Series, weight: Floats) -> Iterator[Rows]:
    """The values that carry most; none where there is only one."""
    carried = pl.DataFrame({"value": texts, "weight": weight}).filter(pl.col("value").is_not_null()).group_by("value").agg(pl.col("weight").sum())
    if carried.height < 2:
        return
    for value in carried.filter(pl.col("weight") > RESOLUTION).sort("weight", "value", descending=[True, False]).head(MOST_VALUES).get_column("value").to_list():
        yield Rows((f"{shown} = {value}",), (name,), (texts == value).fill_null(False).to_numpy(), (earlier == value).fill_null(False).to_numpy())


def _bins(column: pl.Series, earlier: pl.Series) -> Iterator[Rows]:
    """A fifth of the rows each; the edges are those of the lot, for that is what is described."""
    numbers = as_numbers(column)
    then = as_numbers(earlier) if earlier.dtype.is_numeric() or earlier.dtype == column.dtype else np.full(len(earlier), np.nan)
    known = numbers[np.isfinite(numbers)]
    if len(np.unique(known)) <= 2 * BINS:
        return
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="higher"))
    for low, high in zip([-math.inf, *edges], [*edges, math.inf], strict=True):
        words = _between(column, low, high)
        yield Rows((words,), (column.name,), np.asarray((numbers >= low) & (numbers < high)), np.asarray((then >= low) & (then < high)))


def _between(column: pl.Series, low: float, high: float) -> str:
    name = column.name
    if math.isinf(low):
        return f"{name} < {_shown(column, high)}"
    if math.isinf(high):
        return f"{name} ≥ {_shown(column, low)}"
    return f"{_shown(column, low)} ≤ {name} < {_shown(column, high)}"


def _shown(column: pl.Series, value: float) -> str:
    if column.dtype.is_temporal():
        return str(pl.Series([int(value)]).cast(column.to_physical().dtype).cast(column.dtype)[0])
    return f"{value:.6g}"
