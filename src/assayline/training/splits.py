"""Which rows a model may learn from when it is scored on others: forward in time, things kept together, or stratified folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .sample import Sample, Whole

FOLDS = 5  # Kohavi 1995 finds 5 to 20 alike; every further fold costs a fit
FORWARD = 4  # stretches that are predicted
FIRST = 0.4  # share of the rows, the earliest, that are only learned from
STRETCHES = 10  # bins of a number that each fold gets its share of


@dataclass(frozen=True, eq=False)
class Splits:
    """Pairs of rows to learn from and rows to be scored on.

    Args:
        kind: "forward", "grouped" or "stratified".
        folds: (rows to learn from, rows to be scored on) as ascending positions; no row is scored on twice.
        why: one sentence.
    """

    kind: str
    folds: tuple[tuple[Whole, Whole], ...]
    why: str

    @property
    def scored(self) -> Whole:
        """All rows that are scored on, ascending."""
        return np.sort(np.concatenate([test for _, test in self.folds]))

    def first(self, count: int) -> Splits:
        """With fewer folds: the last ones when going forward, for they learn from the most rows."""
        return Splits(self.kind, self.folds[-count:] if self.kind == "forward" else self.folds[:count], self.why)


def split(sample: Sample, *, folds: int = FOLDS, seed: int = 0) -> Splits:
    """The honest folds for these rows.

    Args:
        sample: the rows.
        folds: how many, where rows are neither ordered nor few.
        seed: of the shuffle.

    >>> import numpy as np
    >>> ordered = Sample(np.zeros((100, 1)), np.arange(100.0), 0, ("a",), (0,), order=np.arange(100.0))
    >>> [(int(learn.max()), int(test.min())) for learn, test in split(ordered).folds]
    [(39, 40), (54, 55), (69, 70), (84, 85)]
    """
    if sample.order is not None:
        found = _forward(sample)
        if found:
            return Splits("forward", tuple(found), f"rows have a time: each of {len(found)} stretches is predicted from the rows before it")
    rng = np.random.default_rng(seed)
    if sample.groups is not None:
        things = len(np.unique(sample.groups))
        if things >= 2:
            count = min(folds, things)
            place = _grouped(sample.groups, count, rng)
            return Splits("grouped", _pairs(place, count), f"keys repeat: all rows of one of the {things:,} things stand in the same of {count} folds")
    count = max(2, min(folds, sample.rows))
    what = "with the same share of each class" if sample.classes else "with the same spread of the target"
    return Splits("stratified", _pairs(_stratified(sample, count, rng), count), f"rows stand for themselves: {count} folds {what}")


def _forward(sample: Sample) -> list[tuple[Whole, Whole]]:
    assert sample.order is not None
    moments = np.unique(sample.order)
    place = np.searchsorted(np.sort(sample.order), moments)  # rows before each moment
    wanted = [round(sample.rows * (FIRST + (1 - FIRST) * step / FORWARD)) for step in range(FORWARD)]
    cuts = sorted({float(moments[min(int(np.searchsorted(place, one)), len(moments) - 1)]) for one in wanted})
    found = []
    for begin, end in zip(cuts, [*cuts[1:], np.inf], strict=True):
        known = moments[max(int(np.searchsorted(moments, begin)) - sample.gap_rows, 0)] - sample.gap
        learn = np.flatnonzero(sample.order < known)
        test = np.flatnonzero((sample.order >= begin) & (sample.order < end))
        if len(learn) >= 2 and len(test) and _varied(sample, learn):
            found.append((learn, test))
    return found


def _varied(sample: Sample, rows: Whole) -> bool:
    return not sample.classes or len(np.unique(sample.y[rows])) == len(np.unique(sample.y))


def _grouped(groups: Whole, count: int, rng: np.random.Generator) -> Whole:
    """The fold of each row: the largest things first, each into the fold with the fewest rows."""
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(len(sizes))
    folds, filled = np.zeros(len(sizes), dtype=np.int64), np.zeros(count)
    for thing in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        folds[thing] = int(np.argmin(filled))
        filled[folds[thing]] += sizes[thing]
    return folds[which]


def _stratified(sample: Sample, count: int, rng: np.random.Generator) -> Whole:
    """The fold of each row: rows sorted by class or target, ties at random, dealt out in turn."""
    luck = rng.random(sample.rows)
    dealt = np.lexsort((luck, sample.y))
    folds = np.empty(sample.rows, dtype=np.int64)
    for start in range(0, sample.rows, count):  # each hand in an order of its own, or the least of every hand would go to the same fold
        hand = dealt[start : start + count]
        folds[hand] = rng.permutation(count)[: len(hand)] if not sample.classes else (np.arange(len(hand)) + start) % count
    return folds


def _pairs(place: Whole, count: int) -> tuple[tuple[Whole, Whole], ...]:
    return tuple((np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(count) if (place == fold).any())
