"""One cause gives one finding: each fault of the catalogue, put into a lot of a simulated flow, is said once and under its own name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.core import Finding, Past
from assayline.judgement import Policy
from assayline.scanning.table_scan import past_of, scan_table
from assayline.tables import open_table

Change = Callable[[pl.DataFrame], pl.DataFrame]
Flow = tuple[Past, list[frozenset[str]]]

LOTS = 20
START = datetime(2026, 3, 2)
DEPOTS = ["Antwerp", "Bergen", "Calais", "Dublin", "Esbjerg"]
CUSTOMERS = [f"C{number * 37 % 900 + 100}" for number in range(60)]
STREETS = ["Harbour", "Market", "Church", "Station", "Garden", "Mill", "Bridge", "Castle"]
COLUMN: Callable[[str], pl.Expr] = pl.col
ROW = pl.int_range(pl.len())
EVERY_THIRD = ROW % 3 == 0


def parcels(day: int, rows: int = 240) -> pl.DataFrame:
    """One day of a parcel service, as text: sent mostly in office hours, weighed and paid by distance."""
    rng = np.random.default_rng(7_000 + day)
    second = np.sort(np.clip(rng.normal(12.5, 3, rows), 0.1, 23.9) * 3600).astype(int)
    depot = rng.choice(5, rows, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    kilos = rng.gamma(4, 2, rows) + 0.3 + depot
    distance = rng.gamma(3, 60, rows) + 5
    fee = 2 + 0.1 * distance + 0.9 * kilos + rng.normal(0, 0.5, rows)
    minutes = 30 + 0.9 * distance + rng.normal(0, 12, rows)
    sent = [START + timedelta(days=day, seconds=int(one)) for one in second]
    return pl.DataFrame(
        {
            "parcel": [f"P{day:03d}-{number * 7919 % 100_000:05d}" for number in range(rows)],
            "sent": [one.strftime("%Y-%m-%d %H:%M:%S") for one in sent],
            "booked": [(one - timedelta(seconds=int(gap))).strftime("%Y-%m-%d %H:%M:%S") for one, gap in zip(sent, rng.uniform(60, 900, rows), strict=True)],
            "depot": [DEPOTS[one] for one in depot],
            "customer": rng.choice(CUSTOMERS, rows).tolist(),
            "insured": rng.choice(["yes", "no"], rows, p=[0.3, 0.7]).tolist(),
            "kilos": [f"{one:.2f}" for one in kilos],
            "distance": [f"{one:.1f}" for one in distance],
            "fee": [f"{one:.2f}" for one in fee],
            "minutes": [f"{max(one, 5):.0f}" for one in minutes],
            "celsius": [f"{one:.1f}" for one in rng.normal(14, 4, rows)],
            "street": [f"{rng.choice(STREETS)} {rng.choice(['Street', 'Road', 'Lane'])} {rng.integers(1, 180)}" for _ in range(rows)],
            "floor": [None if none else str(one) for none, one in zip(rng.random(rows) < 0.1, rng.poisson(2, rows), strict=True)],
        }
    )


def put(column: str, value: pl.Expr, where: pl.Expr | None = None) -> Change:
    return lambda frame: frame.with_columns(pl.when(True if where is None else where).then(value).otherwise(COLUMN(column)).alias(column))


def number(column: str, change: Callable[[pl.Expr], pl.Expr], where: pl.Expr | None = None, digits: int = 2) -> Change:
    return put(column, change(COLUMN(column).cast(pl.Float64)).round(digits).cast(pl.String), where)


def later(column: str, hours: int, where: pl.Expr | None = None) -> Change:
    return put(column, (COLUMN(column).str.to_datetime() + pl.duration(hours=hours)).dt.to_string("%Y-%m-%d %H:%M:%S"), where)


def pushed(frame: pl.DataFrame) -> pl.DataFrame:
    rows = [list(row) for row in frame.rows()]
    for row in rows[4::13]:
        row[4:] = ["", *row[4:-1]]
    return pl.DataFrame(rows, schema=frame.schema, orient="row")


def held_up(frame: pl.DataFrame) -> pl.DataFrame:
    late = frame.filter(ROW % 16 == 5)
    return pl.concat([frame.filter(ROW % 16 != 5), late])


def typed_rows(frame: pl.DataFrame) -> pl.DataFrame:
    values = {"kilos": "123", "distance": "999", "fee": "1", "minutes": "0", "celsius": "123", "street": "test", "floor": "99"}
    where = ROW % 40 == 3
    return frame.with_columns(pl.when(where).then(pl.lit(value)).otherwise(COLUMN(name)).alias(name) for name, value in values.items())


FAULTS: list[tuple[str, str | None, Change]] = [
    ("missing_spike", "kilos", put("kilos", pl.lit(None), EVERY_THIRD)),
    ("disguised_missing", "kilos", put("kilos", pl.lit("-999"), EVERY_THIRD)),
    ("disguised_missing", "depot", put("depot", pl.lit("N/A"), EVERY_THIRD)),
    ("null_token_change", "floor", lambda frame: frame.with_columns(COLUMN("floor").fill_null("NULL"))),
    ("stuck_sensor", "celsius", put("celsius", pl.lit("13.7"), (ROW > 60) & (ROW < 100))),
    ("constant_column", "distance", put("distance", pl.lit("150.0"))),
    ("mojibake", "depot", put("depot", pl.lit("ZÃ¼rich"), EVERY_THIRD)),
    ("test_records", "street", typed_rows),
    ("unit_change", "celsius", number("celsius", lambda x: x * 1.8 + 32, digits=1)),
    ("unit_change", "kilos", number("kilos", lambda x: x * 1000)),
    ("unit_change", "distance", number("distance", lambda x: x * 1.609344, COLUMN("depot") == "Antwerp")),
    ("type_to_string", "fee", put("fee", COLUMN("fee") + " EUR", EVERY_THIRD)),
    ("decimal_comma", "fee", put("fee", COLUMN("fee").str.replace(".", ",", literal=True), EVERY_THIRD)),
    ("precision_loss", "fee", put("fee", COLUMN("fee").str.replace(r"\.\d+", ".00"))),
    ("outliers", "minutes", put("minutes", pl.lit("98765"), (ROW == 17) | (ROW == 91))),
    ("sign_flip", "fee", put("fee", "-" + COLUMN("fee"), EVERY_THIRD)),
    ("category_spelling", "depot", put("depot", COLUMN("depot").str.replace("er", "re"), EVERY_THIRD)),
    ("new_category_flood", "depot", put("depot", pl.lit("Utrecht"), EVERY_THIRD)),
    ("whitespace_case", "depot", put("depot", COLUMN("depot") + " ", EVERY_THIRD)),
    ("text_truncation", "depot", put("depot", COLUMN("depot").str.slice(0, 4))),
    ("stuck_clock", "sent", put("sent", pl.lit("2026-03-22 09:00:00"), ROW > 80)),
    ("local_time", "sent", later("sent", 5)),
    ("local_time", "booked", later("booked", 2, COLUMN("depot") == "Dublin")),
    ("clock_reset", "sent", put("sent", "1970-01-01" + COLUMN("sent").str.slice(10), EVERY_THIRD)),
    ("date_format", "sent", put("sent", COLUMN("sent").str.replace(r"(\d+)-(\d+)-(\d+)", "$3.$2.$1"), EVERY_THIRD)),
    ("missing_day", "sent", lambda _: parcels(LOTS + 1)),
    ("out_of_order", "sent", held_up),
    ("renamed_column", "fee", lambda frame: frame.rename({"fee": "column_9"})),
    ("added_column", "batch", lambda frame: frame.with_columns(batch=pl.lit("17"))),
    ("dropped_column", "celsius", lambda frame: frame.drop("celsius")),
    ("column_swap", "kilos", lambda frame: frame.rename({"kilos": "distance", "distance": "kilos"}).select(frame.columns)),
    ("column_swap", "kilos", lambda frame: frame.with_columns(
        kilos=pl.when(EVERY_THIRD).then(COLUMN("distance")).otherwise(COLUMN("kilos")),
        distance=pl.when(EVERY_THIRD).then(COLUMN("kilos")).otherwise(COLUMN("distance")),
    )),
    ("shifted_columns", None, pushed),
    ("truncated_batch", None, lambda frame: frame.head(40)),
    ("empty_batch", None, lambda frame: frame.head(0)),
    ("duplicated_rows", None, lambda frame: pl.concat([frame, frame.head(60)])),
    ("duplicate_key", "parcel", put("parcel", COLUMN("parcel").reverse(), EVERY_THIRD & (ROW < 90))),
    ("missing_source", "depot", lambda frame: frame.filter(COLUMN("depot") != "Bergen")),
    ("stale_copy", None, lambda _: parcels(LOTS - 1)),
    ("sample_bias", "distance", lambda frame: pl.concat([frame, parcels(50).with_columns(
        COLUMN("sent").str.replace("2026-04-21", "2026-03-22"), COLUMN("booked").str.replace("2026-04-21", "2026-03-22"))])
     .filter(COLUMN("distance").cast(pl.Float64) > 170).head(240).sort("sent")),
    ("global_shift", "celsius", number("celsius", lambda x: x + 7.3, digits=1)),
    ("segment_shift", "minutes", number("minutes", lambda x: x + 260, COLUMN("depot") == "Calais", digits=0)),
    ("noise_increase", "celsius", number("celsius", lambda x: 14 + (x - 14) * 2.5, digits=1)),
    ("label_imbalance", "insured", put("insured", pl.lit("no"), ROW % 20 != 0)),
    ("label_imbalance", "insured", put("insured", pl.lit("no"))),
    ("shuffled_column", "fee", lambda frame: frame.with_columns(fee=frame["fee"].reverse())),
    ("fk_break", "customer", put("customer", pl.format("X{}", ROW * 13 % 97 + 100), EVERY_THIRD)),
]  # fmt: skip


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Flow:
    """The past: files of twenty days, read as the command line reads them."""
    folder = tmp_path_factory.mktemp("parcels")
    tables = []
    for day in range(LOTS):
        path = folder / f"{day:02d}.csv"
        parcels(day).write_csv(path)
        tables.append((path.name, open_table(str(path))))
    return past_of(tables)


def said(frame: pl.DataFrame, flow: Flow, folder: Path, delimiter: str = ",") -> list[Finding]:
    """What is no note about one lot, by the way of a scan: reading, both layers, the second look and the gate."""
    path = folder / "today.csv"
    frame.write_csv(path, separator=delimiter)
    table = open_table(str(path))
    try:
        report = scan_table(table, flow[0], past_codes=flow[1])
    finally:
        table.close()
    return [finding for finding in report.findings if finding.severity >= Policy().warn_at]


@pytest.mark.parametrize(("code", "column", "change"), FAULTS, ids=[f"{code}-{i}" for i, (code, _, _) in enumerate(FAULTS)])
def test_one_cause_gives_one_finding(code: str, column: str | None, change: Change, flow: Flow, tmp_path: Path) -> None:
    found = said(change(parcels(LOTS)), flow, tmp_path)

    assert [finding.code for finding in found] == [code], "\n".join(f"{f.code} {f.layer} {f.columns} {f.sentence}" for f in found)
    assert column is None or column in found[0].columns


def test_another_delimiter_is_a_change_although_it_is_read(flow: Flow, tmp_path: Path) -> None:
    found = said(parcels(LOTS), flow, tmp_path, delimiter=";")

    assert [finding.code for finding in found] == ["delimiter_change"]


@pytest.mark.parametrize("day", range(LOTS, LOTS + 3))
def test_a_day_as_it_was_is_met_with_silence(day: int, flow: Flow, tmp_path: Path) -> None:
    past, codes = flow
    if day > LOTS:  # the days between have come too
        earlier = [tmp_path / f"{one}.csv" for one in range(LOTS, day)]
        for one, path in zip(range(LOTS, day), earlier, strict=True):
            parcels(one).write_csv(path)
        more, more_codes = past_of([(path.name, open_table(str(path))) for path in earlier])
        past, codes = Past((*past.profiles, *more.profiles), (*past.names, *more.names)), [*codes, *more_codes]

    assert said(parcels(day), (past, codes), tmp_path) == []


def test_a_lot_in_another_order_is_no_warning(flow: Flow, tmp_path: Path) -> None:
    assert said(parcels(LOTS).sample(fraction=1, shuffle=True, seed=3), flow, tmp_path) == []
