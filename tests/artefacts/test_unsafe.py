"""Nothing that runs code when it is loaded is loaded, whatever it is called and however it is wrapped."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from trained import boosted, linear

from assayline.artefacts import bring_in_file, read, recognised
from assayline.artefacts.unsafe import globals_of
from assayline.errors import AssaylineError, InputError, Unreadable, UnsafeArtefact
from assayline.framing import Problem

BENCH = Path(os.environ.get("ASSAY_BENCH", Path(__file__).parents[3] / "shared" / "bench"))
GENERATOR = BENCH / "hostile" / "make_hostile.py"


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.marker), "w"))


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("data.pkl")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def objects(content: object) -> bytes:
    stream = io.BytesIO()
    array = np.empty(1, dtype=object)
    array[0] = content
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def wrapped(marker: Path) -> dict[str, bytes]:
    bomb = {f"protocol {number}": pickle.dumps(Payload(marker), number) for number in range(6)}
    plain = bomb["protocol 4"]
    return bomb | {
        "zlib": zlib.compress(plain), "gzip": gzip.compress(plain), "bz2": bz2.compress(plain), "xz": lzma.compress(plain), "lzma": lzma.compress(plain, lzma.FORMAT_ALONE),
        "torch": zipped({"archive/data.pkl": plain, "archive/version": b"3"}), "torch legacy": pickle.dumps(0x1950A86A20F9469CFC6C, 2) + plain,
        "npy": objects(Payload(marker)), "npz": zipped({"a.npy": objects(Payload(marker))}), "tar": tarred(plain), "tar.gz": gzip.compress(tarred(plain)),
        "mar": zipped({"MAR-INF/MANIFEST.json": b"{}", "handler.py": b"import os"}), "zip with code": zipped({"model.txt": b"", "setup.py": b"import os"}),
        "keras": zipped({"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b""}), "keras json": b'{"class_name": "Sequential", "config": {"module": "builtins"}}',
        "h5": b"\x89HDF\r\n\x1a\n" + bytes(100), "R": b"RDX3\n", "program": b"#!/bin/sh\ntouch x\n", "python": b"import os\nos.system('x')\n", "python later": b"# a model\n\nimport os\n",
        "yaml": b"model: !!python/object/apply:os.system [ls]\n", "notebook": b'{"nbformat": 4, "cells": []}', "elf": b"\x7fELF" + bytes(60),
        "broken pickle": plain[:-3] + b"\xff\xff", "second stream": pickle.dumps([1]) + plain, "behind text": b"\x80\x04N.cos\nsystem\n(S'x'\ntR.",
        "skops": zipped({"schema.json": json.dumps({"__class__": "FileHandler", "__module__": "logging", "__loader__": "ObjectNode", "content": {}}).encode()}),
        "skops function": zipped({"schema.json": json.dumps({"__class__": "function", "__module__": "builtins", "content": {"module_path": "os", "function": "system"}}).encode()}),
        "skops builtin": zipped({"schema.json": json.dumps({"__class__": "eval", "__module__": "builtins"}).encode()}),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["model.txt", "model.assay", "model.onnx", "model.pkl"])
def test_what_runs_code_is_refused_under_any_name_and_nothing_runs(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    passed = {}
    for what, content in wrapped(marker).items():
        (tmp_path / name).write_bytes(content)
        for load in (lambda path: bring_in_file(path, Problem("y"), columns=["a"]), read):
            try:
                load(tmp_path / name)
                passed[what] = "was read"
            except UnsafeArtefact as error:
                if not error.next_step or not error.cause:
                    passed[what] = str(error)
            except InputError as error:  # a zip is not looked into by `read`: it is no bundle, and that is that
                if not content.startswith(b"PK"):
                    passed[what] = str(error)

    assert passed == {}
    assert not marker.exists()


def test_the_error_names_what_the_pickle_names() -> None:
    with pytest.raises(UnsafeArtefact, match=r"m\.bin: byte 0: it is a pickle that names posix\.system, builtins\.eval.*LightGBM text model, ONNX or skops"):
        recognised(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R\x80\x02cbuiltins\neval\n.", "m.bin")


def test_names_behind_a_broken_opcode_are_found_too() -> None:
    assert "os.system" in globals_of(b"\x80\x02K\x01\xffcos\nsystem\n")


def test_text_and_numbers_are_no_pickles() -> None:
    assert recognised(boosted().text.encode(), "m.pkl") == "lightgbm"
    for content in (b"(a,b)\n1,2\n", b"Name;Value\nI;1\n", b"S\n", b"cats are\nanimals\n", bytes(1000), "é".encode() * 50):
        with pytest.raises(Unreadable, match="no kind of model known here"):
            recognised(content, "m.txt")


def test_a_pickle_whose_digest_is_allowed_predicts_in_a_child_that_can_write_nothing(tmp_path: Path) -> None:
    from sklearn.tree import DecisionTreeRegressor

    X = np.arange(20.0).reshape(10, 2)
    fitted = DecisionTreeRegressor(random_state=0).fit(X, X[:, 0])
    marker = tmp_path / "marker"
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(fitted))
    import hashlib

    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UnsafeArtefact):
        bring_in_file(path, Problem("y"), columns=["a", "b"], allowed=["sha256:" + "0" * 64])

    brought = bring_in_file(path, Problem("y"), columns=["a", "b"], allowed=[digest])

    assert np.array_equal(brought.predictor.predict(X), fitted.predict(X))
    evil = tmp_path / "evil.pkl"
    evil.write_bytes(pickle.dumps(Payload(marker)))
    allowed = ["sha256:" + hashlib.sha256(evil.read_bytes()).hexdigest()]
    with pytest.raises(AssaylineError):
        bring_in_file(evil, Problem("y"), columns=["a", "b"], allowed=allowed)
    from assayline.tables import hardening

    assert "not available" in hardening()["landlock"] or not marker.exists()


@pytest.mark.skipif(not GENERATOR.exists(), reason=f"NO HOSTILE CORPUS: {GENERATOR} does not exist; set ASSAY_BENCH")
def test_no_model_of_the_hostile_corpus_is_loaded_and_nothing_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(GENERATOR)]
    subprocess.run([*command, str(tmp_path / "corpus"), "--only", "archive,model", "--marker-dir", str(tmp_path / "markers")], check=True, capture_output=True, timeout=300)
    cases = [json.loads(line) for line in (tmp_path / "corpus" / "manifest.jsonl").read_text().splitlines()]
    models = [case for case in cases if case["file"].startswith("model/")]

    wrong = []
    for case in models:
        for load in (lambda path: bring_in_file(path, Problem("y"), columns=["a"]), read):
            try:
                load(tmp_path / "corpus" / case["file"])
                wrong.append(f"{case['file']}: was read")
            except InputError as error:
                if not error.next_step:
                    wrong.append(f"{case['file']}: {error}")
                if case["kind"] == "code" and not isinstance(error, UnsafeArtefact) and load is not read:
                    wrong.append(f"{case['file']}: {type(error).__name__}: {error}")
    ran = subprocess.run([*command, "--check-markers", "--marker-dir", str(tmp_path / "markers")], capture_output=True, text=True, check=False)

    assert len(models) > 20
    assert wrong == []
    assert (ran.returncode, ran.stdout.strip()) == (0, "no sample was executed")


def test_a_bundle_with_a_pickle_inside_is_unsafe_until_its_digest_is_allowed() -> None:
    from assayline.artefacts import load_predictor

    content = pickle.dumps([1])
    members = {"predictor.json": b'{"kind":"opened","classes":0,"width":1,"layout":null}', "model.bin": content}

    with pytest.raises(UnsafeArtefact, match="not among the allowed ones"):
        load_predictor(members)
    import hashlib

    model = load_predictor(members, allowed=["sha256:" + hashlib.sha256(content).hexdigest()])
    assert model.kind == "opened"


def test_a_linear_model_of_ours_has_no_pickle_in_it() -> None:
    contents = linear(3).members().values()

    assert all(content[:1] == b"{" and base64.b64encode(content) for content in contents)
