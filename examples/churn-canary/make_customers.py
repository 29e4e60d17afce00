"""Makes the customers of the demonstration: a past with what became of them, a past whose labels were joined wrongly, and days that come.

    python make_customers.py FOLDER [--days 3]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl


def customers(chance: np.random.Generator, rows: int, *, shifted: bool = False) -> pl.DataFrame:
    """Customers of whom the older ones who spend little leave; with `shifted` the labels of a part stand one row too low, as after a join that lost its order."""
    frame = pl.DataFrame(
        {
            "customer": [f"c{one}" for one in chance.integers(10**9, 10**10, rows)], "age": chance.integers(18, 80, rows), "city": chance.choice(["Bonn", "Gent", "Lyon"], rows),
            "spend": chance.gamma(2, 50, rows).round(2),
        }
    )  # fmt: skip
    leaning = (frame["age"].to_numpy() - 50) / 6 - (frame["spend"].to_numpy() - 80) / 60
    left = chance.random(rows) < 1 / (1 + np.exp(-leaning))
    if shifted:
        moved = chance.random(rows) < 0.75
        left = np.where(moved, np.roll(left, 1), left)
    return frame.with_columns(churned=pl.Series(np.where(left, "yes", "no")))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(2026)
    customers(chance, 4_000).write_parquet(options.folder / "spring.parquet")
    customers(chance, 4_000, shifted=True).write_parquet(options.folder / "summer.parquet")
    for day in range(1, options.days + 1):
        # The first day is a Sunday: too few come to tell a bad candidate from bad luck.
        customers(chance, 150 if day == 1 else 1_500).drop("churned").write_parquet(options.folder / f"day-{day:02}.parquet")


if __name__ == "__main__":
    main()
