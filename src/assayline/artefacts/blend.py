"""Several models as one: the weighted mean of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.errors import MisuseError

from .predictor import Predictor
from .stored import DOCUMENT, Array, Stored, frozen, nested, plain, written

MOST = 64  # models of one blend


@dataclass(frozen=True, eq=False)
class Blend:
    """The weighted mean of the predictions (numbers or probabilities) of several models.

    Args:
        inner: the models; all of the same number of classes.
        weights: (models,) not negative, adding up to 1.

    >>> from assayline.artefacts import Constant
    >>> Blend.of([Constant.of(1.0), Constant.of(5.0)], [3, 1]).predict(np.zeros((1, 2))).tolist()
    [2.0]
    """

    inner: tuple[Predictor, ...]
    weights: Array
    kind = "blend"

    def __post_init__(self) -> None:
        cause = _cause(self.inner, self.weights)
        if cause:
            raise MisuseError(cause)

    @classmethod
    def of(cls, inner: Sequence[Predictor], weights: npt.ArrayLike) -> Blend:
        """From weights of any positive sum."""
        found = np.asarray(weights, dtype=np.float64)
        total = found.sum()
        if not total > 0:
            raise MisuseError("the weights of a blend do not add up to a positive number")
        return cls(tuple(inner), frozen(found / total))

    @property
    def classes(self) -> int:
        return self.inner[0].classes

    @property
    def width(self) -> int:
        return max(one.width for one in self.inner)

    def predict(self, X: Array, /) -> Array:
        mean: Array = self.weights[0] * self.inner[0].predict(X)
        for one, weight in zip(self.inner[1:], self.weights[1:], strict=True):
            mean = mean + weight * one.predict(X)
        return mean

    def members(self) -> dict[str, bytes]:
        found = {DOCUMENT: written({"kind": self.kind, "models": len(self.inner), "weights": plain(self.weights)})}
        for number, one in enumerate(self.inner):
            found |= nested(str(number), one.members())
        return found


def read(stored: Stored) -> Blend:
    """A blend from its files."""
    document = stored.document()
    folders = [str(number) for number in range(stored.integer(document, "models", 1, MOST))]
    stored.only(folders=folders)
    inner, weights = tuple(stored.inner(folder) for folder in folders), stored.array(document, "weights", len(folders))
    cause = _cause(inner, weights)
    if cause:
        raise stored.wrong(cause)
    return Blend(inner, weights)


def _cause(inner: Sequence[Predictor], weights: Array) -> str:
    """What is wrong with such a blend, or ""."""
    if not 0 < len(inner) <= MOST or weights.shape != (len(inner),):
        return f"{len(inner)} models and {weights.shape} weights make no blend: give 1 to {MOST} models and a weight for each"
    if len({one.classes for one in inner}) > 1:
        return f"models of {sorted({one.classes for one in inner})} classes cannot be blended"
    if len({one.width for one in inner} - {0}) > 1:
        return f"models of {sorted({one.width for one in inner} - {0})} columns cannot be blended: give each the columns it takes (Selected)"
    if (weights < 0).any() or abs(float(weights.sum()) - 1.0) > 1e-9:
        return "the weights are negative or do not add up to 1"
    return ""
