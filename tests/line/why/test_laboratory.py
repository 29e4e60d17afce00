"""The fault laboratory: who is accused where something was put in, and who is left in peace where nothing was."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("duckdb")
pytest.importorskip("assayline.artefacts")
pytest.importorskip("assayline.certificate")
pytest.importorskip("assayline.serving", reason="scorings are made by its parts")
pytest.importorskip("assayline.line.why.asking")

from laboratory_case import SILENT, Case
from laboratory_cases import LINES, cases
from laboratory_changes import Data
from laboratory_happening import happened
from laboratory_scoring import TARGETS, Scored, rates, scored, table

LINE, SEED = "sensors", 1  # of the cases that are tried at every change


def sample() -> list[Case]:
    """One case of each kind, all of them on one healthy history."""
    found: dict[str, Case] = {}
    for case in cases():
        if (case.line, case.seed) == (LINE, SEED):
            found.setdefault(case.kind, case)
    return list(found.values())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where healthy histories are kept: what ASSAY_LABORATORY names, so that a machine builds them once."""
    named = os.environ.get("ASSAY_LABORATORY", "")
    return Path(named) if named else tmp_path_factory.mktemp("laboratory")


def test_the_table_is_large_enough_and_spread_over_lines_and_kinds() -> None:
    every = list(cases())

    assert len(every) >= 120
    assert len({case.name for case in every}) == len(every)
    assert {case.line for case in every} == set(LINES)
    assert min(Counter(case.line for case in every).values()) >= 30
    assert {"source", "schema", "code", "parameter", "package", "model", "two", "none", "world"} <= {case.kind for case in every}
    assert len({change.code for case in every for change in case.changes if isinstance(change, Data)}) >= 12
    assert all(bool(case.guilty) != (case.kind in SILENT) for case in every)


@pytest.mark.parametrize("case", [pytest.param(one, id=one.kind) for one in sample()])
def test_the_guilty_one_is_accused_and_nobody_else_and_nothing_is_touched(case: Case, cache: Path) -> None:
    found = scored(case, cache)

    assert found.untouched
    assert found.silence if case.kind in SILENT else found.top1, found
    assert found.replays <= TARGETS["replays"]


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_every_case_of_faults_is_one_that_somebody_would_ask_about(cache: Path) -> None:
    unseen = [case.name for case in cases() if case.kind != "none" and not happened(case, cache).moved]

    assert unseen == []


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_the_whole_table_keeps_its_targets(cache: Path) -> None:
    found: list[Scored] = [scored(case, cache) for case in cases()]

    said = rates(found)
    print(table(found))
    assert all(one.untouched for one in found)
    for name in ("top1", "top3", "silence"):
        value = said[name]
        assert value is not None
        assert value >= TARGETS[name], (name, value, [one.case for one in found if getattr(one, name) is False])
    for name in ("replays", "seconds"):
        value = said[name]
        assert value is not None
        assert value <= TARGETS[name], (name, value)
