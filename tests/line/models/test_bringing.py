"""Models that were trained elsewhere, as versions."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from customers import customers

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.artefacts")

from assayline.errors import MisuseError, UnsafeArtefact
from assayline.line.models.bringing import bring
from assayline.line.models.fitting import Wish
from assayline.line.models.showing import model_document
from assayline.line.models.test_sets import add_set
from assayline.line.project import Project


def test_a_lightgbm_file_becomes_a_version_that_is_tried_beside_a_dummy(project: Project, tmp_path: Path) -> None:
    import lightgbm

    table = customers(1)
    rows = table.select("age", "spend").to_numpy()
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, (table["churned"] == "yes").to_numpy(), feature_name=["age", "spend"]), 20)
    booster.save_model(str(tmp_path / "model.txt"))
    customers(99).write_parquet(tmp_path / "q1.parquet")
    add_set(project, "churn", str(tmp_path / "q1.parquet"), "q1")

    outcome = bring(project, str(tmp_path / "model.txt"), Wish("churned", "churn"), classes=("no", "yes"), quick=True)

    assert outcome.lot is not None
    assert outcome.lot.state == "released"
    [tried] = model_document(project, "churn:v1")["trial"]["sets"]
    assert [(one["with"], one["outcome"]) for one in tried["comparisons"]] == [("dummy", "better")]


def test_a_pickle_is_refused_by_its_bytes_whatever_it_is_called(project: Project, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(pickle.dumps({"a": 1}))

    with pytest.raises(UnsafeArtefact):
        bring(project, str(tmp_path / "model.onnx"), Wish("churned", "churn"), quick=True)


def test_what_the_file_does_not_say_is_asked_for(project: Project, tmp_path: Path) -> None:
    exports = pytest.importorskip("assayline.exports")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from assayline.artefacts import Constant

    (tmp_path / "model.onnx").write_bytes(exports.onnx_bytes(Constant.of([0.25, 0.75]), 2))

    with pytest.raises(MisuseError, match="name them in its order"):
        bring(project, str(tmp_path / "model.onnx"), Wish("churned", "churn"), classes=("no", "yes"), quick=True)


def test_a_model_from_elsewhere_may_come_before_any_test_set(project: Project, tmp_path: Path) -> None:
    import lightgbm

    table = customers(1)
    rows = table.select("age", "spend").to_numpy()
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, (table["churned"] == "yes").to_numpy(), feature_name=["age", "spend"]), 5)
    booster.save_model(str(tmp_path / "model.txt"))

    outcome = bring(project, str(tmp_path / "model.txt"), Wish("churned", "churn"), classes=("no", "yes"), quick=True)

    assert outcome.lot is not None
    assert outcome.lot.state == "released"
