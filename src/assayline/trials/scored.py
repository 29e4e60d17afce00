"""What one version of a model answered to one test set, row by row: all that any later metric, slice or comparison needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .laws import Floats

CLASSIFICATION = ("binary", "multiclass")
TASKS = (*CLASSIFICATION, "regression")
ROUNDING = 1e-3  # probabilities computed in half precision still sum to one within this (2**-10 per class, a few classes)


@dataclass(frozen=True, eq=False)
class Scored:
    """The predictions of one version for the rows of one test set.

    Args:
        test_set: its name and version, as people say it.
        version: of the model.
        task: "binary", "multiclass" or "regression".
        classes: labels in the order of the class indices; () for regression. Of two, the second is the positive one.
        y: (rows,), the truth: class index, or number.
        predictions: (rows,) numbers for regression; (rows, classes) probabilities, or for two classes (rows,) of the positive one. Rows that
            are not finite are kept: they are answers that are missing.
        groups: (rows,) ids of what rows belong together (a customer, a day): rows of one group are not independent. None: all are.
        decisions: (rows,) class indices the model decides on by a threshold of its own; None: the most probable class.

    Raises:
        MisuseError: lengths, classes or probabilities do not fit together.

    >>> Scored("spring", "v8", "binary", ("no", "yes"), np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4])).decided.tolist()
    [0, 1, 0]
    """

    test_set: str
    version: str
    task: str
    classes: tuple[str, ...]
    y: Floats
    predictions: Floats
    groups: npt.NDArray[np.int64] | None = None
    decisions: npt.NDArray[np.int64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise MisuseError(f"there is no task {self.task!r}: it is one of {', '.join(TASKS)}")
        y, predictions = np.asarray(self.y, dtype=np.float64), np.asarray(self.predictions, dtype=np.float64)
        if y.ndim != 1 or not np.isfinite(y).all():
            raise MisuseError(f"the truth of {self.test_set!r} is one known value per row; leave out rows whose label is missing")
        if self.task in CLASSIFICATION:
            y, predictions = self._of_classes(y, predictions)
        elif predictions.shape != y.shape:
            raise MisuseError(f"{self.version!r} gives predictions of shape {predictions.shape} for {len(y)} rows of {self.test_set!r}: one number per row is needed")
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "predictions", predictions)
        if self.groups is not None:
            if len(self.groups) != len(y):
                raise MisuseError(f"{len(self.groups)} group ids for {len(y)} rows of {self.test_set!r}: one per row is needed")
            object.__setattr__(self, "groups", np.unique(np.asarray(self.groups), return_inverse=True)[1].astype(np.int64))
        if self.decisions is not None:
            decisions = np.asarray(self.decisions, dtype=np.int64)
            if decisions.shape != y.shape or (len(y) and not (decisions.min() >= 0 and decisions.max() < len(self.classes))):
                raise MisuseError(f"decisions of {self.version!r} are one class index (0..{len(self.classes) - 1}) per row")
            object.__setattr__(self, "decisions", decisions)

    def _of_classes(self, y: Floats, predictions: Floats) -> tuple[Floats, Floats]:
        count = len(self.classes)
        if count < 2 or (self.task == "binary" and count != 2):
            raise MisuseError(f"the task {self.task!r} of {self.test_set!r} does not go with the classes {self.classes!r}")
        if predictions.ndim == 1 and count == 2:
            predictions = np.column_stack([1 - predictions, predictions])
        if predictions.shape != (len(y), count):
            raise MisuseError(f"{self.version!r} gives predictions of shape {predictions.shape} for {len(y)} rows and {count} classes of {self.test_set!r}")
        if len(y) and (not np.array_equal(y, np.floor(y)) or y.min() < 0 or y.max() >= count):
            raise MisuseError(f"the truth of {self.test_set!r} holds values that are no class index 0..{count - 1}")
        known = predictions[np.isfinite(predictions).all(axis=1)]
        if len(known) and (known.min() < -ROUNDING or np.abs(known.sum(axis=1) - 1).max() > ROUNDING * count):
            raise MisuseError(f"the predictions of {self.version!r} are no probabilities: they lie below 0 or do not sum to 1")
        return y, predictions

    def __len__(self) -> int:
        return len(self.y)

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """(rows,) where there is an answer at all."""
        return np.asarray(np.isfinite(self.predictions if self.predictions.ndim == 2 else self.predictions[:, None]).all(axis=1), dtype=np.bool_)

    @property
    def decided(self) -> npt.NDArray[np.int64]:
        """(rows,) the class index decided on; of equal probabilities the first class."""
        if self.decisions is not None:
            return self.decisions
        return np.asarray(np.argmax(np.nan_to_num(self.predictions, nan=-1.0), axis=1), dtype=np.int64)

    @property
    def minority_share(self) -> float:
        """The share of the rarest class among the rows, 0..1; 1.0 for regression."""
        if self.task == "regression" or not len(self):
            return 1.0
        return float(np.bincount(self.y.astype(np.int64), minlength=len(self.classes)).min() / len(self))

    def rows(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Scored:
        """The same answers, of some rows only."""
        return replace(
            self, y=self.y[chosen], predictions=self.predictions[chosen], groups=None if self.groups is None else self.groups[chosen],
            decisions=None if self.decisions is None else self.decisions[chosen],
        )  # fmt: skip
