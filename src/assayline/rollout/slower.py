"""Whether a challenger answers slower, or fails more often, than the champion beside it.

Null hypothesis: at every bound, the share of calls slower than it (failed ones are slower than all) is in the challenger's arm at most that of the
champion's, where a share of `margin` of the champion's other calls may count as slower too. Promised: over any number of batches the e-value reaches 1/alpha in at most alpha of all
rollouts. Both arms run at the same time, so that a busy hour is no difference. Simulated in `tests/rollout/test_slower.py`.

Source: Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests", JSPI 2024 (arXiv:2106.02693), at each bound of a histogram and averaged over them; for the
stochastic order of latencies Lindon, Sanden and Shirikian, KDD 2022 (arXiv:2205.14762).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .betting import CERTAIN
from .evidence import Batch, Latency
from .restarting import carried

# What is bet on at each bound: which share of the champion's calls is slower, and how many times larger the odds of the challenger's are.
_BASES = np.array([0.0003, 0.002, 0.01, 0.04, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9])
_ODDS = np.array([1.25, 1.8, 4.0, 30.0])


def log_e_slower(champion: Latency, challenger: Latency, margin: float) -> float:
    """The logarithm of the e-value of one batch.

    Args:
        margin: share of the champion's calls that may be slower besides.

    >>> fast, slow = Latency("champion", 1000, 0, {"100": 900, "1000": 100}), Latency("challenger", 1000, 0, {"100": 700, "1000": 300})
    >>> log_e_slower(fast, slow, 0.05) > 10, log_e_slower(fast, fast, 0.05) < 1
    (True, True)
    """
    n, m = challenger.calls, champion.calls
    if not n or not m:
        return 0.0
    slow, usual = _slow(challenger, champion)
    # What the arms are bet to be, against the share both would have together: the one fraction for which the bet is fair whatever that share is.
    raised = _BASES + margin * (1 - _BASES)
    odds = raised / (1 - raised)
    theirs = np.repeat(raised, len(_ODDS))
    ours = (odds[:, None] * _ODDS / (1 + odds[:, None] * _ODDS)).ravel()
    both = (n * ours + m * theirs) / (n + m)
    hit, miss = np.log(ours / both), np.log((1 - ours) / (1 - both))
    # A call of the champion that is no slower counts as `margin` of one that is.
    their_hit, their_miss = np.log(theirs / both), np.log(margin * theirs / both + (1 - margin) * (1 - theirs) / (1 - both))
    logs = slow[:, None] * hit + (n - slow)[:, None] * miss + usual[:, None] * their_hit + (m - usual)[:, None] * their_miss
    top = float(logs.max())
    return min(CERTAIN, top + math.log(float(np.exp(logs - top).mean())))


def slower(batches: Sequence[Batch], margin: float) -> tuple[float, int, float] | None:
    """Over all batches in which both arms answered; None where there is none.

    Returns:
        The logarithm of the e-value, calls of the challenger, and by how much its share of slower calls is larger at the worst bound.
    """
    pairs = [pair for pair in (_arms(batch) for batch in batches) if pair is not None]
    if not pairs:
        return None
    champion, challenger = (_sum([pair[side] for pair in pairs]) for side in (0, 1))
    slow, usual = _slow(challenger, champion)
    worst = float((slow / challenger.calls - usual / champion.calls).max())
    return carried([log_e_slower(one, other, margin) for one, other in pairs]), challenger.calls, max(0.0, worst)


def _arms(batch: Batch) -> tuple[Latency, Latency] | None:
    champion, challenger = ([one for one in batch.latencies if one.arm in arms and one.calls] for arms in (("champion", "holdout"), ("challenger",)))
    return (_sum(champion), _sum(challenger)) if champion and challenger else None


def _sum(parts: Sequence[Latency]) -> Latency:
    histogram: dict[str, int] = {}
    for one in parts:
        for bound, count in one.histogram.items():
            histogram[bound] = histogram.get(bound, 0) + count
    return Latency(parts[0].arm, sum(one.calls for one in parts), sum(one.failures for one in parts), histogram)


def _slow(one: Latency, other: Latency) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """At each bound of either, and for failures alone, the calls that were slower."""
    bounds = sorted({*one.histogram, *other.histogram}, key=float)
    return _tail(one.histogram, bounds, one), _tail(other.histogram, bounds, other)


def _tail(histogram: Mapping[str, int], bounds: Sequence[str], one: Latency) -> npt.NDArray[np.float64]:
    # The largest bound of all has only failures behind it.
    answered = np.cumsum([histogram.get(bound, 0) for bound in bounds]) if bounds else np.zeros(0)
    found: npt.NDArray[np.float64] = np.clip(np.append(one.calls - answered, one.failures), one.failures, one.calls).astype(np.float64)
    return found
