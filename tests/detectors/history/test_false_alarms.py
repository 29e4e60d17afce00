"""The promise on good lots. H0: today comes from the process that made the past. At most 2 % of good lots are accused by statistics.

The samples are small by default; ASSAY_FULL=1 draws ten times as many. The limit is the promise plus three standard errors of the sample.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.core import Past
from assayline.detectors.history import History
from assayline.detectors.suspicion import ALARMS_PER_LOT
from assayline.measures import profile

sys.path.insert(0, str(Path(__file__).parent))
from flows import shop

FULL = os.environ.get("ASSAY_FULL") == "1"
FLOWS = 30 if FULL else 3
JUDGED = 10
LOTS = 25

Make = Callable[[int, np.random.Generator], pl.DataFrame]


def stationary(day: int, rng: np.random.Generator) -> pl.DataFrame:
    n = 150
    return pl.DataFrame({"x": rng.normal(10, 2, n).round(2), "y": rng.gamma(2, 3, n).round(3), "k": rng.choice(["a", "b", "c"], n), "n": rng.poisson(4, n)})


def seasonal(day: int, rng: np.random.Generator) -> pl.DataFrame:
    n = int(100 + 60 * (day % 7 in (5, 6)) + rng.integers(0, 10))
    return pl.DataFrame({"x": rng.normal(10 + 4 * math.sin(2 * math.pi * day / 7), 2, n).round(2), "k": rng.choice(["a", "b", "c"],
            n), "z": rng.normal(0, 1, n).round(3)})


def trending(day: int, rng: np.random.Generator) -> pl.DataFrame:
    n = 120
    return pl.DataFrame({"x": (rng.normal(0, 3, n) + 0.7 * day).round(2), "count": rng.poisson(50 + day, n), "k": rng.choice(["a", "b"], n)})


def heavy_tailed(day: int, rng: np.random.Generator) -> pl.DataFrame:
    n = 200
    return pl.DataFrame({"pay": (rng.pareto(1.5, n) * 100).round(2), "wait": np.exp(rng.normal(0, 2, n)).round(4), "k": rng.choice(["a", "b", "c", "d"], n)})


def small(day: int, rng: np.random.Generator) -> pl.DataFrame:
    n = int(rng.integers(8, 25))
    return pl.DataFrame({"x": rng.normal(0, 1, n).round(2), "m": [None if r < 0.2 else 1.0 for r in rng.random(n)], "k": rng.choice(["a", "b", "c"], n)})


def changing_volume(day: int, rng: np.random.Generator) -> pl.DataFrame:
    n = int(math.exp(rng.normal(5, 0.6)))
    return pl.DataFrame({"x": rng.normal(0, 1, n).round(2), "k": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]), "id": np.arange(n) + 100_000 * day})


def wandering(day: int, rng: np.random.Generator) -> pl.DataFrame:
    level = float(np.random.default_rng(99).normal(0, 1, 200).cumsum()[day])
    n = 80
    return pl.DataFrame({"x": (rng.normal(0, 1, n) + level).round(2), "y": (rng.normal(0, 2, n) - level).round(2), "k": rng.choice(["a", "b", "c"], n)})


@pytest.mark.parametrize("make", [stationary, seasonal, trending, heavy_tailed, small, changing_volume, wandering], ids=lambda make: make.__name__)
def test_good_lots_are_rarely_accused(make: Make) -> None:
    alarms, judged, history = 0, 0, History()
    said: list[str] = []
    for flow in range(FLOWS):
        rng = np.random.default_rng([flow, 7])
        lots = [profile(make(day, rng)) for day in range(LOTS + JUDGED)]
        for day in range(LOTS, LOTS + JUDGED):
            found = [one for one in history(lots[day], Past(tuple(lots[:day]), tuple(map(str, range(day))))) if one.severity >= 0.3]
            alarms, judged = alarms + bool(found), judged + 1
            said += [f"{one.code}: {one.sentence}" for one in found]

    limit = judged * ALARMS_PER_LOT + 3 * math.sqrt(judged * ALARMS_PER_LOT)
    assert alarms <= limit, said


def test_good_days_of_the_shop_are_rarely_accused() -> None:
    lots = [profile(shop(day, seed=3), text=True) for day in range(LOTS + 4 * JUDGED)]
    alarms = 0
    for day in range(LOTS, len(lots)):
        found = History()(lots[day], Past(tuple(lots[day - LOTS : day]), tuple(map(str, range(LOTS)))))
        alarms += any(one.severity >= 0.3 for one in found)

    judged = len(lots) - LOTS
    assert alarms <= judged * ALARMS_PER_LOT + 3 * math.sqrt(judged * ALARMS_PER_LOT)
