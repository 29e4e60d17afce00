"""Numbers and times that break the sequence their column otherwise keeps."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Sample, Steps, kept, natures, shown

from .notation import Notation, notation_of
from .typed_sample import Floats, floats, typed_sample

Ints = npt.NDArray[np.int64]

LEAST = 20  # rows: the longest climb of a random order of 20 is about 2 * sqrt(20) = 9
CLIMBS = 0.55  # share of the steps that must go one way before a closer look is worth its time
IN_ORDER = 0.6  # share of the rows that must climb together; a random order of n rows has 2 / sqrt(n) (Logan and Shepp 1977)
REGULAR = 0.8  # share of the steps that are equal in a column that counts
AROUND = 8  # rows before, and rows after, that say what the count demands; half of them must agree
AGREEING = 2  # further rows around that are in step with one
EXPLAINED = 0.9  # share of the rows out of order that must be copies, or fill a place of the count: others were put there on purpose
ELSEWHERE = 0.5  # share of the demanded values that stand in another wrong row; in rows put into another order all do
BY_CHANCE = 0.01  # probability that rows of no order climb among themselves for so long


@dataclass(frozen=True, eq=False)
class Climb:
    """A column whose rows climb (or fall) together but for some.

    Args:
        rows: row numbers, in order, of the cells that were looked at.
        starts: what the count would have had in row 0, as the rows around each of them say; NaN where they say nothing or differ.
        step: what one row adds; 0 where the steps differ.
        copies: row numbers of the cells that repeat the value of another row, out of order.
        wrong: how many cells of the sample do not hold what the count demands, or are such copies.
        notation: how the column is written, None where that cannot be told.
    """

    rows: Ints
    starts: Floats
    step: float
    copies: frozenset[int]
    wrong: int
    notation: Notation | None = None

    def expected(self, rows: Ints) -> Floats:
        """What the count demands in each row; NaN where the rows around leave it open."""
        if not self.step:
            return np.full(len(rows), np.nan)
        before = np.clip(np.searchsorted(self.rows, rows, side="right") - 1, 0, len(self.rows) - 1)
        after = np.minimum(before + (self.rows[before] != rows), len(self.rows) - 1)
        agree = (self.starts[before] == self.starts[after]) & (rows >= self.rows[0]) & (rows <= self.rows[-1])
        return np.where(agree, (self.starts[before] + rows) * self.step, np.nan)


@dataclass(frozen=True, eq=False)
class OutOfSequence:
    """Accuses the cells that are not what the count demands, and the copies that stand out of order."""

    column: str
    sequence: Climb

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> OutOfSequence:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        numbers = floats(block, self.column)
        if numbers is None:
            return []
        expected = self.sequence.expected(np.arange(block.start, block.start + block.rows))
        wrong = np.isfinite(expected) & np.isfinite(numbers) & (numbers != expected)
        inside = [row - block.start for row in self.sequence.copies if block.start <= row < block.start + block.rows]
        wrong[inside] = True
        rows = np.flatnonzero(wrong)
        notation = self.sequence.notation
        return [
            Cell(block.start + row, self.column, 0.9 if math.isnan(should) else 0.97, text, None if notation is None or math.isnan(should) else notation.write(should))
            for row, text, should in zip(rows.tolist(), shown(block.column(self.column).series.gather(rows)), expected[rows].tolist(), strict=True)
        ]


def sequences(profile: Profile) -> dict[str, Climb]:
    """The columns that are a sequence with exceptions.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> found = sequences(profile(pl.DataFrame({"id": [*range(1, 30), 4, *range(31, 60)], "x": [7, 1] * 29 + [3]})))
    >>> {column: one.expected(np.array([29])).tolist() for column, one in found.items()}
    {'id': [30.0]}
    """
    return kept(profile, "sequences", lambda: _sequences(profile))


def _sequences(profile: Profile) -> dict[str, Climb]:
    sample, block = profile.of(None, Sample), typed_sample(profile)
    if sample is None or block is None:
        return {}
    found = {}
    for column, nature in natures(profile).items():
        steps = profile.of(column, Steps)
        if nature.kind not in ("number", "time", "identifier") or steps is None or nature.filled < LEAST or column not in sample.frame.columns:
            continue
        if not CLIMBS * (steps.n - 1) <= max(steps.ups, steps.downs) < steps.n - 1:
            continue
        numbers = floats(block, column)
        if numbers is None:
            continue
        filled = np.flatnonzero(np.isfinite(numbers))
        if len(filled) < LEAST:
            continue
        one = _climb(numbers[filled], sample.numbers[filled], 1 if steps.ups >= steps.downs else -1, exact=sample.exact)
        if one is not None:
            found[column] = replace(one, notation=notation_of(block.column(column)))
    return found


def _climb(values: Floats, rows: Ints, way: int, *, exact: bool) -> Climb | None:
    """The sequence in some values and their row numbers.

    Args:
        values, rows: without gaps, in order of the rows.
        way: 1 when they climb, -1 when they fall.
        exact: these are all rows, so that a copy and its origin are both among them.
    """
    good = longest_climb(way * values)
    if len(good) < max(IN_ORDER * len(values), LEAST // 2) or len(good) == len(values):
        return None
    climbing = values[good]
    usual, times = np.unique(np.diff(climbing) / np.diff(rows[good]), return_counts=True)
    step = float(usual[times.argmax()]) if times.max() >= REGULAR * (len(good) - 1) else 0.0

    out = np.ones(len(values), dtype=np.bool_)
    out[good] = False
    if _climbs_itself(way * values, out):
        return None
    starts, demanded = np.full(len(values), np.nan), np.full(len(values), np.nan)
    if step:
        begins = np.round(values / step, 6) - rows
        starts, counted = _demanded(begins, good)
        demanded = (starts + rows) * step
        out |= counted
        out &= counted | ~np.isfinite(demanded)
        # The demanded values stand elsewhere: then rows were put into another order, and nothing was overwritten.
        if counted.any() and np.isin(demanded[counted], values[counted]).mean() > ELSEWHERE:
            return None
    if not out.any():
        return None
    place, odd = rows[out], values[out]
    after = np.searchsorted(rows[good], place)
    left = np.where(after > 0, way * climbing[np.maximum(after - 1, 0)], -np.inf)
    right = np.where(after < len(good), way * climbing[np.minimum(after, len(good) - 1)], np.inf)
    # A value equal to the one before or after it is a tie, as two events of one second are.
    copied = np.isin(odd, climbing) & ((way * odd < left) | (way * odd > right)) & exact & ~np.isfinite(demanded[out])
    # After the last row in order nothing says what belongs there: a row may have been added. So it was where the count leaves no room.
    copied &= after < len(good)
    if step:
        room = np.abs(right - left) >= abs(step) * (rows[good][np.minimum(after, len(good) - 1)] - rows[good][np.maximum(after - 1, 0)])
        copied &= room
    explained = int((copied | np.isfinite(demanded[out])).sum())
    if not explained or explained < EXPLAINED * len(odd):
        return None
    return Climb(rows, starts, step, frozenset(place[copied].tolist()), explained)


def _demanded(starts: Floats, good: Ints) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Where the count began, as the rows around each row say (NaN where they differ), and which rows contradict them.

    Args:
        starts: what the count would have had in row 0, were the row itself right.
        good: positions of the rows in order.
    """
    padded = np.concatenate((np.full(AROUND, np.nan), starts, np.full(AROUND, np.nan)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, AROUND)
    left, right = _usual(windows[: len(starts)]), _usual(windows[AROUND + 1 : AROUND + 1 + len(starts)])
    # Where most rows around are wrong, the nearest ones in order speak; before the first and after the last of them, all together.
    values, index, times = np.unique(starts[good], return_inverse=True, return_counts=True)
    good = good[times[index] >= AROUND // 2]  # a wrong cell may climb by accident; several that agree do not
    if not len(good):
        return np.full(len(starts), np.nan), np.zeros(len(starts), dtype=np.bool_)
    after = np.searchsorted(good, np.arange(len(starts)), side="right")
    usual = float(values[times.argmax()]) if times.max() >= REGULAR * len(index) else np.nan
    before_start = np.where(after > 0, starts[good[np.maximum(after - 1, 0)]], usual)
    after_start = np.where(after < len(good), starts[good[np.minimum(after, len(good) - 1)]], np.nan)  # rows may have been added at the end
    left = np.where(np.isnan(left), before_start, left)
    right = np.where(np.isnan(right), after_start, right)
    agreed = np.where(left == right, left, np.nan)
    # Rows that agree with each other are a stretch of the count between two gaps; rows overwritten one by one do not agree.
    own = (windows[: len(starts)] == starts[:, None]).sum(axis=1) + (windows[AROUND + 1 : AROUND + 1 + len(starts)] == starts[:, None]).sum(axis=1)
    agreed = np.where((own >= AGREEING) & (starts != agreed), np.nan, agreed)
    return agreed, np.isfinite(agreed) & (starts != agreed)


def _usual(windows: npt.NDArray[np.float64]) -> Floats:
    """The value that half of each window has; NaN where none has."""
    counts = (windows[:, :, None] == windows[:, None, :]).sum(axis=2)
    best = counts.argmax(axis=1)
    rows = np.arange(len(windows))
    return np.where(2 * counts[rows, best] >= AROUND, windows[rows, best], np.nan)


def _climbs_itself(values: Floats, out: npt.NDArray[np.bool_]) -> bool:
    """Whether neighbouring rows out of order are in an order of their own: a block of another file, or a late batch.

    Null hypothesis: they have no order. Then m in a row climb with probability 1 / m!, anywhere among n at most n / m!.
    """
    inside = out[1:] & out[:-1] & (np.diff(values) > 0)
    ends = np.flatnonzero(~inside)
    longest = int(np.diff(np.concatenate(([-1], ends, [len(inside)]))).max())  # rows of the longest stretch
    return longest > 2 and int(out.sum()) / math.factorial(min(longest, 20)) < BY_CHANCE


def longest_climb(values: Floats) -> Ints:
    """Positions of a longest strictly climbing subsequence (patience sorting, Fredman 1975).

    >>> longest_climb(np.array([1.0, 9.0, 2.0, 3.0])).tolist()
    [0, 2, 3]
    """
    lowest: list[float] = []
    holder: list[int] = []
    before = np.full(len(values), -1, dtype=np.int64)
    for position, value in enumerate(values.tolist()):
        length = bisect_left(lowest, value)
        if length == len(lowest):
            lowest.append(value)
            holder.append(position)
        else:
            lowest[length], holder[length] = value, position
        if length:
            before[position] = holder[length - 1]
    chain = []
    position = holder[-1] if holder else -1
    while position >= 0:
        chain.append(position)
        position = int(before[position])
    return np.array(chain[::-1], dtype=np.int64)


class BrokenSequence:
    """Finds cells that break the sequence their column otherwise keeps: row numbers, ids in order, equally spaced times.

    Reads:    `steps`, the row sample.
    Finds:    "broken_sequence" per column; evidence `cells`, `in_order_share`, `step`.
    Silent:   with fewer than 20 rows; where less than six of ten rows climb together; where the rows out of order come in blocks, hold
              values of their own, or only stand in each other's place; on ties.
    Source:   longest increasing subsequence (Fredman 1975; 2 * sqrt(n) in a random order, Logan and Shepp 1977).

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"id": [*range(1, 30), 4, *range(31, 60)]})
    >>> [finding.columns for finding in BrokenSequence()(profile(frame), Past())]
    [('id',)]
    """

    codes = ("broken_sequence",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, found in sequences(profile).items():
            share = 1 - found.wrong / len(found.rows)
            how = "count up by equal steps" if found.step > 0 else "count down by equal steps" if found.step else "never repeat and keep one order"
            yield Finding(
                "broken_sequence", (column,),
                f"The values of {column} {how} in {share:.1%} of the rows looked at; {found.wrong:,} rows in between hold something else, mostly the value of another row.",
                severity=0.45, evidence={"cells": found.wrong, "in_order_share": share, "step": found.step},
                suggestion="the suggestion is what the rows before and after demand", locate=OutOfSequence(column, found),
                picture={"kind": "share", "value": 1 - share, "usual": 0.0},
            )  # fmt: skip
