"""Arithmetic as a rule means it: 64-bit floats, and null where there is no finite answer.

Division by zero, a result beyond 1.8e308 and 0/0 are null, so that they neither stop a lot nor pass as a number. Each function takes its
operand once: a guard written as `when(x.is_finite()).then(x)` would hold x twice, and thirty of them within each other a thousand million times.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]


def finite(values: pl.Series) -> pl.Series:
    """The numbers with null for infinities and what is no number."""
    good = values.is_finite()
    return values if good.all() else values.set(~good, None)


def quotient(pair: pl.Series) -> pl.Series:
    """A structure of two numbers in, the first divided by the second out.

    Not by Polars, which multiplies by 1 / x where x is a constant: 3 / 10 would not be 0.3 there.
    """
    left, right = _both(pair)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        result = left / right
    result[np.isinf(result)] = np.nan
    return pl.Series(pair.name, result).fill_nan(None)


def seconds(microseconds: pl.Series) -> pl.Series:
    """Whole microseconds as seconds."""
    return pl.Series(microseconds.name, microseconds.cast(pl.Float64).to_numpy() / 1e6).fill_nan(None)


def remainder(pair: pl.Series) -> pl.Series:
    """What a division leaves, with the sign of the dividend; a structure of two numbers in, a number out."""
    left, right = _both(pair)
    with np.errstate(invalid="ignore", divide="ignore"):
        return pl.Series(pair.name, np.fmod(left, right)).fill_nan(None)


def _both(pair: pl.Series) -> tuple[Floats, Floats]:
    left, right = (pair.struct.field(name).to_numpy() for name in ("left", "right"))  # nulls become NaN
    return left, right


def rounded(values: pl.Series, decimals: int) -> pl.Series:
    """The numbers with so many decimals, halves away from zero; a number too large to have decimals stays as it is."""
    numbers: Floats = values.to_numpy()
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.abs(numbers) * 10.0**decimals
        whole = np.floor(scaled)
        result = np.copysign((whole + (scaled - whole >= 0.5)) / 10.0**decimals, numbers)
    return pl.Series(values.name, np.where(np.isfinite(scaled), result, numbers)).fill_nan(None)
