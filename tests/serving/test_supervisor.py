"""Workers that are swapped, killed, restarted and ended while clients ask."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Answers, ask, asked

from assayline.errors import MisuseError, Unreadable
from assayline.serving.supervisor import ServingSettings, Supervisor

SETTINGS = ServingSettings(kit="tiny:tiny", port=0, workers=2, drain_seconds=5.0, start_seconds=60.0)


class Told:
    """What a supervisor said."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(self, event: str, level: str = "info", **what: Any) -> None:
        self.events.append((event, level, what))

    def named(self, event: str) -> list[dict[str, Any]]:
        return [what for name, _, what in self.events if name == event]


def wanted(version: int, **more: Any) -> dict[str, Any]:
    return {"version": f"v{version}", "factor": float(version), **more}


def right(number: int, fields: dict[str, str], said: Any) -> str:
    """An answer is right when the version it names says so: half a swap would name one and compute with another."""
    version = fields.get("x-model-version", "")
    if version != said["version"] or said["y"] != (number % 100) * float(version[1:] or 0):
        return f"{version} said {said}"
    return ""


async def swapped_and_killed(requests: int, swaps: int, kills: int, clients: int = 32) -> tuple[Answers, Supervisor, Told]:
    told = Told()
    supervisor = Supervisor(SETTINGS, told)
    await supervisor.start(wanted(1))
    try:
        asking = asyncio.create_task(asked(supervisor.address, requests, clients, "/models/tiny", lambda number: {"x": number % 100}, right))
        steps = sorted([(at * requests // (swaps + 1), "swap") for at in range(1, swaps + 1)] + [((2 * at + 1) * requests // (2 * kills), "kill") for at in range(kills)])
        assert supervisor.front is not None
        for version, (after, what) in enumerate(steps, start=2):
            while supervisor.front.counts["requests"] < after and not asking.done():
                await asyncio.sleep(0.001)
            if what == "swap":
                assert not await supervisor.serve(wanted(version))
            else:
                while len(supervisor.workers) < 2:  # one at a time: two at once may be a request that kills
                    await asyncio.sleep(0.01)
                os.kill(next(iter(supervisor.workers.values())), signal.SIGKILL)
        return await asking, supervisor, told
    finally:
        await supervisor.stop()


def test_no_request_fails_and_every_answer_is_that_of_the_version_it_names_while_models_are_swapped_and_workers_killed() -> None:
    answers, supervisor, told = asyncio.run(swapped_and_killed(4_000, swaps=6, kills=2))

    assert answers.wrong == []
    assert answers.count == 4_000
    assert len(answers.versions) >= 5
    assert len(told.named("switched")) == 6
    assert [one["how"] for one in told.named("died")] == ["signal 9", "signal 9"]
    assert supervisor.front is not None
    assert supervisor.front.counts["answers_200"] == 4_000


@pytest.mark.slow
def test_a_hundred_thousand_requests_survive_fifty_swaps_and_five_kills() -> None:
    answers, _, told = asyncio.run(swapped_and_killed(100_000, swaps=50, kills=5))

    assert answers.wrong == []
    assert (answers.count, len(told.named("switched")), len(told.named("died"))) == (100_000, 50, 5)


def test_what_fails_to_verify_is_never_served_and_the_old_one_goes_on() -> None:
    async def work() -> tuple[str, list[str], Told]:
        told = Told()
        supervisor = Supervisor(SETTINGS, told)
        await supervisor.start(wanted(1))
        try:
            why = await supervisor.serve(wanted(2, bad=True))
            stream = await asyncio.open_connection(*supervisor.address)
            return why, [(await ask(stream, "/x", b'{"x": 1}'))[1]["x-model-version"] for _ in range(8)], told
        finally:
            await supervisor.stop()

    why, versions, told = asyncio.run(work())

    assert "it fails to verify" in why
    assert versions == ["v1"] * 8
    assert [(event, level) for event, level, _ in told.events if event == "refused"] == [("refused", "error")]


def test_a_service_that_cannot_start_says_why_and_leaves_nothing_running() -> None:
    supervisor = Supervisor(SETTINGS, Told())

    with pytest.raises(Unreadable, match="it fails to verify"):
        asyncio.run(supervisor.start(wanted(1, bad=True)))
    assert supervisor.workers == {}


def test_a_port_that_is_taken_is_refused() -> None:
    async def work() -> None:
        first, second = Supervisor(SETTINGS, Told()), None
        await first.start(wanted(1))
        try:
            second = Supervisor(ServingSettings(kit="tiny:tiny", port=first.address[1]), Told())
            with pytest.raises(MisuseError, match="choose another one with --port"):
                await second.start(wanted(1))
        finally:
            await first.stop()

    asyncio.run(work())


@pytest.mark.parametrize("workers", [1, 2])
def test_all_workers_are_replaced_without_a_request_that_fails(workers: int) -> None:
    async def work() -> tuple[Answers, set[int], set[int]]:
        supervisor = Supervisor(ServingSettings(kit="tiny:tiny", port=0, workers=workers), Told())
        await supervisor.start(wanted(1))
        try:
            before = set(supervisor.workers.values())
            asking = asyncio.create_task(reconnecting(supervisor.address, lambda: after is not None))
            after = None
            await supervisor.restart()
            after = set(supervisor.workers.values())
            return await asking, before, after
        finally:
            await supervisor.stop()

    answers, before, after = asyncio.run(work())

    assert answers.wrong == []
    assert answers.count > 10
    assert len(after) == workers
    assert not before & after


async def reconnecting(address: tuple[str, int], ended: Callable[[], bool]) -> Answers:
    """A connection for each request, as behind balancers: whoever listens has to answer."""
    found = Answers()
    while not ended():
        one = await asked(address, 1, 1, "/x", lambda number: {"x": number}, right)
        found.count += one.count
        found.wrong += one.wrong
    return found


def test_at_the_end_it_is_not_ready_first_and_what_was_asked_is_answered() -> None:
    async def work() -> tuple[int, int, bytes, int]:
        supervisor = Supervisor(ServingSettings(kit="tiny:tiny", port=0, workers=2, grace_seconds=0.4, drain_seconds=5.0), Told())
        await supervisor.start(wanted(1))
        slow, other = await asyncio.open_connection(*supervisor.address), await asyncio.open_connection(*supervisor.address)
        before, _, _ = await ask(other, "/ready", method="GET")
        asking = asyncio.create_task(ask(slow, "/slow", b"0.8"))
        stopping = asyncio.create_task(supervisor.stop())
        await asyncio.sleep(0.2)
        after, _, _ = await ask(other, "/ready", method="GET")
        _, _, said = await asking
        return before, after, said, await stopping

    assert asyncio.run(work()) == (200, 503, b"slow", 0)


def test_workers_end_when_their_supervisor_is_gone(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, signal\n"
        "from assayline.serving.supervisor import ServingSettings, Supervisor\n"
        "async def work():\n"
        f"    one = Supervisor(ServingSettings(kit='tiny:tiny', port=0, settings={{'closed': {str(tmp_path / 'closed')!r}}}), lambda *a, **k: None)\n"
        "    await one.start({'version': 'v1', 'factor': 1})\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(work())\n"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    end = time.monotonic() + 20
    while not (tmp_path / "closed").exists() and time.monotonic() < end:
        time.sleep(0.02)

    assert (tmp_path / "closed").read_text() == "closed\n"  # and what it had in memory was written


def test_a_request_that_kills_workers_is_answered_with_an_error_and_the_others_go_on() -> None:
    async def work() -> tuple[int, str, int]:
        supervisor = Supervisor(SETTINGS, Told())
        await supervisor.start(wanted(1))
        try:
            stream = await asyncio.open_connection(*supervisor.address)
            status, _, said = await ask(stream, "/die")
            after, _, _ = await ask(stream, "/x", b'{"x": 2}')
            return status, said.decode(), after
        finally:
            await supervisor.stop()

    status, said, after = asyncio.run(work())

    assert status == 502
    assert "asked 2 times" in said
    assert after == 200  # as soon as there is a worker again
