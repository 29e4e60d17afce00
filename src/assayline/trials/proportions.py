"""Intervals around shares: of one group, of a difference between two groups, and of a difference between two answers to the same rows.

Null hypothesis: rows are independent and each hits with one probability. Promised: an interval of confidence c holds the true value in about c of
all experiments (these are score intervals: close to c on average, never far below; Newcombe 1998 tabulates them), `exact` in at least c.
Simulated in `tests/trials/test_proportions.py`.

Source: Wilson 1927 (JASA 22); Newcombe 1998 (Statistics in Medicine 17, 873-890, method 10); Tango 1998 (Statistics in Medicine 17, 891-908);
Clopper and Pearson 1934 (Biometrika 26).
"""

from __future__ import annotations

import math

from .laws import beta_below, normal_quantile


def wilson(hits: float, tries: float, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided score interval of one share.

    Args:
        hits: 0..tries.
        tries: 0 says nothing: the interval is (0, 1).
        confidence: 0..1.

    >>> [round(end, 4) for end in wilson(7, 10)], wilson(0, 0)
    ([0.3968, 0.8922], (0.0, 1.0))
    """
    if tries <= 0:
        return 0.0, 1.0
    z = normal_quantile((1 + confidence) / 2)
    share, spread = hits / tries, z * z / tries
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / tries + spread / (4 * tries)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def exact(hits: int, tries: int, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided interval of Clopper and Pearson; holds the share in at least `confidence` of all experiments.

    >>> [round(end, 4) for end in exact(0, 10)], [round(end, 4) for end in exact(7, 10)]
    ([0.0, 0.3085], [0.3475, 0.9333])
    """
    if tries <= 0:
        return 0.0, 1.0
    beyond = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _where(lambda p: beta_below(p, hits, tries - hits + 1), beyond)
    high = 1.0 if hits == tries else _where(lambda p: beta_below(p, hits + 1, tries - hits), 1 - beyond)
    return low, high


def _where(rising: object, level: float) -> float:
    assert callable(rising)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return (low + high) / 2


def newcombe(hits: float, tries: float, other_hits: float, other_tries: float, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided interval of the first share minus the second one, of two separate groups.

    >>> [round(end, 4) for end in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    if tries <= 0 or other_tries <= 0:
        return -1.0, 1.0
    share, other = hits / tries, other_hits / other_tries
    (low, high), (other_low, other_high) = wilson(hits, tries, confidence), wilson(other_hits, other_tries, confidence)
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    return share - other - below, share - other + above


def tango(only_first: int, only_second: int, rows: int, confidence: float = 0.90) -> tuple[float, float]:
    """The two-sided interval of the first share minus the second, where both answered the same rows.

    Args:
        only_first: rows in which only the first one hits.
        only_second: rows in which only the second one hits.
        rows: all rows, above 0.
        confidence: 0.90 gives the bounds of two one-sided tests at 5 %.

    >>> [round(end, 4) for end in tango(12, 2, 100, 0.95)]
    [0.031, 0.1819]
    """
    z = normal_quantile((1 + confidence) / 2)
    estimate = (only_first - only_second) / rows

    def score(difference: float) -> float:
        a = 2 * rows
        b = -only_first - only_second + (2 * rows - only_first + only_second) * difference
        c = -only_second * difference * (1 - difference)
        second = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
        variance = rows * (2 * second + difference * (1 - difference))
        gap = only_first - only_second - rows * difference
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    low, high = -1.0, estimate
    for _ in range(60):  # the score falls from the left to the estimate, where it is 0, and on to the right
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > z else (low, middle)
    left = high
    low, high = estimate, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > -z else (low, middle)
    return left, low
