"""The bike line: from two deliveries a week to what is known a day ahead about each hour.

    rides-*.csv ───┐
                   ├──▶ hourly ──▶ daily
    weather-*.csv ─┘       └─────▶ demand

An arrow is a gate: what passes along it is judged, and rows that are wrong stay behind. A function here is plain Python. Its parameters name what it reads, its
name is what it makes; it can be called and tested like any other function. Run it with `assay run`, draw it with `assay line show --svg line.svg`.
"""

from __future__ import annotations

import os

import polars as pl

import assayline
from assayline import Table

line = assayline.Line("bikes")

# Where things come from. One file a week each; a file is one lot. On a laptop that is a folder of the project, elsewhere an address such as s3://bucket/incoming.
INCOMING = os.environ.get("INCOMING", "incoming")
rides = line.source("rides", f"{INCOMING}/rides-*.csv", time="hour", owner="rentals@example.com")
weather = line.source("weather", f"{INCOMING}/weather-*.csv", time="hour", owner="weather@example.com", external=True)


@line.step
def hourly(rides: Table, weather: Table) -> Table:
    """Rides with the weather of their hour.

    Runs once for each lot of rides (its first input), with all weather there is. An hour whose weather was put aside keeps its rides; its weather is empty.
    """
    return rides.join(weather.unique("hour"), on="hour", how="left", maintain_order="left")


# A step can be SQL. One row a day.
line.sql(
    "daily",
    """
    SELECT cast(hour AS date) AS day, any_value(working_day) AS working_day, sum(rentals)::BIGINT AS rentals, round(avg(temperature_c), 1) AS temperature_c
    FROM hourly
    GROUP BY day
    ORDER BY day
    """,
)


@line.step(takes={"hourly": "all"}, uses={"hourly": ["hour", "working_day", "rentals"]})
def demand(hourly: Table, lags_hours: list[int] = [24, 168]) -> Table:  # noqa: B006 - a parameter of a step is a plain value
    """For each hour its rentals, and what was known of them a day before: the rentals of the same hour yesterday and a week ago.

    Takes all hours at once, since a lag looks back beyond the lot. It uses three columns only: trouble with the weather cannot reach it.

    Args:
        hourly: one row an hour.
        lags_hours: how far to look back; 24 or more, so that nothing is used that tomorrow does not know yet.
    """
    known = hourly.select("hour", "rentals").unique("hour")
    made = hourly.select("hour", "working_day", "rentals")
    for lag in lags_hours:
        earlier = known.select(pl.col("hour") + pl.duration(hours=lag), pl.col("rentals").alias(f"rentals_{lag}_hours_ago"))
        made = made.join(earlier, on="hour", how="left", maintain_order="left")
    return made.filter(pl.all_horizontal(pl.exclude("hour", "working_day").is_not_null()))
