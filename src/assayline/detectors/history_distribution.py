"""Numbers whose level, spread or shape moved: in the whole column, or in one segment of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, Floats, View, quantiles
from .expectation import Levels, levels, shares
from .resemblance import gap_of_rising, largest_gap
from .suspicion import Suspicion
from .whole_numbers import can_be_converted
from .wording import lots, number, percent

LEAST_NUMBERS = 5  # numbers today below which a level means nothing
LEAST_SEGMENT = 3  # numbers of a segment today
LEAST_LOTS = 5
LEAST_SHIFT = 0.15  # effect floor on the compressed scale: about 0.15 standard deviations
LEAST_SEGMENT_SHIFT = 0.35
MOVED_TOO, MOST_MOVED = 0.01, 0.3  # p-value at which another segment has moved too, and the share of segments that may
ERROR_OF_MEDIAN = 1.2533  # times that of the mean, in a normal law: the square root of pi / 2
LEAST_SPREAD = np.log(1.15)  # effect floor: 15 % more spread
BEYOND = 1.25  # times the largest distance of a good lot (docs/statistics.md)
RECENT = 3  # lots that are still like today where a column wanders
REST_IS_WELL = 0.02  # p-value above which the rest of the lot, without the segment, counts as normal
LIKE_GOOD_LOTS = 0.1  # p-value above which a converted lot is where one was to be expected ...
NOT_REFUTED, CLEARLY = 0.01, 5.0  # ... with a spread that is not refuted, so many times better than after any other conversion
LATEST = 8  # lots whose distances mostly show already that today's is none too far
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
PULL = 0.02  # only suspicious statistics are explained: the explanation costs more than the test

# Conversions between units people really use; x today = factor * x before + offset. Sources: SI brochure, NIST SP 811.
CONVERSIONS: tuple[tuple[str, float, float], ...] = (
    ("°C to °F", 1.8, 32.0), ("°F to °C", 1 / 1.8, -32 / 1.8), ("°C to K", 1.0, 273.15), ("K to °C", 1.0, -273.15),
    ("miles to kilometres", 1.609344, 0.0), ("kilometres to miles", 1 / 1.609344, 0.0), ("kg to pounds", 2.204623, 0.0), ("pounds to kg", 0.453592, 0.0),
    ("feet to metres", 0.3048, 0.0), ("metres to feet", 1 / 0.3048, 0.0), ("inches to cm", 2.54, 0.0), ("cm to inches", 1 / 2.54, 0.0),
    ("m/s to km/h", 3.6, 0.0), ("km/h to m/s", 1 / 3.6, 0.0), ("knots to km/h", 1.852, 0.0), ("gallons to litres", 3.785412, 0.0),
    ("litres to gallons", 1 / 3.785412, 0.0), ("times 10", 10.0, 0.0), ("divided by 10", 0.1, 0.0), ("times 100, such as cents", 100.0, 0.0),
    ("divided by 100, such as percent", 0.01, 0.0), ("times 1000", 1000.0, 0.0), ("divided by 1000", 0.001, 0.0), ("times 1,000,000", 1e6, 0.0),
    ("divided by 1,000,000", 1e-6, 0.0), ("hours to minutes", 60.0, 0.0), ("minutes to hours", 1 / 60, 0.0), ("days to hours", 24.0, 0.0),
    ("hours to seconds", 3600.0, 0.0), ("seconds to hours", 1 / 3600, 0.0), ("times 1024", 1024.0, 0.0), ("divided by 1024", 1 / 1024, 0.0),
    ("ounces to grams", 28.349523, 0.0), ("grams to ounces", 1 / 28.349523, 0.0), ("bar to psi", 14.50377, 0.0), ("psi to bar", 1 / 14.50377, 0.0),
)  # fmt: skip


# An offset alone is any shift; it is a conversion only where the column can hold temperatures: -100 to 200 in the unit it had, from deep frost to an oven.
TEMPERATURES = {"°C to K": (-100.0, 200.0), "K to °C": (173.15, 473.15), "°C to °F": (-100.0, 200.0), "°F to °C": (-148.0, 392.0)}


class Distribution:
    """Finds columns of numbers that moved, and says how.

    Reads:    `sample`.
    Finds:    "global_shift", "noise_increase", "unit_change" (a known conversion brings today back to the past), "sample_bias" (only a part of the usual range,
              as it always was), "segment_shift" (the rest of the lot is as usual).
    Silent:   on codes and keys, with fewer than five lots.
    Source:   levels and spreads on a compressed scale with predictive p-values; shapes against the distances good lots had to each other; docs/statistics.md.
    """

    finds = ("global_shift", "noise_increase", "unit_change", "sample_bias", "segment_shift")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin or comparison.lots < LEAST_LOTS:
            return
        for view in comparison.measures:
            scale = Scale.of(view)
            if scale is not None:
                yield from _column(comparison, view, scale)


@dataclass(frozen=True)
class Scale:
    """A column on a scale on which outliers do not shout: asinh of the distance from the middle in units of the usual spread.

    Args:
        middle, width: of the past.
        now, past: compressed numbers, NaN where there is none.
    """

    middle: float
    width: float
    now: Floats
    past: Floats

    @classmethod
    def of(cls, view: View) -> Scale | None:
        if "scale" not in view.kept:
            view.kept["scale"] = cls._of(view)
        found: Scale | None = view.kept["scale"]
        return found

    @classmethod
    def _of(cls, view: View) -> Scale | None:
        past = view.past_rising
        if len(past) < 20 or len(view.now_known) < LEAST_SEGMENT:
            return None
        middle = view.past_middle
        quarters = quantiles(past, [0.25, 0.75])
        width = float(quarters[1] - quarters[0]) / 1.349  # a normal law's quartiles
        if width <= 0:
            width = float(view.past_known.std())
        if not width > 0:
            return None
        return cls(middle, width, np.arcsinh((view.now - middle) / width), np.arcsinh((view.past - middle) / width))


class Moved(NamedTuple):
    """What the tests of one set of rows say."""

    level: Levels
    spread: Levels
    shift: float
    log_spread: float


def _sums(values: Floats, group: np.ndarray, groups: int) -> tuple[Floats, Floats, Floats]:
    """Count, mean and variance of the finite values of each group."""
    kept = np.isfinite(values) & (group >= 0)
    if not kept.all():
        values, group = values[kept], group[kept]
    n = np.bincount(group, minlength=groups).astype(float)
    total = np.bincount(group, weights=values, minlength=groups)
    squares = np.bincount(group, weights=values**2, minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        variance = np.maximum(squares / n - mean * mean, 0) * n / np.maximum(n - 1, 1)
    return n, mean, variance


def _moved(now: Floats, past: Floats, lot: np.ndarray, lots: int) -> Moved:
    n, mean, variance = _sums(past, lot, lots)
    today = now[np.isfinite(now)]
    pooled = max(float(np.nanmean(variance)), 1e-6)
    enough = n >= LEAST_SEGMENT
    mean = np.where(enough, mean, np.nan)
    spread = np.where(enough & (n >= 4), 0.5 * np.log(np.maximum(variance, 1e-4 * pooled)), np.nan)
    if len(today) < LEAST_SEGMENT:
        nothing = levels(np.zeros((0, 1)), [np.nan])
        return Moved(nothing, nothing, 0.0, 0.0)
    size = len(today)
    level = levels(mean[:, None], [today.mean()], (pooled / np.maximum(n, 1))[:, None], [max(pooled, 0.25 * float(today.var())) / size])
    now_spread = 0.5 * np.log(max(float(today.var(ddof=1)), 1e-4 * pooled)) if size >= 4 else np.nan
    kurtosis = 1.0  # of the compressed scale: between the uniform law's 0.45 and the normal law's 0.5 per degree of freedom, with room
    spreads = levels(spread[:, None], [now_spread], (kurtosis / np.maximum(n, 2))[:, None], [kurtosis / max(size, 2)])
    return Moved(level, spreads, float(today.mean() - level.predicted[0]), float(now_spread - spreads.predicted[0]) if np.isfinite(now_spread) else 0.0)


def _column(comparison: Comparison, view: View, scale: Scale) -> Iterable[Suspicion]:
    whole = _moved(scale.now, scale.past, view.lot, view.lots)
    segment = _worst_segment(comparison, view, scale)
    size = int(np.isfinite(view.now).sum())
    p_level = float(whole.level.p[0]) if abs(whole.shift) >= LEAST_SHIFT else 1.0
    p_spread = float(whole.spread.p[0]) if whole.log_spread >= LEAST_SPREAD and not _lumpy(view) else 1.0
    gap = _gap(view)
    p_shape = 1.0
    if size >= LEAST_NUMBERS and gap > 0.1 and gap > BEYOND * _gaps(view, LATEST).max(initial=0.0):
        gaps = _gaps(view)
        if len(gaps) >= LEAST_LOTS and gap > BEYOND * gaps.max():
            p_shape = float(levels(np.log(gaps)[:, None], [np.log(gap)]).p[0])
    if _lumpy(view):
        share = _beside_the_mode(view)
        p_level, p_shape = max(p_level, share), max(p_shape, share)
    p_level = min(p_level, _far_level(view))
    p = min(1.0, 3 * min(p_level, p_spread, p_shape))
    if p < PULL and _only_outliers(view, scale):
        p = 1.0
    if segment is not None and segment.p < PULL and (segment.p < p or _rest_is_well(view, scale, segment)):
        yield from _segment_finding(comparison, view, segment)
        if _rest_is_well(view, scale, segment):
            return
    if p < PULL and size >= LEAST_NUMBERS:
        yield Suspicion(_explained(comparison, view, scale, whole, p_level, p_spread, p_shape, gap, _gaps(view)), p)


def _far_level(view: View) -> float:
    """P-value of today's median where it lies beyond every number of the past; 1 elsewhere.

    The compressed scale makes little of what lies far out, which is right for single numbers and wrong for whole lots. Medians need no
    such scale. H0: the median of a lot is predicted by those before it, as its level is; that it also has left the range of all single
    numbers is the effect floor.
    """
    past, now = view.past_known, view.now_known
    if len(now) < LEAST_NUMBERS or past.min() <= np.median(now) <= past.max():
        return 1.0
    sizes = view.per_lot(np.isfinite(view.past))
    medians = [float(np.median(view.past[(view.lot == lot) & np.isfinite(view.past)])) if sizes[lot] >= LEAST_SEGMENT else np.nan for lot in range(view.lots)]
    quarters = np.quantile(past, [0.25, 0.75])
    noise = (ERROR_OF_MEDIAN * (quarters[1] - quarters[0]) / 1.349) ** 2  # of the median of one number
    found = levels(np.array(medians)[:, None], [float(np.median(now))], (noise / np.maximum(sizes, 1))[:, None], [noise / len(now)])
    return float(found.p[0])


def _lumpy(view: View, among: np.ndarray | None = None) -> bool:
    """Whether one value fills so much of the column (or of some rows of the past) that its spread only counts the others."""
    _, counts = view.past_different if among is None else np.unique(view.past[view.past_finite & among], return_counts=True)
    return bool(counts.max(initial=0) > 0.6 * counts.sum())


def _beside_the_mode(view: View, now_here: np.ndarray | None = None, past_here: np.ndarray | None = None) -> float:
    """P-value of the share of numbers that are not the most frequent one, in the whole column or in some rows of it."""
    known = view.past_finite if past_here is None else view.past_finite & past_here
    values, counts = view.past_different if past_here is None else np.unique(view.past[known], return_counts=True)
    mode = values[int(np.argmax(counts))]
    now = view.now_known if now_here is None else view.now[np.isfinite(view.now) & now_here]
    found = shares([(now != mode).sum()], [len(now)], view.per_lot(known & (view.past != mode))[:, None], view.per_lot(known)[:, None])
    return float(min(found.more[0], found.fewer[0]))


def _only_outliers(view: View, scale: Scale) -> bool:
    """Whether everything is as usual without the few numbers outside the range of the past."""
    past = view.past_known
    with np.errstate(invalid="ignore"):
        outside = (view.now < past.min()) | (view.now > past.max())
    if not outside.any() or outside.sum() > 0.15 * np.isfinite(view.now).sum():
        return False
    rest = _moved(np.where(outside, np.nan, scale.now), scale.past, view.lot, view.lots)
    return bool(min(rest.level.p[0], rest.spread.p[0]) > PULL)


def _gap(view: View) -> float:
    """Distance of today's distribution to all of the past, in units of what chance gives; 0 where there is nothing to compare."""
    today, total, sizes = len(view.now_known), len(view.past_rising), view.number_sizes
    if today < LEAST_NUMBERS or not ((sizes >= LEAST_NUMBERS) & (total - sizes >= LEAST_NUMBERS)).any():
        return 0.0
    return gap_of_rising(np.sort(view.now_known), view.past_rising) * float(np.sqrt(today * total / (today + total)))


