"""Readings and clocks that stand still, and clocks that go back, device by device."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl

from assayline.core import Past
from assayline.detectors.out_of_order import OutOfOrder
from assayline.detectors.streams import streams_of
from assayline.detectors.stuck_clock import StuckClock
from assayline.detectors.stuck_sensor import StuckSensor
from assayline.measures import profile

START = datetime.datetime(2024, 5, 6)


def table(devices: int = 3, readings: int = 500) -> pl.DataFrame:
    rng = np.random.default_rng(11)
    number = np.arange(devices * readings)
    return pl.DataFrame({
        "at": [START + datetime.timedelta(minutes=10 * int(n // devices)) for n in number],
        "device": [f"d{n % devices}" for n in number],
        "celsius": np.round(15 + 5 * np.sin(number / 300) + rng.normal(0, 0.5, size=len(number)), 1),
        "rain": np.round(np.maximum(0, rng.normal(-2, 2, size=len(number))), 1),
    })  # fmt: skip


def changed(frame: pl.DataFrame, device: str, first: int, readings: int, column: str, step: int = 0) -> pl.DataFrame:
    """The readings of one device standing still at the first, or moved back by so many minutes."""
    rows = np.flatnonzero((frame["device"] == device).to_numpy())[first : first + readings]
    old = frame[column]
    new = [old[int(rows[0])]] * readings if not step else [old[int(row)] - datetime.timedelta(minutes=step) for row in rows]
    return frame.with_columns(old.scatter(rows, new))


def test_a_sound_table_of_sensors_is_met_with_silence() -> None:
    measured = profile(table())

    assert [one for find in (StuckSensor(), StuckClock(), OutOfOrder()) for one in find(measured, Past())] == []


def test_a_stuck_reading_is_named_with_device_start_and_end() -> None:
    found = list(StuckSensor()(profile(changed(table(), "d1", 100, 40, "celsius")), Past()))

    assert [(one.where, one.rows, one.evidence["start"], one.evidence["end"]) for one in found] == [
        ("device = d1", 40, "2024-05-06T16:40:00", "2024-05-06T23:10:00")
    ]


def test_a_value_at_which_the_column_rests_is_not_stuck() -> None:
    frame = table()
    rows = np.flatnonzero((frame["device"] == "d1").to_numpy())[100:160]

    assert list(StuckSensor()(profile(frame.with_columns(frame["rain"].scatter(rows, [0.0] * 60))), Past())) == []


def test_a_stopped_clock_of_one_device_is_named() -> None:
    found = list(StuckClock()(profile(changed(table(), "d2", 200, 30, "at")), Past()))

    assert [(one.where, one.evidence["run_rows"], one.evidence["start"], one.evidence["end"]) for one in found] == [
        ("device = d2", 30, "2024-05-07T09:20:00", "2024-05-07T14:10:00")
    ]


def test_a_clock_that_went_back_is_named_with_its_rows() -> None:
    found = list(OutOfOrder()(profile(changed(table(), "d0", 300, 12, "at", step=600)), Past()))

    assert [(one.where, one.rows, one.evidence["start"], one.evidence["end"]) for one in found] == [
        ("device = d0", 12, "2024-05-07T16:00:00", "2024-05-07T17:50:00")
    ]


def test_rows_in_no_order_are_not_out_of_order() -> None:
    measured = profile(table().sample(fraction=1, shuffle=True, seed=1))
    streams = streams_of(measured)

    assert streams is not None
    assert not streams.in_order
    assert list(OutOfOrder()(measured, Past())) == []


def test_the_hour_of_the_day_is_no_device() -> None:
    at = [START + datetime.timedelta(hours=n) for n in range(24 * 30)]
    frame = pl.DataFrame({"at": at, "hour": [one.hour for one in at], "x": [float(n * n % 101) for n in range(len(at))]})
    streams = streams_of(profile(frame))

    assert streams is not None
    assert streams.key is None


def test_orders_at_any_time_are_no_stream() -> None:
    rng = np.random.default_rng(2)
    at = [START + datetime.timedelta(seconds=float(second)) for second in np.cumsum(rng.exponential(600, size=500))]

    assert streams_of(profile(pl.DataFrame({"at": at, "paid": rng.gamma(2, 20, size=500)}))) is None
