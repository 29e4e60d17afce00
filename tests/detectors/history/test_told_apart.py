"""Explanations that look alike are told apart: what they are undone by, and what they leave."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.core import Finding, Past
from assayline.detectors.history import History
from assayline.detectors.history_row_order import displaced
from assayline.detectors.mixture import against_lots, counted, independence, mixture, transposed
from assayline.detectors.spread_shares import spread_tails
from assayline.measures import profile

ROWS = 240


def lot(day: int) -> pl.DataFrame:
    """Trips: a fee that follows from the distance, shops of different size, a minute of the day."""
    rng = np.random.default_rng(500 + day)
    km = rng.gamma(4, 5, ROWS)
    minute = np.sort(rng.integers(0, 1_440, ROWS))
    return pl.DataFrame({
        "at": [f"2026-01-{1 + day:02d} {one // 60:02d}:{one % 60:02d}:00" for one in minute],
        "shop": rng.choice(["Bonn", "Kiel", "Ulm"], ROWS, p=[0.5, 0.3, 0.2]), "km": km.round(1), "fee": (3 + 0.8 * km + rng.normal(0, 0.4, ROWS)).round(2),
        "weight": rng.normal(70, 5, ROWS).round(1),
    })  # fmt: skip


PAST = Past(tuple(profile(lot(day)) for day in range(20)), tuple(f"lot {day}" for day in range(20)))
KM, FEE = pl.col("km"), pl.col("fee")
ULM = pl.col("shop") == "Ulm"


def said(frame: pl.DataFrame) -> list[Finding]:
    return [finding for finding in History()(profile(frame), PAST) if finding.severity >= 0.3]


@pytest.mark.parametrize(
    ("code", "where", "change"),
    [
        ("unit_change", "shop = Ulm", [pl.when(ULM).then(KM * 1.609344).otherwise(KM).round(1).alias("km")]),
        ("segment_shift", "shop = Ulm", [pl.when(ULM).then(FEE + 2.5).otherwise(FEE).alias("fee")]),
        ("global_shift", None, [(FEE + 1).alias("fee")]),
        ("shuffled_column", None, [pl.when(pl.int_range(pl.len()) % 3 == 0).then(FEE.reverse()).otherwise(FEE).alias("fee")]),
    ],
    ids=["converted", "moved in a segment", "moved", "permuted"],
)
def test_a_change_that_only_the_other_columns_show_is_named(code: str, where: str | None, change: list[pl.Expr]) -> None:
    found = said(lot(20).with_columns(change))

    assert [(finding.code, finding.where) for finding in found] == [(code, where)]
    assert found[0].columns[0] == str(change[0].meta.output_name())


def test_numbers_in_every_column_that_somebody_typed_make_test_rows() -> None:
    typed = pl.int_range(pl.len()).is_in([30, 31])
    frame = lot(20).with_columns(pl.when(typed).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in (("km", 123.0), ("fee", 1.0), ("weight", 999.0)))

    found = said(frame)

    assert [(finding.code, finding.rows) for finding in found] == [("test_records", 2)]


def test_one_number_in_every_column_is_a_placeholder_and_no_test() -> None:
    typed = pl.int_range(pl.len()) % 6 == 0
    frame = lot(20).with_columns(pl.when(typed).then(pl.lit(999.0)).otherwise(pl.col(name)).alias(name) for name in ("km", "fee", "weight"))

    assert {finding.code for finding in said(frame)} == {"disguised_missing"}


def test_records_held_up_are_out_of_order_and_another_order_is_only_noted() -> None:
    day, late = lot(20), pl.int_range(pl.len()).is_between(100, 109)
    held_up = pl.concat([day.filter(~late), day.filter(late)])

    found, noted = said(held_up), list(History()(profile(day.sample(fraction=1, shuffle=True, seed=1)), PAST))

    assert [(finding.code, finding.rows) for finding in found] == [("out_of_order", 10)]
    assert [finding.severity < 0.3 for finding in noted if finding.code == "out_of_order"] == [True]


@pytest.mark.parametrize(("order", "out"), [([1, 2, 3], 0), ([3, 2, 1], 2), ([1, 1, 1], 0), ([5, 1, 2, 3], 1), ([], 0)])
def test_displaced_records_are_the_fewest_that_would_have_to_move(order: list[float], out: int) -> None:
    assert displaced(np.array(order, dtype=np.float64)).rows == out


def test_the_evidence_of_good_lots_stays_within_that_of_the_past() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        first = rng.integers(0, 5, 2_100)
        second = (first + rng.integers(0, 3, 2_100)) % 5
        before = counted(first[100:], second[100:], 5, np.repeat(np.arange(20), 100), 20)
        today = counted(first[:100], second[:100], 5)[0]
        alarms += sum(against_lots(today, before, gains).p < 1e-3 for gains in (transposed, independence))

    assert alarms == 0


def test_a_mixture_finds_the_share_of_rows_that_are_otherwise() -> None:
    nats, part = mixture([4.0, -4.0], [20, 180])

    assert nats > 10
    assert part in (0.07, 0.12)


def test_tails_of_shares_hold_their_level_when_lots_differ() -> None:
    rng = np.random.default_rng(3)
    small = 0
    for _ in range(400):
        rates = 1 / (1 + np.exp(-rng.normal(-1, 0.3, 21)))
        counts = rng.binomial(150, rates)
        small += int(spread_tails([counts[0]], 150, counts[1:, None], np.full(20, 150))[0] < 0.005)

    assert small <= 8  # 4 expected; 8 has a chance of 5 %
