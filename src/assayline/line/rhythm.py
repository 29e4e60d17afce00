"""When the next lot of a source is to be expected, learned from when the earlier ones came. Pure.

The gap that follows an arrival is foretold from earlier gaps: from all of them, from those that began at the same time of day, or of the week, whichever has
foretold best so far. How far off these forecasts were, each made without the gap it was about, says how late the next lot may be.

Null hypothesis: gaps come as before. Promise: at most 1 lot in 100 that comes as before is called late. With 99 forecasts or more this needs no distribution
(the k-th largest of n exchangeable errors is exceeded with probability k / (n + 1)); with fewer it holds for tails no heavier than exponential.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .schedule import Schedule, last_slot, next_slot, slots

LEAST_ARRIVALS = 7
BURST_SECONDS = 60.0  # several files of one delivery are one arrival
REMEMBERED = 256  # arrivals: four weeks of a source that comes every hour of a working day
PROMISE = 0.01  # share of lots that come as before and are called late
AIM = 0.005  # what the exponential tail is drawn for: the choice among the memories costs a little of the promise
BETTER = 0.8  # of its error must be left for a finer memory to be taken
PUNCTUAL_SHARE = 0.05  # of the usual gap: who is foretold as well as that needs no finer memory
LEAST_FORECASTS = 7  # a finer memory is asked from so many on
FLOOR_SECONDS, FLOOR_SHARE = 300.0, 0.02  # nobody wants to hear of five minutes, nor of half an hour of a day
OUTAGE_TIMES = 2.0  # times as late as anything else: an earlier outage, which does not teach
ONE_OUTAGE_IN = 30
SETTLED = 14  # forecasts after which an outage is known to be one, and not a new rhythm
MOST_SLOTS = 2_000
DAY, WEEK = 86_400.0, 604_800.0
LEAST_SPAN = WEEK  # whoever has not seen a weekend does not know whether it is free; and an archive that is loaded in an hour has no rhythm
MEMORIES = (  # name, period, how near is the same; the broad ones know a source that is not punctual, the narrow ones one that comes every hour of a working day
    ("any time", 0.0, 0.0), ("the time of day", DAY, 7_200.0), ("the hour of the day", DAY, 1_800.0), ("the time of the week", WEEK, 14_400.0), ("the hour of the week", WEEK, 1_800.0),
)  # fmt: skip

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Rhythm:
    """When the next lot is expected.

    Args:
        by: what it is known by: the name of one of `MEMORIES`, or "its schedule".
        arrivals: from how many it was learned.
        gap_seconds: between two arrivals, usually.
        last: the newest arrival.
        earliest: when the next one comes at the earliest, as far as is known.
        latest: from then on it is late.
        missed: from then on it has been left out, and the one after it is late.
    """

    by: str
    arrivals: int
    gap_seconds: float
    last: datetime
    earliest: datetime
    latest: datetime
    missed: datetime


@dataclass(frozen=True)
class Late:
    """A source that is silent: `late_arrival`, or `missing_day` when a whole expected lot was left out; since when, and what was expected."""

    code: str
    since: datetime
    expected: Rhythm
    sentence: str


def expected_by(arrivals: Sequence[datetime], moment: datetime, schedule: Schedule | None = None, *, sure: bool = True) -> Late | None:
    """Whether a source should have sent something by now.

    Args:
        arrivals: of its lots, oldest first.
        moment: now.
        schedule: when it is asked, where it says so.
        sure: whether it has something new every time it is asked; a page may be unchanged.

    >>> mornings = [datetime(2026, 3, day, 6, day % 7, tzinfo=UTC) for day in range(1, 15)]
    >>> expected_by(mornings, datetime(2026, 3, 15, 6, 20, tzinfo=UTC))
    >>> late = expected_by(mornings, datetime(2026, 3, 15, 9, tzinfo=UTC))
    >>> late.code, late.sentence
    ('late_arrival', 'Nothing has come for 27 hours; it was expected by 2026-03-15 06:29 UTC.')
    """
    if not arrivals or _surely_in_time(arrivals, moment, schedule):
        return None
    return lateness(rhythm(arrivals, moment, schedule, sure=sure), moment)


def lateness(known: Rhythm | None, moment: datetime) -> Late | None:
    """How a moment stands to what was expected."""
    if known is None or moment <= known.latest:
        return None
    silent = f"Nothing has come for {spoken(moment - known.last)}; it was expected by {known.latest:%Y-%m-%d %H:%M} UTC"
    if moment <= known.missed:
        return Late("late_arrival", known.latest, known, silent + ".")
    return Late("missing_day", known.latest, known, f"{silent}, and the one after it by {known.missed:%Y-%m-%d %H:%M} UTC.")


def rhythm(arrivals: Sequence[datetime], moment: datetime, schedule: Schedule | None = None, *, sure: bool = True) -> Rhythm | None:
    """When the next lot is expected; None where too little is known. Args as of `expected_by`."""
    if not arrivals:
        return None
    if schedule is not None:
        return _scheduled([one.timestamp() for one in arrivals], moment, schedule, sure)
    return _learned(tuple(one.timestamp() for one in arrivals[-4 * REMEMBERED :]))


def spoken(span: timedelta) -> str:
    """A span of time in one word and a number.

    >>> spoken(timedelta(hours=30)), spoken(timedelta(days=3)), spoken(timedelta(minutes=1))
    ('30 hours', '3 days', '1 minute')
    """
    seconds = max(0.0, span.total_seconds())
    unit, length = ("day", DAY) if seconds >= 2 * DAY else ("hour", 3_600.0) if seconds >= 3_600.0 else ("minute", 60.0)
    number = int(seconds / length)
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _surely_in_time(arrivals: Sequence[datetime], moment: datetime, schedule: Schedule | None) -> bool:
    """Whether it is too early for any lot to be late: known without learning anything."""
    if schedule is not None:
        coming = next_slot(schedule, arrivals[-1])
        return coming is None or moment <= coming
    begun = _bursts([one.timestamp() for one in arrivals[-REMEMBERED:]])
    return not _enough(begun) or moment.timestamp() - begun[-1] <= min(after - before for before, after in itertools.pairwise(begun))  # what is foretold is a gap that was


def has_rhythm(arrivals: Sequence[datetime]) -> bool:
    """Whether enough came for a rhythm to be known; without learning it."""
    return _enough(_bursts([one.timestamp() for one in arrivals]))


def _enough(begun: Sequence[float]) -> bool:
    return len(begun) >= LEAST_ARRIVALS and begun[-1] - begun[0] >= LEAST_SPAN


@lru_cache(maxsize=4096)  # asked every minute by whoever waits for it
def _learned(times: tuple[float, ...]) -> Rhythm | None:
    begun = _bursts(times)[-REMEMBERED:]
    if not _enough(begun):
        return None
    at = np.array(begun)
    gaps = np.diff(at)
    by, coming, errors = _best(gaps, at)
    usual = float(np.median(gaps))
    allowed = max(_allowed(_without_outages(errors)), FLOOR_SECONDS, FLOOR_SHARE * usual)
    last = times[-1]
    expected = begun[-1] + coming
    latest = max(expected + allowed, last + FLOOR_SECONDS)
    return Rhythm(by, len(begun), usual, _time(last), _time(max(last, expected + float(errors.min()))), _time(latest), _time(latest + usual))


def _bursts(times: Sequence[float]) -> list[float]:
    """When each burst of arrivals began."""
    begun: list[float] = []
    for one in times:
        if not begun or one - begun[-1] >= BURST_SECONDS:
            begun.append(one)
    return begun


def _best(gaps: Numbers, at: Numbers) -> tuple[str, float, Numbers]:
    """The memory that has foretold best: its name, what it says of the coming gap, and its errors so far."""
    best, *_ = MEMORIES[0]
    forecasts = {best: _forecasts(gaps, at, 0.0, 0.0)}
    punctual = float(np.nanmean(np.abs(gaps - forecasts[best][:-1]))) <= PUNCTUAL_SHARE * float(np.median(gaps))
    for name, period, near in () if punctual else MEMORIES[1:]:
        forecasts[name] = _forecasts(gaps, at, period, near)
        both = ~np.isnan(forecasts[name][:-1]) & ~np.isnan(forecasts[best][:-1])
        if both.sum() < LEAST_FORECASTS or math.isnan(forecasts[name][-1]):
            continue
        error, other = (float(np.abs(gaps - forecasts[one][:-1])[both].mean()) for one in (name, best))
        best = name if error < BETTER * other else best
    said = forecasts[best]
    errors = (gaps - said[:-1])[~np.isnan(said[:-1])]
    return best, float(said[-1]), errors


def _forecasts(gaps: Numbers, at: Numbers, period: float, near: float) -> Numbers:
    """For each gap, and for the coming one, the median of the earlier gaps that began at a like time; NaN where there are fewer than two."""
    mask = np.tri(len(at), len(gaps), k=-1, dtype=bool)
    if period:
        apart = np.abs((at[:, None] - at[None, :-1] + period / 2) % period - period / 2)
        mask &= apart <= near
    counts = mask.sum(axis=1)
    ordered = np.sort(np.where(mask, gaps[None, :], np.inf), axis=1)
    rows = np.arange(len(at))
    enough = counts >= 2
    low, high = (ordered[rows, np.where(enough, place, 0)] for place in ((counts - 1) // 2, counts // 2))
    return np.where(enough, np.where(enough, low, 0.0) / 2 + np.where(enough, high, 0.0) / 2, np.nan)


def _allowed(errors: Numbers) -> float:
    """How much later than foretold a lot may be: the promise of the module.

    The errors above their median are taken as exponential: with m of them, a further one exceeds K times their mean with probability (1 + K / m) ** -m.
    """
    middle = float(np.median(errors))
    above = errors[errors > middle] - middle
    tail = middle
    if len(above):
        tail += len(above) * ((0.5 / AIM) ** (1 / len(above)) - 1) * float(above.mean())
    rank = max(1, int(PROMISE * (len(errors) + 1)))
    return max(tail, float(np.sort(errors)[-rank]))


def _without_outages(errors: Numbers) -> Numbers:
    """The errors without those of earlier outages, at most one in thirty; a recent one may be how it is from now on."""
    kept = errors
    for _ in range(len(errors) // ONE_OUTAGE_IN):
        settled = kept[: max(0, len(kept) - SETTLED)]
        if not len(settled):
            break
        worst = int(settled.argmax())
        rest = np.delete(kept, worst)
        if kept[worst] <= OUTAGE_TIMES * max(_allowed(rest), FLOOR_SECONDS):
            break
        kept = rest
    return kept


def _scheduled(times: Sequence[float], moment: datetime, schedule: Schedule, sure: bool) -> Rhythm | None:
    """When a source that is asked by a schedule is to have something: so many of its times after the last lot, and so long after that time."""
    last = _time(times[-1])
    first = next_slot(schedule, last)
    second = None if first is None else next_slot(schedule, first)
    if first is None or second is None:
        return None
    step = (second - first).total_seconds()
    known = [_time(one) for one in _bursts(times) if one >= moment.timestamp() - MOST_SLOTS * step][-REMEMBERED // 4 :]
    which, allowed = 1, FLOOR_SHARE * 5 * step
    if len(known) >= LEAST_ARRIVALS:
        between = slots(schedule, known[0], known[-1])
        places = np.searchsorted(np.array([one.timestamp() for one in between]), [one.timestamp() for one in known], side="right")
        skipped = np.maximum(np.diff(places), 1).astype(np.float64)
        which = max(1, math.ceil(_allowed(skipped) - 1e-9))
        delays = np.array([(one - (last_slot(schedule, one) or one)).total_seconds() for one in known])
        allowed = _allowed(delays)
    elif not sure:
        return None
    allowed = max(allowed, FLOOR_SECONDS, FLOOR_SHARE * step)
    due = first
    for _ in range(which - 1):
        due = next_slot(schedule, due) or due
    after = next_slot(schedule, due) or due
    spare = timedelta(seconds=allowed)
    return Rhythm("its schedule", len(known), step, last, first, due + spare, after + spare)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
