"""What was last seen, or usually seen at this time: the baseline of everything that has a clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.errors import MisuseError

from .stored import DOCUMENT, Array, Stored, frozen, matrix, plain, written

MOST_CELLS = 1_000_000


@dataclass(frozen=True, eq=False)
class Last:
    """The value that stands in a column of the row itself: a lag.

    Args:
        column: its position in the encoded matrix.
        transitions: for classification (classes, classes): row c holds the probabilities of the classes when the column says c; empty for regression.
    """

    column: int
    transitions: Array

    def look(self, X: Array, classes: int) -> Array:
        """The predictions, with NaN where the column is empty."""
        seen = X[:, self.column]
        if not classes:
            return np.array(seen)
        known = (seen >= 0) & (seen < classes)
        found = self.transitions[np.where(known, seen, 0).astype(np.int64)]
        return np.where(known[:, None], found, np.nan)


@dataclass(frozen=True, eq=False)
class Usual:
    """What was seen in training where some columns had the same values: the last value of a key, the mean of an hour of the week.

    Args:
        columns: positions of columns of small whole numbers from 0.
        sizes: how many values each has; a value outside counts as never seen.
        values: (product of sizes,) for regression, (product of sizes, classes) for classification; NaN where nothing was seen.
    """

    columns: tuple[int, ...]
    sizes: tuple[int, ...]
    values: Array

    def look(self, X: Array, classes: int) -> Array:
        """The predictions, with NaN where nothing was seen."""
        cell, known = np.zeros(len(X), dtype=np.int64), np.ones(len(X), dtype=bool)
        for column, size in zip(self.columns, self.sizes, strict=True):
            value = np.floor(X[:, column])
            inside = (value >= 0) & (value < size)
            known &= inside
            cell = cell * size + np.where(inside, value, 0).astype(np.int64)
        found = self.values[cell]
        return np.where(known[:, None] if classes else known, found, np.nan)


@dataclass(frozen=True, eq=False)
class Seasonal:
    """Asks one memory after another and falls back on a constant.

    Args:
        width: columns of the encoded matrix.
        memories: in the order in which they are asked.
        fallback: (1,) or (classes,) where none knows.
        classes: number of classes, 0 for regression.

    >>> X, y = np.array([[0.0], [1.0], [1.0]]), np.array([5.0, 7.0, 9.0])
    >>> Seasonal.of([Seasonal.usual(X, y, columns=[0])], y.mean(), width=1).predict(np.array([[0.0], [1.0], [4.0]])).tolist()
    [5.0, 8.0, 7.0]
    >>> Seasonal.of([Seasonal.last(0)], 7.0, width=1).predict(np.array([[2.5], [np.nan]])).tolist()
    [2.5, 7.0]
    """

    width: int
    memories: tuple[Last | Usual, ...]
    fallback: Array
    classes: int = 0
    kind = "seasonal"

    def __post_init__(self) -> None:
        cause = _cause(self)
        if cause:
            raise MisuseError(cause)

    @classmethod
    def of(cls, memories: Sequence[Last | Usual], fallback: float | npt.ArrayLike, *, width: int) -> Seasonal:
        """With a number (regression) or a list of probabilities (classification) where no memory knows."""
        found = frozen(fallback)
        return cls(width, tuple(memories), frozen(found.reshape(-1)), 0 if found.ndim == 0 else len(found))

    @staticmethod
    def last(column: int, transitions: npt.ArrayLike = ()) -> Last:
        """The value of a lag column; for classification with the probabilities after each class."""
        return Last(column, frozen(transitions))

    @staticmethod
    def usual(X: Array, y: Array, columns: Sequence[int], *, classes: int = 0, order: Array | None = None) -> Usual:
        """Learned from training rows.

        Args:
            X: (rows, width) encoded.
            y: (rows,) numbers, or indexes of classes.
            columns: positions of columns of small whole numbers from 0, such as codes of keys, hours, weekdays.
            classes: number of classes, 0 for regression.
            order: (rows,) what sorts the rows in time: the last value of each combination is kept; None: the mean (regression) or the shares (classification) are.

        Raises:
            MisuseError: the columns have more than a million combinations.
        """
        found, truth = matrix(X, 0)[:, list(columns)], np.asarray(y, dtype=np.float64)
        known = (np.isfinite(found) & (found >= 0)).all(axis=1) & np.isfinite(truth)
        codes, truth = np.floor(found[known]), truth[known]
        # A column of huge numbers is no column of codes; it is caught here, before it becomes an index.
        sizes = tuple(int(min(codes[:, one].max(initial=0.0), 1e9)) + 1 for one in range(len(columns)))
        cells = math.prod(sizes)
        if cells > MOST_CELLS:
            raise MisuseError(f"the columns {tuple(columns)} have {cells:,} combinations, more than {MOST_CELLS:,}: choose columns with fewer values")
        cell = np.zeros(len(codes), dtype=np.int64)
        for one, size in enumerate(sizes):
            cell = cell * size + codes[:, one].astype(np.int64)
        targets = np.eye(classes)[truth.astype(np.int64)] if classes else truth[:, None]
        values = np.full((cells, max(classes, 1)), np.nan)
        if order is not None:
            by_time = np.argsort(np.asarray(order)[known], kind="stable")
            values[cell[by_time]] = targets[by_time]  # the last assignment to a cell stays
        else:
            counts = np.bincount(cell, minlength=cells)
            sums = np.stack([np.bincount(cell, weights=one, minlength=cells) for one in targets.T], axis=1)
            values = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], np.nan)
        return Usual(tuple(columns), sizes, frozen(values if classes else values[:, 0]))

    def predict(self, X: Array, /) -> Array:
        found = matrix(X, self.width)
        said = np.full((len(found), self.classes) if self.classes else len(found), np.nan)
        for memory in self.memories:
            said = np.where(np.isnan(said), memory.look(found, self.classes), said)
        return np.where(np.isnan(said), self.fallback if self.classes else self.fallback[0], said)

    def members(self) -> dict[str, bytes]:
        asked = [
            {"column": one.column, "transitions": plain(one.transitions)}
            if isinstance(one, Last)
            else {"columns": list(one.columns), "sizes": list(one.sizes), "values": plain(one.values)}
            for one in self.memories
        ]
        return {DOCUMENT: written({"kind": self.kind, "classes": self.classes, "width": self.width, "memories": asked, "fallback": plain(self.fallback)})}


def read(stored: Stored) -> Seasonal:
    """A seasonal model from its files."""
    stored.only()
    document = stored.document()
    width, classes = stored.integer(document, "width", 0, 1 << 20), stored.integer(document, "classes")
    asked = document.get("memories")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise stored.wrong("'memories' is not a list of objects")
    memories: list[Last | Usual] = []
    for one in asked:
        if "column" in one:
            transitions = stored.array(one, "transitions", classes, classes) if classes else frozen([])
            memories.append(Last(stored.integer(one, "column", 0, width - 1), transitions))
            continue
        columns, sizes = stored.integers(one, "columns", 0, width - 1), stored.integers(one, "sizes", 1)
        cells = math.prod(sizes)
        if len(columns) != len(sizes) or cells > MOST_CELLS:
            raise stored.wrong("a memory does not have one size for each column, or too many combinations")
        memories.append(Usual(columns, sizes, stored.array(one, "values", *((cells, classes) if classes else (cells,)), finite=False)))
    try:
        return Seasonal(width, tuple(memories), stored.array(document, "fallback", classes or 1), classes)
    except MisuseError as error:
        raise stored.wrong(str(error)) from None


def _cause(one: Seasonal) -> str:
    """What is wrong with such a model, or ""."""
    if one.fallback.shape != (one.classes or 1,):
        return f"a fallback of {one.fallback.shape} does not fit {one.classes} classes"
    for memory in one.memories:
        if isinstance(memory, Last):
            if not 0 <= memory.column < one.width or memory.transitions.shape != ((one.classes, one.classes) if one.classes else (0,)):
                return f"the lag in column {memory.column} does not fit {one.width} columns and {one.classes} classes"
            continue
        cells = math.prod(memory.sizes)
        if any(not 0 <= column < one.width for column in memory.columns) or memory.values.shape != ((cells, one.classes) if one.classes else (cells,)):
            return f"the memory of the columns {memory.columns} does not fit {one.width} columns and {one.classes} classes"
    return ""
