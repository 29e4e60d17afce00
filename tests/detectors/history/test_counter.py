"""Running totals that fall, numbers that only happen to rise, and numbers that meet by chance."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl

from assayline.detectors.history import History
from assayline.detectors.history_misplaced import _telling
from assayline.measures import profile

sys.path.insert(0, str(Path(__file__).parent))
from flows import codes, of

METERS = [f"meter {letter}" for letter in "ABCDEFGHIJKLMNOPQRST"]


def readings(days: int, *, seed: int = 1) -> list[pl.DataFrame]:
    """Twenty meters a day: a running total that grows by what was used, and a temperature."""
    rng = np.random.default_rng(seed)
    total = rng.integers(1_000, 90_000, len(METERS))
    frames = []
    for _ in range(days):
        total = total + rng.poisson(rng.gamma(2, 4, len(METERS)))
        frames.append(pl.DataFrame({"meter": METERS, "total": total.astype(str).tolist(), "temp": rng.normal(20, 3, len(METERS)).round(1).astype(str).tolist()}))
    return frames


def with_total(frame: pl.DataFrame, row: int, change: int) -> pl.DataFrame:
    total = frame["total"].cast(pl.Int64).to_list()
    total[row] += change
    return frame.with_columns(pl.Series("total", [str(value) for value in total]))


def test_a_running_total_that_falls_is_named_with_its_key() -> None:
    *past, last = readings(30)

    found = [one for one in History()(profile(with_total(last, 7, -60), text=True), of(past)) if one.severity >= 0.3]

    assert [(one.code, one.columns) for one in found] == [("dependency_violation", ("total", "meter"))]
    assert "meter H" in found[0].sentence
    assert (found[0].evidence["fallen_keys"], found[0].evidence["past_falls"]) == (1, 0)


def test_a_running_total_that_grows_on_is_no_news() -> None:
    *past, last = readings(30)

    assert codes(profile(last, text=True), of(past)) == []


def test_a_total_that_was_corrected_all_along_may_fall_again() -> None:
    *past, last = readings(30)
    corrected = [with_total(frame, day % 20, -60) for day, frame in enumerate(past)]

    assert codes(profile(with_total(last, 7, -60), text=True), of(corrected)) == []


def test_numbers_that_only_happened_to_rise_may_fall() -> None:
    rng = np.random.default_rng(3)
    price = rng.uniform(50, 60, len(METERS))
    frames = []
    for _ in range(30):
        price = price * np.exp(rng.normal(0.04, 0.01, len(METERS)))  # four standard deviations above a fall, each day
        frames.append(pl.DataFrame({"share": METERS, "price": price.round(2).astype(str).tolist()}))
    fallen = frames[-1].with_columns(pl.Series("price", frames[-2]["price"].to_list()[:1] + frames[-1]["price"].to_list()[1:]))
    lower = fallen.with_columns(pl.when(pl.col("share") == METERS[0]).then((pl.col("price").cast(pl.Float64) - 0.01).cast(pl.String)).otherwise("price").alias("price"))

    assert "dependency_violation" not in codes(profile(lower, text=True), of(frames[:-1]))


def counts(day: int, *, meet: bool = False) -> pl.DataFrame:
    """Measured counts of twenty places, far apart, which may be equal by chance."""
    rng = np.random.default_rng(50 + day)
    found = np.unique(rng.integers(0, 40_000, 40))
    rng.shuffle(found)
    found = found[:20]
    if meet:
        found[3] = found[11]
    return pl.DataFrame({"place": METERS, "count": found.astype(str).tolist()})


def test_measured_numbers_may_be_equal_by_chance() -> None:
    past = of([counts(day) for day in range(25)])

    assert codes(profile(counts(30, meet=True), text=True), past) == []


def test_numbers_that_are_given_out_may_not_be_equal() -> None:
    def orders(day: int) -> pl.DataFrame:
        return pl.DataFrame({"order": [str(1_000 * day + 3 * i) for i in range(40)], "pay": np.random.default_rng(day).normal(10, 2, 40).round(2).astype(str).tolist()})

    twice = orders(30).with_columns(pl.Series("order", ["30006", *orders(30)["order"].to_list()[1:]]))

    assert codes(profile(twice, text=True), of([orders(day) for day in range(25)])) == ["duplicate_key"]


def test_little_gains_of_the_cells_of_one_row_do_not_add_up_to_a_pushed_row() -> None:
    growing, pushed = np.full(12, 2.5), np.array([8.0, 7.0, -0.5])

    assert _telling(growing).sum() == 0
    assert _telling(pushed).tolist() == [6.0, 6.0, -0.5]
