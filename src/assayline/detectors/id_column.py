"""Columns that name the row."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import natures

LEAST_ROWS = 20


class IdColumn:
    """Notes identifiers: every row has its own value, and the values count or are codes.

    Reads:    `distinct`, `counts`, `steps`, `values`.
    Finds:    "id_column" per column; evidence `distinct`, `rows`.
    Silent:   with fewer than 20 rows, and when there is a past (it was said before).
    Source:   definition.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.columns for finding in IdColumn()(profile(pl.DataFrame({"id": range(40)})), Past())]
    [('id',)]
    """

    codes = ("id_column",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        if past:
            return
        for column, nature in natures(profile).items():
            if nature.kind == "identifier" and nature.filled >= LEAST_ROWS:
                yield Finding(
                    "id_column", (column,), f"{column} names the rows: {nature.distinct:,} different values in {nature.filled:,} rows.", severity=0.05,
                    rows=nature.filled, exact_rows=True, evidence={"distinct": nature.distinct, "rows": nature.filled}, suggestion="leave it out of models",
                )  # fmt: skip
