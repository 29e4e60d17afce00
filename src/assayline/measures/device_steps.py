"""Each device's clock on its own: how often it reports, and its longest silence."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .block import Block, Column
from .devices import few_of

Whole = npt.NDArray[np.int64]


def _none() -> Whole:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class DeviceSteps:
    """Steps forward between consecutive times of each device; rows without a time are passed over. Exact; ordered.

    All arrays have one entry per device, in order of `keys`; times are microseconds since 1970.

    Args:
        keys: the devices, as text, sorted.
        rows: rows with a time.
        first, last: the first and the last time.
        longest: the longest step; 0 without a step forward.
        longest_start: the time at which it begins (the earliest of equals); 0 without one.
        second: the second longest step.
    """

    name: ClassVar[str] = "device_steps"
    keys: tuple[str, ...] = ()
    rows: Whole = field(default_factory=_none)
    first: Whole = field(default_factory=_none)
    last: Whole = field(default_factory=_none)
    longest: Whole = field(default_factory=_none)
    longest_start: Whole = field(default_factory=_none)
    second: Whole = field(default_factory=_none)

    def merge(self, other: DeviceSteps) -> DeviceSteps:
        if not other.keys:
            return self
        if not self.keys:
            return other
        keys = self.keys if self.keys == other.keys else tuple(sorted({*self.keys, *other.keys}))
        a, b = self._over(keys), other._over(keys)
        cross = np.where((a.rows > 0) & (b.rows > 0), np.maximum(b.first - a.last, 0), 0)
        steps = np.sort(np.stack((a.longest, a.second, cross, b.longest, b.second)), axis=0)
        longest = steps[-1]
        start = np.where(a.longest == longest, a.longest_start, np.where(cross == longest, a.last, b.longest_start))
        return DeviceSteps(
            keys, a.rows + b.rows, np.where(a.rows > 0, a.first, b.first), np.where(b.rows > 0, b.last, a.last),
            longest, np.where(longest > 0, start, 0), steps[-2],
        )  # fmt: skip

    def _over(self, keys: tuple[str, ...]) -> DeviceSteps:
        if keys == self.keys:
            return self
        place = {key: position for position, key in enumerate(keys)}
        at = np.array([place[key] for key in self.keys], dtype=np.int64)

        def spread(values: Whole) -> Whole:
            wide = np.zeros(len(keys), dtype=np.int64)
            wide[at] = values
            return wide

        return DeviceSteps(
            keys, spread(self.rows), spread(self.first), spread(self.last), spread(self.longest), spread(self.longest_start), spread(self.second)
        )  # fmt: skip

    def cadence(self) -> npt.NDArray[np.float64]:
        """The mean step of each device but for the longest; NaN with fewer than three rows."""
        inner = np.maximum(self.rows - 2, 1)
        return np.where(self.rows > 2, (self.last - self.first - self.longest) / inner, np.nan)

    def thinned(self) -> DeviceSteps:
        """The same of at most 256 devices, always the same ones."""
        chosen = few_of(self.keys)
        arrays = {one.name: getattr(self, one.name)[chosen] for one in fields(self) if one.name != "keys"}
        return DeviceSteps(tuple(self.keys[position] for position in chosen.tolist()), **arrays) if len(chosen) < len(self.keys) else self

    def as_json(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in ("rows", "first", "last", "longest", "longest_start", "second")}
        return {"keys": list(self.keys), **arrays}


class DeviceStepsMeasure:
    """Measures the steps of each device's clock."""

    name = "device_steps"
    ordered = True
    whole = False
    state = DeviceSteps

    def applies(self, column: Column) -> bool:
        return column.whole.key is not None and column.kind == "time" and column.name != column.whole.key and column.block is not None

    def of(self, part: Column | Block) -> DeviceSteps | None:
        assert isinstance(part, Column)
        assert part.block is not None
        if part.whole.key not in part.block.frame.columns:
            return None
        keys, order, bounds = part.block.by_key
        typed = part.typed.to_physical()
        if typed.null_count():
            filled = typed.is_not_null().to_numpy()[order]
            kept = np.concatenate(([0], np.cumsum(filled)))
            order, bounds = order[filled], kept[bounds]
            typed = typed.fill_null(0)
        if not len(order):
            return DeviceSteps()
        times = typed.to_numpy()[order]
        rows = np.diff(bounds)
        present = rows > 0
        begins, ends = bounds[:-1][present], bounds[1:][present]
        steps = np.empty(len(times), dtype=np.int64)  # steps[p]: from reading p to the next one of its device
        np.subtract(times[1:], times[:-1], out=steps[:-1])
        steps[ends - 1] = 0
        np.maximum(steps, 0, out=steps)
        longest = np.maximum.reduceat(steps, begins)
        top = begins.copy()  # where a clock is regular its first step is the longest already, and nothing need be searched
        searched = steps[begins] < longest
        if searched.any():
            limit = np.where(searched, longest, np.iinfo(np.int64).max)
            tops = np.flatnonzero(steps >= np.repeat(limit, rows[present]))[::-1]
            top[np.searchsorted(begins, tops, side="right") - 1] = tops  # written backwards, so that the earliest of equals stays
        steps[top] = 0
        return DeviceSteps(
            tuple(key for key, some in zip(keys, present.tolist(), strict=True) if some), rows[present], times[begins], times[ends - 1],
            longest, np.where(longest > 0, times[top], 0), np.maximum.reduceat(steps, begins),
        )  # fmt: skip
