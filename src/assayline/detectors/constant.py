"""A column that says nothing because it has one value."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import Counts, Distinct, Values

LEAST_ROWS = 50  # with fewer rows one value is no surprise


class Constant:
    """Notes columns with a single value.

    Reads:    `distinct`, `values`, `counts`.
    Finds:    "constant" per column; evidence `rows`.
    Silent:   with fewer than 50 filled rows, and when there is a past (then `constant_column` speaks).
    Source:   definition.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.code for finding in Constant()(profile(pl.DataFrame({"a": [7] * 60})), Past())]
    ['constant']
    """

    codes = ("constant",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        if past:
            return
        for column, distinct in profile.all_of(Distinct).items():
            counts, values = profile.of(column, Counts), profile.of(column, Values)
            if counts is None or values is None or counts.filled < LEAST_ROWS or distinct.distinct != 1 or not values.counts:
                continue
            value = next(iter(values.counts))
            yield Finding(
                "constant", (column,), f"Every filled cell of {column} is {value!r} ({counts.filled:,} rows): it says nothing.",
                severity=0.05, rows=counts.filled, exact_rows=True, evidence={"rows": counts.filled},
                suggestion="leave it out of models",
            )  # fmt: skip
