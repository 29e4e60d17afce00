"""Schedules: every time once, whatever the clocks do; spread; and what is said of a text that is no schedule."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.errors import MisuseError
from assayline.line.schedule import Schedule, due, last_slot, next_slot, slots, spread

ZONES = ("UTC", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca")
WHOLE_HOURS = ("UTC", "Europe/Stockholm", "America/New_York", "Africa/Cairo", "America/St_Johns", "Africa/Casablanca")
STRANGE = ("Pacific/Apia", "Pacific/Kwajalein", "Asia/Manila")  # a day left out or repeated
TEXTS = ("30 2 * * *", "0 * * * *", "H H * * *", "*/15 2 * * *", "*/20 * * * *", "0 0 * * *", "H/30 1-3 * * *", "0 3 1 * *", "15 2 * * 0", "59 23 * * *", "0 */2 * * *")
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)).map(lambda one: one.replace(tzinfo=UTC, microsecond=0))
SCHEDULES = st.builds(Schedule, st.sampled_from(["sales", "weather"]), st.sampled_from(TEXTS), st.sampled_from(ZONES + STRANGE))


def near_a_change(zone: str, moment: datetime, hours: float) -> datetime:
    """A moment close to the next time the clock of a zone is changed."""
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    for day in range(400):
        if (moment + timedelta(days=day)).astimezone(ZoneInfo(zone)).utcoffset() != offset:
            return moment + timedelta(days=day - 1, hours=hours)
    return moment


def local(zone: str, moments: list[datetime]) -> list[str]:
    return [f"{one.astimezone(ZoneInfo(zone)):%d %H:%M %z}" for one in moments]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_time_that_is_left_out_in_spring_comes_once_when_the_clock_goes_on() -> None:
    schedule = Schedule("sales", "30 2 * * *", "Europe/Stockholm")

    found = slots(schedule, utc("2026-03-28T12:00+01:00"), utc("2026-03-30T12:00+02:00"))

    assert local("Europe/Stockholm", found) == ["29 03:00 +0200", "30 02:30 +0200"]


def test_a_time_that_comes_twice_in_autumn_counts_the_first_time() -> None:
    schedule = Schedule("sales", "30 2 * * *", "Europe/Stockholm")

    found = slots(schedule, utc("2026-10-24T12:00+02:00"), utc("2026-10-26T12:00+01:00"))

    assert local("Europe/Stockholm", found) == ["25 02:30 +0200", "26 02:30 +0100"]


def test_several_times_that_are_left_out_come_once_together() -> None:
    schedule = Schedule("sales", "*/15 2,3 29 3 *", "Europe/Stockholm")

    found = slots(schedule, utc("2026-03-28T12:00+01:00"), utc("2026-03-30T12:00+02:00"))

    assert local("Europe/Stockholm", found) == ["29 03:00 +0200", "29 03:15 +0200", "29 03:30 +0200", "29 03:45 +0200"]


@given(st.sampled_from(WHOLE_HOURS), MOMENTS, st.floats(0, 40), st.sampled_from(["0 * * * *", "H * * * *", "30 0-23 * * *"]))
@settings(deadline=None, max_examples=150)
def test_a_schedule_of_every_hour_goes_by_elapsed_time(zone: str, moment: datetime, hours: float, every: str) -> None:
    begin = near_a_change(zone, moment, hours)

    found = slots(Schedule("sales", every, zone), begin, begin + timedelta(hours=48))

    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}
    assert len(found) == 48


@given(st.sampled_from(ZONES), MOMENTS, st.integers(0, 23), st.integers(0, 59), st.integers(1, 20))
@settings(deadline=None, max_examples=150)
def test_a_time_of_day_comes_once_on_each_day(zone: str, moment: datetime, hour: int, minute: int, days: int) -> None:
    begin = near_a_change(zone, moment, 0).astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, fold=0, tzinfo=None)
    first, last = begin.replace(tzinfo=ZoneInfo(zone)) - timedelta(microseconds=1), (begin + timedelta(days=days)).replace(tzinfo=ZoneInfo(zone)) - timedelta(microseconds=1)

    found = slots(Schedule("sales", f"{minute} {hour} * * *", zone), first, last)

    assert [one.astimezone(ZoneInfo(zone)).date() for one in found] == [date(begin.year, begin.month, begin.day) + timedelta(days=day) for day in range(days)]


@given(SCHEDULES, MOMENTS, st.floats(0, 60), st.lists(st.floats(0, 60), min_size=2, max_size=2))
@settings(deadline=None, max_examples=300)
def test_the_times_of_two_spans_are_those_of_both_together(schedule: Schedule, moment: datetime, hours: float, spans: list[float]) -> None:
    begin = near_a_change(schedule.zone, moment, hours)
    middle, end = begin + timedelta(hours=spans[0]), begin + timedelta(hours=sum(spans))

    whole = slots(schedule, begin, end)

    assert whole == slots(schedule, begin, middle) + slots(schedule, middle, end)
    assert all(earlier < later for earlier, later in pairwise(whole))


@given(SCHEDULES, MOMENTS, st.floats(0, 60))
@settings(deadline=None, max_examples=300)
def test_the_next_and_the_last_time_are_those_of_the_list(schedule: Schedule, moment: datetime, hours: float) -> None:
    begin = near_a_change(schedule.zone, moment, hours)

    coming, gone = next_slot(schedule, begin), last_slot(schedule, begin)

    assert coming is not None
    assert gone is not None
    assert gone <= begin < coming
    assert slots(schedule, gone - timedelta(seconds=1), coming) == [gone, coming]


def test_the_end_of_the_calendar_and_2038_are_no_trouble() -> None:
    schedule = Schedule("sales", "0 3 * * *", "Europe/Stockholm")

    assert slots(schedule, utc("9999-12-30T00:00+00:00"), utc("9999-12-31T00:00+00:00")) == []
    assert next_slot(schedule, utc("9999-12-30T00:00+00:00")) is None
    assert next_slot(schedule, utc("2038-01-19T03:14:08+00:00")) == utc("2038-01-20T02:00+00:00")
    assert last_slot(Schedule("sales", "0 0 29 2 *"), utc("2027-01-01T00:00+00:00")) == utc("2024-02-29T00:00+00:00")


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("last", ["04 03:00"]), ("all", ["02 03:00", "03 03:00", "04 03:00"]), ("none", [])],
)
def test_missed_times_are_caught_up_as_the_policy_says(catch_up: str, expected: list[str]) -> None:
    schedule = Schedule("sales", "0 3 * * *", catch_up=catch_up)

    found = due(schedule, utc("2026-05-01T03:00+00:00"), utc("2026-05-04T12:00+00:00"))

    assert [f"{one:%d %H:%M}" for one in found] == expected


def test_an_outage_of_eight_hours_is_one_run_and_not_480() -> None:
    schedule = Schedule("sales", "* * * * *")

    assert len(due(schedule, utc("2026-05-01T03:00+00:00"), utc("2026-05-01T11:00+00:00"))) == 1


def test_a_time_that_was_served_is_not_due_again_even_when_the_clock_jumps_back() -> None:
    schedule = Schedule("sales", "0 * * * *")

    assert due(schedule, utc("2026-05-01T03:00+00:00"), utc("2026-05-01T03:59+00:00")) == ()
    assert due(schedule, utc("2026-05-01T03:00+00:00"), utc("2026-05-01T01:30+00:00")) == ()
    assert due(schedule, utc("2026-05-01T03:00+00:00"), utc("1970-01-01T00:30+00:00")) == ()


def test_nothing_is_due_while_the_windows_are_closed_and_the_last_time_when_they_open() -> None:
    schedule = Schedule("sales", "0 3 * * *", windows=("Mon-Fri 08:00-18:00 Europe/Stockholm",))

    assert due(schedule, utc("2026-05-01T03:00+00:00"), utc("2026-05-04T05:59+00:00")) == ()
    assert due(schedule, utc("2026-05-01T03:00+00:00"), utc("2026-05-04T06:00+00:00")) == (utc("2026-05-04T03:00+00:00"),)


NAMES = {"numbered": "flow-{}", "padded": "{:03d}", "long": "sales_{}_europe", "dotted": "shop{}.orders"}


@pytest.mark.parametrize("pattern", NAMES.values(), ids=NAMES)
def test_a_hundred_daily_flows_leave_no_hour_above_one_and_a_half_times_the_mean(pattern: str) -> None:
    hours = Counter(one.resolved().split()[1] for one in spread(Schedule(pattern.format(number), "H H * * *") for number in range(100)))

    assert max(hours.values()) <= 1.5 * 100 / 24


@pytest.mark.parametrize("pattern", NAMES.values(), ids=NAMES)
def test_a_hundred_nightly_flows_fill_the_hours_they_are_given_evenly(pattern: str) -> None:
    hours = Counter(one.resolved().split()[1] for one in spread(Schedule(pattern.format(number), "H H(2-5) * * *") for number in range(100)))

    assert set(hours) == {"2", "3", "4", "5"}
    assert max(hours.values()) <= 1.1 * 25


def test_hourly_flows_keep_their_own_minute_and_fill_the_hour() -> None:
    schedules = spread(Schedule(f"flow-{number}", "H * * * *") for number in range(100))

    minutes = Counter(int(one.resolved().split()[0]) // 15 for one in schedules)
    assert {one.choice for one in schedules} == {0}
    assert max(minutes.values()) <= 1.5 * 25


def test_weekly_flows_are_spread_over_the_days() -> None:
    days = Counter(one.resolved().split()[4] for one in spread(Schedule(f"flow-{number}", "H H(8-17) * * H") for number in range(70)))

    assert max(days.values()) <= 15


def test_a_spread_follows_from_the_names_and_not_from_their_order() -> None:
    schedules = [Schedule(f"flow-{number}", "H H * * *") for number in range(50)]

    assert sorted(spread(schedules), key=lambda one: one.name) == sorted(spread(schedules[::-1]), key=lambda one: one.name)


def test_a_new_flow_moves_few_of_the_others() -> None:
    before = {one.name: one.resolved() for one in spread(Schedule(f"flow-{number}", "H H * * *") for number in range(100))}

    after = {one.name: one.resolved() for one in spread(Schedule(f"flow-{number}", "H H * * *") for number in range(101))}

    assert sum(after[name] != before[name] for name in before) <= 5


WRONG = {
    "61 * * * *": "'61' is no minute",
    "0 25 * * *": "'25' is no hour",
    "0 0 * * Monday": "'Monday' is no day of the week",
    "H H * *": "has 4 fields and not five",
    "0 0 0 * * *": "has 6 fields and not five",
    "": "has 0 fields and not five",
    "0 0 30 2 *": "never comes",
    "R * * * *": "'R' is no minute",
    "H(9-3) * * * *": "is no minute",
    "@fortnightly": "is no schedule; use @hourly",
    "0 0 * * 1; rm": "has 6 fields",
}


@pytest.mark.parametrize(("every", "said"), WRONG.items(), ids=WRONG)
def test_a_text_that_is_no_schedule_is_refused_with_what_is_wrong_and_an_example(every: str, said: str) -> None:
    with pytest.raises(MisuseError) as error:
        Schedule("sales", every)

    assert said in str(error.value)
    assert "sales" in str(error.value)
    assert "such as" in str(error.value) or "for example" in str(error.value)


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=300)
def test_any_other_text_is_a_schedule_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = Schedule("sales", text)
    except MisuseError:
        return
    assert next_slot(found, utc("2026-01-01T00:00+00:00")) is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [({"zone": "Europe/Stokholm"}, "no time zone"), ({"zone": "../etc"}, "no time zone"),
     ({"catch_up": "some"}, "last or all or none"), ({"overlap": "kill"}, "skip or queue")],
)  # fmt: skip
def test_other_settings_that_cannot_be_are_refused(change: dict[str, str], said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        Schedule("sales", "0 3 * * *", **change)  # type: ignore[arg-type]  # a dict of texts stands for several parameters
