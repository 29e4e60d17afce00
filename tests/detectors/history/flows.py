"""Flows of lots to judge: the same shop, day after day, drawn with a seed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.detectors.history import History
from assayline.measures import profile

START = datetime(2026, 3, 2)
CITIES = ["Berlin", "Hamburg", "Bremen", "Leipzig"]


def shop(day: int, rows: int = 200, seed: int = 0) -> pl.DataFrame:
    """One day of a shop as it stands in a CSV file: all text, empty cells null."""
    rng = np.random.default_rng(1000 * seed + day)
    price = rng.gamma(4, 5, rows)
    amount = rng.integers(1, 9, rows)
    second = np.sort(rng.integers(0, 86_400, rows))
    age = [None if missing else str(value) for missing, value in zip(rng.random(rows) < 0.03, rng.integers(18, 90, rows), strict=True)]
    return pl.DataFrame(
        {
            "order": [f"A{day:03d}-{i:05d}" for i in range(rows)],
            "when": [(START + timedelta(days=day, seconds=int(s))).strftime("%Y-%m-%d %H:%M:%S") for s in second],
            "city": rng.choice(CITIES, rows, p=[0.4, 0.3, 0.2, 0.1]).tolist(),
            "paid": rng.choice(["card", "cash"], rows, p=[0.7, 0.3]).tolist(),
            "price": [f"{value:.2f}" for value in price],
            "amount": [str(value) for value in amount],
            "total": [f"{value * n:.2f}" for value, n in zip(price, amount, strict=True)],
            "weight": [f"{value:.1f}" for value in rng.normal(70, 5, rows)],
            "age": age,
        }
    )


def of(frames: list[pl.DataFrame]) -> Past:
    """The past of a flow with these lots."""
    return Past(tuple(profile(frame, text=True) for frame in frames), tuple(f"lot {i}" for i in range(len(frames))))


PAST = of([shop(day) for day in range(20)])


def today(change: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame, day: int = 20) -> Profile:
    return profile(change(shop(day)), text=True)


def said(now: Profile, past: Past = PAST) -> list[Finding]:
    return [finding for finding in History()(now, past) if finding.severity >= 0.3]


def codes(now: Profile, past: Past = PAST) -> list[str]:
    return sorted(finding.code for finding in said(now, past))
