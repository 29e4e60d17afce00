"""What a plan had to do to answer for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from .plan import Plan


@dataclass(frozen=True)
class Note:
    """Something that a table did not have as the training table had it.

    Args:
        kind: "missing column", "new column", "renamed", "retyped", "unseen categories", "unreadable", "unit texts", "infinite" or "empty table".
        columns: the columns concerned.
        share: the share of rows concerned, 0..1.
        sentence: what was found and what was done.
    """

    kind: str
    columns: tuple[str, ...]
    share: float
    sentence: str


def noticed(plan: Plan, table: pl.DataFrame) -> tuple[Note, ...]:
    """Everything a plan had to do for a table; the most important first."""
    return ()
