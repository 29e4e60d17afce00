"""The C form compiles without a warning and says what the original says on 10,000 rows."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from raced import TASKS, raced
from trained import boosted, dressed, encoded, every_predictor, linear, numbers_only

from assayline.artefacts import Expanded, Interval, Predictor, Rescaled, Sandboxed, Seasonal, Term
from assayline.artefacts.stored import Array
from assayline.errors import MisuseError
from assayline.exports import CSource, c_source
from assayline.framing import Problem, frame

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wdouble-promotion", "-Wshadow", "-Wstrict-prototypes"]
ODD = [np.nan, 0.0, -0.0, 1e-36, -1e-36, 1e-34, -0.5, 2.0, 31.0, 32.0, 64.0, 1e10, -3.0, 39.0, 1e30]
NAMES = ["speed", "load */ x", "city", "rain ?\\", "stop"]
BOOSTED = [
    boosted("regression", 0, zero_as_missing=True), boosted("regression", 0, use_missing=False), boosted("regression", 0, reg_sqrt=True), boosted("cross_entropy_lambda", 0),
    boosted("regression", 0, boosting="rf", bagging_freq=1, bagging_fraction=0.5), boosted("regression", 0, min_data_in_leaf=5000),
    numbers_only(True), numbers_only(False),
]  # fmt: skip

if CC is None:
    pytest.skip("NO C COMPILER: cc, gcc and clang are missing; the C form is not tested", allow_module_level=True)


def compiled(made: CSource, folder: Path) -> ctypes.CDLL:
    """The library, linked against nothing at all: what is not in the file is not there."""
    (folder / f"{made.name}.h").write_text(made.header)
    (folder / f"{made.name}.c").write_text(made.source)
    done = subprocess.run(
        [str(CC), *STRICT, "-O1", "-shared", "-fPIC", "-nostdlib", "-o", str(folder / f"{made.name}.so"), str(folder / f"{made.name}.c")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(folder / f"{made.name}.so"))


def said(function: Callable[..., object], X: Array, outputs: int, number: str) -> Array:
    kind: type[np.generic] = np.float64 if number == "double" else np.float32
    given, out = np.ascontiguousarray(X, dtype=kind), np.zeros((len(X), outputs), dtype=kind)
    begin, end, wide, far = given.ctypes.data, out.ctypes.data, given.strides[0], out.strides[0]
    for row in range(len(X)):
        function(ctypes.c_void_p(begin + row * wide), ctypes.c_void_p(end + row * far))
    return out.astype(np.float64)


def rows(count: int = 10_000) -> Array:
    X = encoded(count, seed=7)
    X[: count // 3] = np.random.default_rng(3).choice(ODD, size=X[: count // 3].shape)
    return X


@pytest.mark.parametrize("number", ["double", "float"])
@pytest.mark.parametrize("model", [*every_predictor(), *dressed(), *BOOSTED], ids=lambda one: f"{one.kind}-{one.classes}")
def test_ten_thousand_rows_are_predicted_as_by_the_original(model: Predictor, number: str, tmp_path: Path) -> None:
    library = compiled(c_source(model, NAMES, name="tried", number=number), tmp_path)
    X = rows() if number == "double" else rows().astype(np.float32).astype(np.float64)

    found = said(library.tried_predict, X, model.classes or 1, number)

    wanted = model.predict(X).reshape(len(X), -1)
    assert np.abs(found - wanted).max() <= (1e-12 if number == "double" else 1e-5) * np.abs(wanted).max()


@pytest.mark.parametrize("number", ["double", "float"])
@pytest.mark.parametrize("task", TASKS)
def test_what_training_chose_compiles_and_says_the_same(task: str, number: str, tmp_path: Path) -> None:
    bundle, table = raced(task)
    X = bundle.plan.encode(table)
    X = X if number == "double" else np.clip(X, -3e38, 3e38).astype(np.float32).astype(np.float64)

    library = compiled(c_source(bundle.predictor, [one.name for one in bundle.plan.features], name="tried", number=number), tmp_path)

    wanted = bundle.predictor.predict(X).reshape(len(X), -1)
    found = said(library.tried_predict, X, bundle.predictor.classes or 1, number)
    assert np.abs(found - wanted).max() <= (1e-12 if number == "double" else 1e-5) * np.abs(wanted).max()


TOO_MUCH = [Term("product", (0, 1)), Term("sum", (0, 1)), Term("difference", (0, 1)), Term("ratio", (0, 1)), Term("above", (0,), (-1.7e308,)), Term("bins", (0,), (0.0, 1e308))]


@pytest.mark.parametrize("term", TOO_MUCH, ids=lambda one: one.kind)
def test_what_is_too_large_for_a_number_is_missing(term: Term, tmp_path: Path) -> None:
    X = np.array(list(itertools.product([1.7e308, -1.7e308, 1e-300, 0.0, -0.0, np.nan, 3.0], repeat=2)))
    model = Expanded(Seasonal.of([Seasonal.last(0)], 0.25, width=1), (term,), 2)

    library = compiled(c_source(model, ["a", "b"], name="tried"), tmp_path)

    assert said(library.tried_predict, X, 1, "double")[:, 0].tolist() == model.predict(X).tolist()


def test_a_float_keeps_a_product_that_only_a_double_can_hold_as_large_as_it_can(tmp_path: Path) -> None:
    X = np.array([[1e30, 1e30], [-1e30, 1e30], [1e30, 0.0], [np.nan, 1e30]])
    model = Expanded(Seasonal.of([Seasonal.last(0)], 0.25, width=1), (Term("product", (0, 1)),), 2)

    library = compiled(c_source(model, ["a", "b"], name="tried", number="float"), tmp_path)

    assert said(library.tried_predict, X, 1, "float")[:, 0].tolist() == [float(np.finfo(np.float32).max), -float(np.finfo(np.float32).max), 0.0, 0.25]


def test_a_power_that_only_its_factor_makes_small_enough_for_a_float_is_not_cut_off(tmp_path: Path) -> None:
    X = np.array([[100.0], [-100.0], [2000.0], [0.0]])
    model = Rescaled(Seasonal.of([Seasonal.last(0)], 0.25, width=1), "exp", 1e-10, 2.0, high=3e38)

    library = compiled(c_source(model, ["a"], name="tried", number="float"), tmp_path)

    assert said(library.tried_predict, X, 1, "float")[:, 0] == pytest.approx(model.predict(X), rel=2e-5)


def test_intervals_are_there_too(tmp_path: Path) -> None:
    model = next(one for one in reversed(every_predictor()) if isinstance(one, Interval))
    library = compiled(c_source(model, NAMES, coverage=0.8), tmp_path)
    X = encoded(20)

    low, high = ctypes.c_double(), ctypes.c_double()
    library.model_interval(ctypes.c_void_p(X[3:].ctypes.data), ctypes.byref(low), ctypes.byref(high))

    assert np.allclose([low.value, high.value], [end[3] for end in model.interval(X, 0.8)])


def test_a_label_has_the_code_of_the_plan(tmp_path: Path) -> None:
    table = pl.DataFrame({"city": ["Köln", 'a "b"', "what??!", "Bonn"] * 30, "n": list(range(120)), "y": [1.0, 2.0, 3.0, 4.5] * 30})
    plan = frame(table, Problem("y", task="regression"))
    place = next(number for number, feature in enumerate(plan.features) if feature.categories)
    column = next(one for one in plan.columns if one.name == "city")
    model = linear_of(plan.encode(table), [feature.categories for feature in plan.features])

    library = compiled(c_source(model, [feature.name for feature in plan.features], codes={place: column}), tmp_path)

    function = getattr(library, f"model_code_{place}_city")
    function.restype = ctypes.c_double
    encode = plan.row_encoder()
    for label in ("köln", 'a "b"', "what??!", "bonn", "nowhere at all", ""):
        assert function(label.encode()) == encode({"city": label or "nowhere at all"})[place]


def linear_of(X: Array, categories: list[int]) -> Predictor:
    from assayline.artefacts import Linear

    layout = Linear.layout(X, categories)
    return Linear.of(layout, np.ones(layout.size), 0.0)


def test_what_cannot_be_c_is_refused() -> None:
    with pytest.raises(MisuseError, match="'opened' has no form in C"):
        c_source(Sandboxed("opened", b"", 0, 1), ["a"])
    with pytest.raises(MisuseError, match="cannot be the prefix"):
        c_source(linear(), NAMES, name="x; int main")
    with pytest.raises(MisuseError, match="5 columns, and 1 features"):
        c_source(linear(), ["a"])
