"""Sets of keys: what a parent table offers and another table refers to, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from .block import Column, Hashes, finished
from .plan import MISSING_WORDS

EXACT_KEYS = 8_000_000  # marks kept one by one: 64 MB
BITS_A_KEY = 12  # of a Bloom filter with four probes: one foreign key in 150 is taken for a known one (Bloom 1970)
MOST_BITS = 1 << 30  # 128 MB, whatever the table: above 90 million keys more foreign keys pass, none is accused wrongly
PROBES = 4

_WHOLE = 2.0**53  # whole numbers up to here have one Float64 each
_SEED = 11  # of the hash of texts; any fixed number


@dataclass(frozen=True)
class Marks:
    """64 bits for each cell that can be a key; equal keys have equal marks in any table.

    Args:
        marks: one per usable cell.
        rows: their positions among the cells.
    """

    marks: Hashes
    rows: npt.NDArray[np.int64]


def marks_of(values: pl.Series, kind: str) -> Marks:
    """The marks of some cells.

    Whole numbers are compared as numbers (`17`, `17.0` and the text "17" are one key), everything else as text. Empty cells and
    words for "nothing here" are no keys.

    Args:
        values: cells as they arrived, text or numbers.
        kind: "number" or "text": what the parent's column is.

    >>> one, other = marks_of(pl.Series(["17", "x", None]), "number"), marks_of(pl.Series([17.0, 18.5]), "number")
    >>> one.marks.tolist() == other.marks.tolist(), one.rows.tolist()
    (True, [0])
    """
    if kind == "number":
        if values.dtype.is_integer() and not values.null_count():
            whole = values.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
            return Marks(_mixed(whole), np.arange(len(whole), dtype=np.int64))
        numbers = values.cast(pl.Int64, strict=False) if values.dtype.is_integer() else _whole(values.cast(pl.Float64, strict=False))
        usable = np.flatnonzero(numbers.is_not_null().to_numpy())
        return Marks(_mixed(numbers.drop_nulls().to_numpy()), usable.astype(np.int64))
    texts = values if values.dtype == pl.String else _texts(values)
    usable_mask = texts.is_not_null() & ~texts.str.strip_chars().str.to_lowercase().is_in([*MISSING_WORDS, ""])
    usable = np.flatnonzero(usable_mask.fill_null(False).to_numpy())
    return Marks(texts.gather(usable).hash(_SEED).to_numpy(), usable.astype(np.int64))


def _whole(values: pl.Series) -> pl.Series:
    """The whole numbers of at most 53 bits among some numbers; null for the others."""
    whole = (values == values.round(0)) & (values.abs() < _WHOLE)
    return values.to_frame("v").select(pl.when(whole).then(pl.col("v")).cast(pl.Int64, strict=False)).to_series()


def _mixed(whole: npt.NDArray[np.int64]) -> Hashes:
    return finished(whole.astype(np.int64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def _texts(values: pl.Series) -> pl.Series:
    if values.dtype.is_float():
        whole = (values == values.round(0)) & (values.abs() < _WHOLE)
        return values.to_frame("v").select(
            pl.when(whole).then(pl.col("v").cast(pl.Int64, strict=False).cast(pl.String)).otherwise(pl.col("v").cast(pl.String))
        ).to_series()  # fmt: skip
    return values.cast(pl.String, strict=False)


def column_marks(column: Column, kind: str) -> Marks:
    """The marks of one column of a block; cells that do not read as what the column is taken for are left out."""
    if column.kind == "number" and kind == "number":
        return marks_of(column.typed, kind)
    return marks_of(column.series, kind)


class KeySet:
    """Known keys: exact up to eight million, a Bloom filter above.

    A key that is in the set is always found. One that is not may be taken for known, in the filter, with a chance below one in 100.
    So what is called foreign is foreign.

    Args:
        exact: marks in order, or None.
        bits: the filter, or None.

    >>> known = KeySet.of([marks_of(pl.Series([1, 2, 3]), "number").marks], 3)
    >>> known.has(marks_of(pl.Series([2, 9]), "number").marks).tolist()
    [True, False]
    """

    def __init__(self, exact: Hashes | None, bits: npt.NDArray[np.uint8] | None) -> None:
        self.exact, self.bits = exact, bits

    @classmethod
    def of(cls, pieces: Iterable[Hashes], expected: int, most_exact: int = EXACT_KEYS) -> KeySet:
        """The set of all marks in some pieces.

        Args:
            pieces: marks, piece by piece.
            expected: about how many there are.
            most_exact: more are kept in a filter.
        """
        if expected <= most_exact:
            exact = np.empty(expected, dtype=np.uint64)  # filled and sorted in place: no second copy
            filled = 0
            for piece in pieces:
                if filled + len(piece) > len(exact):
                    exact = np.concatenate((exact[:filled], np.empty(max(len(piece), filled), dtype=np.uint64)))
                exact[filled : filled + len(piece)] = piece
                filled += len(piece)
            exact = exact[:filled]
            exact.sort()
            return cls(exact, None)
        size = 1 << min(MOST_BITS.bit_length() - 1, max(10, math.ceil(math.log2(expected * BITS_A_KEY))))
        bits = np.zeros(size // 8, dtype=np.uint8)
        for piece in pieces:
            for place in _places(piece, size):
                # A place may come twice in a piece: unbuffered.
                np.bitwise_or.at(bits, place >> np.uint64(3), (np.uint64(1) << (place & np.uint64(7))).astype(np.uint8))
        return cls(None, bits)

    @property
    def is_exact(self) -> bool:
        """Whether no foreign key is taken for a known one."""
        return self.exact is not None

    def has(self, marks: Hashes) -> npt.NDArray[np.bool_]:
        """Which of these marks are known."""
        if self.exact is not None:
            if not len(self.exact):
                return np.zeros(len(marks), dtype=np.bool_)
            there: npt.NDArray[np.bool_] = self.exact[np.minimum(np.searchsorted(self.exact, marks), len(self.exact) - 1)] == marks
            return there
        assert self.bits is not None
        found = np.ones(len(marks), dtype=np.bool_)
        for place in _places(marks, 8 * len(self.bits)):
            found &= (self.bits[place >> np.uint64(3)] >> (place & np.uint64(7)).astype(np.uint8)) & 1 == 1
        return found


def _places(marks: Hashes, size: int) -> Iterable[npt.NDArray[np.uint64]]:
    """Where a key stands in the filter: double hashing (Kirsch and Mitzenmacher 2008)."""
    step = finished(marks * np.uint64(0xD6E8FEB86659FD93)) | np.uint64(1)
    for probe in range(PROBES):
        yield (marks + np.uint64(probe) * step) & np.uint64(size - 1)
