"""What mistakes cost, and the decisions that cost least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assayline.errors import MisuseError

from .conformal import Spread
from .sample import Floats
from .scores import Weights, interval

Cost = Mapping[str, float] | Mapping[str, Mapping[str, float]] | Sequence[Sequence[float]]


def per_unit(over: float, under: float) -> dict[str, float]:
    """The cost of a number that is too high, and of one that is too low, for each unit it is off.

    >>> per_unit(over=1.0, under=3.0)
    {'over': 1.0, 'under': 3.0}
    """
    return {"over": float(over), "under": float(under)}


@dataclass(frozen=True)
class Decision:
    """How predictions become decisions.

    Args:
        kind: "threshold" (two classes), "matrix" (more) or "quantile" (numbers).
        threshold: probability of the second class from which it is decided for; NaN where there is none.
        quantile: of what may come, that is decided for; NaN for classes.
        shift: what is added to a prediction, in units of the difficulty if the intervals have one.
        cost_per_row: of these decisions, on rows that the models had not seen.
        plain_cost_per_row: of the likeliest class, or of the prediction itself.
        saving_low, saving_high: interval of the difference.
    """

    kind: str
    threshold: float
    quantile: float
    shift: float
    cost_per_row: float
    plain_cost_per_row: float
    saving_low: float
    saving_high: float


def matrix_of(cost: Cost, classes: Sequence[str]) -> Floats:
    """The cost of each decision (column) for each truth (row).

    Args:
        cost: {truth: {decision: cost}} by class, where what is not named costs nothing; or rows of numbers in the order of the classes.
        classes: their names.

    Raises:
        MisuseError: it names a class there is not, has another shape, or rewards every mistake.

    >>> matrix_of({"yes": {"no": 10}, "no": {"yes": 1}}, ["no", "yes"]).tolist()
    [[0.0, 1.0], [10.0, 0.0]]
    """
    count = len(classes)
    if isinstance(cost, Mapping):
        found = np.zeros((count, count))
        places = {name.strip().casefold(): at for at, name in enumerate(classes)}
        for truth, decisions in cost.items():
            if not isinstance(decisions, Mapping):
                raise MisuseError(f"the cost of {truth!r} is {decisions!r}: for classes give {{truth: {{decision: cost}}}} with the classes {', '.join(classes)}")
            for decision, value in decisions.items():
                for name in (truth, decision):
                    if str(name).strip().casefold() not in places:
                        raise MisuseError(f"the cost names the class {name!r}; there are {', '.join(classes)}")
                found[places[str(truth).strip().casefold()], places[str(decision).strip().casefold()]] = float(value)
    else:
        try:
            found = np.asarray(cost, dtype=np.float64)
        except (TypeError, ValueError):
            raise MisuseError(f"the cost {cost!r} is no table of numbers: give a row for each true class and a column for each decision") from None
    if found.shape != (count, count) or not np.isfinite(found).all():
        raise MisuseError(f"the cost has the shape {found.shape}: give a number for each of {count} true classes and {count} decisions")
    if (found <= np.diag(found)[:, None]).all():
        raise MisuseError("no mistake costs more than the right decision: give what a mistake costs as a positive number")
    return found


def decided(probabilities: Floats, matrix: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The class that costs least to decide for, for each row.

    >>> decided(np.array([[0.8, 0.2]]), np.array([[0.0, 1.0], [10.0, 0.0]])).tolist()
    [1]
    """
    return np.asarray(np.argmin(np.asarray(probabilities) @ matrix, axis=1), dtype=np.int64)


def threshold(matrix: Floats) -> float:
    """The probability of the second of two classes from which deciding for it costs less (Elkan 2001).

    >>> threshold(np.array([[0.0, 1.0], [9.0, 0.0]]))
    0.1
    """
    wrong, missed = matrix[0, 1] - matrix[0, 0], matrix[1, 0] - matrix[1, 1]
    return float(wrong / (wrong + missed)) if wrong + missed else float("nan")


def decision_of_classes(cost: Cost, classes: Sequence[str], y: Floats, said: Floats, weights: Weights) -> Decision:
    """How probabilities become decisions, and what that saves against deciding for the likeliest class."""
    matrix, truth = matrix_of(cost, classes), y.astype(np.int64)
    mine, plain = matrix[truth, decided(said, matrix)], matrix[truth, np.argmax(said, axis=1)]
    return _decision("threshold" if len(classes) == 2 else "matrix", threshold(matrix) if len(classes) == 2 else float("nan"), float("nan"), 0.0, mine, plain, weights)


def decision_of_numbers(cost: Cost, found: Spread, folds: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]], weights: Weights) -> Decision:
    """By how much predictions are moved, and what that saves: the quantile under / (over + under) of what may come costs least (Koenker & Bassett 1978).

    Raises:
        MisuseError: the cost is not {"over": …, "under": …} with positive numbers.
    """
    over, under = _units(cost)
    level, off = under / (over + under), found.residuals / found.difficulty
    moved = np.zeros(len(off))
    for fold in folds:  # each fold is moved by what the others say, or the saving would be too good
        others = np.setdiff1d(np.arange(len(off)), fold, assume_unique=True)
        moved[fold] = np.quantile(off[others] if len(others) else off, level)

    def costs(residual: Floats) -> Floats:
        return np.where(residual >= 0, under * residual, -over * residual)

    return _decision("quantile", float("nan"), level, float(np.quantile(off, level)), costs(found.residuals - moved * found.difficulty), costs(found.residuals), weights)


def _units(cost: Cost) -> tuple[float, float]:
    if isinstance(cost, Mapping) and set(cost) == {"over", "under"}:
        over, under = cost["over"], cost["under"]
        if isinstance(over, int | float) and isinstance(under, int | float) and over > 0 and under > 0:
            return float(over), float(under)
    raise MisuseError(f"the cost {cost!r} is none of a number: give per_unit(over=…, under=…) with positive numbers")


def _decision(kind: str, at: float, level: float, shift: float, mine: Floats, plain: Floats, weights: Weights) -> Decision:
    unit = float(np.abs(plain - mine).max(initial=0.0)) or 1.0
    savings = np.asarray(weights @ ((plain - mine) / unit).astype(np.float32), dtype=np.float64) / np.maximum(weights.sum(axis=1), 1e-9) * unit
    low, high = interval(savings)
    return Decision(kind, at, level, shift, float(mine.mean()), float(plain.mean()), low, high)


def check(cost: Cost | None, classes: Sequence[str]) -> None:
    """Raises MisuseError for a cost that does not fit, before any time is spent."""
    if cost is None:
        return
    if classes:
        matrix_of(cost, classes)
    else:
        _units(cost)
