"""Holes in what a table covers: a combination of two categories, or a stretch of numbers, that one would expect and that never occurs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures import Clock, Sample, natures

from .dependencies import coded
from .disguised_missing import numbers_of

LEAST_ROWS = 200
MOST_COLUMNS = 20  # pairs grow with the square
MOST_VALUES = 20  # of a column that cuts the table
FULL = 0.8  # share of the combinations that must occur: where many are missing, the two columns are bound to each other and nothing is a hole
CHANCE = 1e-4  # probability of a hole by chance in the whole table, below which it is none: the limit of the signatures (scanning/familiar.py)
BULK = (0.05, 0.95)  # quantiles between which numbers are dense enough for a hole to mean something
BEFORE_AND_AFTER = 0.5  # share of the expected density that each side of a stretch must have: a hole has two shores
ALONE = 4.0  # times the next widest gap: in series that drift numbers lie in clusters, with a gap of some width after each
STEEP = 0.2  # share of a shore that lies in its quarter next to the hole: two groups of numbers fade out towards each other, what was cut out ends at once
LEAST_DISTINCT = 50  # different numbers; fewer are steps, with nothing between them

Floats = npt.NDArray[np.float64]


class CoverageGap:
    """Notes a combination of two categories, or a stretch of a number, that should have occurred and did not.

    Reads:    the row sample, `values`.
    Finds:    "coverage_gap" per pair or column; evidence `expected_rows`, and `from`, `to` for a stretch.
    Silent:   with fewer than 200 rows, where a fifth of the combinations is missing (the columns are bound to each other), on identifiers, on numbers of
              few values or in tables with a time column, and when there is a past.
    Source:   probability that no row falls where independence (pairs) or the density of both neighbours (stretches) expects some: e to the minus expected
              (Poisson), times the places looked at.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> rows = [(shop, size) for shop in "ABC" for size in "SML" for _ in range(50) if (shop, size) != ("B", "L")]
    >>> [finding.where for finding in CoverageGap()(profile(pl.DataFrame(rows, schema=["shop", "size"], orient="row")), Past())]
    ['shop = B, size = L']
    """

    codes = ("coverage_gap",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        if past:
            return
        yield from _pairs(profile)
        if not profile.all_of(Clock):  # numbers that drift with time lie in clusters, and are no independent witnesses of a density
            yield from _stretches(profile)


def _pairs(profile: Profile) -> Iterator[Finding]:
    table = coded(profile)
    every = natures(profile)
    names = [name for name in table.codes if every[name].kind in ("category", "boolean") and 2 <= every[name].distinct <= MOST_VALUES][:MOST_COLUMNS]
    if table.rows < LEAST_ROWS:
        return
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            a, b = table.codes[first], table.codes[second]
            both = (a >= 0) & (b >= 0)
            rows = int(both.sum())
            if rows < LEAST_ROWS:
                continue
            counts = np.bincount(a[both] * (int(b.max()) + 1) + b[both], minlength=(int(a.max()) + 1) * (int(b.max()) + 1)).reshape(int(a.max()) + 1, -1)
            if (counts > 0).mean() < FULL:
                continue
            expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
            holes = np.argwhere((counts == 0) & (np.exp(-expected) * counts.size * len(names) ** 2 < CHANCE))
            for x, y in holes[np.argsort(-expected[tuple(holes.T)], kind="stable")][:1]:
                left, right = _value(table.codes[first], int(x), profile, first), _value(table.codes[second], int(y), profile, second)
                yield Finding(
                    "coverage_gap", (first, second),
                    f"No row has {first} = {left} and {second} = {right}; as often as each comes, {expected[x, y]:.0f} of {rows:,} would be expected.",
                    severity=0.1, where=f"{first} = {left}, {second} = {right}", evidence={"expected_rows": float(expected[x, y]), "holes": len(holes)},
                    suggestion="a model learns nothing about it; ask whether it cannot occur or was left out",
                )  # fmt: skip


def _value(codes: npt.NDArray[np.int64], code: int, profile: Profile, column: str) -> str:
    sample = profile.of(None, Sample)
    assert sample is not None
    return str(sample.frame.get_column(column)[int(np.flatnonzero(codes == code)[0])])


def _stretches(profile: Profile) -> Iterator[Finding]:
    numeric = [name for name, nature in natures(profile).items() if nature.kind == "number" and nature.distinct >= LEAST_DISTINCT and nature.filled >= LEAST_ROWS]
    for column in numeric:
        found = numbers_of(profile, column)
        if found is None:
            continue
        hole = _hole(found[0], found[1].astype(np.float64))
        if hole is None or np.exp(-hole[2]) * len(numeric) * LEAST_DISTINCT > CHANCE:
            continue
        low, high, expected = hole
        yield Finding(
            "coverage_gap", (column,), f"No value of {column} lies between {low:g} and {high:g}; with the density on both sides about {expected:.0f} different ones would.",
            severity=0.1, where=f"{low:g} to {high:g}", evidence={"from": low, "to": high, "expected_rows": expected},
            suggestion="ask whether these values cannot occur or were left out",
        )  # fmt: skip


def _hole(values: Floats, rows: Floats) -> tuple[float, float, float] | None:
    """The widest empty stretch of the bulk with as dense shores on both sides: its ends and the values that its thinner shore expects in it."""
    order = np.argsort(values, kind="stable")
    values, rows = values[order], rows[order]
    place = np.cumsum(rows) / rows.sum()
    inside = np.flatnonzero((place >= BULK[0]) & (place <= BULK[1]))
    if len(inside) < LEAST_DISTINCT // 2:
        return None
    x = values[inside]
    top = int(np.argmax(np.diff(x)))
    low, high = float(x[top]), float(x[top + 1])
    width = high - low
    if width < ALONE * float(np.sort(np.diff(x))[-2]):
        return None
    # Different values are counted, not rows: the same number again is no second witness of how dense the shore is.
    before = float(((values > low - width) & (values <= low)).sum())
    after = float(((values >= high) & (values < high + width)).sum())
    expected = min(before, after)
    steep = (float(((values > low - width / 4) & (values <= low)).sum()) >= STEEP * before, float(((values >= high) & (values < high + width / 4)).sum()) >= STEEP * after)
    if expected < BEFORE_AND_AFTER * max(before, after) or not all(steep):
        return None
    return low, high, expected
