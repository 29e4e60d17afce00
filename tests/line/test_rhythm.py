"""When a source is called late: the promise, simulated for rhythms of many kinds; and that one that stops is noticed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assayline.line.rhythm import PROMISE, expected_by, rhythm
from assayline.line.schedule import Schedule

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
HOUR, DAY = 3600.0, 86_400.0

Generator = np.random.Generator


def daily(random: Generator) -> Iterator[float]:
    yield from (day * DAY + 6 * HOUR + random.normal(0, 600) for day in range(120))


def lagging(random: Generator) -> Iterator[float]:
    yield from (day * DAY + 6 * HOUR + 300 * random.lognormal(0, 1) for day in range(120))


def hourly(random: Generator) -> Iterator[float]:
    yield from (hour * HOUR + random.uniform(0, 900) for hour in range(300))


def weekdays(random: Generator) -> Iterator[float]:
    yield from (day * DAY + 7 * HOUR + random.normal(0, 900) for day in range(168) if day % 7 < 5)


def twice_a_day(random: Generator) -> Iterator[float]:
    yield from (day * DAY + hour * HOUR + random.normal(0, 600) for day in range(60) for hour in (6, 14))


def office_hours(random: Generator) -> Iterator[float]:
    yield from (day * DAY + hour * HOUR + random.uniform(0, 600) for day in range(35) if day % 7 < 5 for hour in range(8, 18))


def irregular(random: Generator) -> Iterator[float]:
    yield from np.cumsum(random.exponential(5 * HOUR, 150)).tolist()


RHYTHMS: list[Callable[[Generator], Iterator[float]]] = [daily, lagging, hourly, weekdays, twice_a_day, office_hours, irregular]


def arrivals(make: Callable[[Generator], Iterator[float]], seed: int) -> list[datetime]:
    return [START + timedelta(seconds=one) for one in sorted(make(np.random.default_rng(seed)))]


@pytest.mark.parametrize("make", RHYTHMS, ids=lambda one: str(one.__name__))
def test_of_lots_that_come_as_before_at_most_one_in_a_hundred_is_called_late(make: Callable[[Generator], Iterator[float]]) -> None:
    late = looked = 0
    for seed in range(12):
        times = arrivals(make, seed)
        for place in range(7, len(times)):
            known = rhythm(times[:place], times[place])
            looked += known is not None
            late += known is not None and times[place] > known.latest

    assert looked > 1_000
    assert late <= PROMISE * looked + 2 * math.sqrt(PROMISE * looked), (late, looked)


@pytest.mark.parametrize(("make", "hours"), [(daily, 28.0), (hourly, 3.0), (weekdays, 78.0), (twice_a_day, 20.0), (office_hours, 68.0), (irregular, 60.0)])
def test_a_source_that_stops_is_late_soon_and_has_left_one_out_later(make: Callable[[Generator], Iterator[float]], hours: float) -> None:
    times = arrivals(make, 1)

    late = expected_by(times, times[-1] + timedelta(hours=hours))
    missing = expected_by(times, times[-1] + timedelta(hours=hours + 80))

    assert late is not None
    assert late.code in ("late_arrival", "missing_day")
    assert missing is not None
    assert missing.code == "missing_day"


def test_a_source_that_comes_every_hour_of_a_working_day_is_missed_within_two_hours_once_four_weeks_are_known() -> None:
    times = [one for one in arrivals(office_hours, 1) if (one - START).total_seconds() / HOUR < 28 * 24 + 11]  # a Monday, up to eleven o'clock

    late = expected_by(times, times[-1] + timedelta(hours=3))

    assert late is not None
    assert late.expected.by == "the hour of the week"


def test_an_earlier_outage_does_not_make_a_source_be_waited_for_as_long_again() -> None:
    times = arrivals(daily, 3)
    times = times[:40] + [one + timedelta(days=9) for one in times[40:]]

    late = expected_by(times, times[-1] + timedelta(hours=28))

    assert late is not None
    assert late.code == "late_arrival"


def test_an_archive_that_was_loaded_at_once_has_no_rhythm() -> None:
    times = [START + timedelta(minutes=2 * place) for place in range(60)]

    assert expected_by(times, times[-1] + timedelta(days=3)) is None
    assert expected_by([*times, times[-1] + timedelta(days=1), times[-1] + timedelta(days=2)], times[-1] + timedelta(days=3)) is None


def test_six_arrivals_say_nothing() -> None:
    assert expected_by(arrivals(daily, 1)[:6], START + timedelta(days=60)) is None


def test_a_schedule_counts_instead_of_what_was_learned() -> None:
    schedule = Schedule("sales", "0 6 * * 1-5")
    times = [START + timedelta(days=day, hours=6, minutes=2) for day in range(12) if day % 7 < 5]
    friday = times[-1]

    assert friday.weekday() == 4
    assert expected_by(times, friday + timedelta(days=2, hours=20), schedule) is None
    monday = expected_by(times, friday + timedelta(days=3, hours=3), schedule)
    assert monday is not None
    assert (monday.code, monday.expected.by) == ("late_arrival", "its schedule")
    tuesday = expected_by(times, friday + timedelta(days=4, hours=3), schedule)
    assert tuesday is not None
    assert tuesday.code == "missing_day"


def test_a_page_that_changes_now_and_then_may_be_unchanged_when_it_is_asked() -> None:
    schedule = Schedule("weather", "0 * * * *")
    random = np.random.default_rng(4)
    times = [START + timedelta(hours=int(one), minutes=1) for one in np.cumsum(random.integers(1, 9, 40))]

    assert expected_by(times[:3], times[2] + timedelta(hours=40), schedule, sure=False) is None
    assert expected_by(times, times[-1] + timedelta(hours=8), schedule, sure=False) is None
    assert expected_by(times, times[-1] + timedelta(hours=40), schedule, sure=False) is not None
