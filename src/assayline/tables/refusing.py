"""What is never opened as a table: models, pickles, notebooks and other things that carry code."""

from __future__ import annotations

import os
import re

from assayline.errors import Refused, Unreadable

MODEL_STEP = "a scan reads tables; a model is checked as a model artefact, and pickles are refused wherever they come from"

# By name, lower case. A name alone is enough: what calls itself a model is not scanned as a table.
MODEL_NAMES = {
    ".pkl": "a pickle",
    ".pickle": "a pickle",
    ".p": "a pickle",
    ".joblib": "a joblib pickle",
    ".dill": "a pickle",
    ".cloudpickle": "a pickle",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".ckpt": "a PyTorch checkpoint",
    ".npy": "a NumPy array file",
    ".npz": "a NumPy archive",
    ".keras": "a Keras model",
    ".skops": "a skops model",
    ".onnx": "an ONNX model",
    ".safetensors": "a safetensors model",
    ".pmml": "a PMML model",
    ".h5": "an HDF5 file",
    ".hdf5": "an HDF5 file",
    ".mlmodel": "a Core ML model",
    ".tflite": "a TensorFlow Lite model",
    ".pb": "a TensorFlow graph",
    ".gguf": "a GGUF model",
    ".bst": "a booster model",
    ".ubj": "a booster model",
    ".cbm": "a CatBoost model",
    ".rds": "an R object",
    ".rdata": "an R workspace",
    ".bin": "a binary file",
}
CODE_NAMES = {
    ".ipynb": "a notebook",
    ".py": "a Python program",
    ".yaml": "a YAML document",
    ".yml": "a YAML document",
    ".sh": "a shell script",
    ".exe": "a program",
    ".so": "a library",
    ".dll": "a library",
    ".jar": "a Java archive",
}
DOCUMENT_NAMES = {
    ".pdf": "a PDF document",
    ".docx": "a Word document",
    ".pptx": "a presentation",
    ".html": "a web page",
    ".htm": "a web page",
}

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x93NUMPY", "a NumPy array file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"GGUF", "a GGUF model"),
    (b"\x7fELF", "a program"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"RDX2", "an R workspace"),
    (b"RDX3", "an R workspace"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"MZ\x90", "a program"),
)
# Names inside a zip that say what it is; a zip that holds code is a model archive whatever it is called.
ZIP_MODEL = re.compile(r"(^|/)(data\.pkl|.*\.pkl|.*\.npy|.*\.weights\.h5|schema\.json)$|^metadata\.json$", re.IGNORECASE)


def refuse(path: str, name: str, head: bytes) -> None:
    """Stops what is a model, a notebook or a document, by its name and its first bytes, before any parser sees it.

    >>> refuse("orders.csv", "orders.csv", b"id,amount")
    >>> refuse("m.csv", "m.csv", bytes([128, 4, 149]) + b"x.")
    Traceback (most recent call last):
        ...
    assayline.errors.Refused: m.csv: byte 0: it is a pickle, which runs code when it is loaded, and not a table; ask for CSV or Parquet
    """
    suffix = os.path.splitext(name.lower())[1]
    if is_pickle(head):
        raise Refused(
            path,
            "it is a pickle, which runs code when it is loaded, and not a table",
            place="byte 0",
            next_step="ask for CSV or Parquet",
        )
    for magic, what in MAGIC:
        if head.startswith(magic):
            raise Refused(
                path,
                f"it is {what}, not a table",
                place="byte 0",
                next_step=MODEL_STEP if "model" in what or "NumPy" in what else "name a table",
            )
    if head[:9] == b"\x80\x00\x00\x00\x00\x00\x00\x00{" or _is_safetensors(head):
        raise Refused(path, "it is a safetensors model, not a table", place="byte 0", next_step=MODEL_STEP)
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        _refuse_markup(path, start)
    if start[:1] == b"{" and _is_model_json(head):
        raise Refused(path, "it is a gradient-boosting model in JSON, not a table", place="byte 0", next_step=MODEL_STEP)
    if start[:1] == b"{" and b'"nbformat"' in head and b'"cells"' in head:
        raise Refused(
            path, "it is a notebook, not a table", place="byte 0", next_step="a scan reads tables; nothing of the notebook was run"
        )
    if b"!!python/" in head:
        raise Refused(
            path,
            "it is YAML that builds Python objects, not a table",
            place=f"byte {head.find(b'!!python/')}",
            next_step="ask for CSV or Parquet",
        )
    if suffix in MODEL_NAMES:
        raise Refused(path, f"by its name it is {MODEL_NAMES[suffix]}, not a table", next_step=MODEL_STEP)
    if suffix in CODE_NAMES or suffix in DOCUMENT_NAMES:
        what = CODE_NAMES.get(suffix) or DOCUMENT_NAMES[suffix]
        raise Refused(
            path, f"by its name it is {what}, not a table", next_step="name a table (CSV, Parquet, JSON, Excel, …); nothing was run"
        )
    if os.path.basename(name.lower()).startswith("requirements") and suffix in (".txt", ".in"):
        raise Refused(
            path,
            "it is a list of requirements, not a table",
            next_step="name a table (CSV, Parquet, JSON, Excel, …); nothing was installed",
        )


