"""A small sound flow: one day of a courier a lot, as the text of a file and typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assayline.certificate import Certificate, certify
from assayline.certificate.sound import Sound, sound

LOTS = 16
START = datetime(2026, 3, 2)
DEPOTS = ["Antwerp", "Bergen", "Calais", "Dublin", "Esbjerg"]
DRIVERS = ["Zoë Müller", "José Núñez", "Åse Lindström", "Łukasz Król", "Renée Côté", "Ann Smith", "Tom Baker", "Eva Novak"]
STREETS = ["Harbour Street", "Market Road", "Church Lane", "Station Street", "Garden Road", "Mill Lane", "Bridge Street"]
CUSTOMERS = [f"C{number * 37 % 900 + 100}" for number in range(50)]


def couriers(day: int, rows: int = 160) -> pl.DataFrame:
    """One day, as text: parcels in order of time, paid by weight and distance."""
    rng = np.random.default_rng(11_000 + day)
    seconds = np.sort(np.clip(rng.normal(12.5, 3, rows), 0.1, 23.9) * 3600).astype(int)
    depot = rng.choice(5, rows, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    kilos, distance = rng.gamma(4, 2, rows) + 0.3 + depot, rng.gamma(3, 60, rows) + 5
    fee = 2 + 0.1 * distance + 0.9 * kilos + rng.normal(0, 0.5, rows)
    return pl.DataFrame(
        {
            "parcel": [f"P{day:03d}-{number * 7919 % 100_000:05d}" for number in range(rows)],
            "sent": [(START + timedelta(days=day, seconds=int(one))).strftime("%Y-%m-%d %H:%M:%S") for one in seconds],
            "depot": [DEPOTS[one] for one in depot],
            "driver": rng.choice(DRIVERS, rows).tolist(),
            "customer": rng.choice(CUSTOMERS, rows).tolist(),
            "kilos": [f"{one:.2f}" for one in kilos],
            "distance": [f"{one:.1f}" for one in distance],
            "fee": [f"{one:.2f}" for one in fee],
            "street": [f"{rng.choice(STREETS)} {rng.integers(1, 180)}" for _ in range(rows)],
            "note": [None if none else "ring twice" if twice else "leave at the door" for none, twice in zip(rng.random(rows) < 0.3, rng.random(rows) < 0.4, strict=True)],
        }
    )


def typed(frame: pl.DataFrame) -> pl.DataFrame:
    """The same day as a typed source would hold it."""
    return frame.with_columns(pl.col("sent").str.to_datetime(), pl.col("kilos", "distance", "fee").cast(pl.Float64))


Flow = list[tuple[str, pl.DataFrame]]


@pytest.fixture(scope="session")
def flow() -> Flow:
    """Sound lots as text, oldest first."""
    return [(f"day {day}", couriers(day)) for day in range(LOTS)]


@pytest.fixture(scope="session")
def lot(flow: Flow) -> Sound:
    """One of the last lots, as text."""
    return sound(flow[-3][1], [frame for _, frame in flow[:-3]], text=True)


@pytest.fixture(scope="session")
def typed_lot(flow: Flow) -> Sound:
    """The same lot, typed."""
    return sound(typed(flow[-3][1]), [typed(frame) for _, frame in flow[:-3]])


@pytest.fixture(scope="session")
def certificate(flow: Flow) -> Certificate:
    """The gross faults, one try each."""
    return certified(flow)


def certified(flow: Flow) -> Certificate:
    """Gross faults only: what every gate has to see."""
    from dataclasses import replace

    from assayline.certificate import faults

    gross = [replace(fault, strengths=fault.strengths[-1:]) for fault in faults()]
    return certify(flow, text=True, seed=4, most_cases=len(gross), most_lots=4, most_judged=6, budget_seconds=600, chosen=gross)


@pytest.fixture(scope="session")
def day() -> Callable[[int], pl.DataFrame]:
    """Makes any day of the flow."""
    return couriers
