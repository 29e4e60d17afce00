"""Values far outside everything the past had."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding
from assayline.measures import Moments

from .comparison import Comparison, Floats, View
from .expectation import at_least, shares
from .history_distribution import CONVERSIONS
from .locating_numbers import NumbersAre
from .resemblance import largest_gap, usual_gap
from .suspicion import Suspicion
from .wording import lots, number

FIRST_STEP = 5  # lots before the first step: the range of fewer says little
LEAST_STEP = 0.25  # of the past range beyond its end; a new record of an honest series is rarely so far away (docs/statistics.md)
HEAVY = 0.1  # tail index from which values far out are a matter of course
WORST_STEP = 1.5  # times the largest step by which a good lot ever left the range of the others
LEAST_CONVERTED = 5  # odd values from which a conversion is more than a coincidence
LEAST_BETWEEN = 3  # values a little beyond the range: noise fills the way to the far ones, single faults do not
LEAST_SPILL = 0.5  # of the values beyond the range, that may lie far from all others for them to be noise and not outliers
MOST_CELLS = 0.3  # when more of the column lies outside, it has shifted and its values are no outliers


class Range:
    """Finds values beyond the range of the past by more than the past ever left its own.

    Reads:    `moments` (exact lowest and highest), `sample`.
    Finds:    "outliers"; "unit_change" where a conversion of temperatures brings the values back among the others, "noise_increase" where they spill over both ends.
    Silent:   when a large part of the column lies outside, and about values that follow on the rest of the lot without a gap.
    Source:   leave-one-out replay of the range; docs/statistics.md.
    """

    finds = ("outliers", "unit_change", "noise_increase")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.kind == "number" and not view.is_key and not view.is_group_code:
                yield from _outside(comparison, view)


def _outside(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    now = view.now_known
    ends = []
    for profile in comparison.profiles:
        moments = profile.of(view.name, Moments)
        if moments is not None and moments.n:
            ends.append((moments.low, moments.high))
    if len(ends) < 3 or not len(now):
        return
    lows, highs = np.array(ends).T
    low, high = float(lows.min()), float(highs.max())
    width = max(high - low, 1e-12 * max(abs(low), abs(high), 1.0))
    above, below = _steps(highs, low), _steps(-lows, -high)
    top = _edge(now, high + width * max(LEAST_STEP, WORST_STEP * above), LEAST_STEP * width)
    bottom = -_edge(-now, -low + width * max(LEAST_STEP, WORST_STEP * below), LEAST_STEP * width)
    outside = (now > top) | (now < bottom)
    cells = int(outside.sum())
    spill = _spill(view, now, lows, highs)
    if spill < 1 and cells <= LEAST_SPILL * ((now > high) | (now < low)).sum():
        yield _noise(comparison, view, now, (low, high), (bottom, top), spill)
        return
    if not cells or cells > MOST_CELLS * len(now):
        return
    values, counts = np.unique(now[outside], return_counts=True)
    if counts.max() >= 3 and counts.max() >= 0.6 * cells:
        return  # one repeated value is a code for missing
    p = max(_tail(now[now > top], now, view.past, 1.0), _tail(now[now < bottom], now, view.past, -1.0))
    between = int((~outside & ((now > high) | (now < low))).sum())
    if between >= max(LEAST_BETWEEN, 0.5 * cells) and (now > high).any() and (now < low).any():
        yield _noise(comparison, view, now, (low, high), (bottom, top), p)
        return
    converted = _conversion(now[outside], now[~outside], low, high)
    if converted is not None and not _rest_as_usual(view, now[~outside]):
        converted = None
    if converted is not None:
        unit, factor, offset = converted
        back = (np.median(now[outside]) - offset) / factor
        yield Suspicion(Finding(
            "unit_change", (view.name,),
            f"{cells:,} values of {view.name} have {unit}: they are {factor:g} × {'+' if offset > 0 else '-'} {abs(offset):g} of what this column shows "
            f"(median {number(float(np.median(now[outside])))}, which is {number(float(back))} after conversion, against {number(float(np.median(now[~outside])))} "
            f"in the rest and {number(low)} to {number(high)} in {lots(comparison.lots)}).",
            severity=0.6, layer="history", rows=cells,
            evidence={"factor": factor, "offset": offset, "past_low": low, "past_high": high, "share": round(cells / len(now), 5)},
            suggestion="convert these values back", picture=_drawn(now, bottom, top),
            locate=NumbersAre(view.name, lambda x: (x < bottom) | (x > top), 0.8, lambda text: _converted_back(text, factor, offset)),
        ), p)  # fmt: skip
        return
    extreme = float(values[np.argmax(np.abs(values - (low + high) / 2))])
    yield Suspicion(Finding(
        "outliers", (view.name,),
        f"{cells:,} value{'s' if cells > 1 else ''} of {view.name} up to {number(extreme)} lie far outside {number(low)} to {number(high)}, the range "
        f"of {lots(comparison.lots)}.",
        severity=0.5 if cells > 1 else 0.4, layer="history", rows=cells,
        evidence={"extreme": extreme, "past_low": low, "past_high": high, "share": round(cells / len(now), 5)}, suggestion="check the rows against the source",
        picture=_drawn(now, bottom, top),
        locate=NumbersAre.outside(view.name, bottom, top, 0.8),
    ), p)  # fmt: skip


def _noise(comparison: Comparison, view: View, now: np.ndarray, past: tuple[float, float], drawn: tuple[float, float], p: float) -> Suspicion:
    low, high = past
    beyond = int(((now > high) | (now < low)).sum())
    spread = float(np.std(now) / max(float(np.nanstd(view.past)), 1e-12))
    return Suspicion(Finding(
        "noise_increase", (view.name,), f"{beyond:,} values of {view.name} spill over both ends of {number(low)} to {number(high)}, the range of "
        f"{lots(comparison.lots)}: it varies {number(spread)} times as much.",
        severity=0.45, layer="history", evidence={"spread_ratio": round(spread, 3), "past_low": low, "past_high": high, "share": round(beyond / len(now), 5)},
        suggestion="ask what disturbs the measurement", picture=_drawn(now, *drawn),
    ), p)  # fmt: skip


def _spill(view: View, now: np.ndarray, lows: np.ndarray, highs: np.ndarray) -> float:
    """P-value of so many values beyond both ends of the range of the past.

    H0: values leave the range of the other lots at no more than the worst rate of any good lot. Both ends must have some: a level that moved
    leaves at one end only.
    """
    above, below = int((now > highs.max()).sum()), int((now < lows.min()).sum())
    if min(above, below) < LEAST_BETWEEN or len(lows) != view.lots:
        return 1.0
    left = (view.past > _of_the_others(highs)[view.lot]) | (view.past < -_of_the_others(-lows)[view.lot])
    found = shares([above + below], [len(now)], view.per_lot(left)[:, None], view.per_lot(np.isfinite(view.past))[:, None])
    return float(found.more[0])


def _of_the_others(highs: Floats) -> Floats:
    """For each lot the largest of all others."""
    order = np.sort(highs)
    return np.asarray(np.where(highs == order[-1], order[-2], order[-1]))


BINS = 24  # of the picture


def _drawn(now: np.ndarray, bottom: float, top: float) -> dict[str, object]:
    counts, edges = np.histogram(now, bins=BINS)
    marked = [[max(top, float(edges[0])), float(edges[-1])]] if now.max() > top else []
    marked += [[float(edges[0]), min(bottom, float(edges[-1]))]] if now.min() < bottom else []
    return {"kind": "histogram", "edges": edges.tolist(), "counts": counts.tolist(), "marked": marked}


def _conversion(odd: np.ndarray, rest: np.ndarray, low: float, high: float) -> tuple[str, float, float] | None:
    """The conversion between scales of temperature that brings the odd values back among the others, if there is one.

    Only conversions with an offset: a factor alone brings nearly any far value somewhere into the range.
    """
    if len(odd) < LEAST_CONVERTED or len(np.unique(odd)) < 3 or len(rest) < LEAST_CONVERTED:
        return None
    middle, spread = float(np.median(rest)), max(float(np.subtract(*np.quantile(rest, [0.9, 0.1]))), 1e-9)
    best: tuple[float, tuple[str, float, float]] | None = None
    for unit, factor, offset in CONVERSIONS:
        if not offset:
            continue
        back = (odd - offset) / factor
        away = abs(float(np.median(back)) - middle) / spread
        if back.min() >= low and back.max() <= high and away <= 1 and (best is None or away < best[0]):
            best = away, (f"changed from {unit}", factor, offset)
    return best[1] if best else None


def _rest_as_usual(view: View, rest: np.ndarray) -> bool:
    """Whether the values that lie inside look like those of some lot: a part that is converted leaves the rest alone."""
    past = view.past_known
    return bool(largest_gap(rest, past) <= usual_gap(view) + 1 / np.sqrt(len(rest)))


def _converted_back(text: str | None, factor: float, offset: float) -> str | None:
    try:
        places = len(text.partition(".")[2]) if text else 0
        return f"{(float(text or '') - offset) / factor:.{places}f}"
    except ValueError:
        return None


def _edge(values: np.ndarray, limit: float, gap: float) -> float:
    """The limit, or the value beyond it up to which today's numbers follow each other without such a gap: a bulk that moved has no outliers at its end."""
    beyond = np.sort(values[values > limit])
    within = values[values <= limit].max(initial=-np.inf)
    for value in beyond:
        if value - within >= gap:
            break
        within = limit = float(value)
    return limit


