"""The trade-off between score, time and size can be seen and read."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from assayline.training.tradeoff import front, svg, text
from assayline.training.trained import Row

ROWS = (
    Row("blend", 0.92, 0.9, 0.94, 0.42, 20.0, 900_000, 600.0, 1.0),
    Row("a <b> & c", 0.91, 0.89, 0.93, 0.41, 3.0, 90_000, 60.0, 1.0, chosen=True),
    Row("slow", 0.80, 0.78, 0.82, 0.3, 30.0, 90_000, 900.0, 1.0),
    Row("not timed", 0.85, 0.8, 0.9, 0.35, float("nan"), -1, float("nan"), 1.0),
)


def test_the_picture_is_sound_and_says_in_words_what_it_shows() -> None:
    found = ElementTree.fromstring(svg(ROWS, "auc"))

    described = found.findtext("{http://www.w3.org/2000/svg}desc")
    assert described == text(ROWS, "auc")
    assert len(list(found.iter("{http://www.w3.org/2000/svg}circle"))) == 6  # three in each panel: one was not timed
    assert "a <b> & c: 0.91 [0.89, 0.93], 60 µs, 3.0 s, 90,000 bytes (chosen)" in described


@pytest.mark.parametrize("rows", [(), ROWS[:1], ROWS[3:]])
def test_few_models_give_a_picture_too(rows: tuple[Row, ...]) -> None:
    assert ElementTree.fromstring(svg(rows, "rmse")).tag.endswith("svg")


def test_a_better_score_stands_higher_whichever_way_it_counts() -> None:
    def heights(metric: str) -> dict[str, float]:
        circles = ElementTree.fromstring(svg(ROWS, metric)).iter("{http://www.w3.org/2000/svg}circle")
        return {(one.findtext("{http://www.w3.org/2000/svg}title") or "").split(":")[0]: float(one.attrib["cy"]) for one in circles}

    assert heights("auc")["blend"] < heights("auc")["slow"]
    assert heights("rmse")["blend"] > heights("rmse")["slow"]


def test_only_models_that_no_other_beats_are_on_the_front() -> None:
    assert front(ROWS, greater=True) == ("a <b> & c", "blend")
