"""A table with names and nothing below them."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import Counts


class EmptyBatch:
    """Finds tables without rows or without columns.

    Reads:    `counts`.
    Finds:    "empty_batch" for the table.
    Silent:   when there is a past: then the row count is compared with it.
    Source:   definition.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.code for finding in EmptyBatch()(profile(pl.DataFrame({"a": []})), Past())]
    ['empty_batch']
    """

    codes = ("empty_batch",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        if past or any(counts.rows for counts in profile.all_of(Counts).values()):
            return
        what = f"There are {len(profile.columns):,} column names and no rows." if profile.columns else "There are no columns."
        yield Finding("empty_batch", (), what, severity=0.5, evidence={"rows": 0, "columns": len(profile.columns)}, suggestion="ask for it again")
