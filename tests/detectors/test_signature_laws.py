"""What every signature detector keeps to, whatever the table."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assayline.core import CATALOGUE, Past, finding_as_json
from assayline.detectors import Detector, detectors
from assayline.measures import Block, Plan, profile_block

TEXTS = st.one_of(
    st.none(), st.text(max_size=12),
    st.sampled_from(["", " ", "N/A", "1", "1.5", "1,5", "-999", "2024-01-01", "30/02/2024", "2024-01-01T00:00:00Z", "CafÃ©", "=1+1", "../x", "test", "yes", "0",
                     "a" * 300, "\x00", "\u202e", "1e400", "nan", "Bonn", "bonn ", "Bnon", "Bonn***", "12 kg", "1717200000", "1717200000000"]),
)  # fmt: skip
NUMBERS = st.one_of(st.none(), st.floats(), st.integers(-5, 5).map(float), st.sampled_from([0.0, -1.0, 999.0, 1e308]))
TIMES = st.one_of(st.none(), st.datetimes(min_value=datetime.datetime(1, 1, 1), max_value=datetime.datetime(9999, 12, 31)))


@st.composite
def frames(draw: st.DrawFn) -> tuple[pl.DataFrame, bool]:
    height = draw(st.sampled_from([0, 1, 2, 7, 30, 70]))
    columns = []
    for position in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["text", "text", "number", "time", "whole", "boolean", "nested", "null", "category", "few"]))
        values: list[object]
        if kind == "text":
            values = draw(st.lists(TEXTS, min_size=height, max_size=height))
            series = pl.Series(f"c{position}", values, dtype=pl.String)
        elif kind == "number":
            series = pl.Series(f"c{position}", draw(st.lists(NUMBERS, min_size=height, max_size=height)), dtype=pl.Float64)
        elif kind == "time":
            series = pl.Series(f"c{position}", draw(st.lists(TIMES, min_size=height, max_size=height)), dtype=pl.Datetime("us"))
        elif kind == "whole":
            series = pl.Series(f"c{position}", draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=height, max_size=height)), dtype=pl.Int64)
        elif kind == "boolean":
            series = pl.Series(f"c{position}", draw(st.lists(st.sampled_from([True, False, None]), min_size=height, max_size=height)), dtype=pl.Boolean)
        elif kind == "nested":
            series = pl.Series(f"c{position}", [[1, 2]] * height, dtype=pl.List(pl.Int64))
        elif kind == "null":
            series = pl.Series(f"c{position}", [None] * height, dtype=pl.Null)
        elif kind == "category":
            series = pl.Series(f"c{position}", draw(st.lists(st.sampled_from(["a", "b", "cc", None]), min_size=height, max_size=height))).cast(pl.Categorical)
        else:
            series = pl.Series(f"c{position}", draw(st.lists(st.sampled_from(["x1", "x2", "y1", None, "N/A"]), min_size=height, max_size=height)), dtype=pl.String)
        columns.append(series)
    return pl.DataFrame(columns), draw(st.booleans())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(frames())
def test_no_table_makes_a_detector_or_a_locator_fail_and_findings_repeat(made: tuple[pl.DataFrame, bool]) -> None:
    frame, text = made
    plan = Plan.of(frame, text)
    once, again = (profile_block(Block(frame, plan)) for _ in range(2))

    for detector in detectors():
        findings = list(detector(once, Past()))
        assert [finding_as_json(one) for one in findings] == [finding_as_json(one) for one in detector(again, Past())]
        for finding in findings:
            assert finding.code in CATALOGUE
            assert set(finding.columns) <= set(frame.columns)
            if finding.locate is None:
                continue
            cells = list(finding.locate.fresh()(Block(frame, plan)))
            assert all(0 <= cell.row < frame.height and 0 <= cell.confidence <= 1 for cell in cells)
            if finding.layer == "signature" and finding.exact_rows and cells:
                assert len({cell.row for cell in cells}) <= (finding.rows or 0) or finding.code == "missing_value"


@pytest.mark.parametrize("detector", detectors(), ids=lambda detector: type(detector).__name__)
def test_a_detector_names_codes_of_the_catalogue_and_says_when_it_is_silent(detector: Detector) -> None:
    assert detector.codes
    assert set(detector.codes) <= set(CATALOGUE)
    assert "Silent:" in (type(detector).__doc__ or "")
    assert ">>>" in (type(detector).__doc__ or "")


def test_cells_are_the_same_whatever_the_blocks() -> None:
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({
        "city": ["Leeds", "Bonn", "Kiel", "Ulm"] * 60 + ["Leds", "bonn ", "N/A", "Kiel***"],
        "zip": ["1", "2", "3", "4"] * 60 + ["1", "2", "3", "3"],
        "x": [f"{value:.3f}" for value in rng.normal(50, 5, 242)] + ["-999"] * 2,
    })  # fmt: skip
    frame = pl.concat([frame, frame[[7, 9]]])
    plan = Plan.of(frame, text=True)
    measured = profile_block(Block(frame, plan))

    for detector in detectors():
        for finding in detector(measured, Past()):
            if finding.locate is None:
                continue
            whole = list(finding.locate.fresh()(Block(frame, plan)))
            pieces = finding.locate.fresh()
            parts = [cell for start in range(0, frame.height, 37) for cell in pieces(Block(frame[start : start + 37], plan, start))]
            assert parts == whole, finding.code
