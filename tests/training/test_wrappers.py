"""Predictors around predictors: more columns, another scale; stored without code and read back to the same bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from assayline.artefacts import Constant, Linear, Predictor, load_predictor
from assayline.artefacts.expanded import Expanded, Term, expand
from assayline.artefacts.rescaled import Rescaled
from assayline.artefacts.stored import Array
from assayline.errors import AssaylineError, MisuseError

TERMS = (Term("same", (0,)), Term("bins", (1,), (-1.0, 0.0, 2.5)), Term("above", (1,), (0.5,)), *(Term(kind, (0, 1)) for kind in ("sum", "difference", "product", "ratio")))
NUMBERS = arrays(np.float64, (6, 2), elements=st.floats(allow_infinity=False))


def expanded() -> Expanded:
    rows = expand(np.random.default_rng(0).normal(size=(50, 2)), TERMS)
    layout = Linear.layout(rows, [0, 4, 0, 0, 0, 0, 0])
    return Expanded(Linear.of(layout, np.linspace(-1, 1, layout.size), 0.5), TERMS, 2)


def models() -> list[Predictor]:
    return [expanded(), Rescaled(expanded(), "exp", 1.25, -1.0, 0.0, 9.5), Rescaled(Constant.of(3.0))]


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_whatever_the_numbers_what_is_made_of_them_is_never_infinite(X: Array) -> None:
    made = expand(X, TERMS)

    assert made.shape == (6, len(TERMS))
    assert not np.isinf(made).any()
    assert np.isnan(made[np.isnan(X[:, 0]), 0]).all()


def test_what_is_too_far_above_a_knot_for_a_number_is_missing() -> None:
    assert np.isnan(expand(np.array([[1.7e308]]), [Term("above", (0,), (-1.7e308,))])).all()


@pytest.mark.parametrize("model", models(), ids=["expanded", "exp", "plain"])
def test_what_is_read_back_says_the_same(model: Predictor) -> None:
    X = np.array([[1.0, 2.0], [math.nan, 0.0], [-3.0, math.nan]])

    again = load_predictor(model.members())

    assert again.predict(X).tolist() == model.predict(X).tolist()
    assert again.members() == model.members()


@settings(max_examples=30, deadline=None)
@given(NUMBERS)
def test_a_row_is_predicted_the_same_whatever_comes_with_it(X: Array) -> None:
    model = models()[1]

    assert np.concatenate([model.predict(X[at : at + 1]) for at in range(6)]).tolist() == model.predict(X).tolist()


def test_a_target_goes_through_the_scale_and_back() -> None:
    scale = Rescaled(Constant.of(0.0), "exp", 2.0, -1.0)
    y = np.array([0.0, 3.5, 1e6])

    assert scale.mapped(scale.unmapped(y)) == pytest.approx(y)


@pytest.mark.parametrize("terms", [(), (Term("same", (2,)),), (Term("ratio", (0,)),), (Term("bins", (0,), (2.0, 1.0)),), (Term("above", (0,)),), (Term("power", (0,)),)])
def test_terms_that_are_none_are_refused(terms: tuple[Term, ...]) -> None:
    with pytest.raises(MisuseError):
        Expanded(Constant.of(1.0), terms, 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"factor":1.25', b'"factor":0'), (b'"factor":1.25', b'"factor":"nan"'), (b'"link":"exp"', b'"link":"eval"'), (b'"ratio"', b'"root"'),
        (b"[0,1],[]]", b"[0,7],[]]"), (b'"width":2', b'"width":0'),
    ],
)
def test_damaged_files_are_refused(old: bytes, new: bytes) -> None:
    members = models()[1].members()
    damaged = {name: content.replace(old, new) for name, content in members.items()}
    assert damaged != members

    with pytest.raises(AssaylineError):
        load_predictor(damaged)
