"""The first law of the design, over every registered measure: profiles merge."""

from __future__ import annotations

import datetime
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Profile
from assayline.measures import Block, ColumnPlan, DeviceRuns, Measure, Plan, installed, profile_block

RELATIVE = 1e-7  # floating-point sums in another order; moments of order four of far-off numbers are the worst

TEXTS = st.sampled_from(["", " ", "a", "a", "Ab 1", "ab  2", "x ", " y", "caf\u00e9", "Caf\u00c3\u00a9", "12", "12.5", "N/A", "\x00", "\u200bz"])
NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda x: round(x, 3))
TIMES = st.datetimes(datetime.datetime(1960, 1, 1), datetime.datetime(2100, 1, 1))


def rows(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(st.none(), values), min_size=0, max_size=40)


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    kind = draw(st.sampled_from(["text", "number", "integer", "time", "boolean", "float", "list"]))
    if kind == "text":
        return pl.DataFrame({"x": draw(rows(TEXTS))}, schema={"x": pl.String})
    if kind == "number":
        return pl.DataFrame({"x": draw(rows(NUMBERS))}, schema={"x": pl.Float64})
    if kind == "integer":
        return pl.DataFrame({"x": draw(rows(st.integers(-3, 3)))}, schema={"x": pl.Int64})
    if kind == "time":
        return pl.DataFrame({"x": draw(rows(TIMES))}, schema={"x": pl.Datetime("us")})
    if kind == "boolean":
        return pl.DataFrame({"x": draw(rows(st.booleans()))}, schema={"x": pl.Boolean})
    if kind == "list":
        return pl.DataFrame({"x": draw(rows(st.lists(st.integers(0, 2), max_size=2)))}, schema={"x": pl.List(pl.Int64)})
    return pl.DataFrame({"x": draw(rows(st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1.5])))}, schema={"x": pl.Float64})


def same(a: Any, b: Any, scale: float = 1.0) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        size = max((abs(v) for v in a.values() if isinstance(v, float) and math.isfinite(v)), default=1.0)
        return a.keys() == b.keys() and all(same(a[key], b[key], max(scale, size)) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, scale) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or math.isclose(a, b, rel_tol=RELATIVE, abs_tol=RELATIVE * scale) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)


def shown(profile: Profile) -> dict[str, Any]:
    return {f"{place} {name}": state.as_json() for (place, name), state in profile.states.items()}


@pytest.mark.parametrize("measure", installed(), ids=lambda measure: measure.name)
@given(frame=frames(), cut=st.floats(0, 1), text=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_profile_of_a_table_is_the_merge_of_the_profiles_of_its_parts(measure: Measure, frame: pl.DataFrame, cut: float, text: bool) -> None:
    plan = Plan.of(frame, text)
    at = round(cut * frame.height)

    whole = profile_block(Block(frame, plan), [measure])
    first = profile_block(Block(frame[:at], plan), [measure])
    second = profile_block(Block(frame[at:], plan, start=at), [measure])

    assert same(shown(first.merge(second)), shown(whole))


@pytest.mark.parametrize("measure", installed(), ids=lambda measure: measure.name)
@given(frame=frames(), cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@settings(max_examples=40, deadline=None)
def test_merging_does_not_depend_on_the_grouping(measure: Measure, frame: pl.DataFrame, cuts: tuple[float, float]) -> None:
    plan = Plan.of(frame)
    i, j = sorted(round(cut * frame.height) for cut in cuts)
    a, b, c = (profile_block(Block(frame[s:e], plan, start=s), [measure]) for s, e in ((0, i), (i, j), (j, frame.height)))

    assert same(shown(a.merge(b).merge(c)), shown(a.merge(b.merge(c))))
    assert shown(Profile().merge(a)) == shown(a) == shown(a.merge(Profile()))


@pytest.mark.parametrize("measure", [m for m in installed() if not m.ordered], ids=lambda measure: measure.name)
@given(frame=frames(), cut=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_measure_that_is_not_ordered_merges_in_any_order(measure: Measure, frame: pl.DataFrame, cut: float) -> None:
    plan = Plan.of(frame)
    at = round(cut * frame.height)
    first, second = profile_block(Block(frame[:at], plan), [measure]), profile_block(Block(frame[at:], plan, start=at), [measure])

    assert same(shown(first.merge(second)), shown(second.merge(first)))


@pytest.mark.parametrize("measure", installed(), ids=lambda measure: measure.name)
def test_a_measure_names_its_states_and_speaks_only_json(measure: Measure) -> None:
    import json

    frame = pl.DataFrame({"t": ["a", "b", None], "n": [1.0, 2.0, None], "w": [datetime.datetime(2026, 1, 1)] * 3})
    profile = profile_block(Block(frame, Plan.of(frame)), [measure])

    assert all(name == measure.name == state.name and isinstance(state, measure.state) for (_, name), state in profile.states.items())
    json.dumps(shown(profile))


@given(
    readings=st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 1))), max_size=60),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=300, deadline=None)
def test_runs_per_device_merge_across_any_cut(readings: list[tuple[str, int | None]], cuts: tuple[float, float]) -> None:
    frame = pl.DataFrame(readings, schema={"device": pl.String, "x": pl.Int64}, orient="row")
    plan = Plan({"device": ColumnPlan("device", "text"), "x": ColumnPlan("x", "number")}, key="device")
    measure = next(one for one in installed() if one.name == "device_runs")
    i, j = sorted(round(cut * frame.height) for cut in cuts)

    whole = profile_block(Block(frame, plan), [measure])
    a, b, c = (profile_block(Block(frame[s:e], plan, start=s), [measure]) for s, e in ((0, i), (i, j), (j, frame.height)))

    if whole.of("x", DeviceRuns) and whole.of("x", DeviceRuns).keys:  # type: ignore[union-attr]  # just looked
        assert shown(a.merge(b).merge(c)) == shown(whole) == shown(a.merge(b.merge(c)))


@given(
    records=st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 20))), max_size=60),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=300, deadline=None)
def test_steps_per_device_merge_across_any_cut(records: list[tuple[str, int | None]], cuts: tuple[float, float]) -> None:
    frame = pl.DataFrame(records, schema={"device": pl.String, "at": pl.Int64}, orient="row").with_columns(pl.col("at").cast(pl.Datetime("us")))
    plan = Plan({"device": ColumnPlan("device", "text"), "at": ColumnPlan("at", "time")}, key="device")
    measure = next(one for one in installed() if one.name == "device_steps")
    i, j = sorted(round(cut * frame.height) for cut in cuts)

    whole = profile_block(Block(frame, plan), [measure])
    a, b, c = (profile_block(Block(frame[s:e], plan, start=s), [measure]) for s, e in ((0, i), (i, j), (j, frame.height)))

    assert shown(a.merge(b).merge(c)) == shown(whole) == shown(a.merge(b.merge(c)))


def test_the_device_column_is_the_one_that_reports_at_regular_intervals() -> None:
    at = [datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=i // 3) for i in range(600)]
    colours = [["red", "blue"][(i * i // 7) % 2] for i in range(600)]
    frame = pl.DataFrame({"at": at, "station": ["a", "b", "c"] * 200, "colour": colours, "x": [float(i) for i in range(600)]})

    assert Plan.of(frame).key == "station"
