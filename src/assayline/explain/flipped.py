"""Typical cases that flipped: right before and wrong now, or the other way round, each with the inputs that drove the change.

Cases are not the largest losses but the most typical ones: those whose drivers stand for the drivers of as many others as possible, each next one for those that are not spoken for yet
(greedy facility location).

Source: negative flips, Yan et al. 2021 (CVPR); choice of examples, Lin and Bilmes 2011 (ACL): greedy is within 1 - 1/e of the best choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .attributing import Attributed, Encoded, attributed
from .pair import Floats, Mask, Pair

CASES = 5  # that are told of each kind
MOST_LOOKED_AT = 60  # flipped rows among which they are chosen
MOST_ASKED = 150_000  # rows either version may be asked for the choice
TYPICAL = 100  # rows that stand for all
CLEAR = 0.10  # share of what all inputs moved an input must have moved to be named
ERRORS = 2.0  # and so many standard errors
MOST_DRIVERS = 5
MOVED = 0.1  # share of the spread of the truth by which a number has to move to count as another answer (as `trials.flips`)

Rows = npt.NDArray[np.int64]
Encode = Callable[[Rows], tuple[Encoded, Encoded]]


@dataclass(frozen=True)
class Driver:
    """One input of a case: what it adds to the answer of either version, against typical rows; the standard error of the difference."""

    input: str
    before: float
    after: float
    difference: float
    error: float


@dataclass(frozen=True)
class Case:
    """A row that flipped.

    Args:
        row: its place among the rows of the pair.
        kind: "lost" (right before, wrong now) or "gained".
        stands_for: rows of the kind it is the most typical of.
        before, after: what the versions say: probability of the class that is followed, or the number.
        follow: index of the class whose probability that is; -1 for numbers.
        drivers: the inputs whose effect differs clearly, the largest difference first.
        level: how much the mean answer to typical rows moved: that part has nothing to do with this row.
    """

    row: int
    kind: str
    stands_for: int
    before: float
    after: float
    follow: int
    drivers: tuple[Driver, ...]
    level: float


@dataclass(frozen=True)
class FlippedCases:
    """How many rows flipped either way, and typical ones of both kinds."""

    rows: int
    changed: int
    lost: int
    gained: int
    cases: tuple[Case, ...]


def flipped(pair: Pair) -> tuple[Mask, Mask, Mask]:
    """(rows,) where the answer changed, where it was lost, where it was gained.

    >>> from assayline.trials import Scored
    >>> old, new = (Scored("set", name, "regression", (), np.array([0.0, 10.0]), np.array(p)) for name, p in (("v7", [0.0, 5.0]), ("v8", [4.0, 10.0])))
    >>> [mask.tolist() for mask in flipped(Pair(old, new))]
    [[True, True], [True, False], [False, True]]
    """
    before, after = pair.before, pair.after
    if before.task == "regression":
        least = MOVED * (float(before.y.std()) if len(before) else 1.0)
        wider = np.abs(after.predictions - after.y) - np.abs(before.predictions - before.y)
        return np.asarray(np.abs(after.predictions - before.predictions) > least), np.asarray(wider > least), np.asarray(wider < -least)
    right, was = after.decided == after.y, before.decided == before.y
    return np.asarray(after.decided != before.decided), np.asarray(was & ~right), np.asarray(right & ~was)


def flipped_cases(pair: Pair, encode: Encode | None, *, cases: int = CASES, seed: int = 0, stop: Callable[[], bool] = lambda: False) -> FlippedCases:
    """Typical cases of both kinds.

    Args:
        pair: both versions.
        encode: from row numbers to both versions with these rows as their cases; None where they cannot be asked: then cases have no drivers.
        cases: how many of each kind.
        seed: of draws.
        stop: asked now and then; when it says so, no more precision is bought.
    """
    changed, lost, gained = flipped(pair)
    told: list[Case] = []
    for kind, mask in (("lost", lost), ("gained", gained)):
        rows = np.flatnonzero(mask).astype(np.int64)
        if len(rows):
            told += _told(pair, kind, rows, encode, cases, seed, stop)
    return FlippedCases(len(pair), int(changed.sum()), int(lost.sum()), int(gained.sum()), tuple(told))


def _told(pair: Pair, kind: str, rows: Rows, encode: Encode | None, cases: int, seed: int, stop: Callable[[], bool]) -> list[Case]:
    rng = np.random.default_rng(seed)
    if encode is None:
        chosen = rows[np.argsort(-np.abs(pair.worse[rows]), kind="stable")][:cases]
        return [_case(pair, kind, int(row), 1, None, 0) for row in chosen]
    looked_at = np.sort(rng.choice(rows, MOST_LOOKED_AT, replace=False)) if len(rows) > MOST_LOOKED_AT else rows
    first, second = encode(looked_at)
    each = 16 * (len({*first.inputs, *second.inputs}) + 1)
    if len(looked_at) * each > MOST_ASKED:
        kept = np.sort(rng.choice(len(looked_at), max(cases, MOST_ASKED // each), replace=False)) if max(cases, MOST_ASKED // each) < len(looked_at) else np.arange(len(looked_at))
        looked_at = looked_at[kept]
        first, second = encode(looked_at)
    follow = _follow(pair, looked_at)
    rough = attributed(first, second, follow, rounds=1, seed=seed, stop=stop)
    chosen_places, stands_for = typical_of(rough.difference, cases)
    chosen = looked_at[chosen_places]
    first, second = encode(chosen)
    exact = attributed(first, second, None if follow is None else follow[chosen_places], seed=seed + 1, stop=stop)
    scale = len(rows) / len(looked_at)
    return [_case(pair, kind, int(row), round(number * scale), exact, place) for place, (row, number) in enumerate(zip(chosen, stands_for, strict=True))]


def typical_of(points: Floats, most: int) -> tuple[Rows, Sequence[int]]:
    """The points that together lie nearest to all, the one that stands for most first; and for how many each stands.

    >>> typical_of(np.array([[0.0], [0.1], [0.05], [5.0]]), 2)
    (array([2, 3]), [3, 1])
    """
    distance = np.abs(points[:, None, :] - points[None, :, :]).sum(axis=2)
    nearest = np.full(len(points), np.inf)
    chosen: list[int] = []
    while len(chosen) < min(most, len(points)):
        left = np.minimum(nearest[None, :], distance).sum(axis=1)
        left[chosen] = np.inf
        best = int(np.argmin(left))
        if chosen and left[best] >= nearest.sum() * (1 - 1e-9):
            break  # nobody is left whom another case would stand for better
        chosen.append(best)
        nearest = np.minimum(nearest, distance[best])
    places = np.array(chosen, dtype=np.int64)
    stands_for = np.bincount(np.argmin(distance[places], axis=0), minlength=len(places))
    order = np.argsort(-stands_for, kind="stable")
    return places[order], [int(one) for one in stands_for[order]]


def _follow(pair: Pair, rows: Rows) -> Rows | None:
    """The class whose probability is told: of two the positive one, of more the true one."""
    if pair.before.task == "regression":
        return None
    return np.ones(len(rows), dtype=np.int64) if len(pair.before.classes) == 2 else pair.before.y[rows].astype(np.int64)


def _case(pair: Pair, kind: str, row: int, stands_for: int, found: Attributed | None, place: int) -> Case:
    follow = _follow(pair, np.array([row]))
    index = -1 if follow is None else int(follow[0])
    before, after = (float(one.predictions[row] if follow is None else one.predictions[row, index]) for one in (pair.before, pair.after))
    if found is None:
        return Case(row, kind, stands_for, before, after, index, (), 0.0)
    return Case(row, kind, stands_for, before, after, index, _drivers(found, place), float(found.typical_after[place] - found.typical_before[place]))


def _drivers(found: Attributed, place: int) -> tuple[Driver, ...]:
    moved, error = found.difference[place], found.error[place]
    whole = float(np.abs(moved).sum())
    order = np.argsort(-np.abs(moved), kind="stable")
    clear = [int(one) for one in order if abs(moved[one]) > ERRORS * error[one] and abs(moved[one]) >= CLEAR * whole and whole > 0]
    return tuple(
        Driver(found.inputs[one], float(found.before[place, one]), float(found.after[place, one]), float(moved[one]), float(error[one])) for one in clear[:MOST_DRIVERS]
    )
