"""Polars, DuckDB and a slow interpreter in plain Python give the same answer to any rule about any table."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from assayline.rules import Compiled, Evaluation, Tree, compile_rule, failing_rows, parse
from assayline.rules import tree as t

sys.path.insert(0, str(Path(__file__).parent))
import made
import oracle

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'assayline[duckdb]'")
SLOWLY = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    connection = duckdb.connect()
    connection.execute('create table stores as select * from (values (0.0, \'a\'), (1.0, \'ab\'), (2.5, \'é\'), (null, null)) _(id, "the name")')
    connection.execute("create table empty (id double)")
    yield connection
    connection.close()


def in_pieces(compiled: Compiled, table: pl.DataFrame, borders: list[int]) -> list[pl.Series]:
    """The answers for each piece of a table that is cut at these rows."""
    cuts = [0, *sorted(min(border, table.height) for border in borders), table.height]
    pieces = [table.slice(begin, end - begin) for begin, end in itertools.pairwise(cuts)]
    run = Evaluation(compiled, made.REFERENCES)
    for piece in pieces:
        run.first(piece)
    run.finish()
    return [run.truth(piece) for piece in pieces]


@SLOWLY
@given(made.rules(), made.tables())
def test_polars_answers_as_the_interpreter_does(tree: Tree, rows: list[dict[str, Any]]) -> None:
    compiled = Compiled(tree, made.KINDS)
    event(f"about the lot: {compiled.about_lot}, looks back: {compiled.needs_order}")

    answer = failing_rows(compiled, made.frame(rows), made.REFERENCES)
    truth = made.frame(rows).with_columns(compiled.expression(made.REFERENCES).alias("holds"))["holds"]

    assert answer.to_list() == oracle.failing(tree, rows, made.REFERENCES), str(tree)
    assert compiled.about_lot or truth.to_list() == oracle.truth(tree, rows, made.REFERENCES), str(tree)


@SLOWLY
@given(made.asked(), st.lists(st.integers(0, 12), max_size=4))
def test_every_part_of_a_rule_has_the_value_the_interpreter_gives_it(asked: tuple[Tree, list[dict[str, Any]], int], borders: list[int]) -> None:
    tree, rows, row = asked
    compiled = Compiled(tree, made.KINDS)

    truth = pl.concat(in_pieces(compiled, made.frame(rows), borders))

    assert truth[row] is True, f"{tree} in row {row}"


@SLOWLY
@given(asked=made.asked(wild=False))
def test_every_part_of_a_rule_has_this_value_in_duckdb(database: Any, asked: tuple[Tree, list[dict[str, Any]], int]) -> None:
    tree, rows, row = asked
    contrary = Compiled(Tree(t.Not(tree.root)), made.KINDS)  # fails where the answer is true
    database.register("lot", made.frame(rows).with_row_index("row_number").to_arrow())

    got = database.sql(contrary.sql("duckdb")).fetchnumpy()

    assert got["holds"].tolist() == [False] if contrary.about_lot else row in got["row_number"].tolist(), f"{tree} in row {row}"


@SLOWLY
@given(tree=made.rules(wild=False), rows=made.tables(made.TAME))
def test_duckdb_answers_as_polars_does(database: Any, tree: Tree, rows: list[dict[str, Any]]) -> None:
    compiled = Compiled(tree, made.KINDS)
    table = made.frame(rows).with_row_index("row_number")
    database.register("lot", table.to_arrow())

    got = database.sql(compiled.sql("duckdb")).fetchnumpy()

    mine = failing_rows(compiled, table, made.REFERENCES)
    if compiled.about_lot:
        assert mine.to_list() == [got["holds"].tolist() == [False]] * len(rows), str(tree)
    else:
        assert sorted(got["row_number"].tolist()) == mine.arg_true().to_list(), str(tree)


@SLOWLY
@given(made.rules(), made.tables(), st.lists(st.integers(0, 12), max_size=4))
def test_pieces_cannot_change_the_answer(tree: Tree, rows: list[dict[str, Any]], borders: list[int]) -> None:
    compiled, table = Compiled(tree, made.KINDS), made.frame(rows)

    truth = pl.concat(in_pieces(compiled, table, borders))

    assert (~truth).fill_null(False).to_list() == failing_rows(compiled, table, made.REFERENCES).to_list(), str(tree)
    assert truth.to_list() == oracle.truth(tree, rows, made.REFERENCES), str(tree)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made.rules())
def test_a_rule_that_is_printed_and_read_again_is_the_same_rule(tree: Tree) -> None:
    again = parse(str(tree))

    assert again == tree
    assert str(again) == str(tree)


def test_a_rule_of_thirty_divisions_within_each_other_is_small_in_every_form(database: Any) -> None:
    text = "n / (" * 28 + "n" + ")" * 28 + " <> 0"
    compiled = compile_rule(text, made.KINDS)
    table = pl.DataFrame({"n": [2.0, 0.0]}).with_row_index("row_number")
    database.register("lot", table.to_arrow())

    assert failing_rows(compiled, table).to_list() == [False, False]
    assert len(compiled.sql("duckdb")) < 10_000
    assert database.sql(compiled.sql("duckdb")).fetchall() == []
