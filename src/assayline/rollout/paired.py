"""Whether the challenger loses more than the champion on the same rows, batch by batch as labels come.

A batch is one observation, however many rows it has: the difference between two models wobbles from day to day, and a test that counts rows takes each wobble for a proof (with a wobble
of a twentieth of the rows' standard deviation and no difference on average, a valid test of 5,000 rows a day raises a false alarm in 95 % of rollouts of 30 days). Small batches are
taken together until they have 25 pairs.

Null hypothesis of `log_e_worse`: the mean difference of a batch is at most the margin; of `log_e_within`: it is at least the margin. Promised: the e-value reaches 1/alpha in at most
alpha of all rollouts, over any number of batches, if batch means are about normal around their mean; different variances, and rows of a batch that hang together, do no harm. Of
`hard_harm`: within a batch each pair loses at most so much more in expectation, whatever came before it; exact. Simulated in `tests/rollout/test_paired.py`.

Source: sequential t-test with the right-Haar prior and a mixture over effects, Lai 1976 (Annals of Statistics 4); Wang and Ramdas, "Anytime-valid t-tests and confidence sequences for
Gaussian means with unknown variance", 2025 (arXiv:2310.03722); few blocks with different variances: Ibragimov and Müller 2010 (JBES 28); batches as observations: Choe and Ramdas,
"Comparing sequential forecasters" (arXiv:2110.00115); `hard_harm`: Waudby-Smith and Ramdas 2024 (arXiv:2010.09686).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .betting import CERTAIN
from .evidence import Batch, Matured
from .limits import Limits

Floats = npt.NDArray[np.float64]

FEWEST_PAIRS = 25  # of a block: below, the mean of errors is too far from normal
MOST_LOOKS = 60  # of a course: each asks for two bounds, and a year of days would take seconds
# Effects that are bet on, in standard deviations between batches, and how the capital is spread over them; small ones need the most batches.
_EFFECTS: Floats = np.array([0.25, 0.45, 0.8, 1.5, 3.0])
_SPREAD: Floats = np.log(np.array([0.3, 0.3, 0.2, 0.1, 0.1]))
_STEPS: Floats = np.linspace(-6.5, 6.5, 66)
# Of the variance that the rows alone make, what blocks count with at least: few of them may lie close together by chance, or errors be too few to differ. All of it would cost a sixth more rows.
_FLOOR = 0.5
# So many pairs more may have been as different as can be: where errors are rare, none so far is no proof that there are none. With one, a challenger that is worse by a margin of 1 % and
# never better was called within it in 9.5 % of rollouts instead of 5 %.
_UNSEEN = 3.0
# Of the capital against losses, what is bet record by record against hard harm; the rest is bet by batches.
HARD_PART = 0.1
# A batch may wobble: record by record nothing below a fifth of the rows' standard deviation is called harm, four times the wobble that real flows showed.
WOBBLE = 0.2
# Parts of the largest possible stake that are bet record by record.
_STAKES: Floats = np.array([0.01, 0.03, 0.08, 0.2, 0.45, 0.8])


@dataclass(frozen=True)
class Block:
    """One observation: a batch whose labels have come, or small ones together.

    Args:
        name, at: of its last batch.
        batches: how many.
        rows: pairs with a label.
        mean: of (loss of the challenger - loss of the champion).
        variance: of that mean, from the rows alone.
        champion: mean loss of the champion.
        unit: of the loss.
        bound: the largest difference that one pair can show; 0 for none.
    """

    name: str
    at: str
    batches: int
    rows: int
    mean: float
    variance: float
    champion: float
    unit: str
    bound: float = 0.0


def blocks(batches: Sequence[Batch], limits: Limits, segment: str = "") -> tuple[Block, ...]:
    """What may be counted: batches with at least `matured_share` of their labels, oldest first.

    Replayed ones are left out, because the challenger may have learned from their labels.
    """
    found: list[Block] = []
    waiting: list[tuple[Batch, Matured]] = []
    for batch in batches:
        one = next((one for one in batch.matured if one.segment == segment), None)
        if one is None or batch.mode == "replay" or one.rows < 1 or one.rows < limits.matured_share * one.expected:
            continue
        waiting.append((batch, one))
        if sum(each.rows for _, each in waiting) >= FEWEST_PAIRS:
            found.append(_together(waiting))
            waiting = []
    return tuple(found)


def _together(parts: Sequence[tuple[Batch, Matured]]) -> Block:
    last, one = parts[-1]
    if len(parts) == 1:
        return Block(last.name, last.at, 1, one.rows, one.mean, one.sd**2 / one.rows, one.champion, one.unit, one.bound)
    rows = np.array([one.rows for _, one in parts], dtype=np.float64)
    total = float(rows.sum())
    mean, champion = (float((rows * [getattr(one, name) for _, one in parts]).sum() / total) for name in ("mean", "champion"))
    within = float((rows * [one.sd**2 + (one.mean - mean) ** 2 for _, one in parts]).sum() / total)
    return Block(last.name, last.at, len(parts), int(total), mean, within / total, champion, one.unit, one.bound)


def margin_of(found: Sequence[Block], limits: Limits) -> float:
    """How much more may be lost, in units of the loss: what was agreed, or a share of what the champion loses."""
    if limits.margin is not None:
        return limits.margin
    rows = sum(one.rows for one in found)
    return limits.margin_relative * abs(sum(one.rows * one.champion for one in found) / rows) if rows else 0.0


def log_e_worse(found: Sequence[Block], margin: float) -> float:
    """The logarithm of the e-value against "the challenger loses at most `margin` more"."""
    return _log_e([one.mean - margin for one in found], found)


def log_e_within(found: Sequence[Block], margin: float) -> float:
    """The logarithm of the e-value against "the challenger loses at least `margin` more": the proof that it is no worse."""
    return _log_e([margin - one.mean for one in found], found)


def interval(found: Sequence[Block], alpha: float) -> tuple[float, float]:
    """Where the mean difference of a batch is: each bound is wrong in at most alpha of all rollouts, at any time. Infinite where nothing is known yet."""
    if len(found) < 2:
        return -math.inf, math.inf
    needed = -math.log(alpha)
    means = np.array([one.mean for one in found])
    middle, reach = float(means.mean()), 4 * math.sqrt(_spread(means, found)) + 1e-12
    return middle - _reach(lambda far: log_e_worse(found, middle - far), reach, needed), middle + _reach(lambda far: log_e_within(found, middle + far), reach, needed)


def _reach(log_e: Callable[[float], float], reach: float, needed: float) -> float:
    """How far from the middle a value must be for the e-value to exclude it."""
    low, high = 0.0, reach
    for _ in range(40):
        if log_e(high) >= needed:
            break
        low, high = high, 2 * high
    else:
        return math.inf
    for _ in range(30):
        half = (low + high) / 2
        low, high = (low, half) if log_e(half) >= needed else (half, high)
    return high


def course(batches: Sequence[Batch], limits: Limits, segment: str = "") -> tuple[dict[str, Any], ...]:
    """The evidence on losses after each of the last 60 blocks, for people: rows and mean so far, its bounds (None where nothing is known yet) and the margin."""
    found = blocks(batches, limits, segment)
    shown = []
    for end in range(max(1, len(found) - MOST_LOOKS + 1), len(found) + 1):
        part = found[:end]
        low, high = interval(part, limits.alpha_promote)
        rows = sum(one.rows for one in part)
        shown.append({
            "batch": part[-1].name, "at": part[-1].at, "rows": rows, "mean": sum(one.rows * one.mean for one in part) / rows, "low": low if math.isfinite(low) else None,
            "high": high if math.isfinite(high) else None, "margin": margin_of(part, limits), "unit": part[-1].unit,
        })  # fmt: skip
    return tuple(shown)


def hard_margin(margin: float, sd: float, limits: Limits) -> float:
    """From which difference on harm cannot wait for more batches: `hard` times the margin, and more than a batch wobbles by itself.

    Args:
        margin: how much more may be lost.
        sd: standard deviation of the differences, one value a pair.
    """
    return max(limits.hard * margin, WOBBLE * sd)


def hard_harm(differences: npt.ArrayLike, harm: float, bound: float, counts: npt.ArrayLike | None = None) -> float:
    """The logarithm of the e-value against "the challenger loses at most `harm` more", record by record: what `Matured.log_e` keeps.

    Args:
        differences: (pairs,) loss of the challenger - loss of the champion.
        harm: from `hard_margin`.
        bound: the largest difference that one pair can show; 0 for none, and then nothing can be bet.
        counts: how many pairs showed each of them; None for one each.

    >>> import numpy as np
    >>> hard_harm(np.tile([1.0, 0.0, 0.0], 100), harm=0.1, bound=1.0) > 10
    True
    >>> hard_harm(np.tile([1.0, 0.0, -1.0], 100), harm=0.1, bound=1.0) < 0
    True
    """
    values = np.asarray(differences, dtype=np.float64)
    if bound <= 0 or harm >= bound or not len(values):
        return 0.0
    stakes = _STAKES / (bound + harm)
    times = np.ones(len(values)) if counts is None else np.asarray(counts, dtype=np.float64)
    won = np.log1p(stakes[:, None] * (np.clip(values, -bound, bound) - harm)) @ times - math.log(len(stakes))
    top = float(won.max())
    return min(CERTAIN, top + math.log(float(np.exp(won - top).sum())))


def against_losses(found: Sequence[Block], margin: float, hard: float, limits: Limits) -> float:
    """The logarithm of all capital that is bet against the challenger's losses: by batches, from a full cycle on, and record by record for hard harm.

    Args:
        hard: logarithm of the capital from record by record, over all batches.
    """
    by_record = math.log(HARD_PART) + hard
    if sum(one.batches for one in found) < limits.cycle:
        return by_record  # some days of a week say nothing of the others
    by_batch = math.log(1 - HARD_PART) + log_e_worse(found, margin)
    top = max(by_record, by_batch)
    return min(CERTAIN, top + math.log(math.exp(by_record - top) + math.exp(by_batch - top)))


def _spread(means: Floats, found: Sequence[Block]) -> float:
    unseen = _UNSEEN * max(one.bound for one in found) ** 2 / (sum(one.rows for one in found) ** 2 / len(found))
    from_rows = _FLOOR * float(np.mean([one.variance for one in found]))
    return max(float(means.var(ddof=1)) if len(means) > 1 else 0.0, from_rows) + unseen


def _log_e(apart: Sequence[float], found: Sequence[Block]) -> float:
    """The likelihood of the t-statistic of the blocks under effects above nothing, over that under none."""
    count = len(found)
    if not count:
        return 0.0
    rows = np.array([one.rows for one in found], dtype=np.float64)
    weights = np.sqrt(rows / rows.mean())  # a block of few rows is noisier
    values = weights * np.asarray(apart)
    middle = float(values.mean())
    spread = max(float(values.var(ddof=1)) if count > 1 else 0.0, _FLOOR * float((weights**2 * [one.variance for one in found]).mean()))
    spread += _UNSEEN * max(one.bound for one in found) ** 2 / (rows.sum() * rows.mean())
    square = (count - 1) * spread + count * middle**2
    if square <= 0:
        return 0.0
    pulls = np.append(_EFFECTS * (count * middle / math.sqrt(square)), 0.0)
    # The integral over the unknown precision, v**(count - 1) * exp(-v**2 / 2 + v * pull): its peak is known, and around it a plain sum is exact to many digits.
    peaks = (pulls + np.sqrt(pulls**2 + 4 * (count - 1))) / 2
    at = peaks[:, None] + _STEPS
    # Below zero there is no precision.
    logs = np.where(at > 0, (count - 1) * np.log(np.maximum(at, 1e-300)) - at**2 / 2 + pulls[:, None] * at, -np.inf)
    tops = logs.max(axis=1)
    whole = tops + np.log(np.exp(logs - tops[:, None]).sum(axis=1))
    won = whole[:-1] - whole[-1] - count * _EFFECTS**2 / 2 + _SPREAD
    top = float(won.max())
    return min(CERTAIN, top + math.log(float(np.exp(won - top).sum())))
