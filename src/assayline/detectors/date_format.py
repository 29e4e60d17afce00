"""Dates written in more than one way."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding, Past, Profile
from assayline.measures import Moments, natures

from .disguised_missing import numbers_of
from .locating import OneOf
from .recognising import odd_values
from .recognising.speaking import about_values

# Seconds since 1970 from 2000 to 2100; milli-, micro- and nanoseconds are the same a thousandfold each.
FIRST_SECOND, LAST_SECOND = 946_684_800, 4_102_444_800
UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")
NARROW = 10 * 365 * 86_400  # seconds: times of one table lie within a few years, numbers of any other kind do not


class DateFormat:
    """Finds dates in another order or with other separators than most of their column.

    Reads:    `values` or the row sample, `counts`.
    Finds:    "date_format" per column; evidence `rows_share`, `values`.
    Silent:   in columns of which less than half reads as dates.
    Source:   ISO 8601; docs/detectors/date_format.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"day": ["2024-05-01"] * 30 + ["01.05.2024"]})
    >>> [finding.rows for finding in DateFormat()(profile(frame, text=True), Past())]
    [1]
    """

    codes = ("date_format",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, odds in odd_values(profile).items():
            odd = odds.get("date_format")
            if odd:
                yield about_values(
                    profile, "date_format", column, odd, "are dates written in another way than the others",
                    severity=0.5, suggestion="write all dates as YYYY-MM-DD",
                )  # fmt: skip
        for column, nature in natures(profile).items():
            moments = profile.of(column, Moments)
            if nature.kind in ("number", "identifier") and moments is not None and moments.high >= 1000.0 * FIRST_SECOND and moments.whole == moments.n:
                yield from _mixed_epochs(profile, column)


def _mixed_epochs(profile: Profile, column: str) -> Iterable[Finding]:
    """Times since 1970 counted in several units within one column."""
    found = numbers_of(profile, column)
    if found is None:
        return
    numbers, rows, texts, exact = found
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.floor(np.log10(np.maximum(np.abs(numbers), 1.0) / FIRST_SECOND) / 3 + 1e-9).astype(np.int64)
    clipped = np.clip(powers, 0, 3)
    seconds = numbers / 1000.0**clipped
    like = (numbers > 0) & (powers >= 0) & (powers <= 3) & (seconds >= FIRST_SECOND) & (seconds <= LAST_SECOND)
    large = numbers >= FIRST_SECOND
    units = sorted(set(clipped[like].tolist()))
    if len(units) < 2 or like.sum() < 3 or like.sum() < 0.75 * large.sum() or like.sum() < 0.5 * len(numbers):
        return
    middle = float(np.median(seconds[like]))
    if np.median(np.abs(seconds[like] - middle)) > NARROW:
        return
    weight = {unit: int(rows[like & (clipped == unit)].sum()) for unit in units}
    usual = max(units, key=lambda unit: (weight[unit], -unit))
    odd = like & (clipped != usual)
    named = ", ".join(f"{weight[unit]:,} in {UNITS[unit]}" for unit in units)
    yield Finding(
        "date_format", (column,), f"{column} counts time since 1970 in several units: {named}.", severity=0.5,
        rows=int(rows[odd].sum()) if exact else None, exact_rows=exact, evidence={"units": len(units), "odd_rows": int(rows[odd].sum())},
        suggestion=f"count in {UNITS[usual]} throughout",
        locate=OneOf(column, {text: (0.85, f"{number / 1000.0 ** (int(unit) - usual):.0f}")
                              for text, number, unit, take in zip(texts, numbers.tolist(), clipped.tolist(), odd.tolist(), strict=True) if take}),
    )  # fmt: skip
