"""The words that all views share."""

from __future__ import annotations

import math

import pytest

from assayline import hooks
from assayline.core import CATALOGUE, Finding, InputFacts, Report, Verdict
from assayline.report.words import Fact, duration, facts, number, percent, rank, size, summary, worst_first


def test_the_views_are_found_through_the_hook() -> None:
    offered = dict(hooks.offered("assayline.views"))

    assert {"html", "text", "notebook", "show", "progress", "cells", "read_cells"} <= set(offered)


def test_a_number_and_its_usual_value_are_one_fact() -> None:
    assert facts({"null_share": 0.12, "usual_null_share": 0.01}) == [Fact("null share", "12%", "1%")]
    assert facts({"rows_today": 0, "expected_rows": 1234}) == [Fact("rows today", "0", "1,234")]
    assert facts({"past_low": 1.0}) == [Fact("past low", "1")]


def test_units_in_the_names_are_said() -> None:
    assert facts({"gap_seconds": 7200, "run_rows": 1, "value": "N/A", "exact": True}) == [
        Fact("gap", "2 h"),
        Fact("run", "1 row"),
        Fact("value", "N/A"),
        Fact("exact", "yes"),
    ]


@pytest.mark.parametrize("share", [1e-12, 4.9e-6, 0.004, 0.5, 0.99, 0.9999, 0.999999, 1 - 1e-12])
def test_a_share_is_none_or_all_only_when_it_is(share: float) -> None:
    assert percent(share) not in ("0%", "100%")


@pytest.mark.parametrize("value", [0, -1, 10**15, 10**400, 0.1, -1e300, 1e-300, math.inf, -math.inf, math.nan, 99_999.96])
def test_every_number_has_a_short_form(value: float) -> None:
    assert 0 < len(number(value)) <= 12


def test_sizes_and_times_are_for_people() -> None:
    assert [size(count) for count in (1, 999, 1000, 999_999, 10**13)] == ["1 byte", "999 bytes", "1.0 kB", "1.0 MB", "10 TB"]
    assert [duration(seconds) for seconds in (0.001, 59.94, 300, 10_800, 259_200)] == ["1 ms", "59.9 s", "5 min", "3 h", "3 days"]


def test_the_summary_counts_what_there_is_to_do() -> None:
    findings = [Finding("typo", (), "s", severity=severity) for severity in (0.1, 0.29, 0.3, 0.59, 0.6, 1.0)]

    assert summary(Report(Verdict.HOLD, tuple(findings), InputFacts(rows=12_345, columns=20))) == (
        "2 things to fix, 2 to look at, 2 notes in 12,345 rows × 20 columns"
    )
    assert summary(Report(Verdict.WARN, tuple(findings[2:3]), InputFacts(rows=1, columns=1))) == "1 thing to look at in 1 row × 1 column"


def test_findings_of_one_severity_keep_their_order() -> None:
    findings = [Finding(code, (), "s", severity=0.5) for code in CATALOGUE]

    assert worst_first([*findings, Finding("typo", (), "worst", severity=0.9)])[1:] == findings
    assert {rank(one) for one in findings} == {"look"}
