"""How far a column of a lot is from what it was, and which of its cells are unlike all before."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from ..trials.laws import Floats
from ..trials.slicing import as_numbers, legible

MOST_VALUES = 50
SURE = 1.63  # of the law of Kolmogorov and Smirnov: reached by chance once in a hundred times
INSIDE = 0.005  # share of the rows of before that lie beyond each bound of the usual range
WIDER = 0.25  # of the distance between those bounds, by which they are moved outwards: the ends of a sample say little of the ends of what it is from
RARE = 0.01  # share of missing cells up to which a missing cell is unusual


def distance(now: pl.Series, before: pl.Series) -> float:
    """How far apart two samples of a column are, 0..1: Kolmogorov and Smirnov for quantities, the variation distance of the shares for everything else.

    >>> distance(pl.Series([1, 2, 3, 4]), pl.Series([1, 2, 3, 4])), distance(pl.Series(["a", "b"]), pl.Series(["a", "a"]))
    (0.0, 0.5)
    """
    if not len(now) or not len(before):
        return 0.0
    if before.dtype.is_numeric() and now.dtype == pl.String:
        now = now.cast(pl.Float64, strict=False)
    missing = abs(now.null_count() / len(now) - before.null_count() / len(before))
    if _quantity(now) and _quantity(before):
        here, there = _known(now), _known(before)
        if not len(here) or not len(there):
            return missing
        places = np.concatenate([here, there])
        gap = np.abs(np.searchsorted(np.sort(here), places, "right") / len(here) - np.searchsorted(np.sort(there), places, "right") / len(there))
        return max(missing, float(gap.max()))
    if not legible(now) or not legible(before):
        return missing
    here_shares, there_shares = _shares(now), _shares(before)
    frequent = sorted(here_shares.keys() | there_shares.keys(), key=lambda value: -max(here_shares.get(value, 0.0), there_shares.get(value, 0.0)))[:MOST_VALUES]
    mine, theirs = [here_shares.get(value, 0.0) for value in frequent], [there_shares.get(value, 0.0) for value in frequent]
    rest = abs((1 - sum(mine)) - (1 - sum(theirs)))
    return max(missing, (sum(abs(a - b) for a, b in zip(mine, theirs, strict=True)) + rest) / 2)


def chance(now: int, before: int) -> float:
    """The distance that two samples of so many rows reach by chance once in a hundred times."""
    return SURE * math.sqrt(1 / now + 1 / before) if now and before else 1.0


def unusual(now: pl.Series, before: pl.Series) -> npt.NDArray[np.bool_]:
    """(rows,) cells that lie outside the earlier range, that say what no cell said before, or that are missing where hardly any was.

    >>> unusual(pl.Series([15.0, 59.0, None]), pl.Series([14.0, 15.0, 16.0, 15.5])).tolist()
    [False, True, True]
    """
    empty = now.is_null().to_numpy()
    flags: npt.NDArray[np.bool_] = empty if len(before) and before.null_count() <= RARE * len(before) else np.zeros(len(now), dtype=bool)
    if before.dtype.is_numeric() and now.dtype == pl.String:  # one cell that is no number makes texts of all
        read = now.cast(pl.Float64, strict=False)
        return np.asarray(unusual(read, before) | (read.is_null().to_numpy() & ~empty))
    if _quantity(now) and _quantity(before):
        known = _known(before)
        if not len(known):
            return flags
        low, high = np.quantile(known, [INSIDE, 1 - INSIDE])
        margin = WIDER * (high - low)
        numbers = as_numbers(now)
        with np.errstate(invalid="ignore"):
            return np.asarray(flags | (numbers < low - margin) | (numbers > high + margin))
    if not legible(now) or not legible(before):
        return flags
    texts = now.cast(pl.String, strict=False)
    seen = before.cast(pl.String, strict=False).drop_nulls().unique()
    return np.asarray(flags | (~texts.is_in(seen.to_list()).fill_null(True).to_numpy() & ~empty)) if len(seen) < len(before) else flags


def scaled(column: pl.Series, before: pl.Series) -> Floats | None:
    """(rows,) a quantity in units of how much it varied before, cut at ten of them; missing cells are in the middle. None for what is no quantity."""
    if not _quantity(column) or not _quantity(before) or not len(known := _known(before)):
        return None
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    width = float(high - low) or float(known.std()) or 1.0
    return np.asarray(np.nan_to_num(np.clip((as_numbers(column) - middle) / width, -10, 10), nan=0.0), dtype=np.float64)


def _quantity(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype.is_temporal()


def _known(column: pl.Series) -> Floats:
    numbers = as_numbers(column)
    return np.asarray(numbers[np.isfinite(numbers)], dtype=np.float64)


def _shares(column: pl.Series) -> dict[str, float]:
    counts = column.cast(pl.String, strict=False).drop_nulls().value_counts()
    return dict(zip(counts[counts.columns[0]].to_list(), (counts[counts.columns[1]] / len(column)).to_list(), strict=True))
