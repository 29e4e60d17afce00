"""Coordinates that are on no globe."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures.meaning import globe_columns

from .disguised_missing import numbers_of, placeholders
from .locating_numbers import NumbersAre
from .wording import number

Floats = npt.NDArray[np.float64]


class OffGlobe:
    """Finds latitudes beyond 90 and longitudes beyond 180 degrees in tables that have both.

    Reads:    `values` or the row sample, `moments`.
    Finds:    "outliers" per column; evidence `limit_degrees`, `rows_share`.
    Silent:   where a table has not both, where fewer than 95 % of the different values are within the limits (projected coordinates), and about
              placeholders such as 999, which are another finding.
    Source:   ISO 6709.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> points = pl.DataFrame({"lat": [48 + n / 97 for n in range(60)] + [148.1], "lon": [11 + n / 89 for n in range(61)]})
    >>> [finding.columns for finding in OffGlobe()(profile(points), Past())]
    [('lat',)]
    """

    codes = ("outliers",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, (what, limit) in globe_columns(profile).items():
            found = numbers_of(profile, column)
            if found is None:
                continue
            numbers, rows, _, exact = found
            taken = {one.number for one in placeholders(profile, column)}
            wrong = [i for i, value in enumerate(numbers.tolist()) if abs(value) > limit and value not in taken]
            if not wrong:
                continue
            count, total = int(rows[wrong].sum()), int(rows.sum())
            named = ", ".join(number(float(numbers[i])) for i in wrong[:3])
            yield Finding(
                "outliers", (column,), f"{count:,} of {total:,} values of {column} lie beyond ±{limit:g} degrees, where no {what} is: {named}.",
                severity=0.6, rows=count if exact else None, exact_rows=exact, evidence={"limit_degrees": limit, "rows_share": count / total},
                suggestion="look whether the two columns are changed round, or a sign or a decimal point is lost",
                locate=NumbersAre(column, _beyond(limit, frozenset(taken)), 0.9),
            )  # fmt: skip


def _beyond(limit: float, taken: frozenset[float]) -> Callable[[Floats], npt.NDArray[np.bool_]]:
    placeholders_ = np.array(sorted(taken))
    return lambda numbers: (np.abs(numbers) > limit) & ~np.isin(numbers, placeholders_)
