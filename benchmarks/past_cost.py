"""What a long past costs: the time to a verdict with a thousand earlier lots, beside the time without any.

By the command line (small files that have to be read), and in one process with profiles that are already made, as a ledger keeps them.
"""

from __future__ import annotations

import datetime
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kit
import numpy as np
import polars as pl
from process import cost
from results import Result

COMMAND = "make bench ONLY=past_cost"
LOTS, ROWS, MOST_SECONDS, ROUNDS = 1_000, 200, 2.0, 3


def run() -> list[Result]:
    """All of it."""
    with tempfile.TemporaryDirectory() as work:
        return [*_small_files(Path(work)), *_regions(), *_profiles(Path(work)), *_wide()]


def orders(number: int, rng: np.random.Generator) -> pl.DataFrame:
    """One lot of 200 rows and 12 columns."""
    day = datetime.date(2021, 1, 1) + datetime.timedelta(days=number)
    hours, minutes = np.sort(rng.integers(0, 24, ROWS)), rng.integers(0, 60, ROWS)
    return pl.DataFrame(
        {
            "order": np.arange(number * 1_000, number * 1_000 + ROWS),
            "at": [f"{day} {hour:02d}:{minute:02d}:00" for hour, minute in zip(hours, minutes, strict=True)],
            "shop": rng.choice(["Lyon", "Bonn", "Gent", "Oslo", "Bari"], ROWS),
            "kind": rng.choice(["a", "b", "c"], ROWS, p=[0.6, 0.3, 0.1]),
            "amount": rng.lognormal(3, 0.5, ROWS).round(2),
            "pieces": rng.poisson(3, ROWS),
            "weight": rng.normal(50, 5, ROWS).round(1),
            "temp": rng.normal(20, 3, ROWS).round(1),
            "customer": rng.integers(1, 500, ROWS),
            "note": [f"order {number:04x}" for number in rng.integers(0, 65_000, ROWS)],
            "paid": rng.choice(["yes", "no"], ROWS, p=[0.9, 0.1]),
            "rate": rng.random(ROWS).round(4),
        }
    )


def added(new: Path, past: str) -> tuple[float, float]:
    """Median seconds of wall time without a past and with one; the two take turns."""
    alone, with_past = [], []
    for _ in range(ROUNDS):
        alone.append(_seconds([*kit.assay(), "scan", str(new), "--json"]))
        with_past.append(_seconds([*kit.assay(), "scan", str(new), "--past", past, "--json"]))
    return statistics.median(alone), statistics.median(with_past)


def _seconds(command: list[str]) -> float:
    run = cost(command, seconds=600)
    if run.status not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} ended with {run.status}: {run.err[-300:]}")
    return run.wall_seconds


def _result(what: str, alone: float, with_past: float) -> Result:
    return Result(f"{what}: seconds added to the verdict", "the past costs less than two seconds", f"{with_past - alone:.2f} s ({alone:.2f} s without, {with_past:.2f} s with)",
                  f"< {MOST_SECONDS:.0f} s", with_past - alone < MOST_SECONDS, COMMAND)  # fmt: skip


def _small_files(work: Path) -> Iterator[Result]:
    rng = np.random.default_rng(0)
    folder = work / "history"
    folder.mkdir()
    for number in range(LOTS):
        orders(number, rng).write_csv(folder / f"lot-{number:04d}.csv")
    new = work / "new.csv"
    orders(LOTS, rng).write_csv(new)
    yield _result(f"{LOTS:,} CSV files of {ROWS} rows x 12 columns", *added(new, str(folder / "*")))


def _regions() -> Iterator[Result]:
    days = sorted((kit.kit() / "data" / "seq_covid_it_regions").glob("20*.csv"))
    if len(days) < LOTS:
        return
    with tempfile.TemporaryDirectory() as work:
        for day in days[: LOTS + 1]:
            (Path(work) / day.name).write_bytes(day.read_bytes())
        new = Path(work) / days[LOTS].name
        new = new.rename(Path(work) / "new")  # the name order of a glob would put it into its own past
        yield _result(f"{LOTS:,} daily files of Italian regions (21 rows x 30 columns)", *added(new, f"{work}/20*.csv"))


def _profiles(work: Path) -> Iterator[Result]:
    """The judgement alone, by profiles that are made already."""
    from assayline.core import Past
    from assayline.scanning.table_scan import profile_of, scan_table
    from assayline.tables import open_table

    def profiled(path: Path) -> Any:
        table = open_table(str(path))
        try:
            return profile_of(table)
        finally:
            table.close()

    paths = sorted((work / "history").glob("*.csv"))
    made = tuple(profiled(path) for path in paths)
    pasts = {"without": Past(), "with": Past(made, tuple(path.name for path in paths))}
    seconds: dict[str, list[float]] = {name: [] for name in pasts}
    for _ in range(ROUNDS + 1):  # the first round pays for what is loaded once
        for name, past in pasts.items():
            table = open_table(str(work / "new.csv"))
            begun = time.perf_counter()
            scan_table(table, past)
            seconds[name].append(time.perf_counter() - begun)
            table.close()
    alone, with_past = (statistics.median(seconds[name][1:]) for name in ("without", "with"))
    yield _result(f"{LOTS:,} profiles of {ROWS} rows x 12 columns, already made", alone, with_past)


def _wide() -> Iterator[Result]:
    """Many columns and few lots: what the pairs of columns cost."""
    from assayline.core import Past
    from assayline.detectors.history import History
    from assayline.measures import profile

    rng = np.random.default_rng(1)
    lots = [profile(pl.DataFrame({f"c{column:04d}": rng.normal(column, 1 + column % 7, 200).round(3) for column in range(1_000)})) for _ in range(11)]
    begun = time.perf_counter()
    found = [one for one in History()(lots[-1], Past(tuple(lots[:-1]), tuple(map(str, range(10))))) if one.severity >= 0.3]
    took = time.perf_counter() - begun
    yield Result("200 rows x 1,000 columns against 10 lots: seconds of the judgement", "", f"{took:.1f} s, {len(found)} warnings", command=COMMAND)
