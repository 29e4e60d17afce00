"""Smaller profiles for the long past: what is kept of a lot when nobody will look at its rows again.

Samples and sketches keep their first part, in the order in which they would have been filled; lists of values that are longer than a person reads
are given up, as they are in a larger measure when they grow. So what is left is a state like any other, and the first law holds for it:
`thinned(a.merge(b)) == thinned(thinned(a).merge(thinned(b)))`. Merged lots do not grow with their number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

from assayline.core import Profile, State


@runtime_checkable
class Thinnable(Protocol):
    """A state that has a smaller one of its kind; a plug-in's state may be one too."""

    def thinned(self) -> State:
        """The smaller one. Merging and thinning may be done in any order: the end is the same."""
        ...


@runtime_checkable
class Movable(Protocol):
    """A state that speaks of numbers of rows."""

    def moved(self, rows: int) -> State:
        """The same rows, so many rows further down in a longer table."""
        ...


def thinned(profile: Profile) -> Profile:
    """A smaller profile of the same rows: at most 192 of them as a sample, sketches of 160 values and rows, lists of 64 values.

    Shares read from its sample are sure to ±9 percentage points (in 99 of 100 cases), numbers of different values have a standard error of 8 %; counts, moments,
    extremes and calendars stay exact.

    Args:
        profile: of one lot, or of several that were merged; thin again after merging.

    >>> import polars as pl
    >>> from assayline.measures import Sample, profile
    >>> small = thinned(profile(pl.DataFrame({"n": range(9_000)}))).of(None, Sample)
    >>> small.frame.height, small.rows
    (192, 9000)
    """
    return replace(profile, states={key: state.thinned() if isinstance(state, Thinnable) else state for key, state in profile.states.items()})


def moved(profile: Profile, rows: int) -> Profile:
    """The profile of the same rows, so many rows further down in a longer table.

    Lots number their rows from 0, each on its own. A sample takes rows by their number, so that lots which are merged as they are would all give
    the rows of the same few places: move each behind those before it.

    Args:
        profile: of one lot.
        rows: how many rows the lots before it have.

    >>> import polars as pl
    >>> from assayline.measures import Sample, profile
    >>> moved(profile(pl.DataFrame({"n": [1, 2]})), 100).of(None, Sample).numbers.tolist()
    [100, 101]
    """
    return replace(profile, states={key: state.moved(rows) if isinstance(state, Movable) else state for key, state in profile.states.items()})
