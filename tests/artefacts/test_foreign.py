"""What was made elsewhere is kept without pickle, or refused with what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
import pytest
from trained import boosted, encoded, target

from assayline.artefacts import Boosted, Bundle, Golden, Linear, Onnx, bring_in, bring_in_file, check_golden, read, write
from assayline.errors import MisuseError, Refused, Unreadable, UnsafeArtefact
from assayline.framing import Problem

NAMES = ("a", "b", "c", "d", "e")


def table(rows: int = 300) -> pl.DataFrame:
    X = encoded(rows)
    return pl.DataFrame({name: X[:, number] for number, name in enumerate(NAMES)}).with_columns(
        pl.col("c").fill_nan(None).cast(pl.Int64).cast(pl.String), pl.Series("y", ["yes" if one else "no" for one in target(X, 2)]), pl.Series("size", target(X))
    )


class Mine:
    """An estimator that only this test knows."""

    def fit(self, X: object, y: object) -> Mine:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(len(X))


def test_an_estimator_of_lightgbm_becomes_its_own_text(tmp_path: Path) -> None:
    brought = bring_in(lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1, n_jobs=1), table(), Problem("y", drop=("size",)))

    write(Bundle("m", "v1", brought.plan, brought.predictor, golden=Golden.of(brought.plan, brought.predictor, table(70))), tmp_path)

    assert isinstance(brought.predictor, Boosted)
    assert check_golden(read(tmp_path / "m-v1.assay")) == ()


def test_linear_models_become_coefficients() -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    classifier = bring_in(LogisticRegression(max_iter=300), table(), Problem("y", drop=("size",))).predictor
    regression = bring_in(Ridge(), table(), Problem("size", drop=("y",))).predictor

    assert isinstance(classifier, Linear)
    assert isinstance(regression, Linear)
    assert (classifier.link, regression.link) == ("logit", "identity")


def test_other_estimators_of_scikit_learn_predict_in_a_child_and_survive_a_bundle(tmp_path: Path) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    for number, estimator in enumerate([RandomForestClassifier(5, random_state=0), HistGradientBoostingClassifier(max_iter=4, random_state=0)]):
        brought = bring_in(estimator, table(), Problem("y", drop=("size",)))
        write(Bundle("m", f"v{number}", brought.plan, brought.predictor), tmp_path)

        again = read(tmp_path / f"m-v{number}.assay")

        assert again.predictor.kind == "skops"
        assert np.array_equal(again.predict(table(40)), brought.predictor.predict(brought.plan.encode(table(40))))
        assert not hasattr(estimator, "classes_")  # the caller's own was not touched


def test_an_estimator_of_unknown_types_is_refused_and_they_are_listed() -> None:
    with pytest.raises(UnsafeArtefact, match=r"types that are not allowed: .*Mine"):
        bring_in(Mine(), table(), Problem("size", drop=("y",)))


def test_what_cannot_be_fitted_is_misuse() -> None:
    with pytest.raises(MisuseError, match=r"has no fit\(\)"):
        bring_in(3, table(), Problem("y"))  # type: ignore[arg-type]  # no estimator, on purpose
    with pytest.raises(MisuseError, match="no row of the table has a known"):
        bring_in(Mine(), table().with_columns(size=pl.lit(None, dtype=pl.Float64)), Problem("size", task="regression"))


def test_a_lightgbm_file_brings_its_columns_with_it(tmp_path: Path) -> None:
    (tmp_path / "m.anything").write_text(boosted("binary", 2).text)
    X = encoded(50)

    brought = bring_in_file(tmp_path / "m.anything", Problem("y"), columns=NAMES, classes=["no", "yes"])

    rows = pl.DataFrame({name: X[:, number] for number, name in enumerate(NAMES)})
    assert np.array_equal(brought.predictor.predict(brought.plan.encode(rows)), boosted("binary", 2).predict(X))
    assert brought.plan.classes == ("no", "yes")
    with pytest.raises(MisuseError, match="takes 5 columns, and 2 are named"):
        bring_in_file(tmp_path / "m.anything", Problem("y"), columns=["a", "b"])


def test_a_file_of_skops_predicts_in_a_child(tmp_path: Path) -> None:
    import skops.io
    from sklearn.naive_bayes import GaussianNB

    X = np.random.default_rng(0).random((60, 2))
    fitted = GaussianNB().fit(X, np.where(X[:, 0] > 0.5, "hot", "cold"))
    (tmp_path / "m.bin").write_bytes(skops.io.dumps(fitted))

    brought = bring_in_file(tmp_path / "m.bin", Problem("y"), columns=["a", "b"])

    assert brought.plan.classes == ("cold", "hot")
    assert np.allclose(brought.predictor.predict(X), fitted.predict_proba(X))


def graph(domain: str = "", external: str = "") -> bytes:
    import onnx
    from onnx import TensorProto, helper

    weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [2.0, 3.0])
    if external:
        weights.data_location = TensorProto.EXTERNAL
        weights.ClearField("float_data")
        entry = weights.external_data.add()
        entry.key, entry.value = "location", external
    node = helper.make_node("MatMul", ["x", "w"], ["y"], domain=domain)
    info = helper.make_tensor_value_info
    made = helper.make_graph([node], "g", [info("x", TensorProto.FLOAT, [None, 2])], [info("y", TensorProto.FLOAT, [None, 1])], [weights])
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model: onnx.ModelProto = helper.make_model(made, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


def test_an_onnx_file_is_run_and_one_that_reaches_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(graph())
    (tmp_path / "outside").write_bytes(graph(external="../../etc/passwd"))
    (tmp_path / "custom").write_bytes(graph(domain="com.evil"))

    brought = bring_in_file(tmp_path / "good", Problem("y"), columns=["a", "b"])

    assert isinstance(brought.predictor, Onnx)
    assert brought.predictor.predict(np.array([[1.0, 1.0], [0.0, 2.0]])).tolist() == [5.0, 6.0]
    with pytest.raises(Refused, match="in another file"):
        bring_in_file(tmp_path / "outside", Problem("y"), columns=["a", "b"])
    with pytest.raises(Refused, match=r"com\.evil"):
        bring_in_file(tmp_path / "custom", Problem("y"), columns=["a", "b"])


def test_an_onnx_model_that_says_nothing_of_a_row_is_an_error_and_no_nan() -> None:
    model = Onnx.of(graph(), classes=0)

    with pytest.raises(Unreadable, match="nothing finite of 1 of 2 rows"):
        model.predict(np.array([[np.nan, 1.0], [0.0, 2.0]]))


def test_formats_that_are_not_read_say_what_to_do(tmp_path: Path) -> None:
    files = {
        b'{"learner": {"gradient_booster": {}}}': "export it as ONNX", (8).to_bytes(8, "little") + b'{"a":{}}': "numbers without the model",
        b"<?xml version='1.0'?><PMML/>": "ONNX or skops", b"CBM1....": "CatBoost",
    }  # fmt: skip
    for content, says in files.items():
        (tmp_path / "m").write_bytes(content)
        with pytest.raises((Refused, Unreadable), match=says):
            bring_in_file(tmp_path / "m", Problem("y"), columns=["a"])
