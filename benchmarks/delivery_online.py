"""One-row requests of 30 numbers, side by side in one run on the same model: our server, a bare ASGI application, FastAPI, MLServer, LitServe, BentoML.

    ASSAY_PEERS_PYTHON     an interpreter with fastapi, uvicorn, litserve, bentoml, mlserver and onnxruntime; what is missing there is said to be missing
    ASSAY_ONLINE_SECONDS   of each measured piece (4); each server is measured ROUNDS times, in turns

The load is made by wrk, on another core than the servers. Requests a second depend on who else is on the machine; the processor time of a request less so: both are
given, medians of the rounds, and the claims go by the second. Latencies mean something on a quiet machine only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from kit import Missing
from results import Result

COMMAND = "make bench ONLY=delivery_online"
SECONDS, ROUNDS, CLIENTS = float(os.environ.get("ASSAY_ONLINE_SECONDS", "4")), 3, 32
COLUMNS = sorted(f"f{at}" for at in range(30))
BODIES = 64
# Of uvicorn, for ours and the bare one: no header that says what the server is, and no look for those of a proxy.
OPTIONS: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "warning", "server_header": False, "proxy_headers": False}
TREES, LEAVES, TRAINED = 100, 31, 4_000


@dataclass(frozen=True)
class Server:
    """What is measured.

    Args:
        name: for people.
        command: that starts it; {model}, {port} and {folder} are filled in.
        path: of the request.
        bodies: "row" (plain JSON), "oip" (a tensor of the Open Inference Protocol) or "wrapped" ({"row": …}).
    """

    name: str
    command: tuple[str, ...]
    path: str
    bodies: str


@dataclass(frozen=True)
class Load:
    """One measured piece: requests a second, median and 99th percentile in microseconds, processor microseconds of the server per request."""

    rate: float
    median: float
    slow: float
    processor: float


def servers() -> list[Server]:
    """Ours first; peers by their own interpreter."""
    here, peers = (sys.executable, str(Path(__file__).resolve())), os.environ.get("ASSAY_PEERS_PYTHON", sys.executable)
    beside = (peers, str(Path(__file__).with_name("online_peers.py")))
    return [
        Server("assay, plain JSON", (*here, "--ours", "{model}", "{port}"), "/models/churn", "row"),
        Server("assay, Open Inference Protocol", (*here, "--ours", "{model}", "{port}"), "/v2/models/churn/infer", "oip"),
        Server("bare ASGI and msgspec", (*here, "--bare", "{model}", "{port}"), "/", "row"),
        Server("FastAPI", (*beside, "fastapi", "{model}", "{port}", "{folder}"), "/predict", "row"),
        Server("MLServer", (*beside, "mlserver", "{model}", "{port}", "{folder}"), "/v2/models/churn/infer", "oip"),
        Server("LitServe", (*beside, "litserve", "{model}", "{port}", "{folder}"), "/predict", "row"),
        Server("BentoML", (*beside, "bentoml", "{model}", "{port}", "{folder}"), "/predict", "wrapped"),
    ]


def run() -> list[Result]:
    """All of it."""
    if shutil.which("wrk") is None:
        raise Missing("there is no wrk, which makes the load: apt-get install wrk")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        table = _trained(folder)
        for kind in ("row", "oip", "wrapped"):
            (folder / f"{kind}.lua").write_text(_script(table, kind))
        loads, alone, lacking = _measured(folder)
    return [*_figures(loads, alone), *_claims(loads, alone), _guard_and_route(), *(Result(f"not measured: {one}", "", one, command=COMMAND) for one in lacking)]


def _measured(folder: Path) -> tuple[dict[str, list[Load]], dict[str, Load], list[str]]:
    loads: dict[str, list[Load]] = {}
    alone: dict[str, Load] = {}
    lacking = []
    chosen = [one for one in servers() if not (asked := os.environ.get("ASSAY_ONLINE_ONLY")) or re.search(asked, one.name)]
    for turn in range(ROUNDS):
        for at, server in enumerate(chosen):
            if turn and server.name not in loads:
                continue
            try:
                with _running(server, folder, 18_100 + 10 * at) as (process, port):
                    _load(server, folder, process, port, CLIENTS, 1.0)
                    loads.setdefault(server.name, []).append(_load(server, folder, process, port, CLIENTS, SECONDS))
                    if not turn and server.name.startswith(("assay", "FastAPI", "bare")):
                        alone[server.name] = _load(server, folder, process, port, 1, SECONDS)
            except RuntimeError as error:
                loads.pop(server.name, None)
                lacking.append(f"{server.name} ({error})")
                continue
            print(f"   {turn} {server.name}: {_shown(loads[server.name][-1])}", flush=True)
    return loads, alone, lacking


def _cores() -> tuple[int, int]:
    """The server's and the client's."""
    all_of_them = sorted(os.sched_getaffinity(0))
    return all_of_them[0], all_of_them[-1]


@contextmanager
def _running(server: Server, folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    own = folder / re.sub(r"\W+", "_", server.name)
    own.mkdir(exist_ok=True)
    filled = [piece.format(model=folder / ("bundle.assay" if "--ours" in server.command else "model.onnx"), port=port, folder=own) for piece in server.command]
    core = {_cores()[0]}
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")}
    with open(own / "log", "wb") as log:
        process = subprocess.Popen(filled, stdout=log, stderr=log, env=environment, start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, core))
        try:
            _wait(server, folder, process, port, own / "log")
            yield process, port
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(server: Server, folder: Path, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    body = json.loads((folder / f"{server.bodies}.json").read_text())[0].encode()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}{server.path}", data=body, headers={"content-type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=5) as answered:
                if answered.status == 200:
                    return
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"it answers {error.code}: {error.read(200)!r}") from error
        except OSError:
            pass
        if process.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise RuntimeError(lines[-1][:200] if lines else f"it ended with {process.returncode}")
        time.sleep(0.2)
    raise RuntimeError("it did not start within a minute")


def _load(server: Server, folder: Path, process: subprocess.Popen[bytes], port: int, clients: int, seconds: float) -> Load:
    before = _processor(process.pid)
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--latency", "-s", str(folder / f"{server.bodies}.lua"), f"http://127.0.0.1:{port}{server.path}"]
    core = {_cores()[1]}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60, preexec_fn=lambda: os.sched_setaffinity(0, core))
    spent = _processor(process.pid) - before
    found = re.search(r"(\d+) requests in", done.stdout)
    if done.returncode or not found or "Non-2xx" in done.stdout or not int(found[1]):
        raise RuntimeError(f"under load it fails: {(done.stderr or done.stdout)[-200:]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert rate is not None
    return Load(float(rate[1]), _latency(done.stdout, "50%"), _latency(done.stdout, "99%"), spent / int(found[1]) * 1e6)


def _latency(text: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", text)
    assert found is not None
    return float(found[1]) * {"us": 1.0, "ms": 1e3, "s": 1e6}[found[2]]


def _processor(group: int) -> float:
    """Processor seconds of all processes of a session so far."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(values[3]) == group:
            ticks += int(values[11]) + int(values[12])
    return ticks / os.sysconf("SC_CLK_TCK")


