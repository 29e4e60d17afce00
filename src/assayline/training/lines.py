"""Linear, logistic and softmax regressions with a ridge, fitted over the dense view that they predict from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assayline.artefacts.linear import linked
from assayline.artefacts.trees import sigmoid

from .sample import Floats

if TYPE_CHECKING:
    from .clock import Clock

PENALTIES = (0.3, 3.0, 30.0, 300.0, 3000.0)  # half of them times the squared coefficients of standardised columns is added to the sum of the losses
STEPS = 12  # Newton steps; from 0 they converge in 5 to 8
NEWTON = 400  # columns up to which a Newton step is cheaper than the many steps without second derivatives


@dataclass(frozen=True, eq=False)
class Line:
    """Coefficients over dense columns.

    Args:
        coefficients: (outputs, columns).
        intercept: (outputs,).
        link: "identity", "logit" or "softmax".
    """

    coefficients: Floats
    intercept: Floats
    link: str

    def predict(self, dense: Floats) -> Floats:
        """Numbers (rows,), or probabilities (rows, classes)."""
        return linked(dense @ self.coefficients.T + self.intercept, self.link)


def lines(dense: Floats, y: Floats, classes: int, penalties: Sequence[float], clock: Clock, seconds: float, start: Line | None = None) -> list[Line]:
    """A line for each penalty, the largest first; fewer when the time runs out, but always one.

    Args:
        dense: (rows, columns).
        y: (rows,) numbers, or indexes of classes.
        classes: 0 for regression.
        penalties: of the squared coefficients.
        clock: the deadline.
        seconds: it may take.
        start: where to start from.
    """
    ordered = sorted(penalties, reverse=True)
    if not classes:
        return _ridges(dense, y, ordered)
    stop, found = clock.until(seconds), list[Line]()
    for penalty in ordered:
        if found and clock.now() >= stop:
            break
        start = _logistic(dense, y, penalty, clock, stop, start) if classes == 2 else _softmax(dense, y, classes, penalty, clock, stop, start)
        found.append(start)
    return found


def _ridges(dense: Floats, y: Floats, penalties: Sequence[float]) -> list[Line]:
    means, middle = dense.mean(axis=0), float(y.mean())
    unit = float(np.abs(y - middle).max(initial=0.0)) or 1.0
    apart = dense - means
    values, vectors = np.linalg.eigh(apart.T @ apart)
    turned = vectors.T @ (apart.T @ ((y - middle) / unit))
    found = []
    for penalty in penalties:
        slopes = vectors @ (turned / (np.maximum(values, 0.0) + penalty)) * unit
        found.append(Line(slopes[None, :], np.array([middle - means @ slopes]), "identity"))
    return found


def _logistic(dense: Floats, y: Floats, penalty: float, clock: Clock, stop: float, start: Line | None) -> Line:
    rows, columns = dense.shape
    share = np.clip(y.mean(), 1e-6, 1 - 1e-6)
    at = np.concatenate([start.coefficients[0], start.intercept]) if start is not None else np.concatenate([np.zeros(columns), [np.log(share / (1 - share))]])
    ridge = np.concatenate([np.full(columns, penalty), [1e-9]])

    def value(point: Floats) -> float:
        score = dense @ point[:-1] + point[-1]
        return float(np.logaddexp(0.0, score).sum() - y @ score + 0.5 * (ridge * point**2).sum())

    if columns > NEWTON:
        def both(point: Floats) -> tuple[float, Floats]:
            score = dense @ point[:-1] + point[-1]
            off = sigmoid(score) - y
            loss = float(np.logaddexp(0.0, score).sum() - y @ score + 0.5 * (ridge * point**2).sum())
            return loss, np.concatenate([dense.T @ off, [off.sum()]]) + ridge * point

        at = _descended(both, at, clock, stop)
        return Line(at[None, :-1], at[-1:], "logit")
    now = value(at)
    for _ in range(STEPS):
        chance = sigmoid(dense @ at[:-1] + at[-1])
        off, weight = chance - y, np.maximum(chance * (1 - chance), 1e-9)
        slope = np.concatenate([dense.T @ off, [off.sum()]]) + ridge * at
        weighted = dense * weight[:, None]
        bend = np.empty((columns + 1, columns + 1))
        bend[:-1, :-1], bend[-1, :-1], bend[:-1, -1], bend[-1, -1] = dense.T @ weighted, weighted.sum(axis=0), weighted.sum(axis=0), weight.sum()
        bend[np.diag_indices(columns + 1)] += ridge + 1e-9 * rows
        step = np.linalg.solve(bend, slope)
        length = 1.0
        while (then := value(at - length * step)) > now and length > 1e-4:
            length /= 2
        gained = now - then
        if gained > 0:
            at, now = at - length * step, then
        if gained <= 1e-7 * max(abs(now), 1.0) or clock.now() >= stop:
            break
    return Line(at[None, :-1], at[-1:], "logit")


def _softmax(dense: Floats, y: Floats, classes: int, penalty: float, clock: Clock, stop: float, start: Line | None) -> Line:
    columns, which = dense.shape[1], y.astype(np.int64)
    rows = np.arange(len(y))
    shares = np.log(np.maximum(np.bincount(which, minlength=classes) / len(y), 1e-6))
    at = np.concatenate([start.coefficients.ravel(), start.intercept]) if start is not None else np.concatenate([np.zeros(classes * columns), shares])

    def both(point: Floats) -> tuple[float, Floats]:
        slopes, level = point[: classes * columns].reshape(classes, columns), point[classes * columns :]
        scores = dense @ slopes.T + level
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        total = powers.sum(axis=1, keepdims=True)
        loss = float(np.log(total).sum() - scores[rows, which].sum() + 0.5 * penalty * (slopes**2).sum())
        off = powers / total
        off[rows, which] -= 1.0
        return loss, np.concatenate([(off.T @ dense + penalty * slopes).ravel(), off.sum(axis=0)])

    at = _descended(both, at, clock, stop)
    return Line(at[: classes * columns].reshape(classes, columns), at[classes * columns :], "softmax")


def _descended(both: Any, at: Floats, clock: Clock, stop: float) -> Floats:
    """The end of a descent by L-BFGS (Liu & Nocedal 1989), or where it was when the time was up."""
    from scipy.optimize import minimize

    last = [at]

    def step(point: Floats) -> None:
        last[0] = np.array(point)
        if clock.now() >= stop:
            raise StopIteration

    try:
        found = minimize(both, at, jac=True, method="L-BFGS-B", callback=step, options={"maxiter": 100, "ftol": 1e-8})
    except StopIteration:
        return last[0]
    return np.asarray(found.x, dtype=np.float64)
