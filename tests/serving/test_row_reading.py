"""A row read alone has the numbers that the table has."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import churn, cost, late, numbers, orders, rows_of

from assayline.artefacts.encoder import AsIs
from assayline.framing import Problem, frame
from assayline.serving.row_reading import RowReader

PLAIN = RowReader(churn().plan)
MIXED = RowReader(cost().plan)

plain_values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.integers(-(10**400), 10**400), st.booleans(), st.none(), st.sampled_from(["3.5", "1,200", "-7e3", "n/a", "", "12 kg"]),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
texts = st.one_of(st.text(max_size=8), st.sampled_from(["Bonn", "bonn ", "Ulmm", "2026-03-01", "12.50 EUR", "yes"]), st.none(), st.integers(-5, 5), st.floats(), st.booleans())


def same(reader: RowReader, row: dict[str, Any], expected: Any) -> bool:
    reader.read(row)
    reader.mended()
    return np.array_equal(reader.flat, np.asarray(expected), equal_nan=True)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([f"f{at}" for at in range(30)] + ["F3", "other"]), plain_values, max_size=34))
def test_whatever_stands_in_a_row_of_numbers_is_read_as_the_plan_reads_it(row: dict[str, Any]) -> None:
    filled = {**dict.fromkeys((f"f{at}" for at in range(30)), 0.25), **row}  # all columns are there, and some hold something odd

    assert same(PLAIN, row, PLAIN.slow(row))
    assert same(PLAIN, filled, PLAIN.slow(filled))


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("load", "crew", "town", "price", "express", "day", "Load", "other"), texts)))
def test_whatever_stands_in_a_mixed_row_is_read_as_the_plan_reads_it(row: dict[str, Any]) -> None:
    filled = {"load": 3, "crew": 1.0, "town": "Ulm", "price": "3 EUR", "express": True, "day": "2026-02-01", **row}

    assert same(MIXED, row, MIXED.slow(row))
    assert same(MIXED, filled, MIXED.slow(filled))


@pytest.mark.parametrize(("bundle", "table", "targets"), [
    (churn(), numbers(60, seed=3), ("bought",)), (cost(), orders(60, seed=3), ("cost", "late")), (late(), orders(60, seed=3), ("cost", "late")),
])  # fmt: skip
def test_rows_have_the_numbers_of_the_table_one_by_one_and_together_as_python_and_as_json(bundle: Any, table: pl.DataFrame, targets: tuple[str, ...]) -> None:
    reader, expected = RowReader(bundle.plan), bundle.plan.encode(table)
    rows = rows_of(table, *targets)
    sent = [json.loads(json.dumps({name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()})) for row in rows]

    for given_rows in (rows, sent):
        assert np.array_equal(np.concatenate([reader.read(row).copy() for row in given_rows]), expected, equal_nan=True)
        assert np.array_equal(reader.table(given_rows), expected, equal_nan=True)


def test_units_dates_renamed_columns_and_columns_of_another_order_are_read_as_in_a_table() -> None:
    random = np.random.default_rng(2)
    table = pl.DataFrame({"weight": [f"{one:.1f} kg" for one in random.lognormal(size=200)], "Total Charges": random.normal(size=200), "y": random.normal(size=200)})
    plan = frame(table, Problem("y"))
    rows: list[dict[str, Any]] = [
        {"weight": "800 g", "Total Charges": 3}, {"weight": 2.5, "Total Charges": "4,5"}, {"total_charges": 7.5, "weight": "1 lb"}, {"Total Charges": None, "weight": dt.timedelta(1)},
    ]  # fmt: skip
    reader = RowReader(plan)

    assert plan.columns[0].reading == plan.columns[1].reading == "number"
    for row in rows:
        assert same(reader, row, plan.row_encoder()(row))
    assert same(reader, rows[0], plan.encode(pl.DataFrame(rows[:1]))[0])


def test_a_plan_of_columns_as_they_are_reads_one_column_too() -> None:
    reader = RowReader(AsIs(Problem("y"), "regression", ("a",)))

    assert [reader.read(row)[0, 0] for row in ({"a": 2}, {"a": "2.5"}, {"a": True})] == [2.0, 2.5, 1.0]
    assert all(math.isnan(reader.read(row)[0, 0]) for row in ({"a": None}, {"a": "x"}, {}, {"b": 1}, {"a": 10**400}))
