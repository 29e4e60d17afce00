"""The promise on good lots: at most `ALARMS_PER_LOT` of them are accused by the history layer.

H0: today comes from the process that made the past. Each simulated flow is drawn with parameters of its own and judged once, on its last
lot, so that the number of accused lots is binomial with a rate of at most the promise. A test fails when so many alarms would be seen in
fewer than one of a thousand samples if the promise held. The sample is small by default; ASSAY_FULL=1 draws a thousand flows.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.core import Finding, Past
from assayline.detectors.expectation import at_least
from assayline.detectors.history import History
from assayline.detectors.suspicion import ALARMS_PER_LOT
from assayline.measures import profile

sys.path.insert(0, str(Path(__file__).parent))
from flows import shop

FULL = os.environ.get("ASSAY_FULL") == "1"
FLOWS = 1000 if FULL else 80
LOTS = 25  # forerunners of the lot that is judged
WARNING = 0.3  # severity from which a finding is no note
LEAST_CHANCE = 0.001  # of so many alarms while the promise holds
START = datetime(2026, 3, 2)

Flow = Callable[[int], pl.DataFrame]
Kind = Callable[[np.random.Generator], Flow]


def stationary(rng: np.random.Generator) -> Flow:
    n, shape, shares = int(rng.integers(50, 300)), rng.uniform(0.5, 5), rng.dirichlet([3, 3, 3])

    def day(_: int) -> pl.DataFrame:
        return pl.DataFrame({
            "x": rng.normal(10, 2, n).round(2), "y": rng.gamma(shape, 3, n).round(3), "k": rng.choice(["a", "b", "c"], n, p=shares), "n": rng.poisson(4, n),
            "flag": rng.random(n) < 0.1, "word": rng.choice([f"w{i}" for i in range(30)], n),
        })  # fmt: skip

    return day


def seasonal(rng: np.random.Generator) -> Flow:
    usual, weekend, swing = int(rng.integers(60, 200)), rng.uniform(0.4, 2.0), rng.uniform(1, 6)

    def day(number: int) -> pl.DataFrame:
        free = number % 7 in (5, 6)
        n = int(usual * (weekend if free else 1) + rng.integers(0, 10))
        x = rng.normal(10 + swing * math.sin(2 * math.pi * number / 7), 2, n)
        return pl.DataFrame({"x": x.round(2), "k": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1] if free else [0.4, 0.3, 0.3]), "z": rng.normal(0, 1, n).round(3)})

    return day


def trending(rng: np.random.Generator) -> Flow:
    n, slope, growth = int(rng.integers(60, 200)), rng.uniform(-1, 1), rng.uniform(0, 2)

    def day(number: int) -> pl.DataFrame:
        more = int(n + growth * number + rng.integers(0, 8))
        return pl.DataFrame({
            "x": (rng.normal(0, 3, more) + slope * number).round(2), "count": rng.poisson(50 + number, more), "k": rng.choice(["a", "b"], more),
            "seen": [(START + timedelta(days=number, seconds=int(s))).isoformat(" ") for s in np.sort(rng.integers(0, 86_400, more))],
        })  # fmt: skip

    return day


def heavy_tailed(rng: np.random.Generator) -> Flow:
    n, index, width = int(rng.integers(80, 300)), rng.uniform(1.1, 3), rng.uniform(1, 2.5)

    def day(_: int) -> pl.DataFrame:
        return pl.DataFrame({
            "pay": (rng.pareto(index, n) * 100).round(2), "wait": np.exp(rng.normal(0, width, n)).round(4), "gain": (rng.standard_t(2.5, n) * 10).round(1),
            "k": rng.choice(["a", "b", "c", "d"], n),
        })  # fmt: skip

    return day


def small(rng: np.random.Generator) -> Flow:
    fewest, empty = int(rng.integers(4, 15)), rng.uniform(0.05, 0.4)

    def day(_: int) -> pl.DataFrame:
        n = int(rng.integers(fewest, 2 * fewest))
        return pl.DataFrame({"x": rng.normal(0, 1, n).round(2), "m": [None if r < empty else 1.0 for r in rng.random(n)], "k": rng.choice(["a", "b", "c"], n)})

    return day


def changing_volume(rng: np.random.Generator) -> Flow:
    spread = rng.uniform(0.2, 0.8)

    def day(number: int) -> pl.DataFrame:
        n = int(math.exp(rng.normal(5, spread))) + 5
        return pl.DataFrame({"x": rng.normal(0, 1, n).round(2), "k": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]), "id": np.arange(n) + 100_000 * number})

    return day


def wandering(rng: np.random.Generator) -> Flow:
    levels, n = rng.normal(0, rng.uniform(0.2, 1.5), 200).cumsum(), int(rng.integers(40, 150))

    def day(number: int) -> pl.DataFrame:
        level = levels[number]
        return pl.DataFrame({"x": (rng.normal(0, 1, n) + level).round(2), "y": (rng.normal(0, 2, n) - level).round(2), "k": rng.choice(["a", "b", "c"], n)})

    return day


def uneven(rng: np.random.Generator) -> Flow:
    """Lots differ by more than chance: shares of empty cells and classes, levels and spreads have a law of their own."""
    empty, n, between = rng.uniform(0.01, 0.2), int(rng.integers(60, 250)), rng.uniform(0.05, 0.5)

    def day(_: int) -> pl.DataFrame:
        hole, shares = rng.beta(10 * empty, 10 * (1 - empty)), rng.dirichlet([20, 10, 5])
        x = rng.normal(rng.normal(0, between), math.exp(rng.normal(0, 0.2)), n).round(2)
        return pl.DataFrame({
            "x": [None if r < hole else float(v) for r, v in zip(rng.random(n), x, strict=True)], "k": rng.choice(["a", "b", "c"], n, p=shares),
            "debt": np.where(rng.random(n) < 0.7, 0.0, rng.gamma(2, 100, n)).round(2),
        })  # fmt: skip

    return day


def devices(rng: np.random.Generator) -> Flow:
    """Readings of some stations every hour: they follow each other, rest at the least the sensor can tell, and stay away at times."""
    stations, keep, floor = [f"station {i}" for i in range(int(rng.integers(2, 5)))], rng.uniform(0.7, 0.97), rng.uniform(-1.5, 0.0)
    last = rng.normal(0, 1, len(stations))

    def day(number: int) -> pl.DataFrame:
        nonlocal last
        rows: list[dict[str, object]] = []
        for hour in range(24):
            last = keep * last + math.sqrt(1 - keep**2) * rng.normal(0, 1, len(stations))
            stamp = (START + timedelta(days=number, hours=hour)).isoformat(" ")
            for station, value in zip(stations, last, strict=True):
                gas = max(2.0, round(10 * (value - floor)))
                rows.append({"time": stamp, "station": station, "gas": None if rng.random() < 0.01 else gas, "heat": round(15 + 5 * math.sin(hour / 4) + value, 1)})
        return pl.DataFrame(rows, infer_schema_length=None)

    return day


def orders(rng: np.random.Generator) -> Flow:
    seed, rows = int(rng.integers(1, 1_000_000)), int(rng.integers(40, 120))
    return lambda number: shop(number, rows=rows, seed=seed)


KINDS: tuple[Kind, ...] = (stationary, seasonal, trending, heavy_tailed, small, changing_volume, wandering, uneven, devices, orders)


def warnings(kind: Kind, number: int, seed: int = 11) -> list[Finding]:
    """The warnings about the last lot of the flow of this kind and number."""
    flow = kind(np.random.default_rng([number, seed]))
    lots = [profile(flow(day), text=kind is orders) for day in range(LOTS + 1)]
    return [one for one in History()(lots[-1], Past(tuple(lots[:-1]), tuple(map(str, range(LOTS))))) if one.severity >= WARNING]


def chance(alarms: int, judged: int) -> float:
    """Probability of at least so many alarms if the promise holds."""
    return float(at_least(np.array([alarms]), np.array([judged]), np.array([ALARMS_PER_LOT]))[0])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_good_lots_are_rarely_accused(kind: Kind, record_property: Callable[[str, object], None]) -> None:
    judged = FLOWS // len(KINDS)

    accused = [found for number in range(judged) if (found := warnings(kind, number))]

    record_property("accused", len(accused))
    assert chance(len(accused), judged) >= LEAST_CHANCE, [f"{one.code}: {one.sentence}" for found in accused for one in found]


def test_the_bound_of_this_page_is_what_the_binomial_law_gives() -> None:
    assert chance(0, 100) == 1.0
    assert chance(7, 100) >= LEAST_CHANCE > chance(9, 100)
    assert chance(36, 1000) < LEAST_CHANCE <= chance(33, 1000)
