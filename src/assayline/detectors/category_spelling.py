"""The same category written in several ways."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile

from .recognising import odd_values
from .recognising.speaking import about_values


class CategorySpelling:
    """Finds spellings of a category that differ by punctuation, inner blanks or accents, and mixed words for yes and no.

    Reads:    `values` or the row sample.
    Finds:    "category_spelling" per column; evidence `rows_share`, `values`.
    Silent:   in columns that do not repeat their values, and where the spellings are about equally frequent.
    Source:   key collision clustering (OpenRefine's fingerprint), with a frequency ratio of three.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"city": ["New York"] * 20 + ["Boston"] * 20 + ["New-York"]})
    >>> [finding.rows for finding in CategorySpelling()(profile(frame), Past())]
    [1]
    """

    codes = ("category_spelling",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, odds in odd_values(profile).items():
            odd = odds.get("category_spelling")
            if odd:
                yield about_values(
                    profile, "category_spelling", column, odd, "are another spelling of a more frequent one",
                    severity=0.4, suggestion="use one spelling for each category",
                )  # fmt: skip
