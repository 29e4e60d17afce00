"""The values of a column as numbers, over lots that come and go: each text as its place among the different ones in order.

A flow is compared with a window of its lots that moves on by one lot at a time. Sorting and numbering sixty thousand texts again for each lot costs
more than all tests on them, so a numbering is taken over from the window before: rows that left are cut off, rows that came are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.measures.plan import FEW_ROWS

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

MOST_MOVES = 64  # after so many, the texts are copied: the engine keeps the memory of those that left for as long as any are kept that came with them


class Texts(Sequence[str]):
    """Texts that become Python's own only when one is looked at.

    >>> texts = Texts(pl.Series(["a", "b"]))
    >>> len(texts), texts[1], list(texts)
    (2, 'b', ['a', 'b'])
    """

    def __init__(self, series: pl.Series) -> None:
        self.series = series

    @cached_property
    def _list(self) -> list[str]:
        return self.series.to_list()

    def __len__(self) -> int:
        return self.series.len()

    @overload
    def __getitem__(self, at: int, /) -> str: ...
    @overload
    def __getitem__(self, at: slice, /) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice, /) -> str | Sequence[str]:
        return self._list[at]

    def __iter__(self) -> Iterator[str]:
        return iter(self._list)


class Part:
    """The cells of one lot as text (null where nothing stands), with what numbering them needs.

    Args:
        text: the cells.
        missing: where nothing stands.
    """

    def __init__(self, text: pl.Series, missing: npt.NDArray[np.bool_]) -> None:
        self.text, self.missing = text, missing

    @cached_property
    def hashes(self) -> Hashes:
        """Of all cells; those of missing ones mean nothing."""
        return self.text.hash(0).to_numpy()

    @cached_property
    def characters(self) -> Ints:
        """How many characters each text has; 0 where nothing stands."""
        lengths = self.text.str.len_chars()
        return (lengths.fill_null(0) if lengths.null_count() else lengths).to_numpy()

    @cached_property
    def firsts(self) -> Ints:
        """The row of each different value, in the order of their hashes."""
        rows = np.flatnonzero(~self.missing)
        if not len(rows):
            return rows
        hashes = self.hashes[rows]
        order = np.argsort(hashes, kind="stable")
        rising = hashes[order]
        firsts: Ints = rows[order[np.concatenate(([True], rising[1:] != rising[:-1]))]]
        return firsts


@dataclass(frozen=True, eq=False)
class Coding:
    """Some parts below each other, numbered.

    Args:
        parts: oldest first.
        numbers: of the value of each row of all parts, -1 where nothing stands.
        values: the different texts, in order.
        hashes: of the values, smallest first.
        places: the number of the value of each hash.
        moves: how often it was taken over.
    """

    parts: tuple[Part, ...]
    numbers: Ints
    values: pl.Series
    hashes: Hashes
    places: Ints
    moves: int = 0

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Coding:
        """Numbered from scratch.

        By hashes of 64 bits, which cost a tenth of comparing texts; two of 100,000 values share one once in 4 billion columns.

        >>> one = Coding.of([Part(pl.Series(["b", None, "a", "b"]), np.array([False, True, False, False]))])
        >>> one.numbers.tolist(), one.values.to_list()
        ([1, -1, 0, 1], ['a', 'b'])
        """
        empty = cls((), np.zeros(0, dtype=np.int64), pl.Series([], dtype=pl.String), np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
        return empty._with(tuple(parts))

    def moved(self, parts: Sequence[Part]) -> Coding | None:
        """The same for other parts: a window that lost some of the oldest and won some newest; None where most of it would be new.

        >>> a, b, c = (Part(pl.Series([text]), np.array([False])) for text in ("a", "c", "b"))
        >>> after = Coding.of([a, b]).moved([b, c])
        >>> (after.numbers.tolist(), after.values.to_list()) if after is not None else None
        ([1, 0], ['b', 'c'])
        """
        wanted = tuple(parts)
        begin = next((place for place, part in enumerate(self.parts) if wanted and part is wanted[0]), len(self.parts))
        shared = self.parts[begin:]
        if 2 * len(shared) < len(wanted) or any(mine is not theirs for mine, theirs in zip(shared, wanted, strict=False)) or len(shared) > len(wanted):
            return None
        return self._without(begin)._with(wanted[len(shared) :])

    def _without(self, oldest: int) -> Coding:
        """Without the oldest parts, and without the values that only they had."""
        return self._cut(sum(len(part.missing) for part in self.parts[:oldest]), None, self.parts[oldest:]) if oldest else self

    def until(self, end: int) -> Coding:
        """The first rows only, with the values they have; nothing can be added to it.

        Args:
            end: how many rows.
        """
        return self._cut(0, end, ())

    def _cut(self, begin: int, end: int | None, parts: tuple[Part, ...]) -> Coding:
        numbers = self.numbers[begin:end]
        used = np.zeros(self.values.len() + 1, dtype=np.bool_)  # the last one stands for missing cells
        used[numbers] = True
        used[-1] = False
        place = np.cumsum(used) - 1
        place[-1] = -1
        still = used[self.places]
        return Coding(parts, place[numbers], self.values[np.flatnonzero(used)], self.hashes[still], place[self.places[still]], self.moves)

    def _with(self, newest: tuple[Part, ...]) -> Coding:
        """With further parts below."""
        if not newest:
            return self
        texts, found = self._unknown(newest)
        known = self.values
        if known.len() and len(found):
            at = known.search_sorted(texts, side="left").to_numpy().astype(np.int64)
        else:
            at = np.zeros(len(found), dtype=np.int64)
        # A known value moves on by the new ones that stand before it, a new one by the known ones before it.
        place = np.arange(known.len()) + np.cumsum(np.bincount(at, minlength=known.len() + 1))[: known.len()]
        own = at + np.arange(len(at))
        hashes, places = self.hashes, place[self.places]
        if len(found):
            order = np.argsort(found)
            where = np.searchsorted(hashes, found[order])
            hashes, places = np.insert(hashes, where, found[order]), np.insert(places, where, own[order])
            index = np.empty(known.len() + len(own), dtype=np.int64)
            index[place], index[own] = np.arange(known.len()), known.len() + np.arange(len(own))
            known = pl.concat([known, texts])[index] if known.len() else texts
        below = [np.where(part.missing, -1, places[_found(hashes, part.hashes)]) if len(hashes) else np.full(len(part.missing), -1) for part in newest]
        moves = self.moves + 1
        if moves > MOST_MOVES:
            known, moves = pl.Series(known.to_list(), dtype=pl.String), 0
        return Coding((*self.parts, *newest), np.concatenate([np.append(place, -1)[self.numbers], *below]), known, hashes, places, moves)

    def _unknown(self, newest: tuple[Part, ...]) -> tuple[pl.Series, Hashes]:
        """The texts of some parts that are no value yet, in order, and their hashes."""
        hashes = np.concatenate([part.hashes[part.firsts] for part in newest])
        order = np.argsort(hashes, kind="stable")
        rising = hashes[order]
        new = np.concatenate(([True], rising[1:] != rising[:-1])) if len(rising) else np.zeros(0, dtype=np.bool_)
        if len(self.hashes):
            new &= self.hashes[_found(self.hashes, rising)] != rising
        rows = order[new]
        if not len(rows):
            return pl.Series([], dtype=pl.String), hashes[:0]
        together = pl.concat([part.text[part.firsts] for part in newest])[rows]
        rank = _in_order(together)
        return together[rank], hashes[rows][rank]

    def of_hashes(self, hashes: Hashes) -> Ints:
        """The numbers of texts by their hashes; -1 for what is no value."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, dtype=np.int64)
        place = _found(self.hashes, hashes)
        return np.where(self.hashes[place] == hashes, self.places[place], -1)


def _in_order(texts: pl.Series) -> Ints:
    """The places of texts in their order."""
    if texts.len() > FEW_ROWS:
        return texts.arg_sort().to_numpy().astype(np.int64)
    few = texts.to_list()  # in the order of their code points, which is that of their bytes
    return np.array(sorted(range(len(few)), key=few.__getitem__), dtype=np.int64)


def _found(rising: Hashes, asked: Hashes) -> Ints:
    """Where hashes stand among others that are not none, if they stand there."""
    return np.minimum(np.searchsorted(rising, asked), len(rising) - 1)
