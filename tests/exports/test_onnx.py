"""The ONNX graph says what the original says, row for row."""

from __future__ import annotations

import itertools

import lightgbm
import numpy as np
import onnxruntime
import pytest
from raced import TASKS, raced
from trained import boosted, dressed, encoded, every_predictor, gaps_only, linear, numbers_only, seasonal

from assayline.artefacts import Boosted, Calibrated, Expanded, Interval, Onnx, Predictor, Sandboxed, Seasonal, Term
from assayline.artefacts.expanded import expand
from assayline.artefacts.stored import Array
from assayline.errors import MisuseError
from assayline.exports import onnx_bytes, onnx_scores

ODD = [np.nan, 0.0, -0.0, 1e-36, -1e-36, 1e-34, -0.5, 2.0, 31.0, 32.0, 64.0, 1e10, -3.0, 39.0, 1e30]
BOOSTED = [
    boosted("regression", 0, zero_as_missing=True), boosted("regression", 0, use_missing=False), boosted("regression", 0, reg_sqrt=True), boosted("cross_entropy_lambda", 0),
    boosted("regression", 0, boosting="rf", bagging_freq=1, bagging_fraction=0.5), boosted("regression", 0, min_data_in_leaf=5000),
    numbers_only(True), numbers_only(False), gaps_only(),
]  # fmt: skip


