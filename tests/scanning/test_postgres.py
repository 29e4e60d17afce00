"""PostgreSQL for real: what is read, in which types, with which memory, and that nothing but reading ever happens.

The server is found or started by the fixtures of all tests (`tests/conftest.py`). Every run makes a database of its own.
"""

from __future__ import annotations

import datetime
import socket
import time
import tracemalloc
import uuid
from collections.abc import Iterator
from decimal import Decimal

import polars as pl
import pytest

from assayline.errors import AssaylineError, InputError, MisuseError, NotFound, Unreadable
from assayline.scanning.apart import scan_apart
from assayline.tables import Limits, open_table
from assayline.tables.databases import PIECE_BYTES, PIECE_ROWS

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'assayline[postgres]'")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def empty(postgres: str) -> Iterator[str]:
    """The address of an empty database."""
    name = f"assay_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield postgres.rpartition("/")[0] + "/" + name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)' if connection.info.server_version >= 130000 else f'DROP DATABASE "{name}"')


@pytest.fixture
def shop(empty: str) -> str:
    """The address of a database with two tables, a view, a table with parts and one in another schema."""
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS crm CASCADE; CREATE SCHEMA crm")
        connection.execute('CREATE TABLE "order ""lines"" 1.0" (id int PRIMARY KEY, note text)')
        connection.execute("""INSERT INTO "order ""lines"" 1.0" SELECT i, 'n' || i FROM generate_series(1, 9) i""")
        connection.execute("CREATE TABLE crm.people AS SELECT 1 AS id")
        connection.execute("CREATE VIEW small AS SELECT 1 AS one")
        connection.execute("CREATE TABLE days (day date) PARTITION BY RANGE (day)")
        connection.execute("CREATE TABLE days_2026 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
    return empty


def made(address: str, *statements: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def read(address: str, limits: Limits | None = None) -> pl.DataFrame:
    table = open_table(address, limits)
    try:
        frames = [piece.load() for piece in table.pieces()]
        assert table.facts().rows == sum(frame.height for frame in frames) == table.rows_hint
        return pl.concat(frames) if frames else pl.DataFrame(schema=list(table.columns))
    finally:
        table.close()


# -- what is read ------------------------------------------------------------------------------------------------------


def test_a_table_is_read_under_any_name(shop: str) -> None:
    frame = read(shop + '?table=order%20"lines"%201.0')

    assert frame.rows() == [(i, f"n{i}") for i in range(1, 10)]
    assert read(shop + "?table=public.small").rows() == read(shop + "?table=small").rows() == [(1,)]
    assert read(shop + "?table=crm.people").rows() == [(1,)]
    assert read(shop + "?table=days_2026").height == 0


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT i, i * 2 AS i FROM generate_series(1, 2) i", [(1, 2), (2, 4)]),
        ("SELECT 1 AS a -- the end;", [(1,)]),
        ("  with x as (select '100%' as p) select p from x ; ", [("100%",)]),
        ("VALUES (1, 'a'), (2, NULL)", [(1, "a"), (2, None)]),
        ("SELECT i FROM generate_series(1, 9) i WHERE i > 7 ORDER BY i DESC", [(9,), (8,)]),
    ],
)
def test_a_query_is_read_as_it_stands(shop: str, query: str, rows: list[tuple[object, ...]]) -> None:
    assert read(f"{shop}?query={query}").rows() == rows


def test_the_only_table_needs_no_name(shop: str) -> None:
    made(shop, "DROP VIEW small", "DROP TABLE days", "DROP TABLE crm.people")

    assert read(shop).height == 9


def test_several_tables_are_listed_without_the_parts_of_others(shop: str) -> None:
    with pytest.raises(NotFound, match=r'it holds 4 tables: days, order "lines" 1\.0, small, crm\.people; name one'):
        open_table(shop)


@pytest.mark.parametrize("table", ["nobody", "public.nobody", 'x"; DROP TABLE small; --', "crm.people.id", "pg_class", "it's"])
def test_a_table_that_is_not_there_is_an_error_that_names_those_that_are(shop: str, table: str) -> None:
    with pytest.raises(NotFound, match=r"there is no table .*; it has days, days_2026, order"):
        open_table(f"{shop}?table={table}")

    assert read(shop + "?table=small").height == 1


def test_an_empty_database_and_a_table_without_columns_are_errors(shop: str) -> None:
    made(shop, "CREATE TABLE nothing ()")

    with pytest.raises(Unreadable, match="no columns"):
        open_table(shop + "?table=nothing")
    made(shop, "DROP SCHEMA public CASCADE; DROP SCHEMA crm CASCADE; CREATE SCHEMA public")
    with pytest.raises(NotFound, match="holds no tables"):
        open_table(shop)


