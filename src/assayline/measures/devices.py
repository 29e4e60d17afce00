"""Each device on its own: runs of equal readings, in tables where many devices report at regular intervals."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .block import Block, Column

Whole = npt.NDArray[np.int64]
THIN_DEVICES = 256  # devices of a thinned state
FIELDS = ("rows", "runs", "longest", "longest_start", "first", "last")


def _none() -> Whole:
    return np.zeros(0, dtype=np.int64)


def few_of(keys: tuple[str, ...]) -> Whole:
    """Where the devices of a thinned state stand: those whose names have the lowest hashes, so that every lot chooses the same ones.

    >>> len(few_of(("a", "b"))), len(few_of(tuple(map(str, range(1_000)))))
    (2, 256)
    """
    if len(keys) <= THIN_DEVICES:
        return np.arange(len(keys), dtype=np.int64)
    hashed = [(zlib.crc32(key.encode("utf-8", "surrogatepass")), key) for key in keys]
    return np.array(sorted(sorted(range(len(keys)), key=hashed.__getitem__)[:THIN_DEVICES]), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class DeviceRuns:
    """Runs of equal consecutive readings of each device; a missing reading is passed over. Exact; ordered.

    All arrays have one entry per device, in order of `keys`.

    Args:
        keys: the devices, as text, sorted.
        rows: readings.
        runs: runs of equal readings.
        longest: readings in the longest run.
        longest_start: 0-based row of the table where it starts.
        first, last: readings in the first and the last run.
        first_hash, last_hash: their values, as hashes.
        first_start, last_start: rows where they start.
    """

    name: ClassVar[str] = "device_runs"
    keys: tuple[str, ...] = ()
    rows: Whole = field(default_factory=_none)
    runs: Whole = field(default_factory=_none)
    longest: Whole = field(default_factory=_none)
    longest_start: Whole = field(default_factory=_none)
    first: Whole = field(default_factory=_none)
    last: Whole = field(default_factory=_none)
    first_hash: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    last_hash: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    last_start: Whole = field(default_factory=_none)

    def merge(self, other: DeviceRuns) -> DeviceRuns:
        if not other.keys:
            return self
        if not self.keys:
            return other
        keys = self.keys if self.keys == other.keys else tuple(sorted({*self.keys, *other.keys}))
        a, b = self._over(keys), other._over(keys)
        both = (a.rows > 0) & (b.rows > 0)
        joined = both & (a.last_hash == b.first_hash)
        bridge = np.where(joined, a.last + b.first, 0)
        longest = np.maximum(np.maximum(a.longest, b.longest), bridge)
        start = np.where(b.longest == longest, b.longest_start, 0)
        start = np.where(bridge == longest, a.last_start, start)
        start = np.where(a.longest == longest, a.longest_start, start)  # the earliest of equals
        start = np.where((bridge == longest) & (a.longest == longest), np.minimum(a.last_start, a.longest_start), start)
        a_one, b_one = a.last == a.rows, b.first == b.rows  # the whole part is one run
        first = np.where(a.rows == 0, b.first, np.where(joined & a_one, bridge, a.first))
        last = np.where(b.rows == 0, a.last, np.where(joined & b_one, bridge, b.last))
        last_start = np.where(b.rows == 0, a.last_start, np.where(joined & b_one, a.last_start, b.last_start))
        return DeviceRuns(
            keys, a.rows + b.rows, a.runs + b.runs - joined, longest, start, first, last,
            np.where(a.rows > 0, a.first_hash, b.first_hash), np.where(b.rows > 0, b.last_hash, a.last_hash), last_start,
        )  # fmt: skip

    def _over(self, keys: tuple[str, ...]) -> DeviceRuns:
        if keys == self.keys:
            return self
        place = {key: position for position, key in enumerate(keys)}
        at = np.array([place[key] for key in self.keys], dtype=np.int64)

        def spread(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            wide = np.zeros(len(keys), dtype=values.dtype)
            wide[at] = values
            return wide

        return DeviceRuns(
            keys, spread(self.rows), spread(self.runs), spread(self.longest), spread(self.longest_start), spread(self.first), spread(self.last),
            spread(self.first_hash), spread(self.last_hash), spread(self.last_start),
        )  # fmt: skip

    def thinned(self) -> DeviceRuns:
        """The same of at most 256 devices, always the same ones."""
        chosen = few_of(self.keys)
        arrays = {one.name: getattr(self, one.name)[chosen] for one in fields(self) if one.name != "keys"}
        return DeviceRuns(tuple(self.keys[position] for position in chosen.tolist()), **arrays) if len(chosen) < len(self.keys) else self

    def moved(self, rows: int) -> DeviceRuns:
        """The rows under other numbers."""
        return replace(self, longest_start=self.longest_start + rows, last_start=self.last_start + rows)

    def as_json(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in (*FIELDS, "first_hash", "last_hash", "last_start")}
        return {"keys": list(self.keys), **arrays}


class DeviceRunsMeasure:
    """Measures runs of equal readings per device."""

    name = "device_runs"
    ordered = True
    whole = False
    state = DeviceRuns

    def applies(self, column: Column) -> bool:
        return column.whole.key is not None and column.kind == "number" and column.name != column.whole.key and column.block is not None

    def of(self, part: Column | Block) -> DeviceRuns | None:
        assert isinstance(part, Column)
        assert part.block is not None
        if part.whole.key not in part.block.frame.columns:
            return None
        keys, order, bounds = part.block.by_key
        if part.nulls:
            filled = ~part.is_null[order]
            kept = np.concatenate(([0], np.cumsum(filled)))
            order, bounds = order[filled], kept[bounds]
        if not len(order):
            return DeviceRuns()
        hashes = part.hashes[order]
        rows = np.diff(bounds)
        present = rows > 0
        begins, ends = bounds[:-1][present], bounds[1:][present]
        equal = hashes[1:] == hashes[:-1]  # position p + 1 repeats position p
        equal[begins[1:] - 1] = False
        repeats = np.flatnonzero(equal)
        # Streaks of repeats: few where readings vary, so that everything below is about them and not about every reading.
        gaps = np.flatnonzero(np.diff(repeats) != 1)
        heads = np.concatenate(([0], gaps + 1)) if len(repeats) else np.zeros(0, dtype=np.int64)
        lengths = np.diff(np.append(heads, len(repeats))) + 1
        starts = repeats[heads]
        device = np.searchsorted(begins, starts, side="right") - 1
        longest, top, first, last = np.ones(len(begins), dtype=np.int64), begins.copy(), np.ones_like(begins), np.ones_like(begins)
        np.maximum.at(longest, device, lengths)
        is_top = lengths == longest[device]
        top[device[is_top][::-1]] = starts[is_top][::-1]  # written backwards, so that the earliest of equals stays
        at_begin, at_end = starts == begins[device], starts + lengths == ends[device]
        first[device[at_begin]] = lengths[at_begin]
        last[device[at_end]] = lengths[at_end]
        repeated = np.bincount(np.searchsorted(begins, repeats, side="right") - 1, minlength=len(begins))
        here = rows[present]
        return DeviceRuns(
            tuple(key for key, some in zip(keys, present.tolist(), strict=True) if some), here, here - repeated, longest,
            part.start + order[top], first, last, hashes[begins], hashes[ends - 1], part.start + order[ends - last],
        )  # fmt: skip
