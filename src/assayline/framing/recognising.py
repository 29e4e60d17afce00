"""Which column of a table is which column of the plan, when names or places have changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from .blocks import block, distinct, moments
from .column import Column
from .labels import label
from .timetext import PLAIN_TIMES

_MARKS = re.compile(r"[\W_]+")
LEAST_ROWS = 100  # rows from which a column's contents say what it is: deciles of fewer are noise
LEAST_LABELS = 3  # categories that must come again: yes and no are in every table
KNOWN = 0.95  # share of rows whose category must be known
CLOSE = 0.1  # largest difference of a decile, as a share of the distance from the first to the last: twice what 100 rows of one column show by chance
MOST_PAIRS = 256  # of a missing column and a new one: where everything has another name, nothing is unambiguous, and every pair costs a look at both
APART = 0.5  # the next best candidate must be this far away, or the answer is not unambiguous


@dataclass(frozen=True)
class Source:
    """What a column of the training table looked like.

    Args:
        name: its name.
        dtype: the name of its type.
        findable: it may be recognised by what stands in it.
        labels: its most frequent categories, if it holds categories.
        deciles: its nine deciles, if it holds numbers.
        time: it holds moments.
    """

    name: str
    dtype: str
    findable: bool = False
    labels: tuple[str, ...] = ()
    deciles: tuple[float, ...] = ()
    time: bool = False


def normalised(name: str) -> str:
    """A name as people mean it: `Total Charges`, `total_charges` and `TOTAL-CHARGES` are one.

    >>> normalised(" Total-Charges (€) ")
    'total charges'
    """
    return _MARKS.sub(" ", _HUMPS.sub(r"\1 \2", name).casefold()).strip()


_HUMPS = re.compile(r"([a-z0-9])([A-Z])")


def matched_names(known: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The name in a table of each known column, by equal names and then by equal normalised names that are unambiguous.

    >>> matched_names(["TotalCharges", "age"], ["AGE", "total_charges", "other"])
    {'TotalCharges': 'total_charges', 'age': 'AGE'}
    """
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
    """The column of a table that each known column is: by name, by normalised name, then by contents if there is exactly one candidate each way.

    Args:
        sources: what the training table looked like.
        table: any table.

    Returns:
        From known names to names of the table; columns that are not there are left out.
    """
    found = matched_names([source.name for source in sources], table.columns)
    missing = [source for source in sources if source.findable and source.name not in found]
    taken = set(found.values())
    free = [name for name in table.columns if name not in taken]
    if not missing or not free or table.height < LEAST_ROWS or len(missing) * len(free) > MOST_PAIRS:
        return found
    distances = np.array([[_distance(source, table.get_column(name)) for name in free] for source in missing])
    for row, source in enumerate(missing):
        column = int(np.argmin(distances[row]))
        others = np.concatenate((np.delete(distances[row], column), np.delete(distances[:, column], row)))
        if distances[row, column] <= CLOSE and (not len(others) or others.min() >= APART):
            found[source.name] = free[column]
    return found


def _distance(source: Source, series: pl.Series) -> float:
    """How different a column's contents are from a known column's: 0 for the same, 1 and more for another."""
    if series.dtype == pl.Null or series.dtype.is_nested() or series.dtype == pl.Object:
        return 1.0
    if source.time:
        if series.dtype.is_numeric() or series.dtype == pl.Boolean:
            return 1.0
        return 1.0 - float(moments(series, PLAIN_TIMES)[1].mean()) if isinstance(series.dtype, (pl.String, pl.Date, pl.Datetime)) else 1.0
    if source.deciles:
        read = block(Column(series.name, "number"), series)[:, 0]
        filled = read[~np.isnan(read)]
        if len(filled) < LEAST_ROWS:
            return 1.0
        ours, theirs = np.array(source.deciles), np.quantile(filled, DECILES)
        width = ours[-1] - ours[0]
        return float(np.abs(ours - theirs).max() / width) if width > 0 else 1.0
    if len(source.labels) < LEAST_LABELS or series.dtype.is_float():
        return 1.0
    values, rows = distinct(series)
    labels = [label(value) for value in values]
    known = set(source.labels)
    of_rows = np.bincount(rows, minlength=len(values))
    filled_rows = sum(int(count) for count, one in zip(of_rows, labels, strict=True) if one is not None)
    common = {one for one in labels if one in known}
    if not filled_rows or len(common) < max(LEAST_LABELS, len(known) // 2):
        return 1.0
    share = sum(int(count) for count, one in zip(of_rows, labels, strict=True) if one in known) / filled_rows
    return 0.0 if share >= KNOWN else 1.0


DECILES = np.arange(1, 10) / 10
