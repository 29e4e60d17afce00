"""Other tools on the same tables and lots, in one run: how much of what is found here they find, and how often they are wrong.

Nothing is tuned for or against them: each does what its documentation shows first. The lots are a sample of the suite (each n-th case, all kinds of faults);
ours are judged on the same sample. Tools live in environments of their own, made on demand in the cache folder; one that cannot be installed is listed as such.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cells
import kit
import lots
from results import Result
from speed import Peer, python_of

COMMAND = "make bench ONLY=peers"
EVERY = int(os.environ.get("ASSAY_PEERS_EVERY", "8"))  # of the cases of the suite
TABLES = ("hospital", "flights", "beers", "kd_pima", "kd_adult")
CELLS = Peer("ECOD, IsolationForest, Datalab, pandera", ("pyod", "cleanlab[datalab]", "pandera[pandas]", "scikit-learn", "pandas<3", "setuptools<81"), "", 10**9)
LOTS = Peer("robust z, k nearest lots, pandera", ("pandera[pandas]", "pandas", "numpy"), "", 10**9)
METHODS = {
    "ecod": "PyOD ECOD, the most extreme cell of each accused row", "iforest": "PyOD IForest, rows", "datalab": "cleanlab Datalab, rows",
    "pandera": "pandera, schema inferred from the first half",
}  # fmt: skip
VERSIONS = "import importlib.metadata as m, sys; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
# A schema inferred from the past lots, which the new lot is checked against: dtypes, ranges, nullability, and the values of small categories.
SCHEMA = r"""
import csv, json, sys, warnings
warnings.filterwarnings("ignore")
import pandas as pd, pandera.pandas as pa
for line in sys.stdin:
    case = json.loads(line)
    read = lambda path: pd.read_csv(path, dtype=None, keep_default_na=True, low_memory=False)
    try:
        past = pd.concat([read(path) for path in case["past"]], ignore_index=True)
        schema = pa.infer_schema(past)
        for name in list(schema.columns):
            values = past[name].dropna().unique()
            if past[name].dtype == object and len(values) <= 50:
                schema = schema.update_column(name, checks=[pa.Check.isin(list(values))])
        schema = pa.DataFrameSchema(schema.columns, strict=True)
        schema.validate(read(case["new"]), lazy=True)
        accused = []
    except pa.errors.SchemaErrors as error:
        accused = sorted({str(name) for name in error.failure_cases["column"].dropna()} & set(past.columns)) or ["*"]
    except Exception as error:
        accused = ["*"]
    print(json.dumps({"case": case["case"], "columns": accused}), flush=True)
