"""What brings a column back in step with the others: the change is undone and the relation looked at again.

A column that no longer goes with the others may have been permuted; but its numbers may also have been converted or moved, in the
whole lot or in one segment, by less than its own level shows. The others tell what each number should be, much more closely than
the past of the column alone. So each explanation is undone, and the one that leaves the least is named, if it leaves as little as good lots do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .comparison import Comparison, Floats, View
from .history_distribution import CONVERSIONS, TEMPERATURES, Scale
from .whole_numbers import can_be_converted

Mask = npt.NDArray[np.bool_]

LEAST_ROWS = 4  # of a segment
MOST_LEFT = 1.15  # times the usual unexplained part that an explanation may leave in its rows ...
LEAST_UNDONE = 0.6  # ... and at least this share of the excess must be gone: a shift always takes a little of what noise adds
CONCENTRATED = 0.7  # share of the excess that one segment must hold to be where it happened


class Undone(NamedTuple):
    """The change that explains why a column was out of step.

    Args:
        code: "unit_change", "global_shift" or "segment_shift".
        name: of the conversion, or "".
        factor, offset: today = factor * before + offset.
        where: the segment, or None for the whole lot.
        rows: how many rows were changed.
        left: the unexplained part that remains, in units of the usual one.
    """

    code: str
    name: str
    factor: float
    offset: float
    where: str | None
    rows: int
    left: float


def undone(comparison: Comparison, view: View, fitted: Floats, unit: float, middle: float, usual: float) -> Undone | None:
    """What brings the column back in step, or None when nothing that is tried does: then its values were mixed up.

    Args:
        comparison: the lots.
        view: the column.
        fitted: what the others say of today's rows, on the laid out scale.
        unit, middle: the laid out scale: (compressed - middle after division by unit).
        usual: mean unexplained part of a good lot.
    """
    scale = Scale.of(view)
    if scale is None or usual <= 0:
        return None

    def laid_out(numbers: Floats) -> Floats:
        compressed: Floats = np.nan_to_num(np.arcsinh((numbers - scale.middle) / scale.width) / unit) - middle
        return compressed

    expected = scale.middle + scale.width * np.sinh(np.clip((fitted + middle) * unit, -50, 50))
    away = np.abs(laid_out(view.now) - fitted)
    known = np.isfinite(view.now)
    best: Undone | None = None
    for rows, where in _places(comparison, view, away - usual, known):
        before = float(away[rows].mean())
        shift = float(np.median((view.now - expected)[rows]))
        tried = [("", 1.0, shift)] + [one for one in CONVERSIONS if _possible(one[0], view) and can_be_converted(view.now[rows], view.past_known, one[1], one[2])]
        left = [float(np.abs(laid_out((view.now - offset) / factor) - fitted)[rows].mean()) for _, factor, offset in tried]
        top = int(np.argmin(left))
        if left[top] > MOST_LEFT * usual or before - left[top] < LEAST_UNDONE * (before - usual) or before <= usual:
            continue
        name, factor, offset = tried[top]
        code = "unit_change" if name else "global_shift" if where is None else "segment_shift"
        found = Undone(code, name, factor, offset, where, int(rows.sum()), left[top] / usual)
        if best is None or (found.where is None, -found.left) > (best.where is None, -best.left):
            best = found
    return best


def _possible(name: str, view: View) -> bool:
    low, high = TEMPERATURES.get(name, (-np.inf, np.inf))
    return bool(low <= float(np.nanmedian(view.past)) <= high)


def _places(comparison: Comparison, view: View, excess: Floats, known: Mask) -> Iterator[tuple[Mask, str | None]]:
    """Where the change may have happened: everywhere, or in the segment of each group that holds most of the excess."""
    yield known, None
    total = float(excess[known].sum())
    for group in comparison.segments if total > 0 else ():
        if group.name == view.name:
            continue
        codes = group.codes[0]
        inside = known & (codes >= 0)
        sums = np.bincount(codes[inside], weights=excess[inside])
        if not len(sums):
            continue
        top = int(np.argmax(sums))
        rows = inside & (codes == top)
        if sums[top] >= CONCENTRATED * total and LEAST_ROWS <= rows.sum() < known.sum():
            yield rows, f"{group.name} = {group.codes[2][top]}"
