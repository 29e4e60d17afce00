"""Database files: hostile ones end in an error that says why, queries read this file and nothing else, and nothing is ever written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import AssaylineError, InputError, LimitExceeded, MisuseError, NotFound, Unreadable
from assayline.tables import open_table, run_in_child
from assayline.tables.source import without_password

duckdb = pytest.importorskip("duckdb")

OTHER = b"secret\n1\n2\n"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))


def walked(address: str, seconds: float = 0.0) -> Any:
    """What the locked child sees of it."""
    request = {"path": address, "limits": {"seconds": seconds}}
    return run_in_child("walkthrough:walk", request, seconds=seconds, subject=without_password(address))


def read(address: str | Path) -> pl.DataFrame:
    table = open_table(str(address))
    try:
        frames = [piece.load() for piece in table.pieces()]
        assert table.facts().rows == sum(frame.height for frame in frames)
        assert table.facts().digest.startswith("sha256:")
        return pl.concat(frames)
    finally:
        table.close()


def sqlite_file(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    for statement in statements or ("CREATE TABLE t (id, name)", *[f"INSERT INTO t VALUES ({i}, 'n{i}')" for i in range(2000)]):
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def duck_file(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for statement in statements or ("CREATE TABLE t AS SELECT i AS id, 'n' || i AS name FROM range(200000) r(i)",):
            connection.execute(statement)
    return path


# -- SQLite ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 100, 512, 4096, 20_000])
def test_a_sqlite_file_cut_anywhere_is_an_error(tmp_path: Path, size: int) -> None:
    path = sqlite_file(tmp_path / "a.db")
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(InputError, match=r"a\.db.*: .*; ") as caught:
        read(f"sqlite:{path}?table=t")

    assert caught.value.next_step


@pytest.mark.parametrize("seed", range(25))
def test_flipped_bytes_of_a_sqlite_file_are_rows_or_an_error_of_ours(tmp_path: Path, seed: int) -> None:
    path = sqlite_file(tmp_path / "a.db")
    data = bytearray(path.read_bytes())
    for step in range(1 + seed * 3):
        data[18 + (seed * 7919 + step * 104729) % (len(data) - 18)] ^= 1 + (seed + step) % 255
    path.write_bytes(data)

    with suppress(InputError):
        assert read(f"sqlite:{path}?table=t").height <= 1_000_000


@pytest.mark.parametrize(("data", "place"), [(b"id,a\n1,2\n", "byte 0"), (b"DUCK" * 10, "byte 0"), (b"SQLite format 2\0" + b"x" * 100, "byte 0")])
def test_what_is_no_sqlite_database_is_an_error(tmp_path: Path, data: bytes, place: str) -> None:
    (tmp_path / "a.db").write_bytes(data)

    with pytest.raises(Unreadable, match="no SQLite database") as caught:
        open_table(f"sqlite:{tmp_path}/a.db")

    assert caught.value.place == place


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for scheme in ("sqlite", "duckdb"):
        with pytest.raises(NotFound, match="no such file"):
            open_table(f"{scheme}:{tmp_path}/none.db?table=t")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "query",
    ["SELECT load_extension('x')", "SELECT 1; DROP TABLE t", "SELECT 1); DELETE FROM t; SELECT * FROM (SELECT 1", "WITH a AS (SELECT 1) DELETE FROM t",
     "SELECT * FROM pragma_database_list", "WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 2", "SELECT writefile('x', 'y')", "SELECT * FROM nobody"],
)  # fmt: skip
def test_a_query_of_sqlite_reads_tables_and_nothing_else(tmp_path: Path, query: str) -> None:
    path = sqlite_file(tmp_path / "a.db")
    before = path.read_bytes()

    with pytest.raises(InputError):
        read(f"sqlite:{path}?query={query}")

    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
@pytest.mark.parametrize("query", ["DROP TABLE t", "ATTACH 'x' AS y", "PRAGMA writable_schema=1", "COPY t TO 'x'", "INSTALL httpfs", "SET a=1", ";SELECT 1", "/**/DELETE FROM t"])
def test_what_is_no_select_is_refused(tmp_path: Path, scheme: str, query: str) -> None:
    with pytest.raises(MisuseError, match="starts with SELECT or WITH"):
        open_table(f"{scheme}:{tmp_path}/a.db?query={query}")


def test_a_view_that_calls_what_it_should_not_is_an_error_and_not_run(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path / "a.db", "CREATE VIEW v AS SELECT load_extension('/evil') AS x")

    with pytest.raises(Unreadable, match=r"not authorized|unsafe|prohibited"):
        read(path)


def test_a_comment_at_the_end_of_a_query_hides_nothing(tmp_path: Path) -> None:
    path, duck = sqlite_file(tmp_path / "a.db"), duck_file(tmp_path / "a.duckdb")

    assert read(f"sqlite:{path}?query=SELECT id FROM t WHERE id < 2 -- the first").height == 2
    assert read(f"duckdb:{duck}?query=SELECT id FROM t WHERE id < 2 -- the first").height == 2


def test_a_query_without_end_is_stopped_by_the_limits(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path / "a.db")
    endless = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i FROM r"

    with pytest.raises(LimitExceeded, match="longer than 2 seconds"):
        walked(f"sqlite:{path}?query={endless}", seconds=2)


def test_columns_of_several_types_are_text_and_said_so(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path / "a.db", "CREATE TABLE t (x INTEGER, b)", "INSERT INTO t VALUES (1, x'ff41'), ('two', NULL), (NULL, 'ok')")
    table = open_table(str(path))

    frame = next(iter(table.pieces())).load()
    found = [finding.code for finding in table.findings()]
    table.close()

    assert frame["x"].to_list() == ["1", "two", None]
    assert frame["b"].to_list() == [r"\xffA", None, "ok"]
    assert found == ["mixed_types"]


def test_rows_in_the_log_of_a_database_in_use_are_read(tmp_path: Path) -> None:
    writer = sqlite3.connect(tmp_path / "a.db")
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t (id)")
    writer.execute("INSERT INTO t VALUES (7)")
    writer.commit()

    frame = read(tmp_path / "a.db")
    writer.close()

    assert frame.rows() == [(7,)]


# -- DuckDB ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [13, 4096, 12_288, 300_000])
def test_a_duckdb_file_cut_anywhere_is_an_error(tmp_path: Path, size: int) -> None:
    path = duck_file(tmp_path / "a.duckdb")
    assert path.stat().st_size > size
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(AssaylineError, match=r"a\.duckdb.*: .*; "):
        walked(f"duckdb:{path}?table=t")


def test_what_is_no_duckdb_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.duckdb").write_bytes(b"id,a\n1,2\n")

    with pytest.raises(Unreadable, match="byte 8: it is no DuckDB database"):
        open_table(f"duckdb:{tmp_path}/a.duckdb?table=t")


@pytest.mark.parametrize(
    "query",
    ["SELECT * FROM read_csv('{other}')", "SELECT * FROM '{other}'", "SELECT * FROM read_text('{other}')", "SELECT * FROM glob('{folder}/*')",
     "FROM '{other}'", "SELECT * FROM read_blob('{other}')", "SELECT * FROM 'https://127.0.0.1/a.csv'",
     "SELECT 1); ATTACH '{folder}/new.duckdb'; SELECT * FROM (SELECT 1", "SELECT 1); COPY t TO '{folder}/new.csv'; SELECT * FROM (SELECT 1",
     "SELECT 1); SET enable_external_access=true; SELECT * FROM (SELECT * FROM read_csv('{other}')", "SELECT 1); DROP TABLE t; SELECT * FROM (SELECT 1",
     "SELECT 1); INSTALL httpfs; SELECT * FROM (SELECT 1"],
)  # fmt: skip
def test_a_query_of_duckdb_reads_its_file_and_no_other(tmp_path: Path, query: str) -> None:
    path = duck_file(tmp_path / "a.duckdb")
    (tmp_path / "other.csv").write_bytes(OTHER)
    before = path.read_bytes()

    with pytest.raises(InputError):
        read(f"duckdb:{path}?query={query.format(other=tmp_path / 'other.csv', folder=tmp_path)}")

    assert path.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"a.duckdb", "other.csv"}


def test_a_view_of_a_file_of_ours_in_a_foreign_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_bytes(OTHER)
    path = duck_file(tmp_path / "a.duckdb", f"CREATE VIEW v AS SELECT * FROM read_csv('{tmp_path}/other.csv')")

    with pytest.raises(InputError, match="disabled"):
        read(path)


def test_tables_of_duckdb_are_listed_and_found_by_any_name(tmp_path: Path) -> None:
    path = duck_file(tmp_path / "a.duckdb", 'CREATE TABLE "a.b" AS SELECT 1 AS x', "CREATE SCHEMA crm", 'CREATE TABLE crm."it""s" AS SELECT 2 AS x')

    assert read(f"duckdb:{path}?table=a.b").rows() == [(1,)]
    assert read(f'duckdb:{path}?table=crm.it"s').rows() == [(2,)]
    with pytest.raises(NotFound, match=r"2 tables: crm\.it\"s, a\.b; name one"):
        read(path)
    with pytest.raises(NotFound, match=r"there is no table 'b'; it has"):
        read(f"duckdb:{path}?table=b")


def test_types_of_duckdb_arrive_as_what_they_are(tmp_path: Path) -> None:
    path = duck_file(
        tmp_path / "a.duckdb",
        """CREATE TABLE t AS SELECT 1180591620717411303424::hugeint AS huge, 1.25::decimal(9,2) AS price, [1, 2] AS list,
           {'a': 1} AS pair, uuid() AS id, 'x'::blob AS raw, DATE '2026-01-02' AS day, TIMESTAMPTZ '2026-01-02 03:04:05+00' AS at, NULL AS none,
           'a'::enum('a', 'b') AS mood, TIME '04:05' AS clock, INTERVAL 3 DAY AS span, '1010'::bit AS bits, map(['k'], [1]) AS map""",
    )

    frame = read(path)

    assert frame.height == 1
    assert frame.row(0, named=True)["list"] == [1, 2]
    assert int(frame["huge"][0]) == 2**70
    assert frame["mood"].to_list() == ["a"]
    assert str(frame["day"][0]) == "2026-01-02"


def test_a_large_table_of_duckdb_comes_in_pieces_in_one_order(tmp_path: Path) -> None:
    table = open_table(f"duckdb:{duck_file(tmp_path / 'a.duckdb')}?table=t")

    passes = [[row for piece in table.pieces(["id"]) for row in piece.load()["id"]] for _ in range(2)]
    pieces = [piece.rows for piece in table.pieces()]
    table.close()

    assert passes == [list(range(200_000))] * 2
    assert len(pieces) > 1
