"""Models of a project that answer requests: who answers follows the ledger, and what was asked becomes lots, each request once."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from customers import customers

from assayline.artefacts import read
from assayline.core.rollout import bucket
from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records, run_records
from assayline.ledger.rollout_records import RolloutRecord
from assayline.line.delivery.answering import answering
from assayline.line.delivery.in_service import serving_of
from assayline.line.delivery.online import Online, OnlineSettings, is_loopback, new_token, tokens_of
from assayline.line.delivery.online_work import skewed, table_of, work
from assayline.line.delivery.request_windows import RequestWindows, tag_for
from assayline.line.delivery.rollouts import advance, start
from assayline.line.delivery.terms import Terms
from assayline.line.models.versions import ARTEFACT, version_of
from assayline.line.project import Project
from assayline.serving.recording import segments
from assayline.serving.slots import rollout_document

pytest.importorskip("uvicorn")

CHAMPION = "churn:v4"  # the newest, as long as no rollout says otherwise
ROWS = customers(77, 600).drop("churned").to_dicts()


def spooled(windows: RequestWindows, name: str, tag: Mapping[str, Any], rows: list[dict[str, Any]], scores: list[float], *, first: int = 0, record: RolloutRecord | None = None) -> None:
    """A file as a worker writes it."""
    value = record.value(CHAMPION, "churn:v2") if record is not None else None
    folder = Path(windows.folder) / "churn"
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"tag": tag})]
    for at, (row, score) in enumerate(zip(rows, scores, strict=True), start=first):
        number = bucket(value.salt, row["customer"]) if value is not None else 0
        arm = value.arm_of(number) if value is not None else "champion"
        by = "churn:v2" if arm == "challenger" else CHAMPION
        one = {"request": f"r{at}", "at": 1.7e9 + at, "row": row, "key": row["customer"], "arm": arm, "compared": value is not None and value.is_compared(number), "version": by, "by": by}
        lines.append(json.dumps({**one, "prediction": "yes" if score > 0.5 else "no", "score": score, "fallback": "", "seconds": 0.0002}))
    (folder / f"{name}-0000001.rows").write_text("\n".join(lines) + "\n")


def said(project: Project, version: str, rows: list[dict[str, Any]]) -> list[float]:
    bundle = read(project.store.path(version_of(project, version).objects[ARTEFACT]))
    return [float(one) for one in bundle.predict(pl.DataFrame(rows))[:, 1]]


def tag(project: Project) -> dict[str, Any]:
    with project.ledger.read() as connection:
        serving = serving_of(connection, "churn")
    return tag_for(serving.champion, serving.challenger, [], serving.rollout, rollout_document(serving.value), "customer")


def lots(project: Project) -> list[Any]:
    with project.ledger.read() as connection:
        return records.lots(connection, "churn.requests")


def test_requests_become_a_lot_once_wherever_it_is_cut_off(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = RequestWindows(shop, "here", rows=200, seconds=1e9)
    for number in range(3):
        some = ROWS[number * 100 : number * 100 + 100]
        spooled(windows, f"1-{number}", {**tag(shop)}, some, said(shop, CHAMPION, some), first=number * 100)

    for method, published in (("_gated", 0), ("_forget", 1)):  # before the transaction, and after it
        with monkeypatch.context() as patch:
            patch.setattr(RequestWindows, method, lambda *_: (_ for _ in ()).throw(MisuseError("cut off")))
            windows.collect()
        assert windows.problem == "cut off"
        assert len(lots(shop)) == published
        windows = RequestWindows(shop, "here", rows=200, seconds=1e9)  # another process
    windows.collect()

    [lot] = lots(shop)
    with shop.ledger.read() as connection:
        position = run_records.position_of(connection, windows.source("churn"))
        [scoring] = rollout_records.scorings(connection, flow="churn.requests")
    assert lot.rows["taken"] == 200
    assert position == {"window": 1}
    assert (scoring.lot, scoring.state, scoring.counts["skew"]) == (lot.lot, "answered", [])
    assert [os.path.basename(path) for path in segments(windows.folder, "churn")] == ["1-2-0000001.rows"]  # not enough for a window yet, and not old


def test_live_requests_are_evidence_for_the_judge_who_moves_the_rollout(shop: Project) -> None:
    start(shop, "churn", "v2", terms=Terms("customer", ramp=(50.0, 100.0), limits={"cycle": 1}), author="ann")
    for _ in range(2):  # past replay and shadow
        record = advance(shop, "churn", author="ann", reason="for the test")
    windows = RequestWindows(shop, "here", rows=10_000, seconds=1e9)
    old, new = said(shop, CHAMPION, ROWS), said(shop, "churn:v2", ROWS)
    value = record.value(CHAMPION, "churn:v2")
    scores = [two if value.route(row["customer"]) == "churn:v2" else one for row, one, two in zip(ROWS, old, new, strict=True)]
    spooled(windows, "1-a", tag(shop), ROWS, scores, record=record)

    windows.collect(closing=True)

    with shop.ledger.read() as connection:
        [scoring] = rollout_records.scorings(connection, rollout=record.rollout)
        moves = rollout_records.moves(connection, record.rollout)
    evidence = scoring.evidence
    by_name = {one["guard"]: one for one in evidence["behaviours"]}
    places = [bucket(value.salt, row["customer"]) for row in ROWS]
    compared = [at for at, place in enumerate(places) if value.is_compared(place)]
    assert evidence["accounting"]["arms"] == {arm: sum(value.arm_of(place) == arm for place in places) for arm in ("challenger", "champion")}
    assert (evidence["accounting"]["taken"], evidence["accounting"]["misplaced"]) == (600, 0)
    assert by_name["flip_rate"]["rows"] == len(compared)
    assert by_name["flip_rate"]["bad"] == sum((old[at] > 0.5) != (new[at] > 0.5) for at in compared)
    both = pl.read_parquet(shop.store.path(scoring.objects["both"]))
    assert both["assay_row"].to_list() == compared
    assert both["champion"].to_list() == pytest.approx([old[at] for at in compared])
    assert both["challenger"].to_list() == pytest.approx([new[at] for at in compared])
    assert moves[-1].author == "assayline"  # the judge has spoken
    assert moves[-1].decision


@pytest.mark.slow
def test_requests_under_two_stages_are_two_windows_and_an_arm_that_is_not_its_units_is_counted(shop: Project) -> None:
    start(shop, "churn", "v2", terms=Terms("customer", ramp=(50.0, 100.0)), author="ann")
    windows = RequestWindows(shop, "here", rows=10_000, seconds=1e9)
    some = ROWS[:50]
    spooled(windows, "1-a", tag(shop), some, said(shop, CHAMPION, some))
    for _ in range(2):
        record = advance(shop, "churn", author="ann", reason="for the test")
    spooled(windows, "1-b", tag(shop), some, said(shop, CHAMPION, some))  # all by the champion, though half of them are the challenger's

    windows.collect(closing=True)

    with shop.ledger.read() as connection:
        found = rollout_records.scorings(connection, rollout=record.rollout)
    value = record.value(CHAMPION, "churn:v2")
    assert [(one.stage, one.evidence["mode"]) for one in found] == [(0, "replay"), (2, "canary")]
    assert [one.evidence["accounting"]["misplaced"] for one in found] == [0, sum(value.route(row["customer"]) == "churn:v2" for row in some)]


def test_a_request_that_had_begun_before_the_stage_changed_is_where_it_belongs(shop: Project, tmp_path: Path) -> None:
    start(shop, "churn", "v2", terms=Terms("customer", ramp=(50.0, 100.0)), author="ann")
    before, windows, some = tag(shop), RequestWindows(shop, "here"), ROWS[:50]
    for _ in range(2):
        record = advance(shop, "churn", author="ann", reason="for the test")
    value = record.value(CHAMPION, "churn:v2")
    spooled(windows, "1-a", tag(shop), some, [0.5] * 50)  # all by the champion, as it was
    [path] = segments(windows.folder, "churn")
    lines = Path(path).read_text().splitlines()
    Path(path).write_text("\n".join([json.dumps({"tag": tag(shop), "since": 1.7e9 + 9.5, "before": before}), *lines[1:]]) + "\n")  # ten of them had begun before
    request = {
        "segments": [path], "versions": {}, "champion": CHAMPION, "challenger": "churn:v2", "rollout": rollout_document(value), "unit": "customer", "rates": {}, "alphas": {}, "hard": 3.0,
        "by": [], "allowed": [], "folder": str(tmp_path),
    }  # fmt: skip

    work(request, lambda told: None)

    accounting = json.loads((tmp_path / "window.json").read_text())["accounting"]
    assert accounting["misplaced"] == sum(value.route(row["customer"]) == "churn:v2" for row in some[10:])


def test_an_answer_that_a_batch_would_not_give_is_named_with_the_first_feature_that_differs(shop: Project) -> None:
    path = shop.store.path(version_of(shop, "churn:v1").objects[ARTEFACT])
    asked = {"churn:v1": answering(path, "churn:v1")}
    scores = said(shop, "churn:v1", ROWS[:100])
    made: list[dict[str, Any]] = [{"request": f"r{at}", "at": at, "row": row, "by": "churn:v1", "fallback": "", "score": score} for at, (row, score) in enumerate(zip(ROWS, scores, strict=False))]
    table, _ = table_of(made, ["customer", "age", "city", "spend"])
    rows = table.drop("assay_at")

    assert skewed(made, rows, asked) == []
    [found] = skewed(made, rows.with_columns(pl.col("spend") * 100, pl.col("city").str.to_uppercase()), asked)  # a batch that has cents where requests have euros
    assert found["feature"] == "spend"
    assert "the first feature that differs is 'spend'" in found["sentence"]
    [found] = skewed([{**one, "score": one["score"] + 0.01} for one in made], rows, asked)
    assert (found["feature"], found["differ"]) == ("", 100)
    assert "though all features are the same" in found["sentence"]


def test_whoever_sends_other_columns_each_time_makes_no_wide_table() -> None:
    made = [{"at": 0.0, "row": {"age": at, f"x{at}": 1, "nested": {"a": [1]}, "big": 1 << 70 if at else "x"}} for at in range(200)]

    table, left_out = table_of(made, ["age"])

    assert table.width == 1 + 50 + 1
    assert left_out == 200 + 2 - 50
    assert table["nested"][0] == '{"a": [1]}'
    assert table["big"][1] == str(1 << 70)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"host": "0.0.0.0"}, r"accounts \(--tokens FILE\) and TLS \(--certificate FILE --key FILE\) must be there"),
        ({"host": "0.0.0.0", "tokens": __file__}, r"so TLS .* must be there"),
        ({"host": "192.168.1.9", "certificate": __file__, "key": __file__}, r"so accounts .* must be there"),
        ({"host": "::"}, "can be reached by others"),
        ({"certificate": __file__}, "TLS needs both"),
        ({"tokens": "/nowhere"}, "there is no such file"),
        ({"sample": 2.0}, "--sample is a share"),
        ({"workers": 0}, "--workers is 1 to 64"),
    ],
)  # fmt: skip
def test_what_others_can_reach_needs_accounts_and_tls(more: dict[str, Any], message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        OnlineSettings(**more)
    assert is_loopback("127.0.0.9")
    assert not is_loopback("::")


def test_a_file_of_accounts_says_where_it_is_wrong(tmp_path: Path) -> None:
    token, line = new_token("billing")
    path = tmp_path / "accounts"
    path.write_text(f"# who may ask\n\n{line}  # since May\n")
    assert tokens_of(str(path)) == {"billing": hashlib.sha256(token.encode()).hexdigest()}

    for content, message in ((f"{line}\n{line}\n", "line 2: billing stands there twice"), ("billing secret\n", "line 1: an account is"), ("\n", "there is no account")):
        path.write_text(content)
        with pytest.raises(MisuseError, match=message):
            tokens_of(str(path))
    with pytest.raises(MisuseError, match="no name of an account"):
        new_token("bil ling")


def test_what_would_answer_can_be_checked_without_answering(shop: Project) -> None:
    found = Online(shop, OnlineSettings(sample=0), lambda *_, **__: None).check()

    assert found["models"]["churn"]["name"] == "churn"
    assert {one["state"] for one in found["slots"]} == {"warm"}


class Served:
    """`assay serve` in a process of its own."""

    def __init__(self, project: Project, *more: str) -> None:
        command = [sys.executable, "-m", "assayline", "serve", "--port", "0", "--json", "--project", project.folder, *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.events: list[dict[str, Any]] = []
        self.port = int(str(self.until("begun")["address"]).rpartition(":")[2])

    def until(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == event:
                return self.events[-1]
        raise AssertionError(f"it ended without {event}: {self.events}")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Mapping[str, str], Any]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(60)


@contextlib.contextmanager
def served(project: Project, *more: str) -> Iterator[Served]:
    made = Served(project, *more)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()


@pytest.mark.slow
def test_it_speaks_tls_with_one_worker_and_with_several(shop: Project, tmp_path: Path) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("there is no openssl to make a certificate with")
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    for workers in ("1", "2"):
        with served(shop, "churn", "--certificate", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"), "--sample", "0", "--workers", workers) as server:
            connection = http.client.HTTPSConnection("localhost", server.port, timeout=20, context=context)
            connection.request("POST", "/models/churn", json.dumps(ROWS[0]), {"content-type": "application/json"})
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("x-model-version")) == (200, CHAMPION)
            connection.close()
            assert server.end() == 0


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_the_command_answers_follows_the_rollout_and_leaves_lots_behind(shop: Project, workers: str) -> None:
    start(shop, "churn", "v2", terms=Terms("customer", ramp=(100.0,)), author="ann")
    with served(shop, "churn", "--workers", workers) as server:
        before = server.ask("POST", "/models/churn", ROWS[0])
        for _ in range(2):
            advance(shop, "churn", author="ann", reason="for the test")
        server.until("switched")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            after = server.ask("POST", "/models/churn", ROWS[0])
            if after[1]["x-model-version"] == "churn:v2":
                break
        foreign = server.ask("POST", "/models/churn", ROWS[0], host="evil.example")[0]
        metrics = server.ask("GET", "/metrics")[2].decode()
        code = server.end()

    assert (before[0], before[1]["x-model-version"], before[1]["x-assay-arm"]) == (200, CHAMPION, "champion")
    assert (after[0], after[1]["x-model-version"], after[1]["x-assay-arm"]) == (200, "churn:v2", "challenger")
    assert json.loads(after[2])["score"] == pytest.approx(said(shop, "churn:v2", ROWS[:1])[0], rel=1e-5)
    assert foreign == 403
    assert "assay_answers_total" in metrics
    assert code == 0
    assert sum(one.rows["taken"] for one in lots(shop)) >= 2
    assert [one for one in server.events if one["level"] == "error"] == []


@pytest.mark.slow
def test_with_accounts_every_address_but_the_health_of_the_server_needs_a_token(shop: Project, tmp_path: Path) -> None:
    token, line = new_token("billing")
    accounts = tmp_path / "accounts"
    accounts.write_text(line + "\n")
    paths = ["/metrics", "/metadata", "/v2", "/v2/models/churn", "/v2/models/churn/ready", "/v2/models/churn/versions/v1", "/nowhere"]
    asks = [("GET", path, None) for path in paths] + [
        ("POST", "/models/churn", ROWS[0]), ("POST", "/v2/models/churn/infer", {"inputs": []}), ("POST", "/v2/models/churn/versions/v1/infer", {"inputs": []}),
    ]  # fmt: skip
    with served(shop, "churn", "--tokens", str(accounts), "--sample", "0", "--workers", "2") as server:
        without = {path: server.ask(method, path, body)[0] for method, path, body in asks}
        wrong = {path: server.ask(method, path, body, authorization="Bearer x")[0] for method, path, body in asks}
        with_one = {path: server.ask(method, path, body, authorization=f"Bearer {token}")[0] for method, path, body in asks}
        health = [server.ask("GET", path)[0] for path in ("/health", "/ready", "/v2/health/live", "/v2/health/ready")]
        code = server.end()

    assert set(without.values()) == set(wrong.values()) == {401}
    assert 401 not in with_one.values()
    assert (with_one["/metrics"], with_one["/models/churn"], with_one["/nowhere"]) == (200, 200, 404)
    assert health == [200, 200, 200, 200]
    assert code == 0
