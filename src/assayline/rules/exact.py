"""Sums of floats without any rounding, so that the pieces a table is read in cannot change the verdict.

A float is a whole number of 53 bits times a power of two. Whole numbers of the same power are added by the million, and what is left is
one addition of Python's integers for each power that occurs: exact, and the same in whatever order (compare Neal 2015, arXiv:1505.05571).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SCALE = 1_130  # powers of two by which everything is multiplied: the smallest float is 2**-1074, and frexp shifts it by up to 53 more
_HALF = 26  # bits; sums of halves stay below 2**53, where float addition is exact, for 2**26 rows
_MOST = 1 << 25  # rows added at a time


def scaled_sum(values: npt.NDArray[np.float64]) -> int:
    """The sum of finite numbers times 2**SCALE.

    >>> scaled_sum(np.array([1e308, 1.0, -1e308])) == 1 << SCALE
    True
    """
    return sum(_few(values[begin : begin + _MOST]) for begin in range(0, len(values), _MOST))


def _few(values: npt.NDArray[np.float64]) -> int:
    parts, powers = np.frexp(values)
    whole = np.ldexp(parts, 53).astype(np.int64)
    least = int(powers.min())
    index = powers.astype(np.int64) - least
    high = np.bincount(index, weights=(whole >> _HALF).astype(np.float64))
    low = np.bincount(index, weights=(whole & ((1 << _HALF) - 1)).astype(np.float64))
    total = 0
    for power in np.flatnonzero((high != 0) | (low != 0)).tolist():
        total += ((int(high[power]) << _HALF) + int(low[power])) << (power + least - 53 + SCALE)
    return total


def divided(scaled: int, count: int) -> float | None:
    """The number nearest to a scaled sum divided by a count; None when no float is that large."""
    try:
        return scaled / (count << SCALE)  # division of Python's integers is rounded once, correctly
    except OverflowError:
        return None
