"""Columns: what is said to be unused may change as it likes, and the result stays; checked with DuckDB itself."""

from __future__ import annotations

import subprocess
import sys
import time

import duckdb
import polars as pl
import pytest

from assayline.lineage import Use, column_digests, columns_of_frames, columns_of_sql, declared

TABLES = {
    "rides": pl.DataFrame({"station": ["a", "b", "a", "c"], "started_at": [1, 9, 12, 3], "speed": [3.5, 1.0, 2.0, 9.0], "Note": ["x", None, "y", "x"]}),
    "weather": pl.DataFrame({"station": ["a", "b", "c"], "degrees": [20.0, 21.5, 19.0]}),
}
QUERIES = [
    "select station, sum(speed) as n from rides group by station",
    "select r.*, w.degrees from rides r join weather w using (station)",
    "with busy as (select station, count(*) as n from rides where started_at > 5 group by station) select station, n * 2 as Twice from busy",
    "select count(*) as n from rides",
    "select note from rides union select station from weather",
    "select NOTE as x, (select max(degrees) from weather w where w.station = r.station) as warm from rides r",
    "select * exclude (note) from rides",
    "from rides",
    "select distinct station from rides",
    "select a.s from (select station as s, speed as v from rides) a where a.v > 3",
    "select station, speed as k, k + 1 as l from rides",
    "select station from rides order by speed limit 2",
    "select station, row_number() over (partition by note order by speed) as r from rides",
    "select station from rides where exists (select 1 from weather w where w.station = rides.station and degrees > 19.5)",
    "select station from rides qualify row_number() over (partition by station order by speed) = 1",
    "select station, count(*) as n from rides group by all",
    "select station, list(speed order by speed) filter (where note is not null) as l from rides group by 1",
    "select station from rides r semi join weather w on r.speed + 16 = w.degrees",
    "select r.station, w.q from rides r left join (select station as q from weather where degrees > 20) w on r.station = w.q",
    "select station from rides except select station from weather where degrees > 20",
    "select station, max(speed) as m from rides group by station having min(started_at) > 1",
    "select case when speed > 2 then note else station end as c from rides",
]  # fmt: skip
UNFOLLOWED = [
    "select columns('s.*') from rides", "select station from rides natural join weather", "select nope from rides", "select x from elsewhere",
    "select station from read_parquet('x')", "select rides from rides", "pivot rides on station using sum(speed)", "select 1 as a; select 2 as a", "delete from rides",
    "this is no sql", "select " + "(" * 3_000 + "1" + ")" * 3_000 + " as x from rides", "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select n from r",
]  # fmt: skip


def result(query: str, tables: dict[str, pl.DataFrame]) -> dict[str, list[str]]:
    """The columns of the result, each in an order of its own values."""
    with duckdb.connect() as database:
        for name, frame in tables.items():
            database.register(name, frame.to_arrow())
        return {name: sorted(map(str, column)) for name, column in database.sql(query).pl().to_dict(as_series=False).items()}


def changed(table: str, column: str) -> dict[str, pl.DataFrame]:
    """The tables, with other values in one column."""
    frame = TABLES[table]
    kind = frame.schema[column]
    other = pl.col(column).reverse() if column == "station" else (pl.col(column) * -3 + 7 if kind.is_numeric() else pl.lit("zz"))
    return {**TABLES, table: frame.with_columns(other.alias(column))}


@pytest.mark.parametrize("query", QUERIES)
def test_a_column_that_is_not_used_can_change_and_no_result_does(query: str) -> None:
    found = columns_of_sql(query, {name: frame.columns for name, frame in TABLES.items()})
    unused = [(table, column) for table, frame in TABLES.items() for column in frame.columns if column not in found["uses"][table]]

    assert found["from"]
    assert [pair for pair in unused if result(query, changed(*pair)) != result(query, TABLES)] == []


