"""Control characters in texts: NUL, escape sequences, bells."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Characters, Column, tally

from .locating import Where

# Tab, line feed and carriage return are ordinary text; all other C0 and C1 controls and DEL are not.
CONTROL = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0080-\u009f]"
_PLAIN = str.maketrans("", "", "".join(map(chr, [*range(9), 11, 12, *range(14, 32), *range(127, 160)])))


def has_control(column: Column) -> pl.Series:
    """Which texts of a block hold a control character."""
    series = column.series
    return series.str.contains(CONTROL) if series.dtype == pl.String else pl.Series([False]).new_from_index(0, series.len())


class ControlCharacters:
    """Finds NUL bytes, terminal escape sequences and other control characters in texts.

    Reads:    `characters`, `values` or the row sample.
    Finds:    "control_characters" per column; evidence `suspected_rows`.
    Silent:   on tabs and line breaks, which are text.
    Source:   ISO 6429 (C0 and C1 sets).

    >>> from assayline.measures import profile
    >>> [finding.columns for finding in ControlCharacters()(profile(pl.DataFrame({"name": ["a\\x00b", "c"]})), Past())]
    [('name',)]
    """

    codes = ("control_characters",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, characters in profile.all_of(Characters).items():
            if not characters.control and not characters.non_ascii:
                continue
            found = tally(profile, column)
            seen = found.values.str.contains(CONTROL).to_numpy()
            if not seen.any() and (found.exact or not characters.control):
                continue  # line breaks only
            rows = int(found.counts[seen].sum())
            example = found.values.filter(pl.Series(seen)).head(1).to_list()
            yield Finding(
                "control_characters", (column,),
                f"{rows:,} of {found.total:,} values of {column}{'' if found.exact else ' (in a sample)'} hold control characters that no one can see"
                f"{': ' + ascii(example[0])[:60] if example else ''}.",
                severity=0.5, evidence={"suspected_rows": rows, "rows_share": rows / max(1, found.total)},
                suggestion="remove them; some programs cut a text at the first one, terminals obey them",
                locate=Where(column, has_control, 0.95, lambda value: None if value is None else value.translate(_PLAIN)),
            )  # fmt: skip
