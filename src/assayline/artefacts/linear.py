"""The linear model: coefficients over the dense view of a row, and everything that view was learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.errors import MisuseError

from .layout import MOST_CODES, Layout, read_layout
from .stored import DOCUMENT, Array, Stored, frozen, plain, written
from .trees import sigmoid

LINKS = ("identity", "logit", "softmax")
BLOCK = 16_384  # rows at a time: 1,000 dense columns of them are 130 MB


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear, logistic and softmax regression.

    Args:
        layout: the dense view; the model is fitted on `layout.dense(X)`.
        coefficients: (outputs, layout.size); one output for "identity" and "logit", one for each class for "softmax".
        intercept: (outputs,).
        link: "identity" (regression), "logit" (two classes) or "softmax".

    >>> X, y = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 2.0, 3.0])
    >>> layout = Linear.layout(X, categories=[0])
    >>> slope = np.linalg.lstsq(layout.dense(X), y - y.mean(), rcond=None)[0]
    >>> Linear.of(layout, slope, y.mean()).predict(np.array([[4.0], [np.nan]])).round(6).tolist()
    [4.0, 2.0]
    """

    dense_view: Layout
    coefficients: Array
    intercept: Array
    link: str = "identity"
    kind = "linear"

    def __post_init__(self) -> None:
        outputs = len(self.intercept)
        if self.link not in LINKS or self.coefficients.shape != (outputs, self.dense_view.size) or (outputs < 2) != (self.link != "softmax"):
            raise MisuseError(
                f"coefficients {self.coefficients.shape} and intercept {self.intercept.shape} do not fit the link {self.link!r} over "
                f"{self.dense_view.size} dense columns: 'identity' and 'logit' have one output, 'softmax' one for each class"
            )

    @staticmethod
    def layout(X: Array, categories: Sequence[int], *, most_codes: int = MOST_CODES, indicators: bool = True) -> Layout:
        """The dense view to fit on: see `Layout.learn`."""
        return Layout.learn(X, categories, most_codes=most_codes, indicators=indicators)

    @classmethod
    def of(cls, layout: Layout, coefficients: npt.ArrayLike, intercept: npt.ArrayLike, *, link: str = "identity") -> Linear:
        """From what an estimator of scikit-learn has as `coef_` and `intercept_`."""
        return cls(layout, frozen(np.atleast_2d(np.asarray(coefficients, dtype=np.float64))), frozen(np.atleast_1d(np.asarray(intercept, dtype=np.float64))), link)

    @property
    def classes(self) -> int:
        return {"identity": 0, "logit": 2}.get(self.link, len(self.intercept))

    @property
    def width(self) -> int:
        return self.dense_view.width

    def predict(self, X: Array, /) -> Array:
        found = np.asarray(X, dtype=np.float64)
        if len(found) <= BLOCK:
            return self._predict(found)
        return np.concatenate([self._predict(found[start : start + BLOCK]) for start in range(0, len(found), BLOCK)])

    def _predict(self, X: Array) -> Array:
        dense = self.dense_view.dense(X)
        # Products and sums row by row: a matrix product adds in an order that depends on how many rows there are, and the last bits with it.
        scores = np.stack([np.add.reduce(dense * line, axis=1) for line in self.coefficients], axis=1) + self.intercept
        return linked(scores, self.link)

    def members(self) -> dict[str, bytes]:
        document = {
            "kind": self.kind, "link": self.link, "layout": self.dense_view.as_json(),
            "coefficients": plain(self.coefficients), "intercept": plain(self.intercept),
        }  # fmt: skip
        return {DOCUMENT: written(document)}


def linked(scores: Array, link: str) -> Array:
    """What the scores of a linear model mean.

    >>> linked(np.array([[0.0]]), "logit").tolist()
    [[0.5, 0.5]]
    """
    if link == "identity":
        return scores[:, 0]
    if link == "logit":
        positive = sigmoid(scores[:, 0])
        return np.stack([1.0 - positive, positive], axis=1)
    apart = np.clip(scores / 2 - scores.max(axis=1, keepdims=True) / 2, -1000.0, 0.0) * 2  # halves, for the difference of two huge scores overflows
    powers = np.exp(apart)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def read(stored: Stored) -> Linear:
    """A linear model from its files."""
    stored.only()
    document = stored.document()
    layout = read_layout(stored, document.get("layout"))
    link = stored.word(document, "link", LINKS)
    coefficients = stored.array(document, "coefficients", -1, layout.size)
    intercept = stored.array(document, "intercept", len(coefficients))
    if (len(intercept) < 2) != (link != "softmax"):
        raise stored.wrong(f"{len(intercept)} outputs do not fit the link {link!r}")
    return Linear(layout, coefficients, intercept, link)
