"""The model that knows nothing of a row: the baseline everything has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.errors import MisuseError

from .stored import DOCUMENT, Array, Stored, frozen, matrix, plain, written


@dataclass(frozen=True, eq=False)
class Constant:
    """Says the same of every row.

    Args:
        values: (1,) the number for regression, (classes,) the probabilities for classification.
        classes: number of classes, 0 for regression.

    >>> Constant.of(3.5).predict([[1.0], [2.0]]).tolist()
    [3.5, 3.5]
    """

    values: Array
    classes: int = 0
    kind = "constant"
    width = 0

    def __post_init__(self) -> None:
        if self.values.shape != (self.classes or 1,):
            raise MisuseError(f"{self.values.shape} values do not fit {self.classes} classes: give one probability for each class, or one number")

    @classmethod
    def of(cls, values: float | npt.ArrayLike) -> Constant:
        """From a number (regression) or a list of probabilities (classification)."""
        found = frozen(values)
        return cls(frozen(found.reshape(-1)), 0 if found.ndim == 0 else len(found))

    def predict(self, X: Array, /) -> Array:
        rows = len(matrix(X, 0))
        return np.full(rows, self.values[0]) if not self.classes else np.tile(self.values, (rows, 1))

    def members(self) -> dict[str, bytes]:
        return {DOCUMENT: written({"kind": self.kind, "classes": self.classes, "values": plain(self.values)})}


def read(stored: Stored) -> Constant:
    """A constant from its files."""
    stored.only()
    document = stored.document()
    classes = stored.integer(document, "classes")
    return Constant(stored.array(document, "values", classes or 1), classes)
