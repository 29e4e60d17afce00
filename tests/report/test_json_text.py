"""The JSON text of a report."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from assayline.core import Finding, Report, Verdict, report_from_json
from assayline.report.json_text import json_text, safe_json


def test_every_reader_gets_back_what_the_report_says(sample: Report, hostile: Report) -> None:
    for report in (sample, hostile):
        assert json.loads(json_text(report)) == report.as_json()
        assert report_from_json(json.loads(json_text(report))).verdict == report.verdict


@given(st.text(st.characters(), max_size=40))
def test_no_text_brings_an_invisible_or_invalid_character(report_of: Callable[[str], Report], text: str) -> None:
    out = json_text(report_of(text))

    out.encode("utf-8")
    assert not set(out) & set("\u2028\u2029\u202e\u200b\x7f\x85\x9b\x1b\0\ufeff")
    assert json.loads(out)["findings"][0]["sentence"] == text


def test_letters_stay_readable_and_keys_keep_the_order_of_the_contract(report_of: Callable[[str], Report]) -> None:
    out = json_text(report_of("größe 東京"))

    assert "größe 東京" in out
    assert list(json.loads(out))[:4] == ["schema", "input", "past_lots", "verdict"]


def test_numbers_that_json_lacks_are_texts() -> None:
    finding = Finding("typo", (), "s", severity=0.5, evidence={"a": math.inf, "b": math.nan})

    assert json.loads(json_text(Report(Verdict.WARN, (finding,))))["findings"][0]["evidence"] == {"a": "inf", "b": "nan"}
    assert safe_json({"x": -math.inf}, indent=None) == '{"x": "-inf"}\n'
