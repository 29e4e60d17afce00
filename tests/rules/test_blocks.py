"""Rules over tables as they are read: text that has to be typed, blocks, several rules at once."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.core import Rule
from assayline.errors import MisuseError
from assayline.measures import Block, ColumnPlan, Plan
from assayline.rules import Applied, Evaluation, compile_rule, failing_rows, typed
from assayline.rules.exact import SCALE, divided, scaled_sum

SINCE = datetime(2026, 1, 31)
SALES = pl.DataFrame(
    {
        "amount": ["9", "10", "n/a", "-1", None, "1e2"], "price": ["1,5", "2,5", "3,5", "x", "1.000,5", "0,5"], "code": ["007", "8", "9", "10", "011", "12"],
        "day": ["2026-01-31", "2026-02-01", "yesterday", "2026-02-03", "2026-02-04", "2026-02-05"],
    }
)  # fmt: skip
PLAN = Plan.of(SALES, text=True)


def applied(*texts: str, kinds: dict[str, str] | None = None) -> Applied:
    kinds = kinds or {name: plan.kind for name, plan in PLAN.columns.items()}
    return Applied([(Rule(text, "ops@example.com", SINCE), compile_rule(text, kinds)) for text in texts])


def masks(rules: Applied, table: pl.DataFrame, plan: Plan, size: int) -> list[list[bool]]:
    blocks = [Block(table.slice(begin, size), plan, begin) for begin in range(0, table.height, size)]
    for block in blocks:
        rules.first(block)
    rules.finish()
    pieces = [rules.failing(block) for block in blocks]
    return [pl.concat(one).to_list() for one in zip(*pieces, strict=True)]


@pytest.mark.parametrize("size", [1, 2, 6])
def test_text_is_compared_as_what_the_plan_takes_it_for(size: int) -> None:
    rules = applied("amount > 9", "price <= 3.5", "length(code) = 3", "day <> date '2026-02-03'", "amount is not null")

    found = masks(rules, SALES, PLAN, size)

    assert found == [
        [True, False, False, True, False, False],
        [False, False, False, False, True, False],
        [False, True, True, True, False, True],
        [False, False, False, True, False, False],
        [False, False, True, False, True, False],
    ]


@pytest.mark.parametrize("size", [1, 4, 6])
def test_every_rule_has_its_count_and_its_first_cells(size: int) -> None:
    rules = applied("amount > 9", "amount > previous(amount)", "share(amount is null) < 0.1", "count(*) = 6", "amount <= price")

    masks(rules, SALES, PLAN, size)

    outcomes = rules.outcomes()
    assert [(outcome.holds, outcome.rows) for outcome in outcomes] == [(False, 2), (True, 0), (False, 0), (True, 0), (False, 3)]
    assert [(cell.row, cell.column, cell.value) for cell in outcomes[0].examples] == [(0, "amount", "9"), (3, "amount", "-1")]
    assert {cell.column for cell in outcomes[4].examples} == {"*"}


def test_only_the_first_five_cells_are_kept() -> None:
    table = pl.DataFrame({"x": [str(number) for number in range(100)]})
    rules = applied("x < 0", kinds={"x": "number"})

    masks(rules, table, Plan.of(table, text=True), 3)

    assert rules.outcomes()[0].rows == 100
    assert [cell.row for cell in rules.outcomes()[0].examples] == [0, 1, 2, 3, 4]


def test_one_pass_is_enough_without_aggregates() -> None:
    assert applied("amount > 1", "amount > previous(amount)").passes == 1
    assert applied("amount > 1", "amount > avg(amount)").passes == 2


def test_rules_made_for_different_tables_are_not_applied_together() -> None:
    one, other = compile_rule("a > 1", {"a": "number"}), compile_rule("a > 'b'", {"a": "text"})

    with pytest.raises(MisuseError, match="'a'"):
        Applied([(Rule(str(rule), "ops@example.com", SINCE), rule) for rule in (one, other)])


def test_a_column_that_comes_as_another_kind_is_read_as_the_rule_takes_it() -> None:
    table = pl.DataFrame({"n": ["1", "x", "3"], "s": ["1", "2", "3"], "t": ["2026-01-31", "x", "y"], "b": ["true", "FALSE", "x"], "typed": [1, 2, 3]})
    plan = Plan({name: ColumnPlan(name, "text") for name in "ntb"} | {"s": ColumnPlan("s", "number", "number"), "typed": ColumnPlan("typed", "number")}, text=True)

    read = typed(table, plan, {"n": "number", "s": "text", "t": "time", "b": "boolean", "typed": "text"})

    assert read["n"].to_list() == [1.0, None, 3.0]
    assert read["s"].to_list() == ["1", "2", "3"]
    assert read["b"].to_list() == [True, False, None]
    assert read["typed"].to_list() == ["1", "2", "3"]
    assert read["t"].dtype == pl.Datetime("us")


def test_a_time_written_as_a_day_is_read_where_the_plan_saw_only_text() -> None:
    table = pl.DataFrame({"t": ["2026-01-31", "x", "2026-02-01 10:00:00"]})

    read = typed(table, Plan({"t": ColumnPlan("t", "text")}, text=True), {"t": "time"})

    assert read["t"].to_list() == [datetime(2026, 1, 31), None, datetime(2026, 2, 1, 10)]


def test_typed_sources_are_compared_whatever_their_width() -> None:
    table = pl.DataFrame({"n": [1, 255]}, schema={"n": pl.UInt8}).with_columns(c=pl.Series(["a", "b"], dtype=pl.Categorical), z=pl.Series([SINCE, SINCE]).dt.replace_time_zone("Europe/Rome"))
    plan = Plan.of(table)
    kinds = {name: column.kind for name, column in plan.columns.items()}

    fails = {text: failing_rows(compile_rule(text, kinds), typed(table, plan)).to_list() for text in ("n - 2 < 0", "c = 'a'", "hour(z) = 23")}

    assert fails == {"n - 2 < 0": [False, True], "c = 'a'": [False, True], "hour(z) = 23": [False, False]}


def test_a_column_that_is_not_in_the_table_is_named() -> None:
    with pytest.raises(MisuseError, match="'amuont'"):
        masks(applied("amuont > 1", kinds={"amuont": "number"}), SALES, PLAN, 2)


def test_a_rule_that_reads_no_column_counts_rows() -> None:
    rules = applied("count(*) >= 7")

    masks(rules, SALES, PLAN, 2)

    assert not rules.outcomes()[0].holds


def test_a_table_without_rows_can_fail_a_rule_about_the_lot() -> None:
    rules = applied("count(*) > 0", "share(amount > 0) > 0.9", "amount > avg(amount)")

    rules.finish()

    assert [outcome.holds for outcome in rules.outcomes()] == [False, True, True]


def test_looking_back_reaches_over_several_pieces_and_keeps_keys_apart() -> None:
    run = Evaluation(compile_rule("x = lag(x, 2 per k)", {"x": "number", "k": "text"}))
    pieces = [[(1, "a"), (5, "b")], [(2, "a")], [(5, "b")], [], [(1, "a"), (5, "b"), (9, "a")]]
    frames = [pl.DataFrame(piece, schema={"x": pl.Float64, "k": pl.String}, orient="row") for piece in pieces]

    assert [run.failing(one).to_list() for one in frames] == [[False, False], [False], [False], [], [False, False, True]]


def test_a_row_is_not_judged_before_the_aggregates_are_known() -> None:
    run = Evaluation(compile_rule("x > avg(x)", {"x": "number"}))

    with pytest.raises(MisuseError, match="finish"):
        run.failing(pl.DataFrame({"x": [1.0]}))


def test_values_of_another_flow_that_were_not_given_are_asked_for() -> None:
    run = Evaluation(compile_rule("x exists in flow(stores.id)", {"x": "number"}))

    with pytest.raises(MisuseError, match=r"stores\.id"):
        run.failing(pl.DataFrame({"x": [1.0]}))


def test_keys_without_end_are_refused_before_memory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assayline.rules.evaluation.KEPT_ROWS", 10)
    run = Evaluation(compile_rule("x > previous(x per k)", {"x": "number", "k": "number"}))

    with pytest.raises(MisuseError, match="coarser key"):
        run.failing(pl.DataFrame({"x": range(11), "k": range(11)}))


def test_different_values_without_end_are_refused_before_memory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assayline.rules.aggregates.DISTINCT", 10)
    run = Evaluation(compile_rule("count(distinct x) = count(x)", {"x": "number"}))

    run.first(pl.DataFrame({"x": range(10)}))
    run.first(pl.DataFrame({"x": range(10)}))
    with pytest.raises(MisuseError, match="more than 10 different"):
        run.first(pl.DataFrame({"x": range(5, 15)}))


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_different_values_are_counted_across_pieces(size: int) -> None:
    table = pl.DataFrame({"x": [number % 17 * 0.5 for number in range(50)]})
    run = Evaluation(compile_rule("count(distinct x) = 17", {"x": "number"}))

    for begin in range(0, 50, size):
        run.first(table.slice(begin, size))
    run.finish()

    assert run.holds()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_sums_are_exact(values: list[float]) -> None:
    exact = sum(map(Fraction, values))

    assert Fraction(scaled_sum(np.array(values)), 2**SCALE) == exact
    try:
        assert divided(scaled_sum(np.array(values)), len(values)) == float(exact / len(values))
    except OverflowError:
        assert divided(scaled_sum(np.array(values)), len(values)) is None
