"""A plan compiled for one row at a time: dictionaries and plain floats, nothing else on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .column import Column, cell_reader, followed
from .labels import label
from .lagging import PastRows
from .numbertext import NAN
from .recognising import matched_names
from .timetext import micros

if TYPE_CHECKING:
    from .plan import Plan

KEPT = 64  # sets of column names remembered; rows of one caller have one


def compiled(plan: Plan, past: PastRows | None = None) -> Callable[[Mapping[str, Any]], list[float]]:
    """The function from one row, a mapping from column names to values, to the model's input."""
    readers = [(column.name, column.path, cell_reader(column)) for column in plan.columns]
    known = [source.name for source in plan.sources]
    wanted: dict[tuple[str, ...], list[tuple[str, tuple[str, ...], Callable[[object], Any]]]] = {}
    look_back = _looking_back(plan, past or PastRows({}, {})) if plan.lags else None

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
        if look_back is not None:
            made += look_back(row, names)
        return made

    return encode


def _looking_back(plan: Plan, past: PastRows) -> Callable[[Mapping[str, Any], tuple[str, ...]], list[float]]:
    target = Column(plan.problem.target, "number", number=plan.target_style)
    read_number = cell_reader(target)
    codes = {key: float(code) for code, key in enumerate(plan.class_keys)}
    known = [plan.problem.target, plan.time, *plan.problem.keys]

    def features(row: Mapping[str, Any], names: tuple[str, ...]) -> list[float]:
        found = matched_names(known, names)
        own = row.get(found.get(plan.problem.target, ""))
        now = read_number(own)[0] if plan.task == "regression" else codes.get(label(own) or "", NAN)
        key = tuple(label(row.get(found.get(name, ""))) for name in plan.problem.keys)
        return past.features(plan.lags, key, micros(row.get(found.get(plan.time, "")), plan.time_style), now)

    return features