@pytest.mark.parametrize("query", QUERIES)
def test_a_column_changes_only_those_that_come_from_it_unless_it_decides_about_rows(query: str) -> None:
    found = columns_of_sql(query, {name: frame.columns for name, frame in TABLES.items()})
    before = result(query, TABLES)

    assert list(found["from"]) == sorted(before)
    for table, frame in TABLES.items():
        for column in frame.columns:
            if column in found["rows"][table]:
                continue
            after = result(query, changed(table, column))
            moved = {name for name in before if after[name] != before[name]}
            assert moved <= {name for name, sources in found["from"].items() if [table, column] in sources}


@pytest.mark.parametrize("query", UNFOLLOWED)
def test_what_is_not_understood_counts_as_using_everything(query: str) -> None:
    found = columns_of_sql(query, {name: frame.columns for name, frame in TABLES.items()})

    assert (found["from"], found["uses"]) == ({}, {"rides": None, "weather": None})


def test_without_the_parser_its_package_is_named() -> None:
    hidden = "import sys; sys.modules['sqlglot'] = None; from assayline.lineage import columns_of_sql; columns_of_sql('select 1 as a', {})"

    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)

    assert "pip install 'assayline[lineage]'" in done.stderr


def test_equal_contents_say_where_a_column_comes_from_whatever_its_name_and_order() -> None:
    rides = pl.DataFrame({"station": ["a", "b", "c"], "speed": [3.0, 1.0, 2.0], "zero": [0, 0, 0]})

    found = columns_of_frames({"rides": rides}, pl.DataFrame({"place": ["c", "a", "b"], "speed": [3.0, 1.0, 2.0], "new": [1.5, 1.0, 2.0], "zero": [0, 0, 0]}))

    assert found["kind"] == "inferred"
    assert found["from"] == {"place": [["rides", "station"]], "speed": [["rides", "speed"]]}
    assert found["uses"] == {"rides": None}


def test_contents_that_differ_in_one_value_or_one_repetition_are_not_equal() -> None:
    before = column_digests(pl.DataFrame({"a": [1, 1, 2, 3], "b": [1.0, 1.0, 2.0, 3.0]}))["a"]

    others = [[1, 2, 2, 3], [1, 1, 2, 4], [1, 1, 2, 3, 3], [1, 1, 2, None]]

    assert column_digests(pl.DataFrame({"a": [3, 1, 2, 1]}))["a"].content == before.content
    assert [values for values in others if column_digests(pl.DataFrame({"a": values}))["a"].content == before.content] == []
    assert column_digests(pl.DataFrame({"a": [1.0, 1.0, 2.0, 3.0]}))["a"].content != before.content


def test_what_a_step_declares_is_kept_beside_what_is_inferred() -> None:
    rides = pl.DataFrame({"station": ["a", "b"], "speed": [3.0, 1.0]})

    found = columns_of_frames({"rides": rides}, rides.select("station"), uses={"rides": ["station"]})

    assert (found["kind"], found["uses"], found["from"]) == ("declared", {"rides": ["station"]}, {"station": [["rides", "station"]]})
    assert declared({}, ["rides"])["uses"] == {"rides": None}


def test_what_is_known_of_columns_survives_as_json() -> None:
    document = columns_of_sql(QUERIES[0], {"rides": ["station", "speed"]})

    assert Use.from_json(document).as_json() == document
    assert Use.from_json({}).reached("rides") is None


@pytest.mark.no_cover  # what is timed is not traced
def test_digests_of_columns_of_every_kind_cost_little() -> None:
    frame = pl.DataFrame({f"n{place}": pl.int_range(200_000, eager=True).shuffle(place) for place in range(10)} | {"l": [[1], [2]] * 100_000, "o": [object()] * 200_000})

    started = time.process_time()
    found = column_digests(frame)

    assert len(found) >= 10
    assert time.process_time() - started < 2  # 2 million values; 0.06 s on an idle core