def test_every_type_arrives_as_what_it_is(shop: str) -> None:
    made(
        shop,
        "CREATE TYPE mood AS ENUM ('fine')",
        """CREATE TABLE t (small smallint, long bigint, real real, double double precision, flag boolean, price numeric(10,2), id numeric(30),
           free numeric, day date, at timestamp, zoned timestamptz, doc json, docb jsonb, list int[], uuid uuid, raw bytea, span interval,
           clock time, address inet, mood mood, pair int4range, name varchar(5), fixed char(3), empty text)""",
        """INSERT INTO t VALUES (1, 9007199254740993, 1.5, 0.1, true, 12.50, 123456789012345678901234567890, 7, '2026-02-03',
           '2026-02-03 04:05:06.789', '2026-02-03 04:05:06+02', '{"b": [1]}', '{"b": null}', '{1,NULL,3}',
           '00000000-0000-0000-0000-000000000001', '\\xff00', '1 mon 2 days', '04:05', '10.0.0.1', 'fine', '[1,3)', 'Zoë', 'ab', ''),
           (NULL, NULL, 'NaN', 'Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL)""",
    )  # fmt: skip

    frame = read(shop + "?table=t")

    first = frame.row(0, named=True)
    assert first == {
        "small": 1, "long": 9007199254740993, "real": 1.5, "double": 0.1, "flag": True, "price": 12.5,
        "id": Decimal("123456789012345678901234567890"), "free": 7, "day": datetime.date(2026, 2, 3),
        "at": datetime.datetime(2026, 2, 3, 4, 5, 6, 789000), "zoned": datetime.datetime(2026, 2, 3, 2, 5, 6, tzinfo=datetime.UTC),
        "doc": '{"b": [1]}', "docb": '{"b": null}', "list": "{1,NULL,3}", "uuid": "00000000-0000-0000-0000-000000000001", "raw": "\\xff00",
        "span": "1 mon 2 days", "clock": "04:05:00", "address": "10.0.0.1/32", "mood": "fine", "pair": "[1,3)", "name": "Zoë",
        "fixed": "ab", "empty": "",
    }  # fmt: skip
    assert frame.schema["free"] == pl.Int64
    assert frame.schema["price"] == pl.Float64
    assert [name for name, value in frame.row(1, named=True).items() if value is not None] == ["real", "double"]


def test_values_that_no_type_of_ours_holds_become_exact_text(shop: str) -> None:
    made(
        shop,
        "CREATE TABLE t (until timestamptz, born date, huge numeric, odd numeric)",
        "INSERT INTO t VALUES ('infinity', '0044-03-15 BC', 1e50, 'NaN'), ('2026-01-01', '2000-01-01', 1, 1)",
    )

    frame = read(shop + "?table=t")

    assert frame["until"].to_list() == ["infinity", "2026-01-01 00:00:00+00"]
    assert frame["born"].to_list() == ["0044-03-15 BC", "2000-01-01"]
    assert frame["huge"].to_list() == ["1" + "0" * 50, "1"]
    assert str(frame["odd"].to_list()) == "[nan, 1.0]"


# -- in pieces ---------------------------------------------------------------------------------------------------------


def test_a_large_table_comes_in_pieces_in_one_order_with_bounded_memory(shop: str) -> None:
    made(shop, "CREATE TABLE big AS SELECT i, md5(i::text) AS name FROM generate_series(1, 120000) i")
    table = open_table(shop + "?table=big")
    tracemalloc.start()

    sizes = [piece.rows for piece in table.pieces()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    again = [row for piece in table.pieces(["i"]) for row in piece.load()["i"]]
    table.close()

    assert sum(sizes) == 120_000
    assert max(sizes) <= PIECE_ROWS
    assert peak < 60 << 20  # all rows at once take 200 MB
    assert again == list(range(1, 120_001))


def test_wide_rows_come_few_at_a_time(shop: str) -> None:
    made(shop, "CREATE TABLE wide AS SELECT i, repeat('x', 300000) AS doc FROM generate_series(1, 400) i")
    table = open_table(shop + "?table=wide")

    sizes = [piece.rows for piece in table.pieces()]
    table.close()

    assert sum(sizes) == 400
    assert max(sizes[1:]) * 300_000 <= PIECE_BYTES


def test_every_pass_sees_the_rows_that_were_counted(shop: str) -> None:
    table = open_table(shop + '?table=order "lines" 1.0')
    made(shop, 'DELETE FROM "order ""lines"" 1.0" WHERE id > 2')

    passes = [sum(piece.rows for piece in table.pieces()) for _ in range(2)]
    table.close()

    assert passes == [9, 9]
    assert table.rows_hint == 9


def test_two_passes_may_run_at_once(shop: str) -> None:
    table = open_table(shop + '?table=order "lines" 1.0')

    pairs = list(zip(table.pieces(), table.pieces(["id"]), strict=True))
    table.close()

    assert [(one.rows, other.load().columns) for one, other in pairs] == [(9, ["id"])]


# -- nothing but reading -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1) AS q(c0); COMMIT; DROP TABLE victim; SELECT * FROM (SELECT 1",
        "SELECT 1) AS q; COMMIT; BEGIN READ WRITE; DROP TABLE victim; COMMIT; SELECT * FROM (SELECT 1",
        "SELECT 1; DROP TABLE victim",
        "WITH gone AS (DELETE FROM victim RETURNING *) SELECT * FROM gone",
        "SELECT kill()",
        "SELECT nextval('numbers')",
        "SELECT * FROM victim FOR UPDATE",
        "SELECT set_config('transaction_read_only', 'off', false), kill()",
        "SELECT lo_create(4711)",
    ],
)
def test_no_query_changes_anything(shop: str, query: str) -> None:
    made(
        shop,
        "CREATE TABLE victim AS SELECT 1 AS id",
        "CREATE SEQUENCE numbers",
        "CREATE FUNCTION kill() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM victim; RETURN 1; END $$",
    )

    with pytest.raises(InputError, match="check the table or the query"):
        read(f"{shop}?query={query}")

    assert read(shop + "?table=victim").height == 1
    assert read(shop + "?query=SELECT is_called FROM numbers").rows() == [(False,)]


