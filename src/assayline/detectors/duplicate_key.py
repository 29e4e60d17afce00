"""A value that names a row, used for several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Distinct, Rows, natures, shown
from assayline.measures.nature import named_as_key

from .broken_sequence import sequences

LEAST_ROWS = 50
UNIQUE = 0.98  # share of different values: then the repeated ones are exceptions to a rule the column keeps
MOST_TIMES = 10  # a value that stands more often than that is a placeholder


@dataclass
class Repeated:
    """Accuses the second and later rows with a key.

    Args:
        column: the key.
        marks: hashes of the values known to repeat.
    """

    column: str
    marks: frozenset[int]
    seen: set[int] = field(default_factory=set)

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> Repeated:
        return Repeated(self.column, self.marks)

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        column = block.column(self.column)
        known = np.fromiter(self.marks, dtype=np.uint64, count=len(self.marks))
        rows = np.flatnonzero(np.isin(column.hashes, known) & ~column.is_null)
        cells = []
        for row, value in zip(rows.tolist(), shown(column.series.gather(rows)), strict=True):
            mark = int(column.hashes[row])
            if mark in self.seen:
                cells.append(Cell(block.start + row, self.column, 0.7, value))
            self.seen.add(mark)
        return cells


class DuplicateKey:
    """Finds repeated values in columns that otherwise name each row once.

    Reads:    `distinct`, `counts`, `steps`, `rows`.
    Finds:    "duplicate_key" per column; evidence `repeated_values`, `distinct_share`.
    Silent:   with fewer than 50 rows, in columns of names, times or measurements, where more than two of a hundred rows repeat, and
              where the order of the rows says which of them are wrong (`broken_sequence`).
    Source:   definition of a key; docs/detectors/duplicate_key.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"order_id": [*range(1000, 1200), 1007], "x": range(201)})
    >>> [finding.columns for finding in DuplicateKey()(profile(frame), Past())]
    [('order_id',)]
    """

    codes = ("duplicate_key",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        rows = profile.of(None, Rows)
        for column, nature in natures(profile).items():
            distinct = profile.of(column, Distinct)
            if distinct is None or rows is None or nature.filled < max(LEAST_ROWS, 0.9 * rows.n):
                continue
            if not (nature.kind == "identifier" or (named_as_key(column) and nature.kind in ("number", "text") and nature.meaning in (None, "code", "uuid"))):
                continue
            times = distinct.counts[distinct.counts > 1]
            sampled = int(distinct.counts.sum())
            if not len(times) or len(distinct.hashes) < UNIQUE * sampled or times.max() > MOST_TIMES:
                continue
            overwritten = sequences(profile).get(column)
            if overwritten is not None and overwritten.wrong >= times.sum() - len(times):
                continue  # `broken_sequence` says which rows are wrong, and what belongs there
            repeated = len(times) if distinct.exact else round(len(times) * distinct.distinct / max(1, len(distinct.hashes)))
            yield Finding(
                "duplicate_key", (column,),
                f"{repeated:,} values of {column} name several rows; the other {distinct.distinct - repeated:,} name one each.",
                severity=0.5, evidence={"repeated_values": repeated, "distinct_share": len(distinct.hashes) / max(1, sampled)},
                suggestion="decide which row is meant before you join on this column",
                locate=Repeated(column, frozenset(int(mark) for mark in distinct.hashes[distinct.counts > 1])),
            )  # fmt: skip
