"""Values that differ only by blanks or by upper and lower case."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile

from .recognising import odd_values
from .recognising.speaking import about_values


class WhitespaceCase:
    """Finds variants of a value that only blanks or case tell apart, and numbers with blanks around them.

    Reads:    `values` or the row sample.
    Finds:    "whitespace_case" per column; evidence `rows_share`, `values`.
    Silent:   where no plain spelling of the value exists in the column, and where two spellings are about equally frequent.
    Source:   definition; the ratio of three in docs/detectors/whitespace_case.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"city": ["Bonn"] * 20 + ["Kiel"] * 20 + ["bonn "]})
    >>> [finding.rows for finding in WhitespaceCase()(profile(frame), Past())]
    [1]
    """

    codes = ("whitespace_case",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, odds in odd_values(profile).items():
            odd = odds.get("whitespace_case")
            if odd:
                yield about_values(
                    profile, "whitespace_case", column, odd, "differ only by blanks or case from a more frequent one",
                    severity=0.35, suggestion="trim the values and use one spelling",
                )  # fmt: skip