def _gaps(view: View, last: int | None = None) -> Floats:
    """The same of each past lot's distribution, or of the last few of them, to the rest of the past."""
    total = len(view.past_rising)
    asked = np.flatnonzero((view.number_sizes >= LEAST_NUMBERS) & (total - view.number_sizes >= LEAST_NUMBERS)).tolist()
    if len(view.now_known) < LEAST_NUMBERS:
        return np.zeros(0)
    rising = view.each("rising numbers", _rising)
    sizes = view.number_sizes.tolist()
    return np.array([
        max(0.3, to_the_rest(rising[lot], view.past_rising) * float(np.sqrt(sizes[lot] * (total - sizes[lot]) / total)))
        for lot in (asked if last is None else asked[-last:])
    ])  # fmt: skip


def _rising(numbers: Floats) -> Floats:
    return np.sort(numbers[np.isfinite(numbers)])


def to_the_rest(own: Floats, everyone: Floats) -> float:
    """The largest gap between the distribution of some numbers and that of all others, 0..1.

    Between two values of their own their share stands still and that of the others climbs, so the gap is largest at one of the two.

    Args:
        own: rising.
        everyone: rising, those among them, and some others.
    """
    gap, n = 0.0, len(own)
    for side in SIDES:
        have, all_of = np.searchsorted(own, own, side=side), np.searchsorted(everyone, own, side=side)
        gap = max(gap, float(np.abs(have / n - (all_of - have) / (len(everyone) - n)).max()))
    return gap


