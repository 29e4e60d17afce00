"""Dates that do not follow on the last lot: a period that never came, old rows, reset clocks, days and months changed round."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, Floats, View
from .expectation import shares
from .locating_numbers import NumbersAre
from .suspicion import Suspicion
from .wording import between, lots, percent

DAY = 86_400_000_000  # microseconds
FAR = 300 * DAY  # further away than a late correction: a clock was wrong
FEWEST_LOTS = 4
REGULAR = 1.5  # a step between lots longer than this many usual steps leaves a hole, where steps were regular
FACT_ROWS = 300
# What programs write for "no date": the days before the epochs of their calendars, and the ends of them.
NO_DATE = frozenset({"1900-01-01", "1899-12-30", "1899-12-31", "0001-01-01", "1753-01-01", "1601-01-01", "9999-12-31", "2099-12-31", "2999-12-31",
    "1111-11-11", "1800-01-01"})


class Calendar:
    """Compares the days a lot holds with the days that were due.

    Reads:    `sample`; times as the past reads them.
    Finds:    "missing_day", "late_arrival", "clock_reset", "disguised_missing" (a date that means none), "date_format" (day and month changed round).
    Silent:   where lots do not follow each other in time.
    Source:   the steps between past lots; binomial tail at the worst past rate.
    """

    finds = ("missing_day", "late_arrival", "clock_reset", "disguised_missing", "date_format")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        said = False
        for view in comparison.clocks:
            now = view.now
            if not np.isfinite(now).any() or not np.isfinite(view.past).any():
                continue
            far = list(_far(comparison, view))
            yield from far
            swapped = list(_changed_round(comparison, view)) if not far else []
            yield from swapped
            if comparison.lots < FEWEST_LOTS or swapped or far:
                continue
            if not said:
                holes = list(_hole(comparison, view))
                said = bool(holes)
                yield from holes
            yield from _late(comparison, view)


def day_of(micros: float) -> str:
    """A time as its date.

    >>> day_of(0.0)
    '1970-01-01'
    """
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).date().isoformat()
    except OverflowError:
        return "a date beyond the calendar"


def _main_days(view: View) -> tuple[Floats, Floats]:
    """First and last day of the bulk of each past lot; NaN for lots without times."""
    first, last = np.full(view.lots, np.nan), np.full(view.lots, np.nan)
    for lot in range(view.lots):
        times = view.past[(view.lot == lot) & np.isfinite(view.past)]
        if len(times):
            first[lot], last[lot] = _bulk(times)
    return first, last


def _bulk(times: Floats) -> tuple[float, float]:
    low, high = np.quantile(times, [0.03, 0.97], method="nearest")
    return float(np.floor(low / DAY)), float(np.floor(high / DAY))


def _far(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    """Times further from the rest than any late row: of a reset clock, or a date that means none."""
    now = view.now_known
    past = view.past_known
    low, high = float(np.quantile(past, 0.001)), float(np.quantile(past, 0.999))
    reach = max(FAR, high - low)
    outside = (now < low - reach) | (now > high + reach)
    cells = int(outside.sum())
    if not cells or cells > 0.95 * len(now):
        return
    before = (view.past < low - reach) | (view.past > high + reach)
    found = shares([cells], [len(now)], view.per_lot(before & np.isfinite(view.past))[:, None], view.number_sizes[:, None])
    if found.now[0] <= found.high[0]:
        return
    p = 0.0 if found.usual[0] == 0 and len(past) >= FACT_ROWS else float(found.more[0])
    values, counts = np.unique(now[outside], return_counts=True)
    days = {day_of(value) for value in values}
    top = day_of(float(values[int(np.argmax(counts))]))
    empty = top in NO_DATE and len(values) == 1
    code = "disguised_missing" if empty else "clock_reset"
    what = f"{top}, a date that means none" if empty else f"{top} or as far away"
    share = cells / len(now)
    yield Suspicion(Finding(
        code, (view.name,), f"{percent(share)} of {view.name} is {what} ({cells:,} rows), against {day_of(low)} to {day_of(high)} in {lots(comparison.lots)}.",
        severity=min(0.79, 0.55 + 0.2 * share), layer="history", rows=cells, evidence={"share": round(share, 4), "far_days": len(days), "date": top},
        suggestion="read this date as empty" if empty else "correct the device's clock", locate=NumbersAre.outside(view.name, low - reach, high + reach, 0.9),
        picture={"kind": "share", "value": share, "usual": float(found.usual[0])},
    ), p)  # fmt: skip


def _changed_round(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    """Dates outside the lot's days that fall into them when day and month change places."""
    now = view.now_known
    first, last = _main_days(view)
    if np.isfinite(first).sum() < 3:
        return
    span = float(np.nanmax(last - first)) + 1
    step = float(np.nanmedian(np.diff(first[np.isfinite(first)])))
    due, until = float(first[np.isfinite(first)][-1]), float(last[np.isfinite(last)][-1]) + max(3 * step, 3) + span
    days = np.floor(now / DAY)
    outside = (days < due - span) | (days > until)
    if outside.sum() < 2:
        return
    back = np.array([_swapped(day) for day in np.unique(days[outside])])
    lookup = dict(zip(np.unique(days[outside]).tolist(), back.tolist(), strict=True))
    returned = np.array([lookup[day] for day in days[outside].tolist()])
    fits = (returned >= due) & (returned <= until)
    if fits.mean() < 0.9:
        return
    cells = int(outside.sum())
    yield Suspicion(Finding(
        "date_format", (view.name,), f"{percent(cells / len(now))} of {view.name} fits between {lots(comparison.lots)} and today only with day and month changed round.",
        severity=0.6, layer="history", rows=cells, evidence={"share": round(cells / len(now), 4)}, suggestion="read the dates in the usual order",
        locate=NumbersAre.outside(view.name, (due - span) * DAY, (until + 1) * DAY, 0.8),
    ))  # fmt: skip


