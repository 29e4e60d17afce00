"""Versions on their way in a worker, and models swapped under real requests."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import hashlib
import os
import signal
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("starlette")

from asking import asked
from served import churn, numbers, rows_of

from assayline.artefacts import Bundle, Golden, write
from assayline.core import Rollout, stages_of
from assayline.errors import Unreadable
from assayline.serving.slots import Shelf, rollout_document, shelf
from assayline.serving.supervisor import ServingSettings, Supervisor

ROWS = rows_of(numbers(60, seed=5), "bought")


def wanted(folder: Path, champion: Bundle, challenger: Bundle | None = None, rollout: Rollout | None = None, **more: Any) -> dict[str, Any]:
    versions = {}
    for bundle in (champion, *([challenger] if challenger else [])):
        path = folder / f"{bundle.version}-{bundle.digest[7:15]}.assay"
        if not path.exists():
            write(bundle, path)
        versions[f"churn:{bundle.version}"] = {"path": str(path), "digest": hashlib.sha256(path.read_bytes()).hexdigest()}
    one = {"versions": versions, "champion": f"churn:{champion.version}", "challenger": f"churn:{challenger.version}" if challenger else None, "rollout": rollout_document(rollout)}
    return {"models": {"churn": {**one, **more}}}


def switched(made: Shelf, what: Mapping[str, Any]) -> None:
    async def work() -> None:
        made.switch(made.prepare(what))

    asyncio.run(work())


def states(made: Shelf) -> dict[str, str]:
    return {text: slot.state for text, slot in made.slots.items()}


def test_a_version_is_verified_and_warm_before_it_is_live_and_the_old_one_stands_by_and_comes_back_without_a_load(tmp_path: Path) -> None:
    made, one, two = shelf({}), wanted(tmp_path, churn("v1")), wanted(tmp_path, churn("v2", 30))

    switched(made, one)
    first = made.slots["churn:v1"]
    assert [state for state, _ in first.history] == ["staged", "verified", "warm", "live"]
    switched(made, two)
    made.settle()
    assert states(made) == {"churn:v1": "standby", "churn:v2": "live"}
    for path in tmp_path.iterdir():
        path.unlink()  # so that nothing can be loaded any more
    switched(made, one)
    made.settle()

    assert states(made) == {"churn:v1": "live", "churn:v2": "standby"}
    assert made.slots["churn:v1"] is first
    assert made.desk.standing["churn"].service.champion.first is first.live


def test_a_version_that_says_something_else_than_on_the_day_it_was_made_is_never_live_and_the_old_one_goes_on(tmp_path: Path) -> None:
    good = churn("v1")
    assert good.golden is not None
    spoiled = Golden(good.golden.rows, {size: np.clip(output + 0.01, 0, 1) for size, output in good.golden.outputs.items()})
    made = shelf({})
    switched(made, wanted(tmp_path, good))

    with pytest.raises(Unreadable, match=r"churn:v9: it does not answer as on the day it was made.*assay parity"):
        switched(made, wanted(tmp_path, dataclasses.replace(good, version="v9", golden=spoiled)))
    assert states(made) == {"churn:v1": "live"}
    assert made.desk.standing["churn"].service.champion.first.label == "churn:v1"


def test_what_is_beyond_the_memory_budget_is_unloaded_as_soon_as_nothing_of_it_is_in_flight(tmp_path: Path) -> None:
    made = shelf({"standby_bytes": 0})
    switched(made, wanted(tmp_path, churn("v1")))
    live = made.slots["churn:v1"].live
    live.in_flight = 1
    gone = weakref.ref(live)

    switched(made, wanted(tmp_path, churn("v2", 30)))
    assert made.settle()  # somebody still waits for it
    assert states(made) == {"churn:v1": "draining", "churn:v2": "live"}
    live.in_flight = 0
    del live
    assert not made.settle()
    assert states(made) == {"churn:v2": "live"}
    gc.collect()

    assert gone() is None


def test_a_version_that_was_prepared_and_let_go_meanwhile_comes_into_its_place_all_the_same(tmp_path: Path) -> None:
    made, one, two = shelf({"standby_bytes": 0}), wanted(tmp_path, churn("v1")), wanted(tmp_path, churn("v2", 30))
    switched(made, one)

    async def work() -> None:
        again = made.prepare(one)
        made.switch(made.prepare(two))
        made.settle()
        assert states(made) == {"churn:v2": "live"}
        made.switch(again)

    asyncio.run(work())
    made.settle()

    assert states(made) == {"churn:v1": "live"}


async def swapped(folder: Path, spool: Path, requests: int, swaps: int, kills: int) -> tuple[Any, int, dict[str, Any]]:
    """Real requests while the version changes and workers die; each answer has to be what the version it names says of that row."""
    bundles = {f"churn:v{number}": churn(f"v{number}", rounds) for number, rounds in ((1, 15), (2, 30), (3, 45))}
    table = numbers(60, seed=5).drop("bought")
    expected = {text: bundle.predict(table)[:, 1] for text, bundle in bundles.items()}
    assert len({values[0] for values in expected.values()}) == 3
    one, two, three = bundles.values()
    rollout = Rollout("churn:v1", "churn:v2", "a", stages_of("canary"), stage=5)
    served = [wanted(folder, one), wanted(folder, two), wanted(folder, one, two, rollout), wanted(folder, three), wanted(folder, one)]
    newest, heard, finished = ["churn:v1", "churn:v2", "churn:v2", "churn:v3", "churn:v1"], set[str](), asyncio.Event()

    def check(number: int, fields: Mapping[str, str], said: Any) -> str:
        version = fields["x-model-version"]
        heard.add(version)
        off = abs(said["score"] - expected[version][number % len(ROWS)]) if version in expected else 1.0
        return f"{version} said {said} and should have said {expected.get(version)}" if off > 1e-6 else ""

    supervisor = Supervisor(ServingSettings("assayline.serving.slots:shelf", {"spool": str(spool)}, port=0, workers=2, drain_seconds=5.0), lambda *_, **__: None)
    await supervisor.start(served[0])
    try:
        assert supervisor.front is not None
        asking = asyncio.create_task(asked(supervisor.address, requests, 16, "/models/churn", lambda number: ROWS[number % len(ROWS)], check, finished.is_set))
        for at in range(1, swaps + kills + 1):
            while supervisor.front.counts["requests"] < at * requests // (swaps + kills + 1) and not asking.done():
                await asyncio.sleep(0.001)
            if at % ((swaps + kills) // kills) == 1:
                while len(supervisor.workers) < 2:
                    await asyncio.sleep(0.01)
                os.kill(next(iter(supervisor.workers.values())), signal.SIGKILL)
            else:
                assert not await supervisor.serve(served[at % len(served)])
                heard.clear()
                while newest[at % len(served)] not in heard and not asking.done():  # however slow the machine is, each of them answers before the next one comes
                    await asyncio.sleep(0.001)
        finished.set()
        answers = await asking
        return answers, supervisor.front.counts["answers_200"], await supervisor.status()
    finally:
        await supervisor.stop()


def test_every_answer_is_what_the_version_it_names_says_while_versions_are_swapped_and_a_worker_dies(tmp_path: Path) -> None:
    answers, good, status = asyncio.run(swapped(tmp_path, tmp_path / "spool", 2_000, swaps=5, kills=1))

    assert answers.wrong == []
    assert answers.count == good >= 2_000
    assert answers.versions == {"churn:v1", "churn:v2", "churn:v3"}
    assert all(one["dropped"] == 0 for one in status.values())
