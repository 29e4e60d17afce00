"""Which rows of an accused lot carry the change, and where they came from."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.diagnosis.distances import scaled, unusual
from assayline.diagnosis.slices import Where, where_bad, where_moved

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

# Columns that say where a row came from rather than what it is about.
PROVENANCE = frozenset({
    "file", "filename", "path", "source", "host", "hostname", "plant", "loader", "version", "device", "gateway", "collector", "agent", "feed", "vendor", "supplier",
    "batch", "shard", "partition", "pipeline", "producer", "ingest", "export",
})  # fmt: skip
MOSTLY = 0.95  # of the rows: then it is all of them, and nothing is narrowed
UNUSUAL = 3.0  # times more unusual cells than before, for them to be what is wrong


@dataclass(frozen=True)
class Carried:
    """The rows that carry it.

    Args:
        places: what they have in common, the best description first; never empty.
        provenance: "file weather-2.csv" where one of the conditions on the best rows says where they came from, else "".
        sentence: for people.
    """

    places: tuple[Where, ...]
    provenance: str
    sentence: str

    @property
    def best(self) -> Where:
        """The best description."""
        return self.places[0]


def is_provenance(column: str) -> bool:
    """Whether a column says where rows came from, by its name.

    >>> is_provenance("source_file"), is_provenance("loaderVersion"), is_provenance("profile")
    (True, True, False)
    """
    return any(piece.lower() in PROVENANCE for piece in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", column))


def rows_that_carry(now: pl.DataFrame, before: pl.DataFrame, columns: tuple[str, ...], accused: Rows, amounts: tuple[Floats, Floats] | None = None) -> Carried | None:
    """What the bad rows have in common.

    Args:
        now: rows of the accused lots.
        before: rows of good lots.
        columns: that carry the change; they describe nothing, for they are what is wrong.
        accused: 0-based rows that a finding names; none where it is about the whole lot.
        amounts: (rows of now,) and (rows of before,): what each row adds to the measure.

    Returns:
        None where nothing is confirmed on rows that were not searched, or where it is nearly all rows.
    """
    describing = [name for name in now.columns if name not in columns]
    if not describing:
        return None
    then = before.select([name for name in describing if name in before.columns])
    found: tuple[Where, ...] = ()
    if 0 < len(accused) < MOSTLY * now.height:
        found = where_bad(now, np.isin(np.arange(now.height), accused), columns=describing)
    for way in (_outside, _moved):
        if not found and columns:
            found = way(now, before, columns, describing, then)
    if not found and amounts is not None:
        found = where_moved(now, amounts[0], then, amounts[1], columns=describing)
    if not found or found[0].rows >= MOSTLY * now.height:
        return None
    best = found[0]
    provenance = next((f"{name} {value}" for words in (best.value, *best.also) for name, _, value in [words.partition(" = ")] if value and " and " not in words and is_provenance(name)), "")
    told = f"{best.carried:.0%} of it lies where {best.value}: {best.rows:,} of {best.of:,} rows, {_times(best.risk_ratio)} as often as elsewhere (adjusted p {best.p:.1g})"
    return Carried(found, provenance, told)


def _outside(now: pl.DataFrame, before: pl.DataFrame, columns: tuple[str, ...], describing: list[str], then: pl.DataFrame) -> tuple[Where, ...]:
    """By cells unlike all before."""
    here, there = np.zeros(now.height, dtype=bool), np.zeros(before.height, dtype=bool)
    for name in columns:
        if name in before.columns:
            here |= unusual(now[name], before[name])
            there |= unusual(before[name], before[name])
    if not here.any() or here.mean() >= MOSTLY or here.mean() < UNUSUAL * there.mean():
        return ()
    return where_bad(now, here, then, there, columns=describing)


def _moved(now: pl.DataFrame, before: pl.DataFrame, columns: tuple[str, ...], describing: list[str], then: pl.DataFrame) -> tuple[Where, ...]:
    """By where the level of a column has moved more than elsewhere, up or down."""
    found = []
    for name in columns:
        here, there = (scaled(frame[name], before[name]) if name in before.columns else None for frame in (now, before))
        if here is not None and there is not None:
            found += [where for sign in (1.0, -1.0) if (where := where_moved(now, sign * here, then, sign * there, columns=describing))]
    return min(found, key=lambda where: where[0].p, default=())


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:,.0f} times"
