"""Numbers that do not fit: infinite ones, and whole numbers beyond 64 bits."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Column, Counts, Moments, natures

from .locating import Where

BEYOND = 2.0**63


def does_not_fit(column: Column) -> pl.Series:
    """Which numbers of a block are infinite or, written as whole numbers, beyond 64 bits."""
    if column.kind != "number":
        return pl.Series([False]).new_from_index(0, column.rows)
    typed = column.typed.cast(pl.Float64, strict=False)
    infinite = typed.is_infinite()
    if not column.is_text:
        return infinite
    return infinite | ((typed.abs() >= BEYOND) & column.series.str.contains(r"^\s*[+-]?\d{19,}\s*$"))


class NumberOverflow:
    """Finds numbers that programs would silently change: 1e400, Infinity, 18446744073709551616.

    Reads:    `counts`, `moments`.
    Finds:    "number_overflow" per column; evidence `infinite_rows`, `largest`.
    Silent:   on large numbers written with an exponent, which say themselves that they are rounded.
    Source:   IEEE 754, range of a 64-bit integer.

    >>> from assayline.measures import profile
    >>> [finding.columns for finding in NumberOverflow()(profile(pl.DataFrame({"n": ["1", "2", "1e400"]}), text=True), Past())]
    [('n',)]
    """

    codes = ("number_overflow",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, nature in natures(profile).items():
            counts, moments = profile.of(column, Counts), profile.of(column, Moments)
            if counts is None or moments is None or nature.kind == "time":
                continue
            largest = max(abs(moments.low), abs(moments.high)) if moments.n else 0.0
            if not counts.infinities and not (nature.arrives_as_text and largest >= BEYOND):
                continue
            what = f"{counts.infinities:,} of {counts.rows:,} values of {column} are infinite" if counts.infinities else (
                f"The largest number of {column} is {largest:.3g}; 64 bits end at {BEYOND:.3g}"
            )  # fmt: skip
            yield Finding(
                "number_overflow", (column,), what + ".", severity=0.45, evidence={"infinite_rows": counts.infinities, "largest": largest},
                suggestion="keep such identifiers as text; correct numbers that are infinite", locate=Where(column, does_not_fit, 0.9),
            )  # fmt: skip
