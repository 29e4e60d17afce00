"""Changed relations between columns whose own values did not change: noticed, named, ranked; and sound lots left alone."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from assayline.core import Finding, Past, Profile
from assayline.detectors.comparison import Comparison
from assayline.detectors.history import History
from assayline.detectors.history_relations import Relations
from assayline.detectors.suspicion import ALARMS_PER_LOT, believed
from assayline.measures import profile

FULL = os.environ.get("ASSAY_FULL") == "1"
LOTS = 20


def plant(day: int, rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """Columns that go together in ways a line does not show: y is the size of x whatever its sign, the grade depends on the shift."""
    rng = np.random.default_rng([seed, day])
    x = rng.normal(0, 1, rows)
    shift = rng.choice(["early", "late", "night"], rows)
    chance = np.array([[0.7, 0.2, 0.1], [0.1, 0.7, 0.2], [0.2, 0.1, 0.7]])[np.searchsorted(["early", "late", "night"], shift)]
    grade = np.array(["A", "B", "C"])[(rng.random(rows)[:, None] > chance.cumsum(axis=1)).sum(axis=1).clip(0, 2)]
    return pl.DataFrame({
        "x": x.round(3), "y": (np.abs(x) + rng.normal(0, 0.15, rows)).round(3), "shift": shift, "grade": grade, "free": rng.gamma(2, 2, rows).round(2),
        "other": rng.normal(5, 1, rows).round(2), "group": rng.choice(["r", "s"], rows),
    })  # fmt: skip


def shuffled(frame: pl.DataFrame, column: str, rows: float = 1.0) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    chosen = rng.choice(frame.height, round(rows * frame.height), replace=False)
    values = frame[column].to_list()
    moved = [values[i] for i in rng.permutation(chosen)]
    for place, value in zip(chosen, moved, strict=True):
        values[place] = value
    return frame.with_columns(pl.Series(column, values))


def bound_together(frame: pl.DataFrame) -> pl.DataFrame:
    """Two columns that had nothing to do with each other now come in the same order; each for itself is as it was."""
    order = frame["free"].arg_sort().arg_sort()
    return frame.with_columns(other=frame["other"].sort().gather(order))


PAST = tuple(profile(plant(day)) for day in range(LOTS))


def said(now: Profile, past: tuple[Profile, ...] = PAST) -> list[Finding]:
    return [one for one in History()(now, Past(past, tuple(map(str, range(len(past)))))) if one.severity >= 0.3]


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        (lambda frame: shuffled(frame, "y"), {"x", "y"}),
        (lambda frame: shuffled(frame, "y", 0.5), {"x", "y"}),
        (lambda frame: shuffled(frame, "grade"), {"shift", "grade"}),
        (bound_together, {"free", "other"}),
    ],
    ids=["curve lost", "half lost", "classes mixed", "bound together"],
)
def test_a_changed_relation_is_noticed_although_no_column_changed(change: Callable[[pl.DataFrame], pl.DataFrame], columns: set[str]) -> None:
    (finding,) = said(profile(change(plant(LOTS))))

    assert (finding.code, finding.layer) == ("shuffled_column", "multivariate")
    assert set(finding.columns) <= columns
    assert 0 < float(finding.evidence["p_value"]) < 1e-3
    assert {str(finding.evidence["columns_ranked"]).split(", ")[i].split()[0] for i in (0, 1)} == columns


def test_the_rows_most_out_of_place_come_first() -> None:
    before, after = plant(LOTS), shuffled(plant(LOTS), "y", 0.4)
    moved = {row for row in range(before.height) if abs(before["y"][row] - after["y"][row]) > 0.5}

    (finding,) = said(profile(after))

    rows = [cell.row for cell in finding.examples]
    assert len(set(rows) & moved) >= 4  # of five, where a third of all rows is moved
    assert [cell.confidence for cell in finding.examples] == sorted((cell.confidence for cell in finding.examples), reverse=True)


def test_fewer_than_fourteen_lots_say_nothing() -> None:
    now = profile(shuffled(plant(LOTS), "y"))

    assert list(Relations()(Comparison(now, Past(PAST[:13], tuple(map(str, range(13))))))) == []


def test_a_change_of_one_column_is_no_change_of_a_relation() -> None:
    louder = plant(LOTS).with_columns(pl.col("free") * 1.5, pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("early")).otherwise("shift").alias("shift"))

    found = list(Relations()(Comparison(profile(louder), Past(PAST, tuple(map(str, range(LOTS)))))))

    assert [one for one in found if one.p < 1e-3 and "free" in one.finding.columns] == []


def test_a_balanced_flow_may_lose_its_balance() -> None:
    """One row for each hour and weekday: such tables are equal to the last row, and a few missing rows are no changed relation."""

    def week(day: int) -> pl.DataFrame:
        rng = np.random.default_rng(day)
        grid = pl.DataFrame({"hour": [hour for hour in range(24) for _ in range(7)], "weekday": [d for _ in range(24) for d in range(7)]})
        return grid.with_columns(load=pl.Series(rng.normal(5, 1, 168).round(2)))

    now = week(LOTS).filter(~((pl.col("weekday") == 3) & pl.col("hour").is_in([2, 3, 4, 5])))
    comparison = Comparison(profile(now), Past(tuple(profile(week(day)) for day in range(LOTS)), tuple(map(str, range(LOTS)))))

    assert [one for one in Relations()(comparison) if one.p < 1e-2] == []


def test_sound_lots_are_rarely_accused() -> None:
    """H0: today's relations come from the process that made the past. The layer may use all of the promise and no more: 2 % of good lots."""
    flows, judged_each = (30, 20) if FULL else (5, 10)
    alarms = judged = 0
    for flow in range(flows):
        rows = int(np.random.default_rng(flow).choice([40, 150, 600]))
        lots = [profile(plant(day, rows, seed=flow + 1)) for day in range(LOTS + judged_each)]
        for day in range(LOTS, len(lots)):
            comparison = Comparison(lots[day], Past(tuple(lots[:day]), tuple(map(str, range(day)))))
            alarms += bool(believed(list(Relations()(comparison)), len(comparison.columns)))
            judged += 1

    assert alarms <= judged * ALARMS_PER_LOT + 3 * math.sqrt(judged * ALARMS_PER_LOT)


@pytest.mark.no_cover  # what is timed is not traced
def test_thirty_lots_of_twenty_columns_cost_little() -> None:
    def wide(day: int) -> Profile:
        rng = np.random.default_rng(day)
        return profile(pl.DataFrame({f"c{i}": rng.normal(0, 1, 400) if i % 3 else rng.choice(["a", "b", "c"], 400) for i in range(20)}))

    comparison = Comparison(wide(30), Past(tuple(wide(day) for day in range(30)), tuple(map(str, range(30)))))
    for view in comparison.views():  # what all detectors of this layer share
        _ = view.is_key, view.is_group, view.tally if view.kind == "text" else view.past
    begun = time.process_time()
    list(Relations()(comparison))

    assert time.process_time() - begun < 0.6  # 0.15 s on a quiet machine