"""


def run() -> list[Result]:
    """Cells, then lots."""
    return [*_cells(), *_lots()]


def _cells() -> Iterator[Result]:
    ours = {name: members for name, members in cells.tables().items() if name in TABLES}
    for name, members in ours.items():
        yield Result(f"cells, {name}: assay scan, F1", "", f"{cells.f1(*cells.total(members)):.3f}", command=COMMAND)
    try:
        python = python_of(CELLS, "cells")
    except kit.Missing as lack:
        yield Result("cells: other tools", "", str(lack), command=COMMAND)
        return
    yield Result("cells: versions of the other tools", "", _versions(python, "pyod", "cleanlab", "pandera", "scikit-learn"), command=COMMAND)
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import baselines_cells as b, score_cells as sc\n"
        "for name in sys.argv[2:]:\n"
        "    d = f'{sys.argv[1]}/data/{name}'; import os\n"
        "    truth = f'{d}/clean.csv' if os.path.exists(f'{d}/clean.csv') else f'{d}/truth_cells.csv'\n"
        "    head, n, E, A = sc.truth(f'{d}/dirty.csv', truth, 'raha'); _, D = sc.read(f'{d}/dirty.csv'); C = [list(c) for c in zip(*D)]\n"
        "    for method in ('ecod', 'iforest', 'datalab', 'pandera'):\n"
        "        try:\n"
        "            found = getattr(b, 'm_' + method)(*((D, C, head) if method == 'pandera' else (D, C)))\n"
        "        except Exception as error:\n"
        "            print(json.dumps([name, method, None, None, repr(error)[:120]]), flush=True); continue\n"
        "        if found is None:\n"
        "            print(json.dumps([name, method, None, None, 'more rows than it is run on']), flush=True); continue\n"
        "        F, R = found if isinstance(found, tuple) else (found, None)\n"
        "        F = set(F) - A; e, f, _ = sc.drop_majority(n, E, F, .5); rows = {i for i, _ in E}\n"
        "        cell = 2 * len(e & f) / max(1, len(e) + len(f)) if F else None\n"
        "        row = 2 * len(R & rows) / max(1, len(R) + len(rows)) if R is not None else None\n"
        "        print(json.dumps([name, method, cell, row, '']), flush=True)\n"
    )
    done = subprocess.run([str(python), "-c", script, str(kit.kit()), *ours], capture_output=True, text=True, check=False, timeout=3_600)
    for line in done.stdout.splitlines():
        name, method, cell, row, why = json.loads(line)
        shown = [f"{cell:.3f}" if cell is not None else "", f"rows {row:.3f}" if row is not None else "", why]
        yield Result(f"cells, {name}: {METHODS[method]}, F1", "", "; ".join(one for one in shown if one), command=COMMAND)
    if done.returncode:
        yield Result("cells: other tools", "", f"ended with {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1][:200]}", command=COMMAND)


def _lots() -> Iterator[Result]:
    suite, judged, verdicts = lots.judged_suite()
    sample = [case for number, case in enumerate(judged) if number % EVERY == 0]
    yield _rates("assay scan", sample, {case["case"]: _columns(verdicts[case["case"]]) for case in sample})
    try:
        python = python_of(LOTS, "lots")
    except kit.Missing as lack:
        yield Result("lots: other tools", "", str(lack), command=COMMAND)
        return
    yield Result("lots: versions of the other tools", "", _versions(python, "pandera", "pandas", "numpy"), command=COMMAND)
    yield from _metrics(python, suite, sample)
    asked = "".join(json.dumps({"case": case["case"], "new": str(suite / case["new"]), "past": lots.history(case)}) + "\n" for case in sample)
    done = subprocess.run([str(python), "-c", SCHEMA], input=asked, capture_output=True, text=True, check=False, timeout=3_600)
    if done.returncode:
        yield Result("lots: pandera, schema inferred from the past", "", f"ended with {done.returncode}: {done.stderr[-200:]}", command=COMMAND)
        return
    said = {one["case"]: one["columns"] for one in map(json.loads, done.stdout.splitlines())}
    yield _rates("pandera, schema inferred from the past lots", sample, said)


def _metrics(python: Path, suite: Path, sample: list[dict[str, Any]]) -> Iterator[Result]:
    """A robust z-score over ten numbers a column, and the mean distance to the five nearest lots, by the kit's script."""
    folder = kit.cache() / "peers-lots"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with (folder / "suite_blind.jsonl").open("w", encoding="utf-8") as file:
        for case in sample:
            file.write(json.dumps({key: case[key] for key in ("case", "history_from", "at", "seq")} | {"new": str(suite / case["new"])}) + "\n")
    done = subprocess.run([str(python), str(kit.kit() / "baseline_batches.py"), str(folder)], capture_output=True, text=True, check=False, timeout=3_600)
    if done.returncode:
        yield Result("lots: metrics of profiles", "", f"ended with {done.returncode}: {done.stderr[-200:]}", command=COMMAND)
        return
    for name, words in (("z", "robust z over ten metrics a column, threshold 8"), ("knn", "mean distance to the 5 nearest lots, 99 % of the past")):
        with (folder / f"verdicts_{name}.csv").open(newline="", encoding="utf-8") as file:
            said = {row["case"]: (row["columns"].split("|") if row["columns"] else ["*"]) if row["alarm"] == "1" else [] for row in csv.DictReader(file)}
        yield _rates(words, sample, said)


def _columns(judged: lots.Judged) -> list[str]:
    return list(dict.fromkeys(name for _, _, names in judged.warnings for name in names)) or (["*"] if judged.verdict != "release" else [])


def _rates(who: str, sample: list[dict[str, Any]], said: dict[str, list[str]]) -> Result:
    shares = []
    for severity in ("gross", "medium", "subtle"):
        members = [case for case in sample if case["truth"]["fault"] and case["truth"]["severity"] == severity]
        shares.append(f"{severity} {sum(bool(said.get(case['case'])) for case in members) / max(1, len(members)):.1%}")
    faulty = [case for case in sample if case["truth"]["fault"]]
    sound = [case for case in sample if not case["truth"]["fault"]]
    noticed = sum(bool(said.get(case["case"])) for case in faulty)
    located = [bool(set(said[case["case"]]) & set(case["truth"]["columns"])) for case in faulty if said.get(case["case"]) and case["truth"]["columns"]]
    false = sum(bool(said.get(case["case"])) for case in sound)
    figure = f"{noticed / max(1, len(faulty)):.1%} of {len(faulty)} noticed ({', '.join(shares)}), {false / max(1, len(sound)):.1%} of {len(sound)} sound lots accused"
    figure += f", right column in {sum(located) / max(1, len(located)):.1%}"
    return Result(f"lots: {who}", "", figure, command=COMMAND)


def _versions(python: Path, *names: str) -> str:
    done = subprocess.run([str(python), "-c", VERSIONS, *names], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()[-200:]
