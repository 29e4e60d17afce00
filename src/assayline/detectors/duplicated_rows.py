"""The same rows more than once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Rows, natures, tally

SHARPER = 10  # repetitions must be ten times what chance makes of the columns' frequencies
LEAST_CHANCE = 0.01
ALIKE_ROWS = 10  # rows that may all be equal by accident
KEY_SHARE = 0.8  # share of different values that makes a column name the rows, apart from the repetitions looked for


@dataclass
class SecondTimes:
    """Accuses every row that stands in an earlier place already.

    Args:
        names: all columns of the table.
        repeated: hashes of the rows known to repeat.
    """

    names: tuple[str, ...]
    repeated: frozenset[int]
    seen: set[int] = field(default_factory=set)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.names

    def fresh(self) -> SecondTimes:
        return SecondTimes(self.names, self.repeated)

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        whole = block if list(block.frame.columns) == list(self.names) else Block(block.frame.select(self.names), block.plan, block.start)
        hashes, _ = whole.row_hashes()
        known = np.fromiter(self.repeated, dtype=np.uint64, count=len(self.repeated))
        cells = []
        for row in np.flatnonzero(np.isin(hashes, known)).tolist():
            mark = int(hashes[row])
            if mark in self.seen:
                cells.append(Cell(block.start + row, "*", 0.9))
            self.seen.add(mark)
        return cells


class DuplicatedRows:
    """Finds rows that are equal in every column.

    Reads:    `rows`, `values`, `distinct`.
    Finds:    "duplicated_rows" for the table; evidence `repeated_rows`, `repeated_share`, `expected_rows`.
    Silent:   where the columns take so few values that equal rows come about by themselves.
    Source:   expected number of equal pairs under independence (birthday problem); docs/detectors/duplicated_rows.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"id": [*range(100), 7, 8], "x": [*range(100), 7, 8]})
    >>> [finding.rows for finding in DuplicatedRows()(profile(frame), Past())]
    [2]
    """

    codes = ("duplicated_rows",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        rows = profile.of(None, Rows)
        if rows is None or rows.n < 2 or not profile.columns:
            return
        sketch = rows.whole
        share = sketch.surplus_share
        repeated = round(share * rows.n) if not sketch.exact else rows.n - len(sketch.hashes)
        if repeated <= 0:
            return
        everything = natures(profile)
        if all(nature.kind == "empty" for nature in everything.values()):
            return
        one_row = sketch.exact and len(sketch.hashes) == 1
        expected = expected_repetitions(profile, rows.n)
        keyed = any(
            nature.kind in ("identifier", "time", "number", "text") and nature.distinct >= KEY_SHARE * (rows.n - repeated)
            and nature.filled >= 0.9 * rows.n for nature in everything.values()
        )  # fmt: skip
        if one_row and rows.n < ALIKE_ROWS:
            return
        if not one_row and (not keyed or repeated < SHARPER * max(expected, LEAST_CHANCE)):
            return
        marks = sketch.hashes[sketch.counts > 1]
        examples = f"; one row stands {int(sketch.counts.max()):,} times" if len(sketch.counts) and sketch.counts.max() > 2 else ""
        much = repeated > 0.2 * rows.n
        yield Finding(
            "duplicated_rows", (),
            f"{repeated:,} of {rows.n:,} rows repeat an earlier row in every column{examples}; about {expected:,.1f} would by chance."
            if not one_row else f"All {rows.n:,} rows are the same.",
            severity=0.5 if much else 0.6, rows=repeated if sketch.exact else None, exact_rows=sketch.exact,
            evidence={"repeated_rows": repeated, "repeated_share": repeated / rows.n, "expected_rows": expected},
            suggestion="keep one of each", locate=SecondTimes(profile.columns, frozenset(int(mark) for mark in marks)),
            picture={"kind": "share", "value": repeated / rows.n, "usual": 0.0},
        )  # fmt: skip


def expected_repetitions(profile: Profile, n: int) -> float:
    """How many rows would repeat another if the columns were independent: pairs times the chance of agreeing in all."""
    agree = 1.0
    for column in profile.columns:
        found = tally(profile, column)
        total = found.total
        if total < 2:
            continue
        counts = found.counts.astype(np.float64)
        agree *= float((counts * (counts - 1)).sum() / (total * (total - 1.0))) + 1.0 / (100.0 * total)
        if agree < 1e-18:
            return 0.0
    return min(float(n), n * (n - 1) / 2 * agree)
