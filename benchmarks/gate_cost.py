"""What the gate costs: beside a scan of the same file, for a thousand small lots in one flow, and in bytes of ledger and store.

`ASSAY_GATE_ROWS` is the size of the large table (1,000,000), `ASSAY_GATE_LOTS` the number of small lots: 160 by default, since all that come after the 61st
cost the same; the promise is about 1,000.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import kit
import numpy as np
import past_cost
import polars as pl
from process import Cost, cost
from results import Result

COMMAND = "make bench ONLY=gate_cost"
TABLE_ROWS = int(os.environ.get("ASSAY_GATE_ROWS", "1000000"))
LOTS = int(os.environ.get("ASSAY_GATE_LOTS", "160"))
ROUNDS = int(os.environ.get("ASSAY_GATE_ROUNDS", "2"))
LOT_ROWS, PAST, PROMISED_LOTS, PROMISED_SECONDS = 1_000, 60, 1_000, 180.0
MOST_TIMES = 1.3


def run() -> list[Result]:
    """All of it."""
    with tempfile.TemporaryDirectory(dir=kit.cache()) as work:
        return [*_beside_a_scan(Path(work)), *_small_lots(Path(work))]


def table() -> Path:
    """The retail table of the kit, of `ASSAY_GATE_ROWS` rows, as Parquet."""
    script = kit.kit() / "speed" / "make_tables.py"
    command = [sys.executable, str(script), "--rows", str(TABLE_ROWS), "--srows", "1000", "--out", "{out}"]
    return kit.built(f"gate-{TABLE_ROWS}", command, in_folder=script.parent, makes="w.parquet") / "w.parquet"


def project(folder: Path) -> Path:
    """A new project in a folder."""
    subprocess.run([*kit.assay(), "init", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


def gated(paths: list[str], flow: str, folder: Path) -> Cost:
    """One `assay gate`, measured."""
    run = cost([*kit.assay(), "gate", flow, *paths, "--project", str(folder), "--json"])
    if run.status not in (0, 1):
        raise RuntimeError(f"assay gate ended with {run.status}: {run.err[-300:]}")
    return run


def _median(runs: list[Cost]) -> tuple[float, float]:
    return statistics.median(run.wall_seconds for run in runs), statistics.median(run.cpu_seconds for run in runs)


def _beside_a_scan(work: Path) -> Iterator[Result]:
    splits = table()
    document = json.loads(gated([str(splits)], "w", project(work / "first")).out)
    sound = work / "sound.parquet"
    shutil.copy(document["released"], sound)
    shutil.rmtree(work / "first")
    for path in (splits, sound):
        as_csv = work / f"{path.stem}.csv"
        pl.read_parquet(path).write_csv(as_csv)
        for given in (path, as_csv):
            yield from _one(given, work)
        as_csv.unlink()


def _one(path: Path, work: Path) -> Iterator[Result]:
    scans, gates, document = [], [], {}
    for number in range(ROUNDS):
        scans.append(cost([*kit.assay(), "scan", str(path), "--json"]))
        gates.append(gated([str(path)], "w", project(work / f"p{number}")))
        document = json.loads(gates[-1].out)
        if number < ROUNDS - 1:
            shutil.rmtree(work / f"p{number}")
    written = [pl.read_parquet(document[kind]) for kind in ("released", "quarantined", "held") if document[kind]]
    shutil.rmtree(work / f"p{ROUNDS - 1}")
    walls, busy = [], []
    for _ in range(max(2, ROUNDS)):
        begun, spent = time.perf_counter(), time.process_time()
        for frame in written:
            frame.write_parquet(work / "again.parquet", compression="zstd", compression_level=1)
        walls.append(time.perf_counter() - begun)
        busy.append(time.process_time() - spent)
    scan, gate, writing = _median(scans), _median(gates), (statistics.median(walls), statistics.median(busy))
    what = f"{path.suffix[1:]} of {document['rows']['taken'] / 1e6:.3g} M rows, verdict {document['verdict']}"
    for place, name in enumerate(("wall", "processor")):
        times = (gate[place] - writing[place]) / scan[place]
        yield Result(
            f"{what}: assay gate less the writing, times assay scan, {name} time", "the gate costs a scan, a little, and the writing",
            f"{times:.2f} (gate {gate[place]:.2f} s, scan {scan[place]:.2f} s, Polars writes the same rows in {writing[place]:.2f} s)",
            f"<= {MOST_TIMES}", times <= MOST_TIMES, COMMAND,
        )  # fmt: skip


def small_lots(folder: Path, lots: int, rows: int = LOT_ROWS) -> list[str]:
    """CSV files of 12 columns, each a lot of the same flow."""
    past_cost.ROWS = rows
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(lots):
        past_cost.orders(number, rng).write_csv(folder / f"lot-{number:04d}.csv")
    return [str(folder / f"lot-{number:04d}.csv") for number in range(lots)]


def _small_lots(work: Path) -> Iterator[Result]:
    from assayline.ledger import records
    from assayline.line.project import open_project

    folder = project(work / "many")
    ran = gated(small_lots(work / "in", LOTS), "orders", folder)
    said = [json.loads(line) for line in ran.out.splitlines()]
    verdicts = {verdict: sum(one["verdict"] == verdict for one in said) for verdict in dict.fromkeys(one["verdict"] for one in said)}
    with open_project(str(folder)) as opened, opened.ledger.read() as connection:
        lots = records.lots(connection, "orders")
    if LOTS >= PROMISED_LOTS:
        whole, how = ran.wall_seconds, "measured"
    else:
        import datetime

        at = [datetime.datetime.fromisoformat(lot.at) for lot in lots]
        steady = (at[-1] - at[PAST]).total_seconds() / (len(at) - 1 - PAST)
        whole, how = ran.wall_seconds + steady * (PROMISED_LOTS - LOTS), f"from {LOTS} lots, {steady:.3f} s for each after the {PAST + 1}th"
    yield Result(
        f"{PROMISED_LOTS:,} CSV files of {LOT_ROWS:,} rows x 12 columns through one assay gate, one flow: seconds", "a thousand small lots take less than three minutes",
        f"{whole:.0f} s ({how}; {ran.cpu_seconds / LOTS:.2f} s of processor time a lot; verdicts {verdicts})", f"< {PROMISED_SECONDS:.0f} s", whole < PROMISED_SECONDS, COMMAND,
    )  # fmt: skip
    source = sum(file.stat().st_size for file in (work / "in").iterdir())
    ledger = sum(file.stat().st_size for file in folder.glob("ledger.db*"))
    by_kind: dict[str, int] = {}
    with open_project(str(folder)) as opened:
        for lot in lots:
            for kind, digest in lot.objects.items():
                by_kind[kind] = by_kind.get(kind, 0) + os.path.getsize(opened.store.path(digest))
    each = PROMISED_LOTS / LOTS / 1e6
    yield Result(f"ledger after {PROMISED_LOTS:,} such lots, MB", "", f"{ledger * each:.1f} MB ({ledger / LOTS:,.0f} bytes a lot)", command=COMMAND)
    parts = ", ".join(f"{kind} {size * each:.1f}" for kind, size in by_kind.items())
    yield Result(f"store after {PROMISED_LOTS:,} such lots, MB", "", f"{sum(by_kind.values()) * each:.1f} MB ({parts}; the CSV files have {source * each:.1f})", command=COMMAND)
