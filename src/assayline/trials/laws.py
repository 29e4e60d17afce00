"""Probabilities and quantiles of the laws that trials promise their error rates by: normal, Student's t, binomial, hypergeometric."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_NORMAL = NormalDist()
_LEAST = 1e-300  # Lentz's algorithm: stands for zero in a denominator (Press et al., Numerical Recipes, 6.4)
_MANY = 1e7  # degrees of freedom beyond which Student's t is the normal law to ten digits


def normal_above(z: float) -> float:
    """The probability that a standard normal value exceeds z.

    >>> round(normal_above(1.6448536), 6)
    0.05
    """
    return 0.5 * math.erfc(z / math.sqrt(2))


def normal_quantile(p: float) -> float:
    """The value below which a standard normal one lies with probability p, 0 < p < 1 (Wichura 1988, AS 241).

    >>> round(normal_quantile(0.95), 6)
    1.644854
    """
    return _NORMAL.inv_cdf(p)


def student_above(t: float, freedom: float) -> float:
    """The probability that a value of Student's t exceeds t.

    Args:
        t: any number.
        freedom: degrees of freedom, above 0.

    >>> round(student_above(2.0, 10), 6)
    0.036694
    """
    if math.isnan(t):
        return math.nan
    if freedom > _MANY or math.isinf(t):
        return normal_above(t)
    beyond = 0.5 * beta_below(freedom / (freedom + t * t), freedom / 2, 0.5)
    return beyond if t > 0 else 1 - beyond


@lru_cache(maxsize=4096)
def student_quantile(p: float, freedom: float) -> float:
    """The value below which a value of Student's t lies with probability p, 0 < p < 1.

    >>> round(student_quantile(0.95, 10), 6)
    1.812461
    """
    if freedom > _MANY:
        return normal_quantile(p)
    if p < 0.5:
        return -student_quantile(1 - p, freedom)
    low, high = 0.0, 2.0
    while student_above(high, freedom) > 1 - p:
        low, high = high, high * 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_above(middle, freedom) > 1 - p else (low, middle)
    return (low + high) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: the probability that a Beta(a, b) value lies below x.

    Source: the continued fraction of DLMF 8.17.22, evaluated by Lentz's method.

    >>> round(beta_below(0.3, 2, 5), 6)
    0.579825
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front * _fraction(x, a, b) / a if x < (a + 1) / (a + b + 2) else 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        for step in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d, c = 1 / _off_zero(1 + step * d), _off_zero(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _off_zero(value: float) -> float:
    return value if abs(value) > _LEAST else _LEAST


def binomial_at_least(hits: int, tries: int, p: float) -> float:
    """The probability of so many hits or more.

    >>> round(binomial_at_least(1, 2, 0.5), 6)
    0.75
    """
    return 1.0 if hits <= 0 else 0.0 if hits > tries else beta_below(p, hits, tries - hits + 1)


def binomial_exactly(hits: int, tries: int, p: float) -> float:
    """The probability of exactly so many hits, 0 < p < 1.

    >>> round(binomial_exactly(1, 2, 0.5), 6)
    0.5
    """
    ways = math.lgamma(tries + 1) - math.lgamma(hits + 1) - math.lgamma(tries - hits + 1)
    return math.exp(ways + hits * math.log(p) + (tries - hits) * math.log1p(-p))


def hypergeometric_mid_above(hits: int, drawn: int, marked: int, total: int) -> float:
    """The mid-p probability that so many or more of the drawn ones are marked: half of the probability of exactly so many counts.

    Args:
        hits: marked ones among the drawn.
        drawn, marked: how many of `total` are drawn, and how many are marked.

    >>> round(hypergeometric_mid_above(3, 5, 5, 10), 6)
    0.301587
    """
    most = min(drawn, marked)
    counts = np.arange(hits, most + 1, dtype=np.float64)
    logs = np.array([_ways(marked, k) + _ways(total - marked, drawn - k) - _ways(total, drawn) for k in counts])
    chances = np.exp(logs)
    return float(min(1.0, chances.sum() - chances[0] / 2))


def _ways(total: float, chosen: float) -> float:
    if chosen < 0 or chosen > total:
        return -math.inf
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
