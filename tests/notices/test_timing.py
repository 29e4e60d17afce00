"""The right moment: quiet hours over changes of the clock, digests, updates that replace each other, back-off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.core import Verdict
from assayline.errors import MisuseError
from assayline.notices import Notice, Pending, Quiet, due, next_attempt, planned_at, quiet_until, ready_at

NIGHT = Quiet("22:00-07:00", "Europe/Stockholm")
DAILY = Quiet(zone="Europe/Stockholm", digest="daily 08:00")
ZONES = ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "America/Sao_Paulo", "UTC"]
moments = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
clock_times = st.times().map(lambda one: one.strftime("%H:%M"))
hours = st.tuples(clock_times, clock_times).filter(lambda two: two[0] != two[1]).map("-".join)


def local(text: str, zone: str = "Europe/Stockholm") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def row(id: str, at: datetime, quiet: Quiet = NIGHT, *, verdict: Verdict = Verdict.WARN, incident: str | None = None, update: bool = False,
        channel: str = "mailto:ops@example.com") -> Pending:  # fmt: skip
    return Pending(id, channel, Notice(f"n-{id}", "sales", "late", verdict, at, incident=incident, update=update), at, quiet=quiet)


@given(moments, hours, st.sampled_from(ZONES))
def test_quiet_hours_end_outside_themselves_at_the_hour_that_was_named_within_a_day(moment: datetime, span: str, zone: str) -> None:
    quiet = Quiet(span, zone)

    end = quiet_until(quiet, moment)

    assert moment <= end <= moment + timedelta(hours=25)
    assert quiet_until(quiet, end) == end
    if end > moment:
        shown = end.astimezone(ZoneInfo(zone)).time().replace(microsecond=0)
        named = time.fromisoformat(span[6:])
        # In the night in which an hour is left out, its end may stand for a time inside it.
        assert shown == named or timedelta(0) < _difference(named, shown) <= timedelta(hours=1)


@given(moments, hours, st.sampled_from(ZONES))
def test_a_moment_is_quiet_when_the_clocks_say_so_save_in_a_night_they_are_changed(moment: datetime, span: str, zone: str) -> None:
    there = moment.astimezone(ZoneInfo(zone))
    steady = {(there + timedelta(hours=shift)).utcoffset() for shift in (-48, -24, 0, 24, 48)}
    if len(steady) > 1 or there.utcoffset() != (moment - timedelta(hours=26)).astimezone(ZoneInfo(zone)).utcoffset():
        return
    start, end = (time.fromisoformat(one) for one in span.split("-"))
    shown = there.time()

    quiet = quiet_until(Quiet(span, zone), moment) > moment

    assert quiet is (start <= shown < end if start < end else shown >= start or shown < end)


@given(moments, clock_times, st.sampled_from(ZONES))
def test_the_digest_comes_within_a_day_and_two_in_a_row_are_a_day_apart(moment: datetime, at: str, zone: str) -> None:
    quiet = Quiet(zone=zone, digest=f"daily {at}")

    first = planned_at(row("a", moment, quiet))
    second = planned_at(row("b", first, quiet))

    assert timedelta(0) < first - moment <= timedelta(hours=26)
    assert timedelta(hours=22) <= second - first <= timedelta(hours=26)


@pytest.mark.parametrize(
    ("night", "hours_of_sleep"),
    [("2025-03-28T22:00", 9), ("2025-03-29T22:00", 8), ("2025-10-25T22:00", 10)],
    ids=["ordinary", "spring", "autumn"],
)
def test_a_night_lasts_as_long_as_the_clocks_make_it(night: str, hours_of_sleep: int) -> None:
    begin = local(night)

    assert quiet_until(NIGHT, begin) - begin == timedelta(hours=hours_of_sleep)
    assert quiet_until(NIGHT, begin - timedelta(seconds=1)) == begin - timedelta(seconds=1)


def test_an_end_that_the_clocks_leave_out_is_the_moment_they_jump() -> None:
    quiet = Quiet("22:00-02:30", "Europe/Stockholm")

    assert quiet_until(quiet, local("2025-03-30T01:00")) == datetime(2025, 3, 30, 1, tzinfo=UTC)


def test_an_end_that_comes_twice_is_the_first_and_the_second_is_not_quiet() -> None:
    quiet = Quiet("22:00-02:30", "Europe/Stockholm")
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)

    assert quiet_until(quiet, local("2025-10-26T01:00")) == first
    assert quiet_until(quiet, first + timedelta(minutes=45)) == first + timedelta(minutes=45)


def test_at_night_a_warning_waits_and_a_held_lot_does_not() -> None:
    night = local("2025-01-10T23:00")
    rows = [row("warn", night), row("hold", night, verdict=Verdict.HOLD)]

    assert [one.ids for one in due(rows, night)] == [("hold",)]
    assert [one.ids for one in due(rows[:1], local("2025-01-11T06:59"))] == []
    assert [one.ids for one in due(rows[:1], local("2025-01-11T07:00"))] == [("warn",)]


def test_nothing_is_urgent_for_who_says_so() -> None:
    night = local("2025-01-10T23:00")

    assert due([row("hold", night, replace(NIGHT, urgent=None), verdict=Verdict.REJECT)], night) == []


def test_what_waited_for_the_morning_comes_as_one_message_with_the_worst_verdict() -> None:
    rows = [row("a", local("2025-01-10T23:00")), row("b", local("2025-01-11T03:00"), verdict=Verdict.SPLIT)]

    (message,) = due(rows, local("2025-01-11T07:00"))

    assert (message.ids, message.notice.verdict) == (("a", "b"), Verdict.SPLIT)
    assert [part.id for part in message.notice.parts] == ["n-b", "n-a"]


def test_a_digest_holds_what_was_decided_before_it_and_keeps_its_id_when_more_arrives() -> None:
    rows = [row("a", local("2025-01-10T09:00"), DAILY), row("b", local("2025-01-11T07:59"), DAILY)]
    after = row("c", local("2025-01-11T08:00"), DAILY)

    (first,) = due(rows, local("2025-01-11T08:00"))
    (again,) = due([after, *rows], local("2025-01-11T09:00"))
    both = due([after, *rows], local("2025-01-12T08:00"))

    assert first == again
    assert [one.ids for one in both] == [("a", "b"), ("c",)]


def test_a_digest_inside_quiet_hours_comes_when_they_end() -> None:
    quiet = Quiet("22:00-09:00", "Europe/Stockholm", digest="daily 08:00")

    assert planned_at(row("a", local("2025-01-10T12:00"), quiet)) == local("2025-01-11T09:00")


def test_two_owners_get_their_own_digests() -> None:
    at = local("2025-01-10T09:00")
    rows = [row(channel, at, DAILY, channel=f"mailto:{channel}@example.com") for channel in "ab"]

    assert [one.channel for one in due(rows, local("2025-01-11T08:00"))] == ["mailto:a@example.com", "mailto:b@example.com"]


def test_a_retry_waits_for_the_morning_too_unless_it_is_urgent() -> None:
    evening = local("2025-01-10T21:59")
    later = local("2025-01-10T22:30")
    warn, hold = (replace(row("a", evening, verdict=verdict), attempts=1, not_before=later) for verdict in (Verdict.WARN, Verdict.HOLD))

    assert ready_at(warn) == local("2025-01-11T07:00")
    assert ready_at(hold) == later


def test_of_one_incident_the_latest_is_sent_and_settles_the_others() -> None:
    at = local("2025-01-10T12:00")
    rows = [row(id, at + timedelta(minutes=n), incident="i", update=n > 0) for n, id in enumerate("abc")]

    (message,) = due([rows[1], rows[2], rows[0]], at + timedelta(hours=1))

    assert message.notice.id == "n-c"
    assert message.ids == ("c", "a", "b")
    assert not message.notice.update, "the owner has not heard of the incident yet"


def test_an_update_of_what_was_told_is_an_update() -> None:
    at = local("2025-01-10T12:00")
    rows = [row(id, at, incident="i", update=True) for id in "ab"]

    (message,) = due(rows, at)

    assert message.notice.update


def test_an_urgent_update_settles_what_waited_for_the_morning() -> None:
    night = local("2025-01-10T23:00")
    rows = [row("warn", night, incident="i"), row("hold", night + timedelta(hours=1), incident="i", verdict=Verdict.HOLD)]

    (message,) = due(rows, night + timedelta(hours=1))

    assert message.ids == ("hold", "warn")


def test_incidents_and_channels_are_not_mixed_up() -> None:
    at = local("2025-01-10T12:00")
    rows = [row("a", at, incident="i"), row("b", at, incident="j"), row("c", at, incident="i", channel="mailto:x@example.com"), row("d", at)]

    assert sorted(one.ids for one in due(rows, at)) == [("a",), ("b",), ("c",), ("d",)]


@given(st.lists(st.tuples(moments, st.sampled_from(list(Verdict)), st.sampled_from([None, "i", "j"]), st.sampled_from([Quiet(), NIGHT, DAILY])), max_size=12))
def test_every_row_is_settled_once_and_none_is_forgotten(
    made: list[tuple[datetime, Verdict, str | None, Quiet]],
) -> None:
    rows = [row(str(n), at, quiet, verdict=verdict, incident=incident) for n, (at, verdict, incident, quiet) in enumerate(made)]
    late = datetime(2031, 1, 1, tzinfo=UTC)

    settled = [id for message in due(rows, late) for id in message.ids]

    assert sorted(settled) == sorted(one.id for one in rows)
    assert due(reversed(rows), late) == due(rows, late)


@given(st.text(), st.integers(1, 10_000))
def test_pauses_grow_are_bounded_and_repeat_exactly(id: str, attempts: int) -> None:
    now = datetime(2025, 3, 1, tzinfo=UTC)

    pause = (next_attempt(id, attempts, now) - now).total_seconds()

    ideal = min(30 * 2.0 ** min(attempts - 1, 40), 21_600)
    assert 0.75 * ideal <= pause + 1e-3
    assert pause - 1e-3 <= 1.25 * ideal
    assert next_attempt(id, attempts, now) == next_attempt(id, attempts, now)
    assert next_attempt(id, attempts, now, retry_after_seconds=80_000.0) == now + timedelta(seconds=80_000)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"hours": "22-7"}, "22:00-07:00"), ({"hours": "07:00-07:00"}, "22:00-07:00"), ({"hours": "25:00-07:00"}, "22:00-07:00"),
     ({"digest": "08:00"}, "daily 08:00"), ({"zone": "Mars/Olympus"}, "Europe/Stockholm"), ({"zone": "../../etc/passwd"}, "time zone")],
)  # fmt: skip
def test_a_malformed_wish_says_how_it_is_written(settings: dict[str, str], says: str) -> None:
    with pytest.raises(MisuseError, match=says):
        Quiet(**settings)  # type: ignore[arg-type]  # texts only, by name


def _difference(early: time, late: time) -> timedelta:
    day = datetime(2000, 1, 2)
    gone = datetime.combine(day, late) - datetime.combine(day, early)
    return gone if gone >= timedelta(0) else gone + timedelta(days=1)
