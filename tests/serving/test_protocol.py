"""The Open Inference Protocol, asked by the client of Triton and by hand; and requests that mean harm."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
import uvicorn
from served import churn, cost, late, numbers, orders, rows_of
from starlette.testclient import TestClient

from assayline.core.rollout import Rollout, stages_of
from assayline.serving import Chain, Desk, Limits, LiveModel, Service
from assayline.serving.application import application

ROWS = rows_of(numbers(20, seed=5), "bought")
COLUMNS = sorted(f"f{at}" for at in range(30))
MATRIX = np.array([[row[name] for name in COLUMNS] for row in ROWS], dtype=np.float64)
EXPECTED = churn().predict(pl.DataFrame(ROWS))
HOSTILE = [Path(os.environ.get("ASSAY_BENCH", "/nowhere")) / "hostile/http/hostile_requests.jsonl", Path(__file__).parents[3] / "shared/bench/hostile/http/hostile_requests.jsonl"]


def desk_of(**options: Any) -> Desk:
    desk = Desk(**options)
    rollout = Rollout("churn:v1", "churn:v2", "2026-11", stages_of("canary"), stage=2)
    desk.put(Service("churn", Chain.of(LiveModel.of(churn())), Chain.of(LiveModel.of(churn("v2", rounds=25))), rollout, unit="customer"))
    desk.put(Service("late", Chain.of(LiveModel.of(late()))))
    desk.put(Service("cost", Chain.of(LiveModel.of(cost()))))
    return desk


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(application(desk_of()))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The application behind uvicorn, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    config = uvicorn.Config(application(desk_of(limits=Limits(body_seconds=0.5))), port=port, log_level="error", loop="uvloop", http="httptools")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not running.started and time.monotonic() < until:
        time.sleep(0.02)
    yield f"127.0.0.1:{port}"
    running.should_exit = True
    thread.join(10)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("kind", ["FP64", "FP32"])
def test_the_client_of_triton_gets_answers_for_a_matrix_as_bytes_and_as_json(server: str, binary: bool, kind: str) -> None:
    triton = pytest.importorskip("tritonclient.http")
    dtype = np.float64 if kind == "FP64" else np.float32
    given = triton.InferInput("rows", list(MATRIX.shape), kind)
    given.set_data_from_numpy(MATRIX.astype(dtype), binary_data=binary)
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("prediction", "score", "version", "arm", "probabilities")]
    expected = churn().predict(pl.DataFrame({name: MATRIX[:, at].astype(dtype).astype(np.float64) for at, name in enumerate(COLUMNS)}))

    with triton.InferenceServerClient(server) as asked:
        said = asked.infer("churn", [given], outputs=wanted, model_version="v1", request_id="mine")

    assert np.allclose(said.as_numpy("score"), expected[:, 1], atol=1e-6)
    assert np.allclose(said.as_numpy("probabilities"), expected, atol=1e-6)
    texts = [one.decode() if isinstance(one, bytes) else one for one in said.as_numpy("prediction").tolist()]
    assert texts == [churn().classes[at] for at in expected.argmax(axis=1)]
    assert said.get_response()["id"] == "mine"
    assert said.get_response()["model_version"] == "v1"


def test_the_client_of_triton_sends_columns_of_any_type_and_needs_no_outputs_named(server: str) -> None:
    triton = pytest.importorskip("tritonclient.http")
    table = orders(7, seed=9)
    text: tuple[str, Any] = ("BYTES", np.object_)
    kinds = {"load": ("FP64", np.float64), "crew": ("FP64", np.float64), "town": text, "price": text, "express": ("BOOL", np.bool_), "day": text}
    inputs = []
    for at, (name, (kind, dtype)) in enumerate(kinds.items()):
        values: Any = np.array(table[name].to_list(), dtype=dtype)
        inputs.append(triton.InferInput(name, [7] if at % 2 else [7, 1], kind))
        inputs[-1].set_data_from_numpy(values if at % 2 else values.reshape(7, 1), binary_data=at % 3 > 0)

    with triton.InferenceServerClient(server) as asked:
        numbers_said = asked.infer("cost", inputs)
        classes_said = asked.infer("late", inputs)

    assert np.allclose(numbers_said.as_numpy("score"), cost().predict(table), rtol=1e-5)
    assert np.allclose(numbers_said.as_numpy("prediction"), cost().predict(table), rtol=1e-5)
    assert np.allclose(classes_said.as_numpy("probabilities"), late().predict(table), atol=1e-5)
    assert [one.decode() for one in classes_said.as_numpy("prediction").tolist()] == [late().classes[at] for at in late().predict(table).argmax(axis=1)]


def test_the_client_of_triton_learns_what_is_there(server: str) -> None:
    triton = pytest.importorskip("tritonclient.http")

    with triton.InferenceServerClient(server) as asked:
        found = asked.get_model_metadata("cost")

        assert asked.is_server_live()
        assert asked.is_server_ready()
        assert asked.is_model_ready("churn")
        assert asked.is_model_ready("churn", "v2")
        assert not asked.is_model_ready("churn", "v7")
        assert not asked.is_model_ready("other")
        assert asked.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        assert {one["name"]: one["datatype"] for one in found["inputs"]} == {"crew": "FP64", "day": "BYTES", "express": "BOOL", "load": "FP64", "price": "FP64", "town": "BYTES"}
        with pytest.raises(triton.InferenceServerException, match="matrix has 2"):
            asked.infer("churn", [_input(triton, np.zeros((1, 2)))])


def _input(triton: Any, values: Any) -> Any:
    given = triton.InferInput("rows", list(values.shape), "FP64")
    given.set_data_from_numpy(values)
    return given


def infer(client: TestClient, inputs: list[dict[str, Any]], path: str = "/v2/models/churn/infer", **more: Any) -> httpx.Response:
    answered: httpx.Response = client.post(path, json={"inputs": inputs, **more})
    return answered


def test_one_row_is_answered_by_the_arm_of_its_unit_and_a_named_version_by_that_version(client: TestClient) -> None:
    one = {"name": "rows", "shape": [1, 30], "datatype": "FP64", "data": MATRIX[0].tolist()}
    columns = [{"name": name, "shape": [1], "datatype": "FP64", "data": [MATRIX[0, at]]} for at, name in enumerate(COLUMNS)]
    units = [infer(client, [*columns, {"name": "customer", "shape": [1], "datatype": "INT64", "data": [number]}]) for number in range(200)]

    asked = infer(client, [one], "/v2/models/churn/versions/v2/infer", id="a")

    expected = {"champion": EXPECTED[0, 1], "challenger": churn("v2", rounds=25).predict(pl.DataFrame(ROWS[:1]))[0, 1]}
    assert {answer.headers["x-assay-arm"] for answer in units} == set(expected)
    assert all(answer.json()["outputs"][1]["data"][0] == pytest.approx(expected[answer.headers["x-assay-arm"]], abs=1e-6) for answer in units)
    assert (asked.headers["x-assay-arm"], asked.headers["x-model-version"], asked.json()["model_version"], asked.json()["id"]) == ("asked", "churn:v2", "v2", "a")
    assert asked.json()["outputs"][1]["data"] == pytest.approx([expected["challenger"]], abs=1e-6)


def test_a_missing_value_is_null_in_json_and_nan_in_bytes_and_a_row_nobody_answers_has_null() -> None:
    desk = desk_of()
    desk.put(Service("churn", Chain([LiveModel.of(churn())])))
    client, data = TestClient(application(desk)), [None, *MATRIX[0, 1:].tolist()]
    expected = churn().predict(pl.DataFrame([{name: value for name, value in zip(COLUMNS, data, strict=True) if value is not None}]))[0, 1]
    head = json.dumps({"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP64", "parameters": {"binary_data_size": 240}}]}).encode()
    content = head + np.array([[np.nan, *MATRIX[0, 1:]]]).tobytes()

    as_json = infer(client, [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": data}]).json()
    as_bytes = client.post("/v2/models/churn/infer", content=content, headers={"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}).json()
    alone = infer(client, [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": [1e9] * 30}], id="b")
    nobody = infer(client, [{"name": "x", "shape": [2, 30], "datatype": "FP64", "data": [[1e9] * 30, MATRIX[0].tolist()]}]).json()

    assert as_json["outputs"][1]["data"] == as_bytes["outputs"][1]["data"] == [pytest.approx(expected, abs=1e-6)]
    assert [output["data"][0] for output in nobody["outputs"]] == [None, None]
    assert [output["data"] for output in alone.json()["outputs"]] == [[None], [None]]
    assert (alone.headers["x-assay-fallback"], alone.json()["id"]) == ("out_of_range", "b")
    assert nobody["outputs"][1]["data"][1] == pytest.approx(EXPECTED[0, 1], abs=1e-6)
    assert nobody["parameters"] == {"fallback": "out_of_range"}


X = {"name": "x", "shape": [1, 30], "datatype": "FP64", "data": [0.5] * 30}
F0 = {"name": "f0", "shape": [1], "datatype": "FP64", "data": [0.5]}


@pytest.mark.parametrize("inputs", [
    [], [{**X, "shape": [2, 30]}], [{**X, "shape": [1, 31]}], [{**X, "shape": [-1, 30]}], [{**X, "shape": [10**9, 30]}], [{**X, "shape": []}], [{**X, "shape": [1, 1, 30]}],
    [{**X, "datatype": "FP8"}], [{**X, "datatype": "BYTES"}], [{**X, "datatype": "INT64"}], [{**X, "data": None}], [{**X, "data": ["a"] * 30}], [{**X, "data": [[0.5], 0.5] * 15}],
    [{**X, "data": [0.5] * 29}], [F0, F0], [F0, {**F0, "name": "f1", "shape": [2], "data": [1, 2]}], [{**F0, "name": "nothing"}], [{**F0, "datatype": "BOOL"}],
    [{**X, "parameters": {"binary_data_size": 240}, "data": None}], [{**X, "parameters": {"binary_data_size": "240"}}], [{**X, "parameters": {"binary_data_size": -1}}], ["x"], [{"name": 1}],
])  # fmt: skip
def test_a_request_that_is_not_what_it_says_is_refused_in_a_sentence(client: TestClient, inputs: list[Any]) -> None:
    answered = infer(client, inputs)

    assert answered.status_code in (400, 422), answered.text
    assert list(answered.json()) == ["error"]
    assert infer(client, [X]).status_code == 200


@pytest.mark.parametrize(("content", "length"), [
    (b"{}", "9"), (b"{}", "-1"), (b"{}", "x"), (b"{}", "0"), (b"{}" * 8, "99999999999999999999"), (b"", None), (b"\xff", None), (b"[" * 9_000, None), (b'{"inputs": [' * 900, None),
    (b'{"inputs":[{"name":"f0","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}}]}' + struct.pack("<I", 4) + b"abcd\xff", "93"),
    (b'{"inputs":[{"name":"f0","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}' + struct.pack("<I", 4_000_000_000) + b"a", "93"),
    (b'{"inputs":[{"name":"f0","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}' + struct.pack("<I", 1) + b"\xff", "93"),
])  # fmt: skip
def test_bytes_that_are_not_what_they_say_are_refused(client: TestClient, content: bytes, length: str | None) -> None:
    headers = {"inference-header-content-length": length} if length else {}

    answered = client.post("/v2/models/churn/infer", content=content, headers={"content-type": "application/octet-stream", **headers})

    assert answered.status_code == 400, answered.text
    assert "\\x" not in answered.text


def test_hostile_requests_get_no_path_secret_or_traceback_and_nothing_else_than_a_refusal(server: str) -> None:
    found = next((path for path in HOSTILE if path.exists()), None)
    if found is None:
        pytest.skip("the corpus of hostile requests is not here")
    requests = [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]
    forbidden = ("Traceback", "/usr/", "/tmp/", "site-packages", ".py", "root:", "assayline/", "<script>", os.getcwd())
    for one in requests:
        # As they are, for addresses that this server does not have; and with their bodies and headers at the address that answers.
        for path in (one["path"], *(("/models/churn", "/v2/models/churn/infer") if one["method"] == "POST" else ())):
            status, text = raw(server, one["method"], path, one["headers"], one["body"] or "")
            assert 400 <= status < 500, (one["method"], path, status, text)
            assert not any(word in text for word in forbidden), (path, text)
            if path != one["path"] and one["headers"].get("Content-Type") and "predict" in one["path"]:
                assert status in one["expect"]
    assert httpx.post(f"http://{server}/models/churn", json=ROWS[0]).json()["fallback"] == ""


def raw(server: str, method: str, path: str, headers: dict[str, str], body: str) -> tuple[int, str]:
    """A request as it stands: a client would refuse to send some, or tidy them up."""
    host, port = server.split(":")
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {"Host": server, "Connection": "close", "Content-Length": str(len(body.encode())), **headers}.items())]
    content = "\r\n".join([*lines, "", body]).encode()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        answered = b""
        with contextlib.suppress(OSError):  # it may answer and close before it has read everything
            connection.sendall(content)
        with contextlib.suppress(OSError):
            while piece := connection.recv(65_536):
                answered += piece
    assert answered, (method, path[:100])
    return int(answered.split(b" ", 2)[1]), answered.decode("utf-8", "replace")


def test_a_body_that_does_not_come_is_given_up(server: str) -> None:
    host, port = server.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /models/churn HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 600\r\n\r\n{")
        begun = time.monotonic()
        answered = connection.recv(65_536)

    assert answered.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begun < 5
