"""Delivery at least once, whatever breaks between sending and recording, and whichever channel is dead."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Verdict
from assayline.errors import DeliveryError, MissingExtra
from assayline.notices import Notice, Outcome, Pending, Quiet, Relayed, Send, Settings, relay, send

sys.path.insert(0, str(Path(__file__).parent))
from servers import mail_server, web_server

NOW = datetime(2025, 3, 1, 8, tzinfo=UTC)
INSIDE = Settings(allow_private=True)
Recorded = list[tuple[tuple[str, ...], Outcome]]


def entry(id: str, channel: str, **more: object) -> Pending:
    notice = Notice(f"notice-{id}", "sales", "late", Verdict.WARN, NOW, incident=str(more.pop("incident")) if "incident" in more else None)
    return Pending(id, channel, notice, NOW, **more)  # type: ignore[arg-type]  # the rest of the fields, by name


def into(recorded: Recorded) -> Callable[[tuple[str, ...], Outcome], None]:
    return lambda ids, outcome: recorded.append((ids, outcome))


def failing(error: Exception, *, only: str = "") -> tuple[Send, list[str]]:
    """A sender that fails, for all channels or for one, and what it was asked to send."""
    asked: list[str] = []

    def sending(channel: str, notice: Notice, *, timeout_seconds: float) -> None:
        asked.append(f"{channel} {notice.id}")
        if only in channel:
            raise error

    return sending, asked


def test_a_delivered_message_is_recorded_with_its_rows() -> None:
    recorded: Recorded = []
    with web_server() as hook:
        done = relay([entry("1", hook.url())], partial(send, settings=INSIDE), into(recorded), now=NOW)

    assert done == Relayed(delivered=1)
    assert [(ids, outcome.state, outcome.notice) for ids, outcome in recorded] == [(("1",), "delivered", "notice-1")]


@pytest.mark.parametrize("quiet", [Quiet(), Quiet(digest="daily 07:00")], ids=["single", "digest"])
def test_a_crash_between_sending_and_recording_sends_the_same_message_again(quiet: Quiet) -> None:
    def crashing(ids: tuple[str, ...], outcome: Outcome) -> None:
        raise KeyboardInterrupt

    recorded: Recorded = []
    with web_server() as hook:
        rows = [entry("1", hook.url(), quiet=quiet), entry("2", hook.url(), quiet=quiet)]
        tomorrow = NOW + timedelta(days=1)
        with pytest.raises(KeyboardInterrupt):
            relay(rows, partial(send, settings=INSIDE), crashing, now=tomorrow)
        late = Pending("3", hook.url(), rows[0].notice, tomorrow - timedelta(minutes=5), quiet=quiet)
        relay([*rows, *([late] if quiet.digest else [])], partial(send, settings=INSIDE), into(recorded), now=tomorrow + timedelta(minutes=1))

    bodies = [post.body for post in hook.posts]
    assert bodies[0] == bodies[1]
    assert hook.posts[0].headers["Idempotency-Key"] == hook.posts[1].headers["Idempotency-Key"]
    assert sorted(id for ids, _ in recorded for id in ids) == ["1", "2"]


def test_a_mail_that_was_sent_before_a_crash_comes_again_with_the_same_message_id() -> None:
    def crashing(ids: tuple[str, ...], outcome: Outcome) -> None:
        raise OSError("disk full")

    recorded: Recorded = []
    with mail_server() as box:
        sending = partial(send, settings=Settings(f"smtp://localhost:{box.port}?starttls=off"))
        row = entry("1", "mailto:ops@example.com")
        with pytest.raises(OSError, match="disk full"):
            relay([row], sending, crashing, now=NOW)
        relay([row], sending, into(recorded), now=NOW)

    assert box.letters[0]["Message-ID"] == box.letters[1]["Message-ID"]
    assert len(recorded) == 1


def test_a_channel_that_hangs_is_asked_once_and_the_others_get_theirs() -> None:
    recorded: Recorded = []
    with web_server(answer="hang") as dead, web_server() as alive:
        rows = [entry(f"d{n}", dead.url()) for n in range(5)] + [entry(f"a{n}", alive.url()) for n in range(3)]
        started = time.monotonic()
        done = relay(rows, partial(send, settings=INSIDE), into(recorded), now=NOW, timeout_seconds=0.5)

    assert time.monotonic() - started < 3
    assert done == Relayed(delivered=3, failed=1, put_off=4)
    assert len(dead.posts) == 1
    assert len({outcome.not_before for _, outcome in recorded if outcome.state != "delivered"}) == 1
    assert [outcome.attempts for _, outcome in recorded if outcome.state == "put_off"] == [1] * 4


def test_one_message_that_a_channel_cannot_stomach_does_not_hold_up_the_next() -> None:
    recorded: Recorded = []
    with web_server(answer=500) as hook:
        rows = [entry("1", hook.url()), entry("2", hook.url())]
        done = relay(rows, partial(send, settings=INSIDE), into(recorded), now=NOW)

    assert done == Relayed(failed=2)
    assert len(hook.posts) == 2


def test_a_wish_to_wait_is_honoured() -> None:
    recorded: Recorded = []
    with web_server(answer=429, headers={"Retry-After": "3600"}) as hook:
        relay([entry("1", hook.url()), entry("2", hook.url())], partial(send, settings=INSIDE), into(recorded), now=NOW)

    assert len(hook.posts) == 1
    assert all(outcome.not_before is not None and outcome.not_before >= NOW + timedelta(hours=1) for _, outcome in recorded)


def test_what_is_refused_for_good_is_given_up_and_says_why() -> None:
    recorded: Recorded = []
    with web_server(answer=404) as hook:
        relay([entry("1", hook.url())], partial(send, settings=INSIDE), into(recorded), now=NOW)

    ((_, outcome),) = recorded
    assert (outcome.state, outcome.not_before) == ("given_up", None)
    assert "404" in outcome.cause


@pytest.mark.parametrize(
    ("days", "attempts", "state"), [(6.9, 30, "failed"), (7.1, 30, "given_up"), (7.1, 0, "failed")], ids=["early", "late", "machine was off"]
)
def test_after_a_week_of_failures_a_message_is_given_up(days: float, attempts: int, state: str) -> None:
    sending, _ = failing(DeliveryError("c", "down", unreachable=True))
    recorded: Recorded = []

    relay([entry("1", "mailto:a@example.com", attempts=attempts)], sending, into(recorded), now=NOW + timedelta(days=days))

    assert recorded[0][1].state == state


def test_what_was_put_off_behind_a_dead_channel_is_given_up_with_it() -> None:
    sending, asked = failing(DeliveryError("c", "down", unreachable=True))
    recorded: Recorded = []
    rows = [entry(str(n), "mailto:a@example.com", attempts=20) for n in range(3)]

    relay(rows, sending, into(recorded), now=NOW + timedelta(days=8))

    assert [outcome.state for _, outcome in recorded] == ["given_up"] * 3
    assert len(asked) == 1


def test_a_plug_in_that_crashes_costs_its_own_messages_an_attempt_and_no_other() -> None:
    sending, asked = failing(RuntimeError("token=verysecret"), only="bad")
    recorded: Recorded = []

    done = relay([entry("1", "mailto:bad@example.com"), entry("2", "mailto:good@example.com")], sending, into(recorded), now=NOW)

    assert done == Relayed(delivered=1, failed=1)
    assert len(asked) == 2
    assert "verysecret" not in "".join(outcome.cause for _, outcome in recorded)


def test_a_missing_package_keeps_the_message_and_names_the_extra() -> None:
    sending, _ = failing(MissingExtra("the channel", extra="notify", package="apprise"))
    recorded: Recorded = []

    relay([entry("1", "apprise+tgram://{env:A}")], sending, into(recorded), now=NOW)

    assert recorded[0][1].state == "failed"
    assert "assayline[notify]" in recorded[0][1].cause


def test_a_malformed_channel_is_given_up_without_showing_it() -> None:
    recorded: Recorded = []

    relay([entry("1", "gopher://user:verysecret@host")], partial(send, settings=INSIDE), into(recorded), now=NOW)

    assert recorded[0][1].state == "given_up"
    assert "verysecret" not in recorded[0][1].cause


def test_the_time_of_a_whole_run_is_bounded_and_what_is_left_stays_pending() -> None:
    seconds = [0.0]

    def sending(channel: str, notice: Notice, *, timeout_seconds: float) -> None:
        seconds[0] += timeout_seconds
        raise DeliveryError(channel, "late", unreachable=True)

    recorded: Recorded = []
    rows = [entry(str(n), f"mailto:a{n}@example.com") for n in range(20)]

    done = relay(rows, sending, into(recorded), now=NOW, clock=lambda: seconds[0], budget_seconds=60, timeout_seconds=10)

    assert seconds[0] <= 60
    assert done == Relayed(failed=6, left=14)
    assert len(recorded) == 6


def test_channels_that_failed_before_come_after_those_that_did_not() -> None:
    sending, asked = failing(DeliveryError("c", "down", unreachable=True), only="dead")
    rows = [entry("1", "mailto:dead@example.com", attempts=3), entry("2", "mailto:dead@example.com"), entry("3", "mailto:new@example.com")]

    relay(rows, sending, into([]), now=NOW)

    assert asked[0] == "mailto:new@example.com notice-3"
    assert len(asked) == 2


def test_a_replaced_notice_is_settled_with_the_one_that_replaced_it() -> None:
    recorded: Recorded = []
    with web_server() as hook:
        relay([entry("1", hook.url(), incident="i"), entry("2", hook.url(), incident="i")], partial(send, settings=INSIDE), into(recorded), now=NOW)

    assert [ids for ids, _ in recorded] == [("2", "1")]
    assert [json.loads(post.body)["id"] for post in hook.posts] == ["notice-2"]


@dataclass
class Outbox:
    """Rows as the ledger keeps them, in memory; `record` crashes when its next turn says so, having kept nothing."""

    rows: dict[str, Pending]
    crashes: list[bool]
    settled: dict[str, Outcome] = field(default_factory=dict)

    def record(self, ids: tuple[str, ...], outcome: Outcome) -> None:
        if self.crashes and self.crashes.pop():
            raise KeyboardInterrupt
        for id in ids:
            assert id in self.rows, "a settled row is not settled again"
            if outcome.state in ("delivered", "given_up"):
                del self.rows[id]
                self.settled[id] = outcome
            else:
                self.rows[id] = replace(self.rows[id], attempts=outcome.attempts, not_before=outcome.not_before)


QUIETS = [Quiet(), Quiet("22:00-07:00", "Europe/Stockholm"), Quiet(digest="daily 08:00"), Quiet("20:00-09:00", digest="daily 08:00", urgent=None)]
made_rows = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(list(Verdict)), st.sampled_from([None, "i", "j"]), st.sampled_from(QUIETS), st.integers(0, 2000)), max_size=8
)
troubles = st.sampled_from([None, None, "busy", "error", "late"])


@settings(deadline=None)
@given(made_rows, st.lists(troubles, max_size=30), st.lists(st.booleans(), max_size=20))
def test_whatever_fails_and_crashes_every_row_is_told_at_least_once_and_settled_once(
    made: list[tuple[int, Verdict, str | None, Quiet, int]], failures: list[str | None], crashes: list[bool]
) -> None:
    rows = [
        Pending(str(n), f"mailto:c{channel}@example.com", Notice(f"n{n}", "sales", "late", verdict, NOW, incident=incident), NOW + timedelta(minutes=minutes), quiet=quiet)
        for n, (channel, verdict, incident, quiet, minutes) in enumerate(made)
    ]
    outbox = Outbox({row.id: row for row in rows}, crashes)
    told: dict[str, set[str]] = {}
    script = list(failures)

    def sending(channel: str, notice: Notice, *, timeout_seconds: float) -> None:
        trouble = script.pop() if script else None
        if trouble == "late":  # it arrived, and we do not know
            told.setdefault(channel, set()).update(part.id for part in (notice, *notice.parts))
        if trouble is not None:
            raise DeliveryError(channel, trouble, unreachable=trouble != "error")
        told.setdefault(channel, set()).update(part.id for part in (notice, *notice.parts))

    for step in range(2000):
        if not outbox.rows:
            break
        with suppress(KeyboardInterrupt):
            relay(list(outbox.rows.values()), sending, outbox.record, now=NOW + timedelta(minutes=10 * step))

    assert outbox.rows == {}
    assert set(outbox.settled) == {row.id for row in rows}
    for row in rows:
        replacing = {one.notice.id for one in rows if one.channel == row.channel and one.notice.incident == row.notice.incident is not None}
        assert told[row.channel] & ({row.notice.id} | replacing)
    for channel, incident in {(row.channel, row.notice.incident) for row in rows if row.notice.incident}:
        story = [row for row in rows if (row.channel, row.notice.incident) == (channel, incident)]
        latest = max(story, key=lambda row: (row.notice.at, row.created, row.id))
        assert latest.notice.id in told[channel], "the last word of an incident is never replaced"
