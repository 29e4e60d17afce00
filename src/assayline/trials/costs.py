"""What wrong answers cost, in a named currency: a matrix for classes, a price per unit for numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .laws import Floats


@dataclass(frozen=True)
class CostMatrix:
    """What each pair of truth and decision costs.

    Args:
        classes: labels in the order of the class indices.
        costs: one row per true class, one number per decided class; gains are negative.
        unit: of the money, "EUR".

    >>> churn = cost_matrix(("stays", "leaves"), {("leaves", "stays"): 120.0, ("stays", "leaves"): 10.0})
    >>> churn.decide(np.array([[0.95, 0.05], [0.90, 0.10]])).tolist()
    [0, 1]
    """

    classes: tuple[str, ...]
    costs: tuple[tuple[float, ...], ...]
    unit: str = "EUR"

    def __post_init__(self) -> None:
        shape = np.asarray(self.costs, dtype=np.float64).shape
        if shape != (len(self.classes), len(self.classes)) or not np.isfinite(np.asarray(self.costs)).all():
            raise MisuseError(f"a cost matrix for {len(self.classes)} classes has as many rows and columns of finite numbers, not {shape}")

    def of_rows(self, y: Floats, decided: npt.NDArray[np.int64]) -> Floats:
        """(rows,) the cost of each decision, in the unit of the matrix."""
        return np.asarray(self.costs, dtype=np.float64)[y.astype(np.int64), decided]

    def decide(self, probabilities: Floats) -> npt.NDArray[np.int64]:
        """(rows,) the class whose expected cost is least, for (rows, classes) calibrated probabilities (Elkan 2001)."""
        return np.asarray(np.argmin(np.asarray(probabilities) @ np.asarray(self.costs, dtype=np.float64), axis=1), dtype=np.int64)


def cost_matrix(classes: tuple[str, ...], costs: Mapping[tuple[str, str], float], unit: str = "EUR") -> CostMatrix:
    """A cost matrix from the pairs that cost something.

    Args:
        classes: labels in the order of the class indices.
        costs: (true label, decided label) -> cost of that decision; pairs that are left out cost nothing.
        unit: of the money.

    Raises:
        MisuseError: a pair names a class that there is not.

    >>> cost_matrix(("no", "yes"), {("yes", "no"): 5}, unit="USD").costs
    ((0.0, 0.0), (5.0, 0.0))
    """
    table = np.zeros((len(classes), len(classes)))
    for (true, decided), cost in costs.items():
        for label in (true, decided):
            if label not in classes:
                raise MisuseError(f"the costs name the class {label!r}; there are {', '.join(map(repr, classes))}")
        table[classes.index(true), classes.index(decided)] = cost
    return CostMatrix(classes, tuple(tuple(float(cost) for cost in row) for row in table), unit)


@dataclass(frozen=True)
class UnitPrice:
    """What each unit too much and each unit too little costs; see `per_unit`."""

    over: float
    under: float
    unit: str = "EUR"

    def of_rows(self, y: Floats, predicted: Floats) -> Floats:
        """(rows,) the cost of each prediction, in the unit of the price."""
        gap = predicted - y
        return np.where(gap > 0, self.over * gap, -self.under * gap)


def per_unit(*, over: float, under: float, unit: str = "EUR") -> UnitPrice:
    """What predicting a number costs: `over` for each unit predicted too much, `under` for each unit too little.

    Args:
        over, under: at least 0, in `unit` per unit of the target.
        unit: of the money.

    >>> per_unit(over=1.0, under=3.0).of_rows(np.array([10.0, 10.0]), np.array([12.0, 9.0])).tolist()
    [2.0, 3.0]
    """
    if not (over >= 0 and under >= 0 and over + under > 0 and np.isfinite(over + under)):
        raise MisuseError(f"prices per unit are finite, at least 0 and not both 0, not over={over!r}, under={under!r}")
    return UnitPrice(float(over), float(under), unit)


Cost = CostMatrix | UnitPrice
