"""Level, spread and shape of numbers, and their extremes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .block import Block, Column


@dataclass(frozen=True)
class Moments:
    """Central moments of the finite numbers; exact up to rounding (relative 1e-9 under any order of merging).

    Times are in microseconds since 1970. Merging: Chan, Golub and LeVeque 1979; third and fourth: Pébay 2008.

    Args:
        n: how many finite numbers.
        mean: their mean.
        m2, m3, m4: sums of the 2nd to 4th powers of the deviations from the mean.
        low, high: smallest and largest; infinities of the right sign when n is 0.
        zeros, negatives, whole: how many are zero, below zero, and whole numbers.
    """

    name: ClassVar[str] = "moments"
    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    zeros: int = 0
    negatives: int = 0
    whole: int = 0

    def merge(self, other: Moments) -> Moments:
        if not other.n:
            return self
        if not self.n:
            return other
        na, nb, n = self.n, other.n, self.n + other.n
        d = other.mean - self.mean
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self.mean + d * nb / n
            m2 = self.m2 + other.m2 + d * d * na * nb / n
            m3 = self.m3 + other.m3 + _power(d, 3) * na * nb * (na - nb) / n**2 + 3 * d * (na * other.m2 - nb * self.m2) / n
            m4 = (
                self.m4 + other.m4 + _power(d, 4) * na * nb * (na * na - na * nb + nb * nb) / n**3
                + 6 * d * d * (na * na * other.m2 + nb * nb * self.m2) / n**2 + 4 * d * (na * other.m3 - nb * self.m3) / n
            )  # fmt: skip
        return Moments(
            n, mean, m2, m3, m4, min(self.low, other.low), max(self.high, other.high),
            self.zeros + other.zeros, self.negatives + other.negatives, self.whole + other.whole,
        )  # fmt: skip

    @property
    def sd(self) -> float:
        """Standard deviation (n - 1); 0 for fewer than two numbers."""
        return math.sqrt(self.m2 / (self.n - 1)) if self.n > 1 and self.m2 > 0 else 0.0

    @property
    def skewness(self) -> float:
        return math.sqrt(self.n) * self.m3 / self.m2**1.5 if self.m2 > 0 and math.isfinite(self.m3) else 0.0

    @property
    def excess_kurtosis(self) -> float:
        return self.n * self.m4 / (self.m2 * self.m2) - 3 if self.m2 > 0 and math.isfinite(self.m4) else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n, "mean": self.mean, "m2": self.m2, "m3": self.m3, "m4": self.m4, "low": self.low, "high": self.high,
            "zeros": self.zeros, "negatives": self.negatives, "whole": self.whole,
        }  # fmt: skip


CACHED = 16_384  # numbers whose deviations fit into the second-level cache; four times faster than whole blocks


def _power(x: float, n: int) -> float:
    try:
        return x**n
    except OverflowError:
        return math.copysign(math.inf, x) if n % 2 else math.inf


class MomentsMeasure:
    """Measures the moments of numbers and times."""

    name = "moments"
    ordered = False
    whole = False
    state = Moments

    def applies(self, column: Column) -> bool:
        return column.kind in ("number", "time")

    def of(self, part: Column | Block) -> Moments:
        assert isinstance(part, Column)
        x = part.numbers
        n = len(x)
        if n == 0:
            return Moments()
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = float(x.min()), float(x.max())
            mean = float(x.mean())
            if not math.isfinite(mean):
                mean = float((x / n).sum())
            mean = min(max(mean, low), high)  # rounding may put the mean of equal numbers beside them
            m2 = m3 = m4 = 0.0
            for begin in range(0, n, CACHED):
                d = x[begin : begin + CACHED] - mean
                d2 = d * d
                d *= d2  # no np.dot: a BLAS with threads of its own fights with ours
                m2, m3 = m2 + float(d2.sum()), m3 + float(d.sum())
                d2 *= d2
                m4 += float(d2.sum())
            integral = part.typed.dtype.is_integer() if part.kind == "number" else True
            whole = n if integral else int(np.count_nonzero(x == np.rint(x)))
        return Moments(
            n, mean, m2, m3, m4, low, high, n - int(np.count_nonzero(x)), int(np.count_nonzero(x < 0)) if low < 0 else 0, whole
        )
