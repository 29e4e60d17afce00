"""Which column of a table is which column of the plan, when names or places have changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

_MARKS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Source:
    """What a column of the training table looked like.

    Args:
        name: its name.
        dtype: the name of its type.
        used: it is part of the model's input, or named by the problem.
        labels: its most frequent categories, for recognising it under another name; empty for numbers and names.
        deciles: its nine deciles, if it holds numbers.
    """

    name: str
    dtype: str
    used: bool = True
    labels: tuple[str, ...] = ()
    deciles: tuple[float, ...] = ()


def normalised(name: str) -> str:
    """A name as people mean it: `Total Charges`, `total_charges` and `TOTAL-CHARGES` are one.

    >>> normalised(" Total-Charges (€) ")
    'total charges'
    """
    return _MARKS.sub(" ", name.casefold()).strip()


def matched_names(known: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The name in a table of each known column, by equal names and then by equal normalised names that are unambiguous."""
    there = set(names)
    found = {name: name for name in known if name in there}
    taken = set(found.values())
    open_known: dict[str, list[str]] = {}
    for name in known:
        if name not in found:
            open_known.setdefault(normalised(name), []).append(name)
    open_names: dict[str, list[str]] = {}
    for name in names:
        if name not in taken:
            open_names.setdefault(normalised(name), []).append(name)
    for shape, ours in open_known.items():
        theirs = open_names.get(shape, [])
        if shape and len(ours) == 1 and len(theirs) == 1:
            found[ours[0]] = theirs[0]
    return found


def matched(sources: Sequence[Source], table: pl.DataFrame) -> dict[str, str]:
    """The column of a table that each known column is: by name, then by normalised name."""
    return matched_names([source.name for source in sources], table.columns)