class Segment(NamedTuple):
    """The segment of a column that moved most."""

    group: View
    code: int
    p: float
    shift: float
    level: Levels


def _worst_segment(comparison: Comparison, view: View, scale: Scale) -> Segment | None:
    best: Segment | None = None
    tests = 0
    lot_mean = _sums(scale.past, view.lot, view.lots)
    for group in comparison.segments:
        if group.name == view.name:
            continue
        now_code, past_code, values = group.codes
        count = len(values)
        if count > 2 * 40 or len(now_code) != len(scale.now):
            continue
        cell = np.where(past_code >= 0, view.lot * count + past_code, -1)
        n, mean, variance = (part.reshape(view.lots, count) for part in _sums(scale.past, cell, view.lots * count))
        n_now, mean_now, variance_now = _sums(scale.now, now_code, count)
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = (lot_mean[1][:, None] * lot_mean[0][:, None] - np.nan_to_num(mean) * n) / (lot_mean[0][:, None] - n)
            total_now = np.nansum(scale.now)
            rest_now = (total_now - np.nan_to_num(mean_now) * n_now) / (np.isfinite(scale.now).sum() - n_now)
        usable = (n >= LEAST_SEGMENT) & np.isfinite(rest)
        enough = (usable.sum(axis=0) >= max(LEAST_LOTS, 0.4 * view.lots)) & (n_now >= LEAST_SEGMENT) & np.isfinite(rest_now)
        codes = np.flatnonzero(enough)
        if not len(codes):
            continue
        several = n >= 2
        within = np.maximum(np.where(several, np.nan_to_num(variance), 0).sum(axis=0) / np.maximum(several.sum(axis=0), 1), 1e-6)
        noise = (within / np.maximum(n, 1))[:, codes]
        noise_now = (np.maximum(within, 0.25 * variance_now) / np.maximum(n_now, 1))[codes]
        both = levels(np.hstack((np.where(usable, mean - rest, np.nan)[:, codes], np.where(usable, mean, np.nan)[:, codes])),
                      np.concatenate(((mean_now - rest_now)[codes], mean_now[codes])), np.hstack((noise, noise)), np.tile(noise_now, 2))  # fmt: skip
        relative, plain = both.part(slice(None, len(codes))), both.part(slice(len(codes), None))
        tests += len(codes)
        p = np.maximum(relative.p, np.where(plain.p < 0.2, relative.p, 1.0))
        shift = mean_now[codes] - plain.predicted
        p = np.where((np.abs(shift) >= LEAST_SEGMENT_SHIFT) & (np.abs((mean_now - rest_now)[codes] - relative.predicted) >= LEAST_SEGMENT_SHIFT), p, 1.0)
        if ((p < MOVED_TOO) & (plain.p < MOVED_TOO)).sum() > max(1, MOST_MOVED * len(codes)):
            continue  # all segments moved: the column is out of step with them, or has moved as a whole
        top = int(np.argmin(p))
        if best is None or p[top] < best.p:
            best = Segment(group, int(codes[top]), float(p[top]), float(shift[top]), plain)
    if best is None:
        return None
    now_here, past_here = best.group.codes[0] == best.code, best.group.codes[1] == best.code
    share = _beside_the_mode(view, now_here, past_here) if _lumpy(view, past_here) else 0.0
    return best._replace(p=min(1.0, max(best.p, share) * tests))


