"""Two versions that answered the same rows, and in what their difference is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from ..trials import Cost, Scored, losses

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
A_THOUSAND = 1_000  # what happens to one row of a thousand can be imagined; a share of 0.0012 cannot


@dataclass(frozen=True, eq=False)
class Pair:
    """What two versions answered to the same rows.

    Args:
        before, after: their answers, in the same order; rows where one of them has none are left out of every figure (`answered`).
        cost: what wrong answers cost; None where nobody said.

    Raises:
        MisuseError: they were not asked the same.

    >>> truth = np.array([0.0, 1.0, 1.0])
    >>> old, new = (Scored("set", name, "binary", ("no", "yes"), truth, np.array(p)) for name, p in (("v7", [0.1, 0.9, 0.2]), ("v8", [0.1, 0.2, 0.9])))
    >>> pair = Pair(old, new)
    >>> pair.counted, pair.before_loss.tolist(), pair.after_loss.tolist()
    ('wrong', [0.0, 0.0, 1.0], [0.0, 1.0, 0.0])
    """

    before: Scored
    after: Scored
    cost: Cost | None = None

    def __post_init__(self) -> None:
        if self.before.task != self.after.task or self.before.classes != self.after.classes or not np.array_equal(self.before.y, self.after.y):
            raise MisuseError(f"{self.before.version!r} and {self.after.version!r} were not asked the same rows of {self.after.test_set!r}")
        both = self.before.finite & self.after.finite
        object.__setattr__(self, "answered", both)
        if not both.all():
            object.__setattr__(self, "before", self.before.rows(both))
            object.__setattr__(self, "after", self.after.rows(both))

    answered: Mask = field(init=False, repr=False)  # (rows given,) where both answer

    def __len__(self) -> int:
        return len(self.before)

    @property
    def counted(self) -> str:
        """What is counted: "money", "wrong" (answers), or "error" (how far off a number is)."""
        return "money" if self.cost is not None else "error" if self.before.task == "regression" else "wrong"

    @property
    def unit(self) -> str:
        """Of what is counted: a currency, "wrong answers", or "units of the target"."""
        return self.cost.unit if self.cost is not None else "units of the target" if self.before.task == "regression" else "wrong answers"

    @property
    def times(self) -> int:
        """By how much a mean per row is multiplied to be told: per thousand rows, but for how far off a number is."""
        return 1 if self.counted == "error" else A_THOUSAND

    @cached_property
    def before_loss(self) -> Floats:
        """(rows,) what each answer of the version before costs, or how wrong it is."""
        return losses(self.before, self.cost)

    @cached_property
    def after_loss(self) -> Floats:
        """(rows,) the same of the version after."""
        return losses(self.after, self.cost)

    @property
    def worse(self) -> Floats:
        """(rows,) how much worse the version after is."""
        return self.after_loss - self.before_loss
