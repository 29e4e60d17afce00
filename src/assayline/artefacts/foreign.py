"""Brings in what was made elsewhere: an estimator with fit and predict, or a model file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl

from assayline.errors import MissingExtra, MisuseError, Refused, Unreadable, UnsafeArtefact
from assayline.framing import Problem, frame

from .boosted import Boosted
from .encoder import AsIs, Encoder
from .keeping import content_of
from .layout import Layout
from .linear import Linear
from .onnx_model import Onnx
from .predictor import Predictor
from .sandboxed import Sandboxed, opened
from .stored import Array, Stored
from .trees import Forest, read_forest
from .unsafe import SAFE_STEP, recognised

SAMPLE = 50  # rows on which what was brought in is compared with what it was
CLOSE = 1e-9


class Estimator(Protocol):
    """What scikit-learn, LightGBM, XGBoost and others call an estimator."""

    def fit(self, X: Any, y: Any) -> Any: ...

    def predict(self, X: Any) -> Any: ...


@dataclass(frozen=True, eq=False)
class Brought:
    """A model from elsewhere, ready for a bundle.

    Args:
        plan: how tables become its input.
        predictor: the model.
        note: how it is kept, in a sentence.
    """

    plan: Encoder
    predictor: Predictor
    note: str


def bring_in(estimator: Estimator, table: pl.DataFrame, problem: Problem, *, seed: int = 0) -> Brought:
    """Fits a copy of an estimator on a framed table and keeps it without pickle.

    LightGBM becomes its own text; linear models of scikit-learn become coefficients; other estimators of scikit-learn become skops and predict in a locked child process.
    An estimator that takes no missing values, and every linear one, gets the dense view (`Layout`) of the encoded matrix; the others get the matrix itself.

    Args:
        estimator: anything with `fit` and `predict`; a classifier should have `predict_proba`. It stays as it is.
        table: training rows, raw.
        problem: what is to be predicted.
        seed: of the framing.

    Raises:
        MisuseError: it is no estimator, it cannot be fitted, or no row has a label.
        UnsafeArtefact: it is made of types that are not allowed; they are listed.
        MissingExtra: skops is not installed.
    """
    for method in ("fit", "predict"):
        if not callable(getattr(estimator, method, None)):
            raise MisuseError(f"{type(estimator).__name__} has no {method}(): bring in an estimator with fit and predict")
    plan = frame(table, problem, seed=seed)
    y, usable = plan.target(table)
    if not usable.any():
        raise MisuseError(f"no row of the table has a known {problem.target!r}: give rows with labels")
    X, y = plan.encode(table)[usable], y[usable]
    classes = len(plan.classes)
    categories = [feature.categories for feature in plan.features]
    fresh = _fresh(estimator)
    if type(estimator).__module__.split(".")[0] == "lightgbm":
        codes = [column for column, count in enumerate(categories) if count]
        _fitted(fresh, X, y, **({"categorical_feature": codes} if codes else {}))
        return Brought(plan, Boosted.of(fresh.booster_, classes), "It is kept as LightGBM text.")
    view = None if _takes_missing(fresh) else Layout.learn(X, categories)
    given = X if view is None else view.dense(X)
    _fitted(fresh, given, y)
    told = _told(fresh, given[:SAMPLE], classes)
    linear = _as_linear(fresh, view, classes) if view is not None else None
    if linear is not None and _same(linear.predict(X[:SAMPLE]), told):
        return Brought(plan, linear, "It is kept as coefficients.")
    model = Sandboxed("skops", _dumped(fresh), classes, X.shape[1], view, type(estimator).__name__)
    said = model.predict(X[:SAMPLE])
    if not _same(said, told):
        model.close()
        raise Unreadable(model.name, "read back from skops it predicts something else", next_step="update skops and scikit-learn, or bring it in as ONNX")
    return Brought(plan, model, "It is kept as skops and predicts in a locked child process.")


def bring_in_file(
    path: str | os.PathLike[str], problem: Problem, *, columns: Sequence[str] = (), classes: Sequence[str] = (), allowed: Iterable[str] = ()
) -> Brought:
    """A trained model from a file: LightGBM text, ONNX or skops; a pickle only if its digest was allowed.

    Args:
        path: the file; what it is, its bytes say, whatever it is called.
        problem: what it predicts.
        columns: the columns it was trained on, in its order; () where the file names them.
        classes: labels in the order of its probabilities; () for regression, or where the file names them.
        allowed: digests ("sha256:…") of files that run code when they are loaded and may be opened in a locked child process.

    Raises:
        UnsafeArtefact: it runs code when it is loaded, and was not allowed; nothing was run.
        Unreadable, Refused: it is damaged, unknown, or of a kind that cannot be brought in.
        MisuseError: columns or classes are needed, or do not fit.
    """
    where, content = os.fspath(path), content_of(path)
    model = Sandboxed("opened", content, 0, 0, name=where)
    if model.digest in set(allowed):
        return _brought_child(opened(content, where, 0, 0, frozenset(allowed)), problem, columns, classes, "It is a pickle that was allowed, and runs in a locked child process.")
    kind = recognised(content, where)
    if kind == "lightgbm":
        return _brought_trees(content, where, problem, columns, classes)
    if kind == "onnx":
        onnx = Onnx.of(content, classes=len(classes), name=where)
        names = tuple(columns)
        if not names or onnx.width not in (0, len(names)):
            raise MisuseError(f"{where} takes {onnx.width or 'any number of'} columns, and {len(names)} are named: name them in its order with columns=…")
        return Brought(_plan(problem, names, tuple(classes)), onnx, "It is kept as ONNX.")
    if kind == "skops":
        return _brought_child(Sandboxed("skops", content, 0, 0, name=where), problem, columns, classes, "It is kept as skops and predicts in a locked child process.")
    reasons = {
        "xgboost": ("it is an XGBoost model, and no library that is used here reads one", "export it as ONNX (onnxmltools.convert_xgboost)"),
        "safetensors": ("it is safetensors: numbers without the model they belong to", "export the model as ONNX"),
        "assay": ("it is a bundle already", "read it with assayline.artefacts.read"),
    }
    cause, step = reasons[kind]
    raise Refused(where, cause, next_step=step)


def _plan(problem: Problem, columns: tuple[str, ...], classes: tuple[str, ...]) -> AsIs:
    task = "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"
    if problem.task not in ("", task):
        raise MisuseError(f"the task {problem.task!r} does not go with {len(classes)} classes: name them in the order of its probabilities with classes=…")
    return AsIs(problem, task, columns, classes)


def _brought_trees(content: bytes, where: str, problem: Problem, columns: Sequence[str], classes: Sequence[str]) -> Brought:
    stored = Stored({}, where)
    text = Stored({"model.txt": content}, where).text("model.txt")
    forest: Forest = read_forest(text, stored, "model.txt")
    inside = next((line.split("=", 1)[1].split(" ") for line in text.split("\nTree=")[0].splitlines() if line.startswith("feature_names=")), [])
    names = tuple(columns) or tuple(inside)
    if len(names) != forest.width:
        raise MisuseError(f"{where} takes {forest.width} columns, and {len(names)} are named: name them in its order with columns=…")
    wanted = 2 if forest.link == "sigmoid" and problem.task != "regression" else forest.outputs if forest.outputs > 1 else 0
    labels = tuple(classes) or tuple(str(number) for number in range(wanted))
    if len(labels) != wanted:
        raise MisuseError(f"{where} predicts {wanted} classes, and {len(labels)} are named: name them in the order of its probabilities with classes=…")
    return Brought(_plan(problem, names, labels), Boosted(text, wanted, forest.width), "It is kept as LightGBM text.")


def _brought_child(model: Sandboxed, problem: Problem, columns: Sequence[str], classes: Sequence[str], note: str) -> Brought:
    facts = model.describe()
    names = tuple(columns) or tuple(facts["features"] or ())
    labels = tuple(classes) or tuple(facts["classes"] or ())
    if not names or facts["width"] not in (0, len(names)):
        raise MisuseError(f"{model.name} takes {facts['width'] or 'some'} columns, and {len(names)} are named: name them in its order with columns=…")
    if facts["classes"] and not facts["probabilities"]:
        raise MisuseError(f"{model.name} is a {facts['type']}, which has no probabilities: calibrate it (CalibratedClassifierCV) where it was trained")
    if labels and facts["classes"] and len(labels) != len(facts["classes"]):
        raise MisuseError(f"{model.name} predicts {len(facts['classes'])} classes, and {len(labels)} are named")
    predictor = Sandboxed(model.kind, model.content, len(labels), len(names), name=model.name)
    model.close()
    return Brought(_plan(problem, names, labels), predictor, note)


# -- estimators --------------------------------------------------------------------------------------------------------


def _fresh(estimator: Estimator) -> Any:
    import copy

    if hasattr(estimator, "get_params") and not isinstance(estimator, type):
        try:
            from sklearn.base import clone

            return clone(estimator)
        except (ImportError, TypeError, RuntimeError):
            pass
    return copy.deepcopy(estimator)


def _fitted(estimator: Any, X: Array, y: Array, **options: Any) -> None:
    try:
        estimator.fit(X, y, **options)
    except Exception as error:
        raise MisuseError(f"{type(estimator).__name__} cannot be fitted on {X.shape[0]:,} rows × {X.shape[1]} columns: {type(error).__name__}: {str(error)[:300]}") from error


def _takes_missing(estimator: Any) -> bool:
    """Whether scikit-learn says so; an estimator that says nothing is not trusted with NaN."""
    try:
        from sklearn.utils import get_tags

        return bool(get_tags(estimator).input_tags.allow_nan)
    except Exception:  # noqa: BLE001 - versions before 1.6 and strangers' estimators have no tags, each without in its own way
        return False


def _told(estimator: Any, X: Array, classes: int) -> Array:
    if not classes:
        return np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1)
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X), dtype=np.float64)
    return np.eye(classes)[np.clip(np.asarray(estimator.predict(X), dtype=np.float64), 0, classes - 1).astype(np.int64)]


def _same(ours: Array, theirs: Array) -> bool:
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=CLOSE, atol=CLOSE))


def _as_linear(estimator: Any, view: Layout, classes: int) -> Linear | None:
    """Its coefficients as a model of ours, if it has any; whether they say the same is for the caller to see."""
    if not type(estimator).__module__.startswith("sklearn.linear_model") or not hasattr(estimator, "coef_"):
        return None
    link = "identity" if not classes else "logit" if classes == 2 else "softmax"
    try:
        return Linear.of(view, estimator.coef_, np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), (np.atleast_2d(estimator.coef_).shape[0],)), link=link)
    except (MisuseError, ValueError):
        return None


def _dumped(estimator: Any) -> bytes:
    try:
        import skops.io as skops
    except ImportError as error:
        raise MissingExtra(f"keeping a {type(estimator).__name__}", extra="skops", package="skops") from error
    from .opened_child import NUMBERS_ONLY

    name = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    try:
        content = bytes(skops.dumps(estimator))
        unknown = sorted(set(skops.get_untrusted_types(data=content)) - NUMBERS_ONLY)
    except Exception as error:
        raise UnsafeArtefact(name, f"it cannot be kept without pickle: {type(error).__name__}: {str(error)[:200]}", next_step=SAFE_STEP) from error
    if unknown:
        step = "use estimators of scikit-learn or LightGBM only, or bring it in as ONNX"
        raise UnsafeArtefact(name, f"it holds types that are not allowed: {', '.join(unknown[:8])}", next_step=step)
    return content
