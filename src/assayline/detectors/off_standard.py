"""Values that fail the check of the standard that all others of their column pass."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import Moments, tally
from assayline.measures.standards import followed

from .recognising import odd_values
from .recognising.speaking import about_values
from .recognising.standard_values import off_standard


class OffStandard:
    """Finds values that break a standard: card and account numbers, book and article numbers, codes of countries and currencies.

    Reads:    `values` or the row sample.
    Finds:    "pattern_break" per column; evidence `standard`, `right_share`, `rows_share`, `values`.
    Silent:   where fewer than 95 % of the different values follow the standard or so many could by chance, on codes that are reserved, withdrawn
              or stand in one of a hundred rows, and with fewer than five values.
    Source:   the standards themselves; docs/detectors/pattern_break.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> from assayline.measures.standards import gs1
    >>> right = [f"{stem}{next(digit for digit in range(10) if gs1(f'{stem}{digit}'))}" for stem in range(400638133300, 400638133340)]
    >>> [finding.rows for finding in OffStandard()(profile(pl.DataFrame({"article": [*right, "4006381333930"]})), Past())]
    [1]
    """

    codes = ("pattern_break",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        odds = odd_values(profile)
        for column, found in followed(profile).items():
            typed = profile.of(column, Moments) is not None
            odd = off_standard(found, tally(profile, column)) if typed else odds.get(column, {}).get("off_standard", [])
            if odd:
                yield about_values(
                    profile, "pattern_break", column, odd, found.standard.says, severity=0.4 if found.standard.listed else 0.5,
                    suggestion="correct these values at the source", evidence={"standard": found.standard.meaning, "right_share": found.right / found.checked},
                )  # fmt: skip
