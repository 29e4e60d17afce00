"""A good lot as the faults see it: its rows, how its columns are read, and the good lots before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assayline.measures import HEAD_ROWS, Plan

MOST_PAST = 10  # most recent lots that say what is usual: a standard deviation is then sure to a few per cent


@dataclass(frozen=True)
class Sound:
    """One good lot before a fault is put into it.

    Args:
        frame: its rows; text columns hold what stands in the file.
        plan: how its columns are read.
        past: the frames of the good lots before it, oldest first.
    """

    frame: pl.DataFrame
    plan: Plan
    past: tuple[pl.DataFrame, ...] = ()

    def kind(self, column: str) -> str:
        """What the column is taken for: "number", "time", "text", …"""
        return self.plan.columns[column].kind

    def earlier(self, column: str) -> tuple[pl.Series, ...]:
        """The column in the most recent lots that have it, of the same type."""
        dtype = self.frame.get_column(column).dtype
        return tuple(one.get_column(column) for one in self.past[-MOST_PAST:] if column in one.columns and one.get_column(column).dtype == dtype)


def sound(frame: pl.DataFrame, past: Sequence[pl.DataFrame] = (), *, text: bool = False) -> Sound:
    """A good lot, with its columns typed as the gate would type them.

    Args:
        frame: its rows.
        past: the good lots before it, oldest first.
        text: the columns hold text as it stands in a file, to be typed by majority.

    >>> sound(pl.DataFrame({"kilos": ["1.5", "2.5"]}), text=True).kind("kilos")
    'number'
    """
    return Sound(frame, Plan.of(frame.head(HEAD_ROWS), text), tuple(past))
