"""Versions of models: taken in as lots, tried on hosted test sets, released or held."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.artefacts")

from customers import Make, customers

from assayline.errors import MisuseError
from assayline.ledger import records, trial_records, verify
from assayline.line.models.showing import model_document, models_document, sets_document, sign
from assayline.line.models.test_sets import add_set
from assayline.line.models.trying import Trying
from assayline.line.models.versions import version_of
from assayline.line.models.watching import watch
from assayline.line.project import Project


@pytest.fixture
def hosted(project: Project, tmp_path: Path) -> Project:
    """A project with a test set of a model that is still to come."""
    customers(99).write_parquet(tmp_path / "q1.parquet")
    assert add_set(project, "churn", str(tmp_path / "q1.parquet"), "q1").error is None
    return project


def findings(project: Project, version: str) -> list[tuple[str, str | None]]:
    return [(one["code"], one["where"]) for one in version_of(project, version).findings if one["severity"] >= 0.3]


def test_a_version_that_is_worse_on_the_same_rows_is_held_and_the_one_before_stays_in_force(hosted: Project, make: Make) -> None:
    with Trying(hosted, aspects=()) as trying:
        first, second = trying.take(str(make("v1"))), trying.take(str(make("v2", seed=2, spoiled=0.35)))

    assert first.lot is not None
    assert second.lot is not None
    assert (first.lot.state, second.lot.state, second.lot.verdict) == ("released", "held", "hold")
    assert findings(hosted, "churn:v2") == [("worse_than_champion", "q1")]
    assert version_of(hosted, "churn").place == 1
    assert list(verify(hosted.ledger, hosted.store)) == []


def test_a_version_that_cannot_be_told_from_the_champion_says_how_many_rows_are_missing_and_is_not_held_against_the_next(hosted: Project, make: Make) -> None:
    with Trying(hosted, aspects=()) as trying:
        trying.take(str(make("v1")))
        trying.take(str(make("v2", seed=3)))

    document = model_document(hosted, "churn:v2")
    undecided = [one for one in document["trial"]["report"]["findings"] if one["code"] == "undecided_trial"]
    assert [one["severity"] for one in undecided] == [0.4]
    assert undecided[0]["suggestion"].startswith("label ")
    assert document["trial"]["sets"][0]["comparisons"][0]["more_rows"] > 0
    assert document["state"] == "released"
    assert version_of(hosted, "churn").place == 1


def test_a_signature_puts_a_held_version_in_force_until_the_test_set_is_another(hosted: Project, make: Make, tmp_path: Path) -> None:
    with Trying(hosted, aspects=()) as trying:
        trying.take(str(make("v1")))
        trying.take(str(make("v2", seed=2, spoiled=0.35)))
    with pytest.raises(MisuseError, match="say why"):
        sign(hosted, "churn:v2", author="ann")

    sign(hosted, "churn:v2", author="ann", reason="the old one is forbidden by contract")
    signed = model_document(hosted, "churn:v2")["signed"]
    customers(100).write_parquet(tmp_path / "q1.parquet")
    add_set(hosted, "churn", str(tmp_path / "q1.parquet"), "q1")
    later = model_document(hosted, "churn:v2")["signed"]

    assert (signed["author"], signed["expired"]) == ("ann", "")
    assert version_of(hosted, "churn").place == 2
    assert re.fullmatch(r"test set q1 \([0-9a-f]{8}\) is no longer the version that is used\.", later["expired"])


def test_the_same_artefact_is_taken_once_and_its_predictions_are_kept_row_by_row(hosted: Project, make: Make) -> None:
    path = make("v1")
    with Trying(hosted, aspects=()) as trying:
        first, again = trying.take(str(path)), trying.take(str(path))

    assert first.lot is not None
    assert again.document["duplicate_of"] == str(first.lot.lot)
    with hosted.ledger.read() as connection:
        [trial] = trial_records.trials(connection, "churn")
        assert trial_records.looks(connection, "churn", trial.sets[0]["digest"]) == 1
    kept = pl.read_parquet(hosted.store.path(trial.objects["predictions"]))
    assert kept.columns == ["test_set", "lot", "digest", "row", "y", "p0", "p1"]
    assert kept.height == 1500


def test_another_trial_of_a_version_is_written_beside_the_first_and_counts(project: Project, make: Make, tmp_path: Path) -> None:
    with Trying(project, aspects=()) as trying:
        trying.take(str(make("v1")))
        before = version_of(project, "churn:v1")
        customers(99).write_parquet(tmp_path / "q1.parquet")
        add_set(project, "churn", str(tmp_path / "q1.parquet"), "q1")
        tried = trying.again(before)

    assert [one["code"] for one in before.findings] == ["undecided_trial"]  # no test set: a note
    assert [one["set"] for one in tried["sets"]] == ["q1"]
    assert len(model_document(project, "churn:v1")["history"]) == 1
    assert sets_document(project, "churn")[0]["looks"] == 1
    assert [(one["model"], one["sets"]) for one in models_document(project)] == [("churn", 1)]
    assert list(verify(project.ledger, project.store)) == []


class Bomb:
    """What a pickle can do to who loads it."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.marker),)


