"""Each kind of change against the past is noticed, once, under its own name and with its column."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.core import Finding, Past
from assayline.detectors.comparison import Comparison
from assayline.detectors.history import History
from assayline.detectors.history_range import Range
from assayline.detectors.history_repetition import by_coincidence
from assayline.measures import Block, Plan, Rows, profile

sys.path.insert(0, str(Path(__file__).parent))
from flows import PAST, codes, of, said, shop, today

Change = Callable[[pl.DataFrame], pl.DataFrame]
EVERY_THIRD = pl.int_range(pl.len()) % 3 == 0
COLUMN: Callable[[str], pl.Expr] = pl.col


def put(column: str, value: pl.Expr, where: pl.Expr | None = None) -> Change:
    return lambda frame: frame.with_columns(pl.when(True if where is None else where).then(value).otherwise(COLUMN(column)).alias(column))


def number(column: str, change: Callable[[pl.Expr], pl.Expr], where: pl.Expr | None = None, digits: int = 2) -> Change:
    return put(column, change(COLUMN(column).cast(pl.Float64)).round(digits).cast(pl.String), where)


FAULTS: list[tuple[str, str | None, Change]] = [
    ("added_column", "extra", lambda frame: frame.with_columns(extra=pl.lit("1"))),
    ("dropped_column", "price", lambda frame: frame.drop("price")),
    ("renamed_column", "price", lambda frame: frame.rename({"price": "column_5"})),
    ("delimiter_change", "price", lambda frame: pl.DataFrame({";".join(frame.columns): [";".join(map(str, row)) for row in frame.rows()]})),
    ("empty_batch", None, lambda frame: frame.head(0)),
    ("truncated_batch", None, lambda frame: frame.head(40)),
    ("duplicated_rows", None, lambda frame: pl.concat([frame, frame.head(60)])),
    ("duplicate_key", "order", put("order", COLUMN("order").reverse(), EVERY_THIRD & (pl.int_range(pl.len()) < 90))),
    ("stale_copy", None, lambda frame: shop(19)),
    ("missing_spike", "price", put("price", pl.lit(None), EVERY_THIRD)),
    ("disguised_missing", "age", put("age", pl.lit("-999"), EVERY_THIRD)),
    ("disguised_missing", "city", put("city", pl.lit("N/A"), EVERY_THIRD)),
    ("null_token_change", "age", lambda frame: frame.with_columns(COLUMN("age").fill_null("NULL"))),
    ("constant_column", "price", put("price", pl.lit("12.50"))),
    ("new_category_flood", "city", put("city", pl.lit("Atlantis"), EVERY_THIRD)),
    ("category_spelling", "city", put("city", COLUMN("city").str.replace("r", ""), EVERY_THIRD)),
    ("whitespace_case", "city", put("city", COLUMN("city") + " ", EVERY_THIRD)),
    ("text_truncation", "order", put("order", COLUMN("order").str.slice(0, 9))),
    ("precision_loss", "price", put("price", COLUMN("price").str.replace(r"\.\d+", ".00"))),
    ("sign_flip", "price", put("price", "-" + COLUMN("price"), EVERY_THIRD)),
    ("outliers", "price", put("price", pl.lit("99999.5"), pl.int_range(pl.len()) == 17)),
    ("unit_change", "price", number("price", lambda x: x * 100)),
    ("unit_change", "price", number("price", lambda x: x * 1.8 + 32)),
    ("unit_change", "price", number("price", lambda x: x * 1000, COLUMN("city") == "Bremen")),
    ("mojibake", "city", put("city", pl.lit("MÃ¼nchen"), EVERY_THIRD)),
    ("test_records", "city", put("city", pl.lit("test"), pl.int_range(pl.len()) < 9)),
    ("global_shift", "price", number("price", lambda x: x + 12.34)),
    ("segment_shift", "price", number("price", lambda x: x + 30, COLUMN("city") == "Bremen")),
    ("noise_increase", "weight", number("weight", lambda x: 70 + (x - 70) * 2.5)),
    ("label_imbalance", "paid", lambda frame: frame.with_columns(paid=pl.when(pl.int_range(pl.len()) % 40 == 0).then(pl.lit("cash")).otherwise(pl.lit("card")))),
    ("missing_source", "city", lambda frame: frame.filter(COLUMN("city") != "Hamburg")),
    ("sample_bias", "price", lambda frame: pl.concat([frame, shop(40).with_columns(COLUMN("when").str.replace("2026-04-11", "2026-03-22"))])
     .filter(COLUMN("price").cast(pl.Float64) > 18).head(200)),
    ("shuffled_column", "total", lambda frame: frame.with_columns(total=frame["total"].reverse())),
    ("column_swap", "price", lambda frame: frame.rename({"price": "amount", "amount": "price"}).select(frame.columns)),
    ("missing_day", "when", lambda frame: shop(21)),
    ("clock_reset", "when", put("when", "1970-01-01" + COLUMN("when").str.slice(10), EVERY_THIRD)),
    ("stuck_clock", "when", put("when", pl.lit("2026-03-22 09:00:00"), pl.int_range(pl.len()) > 80)),
    ("date_format", "when", put("when", COLUMN("when").str.replace(r"(\d+)-(\d+)-(\d+)", "$3.$2.$1"), EVERY_THIRD)),
    ("type_to_string", "price", put("price", COLUMN("price") + " EUR", EVERY_THIRD)),
    ("decimal_comma", "price", put("price", COLUMN("price").str.replace(".", ",", literal=True), EVERY_THIRD)),
    ("stuck_sensor", "price", put("price", pl.lit("17.31"), (pl.int_range(pl.len()) > 50) & (pl.int_range(pl.len()) < 90))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "column", "change"), FAULTS, ids=[f"{code}-{column}-{i}" for i, (code, column, _) in enumerate(FAULTS)])
def test_a_fault_is_noticed_once_under_its_own_name(code: str, column: str | None, change: Change) -> None:
    found = said(today(change))

    assert [finding.code for finding in found] == [code]
    assert column is None or column in found[0].columns


def test_the_day_as_it_was_is_not_accused() -> None:
    assert said(today()) == []


@pytest.mark.parametrize("harmless", ["rows", "columns", "volume"])
def test_harmless_changes_are_not_accused(harmless: str) -> None:
    change: dict[str, Change] = {
        "rows": lambda frame: frame.sample(fraction=1, shuffle=True, seed=1),
        "columns": lambda frame: frame.select(sorted(frame.columns)),
        "volume": lambda frame: frame.sample(fraction=0.93, seed=1),
    }

    assert said(today(change[harmless])) == []


def test_shifted_rows_name_the_first_column_that_moved() -> None:
    def push(frame: pl.DataFrame) -> pl.DataFrame:
        rows = [list(row) for row in frame.rows()]
        for row in rows[5:200:11]:
            row[3:] = [row[2][4:], *row[3:-1]]
        return pl.DataFrame(rows, schema=frame.schema, orient="row")

    found = said(today(push))

    assert [finding.code for finding in found] == ["shifted_columns"]


def test_old_rows_under_new_dates_are_recognised() -> None:
    def old(frame: pl.DataFrame) -> pl.DataFrame:
        return shop(19).with_columns(COLUMN("when").str.replace("2026-03-21", "2026-03-22"))

    assert codes(today(old)) == ["stale_copy"]


def test_day_and_month_changed_round_are_a_form_of_date() -> None:
    past = of([shop(day) for day in range(6)])
    swapped = profile(shop(6).with_columns(COLUMN("when").str.replace(r"2026-(\d\d)-(\d\d)", "2026-$2-$1")), text=True)

    assert codes(swapped, past) == ["date_format"]


def test_local_time_in_one_of_two_clocks_is_noticed() -> None:
    def with_end(frame: pl.DataFrame, hours: int = 0) -> pl.DataFrame:
        moved = COLUMN("when").str.to_datetime() + pl.duration(minutes=20) + pl.duration(hours=pl.when(EVERY_THIRD).then(hours).otherwise(0))
        return frame.with_columns(end=moved.dt.to_string("%Y-%m-%d %H:%M:%S"))

    past = of([with_end(shop(day)) for day in range(20)])
    found = said(profile(with_end(shop(20), 2), text=True), past)

    assert [finding.code for finding in found] == ["local_time"]
    assert found[0].evidence["moved_hours"] == 2


def test_unknown_keys_are_a_broken_reference() -> None:
    def keyed(day: int, first: int = 0) -> pl.DataFrame:
        return shop(day).with_columns(shop_id=pl.format("S{}", pl.int_range(pl.len()) * 7 % 40 + 100 + first))

    past = of([keyed(day) for day in range(20)])

    assert codes(profile(keyed(20, 300), text=True), past) == ["fk_break"]


def test_a_word_the_flow_always_wrote_for_nothing_is_not_news() -> None:
    def with_word(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(COLUMN("age").fill_null("NA"))

    past = of([with_word(shop(day)) for day in range(20)])

    assert codes(profile(with_word(shop(20)), text=True), past) == []


def test_findings_show_the_two_numbers_and_the_interval() -> None:
    found = said(today(put("age", pl.lit(None), EVERY_THIRD)))[0]

    assert "35 %" in found.sentence or "36 %" in found.sentence
    assert "in the last 20 lots" in found.sentence
    assert float(found.evidence["null_share"]) > 5 * float(found.evidence["worst_null_share"])
    assert found.layer == "history"


def located(finding: Finding, frame: pl.DataFrame) -> list[int]:
    assert finding.locate is not None
    return [cell.row for cell in finding.locate.fresh()(Block(frame, Plan.of(frame, True)))]


@pytest.mark.parametrize("code", ["disguised_missing", "new_category_flood", "sign_flip", "type_to_string"])
def test_the_second_look_finds_exactly_the_faulty_rows(code: str) -> None:
    change = next(change for name, _, change in FAULTS if name == code)
    frame, clean = change(shop(20)), shop(20)
    expected = [i for i, (a, b) in enumerate(zip(frame.rows(), clean.rows(), strict=True)) if a != b]

    assert located(said(profile(frame, text=True))[0], frame) == expected


def test_with_fewer_than_three_lots_only_facts_of_schema_are_stated() -> None:
    past = of([shop(0), shop(1)])

    assert codes(today(lambda frame: frame.head(20).drop("price")), past) == ["dropped_column"]


def test_without_a_past_it_says_nothing() -> None:
    assert list(History()(today(), Past())) == []
    assert PAST.names[0] == "lot 0"


def test_some_hours_in_fahrenheit_are_a_change_of_unit_and_can_be_turned_back() -> None:
    def weather(day: int) -> pl.DataFrame:
        hours = range(48)
        warm = [f"{18 + (hour * 7 + day) % 11 / 2 + (hour % 24) / 6:.1f}" for hour in hours]
        return pl.DataFrame({"hour": [f"2026-03-{1 + day:02d} {hour % 24:02d}:00:00" for hour in hours], "degrees": warm})

    def in_fahrenheit(frame: pl.DataFrame) -> pl.DataFrame:
        warm = frame["degrees"].to_list()
        return frame.with_columns(degrees=pl.Series(warm[:38] + [f"{float(value) * 1.8 + 32:.1f}" for value in warm[38:]]))

    past = of([weather(day) for day in range(12)])
    found = said(profile(in_fahrenheit(weather(12)), text=True), past)

    assert [finding.code for finding in found] == ["unit_change"]
    assert (found[0].evidence["factor"], found[0].evidence["offset"]) == (1.8, 32.0)


def flow(day: int, change: Callable[[int, np.ndarray], np.ndarray]) -> pl.DataFrame:
    """A day of three stations with a reading every hour that rests at 2, the least the sensor can tell, in some nights."""
    rng = np.random.default_rng(500 + day)
    night = int(rng.integers(0, 9))
    rows = []
    for number in range(3):
        readings = np.maximum(2, np.rint(rng.gamma(3, 6, 24) + 3))
        readings[: night if number == 1 else 0] = 2
        rows.append(change(number, readings))
    table = [(f"2026-05-{1 + day:02d} {hour:02d}:00:00", f"S{number}", f"{rows[number][hour]:.0f}") for hour in range(24) for number in range(3)]
    return pl.DataFrame(table, schema=["time", "station", "gas"], orient="row")


@pytest.mark.parametrize(("value", "expected"), [(2, []), (17, ["stuck_sensor"])])
def test_a_sensor_at_its_lowest_is_no_stuck_sensor_where_it_often_rests_there(value: int, expected: list[str]) -> None:
    def resting(number: int, readings: np.ndarray) -> np.ndarray:
        return np.where((number == 1) & (np.arange(24) < 13), value, readings)

    past = of([flow(day, lambda _, readings: readings) for day in range(24)])
    found = [code for code in codes(profile(flow(24, resting), text=True), past) if code == "stuck_sensor"]

    assert found == expected


def test_a_warm_day_has_no_outliers_at_its_warm_end() -> None:
    rng = np.random.default_rng(4)
    past = of([pl.DataFrame({"degrees": [f"{x:.1f}" for x in rng.uniform(-10, 11, 72)]}) for _ in range(20)])
    warm = np.linspace(-3, 20, 72)

    def found(degrees: np.ndarray) -> list[str]:
        lot = profile(pl.DataFrame({"degrees": [f"{x:.1f}" for x in degrees]}), text=True)
        return [one.finding.code for one in Range()(Comparison(lot, past))]

    assert found(warm) == []
    assert found(np.append(warm, 45.0)) == ["outliers"]


def test_rows_that_meet_between_lots_may_meet_within_one() -> None:
    rng = np.random.default_rng(3)

    def chance(values: int) -> float:
        lots_ = [profile(pl.DataFrame({"a": rng.integers(0, values, 36)}).unique()).of(None, Rows) for _ in range(20)]
        return by_coincidence(2, 36, [one for one in lots_ if one is not None])

    assert chance(10**12) < 1e-5
    assert chance(5_000) > 1e-3


@pytest.mark.parametrize("columns", [("air",), ("air", "felt")])
def test_a_lot_in_fahrenheit_is_named_in_a_flow_that_warms(columns: tuple[str, ...]) -> None:
    """Beside a level that moves every week the step to Fahrenheit is small on a compressed scale; it is beyond everything all the same."""

    def week(number: int) -> pl.DataFrame:
        rng = np.random.default_rng(number)
        hours = np.arange(168)
        air = 12 + number + 5 * np.sin(hours / 24 * 2 * np.pi) + rng.normal(0, 2.5) + rng.normal(0, 1, 168)
        return pl.DataFrame({"hour": hours % 24, "air": air.round(1), "felt": (air + rng.normal(1, 1, 168)).round(1), "wind": rng.gamma(4, 3, 168).round(1)})

    past = Past(tuple(profile(week(number)) for number in range(16)), tuple(map(str, range(16))))

    found = History()(profile(week(16).with_columns(((pl.col(name) * 1.8 + 32).round(1)) for name in columns)), past)

    assert sorted((one.code, one.columns[0]) for one in found if one.severity >= 0.3) == [("unit_change", name) for name in columns]
    assert not [one for one in History()(profile(week(16)), past) if one.severity >= 0.3]


def weights(number: int) -> pl.DataFrame:
    rng = np.random.default_rng(number)
    return pl.DataFrame({"shop": rng.choice(["Bonn", "Kiel", "Ulm"], 200), "weight": rng.normal(70, 5, 200).round(1)})


WEIGHTS = Past(tuple(profile(weights(number)) for number in range(20)), tuple(map(str, range(20))))


def warned(lot: pl.DataFrame) -> list[str]:
    return [one.code for one in History()(profile(lot), WEIGHTS) if one.severity >= 0.3]


def test_noise_without_a_gap_to_the_others_is_noticed_when_it_spills_over_both_ends() -> None:
    noise = np.random.default_rng(1).normal(0, 30, 200) * (np.arange(200) % 7 == 0)

    assert warned(weights(20).with_columns(weight=(pl.col("weight") + noise).round(1))) == ["noise_increase"]
    assert warned(weights(20)) == []


def test_a_segment_that_moved_is_not_explained_by_the_relation_that_it_changed() -> None:
    moved = weights(20).with_columns(weight=pl.when(pl.col("shop") == "Kiel").then(pl.col("weight") + 12).otherwise("weight"))

    assert warned(moved) == ["segment_shift"]
