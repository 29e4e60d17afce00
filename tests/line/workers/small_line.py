"""A small line that is run for real: rides joined with the weather of their hour, scaled by a helper in a module of its own, added up by day."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from assayline.diagnosis import Component, Symptom
from assayline.diagnosis.symptom import METRIC
from assayline.ledger import records, run_records
from assayline.ledger.store import digest_of
from assayline.line.definition import Line, load_line
from assayline.line.project import Project
from assayline.line.running import Ran, run_line
from assayline.line.why.derivation import Derivation, derivation_of

LINE = """\
import polars as pl

import assayline
from assayline import Table
from helpers import scale

line = assayline.Line("bikes")
rides = line.source("rides", "incoming/rides-*.csv", time="hour")
weather = line.source("weather", "incoming/weather-*.csv", time="hour", key="station")
prices = line.source("prices", "prices.csv")


@line.step
def hourly(rides: Table, weather: Table) -> Table:
    return rides.join(weather.unique(["hour", "station"], keep="first", maintain_order=True), on=["hour", "station"], how="left", maintain_order="left")


@line.step
def scaled(hourly: Table, prices: Table, factor: float = 1.0) -> Table:
    price = prices.get_column("price").item(0)
    return hourly.with_columns(value=scale(pl.col("rentals") * factor) * price + pl.col("temperature").fill_null(0.0))


@line.step
def daily(scaled: Table) -> Table:
    day = pl.col("hour").cast(pl.String).str.slice(0, 10).alias("day")
    return scaled.group_by(day, maintain_order=True).agg(pl.col("value").mean(), pl.len().alias("rows"))
"""
HELPERS = """\
import os
import time
from pathlib import Path

OFFSET = 1.0


def scale(rentals):
    Path("seen" + ".txt").write_text("a step may write to its working folder")
    time.sleep(float(os.environ.get("SLOW_STEP", "0")))
    return rentals * 2.0 + OFFSET
"""
STATIONS = ("north", "south")


def hours(week: int) -> list[str]:
    start = datetime(2026, 3, 2) + timedelta(weeks=week)
    return [f"{start + timedelta(hours=6 * one):%Y-%m-%d %H:%M:%S}" for one in range(28)]


def rides_of(week: int) -> pl.DataFrame:
    every = [(number, hour, place, station) for number, hour in enumerate(hours(week)) for place, station in enumerate(STATIONS)]
    return pl.DataFrame([{"hour": hour, "station": station, "rentals": 20 + (7 * number + 3 * place + week) % 11} for number, hour, place, station in every])


def weather_of(week: int, warmer: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        [{"hour": hour, "station": station, "temperature": 10.0 + (5 * number + place + week) % 9 + warmer} for number, hour in enumerate(hours(week)) for place, station in enumerate(STATIONS)]
    )


def deliver(folder: Path, week: int, *, warmer: float = 0.0) -> None:
    (folder / "incoming").mkdir(exist_ok=True)
    rides_of(week).write_csv(folder / f"incoming/rides-{week:02}.csv")
    weather_of(week, warmer).write_csv(folder / f"incoming/weather-{week:02}.csv")


def write(folder: Path, *, line: str = LINE, helpers: str = HELPERS, price: float = 3.0) -> None:
    (folder / "line.py").write_text(line)
    (folder / "helpers.py").write_text(helpers)
    pl.DataFrame({"product": ["ride"], "price": [price]}).write_csv(folder / "prices.csv")


def loaded(project: Project) -> tuple[Line, str]:
    """The line as it is now; its modules are forgotten, so that the next one is read anew."""
    file = str(Path(project.folder) / "line.py")
    before = set(sys.modules)
    try:
        return load_line(file), file
    finally:
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(project.folder):
                del sys.modules[name]
        while project.folder in sys.path:
            sys.path.remove(project.folder)


def ran(project: Project) -> Ran:
    line, file = loaded(project)
    return run_line(project, line, file)


def newest(project: Project, flow: str, back: int = 0) -> Derivation:
    """How the newest lot that a step made came to be, or one that many before it."""
    with project.ledger.read() as connection:
        made = [one for one in run_records.runs(connection, step=flow, states=("done", "held")) if one.output is not None]
        return derivation_of(connection, int(made[-1 - back].output or 0))


def lots_of(project: Project, flow: str) -> list[int]:
    with project.ledger.read() as connection:
        return [one.lot for one in records.lots(connection, flow)]


def mean_value(symptom: Symptom, path: str | None, error: str) -> float | None:
    return None if path is None else float(pl.read_parquet(path)["value"].mean())  # type: ignore[arg-type]  # a column of numbers


def symptom_of(good: float, bad: float) -> Symptom:
    return Symptom(METRIC, "daily", "mean(value)", "The mean is another.", good, bad, good - abs(bad - good) / 4, good + abs(bad - good) / 4)


def files_of(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every file of a project outside the folder of replays."""
    every = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.relative_to(folder).parts[0] != "replays" and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): (digest_of(str(path)), path.stat().st_mtime_ns) for path in every}


def source(flow: str, lots: Sequence[int] = (), before: Sequence[int] = ()) -> Component:
    return Component("source", flow, "before", "now", detail={"lots": list(lots), "before_lots": list(before)})
