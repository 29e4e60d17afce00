"""The application by its addresses: what is answered, who answered, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from served import churn, cost, late, numbers, orders, rows_of
from starlette.testclient import TestClient

from assayline.core.rollout import Rollout, bucket, stages_of
from assayline.serving import Batching, Chain, Desk, Limits, LiveModel, Record, Service
from assayline.serving.application import application

ROWS = rows_of(numbers(40, seed=5), "bought")


def desk_of(**options: Any) -> Desk:
    desk = Desk(**options)
    desk.put(Service("churn", Chain.of(LiveModel.of(churn()))))
    desk.put(Service("late", Chain.of(LiveModel.of(late()))))
    desk.put(Service("cost", Chain.of(LiveModel.of(cost()))))
    return desk


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(application(desk_of()), raise_server_exceptions=True)


@pytest.mark.parametrize(("name", "bundle", "table", "targets"), [
    ("churn", churn(), numbers(40, seed=5), ("bought",)), ("late", late(), orders(40, seed=5), ("late", "cost")), ("cost", cost(), orders(40, seed=5), ("late", "cost")),
])  # fmt: skip
def test_one_row_and_many_rows_get_what_the_bundle_says_of_them(client: TestClient, name: str, bundle: Any, table: pl.DataFrame, targets: tuple[str, ...]) -> None:
    expected = bundle.predict(table)
    rows = json.loads(json.dumps(rows_of(table, *targets)).replace("NaN", "null"))

    one = [client.post(f"/models/{name}", json=row).json() for row in rows]
    many = client.post(f"/models/{name}", json={"rows": rows}).json()["rows"]

    for answers in (one, many):
        assert {(answer["version"], answer["arm"], answer["fallback"]) for answer in answers} == {(f"{name}:v1", "champion", "")}
        scores = np.array([answer["score"] for answer in answers])
        told = expected if expected.ndim == 1 else expected[:, 1] if expected.shape[1] == 2 else expected.max(axis=1)
        assert np.allclose(scores, told, rtol=0, atol=1e-5 * np.abs(expected).max())
        if bundle.classes:
            assert [answer["prediction"] for answer in answers] == [bundle.classes[at] for at in expected.argmax(axis=1)]
    if len(bundle.classes) > 2:
        assert [sum(answer["probabilities"].values()) for answer in one] == pytest.approx([1.0] * len(rows))


def test_every_answer_names_its_version_arm_and_request(client: TestClient) -> None:
    given = client.post("/models/churn", json=ROWS[0], headers={"x-request-id": "mine-1"})
    made = [client.post("/models/churn", json=ROWS[0]).headers["x-request-id"] for _ in range(3)]

    assert (given.headers["x-model-version"], given.headers["x-assay-arm"], given.headers["x-request-id"]) == ("churn:v1", "champion", "mine-1")
    assert "x-assay-fallback" not in given.headers
    assert len(set(made)) == 3


def rollout_desk(stage: int, **options: Any) -> tuple[Desk, list[Record]]:
    kept: list[Record] = []
    desk = Desk(recorder=kept.append, **options)
    rollout = Rollout("churn:v1", "churn:v2", "2026-11", stages_of("canary"), stage=stage, holdout=5.0)
    desk.put(Service("churn", Chain.of(LiveModel.of(churn())), Chain.of(LiveModel.of(churn("v2", rounds=25))), rollout, unit="customer", unit_header="X-Customer"))
    return desk, kept


def test_each_unit_is_answered_by_the_arm_of_its_hash_by_column_header_or_request_id() -> None:
    desk, kept = rollout_desk(stage=4)  # 25 per cent
    client, service = TestClient(application(desk)), desk.service("churn")
    assert service is not None
    ways: list[tuple[dict[str, object], Mapping[str, str]]] = []
    for number in range(60):
        ways += [({"customer": number}, {}), ({}, {"x-customer": str(number)}), ({}, {"x-request-id": str(number)})]

    answered = [client.post("/models/churn", json={**ROWS[0], **more}, headers=headers) for more, headers in ways]

    numbers_of = [bucket("2026-11", str(at // 3)) for at in range(180)]
    assert service.rollout is not None
    arms = [service.rollout.arm_of(number) for number in numbers_of]
    assert [one.headers["x-assay-arm"] for one in answered] == [one.json()["arm"] for one in answered] == arms
    assert set(arms) == {"champion", "challenger", "holdout"}
    assert [one.headers["x-model-version"] for one in answered] == ["churn:v2" if arm == "challenger" else "churn:v1" for arm in arms]
    assert [record.arm for record in kept] == arms
    assert [record.compared for record in kept] == [service.rollout.is_compared(number) for number in numbers_of]
    assert [record.key for record in kept] == [str(at // 3) for at in range(180)]


def test_rows_of_one_request_go_to_the_models_of_their_units_and_come_back_in_order() -> None:
    desk, kept = rollout_desk(stage=5)  # 50 per cent
    rows = [{**row, "customer": at} for at, row in enumerate(ROWS)]
    expected = {"churn:v1": churn().predict(pl.DataFrame(ROWS))[:, 1], "churn:v2": churn("v2", rounds=25).predict(pl.DataFrame(ROWS))[:, 1]}

    answered = TestClient(application(desk)).post("/models/churn", json={"rows": rows})

    answers = answered.json()["rows"]
    assert {answer["version"] for answer in answers} == {"churn:v1", "churn:v2"} == set(answered.headers["x-model-version"].split(","))
    assert [answer["score"] for answer in answers] == pytest.approx([expected[answer["version"]][at] for at, answer in enumerate(answers)], abs=1e-5)
    assert [record.row for record in kept] == rows


def test_a_swap_is_seen_by_the_next_request_and_a_removed_model_is_gone() -> None:
    desk = desk_of()
    client = TestClient(application(desk))
    before = client.post("/models/churn", json=ROWS[0]).headers["x-model-version"]

    desk.put(Service("churn", Chain.of(LiveModel.of(churn("v2", rounds=25)))))
    after = client.post("/models/churn", json=ROWS[0]).headers["x-model-version"]
    desk.remove("churn")

    assert (before, after) == ("churn:v1", "churn:v2")
    assert client.post("/models/churn", json=ROWS[0]).status_code == client.get("/v2/models/churn").status_code == 404


@pytest.mark.parametrize("batching", [None, Batching(rows=4, seconds=0.001)])
def test_while_models_are_swapped_every_answer_is_that_of_the_version_it_names(batching: Batching | None) -> None:
    desk = Desk(batching=batching)
    services = [Service("churn", Chain.of(LiveModel.of(churn(version, rounds)))) for version, rounds in (("v1", 15), ("v2", 25))]
    desk.put(services[0])
    expected = {"churn:v1": churn().predict(pl.DataFrame(ROWS))[:, 1], "churn:v2": churn("v2", 25).predict(pl.DataFrame(ROWS))[:, 1]}

    async def asked_while_swapped() -> list[dict[str, Any]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application(desk)), base_url="http://test") as client:

            async def caller(number: int) -> list[dict[str, Any]]:
                return [(await client.post("/models/churn", json=ROWS[(number + at) % len(ROWS)])).json() | {"row": (number + at) % len(ROWS)} for at in range(25)]

            async def swapping() -> None:
                for at in range(50):
                    desk.put(services[at % 2])
                    await asyncio.sleep(0.002)

            swaps = asyncio.create_task(swapping())
            answered = await asyncio.gather(*(caller(number) for number in range(8)))
            await swaps
            return [one for each in answered for one in each]

    answers = asyncio.run(asked_while_swapped())

    assert len(answers) == 200
    assert {answer["version"] for answer in answers} == set(expected)
    assert [answer["score"] for answer in answers] == pytest.approx([expected[answer["version"]][answer["row"]] for answer in answers], abs=1e-5)
    assert services[0].champion.first.in_flight == services[1].champion.first.in_flight == 0


def test_records_are_sampled_dropped_ones_are_counted_and_a_failing_recorder_costs_no_answer() -> None:
    taken: list[Record] = []

    def full(record: Record) -> bool:
        if len(taken) >= 5:
            raise OSError("no space left")
        taken.append(record)
        return len(taken) < 5

    desk = desk_of(recorder=full)
    client = TestClient(application(desk))
    statuses = {client.post("/models/churn", json=row).status_code for row in ROWS[:20]}

    assert (statuses, desk.recorded, desk.dropped, len(taken)) == ({200}, 4, 16, 5)
    assert taken[0].row == ROWS[0]
    assert taken[0].answer.prediction == client.post("/models/churn", json=ROWS[0]).json()["prediction"]
    quiet = desk_of(recorder=full, sample=0.0)
    TestClient(application(quiet)).post("/models/churn", json=ROWS[0])
    assert quiet.recorded + quiet.dropped == 0


def test_without_its_token_nothing_but_health_is_answered() -> None:
    desk = desk_of(tokens=[hashlib.sha256(b"open sesame").hexdigest()])
    client = TestClient(application(desk))
    asked = [("POST", "/models/churn"), ("POST", "/v2/models/churn/infer"), ("POST", "/v2/models/churn/versions/v1/infer"), ("GET", "/metadata"), ("GET", "/metrics"),
             ("GET", "/v2"), ("GET", "/v2/models/churn"), ("GET", "/nothing"), ("DELETE", "/models/churn")]  # fmt: skip

    for token in (None, "Bearer wrong", "Basic b3BlbiBzZXNhbWU=", "Bearer ", "bearer open"):
        assert {client.request(method, path, headers={"authorization": token} if token else {}).status_code for method, path in asked} == {401}

    allowed = {"authorization": "Bearer open sesame"}
    assert client.post("/models/churn", json=ROWS[0], headers=allowed).status_code == client.get("/metadata", headers=allowed).status_code == 200
    assert [client.get(path).status_code for path in ("/health", "/ready", "/v2/health/live", "/v2/health/ready")] == [200] * 4


@pytest.mark.parametrize(("body", "headers", "status"), [
    (b"", {}, 400), (b"{", {}, 400), (b"[1]", {}, 400), (b"null", {}, 400), (b"\x80\x04.", {}, 400), (b'{"f0": NaN}', {}, 400), (b'{"f0": 1e999}', {}, 400),
    (b'{"rows": []}', {}, 400), (b'{"rows": [1]}', {}, 400), (b'{"rows": [{}, {}, {}, {}]}', {}, 413), (b'{"f0": ' + b"[" * 40 + b"]" * 40 + b"}", {}, 400),
    (b'{"f0": ' + b"[" * 400 + b"]" * 400 + b"}", {}, 400), (b"[" * 5_000, {}, 400), (b"{" + b" " * 9_000 + b"}", {}, 413), (b"{}", {"content-type": "text/plain"}, 415),
    (b"{}", {"content-type": "application/x-python-pickle"}, 415), (b"{}", {"content-encoding": "gzip"}, 415), (b"{}", {}, 422), (b'{"other": 1}', {}, 422),
    (b'{"rows": [{"f0": 1}, {"other": 1}]}', {}, 422), (b"{}", {"x-big": "a" * 20_000}, 431),
    (b"{}", {f"x-{at}": "a" for at in range(200)}, 431), (b"{}", {"x-request-id": "a" * 200}, 400), (b"{}", {"x-request-id": "a\tb"}, 400),
])  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_a_sentence(body: bytes, headers: dict[str, str], status: int) -> None:
    client = TestClient(application(desk_of(limits=Limits(body_bytes=8_000, rows=3))))

    answered = client.post("/models/churn", content=body, headers={"content-type": "application/json", **headers})

    assert answered.status_code == status, answered.text
    assert list(answered.json()) == ["error"]
    assert client.post("/models/churn", json=ROWS[0]).json()["fallback"] == ""  # and the next caller does not suffer for it


def test_rows_of_several_requests_are_answered_in_one_call_and_each_gets_its_own() -> None:
    desk = desk_of(batching=Batching(rows=8, seconds=0.01))
    model = desk.standing["churn"].service.champion.first
    sizes: list[int] = []
    predict = model.predict

    def counted(X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sizes.append(len(X))
        return predict(X)

    model.predict = counted  # type: ignore[method-assign]  # counts, and does what it did

    async def all_at_once() -> list[dict[str, Any]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application(desk)), base_url="http://test") as client:
            asked = [client.post("/models/churn", json=row) for row in [*ROWS[:20], {**ROWS[0], "f0": 1e9}]]
            return [one.json() for one in await asyncio.gather(*asked)]

    answers = asyncio.run(all_at_once())

    assert [answer["score"] for answer in answers[:20]] == pytest.approx(churn().predict(pl.DataFrame(ROWS[:20]))[:, 1].tolist(), abs=1e-5)
    assert (answers[20]["fallback"], answers[20]["version"]) == ("out_of_range", "churn:v1/usual")
    assert sum(sizes) == 20
    assert max(sizes) == 8


@pytest.mark.parametrize("package", ["msgspec", "starlette"])
def test_without_its_extra_the_error_names_it(package: str) -> None:
    script = f"import sys; sys.modules[{package!r}] = None; sys.modules['starlette.applications'] = None\nimport assayline.serving.application"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "MissingExtra" in done.stderr
    assert "pip install 'assayline[serve]'" in done.stderr


def test_metrics_count_answers_fallbacks_and_refusals_and_metadata_says_what_stands_here() -> None:
    desk, _ = rollout_desk(stage=4)
    client = TestClient(application(desk))
    for at in range(8):
        client.post("/models/churn", json={**ROWS[at], "customer": "a"})
    client.post("/models/churn", json={**ROWS[0], "f3": -1e6, "customer": "a"})
    client.post("/models/churn", content=b"{")

    metrics, metadata = client.get("/metrics").text, client.get("/metadata").json()

    arm = desk.service("churn").route("a")[1]  # type: ignore[union-attr]  # it was put there
    version = "churn:v2" if arm == "challenger" else "churn:v1"
    labels = f'{{model="churn",version="{version}",arm="{arm}"'
    assert f"assay_answers_total{labels}}} 9\n" in metrics
    assert f'assay_fallbacks_total{labels},reason="out_of_range"}} 1\n' in metrics
    assert 'assay_refused_total{status="400"} 1\n' in metrics
    assert f'assay_answer_seconds_bucket{labels},le="+Inf"}} 9\n' in metrics
    (found,) = metadata["models"]
    assert found["rollout"]["share"] == 25.0
    assert found["rollout"]["unit"] == "customer"
    assert [one["version"] for one in found["models"]] == ["churn:v1", "churn:v2"]
    assert found["models"][0]["runtime"] == "onnx"
    assert found["models"][0]["then"] == ["churn:v1/usual", "abstain"]
    assert [one["name"] for one in found["models"][0]["inputs"]] == sorted(f"f{at}" for at in range(30))
