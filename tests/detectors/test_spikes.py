"""Readings that jump away from the level around them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from assayline.core import Finding, Past
from assayline.detectors.spikes import ALARMS, Spikes
from assayline.measures import profile

START = datetime.datetime(2024, 5, 6)
SERIES = 400 if os.environ.get("ASSAY_FULL") else 40
READINGS = 1_000

Floats = npt.NDArray[np.float64]


def spikes(readings: Floats, devices: int = 1) -> list[Finding]:
    rows = len(readings)
    at = [START + datetime.timedelta(minutes=5 * (n // devices)) for n in range(rows)]
    frame = pl.DataFrame({"at": at, "x": readings})
    if devices > 1:
        frame = frame.with_columns(pl.Series("device", [f"d{n % devices}" for n in range(rows)]))
    return list(Spikes()(profile(frame), Past()))


def stream(kind: str, rng: np.random.Generator, n: int = READINGS) -> Floats:
    noise = rng.normal(size=n)
    kinds: dict[str, Callable[[], Floats]] = {
        "white": lambda: noise,
        "autoregressive": lambda: np.convolve(noise, 0.9 ** np.arange(100))[:n],
        "random walk": lambda: np.cumsum(noise),
        "seasonal": lambda: 5 * np.sin(np.arange(n) / 24 * 2 * np.pi) + noise,
        "heavy-tailed": lambda: rng.standard_t(3, size=n),
        "log-normal": lambda: np.exp(noise),
        "counts": lambda: rng.poisson(40, size=n).astype(np.float64),
        "bursty": lambda: noise + np.convolve((rng.random(n) < 0.05) * rng.exponential(5, size=n), 0.5 ** np.arange(20))[:n],
        "rain": lambda: np.maximum(0.0, rng.normal(-2, 2, size=n)).round(2),
    }
    return kinds[kind]()


@pytest.mark.parametrize("kind", ["white", "autoregressive", "random walk", "seasonal", "heavy-tailed", "log-normal", "counts", "bursty", "rain"])
def test_sound_streams_are_accused_no_more_often_than_promised(kind: str) -> None:
    rng = np.random.default_rng(20_240_506)

    accused = sum(bool(spikes(stream(kind, rng))) for _ in range(SERIES))

    assert accused <= ALARMS * SERIES + 3 * (ALARMS * SERIES) ** 0.5  # three standard deviations of a Poisson number


@pytest.mark.parametrize("kind", ["white", "autoregressive", "random walk", "seasonal", "counts"])
def test_a_plain_spike_is_found_with_its_time(kind: str) -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(10):
        x = stream(kind, rng)
        place = int(rng.integers(10, READINGS - 10))
        x[place] += 20 * x.std()
        found = spikes(x)
        hits += [one.evidence["start"] for one in found] == [(START + datetime.timedelta(minutes=5 * place)).isoformat()]

    assert hits >= 9


def test_the_device_that_jumped_is_named() -> None:
    rng = np.random.default_rng(5)
    levels = np.tile([0.0, 100.0, 1_000.0], 800) + rng.normal(size=2_400)
    levels[1_201:1_207:3] += 60  # two readings of the second device, far inside the range of all three

    found = spikes(levels, devices=3)

    assert [(one.where, one.rows) for one in found] == [("device = d1", 2)]


def test_a_step_and_a_slope_are_no_spikes() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=1_000) + np.where(np.arange(1_000) < 500, 0, 60) + np.arange(1_000) * 0.2

    assert spikes(x) == []
