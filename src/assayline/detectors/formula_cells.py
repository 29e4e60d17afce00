"""Cells that a spreadsheet would run as a formula."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Characters, Column, tally

from .locating import Where
from .recognising.screening import has_shape, reads_throughout

# A formula: = and something to compute, or a sign or @ before a call or a sum. -5, +49 30 1234, "- item" and "@name" are none.
FORMULA = r"^[\t\r ]*(=[ ]*[-+@A-Za-z0-9('\"$]|[-+@][ ]*[A-Za-z][A-Za-z0-9.]*\(|[-+@]\d+[ ]*[-+*/][ ]*\d+(\D|$)|[-+][A-Za-z]+\|)"
_NUMBER_LIKE = r"^[\t\r ]*[-+]\d+([-+]\d+){2,}$|^[-+]\d{4,}-\d+"  # telephone numbers


def is_formula(column: Column) -> pl.Series:
    """Which texts of a block are formulas."""
    series = column.series
    if series.dtype != pl.String:
        return pl.Series([False]).new_from_index(0, series.len())
    return series.str.contains(FORMULA) & ~series.str.contains(_NUMBER_LIKE)


class FormulaCells:
    """Finds texts that start like a spreadsheet formula.

    Reads:    `values` or the row sample.
    Finds:    "formula_cells" per column; evidence `suspected_rows`.
    Silent:   on negative numbers, telephone numbers, lists with dashes and @names.
    Source:   OWASP, CSV injection.

    >>> from assayline.measures import profile
    >>> [finding.rows for finding in FormulaCells()(profile(pl.DataFrame({"note": ["=1+1", "-5", "fine"]})), Past())]
    [1]
    """

    codes = ("formula_cells",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column in profile.all_of(Characters):
            if reads_throughout(profile, column) or not has_shape(profile, column, lambda shape: shape.lstrip("c ")[:1] in ("=", "+", "-", "@")):
                continue
            found = tally(profile, column)
            seen = (found.values.str.contains(FORMULA) & ~found.values.str.contains(_NUMBER_LIKE)).to_numpy()
            rows = int(found.counts[seen].sum())
            if not rows:
                continue
            example = found.values.filter(pl.Series(seen)).head(1).to_list()[0]
            yield Finding(
                "formula_cells", (column,),
                f"{rows:,} of {found.total:,} values of {column}{'' if found.exact else ' (in a sample)'} start like a formula, which a spreadsheet would "
                f"run: {example[:50]!r}.",
                severity=0.5, rows=rows if found.exact else None, exact_rows=found.exact, evidence={"suspected_rows": rows},
                suggestion="write a ' before them when you export to a spreadsheet", locate=Where(column, is_formula, 0.9),
            )  # fmt: skip
