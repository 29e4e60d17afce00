"""One value of a column that should not stand there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Odd:
    """A value, how often it stands there, and what it was taken for.

    Args:
        value: the text.
        rows: in how many rows (of the tally it was found in).
        confidence: 0..1, share of such accusations that would be right.
        suggestion: what should stand there, "" for "missing", None where that is not known.
        beside: the value it was compared with, or None.
        beside_rows: rows of that value.
    """

    value: str
    rows: int
    confidence: float
    suggestion: str | None = None
    beside: str | None = None
    beside_rows: int = 0
