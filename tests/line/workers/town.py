"""A small line to ask about: rides of three stations with the weather of their hour, a day at a time; and what may go wrong with it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.line.definition import Line, load_line
from assayline.line.project import Project, create_project
from assayline.line.running import Ran, run_line

FIRST = date(2026, 3, 1)
DAYS = 7  # lots that are good
TEXT = '''\
import polars as pl

import assayline
from assayline import Table

line = assayline.Line("town")
rides = line.source("rides", "incoming/rides-*.parquet", time="hour", key="station", owner="ops@example.com")
weather = line.source("weather", "incoming/weather-*.parquet", time="hour", owner="weather@example.com")


def warmth(temperature: pl.Expr) -> pl.Expr:
    return (temperature - 10.0) / 10.0


@line.step
def hourly(rides: Table, weather: Table, factor: float = 1.0) -> Table:
    """Rides with what the weather lets expect."""
    joined = rides.join(weather, on=["hour", "station"], how="inner", maintain_order="left")
    return joined.with_columns(expected=factor * (20.0 + 8.0 * warmth(pl.col("temperature"))))


@line.step
def daily(hourly: Table) -> Table:
    """A row for each station."""
    return hourly.group_by("station", maintain_order=True).agg(pl.col("rentals").sum(), pl.col("expected").sum(), pl.col("temperature").mean())
'''


def rides_of(day: int) -> pl.DataFrame:
    """One day of rides: 24 hours at three stations."""
    draw = np.random.default_rng(2_000 + day)
    hours = _hours(day)
    expected = 20.0 + 8.0 * (_temperatures(day) - 10.0) / 10.0
    return hours.with_columns(rentals=pl.Series(np.maximum(0, np.rint(expected + draw.normal(0.0, 3.0, hours.height))).astype(np.int64)))


def weather_of(day: int) -> pl.DataFrame:
    """One day of weather at the stations, in °C."""
    return _hours(day).with_columns(temperature=pl.Series(np.round(_temperatures(day), 1)), humidity=pl.Series(np.random.default_rng(day).integers(40, 90, 72)))


def _hours(day: int) -> pl.DataFrame:
    start = pl.datetime(FIRST.year, FIRST.month, FIRST.day) + pl.duration(days=day)
    hours = pl.select(pl.datetime_range(start, start + pl.duration(hours=23), "1h").alias("hour"))
    return hours.join(pl.DataFrame({"station": [1, 2, 3]}), how="cross")


def _temperatures(day: int) -> npt.NDArray[np.float64]:
    draw = np.random.default_rng(8_000 + day)
    hour = np.repeat(np.arange(24), 3)
    return 12.0 + 5.0 * np.sin((hour - 9) / 24 * 2 * np.pi) + draw.normal(0.0, 1.0) + draw.normal(0.0, 0.8, 72)


def deliver(folder: Path, day: int, *, rides: pl.DataFrame | None = None, weather: pl.DataFrame | None = None) -> None:
    """One more day comes in."""
    name = (FIRST + timedelta(days=day)).isoformat()
    for flow, frame in (("rides", rides_of(day) if rides is None else rides), ("weather", weather_of(day) if weather is None else weather)):
        if frame.height:
            frame.write_parquet(folder / "incoming" / f"{flow}-{name}.parquet")


def edit(folder: Path, change: Callable[[str], str]) -> None:
    """Other code from now on."""
    file = folder / "line.py"
    before = file.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    file.write_text(after, encoding="utf-8")


def loaded(folder: Path) -> tuple[Line, str]:
    """The line of a folder, and its file."""
    file = str(folder / "line.py")
    line = load_line(file)
    sys.path[:] = [one for one in sys.path if one != str(folder)]
    return line, file


def run(project: Project) -> Ran:
    """One pass over the line."""
    line, file = loaded(Path(project.folder))
    return run_line(project, line, file)


@cache
def built(temporary: Path) -> Path:
    """A project in which all was well so far, below a folder; made once for all that copy it."""
    folder = temporary / "well"
    folder.mkdir()
    with create_project(str(folder / "town"), ledger="sqlite:///ledger.db") as project:
        (folder / "town" / "incoming").mkdir()
        (folder / "town" / "line.py").write_text(TEXT, encoding="utf-8")
        for day in range(DAYS):
            deliver(folder / "town", day)
        ran = run(project)
    assert ran.problems == []
    return folder / "town"


def copied(template: Path, folder: Path) -> Path:
    """A project of its own."""
    shutil.copytree(template, folder / "town")
    return folder / "town"
