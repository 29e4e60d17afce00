"""Scorings that are replayed: by the version of before, by the champion alone, and with the lot of before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.rollout")

from small_line import files_of, newest

from assayline import artefacts
from assayline.diagnosis import Component, Symptom
from assayline.line.definition import Line
from assayline.line.delivery import rollouts
from assayline.line.delivery.scoring import score
from assayline.line.delivery.terms import Terms
from assayline.line.models.trying import Trying
from assayline.line.project import Project, create_project
from assayline.line.why.derivation import Derivation
from assayline.line.why.replaying import Replays

pytestmark = pytest.mark.slow
SYMPTOM = Symptom("metric", "churn.scores", "mean(score)", "…", 0.0, 1.0, -1.0, 0.5)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Derivation, Derivation, Derivation]]:
    """A batch that v1 scored, one that v2 scored, and one that both scored under a rollout."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))
    from batches import JOB, delivered
    from churn_versions import written

    folder = tmp_path_factory.mktemp("scored")
    with create_project(str(folder / "shop")) as project:
        with Trying(project, aspects=()) as trying, trying.batch():
            for number in (1, 2):
                trying.take(str(written(folder, f"v{number}", seed=number)))
        states = []
        for seed, version in ((11, "v1"), (12, "v2")):
            delivered(project, seed)
            score(project, replace(JOB, version=version))
            states.append(newest(project, "churn.scores"))
        rollouts.start(project, "churn", "v1", Terms("customer", mode="blue_green", watch=0), author="ann")
        for _ in range(3):
            rollouts.advance(project, "churn", author="ann", reason="it is the first one")
        rollouts.start(project, "churn", "v2", Terms("customer", mode="canary"), author="ann")
        rollouts.advance(project, "churn", author="ann", reason="go on")
        rollouts.advance(project, "churn", author="ann", reason="go on")
        delivered(project, 13)
        score(project, JOB)
        yield project, states[0], states[1], newest(project, "churn.scores")


def mean_score(_: Symptom, path: str | None, error: str) -> float | None:
    assert error == ""
    return None if path is None else float(pl.read_parquet(path)["score"].mean())  # type: ignore[arg-type]  # a column of numbers


def direct(project: Project, version: int, seed: int) -> float:
    from customers import customers

    bundle = artefacts.read(str(Path(project.folder).parent / f"churn-v{version}.assay"))
    return float(bundle.predict(customers(seed))[:, 1].mean())


def test_a_version_and_a_lot_are_put_back(scored: tuple[Project, Derivation, Derivation, Derivation]) -> None:
    project, good, bad, _ = scored
    model, source = Component("model", "churn", "v1", "v2"), Component("source", "customers", "", "")
    before = files_of(Path(project.folder))
    with Replays(project, Line("shop"), f"{project.folder}/line.py", bad, good, [model, source], SYMPTOM, mean_score) as again:
        values = [again(put).value for put in ([], [model.key], [source.key], [model.key, source.key])]

    assert values == pytest.approx([direct(project, 2, 12), direct(project, 1, 12), direct(project, 2, 11), direct(project, 1, 11)], abs=1e-6)
    assert again.notes == []
    assert files_of(Path(project.folder)) == before


def test_of_a_batch_that_two_versions_scored_the_champion_scores_all(scored: tuple[Project, Derivation, Derivation, Derivation]) -> None:
    project, _, good, bad = scored
    arm = Component("arm", "churn", "", "")
    assert bad.run is not None
    assert len(bad.run.inputs["churn"]) == 2
    with Replays(project, Line("shop"), f"{project.folder}/line.py", bad, good, [arm], SYMPTOM, mean_score) as again:
        as_it_is, alone = again.outcome([]), again.outcome([arm.key])

        assert as_it_is is not None
        assert alone is not None
        assert pl.read_parquet(as_it_is)["assay_version"].n_unique() == 2
        assert pl.read_parquet(alone)["assay_version"].unique().to_list() == ["churn:v1"]
        assert again([arm.key]).value == pytest.approx(direct(project, 1, 13), abs=1e-6)
    assert again.notes == []
