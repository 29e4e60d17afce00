"""How far off a number may be: conformal intervals around a regression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from assayline.errors import MisuseError

from .predictor import Predictor
from .stored import DOCUMENT, Array, Stored, frozen, nested, plain, written

MOST_SCORES = 4000  # of more rows as many are drawn: a random part of exchangeable rows keeps the promise, and 4,000 place the 99th percentile within 0.16 points

NO_CLASSES = "intervals are for regressions; a classifier gets a calibration (Calibrated)"


@dataclass(frozen=True, eq=False)
class Interval:
    """A regression with intervals that hold the truth as often as they say.

    The score of a calibration row is |y - prediction|, divided by what `difficulty` says of the row if there is one. The interval of coverage c reaches as far as the
    ceil((n + 1) c)-th smallest of the n scores. Null hypothesis: calibration rows and new rows are exchangeable. Promise: an interval of coverage c holds the
    truth of a new row with a probability of at least c (`tests/artefacts/test_interval.py` simulates it). When data drift, the promise is void.

    Args:
        inner: the regression.
        scores: (n,) ascending.
        difficulty: a regression that says how far off the model usually is at a row; its values count as at least `floor`.
        floor: the least difficulty, positive.

    Source: Vovk et al. 2005; Lei et al. 2018.

    >>> from assayline.artefacts import Constant
    >>> model = Interval.learn(Constant.of(0.0), np.zeros((9, 1)), np.arange(1.0, 10.0))
    >>> [one.tolist() for one in model.interval(np.zeros((1, 1)), 0.5)]
    [[-5.0], [5.0]]
    """

    inner: Predictor
    scores: Array
    difficulty: Predictor | None = None
    floor: float = 1.0
    kind = "interval"
    classes = 0

    def __post_init__(self) -> None:
        cause = _cause(self)
        if cause:
            raise MisuseError(cause)

    @classmethod
    def learn(cls, inner: Predictor, X: Array, y: Array, *, difficulty: Predictor | None = None, seed: int = 0) -> Interval:
        """From rows that the model was not trained on.

        Args:
            inner: the regression, trained on other rows.
            X: (rows, width) encoded calibration rows.
            y: (rows,) what was true of them.
            difficulty: a regression of how far off the model is, trained on other rows too.
            seed: of the choice among more than MOST_SCORES rows.
        """
        if inner.classes:
            raise MisuseError(NO_CLASSES)
        off = np.abs(np.asarray(y, dtype=np.float64) - inner.predict(X))
        floor = 1.0
        if difficulty is not None:
            guessed = difficulty.predict(X)
            floor = float(max(np.quantile(np.maximum(guessed, 0.0), 0.05), 1e-3 * np.abs(guessed).mean(), 1e-300))
            off = off / np.maximum(guessed, floor)
        off = off[np.isfinite(off)]
        if len(off) > MOST_SCORES:
            off = np.random.default_rng(seed).choice(off, MOST_SCORES, replace=False)
        return cls(inner, frozen(np.sort(off)), difficulty, floor)

    @property
    def width(self) -> int:
        return self.inner.width

    def predict(self, X: Array, /) -> Array:
        return self.inner.predict(X)

    def reach(self, coverage: float) -> float:
        """How far the interval reaches to either side, in units of difficulty.

        Raises:
            MisuseError: there are too few calibration rows for this coverage.
        """
        rank = math.ceil((len(self.scores) + 1) * coverage - 1e-9) if 0 < coverage < 1 else 0
        if not 0 < rank <= len(self.scores):
            most = len(self.scores) / (len(self.scores) + 1)
            raise MisuseError(f"{len(self.scores)} calibration rows give intervals of a coverage above 0 and up to {most:.4g}, not {coverage!r}: ask for less, or hold back more rows")
        return float(self.scores[rank - 1])

    def interval(self, X: Array, coverage: float = 0.9) -> tuple[Array, Array]:
        """Low and high end for each row.

        Args:
            X: (rows, width).
            coverage: share of new rows whose truth lies inside, between 0 and 1.

        Returns:
            Two arrays (rows,).

        Raises:
            MisuseError: there are too few calibration rows for this coverage.
        """
        point, reach = self.inner.predict(X), self.reach(coverage)
        wide = reach * np.maximum(self.difficulty.predict(X), self.floor) if self.difficulty is not None else np.full(len(point), reach)
        return point - wide, point + wide

    def members(self) -> dict[str, bytes]:
        document = {"kind": self.kind, "scores": plain(self.scores), "floor": self.floor, "by_difficulty": self.difficulty is not None}
        more = nested("difficulty", self.difficulty.members()) if self.difficulty is not None else {}
        return {DOCUMENT: written(document), **nested("inner", self.inner.members()), **more}


def read(stored: Stored) -> Interval:
    """A regression with intervals from its files."""
    document = stored.document()
    varies = document.get("by_difficulty") is True
    stored.only(folders=["inner", "difficulty"] if varies else ["inner"])
    inner, difficulty = stored.inner("inner"), stored.inner("difficulty") if varies else None
    try:
        return Interval(inner, stored.array(document, "scores", -1), difficulty, float(stored.array(document, "floor")))
    except MisuseError as error:
        raise stored.wrong(str(error)) from None


def _cause(one: Interval) -> str:
    """What is wrong with such intervals, or ""."""
    if one.inner.classes or (one.difficulty is not None and one.difficulty.classes):
        return NO_CLASSES
    if one.scores.ndim != 1 or not len(one.scores) or (np.diff(one.scores) < 0).any() or one.scores[0] < 0 or not np.isfinite(one.scores).all():
        return "the scores of the calibration rows are none, negative, not finite or not ascending"
    if not one.floor > 0 or not math.isfinite(one.floor):
        return f"the least difficulty is {one.floor!r} and should be positive"
    return ""
