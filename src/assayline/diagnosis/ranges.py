"""Between which bounds a measure lies while all is well, from what it was.

Null hypothesis: the new value comes from where the past values came from (one value per lot; lots independent of each other, but for a steady trend).
Promised: a healthy value lies outside in at most `error` of all lots for normal values, however few the past ones are; in at most about three times that for tails as
heavy as Student's t with 3 degrees of freedom. Simulated in `tests/diagnosis/test_ranges.py`. Few values give wide bounds: that is the price of the promise.

Source: the predictive distribution of the next normal value, Student's t (Hahn and Meeker 1991, Statistical Intervals, 4.7); Mann 1945, Theil 1950 and Sen 1968 for a trend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..trials.laws import Floats, normal_above, student_above, student_quantile

ERROR = 0.01
RELATIVE = 0.02  # of the usual level: a smaller move than this is nobody's symptom, however steady the past was
FAR = 10.0  # robust standard deviations from the middle beyond which a past value was an incident of its own: a healthy one of t(3) gets there once in 1,000 times
TREND = 8  # past values from which a trend, and incidents among them, are looked for: fewer give no scale to see them by
TREND_P = 0.01


def bounds(
    past: Sequence[float], *, error: float = ERROR, relative: float = RELATIVE, floor: float = 0.0, sampling: Sequence[float] = (), sampling_now: float = 0.0
) -> tuple[float, float]:
    """The smallest and the largest value that are still well.

    Args:
        past: values of good lots, oldest first; those that are not finite are left out.
        error: 0..1, promised share of healthy values outside.
        relative: least distance of each bound from the usual level, as a share of that level.
        floor: least distance in units of the measure.
        sampling: standard error of each past value from its lot's own rows; what the past varies by beyond that is the spread between lots. () where unknown: then
            the new lot is taken to be about as large as those before.
        sampling_now: standard error of the new value from its own rows.

    Returns:
        (low, high); without a past (-inf, inf). From one value: half of it on either side, which promises nothing.

    >>> low, high = bounds([41.0, 40.2, 42.1, 41.5, 40.7, 41.9, 40.9, 41.3])
    >>> round(low, 1), round(high, 1)
    (38.9, 43.5)
    """
    if not 0 < error < 1:
        raise ValueError(f"the share of healthy values outside lies between 0 and 1, and is not {error!r}")
    values, errors = _finite(past, sampling)
    if not len(values):
        return -math.inf, math.inf
    centre, scale, freedom, kept = _predicted(values, errors, sampling_now)
    least = max(floor, relative * abs(centre))
    if len(values) == 1:
        least = max(least, abs(centre) / 2)
        return centre - least, centre + least
    reach = max(least, student_quantile(1 - error / 2, freedom) * scale)
    # What was well in the past is well: this is what holds heavy tails, where no multiple of a scale does.
    return min(centre - reach, float(kept.min())), max(centre + reach, float(kept.max()))


def moved(now: float, past: Sequence[float], *, sampling: Sequence[float] = (), sampling_now: float = 0.0) -> tuple[float, str]:
    """How surprising a value is after those before it.

    Args:
        now: the new value.
        past: values of good lots, oldest first.
        sampling, sampling_now: as for `bounds`.

    Returns:
        The two-sided p-value of the null hypothesis above, 0..1 (1 where there are fewer than two past values), and "up", "down" or "" where nothing moved.

    >>> moved(63.0, [41.0, 40.2, 42.1, 41.5, 40.7])
    (1.06...e-05, 'up')
    """
    values, errors = _finite(past, sampling)
    if len(values) < 2 or not math.isfinite(now):
        return 1.0, ""
    centre, scale, freedom, _ = _predicted(values, errors, sampling_now)
    direction = "up" if now > centre else "down" if now < centre else ""
    if scale == 0:
        return (1.0 if not direction else 0.0), direction
    return min(1.0, 2 * student_above(abs(now - centre) / scale, freedom)), direction


def _finite(past: Sequence[float], sampling: Sequence[float]) -> tuple[Floats, Floats]:
    if len(sampling) not in (0, len(past)):
        raise ValueError(f"{len(past)} past values have {len(sampling)} standard errors; give one for each, or none")
    values = np.asarray(past, dtype=np.float64)
    errors = np.asarray(sampling, dtype=np.float64) if len(sampling) else np.zeros(len(values))
    good = np.isfinite(values) & np.isfinite(errors)
    return values[good], errors[good]


def _predicted(values: Floats, errors: Floats, error_now: float) -> tuple[float, float, float, Floats]:
    """Where the next value is expected, its standard deviation, the degrees of freedom of that, and the values that count as healthy, moved to now."""
    slope = _slope(values)
    level = values + slope * (len(values) - np.arange(len(values)))  # each as it would be today
    middle = float(np.median(level))
    spread = 1.4826 * float(np.median(np.abs(level - middle)))
    healthy = np.abs(level - middle) <= FAR * spread if spread > 0 and len(level) >= TREND else np.ones(len(level), dtype=bool)
    kept, own = level[healthy], errors[healthy]
    count, lost = len(kept), 2 if slope else 1
    freedom = float(max(1, count - lost))
    centre = float(kept.mean())
    seen = float(((kept - centre) ** 2).sum()) / freedom
    between = max(0.0, seen - float((own**2).mean()))
    single = seen if error_now == 0 and not own.any() else between + error_now**2
    # The end of a line that was fitted to n values is known four times worse than their mean is.
    return centre, math.sqrt(single + (4.0 if slope else 1.0) * seen / count), freedom, kept


def _slope(values: Floats) -> float:
    """By how much the values grow from one to the next, if they surely do; else 0."""
    count = len(values)
    if count < TREND:
        return 0.0
    later, earlier = np.triu_indices(count, 1)[::-1]
    steps = values[later] - values[earlier]
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    if 2 * normal_above((abs(float(np.sign(steps).sum())) - 1) / spread) > TREND_P:
        return 0.0
    return float(np.median(steps / (later - earlier)))
