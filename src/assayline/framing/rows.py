"""A plan compiled for one row at a time: dictionaries and plain floats, nothing else on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .column import cell_reader, followed
from .recognising import matched_names

if TYPE_CHECKING:
    from .plan import Plan

KEPT = 64  # sets of column names remembered; rows of one caller have one


def compiled(plan: Plan) -> Callable[[Mapping[str, Any]], list[float]]:
    """The function from one row, a mapping from column names to values, to the model's input."""
    readers = [(column.name, column.path, cell_reader(column)) for column in plan.columns]
    known = [source.name for source in plan.sources]
    wanted: dict[tuple[str, ...], list[tuple[str, tuple[str, ...], Callable[[object], Any]]]] = {}
    tail = [float("nan")] * len(plan.lags)

    def encode(row: Mapping[str, Any]) -> list[float]:
        names = tuple(row)
        steps = wanted.get(names)
        if steps is None:
            found = matched_names(known, names)
            steps = [(found.get(name, ""), path, read) for name, path, read in readers]
            if len(wanted) >= KEPT:
                wanted.clear()
            wanted[names] = steps
        made: list[float] = []
        for name, path, read in steps:
            value = row.get(name) if name else None
            made.extend(read(followed(value, path) if path else value))
        return made + tail

    return encode
