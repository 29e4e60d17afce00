"""Whether whole numbers can have come out of a conversion: counts that doubled are still all sorts of counts, converted ones are multiples."""

from __future__ import annotations

import numpy as np

from .comparison import Floats

LEAST_FACTOR = 1.5  # nearer to 1 nearly every whole number is near a converted one
ON_THE_GRID = 0.9  # share of the numbers that are what some whole number becomes
DECIMALS = 0.005  # converted numbers are written with two decimals at least


def can_be_converted(now: Floats, past: Floats, factor: float, offset: float) -> bool:
    """Whether numbers of today can be whole numbers of the past times a factor, kept as they are, rounded or cut off.

    Args:
        now: numbers of today, all known.
        past: numbers of the past, all known; where they are not whole, nothing can be said and the answer is yes.
        factor: of the conversion, above 0.
        offset: of the conversion.

    >>> past = np.arange(1.0, 20.0)
    >>> can_be_converted(np.round(past * 2.54), past, 2.54, 0.0), can_be_converted(np.arange(2.0, 50.0), past, 2.54, 0.0)
    (True, False)
    >>> can_be_converted(np.round(past / 3.6, 2), past, 1 / 3.6, 0.0), can_be_converted(np.arange(1.0, 6.0), past, 1 / 3.6, 0.0)
    (True, False)
    """
    if 1 / LEAST_FACTOR < factor < LEAST_FACTOR or not len(now) or not bool(np.all(past % 1 == 0)):
        return True
    whole = bool(np.all(now % 1 == 0))
    if factor < 1 and whole:  # small fractions that are whole: only where what was divided are multiples
        made = factor * past + offset
        return bool((np.abs(made - np.round(made)) <= DECIMALS).mean() >= ON_THE_GRID)
    if factor < 2 * DECIMALS:
        return True  # what a whole number becomes is finer than what can be seen
    back = (now - offset) / factor
    nearest, above = factor * np.round(back) + offset, factor * np.ceil(back - 1e-9) + offset
    near = np.abs(now - nearest) <= (0.5 if whole else DECIMALS) + 1e-9
    cut = (above - now >= -1e-9) & (above - now < 1) if whole else near
    return bool(max(near.mean(), cut.mean()) >= ON_THE_GRID)
