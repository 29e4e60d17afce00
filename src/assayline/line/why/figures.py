"""A fixed list of figures for each column of a table, and which of them moved: one question is asked of all of them together, with one error.

Null hypothesis: this lot is like its forerunners. Error over all figures of a flow together: 1 % a lot (Bonferroni); and a move that nobody would see is none.
Measured with a column whose tail is that of t(3) among them: 5 of 300 healthy flows (`tests/line/why/test_figures.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assayline.diagnosis.ranges import bounds

from .metrics import OF_ANY, OF_NUMBERS, Metric
from .selecting import as_read

FAMILY = 0.01
PAST = 30  # lots before it that a lot is held against
LEAST_PAST = 4
TAILS = (1, 2, 3, 5, 8)  # how many of the newest lots may be the bad ones
MOST_OUTSIDE = 0.8  # share of these that must be outside
MOST_COLUMNS = 60
LIKE_KEYS = 0.5  # distinct values a row above which a column says which row it is
OURS = "assay_"  # what says who answered changes by nature
# Least move that counts, in the units named: a small effect is 0.2 standard deviations (Cohen 1988), and half of that is nobody's.
LEAST_MEAN, LEAST_SHARE, LEAST_RELATIVE = 0.1, 0.02, 0.1
LEAST_PAIRED = 0.2  # of the standard deviation inside a lot, where the same inputs gave another result


@dataclass(frozen=True)
class Moved:
    """A figure that left its bounds: which, from which of the lots on, between which bounds it was, and how many half widths away it is now."""

    name: str
    first: int
    low: float
    high: float
    distance: float


def figures_of(frame: pl.DataFrame, rows: int | None = None) -> dict[str, float]:
    """The figures of a table, by how they are written (`metrics.Metric.text`).

    Args:
        frame: its rows, or a sample of them; text that says numbers counts as numbers.
        rows: how many there are, where this is a sample.

    >>> figures_of(pl.DataFrame({"a": [1.0, 3.0, 3.0]}))
    {'rows': 3.0, 'mean(a)': 2.3333333333333335, 'sd(a)': 1.1547005383792515, 'share_missing(a)': 0.0}
    """
    height = frame.height if rows is None else rows
    found: dict[str, float | None] = {"rows": float(height)}
    for name in [one for one in frame.columns if not one.startswith(OURS)][:MOST_COLUMNS]:
        series = as_read(frame.select(name))[name]
        if series.dtype.is_nested():
            continue
        wanted = ["share_missing"]
        few = series.n_unique() <= LIKE_KEYS * max(1, series.len())
        if series.dtype.is_numeric():
            wanted = ["mean", "sd", *wanted, *(["distinct", "top_share"] if few and not series.dtype.is_float() else [])]
        elif few and not series.dtype.is_temporal():
            wanted += ["distinct", "top_share"]
        for function in wanted:
            value = OF_ANY[function](series) if function in OF_ANY else OF_NUMBERS[function](series.cast(pl.Float64))
            found[Metric(function, (name,)).text] = value
    return {name: value for name, value in found.items() if value is not None}


def onset(
    values: Sequence[float | None], *, error: float = FAMILY, tails: Sequence[int] = TAILS, floor: float = 0.0, relative: float = 0.02, one_sided: bool = False
) -> Moved | None:
    """From which lot on a figure is outside of what it was, if the newest is.

    Args:
        values: of the lots, oldest first; None where a lot has none.
        error: promised share of healthy lots for which something is said, over all `tails` together.
        tails: how many of the newest lots may be the bad ones.
        floor: least move that counts, in units of the figure.
        relative: the same as a share of its usual level.
        one_sided: only a rise is bad: an error, a loss.
    """
    count, best = len(values), None
    now = values[-1] if values else None
    if now is None:
        return None
    fair = [tail for tail in dict.fromkeys(tails) if count - tail >= LEAST_PAST]
    for tail in fair:
        past = [one for one in values[max(0, count - tail - PAST) : count - tail] if one is not None]
        if len(past) < LEAST_PAST:
            continue
        low, high = bounds(past, error=(2 if one_sided else 1) * error / len(fair), floor=floor, relative=relative)  # of two sides one is asked about
        if one_sided:
            low = -math.inf
        up = now > high
        if low <= now <= high:
            continue
        outside = [one is not None and (one > high if up else one < low) for one in values[count - tail :]]
        if sum(outside) >= MOST_OUTSIDE * tail:
            middle = sum(past) / len(past)
            width = max(high - middle if up else middle - low, 1e-300)
            best = Moved("", count - tail + outside.index(True), low, high, abs(now - middle) / width)
    return best


def moved_figures(lots: Sequence[Mapping[str, float]], *, tails: Sequence[int] = TAILS) -> list[Moved]:
    """The figures that moved, the farthest first.

    Args:
        lots: the figures of each lot (`figures_of`), oldest first.
        tails: how many of the newest lots may be the bad ones.
    """
    names = [name for name in lots[-1] if sum(name in one for one in lots[:-1]) >= LEAST_PAST] if lots else []
    found = []
    for name in names:
        values = [one.get(name) for one in lots]
        floor, relative = least(name, lots)
        if name.startswith("sd(") and all(one is None or one > 0 for one in values):
            moved = _by_ratio(values, FAMILY / len(names), tails)
        else:
            moved = onset(values, error=FAMILY / len(names), tails=tails, floor=floor, relative=relative)
        if moved is not None:
            found.append(Moved(name, moved.first, moved.low, moved.high, moved.distance))
    return sorted(found, key=lambda one: -one.distance)


def _by_ratio(values: Sequence[float | None], error: float, tails: Sequence[int]) -> Moved | None:
    """The same for a spread, whose chance is in its ratio to what is usual: its logarithm is the nearer to normal, above all where single values lie far out."""
    moved = onset([None if one is None else math.log(one) for one in values], error=error, tails=tails, floor=math.log1p(LEAST_RELATIVE), relative=0.0)
    return None if moved is None else Moved(moved.name, moved.first, math.exp(moved.low), math.exp(moved.high), moved.distance)


def least(name: str, lots: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """The least move of a figure that counts: in its units, and as a share of its level."""
    function, _, column = name.partition("(")
    if function in ("share_missing", "top_share", "share"):
        return LEAST_SHARE, 0.0
    if function == "mean":
        spread = [one[f"sd({column}"] for one in lots[:-1] if f"sd({column}" in one]
        return (LEAST_MEAN * sum(spread) / len(spread) if spread else 0.0), 0.0
    return (1.0 if function in ("rows", "distinct") else 0.0), LEAST_RELATIVE


def changed_pairs(pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> list[Moved]:
    """The figures in which results that were made again differ from what the same places had before, the most first.

    The same inputs give the same result, so there is no chance in this; only changes that matter are named.

    Args:
        pairs: the figures before and now, of each place.
    """
    found = []
    for name in pairs[-1][1] if pairs else ():
        moves = [(before[name], now[name], before) for before, now in pairs if name in before and name in now]
        if len(moves) < len(pairs):
            continue
        sizes = sorted(abs(now - before) / _unit(name, values, before) for before, now, values in moves)
        ups = sum(now > before for before, now, _ in moves)
        if sizes[len(sizes) // 2] >= 1.0 and ups in (0, len(moves)):
            before, now, _ = moves[-1]
            reach = abs(now - before) / 4
            found.append(Moved(name, 0, before - reach, before + reach, sizes[len(sizes) // 2]))
    return sorted(found, key=lambda one: -one.distance)


def changed_alike(pairs: Sequence[tuple[float, float]]) -> list[int]:
    """Which results that were made again have another figure than the same places had before, where most of them have, and all of these moved one way; else none.

    Args:
        pairs: the figure before and now, of each place.

    >>> changed_alike([(2.4, 2.4), (2.5, 3.1), (2.9, 3.7), (2.6, 3.0), (2.4, 3.2)]), changed_alike([(2.4, 3.1), (2.5, 2.0), (2.9, 2.9)])
    ([1, 2, 3, 4], [])
    """
    places = [place for place, (before, now) in enumerate(pairs) if abs(now - before) > LEAST_RELATIVE * max(abs(before), abs(now))]
    ups = sum(pairs[place][1] > pairs[place][0] for place in places)
    return places if places and len(places) >= MOST_OUTSIDE * len(pairs) and ups in (0, len(places)) else []


def _unit(name: str, before: Mapping[str, float], value: float) -> float:
    """The least change of a figure that matters where the inputs are the same."""
    function, _, column = name.partition("(")
    if function in ("share_missing", "top_share", "share"):
        return LEAST_SHARE
    if function == "mean":
        return max(LEAST_PAIRED * before.get(f"sd({column}", 0.0), 1e-9 * abs(value), 1e-300)
    return max(LEAST_RELATIVE * abs(value), 1e-300)
