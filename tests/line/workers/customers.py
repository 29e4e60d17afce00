"""Customers, some of whom leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

Make = Callable[..., Path]


def customers(seed: int, rows: int = 1500) -> pl.DataFrame:
    """Customers of whom the older ones in Lyon who spend little leave."""
    chance = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "customer": [f"c{seed}-{number}" for number in range(rows)], "age": chance.integers(18, 80, rows), "city": chance.choice(["Bonn", "Gent", "Lyon"], rows),
            "spend": chance.gamma(2, 50, rows).round(2),
        }
    )  # fmt: skip
    leaning = (frame["age"].to_numpy() - 50) / 10 + (frame["city"].to_numpy() == "Lyon") - frame["spend"].to_numpy() / 100
    return frame.with_columns(churned=pl.Series(np.where(chance.random(rows) < 1 / (1 + np.exp(-leaning)), "yes", "no")))
