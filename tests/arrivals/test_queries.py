"""Rows above a watermark come once, whatever the column holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assayline.arrivals import Delivery, poll
from assayline.arrivals.delivery import Json
from assayline.core import Source
from assayline.errors import MisuseError
from assayline.tables import open_table

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def look(address: str, position: Mapping[str, Json] | None = None, **options: object) -> list[Delivery]:
    return list(poll(Source("orders", address, options=options), position, folder="unused", moment=NOW))


def column(delivery: Delivery, name: str) -> list[object]:
    table = open_table(delivery.path)
    try:
        return [value for piece in table.pieces() for value in piece.load()[name].to_list()]
    finally:
        table.close()


def database(path: Path, kind: str, values: list[object]) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, mark {kind})")
        connection.executemany("INSERT INTO orders (mark) VALUES (?)", [(value,) for value in values])
    return f"sqlite:{path}?table=orders"


SERIES: list[tuple[str, list[object], list[object]]] = [
    ("INTEGER", [1, 9, 10], [11, 100]),
    ("REAL", [0.1, 0.2], [0.30000000000000004]),
    ("TEXT", ["2026-01-01 10:00:00", "2026-01-02"], ["2026-01-03", "2026-01-10"]),
    ("TEXT", ["a'b", "a\"b"], ["b?c&d=e%20f"]),
]


@pytest.mark.parametrize(("kind", "first", "later"), SERIES, ids=["whole", "fraction", "time", "text"])
def test_rows_above_the_watermark_come_once(kind: str, first: list[object], later: list[object], tmp_path: Path) -> None:
    address = database(tmp_path / "shop.db", kind, first)

    one = look(address, watermark="mark")
    none = look(address, one[0].position, watermark="mark")
    database(tmp_path / "shop.db", kind, later)
    two = look(address, one[0].position, watermark="mark")

    assert sorted(map(str, column(one[0], "mark"))) == sorted(map(str, first))
    assert none == []
    assert [str(value) for value in column(two[0], "mark")] == sorted(map(str, later), key=str if kind == "TEXT" else float)


def test_a_delivery_that_is_read_later_has_the_same_rows(tmp_path: Path) -> None:
    address = database(tmp_path / "shop.db", "INTEGER", [1, 2])

    found = look(address, watermark="mark")[0]
    database(tmp_path / "shop.db", "INTEGER", [3, 4])

    assert column(found, "mark") == [1, 2]
    assert found.facts["rows"] == "2"


def test_rows_without_a_watermark_are_counted(tmp_path: Path) -> None:
    address = database(tmp_path / "shop.db", "INTEGER", [1, None, None])

    assert look(address, watermark="mark")[0].facts["without_watermark"] == "2"


def test_young_rows_wait_where_a_lag_is_set(tmp_path: Path) -> None:
    address = database(tmp_path / "shop.db", "TEXT", ["2026-03-01 11:00:00", "2026-03-01 11:58:00"])

    found = look(address, watermark="mark", lag="5 min")[0]

    assert column(found, "mark") == ["2026-03-01 11:00:00"]


def test_a_query_has_a_watermark_too(tmp_path: Path) -> None:
    database(tmp_path / "shop.db", "INTEGER", [1, 2, 3])

    found = look(f"sqlite:{tmp_path / 'shop.db'}?query=SELECT mark AS m FROM orders WHERE mark <> 2;", watermark="m")[0]

    assert column(found, "m") == [1, 3]


def test_without_a_watermark_the_table_is_a_snapshot_each_time(tmp_path: Path) -> None:
    address = database(tmp_path / "shop.db", "INTEGER", [1, 2])

    first = look(address)

    assert column(first[0], "mark") == column(look(address, first[0].position)[0], "mark") == [1, 2]


def test_a_watermark_of_nothing_is_refused(tmp_path: Path) -> None:
    database(tmp_path / "shop.db", "INTEGER", [1])

    with pytest.raises(MisuseError, match="needs"):
        look(f"sqlite:{tmp_path / 'shop.db'}", watermark="mark")


def test_a_watermark_of_duckdb(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'assayline[duckdb]'")
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT range AS n, TIMESTAMP '2026-01-01' + to_microseconds(range) AS at FROM range(3)")
    address = f"duckdb:{path}?table=orders"

    first = look(address, watermark="at")
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO orders VALUES (3, TIMESTAMP '2026-01-01 00:00:00.000003')")

    assert column(first[0], "n") == [0, 1, 2]
    assert column(look(address, first[0].position, watermark="at")[0], "n") == [3]


@pytest.mark.parametrize(("kind", "values"), [("timestamptz", "'2026-01-01 00:00:00.000001+02', '2026-01-01 00:00:00.000002+02'"), ("numeric", "10.5, 9.25"), ("bigint", "9, 10")])
def test_a_watermark_of_postgresql(kind: str, values: str, new_database: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    one, two = values.split(", ") if kind != "numeric" else ("9.25", "10.5")
    with psycopg.connect(new_database) as connection:
        connection.execute(f'CREATE SCHEMA "my shop"; CREATE TABLE "my shop".orders (n int, "Mark" {kind}); INSERT INTO "my shop".orders VALUES (1, {one})')
    address = f"{new_database}?table=my%20shop.orders"

    first = look(address, watermark="Mark")
    with psycopg.connect(new_database) as connection:
        connection.execute(f'INSERT INTO "my shop".orders VALUES (2, {two})')
    second = look(address, first[0].position, watermark="Mark")

    assert column(first[0], "n") == [1]
    assert column(second[0], "n") == [2]
    assert look(address, second[0].position, watermark="Mark") == []
