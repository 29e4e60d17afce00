"""Arithmetic that the columns of a table obey without being told: total = price x quantity, a + b = c, one column in two units.

Mined on the row sample: every pair of columns is tried on a few rows against every third, and what holds there is checked on many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from assayline.core import Profile
from assayline.measures import Block, Sample, kept, natures

from .typed_sample import Floats, floats, typed_sample

Mask = npt.NDArray[np.bool_]

LEAST_ROWS = 50
INFORMATIVE = 30  # rows in which no part of the relation is trivial (nothing added, nothing multiplied)
LEAST_DIFFERENT = 8  # values of each column: a set of codes obeys sums by accident
HOLDS = 0.98  # share of the rows; below it the exceptions are a rule of their own
BY_CHANCE = 0.5  # most of the share that is left when one column is shifted against the others
PROBE = 64  # rows on which everything is tried
LIKELY = 0.85  # share of the probe that must hold: of a relation of 0.98, fewer hold once in 10**6 times
ROWS = 8_192  # rows on which it is checked
MOST_COLUMNS = 40
SHIFTS = (1, 7, 31)
NOISE = 1e-9  # of the value: what binary arithmetic adds


@dataclass(frozen=True)
class Relation:
    """One column computed from others.

    Args:
        kind: "sum" (of two), "product" (of two) or "line" (factor times one, plus offset).
        result: the computed column.
        sources: what it is computed from.
        factor, offset: of a line.
        tolerance: half a unit of the last digit that the result is written with.
        share: 0..1, of the rows looked at in which it holds.
        by_chance: 0..1, the same when a source is shifted against the rest.
        rows: rows looked at.
    """

    kind: str
    result: str
    sources: tuple[str, ...]
    factor: float = 1.0
    offset: float = 0.0
    tolerance: float = 0.0
    share: float = 0.0
    by_chance: float = 0.0
    rows: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.result, *self.sources)

    def __str__(self) -> str:
        if self.kind == "line":
            one = self.sources[0] if self.factor == 1 else f"{self.factor:g} × {self.sources[0]}"
            return f"{self.result} = {one}" + (f" {'+' if self.offset > 0 else '-'} {abs(self.offset):g}" if self.offset else "")
        return f"{self.result} = {self.sources[0]} {'+' if self.kind == 'sum' else '×'} {self.sources[1]}"

    def computed(self, values: Mapping[str, Floats]) -> Floats:
        """What the result should be, row by row."""
        first = values[self.sources[0]]
        if self.kind == "line":
            return self.factor * first + self.offset
        return first + values[self.sources[1]] if self.kind == "sum" else first * values[self.sources[1]]

    def known(self, values: Mapping[str, Floats]) -> Mask:
        """The rows in which every part is there."""
        found: Mask = np.logical_and.reduce([np.isfinite(values[column]) for column in self.columns])
        return found

    def broken(self, values: Mapping[str, Floats]) -> Mask:
        """The rows in which every part is there and the relation does not hold."""
        with np.errstate(over="ignore", invalid="ignore"):
            found: Mask = self.known(values) & ~_near(values[self.result], self.computed(values), self.tolerance)
        return found

    def demanded(self, column: str, values: Mapping[str, Floats]) -> Floats:
        """What the rest of the relation says one of its columns should be; NaN where it cannot say."""
        with np.errstate(all="ignore"):
            if column == self.result:
                return self.computed(values)
            if self.kind == "line":
                return (values[self.result] - self.offset) / self.factor
            other = values[self.sources[1] if column == self.sources[0] else self.sources[0]]
            return values[self.result] - other if self.kind == "sum" else values[self.result] / other


def _near(x: Floats, y: Floats, tolerance: float) -> Mask:
    found: Mask = np.abs(x - y) <= tolerance + NOISE * np.maximum(np.abs(x), np.abs(y))
    return found


def relations(profile: Profile) -> tuple[Relation, ...]:
    """The relations that hold, the surest first; of each result and kind only the surest.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"n": [i * 7 % 13 + 1 for i in range(90)], "price": [i * 5 % 11 + 2 for i in range(90)]})
    >>> [str(one) for one in relations(profile(frame.with_columns(total=pl.col("n") * pl.col("price"))))]
    ['total = n × price']
    """
    return kept(profile, "relations", lambda: _relations(profile))


def values_of(block: Block, columns: Sequence[str]) -> dict[str, Floats]:
    """Columns as numbers, row by row; all NaN where one is text here."""
    return {column: found if (found := floats(block, column)) is not None else np.full(block.rows, np.nan) for column in columns}


def _relations(profile: Profile) -> tuple[Relation, ...]:
    sample, block = profile.of(None, Sample), typed_sample(profile)
    if sample is None or block is None or block.rows < LEAST_ROWS:
        return ()
    every = natures(profile)
    names = [name for name in block.frame.columns if every[name].kind in ("number", "identifier") and every[name].distinct >= LEAST_DIFFERENT]
    names = sorted(sorted(names, key=lambda name: -every[name].distinct)[:MOST_COLUMNS], key=block.frame.columns.index)
    if len(names) < 2:
        return ()
    rows = np.linspace(0, block.rows - 1, min(ROWS, block.rows)).astype(np.int64)
    values = {name: found[rows] for name in names if (found := floats(block, name)) is not None}
    names = [name for name, found in values.items() if np.isfinite(found).sum() >= LEAST_ROWS]
    if len(names) < 2:
        return ()
    tolerances = {name: 0.5 * 10.0 ** -_decimals(values[name]) for name in names}
    surest: dict[tuple[str, ...], Relation] = {}
    for one in _tried(names, values, tolerances):
        checked = _checked(one, values)
        if checked is not None:
            key = tuple(sorted(one.columns)) if one.kind == "line" else (one.kind, one.result)
            best = surest.get(key)
            # Where both ways hold, the computed column is the one whose rounding allows for least.
            if best is None or _rank(checked, values) > _rank(best, values):
                surest[key] = checked
    return tuple(sorted(surest.values(), key=lambda one: (-one.share, one.columns)))


def _rank(one: Relation, values: Mapping[str, Floats]) -> tuple[float, float, str]:
    return one.share, -one.tolerance / max(1e-300, float(np.nanstd(values[one.result]))), one.result


def _decimals(values: Floats) -> int:
    """Digits behind the point with which numbers are written: the most that one in a hundred needs."""
    some = values[np.isfinite(values)][:ROWS]
    for digits in range(9):
        if np.mean(_near(some, np.round(some, digits), 0.0)) >= 0.99:
            return digits
    return 12


def _tried(names: Sequence[str], values: Mapping[str, Floats], tolerances: Mapping[str, float]) -> list[Relation]:
    """Relations that hold on a few rows."""
    whole = np.vstack([values[name] for name in names])
    # Rows that are filled in most columns say most; among them, spread over the table.
    fullest = np.argsort(-np.isfinite(whole).sum(axis=0), kind="stable")
    pool = np.sort(fullest[: max(4 * PROBE, len(fullest) // 2)])
    probe = whole[:, pool[np.linspace(0, len(pool) - 1, min(PROBE, len(pool))).astype(np.int64)]]
    allowed = np.array([tolerances[name] for name in names])[:, None]
    found = _lines(names, probe, tolerances)
    with np.errstate(all="ignore"):
        for i in range(len(names)):
            for kind, made in (("sum", probe[i] + probe[i + 1 :]), ("product", probe[i] * probe[i + 1 :])):
                far = np.abs(made[:, None, :] - probe[None, :, :])
                size = np.maximum(np.abs(made)[:, None, :], np.abs(probe)[None, :, :])
                there = np.isfinite(far)
                share = ((far <= allowed + NOISE * size) & there).sum(axis=2) / np.maximum(there.sum(axis=2), 1)
                enough = there.sum(axis=2) >= min(PROBE, probe.shape[1]) // 3
                for j, k in zip(*np.nonzero((share >= LIKELY) & enough), strict=True):
                    other = i + 1 + int(j)
                    if int(k) not in (i, other):
                        found.append(Relation(kind, names[k], (names[i], names[other]), tolerance=tolerances[names[k]] if kind == "product" else 0.0))
    return found


def _lines(names: Sequence[str], probe: Floats, tolerances: Mapping[str, float]) -> list[Relation]:
    """Pairs of columns of which one is a line of the other: equal, in another unit, counted from another beginning."""
    found = []
    for i, result in enumerate(names):
        for j, source in enumerate(names):
            if i == j:
                continue
            line = _line(probe[i], probe[j])
            if line is not None:
                found.append(Relation("line", result, (source,), line[0], line[1], tolerance=tolerances[result] if line[0] != 1 else 0.0))
    return found


def _line(y: Floats, x: Floats) -> tuple[float, float] | None:
    """Factor and offset of the line through most points (medians, Theil 1950); rounded to what people choose."""
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < PROBE // 3:
        return None
    x, y = x[both], y[both]
    half = len(x) // 2
    run = x[half : 2 * half] - x[:half]
    usable = run != 0
    if usable.sum() < 8:
        return None
    slopes = (y[half : 2 * half] - y[:half])[usable] / run[usable]
    factor = float(np.median(slopes))
    if not np.isfinite(factor) or factor == 0 or np.mean(np.abs(slopes - factor) <= 0.02 * abs(factor)) < 0.5:
        return None
    # The longest distances know the factor best; a factor is a number of few digits, or the inverse of one.
    long = np.argsort(-np.abs(run[usable]), kind="stable")[: max(4, int(usable.sum()) // 3)]
    factor = float(np.median(slopes[long]))
    for candidate in (float(f"{factor:.4g}"), 1 / float(f"{1 / factor:.4g}")):
        if abs(candidate - factor) <= 2e-3 * abs(factor):
            offset = float(np.median(y - candidate * x))
            offset = float(f"{offset:.6g}") if abs(offset) > 1e-6 * float(np.median(np.abs(y)) + 1e-300) else 0.0
            return candidate, offset
    return None


def _checked(one: Relation, values: Mapping[str, Floats]) -> Relation | None:
    """The relation with its share of rows and its share by chance; None where it does not hold or means nothing."""
    known = one.known(values)
    if known.sum() < LEAST_ROWS:
        return None
    some = {column: values[column][known] for column in one.columns}
    parts = [some[column] for column in one.columns]
    if any(len(np.unique(part)) < LEAST_DIFFERENT for part in parts):
        return None
    holds = ~one.broken(some)
    share = float(holds.mean())
    if share < HOLDS:
        return None
    telling = np.ones(len(holds), dtype=np.bool_)
    for column in one.sources if one.kind != "line" else ():
        telling &= (some[column] != 0) & (some[column] != 1 if one.kind == "product" else True)
        telling &= some[column] != _usual(some[column])
    if telling.sum() < INFORMATIVE or holds[telling].mean() < HOLDS or len(np.unique(some[one.result][telling])) < LEAST_DIFFERENT:
        return None
    # Null hypothesis: the first source has nothing to do with the rest. Shifting its rows keeps its values and takes the relation away.
    shifted = []
    for shift in SHIFTS:
        moved = {**some, one.sources[0]: np.roll(some[one.sources[0]], shift)}
        shifted.append(float((~one.broken(moved))[telling].mean()))
    by_chance = float(np.median(shifted))
    if by_chance > BY_CHANCE:
        return None
    return replace(one, share=share, by_chance=by_chance, rows=int(known.sum()))


def _usual(values: Floats) -> float:
    """The most frequent number: a relation that holds only beside it is a constant in disguise."""
    different, times = np.unique(values, return_counts=True)
    return float(different[times.argmax()]) if times.max() > 0.5 * len(values) else float("nan")