def _steps(highs: np.ndarray, low: float) -> float:
    """By which part of their range the lots ever left the range of those before them, or of all others."""
    order = np.sort(highs)
    steps = [(order[-1] - order[-2]) / max(order[-2] - low, 1e-12)]
    best = np.maximum.accumulate(highs)
    for i in range(FIRST_STEP, len(highs)):
        steps.append((highs[i] - best[i - 1]) / max(best[i - 1] - low, 1e-12))
    return float(max(steps))


def _tail(outside: np.ndarray, now: np.ndarray, past: np.ndarray, side: float) -> float:
    """P-value of so many values so far out, from a tail fitted to the largest of the past: a power law (Hill 1975) where it is heavy, else exponential; 0 for none."""
    if not len(outside):
        return 0.0
    known = past[np.isfinite(past)]
    middle = float(np.median(known))
    away = np.sort(side * (known - middle))[::-1]
    top = away[: max(5, min(100, len(away) // 50))]
    top = top[top > 0]
    if len(top) < 3:
        return 0.0
    nearest = float((side * (outside - middle)).min())
    first = float(np.log(top / top[-1]).mean())
    second = float(np.square(np.log(top / top[-1])).mean())
    weight = first + 1 - 0.5 / max(1 - first * first / second, 1e-9) if second > 0 else 0.0  # Dekkers, Einmahl and de Haan 1989
    if weight < HEAVY:  # a light tail: exponential above the threshold
        beyond = np.exp(-(nearest - float(top[-1])) / max(float((top - top[-1]).mean()), 1e-3 * float(top[-1])))
    else:
        slope = (1 - 1 / np.sqrt(len(top))) / max(first, 0.02)  # one standard error on the heavy side
        beyond = (nearest / float(top[-1])) ** -slope
    chance = len(top) / len(known) * float(beyond)
    return float(at_least(np.array([len(outside)]), np.array([len(now)]), np.array([min(1.0, chance)]))[0])
