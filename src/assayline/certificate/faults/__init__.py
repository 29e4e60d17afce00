"""The faults that can be put into a good lot, each a value; one file per family."""

from __future__ import annotations

from . import amounts, cells, clocks, distribution, layout, words
from .fault import Fault, Strength

__all__ = ["Fault", "Strength", "faults"]


def faults() -> tuple[Fault, ...]:
    """Every fault, family by family.

    >>> len({fault.code for fault in faults()}) == len(faults())
    True
    """
    return (*cells.FAULTS, *words.FAULTS, *clocks.FAULTS, *layout.FAULTS, *amounts.FAULTS, *distribution.FAULTS)
