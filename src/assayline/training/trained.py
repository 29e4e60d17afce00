"""What training leaves behind: the model, the baselines beside it, and everything that was measured on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from assayline.artefacts import Predictor
from assayline.framing import Plan

from .calibrating import Calibration
from .choosing import Choice
from .conformal import Reach
from .costs import Decision
from .curves import FeatureCurves, LearningCurve
from .sample import Floats


@dataclass(frozen=True)
class Row:
    """One model of the leaderboard.

    Args:
        name: of the model.
        score: on rows it had not seen.
        low, high: interval of the score.
        gain: by how much it is better than the dummy.
        seconds: it took.
        size_bytes: of its files.
        row_microseconds: one row takes.
        share: of the rows it was scored with, 0..1.
        chosen: whether it is the choice.
    """

    name: str
    score: float
    low: float
    high: float
    gain: float
    seconds: float
    size_bytes: int
    row_microseconds: float
    share: float
    chosen: bool = False


@dataclass(frozen=True)
class Forgetting:
    """What an update made of rows that the model used to know.

    Args:
        before, after: the score on the anchor set.
        low, high: interval of what was lost; above 0 it is surely worse there.
        forgot: whether it surely is.
        sentence: the same in words.
    """

    before: float
    after: float
    low: float
    high: float
    forgot: bool
    sentence: str


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model with all that was measured of it. Everything but the models is JSON (`to_json`).

    Args:
        plan: how tables become its input.
        predictor: the choice.
        baselines: dummy, linear, plain trees …, trained on the same rows.
        metric: the score that decided.
        leaderboard: every model that was tried on all rows, the best first.
        choice: which, and why.
        split: "forward", "grouped" or "stratified"; "none" where there was nothing to split.
        split_why: the same in a sentence.
        learning_curve: the score with 10, 50 and 100 % of the rows; None without time.
        feature_curves: the score with fewer features; None without time.
        calibration: how probabilities were mapped; None for regression.
        reaches: intervals around numbers by coverage; empty for classification.
        set_bounds: for each coverage the probability from which a class belongs to the set of possible ones; empty for regression.
        decision: how predictions become decisions, where a cost was given.
        notes: what else had to be said.
        rows: that it was trained on.
        seconds: that all of it took.
        budget_seconds: that were allowed.
        importance: (feature, share of what plain trees gain from all features), the most important first. It says what they use, not what causes the target.
        seed: what chance was drawn from.
        update: "" for a model trained anew, else "window", "continued", "refitted" or "partial".
        forgetting: of an update with an anchor set.
    """

    plan: Plan
    predictor: Predictor
    baselines: Mapping[str, Predictor]
    metric: str
    leaderboard: tuple[Row, ...]
    choice: Choice
    split: str
    split_why: str
    learning_curve: LearningCurve | None = None
    feature_curves: FeatureCurves | None = None
    calibration: Calibration | None = None
    reaches: tuple[Reach, ...] = ()
    set_bounds: Mapping[str, float] = field(default_factory=dict)
    decision: Decision | None = None
    notes: tuple[str, ...] = ()
    rows: int = 0
    seconds: float = 0.0
    budget_seconds: float = 0.0
    importance: tuple[tuple[str, float], ...] = ()
    seed: int = 0
    update: str = ""
    forgetting: Forgetting | None = None

    def predict(self, table: pl.DataFrame) -> Floats:
        """Numbers (rows,), or probabilities (rows, classes), for any table."""
        return np.asarray(self.predictor.predict(self.plan.encode(table)), dtype=np.float64)

    def told(self) -> dict[str, Any]:
        """What people are shown of the training, as JSON values: the choice and why, the leaderboard, both curves, leaks, notes and importance."""
        learning, features = self.learning_curve, self.feature_curves
        most = max((point.at for point in learning.points), default=1) if learning else 1
        by = {"importance": features.by_importance, "pca": features.by_component} if features else {}
        shown = {
            "choice": self.choice.name, "reason": self.choice.reason, "metric": self.metric, "higher_is_better": self.metric in ("auc", "average_precision"),
            "seconds": self.seconds, "budget_seconds": self.budget_seconds, "rows": self.rows, "split": self.split_why, "leaderboard": self.leaderboard,
            "learning_curve": [{"share": point.at / most, "rows": point.at, "score": point.score} for point in learning.points] if learning else [],
            "curve_says": learning.sentence if learning else "",
            "features_curve": [{"features": point.at, "by": name, "score": point.score} for name, points in by.items() for point in points],
            "features_say": features.sentence if features else "",
            "leaks": [{"column": leak.column, "reason": leak.reason, "sentence": leak.evidence} for leak in self.plan.leaks],
            "notes": self.notes, "importance": [{"feature": name, "share": share} for name, share in self.importance],
            "calibration": self.calibration, "reaches": self.reaches, "set_bounds": self.set_bounds, "decision": self.decision, "update": self.update, "forgetting": self.forgetting,
        }  # fmt: skip
        found: dict[str, Any] = _plain(shown)
        return found

    def to_json(self) -> dict[str, Any]:
        """Everything but the models as JSON values; a number that is none is null."""
        kept = {name: value for name, value in vars(self).items() if name not in ("plan", "predictor", "baselines")}
        document = {name: _plain(value) for name, value in kept.items()}
        return {**document, "baselines": sorted(self.baselines), "plan": self.plan.to_json()}


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