def _rest_is_well(view: View, scale: Scale, segment: Segment) -> bool:
    now_code, past_code, _ = segment.group.codes
    rest = _moved(scale.now[now_code != segment.code], scale.past[past_code != segment.code], view.lot[past_code != segment.code], view.lots)
    return bool(min(rest.level.p[0], rest.spread.p[0]) > REST_IS_WELL)


def _unit(now: Floats, past: Floats, limit: float) -> tuple[str, float, float, float] | None:
    """The conversion that brings today's numbers back to the past, with the distance it leaves; None when none does."""
    direct = largest_gap(now, past)
    moved = largest_gap(now - np.median(now) + np.median(past), past)
    best: tuple[str, float, float, float] | None = None
    for name, factor, offset in CONVERSIONS:
        if name in TEMPERATURES and not TEMPERATURES[name][0] <= float(np.median(past)) <= TEMPERATURES[name][1]:
            continue
        if not can_be_converted(now, past, factor, offset):
            continue
        left = largest_gap((now - offset) / factor, past)
        if best is None or left < best[3]:
            best = (name, factor, offset, left)
    if best is None or best[3] > limit or best[3] > 0.5 * direct or best[3] > moved + 0.02:
        return None
    return best


def _unit_of_far(view: View, scale: Scale) -> tuple[str, float, float] | None:
    """The one conversion that brings a lot beyond everything of the past back to where its level and its spread were to be expected.

    A move of the whole lot can explain any level, a conversion only its own: one that lands where the next lot was expected, and has a spread
    that good lots have, is hardly there by accident. None where several do.
    """
    past, now = view.past_known, view.now_known
    if past.min() <= np.median(now) <= past.max():
        return None
    fits: list[tuple[float, float, tuple[str, float, float]]] = []
    for name, factor, offset in CONVERSIONS:
        if (name not in TEMPERATURES or TEMPERATURES[name][0] <= float(np.median(past)) <= TEMPERATURES[name][1]) and can_be_converted(now, past, factor, offset):
            undone = np.arcsinh(((view.now - offset) / factor - scale.middle) / scale.width)
            moved = _moved(undone, scale.past, view.lot, view.lots)
            fits.append((min(float(moved.level.p[0]), float(moved.spread.p[0])), float(moved.level.p[0]), (name, factor, offset)))
    if len(fits) < 2:
        return None
    fits.sort(reverse=True)
    (best, level, unit), (second, _, _) = fits[0], fits[1]
    return unit if best >= NOT_REFUTED and level >= LIKE_GOOD_LOTS and best >= CLEARLY * second else None


