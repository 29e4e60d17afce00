"""Requests while the model is swapped and workers are killed: how many fail, and whether every answer is what the version it names says.

    ASSAY_SWAPS_REQUESTS, ASSAY_SWAPS_SWAPS, ASSAY_SWAPS_KILLS   shorten it: "10000", "5", "1"
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from results import Result

from assayline.artefacts import Boosted, Bundle, Golden, write
from assayline.framing import Problem, frame
from assayline.serving.supervisor import ServingSettings, Supervisor

COMMAND = "make bench ONLY=delivery_swaps"
CLIENTS, COLUMNS, VERSIONS = 32, 30, 5
KIT = "assayline.serving.slots:shelf"


def run() -> list[Result]:
    """All of it."""
    requests, swaps, kills = (int(os.environ.get(f"ASSAY_SWAPS_{name}", usual)) for name, usual in (("REQUESTS", "100000"), ("SWAPS", "50"), ("KILLS", "5")))
    with tempfile.TemporaryDirectory() as folder:
        seen = asyncio.run(_swapped(Path(folder), requests, swaps, kills))
    shown = f"{requests:,} requests, {CLIENTS} clients, 2 workers, {swaps} swaps among {VERSIONS} versions, {kills} workers killed"
    times = np.sort(np.array(seen["seconds"])) * 1e3
    failed = requests - seen["right"] - seen["wrong"]
    return [
        Result(f"{shown}: requests that failed", "no request fails", f"{failed:,}", "0", failed == 0, COMMAND),
        Result(f"{shown}: answers that are not what the version they name says", "no answer comes from a half-loaded model", f"{seen['wrong']:,}", "0", seen["wrong"] == 0, COMMAND),
        Result(f"{shown}: swaps done", "every swap takes place", f"{seen['swaps']}", f"{swaps}", seen["swaps"] == swaps, COMMAND),
        Result(f"{shown}: versions that answered", "every version answers in its turn", f"{len(seen['versions'])}", f"{VERSIONS}", len(seen["versions"]) == VERSIONS, COMMAND),
        Result(f"{shown}: workers that died", "workers really died", f"{seen['deaths']}", f"{kills}", seen["deaths"] == kills, COMMAND),
        Result("requests asked again after their worker was killed", "", f"{seen['retried']}", command=COMMAND),
        Result("records of rows that were dropped or lost", "", f"{seen['dropped']}", command=COMMAND),
        Result("requests a second meanwhile, clients on the same machine", "", f"{requests / seen['wall']:,.0f}", command=COMMAND),
        *(Result(f"milliseconds of an answer meanwhile, {name}", "", f"{np.quantile(times, q):.2f} ms", command=COMMAND) for name, q in (("median", 0.5), ("99 %", 0.99), ("longest", 1.0))),
    ]  # fmt: skip


def _bundles() -> dict[str, Bundle]:
    import lightgbm

    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, COLUMNS))
    table = pl.DataFrame({**{f"f{at}": X[:, at] for at in range(COLUMNS)}, "bought": np.where(X[:, 0] + X[:, 1] * X[:, 2] > 0, "yes", "no")})
    plan = frame(table, Problem("bought"))
    encoded, (y, _) = plan.encode(table), plan.target(table)
    found = {}
    for number in range(1, VERSIONS + 1):
        options = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 31, "seed": number}
        model = Boosted.of(lightgbm.train(options, lightgbm.Dataset(encoded, y), 50 + 10 * number), 2)
        found[f"churn:v{number}"] = Bundle("churn", f"v{number}", plan, model, golden=Golden.of(plan, model, table.drop("bought").head(50)))
    return found


async def _swapped(folder: Path, requests: int, swaps: int, kills: int) -> dict[str, Any]:
    bundles = _bundles()
    rng = np.random.default_rng(1)
    rows = pl.DataFrame({f"f{at}": rng.normal(size=200) for at in range(COLUMNS)})
    expected = {name: bundle.predict(rows)[:, 1] for name, bundle in bundles.items()}
    bodies = [json.dumps(row).encode() for row in rows.to_dicts()]
    wanted = []
    for name, bundle in bundles.items():
        path = folder / f"{bundle.version}.assay"
        write(bundle, path)
        version = {"path": str(path), "digest": hashlib.sha256(path.read_bytes()).hexdigest()}
        wanted.append({"models": {"churn": {"versions": {name: version}, "champion": name}}})
    events: Counter[str] = Counter()
    settings = ServingSettings(KIT, {"spool": str(folder / "spool"), "standby_bytes": 0}, port=0, workers=2)  # nothing stands by: each swap loads, verifies and warms
    supervisor = Supervisor(settings, lambda event, *_, **__: events.update([event]))
    await supervisor.start(wanted[0])
    seen: dict[str, Any] = {"right": 0, "wrong": 0, "versions": set(), "seconds": []}
    numbers = iter(range(requests))
    begun = time.perf_counter()
    try:
        asking = asyncio.gather(*(_client(supervisor.address, numbers, bodies, expected, seen) for _ in range(CLIENTS)), return_exceptions=True)
        done = await _disturbed(supervisor, wanted, requests, swaps, kills, asking)
        problems = [one for one in await asking if one is not None]
        for one in problems[:3]:
            print(f"   {type(one).__name__}: {one}", flush=True)
        seen["wall"] = time.perf_counter() - begun
        assert supervisor.front is not None
        status = await supervisor.status()
        seen |= {"swaps": done, "deaths": events["died"], "retried": supervisor.front.counts["retried"], "dropped": sum(one["dropped"] + one["lost"] for one in status.values())}
        return seen
    finally:
        await supervisor.stop()


async def _disturbed(supervisor: Supervisor, wanted: list[dict[str, Any]], requests: int, swaps: int, kills: int, asking: asyncio.Future[Any]) -> int:
    """Swaps and kills, spread over the requests; gives the number of swaps that were done."""
    steps = sorted([(at * requests // (swaps + 1), "swap") for at in range(1, swaps + 1)] + [((2 * at + 1) * requests // (2 * kills), "kill") for at in range(kills)])
    assert supervisor.front is not None
    done = at = 0
    for after, what in steps:
        while supervisor.front.counts["requests"] < after and not asking.done():
            await asyncio.sleep(0.002)
        if what == "kill":
            while len(supervisor.workers) < 2:  # one at a time, as machines die
                await asyncio.sleep(0.01)
            os.kill(next(iter(supervisor.workers.values())), signal.SIGKILL)
        else:
            at += 1
            done += not await supervisor.serve(wanted[at % len(wanted)])
    return done


async def _client(address: tuple[str, int], numbers: Iterator[int], bodies: list[bytes], expected: dict[str, Any], seen: dict[str, Any]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    for number in numbers:
        body = bodies[number % len(bodies)]
        begun = time.perf_counter()
        writer.write(b"POST /models/churn HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in head[1:] if line)
        said = await reader.readexactly(int(fields["content-length"]))
        seen["seconds"].append(time.perf_counter() - begun)
        if not head[0].startswith("http/1.1 200"):
            print(f"   request {number}: {head[0]} {said[:200]!r}", flush=True)
            continue
        version = fields.get("x-model-version", "")
        right = version in expected and abs(json.loads(said)["score"] - expected[version][number % len(bodies)]) <= 1e-6
        seen["right" if right else "wrong"] += 1
        seen["versions"].add(version)
    writer.close()
