"""Every installed measure over a block, in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assayline.core import TABLE, Place, Profile, State

from .block import Block
from .measure import Measure, installed
from .plan import HEAD_ROWS, Plan


def profile_block(block: Block, measures: Sequence[Measure] | None = None) -> Profile:
    """The profile of one block.

    Args:
        block: the rows.
        measures: the measures to take; every installed one when None.
    """
    chosen = installed() if measures is None else measures
    states: dict[tuple[Place, str], State] = {}
    for column in block.columns():
        place = Place(column.name)
        for measure in chosen:
            if not measure.whole and measure.applies(column):
                state = measure.of(column)
                if state is not None:
                    states[place, measure.name] = state
        column.forget()
    for measure in chosen:
        if measure.whole:
            state = measure.of(block)
            if state is not None:
                states[TABLE, measure.name] = state
    return Profile(states, tuple(block.frame.columns))


def profile(frame: pl.DataFrame, *, text: bool = False, plan: Plan | None = None, start: int = 0) -> Profile:
    """The profile of a frame in memory.

    Args:
        frame: any Polars frame.
        text: the frame holds text as it stands in a file, to be typed by majority.
        plan: how to read the columns; decided on the first rows when None.
        start: number of the first row in its table.

    >>> from assayline.measures import Counts
    >>> profile(pl.DataFrame({"a": [1, None, 3]})).of("a", Counts).nulls
    1
    """
    return profile_block(Block(frame, plan or Plan.of(frame.head(HEAD_ROWS), text), start))
