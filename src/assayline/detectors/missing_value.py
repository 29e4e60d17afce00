"""An empty cell although the table itself says what belongs there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Counts, Sample, natures

from .dependency_violation import by_key, contradictions

LATE_ROWS = 1_000  # rows before which an empty beginning is no surprise
LATE_SHARE = 0.9  # share of the rows that are empty at the beginning


@dataclass(frozen=True)
class EmptyBefore:
    """Accuses the last few empty rows before the first filled one: where to look."""

    column: str
    first: int

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> EmptyBefore:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        return [Cell(row, self.column, 0.5) for row in range(max(self.first - 5, block.start), min(self.first, block.start + block.rows))]


class MissingValue:
    """Finds empty cells whose value other rows give away.

    Reads:    the row sample, `counts`.
    Finds:    "missing_value" per column; evidence `cells`, `null_share`, `agreement`.
    Silent:   on gaps that nothing in the table can fill: those are natural until a past says otherwise.
    Source:   approximate functional dependencies, see `dependency_violation`; docs/detectors/missing_value.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"zip": ["10", "20", "30", "40"] * 10, "city": ["Ulm", "Bonn", "Kiel", "Jena"] * 9 + ["Ulm", "Bonn", "Kiel", None]})
    >>> [finding.columns for finding in MissingValue()(profile(frame), Past())]
    [('city', 'zip')]
    """

    codes = ("missing_value",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        yield from _late(profile)
        for column, found in contradictions(profile).items():
            n = int(found.empty.sum())
            counts = profile.of(column, Counts)
            if not n or counts is None:
                continue
            best = found.voters[0]
            yield Finding(
                "missing_value", (column, best.determinant),
                f"{counts.rows - counts.filled:,} of {counts.rows:,} cells of {column} are empty ({counts.null_share:.1%}); for {n:,} of them other rows "
                f"with the same {best.determinant} say what belongs there (they agree in {best.agreement:.1%} of the cases).",
                severity=0.4 if counts.null_share <= 0.2 else 0.35,
                evidence={
                    "cells": n, "null_share": counts.null_share, "agreement": best.agreement,
                    "determinants": ", ".join(voter.determinant for voter in found.voters),
                },
                suggestion=f"fill them from the rows with the same {best.determinant}",
                locate=by_key(profile, column, empty=True),
                picture={"kind": "share", "value": counts.null_share, "usual": 0.0},
            )  # fmt: skip


def _late(profile: Profile) -> Iterable[Finding]:
    """Columns that are empty at first and full from some row on: a field that began to be delivered in between."""
    sample = profile.of(None, Sample)
    if sample is None or sample.rows < LATE_ROWS:
        return
    for column, nature in natures(profile).items():
        counts = profile.of(column, Counts)
        if counts is None or column not in sample.frame.columns or not 0 < counts.filled <= (1 - LATE_SHARE) * counts.rows or nature.kind == "nested":
            continue
        filled = np.flatnonzero(sample.frame.get_column(column).is_not_null().to_numpy())
        if not len(filled) or len(filled) != sample.frame.height - filled[0]:
            continue
        if not sample.exact and len(filled) < 20:
            continue
        first = int(sample.numbers[filled[0]])
        yield Finding(
            "missing_value", (column,),
            f"{column} is empty in the first {first:,} of {sample.rows:,} rows and filled in {'all ' if len(filled) > 1 else ''}the rest: two deliveries may have "
            "been joined.",
            severity=0.3, rows=first, exact_rows=True, evidence={"empty_rows": first, "filled_rows": counts.filled},
            suggestion="find out why the first rows lack it", locate=EmptyBefore(column, first),
        )  # fmt: skip
