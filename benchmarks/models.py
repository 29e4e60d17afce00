"""The choice of models: Assayline beside a dummy, a line, plain LightGBM and FLAML on raw tables, each on one core and with the same seconds.

    ASSAY_PEERS_PYTHON   an interpreter with flaml[automl], skrub, lightgbm, scikit-learn and polars; default: this one
    ASSAY_MODELS_SECONDS, ASSAY_MODELS_SEEDS, ASSAY_MODELS_TABLES   shorten it: "15", "0,1", "adult,telco"
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kit
import numpy as np
from model_tables import TABLES, rows_of, truth
from results import Result

COMMAND = "make bench ONLY=models"
SIMPLE = ("dummy", "linear", "lightgbm")
REDRAWS = 1_000
GRACE = 240  # seconds that a run may take beyond its budget before it is ended
FIRST_ROWS, FIRST_COLUMNS, FIRST_SECONDS = 50_000, 15, 3.0


@dataclass(frozen=True, eq=False)
class Run:
    """What one method said of the test rows.

    Args:
        said: numbers, or the probability of the rarer class.
        wall: seconds of the process, from its start until it was trained.
        cpu: seconds of processor time.
        score: on the test rows.
        scores: on redrawn test rows, the same for all methods.
        note: what else is worth keeping.
    """

    said: np.ndarray
    wall: float
    cpu: float
    score: float
    scores: np.ndarray
    note: str = ""


def run() -> list[Result]:
    """All of it."""
    found = [*_first_model()]
    seconds, runs, lacking = float(os.environ.get("ASSAY_MODELS_SECONDS", "60")), dict[tuple[str, int], dict[str, Run]](), set[str]()
    for name in _asked("ASSAY_MODELS_TABLES", list(TABLES)):
        for seed in map(int, _asked("ASSAY_MODELS_SEEDS", ["0", "1", "2"])):
            runs[name, seed] = measured = _measured(name, seed, seconds, lacking)
            shown = ", ".join(f"{method} {one.score:.5g}" for method, one in measured.items())
            print(f"   {name} {seed}: {shown}; {measured['assayline'].wall:.1f} s, {measured['assayline'].cpu:.1f} s of processor time; {measured['assayline'].note}", flush=True)
            found.append(Result(f"{name}, seed {seed}, {seconds:.0f} s", "", f"{measured['assayline'].score:.5g} {TABLES[name].score} ({shown})", command=COMMAND))
    return [*found, *_claims(runs, seconds), *(Result(f"not measured: {one}", "", one, command=COMMAND) for one in sorted(lacking))]


def _asked(variable: str, all_of_them: list[str]) -> list[str]:
    return [one for one in os.environ.get(variable, "").split(",") if one] or all_of_them


def _measured(name: str, seed: int, seconds: float, lacking: set[str]) -> dict[str, Run]:
    found: dict[str, dict[str, Any]] = {"assayline": _child([sys.executable, __file__, "--ours"], name, seed, seconds)}
    peers = os.environ.get("ASSAY_PEERS_PYTHON", sys.executable)
    for method in (*SIMPLE, "flaml"):
        try:
            found[method] = _child([peers, str(Path(__file__).with_name("model_peers.py")), method], name, seed, seconds)
        except RuntimeError as error:
            lacking.add(f"{method} ({str(error).strip().splitlines()[-1]})")
    y = found["assayline"]["y"]
    kind, rng = TABLES[name], np.random.default_rng(0)
    blocks = np.arange(len(y)) * 50 // len(y) if kind.in_time else np.arange(len(y))
    weights = rng.poisson(1.0, (REDRAWS, int(blocks.max()) + 1)).astype(np.float32)[:, blocks]
    made = {}
    for method, one in found.items():
        if not np.array_equal(one["y"], y):
            raise RuntimeError(f"{method} was asked for other rows of {name} than assayline")
        scores = _scores(kind.score, y, one["said"], weights)
        score = float(_scores(kind.score, y, one["said"], np.ones((1, len(y)), dtype=np.float32))[0])
        made[method] = Run(one["said"], float(one["wall"]), float(one["cpu"]), score, scores, str(one.get("note", "")))
    return made


def _scores(name: str, y: np.ndarray, said: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from assayline.training.scores import METRICS

    return METRICS[name].of(y, said if name == "rmse" else np.stack([1 - said, said], axis=1), weights)


def _child(command: list[str], name: str, seed: int, seconds: float) -> dict[str, Any]:
    """What a method said, by a process of its own on one core."""
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "said.npz"
        folder = kit.kit() / "models"
        core = {max(os.sched_getaffinity(0))}
        environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), "1"), "ASSAY_STARTED": str(time.time())}
        done = subprocess.run(
            [*command, str(folder), name, str(seed), str(seconds), str(out)], env=environment, capture_output=True, text=True, timeout=seconds + GRACE, check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, core),
        )  # fmt: skip
        if done.returncode or not out.exists():
            raise RuntimeError(done.stderr[-2000:] or f"it ended with {done.returncode}")
        with np.load(out) as held:
            return {key: held[key] for key in held.files}


def _ours(folder: str, name: str, seed: str, seconds: str, out: str) -> None:
    from assayline.framing import Problem
    from assayline.training import train

    rows, test, target = rows_of(Path(folder), name, int(seed))
    found = train(rows, Problem(target), budget_seconds=float(seconds), seed=int(seed))
    wall, cpu = time.time() - float(os.environ["ASSAY_STARTED"]), time.process_time()
    _, held = truth(rows, test, target, TABLES[name].score)
    said = found.predict(test)
    if TABLES[name].score != "rmse":
        # The probability of the rarer label, whatever the plan calls positive.
        rare = int(np.argmin(found.plan.class_counts))
        said = said[:, rare]
    note = {"choice": found.choice.reason, "split": found.split, "rows": len(found.leaderboard), "left out": [leak.column for leak in found.plan.leaks]}
    np.savez(out, y=held, said=said, wall=wall, cpu=cpu, note=json.dumps(note))


# ---- claims


def _claims(runs: Mapping[tuple[str, int], dict[str, Run]], seconds: float) -> Iterator[Result]:
    greater = {name: TABLES[name].score != "rmse" for name, _ in runs}

    def low_high(name: str, ours: Run, other: Run) -> tuple[float, float]:
        apart = (ours.scores - other.scores) * (1 if greater[name] else -1)
        low, high = np.nanquantile(apart, [0.025, 0.975])
        return float(low), float(high)

    worse, told, better, compared, ranks = list[str](), 0, 0, 0, list[float]()
    ahead = 0
    for (name, seed), made in runs.items():
        ours = made["assayline"]
        rivals = {method: made[method] for method in SIMPLE if method in made}
        if rivals:
            best = max(rivals, key=lambda method: made[method].score * (1 if greater[name] else -1))
            told += 1
            if low_high(name, ours, made[best])[1] < 0:
                worse.append(f"{name} {seed} against {best}")
        if "lightgbm" in made:
            compared += 1
            better += low_high(name, ours, made["lightgbm"])[0] > 0
        if "flaml" in made:
            apart = (ours.score - made["flaml"].score) * (1 if greater[name] else -1)
            ranks.append(1.0 if apart > 0 else 1.5 if apart == 0 else 2.0)
            ahead += low_high(name, ours, made["flaml"])[0] > 0
    if told:
        text = f"{len(worse)} of {told} runs{': ' + ', '.join(worse) if worse else ''}"
        yield Result("significantly worse than the best of dummy, line and plain LightGBM", "the choice never loses to a baseline", text, "0", not worse, COMMAND)
    if compared:
        yield Result("significantly better than skrub with LightGBM", "the search pays", f"{better / compared:.0%} of {compared} runs", "≥ 60 %", better >= 0.6 * compared, COMMAND)
    if ranks:
        text = f"{np.mean(ranks):.2f} ({ranks.count(1.0)} of {len(ranks)} runs ahead, {ahead} significantly)"
        yield Result("mean rank beside FLAML with the same seconds", "as good as the best known search of this size", text, "≤ 1.5", float(np.mean(ranks)) <= 1.5, COMMAND)
    longest = max(made["assayline"].wall for made in runs.values()) if runs else 0.0
    if runs:
        yield Result("longest run, with start, imports and framing", "the budget holds", f"{longest:.1f} s of {seconds:.0f} s", f"≤ {1.05 * seconds:.1f} s", longest <= 1.05 * seconds, COMMAND)


def _first_model() -> Iterator[Result]:
    """How long it takes from the call to the first model that is more than a constant."""
    core = {max(os.sched_getaffinity(0))}
    command = [sys.executable, __file__, "--first"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, preexec_fn=lambda: os.sched_setaffinity(0, core))
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    seconds = float(done.stdout.strip().splitlines()[-1])
    yield Result(
        f"first usable model on {FIRST_ROWS:,} rows x {FIRST_COLUMNS} columns", "there is something to use at once", f"{seconds:.2f} s", f"≤ {FIRST_SECONDS:.0f} s",
        seconds <= FIRST_SECONDS, COMMAND,
    )  # fmt: skip


def _first() -> None:
    import polars as pl

    from assayline.framing import Problem
    from assayline.training import train
    from assayline.training.race import Progress

    rng = np.random.default_rng(0)
    columns = {f"number {at}": rng.normal(size=FIRST_ROWS).round(3) for at in range(10)}
    words = {f"word {at}": rng.choice([f"label {one}" for one in range(5 + 20 * at)], FIRST_ROWS) for at in range(4)}
    chance = 1 / (1 + np.exp(-columns["number 0"] * columns["number 1"] - (words["word 0"] == "label 2")))
    table = pl.DataFrame({**columns, **words, "bought": np.where(rng.random(FIRST_ROWS) < chance, "yes", "no")})
    seen: list[float] = []

    def watch(progress: Progress) -> None:
        if progress.name != "dummy" and not seen:
            progress.predictor()
            seen.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    train(table, Problem("bought"), budget_seconds=10, watch=watch)
    print(seen[0])


if __name__ == "__main__":
    if sys.argv[1] == "--first":
        _first()
    else:
        _ours(*sys.argv[2:])
