"""PostgreSQL gives the answers of the page, but where the page says that it does not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from assayline.errors import MisuseError
from assayline.rules import Compiled, Tree, compile_rule, failing_rows
from assayline.rules import tree as t

sys.path.insert(0, str(Path(__file__).parent))
import made

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'assayline[postgres]'")

SERVER = os.environ.get("ASSAY_POSTGRES") or "postgresql://postgres@127.0.0.1:5432/postgres"
ATTACK = "'); DROP TABLE lot; --"
COLUMNS = 'row_number bigint, n float8, "m x" float8, s text, k text, t timestamp, b boolean'


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    """A session whose tables nobody else sees and which leaves nothing behind."""
    try:
        connection = psycopg.connect(SERVER, connect_timeout=3, autocommit=True)
    except psycopg.Error as error:
        pytest.skip(f"RULES ARE NOT TESTED WITH POSTGRESQL: no server answers ({error}); set ASSAY_POSTGRES")
    with connection:
        connection.execute(f"CREATE TEMP TABLE lot ({COLUMNS})")
        connection.execute('CREATE TEMP TABLE stores (id float8, "the name" text)')
        connection.execute("INSERT INTO stores VALUES (0, 'a'), (1, 'ab'), (2.5, 'é'), (NULL, NULL)")
        connection.execute("CREATE TEMP TABLE empty (id float8)")
        yield connection


def differs(node: t.Node) -> bool:
    """What the page lists as different there."""
    match node:
        case t.Matches():
            return True
        case t.Call(name):
            return name in ("lower", "upper", "round")
        case t.Arithmetic(sign):
            return sign == "%"
        case _:
            return False


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])
@given(tree=made.rules(wild=False).filter(lambda tree: not any(map(differs, t.everywhere(tree.root)))), rows=made.tables(made.TAME))
def test_postgres_answers_as_polars_does(database: Any, tree: Tree, rows: list[dict[str, Any]]) -> None:
    compiled = Compiled(tree, made.KINDS)
    database.execute("TRUNCATE lot")
    with database.cursor() as cursor:
        cursor.executemany("INSERT INTO lot VALUES (%s, %s, %s, %s, %s, %s, %s)", [(number, *(row[name] for name in made.KINDS)) for number, row in enumerate(rows)])

    got = [row[0] for row in database.execute(compiled.sql("postgres")).fetchall()]

    mine = failing_rows(compiled, made.frame(rows), made.REFERENCES)
    if compiled.about_lot:
        assert mine.to_list() == [got == [False]] * len(rows), str(tree)
    else:
        assert sorted(got) == mine.arg_true().to_list(), str(tree)


@pytest.mark.parametrize(("rule", "fails"), [("round(n, 1) = 2.5", [0]), ("n % 2 = 0.5", [1]), ("round(n / 0) = 1", []), ("n % 0 = 1", [])])
def test_rounding_and_remainders_are_those_of_decimals(database: Any, rule: str, fails: list[int]) -> None:
    database.execute("TRUNCATE lot")
    database.execute("INSERT INTO lot (row_number, n) VALUES (0, 4.5), (1, 2.46)")

    got = database.execute(compile_rule(rule, made.KINDS).sql("postgres")).fetchall()

    assert sorted(row[0] for row in got) == sorted(fails)


def test_a_rule_with_a_quote_in_every_place_is_no_more_than_a_condition(database: Any) -> None:
    name, table = "x'); DROP TABLE \"lot\" --", 'odd "name'
    quoted = '"' + name.replace('"', '""') + '"'
    compiled = compile_rule(f"{quoted} = {t.quoted(ATTACK)} or {quoted} like '\\%'';%'", {name: "text"})
    database.execute('CREATE TEMP TABLE "odd ""name" (' + quoted + " text)")
    with database.cursor() as cursor:
        cursor.executemany('INSERT INTO "odd ""name" VALUES (%s)', [(ATTACK,), ("%';x",), ("x",)])

    got = database.execute(compiled.sql("postgres", table=table)).fetchall()

    assert got == [("x",)]
    assert database.execute("SELECT to_regclass('lot') IS NOT NULL").fetchone() == (True,)


def test_what_postgres_cannot_say_is_refused() -> None:
    with pytest.raises(MisuseError, match="matches"):
        compile_rule("s matches 'a'", made.KINDS).sql("postgres")
    with pytest.raises(MisuseError, match="'oracle'"):
        compile_rule("s = 'a'", made.KINDS).sql("oracle")
