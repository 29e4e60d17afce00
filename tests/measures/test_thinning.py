"""Thinned profiles are profiles: small, lawful, and no larger for many lots than for one."""

from __future__ import annotations

import datetime
import math
import random
from functools import reduce
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Profile
from assayline.measures import Block, ColumnPlan, DeviceRuns, Distinct, Measure, Moments, Plan, Sample, Values, installed, profile_block
from assayline.measures.packing import packed, unpacked
from assayline.measures.profiling import profile
from assayline.measures.thinning import moved, thinned

PLAN = Plan({
    "at": ColumnPlan("at", "time"), "device": ColumnPlan("device", "text"), "x": ColumnPlan("x", "number"), "word": ColumnPlan("word", "text"),
    "few": ColumnPlan("few", "text"),
}, key="device")  # fmt: skip


def lot(rows: int, seed: int = 0, devices: int = 400) -> pl.DataFrame:
    pick = random.Random(seed)
    at = datetime.datetime(2026, 1, 1) + datetime.timedelta(days=seed)
    return pl.DataFrame({
        "at": [at + datetime.timedelta(seconds=i) for i in range(rows)], "device": [f"d{pick.randrange(devices)}" for _ in range(rows)],
        "x": [pick.choice([None, 1.5, pick.random()]) for _ in range(rows)], "few": [pick.choice("abc") for _ in range(rows)],
        "word": ["".join(pick.choice("aA9-") for _ in range(pick.randrange(8))) for _ in range(rows)],
    }, schema={"at": pl.Datetime("us"), "device": pl.String, "x": pl.Float64, "few": pl.String, "word": pl.String})  # fmt: skip


def close(a: Any, b: Any, scale: float = 1.0) -> bool:
    """Equality but for the last bits of sums, by the size of the largest number of a state."""
    if isinstance(a, dict):
        size = max((abs(one) for one in a.values() if isinstance(one, float) and math.isfinite(one)), default=1.0)
        return a.keys() == b.keys() and all(close(a[key], b[key], max(scale, size)) for key in a)
    if isinstance(a, float):
        return bool(a == b) or math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-7 * scale)
    return bool(a == b)


def shown(profile: Profile) -> dict[str, Any]:
    return {f"{place} {name}": state.as_json() for (place, name), state in profile.states.items()}


@pytest.mark.parametrize("measure", installed(), ids=lambda measure: measure.name)
@given(rows=st.integers(0, 1_500), seed=st.integers(0, 9), cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@settings(max_examples=12, deadline=None)
def test_merging_and_thinning_may_be_done_in_any_order(measure: Measure, rows: int, seed: int, cuts: tuple[float, float]) -> None:
    frame = lot(rows, seed)
    i, j = sorted(round(cut * rows) for cut in cuts)
    whole = thinned(profile_block(Block(frame, PLAN), [measure]))
    a, b, c = (thinned(profile_block(Block(frame[s:e], PLAN, start=s), [measure])) for s, e in ((0, i), (i, j), (j, rows)))

    assert close(shown(thinned(a.merge(b).merge(c))), shown(whole))
    assert close(shown(thinned(a.merge(b.merge(c)))), shown(whole))
    assert close(shown(thinned(thinned(a.merge(b)).merge(c))), shown(whole))
    assert shown(thinned(a)) == shown(a) == shown(a.merge(Profile())) == shown(Profile().merge(a))


@pytest.mark.parametrize("measure", installed(), ids=lambda measure: measure.name)
@given(rows=st.integers(0, 300), start=st.integers(0, 10**9))
@settings(max_examples=15, deadline=None)
def test_a_moved_profile_is_the_profile_of_rows_further_down(measure: Measure, rows: int, start: int) -> None:
    frame = lot(rows)

    assert shown(moved(profile_block(Block(frame, PLAN), [measure]), start)) == shown(profile_block(Block(frame, PLAN, start=start), [measure]))


def test_a_thinned_lot_of_a_thousand_rows_takes_a_quarter_of_the_bytes_and_survives_packing() -> None:
    wide = pl.concat([lot(1_000, seed).select(pl.all().name.suffix(str(seed))) for seed in range(3)], how="horizontal")  # fifteen columns
    whole = profile(wide)

    small = packed(thinned(whole))

    assert len(small) <= 0.25 * len(packed(whole))
    assert shown(unpacked(small)) == shown(thinned(whole))


def test_a_month_of_lots_takes_no_more_bytes_than_a_day() -> None:
    lots = [thinned(moved(profile_block(Block(lot(600, day), PLAN)), 600 * day)) for day in range(30)]

    sizes = [len(packed(thinned(reduce(Profile.merge, lots[:days])))) for days in (1, 2, 10, 30)]

    assert max(sizes[1:]) < 1.25 * sizes[0]


def test_what_is_exact_stays_exact_over_a_month() -> None:
    frames = [lot(600, day) for day in range(30)]
    month = reduce(Profile.merge, [thinned(profile_block(Block(frame, PLAN))) for frame in frames])
    together = pl.concat(frames)

    moments, few, words = month.of("x", Moments), month.of("few", Values), month.of("word", Distinct)

    assert moments is not None
    assert moments.mean == pytest.approx(together["x"].mean())
    assert moments.high == together["x"].max()
    assert few is not None
    assert few.counts == dict(together["few"].value_counts().iter_rows())
    assert words is not None
    assert words.distinct == pytest.approx(together["word"].n_unique(), rel=0.25)  # three standard errors of 160 hashes


def test_the_sample_of_a_month_comes_from_all_its_days_and_all_places_of_a_day() -> None:
    month = reduce(Profile.merge, [thinned(moved(profile_block(Block(lot(600, day), PLAN)), 600 * day)) for day in range(30)])

    sample = month.of(None, Sample)

    assert sample is not None
    assert (sample.frame.height, sample.rows) == (192, 18_000)
    assert sample.frame["at"].dt.date().n_unique() == 30
    assert sample.frame["at"].dt.to_string("%H:%M:%S").n_unique() > 120


def test_lots_that_are_not_moved_merge_the_same_in_any_grouping() -> None:
    a, b, c = (thinned(profile_block(Block(lot(500, day), PLAN))) for day in range(3))

    one, other = a.merge(b).merge(c).of(None, Sample), a.merge(b.merge(c)).of(None, Sample)

    assert one is not None
    assert other is not None
    assert one.frame.equals(other.frame)


def test_the_same_devices_are_kept_in_every_lot() -> None:
    kept = [thinned(profile_block(Block(lot(9_000, day), PLAN))).of("x", DeviceRuns) for day in range(2)]

    assert [len(one.keys) for one in kept if one is not None] == [256, 256]
    assert kept[0] is not None
    assert kept[1] is not None
    assert len(set(kept[0].keys) & set(kept[1].keys)) > 240


def test_a_small_lot_is_thinned_to_itself() -> None:
    whole = profile(lot(60, devices=4))

    assert shown(thinned(whole)) == shown(whole) | shown(thinned(whole))
    sample, small = whole.of(None, Sample), thinned(whole).of(None, Sample)
    assert sample is not None
    assert small is not None
    assert small.frame.equals(sample.frame)
