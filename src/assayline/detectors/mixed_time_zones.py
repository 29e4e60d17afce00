"""Timestamps with and without a time zone in one column."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile

from .recognising import odd_values
from .recognising.speaking import about_values


class MixedTimeZones:
    """Finds timestamps that carry an offset where most have none, or the other way round.

    Reads:    `values` or the row sample, `counts`.
    Finds:    "mixed_time_zones" per column; evidence `rows_share`, `values`.
    Silent:   in columns of which less than half reads as dates.
    Source:   ISO 8601; docs/detectors/mixed_time_zones.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"day": ["2024-05-01T10:00:00"] * 30 + ["2024-05-01T10:00:00+02:00"]})
    >>> [finding.rows for finding in MixedTimeZones()(profile(frame, text=True), Past())]
    [1]
    """

    codes = ("mixed_time_zones",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, odds in odd_values(profile).items():
            odd = odds.get("mixed_time_zones")
            if odd:
                yield about_values(
                    profile, "mixed_time_zones", column, odd, "carry another kind of time zone than the others",
                    severity=0.5, suggestion="give every timestamp an offset, or none",
                )  # fmt: skip
