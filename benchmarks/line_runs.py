"""What a line costs: beside the bare functions on a million rows, and when nothing changed.

`ASSAY_LINE_ROWS` is the size of the large table (1,000,000).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import kit
import polars as pl
from process import Cost, cost
from results import Result

COMMAND = "make bench ONLY=line_runs"
ROWS = int(os.environ.get("ASSAY_LINE_ROWS", "1000000"))
ROUNDS = int(os.environ.get("ASSAY_LINE_ROUNDS", "3"))
MOST_TIMES, MOST_SECONDS = 1.35, 1.0

HEAD = """
import assayline
import polars as pl
from assayline import Table
line = assayline.Line("bikes")
line.source("{name}", "{pattern}", settle_seconds=0)
"""
STEPS = '''
import pandas as pd

{decorator}
def clean(rides: pd.DataFrame) -> pd.DataFrame:
    """Rides with times as times and their length in minutes."""
    frame = rides.copy()
    frame["started"] = pd.to_datetime(frame["started"], format="%Y-%m-%d %H:%M:%S")
    frame["ended"] = pd.to_datetime(frame["ended"], format="%Y-%m-%d %H:%M:%S")
    frame["minutes"] = (frame["ended"] - frame["started"]).dt.total_seconds() / 60
    frame["station"] = frame["station"].str.strip().str.title()
    return frame

{decorator}
def features(clean: pd.DataFrame) -> pd.DataFrame:
    """What a model of demand looks at: earlier rides of the same station."""
    frame = clean.sort_values(["station", "started"]).reset_index(drop=True)
    grouped = frame.groupby("station")
    frame["previous"] = grouped["minutes"].shift(1)
    frame["recent"] = grouped["minutes"].transform(lambda minutes: minutes.rolling(24, min_periods=1).mean())
    frame["spread"] = grouped["minutes"].transform(lambda minutes: minutes.rolling(24, min_periods=2).std())
    frame["rank"] = grouped["minutes"].rank()
    return frame

{decorator}
def hourly(features: pd.DataFrame) -> pd.DataFrame:
    """Rides by station and hour."""
    frame = features.assign(hour=features["started"].dt.floor("h"))
    return frame.groupby(["station", "hour"], as_index=False).agg(rides=("minutes", "size"), minutes=("minutes", "mean"), recent=("recent", "last"))
'''

BARE = """
import sys
{steps}
rides = pd.read_parquet(sys.argv[1])
for function in (clean, features, hourly):
    rides = function(rides)
    rides.to_parquet(f"{{sys.argv[2]}}/{{function.__name__}}.parquet")
"""


def run() -> list[Result]:
    """All of it."""
    with tempfile.TemporaryDirectory(dir=kit.cache()) as work:
        return [*_overhead(Path(work)), *_idle(Path(work))]


def rides(rows: int) -> pl.DataFrame:
    """Rides with nothing wrong, as they come from a station's log."""
    number = pl.int_range(0, rows, eager=True)
    noise = number.hash(3)
    started = (pl.lit(1_700_000_000) + number * 7).cast(pl.Int64)
    frame = pl.DataFrame({"ride": number, "station": ("station " + (noise % 97).cast(pl.String)), "bike": noise % 5_003, "length": 120 + noise % 3_001})
    frame = frame.with_columns(started=pl.from_epoch(started), ended=pl.from_epoch(started + pl.col("length").cast(pl.Int64)))
    return frame.with_columns(pl.col("started", "ended").dt.strftime("%Y-%m-%d %H:%M:%S"), price=(pl.col("length") * 0.05).round(2)).drop("length")


def _overhead(work: Path) -> Iterator[Result]:
    table = work / "rides.parquet"
    rides(ROWS).write_parquet(table)
    bare = work / "bare.py"
    bare.write_text(BARE.format(steps=STEPS.format(decorator="")))
    ratios, bares, lines = [], [], []
    for number in range(ROUNDS):
        out = work / f"bare{number}"
        out.mkdir()
        alone = cost([sys.executable, str(bare), str(table), str(out)])
        project = _project(work / f"line{number}", HEAD.format(name="rides", pattern="../rides*.parquet") + STEPS.format(decorator="@line.step"))
        whole = _checked(cost([*kit.assay(), "run", "--project", str(project)]))
        ratios.append(whole.wall_seconds / alone.wall_seconds)
        bares.append(alone)
        lines.append(whole)
    shown = f"{statistics.median(ratios):.2f} times ({_seconds(bares)} bare, {_seconds(lines)} with the line and its gates)"
    claim = f"a line of 3 pandas steps over {ROWS:,} rows, its source and results judged, beside the bare functions"
    yield Result(claim, "the gate stands between any two steps, and costs little beside them", shown, f"<= {MOST_TIMES}", statistics.median(ratios) <= MOST_TIMES, COMMAND)


def _seconds(runs: list[Cost]) -> str:
    return f"{statistics.median(run.wall_seconds for run in runs):.1f} s, {statistics.median(run.cpu_seconds for run in runs):.1f} s of processors"


def _idle(work: Path) -> Iterator[Result]:
    inputs = {1: "orders", 2: "s1", 3: "s1", 4: "s2", 5: "s4", 6: "orders", 7: "s6", 8: "s5", 9: "s8", 10: "s6", 11: "s10", 12: "s9"}
    step = "\n@line.step\ndef s{number}({one}: Table) -> Table:\n    return {one}.with_columns(c{number}=pl.lit({number}))\n"
    steps = "".join(step.format(number=number, one=one) for number, one in inputs.items())
    (work / "orders-1.csv").write_text("order,amount\n" + "".join(f"{number},{number % 7}\n" for number in range(200)))
    project = _project(work / "twelve", HEAD.format(name="orders", pattern="../orders-*.csv") + steps)
    _checked(cost([*kit.assay(), "run", "--project", str(project)]))
    runs = [_checked(cost([*kit.assay(), "run", "--project", str(project)])) for _ in range(5)]
    seconds = statistics.median(run.wall_seconds for run in runs)
    shown = f"{seconds:.2f} s ({statistics.median(run.cpu_seconds for run in runs):.2f} s of processors)"
    yield Result("assay run of a line of 12 steps when nothing changed", "only what changed runs", shown, f"< {MOST_SECONDS} s", seconds < MOST_SECONDS, COMMAND)


def _project(folder: Path, line: str) -> Path:
    subprocess.run([*kit.assay(), "init", str(folder)], check=True, stdout=subprocess.DEVNULL)
    (folder / "line.py").write_text(line)
    return folder


def _checked(run: Cost) -> Cost:
    if run.status not in (0, 1):
        raise RuntimeError(f"assay run ended with {run.status}: {run.err[-300:]}")
    return run