def test_an_artefact_that_would_run_code_is_kept_as_it_came_and_nothing_runs(hosted: Project, tmp_path: Path, make: Make) -> None:
    bomb, marker = tmp_path / "churn.pkl", tmp_path / "marker"
    bomb.write_bytes(pickle.dumps(Bomb(str(marker))))

    with Trying(hosted, aspects=()) as trying:
        refused, sound = trying.take(str(bomb), "churn"), trying.take(str(make("v1")), "churn")

    assert not marker.exists()
    assert refused.error is not None
    assert refused.lot is not None
    assert (refused.lot.state, [one["code"] for one in refused.lot.findings]) == ("unreadable", ["unsafe_artefact"])
    assert Path(hosted.store.path(refused.lot.objects["original"])).read_bytes() == bomb.read_bytes()
    assert sound.lot is not None
    assert sound.lot.state == "released"


def test_a_watched_folder_takes_what_is_dropped_in_the_order_it_came(hosted: Project, make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "artefacts" / "churn"
    folder.mkdir(parents=True)
    make("v1", folder=folder)
    make("v2", seed=2, spoiled=0.35, folder=folder)
    (folder / "notes.md").write_text("no artefact")
    (folder / "broken.assay").write_bytes(b"PK\x03\x04 and nothing else")

    outcomes = list(watch(hosted, str(folder.parent), quick=True, once=True))

    with hosted.ledger.read() as connection:
        lots = records.lots(connection, "churn")
    assert [lot.state for lot in lots] == ["released", "held", "unreadable"]
    assert [outcome.error is None for outcome in outcomes] == [True, True, False]
    assert next(iter(watch(hosted, str(folder.parent), quick=True, once=True))).document["duplicate_of"] == str(lots[0].lot)


def test_a_name_that_is_taken_by_a_flow_of_tables_is_refused(project: Project, make: Make, tmp_path: Path) -> None:
    from assayline.line.gating import gate_paths

    customers(1, 50).write_csv(tmp_path / "churn.csv")
    list(gate_paths(project, "churn", [str(tmp_path / "churn.csv")]))

    with Trying(project, aspects=()) as trying, pytest.raises(MisuseError, match="another name"):
        trying.take(str(make("v1")))


def test_golden_rows_that_give_other_answers_hold_the_version(hosted: Project, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from assayline.artefacts import Golden, read, write

    path = make("v1")
    bundle = read(path)
    assert bundle.golden is not None
    outputs = {size: output + 0.01 for size, output in bundle.golden.outputs.items()}
    write(replace(bundle, golden=Golden(bundle.golden.rows, outputs)), path)

    with Trying(hosted, aspects=()) as trying:
        outcome = trying.take(str(path))

    assert outcome.lot is not None
    assert outcome.lot.state == "held"
    assert "other_answers" in [one["code"] for one in outcome.lot.findings]
    assert json.loads(Path(hosted.store.path(outcome.lot.objects["report"])).read_text(encoding="utf-8"))["verdict"] == "hold"


def test_versions_whose_classes_stand_in_another_order_are_compared_class_by_class(hosted: Project, make: Make) -> None:
    """The rarer of two classes is the second one, so that the order may change with the rows of a training."""
    from dataclasses import replace

    from assayline.artefacts import Constant, read, write
    from assayline.framing import Plan

    path = make("v1")
    bundle = read(path)
    assert isinstance(bundle.plan, Plan)
    plan = bundle.plan
    other = replace(plan, classes=plan.classes[::-1], class_keys=plan.class_keys[::-1], class_counts=plan.class_counts[::-1])
    turned = replace(bundle, version="v2", plan=other, golden=None, predictor=Constant.of([0.1, 0.9]), baselines={})
    write(turned, path.with_name("churn-v2.assay"))
    with Trying(hosted, aspects=()) as trying:
        trying.take(str(path))
        trying.take(str(path.with_name("churn-v2.assay")))

    [against] = [one for one in model_document(hosted, "churn:v2")["trial"]["sets"][0]["comparisons"] if one["as"] == "champion"]
    first = model_document(hosted, "churn:v1")["trial"]["sets"][0]["scores"]
    assert against["champion_value"] == pytest.approx(next(one["value"] for one in first if one["metric"] == against["metric"]), abs=0.02)
    assert against["outcome"] == "worse"


def test_a_test_set_without_the_target_fails_the_trial_and_says_which_column(project: Project, make: Make, tmp_path: Path) -> None:
    customers(99).drop("churned").write_parquet(tmp_path / "q1.parquet")
    add_set(project, "churn", str(tmp_path / "q1.parquet"), "q1")

    with Trying(project, aspects=()) as trying:
        outcome = trying.take(str(make("v1")))

    assert outcome.lot is not None
    assert outcome.lot.state == "held"
    assert "no column 'churned'" in outcome.lot.findings[0]["sentence"]


def test_a_name_that_is_taken_stops_one_artefact_of_a_watched_folder_and_not_the_others(project: Project, make: Make, tmp_path: Path) -> None:
    from assayline.line.gating import gate_paths

    customers(1, 50).write_csv(tmp_path / "sales.csv")
    list(gate_paths(project, "sales", [str(tmp_path / "sales.csv")]))
    for name in ("sales", "churn"):
        (tmp_path / "drop" / name).mkdir(parents=True)
        make("v1", folder=tmp_path / "drop" / name)

    outcomes = list(watch(project, str(tmp_path / "drop"), quick=True, once=True))

    assert sorted(outcome.lot is not None for outcome in outcomes) == [False, True]