def _segment_finding(comparison: Comparison, view: View, segment: Segment) -> Iterable[Suspicion]:
    now_code, past_code, values = segment.group.codes
    now, past = view.now[now_code == segment.code], view.past[past_code == segment.code]
    now, past = now[np.isfinite(now)], past[np.isfinite(past)]
    where = f"{segment.group.name} = {values[segment.code]}"
    before, after = float(np.median(past)), float(np.median(now))
    limit = 1.6 / np.sqrt(len(now)) + 0.05  # the largest gap chance leaves once in a hundred (Kolmogorov), and a little for lots
    unit = _unit(now, past, limit)
    evidence: dict[str, float | str] = {"median": after, "usual_median": before, "rows": len(now)}
    picture = _compare(past, now)
    if unit is not None:
        yield Suspicion(Finding(
            "unit_change", (view.name,), f"{view.name} where {where} looks converted ({unit[0]}): median {number(after)} against {number(before)} in "
            f"{lots(comparison.lots)}.",
            severity=0.65, layer="history", where=where, rows=len(now), evidence={**evidence, "factor": unit[1], "offset": unit[2]},
            suggestion=f"undo {unit[0]}", picture=picture,
        ), segment.p)  # fmt: skip
        return
    everyone, before_all = view.now_known, view.past_known
    chance = 1.36 / np.sqrt(len(now))  # the gap chance exceeds once in twenty (Kolmogorov)
    if largest_gap(now, everyone) <= chance < largest_gap(past, before_all):
        evidence["like_the_rest"] = 1.0
    yield Suspicion(Finding(
        "segment_shift", (view.name,), f"{view.name} has moved where {where}: median {number(after)} against {number(before)} in "
        f"{lots(comparison.lots)}; the rest has not.",
        severity=0.45, layer="history", where=where, rows=len(now), evidence=evidence, suggestion=f"ask what changed at {where}", picture=picture,
    ), segment.p)  # fmt: skip


