"""A line that keeps running: what is due is done, what fails is left alone for a while, and it stops in order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assayline.core import Source
from assayline.errors import LedgerError, MisuseError, NotFound
from assayline.ledger import Watch, verify
from assayline.ledger.run_records import slots
from assayline.line.budget import Standing
from assayline.line.event_log import EventLog
from assayline.line.plan import Plan, deployment_windows, plan_of
from assayline.line.project import Project, open_project
from assayline.line.schedule import Schedule
from assayline.line.slots import DONE, Ended
from assayline.line.spending import announce
from assayline.line.telling import add_channel, pending
from assayline.line.up import Service, Stopping, keep_running
from assayline.line.windows import Window

NIGHT = datetime.fromisoformat("2026-05-01T03:00+00:00")
NIGHTLY = Plan((Schedule("sales", "0 3 * * *"),))


class Stage:
    """A service whose time is set by the test, and what it did."""

    def __init__(self, project: Project, plan: Plan, work: Callable[[str], Ended | None] = lambda name: DONE) -> None:
        self.project, self.time, self.lines, self.did = project, NIGHT, list[str](), list[tuple[str, datetime]]()
        self.stopping = Stopping()

        def doing(names: tuple[str, ...], moment: datetime, stopping: Stopping) -> Ended | None:
            self.did += [(name, moment) for name in names]
            return work(names[0])

        self.service = Service(project, lambda moment: plan, doing, EventLog(self.lines.append, as_json=True, clock=lambda: self.time), lambda: self.time)
        self.watch = Watch()

    def round(self, **later: float) -> int:
        self.time += timedelta(**later)
        return self.service.round(self.stopping, self.watch)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def tell_when(inside: threading.Event, stopping: Stopping) -> None:
    """Asks for the end as soon as work has begun."""

    def wait() -> None:
        inside.wait(30)
        stopping.tell()

    threading.Thread(target=wait).start()


def test_a_time_that_is_due_is_served_once_and_written_down(project: Project) -> None:
    stage = Stage(project, NIGHTLY)

    served = [stage.round(), stage.round(minutes=5), stage.round(hours=23, minutes=55)]

    assert served == [1, 0, 1]
    assert stage.did == [("sales", NIGHT), ("sales", NIGHT + timedelta(days=1))]
    assert [(one["event"], one["flow"], one["outcome"]) for one in stage.events] == [("slot", "sales", "done")] * 2
    assert list(verify(project.ledger, project.store)) == []


def test_sources_without_a_schedule_are_asked_at_every_round_while_the_windows_are_open(project: Project) -> None:
    stage = Stage(project, Plan(polled=("rides",), windows=(Window.parse("03:00-03:01"),)))

    for _ in range(4):
        stage.round(seconds=20)

    assert [moment for _, moment in stage.did] == [NIGHT + timedelta(seconds=20), NIGHT + timedelta(seconds=40)]


def test_a_source_that_fails_is_said_once_asked_less_and_less_and_its_recovery_is_said(project: Project) -> None:
    answers = [True]

    def work(name: str) -> Ended:
        if answers[0]:
            raise NotFound("rides/", "there is no such folder")
        return DONE

    stage = Stage(project, Plan(polled=("rides",)), work)
    for _ in range(60):
        stage.round(seconds=2)
    asked = len(stage.did)
    answers[0] = False
    stage.round(minutes=5)

    assert asked == 5  # after 4, 8, 16, 32 seconds, and not yet after 64
    assert [one["event"] for one in stage.events] == ["failed", "recovered"]


def test_one_flow_that_meets_a_bug_stops_no_other(project: Project) -> None:
    def work(name: str) -> Ended:
        if name == "a":
            raise ZeroDivisionError("division by zero")
        return DONE

    stage = Stage(project, Plan((Schedule("a", "0 3 * * *"), Schedule("b", "0 3 * * *"))), work)
    stage.round()

    assert [(one["flow"], one["outcome"], one.get("reason")) for one in stage.events] == [("a", "failed", "ZeroDivisionError: division by zero"), ("b", "done", None)]


def test_when_the_budget_of_the_day_is_spent_work_stops_the_reason_is_written_down_and_told_once(project: Project) -> None:
    path = Path(project.folder) / "assay.toml"
    path.write_text(path.read_text() + "\n[budget]\ncpu_seconds = 100\n")
    run: dict[str, Any] = {"line": "x", "step": "x", "place": "", "identity": "", "output": None, "inputs": {}, "code": "", "parameters": {}, "environment": "", "columns": {}, "error": ""}
    with project.ledger.write() as writing:
        writing.append("run", {**run, "state": "done", "at": NIGHT.isoformat(), "costs": {"cpu_seconds": 120.0}})
    with open_project(project.folder) as again:
        stage = Stage(again, Plan((Schedule("a", "0 * * * *"), Schedule("b", "0 * * * *"))))
        stage.round()
        stage.round(hours=1)

        assert stage.did == []
        assert [one["event"] for one in stage.events] == ["budget", "slot", "slot", "slot", "slot"]
        assert {one["outcome"] for one in stage.events[1:]} == {"stopped"}
        assert [entry.body["reason"] for entry in again.ledger.entries() if entry.event == "slot"] == [
            "the budget of the day is spent: 120 of 100 seconds of processor time are spent (120%)."
        ] * 4
        assert len([entry for entry in again.ledger.entries() if entry.event == "budget"]) == 1
        assert list(verify(again.ledger, again.store)) == []


def test_a_notice_of_a_spent_budget_waits_for_the_channels_of_all_flows(project: Project) -> None:
    add_channel(project, "*", "mailto:ops@example.com")

    first, second = (announce(project, Standing("stop", "money", 1.2, 12.0, 10.0), NIGHT) for _ in range(2))

    (notice,) = [one.notice for one in pending(project)]
    assert (first, second) == (True, False)
    assert notice.subject == "The budget of the day is spent: work stops until it is raised or the next day begins."
    assert notice.lines == ("12 of 10 money are spent (120%).",)


def test_work_that_is_broken_off_is_done_again_at_the_next_start(project: Project) -> None:
    ends: list[Ended | None] = [None, DONE]
    stage = Stage(project, NIGHTLY, lambda name: ends.pop(0))

    assert [stage.round(), stage.round()] == [0, 1]


def test_it_stops_when_what_is_in_hand_is_done_and_begins_nothing_new(project: Project) -> None:
    stopping, inside, begun = Stopping(), threading.Event(), list[str]()

    def work(names: tuple[str, ...], moment: datetime, told: Stopping) -> Ended:
        begun.append(names[0])
        inside.set()
        while not told.asked:
            time.sleep(0.01)
        return DONE

    service = Service(project, lambda moment: Plan((Schedule("a", "0 3 * * *"), Schedule("b", "0 3 * * *"))), work, EventLog(lambda line: None), lambda: NIGHT)
    tell_when(inside, stopping)

    finished = keep_running(service, stopping, workers=1, poll_seconds=0.05)

    assert finished
    assert begun == ["a"]
    with project.ledger.read() as connection:
        assert [row.outcome for row in slots(connection, "a")] == ["done"]
        assert slots(connection, "b") == []


def test_one_that_does_not_come_to_an_end_is_left_behind(project: Project) -> None:
    stopping, inside, free = Stopping(patience_seconds=0.1), threading.Event(), threading.Event()

    def hangs(names: tuple[str, ...], moment: datetime, told: Stopping) -> Ended:
        inside.set()
        free.wait(60)
        return DONE

    service = Service(project, lambda moment: NIGHTLY, hangs, EventLog(lambda line: None), lambda: NIGHT)
    tell_when(inside, stopping)

    finished = keep_running(service, stopping)
    overdue = stopping.overdue()
    free.set()
    for one in threading.enumerate():
        if one.name.startswith("assay-worker"):
            one.join(30)  # it lets go of the ledger

    assert not finished
    assert overdue


def test_several_workers_serve_every_time_once(project: Project) -> None:
    flows = [Schedule(f"flow-{number}", "0 3 * * *") for number in range(12)]
    did, stopping = list[str](), Stopping()

    def work(names: tuple[str, ...], moment: datetime, told: Stopping) -> Ended:
        did.append(names[0])
        if len(did) >= len(flows):
            stopping.tell()
        return DONE

    finished = keep_running(Service(project, lambda moment: Plan(tuple(flows)), work, EventLog(lambda line: None), lambda: NIGHT), stopping, workers=3, poll_seconds=0.05)

    assert finished
    assert sorted(did) == sorted(flow.name for flow in flows)


def test_a_ledger_that_is_gone_for_a_while_ends_no_worker(project: Project) -> None:
    stopping, lines, broken = Stopping(), list[str](), [True]

    def plan(moment: datetime) -> Plan:
        if broken[0]:
            broken[0] = False
            raise LedgerError("ledger.db: it is locked")
        return NIGHTLY

    def work(names: tuple[str, ...], moment: datetime, told: Stopping) -> Ended:
        stopping.tell()
        return DONE

    assert keep_running(Service(project, plan, work, EventLog(lines.append), lambda: NIGHT), stopping, poll_seconds=0.05)
    assert "it is locked" in lines[0]
    assert "outcome=done" in lines[1]


def test_a_plan_takes_zones_and_policies_from_the_source_and_else_from_the_settings() -> None:
    settings = {"schedule": {"zone": "Europe/Stockholm", "catch_up": "all", "windows": "Mon-Fri"}}
    sources = [
        Source("a", "https://example.com/a", every="0 3 * * *", options={"zone": "Asia/Tokyo", "windows": ["deny 12:00-13:00"]}),
        Source("b", "https://example.com/b", every="0 3 * * *"), Source("c", "incoming/"),
    ]  # fmt: skip

    plan = plan_of(sources, settings)

    assert plan.schedules == (
        Schedule("a", "0 3 * * *", "Asia/Tokyo", catch_up="all", windows=("Mon-Fri", "deny 12:00-13:00")), Schedule("b", "0 3 * * *", "Europe/Stockholm", catch_up="all", windows=("Mon-Fri",)),
    )  # fmt: skip
    assert plan.polled_at(datetime.fromisoformat("2026-05-01T03:00+00:00")) == ("c",)
    assert plan.polled_at(datetime.fromisoformat("2026-05-02T03:00+00:00")) == ()


@pytest.mark.parametrize(("schedule", "said"), [({"zonne": "UTC"}, "no setting 'zonne'"), ({"windows": [7]}, "7 is no window"), ({"zone": "Mars"}, "no time zone"), ([], "no setting")])
def test_settings_of_schedules_that_cannot_be_are_refused(schedule: object, said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        plan_of([Source("b", "https://example.com/b", every="0 3 * * *")], {"schedule": schedule})


def test_an_edited_line_may_be_made_to_wait_for_its_window() -> None:
    assert deployment_windows({"schedule": {"deploy": "Mon-Thu 08:00-16:00"}}) == (Window.parse("Mon-Thu 08:00-16:00"),)
    assert deployment_windows({}) == ()


def test_a_line_of_the_log_is_one_line_and_keeps_secrets() -> None:
    lines: list[str] = []
    for as_json in (False, True):
        log = EventLog(lines.append, as_json=as_json, clock=lambda: NIGHT)
        log.tell("failed", "error", flow="sales", error='postgresql://me:hunter2@db/shop: "gone"\n2026-05-01T03:00:00Z info lot\x1b[2J', seconds=0.12345)

    assert [line.count("\n") for line in lines] == [1, 1]
    assert not any("hunter2" in line or "\x1b" in line for line in lines)
    assert lines[0].startswith('2026-05-01T03:00:00Z error   failed    flow=sales seconds=0.123 error="postgresql://me:…@db/shop: \\"gone\\"\\n2026')
    assert json.loads(lines[1])["seconds"] == 0.123
