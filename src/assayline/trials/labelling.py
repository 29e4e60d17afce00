"""How many labels of a delivery are wrong, and which ones a person should look at first.

The ranking needs out-of-sample probabilities of a model that was trained on labels of the same kind (confident learning). It is a list for review and no
verdict: on noisy tasks most of what stands out is merely hard. So there are two estimates with different rights:

    by the model        `suspects`: a guess that is right where errors hit rows at random and the model knows the classes; its interval begins at 0, because a
                        model cannot tell a wrong label from a hard row.
    by people           `reviewed`: the share of wrong labels in a sample that people checked, drawn by `sample_for_review`; its interval is a promise.

Null hypothesis of the second: none; rows of each stratum are drawn at random. Promised: the interval holds the share of wrong labels in at least 95 % of
samples (exact intervals per stratum, combined by MOVER). Simulated in `tests/trials/test_labelling.py`.

Source: Northcutt, Jiang and Chuang 2021 (confident learning, JAIR 70); Clopper and Pearson 1934; Zou and Donner 2008 (MOVER, Statistics in Medicine 27).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .laws import Floats
from .proportions import exact

RESAMPLES = 200
LEAST_OF_CLASS = 5  # rows of a class, below which its mean confidence is a guess
UNSUSPECTED = 0.5  # share of a review that goes to rows nobody suspects: without it nothing is known of them


@dataclass(frozen=True)
class Suspect:
    """One label that may be wrong.

    Args:
        row: its number.
        given: the label it has.
        likely: the label the model finds more likely.
        confidence: 0..1, of the likely one.
        margin: probability of the likely label minus that of the given one; the list is ranked by it.
    """

    row: int
    given: str
    likely: str
    confidence: float
    margin: float


@dataclass(frozen=True)
class Suspects:
    """Labels that may be wrong, and the guess how many are.

    Args:
        ranked: the most suspicious first.
        share, high: guess of the share of wrong labels by confident learning, and its upper 95 % bound; the lower bound is 0.
        confused: (given, likely, number) the pairs of labels that are mixed up most.
        sentence: for people.
    """

    ranked: tuple[Suspect, ...]
    share: float
    high: float
    confused: tuple[tuple[str, str, int], ...]
    sentence: str


def suspects(given: npt.ArrayLike, probabilities: npt.ArrayLike, classes: Sequence[str], *, seed: int = 0) -> Suspects:
    """Ranks labels by how strongly a model contradicts them.

    Args:
        given: (rows,) class index of each label.
        probabilities: (rows, classes) of a model that did not see the row in training (cross-validation); rows that are not finite are left out.
        classes: labels in the order of the class indices.
        seed: of the resamples for the bound.

    >>> found = suspects([0] * 5 + [1] * 5 + [0], [[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5 + [[0.05, 0.95]], ("cat", "dog"))
    >>> [(one.row, one.given, one.likely) for one in found.ranked]
    [(10, 'cat', 'dog')]
    """
    labels, p = np.asarray(given, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(labels), len(classes)) or (len(labels) and not (labels.min() >= 0 and labels.max() < len(classes))):
        raise MisuseError(f"labels are class indices 0..{len(classes) - 1} with a row of {len(classes)} probabilities each; got shapes {labels.shape} and {p.shape}")
    rows = np.flatnonzero(np.isfinite(p).all(axis=1))
    labels, p = labels[rows], p[rows]
    if not len(rows):
        return Suspects((), 0.0, 1.0, (), "No label could be looked at: there are no probabilities.")
    likely, confident = _contradicted(labels, p)
    margins = p[np.arange(len(rows)), likely] - p[np.arange(len(rows)), labels]
    order = [place for place in np.argsort(-margins, kind="stable") if confident[place]]
    ranked = tuple(Suspect(int(rows[at]), classes[labels[at]], classes[likely[at]], float(p[at, likely[at]]), float(margins[at])) for at in order)
    joint = _joint(labels, p)
    share = 1 - float(np.trace(joint))
    rng = np.random.default_rng(seed)
    again = [1 - float(np.trace(_joint(labels[drawn], p[drawn]))) for drawn in (rng.integers(0, len(rows), len(rows)) for _ in range(RESAMPLES))]
    high = float(np.quantile(again, 0.95))
    counts = joint * len(rows)
    pairs = sorted(((classes[one], classes[other], round(float(counts[one, other]))) for one in range(len(classes)) for other in range(len(classes)) if one != other), key=lambda pair: -pair[2])
    sentence = (
        f"{len(ranked):,} of {len(rows):,} labels are contradicted by a model that did not see them; if errors fall at random, about {share:.1%} are wrong "
        f"(between 0 and {high:.1%}: a model cannot tell a wrong label from a hard row, so that people have to look)."
    )
    return Suspects(ranked, share, high, tuple(pair for pair in pairs if pair[2])[:10], sentence)


def _thresholds(labels: npt.NDArray[np.int64], p: Floats) -> Floats:
    """How sure the model is of each class where the label says so, on average; classes of few rows cannot be claimed."""
    counts = np.bincount(labels, minlength=p.shape[1])
    sums = np.array([p[labels == one, one].sum() for one in range(p.shape[1])])
    return np.where(counts >= LEAST_OF_CLASS, sums / np.maximum(1, counts), math.inf)


def _contradicted(labels: npt.NDArray[np.int64], p: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The class the model is confident of (the given one where it is of none), and where that is another than the given one."""
    claims = p >= _thresholds(labels, p)[None, :]
    likely = np.where(claims.any(axis=1), np.argmax(np.where(claims, p, -1.0), axis=1), labels)
    return likely.astype(np.int64), np.asarray(likely != labels)


def _joint(labels: npt.NDArray[np.int64], p: Floats) -> Floats:
    """(given, true) estimated shares: counts of confident rows, spread to the number of labels of each class."""
    count = p.shape[1]
    claims = p >= _thresholds(labels, p)[None, :]
    sure = claims.any(axis=1)
    table = np.bincount(labels[sure] * count + np.argmax(np.where(claims, p, -1.0), axis=1)[sure], minlength=count * count).reshape(count, count).astype(np.float64)
    sums = table.sum(axis=1, keepdims=True)
    table = np.where(sums > 0, table, np.eye(count))
    given = np.bincount(labels, minlength=count)[:, None]
    return np.asarray(table / table.sum(axis=1, keepdims=True) * given / len(labels))


def sample_for_review(found: Suspects, rows: int, count: int, *, seed: int = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Draws rows for people to check: suspected ones, and ones that nobody suspects, each at random.

    Args:
        found: what is suspected.
        rows: of the delivery.
        count: how many can be checked.
        seed: of the draw.

    Returns:
        Numbers of suspected rows and of others, in random order.
    """
    rng = np.random.default_rng(seed)
    suspected = np.array([one.row for one in found.ranked], dtype=np.int64)
    others = np.setdiff1d(np.arange(rows), suspected)
    first = min(len(suspected), count - min(len(others), max(1, round(count * UNSUSPECTED))))
    second = min(len(others), count - first)
    return tuple(int(row) for row in rng.permutation(suspected)[:first]), tuple(int(row) for row in rng.permutation(others)[:second])


@dataclass(frozen=True)
class ErrorRate:
    """The share of wrong labels of a delivery, by what people found.

    Args:
        share, low, high: with an interval that holds in at least 95 % of samples.
        checked: rows people looked at.
        wrong: labels of them that are wrong.
        sentence: for people.
    """

    share: float
    low: float
    high: float
    checked: int
    wrong: int
    sentence: str


def reviewed(strata: Sequence[tuple[int, int, int]], confidence: float = 0.95) -> ErrorRate:
    """The share of wrong labels from a checked sample.

    Args:
        strata: (rows of the stratum, of them checked at random, of these wrong) for the suspected rows and for the others; a stratum that nobody
            checked may hold anything.
        confidence: 0..1.

    >>> found = reviewed([(300, 60, 24), (9700, 60, 1)])
    >>> round(found.share, 4), round(found.low, 3), round(found.high, 3)
    (0.0282, 0.012, 0.099)
    """
    whole = sum(rows for rows, _, _ in strata)
    if not whole or any(not 0 <= wrong <= checked <= rows for rows, checked, wrong in strata):
        raise MisuseError(f"each stratum is (rows, of them checked, of these wrong), falling, with some rows in all; got {list(strata)!r}")
    share, below, above = 0.0, 0.0, 0.0
    for rows, checked, wrong in strata:
        if not rows:
            continue
        weight = rows / whole
        mine = wrong / checked if checked else 0.5
        low, high = (mine, mine) if checked == rows else exact(wrong, checked, confidence)
        share += weight * mine
        below += (weight * (mine - low)) ** 2
        above += (weight * (high - mine)) ** 2
    low, high = max(0.0, share - math.sqrt(below)), min(1.0, share + math.sqrt(above))
    checked, wrong = sum(one for _, one, _ in strata), sum(one for _, _, one in strata)
    return ErrorRate(share, low, high, checked, wrong, f"{share:.1%} of the labels are wrong ({confidence:.0%} interval {low:.1%} to {high:.1%}), by {checked:,} labels that people checked.")
