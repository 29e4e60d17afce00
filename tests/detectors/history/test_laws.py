"""What holds for any two tables: no crash, the same answer twice, no secrets beyond the catalogue."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assayline.core import CATALOGUE, Finding, Past, Profile
from assayline.detectors import detectors
from assayline.detectors.causes import ANYWHERE, EVERYTHING, ORDER, SAME_COLUMN, causes
from assayline.detectors.history import History, judges
from assayline.measures import profile

sys.path.insert(0, str(Path(__file__).parent))
from flows import PAST, today

CELLS = st.one_of(
    st.none(), st.sampled_from(["", " ", "a", "A ", "N/A", "test", "-999", "1,5", "2026-01-01", "1970-01-01 00:00:00", "é", "Ã©", "inf", "nan", "1e400", "\x00"]),
    st.floats().map(str), st.integers(-5, 5).map(str), st.text(max_size=8),
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(0, 25))
    names = draw(st.lists(st.sampled_from(["a", "b", "c", "id", "when"]), min_size=1, max_size=4, unique=True))
    return pl.DataFrame({name: draw(st.lists(CELLS, min_size=rows, max_size=rows)) for name in names}, schema=dict.fromkeys(names, pl.String))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(tables(), min_size=1, max_size=6), tables(), st.booleans())
def test_no_pair_of_tables_makes_it_fail(past: list[pl.DataFrame], now: pl.DataFrame, repeat: bool) -> None:
    lots = [profile(frame, text=True) for frame in past] * (4 if repeat else 1)

    found = list(History()(profile(now, text=True), Past(tuple(lots), tuple(map(str, range(len(lots)))))))

    assert [finding.sentence for finding in found if finding.code == "detector_error"] == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.booleans(), st.integers(-(2**63), 2**63 - 1)), min_size=0, max_size=30), st.integers(1, 6))
def test_typed_tables_do_not_make_it_fail(rows: list[tuple[float, bool, int]], lots: int) -> None:
    frame = pl.DataFrame(rows, schema={"f": pl.Float64, "b": pl.Boolean, "i": pl.Int64}, orient="row")
    text = frame.with_columns(pl.col("i").cast(pl.String), l=pl.lit(["x"]))

    found = list(History()(profile(text), Past((profile(frame),) * lots, ("lot",) * lots)))

    assert [finding.sentence for finding in found if finding.code == "detector_error"] == []


def test_the_same_lots_give_the_same_findings_in_the_same_order() -> None:
    def broken(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(price=pl.lit("3"), city=pl.lit("Atlantis")).drop("age")

    first, second = list(History()(today(broken), PAST)), list(History()(today(broken), PAST))

    assert first == second
    assert len(first) >= 3


def test_every_judge_names_codes_of_the_catalogue_and_history_is_the_only_detector_of_the_layer() -> None:
    assert len(judges()) >= 18
    assert {code for judge in judges() for code in judge.finds} <= set(CATALOGUE)
    assert [type(one).__name__ for one in detectors()].count("History") == 1


def test_the_table_of_causes_uses_names_of_the_catalogue_only() -> None:
    used = {*ORDER, *EVERYTHING, *SAME_COLUMN, *ANYWHERE}.union(*SAME_COLUMN.values(), *ANYWHERE.values())

    assert used <= set(CATALOGUE)


def test_of_any_two_findings_at_least_one_is_kept() -> None:
    for first, second in itertools.combinations(ORDER, 2):
        pair = [Finding(code, ("a",), "…", 0.5, layer="history", evidence={"expected_rows": 9, "rows_today": 5, "usual_rows": 4}) for code in (first, second)]

        assert causes(pair), (first, second)


def wide(rows: int, columns: int, seed: int) -> Profile:
    rng = np.random.default_rng(seed)
    data: dict[str, object] = {f"n{i}": rng.normal(0, 1, rows).round(2) for i in range(columns // 2)}
    data |= {f"k{i}": rng.choice(["a", "b", "c"], rows) for i in range(columns - columns // 2)}
    return profile(pl.DataFrame(data))


@pytest.mark.no_cover  # what is timed is not traced
@pytest.mark.parametrize(("lots", "rows", "columns", "seconds"), [(30, 500, 20, 3.0), (1000, 50, 20, 10.0), (10, 100, 250, 15.0), pytest.param(10, 100, 1000, 60.0, marks=pytest.mark.slow)])
def test_the_cost_of_a_judgement_is_bounded(lots: int, rows: int, columns: int, seconds: float) -> None:
    """The bounds are ten times what an idle machine needs: they catch a wrong power, not a slow day."""
    some = [wide(rows, columns, seed) for seed in range(min(lots, 10))]
    past = Past(tuple(some[i % len(some)] for i in range(lots)), ("lot",) * lots)
    now = wide(rows, columns, 999)

    start = time.process_time()
    list(History()(now, past))

    assert time.process_time() - start < seconds
