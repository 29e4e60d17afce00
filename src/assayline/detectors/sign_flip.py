"""Numbers with a minus that nobody meant: as large as the others, on the wrong side of a zero that none of them comes near."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures import natures

from .disguised_missing import numbers_of, placeholders
from .locating import OneOf
from .resemblance import largest_gap

LEAST = 50  # numbers; fewer do not show that none comes near zero
MOST_SHARE = 0.1  # more negatives are a second kind of record, such as refunds
LEAST_FLIPPED = 2  # a single one may be anything
AWAY = 0.2  # of the median: how far from zero every number must stay; a size, an age or a temperature in kelvin does, a price does not
LEVEL = 1.63  # the Kolmogorov distance that chance exceeds once in a hundred, times the root of the numbers

Floats = npt.NDArray[np.float64]


class SignFlip:
    """Finds a few negative numbers among positive ones that keep away from zero, of the same sizes as these.

    Reads:    `values` or the row sample, `moments`.
    Finds:    "sign_flip" per column; evidence `flipped_rows`, `nearest_to_zero`.
    Silent:   with fewer than 50 numbers, with a single negative one or more than a tenth, where numbers come near zero (debts and refunds are
              negative for good reasons), where the negatives are one repeated value (a code for missing), and when there is a past.
    Source:   the gap around zero makes the minus self-evident; sizes by the Kolmogorov-Smirnov distance at 1 %.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> ages = [20 + n % 60 for n in range(200)] + [-34, -51, -27]
    >>> [finding.rows for finding in SignFlip()(profile(pl.DataFrame({"age": ages})), Past())]
    [3]
    """

    codes = ("sign_flip",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        if past:
            return
        for column, nature in natures(profile).items():
            if nature.kind != "number" or nature.filled < LEAST:
                continue
            found = numbers_of(profile, column)
            if found is None:
                continue
            numbers, rows, texts, exact = found
            taken = [one.number for one in placeholders(profile, column)]
            numbers = np.where(np.isin(numbers, taken), np.nan, numbers)
            flipped = _flipped(numbers, rows)
            if flipped is None:
                continue
            count, nearest = flipped
            ways = {text: (0.8, text.lstrip("-")) for text, value in zip(texts, numbers.tolist(), strict=True) if value < 0}
            yield Finding(
                "sign_flip", (column,),
                f"{count:,} values of {column} are negative and as large as the others, of which none is smaller than {nearest:g}.",
                severity=0.5, rows=count if exact else None, exact_rows=exact, evidence={"flipped_rows": count, "nearest_to_zero": nearest},
                suggestion="turn the sign back", locate=OneOf(column, ways),
            )  # fmt: skip


def _flipped(numbers: Floats, rows: npt.NDArray[np.int64]) -> tuple[int, float] | None:
    """How many rows are flipped, and how near the others come to zero; None where that is not what happened."""
    below, above = numbers < 0, numbers > 0
    if (numbers == 0).any() or not below.any() or not above.any():
        return None
    count, total = int(rows[below].sum()), int(rows[np.isfinite(numbers)].sum())
    if count < LEAST_FLIPPED or count > MOST_SHARE * total or below.sum() < 2:
        return None
    positive, negative = np.repeat(numbers[above], rows[above]), np.repeat(-numbers[below], rows[below])
    nearest = float(min(positive.min(), negative.min()))
    if nearest < AWAY * float(np.median(positive)) or negative.max() > positive.max():
        return None
    return (count, float(positive.min())) if largest_gap(negative, positive) <= LEVEL / np.sqrt(len(negative)) else None
