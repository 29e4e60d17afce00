"""How good a model is on rows without labels: by its own confidence, by a model of its errors, and by a few labels.

All three lean on a labelled reference set. The first two assume that what the inputs say about the truth has not changed (no concept shift): with 30 % of
the positives turned negative, the estimate of accuracy was off by 2.3 points and its 95 % interval held in 36 % of cases (adult income, LightGBM, 500 chunks), and a broken
feed misled it as well. So they are refused unless the data are known to be good, and the assumption is part of the value.

Null hypothesis: none. Promised: `by_confidence` and `by_error_model` hold the value that labels would give in about 95 % of sets, if the assumption holds;
`by_few_labels` does so without it, for labels drawn at random. Simulated in `tests/trials/test_estimating.py`.

Source: CBPE, Kivimäki et al. 2025 (arXiv 2505.05295); isotonic calibration, Zadrozny and Elkan 2002; prediction-powered inference, Angelopoulos et al. 2023 (Science
382) with the weight of Angelopoulos, Duchi and Zrnic 2023 (PPI++, arXiv 2311.01453).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .laws import Floats, student_quantile
from .ranking import midranks
from .scored import CLASSIFICATION, Scored

RESAMPLES = 200  # give a standard error to ±5 %
LEAST_REFERENCE = 200
LEAST_LABELS = 30  # below, the interval of a mean of skewed losses covers visibly less than it says
BINS = 20
STEPS = 200
NO_CONCEPT_SHIFT = "what the inputs say about the truth is what it was in the reference set"
RANDOM_LABELS = "the labelled rows were drawn at random from all"


@dataclass(frozen=True)
class Estimate:
    """What a metric would probably be if there were labels.

    Args:
        metric: "accuracy", "auc", "mae", "rmse" or "mean loss".
        value, low, high: with a 95 % interval for what labels of all these rows would give.
        assumption: what has to be true for it.
        rows: without labels; labels: of the rows or of the reference set that it leans on.
        sentence: for people; names the assumption.
    """

    metric: str
    value: float
    low: float
    high: float
    assumption: str
    rows: int
    labels: int
    sentence: str


def _green(data_green: bool) -> None:
    if not data_green:
        raise MisuseError(
            "an estimate without labels is refused while the data are not known to be good: a broken feed looks like a good one to it; "
            "judge the rows first and pass data_green=True when the gate releases them, or label a sample and use by_few_labels"
        )


def _finished(metric: str, value: float, low: float, high: float, assumption: str, rows: int, labels: int) -> Estimate:
    sentence = f"Without labels, {metric} is estimated at {value:.4g} (95 % interval {low:.4g} to {high:.4g}) for {rows:,} rows, if {assumption}."
    return Estimate(metric, value, low, high, assumption, rows, labels, sentence)


def by_confidence(
    reference: Scored, probabilities: npt.ArrayLike, *, data_green: bool, metric: str = "accuracy", decisions: npt.NDArray[np.int64] | None = None, seed: int = 0
) -> Estimate:
    """Accuracy, or the area under the ROC curve of two classes, from how sure the model is.

    Confidence is calibrated on the reference set (isotonic), then averaged over the new rows.

    Args:
        reference: labelled answers that the model was not trained on, at least 200 rows.
        probabilities: (rows, classes), or (rows,) of the positive one of two, for rows without labels.
        data_green: whether the gate has released the rows; must be True.
        metric: "accuracy" or "auc".
        decisions: (rows,) class indices where the model does not decide for the most probable class.
        seed: of the resamples.

    Raises:
        MisuseError: the data are not green, the reference is small, or the metric is another one.
    """
    _green(data_green)
    if reference.task not in CLASSIFICATION or metric not in ("accuracy", "auc") or (metric == "auc" and len(reference.classes) != 2):
        raise MisuseError(f"confidence tells accuracy, and the area under the ROC curve of two classes; not {metric} of {reference.task}")
    if len(reference) < LEAST_REFERENCE:
        raise MisuseError(f"an estimate leans on {LEAST_REFERENCE} labelled rows at least, and the reference has {len(reference)}")
    p = np.asarray(probabilities, dtype=np.float64)
    new = Scored("rows without labels", reference.version, reference.task, reference.classes, np.zeros(len(p)), p, decisions=decisions)
    if not len(new) or not new.finite.all():
        raise MisuseError("there are rows without a finite answer, or none at all: nothing can be estimated for them")
    rng = np.random.default_rng(seed)
    if metric == "auc":
        known, asked, hits = reference.predictions[:, 1], new.predictions[:, 1], (reference.y == 1).astype(np.float64)
    else:
        known, asked = _confidence(reference), _confidence(new)
        hits = np.asarray(reference.decided == reference.y, dtype=np.float64)
    # Calibrated on at most 200 bins: a step function over more places is not surer, and takes a hundred times as long to resample.
    edges = np.unique(np.quantile(known, np.arange(1, STEPS) / STEPS))
    bins = np.unique(np.searchsorted(edges, known, side="right"), return_inverse=True)[1]
    many = int(bins.max()) + 1
    places = np.bincount(bins, known) / np.bincount(bins)

    def calibrated(rows: npt.NDArray[np.int64]) -> Floats:
        counts = np.bincount(bins[rows], minlength=many).astype(np.float64)
        right = np.bincount(bins[rows], hits[rows], minlength=many)
        there = counts > 0
        return np.asarray(np.interp(asked, places[there], _pooled(right[there] / counts[there], counts[there])))

    chances = calibrated(np.arange(len(known)))
    value = _soft_area(asked, chances) if metric == "auc" else float(chances.mean())
    ranks = midranks(asked) if metric == "auc" else asked
    drawn = []
    blocks = np.arange(len(known)) if reference.groups is None else reference.groups
    members = np.argsort(blocks, kind="stable")
    starts = np.r_[0, np.cumsum(np.bincount(blocks))]
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, len(starts) - 1, len(starts) - 1)
        rows = members[chosen] if reference.groups is None else np.concatenate([members[starts[one] : starts[one + 1]] for one in chosen])
        # Two sources of doubt: the calibration, and which of the new rows turn out right.
        truth = rng.random(len(asked)) < calibrated(rows)
        drawn.append(_area(ranks, truth) if metric == "auc" else float(truth.mean()))
    error = float(np.nanstd(drawn, ddof=1))
    half = 1.96 * error
    return _finished(metric, value, max(0.0, value - half), min(1.0, value + half), NO_CONCEPT_SHIFT, len(new), len(reference))


def _confidence(scored: Scored) -> Floats:
    return np.asarray(scored.predictions[np.arange(len(scored)), scored.decided])


def isotonic(known: Floats, hits: Floats, asked: Floats) -> Floats:
    """The rising step function that fits the hits best, at the asked places; between two steps a straight line (pool adjacent violators).

    Args:
        known: (rows,) scores; hits: (rows,) 0 or 1; asked: (others,) scores.

    >>> isotonic(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.2, 0.5, 1.0])).tolist()
    [0.5, 0.5, 1.0]
    """
    places, where = np.unique(known, return_inverse=True)
    weights = np.bincount(where).astype(np.float64)
    means = np.bincount(where, hits) / weights
    return np.asarray(np.interp(asked, places, _pooled(means, weights)))


def _pooled(means: Floats, weights: Floats) -> Floats:
    """The rising sequence nearest to these means (pool adjacent violators)."""
    level: list[float] = []
    weight: list[float] = []
    size: list[int] = []
    for mean, one in zip(means.tolist(), weights.tolist(), strict=True):
        count = 1
        while level and level[-1] >= mean:
            before, heavy = level.pop(), weight.pop()
            mean, one, count = (before * heavy + mean * one) / (heavy + one), heavy + one, count + size.pop()
        level.append(mean)
        weight.append(one)
        size.append(count)
    return np.repeat(level, size)


def _area(ranks: Floats, truth: npt.NDArray[np.bool_]) -> float:
    many = int(truth.sum())
    if not many or many == len(truth):
        return math.nan
    return float((ranks[truth].sum() - many * (many + 1) / 2) / (many * (len(truth) - many)))


def _soft_area(scores: Floats, chances: Floats) -> float:
    """The area under the ROC curve that rows with these chances of being positive have: pairs won over pairs, both expected."""
    order = np.argsort(scores, kind="stable")
    sorted_scores, p = scores[order], chances[order]
    negatives = 1 - p
    _, tie = np.unique(sorted_scores, return_inverse=True)
    within = np.bincount(tie, negatives)
    below = (np.cumsum(within) - within)[tie]
    # A row is not in a pair with itself.
    won = float((p * (below + 0.5 * (within[tie] - negatives))).sum())
    pairs = float(p.sum() * negatives.sum() - (p * negatives).sum())
    return won / pairs if pairs > 0 else math.nan


def by_error_model(
    reference: Scored, predictions: npt.ArrayLike, *, data_green: bool, metric: str = "mae", reference_difficulty: npt.ArrayLike | None = None,
    difficulty: npt.ArrayLike | None = None, seed: int = 0,
) -> Estimate:  # fmt: skip
    """The mean error of a regression, from how large errors are where the model predicts such numbers.

    Args:
        reference: labelled answers that the model was not trained on, at least 200 rows.
        predictions: (rows,) for rows without labels.
        data_green: whether the gate has released the rows; must be True.
        metric: "mae" or "rmse".
        reference_difficulty, difficulty: (rows,) what tells rows with large errors from others better than the prediction does, such as the width of
            an interval; both or none.
        seed: of the resamples.

    Raises:
        MisuseError: the data are not green, the reference is small, or the metric is another one.
    """
    _green(data_green)
    if reference.task != "regression" or metric not in ("mae", "rmse"):
        raise MisuseError(f"an error model tells mae and rmse of numbers; not {metric} of {reference.task}")
    if len(reference) < LEAST_REFERENCE:
        raise MisuseError(f"an estimate leans on {LEAST_REFERENCE} labelled rows at least, and the reference has {len(reference)}")
    if (difficulty is None) != (reference_difficulty is None):
        raise MisuseError("a difficulty is given for the reference and for the new rows, or for neither")
    asked = np.asarray(predictions if difficulty is None else difficulty, dtype=np.float64)
    known = reference.predictions if reference_difficulty is None else np.asarray(reference_difficulty, dtype=np.float64)
    if not len(asked) or not np.isfinite(asked).all() or not np.isfinite(known).all():
        raise MisuseError("there are rows without a finite answer, or none at all: nothing can be estimated for them")
    power = 1 if metric == "mae" else 2
    losses = np.abs(reference.predictions - reference.y) ** power
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS))
    bins, places = np.searchsorted(edges, known), np.searchsorted(edges, asked)
    weights = np.bincount(places, minlength=len(edges) + 1) / len(asked)
    counts = np.bincount(bins, minlength=len(edges) + 1)
    overall = float(losses.mean())
    means = np.where(counts > 0, np.bincount(bins, losses, minlength=len(edges) + 1) / np.maximum(1, counts), overall)
    squares = np.where(counts > 0, np.bincount(bins, losses**2, minlength=len(edges) + 1) / np.maximum(1, counts), float((losses**2).mean()))
    spreads = np.maximum(0.0, squares - means**2) * counts / np.maximum(1, counts - 1)
    value = float(weights @ means)
    # Doubt of the model of errors, bin by bin, and of which errors the new rows will have.
    error = math.sqrt(float((weights**2 * spreads / np.maximum(1, counts)).sum()) + float(weights @ spreads) / len(asked))
    half = student_quantile(0.975, max(1, len(reference) - len(edges) - 1)) * error
    low, high = max(0.0, value - half), value + half
    if metric == "rmse":
        value, low, high = math.sqrt(value), math.sqrt(low), math.sqrt(high)
    return _finished(metric, value, low, high, NO_CONCEPT_SHIFT, len(asked), len(reference))


def by_few_labels(labelled: npt.ArrayLike, guessed: npt.ArrayLike, guessed_elsewhere: npt.ArrayLike, *, metric: str = "mean loss", confidence: float = 0.95) -> Estimate:
    """The mean loss over all rows from a few labelled ones, sharpened by guesses for all.

    The guesses may be as wrong as they like: then they get no weight and the interval is that of the labels alone.

    Args:
        labelled: (labels,) true losses of rows drawn at random and labelled; 0 or 1 for decisions.
        guessed: (labels,) losses the model would expect for the same rows, such as 1 minus its confidence.
        guessed_elsewhere: (rows,) the same for all other rows.
        metric: how the mean of these losses is called.
        confidence: 0..1.

    Raises:
        MisuseError: fewer than 30 labels, or lengths that do not fit.

    >>> rng = np.random.default_rng(0)
    >>> chance = rng.random(20_000)
    >>> loss = (rng.random(20_000) < chance).astype(float)
    >>> found = by_few_labels(loss[:300], chance[:300], chance[300:])
    >>> found.low < 0.5 < found.high, found.high - found.low < 0.1
    (True, True)
    """
    y, f, elsewhere = (np.asarray(one, dtype=np.float64) for one in (labelled, guessed, guessed_elsewhere))
    if len(y) < LEAST_LABELS or y.shape != f.shape:
        raise MisuseError(f"it takes {LEAST_LABELS} labelled rows with a guess for each, and there are {len(y)} and {len(f)}")
    if not len(elsewhere):
        weight = 0.0
    else:
        spread = float(np.var(np.r_[f, elsewhere], ddof=1))
        weight = float(np.cov(y, f)[0, 1]) / (spread * (1 + len(y) / len(elsewhere))) if spread > 0 else 0.0
    weight = min(1.0, max(0.0, weight))
    rest = y - weight * f
    value = float(rest.mean()) + (weight * float(elsewhere.mean()) if weight else 0.0)
    variance = float(rest.var(ddof=1)) / len(y) + (weight**2 * float(elsewhere.var()) / len(elsewhere) if weight else 0.0)
    half = student_quantile((1 + confidence) / 2, len(y) - 1) * math.sqrt(variance)
    return _finished(metric, value, value - half, value + half, RANDOM_LABELS, len(y) + len(elsewhere), len(y))
