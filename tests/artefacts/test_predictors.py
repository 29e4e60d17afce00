"""Predictors say the same after they were stored, whatever rows come together, and refuse files that are not theirs."""

from __future__ import annotations

import json

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trained import boosted, encoded, every_predictor, linear

from assayline.artefacts import Blend, Boosted, Calibrated, Constant, Interval, Linear, Predictor, Seasonal, Selected, load_predictor
from assayline.artefacts.linear import linked
from assayline.artefacts.stored import Stored, plain, written
from assayline.errors import InputError, MisuseError

X = encoded(400, seed=1)


@pytest.mark.parametrize("model", every_predictor(), ids=lambda one: f"{one.kind}-{one.classes}")
def test_a_predictor_reads_back_to_the_same_bits(model: Predictor) -> None:
    again = load_predictor(model.members())

    assert (again.kind, again.classes, again.width) == (model.kind, model.classes, model.width)
    assert again.members() == model.members()
    assert np.array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("model", every_predictor(), ids=lambda one: f"{one.kind}-{one.classes}")
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_a_row_is_predicted_the_same_whatever_rows_come_with_it(model: Predictor, rows: int) -> None:
    whole = model.predict(X)

    parts = np.concatenate([model.predict(X[start : start + rows]) for start in range(0, len(X), rows)])

    assert np.array_equal(parts, whole)


