"""A few numbers that differ from the one that nearly all rows of their column hold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures import Moments, natures

from .disguised_missing import numbers_of, placeholders
from .locating import OneOf
from .typed_sample import Floats

LEAST_ROWS = 50
MODE = 0.8  # share of the rows (research on public tables: of the numeric errors there, nine of ten lie in columns that are constant otherwise)
MOST = 0.1  # share of the rows that may differ as singles; more are a population of their own
SELDOM = 2  # rows of a value that nobody meant; one that stands in three was meant
LEAST_DIGITS = 4  # of the usual number, for the likeness of another one to mean anything
OTHER_DIGITS = 2  # keys pressed wrong
BY_CHANCE = 0.01  # probability that unrelated numbers are so much alike


class NearConstant:
    """Finds numbers in columns of one value that stand alone beside it: on both sides of it, or looking like it mistyped.

    Reads:    `values` or the row sample, `moments`.
    Finds:    "outliers" per column; evidence `usual`, `usual_share`, `far_rows`.
    Silent:   with fewer than 50 rows, where the usual value has less than eight of ten, where it is zero or the end of the range (amounts, rain, a
              full percentage: columns that are honestly inflated there), and on values that stand in three rows.
    Source:   near-constant columns in public tables; docs/detectors/outliers.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.rows for finding in NearConstant()(profile(pl.DataFrame({"level": [4326] * 90 + [4236, 4325]})), Past())]
    [2]
    """

    codes = ("outliers",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, nature in natures(profile).items():
            moments = profile.of(column, Moments)
            if nature.kind != "number" or moments is None or nature.filled < LEAST_ROWS or moments.low == moments.high:
                continue
            found = numbers_of(profile, column)
            if found is None:
                continue
            numbers, rows, texts, exact = found
            taken = {one.number for one in placeholders(profile, column)}
            different, first = np.unique(numbers, return_index=True)
            counts = np.add.reduceat(rows, first)
            usual = float(different[counts.argmax()])
            share = float(counts.max() / counts.sum())
            alone = (counts <= SELDOM) & (different != usual) & ~np.isin(different, list(taken))
            if usual == 0 or share < MODE or not alone.any() or counts[alone].sum() > MOST * counts.sum():
                continue
            chosen = _wrong(different, counts, usual, alone)
            if not chosen:
                continue
            written = {text: int(n) for text, number, n in zip(texts, numbers.tolist(), rows.tolist(), strict=True) if number in chosen}
            meant = texts[int(np.flatnonzero(numbers == usual)[np.argmax(rows[numbers == usual])])]
            n = sum(written.values())
            named = ", ".join(f"{number:g}" for number in sorted(chosen)[:3])
            yield Finding(
                "outliers", (column,),
                f"{column} is {usual:g} in {share:.1%} of the rows; {named}{' and others' if len(chosen) > 3 else ''} stand alone beside it ({n:,} "
                f"{'row' if n == 1 else 'rows'}).",
                severity=0.4, rows=n if exact else None, exact_rows=exact,
                evidence={"usual": usual, "usual_share": share, "far_rows": n}, suggestion="check these rows; they may be slips of the usual value",
                locate=OneOf(column, dict.fromkeys(written, (round(0.6 + 0.3 * (share - MODE) / (1 - MODE), 2), meant))),
            )  # fmt: skip


def _wrong(different: Floats, counts: npt.NDArray[np.int64], usual: float, alone: npt.NDArray[np.bool_]) -> set[float]:
    """Which of the lone values are wrong.

    Where the column has values it repeats besides the usual one, only those that look like the usual one. Elsewhere all of them, if they
    lie on both sides of it: a quantity with a natural end (zero, a hundred per cent) is inflated at that end.
    """
    lone = different[alone]
    both = bool((lone < usual).any() and (lone > usual).any())
    inside = different[0] < usual < different[-1]
    if both and inside and not ((counts > SELDOM) & (different != usual)).any() and len(lone) <= MOST * counts.sum():
        return set(lone.tolist())
    alike = {number for number in lone.tolist() if _slip(number, usual)}
    digits = len(_digits(usual))
    # Null hypothesis: the lone values are any numbers of as many digits. One agrees with the usual one in all but two places with this probability.
    chance = digits * (digits - 1) / 2 * 81 / 10.0**digits if digits >= LEAST_DIGITS else 1.0
    return alike if chance ** len(alike) <= BY_CHANCE * max(1, len(lone)) else set()


def _digits(number: float) -> str:
    return f"{abs(number):.15g}"


def _slip(number: float, usual: float) -> bool:
    one, other = _digits(number), _digits(usual)
    return len(one) == len(other) and np.sign(number) == np.sign(usual) and 0 < sum(a != b for a, b in zip(one, other, strict=True)) <= OTHER_DIGITS
