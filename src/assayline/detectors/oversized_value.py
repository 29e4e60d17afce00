"""One value that is far longer than any other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Column, Lengths

from .locating import Where

HUGE = 65_536  # bytes: more than the largest text cell of common databases and of spreadsheets (32,767)
TIMES = 100  # times the mean length of the others


@dataclass(frozen=True)
class LongerThan:
    """Which texts of a block have at least so many bytes."""

    limit: int

    def __call__(self, column: Column) -> pl.Series:
        series = column.series
        return series.str.len_bytes() >= self.limit if series.dtype == pl.String else pl.Series([False]).new_from_index(0, series.len())


class OversizedValue:
    """Finds single huge texts among short ones.

    Reads:    `lengths`.
    Finds:    "oversized_value" per column; evidence `longest_bytes`, `mean_bytes`.
    Silent:   below 64 KiB, and in columns whose texts are long.
    Source:   limits of common stores.

    >>> from assayline.measures import profile
    >>> [finding.columns for finding in OversizedValue()(profile(pl.DataFrame({"a": ["x" * 70_000, "b", "c"]})), Past())]
    [('a',)]
    """

    codes = ("oversized_value",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, lengths in profile.all_of(Lengths).items():
            if lengths.high < HUGE:
                continue
            others = (lengths.total - lengths.high) / max(1, lengths.n - 1)
            if lengths.high < TIMES * max(1.0, others):
                continue
            yield Finding(
                "oversized_value", (column,),
                f"The longest value of {column} has {lengths.high:,} bytes, the others {others:,.0f} on average.",
                severity=0.4, evidence={"longest_bytes": lengths.high, "mean_bytes": others}, suggestion="look at this row: lines may have been joined",
                locate=Where(column, LongerThan(lengths.high // 2), 0.8),
            )  # fmt: skip
