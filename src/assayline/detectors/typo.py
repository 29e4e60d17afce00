"""A rare value one or two keystrokes from a frequent one."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile

from .recognising import odd_values
from .recognising.speaking import about_values


class Typo:
    """Finds typing errors in values and in the words of longer texts.

    Reads:    `values` or the row sample, `distinct`.
    Finds:    "typo" per column; evidence `rows_share`, `values`, `confidence`.
    Silent:   on numbers, on values that differ by a number, a numeral, a plural or the letter of a series, and in columns
              whose repeated values lie as close together as the rare ones do (names).
    Source:   noisy channel with the column as its own dictionary (Cucerzan and Brill 2004); docs/detectors/typo.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"city": ["Birmingham"] * 40 + ["Leeds"] * 40 + ["Birmngham"]})
    >>> [finding.columns for finding in Typo()(profile(frame), Past())]
    [('city',)]
    """

    codes = ("typo",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, odds in odd_values(profile).items():
            odd = odds.get("typo")
            if odd:
                yield about_values(
                    profile, "typo", column, odd, "are a keystroke or two from a far more frequent one",
                    severity=0.4, suggestion="correct them, or add them to the accepted values",
                )  # fmt: skip