def _explained(comparison: Comparison, view: View, scale: Scale, whole: Moved, p_level: float, p_spread: float, p_shape: float, gap: float, gaps: Floats) -> Finding:
    now, past = view.now_known, view.past_known
    before, after = float(np.median(past)), float(np.median(now))
    evidence: dict[str, float | str] = {"median": after, "usual_median": before, "spread_ratio": round(float(np.exp(whole.log_spread)), 3)}
    picture = _compare(past, now)
    limit = float(gaps.max()) * np.sqrt(1 / len(now) + 1 / len(past)) if len(gaps) else 0.2
    recent = view.past[(view.lot >= view.lots - RECENT) & np.isfinite(view.past)]
    near = max(BEYOND * limit, 1.63 / np.sqrt(len(now)))  # what good lots have, or the gap that chance exceeds once in a hundred (Kolmogorov)
    unit = _unit(now, past, near) or (_unit(now, recent, near)
        if len(recent) >= 20 else None)  # of a wandering column only the last lots are like today
    known = unit[:3] if unit is not None else _unit_of_far(view, scale)
    if known is not None:
        return Finding(
            "unit_change", (view.name,), f"{view.name} looks converted ({known[0]}): median {number(after)} against {number(before)} in {lots(comparison.lots)}.",
            severity=0.75, layer="history", evidence={**evidence, "factor": known[1], "offset": known[2]}, suggestion=f"undo {known[0]}", picture=picture,
        )  # fmt: skip
    part = _part(view, now, past, limit)
    if part is not None:
        return Finding(
            "sample_bias", (view.name,), f"{view.name} covers only {part[0]} today: {percent(part[1])} of the rows of {lots(comparison.lots)} lay "
            f"outside, none of today's.",
            severity=0.5, layer="history", evidence={**evidence, "uncovered_share": round(part[1], 3)},
            suggestion="find out which part of the population is missing", picture=picture,
        )  # fmt: skip
    if _scattered(view, now, past):
        return Finding(
            "noise_increase", (view.name,), f"{view.name} is scattered around its usual value today: {percent(_same_value(now))} of the rows hold one value against "
            f"{percent(_same_value(past))} in {lots(comparison.lots)}.",
            severity=0.45, layer="history", evidence=evidence, suggestion="ask what disturbs the measurement", picture=picture,
        )  # fmt: skip
    if p_spread < 1 and (p_spread <= p_level or abs(whole.shift) < 0.5 * whole.log_spread):
        return Finding(
            "noise_increase", (view.name,), f"{view.name} varies {number(float(np.exp(whole.log_spread)))} times as much as in "
            f"{lots(comparison.lots)}, around the usual level.",
            severity=0.45, layer="history", evidence=evidence, suggestion="ask what disturbs the measurement", picture=picture,
        )  # fmt: skip
    quantile = float((past < after).mean())
    return Finding(
        "global_shift", (view.name,), f"{view.name} has moved: median {number(after)} against {number(before)} in {lots(comparison.lots)} (their "
        f"{percent(quantile)} quantile).",
        severity=0.5 if abs(whole.shift) > 1 else 0.4, layer="history", evidence=evidence,
        suggestion="ask what changed, or accept it as the new normal", picture=picture,
    )  # fmt: skip


