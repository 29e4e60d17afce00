"""Sensor alarms: readings of half a day by device, a table of devices, a file of weights, tickets of what was really found; alarms and whether they were right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from laboratory_line import LabLine, chance

START = datetime(2024, 9, 2)
DEVICES, EVERY, WINDOW = 16, 15, 12  # minutes, hours
KINDS = ("pump", "fan", "press")
USUAL = {"pump": (52.0, 2.4, 6.1), "fan": (44.0, 3.4, 1.1), "press": (61.0, 4.6, 9.0)}

LINE = '''\
"""From readings to alarms, and whether they were right."""

import json
from pathlib import Path

import polars as pl

import assayline
import smoothing
from assayline import Table

line = assayline.Line("sensors")
readings = line.source("readings", "incoming/readings-*.csv", time="time", key="device", owner="plant@example.com", settle_seconds=0)
tickets = line.source("tickets", "incoming/tickets-*.csv", time="hour", key="device", owner="service@example.com", settle_seconds=0)
devices = line.source("devices", "incoming/devices-*.csv", snapshot=True, owner="assets@example.com", settle_seconds=0)


@line.step
def calibrated(readings: Table, devices: Table, oldest_minutes: int = 0) -> Table:
    """Readings in units of what is usual for the kind of device."""
    known = readings.unique(["time", "device"], keep="first", maintain_order=True)
    made = known.join(devices.select("device", "kind", "plant", "gain", "offset_c", "usual_c", "usual_mm_s"), on="device", how="left", maintain_order="left")
    return made.with_columns(
        ((pl.col("temperature_c") * pl.col("gain") + pl.col("offset_c")) - pl.col("usual_c")).round(3).alias("warmer_c"),
        (pl.col("vibration_mm_s") / pl.col("usual_mm_s")).round(4).alias("vibration"),
        pl.col("pressure_bar").fill_null(strategy="forward").alias("pressure_bar"),
    )


@line.step
def rolling(calibrated: Table, window: int = 4) -> Table:
    """Means of the last readings of a device, by the hour."""
    ordered = calibrated.sort("device", "time", maintain_order=True)
    made = []
    for _, one in ordered.group_by("device", maintain_order=True):
        made.append(one.with_columns(pl.Series(name, smoothing.mean(one[name].to_list(), window), dtype=pl.Float64) for name in ("warmer_c", "vibration")))
    return pl.concat(made).filter(pl.col("time").dt.minute() == 45).with_columns(pl.col("time").dt.truncate("1h").alias("hour"))


@line.step
def alarms(rolling: Table, threshold: float = 3.0, lag: int = 0) -> Table:
    """Hours of a device in which something is wrong."""
    weights = json.loads((Path(__file__).parent / "weights.json").read_text(encoding="utf-8"))
    score = weights["warmer_c"] * pl.col("warmer_c") + weights["vibration"] * (pl.col("vibration") - 1)
    made = rolling.with_columns(score.round(3).alias("score"))
    return made.with_columns((pl.col("score") > threshold).fill_null(False).cast(pl.Int64).alias("alarm")).select("hour", "device", "kind", "plant", "score", "alarm")


@line.step
def judged(alarms: Table, tickets: Table) -> Table:
    """Each hour of a device: whether there was an alarm, and whether something was found."""
    found = tickets.select("hour", "device", "cause").unique(["hour", "device"], keep="first", maintain_order=True)
    made = alarms.join(found, on=["hour", "device"], how="left", maintain_order="left")
    return made.with_columns((pl.col("cause").fill_null("none") != "none").cast(pl.Int64).alias("confirmed"))
'''

WEIGHTS = '{"warmer_c": 0.4, "vibration": 3.2}\n'

MEAN = '''\
"""Means over the last values."""


def mean(values, count):
    """Of the last so many values, this one included; what is missing is left out."""
    made = []
    for place in range(len(values)):
        known = [one for one in values[max(0, place - count + 1) : place + 1] if one is not None]
        made.append({result} if known else None)
    return made
'''

# 2.0 gives the sum of squares' root, "energy", where the mean stood.
VERSIONS = {
    "1.0": MEAN.format(result="sum(known) / len(known)"), "1.1": MEAN.format(result="sum(known) / len(known)").replace("Means over", "The means over"),
    "2.0": MEAN.format(result="max(known)"),
}  # fmt: skip


def deliver(seed: int, day: int, world: Mapping[str, float]) -> Mapping[str, pl.DataFrame]:
    """What the sources deliver in one window.

    Args:
        seed: of the plant.
        day: the number of the window, from 1; two a day.
        world: `trouble`: so many times as many things break; `heat`: so many degrees more everywhere; `presses`: so many new devices of a kind that behaves differently;
            `load`: more vibration everywhere; `unreported`: this share of what is found is not written down.
    """
    start = START + timedelta(hours=WINDOW * (day - 1))
    table = _devices(seed, int(world.get("presses", 0)), day)
    rng = chance(seed, day, "readings")
    times = [start + timedelta(minutes=EVERY * step) for step in range(WINDOW * 60 // EVERY)]
    clock = np.array([one.hour + one.minute / 60 for one in times])
    ambient = 2.0 * np.sin((clock - 9) / 24 * 2 * np.pi) + rng.normal(0, 0.5) + world.get("heat", 0.0)
    rows, found = [], []
    for device in table.iter_rows(named=True):
        broken = np.zeros(len(times))
        if rng.random() < min(0.95, 0.7 * world.get("trouble", 1.0)):
            begin = int(rng.integers(0, WINDOW - 3)) * 4
            broken[begin : begin + 4 * int(rng.integers(2, 5))] = rng.uniform(0.35, 1.3)  # some things break quietly
        true_c = device["usual_c"] + ambient + rng.normal(0, 1.1, len(times)) + 6.0 * broken + 5 * device["strange"]
        shaking = device["usual_mm_s"] * (rng.normal(1.0, 0.12, len(times)) + 0.9 * broken + world.get("load", 0.0) + 0.6 * device["strange"])
        rows.append(
            pl.DataFrame(
                {
                    "time": times, "device": [device["device"]] * len(times), "temperature_c": ((true_c - device["offset_c"]) / device["gain"]).round(2),
                    "vibration_mm_s": np.maximum(shaking, 0.01).round(3),
                    "pressure_bar": (device["bar"] * rng.normal(1, 0.03, len(times))).round(3), "volts": rng.normal(23.9, 0.2, len(times)).round(2),
                }
            )
        )  # fmt: skip
        for hour in range(WINDOW):
            if broken[4 * hour] > 0 and rng.random() < 0.35 + broken[4 * hour] and rng.random() >= world.get("unreported", 0.0):
                found.append((start + timedelta(hours=hour), device["device"], str(rng.choice(("bearing", "leak", "clogged"))), round(float(rng.gamma(2, 20)), 0)))
            elif rng.random() < 0.10:  # looked at, and nothing found
                found.append((start + timedelta(hours=hour), device["device"], "none", round(float(rng.gamma(2, 6)), 0)))
    made = {
        "readings": pl.concat(rows).sort("time", "device"),
        "tickets": pl.DataFrame(found, schema={"hour": pl.Datetime("us"), "device": pl.String, "cause": pl.String, "minutes": pl.Float64}, orient="row").sort("hour", "device"),
    }
    changed = day in (1, 4) or world.get("presses", 0) or world.get("devices", 0)
    return made | ({"devices": table.drop("bar", "strange")} if changed else {})


def _devices(seed: int, more: int, day: int) -> pl.DataFrame:
    rng = chance(seed, 0, "devices")
    rows = []
    for number in range(DEVICES + more):
        kind = KINDS[number % len(KINDS)]
        warm, shaking, bar = USUAL[kind]
        rows.append(
            {
                "device": f"D{number + 101}", "kind": kind if number < DEVICES else "mixer", "plant": ("Essen", "Ulm")[number % 2], "gain": round(float(rng.normal(1.0, 0.03)), 3),
                "offset_c": round(float(rng.normal(0, 1.5)) + (0.2 if number == 5 and day >= 4 else 0.0), 2), "usual_c": round(warm + float(rng.normal(0, 1.5)), 1),
                "usual_mm_s": round(shaking * float(rng.normal(1, 0.08)), 2), "bar": bar, "strange": 1.0 if number >= DEVICES else 0.0,
            }
        )  # fmt: skip
    return pl.DataFrame(rows)


SENSORS = LabLine(
    "sensors", {"line.py": LINE, "weights.json": WEIGHTS}, deliver, ("devices",), "judged", "error_rate(alarm, confirmed)", "smoothing", VERSIONS,
    used_in={"weights": "alarms", "package": "rolling"},
)  # fmt: skip
