"""The dense view of an encoded matrix that linear models are fitted on and predict from: one function for both, so that they cannot disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assayline.errors import MisuseError

from .stored import Array, Stored, frozen, matrix, plain

MOST_CODES = 100  # one-hot columns of one feature: 50,000 rows × 100 columns are 40 MB; rarer codes are told apart by trees, not by lines


@dataclass(frozen=True, eq=False)
class Layout:
    """How each column becomes columns of the dense matrix: numbers filled, bounded and standardised, codes one-hot, missing values marked.

    The dense columns stand in this order: one for each number column, one for each kept code of each code column, one for each column with a mark of missing values.
    An unknown or unkept code is all zeros.

    Args:
        width: columns of the encoded matrix.
        numbers: positions of the number columns, ascending.
        medians, lows, highs, means, scales: (numbers,) what fills a missing value, the bounds outside which a value counts as the bound, and the
            standardisation.
        codes: positions of the code columns, ascending.
        kept: for each of them the codes that have a column, ascending.
        marked: positions of the columns whose missing values are marked, ascending.

    >>> layout = Layout.learn(np.array([[1.0, 0], [3.0, 1], [np.nan, 1]]), categories=[0, 2])
    >>> layout.dense(np.array([[np.nan, 1.0], [1.0, 7.0]])).round(2).tolist()
    [[0.0, 0.0, 1.0, 1.0], [-1.0, 0.0, 0.0, 0.0]]
    """

    width: int
    numbers: tuple[int, ...]
    medians: Array
    lows: Array
    highs: Array
    means: Array
    scales: Array
    codes: tuple[int, ...]
    kept: tuple[tuple[int, ...], ...]
    marked: tuple[int, ...]

    @classmethod
    def learn(cls, X: Array, categories: Sequence[int], *, most_codes: int = MOST_CODES, indicators: bool = True) -> Layout:
        """Learned from training rows.

        Args:
            X: (rows, width) encoded; NaN is missing.
            categories: for each column the number of its codes, 0 for a column of numbers (`Feature.categories` of a plan).
            most_codes: the most frequent codes of a column get a column of their own, the others none.
            indicators: whether columns with missing values get a mark.

        Raises:
            MisuseError: X has another number of columns than `categories`.
        """
        found = matrix(X, 0)
        if found.shape[1] != len(categories):
            raise MisuseError(f"X has {found.shape[1]} columns and categories {len(categories)}: give one number for each column, 0 for numbers")
        numbers = tuple(column for column, count in enumerate(categories) if not count)
        codes = tuple(column for column, count in enumerate(categories) if count)
        learned = [_learned(found[:, column]) for column in numbers]
        missing = np.isnan(found).any(axis=0)
        medians, lows, highs, means, scales = (frozen([one[part] for one in learned]) for part in range(5))
        kept = tuple(_frequent(found[:, column], most_codes) for column in codes)
        marked = tuple(int(column) for column in np.flatnonzero(missing)) if indicators else ()
        return cls(len(categories), numbers, medians, lows, highs, means, scales, codes, kept, marked)

    @property
    def size(self) -> int:
        """Columns of the dense matrix."""
        return len(self.numbers) + sum(map(len, self.kept)) + len(self.marked)

    def dense(self, X: Array) -> Array:
        """The dense matrix.

        Args:
            X: (rows, width) float64.

        Returns:
            (rows, size) float64, all finite.
        """
        found = matrix(X, self.width)
        numbers = found[:, list(self.numbers)]
        filled = np.clip(np.where(np.isnan(numbers), self.medians, numbers), self.lows, self.highs)
        parts = [(filled - self.means) / self.scales]
        parts += [found[:, [column]] == np.array(kept, dtype=np.float64) for column, kept in zip(self.codes, self.kept, strict=True)]
        parts.append(np.isnan(found[:, list(self.marked)]))
        return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)

    def names(self, features: Sequence[str]) -> tuple[str, ...]:
        """What each dense column is, for whoever reads coefficients.

        >>> Layout.learn(np.array([[1.0, 0], [np.nan, 1]]), [0, 2]).names(["age", "city"])
        ('age', 'city is 0', 'city is 1', 'age is missing')
        """
        codes = [f"{features[column]} is {code}" for column, kept in zip(self.codes, self.kept, strict=True) for code in kept]
        return (*(features[column] for column in self.numbers), *codes, *(f"{features[column]} is missing" for column in self.marked))

    def as_json(self) -> dict[str, Any]:
        """As plain values; `read_layout` reads them."""
        arrays = {name: plain(getattr(self, name)) for name in ("medians", "lows", "highs", "means", "scales")}
        return {
            "width": self.width, "numbers": list(self.numbers), **arrays, "codes": list(self.codes),
            "kept": [list(one) for one in self.kept], "marked": list(self.marked),
        }  # fmt: skip


def read_layout(stored: Stored, document: Any) -> Layout:
    """A layout from what `as_json` wrote."""
    if not isinstance(document, dict):
        raise stored.wrong("'layout' is not an object")
    width = stored.integer(document, "width", 0, 1 << 20)
    numbers, codes, marked = (stored.integers(document, name, 0, width - 1) for name in ("numbers", "codes", "marked"))
    kept = document.get("kept")
    if not isinstance(kept, list) or len(kept) != len(codes):
        raise stored.wrong("'kept' does not have one list for each of 'codes'")
    medians, lows, highs, means, scales = (stored.array(document, name, len(numbers)) for name in ("medians", "lows", "highs", "means", "scales"))
    if (scales <= 0).any() or (lows > highs).any():
        raise stored.wrong("'scales' are not all positive, or a bound of 'lows' is above that of 'highs'")
    codes_kept = tuple(stored.integers({"kept": one}, "kept") for one in kept)
    return Layout(width, numbers, medians, lows, highs, means, scales, codes, codes_kept, marked)


def _learned(column: Array) -> tuple[float, float, float, float, float]:
    """Median, bounds, mean and standard deviation of what is there."""
    known = column[np.isfinite(column)]
    if not len(known):
        return 0.0, 0.0, 0.0, 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    # One range on either side: a line may go on a little, and a number in another unit must not take the prediction to infinity.
    reach = min(high - low, 1e300)
    size = max(abs(low), abs(high)) or 1.0  # squares of numbers beyond 1e154 are no numbers any more
    scaled = known / size
    mean, scale = float(scaled.mean()) * size, float(scaled.std()) * size
    lowest, highest = max(low - reach, -1.7e308), min(high + reach, 1.7e308)
    return float(np.median(scaled)) * size, lowest, highest, mean, scale if scale > 1e-12 * size else 1.0 if size < 1e100 else size


def _frequent(column: Array, most: int) -> tuple[int, ...]:
    known = column[np.isfinite(column)].astype(np.int64)
    values, counts = np.unique(known[known >= 0], return_counts=True)
    order = np.lexsort((values, -counts))[:most]
    return tuple(sorted(int(values[one]) for one in order))
