"""A regression on another scale: trained on the logarithm of the target, or kept inside the range that was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from assayline.errors import MisuseError

from .predictor import Predictor
from .stored import DOCUMENT, Array, Stored, nested, written

LINKS = ("identity", "exp")
HIGHEST = 700.0  # exp(709.78) is the largest float64


@dataclass(frozen=True, eq=False)
class Rescaled:
    """Turns what a regression says into the unit of the target: `link(said) * factor + shift`, then within [low, high].

    The mean of a logarithm is not the logarithm of the mean: `factor` makes up for it (smearing).

    Args:
        inner: the regression.
        link: "identity" or "exp".
        factor: not 0.
        shift: added afterwards.
        low, high: bounds of the result.

    Source: Duan 1983 (smearing).

    >>> from assayline.artefacts import Constant
    >>> Rescaled(Constant.of(0.0), link="exp", factor=1.5, shift=-1.0).predict(np.zeros((1, 1))).tolist()
    [0.5]
    """

    inner: Predictor
    link: str = "identity"
    factor: float = 1.0
    shift: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    kind = "rescaled"
    classes = 0

    def __post_init__(self) -> None:
        cause = _cause(self)
        if cause:
            raise MisuseError(cause)

    @property
    def width(self) -> int:
        return self.inner.width

    def predict(self, X: Array, /) -> Array:
        return self.mapped(self.inner.predict(X))

    def mapped(self, said: Array) -> Array:
        """What the inner model says, in the unit of the target."""
        linked = np.exp(np.minimum(said, HIGHEST)) if self.link == "exp" else said
        return np.asarray(np.clip(linked * self.factor + self.shift, self.low, self.high))

    def unmapped(self, y: Array) -> Array:
        """Targets on the scale of the inner model, for whoever trains it further; what lies outside is moved to the edge."""
        inside = (np.clip(y, self.low, self.high) - self.shift) / self.factor
        return np.asarray(np.log(np.maximum(inside, 1e-300)) if self.link == "exp" else inside)

    def members(self) -> dict[str, bytes]:
        bounds = [str(one) if math.isinf(one) else one for one in (self.low, self.high)]
        document = {"kind": self.kind, "link": self.link, "factor": self.factor, "shift": self.shift, "bounds": bounds}
        return {DOCUMENT: written(document), **nested("inner", self.inner.members())}


def read(stored: Stored) -> Rescaled:
    """A rescaled regression from its files."""
    stored.only(folders=["inner"])
    document = stored.document()
    low, high = stored.array(document, "bounds", 2, finite=False).tolist()
    factor, shift = (float(stored.array(document, name)) for name in ("factor", "shift"))
    try:
        return Rescaled(stored.inner("inner"), stored.word(document, "link", LINKS), factor, shift, low, high)
    except MisuseError as error:
        raise stored.wrong(str(error)) from None


def _cause(one: Rescaled) -> str:
    """What is wrong with such a model, or ""."""
    if one.inner.classes:
        return "only a regression can be rescaled; a classifier gets a calibration (Calibrated)"
    if one.link not in LINKS or not math.isfinite(one.factor) or one.factor == 0 or not math.isfinite(one.shift) or not one.low <= one.high:
        return f"link {one.link!r}, factor {one.factor!r}, shift {one.shift!r} and bounds {one.low!r} to {one.high!r} make no scale"
    return ""
