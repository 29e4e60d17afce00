"""Trials of small artefacts from a watched folder, and artefacts that would run code.

`ASSAY_TRIALS` is how many artefacts are dropped (200).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import kit
import numpy as np
import polars as pl
from process import cost
from results import Result

COMMAND = "make bench ONLY=models_trials"
TRIALS = int(os.environ.get("ASSAY_TRIALS", "200"))
A_MINUTE = 1000


def run() -> list[Result]:
    """Both."""
    with tempfile.TemporaryDirectory(dir=kit.cache()) as work:
        return [*_watched(Path(work)), *_refused(Path(work))]


def customers(seed: int, rows: int) -> pl.DataFrame:
    """Customers of whom some leave."""
    chance = np.random.default_rng(seed)
    frame = pl.DataFrame({"customer": [f"c{seed}-{number}" for number in range(rows)], "age": chance.integers(18, 80, rows), "spend": chance.gamma(2, 50, rows).round(2)})
    leaning = (frame["age"].to_numpy() - 50) / 10 - frame["spend"].to_numpy() / 100
    return frame.with_columns(churned=pl.Series(np.where(chance.random(rows) < 1 / (1 + np.exp(-leaning)), "yes", "no")))


def _artefact(folder: Path, number: int) -> None:
    import lightgbm

    from assayline.artefacts import Boosted, Bundle, Constant, Golden, environment_here, write
    from assayline.framing import Problem, frame

    table = customers(number, 400)
    plan = frame(table, Problem("churned", key="customer"))
    y, _ = plan.target(table)
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_leaves": 7, "num_threads": 1}, lightgbm.Dataset(plan.encode(table), y), 30)
    predictor = Boosted.of(booster, classes=2)
    baselines = {"dummy": Constant.of([1 - float(y.mean()), float(y.mean())])}
    golden = Golden.of(plan, predictor, table.head(20))
    write(Bundle("churn", f"v{number}", plan, predictor, baselines, golden=golden, environment=environment_here()), folder / f"churn-v{number:05}.assay")


def _watched(work: Path) -> Iterator[Result]:
    folder = work / "drop" / "churn"
    folder.mkdir(parents=True)
    for number in range(TRIALS):
        _artefact(folder, number)
    customers(10**6, 500).write_parquet(work / "q1.parquet")
    project = str(work / "shop")
    for command in (["init", project], ["trial", "add-set", "churn", str(work / "q1.parquet"), "--project", project]):
        subprocess.run([*kit.assay(), *command], check=True, stdout=subprocess.DEVNULL)
    spent = cost([*kit.assay(), "trial", "watch", str(folder.parent), "--once", "--quick", "--json", "--project", project])
    taken = sum(json.loads(line)["lot"] is not None for line in spent.out.splitlines())
    a_minute = taken / spent.wall_seconds * 60
    shown = f"{a_minute:,.0f} a minute ({taken:,} of {TRIALS:,} in {spent.wall_seconds:.1f} s, {spent.cpu_seconds:.1f} s of processors)"
    claim = "a trial costs what it looks at, and no process of its own"
    yield Result("small artefacts of a watched folder, tried and published", claim, shown, f">= {A_MINUTE:,}", a_minute >= A_MINUTE and taken == TRIALS, COMMAND)


def _refused(work: Path) -> Iterator[Result]:
    corpus, markers = work / "corpus", work / "markers"
    script = [sys.executable, str(kit.kit() / "hostile" / "make_hostile.py")]
    subprocess.run([*script, str(corpus), "--marker-dir", str(markers)], check=True, stdout=subprocess.DEVNULL)
    cases = [case for case in _cases(corpus) if case["group"] == "model" and case["expect"] in ("refuse", "error")]
    project = str(work / "hostile")
    subprocess.run([*kit.assay(), "init", project], check=True, stdout=subprocess.DEVNULL)
    opened = []
    for case in cases:
        file = str(corpus / case["file"])
        for command in (["trial", "run", file, "--model", "hostile", "--quick"], ["model", "bring", file, "--model", "hostile", "--target", "y", "--columns", "a,b"]):
            done = subprocess.run([*kit.assay(), *command, "--project", project], capture_output=True, check=False)
            if done.returncode != 2 or b"Traceback" in done.stderr:
                opened.append(f"{command[0]} {command[1]} {case['file']}")
    executed = subprocess.run([*script, "--check-markers", "--marker-dir", str(markers)], check=False, stdout=subprocess.DEVNULL).returncode
    shown = f"{2 * len(cases) - len(opened)} of {2 * len(cases)} calls refused, {'none' if not executed else 'SOME'} executed" + (f" (not refused: {', '.join(opened[:3])})" if opened else "")
    claim = "what would run code is refused by its bytes, and nothing runs"
    yield Result("artefacts of the hostile corpus", claim, shown, "all refused, none executed", bool(cases) and not opened and not executed, COMMAND)


def _cases(corpus: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines() if line]
