"""Charts of models: no text over another, nothing outside, extremes that do not spoil the scale."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.report import model_charts as charts
from assayline.report.model_facts import Candidate, Comparison, CurvePoint, FeaturesPoint, model_of, trial_of
from assayline.report.pictures import LETTER

Document = dict[str, Any]
HIGH = 10.0  # of a line of letters at 11.5 px, without the room above and below


def boxes(svg: str) -> list[tuple[float, float, float, float, str]]:
    """Where each text of a chart stands: left, top, right, bottom."""
    found = []
    for attributes, said in re.findall(r"<text ([^>]*)>([^<]*)</text>", svg):
        given_ = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        wide, x, y = len(said) * LETTER, float(given_["x"]), float(given_["y"])
        left = x - {"middle": wide / 2, "end": wide}.get(given_.get("text-anchor", ""), 0.0)
        found.append((left, y - HIGH, left + wide, y, said))
    return found


def touching(svg: str) -> list[tuple[str, str]]:
    known = boxes(svg)
    return [
        (a[4], b[4]) for place, a in enumerate(known) for b in known[place + 1 :]
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]  # fmt: skip


def outside(svg: str) -> list[str]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None
    wide, high = float(found[1]), float(found[2])
    return [said for left, top, right, bottom, said in boxes(svg) if left < -1 or right > wide + 1 or top < -1 or bottom > high + 1]


def candidate(score: float, microseconds: float, size: int = 1000, **changed: Any) -> Candidate:
    return Candidate(**{"name": "a", "score": score, "low": None, "high": None, "seconds": 1.0, "size_bytes": size, "row_microseconds": microseconds, "share": 1.0, **changed})


def against(estimate: float, low: float, high: float, role: str = "champion") -> Comparison:
    document = {"sets": [{"comparisons": [{"with": "v1", "as": role, "outcome": "better", "metric": "auc", "estimate": estimate, "low": low, "high": high, "margin": 0.01}]}]}
    return trial_of(document).sets[0].comparisons[0]


def test_no_text_of_the_example_stands_on_another_or_outside(churn: Document) -> None:
    told = model_of(churn)
    drawn = [charts.learning_chart(told.trained.curve, "auc"), charts.trade_off(told.trained.leaderboard, 0, "auc"), charts.features_chart(told.trained.features_curve, "auc")]
    drawn += [charts.history_chart(told.history, "q1-labelled", told.champion, told.version, broad=broad) for broad in (True, False)]
    drawn += [charts.strip_axis(*charts.reach(of.comparisons), 1000.0) for of in told.trial.sets]

    assert all(drawn)
    assert [touching(svg) for svg in drawn] == [[]] * len(drawn)
    assert [outside(svg) for svg in drawn] == [[]] * len(drawn)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 1.0), st.floats(0.1, 1e5), st.integers(0, 10**8)), min_size=2, max_size=8))
def test_the_numbers_of_candidates_can_be_told_apart(entries: list[tuple[float, float, int]]) -> None:
    svg = charts.trade_off([candidate(*entry) for entry in entries], 0, "auc")

    assert touching(svg) == []
    assert outside(svg) == []


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**7), st.floats(-1e6, 1e6)), min_size=2, max_size=30, unique_by=lambda one: one[0]))
def test_labels_below_a_curve_do_not_touch(entries: list[tuple[int, float]]) -> None:
    points = sorted((CurvePoint(float(rows), score, None, None) for rows, score in entries), key=lambda one: one.rows)

    svg = charts.learning_chart(points, "rmse")

    assert touching(svg) == []
    assert outside(svg) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=200))
def test_any_scores_over_releases_can_be_drawn(values: list[float]) -> None:
    history = [{"version": f"m:v{place}", "verdict": "release", "sets": [{"set": "s", "scores": [{"metric": "rmse", "value": value}]}]} for place, value in enumerate(values)]
    told = model_of({"version": f"m:v{len(values) - 1}", "history": history})

    for broad in (True, False):
        svg = charts.history_chart(told.history, "s", "", told.version, broad=broad)

        assert touching(svg) == []
        assert outside(svg) == []
        assert svg.count('class="al-release') == min(len(values), charts.MOST_RELEASES)


def test_a_baseline_that_is_far_off_does_not_press_the_champion_into_a_dot() -> None:
    champion, dummy = against(0.01, 0.002, 0.02), against(0.34, 0.3, 0.38, "baseline")

    low, high = charts.reach([champion, dummy])

    assert high < 0.03
    assert "l-8 -5v10Z" in charts.strip(dummy, low, high, "dummy"), "an arrow says that it lies beyond"
    assert "<circle" in charts.strip(champion, low, high, "v1")


def test_a_baseline_that_is_near_shares_the_scale() -> None:
    low, high = charts.reach([against(0.01, 0.002, 0.02), against(0.03, 0.02, 0.04, "baseline")])

    assert high > 0.04


def test_a_candidate_that_is_far_off_is_named_and_not_drawn() -> None:
    candidates = [candidate(0.85, 30), candidate(0.84, 20), candidate(0.83, 3), candidate(0.5, 0.2)]

    svg = charts.trade_off(candidates, 0, "auc")

    assert "not drawn, far off: 4" in svg
    assert svg.count('class="al-bubble') == 3


def test_the_choice_is_drawn_wherever_it_lies() -> None:
    svg = charts.trade_off([candidate(0.5, 0.2), candidate(0.85, 30), candidate(0.84, 20)], 0, "auc")

    assert "al-bubble-chosen" in svg
    assert "not drawn" not in svg


def test_area_not_width_is_the_size() -> None:
    svg = charts.trade_off([candidate(0.8, 10, 4_000_000), candidate(0.9, 20, 1_000_000)], 1, "auc")

    assert sorted(float(one) for one in re.findall(r' r="([\d.]+)"', svg)) == [9.5, 19.0]


def test_amounts_of_one_kind_share_a_scale_and_nothing_is_where_all_begin() -> None:
    document = {"sets": [{"aspects": {"robustness": [{"drop": 2.0, "sentence": "a"}, {"drop": -1.0, "sentence": "b"}]}}]}
    details = trial_of(document).sets[0].aspects["robustness"]

    reach = charts.amount_reach(details)

    assert reach == (-1.0, 2.0)
    zeros = [re.search(r'<line x1="([\d.]+)"[^>]*al-zero', charts.amount_strip(one, reach)) for one in details]
    assert len({one[1] for one in zeros if one}) == 1


def test_a_way_of_choosing_features_with_one_point_has_no_line_and_no_key() -> None:
    points = [FeaturesPoint(3, "importance", 0.8), FeaturesPoint(9, "importance", 0.9), FeaturesPoint(3, "pca", 0.7)]

    assert charts.ways(points) == ["importance"]
    assert charts.features_chart(points[2:], "auc") == ""


@pytest.mark.parametrize(("low", "high"), [(0.0, 1e-9), (-1e308, 1e308), (1e300, 2e300), (5e-324, 1e-323), (0.1, 0.1), (-3.0, 7.0)])
def test_an_axis_has_few_marks_inside_its_ends(low: float, high: float) -> None:
    marks = charts.ticks(low, high, 4)

    assert 1 <= len(marks) <= 16
    assert all(low - abs(low) * 1e-6 <= one.value <= high + abs(high) * 1e-6 for one in marks)
    assert len({one.said for one in marks}) == len(marks)


def test_a_chart_says_its_numbers_in_words(churn: Document, a_model: Callable[..., Document]) -> None:
    told = model_of(churn)

    said = charts.trade_off(told.trained.leaderboard, told.trained.chosen, "auc")

    assert "lightgbm 63 leaves + linear, 0.8491, 38.2 µs a row, 1.5 MB" in said
