"""Bike demand: rides of an hour and station, weather of two sites, a table of stations; a forecast and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from laboratory_line import LabLine, chance

START = datetime(2024, 5, 6)  # a Monday
STATIONS, HOURS = 8, 24
WORKDAY = (0.1, 0.05, 0.04, 0.04, 0.08, 0.3, 0.9, 1.9, 2.2, 1.2, 0.9, 1.0, 1.2, 1.1, 1.0, 1.2, 1.7, 2.4, 2.1, 1.5, 1.0, 0.7, 0.5, 0.3)
WEEKEND = (0.3, 0.2, 0.15, 0.1, 0.08, 0.1, 0.2, 0.4, 0.7, 1.1, 1.5, 1.8, 2.0, 2.1, 2.1, 2.0, 1.8, 1.6, 1.4, 1.1, 0.8, 0.6, 0.5, 0.4)
DISTRICTS = ("Harbour", "Old Town", "University")

LINE = '''\
"""From the rides of a day to the errors of their forecast."""

import polars as pl
from seasons import PROFILE, WEEKEND

import assayline
import feelslike
from assayline import Table

line = assayline.Line("bikes")
rides = line.source("rides", "incoming/rides-*.csv", time="hour", key="station", owner="ops@example.com", settle_seconds=0)
weather = line.source("weather", "incoming/weather-*.csv", time="hour", key="site", owner="weather@example.com", external=True, settle_seconds=0)
stations = line.source("stations", "incoming/stations-*.csv", snapshot=True, owner="assets@example.com", settle_seconds=0)


@line.step
def hourly(rides: Table, weather: Table, stations: Table) -> Table:
    """Rides of an hour and a station with the weather of the nearest site."""
    known = weather.unique(["hour", "site"], keep="last", maintain_order=True)
    placed = rides.join(stations.select("station", "district", "capacity", "site"), on="station", how="left", maintain_order="left")
    return placed.join(known, on=["hour", "site"], how="left", maintain_order="left").with_columns(pl.col("rain_mm").fill_null(0.0))


@line.step(takes={"hourly": "each", "rides": "all"})
def features(hourly: Table, rides: Table, days: int = 4) -> Table:
    """What is known of an hour beforehand: its place in the week, how the weather feels, and the same hour on the days before."""
    made = hourly.with_columns(pl.col("hour").dt.hour().alias("clock"), (pl.col("hour").dt.weekday() >= 6).alias("weekend"))
    felt = feelslike.felt(made["temperature_c"].to_list(), made["wind_kmh"].to_list())
    made = made.with_columns(pl.Series("felt_c", felt, dtype=pl.Float64))
    first = made["hour"].min()
    before = rides.filter((pl.col("hour") < first) & (pl.col("hour") >= first - pl.duration(days=days)))
    level = before.group_by("station", maintain_order=True).agg(pl.col("rentals").mean().alias("usual"))
    return made.join(level, on="station", how="left", maintain_order="left").with_columns(pl.col("usual").fill_null(pl.col("capacity") * 0.45))


@line.step
def forecast(features: Table, trust: float = 0.8, best_c: float = 20.0) -> Table:
    """Rentals as they are expected: the level of the station, the hour of the week, the weather."""
    profile = pl.when(pl.col("weekend")).then(pl.col("clock").replace_strict(WEEKEND)).otherwise(pl.col("clock").replace_strict(PROFILE))
    level = trust * pl.col("usual") + (1 - trust) * pl.col("capacity") * 0.45
    comfort = (1 - 0.02 * (pl.col("felt_c").fill_null(15.0) - best_c).abs()).clip(0.2, 1.0)
    wet = pl.when(pl.col("rain_mm") > 0.5).then(0.6).otherwise(1.0)
    return features.with_columns((level * profile * comfort * wet * 1.15).round(2).alias("prediction"))


@line.step
def errors(forecast: Table) -> Table:
    """What was expected and what came."""
    return forecast.select("hour", "station", "district", "rentals", "prediction", (pl.col("prediction") - pl.col("rentals")).round(2).alias("error"))
'''

SEASONS = f'''\
"""How rentals are spread over the hours of a day."""

PROFILE = dict(enumerate({WORKDAY!r}))
WEEKEND = dict(enumerate({WEEKEND!r}))
'''

FELT = '''\
"""How a temperature feels in the wind."""


def felt(temperature, wind):
    """From degrees Celsius and km/h."""
    return [None if t is None or w is None else t - 0.12 * w * {factor} * (20 - t) / 20 if t < 20 else t for t, w in zip(temperature, wind)]
'''

# 2.0 takes the wind in m/s, as its notes of release say and nobody read; 1.1 is 1.0 with other words.
VERSIONS = {"1.0": FELT.format(factor=1), "1.1": FELT.format(factor=1).replace("feels in the wind", "feels in wind"), "2.0": FELT.format(factor=3.6)}


def deliver(seed: int, day: int, world: Mapping[str, float]) -> Mapping[str, pl.DataFrame]:
    """What the sources deliver on one day.

    Args:
        seed: of the city.
        day: 1 is the first.
        world: `demand`: so many times the usual rentals; `event`: more rentals in the evening; `storm`: cold and wet beyond what was seen, and people stay at home;
            `commuters`: they ride at noon; `new_stations`: so many more; `moved`: demand moves from the first district to the others.
    """
    start = START + timedelta(days=day - 1)
    table = _stations(seed, day, int(world.get("new_stations", 0)))
    weather = _weather(seed, day, start, world.get("storm", 0.0))
    made = {"rides": _rides(seed, day, start, table, weather, world), "weather": weather.drop("felt_c")}
    changed = day in (1, 6) or world.get("new_stations", 0) or world.get("stations", 0)
    return made | ({"stations": table.drop("popular", "place")} if changed else {})


def _stations(seed: int, day: int, more: int) -> pl.DataFrame:
    rng = chance(seed, 0, "stations")
    count = STATIONS + more
    capacity = rng.integers(16, 41, count + 8)[:count]
    popular = np.exp(rng.normal(0, 0.25, count + 8))[:count]
    if more:
        popular[STATIONS:] *= 2.5
    place = np.arange(count) % len(DISTRICTS)
    grown = 2 * ((np.arange(count) == 3) & (day >= 6))  # two more docks at one station, in the second week
    return pl.DataFrame(
        {
            "station": [f"S{number + 1:02}" for number in range(count)], "name": [f"{DISTRICTS[part]} {number + 1}" for number, part in enumerate(place)],
            "district": [DISTRICTS[part] for part in place], "capacity": capacity + grown, "site": ["north" if number % 2 else "south" for number in range(count)],
            "popular": popular, "place": place,
        }
    )  # fmt: skip


def _weather(seed: int, day: int, start: datetime, storm: float) -> pl.DataFrame:
    temperature = 16.0
    for earlier in range(1, day + 1):  # each day is like the one before
        temperature = 16.0 + 0.7 * (temperature - 16.0) + chance(seed, earlier, "temperature").normal(0, 2.0)
    rng = chance(seed, day, "weather")
    hours = np.arange(HOURS)
    wet = (rng.random() < 0.3) or storm > 0
    rows = []
    for site, offset in (("south", 0.8), ("north", -0.8)):
        warm = temperature + offset + 5 * np.sin((hours - 9) / 24 * 2 * np.pi) + rng.normal(0, 0.5, HOURS) - 14 * storm
        wind = rng.gamma(4, 3.0, HOURS) * (1 + 2 * storm)
        rain = np.where(rng.random(HOURS) < (0.35 if wet else 0.02) + 0.5 * storm, rng.exponential(1.5 + 8 * storm, HOURS), 0.0)
        rows.append(
            pl.DataFrame(
                {
                    "hour": [start + timedelta(hours=int(hour)) for hour in hours], "site": [site] * HOURS, "temperature_c": warm.round(1),
                    "humidity_percent": np.clip(rng.normal(60 + 25 * wet, 8, HOURS), 20, 100).round().astype(int),
                    "wind_kmh": wind.round(1), "rain_mm": rain.round(1), "felt_c": np.where(warm < 20, warm - 0.12 * wind * (20 - warm) / 20, warm),
                }
            )
        )  # fmt: skip
    return pl.concat(rows).sort("hour", "site")


def _rides(seed: int, day: int, start: datetime, stations: pl.DataFrame, weather: pl.DataFrame, world: Mapping[str, float]) -> pl.DataFrame:
    rng = chance(seed, day, "rides")
    profile = np.array(WEEKEND if start.weekday() >= 5 else WORKDAY)
    if world.get("commuters"):
        profile = np.roll(profile, int(world["commuters"]))
    if world.get("event"):
        profile = profile + world["event"] * (np.arange(HOURS) >= 18)
    mood = float(np.exp(rng.normal(0, 0.06))) * world.get("demand", 1.0)
    rows = []
    for station in stations.iter_rows(named=True):
        felt, rain = (weather.filter(pl.col("site") == station["site"])[name].to_numpy() for name in ("felt_c", "rain_mm"))
        moved = world.get("moved", 0.0)
        mix = 1.0 if not moved else 1 - moved if station["place"] == 0 else 1 + moved
        expected = station["capacity"] * 0.5 * station["popular"] * profile * np.clip(1 - 0.02 * np.abs(felt - 20), 0.2, 1) * np.where(rain > 0.5, 0.6, 1) * mood * mix
        rentals = rng.poisson(np.maximum(expected, 0.01))
        rows.append(
            pl.DataFrame(
                {
                    "hour": [start + timedelta(hours=hour) for hour in range(HOURS)], "station": [station["station"]] * HOURS, "rentals": rentals,
                    "returns": rng.poisson(np.maximum(expected, 0.01)), "members": rng.binomial(rentals, 0.7), "minutes": _minutes(rng, rentals),
                }
            )
        )  # fmt: skip
    return pl.concat(rows).sort("hour", "station")


def _minutes(rng: np.random.Generator, rentals: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.array([round(float(rng.gamma(8 * max(1, count), 1.6)), 1) if count else 0.0 for count in rentals])


BIKES = LabLine(
    "bikes", {"line.py": LINE, "seasons.py": SEASONS}, deliver, ("stations",), "errors", "mae(prediction, rentals)", "feelslike", VERSIONS,
    used_in={"seasons.py": "forecast", "package": "features"},
)  # fmt: skip
