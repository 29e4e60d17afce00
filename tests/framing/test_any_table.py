"""Laws that hold for every table."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_frames import as_text, frames, series

from assayline.framing import Plan, Problem, duplicates, frame, link, segments

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large], derandomize=True)

FEW = settings(QUICK, max_examples=50)


@QUICK
@given(frames(), frames())
def test_a_plan_learned_on_any_table_answers_for_any_other(train: pl.DataFrame, other: pl.DataFrame) -> None:
    plan = frame(train, Problem("target"))

    made = plan.encode(other)

    assert made.shape == (other.height, len(plan.features))
    assert not np.isinf(made).any()
    assert len({feature.name for feature in plan.features}) == len(plan.features)
    values, usable = plan.target(other)
    assert values.shape == usable.shape == (other.height,)
    assert all(note.sentence for note in plan.notes(other))


@QUICK
@given(frames(least=1), frames(most=6))
def test_single_rows_are_encoded_like_their_table(train: pl.DataFrame, other: pl.DataFrame) -> None:
    plan = frame(train, Problem("target"))
    encode = plan.row_encoder()

    for table in (train, other, as_text(train)):
        expected = plan.encode(table)
        made = [encode(row) for row in table.iter_rows(named=True)]
        assert np.array_equal(np.array(made, dtype=np.float64).reshape(expected.shape), expected, equal_nan=True)


@QUICK
@given(frames(least=1))
def test_a_plan_is_json_and_comes_back_equal(train: pl.DataFrame) -> None:
    plan = frame(train, Problem("target"))

    again = Plan.from_json(json.loads(json.dumps(plan.to_json(), allow_nan=False)))

    assert again == plan


@QUICK
@given(frames(least=1))
def test_the_order_of_rows_and_columns_changes_nothing(train: pl.DataFrame) -> None:
    order = np.random.default_rng(0).permutation(train.height)
    shuffled = train.select(sorted(train.columns, reverse=True))[order]

    plan, other = frame(train, Problem("target")), frame(shuffled, Problem("target"))

    assert plan == other
    assert np.array_equal(plan.encode(train)[order], other.encode(shuffled), equal_nan=True)


def test_a_target_alone_is_a_table_too() -> None:
    plan = frame(pl.DataFrame({"target": [1.5, 2.5, 3.5]}), Problem("target"))

    assert plan.encode(pl.DataFrame({"x": [1, 2]})).shape == (2, 0)
    assert plan.row_encoder()({"x": 1}) == []


@st.composite
def timed(draw: st.DrawFn) -> pl.DataFrame:
    """A table that has a target, a key and a time of any kind."""
    rows = draw(st.integers(0, 16))
    return pl.DataFrame([draw(series(name, rows)) for name in ("target", "key", "time", "other")])


@FEW
@given(timed(), timed(), st.sampled_from(["1h", "2d", "1", "3"]))
def test_keys_times_and_horizons_of_any_kind_are_answered(train: pl.DataFrame, other: pl.DataFrame, horizon: str) -> None:
    plan = frame(train, Problem("target", key="key", time="time", horizon=horizon))

    made = plan.encode(other)

    assert made.shape == (other.height, len(plan.features))
    assert not np.isinf(made).any()
    assert len(plan.target(other)[0]) == other.height
    assert all(len(one) == other.height for one in (plan.groups(other), plan.order(other)) if one is not None)
    assert plan.encode(other.drop("key", "time")).shape == made.shape
    encode = plan.row_encoder(train)
    assert all(len(encode(row)) == made.shape[1] for row in other.iter_rows(named=True))


@FEW
@given(timed(), timed())
def test_any_two_tables_are_linked_and_compared(main: pl.DataFrame, other: pl.DataFrame) -> None:
    made, learned = link(main, other, on="key", time="time")

    assert made.height == main.height
    assert learned.apply(main, other.drop("time")).columns == made.columns
    assert len(duplicates(main, other).rows) <= other.height
    assert all(len(grouping.groups) == main.height for grouping in segments(main, k=(2,)))
