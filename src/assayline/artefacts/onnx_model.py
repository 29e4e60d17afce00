"""Models in ONNX, run by onnxruntime: standard operators only, and no file beside them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assayline.errors import AssaylineError, InputError, MissingExtra, MisuseError, Refused, Unreadable

from .stored import AGAIN, DOCUMENT, Array, Stored, matrix, written

MODEL = "model.onnx"
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
MOST_NODES = 100_000


@dataclass(frozen=True, eq=False)
class Onnx:
    """An ONNX graph with one matrix as input.

    Args:
        content: its bytes.
        classes: number of classes, 0 for regression.
        width: columns of the matrix.
        output: name of the output that is the prediction.
        input: name of the input.
        double: whether the input is float64; float32 otherwise, which keeps 7 digits.

    A model that says NaN of a row with a missing value is refused at that row: what it should say there, only who made it can know. Needs the extra `onnx`.
    Sums of float32 are added in an order that may depend on the number of rows: the last digits do too.
    """

    content: bytes
    classes: int
    width: int
    output: str
    input: str
    double: bool = False
    _loaded: list[Any] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    kind = "onnx"

    @classmethod
    def of(cls, content: bytes, *, classes: int, name: str = "the ONNX model") -> Onnx:
        """From the bytes of a file.

        Args:
            content: them.
            classes: number of classes, 0 for regression.
            name: the file, for errors.

        Raises:
            Refused: it points to other files, or uses operators that are not standard.
            Unreadable: it is damaged, or has no single matrix as input.
            MissingExtra: onnx is not installed.
        """
        graph = checked(content, name).graph
        fixed = {one.name for one in graph.initializer}
        inputs = [one for one in graph.input if one.name not in fixed]
        if len(inputs) != 1:
            raise Unreadable(name, f"it has {len(inputs)} inputs and should have one matrix", next_step="export it with one input (rows, columns)")
        tensor = inputs[0].type.tensor_type
        lengths = [one.dim_value for one in tensor.shape.dim]
        if tensor.elem_type not in (1, 11) or len(lengths) != 2:
            raise Unreadable(name, "its input is no matrix of float32 or float64", next_step="export it with one input (rows, columns)")
        return cls(content, classes, int(lengths[1]), _output(graph, classes, name), inputs[0].name, tensor.elem_type == 11)

    def predict(self, X: Array, /) -> Array:
        found = matrix(X, self.width)
        if not len(found):
            return np.zeros((0, self.classes) if self.classes else 0)
        with np.errstate(over="ignore"):
            given = found if self.double else np.clip(found, -3.4e38, 3.4e38).astype(np.float32)
        try:
            said = np.asarray(self._session().run([self.output], {self.input: given})[0], dtype=np.float64)
        except AssaylineError:
            raise
        except Exception as error:
            raise Unreadable("the ONNX model", f"onnxruntime cannot run it: {str(error)[:200]}", next_step="export it again") from error
        if not self.classes:
            said = said.reshape(len(found), -1)[:, 0]
        elif said.ndim == 1 or said.shape[1] == 1:
            said = np.stack([1.0 - said.reshape(-1), said.reshape(-1)], axis=1)
        if len(said) != len(found) or (self.classes and said.shape[1] != self.classes):
            raise MisuseError(f"the ONNX model says {said.shape} of {len(found)} rows and {self.classes} classes: name the number of classes it has")
        if not np.isfinite(said).all():
            rows = int((~np.isfinite(said.reshape(len(found), -1)).all(axis=1)).sum())
            step = "fill missing values inside the model before it is exported"
            raise Unreadable("the ONNX model", f"it says nothing finite of {rows:,} of {len(found):,} rows", next_step=step)
        return said

    def _session(self) -> Any:
        with self._lock:
            if not self._loaded:
                try:
                    import onnxruntime
                except ImportError as error:
                    raise MissingExtra("predicting with an ONNX model", extra="onnx", package="onnxruntime") from error
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = options.inter_op_num_threads = 1
                options.log_severity_level = 4
                self._loaded.append(onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"]))
            return self._loaded[0]

    def members(self) -> dict[str, bytes]:
        document = {"kind": self.kind, "classes": self.classes, "width": self.width, "output": self.output, "input": self.input, "double": self.double}
        return {DOCUMENT: written(document), MODEL: self.content}


def read(stored: Stored) -> Onnx:
    """An ONNX model from its files."""
    stored.only(MODEL)
    document, content = stored.document(), stored.content(MODEL)
    model = Onnx.of(content, classes=stored.integer(document, "classes", 0, 10_000), name=f"{stored.where}: {stored.place(MODEL)}")
    if model.members()[DOCUMENT] != written(document):
        raise stored.wrong("it does not say what the graph says", DOCUMENT)
    return model


def checked(content: bytes, name: str) -> Any:
    """The parsed model, once nothing in it points outside.

    Raises:
        Refused: it does.
        Unreadable: it is damaged.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("reading an ONNX model", extra="onnx", package="onnx") from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise Unreadable(name, f"it is no ONNX model: {type(error).__name__}", next_step=AGAIN) from error
    problem = _problem(model, name)
    if problem is not None:
        raise problem
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        raise Unreadable(name, f"the graph is not valid: {str(error)[:200]}", next_step="export it again") from error
    return model


def _problem(model: Any, name: str) -> InputError | None:
    strange = sorted({one.domain for one in model.opset_import if one.domain not in DOMAINS})
    if strange or len(model.functions):
        what = f"operators of {', '.join(strange)}" if strange else "functions of its own"
        return Refused(name, f"it uses {what}, which are not standard", next_step="export it with standard operators")
    for count, node in enumerate(_nodes(model.graph)):
        if node.domain not in DOMAINS:
            return Refused(name, f"the operator {node.op_type!r} of {node.domain!r} is not standard", next_step="export it with standard operators")
        if count > MOST_NODES:
            return Refused(name, f"it has more than {MOST_NODES:,} operators", next_step="name a smaller model")
    for tensor in _tensors(model.graph):
        if tensor.data_location == 1 or len(tensor.external_data):
            where = next((one.value for one in tensor.external_data if one.key == "location"), "another file")
            return Refused(name, f"the numbers of {tensor.name!r} are in another file ({where!r})", next_step="export it as one file")
    return None


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _graphs(inner)


def _nodes(graph: Any) -> Iterator[Any]:
    for one in _graphs(graph):
        yield from one.node


def _tensors(graph: Any) -> Iterator[Any]:
    for one in _graphs(graph):
        yield from one.initializer
        for sparse in one.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in one.node:
            for attribute in node.attribute:
                yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)
                for sparse in (*([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []), *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)


def _output(graph: Any, classes: int, name: str) -> str:
    """The output that holds numbers: of a classifier the one that is not the label."""
    numbers = [one.name for one in graph.output if one.type.HasField("tensor_type") and one.type.tensor_type.elem_type in (1, 11)]
    if not numbers:
        step = "export it with its probabilities as a tensor (zipmap=False)" if classes else "export it with one tensor of numbers as output"
        raise Unreadable(name, "none of its outputs is a tensor of numbers", next_step=step)
    named = [one for one in numbers if "prob" in one.lower()]
    return str((named if classes and named else numbers)[-1 if classes else 0])
