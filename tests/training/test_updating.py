"""An update learns from new rows, keeps what it does not touch, and says what it forgot."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.framing import Problem
from assayline.training import Trained, train
from assayline.training.sample import Floats
from assayline.training.updating import continued, forgetting, nudged, refitted, retrained


def rows(count: int, seed: int, slope: float = 2.0, bend: float = 3.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=count), rng.normal(size=count)
    day = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2040, 1, 1), "1d", eager=True)[:count]
    return pl.DataFrame({"day": day, "a": a, "b": b, "y": slope * a + bend * (b > 0) * (a > 0) + rng.normal(size=count) * 0.3})


@cache
def model() -> Trained:
    """With trees, however busy the machine is: what a budget allows depends on it."""
    for seconds in (3.0, 6.0, 12.0, 24.0):
        found = train(rows(1000, 0), Problem("y", drop=("day",)), budget_seconds=seconds)
        if found.choice.name != "linear":
            break
    return found


@cache
def line() -> Trained:
    return train(rows(1000, 0, bend=0.0), Problem("y", drop=("day",)), budget_seconds=1.5)


def splits(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if line.startswith((b"split_feature=", b"threshold="))]


def off(found: Trained, table: pl.DataFrame) -> float:
    return float(np.sqrt(((found.predict(table) - table["y"].to_numpy()) ** 2).mean()))


def test_trees_that_are_continued_follow_new_rows_and_the_loss_on_old_ones_is_measured() -> None:
    new, old = rows(600, 1, slope=-2.0), rows(600, 2)

    found = continued(model(), new, rounds=60, rate=0.1, anchor=old)

    assert off(found, rows(500, 3, slope=-2.0)) < off(model(), rows(500, 3, slope=-2.0)) / 2
    assert found.forgetting is not None
    assert found.forgetting.forgot
    assert found.forgetting.after > found.forgetting.before
    assert (found.update, found.rows) == ("continued", 1600)


def test_leaves_that_are_refitted_move_a_little_and_no_split_changes() -> None:
    new = rows(600, 1, slope=4.0)

    found = refitted(model(), new, decay=0.5)

    then, now = (one.predictor.members() for one in (model(), found))
    changed = [name for name in then if then[name] != now[name]]
    assert off(found, rows(500, 3, slope=4.0)) < off(model(), rows(500, 3, slope=4.0)) / 2
    assert changed
    assert all(splits(then[name]) == splits(now[name]) for name in changed)


def test_a_line_that_is_nudged_agrees_with_the_line_through_all_rows() -> None:
    new = rows(1000, 1, slope=4.0, bend=0.0)

    found = nudged(line(), new)

    # As many new rows as old ones: half-way between the slopes 2 and 4.
    probe = pl.DataFrame({"a": [0.0, 1.0], "b": [0.0, 0.0]})
    said = found.predict(probe)
    assert line().choice.name == "linear"
    assert said[1] - said[0] == pytest.approx(3.0, abs=0.15)


def test_an_update_with_rows_of_the_same_kind_is_not_said_to_have_forgotten() -> None:
    forgot = []
    for seed in range(8):
        found = nudged(line(), rows(200, 100 + seed, bend=0.0), anchor=rows(400, 200 + seed, bend=0.0))
        assert found.forgetting is not None
        forgot.append(found.forgetting.forgot)

    assert sum(forgot) <= 2


def test_a_model_trained_anew_on_a_window_has_seen_the_latest_rows_only() -> None:
    table = pl.concat([rows(500, 0), rows(500, 1, slope=-2.0).with_columns(pl.col("day") + pl.duration(days=500))])
    found = train(table[:500], Problem("y", time="day"), budget_seconds=1.5)

    later = retrained(found, table, window="500d", budget_seconds=1.5)

    assert later.rows == 500
    assert later.update == "window"
    assert off(later, rows(300, 7, slope=-2.0).with_columns(pl.col("day") + pl.duration(days=1000))) < 2.5


def test_what_cannot_be_updated_is_said() -> None:
    with pytest.raises(MisuseError, match="retrained"):
        continued(line(), rows(100, 1))
    with pytest.raises(MisuseError, match="new rows"):
        continued(model(), rows(3, 1))
    with pytest.raises(MisuseError, match="needs a time"):
        retrained(line(), rows(100, 1).drop("day"), window="30d", budget_seconds=1)


def test_two_models_are_compared_on_rows_with_known_targets_only() -> None:
    anchor = rows(300, 5).with_columns(pl.when(pl.int_range(pl.len()) < 100).then(None).otherwise(pl.col("y")).alias("y"))

    found = forgetting(model(), model(), anchor)

    assert (found.before, found.low, found.high) == (found.after, 0.0, 0.0)
    assert "200 anchor rows" in found.sentence


def test_a_classifier_is_updated_through_its_calibration() -> None:
    def table(seed: int, slope: float) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=1500), rng.normal(size=1500)
        chance: Floats = 1 / (1 + np.exp(-slope * np.sign(np.sin(3 * a) * b)))
        return pl.DataFrame({"a": a, "b": b, "y": np.where(rng.random(1500) < chance, "yes", "no")})

    found = train(table(0, 3.0), Problem("y"), budget_seconds=2)

    later = refitted(found, table(1, -3.0), decay=0.0)

    assert found.predict(pl.DataFrame({"a": [0.5], "b": [1.5]}))[0, 1] > 0.6
    assert later.predict(pl.DataFrame({"a": [0.5], "b": [1.5]}))[0, 1] < 0.5
