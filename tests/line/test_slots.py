"""Times of a schedule are taken by one worker each, also when workers die, hang and come back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from assayline.errors import Fenced
from assayline.ledger import SqlLedger, Watch, run_records, verify
from assayline.ledger.leases import tried
from assayline.line.project import Project, open_project
from assayline.line.schedule import Schedule, slots
from assayline.line.slots import DONE, Ended, Served, serve

sys.path.insert(0, str(Path(__file__).parent / "workers"))
from slot_worker import schedules

ROOT = Path(__file__).parents[2]
BEGIN = datetime.fromisoformat("2026-03-29T00:30+00:00")  # Stockholm's clock goes forward half an hour later, Sydney's back six and a half days later
WEEK = timedelta(days=7)
FLOWS, WORKERS = 100, 3


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def served(ledger: SqlLedger, name: str) -> list[tuple[str, str]]:
    with ledger.read() as connection:
        return [(row.slot, row.outcome) for row in run_records.slots(connection, name)]


def worker(project: Project, name: str, *dies: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "workers" / "slot_worker.py"), project.folder, str(FLOWS), name, *dies],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip


def tick(workers: list[subprocess.Popen[str]], moment: datetime) -> list[subprocess.Popen[str]]:
    """Tells all workers at once what time it is, and waits until they have served what is due; gives those that live."""
    for one in workers:
        assert one.stdin is not None
        one.stdin.write(moment.isoformat() + "\n")
        one.stdin.flush()
    return [one for one in workers if one.stdout is not None and one.stdout.readline() == "done\n"]


@pytest.mark.one_ledger
def test_a_week_of_a_hundred_flows_is_served_once_each_across_changes_of_the_clock_and_a_worker_that_dies(project: Project) -> None:
    flows = schedules(FLOWS)
    expected = {(flow.name, slot) for flow in flows for slot in slots(flow, BEGIN, BEGIN + WEEK)}
    victim = next((flow, slot) for flow in flows for slot in slots(flow, BEGIN + WEEK / 2, BEGIN + WEEK))
    everyone = [worker(project, f"worker-{number}", *((victim[0].name, victim[1].isoformat()) if number == 0 else ())) for number in range(WORKERS)]

    try:
        first, living = BEGIN, everyone
        for flow in flows:  # they have worked before: what was due earlier is served
            with project.ledger.write() as writing:
                writing.append("slot", {"schedule": flow.name, "slot": first.isoformat(), "outcome": "done"})
        for hour in range(0, 7 * 24 + 1, 4):
            moment = BEGIN + timedelta(hours=hour)
            alone = victim[1] <= moment and everyone[0] in living  # so that the one that is to die is the one that takes it
            living = tick(living[:1], moment) + living[1:] if alone else tick(living, moment)
            if alone:
                assert everyone[0] not in living
                living = tick(living, moment)
    finally:
        for one in everyone:
            one.kill()
            one.communicate()

    assert len(living) == WORKERS - 1
    entries = [(entry.body["schedule"], datetime.fromisoformat(entry.body["slot"])) for entry in project.ledger.entries() if entry.event == "slot"]
    found = [one for one in entries if one[1] > BEGIN]
    assert Counter(found) == dict.fromkeys(expected, 1)
    worked = Counter(line for log in Path(project.folder).glob("worker-*.log") for line in log.read_text().splitlines())
    assert {line: count for line, count in worked.items() if count > 1} == {f"{victim[0].name} {victim[1].isoformat()}": 2}
    load = Counter(slot.replace(minute=0) for _, slot in expected)
    assert max(load.values()) <= 1.5 * len(expected) / (7 * 24), load.most_common(5)
    assert list(verify(project.ledger, project.store)) == []


def test_a_time_is_not_taken_while_another_worker_is_at_it(project: Project) -> None:
    schedule, moment = Schedule("sales", "0 3 * * *"), utc("2026-05-01T03:00")
    inside, go_on, results = threading.Event(), threading.Event(), list[Served | None]()

    def slow(slot: datetime) -> Ended:
        inside.set()
        assert go_on.wait(30)
        return DONE

    thread = threading.Thread(target=lambda: results.append(serve(project.ledger, schedule, slow, watch=Watch(), clock=lambda: moment)))
    thread.start()
    assert inside.wait(30)
    second = serve(project.ledger, schedule, lambda slot: DONE, watch=Watch(), clock=lambda: moment)
    go_on.set()
    thread.join(30)

    assert second is None
    assert results == [Served("sales", moment, DONE, 0.0)]
    assert served(project.ledger, "sales") == [("2026-05-01T03:00:00+00:00", "done")]


def test_work_that_is_broken_off_leaves_its_time_to_the_next(project: Project) -> None:
    schedule, moment = Schedule("sales", "0 3 * * *"), utc("2026-05-01T03:00")

    first = serve(project.ledger, schedule, lambda slot: None, watch=Watch(), clock=lambda: moment)
    second = serve(project.ledger, schedule, lambda slot: DONE, watch=Watch(), clock=lambda: moment)

    assert first is None
    assert second == Served("sales", moment, DONE, 0.0)


@pytest.mark.parametrize(
    ("overlap", "slots_served"),
    [("skip", [("03:00", "done"), ("05:00", "skipped"), ("06:00", "done")]), ("queue", [("03:00", "done"), ("04:00", "done"), ("05:00", "done"), ("06:00", "done")])],
)
def test_times_that_come_during_the_work_are_skipped_or_queued_as_the_schedule_says(project: Project, overlap: str, slots_served: list[tuple[str, str]]) -> None:
    schedule = Schedule("sales", "0 * * * *", overlap=overlap, catch_up="all")
    time = [utc("2026-05-01T03:00")]

    def work(slot: datetime) -> Ended:
        if slot == utc("2026-05-01T03:00"):
            time[0] = utc("2026-05-01T05:30")
        return DONE

    for _ in range(4):
        serve(project.ledger, schedule, work, watch=Watch(), clock=lambda: time[0])
    time[0] = utc("2026-05-01T06:00")
    serve(project.ledger, schedule, work, watch=Watch(), clock=lambda: time[0])

    assert [(slot[11:16], outcome) for slot, outcome in served(project.ledger, "sales")] == slots_served


def test_a_worker_that_was_away_too_long_serves_nothing(project: Project) -> None:
    schedule, moment = Schedule("sales", "0 3 * * *"), utc("2026-05-01T03:00")

    def overtaken(slot: datetime) -> Ended:
        with project.ledger.write() as writing:  # another one has taken over meanwhile
            writing.connection.exec_driver_sql("UPDATE assay_leases SET token = token + 1")
        return DONE

    with pytest.raises(Fenced):
        serve(project.ledger, schedule, overtaken, watch=Watch(), clock=lambda: moment)

    assert served(project.ledger, "sales") == []


def test_a_holder_that_is_silent_is_noticed_by_one_who_never_waits(project: Project) -> None:
    watch = Watch()
    with project.ledger.write() as writing:
        lease = {"name": "schedule:sales", "token": 4, "holder": "elsewhere boot 1 1", "beat": 2, "seal": ""}
        writing.connection.exec_driver_sql("INSERT INTO assay_leases (name, token, holder, beat, seal) VALUES ('{name}', {token}, '{holder}', {beat}, '{seal}')".format(**lease))

    with tried(project.ledger, "schedule:sales", watch, stale_seconds=0.05) as first:
        assert first is None
    threading.Event().wait(0.1)
    with tried(project.ledger, "schedule:sales", watch, stale_seconds=0.05) as second:
        assert second is not None
        assert second.token == 5


def test_a_clock_that_jumps_ahead_or_back_keeps_no_schedule_from_being_served_and_serves_nothing_twice(project: Project) -> None:
    schedule, watch = Schedule("sales", "0 * * * *"), Watch()
    times = [utc(f"{year}-05-01T{time}") for year, time in ((2026, "03:00"), (2036, "03:30"), (1970, "03:30"), (2026, "02:30"), (2026, "03:59"), (2026, "04:00"), (2036, "03:59"))]

    found = [serve(project.ledger, schedule, lambda slot: DONE, watch=watch, clock=lambda time=time: time) for time in times]  # type: ignore[misc]  # a default binds the moment

    assert [one.slot.isoformat()[:16] if one else None for one in found] == ["2026-05-01T03:00", "2036-05-01T03:00", None, None, None, "2026-05-01T04:00", None]


def test_two_ledger_connections_serve_one_time_once(project: Project) -> None:
    schedule, moment = Schedule("sales", "0 3 * * *"), utc("2026-05-01T03:00")
    with open_project(project.folder) as other:
        both = [serve(one.ledger, schedule, lambda slot: DONE, watch=Watch(), clock=lambda: moment) for one in (project, other)]

    assert both == [Served("sales", moment, DONE, 0.0), None]


def test_slots_of_the_hourly_flows_go_by_elapsed_time_in_that_week() -> None:
    hourly = [flow for flow in schedules(FLOWS) if flow.name.startswith("hourly")]

    assert {later - earlier for flow in hourly for earlier, later in pairwise(slots(flow, BEGIN, BEGIN + WEEK))} == {timedelta(hours=1)}
