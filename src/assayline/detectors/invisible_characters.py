"""Zero-width characters and direction marks, which make different texts look alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Characters, Column, tally
from assayline.measures.texts import INVISIBLE

from .locating import Where

# Overrides and embeddings never belong into data. Marks and joiners are proper in scripts that need them (Arabic, Hebrew, Indic)
# and in emoji, so they count beside Latin letters and digits only.
_NEVER = "[\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff]"
_BESIDE_LATIN = "[A-Za-z0-9][\u200c-\u200f\u00ad][A-Za-z0-9]"
SUSPICIOUS = f"{_NEVER}|{_BESIDE_LATIN}"
_REMOVED = re.compile(INVISIBLE)
SOFT_HYPHENS = 0.05  # share of the rows above which soft hyphens are the style of a text made for print


def has_invisible(column: Column) -> pl.Series:
    """Which texts of a block hold a suspicious invisible character."""
    series = column.series
    return series.str.contains(SUSPICIOUS) if series.dtype == pl.String else pl.Series([False]).new_from_index(0, series.len())


class InvisibleCharacters:
    """Finds zero-width spaces, byte order marks inside texts and characters that reverse the direction of reading.

    Reads:    `characters`, `values` or the row sample.
    Finds:    "invisible_characters" per column; evidence `suspected_rows`.
    Silent:   on joiners and direction marks in scripts that need them, and in emoji.
    Source:   Unicode Technical Report 36, Unicode security considerations.

    >>> from assayline.measures import profile
    >>> [finding.columns for finding in InvisibleCharacters()(profile(pl.DataFrame({"user": ["ad\\u200bmin", "admin"]})), Past())]
    [('user',)]
    """

    codes = ("invisible_characters",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, characters in profile.all_of(Characters).items():
            if not characters.invisible:
                continue
            found = tally(profile, column)
            seen = found.values.str.contains(SUSPICIOUS).to_numpy()
            rows = int(found.counts[seen].sum())
            if not rows and found.exact:
                continue
            example = found.values.filter(pl.Series(seen)).head(1).to_list()
            yield Finding(
                "invisible_characters", (column,),
                f"{rows:,} of {found.total:,} values of {column}{'' if found.exact else ' (in a sample)'} hold characters without width or with another "
                f"direction of reading{': ' + ascii(example[0])[:60] if example else ''}; they look like other values but are not equal to them.",
                severity=0.5, evidence={"suspected_rows": rows, "rows_share": rows / max(1, found.total)}, suggestion="remove these characters",
                locate=Where(column, has_invisible, 0.9, lambda value: None if value is None else _REMOVED.sub("", value)),
            )  # fmt: skip
