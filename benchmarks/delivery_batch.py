"""A million rows scored: what the process of a scoring does, beside a loop over the same graph that somebody wrote by hand in Polars and ONNX Runtime.

    ASSAY_BATCH_ROWS, ASSAY_BATCH_RUNS   shorten it: 200000, 1
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from results import Result

COMMAND = "make bench ONLY=delivery_batch"
NUMBERS, WORDS = 26, 4
CHUNK = 65_536  # of the loop written by hand
MOST = 1.15


def run() -> list[Result]:
    """All of it."""
    rows, runs = int(os.environ.get("ASSAY_BATCH_ROWS", "1000000")), int(os.environ.get("ASSAY_BATCH_RUNS", "3"))
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        _prepare(folder, rows)
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(runs):  # in turn, so that a busy minute troubles all of them
            for name in ("ours", "by hand", "by hand, tuned", "canary"):
                found.setdefault(name, []).append(_child(name, folder))
        _compare(folder)
        best = {name: {what: min(one[what] for one in several) for what in several[0]} for name, several in found.items()}
        return [*_claims(best, rows), *_whole(folder, rows)]


def _claims(best: dict[str, dict[str, float]], rows: int) -> Iterator[Result]:
    what = f"{rows:,} rows x {NUMBERS + WORDS} columns"
    for name, one in best.items():
        yield Result(f"{what}: {name}", "", f"{one['wall']:.2f} s ({one['cpu']:.2f} s of processor time)", command=COMMAND)
    by_hand = min((best["by hand"], best["by hand, tuned"]), key=lambda one: one["wall"])
    times = best["ours"]["wall"] / by_hand["wall"]
    yield Result(
        f"{what}: read, encoded, predicted, judged row by row, annotated and written", "a scoring costs what a loop written by hand costs",
        f"{times:.2f} times the time of the faster loop ({best['ours']['cpu'] / by_hand['cpu']:.2f} times the processor time)", f"≤ {MOST}", times <= MOST, COMMAND,
    )  # fmt: skip


def _prepare(folder: Path, rows: int) -> None:
    """The table, and a model that is trained on its kin."""
    import lightgbm

    from assayline import artefacts, framing

    train = _table(20_000, 1)
    plan = framing.frame(train, framing.Problem("left", key="customer"))
    encoded, (truth, _) = plan.encode(train), plan.target(train)
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_leaves": 31, "num_threads": 2, "seed": 1}, lightgbm.Dataset(encoded, truth), 100)
    predictor = artefacts.Boosted.of(booster, classes=2)
    for version in ("v1", "v2"):
        bundle = artefacts.Bundle(name="churn", version=version, plan=plan, predictor=predictor, golden=artefacts.Golden.of(plan, predictor, train.head(64)))
        artefacts.write(bundle, folder / f"{version}.assay")
    _table(rows, 2).drop("left").write_parquet(folder / "rows.parquet", compression="zstd", compression_level=1)


def _table(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = {f"number_{at}": rng.normal(size=rows) for at in range(NUMBERS)}
    words = {f"word_{at}": rng.choice([f"label {one}" for one in range(5 + 10 * at)], rows) for at in range(WORDS)}
    leaning = numbers["number_0"] * numbers["number_1"] + (words["word_1"] == "label 2") + rng.normal(size=rows)
    return pl.DataFrame({"customer": [f"c{one}" for one in range(rows)], **numbers, **words, "left": np.where(leaning > 0.5, "yes", "no")})


def _child(name: str, folder: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, name, str(folder)], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def _compare(folder: Path) -> None:
    """The loops are worth nothing unless they say the same."""
    ours, by_hand = pl.read_parquet(folder / "ours" / "predictions.parquet"), pl.read_parquet(folder / "by_hand.parquet")
    if ours["customer"].to_list() != by_hand["customer"].to_list() or not np.allclose(ours["score"], by_hand["score"], rtol=1e-5):
        raise RuntimeError("the loop written by hand says something else than the scoring")


def _timed(name: str, folder: Path) -> dict[str, float]:
    """One of them, with everything imported and the model loaded before the clock starts, as in a process that is kept."""
    work = {"ours": _ours, "canary": _canary, "by hand": _by_hand, "by hand, tuned": _by_hand_tuned}[name](folder)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def _request(folder: Path, name: str, rollout: dict[str, Any] | None) -> dict[str, Any]:
    from assayline.line.score_job import ScoreJob

    out = folder / name
    (out / f"chunks-{os.getpid()}").mkdir(parents=True)
    return {
        "table": {"parts": [{"path": str(folder / "rows.parquet"), "renames": {}}], "casts": {}, "uses": None}, "champion": {"label": "churn:v1", "artefact": str(folder / "v1.assay")},
        "challenger": {"label": "churn:v2", "artefact": str(folder / "v2.assay")}, "rollout": rollout, "previous": None, "allowed": [], "key": ["customer"], "time": "", "unit": "customer",
        "keep": [], "fallback": {"on": ["exception", "nan", "out_of_range"], "otherwise": None}, "range": None, "before": None, "run": "run:1", "sequence": 1000, "decides": "", "mix": "",
        "chunks": str(out / f"chunks-{os.getpid()}"), "chunk_rows": ScoreJob("churn", "flow:customers").chunk_rows, "folder": str(out),
    }  # fmt: skip


def _ours(folder: Path) -> Any:
    return _scoring(folder, "ours", None)


def _canary(folder: Path) -> Any:
    """A tenth of the keys by a challenger, a tenth more by both."""
    terms = {"guards": [{"guard": "flip_rate", "by": "", "limit": 0.05}], "limits": {}, "batches": [], "own": {}}
    return _scoring(folder, "canary", {"salt": "s", "stages": [["canary", 10.0]], "stage": 0, "state": "running", "holdout": 0.0, "control": 10.0, "unit": "customer", "terms": terms})


def _scoring(folder: Path, name: str, rollout: dict[str, Any] | None) -> Any:
    from assayline.line.delivery.answering import answering
    from assayline.line.delivery.score_work import work

    request = _request(folder, name, rollout)
    version = answering(str(folder / "v1.assay"), "churn:v1", rows=CHUNK)  # loads the runtime; the artefact is opened once
    version.about(_table(100, 3)).answers(range(100))
    return lambda: work(request, lambda told: None)


def _graph(folder: Path) -> tuple[bytes, dict[str, dict[str, float]], list[str], tuple[str, ...]]:
    """What somebody who writes the loop has exported: the graph, the codes of the words, and the order of the columns."""
    from assayline.artefacts import read
    from assayline.exports import onnx_bytes
    from assayline.framing import Plan

    bundle = read(str(folder / "v1.assay"))
    assert isinstance(bundle.plan, Plan)
    codes = {column.name: {text: float(code) for code, text in enumerate(column.labels)} for column in bundle.plan.columns if column.reading == "code"}
    return onnx_bytes(bundle.predictor, len(bundle.plan.features)), codes, [feature.sources[0] for feature in bundle.plan.features], bundle.classes


def _by_hand(folder: Path) -> Any:
    """As it is mostly written: a session as it comes, a chunk after the other."""
    import onnxruntime

    graph, codes, order, classes = _graph(folder)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    session.run(["Y"], {"X": np.zeros((10, len(order)))})
    return lambda: _looped(folder, session, codes, order, classes, 1)


def _by_hand_tuned(folder: Path) -> Any:
    """As by somebody who measured: smaller chunks, side by side, in a session with one thread each."""
    import onnxruntime

    graph, codes, order, classes = _graph(folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    session.run(["Y"], {"X": np.zeros((10, len(order)))})
    return lambda: _looped(folder, session, codes, order, classes, len(os.sched_getaffinity(0)))


def _looped(folder: Path, session: Any, codes: dict[str, dict[str, float]], order: list[str], classes: tuple[str, ...], threads: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    table = pl.read_parquet(folder / "rows.parquet")

    def scored(start: int) -> pl.DataFrame:
        rows = table.slice(start, size)
        X = rows.select(pl.col(name).replace_strict(codes[name], default=None, return_dtype=pl.Float64) if name in codes else pl.col(name) for name in order).to_numpy()
        said = session.run(["Y"], {"X": np.ascontiguousarray(X)})[0]
        decided = pl.Series("prediction", classes).gather(said.argmax(axis=1))
        return rows.select("customer").with_columns(decided, pl.Series("score", said[:, 1]))

    size = CHUNK if threads == 1 else 16_384
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(scored, range(0, table.height, size)))
    pl.concat(found).write_parquet(folder / "by_hand.parquet", compression="zstd", compression_level=1)


def _whole(folder: Path, rows: int) -> Iterator[Result]:
    """The command with everything around it: the process, the gate over the predictions, the store, the ledger."""
    from assayline.line.models.trying import Trying
    from assayline.line.project import open_project

    project = folder / "shop"
    assay = [sys.executable, "-m", "assayline"]

    def timed(*words: str) -> float:
        begin = time.perf_counter()
        done = subprocess.run([*assay, *words], cwd=project if project.exists() else folder, capture_output=True, text=True, check=False)
        if done.returncode == 2:
            raise RuntimeError(done.stderr)
        return time.perf_counter() - begin

    timed("init", str(project))
    timed("gate", "customers", str(folder / "rows.parquet"))
    with open_project(str(project)) as opened, Trying(opened, aspects=()) as trying:
        trying.take(str(folder / "v1.assay"))
    spent = timed("score", "churn", "--input", "flow:customers")
    yield Result(f"{rows:,} rows: assay score, with its process, the gate over the predictions, store and ledger", "", f"{spent:.1f} s", command=COMMAND)


if __name__ == "__main__":
    print(json.dumps(_timed(sys.argv[1], Path(sys.argv[2]))))
