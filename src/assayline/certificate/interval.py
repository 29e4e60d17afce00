"""The interval around a share of so many tries, exact for every number of them."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
_STEPS = 60  # halvings: 2**-60 is below the last bit of a float between 0 and 1


def interval(hits: int, tries: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The two-sided interval of Clopper and Pearson for the probability behind `hits` of `tries`.

    Null hypothesis: the tries are independent and each hits with the same probability; then the interval holds that probability in at
    least `confidence` of all experiments, whatever it is.

    Args:
        hits: 0..tries.
        tries: 0 says nothing: the interval is (0, 1).
        confidence: 0..1.

    Source: Clopper and Pearson 1934, Biometrika 26.

    >>> [round(end, 4) for end in interval(0, 10)], [round(end, 4) for end in interval(7, 10)]
    ([0.0, 0.3085], [0.3475, 0.9333])
    """
    if not 0 <= hits <= tries:
        raise ValueError(f"hits lie between 0 and the {tries} tries, not at {hits!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence!r}")
    beyond = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _solved(lambda p: at_least(hits, tries, p) < beyond)
    high = 1.0 if hits == tries else _solved(lambda p: 1 - at_least(hits + 1, tries, p) > beyond)
    return low, high


def at_least(hits: int, tries: int, p: float) -> float:
    """The probability of so many hits or more.

    >>> round(at_least(1, 2, 0.5), 3)
    0.75
    """
    if hits <= 0:
        return 1.0
    if p <= 0 or p >= 1:
        return 0.0 if p <= 0 else 1.0
    logs = (math.log(p), math.log1p(-p), math.lgamma(tries + 1))
    return min(1.0, math.fsum(math.exp(logs[2] - math.lgamma(k + 1) - math.lgamma(tries - k + 1) + k * logs[0] + (tries - k) * logs[1]) for k in range(hits, tries + 1)))


def _solved(below: object) -> float:
    """The point between 0 and 1 up to which `below` is true."""
    assert callable(below)
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2