# ---- the model and its requests


def _table(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 30))
    bought = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(X[:, 3] * 2) + random.normal(size=rows) / 3 > 0
    return pl.DataFrame({**{f"f{at}": X[:, at] for at in range(30)}, "bought": np.where(bought, "yes", "no")})


def _trained(folder: Path) -> pl.DataFrame:
    """The model as a bundle and as ONNX; rows to ask for."""
    import lightgbm

    from assayline.artefacts import Boosted, Bundle, Constant, Golden, write
    from assayline.exports import onnx_bytes
    from assayline.framing import Problem, frame
    from assayline.measures import packed, profile

    table = _table(TRAINED, 0)
    plan = frame(table, Problem("bought"))
    y, _ = plan.target(table)
    parameters = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": LEAVES, "seed": 1}
    model = Boosted.of(lightgbm.train(parameters, lightgbm.Dataset(plan.encode(table), y), TREES), 2)
    bundle = Bundle(
        "churn", "v1", plan, model, {"usual": Constant.of(plan.class_shares)}, schema={name: str(kind) for name, kind in table.schema.items()}, profile=packed(profile(table)),
        golden=Golden.of(plan, model, table.drop("bought").head(100)),
    )  # fmt: skip
    write(bundle, folder / "bundle.assay")
    (folder / "model.onnx").write_bytes(onnx_bytes(model, 30))
    asked = _table(BODIES, 1).drop("bought")
    for kind in ("row", "oip", "wrapped"):
        (folder / f"{kind}.json").write_text(json.dumps(_bodies(asked, kind)))
    return asked


def _bodies(asked: pl.DataFrame, kind: str) -> list[str]:
    rows = asked.to_dicts()
    if kind == "row":
        return [json.dumps(row) for row in rows]
    if kind == "wrapped":
        return [json.dumps({"row": row}) for row in rows]
    return [json.dumps({"inputs": [{"name": "rows", "shape": [1, 30], "datatype": "FP64", "data": [row[name] for name in COLUMNS]}]}) for row in rows]


def _script(asked: pl.DataFrame, kind: str) -> str:
    bodies = ",\n".join(f"[==[{body}]==]" for body in _bodies(asked, kind))
    return (
        'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
        f"local bodies = {{{bodies}}}\nlocal at = 0\nfunction request()\n  at = at % #bodies + 1\n  return wrk.format(nil, nil, nil, bodies[at])\nend\n"
    )


# ---- our servers


def _ours(model: str, port: str) -> None:
    """Everything switched on: plan, guard, a canary of a quarter of the keys, version header, one row in ten kept."""
    import gc
    from collections import deque

    import uvicorn

    from assayline.artefacts import read
    from assayline.core.rollout import Rollout, stages_of
    from assayline.serving import Chain, Desk, LiveModel, Record, Service
    from assayline.serving.application import application

    bundle = read(Path(model))
    kept: deque[Record] = deque(maxlen=10_000)
    desk = Desk(recorder=kept.append, sample=0.1)
    champion, challenger = (Chain.of(LiveModel.of(bundle, label)) for label in ("churn:v1", "churn:v2"))
    desk.put(Service("churn", champion, challenger, Rollout("churn:v1", "churn:v2", "2026-11", stages_of("canary"), stage=4)))
    gc.collect()
    gc.freeze()
    uvicorn.run(application(desk), port=int(port), **OPTIONS)


