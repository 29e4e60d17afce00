"""A fault changes what it says and nothing else, or it says that it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from assayline.certificate import Fault, Strength, faults
from assayline.certificate.sound import Sound, sound
from assayline.core import CATALOGUE

FAULTS = faults()
EVERY = [(fault, strength) for fault in FAULTS for strength in fault.strengths]
IDS = [f"{fault.code}-{strength.name}" for fault, strength in EVERY]
BY_CODE = {fault.code: fault for fault in FAULTS}
BENCH = [
    "missing_spike", "disguised_missing", "null_token_change", "stuck_sensor", "constant_column", "mojibake", "test_records",
    "unit_change", "type_to_string", "decimal_comma", "precision_loss", "outliers", "sign_flip", "category_spelling",
    "new_category_flood", "whitespace_case", "text_truncation", "stuck_clock", "local_time", "clock_reset", "date_format", "missing_day",
    "renamed_column", "added_column", "dropped_column", "column_swap", "shifted_columns", "delimiter_change", "truncated_batch",
    "empty_batch", "duplicated_rows", "duplicate_key", "missing_source", "stale_copy", "sample_bias", "global_shift", "segment_shift",
    "noise_increase", "label_imbalance", "shuffled_column", "fk_break",
]  # fmt: skip


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def struck(fault: Fault, strength: Strength, lot: Sound) -> Iterator[tuple[str | None, pl.DataFrame]]:
    for column in fault.applies(lot):
        faulty = fault.inject(lot, column, strength, rng())
        if faulty is not None:
            yield column, faulty


def test_every_fault_is_a_finding_of_the_catalogue_and_all_of_the_benchmark_are_there() -> None:
    assert {fault.code for fault in FAULTS} <= set(CATALOGUE)
    assert set(BENCH) <= {fault.code for fault in FAULTS}


@pytest.mark.parametrize("source", ["lot", "typed_lot"])
@pytest.mark.parametrize(("fault", "strength"), EVERY, ids=IDS)
def test_a_fault_touches_its_scope_and_nothing_else(fault: Fault, strength: Strength, source: str, request: pytest.FixtureRequest) -> None:
    lot: Sound = request.getfixturevalue(source)

    for column, faulty in struck(fault, strength, lot):
        assert not faulty.equals(lot.frame), column
        if fault.scope == "cells":
            assert faulty.schema == lot.frame.schema
            assert faulty.height == lot.frame.height
            assert column is not None
            assert faulty.drop(column).equals(lot.frame.drop(column))
        elif fault.scope == "columns":
            assert faulty.height == lot.frame.height
            same = [name for name in faulty.columns if name in lot.frame.columns and faulty[name].equals(lot.frame[name])]
            assert len(same) >= 1
        elif fault.scope == "rows":
            assert faulty.schema == lot.frame.schema
        assert fault.scope in ("cells", "columns", "rows", "table")


@pytest.mark.parametrize("code", ["truncated_batch", "missing_source", "missing_day", "empty_batch"])
def test_rows_that_are_lost_leave_the_others_as_they_were(code: str, lot: Sound) -> None:
    for strength in BY_CODE[code].strengths:
        for _, faulty in struck(BY_CODE[code], strength, lot):
            assert faulty.height < lot.frame.height
            assert faulty.equals(lot.frame.filter(pl.col("parcel").is_in(faulty["parcel"].implode())))


@pytest.mark.parametrize("code", ["duplicated_rows", "near_duplicates", "test_records"])
def test_rows_that_come_besides_leave_the_others_as_they_were(code: str, lot: Sound) -> None:
    for strength in BY_CODE[code].strengths:
        for _, faulty in struck(BY_CODE[code], strength, lot):
            added = round(strength.amount * lot.frame.height) or 1
            assert faulty.height == lot.frame.height + added
            assert lot.frame.join(faulty, on=lot.frame.columns, how="anti", nulls_equal=True).is_empty()


@pytest.mark.parametrize("code", ["sample_bias", "label_imbalance"])
def test_a_lot_that_is_refilled_keeps_its_size_times_and_keys(code: str, lot: Sound) -> None:
    for strength in BY_CODE[code].strengths:
        for _, faulty in struck(BY_CODE[code], strength, lot):
            assert faulty.height == lot.frame.height
            assert faulty.select("parcel", "sent").equals(lot.frame.select("parcel", "sent"))


@pytest.mark.parametrize(("fault", "strength"), EVERY, ids=IDS)
def test_the_same_seed_gives_the_same_fault(fault: Fault, strength: Strength, lot: Sound) -> None:
    first, second = (list(struck(fault, strength, lot)) for _ in range(2))

    assert all(a.equals(b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_every_fault_can_strike_a_lot_of_text(lot: Sound) -> None:
    """Otherwise the laws above would hold of nothing."""
    never = {fault.code for fault in FAULTS if not any(list(struck(fault, strength, lot)) for strength in fault.strengths)}

    assert never == set()


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.scope == "cells" and one.code not in ("constant_column", "unit_change")], ids=lambda one: one.code)
def test_a_gross_fault_changes_no_fewer_cells_than_a_subtle_one(fault: Fault, lot: Sound) -> None:
    subtle, gross = (dict(struck(fault, strength, lot)) for strength in (fault.strengths[0], fault.strengths[-1]))

    for column in subtle.keys() & gross.keys():
        assert column is not None
        cells = [frame[column].ne_missing(lot.frame[column]).sum() for frame in (subtle[column], gross[column])]
        assert cells[0] <= cells[1]


@pytest.mark.parametrize(
    ("code", "frame"),
    [
        ("mojibake", {"city": ["Lyon", "Bonn", "Gent", "Oslo"] * 20}),
        ("stuck_clock", {"city": ["Lyon", "Bonn", "Gent", "Oslo"] * 20}),
        ("local_time", {"day": ["2026-03-01", "2026-03-02"] * 40}),
        ("stuck_sensor", {"kilos": [f"{number % 31}.5" for number in range(80)]}),
        ("null_token_change", {"city": ["Lyon", "Bonn", "Gent", "Oslo"] * 20}),
        ("decimal_comma", {"pieces": [str(number * 7 % 61) for number in range(80)]}),
        ("precision_loss", {"pieces": [str(number * 7 % 61) for number in range(80)]}),
        ("shifted_columns", {"a": ["1", "2"] * 20, "b": ["3", "4"] * 20}),
        ("duplicate_key", {"city": ["Lyon", "Bonn", "Gent", "Oslo"] * 20}),
        ("segment_shift", {"kilos": [f"{number % 31}.5" for number in range(80)]}),
        ("shuffled_column", {"kilos": [f"{number % 31}.5" for number in range(80)]}),
        ("stale_copy", {"city": ["Lyon", "Bonn", "Gent", "Oslo"] * 20}),
        ("sample_bias", {"kilos": [f"{number % 31}.5" for number in range(80)]}),
        ("dropped_column", {"city": ["Lyon", "Bonn", "Gent", "Oslo"] * 20}),
        ("out_of_order", {"at": [f"2026-03-01 {number * 7 % 24:02d}:00:00" for number in range(80)]}),
        ("late_arrival", {"at": [f"2026-03-01 {number * 7 % 24:02d}:00:00" for number in range(80)]}),
        ("fk_break", {"city": ["Lyon", "Bonn", "Gent", "Oslo"] * 20}),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_fault_that_a_lot_cannot_have_is_none(code: str, frame: dict[str, list[str]]) -> None:
    lot = sound(pl.DataFrame(frame), text=True)

    assert [found for strength in BY_CODE[code].strengths for found in struck(BY_CODE[code], strength, lot)] == []


@pytest.mark.parametrize("code", ["decimal_comma", "type_to_string", "shifted_columns", "delimiter_change"])
def test_what_only_text_can_suffer_does_not_strike_a_typed_lot(code: str, typed_lot: Sound) -> None:
    assert BY_CODE[code].applies(typed_lot) == ()


@pytest.mark.parametrize("names", [("", " "), ("a;b", "{column}"), ("count", "value"), ("literal", "old")], ids=str)
def test_the_names_of_columns_mean_nothing(names: tuple[str, str], lot: Sound) -> None:
    """Some of these are names that the engine or the faults themselves use."""
    others = {"depot": names[0], "kilos": names[1]}
    renamed = sound(lot.frame.rename(others), [frame.rename(others) for frame in lot.past], text=True)

    for fault, strength in EVERY:
        if fault.code == "renamed_column":
            continue
        one = dict(struck(fault, strength, lot))
        other = dict(struck(fault, strength, renamed))
        assert [others.get(column or "", column) for column in one] == list(other)
        if fault.scope in ("cells", "rows"):
            assert [frame.rename(others).equals(found) for frame, found in zip(one.values(), other.values(), strict=True)] == [True] * len(one)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(),
        pl.DataFrame({"a": []}),
        pl.DataFrame({"a": ["x"], "b": [1]}),
        pl.DataFrame({"a": [None] * 50}),
        pl.DataFrame({"a": [None] * 50, "b": pl.Series([None] * 50, dtype=pl.Float64), "c": pl.Series([None] * 50, dtype=pl.Datetime)}),
        pl.DataFrame({"list": [[1, 2]] * 50, "yes": [True, False] * 25, "kind": pl.Series(["u", "v"] * 25, dtype=pl.Categorical)}),
        pl.DataFrame({"wait": pl.Series(range(50), dtype=pl.Duration("us")), "hour": pl.Series(range(50), dtype=pl.Time), "sum": pl.Series(range(50)).cast(pl.Decimal(10, 2))}),
        pl.DataFrame({"inf": [float("inf"), float("nan"), 1.0, 2.0, 3.5] * 10, "big": pl.Series(range(2**63, 2**63 + 50), dtype=pl.UInt64)}),
        pl.DataFrame({"at": pl.Series(range(50)).cast(pl.Datetime("ns", "Europe/Berlin")), "day": pl.Series(range(50)).cast(pl.Date)}),
    ],
    ids=["nothing", "no rows", "one row", "no values", "typed but empty", "odd types", "spans", "not finite", "zones"],
)
def test_no_table_makes_a_fault_fail(frame: pl.DataFrame) -> None:
    lot = sound(frame, [frame] * 4)

    for fault, strength in EVERY:
        for _, faulty in struck(fault, strength, lot):
            assert not faulty.equals(frame)
