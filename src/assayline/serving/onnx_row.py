"""A model's ONNX graph, kept ready for single rows: input and output are bound once, so that a call copies nothing."""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.artefacts import Boosted, Bundle, Predictor
from assayline.artefacts.trees import sigmoid
from assayline.errors import AssaylineError, MissingExtra
from assayline.exports import onnx_bytes, onnx_scores

from .guard import Guard, golden_rows

Floats = npt.NDArray[np.float64]
SIGMOID, IDENTITY = LINKS = ("sigmoid", "identity")
TOLERANCE = 1e-5  # of the largest output: what the export promises (docs/exports.md); a wrong branch of one tree in a hundred is a thousand times that


class OnnxRow:
    """A session of ONNX Runtime with one thread.

    Args:
        content: the graph: all of a model (`exports.onnx_bytes`), or its trees alone (`exports.onnx_scores`).
        width: columns of the matrix.
        outputs: numbers that the graph says of a row.
        link: "" for all of a model; of trees alone what makes predictions of their sums, one of LINKS.
        slope: the factor in a sigmoid.

    `row` (1, width) is the bound input of `run`. `guards` says whether the graph looks for columns outside the guard's ranges, and `outside` how many it found in the
    row of the last `run`.
    """

    def __init__(self, content: bytes, width: int, outputs: int, link: str = "", slope: float = 1.0) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtra("running a model as ONNX", extra="onnx", package="onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.link, self.slope, self.guards, self.outside = link, slope, bool(link), 0.0
        self.row, self._said = np.zeros((1, width)), np.zeros((1, outputs), dtype=np.float32 if link else np.float64)
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._kept = [onnxruntime.OrtValue.ortvalue_from_numpy(one) for one in (self.row, self._said)]  # they share the arrays' memory
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("X", self._kept[0])
        binding.bind_ortvalue_output("Y", self._kept[1])
        # Beside the public methods: each costs a microsecond of argument handling, of ten that a small model takes.
        self._binding: Any = binding._iobinding
        self._run: Any = self._session._sess.run_with_iobinding

    def run(self) -> list[float]:
        """What the model says of `row`: the number, or the probabilities. Not for two threads at once."""
        self._run(self._binding, None)
        values: list[float] = self._said.tolist()[0]
        if not self.guards:
            return values
        score, self.outside = values
        if self.link == IDENTITY:
            return [score]
        # Without overflow: the power is of a negative number.
        score *= self.slope
        small = exp(-abs(score))
        positive = (1.0 if score >= 0 else small) / (1.0 + small)
        return [1.0 - positive, positive]

    def predict(self, X: Floats) -> Floats:
        """(rows, numbers) for any rows; for any thread."""
        said = np.asarray(self._session.run(["Y"], {"X": np.ascontiguousarray(X)})[0], dtype=np.float64)
        if self.link == SIGMOID:
            positive = sigmoid(self.slope * said[:, 0])
            return np.stack([1.0 - positive, positive], axis=1)
        return said[:, :1] if self.guards else said


def _made(predictor: Predictor, width: int, outputs: int, guard: Guard) -> OnnxRow:
    if isinstance(predictor, Boosted):
        forest = predictor.forest()
        if not forest.average and (forest.link, predictor.classes) in ((SIGMOID, 2), (IDENTITY, 0)):
            return OnnxRow(onnx_scores(predictor, width, inside=(guard.low, guard.high)), width, 2, forest.link, forest.slope)
    return OnnxRow(onnx_bytes(predictor, width), width, outputs)


def onnx_row(bundle: Bundle, guard: Guard) -> tuple[OnnxRow | None, str]:
    """The ONNX form of a bundle's model, if it says what the model says of the golden rows; else None and why not, in a sentence.

    Compared are the outputs, one row at a time and all at once, and for classes the decisions.
    """
    if bundle.predictor.kind == "onnx":
        return None, "The model is an ONNX graph itself, and runs as it is."
    rows = golden_rows(bundle)
    if rows is None:
        return None, "The bundle has no golden rows to compare an ONNX form with."
    width, outputs = len(bundle.plan.features), len(bundle.classes) or 1
    try:
        made = _made(bundle.predictor, width, outputs, guard)
        X = bundle.plan.encode(rows)
        whole, single = made.predict(X), np.empty((len(X), outputs))
        for at in range(len(X)):
            made.row[0] = X[at]
            single[at] = made.run()
    except AssaylineError as error:
        return None, f"It has no ONNX form here: {error}"
    except Exception as error:  # noqa: BLE001 -- whatever ONNX Runtime cannot run, the model's own library can
        return None, f"ONNX Runtime cannot run its ONNX form: {type(error).__name__}."
    native = bundle.predictor.predict(X).reshape(len(X), outputs)
    limit = TOLERANCE * max(1e-300, float(np.abs(native).max(initial=0.0)))
    for said in (whole, single):
        off = np.abs(said - native).max(axis=1)
        apart = ~(off <= limit)
        if outputs > 1:
            # Another decision counts even if it is near: of two classes a hair apart either is right.
            ordered = np.sort(native, axis=1)
            apart |= (said.argmax(axis=1) != native.argmax(axis=1)) & (ordered[:, -1] - ordered[:, -2] > limit)
        if apart.any():
            return None, f"Its ONNX form says something else of {int(apart.sum())} of {len(X)} golden rows (by up to {float(np.nanmax(off)):.3g})."
    return made, ""
