"""Groups of rows before and after a change of version: which gained and which lost, and how sure that is.

What is *named* as gained or lost was searched on one half of the rows and confirmed on the other (`trials.slices`), losses and gains at q/2 each. Figures of a group that is named
come from the half that had no part in the search. What is only *shown*, group by group, describes: an interval of each group by itself holds its value in 95 % of test sets, and
no group is called better or worse because of it.

Null hypothesis, of each group: both versions lose the same there on average. Promised: where that is true of all groups, none is named in at least 1 - q of all comparisons; of the
groups named the expected share of false ones is at most q. Simulated in `tests/explain/test_segments.py`.

Source: as of `trials.slicing`; Benjamini and Hochberg 1995.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ..errors import MisuseError
from ..trials import Slice, wilson
from ..trials.changes import mean_with_interval
from ..trials.slicing import Q, conditions_of, halves, slices_with_rows
from .pair import Floats, Mask, Pair

RELATIVE_FLOOR = 0.05  # of the mean loss before: a change that is smaller is of no consequence to anybody, however sure
LEAST_SHOWN = 30  # rows of a group that is shown by itself: below, its interval says nothing
MOST_COLUMNS = 8
MOST_GROUPS = 7  # of one column
SAME_ROWS = 0.8  # share of rows two groups have in common (of those in either) from which they are one group to a reader


@dataclass(frozen=True)
class Moved:
    """A group that gained or lost.

    Args:
        where: what its rows have in common, in words.
        columns: those the words read.
        rows: of the group in the whole test set.
        tested_rows: of them in the half that was not searched; the figures come from these.
        before, after: mean loss per row of both versions.
        difference, low, high: after minus before with a 95 % interval; above 0 is worse.
        q_value: adjusted for all groups that were tested.
        also: other groups that are mostly the same rows.
    """

    where: tuple[str, ...]
    columns: tuple[str, ...]
    rows: int
    tested_rows: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    q_value: float
    also: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Segment:
    """A group of rows as it is: what both versions lose there, with 95 % intervals.

    Args:
        column: what groups are made by; "" for all rows.
        where: the group, in words.
        rows: in it.
        before, after: mean loss per row, each with its interval.
        difference, difference_low, difference_high: after minus before on the same rows.
        said: "lost" or "gained" where a group of the same rows is named; else "".
    """

    column: str
    where: str
    rows: int
    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float
    difference: float
    difference_low: float
    difference_high: float
    said: str


@dataclass(frozen=True)
class Segments:
    """All groups: the whole, those that are shown, those that lost and those that gained; `tested` is how many were held against the half that was not searched."""

    whole: Segment
    shown: tuple[Segment, ...]
    lost: tuple[Moved, ...]
    gained: tuple[Moved, ...]
    tested: int
    q: float
    floor: float


def segments_of(pair: Pair, table: pl.DataFrame, *, first: Sequence[str] = (), q: float = Q, floor: float | None = None, seed: int = 0) -> Segments:
    """Which groups gained and lost, and all groups before and after.

    Args:
        pair: both versions.
        table: one row per row of the pair; columns that may describe a group (no target, no keys).
        first: columns to show before others.
        q: 0..1; the error rate promised above.
        floor: least effect that is named, in units of the loss; None for 5 % of the mean loss before.
        seed: decides which rows are searched.

    >>> rng = np.random.default_rng(1)
    >>> truth, city = rng.integers(0, 2, 4000).astype(float), rng.choice(["Bonn", "Gent", "Lyon", "Oslo"], 4000)
    >>> from assayline.trials import Scored
    >>> def said(version, wrong):
    ...     return Scored("spring", version, "binary", ("no", "yes"), truth, np.where(rng.random(4000) < wrong, 1 - truth, truth))
    >>> found = segments_of(Pair(said("v7", 0.1), said("v8", 0.1 + 0.15 * (city == "Lyon"))), pl.DataFrame({"city": city}))
    >>> [one.where for one in found.lost], found.gained
    ([("city is 'Lyon'",)], ())
    """
    if table.height != len(pair):
        raise MisuseError(f"the table has {table.height} rows and the versions answered {len(pair)}")
    floor = RELATIVE_FLOOR * float(abs(pair.before_loss.mean())) if floor is None and len(pair) else float(floor or 0.0)
    searched = halves(table.height, pair.before.groups, seed)
    found = {}
    tested = 0
    for name, sign in (("lost", 1.0), ("gained", -1.0)):
        several = slices_with_rows(table, sign * pair.worse, groups=pair.before.groups, q=q / 2, floor=floor, seed=seed)
        tested += len(several)
        found[name] = [(_moved(one, mask & ~searched, pair), mask) for one, mask in several if one.found]
    named = [(name, mask) for name, several in found.items() for _, mask in several]
    lost, gained = (tuple(one for one, _ in found[name]) for name in ("lost", "gained"))
    shown = _shown(pair, table, [*first, *(column for one in (*lost, *gained) for column in one.columns)], named)
    everything = np.ones(len(pair), dtype=bool)
    return Segments(_segment(pair, "", "all", everything, named), shown, lost, gained, tested, q, floor)


def _moved(one: Slice, tested: Mask, pair: Pair) -> Moved:
    difference, low, high = _difference(pair, tested)
    before, after = float(pair.before_loss[tested].mean()), float(pair.after_loss[tested].mean())
    return Moved(one.conditions, one.columns, one.rows, one.tested_rows, before, after, difference, low, high, one.q_value, one.also)


def _shown(pair: Pair, table: pl.DataFrame, first: Sequence[str], named: Sequence[tuple[str, Mask]]) -> tuple[Segment, ...]:
    """Groups by single columns: those asked for and those that are named first, then columns with few values."""
    by_column = {}
    everything = np.ones(table.height, dtype=bool)
    for column in table.get_columns():
        groups = [one for one in conditions_of(column, everything) if LEAST_SHOWN <= one.mask.sum() < table.height]
        if len(groups) >= 2:
            by_column[column.name] = groups[:MOST_GROUPS] if len(groups) <= MOST_GROUPS else sorted(groups, key=lambda one: -one.mask.sum())[:MOST_GROUPS]
    order = [name for name in dict.fromkeys(first) if name in by_column]
    order += sorted((name for name in by_column if name not in order), key=lambda name: (table[name].dtype.is_numeric(), len(by_column[name])))
    return tuple(_segment(pair, name, one.words[0], one.mask, named) for name in order[:MOST_COLUMNS] for one in by_column[name])


def _segment(pair: Pair, column: str, where: str, mask: Mask, named: Sequence[tuple[str, Mask]]) -> Segment:
    said = next((name for name, other in named if (mask & other).sum() >= SAME_ROWS * (mask | other).sum()), "")
    groups = None if pair.before.groups is None else pair.before.groups[mask]
    ends = [_mean(values[mask], groups, pair.counted) for values in (pair.before_loss, pair.after_loss)]
    return Segment(column, where, int(mask.sum()), *ends[0], *ends[1], *_difference(pair, mask), said)


def _difference(pair: Pair, mask: Mask) -> tuple[float, float, float]:
    """The mean difference in a group with its interval; where all rows moved alike, one row more might be the first that does not."""
    groups = None if pair.before.groups is None else pair.before.groups[mask]
    difference, low, high = mean_with_interval(pair.worse[mask], groups)
    blocks = int(mask.sum()) if groups is None else len(np.unique(groups))
    least = float(np.abs(pair.worse).max(initial=0.0)) / max(1, blocks)
    return difference, min(low, difference - least), max(high, difference + least)


def _mean(values: Floats, groups: object, counted: str) -> tuple[float, float, float]:
    """A mean loss with its interval; of answers that are right or wrong, the score interval, which knows that a share ends at 0 and 1."""
    if counted == "wrong" and groups is None and len(values):
        return float(values.mean()), *wilson(float(values.sum()), len(values))
    mean, low, high = mean_with_interval(values, groups)  # type: ignore[arg-type]  # None or (rows,) ids
    return mean, max(low, 0.0) if (values >= 0).all() else low, high
