"""Columns that tell the model what it cannot know when it is used: identifiers, copies and parts of the target, and what is written down afterwards.

Every criterion is nearly exact on purpose. A column that predicts well is what one hopes for; it is a leak only if it says the same as the target. So:

- *identifier*: no two rows share a value, and the values are not measured quantities (labels, or whole numbers without gaps, or named like one);
- *target copy*: class and column determine each other in 99.5 % of the rows; or a number that is a straight or monotone function of the target to within
  one part in 100,000 of its variance; or labels that cut the sorted target into one stretch each, without a gap between;
- *parts sum to the target*: columns whose sum or difference is the target in 99 % of the rows;
- *known only later*: a column that is filled, or is not zero, exactly for one class; that equals the target of a later row; or that holds the
  total, mean, least or greatest target of all rows of its key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST_ROWS = 30  # rows below which nothing is said: everything determines everything in a small table
LEAST_CLASS = 10  # rows of each class
AGREE = 0.995  # of the rows; the best honest single columns we know stay below (odour of mushrooms: 98.5 %)
RECALL = 0.98  # of each class, so that a rare class is not outvoted
EXACT = 0.99999  # of the variance; today's price of a share explains 0.9999 of tomorrow's
SUMS = 0.99  # of the rows; the rest may be typing errors
UNIQUE = 0.99  # of the filled rows
GAP = 5.0  # times the widest of the ten steps around it may the step between two bands be
MOST_PARTS = 40  # numeric columns of which sums are tried: 780 pairs
MOST_ROWS = 20_000  # rows that sums are tried on
AHEAD = 3  # rows that are looked ahead

_ID_NAME = re.compile(r"(^|[\W_])(id|ids|uuid|guid|key|index|idx|rowid|rownum|row|nr|no|number|unnamed|hash)($|[\W_])|[a-z]I[Dd]$|^(id|ID|Id)[A-Z_]", re.I)


@dataclass(frozen=True)
class Leak:
    """A column that would tell the model what it cannot know when it is used.

    Args:
        column: its name.
        reason: "identifier", "target copy", "parts sum to the target" or "known only later"; for a suspicion also "nearly decides the target".
        evidence: one sentence with the numbers it rests on.
    """

    column: str
    reason: str
    evidence: str


@dataclass(frozen=True)
class Content:
    """One column as the search for leaks sees it.

    Args:
        numbers: its values as numbers, NaN where there is none; None if it holds none.
        labels: which label each row has, -1 where there is none.
        different: how many labels there are.
        words: it holds labels rather than numbers or moments, and no prose.
        whole: it holds whole numbers.
    """

    numbers: Floats | None
    labels: Integers
    different: int
    words: bool = False
    whole: bool = False


def identifiers(contents: Mapping[str, Content]) -> list[Leak]:
    """Columns in which every row has a value of its own that measures nothing."""
    found = []
    for name, content in contents.items():
        filled = int((content.labels >= 0).sum())
        if filled < LEAST_ROWS or content.different < UNIQUE * filled:
            continue
        if content.words:
            found.append(Leak(name, "identifier", f"{content.different:,} different labels in {filled:,} rows: no label will come again."))
        elif content.whole and content.numbers is not None and content.different == filled:
            values = content.numbers[~np.isnan(content.numbers)]
            width = float(values.max() - values.min()) + 1
            if width <= 1.05 * filled:
                found.append(Leak(name, "identifier", f"the whole numbers from {values.min():.0f} to {values.max():.0f}, each once: it numbers the rows."))
            elif _ID_NAME.search(name):
                found.append(Leak(name, "identifier", f"{filled:,} different whole numbers in {filled:,} rows, and the name of an identifier."))
    return found


def of_classes(contents: Mapping[str, Content], classes: Floats, kinds: int) -> tuple[list[Leak], list[Leak]]:
    """Copies of a class, and columns that are filled or not zero for one class only; and columns that are suspicious but kept."""
    leaks: list[Leak] = []
    suspicions: list[Leak] = []
    known = ~np.isnan(classes)
    counts = np.bincount(classes[known].astype(np.int64), minlength=kinds)
    if kinds < 2 or (counts < LEAST_CLASS).any():
        return leaks, suspicions
    for name, content in contents.items():
        there = known & (content.labels >= 0)
        share = there.sum() / known.sum()
        if content.different == kinds and share >= RECALL:
            agree, recall = _agreement(content.labels[there], classes[there], kinds)
            if agree >= AGREE and recall >= RECALL:
                leaks.append(Leak(name, "target copy", f"its {kinds} values and the classes determine each other in {agree:.2%} of the rows."))
                continue
        if kinds == 2:
            views = [("is filled", (content.labels >= 0).astype(np.int64))]
            if content.numbers is not None:
                views.append(("is not zero", ((content.numbers != 0) & ~np.isnan(content.numbers)).astype(np.int64)))
            later = False
            for what, view in views:
                agree, recall = _agreement(view[known], classes[known], 2)
                if agree >= AGREE and recall >= RECALL and not later:
                    later = True
                    leaks.append(Leak(name, "known only later", f"it {what} for one class and not for the other in {agree:.2%} of the rows, as what is written down afterwards."))
            if later:
                continue
            if content.numbers is not None and content.different > 2 and share >= RECALL:
                apart = _parted(content.numbers[known], classes[known])
                if apart >= 1 - (1 - AGREE) / 5:
                    suspicions.append(Leak(name, "nearly decides the target", f"one threshold tells the classes apart in {apart:.2%} of the rows; is it known beforehand?"))
                    continue
        if kinds < content.different <= 50 and share >= RECALL:
            table = np.zeros((content.different, kinds))
            np.add.at(table, (content.labels[there], classes[there].astype(np.int64)), 1)
            pure = table.max(axis=1).sum() / table.sum()
            if pure >= AGREE and content.words:
                suspicions.append(Leak(name, "nearly decides the target", f"its {content.different} values decide the class in {pure:.2%} of the rows; is it known beforehand?"))
    return leaks, suspicions


def _agreement(labels: Integers, classes: Floats, kinds: int) -> tuple[float, float]:
    """How well labels and classes match one to one: share of the rows, and the worst share of one class."""
    table = np.zeros((kinds, kinds))
    np.add.at(table, (labels, classes.astype(np.int64)), 1)
    best = table.argmax(axis=0)
    if len(set(best.tolist())) < kinds or not table.sum():
        return 0.0, 0.0
    right = table[best, np.arange(kinds)]
    totals = table.sum(axis=0)
    return float(right.sum() / table.sum()), float((right / np.maximum(totals, 1)).min())


def _parted(numbers: Floats, classes: Floats) -> float:
    """The best balanced share of two classes that one threshold gets right."""
    filled = ~np.isnan(numbers)
    order = np.argsort(numbers[filled], kind="stable")
    values, ones = numbers[filled][order], classes[filled][order]
    positive, total = ones.sum(), len(ones)
    if not 0 < positive < total:
        return 0.0
    below = np.cumsum(ones)
    at = np.append(values[1:] != values[:-1], True)
    right = (below / positive + 1 - (np.arange(1, total + 1) - below) / (total - positive))[at] / 2
    return float(max(right.max(), 1 - right.min()))


def of_numbers(contents: Mapping[str, Content], target: Floats) -> list[Leak]:
    """Copies of a number: straight or monotone functions of it, and labels that cut it into stretches."""
    leaks: list[Leak] = []
    rows = _some_rows(target)
    target = target[rows]
    for name, whole in contents.items():
        content = Content(None if whole.numbers is None else whole.numbers[rows], whole.labels[rows], whole.different, whole.words)
        if content.numbers is not None:
            both = ~np.isnan(target) & ~np.isnan(content.numbers)
            if both.sum() < max(LEAST_ROWS, RECALL * (~np.isnan(target)).sum()):
                continue
            ours, theirs = target[both], content.numbers[both]
            straight = _explained(ours, theirs)
            if straight >= EXACT:
                leaks.append(Leak(name, "target copy", f"a straight line through it gives {straight:.4%} of the variance of the target."))
            elif len(np.unique(ours)) >= LEAST_ROWS and both.sum() >= 100 and (ranked := _explained(_ranks(ours), _ranks(theirs))) >= EXACT:
                leaks.append(Leak(name, "target copy", f"it rises or falls with the target in every row (rank correlation {np.sqrt(ranked):.6f})."))
        if name not in {leak.column for leak in leaks} and (content.words or content.different <= 50) and _cuts(content, target):
            leaks.append(Leak(name, "target copy", f"its {content.different} values cut the sorted target into one stretch each."))
    return leaks


def _explained(one: Floats, other: Floats) -> float:
    with np.errstate(all="ignore"):
        one, other = one - one.mean(), other - other.mean()
        # No BLAS: its threads cost more than such a sum.
        below = float((one * one).sum() * (other * other).sum())
        explained = float((one * other).sum() ** 2) / below if 0 < below < np.inf else 0.0
    return explained if np.isfinite(explained) else 0.0


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[place]


def _cuts(content: Content, target: Floats) -> bool:
    there = ~np.isnan(target) & (content.labels >= 0)
    if there.sum() < 100 or there.sum() < RECALL * (~np.isnan(target)).sum() or not 2 <= content.different <= there.sum() / 10:
        return False
    ours, labels = target[there], content.labels[there]
    if np.bincount(labels, minlength=content.different).min() < LEAST_CLASS or len(np.unique(ours)) < 4 * content.different:
        return False
    order = np.lexsort((labels, ours))
    cuts = np.flatnonzero(np.diff(labels[order]))
    if len(cuts) != content.different - 1:
        return False
    # Bands of one number meet. Where a wide gap lies between, the label is a cause and the target its effect.
    steps = np.diff(ours[order])
    return all(steps[cut] <= GAP * np.delete(steps[max(0, cut - 5) : cut + 6], min(cut, 5)).max() for cut in cuts.tolist())


def sums(contents: Mapping[str, Content], target: Floats, without: Sequence[str]) -> list[Leak]:
    """Columns that add up to the target, or whose difference it is: pairs one by one, more of them by least squares."""
    names = [name for name, content in contents.items() if content.numbers is not None and name not in without and content.different > 2][:MOST_PARTS]
    known = _some_rows(target)
    if len(known) < LEAST_ROWS or len(names) < 2:
        return []
    matrix = np.stack([values[known] for name in names if (values := contents[name].numbers) is not None], axis=1)
    ours = target[known]
    with np.errstate(all="ignore"):
        tolerance = 1e-4 * float(np.std(ours)) or 1e-9
        for one, other in combinations(range(len(names)), 2):
            for sign, shown in ((1.0, "sum"), (-1.0, "difference")):
                made = matrix[:, one] + sign * matrix[:, other]
                for turned in (made, -made) if sign < 0 else (made,):
                    if _same(turned, ours, tolerance):
                        return [Leak(names[at], "parts sum to the target", f"{names[one]} and {names[other]}: their {shown} is the target.") for at in (one, other)]
        whole = ~np.isnan(matrix).any(axis=1) & (np.abs(matrix) < 1e150).all(axis=1)
        if whole.sum() < max(LEAST_ROWS, 3 * len(names)):
            return []
        weights = np.linalg.lstsq(matrix[whole], ours[whole], rcond=None)[0]
        parts = [at for at in range(len(names)) if abs(abs(weights[at]) - 1) < 1e-3]
        if len(parts) > 2 and _same(matrix[:, parts] @ np.sign(weights[parts]), ours, tolerance):
            shown = " and ".join(names[at] for at in parts)
            return [Leak(names[at], "parts sum to the target", f"{shown}: together they give the target.") for at in parts]
    return []


def _some_rows(target: Floats) -> Integers:
    """Rows with a target: all, or of many every n-th by its size, so that the order of the table matters only among equal targets."""
    known = np.flatnonzero(~np.isnan(target))
    return known if len(known) <= 2 * MOST_ROWS else known[np.argsort(target[known], kind="stable")][:: len(known) // MOST_ROWS]


def _same(made: Floats, target: Floats, tolerance: float) -> bool:
    both = ~np.isnan(made)
    return bool(both.sum() >= max(LEAST_ROWS, RECALL * len(target))) and float((np.abs(made - target)[both] <= tolerance).mean()) >= SUMS


def later(contents: Mapping[str, Content], target: Floats, order: Floats | None, groups: Integers | None, steps: Sequence[int] = (1, 2, 3)) -> list[Leak]:
    """Columns that equal the target of a later row of the same key, or a summary of all rows of their key."""
    leaks: list[Leak] = []
    keys = np.zeros(len(target), dtype=np.int64) if groups is None else groups
    if len(target) < LEAST_ROWS:
        return leaks
    place = np.lexsort((order, keys)) if order is not None else np.argsort(keys, kind="stable")
    ours, sorted_keys = target[place], keys[place]
    for name, content in contents.items():
        if content.numbers is None or content.different <= 2:
            continue
        theirs = content.numbers[place]
        if order is not None:
            for step in steps:
                same_key = sorted_keys[step:] == sorted_keys[:-step]
                seen = same_key & ~np.isnan(ours[step:]) & ~np.isnan(theirs[:-step])
                if seen.sum() < LEAST_ROWS:
                    continue
                ahead, now = ours[step:][seen], theirs[:-step][seen]
                still = ours[:-step][seen] == ahead  # a target that stands still is its own future
                if np.mean(now == ahead) >= SUMS and still.mean() < 0.5:
                    leaks.append(Leak(name, "known only later", f"it is the target {step} row{'s' if step > 1 else ''} ahead in {np.mean(now == ahead):.1%} of the rows."))
                    break
            else:
                leaks += _summaries(name, theirs, ours, sorted_keys) if groups is not None else []
        elif groups is not None:
            leaks += _summaries(name, theirs, ours, sorted_keys)
    return leaks


def _summaries(name: str, theirs: Floats, target: Floats, keys: Integers) -> list[Leak]:
    known = ~np.isnan(target) & ~np.isnan(theirs)
    if known.sum() < LEAST_ROWS:
        return []
    keys, ours, theirs = keys[known], target[known], theirs[known]
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    sizes = np.diff(np.append(begins, len(keys)))
    several = np.repeat(sizes > 1, sizes)
    if several.sum() < LEAST_ROWS or len(begins) < 3:
        return []
    total = np.add.reduceat(ours, begins)
    summaries = {"total": total, "mean": total / sizes, "least": np.minimum.reduceat(ours, begins), "greatest": np.maximum.reduceat(ours, begins)}
    for what, values in summaries.items():
        spread = np.repeat(values, sizes)
        if np.unique(values).size >= 3 and np.mean(np.isclose(spread, theirs, rtol=1e-6)[several]) >= SUMS and np.mean(spread == ours) < 0.9:
            return [Leak(name, "known only later", f"it is the {what} of the target over all rows of its key, the later ones too.")]
    return []
