"""The Open Inference Protocol, version 2, over HTTP: requests read into rows, answers written as tensors. No I/O.

Source: the specification of KServe (open-inference-protocol, REST), and the extension for binary tensor data of Triton, which its Python client uses by default.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assayline.errors import MissingExtra

from .chain import Answer
from .model import LiveModel

try:
    import msgspec
except ImportError as error:
    raise MissingExtra("serving models", extra="serve", package="msgspec") from error

NUMBERS: dict[str, type[np.generic]] = {
    "BOOL": np.bool_, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32,
    "UINT64": np.uint64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip
OUTPUTS = ("prediction", "score", "probabilities", "version", "arm", "fallback")
EXTENSIONS = ["binary_tensor_data"]
BINARY_SIZE, BINARY = "binary_data_size", "binary_data"
LENGTH_HEADER = b"inference-header-content-length"


class Malformed(Exception):
    """A request that cannot be read; the message is for the caller, and repeats nothing of what was sent."""


class Tensor(msgspec.Struct):
    """An input: a column (rows,) or (rows, 1), or a matrix (rows, columns) of numbers."""

    name: str
    shape: list[int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] | None = None


class Output(msgspec.Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] | None = None


class Request(msgspec.Struct):
    """A request for inference."""

    inputs: list[Tensor]
    id: str = ""
    parameters: dict[str, Any] | None = None
    outputs: list[Output] | None = None


_NOTHING = memoryview(b"")
_FLOATS = frozenset({float, int, type(None)})
_requests = msgspec.json.Decoder(Request)
encode = msgspec.json.encode


def request_of(body: bytes, header_length: int | None = None) -> tuple[Request, memoryview]:
    """The request in a body, and the bytes of its binary tensors.

    Args:
        body: all of it.
        header_length: how many bytes of it are JSON, by the header `Inference-Header-Content-Length`; None for all.

    Raises:
        Malformed: it is no such request.
    """
    if header_length is not None and not 0 < header_length <= len(body):
        raise Malformed("the header Inference-Header-Content-Length does not fit the body")
    try:
        asked = _requests.decode(body if header_length is None else memoryview(body)[:header_length])
    except msgspec.ValidationError as error:
        raise Malformed(f"this is no request of the Open Inference Protocol: {_place(error)}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed("the body is no JSON") from error
    if len(asked.id) > 256:
        raise Malformed("an id has at most 256 characters")
    return asked, _NOTHING if header_length is None else memoryview(body)[header_length:]


def _place(error: Exception) -> str:
    # The message of msgspec names types and the place, never a value; what it quotes of field names is the caller's.
    text = str(error)
    return "a value has the wrong type" + (f" at {text.rsplit(' - at ', 1)[1]}" if " - at `$.inputs" in text else "") if text.startswith("Expected") else "a field is missing or unknown"


def one_row_of(asked: Request, columns: Sequence[str]) -> dict[str, Any] | None:
    """The row of the commonest request, in a tenth of the time: one matrix of one row of float64 as JSON, and nothing else said. None for any other."""
    if len(asked.inputs) != 1 or asked.outputs is not None or asked.parameters is not None:
        return None
    tensor = asked.inputs[0]
    data, width = tensor.data, len(columns)
    if tensor.datatype != "FP64" or tensor.shape != [1, width] or tensor.parameters is not None or type(data) is not list or len(data) != width:
        return None
    if width == 1 or not _FLOATS.issuperset(map(type, data)):
        return None
    return dict(zip(columns, data, strict=True))


def rows_of(asked: Request, binary: memoryview, columns: Sequence[str], most: int) -> list[dict[str, Any]]:
    """The rows of a request.

    Args:
        asked: it.
        binary: the bytes of its binary tensors.
        columns: of the model, in the order of its metadata; what the columns of a matrix are.
        most: rows that are allowed.

    Raises:
        Malformed: the tensors are not what they say, or do not fit each other or the model.
    """
    if not asked.inputs:
        raise Malformed("there are no inputs")
    first = asked.inputs[0]
    if len(asked.inputs) == 1 and len(first.shape) == 2 and (first.name not in columns or first.shape[1] != 1):
        return _matrix(first, binary, columns, most)
    named: dict[str, list[Any]] = {}
    count = -1
    for tensor in asked.inputs:
        shape = tensor.shape
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
            raise Malformed("an input is one column, of the shape [rows] or [rows, 1]; or there is one input that is a matrix [rows, columns]")
        if tensor.name in named or count not in (-1, shape[0]):
            raise Malformed("two inputs have the same name, or inputs have different numbers of rows")
        count = _allowed(shape[0], most)
        values, binary = _values(tensor, count, binary)
        named[tensor.name] = values
    if len(binary):
        raise Malformed("there are more bytes than the inputs say")
    names = list(named)
    return [dict(zip(names, values, strict=True)) for values in zip(*named.values(), strict=True)]


def _matrix(tensor: Tensor, binary: memoryview, columns: Sequence[str], most: int) -> list[dict[str, Any]]:
    count, width = _allowed(tensor.shape[0], most), tensor.shape[1]
    if width != len(columns):
        raise Malformed(f"the model reads {len(columns)} columns, in the order of its metadata, and the matrix has {min(width, 1 << 30)}")
    values, rest = _values(tensor, count * width, binary)
    if len(rest):
        raise Malformed("there are more bytes than the inputs say")
    return [dict(zip(columns, values[at : at + width], strict=True)) for at in range(0, count * width, width)]


def _allowed(rows: int, most: int) -> int:
    if not 0 < rows <= most:
        raise Malformed(f"a request has 1 to {most:,} rows")
    return rows


def _values(tensor: Tensor, count: int, binary: memoryview) -> tuple[list[Any], memoryview]:
    """The values of a tensor, and the bytes behind it."""
    kind, size = tensor.datatype, (tensor.parameters or {}).get(BINARY_SIZE)
    if size is not None:
        if type(size) is not int or not 0 <= size <= len(binary) or tensor.data is not None:
            raise Malformed("the binary size of an input is not what was sent")
        return _from_bytes(kind, count, binary[:size]), binary[size:]
    data = tensor.data
    if type(data) is not list:
        raise Malformed("an input has no data")
    if data and type(data[0]) is list:
        if not all(type(one) is list for one in data):
            raise Malformed("the data of an input is nested in different ways")
        data = [value for one in data for value in one]
    if len(data) != count:
        raise Malformed("the data of an input has not as many values as its shape says")
    types = set(map(type, data)) - {type(None)}
    if kind == "BYTES":
        fits = types <= {str}
    elif kind == "BOOL":
        fits = types <= {bool}
    elif kind in ("FP16", "FP32", "FP64"):
        fits = types <= {float, int}
        if kind == "FP32" and fits and count:
            # What is sent as float32 has its digits, whether it comes as text or as bytes.
            data = [None if one is None else float(np.float32(one)) for one in data]
    else:
        fits = kind in NUMBERS and types <= {int}
    if not fits:
        raise Malformed("the data of an input is not of its datatype, or the datatype is not known here")
    return data, binary


def _from_bytes(kind: str, count: int, content: memoryview) -> list[Any]:
    if kind == "BYTES":
        return _texts(count, content)
    dtype = NUMBERS.get(kind)
    if dtype is None or np.dtype(dtype).itemsize * count != len(content):
        raise Malformed("the bytes of an input are not as many as its datatype and shape say, or the datatype is not known here")
    found: list[Any] = np.frombuffer(content, dtype=np.dtype(dtype).newbyteorder("<")).tolist()
    return found


def _texts(count: int, content: memoryview) -> list[Any]:
    """Each text has its length before it, four bytes, the least first."""
    found, at = list[Any](), 0
    try:
        for _ in range(count):
            (length,) = struct.unpack_from("<I", content, at)
            at += 4 + length
            if at > len(content):
                raise Malformed("a text of an input is longer than its bytes")
            found.append(str(content[at - length : at], "utf-8"))
    except (struct.error, UnicodeDecodeError) as error:
        raise Malformed("the texts of an input are cut off or not UTF-8") from error
    if at != len(content):
        raise Malformed("there are more bytes than the texts of an input say")
    return found


def response_of(asked: Request, name: str, version: str, model: LiveModel, answers: Sequence[tuple[Answer, str]]) -> tuple[bytes, int | None]:
    """The body of an answer, and how many bytes of it are JSON where binary tensors follow.

    Args:
        asked: the request.
        name: of the model.
        version: who answered, or whose turn it was where several did.
        model: one of those that were asked, for classes and type.
        answers: with the arm of each row.

    Raises:
        Malformed: an output is asked for that there is not.
    """
    all_binary = bool((asked.parameters or {}).get("binary_data_output"))
    if asked.outputs:
        wanted = [(one.name, bool((one.parameters or {}).get(BINARY, all_binary))) for one in asked.outputs]
    else:
        wanted = [("prediction", all_binary), ("score", all_binary), *([("probabilities", all_binary)] if len(model.classes) > 2 else [])]
    outputs: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for output, binary in wanted:
        made = _output(output, model, answers)
        if binary:
            content = _as_bytes(made["datatype"], made.pop("data"))
            made["parameters"] = {BINARY_SIZE: len(content)}
            tail.append(content)
        outputs.append(made)
    document: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": outputs}
    if asked.id:
        document["id"] = asked.id
    fallbacks = sorted({answer.fallback for answer, _ in answers if answer.fallback})
    if fallbacks:
        document["parameters"] = {"fallback": ",".join(fallbacks)}
    head = encode(document)
    return (b"".join((head, *tail)), len(head)) if tail else (head, None)


class Template:
    """The response for one row when no outputs are named, all but its two values written beforehand.

    Args:
        name: of the model, as in the address.
        model: of at most two classes.
    """

    def __init__(self, name: str, model: LiveModel) -> None:
        kind = b"BYTES" if model.classes else b"FP64"
        version = encode(model.label.split(":", 1)[-1])
        self.head = b'{"model_name":%b,"model_version":%b,"outputs":[{"name":"prediction","shape":[1],"datatype":"%b","data":[' % (encode(name), version, kind)
        self.middle = b']},{"name":"score","shape":[1],"datatype":"FP64","data":['

    def filled(self, answer: Answer, id: str) -> bytes:
        """For an answer of this model itself."""
        tail = b',"id":%b}' % encode(id) if id else b"}"
        return b"%b%b%b%b]}]%b" % (self.head, encode(answer.prediction), self.middle, encode(answer.score), tail)


def _output(name: str, model: LiveModel, answers: Sequence[tuple[Answer, str]]) -> dict[str, Any]:
    count = len(answers)
    if name == "prediction":
        return {"name": name, "shape": [count], "datatype": "BYTES" if model.classes else "FP64", "data": [answer.prediction for answer, _ in answers]}
    if name == "score":
        return {"name": name, "shape": [count], "datatype": "FP64", "data": [answer.score for answer, _ in answers]}
    if name == "probabilities" and model.classes:
        data = [value for answer, _ in answers for value in probabilities(answer, model.classes)]
        return {"name": name, "shape": [count, len(model.classes)], "datatype": "FP64", "data": data}
    if name in ("version", "arm", "fallback"):
        texts = [arm if name == "arm" else answer.version if name == "version" else answer.fallback for answer, arm in answers]
        return {"name": name, "shape": [count], "datatype": "BYTES", "data": texts}
    raise Malformed(f"there is no such output; there are {', '.join(OUTPUTS)} (probabilities of classes only)")


def probabilities(answer: Answer, classes: Sequence[str]) -> list[float | None]:
    """In the order of the classes; nulls where nobody gave any."""
    if answer.probabilities is not None:
        return [answer.probabilities[one] for one in classes]
    if answer.score is None or len(classes) != 2:
        return [None] * len(classes)
    return [1.0 - answer.score, answer.score]


def _as_bytes(kind: str, data: Sequence[Any]) -> bytes:
    if kind == "FP64":
        return np.array([np.nan if one is None else one for one in data], dtype="<f8").tobytes()
    texts = [("" if one is None else str(one)).encode() for one in data]
    return b"".join(struct.pack("<I", len(one)) + one for one in texts)


def metadata_of(name: str, model: LiveModel, versions: Sequence[str]) -> Mapping[str, Any]:
    """What the protocol says of a model."""
    outputs = [
        {"name": "prediction", "datatype": "BYTES" if model.classes else "FP64", "shape": [-1]}, {"name": "score", "datatype": "FP64", "shape": [-1]},
        *([{"name": "probabilities", "datatype": "FP64", "shape": [-1, len(model.classes)]}] if model.classes else []),
    ]  # fmt: skip
    inputs = [{"name": column, "datatype": kind, "shape": [-1]} for column, kind in model.reader.columns]
    return {"name": name, "versions": list(versions), "platform": f"assayline_{model.runtime}", "inputs": inputs, "outputs": outputs}
