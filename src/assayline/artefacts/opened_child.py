"""The child's side of a model that is not trusted: here, and nowhere else, what others wrote is turned into objects."""

from __future__ import annotations

import base64
import hashlib
import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from assayline.errors import MissingExtra, Unreadable, UnsafeArtefact

# Types of scikit-learn that skops does not know by itself and that hold numbers only. Each is built from arrays; none takes a function or a name.
NUMBERS_ONLY = frozenset(
    [
        "sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neighbors._ball_tree.BallTree", "sklearn.metrics._dist_metrics.EuclideanDistance64", "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64", "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer", "sklearn.linear_model._sgd_fast.Hinge", "sklearn.linear_model._sgd_fast.SquaredHinge",
        "sklearn.linear_model._sgd_fast.EpsilonInsensitive", "sklearn._loss._loss.CyHalfBinomialLoss", "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn._loss._loss.CyHalfMultinomialLoss", "sklearn._loss._loss.CyHalfPoissonLoss", "sklearn._loss._loss.CyHalfGammaLoss",
        "sklearn._loss._loss.CyAbsoluteError", "sklearn._loss._loss.CyPinballLoss", "sklearn._loss._loss.CyHuberLoss",
        "sklearn._loss.link.IdentityLink", "sklearn._loss.link.LogLink", "sklearn._loss.link.LogitLink", "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.link.HalfLogitLink", "sklearn._loss.link.Interval", "sklearn._loss.loss.HalfBinomialLoss", "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfMultinomialLoss", "sklearn._loss.loss.HalfPoissonLoss", "sklearn._loss.loss.HalfGammaLoss", "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.PinballLoss", "sklearn._loss.loss.HuberLoss", "sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration",
    ]
)  # fmt: skip

_held: dict[str, Any] = {}  # the one object of this process, by the digest of its bytes


def answer(request: Mapping[str, Any], _: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """Loads a model once and predicts rows.

    Args:
        request: "digest" and "format" of the model; "content" its bytes in base64, or nothing when this process has them; "rows" and "columns" of X, which is in base64, or
            nothing to ask what the model is; "classes": number of classes, 0 for regression; "name" for errors.

    Returns:
        {"missing": True} when the bytes are needed; {"values", "shape"}; or {"classes", "features", "width", "type"}.
    """
    digest, name = str(request["digest"]), str(request["name"])
    if digest not in _held:
        if "content" not in request:
            return {"missing": True}
        content = base64.b64decode(request["content"])
        if hashlib.sha256(content).hexdigest() != digest:
            raise UnsafeArtefact(name, "its bytes are not those that were allowed", next_step="ask for it again")
        _held.clear()
        _held[digest] = _loaded(content, str(request["format"]), name)
    model = _held[digest]
    if "X" not in request:
        return _described(model)
    X = np.frombuffer(base64.b64decode(request["X"]), dtype="<f8").reshape(request["rows"], request["columns"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "X does not have valid feature names": the order of the columns is the bundle's business
        said = model.predict_proba(X) if request["classes"] and hasattr(model, "predict_proba") else model.predict(X)
    values = np.ascontiguousarray(np.asarray(said, dtype="<f8"))
    return {"values": base64.b64encode(values.tobytes()).decode("ascii"), "shape": list(values.shape)}


def _described(model: Any) -> dict[str, Any]:
    classes = getattr(model, "classes_", None)
    features = getattr(model, "feature_names_in_", None)
    return {
        "type": f"{type(model).__module__}.{type(model).__qualname__}",
        "classes": None if classes is None else [str(one) for one in np.asarray(classes).tolist()],
        "features": None if features is None else [str(one) for one in features],
        "width": int(getattr(model, "n_features_in_", 0)),
        "probabilities": hasattr(model, "predict_proba"),
    }


def _loaded(content: bytes, format: str, name: str) -> Any:
    if format == "skops":
        return _skops(content, name)
    try:
        import joblib
    except ImportError as error:
        raise MissingExtra("loading a pickle that was allowed", extra="models", package="scikit-learn") from error
    try:
        return joblib.load(io.BytesIO(content))
    except Exception as error:
        step = "make it again with the versions of its packages that are installed here, or as LightGBM text, ONNX or skops"
        raise Unreadable(name, f"it cannot be loaded: {type(error).__name__}: {str(error)[:200]}", next_step=step) from error


def _skops(content: bytes, name: str) -> Any:
    try:
        import skops.io as skops
    except ImportError as error:
        raise MissingExtra("reading a skops model", extra="skops", package="skops") from error
    try:
        unknown = sorted(set(skops.get_untrusted_types(data=content)) - NUMBERS_ONLY)
        if not unknown:
            return skops.loads(content, trusted=sorted(set(skops.get_untrusted_types(data=content))))
    except Exception as error:
        raise Unreadable(name, f"it is no skops model: {type(error).__name__}: {str(error)[:200]}", next_step="ask for it again") from error
    raise UnsafeArtefact(
        name, f"it holds types that are not allowed: {', '.join(unknown[:8])}", place="schema.json",
        next_step="use estimators of scikit-learn only, or ask for the model as LightGBM text or ONNX",
    )  # fmt: skip
