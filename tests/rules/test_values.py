"""What each operator and function gives, one by one, in every form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from assayline.rules import compile_rule, failing_rows

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'assayline[duckdb]'")

TABLE = pl.DataFrame(
    {
        "row_number": [0, 1, 2], "n": [-7.5, 2.0, None], "z": [0.0, -0.0, 0.0], "huge": [1e308, -1e308, float("inf")], "s": [" Été ", "a%b", None],
        "t": [datetime(2026, 1, 31, 13, 45, 59), datetime(2024, 2, 29), None], "b": [True, False, None],
    }
)  # fmt: skip
KINDS = {"n": "number", "z": "number", "huge": "number", "s": "text", "t": "time", "b": "boolean"}
TRUE, FALSE, NULL = True, False, None

ANSWERS: dict[str, tuple[bool | None, bool | None, bool | None]] = {
    "n % 2 = -1.5": (TRUE, FALSE, NULL), "7.5 % n = 0": (TRUE, FALSE, NULL), "-7 % 4 = -3 and n < 9": (TRUE, TRUE, NULL), "n % z is null": (TRUE, TRUE, TRUE),
    "n / z is null": (TRUE, TRUE, TRUE), "3 / 10 = 0.3 + z": (TRUE, TRUE, TRUE), "(3 + z) / 10 = 0.3": (TRUE, TRUE, TRUE), "z / n = 0": (TRUE, TRUE, NULL),
    "huge * 10 is null": (TRUE, TRUE, TRUE), "huge + huge is null": (TRUE, TRUE, TRUE),
    "huge - huge = 0": (TRUE, TRUE, NULL), "huge > 1e300": (TRUE, FALSE, TRUE), "-n = 7.5": (TRUE, FALSE, NULL), "- -n = n": (TRUE, TRUE, NULL),
    "n - 1 - 1 = n - 2": (TRUE, TRUE, NULL), "n - (1 - 1) = n": (TRUE, TRUE, NULL), "n / 2 * 2 = n": (TRUE, TRUE, NULL), "1 + n * 2 = -14": (TRUE, FALSE, NULL),
    "abs(n) = 7.5": (TRUE, FALSE, NULL), "round(n) = -8": (TRUE, FALSE, NULL), "round(n / 4, 2) = -1.88": (TRUE, FALSE, NULL), "round(0.5 + z) = 1": (TRUE, TRUE, TRUE),
    "round(huge, 15) = huge": (TRUE, TRUE, TRUE), "round(-0.4 + z) = 0": (TRUE, TRUE, TRUE),
    "length(s) = 5": (TRUE, FALSE, NULL), "trim(s) = 'Été'": (TRUE, FALSE, NULL), "lower(s) = ' été '": (TRUE, FALSE, NULL), "upper(trim(s)) = 'ÉTÉ'": (TRUE, FALSE, NULL),
    "coalesce(s, 'none') = 'none'": (FALSE, FALSE, TRUE), "coalesce(lower(coalesce('A', s)), s) = 'a'": (TRUE, TRUE, TRUE),
    "coalesce(1, n) / 4 + coalesce(avg(n / 0), n) = -7.25": (TRUE, FALSE, NULL),
    "coalesce(n, z, 1) = 0": (FALSE, FALSE, TRUE), "coalesce(b, n > 0, true)": (TRUE, FALSE, TRUE),
    "year(t) = 2026": (TRUE, FALSE, NULL), "month(t) = 1": (TRUE, FALSE, NULL), "day(t) = 31": (TRUE, FALSE, NULL), "hour(t) = 13": (TRUE, FALSE, NULL),
    "minute(t) = 45": (TRUE, FALSE, NULL), "weekday(t) = 6": (TRUE, FALSE, NULL), "t = date '2024-02-29'": (FALSE, TRUE, NULL),
    "t > timestamp '2026-01-31 13:45:58.999999'": (TRUE, FALSE, NULL), "t - date '2026-01-31' = 49559": (TRUE, FALSE, NULL), "date '2024-03-01' - t = 86400": (FALSE, TRUE, NULL),
    "s like '%t%'": (TRUE, FALSE, NULL), "s like 'a_b'": (FALSE, TRUE, NULL), r"s like 'a\%b'": (FALSE, TRUE, NULL), r"s like 'a\_b'": (FALSE, FALSE, NULL), "s like 'a'": (FALSE, FALSE, NULL),
    "s like 'a_'": (FALSE, FALSE, NULL), "s like 'a_%_b'": (FALSE, FALSE, NULL), "s not like '%b'": (TRUE, FALSE, NULL), "s matches 'a.b'": (FALSE, TRUE, NULL),
    "s matches '^a'": (FALSE, TRUE, NULL), "s not matches '[0-9]'": (TRUE, TRUE, NULL), "s < 'b'": (TRUE, TRUE, NULL), "s > 'Z'": (FALSE, TRUE, NULL),
    "n between -7.5 and 2": (TRUE, TRUE, NULL), "n not between 0 and 1": (TRUE, TRUE, NULL), "n between 2 and -7.5": (FALSE, FALSE, NULL), "2 between n and n + 1": (FALSE, TRUE, NULL),
    "n in (2, 3)": (FALSE, TRUE, NULL), "n not in (2)": (TRUE, FALSE, NULL), "z in (0)": (TRUE, TRUE, TRUE), "z = -0": (TRUE, TRUE, TRUE), "s in ('a%b')": (FALSE, TRUE, NULL),
    "b in (true)": (TRUE, FALSE, NULL), "t in (date '2024-02-29')": (FALSE, TRUE, NULL), "n is null": (FALSE, FALSE, TRUE), "n is not null": (TRUE, TRUE, FALSE),
    "b": (TRUE, FALSE, NULL), "not b": (FALSE, TRUE, NULL), "b or n > 0": (TRUE, TRUE, NULL), "b and n > 0": (FALSE, FALSE, NULL), "b or z = 0": (TRUE, TRUE, TRUE),
    "b and z = 1": (FALSE, FALSE, FALSE), "b = (n < 0)": (TRUE, TRUE, NULL), "b <> false": (TRUE, FALSE, NULL), "not b or b": (TRUE, TRUE, NULL),
    "not (b and z = 1)": (TRUE, TRUE, TRUE), "b or b and z = 1": (TRUE, FALSE, NULL), "(b or z = 0) and z = 1": (FALSE, FALSE, FALSE), "not z = 1": (TRUE, TRUE, TRUE),
    "previous(n) = -7.5": (NULL, TRUE, FALSE), "lag(n, 2) = -7.5": (NULL, NULL, TRUE), "previous(n per z) = -7.5": (NULL, TRUE, FALSE), "previous(n per t) is null": (TRUE, TRUE, TRUE),
    "n = max(n)": (FALSE, TRUE, NULL), "n = min(n)": (TRUE, FALSE, NULL), "n - avg(n) > 0": (FALSE, TRUE, NULL), "sum(n) = -5.5 and z = 0": (TRUE, TRUE, TRUE),
    "count(*) = 3 and z = 0": (TRUE, TRUE, TRUE), "count(n) = 2 and z = 0": (TRUE, TRUE, TRUE), "count(distinct z) = 1 and z = 0": (TRUE, TRUE, TRUE),
    "share(b) = 1 / 3 and z = 0": (TRUE, TRUE, TRUE), "share(b is null) < 0.3 or n > 0": (FALSE, TRUE, NULL), "sum(huge) is null and z = 0": (TRUE, TRUE, TRUE),
    "max(s) = s": (FALSE, TRUE, NULL), "min(t) = t": (FALSE, TRUE, NULL), "share(n > previous(n)) = 1 / 3 and z = 0": (TRUE, TRUE, TRUE), "avg(n / z) is null and z = 0": (TRUE, TRUE, TRUE),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "answer"), [("'z' <> coalesce(s, s, 'z')", False), ("coalesce(s, s) is null", True), ("coalesce(min(s), s, 'a') = 'a'", True)])
def test_a_column_without_any_value_has_as_many_answers_as_rows(rule: str, answer: bool) -> None:
    table = pl.DataFrame({"s": [None, None]}, schema={"s": pl.String})

    assert failing_rows(compile_rule(rule, KINDS), table).to_list() == [not answer] * 2
    assert table.with_columns(holds=compile_rule(rule, KINDS).expression())["holds"].to_list() == [answer] * 2


@pytest.fixture(scope="module")
def database() -> Any:
    connection = duckdb.connect()
    connection.register("lot", TABLE.to_arrow())
    return connection


@pytest.mark.parametrize("rule", ANSWERS)
def test_a_rule_has_this_answer_in_each_row(rule: str) -> None:
    answers = TABLE.select(compile_rule(rule, KINDS).expression()).to_series()

    assert tuple(answers) == ANSWERS[rule]
    assert failing_rows(compile_rule(rule, KINDS), TABLE).to_list() == [answer is False for answer in ANSWERS[rule]]


@pytest.mark.parametrize("rule", ANSWERS)
def test_a_rule_has_this_answer_in_duckdb(rule: str, database: Any) -> None:
    def fails(text: str) -> list[int]:
        rows: list[int] = database.sql(compile_rule(text, KINDS).sql("duckdb")).fetchnumpy()["row_number"].tolist()
        return sorted(rows)

    assert fails(rule) == [row for row, answer in enumerate(ANSWERS[rule]) if answer is False]
    assert fails(f"not ({rule})") == [row for row, answer in enumerate(ANSWERS[rule]) if answer is True]