@pytest.mark.parametrize("model", every_predictor(), ids=lambda one: f"{one.kind}-{one.classes}")
def test_predictions_are_finite_for_whatever_an_encoded_row_can_hold(model: Predictor) -> None:
    wild = X.copy()
    wild[::3] = np.random.default_rng(0).choice([np.nan, -1e308, 1e308, -1.0, 0.0, 1e-40, 4e9], size=wild[::3].shape)

    said = model.predict(wild)

    assert said.shape == ((len(wild), model.classes) if model.classes else (len(wild),))
    assert np.isfinite(said).all()
    assert not model.classes or np.allclose(said.sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize("model", every_predictor(), ids=lambda one: f"{one.kind}-{one.classes}")
def test_a_matrix_of_another_width_is_refused(model: Predictor) -> None:
    if not model.width:
        pytest.skip("a constant takes any width")

    with pytest.raises(MisuseError, match="encode the rows with the plan"):
        model.predict(np.zeros((2, model.width + 1)))


@pytest.mark.parametrize("model", every_predictor(), ids=lambda one: f"{one.kind}-{one.classes}")
def test_no_damaged_member_raises_anything_but_an_error_with_its_place(model: Predictor) -> None:
    good = model.members()
    random = np.random.default_rng(2)
    errors = []
    for name, content in good.items():
        for _ in range(25):
            cut = bytearray(content[: random.integers(1, len(content))] if random.random() < 0.3 else content)
            cut[random.integers(len(cut))] = random.integers(256)
            try:
                load_predictor({**good, name: bytes(cut)}, where="m.assay")
            except InputError as error:
                errors.append(error)

    assert errors
    assert [one for one in errors if one.file != "m.assay" or not one.place or not one.next_step] == []


@pytest.mark.parametrize("model", every_predictor(), ids=lambda one: f"{one.kind}-{one.classes}")
def test_a_missing_and_a_superfluous_member_are_named(model: Predictor) -> None:
    good = model.members()
    last = sorted(good)[-1]

    with pytest.raises(InputError, match=last):
        load_predictor({name: content for name, content in good.items() if name != last})
    with pytest.raises(InputError, match=r"code\.py"):
        load_predictor({**good, "code.py": b"print()"})


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_any_number_reads_back_to_the_same_bits(bits: list[int]) -> None:
    values = np.array(bits, dtype=np.uint64).view(np.float64)
    values = np.where(np.isnan(values), np.nan, values)

    again = Stored({}, "m").array(json.loads(written({"values": plain(values)})), "values", len(values), finite=False)

    assert again.tobytes() == values.tobytes()


def test_a_linear_model_says_what_its_estimator_says() -> None:
    from sklearn.linear_model import LogisticRegression

    y = (X[:, 0] > 0).astype(float)
    layout = Linear.layout(X, [0, 0, 3, 0, 40])
    fitted = LogisticRegression(max_iter=500).fit(layout.dense(X), y)

    ours = Linear.of(layout, fitted.coef_, fitted.intercept_, link="logit")

    assert np.allclose(ours.predict(X), fitted.predict_proba(layout.dense(X)), atol=1e-12)


def test_a_code_that_training_did_not_see_is_all_zeros() -> None:
    model = linear()
    unseen, seen = np.array([[1.0, 2.0, 77.0, 0.0, 3.0]]), np.array([[1.0, 2.0, 1.0, 0.0, 3.0]])

    names = model.dense_view.names(["a", "b", "city", "d", "e"])
    ones = [name for name, value in zip(names, model.dense_view.dense(unseen)[0], strict=True) if value == 1 and "city" in name]

    assert ones == []
    assert model.dense_view.dense(seen)[0, names.index("city is 1")] == 1


def test_a_number_in_another_unit_does_not_carry_a_line_to_infinity() -> None:
    x = np.arange(100.0)[:, None]
    layout = Linear.layout(x, [0])
    model = Linear.of(layout, [layout.scales[0]], layout.means[0])

    assert model.predict(np.array([[50.0], [150.0], [1e300]])).round(9).tolist() == [50.0, 150.0, 198.0]


def test_extreme_scores_give_probabilities() -> None:
    assert linked(np.array([[1e308, -1e308, 0.0]]), "softmax").tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("objective", "classes"),
    [
        ("regression", 0), ("regression_l1", 0), ("huber", 0), ("fair", 0), ("quantile", 0), ("mape", 0), ("poisson", 0), ("gamma", 0), ("tweedie", 0),
        ("binary", 2), ("cross_entropy", 2), ("cross_entropy_lambda", 0), ("multiclass", 3), ("multiclassova", 3),
    ],
)  # fmt: skip
def test_our_reading_of_the_trees_is_lightgbms(objective: str, classes: int) -> None:
    model = boosted(objective, classes)

    said = model.forest().predict(X)

    assert np.allclose(said, model.predict(X)[:, 1] if classes == 2 else model.predict(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"zero_as_missing": True}, {"use_missing": False}, {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, {"boosting": "dart"},
        {"reg_sqrt": True}, {"max_cat_to_onehot": 64},
    ],
)  # fmt: skip
def test_every_kind_of_missing_value_walks_the_way_lightgbm_walks(options: dict[str, object]) -> None:
    model = boosted("regression", 0, **options)
    odd = X.copy()
    odd[:200] = np.random.default_rng(3).choice([np.nan, 0.0, -0.0, 1e-36, -1e-36, 1e-34, -0.5, 2.0, 31.0, 32.0, 64.0, 1e10], size=odd[:200].shape)

    said = model.forest().predict(odd)

    assert np.allclose(said, model.predict(odd), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "more",
    [
        {}, {"monotone_constraints": [1, 0, 0, 0, 0]}, {"extra_trees": True, "path_smooth": 1.0}, {"data_sample_strategy": "goss"}, {"use_quantized_grad": True},
        {"boost_from_average": False}, {"interaction_constraints": [[0, 1], [2, 3]]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("constant", [False, True])
def test_whatever_lightgbm_was_told_its_text_is_read(more: dict[str, object], constant: bool) -> None:
    data = lightgbm.Dataset(np.column_stack([X[:, :4], np.full(len(X), np.nan)]), np.ones(len(X)) if constant else X[:, 0], feature_name=["ü", "b c", "d", "e", "f"])
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1, **more}, data, 4)

    model = Boosted.of(booster, 0)

    assert np.array_equal(model.predict(X), booster.predict(X))
    assert np.allclose(model.forest().predict(X), booster.predict(X), rtol=1e-12, atol=1e-12)


def test_linear_leaves_are_refused_with_what_to_do() -> None:
    booster = lightgbm.train({"linear_tree": True, "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(np.nan_to_num(X), X[:, 1] * 2, params={"linear_tree": True}), 3)

    with pytest.raises(InputError, match="linear_tree=false"):
        Boosted.of(booster, 0)


def test_an_objective_that_does_not_fit_the_classes_is_misuse() -> None:
    with pytest.raises(MisuseError, match="do not predict 3 classes"):
        Boosted.of(boosted("binary", 2).booster(), 3)


def test_columns_are_handed_over_in_the_models_own_order() -> None:
    inner = linear()

    chosen = Selected(inner, (2, 0, 1, 3, 4), 6)

    shuffled = np.column_stack([X[:, 1], X[:, 2], X[:, 0], X[:, 3], X[:, 4], X[:, 0]])
    assert np.array_equal(chosen.predict(shuffled), inner.predict(X))


def test_a_season_that_was_not_seen_falls_back_one_memory_after_another() -> None:
    train, y = np.array([[np.nan, 0.0], [3.0, 1.0]]), np.array([10.0, 20.0])
    model = Seasonal.of([Seasonal.last(0), Seasonal.usual(train, y, columns=[1])], 7.0, width=2)

    assert model.predict(np.array([[5.0, 0.0], [np.nan, 1.0], [np.nan, 9.0], [np.nan, np.nan]])).tolist() == [5.0, 20.0, 7.0, 7.0]


def test_the_last_value_of_a_key_is_the_last_in_time_and_not_in_the_file() -> None:
    train, y, order = np.array([[0.0], [0.0], [1.0]]), np.array([2.0, 1.0, 5.0]), np.array([2.0, 1.0, 0.0])

    model = Seasonal.of([Seasonal.usual(train, y, columns=[0], order=order)], 0.0, width=1)

    assert model.predict(np.array([[0.0], [1.0]])).tolist() == [2.0, 5.0]


def test_a_blend_of_models_that_do_not_fit_is_misuse() -> None:
    with pytest.raises(MisuseError, match="classes cannot be blended"):
        Blend.of([Constant.of(1.0), Constant.of([0.5, 0.5])], [1, 1])


def test_calibrated_probabilities_of_many_classes_add_up_to_one() -> None:
    inner = Constant.of([0.2, 0.3, 0.5])

    said = Calibrated.isotonic(inner, [0.0, 0.4], [0.0, 0.8], [0.0], [0.0], [0.0], [0.0]).predict(np.zeros((1, 1)))

    assert said.round(6).tolist() == [[1.0, 0.0, 0.0]]


def test_where_every_map_says_zero_the_models_own_probabilities_stay() -> None:
    inner = Constant.of([0.2, 0.3, 0.5])

    said = Calibrated.isotonic(inner, *([[0.0], [0.0]] * 3)).predict(np.zeros((1, 1)))

    assert said.tolist() == [[0.2, 0.3, 0.5]]


def test_knots_that_fall_are_misuse() -> None:
    with pytest.raises(MisuseError, match="not ascending"):
        Calibrated.isotonic(Constant.of([0.5, 0.5]), [0.1, 0.2], [0.5, 0.4])


def test_only_a_regression_has_intervals() -> None:
    with pytest.raises(MisuseError, match="Calibrated"):
        Interval.learn(Constant.of([0.5, 0.5]), np.zeros((3, 1)), np.zeros(3))


def test_a_predictor_of_a_later_version_says_so() -> None:
    with pytest.raises(InputError, match="update Assayline"):
        load_predictor({"predictor.json": json.dumps({"kind": "quantum"}).encode()})


def test_predictors_nested_without_end_are_refused() -> None:
    members = Constant.of([0.5, 0.5]).members()
    for _ in range(12):
        members = {"predictor.json": b'{"kind":"calibrated","method":"temperature","xs":[[1.0]],"ys":[[]]}', **{f"inner/{name}": content for name, content in members.items()}}

    with pytest.raises(InputError, match="nested more than 8 deep"):
        load_predictor(members)
