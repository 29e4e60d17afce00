"""The choice: the simplest of the models that the best one is not surely better than, and a sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .sample import Floats
from .scores import CONFIDENCE, Metric, interval

ORDERS = ("auc", "average_precision")  # scores of the order of rows
LABELS = {"auc": "AUC", "average_precision": "average precision", "log_loss": "log loss", "rmse": "RMSE"}


@dataclass(frozen=True, eq=False)
class Contender:
    """A model as the choice sees it.

    Args:
        name: of the model.
        simplicity: the smaller, the simpler.
        score: its score.
        scores: (redraws,) its score on redrawn rows, the same rows for all.
        loss: its mean log loss or squared error; NaN leaves it out of the choice.
        redrawn: (redraws,) the same on redrawn rows.
    """

    name: str
    simplicity: int
    score: float
    scores: Floats
    loss: float = float("nan")
    redrawn: Floats | None = None


@dataclass(frozen=True)
class Choice:
    """Which model, and why.

    Args:
        name: of the model.
        reason: one sentence with the interval it rests on.
        best: the model with the best score, which may be another.
    """

    name: str
    reason: str
    best: str


def choose(contenders: Sequence[Contender], metric: Metric, *, confidence: float = CONFIDENCE) -> Choice:
    """The simplest model that is not surely worse than the best.

    A model is surely worse if its score is. Where the score looks at the order of rows only (AUC, average precision) it also is if its score is worse and its loss
    surely is: an order needs many more rows to show a difference than probabilities do. Then each of the two is held to half the error.

    Null hypothesis, for a simpler model against the best one: it is as good. Promise: if it is, it is passed over in at most (1 - confidence) / 2 of choices between
    the two (`tests/training/test_choosing.py` simulates it). Which rows the models were trained on is taken as given: redrawing rows does not redraw trainings.

    Args:
        contenders: with scores over the same redrawn rows.
        metric: the score.
        confidence: of the two-sided intervals.
    """
    usable = [one for one in contenders if np.isfinite(one.score)] or list(contenders[:1])
    best = max(usable, key=lambda one: (metric.gain(one.score, 0.0), -one.simplicity))
    # Of equally simple models the better score goes first: between them nothing else speaks.
    for one in sorted(usable, key=lambda one: (one.simplicity, -metric.gain(one.score, 0.0))):
        if one is best:
            break
        if not _surely_worse(one, best, metric, confidence):
            return Choice(one.name, _tie(one, best, metric, confidence), best.name)
    return Choice(best.name, _win(best, usable, metric, confidence), best.name)


def _surely_worse(one: Contender, best: Contender, metric: Metric, confidence: float) -> bool:
    each = _each(metric, confidence)
    if interval(_gains(best, one, metric), each)[0] > 0:
        return True
    return metric.name in ORDERS and one.redrawn is not None and best.redrawn is not None and interval(one.redrawn - best.redrawn, each)[0] > 0


def _each(metric: Metric, confidence: float) -> float:
    """The confidence of each of the intervals that decide."""
    return 1 - (1 - confidence) / 2 if metric.name in ORDERS else confidence


def _gains(better: Contender, worse: Contender, metric: Metric) -> Floats:
    return np.asarray(metric.gain(better.scores, worse.scores))  # type: ignore[arg-type]  # the same arithmetic on arrays


def _said(better: Contender, worse: Contender, metric: Metric, confidence: float) -> str:
    low, high = interval(_gains(better, worse, metric), _each(metric, confidence))
    middle = metric.gain(better.score, worse.score)
    return f"{_short(middle)} {LABELS[metric.name]} [{_short(low)}, {_short(high)}]"


def _short(value: float) -> str:
    """Two digits that count.

    >>> _short(0.01234), _short(1234.5), _short(float("inf"))
    ('0.012', '1,234', '∞')
    """
    if not np.isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    places = max(0, 1 - int(np.floor(np.log10(abs(value)))))
    return f"{value:,.{min(places, 8)}f}"


def _tie(one: Contender, best: Contender, metric: Metric, confidence: float) -> str:
    return f"{one.name}: {best.name} is ahead by {_said(best, one, metric, confidence)}, which may be chance; a tie goes to the simpler model."


def _win(best: Contender, usable: Sequence[Contender], metric: Metric, confidence: float) -> str:
    simpler = [one for one in usable if one.simplicity < best.simplicity]
    if not simpler:
        return f"{best.name}: it is the simplest, and no other model has a better score."
    rival = max(simpler, key=lambda one: metric.gain(one.score, 0.0))
    said = f"{best.name} beats {rival.name}, the best of the simpler models, by {_said(best, rival, metric, confidence)}"
    low, high = interval(_gains(best, rival, metric), _each(metric, confidence))
    if low <= 0 and rival.redrawn is not None and best.redrawn is not None:
        low, high = interval(rival.redrawn - best.redrawn, _each(metric, confidence))
        said += f", and surely so by {_short(rival.loss - best.loss)} loss a row [{_short(low)}, {_short(high)}]"
    return f"{said}."
