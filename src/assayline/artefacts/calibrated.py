"""Probabilities that mean what they say: a model's scores mapped by what happened to rows it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.errors import MisuseError

from .predictor import Predictor
from .stored import DOCUMENT, Array, Stored, frozen, nested, plain, written
from .trees import sigmoid

METHODS = ("platt", "isotonic", "temperature")
NEAREST = 1e-12  # probabilities are moved this far away from 0 and 1 before their logarithm is taken


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A classifier with its probabilities mapped.

    With two classes the probability of the second is mapped and the first is the rest. With more, Platt and isotonic maps are one for each class and the results are
    divided by their sum; where all are 0 the model's own stay.

    Args:
        inner: the classifier.
        method: "platt": sigmoid(a * logit(p) + b); "isotonic": straight lines between knots, level outside; "temperature": softmax(log(p) / t).
        xs, ys: for each map: "platt": ([a], [b]); "isotonic": knots, ascending, and their values; "temperature": ([t], []).

    Source: Platt 1999; Zadrozny & Elkan 2002; Guo et al. 2017.

    >>> from assayline.artefacts import Constant
    >>> Calibrated.isotonic(Constant.of([0.6, 0.4]), [0.2, 0.6], [0.0, 0.1]).predict(np.zeros((1, 1))).round(3).tolist()
    [[0.95, 0.05]]
    """

    inner: Predictor
    method: str
    xs: tuple[Array, ...]
    ys: tuple[Array, ...]
    kind = "calibrated"

    def __post_init__(self) -> None:
        cause = _cause(self)
        if cause:
            raise MisuseError(cause)

    @classmethod
    def platt(cls, inner: Predictor, slopes: npt.ArrayLike, offsets: npt.ArrayLike) -> Calibrated:
        """With one slope and offset (two classes), or one of each for each class."""
        pairs = zip(np.atleast_1d(np.asarray(slopes, dtype=np.float64)), np.atleast_1d(np.asarray(offsets, dtype=np.float64)), strict=True)
        maps = [(frozen([slope]), frozen([offset])) for slope, offset in pairs]
        return cls(inner, "platt", tuple(one for one, _ in maps), tuple(one for _, one in maps))

    @classmethod
    def isotonic(cls, inner: Predictor, *knots: npt.ArrayLike) -> Calibrated:
        """With knots and values (two classes), or knots and values for each class in turn (x0, y0, x1, y1, …)."""
        return cls(inner, "isotonic", tuple(map(frozen, knots[::2])), tuple(map(frozen, knots[1::2])))

    @classmethod
    def temperature(cls, inner: Predictor, temperature: float) -> Calibrated:
        """With one temperature for all classes; above 1 it makes a model less certain."""
        return cls(inner, "temperature", (frozen([temperature]),), (frozen([]),))

    @property
    def classes(self) -> int:
        return self.inner.classes

    @property
    def width(self) -> int:
        return self.inner.width

    def predict(self, X: Array, /) -> Array:
        return self.mapped(self.inner.predict(X))

    def mapped(self, probabilities: Array) -> Array:
        """The model's probabilities (rows, classes) as calibrated ones."""
        if self.method == "temperature":
            logs = np.log(np.maximum(probabilities, NEAREST)) / self.xs[0][0]
            powers = np.exp(logs - logs.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        if self.classes == 2:
            positive = self._map(probabilities[:, 1], 0)
            return np.stack([1.0 - positive, positive], axis=1)
        each = np.stack([self._map(probabilities[:, number], number) for number in range(self.classes)], axis=1)
        total = each.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, each / np.where(total > 0, total, 1.0), probabilities))

    def _map(self, probability: Array, number: int) -> Array:
        if self.method == "isotonic":
            return np.asarray(np.interp(probability, self.xs[number], self.ys[number]))
        inside = np.clip(probability, NEAREST, 1 - NEAREST)
        return sigmoid(self.xs[number][0] * (np.log(inside) - np.log1p(-inside)) + self.ys[number][0])

    def members(self) -> dict[str, bytes]:
        document = {"kind": self.kind, "method": self.method, "xs": [plain(one) for one in self.xs], "ys": [plain(one) for one in self.ys]}
        return {DOCUMENT: written(document), **nested("inner", self.inner.members())}


def read(stored: Stored) -> Calibrated:
    """A calibrated classifier from its files."""
    stored.only(folders=["inner"])
    document = stored.document()
    xs, ys = (tuple(stored.array({name: one}, name, -1) for one in _list(stored, document, name)) for name in ("xs", "ys"))
    try:
        return Calibrated(stored.inner("inner"), stored.word(document, "method", METHODS), xs, ys)
    except MisuseError as error:
        raise stored.wrong(str(error)) from None


def _list(stored: Stored, document: dict[str, Any], name: str) -> list[Any]:
    found = document.get(name)
    if not isinstance(found, list):
        raise stored.wrong(f"{name!r} is not a list")
    return found


def _cause(one: Calibrated) -> str:
    """What is wrong with such a calibration, or ""."""
    if one.inner.classes < 2:
        return "only a classifier is calibrated; a regression gets an Interval"
    wanted = 1 if one.method == "temperature" or one.inner.classes == 2 else one.inner.classes
    if one.method not in METHODS or len(one.xs) != wanted or len(one.ys) != wanted:
        return f"{len(one.xs)} maps of the method {one.method!r} do not fit {one.inner.classes} classes: there should be {wanted}"
    for x, y in zip(one.xs, one.ys, strict=True):
        if one.method == "isotonic":
            if x.ndim != 1 or x.shape != y.shape or not len(x) or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any() or y[0] < 0 or y[-1] > 1:
                return "the knots are not strictly ascending, or their values not ascending from 0 to 1"
        elif x.shape != (1,) or y.shape != ((1,) if one.method == "platt" else (0,)) or (one.method == "temperature" and x[0] <= 0):
            return f"the parameters of the method {one.method!r} are not single numbers, or the temperature is not positive"
    return ""
