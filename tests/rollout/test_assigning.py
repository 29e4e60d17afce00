"""Who is answered by whom: the same in numpy, Python, DuckDB and PostgreSQL."""

from __future__ import annotations

import time

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Rollout
from assayline.core.rollout import bucket, stages_of
from assayline.errors import MisuseError
from assayline.rollout import arms, buckets, compared, sql_bucket

# Lengths at which MD5 takes one block more, letters of several bytes, and what ends a text in SQL.
KEYS = ["", "customer 1", "ä", "x" * 47, "x" * 48, "x" * 55, "x" * 56, "y" * 64, "z" * 200, "😀" * 40, "o'k", 'a"b', "back\\slash", "two\nlines"]
SALTS = ["2026-11", "o'k \\ salt", "long " * 30]


@settings(max_examples=60, deadline=None)
@given(st.text(), st.lists(st.text(), max_size=30))
def test_a_column_of_keys_has_the_buckets_of_its_keys(salt: str, keys: list[str]) -> None:
    assert buckets(salt, keys).tolist() == [bucket(salt, key) for key in keys]


@pytest.mark.parametrize("salt", SALTS)
def test_duckdb_computes_the_same_buckets(salt: str) -> None:
    table = pl.DataFrame({'unit "of" it': [*KEYS, None]})
    with duckdb.connect() as engine:
        engine.register("given", table.to_arrow())
        found = engine.execute(f"select {sql_bucket('duckdb', table.columns[0], salt)} from given").fetchall()

    assert [row[0] for row in found] == buckets(salt, table.to_series()).tolist()


@pytest.mark.parametrize("salt", SALTS)
def test_postgresql_computes_the_same_buckets(postgres: str, salt: str) -> None:
    import psycopg

    keys = [*KEYS, None]
    expression = sql_bucket("postgresql", 'unit "of" it', salt)
    with psycopg.connect(postgres) as connection:
        connection.execute('create temporary table given (place int, "unit ""of"" it" text)')
        with connection.cursor() as cursor:
            cursor.executemany("insert into given values (%s, %s)", list(enumerate(keys)))
        found = connection.execute(f"select {expression} from given order by place".encode()).fetchall()

    assert [row[0] for row in found] == buckets(salt, pl.Series(keys)).tolist()


def test_whole_numbers_and_dates_are_hashed_as_their_text_in_every_engine() -> None:
    table = pl.DataFrame({"number": [-5, 0, 2**40], "day": pl.Series(["2026-11-21", "1969-01-01", "0987-12-31"]).str.to_date()})
    with duckdb.connect() as engine:
        engine.register("given", table.to_arrow())
        for name in table.columns:
            found = engine.execute(f"select {sql_bucket('duckdb', name, 's')} from given").fetchall()

            assert [row[0] for row in found] == buckets("s", table[name]).tolist() == [bucket("s", str(one)) for one in table[name]]


def test_spark_gets_names_and_salts_in_its_own_quotes() -> None:
    assert sql_bucket("spark", "a`b", "it's") == "(cast(conv(substring(md5(concat('it\\'s:', coalesce(cast(`a``b` as string), ''))), 1, 8), 16, 10) as bigint) % 10000)"


def test_arms_and_pairs_are_those_of_the_rollout() -> None:
    rollout = Rollout("v6", "v7", salt="s", stages=stages_of("canary"), stage=3, holdout=2, control=10)
    numbers = buckets("s", [f"customer {one}" for one in range(5_000)])

    assert arms(rollout, numbers).tolist() == [rollout.arm_of(one) for one in numbers.tolist()]
    assert compared(rollout, numbers).tolist() == [rollout.is_compared(one) for one in numbers.tolist()]


@pytest.mark.no_cover  # what is timed is not traced
def test_a_million_keys_take_about_a_second() -> None:
    keys = pl.Series([f"customer {one}" for one in range(1_000_000)])
    begin = time.process_time()
    found = buckets("2026-11", keys)

    assert time.process_time() - begin < 2
    assert np.bincount(found // 100, minlength=100).std() < 150  # 100 is expected of even buckets


def test_keys_that_engines_write_differently_are_refused() -> None:
    with pytest.raises(MisuseError, match="Float64"):
        buckets("s", pl.Series("weight", [1.0]))
    with pytest.raises(MisuseError, match="not in 'oracle'"):
        sql_bucket("oracle", "a", "s")
