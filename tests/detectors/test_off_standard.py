"""Values that break the standard of their column are named with it; what no standard lists is left alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import assayline
from assayline.core import Finding
from assayline.measures.codes import COUNTRIES_2, CURRENCIES
from assayline.measures.standards import gs1, luhn


def found(frame: pl.DataFrame) -> list[Finding]:
    return [one for one in assayline.scan(frame).findings if one.severity >= 0.3]


def cards(rows: int) -> list[str]:
    stems = [str(one) for one in np.random.default_rng(2).choice(10**14, rows, replace=False) + 4 * 10**14]
    return [next(stem + str(digit) for digit in range(10) if luhn(stem + str(digit))) for stem in stems]


def broken(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 3) % 10)


@pytest.mark.parametrize("as_text", [True, False])
def test_numbers_that_fail_the_check_are_named_with_their_standard(as_text: bool) -> None:
    values = cards(400)
    values[7], values[80] = broken(values[7]), broken(values[80])
    series = pl.Series("payment", values)
    frame = pl.DataFrame({"row": range(400), "payment": series if as_text else series.cast(pl.Int64)})

    report = assayline.scan(frame)

    (finding,) = [one for one in report.findings if one.code == "pattern_break"]
    assert finding.sentence.startswith("2 of 400 values of payment fail the Luhn check of card numbers (ISO/IEC 7812-1): ")
    assert sorted(report.cells().filter(pl.col("column") == "payment")["row"].to_list()) == [7, 80]


def test_a_code_that_is_not_listed_is_named_and_somebodys_own_code_is_not() -> None:
    rng = np.random.default_rng(3)
    values = rng.choice(sorted(COUNTRIES_2), 2_000).tolist()
    values[5], values[9] = "GX", "UK"
    values[100:160] = ["OO"] * 60

    assert [(one.code, one.rows) for one in found(pl.DataFrame({"country": values}))] == [("pattern_break", 1)]


def test_columns_that_follow_their_standard_are_not_accused() -> None:
    rng = np.random.default_rng(4)
    stems = [str(one) for one in rng.choice(10**11, 500, replace=False) + 4 * 10**11]
    frame = pl.DataFrame({
        "card": cards(500), "ccy": rng.choice(sorted(CURRENCIES), 500), "land": rng.choice(sorted(COUNTRIES_2), 500),
        "article": [next(stem + str(digit) for digit in range(10) if gs1(stem + str(digit))) for stem in stems],
    })  # fmt: skip

    assert found(frame) == []


def test_places_beyond_the_poles_are_found_and_projected_coordinates_left_alone() -> None:
    rng = np.random.default_rng(5)
    lat, lon = rng.uniform(40, 60, 300).round(5), rng.uniform(-5, 20, 300).round(5)
    lat[17], lon[18] = 152.5, 400.25
    places = pl.DataFrame({"lat": lat, "lon": lon})
    projected = pl.DataFrame({"lat": rng.uniform(5_000_000, 6_000_000, 300).round(2), "lon": rng.uniform(300_000, 700_000, 300).round(2)})

    report = assayline.scan(places)

    assert {(one.code, one.columns, one.rows) for one in report.findings if one.severity >= 0.3} == {("outliers", ("lat",), 1), ("outliers", ("lon",), 1)}
    assert set(report.cells()["row"].to_list()) == {17, 18}
    assert found(projected) == []
