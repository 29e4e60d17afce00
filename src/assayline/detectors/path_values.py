"""Values that climb out of a folder if someone uses them as a file name."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Characters, Column, natures, tally

from .locating import Where
from .recognising.screening import has_shape, reads_throughout

CLIMBS = r"(^|[\\/])\.\.([\\/]|$)"


def climbs(column: Column) -> pl.Series:
    """Which texts of a block hold a step up."""
    series = column.series
    return series.str.contains(CLIMBS) if series.dtype == pl.String else pl.Series([False]).new_from_index(0, series.len())


class PathValues:
    """Finds values with "../" in them.

    Reads:    `values` or the row sample.
    Finds:    "path_values" per column; evidence `suspected_rows`.
    Silent:   in columns of file paths and addresses, where a step up is ordinary.
    Source:   CWE-22, path traversal.

    >>> from assayline.measures import profile
    >>> [finding.rows for finding in PathValues()(profile(pl.DataFrame({"region": ["../../etc", "north"]})), Past())]
    [1]
    """

    codes = ("path_values",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, nature in natures(profile).items():
            if profile.of(column, Characters) is None or nature.meaning in ("file path", "url"):
                continue
            if reads_throughout(profile, column) or not has_shape(profile, column, lambda shape: ".." in shape):
                continue
            found = tally(profile, column)
            seen = found.values.str.contains(CLIMBS).to_numpy()
            rows = int(found.counts[seen].sum())
            if not rows:
                continue
            example = found.values.filter(pl.Series(seen)).head(1).to_list()[0]
            yield Finding(
                "path_values", (column,),
                f"{rows:,} of {found.total:,} values of {column}{'' if found.exact else ' (in a sample)'} would leave their folder if used as a file name: "
                f"{example[:50]!r}.",
                severity=0.4, rows=rows if found.exact else None, exact_rows=found.exact, evidence={"suspected_rows": rows},
                suggestion="never build a file name from this column unchecked", locate=Where(column, climbs, 0.8),
            )  # fmt: skip