@pytest.mark.parametrize("query", ["DROP TABLE small", "COPY small TO '/x'", "DELETE FROM small RETURNING 1", "; SELECT 1", "EXPLAIN SELECT 1", "DO $$ $$"])
def test_what_is_no_select_is_refused_before_a_connection_is_made(query: str) -> None:
    with pytest.raises(MisuseError, match="SELECT or WITH") as caught:
        open_table(f"postgresql://me:secret@256.0.0.1/shop?query={query}")

    assert "secret" not in str(caught.value)


# -- what does not answer ----------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(Unreadable, match=r"me:\*\*\*@127.* cannot be reached: .*; check the address, the user and the password") as caught:
        open_table(f"postgresql://me:secret@127.0.0.1:{free_port()}/shop")

    assert "secret" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up() -> None:
    began = time.monotonic()

    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(Unreadable, match=r"cannot be reached: .*timeout"),
    ):
        open_table(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/shop?connect_timeout=2")

    assert time.monotonic() - began < 8


def test_somebody_unknown_is_turned_away(shop: str) -> None:
    with pytest.raises(Unreadable, match=r"cannot be reached: .*(does not exist|failed)"):
        open_table(shop.rpartition("/")[0] + "/no_such_database")


def test_a_wrong_password_is_an_error_that_does_not_show_it(private_postgres: str) -> None:
    assert read(private_postgres + "?query=SELECT 1 AS a").rows() == [(1,)]
    with pytest.raises(Unreadable, match=r"//admin:\*\*\*@.* cannot be reached: .*password authentication failed") as caught:
        open_table(private_postgres.replace("right%20one", "wrong%20one"))

    assert "wrong" not in str(caught.value)


def test_a_statement_that_runs_too_long_is_ended_by_the_server(shop: str) -> None:
    began = time.monotonic()

    with pytest.raises(InputError, match="statement timeout"):
        open_table(shop + "?query=SELECT pg_sleep(30)", Limits(seconds=1))

    assert time.monotonic() - began < 10


# -- as a scan ---------------------------------------------------------------------------------------------------------


def test_a_scan_reads_it_from_its_locked_child_and_shows_no_password(shop: str) -> None:
    made(shop, "CREATE TABLE sales AS SELECT i AS id, CASE WHEN i % 40 = 0 THEN -999 ELSE 20 + i % 9 END AS celsius FROM generate_series(1, 400) i")

    report = scan_apart(shop + "?table=sales")

    assert report["input"]["rows"] == 400
    assert [(one["code"], one["columns"]) for one in report["findings"] if one["severity"] > 0.1] == [("disguised_missing", ["celsius"])]
    assert "right" not in str(report)


def test_a_scan_that_takes_too_long_is_stopped_here_and_on_the_server(shop: str) -> None:
    with pytest.raises(AssaylineError, match=r"longer than 3 seconds|statement timeout") as caught:
        scan_apart(shop + "?query=SELECT 1 AS assay_sleeper, pg_sleep(60)", limits=Limits(seconds=3))

    assert "right" not in str(caught.value)
    for _ in range(60):
        with psycopg.connect(shop) as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%assay_sleeper%' AND pid <> pg_backend_pid()"
            ).fetchone()
        if not count:
            return
        time.sleep(0.2)
    raise AssertionError("the server still works for a scan that is gone")