def _swapped(day: float) -> float:
    date = datetime(1970, 1, 1) + timedelta(days=float(day))
    try:
        return float((date.replace(month=date.day, day=date.month) - datetime(1970, 1, 1)).days)
    except ValueError:
        return float("nan")


def _hole(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    """A step from the last lot to this one that is longer than steps between lots are."""
    first, last = _main_days(view)
    if np.isnan(first).any() or np.isnan(last).any():
        return
    steps = np.diff(first)
    usual = float(np.median(steps))
    if usual < 1 or (steps <= 0).mean() > 0.1:
        return
    today_first, _ = _bulk(view.now_known)
    step = today_first - float(first[-1])
    # A single skip of the past was an accident, several are how the flow is: then the longest counts.
    skips = int((steps > REGULAR * usual).sum())
    longest = float(steps.max()) if len(steps) < 10 or skips > 1 else float(np.quantile(steps, 0.97))
    missing_days = today_first - float(last[-1]) - 1
    gaps = first[1:] - last[:-1] - 1
    if step <= REGULAR * usual or step <= REGULAR * longest or step < usual + 1 or missing_days <= 1.2 * float(gaps.max(initial=0)):
        return
    yield Suspicion(Finding(
        "missing_day", (view.name,), f"{view.name} begins on {day_of(today_first * DAY)}, {step:.0f} days after the last lot began; "
        f"{lots(comparison.lots)} followed each other "
        f"after {steps.min():.0f} to {steps.max():.0f}: about {missing_days:.0f} day{'s' if missing_days != 1 else ''} never came.",
        severity=0.6, layer="history", evidence={"step_days": step, "usual_step_days": usual, "missing_days": missing_days}, suggestion="ask for the missing period",
        picture={"kind": "series", "values": [*steps.tolist(), step], "marked": [len(steps)]},
    ))  # fmt: skip


def _late(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    """More rows older than the last lot than lots usually bring."""
    first, _ = _main_days(view)
    if np.isnan(first).any() or (np.diff(first) <= 0).mean() > 0.1:
        return
    now = view.now_known
    due = _bulk(now)[0]
    if due < first[-1]:
        return
    cells = int((now < due * DAY).sum())
    old = np.zeros(len(view.past), dtype=np.bool_)
    known = np.isfinite(view.past)
    old[known] = view.past[known] < first[view.lot[known]] * DAY
    found = shares([cells], [len(now)], view.per_lot(old)[:, None], view.number_sizes[:, None])
    if cells < 3 or found.now[0] < found.high[0] + 0.01:
        return
    yield Suspicion(Finding(
        "late_arrival", (view.name,), f"{percent(float(found.now[0]))} of the rows are older than {day_of(due * DAY)}, against "
        f"{between(float(found.low[0]), float(found.high[0]))} in "
        f"{lots(comparison.lots)}.",
        severity=0.35, layer="history", rows=cells, evidence={"late_share": round(float(found.now[0]), 4), "usual_late_share": round(float(found.usual[0]), 5)},
        suggestion="add them to the days they belong to", locate=NumbersAre.outside(view.name, due * DAY, float("inf"), 0.5),
    ), float(found.more[0]))  # fmt: skip