def _bare(model: str, port: str) -> None:
    """The least that answers: no check of anything."""
    import msgspec
    import onnxruntime
    import uvicorn

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    decode, encode = msgspec.json.Decoder(dict[str, float]).decode, msgspec.json.encode

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        row = decode((await receive())["body"])
        said = session.run(["Y"], {"X": np.array([[row[name] for name in COLUMNS]])})[0]
        content = encode({"score": float(said[0, 1])})
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]})
        await send({"type": "http.response.body", "body": content})

    uvicorn.run(app, port=int(port), lifespan="off", **OPTIONS)


# ---- figures and claims


def _shown(one: Load) -> str:
    return f"{one.rate:,.0f} requests/s, median {one.median:,.0f} µs, p99 {one.slow:,.0f} µs, {one.processor:.0f} µs of processor time a request"


def _middle(loads: Sequence[Load]) -> Load:
    return Load(*(statistics.median(values) for values in zip(*((one.rate, one.median, one.slow, one.processor) for one in loads), strict=True)))


def _figures(loads: dict[str, list[Load]], alone: dict[str, Load]) -> Iterator[Result]:
    for name, found in loads.items():
        yield Result(f"{name}, {CLIENTS} clients", "", _shown(_middle(found)), command=COMMAND)
    for name, one in alone.items():
        yield Result(f"{name}, 1 client", "", _shown(one), command=COMMAND)


def _claims(loads: dict[str, list[Load]], alone: dict[str, Load]) -> Iterator[Result]:
    ours, oip = "assay, plain JSON", "assay, Open Inference Protocol"

    def faster(mine: str, other: str, times: float, why: str) -> Iterator[Result]:
        if mine in loads and other in loads:
            # Neighbours in time met the same machine.
            ratio = statistics.median(a.rate / b.rate for a, b in zip(loads[mine], loads[other], strict=False))
            processor = statistics.median(b.processor / a.processor for a, b in zip(loads[mine], loads[other], strict=False))
            # A server on one core that has all the work it can take answers as many as its processor time allows; what else runs on that core changes the rate only.
            shown = f"{processor:.2f} x by processor time a request ({ratio:.2f} x by requests/s)"
            yield Result(f"{mine} / {other}", why, shown, f"≥ {times:g} x", processor >= times, COMMAND)

    yield from faster(ours, "FastAPI", 2.2, "plain JSON costs less than half of the usual framework")
    yield from faster(ours, "bare ASGI and msgspec", 0.7, "framing, guard, route, version and sampling cost less than a third")
    yield from faster(oip, "MLServer", 4.0, "the Open Inference Protocol at a quarter of the price of its best known server in Python")
    if ours in alone:
        yield Result("assay, plain JSON, 1 client: median", "an answer at once", f"{alone[ours].median:.0f} µs", "≤ 150 µs", alone[ours].median <= 150, COMMAND)
    if ours in loads and "FastAPI" in loads:
        mine, theirs = _middle(loads[ours]).slow, _middle(loads["FastAPI"]).slow
        yield Result(f"assay, plain JSON, {CLIENTS} clients: p99", "the slowest are not slower", f"{mine:,.0f} µs", f"≤ {theirs:,.0f} µs (FastAPI)", mine <= theirs, COMMAND)


def _guard_and_route() -> Result:
    """The cost of the guard and of the route to a model, per request."""
    from assayline.core.rollout import Rollout, stages_of
    from assayline.serving import Chain, LiveModel, Service
    from assayline.serving.counting import Tally
    from assayline.serving.desk import Standing

    with tempfile.TemporaryDirectory() as work:
        _trained(Path(work))
        from assayline.artefacts import read

        bundle = read(Path(work) / "bundle.assay")
    model = LiveModel.of(bundle)
    guard = model.guard
    service = Service("churn", Chain.of(model), Chain.of(model), Rollout("churn:v1", "churn:v2", "2026-11", stages_of("canary"), stage=4))
    standing = Standing(service, lambda *names: Tally())
    rows = [row for row in _table(200, 2).drop("bought").to_dicts() if not guard.trips(model.reader.read(row)[0])]
    spent = []
    for _ in range(5):
        begun = time.process_time()
        for at in range(20_000):
            row = rows[at % len(rows)]
            standing.post(row, {}, f"request {at}")
            guard.trips(model.reader.flat)
            model.check([0.5, 0.5])
        spent.append((time.process_time() - begun) / 20_000)
    cost = min(spent) * 1e6
    return Result("guard and route of one request", "they cost next to nothing", f"{cost:.1f} µs of processor time", "< 10 µs", cost < 10, COMMAND)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        _ours(*sys.argv[2:4])
    elif sys.argv[1:2] == ["--bare"]:
        _bare(*sys.argv[2:4])
    else:
        for line in run():
            print(line.row, line.figure, line.target, line.holds)