def _same_value(values: Floats) -> float:
    return float(np.unique(values, return_counts=True)[1].max()) / len(values)


def _scattered(view: View, now: Floats, past: Floats) -> bool:
    """Whether a column that was mostly one value has it no more, and lies on both sides of it instead: noise, not a shift, which would move the value as a whole."""
    if not _lumpy(view) or _same_value(now) > 0.5 * _same_value(past):
        return False
    values, counts = np.unique(past, return_counts=True)
    mode = values[int(np.argmax(counts))]
    above, below = float((now > mode).mean()), float((now < mode).mean())
    return min(above, below) > 0.25 * (above + below)


def _part(view: View, now: Floats, past: Floats, limit: float) -> tuple[str, float] | None:
    """Words for the part of the usual range that today covers, and the share of the past outside; None when it is not simply a part."""
    if len(now) < 10:
        return None
    low, high = np.quantile(now, [0.01, 0.99])
    below, above = float((past < low).mean()), float((past > high).mean())
    for outside, cut, inside, words in (
        (below, low, past[past >= low], f"values from {number(float(low))}"), (above, high, past[past <= high], f"values up to {number(float(high))}"),
    ):  # fmt: skip
        if outside < 0.15 or len(inside) < 20:
            continue
        usual = [float((view.past[(view.lot == lot) & np.isfinite(view.past)] < low).mean()
            if cut == low else (view.past[(view.lot == lot) & np.isfinite(view.past)] > high).mean())
                 for lot in range(view.lots) if view.number_sizes[lot] >= 5]  # fmt: skip
        if not usual or min(usual) < 0.3 * outside:
            continue
        left = largest_gap(now, inside)
        if left <= max(limit, 1.4 / np.sqrt(len(now)), BEYOND * _inside_gap(view, inside, len(now))) and left < 0.6 * largest_gap(now, past):
            return words, outside
    return None


def _inside_gap(view: View, inside: Floats, size: int) -> float:
    """The largest distance that this part of a good lot has to this part of all lots, for a lot of so many rows: a part differs more between lots than the whole."""
    low, high = inside.min(), inside.max()
    worst = 0.0
    for lot in range(view.lots):
        own = view.past[(view.lot == lot) & (view.past >= low) & (view.past <= high)]
        if len(own) >= LEAST_NUMBERS:
            worst = max(worst, largest_gap(own, inside) * float(np.sqrt(len(own))))
    return worst / float(np.sqrt(size))


def _compare(past: Floats, now: Floats) -> dict[str, object]:
    edges = np.unique(np.quantile(np.concatenate((past, now)), np.linspace(0, 1, 13)))
    if len(edges) < 2:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    before, after = np.histogram(past, edges)[0], np.histogram(now, edges)[0]
    return {
        "kind": "compare", "before": {"edges": edges.tolist(), "counts": before.tolist()}, "after": {"edges": edges.tolist(), "counts": after.tolist()},
    }  # fmt: skip
