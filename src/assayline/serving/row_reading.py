"""One row as the model's input, without a detour where every value is a plain number."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.artefacts.encoder import AsIs, Encoder
from assayline.framing import Plan
from assayline.framing.column import Cell, cell_reader

Floats = npt.NDArray[np.float64]
NAN = float("nan")
# What may be sent for a column, by how it is read; anything else goes as text.
TYPES = {"number": "FP64", "truth": "BOOL"}


class RowReader:
    """Writes rows into a matrix of one row, with the numbers that `plan.encode` has for them.

    A plan whose columns stand in the row under their own names is read column by column: all numbers at once, each other value by its own reader. Every other
    row (a renamed column, a number written as text, a plan that looks back) is read by `plan.row_encoder()`.

    Args:
        plan: of a bundle.
        row: the array (1, features) to write into; None makes one.

    >>> from assayline.framing import Problem
    >>> reader = RowReader(AsIs(Problem("sold"), "regression", ("price", "size")))
    >>> reader.read({"size": 3, "price": None}).tolist(), reader.read({"size": "3.5", "price": 1e300}).tolist()
    ([[nan, 3.0]], [[1e+300, 3.5]])
    """

    def __init__(self, plan: Encoder, row: Floats | None = None) -> None:
        self.width = len(plan.features)
        self.slow = plan.row_encoder()
        self.columns = _inputs(plan)
        self.row = np.zeros((1, self.width)) if row is None else row
        self.flat = self.row.reshape(-1)  # the same numbers, (features,)
        numbers, self._factors, self._offsets, self._places, self._others = _parts(plan)
        self._plain = self._values = None
        if numbers:
            take: Callable[[Mapping[str, Any]], Any] = itemgetter(*numbers)
            # One column: itemgetter gives the value itself and no tuple of it.
            self._values = take if len(numbers) > 1 else lambda row, one=take: (one(row),)
            self._plain = struct.Struct(f"{len(numbers)}d").pack_into
        self._all_numbers = bool(numbers) and not self._others and self._factors is None
        self._numbers = np.zeros(len(numbers))
        # Packing in C takes floats, whole numbers and booleans and refuses texts and nulls: the check of the types costs nothing.
        self._bytes: Any = self.flat if self._all_numbers else self._numbers

    def read(self, row: Mapping[str, Any]) -> Floats:
        """The row (1, features); the same array again at each call, so it is copied by whoever keeps it."""
        try:
            self._read(row)
        except (KeyError, struct.error, OverflowError, TypeError):
            self._read_slowly(row)
        return self.row

    def _read(self, row: Mapping[str, Any]) -> None:
        if self._plain is None or self._values is None:
            raise KeyError
        self._plain(self._bytes, 0, *self._values(row))
        if self._all_numbers:
            return
        numbers = self._numbers
        if self._factors is not None and self._offsets is not None:
            numbers = numbers * self._factors + self._offsets
        self.flat[self._places] = numbers
        for name, reader, begin, end in self._others:
            self.flat[begin:end] = reader(row[name])

    def _read_slowly(self, row: Mapping[str, Any]) -> None:
        if self._values is not None:
            try:
                filled = {name: NAN if value is None else value for name, value in row.items()} if not self._others else None
                if filled is not None:
                    self._read(filled)
                    return
            except (KeyError, struct.error, OverflowError, TypeError):
                pass
        self.flat[:] = self.slow(row)

    def mended(self) -> bool:
        """Takes infinite numbers for missing ones, as the plan does; says whether there were any. Rows of JSON never hold one."""
        infinite = np.isinf(self.row)
        if not infinite.any():
            return False
        self.row[infinite] = NAN
        return True

    def table(self, rows: Sequence[Mapping[str, Any]]) -> Floats:
        """Many rows, (rows, features); nothing infinite."""
        found = np.empty((len(rows), self.width))
        for at, row in enumerate(rows):
            found[at] = self.read(row)[0]
        found[np.isinf(found)] = NAN
        return found


def _inputs(plan: Encoder) -> tuple[tuple[str, str], ...]:
    """The columns of a row that a plan reads, each with the type it is sent as; sorted by name for a learned plan, in the model's order for another."""
    if isinstance(plan, Plan):
        found: dict[str, str] = {}
        for column in plan.columns:
            kind = TYPES.get(column.reading, "BYTES") if not column.path else "BYTES"
            found[column.name] = kind if found.get(column.name, kind) == kind else "BYTES"
        if plan.lags:
            found |= {name: "BYTES" for name in (*plan.problem.keys, plan.time, plan.problem.target) if name}
        return tuple(found.items())
    return tuple((one.name, "FP64") for one in plan.features)


_Others = list[tuple[str, Cell, int, int]]


def _parts(plan: Encoder) -> tuple[list[str], Floats | None, Floats | None, list[int], _Others]:
    """Columns that are one number, their factors and offsets (None where all are 1 and 0) and places; and the columns that have a reader of their own."""
    if isinstance(plan, AsIs):
        return list(plan.columns), None, None, list(range(len(plan.columns))), []
    if not isinstance(plan, Plan) or plan.lags or any(column.path for column in plan.columns):
        return [], None, None, [], []
    numbers: list[str] = []
    places: list[int] = []
    factors: list[float] = []
    offsets: list[float] = []
    others: _Others = []
    at = 0
    for column in plan.columns:
        width = len(column.features)
        if column.reading == "number":
            numbers.append(column.name)
            places.append(at)
            factors.append(column.number.factor)
            offsets.append(column.number.offset)
        else:
            others.append((column.name, cell_reader(column), at, at + width))
        at += width
    if all(one == 1.0 for one in factors) and not any(offsets):
        return numbers, None, None, places, others
    return numbers, np.array(factors), np.array(offsets), places, others
