"""The gate: one cause gives one finding, and the verdict is the worst that remains."""

from __future__ import annotations

import itertools
from graphlib import TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.core import CATALOGUE, Cell, Finding, Verdict
from assayline.judgement import EXPLAINS, EXPLAINS_ALL, EXPLAINS_ANYWHERE, Policy, judge, subsume
from assayline.judgement.temper import NOTE, Temper

PAIRS = [(cause, symptom) for cause, symptoms in EXPLAINS.items() for symptom in sorted(symptoms)]


def finding(code: str, column: str = "a", severity: float = 0.5, rows: int = 1, layer: str = "signature") -> Finding:
    return Finding(code, (column,), "…", severity, layer, rows=rows, examples=(Cell(0, column, 1.0, "x"),))


def test_only_codes_of_the_catalogue_explain_and_are_explained() -> None:
    named = set(EXPLAINS) | set(EXPLAINS_ALL) | set(EXPLAINS_ANYWHERE) | set(itertools.chain(*EXPLAINS.values(), *EXPLAINS_ANYWHERE.values()))

    assert named <= set(CATALOGUE)


@pytest.mark.parametrize(("cause", "symptom"), PAIRS)
def test_one_cause_gives_one_finding(cause: str, symptom: str) -> None:
    kept = subsume([finding(symptom, severity=0.9), finding(cause, severity=0.4)])

    assert [one.code for one in kept] == [cause]


@pytest.mark.parametrize(("cause", "symptom"), PAIRS[:5])
def test_the_same_pair_in_two_columns_is_two_findings(cause: str, symptom: str) -> None:
    assert len(subsume([finding(symptom, "a"), finding(cause, "b")])) == 2


def test_no_explanations_go_in_a_circle() -> None:
    graph = {code: EXPLAINS.get(code, frozenset()) | EXPLAINS_ANYWHERE.get(code, frozenset()) for code in CATALOGUE}

    TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_an_empty_delivery_is_all_there_is_to_say() -> None:
    kept = subsume([finding("empty_batch", severity=0.9), finding("missing_source", severity=0.6), finding("id_column", severity=0.1)])

    assert [one.code for one in kept] == ["empty_batch", "id_column"]


@given(st.lists(st.builds(finding, st.sampled_from(sorted(CATALOGUE)), st.sampled_from("ab"), st.floats(0, 1), st.integers(0, 9)), max_size=6))
def test_the_order_in_which_findings_come_does_not_matter(findings: list[Finding]) -> None:
    assert judge(findings, 100) == judge(findings[::-1], 100)


@given(st.lists(st.builds(finding, st.sampled_from(sorted(CATALOGUE)), st.sampled_from("ab"), st.floats(0.3, 1)), min_size=1, max_size=6))
def test_subsuming_never_leaves_nothing(findings: list[Finding]) -> None:
    assert subsume(findings)


@pytest.mark.parametrize(
    ("severity", "rows", "layer", "verdict"),
    [
        (0.29, 1, "signature", Verdict.RELEASE),
        (0.3, 1, "signature", Verdict.WARN),
        (0.6, 1, "signature", Verdict.SPLIT),
        (0.6, 21, "signature", Verdict.HOLD),
        (0.6, 1, "history", Verdict.WARN),
        (0.8, 1, "history", Verdict.HOLD),
    ],
)
def test_what_a_finding_does_follows_the_policy(severity: float, rows: int, layer: str, verdict: Verdict) -> None:
    assert Policy().of(finding("typo", severity=severity, rows=rows, layer=layer), rows=100) == verdict


def test_a_changed_relation_is_explained_by_what_happened_to_one_of_its_columns() -> None:
    relation = Finding("shuffled_column", ("x", "y"), "x goes with y in another way.", 0.45, layer="multivariate")
    column = Finding("disguised_missing", ("x",), "-999 stands for nothing.", 0.6)
    elsewhere = Finding("disguised_missing", ("group",), "-999 stands for nothing.", 0.6)

    assert [one.code for one in subsume([relation, column])] == ["disguised_missing"]
    assert sorted(one.code for one in subsume([relation, elsewhere])) == ["disguised_missing", "shuffled_column"]


@pytest.mark.parametrize("column", ["assay_arm", "assay_version", "assay_run", "assay_sequence"])
def test_who_answered_a_prediction_is_no_news_and_why_another_answered_is(column: str) -> None:
    told = Temper(lots=30)

    assert told(finding("new_category_flood", column, 0.9, layer="history")).severity <= NOTE
    assert told(finding("new_category_flood", "assay_fallback", 0.9, layer="history")).severity == 0.9
