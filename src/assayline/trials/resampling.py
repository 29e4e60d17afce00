"""The paired bootstrap: how much the difference between two versions would vary with other rows of the same kind.

Blocks (groups of rows that belong together, or single rows) are drawn with replacement, the same draw for both versions.
Null hypothesis of what is built on it: blocks are independent and alike. At most `MOST_BLOCKS` blocks are drawn from: more of them are first put
into that many random bags, which keeps the variance of anything smooth and bounds the cost by a constant.

Source: Efron and Tibshirani 1993, chapter 6; Davison and Hinkley 1997, 3.8 (blocks).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .laws import Floats
from .metrics import Metric
from .scored import Scored

RESAMPLES = 1000  # the 5 % points of a thousand are known to ±0.7 % (binomial), see the research on gating
MOST_BLOCKS = 20_000
CELLS_AT_ONCE = 2_000_000  # weights held in memory at once, 8 MB
# Metrics that need all rows anew for each resample: fewer resamples on large sets, so that a comparison stays near a second. The interval leans on
# the standard error then, which 100 resamples give to ±7 %.
CELLS_OF_RANKINGS, FEWEST_RESAMPLES = 20_000_000, 100


def differences(candidate: Scored, champion: Scored, metric: Metric, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[Floats, int]:
    """The metric of the candidate minus that of the champion in each resample, and the number of blocks drawn from.

    Args:
        candidate, champion: answers to the same rows; groups are those of the candidate.
        resamples: how many; fewer are done of rankings over more than 20,000 rows.
        seed: the same seed gives the same resamples.

    Returns:
        (resamples,) differences, not oriented, NaN where a resample leaves the metric undefined; number of blocks (groups, or rows).
    """
    groups = candidate.groups
    blocks = len(candidate) if groups is None else int(groups.max(initial=-1)) + 1
    rng = np.random.default_rng(seed)
    if metric.of_means is not None:
        return _of_sums(candidate, champion, metric, groups, blocks, resamples, rng), blocks
    drawn_from, block_of = _bags(groups, blocks, len(candidate), rng)
    resamples = min(resamples, max(FEWEST_RESAMPLES, CELLS_OF_RANKINGS // max(1, len(candidate))))
    if metric.weighted is not None:
        first, second = metric.weighted(candidate), metric.weighted(champion)
        parts = []
        for weights in _weights(drawn_from, resamples, rng, len(candidate)):
            of_rows = weights if block_of is None else np.take(weights, block_of, axis=1)
            parts.append(first(of_rows) - second(of_rows))
        return np.concatenate(parts), blocks
    assert metric.influence is not None
    gap = metric.influence(candidate)[1] - metric.influence(champion)[1]
    sums = gap if block_of is None else np.bincount(block_of, gap, minlength=drawn_from)
    estimate = metric.influence(candidate)[0] - metric.influence(champion)[0]
    return np.concatenate([estimate + weights @ sums / len(candidate) for weights in _weights(drawn_from, resamples, rng, drawn_from)]), blocks


def _of_sums(
    candidate: Scored, champion: Scored, metric: Metric, groups: npt.NDArray[np.int64] | None, blocks: int, resamples: int, rng: np.random.Generator
) -> Floats:
    assert metric.terms is not None
    assert metric.of_means is not None
    ours, theirs = metric.terms(candidate), metric.terms(champion)
    width = ours.shape[1]
    terms = np.column_stack([ours, theirs, np.ones(len(candidate))])
    if groups is None and metric.of_decisions:
        # Few kinds of rows: (truth, one decision, the other). How often each is drawn is multinomial, which is the same bootstrap without the rows.
        count = len(candidate.classes)
        kinds = (candidate.y.astype(np.int64) * count + candidate.decided) * count + champion.decided
        _, example, often = np.unique(kinds, return_index=True, return_counts=True)
        sums = rng.multinomial(len(candidate), often / often.sum(), size=resamples) @ terms[example]
    else:
        drawn_from, block_of = _bags(groups, blocks, len(candidate), rng)
        if block_of is not None:
            terms = np.column_stack([np.bincount(block_of, column, minlength=drawn_from) for column in terms.T])
        sums = np.concatenate([weights @ terms for weights in _weights(drawn_from, resamples, rng, drawn_from)])
    means = sums[:, :-1] / sums[:, -1:]
    return metric.of_means(means[:, :width]) - metric.of_means(means[:, width:])


def _bags(groups: npt.NDArray[np.int64] | None, blocks: int, rows: int, rng: np.random.Generator) -> tuple[int, npt.NDArray[np.int64] | None]:
    """What is drawn from, and in which of it each row lies; None where each row is its own."""
    if blocks <= MOST_BLOCKS:
        return blocks, groups
    bags = rng.permutation(blocks) % MOST_BLOCKS
    return MOST_BLOCKS, bags if groups is None else bags[groups]


def _weights(blocks: int, resamples: int, rng: np.random.Generator, width: int) -> Iterator[npt.NDArray[np.float32]]:
    """How often each block is drawn: pieces of (resamples, blocks), none wider in memory than the rows it will be spread over allow."""
    at_once = max(1, CELLS_AT_ONCE // max(blocks, width, 1))
    for begin in range(0, resamples, at_once):
        count = min(at_once, resamples - begin)
        drawn = rng.integers(0, blocks, size=(count, blocks), dtype=np.int32)
        drawn += (np.arange(count, dtype=np.int32) * np.int32(blocks))[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * blocks).reshape(count, blocks).astype(np.float32)