def rows(count: int = 4000) -> Array:
    """Usual rows, and rows of values that trees treat in ways of their own."""
    X = encoded(count, seed=7)
    X[: count // 3] = np.random.default_rng(3).choice(ODD, size=X[: count // 3].shape)
    return X


def off(model: Predictor, X: Array, double: bool = True) -> Array:
    """How far the graph is off in each row, relative to the largest output."""
    again = Onnx.of(onnx_bytes(model, 5, double=double), classes=model.classes)
    ours, theirs = model.predict(X).reshape(len(X), -1), again.predict(X).reshape(len(X), -1)
    return np.asarray(np.abs(ours - theirs).max(axis=1) / np.abs(ours).max())


@pytest.mark.parametrize("model", [*every_predictor(), *dressed(), *BOOSTED], ids=lambda one: f"{one.kind}-{one.classes}")
def test_every_row_is_predicted_as_by_the_original(model: Predictor) -> None:
    assert off(model, rows()).max() <= 1e-5


@pytest.mark.parametrize("model", [*every_predictor(), *dressed(), *BOOSTED], ids=lambda one: f"{one.kind}-{one.classes}")
def test_with_an_input_of_float32_a_row_that_float32_can_hold_is_predicted_the_same(model: Predictor) -> None:
    assert off(model, rows().astype(np.float32).astype(np.float64), double=False).max() <= 1e-5


@pytest.mark.parametrize("task", TASKS)
def test_what_training_chose_has_a_graph(task: str) -> None:
    bundle, models, table = raced(task)
    X = bundle.plan.encode(table)

    for model in models:
        again = Onnx.of(onnx_bytes(model, X.shape[1]), classes=model.classes)

        wanted = model.predict(X)
        assert np.abs(again.predict(X) - wanted).max() <= 1e-5 * np.abs(wanted).max()


TOO_MUCH = [Term("product", (0, 1)), Term("sum", (0, 1)), Term("difference", (0, 1)), Term("ratio", (0, 1)), Term("above", (0,), (-1.7e308,)), Term("bins", (0,), (0.0, 1e308))]


@pytest.mark.parametrize("term", TOO_MUCH, ids=lambda one: one.kind)
def test_what_is_too_large_for_a_number_is_missing(term: Term) -> None:
    X = np.array(list(itertools.product([1.7e308, -1.7e308, 1e-300, 0.0, -0.0, np.nan, 3.0], repeat=2)))
    model = Expanded(Seasonal.of([Seasonal.last(0)], 0.25, width=1), (term,), 2)

    assert Onnx.of(onnx_bytes(model, 2), classes=0).predict(X).tolist() == model.predict(X).tolist()


def test_with_an_input_of_float32_trees_see_every_digit_of_what_two_numbers_make() -> None:
    X = np.column_stack([np.full(80, 2.0**24), np.tile([0.0, 1.0, 2.0, 3.0], 20)])
    terms = (Term("sum", (0, 1)),)  # 2^24 + 1 is no float32
    settings = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    model = Expanded(Boosted.of(lightgbm.train(settings, lightgbm.Dataset(expand(X, terms), X[:, 1]), 5), 0), terms, 2)

    again = Onnx.of(onnx_bytes(model, 2, double=False), classes=0)

    assert len(set(model.predict(X))) == 4
    assert again.predict(X) == pytest.approx(model.predict(X), rel=1e-6)


def test_the_ends_of_an_interval_are_outputs_too() -> None:
    import onnxruntime

    model = next(one for one in reversed(every_predictor()) if isinstance(one, Interval))
    X = encoded(50)

    session = onnxruntime.InferenceSession(onnx_bytes(model, 5, coverage=0.8))
    low, high = session.run(["low", "high"], {"X": X})

    wanted = model.interval(X, 0.8)
    assert np.allclose(low[:, 0], wanted[0], rtol=1e-5, atol=1e-5)
    assert np.allclose(high[:, 0], wanted[1], rtol=1e-5, atol=1e-5)


def test_the_same_model_is_the_same_bytes() -> None:
    assert onnx_bytes(boosted(), 5) == onnx_bytes(Boosted(boosted().text, 0, 5), 5)


def test_an_isotonic_map_is_exact_at_its_knots_and_level_outside() -> None:
    inner = seasonal(2)
    knots = np.unique(inner.predict(encoded(300))[:, 1])
    model = Calibrated.isotonic(inner, knots[1:-1], np.linspace(0.1, 0.9, len(knots) - 2))

    assert off(model, encoded(300)).max() <= 1e-12


def test_what_only_its_own_library_can_run_has_no_graph() -> None:
    with pytest.raises(MisuseError, match="'skops' has no form in ONNX"):
        onnx_bytes(Sandboxed("skops", b"", 0, 5), 5)
    with pytest.raises(MisuseError, match="takes 5 columns, not 4"):
        onnx_bytes(linear(), 4)


@pytest.mark.parametrize("model", [boosted(), boosted("binary", 2), numbers_only(True), numbers_only(False), gaps_only(), boosted("poisson", zero_as_missing=True)])
def test_the_trees_alone_sum_as_the_forest_does_and_count_the_columns_that_lie_outside(model: Boosted) -> None:
    X = encoded(200, seed=4)
    X[:20] *= 1e3
    X[20, 0], X[21, 1], X[22, 2] = np.inf, -np.inf, np.nan
    most = np.finfo(np.float64).max
    low, high = np.array([-1.0, -most, 0.0, -most, 3.0]), np.array([1.0, 2.0, most, most, 30.0])
    X[23:26] = [low, high, np.where(high < most, np.nextafter(high, most), high)]

    said = onnxruntime.InferenceSession(onnx_scores(model, 5, inside=(low, high))).run(["Y"], {"X": X})[0]
    alone = onnxruntime.InferenceSession(onnx_scores(model, 5)).run(["Y"], {"X": X})[0]

    assert np.array_equal(said[:, 1], ((low > X) | (high < X)).sum(axis=1))
    finite = ~np.isinf(X).any(axis=1)
    scores = model.forest().scores(X)
    assert np.allclose(said[finite, :1], scores[finite], rtol=1e-5, atol=1e-5)
    assert np.allclose(alone[finite], scores[finite], rtol=1e-5, atol=1e-5)


def test_trees_with_several_scores_or_another_width_are_not_written_alone() -> None:
    for model, width in ((boosted("multiclass", 3), 5), (boosted(), 6)):
        with pytest.raises(MisuseError, match="onnx_bytes"):
            onnx_scores(model, width)