def is_pickle(head: bytes) -> bool:
    """Whether a pickle (protocol 2 and later, or joblib's zlib-wrapped one) starts here.

    >>> is_pickle(b"\\x80\\x02c")
    True
    >>> is_pickle("€".encode("cp1252") + b"5,1")
    False
    """
    if len(head) >= 2 and head[0] == 0x80 and head[1] in (2, 3, 4, 5):
        return True
    if head[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):  # zlib levels (RFC 1950); text never starts "x\x9c"
        import zlib

        try:
            return is_pickle(zlib.decompressobj().decompress(head, 64))
        except zlib.error:
            return False
    return head.startswith((b"ccopy_reg\n", b"c__builtin__\n", b"cposix\n", b"cos\n", b"(dp0\n", b"(lp0\n"))


def refuse_zip(path: str, names: list[str]) -> None:
    """Stops a zip whose entries say that it is a model."""
    for name in names:
        if ZIP_MODEL.search(name) or is_model_name(name):
            raise Refused(path, f"the archive holds {name!r}, so it is a model, not a table", next_step=MODEL_STEP)


def is_model_name(name: str) -> bool:
    """Whether a file of this name is a model."""
    return os.path.splitext(name.lower())[1] in MODEL_NAMES


def _is_safetensors(head: bytes) -> bool:
    if len(head) < 10 or head[8:9] != b"{":
        return False
    length = int.from_bytes(head[:8], "little")
    return 2 <= length < 1 << 40 and (b'"dtype"' in head or b"__metadata__" in head)


def _is_model_json(head: bytes) -> bool:
    return b'"learner"' in head and (b'"gradient_booster"' in head or b'"learner_model_param"' in head)


def _refuse_markup(path: str, start: bytes) -> None:
    low = start.lower()
    if b"<!entity" in low:
        raise Refused(
            path,
            "it is XML that declares entities, which are never expanded",
            place=f"byte {low.find(b'<!entity')}",
            next_step="ask for CSV or Parquet",
        )
    if low.startswith((b"<?xml", b"<pmml")) and b"<pmml" in low:
        raise Refused(path, "it is a PMML model, not a table", place="byte 0", next_step=MODEL_STEP)
    if low.startswith((b"<!doctype html", b"<html", b"<table", b"<meta", b"<head", b"<body")):
        raise Unreadable(
            path,
            "it is a web page, not a table (many sites export HTML under a spreadsheet's name)",
            place="byte 0",
            next_step="open it in a spreadsheet program and save it as CSV or XLSX",
        )
    if low.startswith(b"<?xml"):
        raise Unreadable(path, "it is XML, not a table", place="byte 0", next_step="ask for CSV or Parquet instead")
