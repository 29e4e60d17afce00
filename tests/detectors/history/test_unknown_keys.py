"""Whole numbers that are keys: unknown ones are noticed, measures and growing sets of keys are left alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.core import Finding, Past
from assayline.detectors.history import History
from assayline.measures import profile

LOTS = 16


def station(day: int, thin: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(day)
    keys = np.random.default_rng(99).choice(np.arange(1000, 10_000), 60, replace=False) if thin else np.arange(1, 61)
    weights = np.random.default_rng(98).gamma(0.8, 1, 60) + 0.05
    return pl.DataFrame({"station_id": rng.choice(keys, 300, p=weights / weights.sum()), "level": rng.normal(5, 1, 300).round(2), "age": rng.normal(45, 12, 300).round().astype(int)})


def said(now: pl.DataFrame, past: list[pl.DataFrame]) -> list[Finding]:
    return [one for one in History()(profile(now), Past(tuple(map(profile, past)), tuple(map(str, range(len(past)))))) if one.severity >= 0.3]


def unknown(frame: pl.DataFrame, column: str, share: float) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    values = np.where(rng.random(frame.height) < share, rng.integers(20_000, 20_400, frame.height), frame[column].to_numpy())
    return frame.with_columns(pl.Series(column, values))


@pytest.mark.parametrize(("name", "thin"), [("station_id", False), ("station_id", True), ("x", True)])
def test_unknown_keys_are_noticed_by_name_or_by_form(name: str, thin: bool) -> None:
    past = [station(day, thin).rename({"station_id": name}) for day in range(LOTS)]

    found = said(unknown(station(LOTS, thin).rename({"station_id": name}), name, 0.2), past)

    assert [(one.code, one.columns) for one in found] == [("fk_break", (name,))]
    assert "keys never seen" in found[0].sentence


def test_a_measure_is_no_key() -> None:
    found = said(station(LOTS).with_columns(pl.col("age") + 100), [station(day) for day in range(LOTS)])

    assert "fk_break" not in [one.code for one in found]


def test_keys_that_are_new_with_every_lot_are_no_news() -> None:
    def growing(day: int) -> pl.DataFrame:
        return station(day).with_columns(station_id=pl.col("station_id") + 20 * day)

    assert said(growing(LOTS), [growing(day) for day in range(LOTS)]) == []
