"""Rows as messages: every row arrives, whatever stops on the way, and receivers can put right what was superseded."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.arrivals import Message, open_subscription
from assayline.core import Source
from assayline.errors import MisuseError
from assayline.ledger import records, verify
from assayline.ledger.schema import NOTICES
from assayline.ledger.store import Staged
from assayline.line.gating import ensure_flow
from assayline.line.outgoing import jetstream
from assayline.line.project import Project, create_project
from assayline.line.targets import add_target, push

brokers: Any = pytest.importorskip("brokers", reason="the brokers stand with the tests of arrivals")
senders: Any = pytest.importorskip("senders", reason="the brokers stand with the tests of arrivals")

Read = Callable[[], list[dict[str, Any]]]
KINDS = ("redis", "nats", "http", "amqp", "mqtt", "kafka")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    """A project with its ledger in SQLite."""
    with create_project(str(tmp_path / "shop")) as made:
        yield made


def entered(project: Project, frame: pl.DataFrame, *, replaces: Sequence[int] = ()) -> int:
    """Enters a lot as the gate does, without judging it; its number."""
    with project.store.staging() as folder:
        path = os.path.join(folder, "rows")
        frame.write_parquet(path)
        digest = project.store.put([Staged(path, ".parquet")])[0]
    with project.ledger.write() as writing:
        known = ensure_flow(writing, "scores")
        lot = records.last_lot(writing.connection) + 1
        rows = {"taken": frame.height, "released": frame.height, "quarantined": 0, "held": 0, "unparseable": 0}
        writing.append(
            "lot",
            {
                "lot": lot, "flow": "scores", "place": known.lots + 1, "digest": f"sha256:{lot}", "input": f"{lot}.parquet", "verdict": "release", "state": "released",
                "teaches": True, "rows": rows, "objects": {"released": digest}, "parents": [], "findings": [], "codes": [], "figures": {}, "cases": [], "incidents": [],
                "notices": [], "facts": {"replaces": " ".join(map(str, replaces))} if replaces else {}, "replaces": list(replaces),
            },
        )  # fmt: skip
    return lot


def scores(count: int, scored: float = 0.5, first: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"customer": [f"c{number}" for number in range(first, first + count)], "score": [scored] * count})


def predictions(run: str, sequence: int, scored: Sequence[float]) -> pl.DataFrame:
    return pl.DataFrame({"customer": [f"c{n}" for n in range(len(scored))], "prediction": scored, "assay_run": [run] * len(scored), "assay_sequence": [sequence] * len(scored)})


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what comes, and ends the connection now and then as servers do."""

    protocol_version = "HTTP/1.1"
    posts: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posts.append((self.headers["Idempotency-Key"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        if len(self.posts) % 7 == 0:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, Any]]:
    """Brokers, each started when it is first asked for."""
    with contextlib.ExitStack() as stack:

        class Started(dict[str, Any]):
            def __missing__(self, kind: str) -> Any:
                if kind == "kafka":
                    library: Any = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed: pip install 'assayline[kafka]'")
                    holder = library.Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
                    self["kafka library"] = holder
                    found = ",".join(f"{one.host}:{one.port}" for one in holder.list_topics(timeout=10).brokers.values())
                else:
                    found = stack.enter_context({"redis": brokers.redis_server, "nats": brokers.nats_server, "amqp": brokers.rabbitmq, "mqtt": brokers.mosquitto}[kind]())
                self[kind] = found
                return found

        yield Started()


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, ports: dict[str, Any], tmp_path: Path) -> Iterator[tuple[str, Read]]:
    """An address that takes messages, and a function that gives every body that has come there so far, in order."""
    kind, name = request.param, f"scores-{uuid.uuid4().hex[:8]}"
    came: list[Message] = []
    if kind == "http":
        handler: Any = type("Handler", (Receiver,), {"posts": []})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/in", lambda: [json.loads(body) for _, body in handler.posts]
        server.shutdown()
        server.server_close()
        return
    pytest.importorskip({"redis": "redis", "nats": "nats", "amqp": "pika", "mqtt": "paho.mqtt.client", "kafka": "confluent_kafka"}[kind])
    port = ports[kind]
    address = f"kafka://{port}/{name}" if kind == "kafka" else f"{kind}://127.0.0.1:{port}/{name}"
    if kind == "nats":
        made_stream(port, name)
    elif kind == "amqp":
        made_queue(port, name)
    elif kind == "kafka":
        ports["kafka library"].produce(name, b"", on_delivery=None)  # makes the topic
        ports["kafka library"].flush(10)
    with contextlib.closing(open_subscription(Source(name, address), folder=str(tmp_path))) as reader:

        def read() -> list[dict[str, Any]]:
            while messages := reader.receive(10_000, 1.0):
                reader.ack(messages)
                came.extend(one for one in messages if one.body)
            if kind == "kafka":  # in order in each partition only
                came.sort(key=lambda one: (int(one.headers["assay-push"].rpartition(":")[2]), int(one.headers["assay-number"])))
            return [json.loads(one.body) for one in came]

        yield address, read
    if kind == "redis":
        import redis

        redis.Redis(port=port).delete(name)


def made_stream(port: int, name: str, duplicate_seconds: float = 0.1) -> None:
    """A stream that forgets ids at once: what is there once is so since it was looked for."""
    import asyncio

    import nats

    async def make() -> None:
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        await client.jetstream().add_stream(name=name, subjects=[name], duplicate_window=duplicate_seconds)
        await client.close()

    asyncio.run(make())


def made_queue(port: int, name: str) -> None:
    pika: Any = pytest.importorskip("pika")
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    connection.channel().queue_declare(name, durable=True, arguments={"x-expires": 600_000})
    connection.close()


def problems(project: Project) -> list[str]:
    return [one.problem for one in push(project, "scores")]


def test_every_row_is_a_message_and_only_what_changed_is_sent_when_another_lot_stands_for_it(shop: Project, there: tuple[str, Read]) -> None:
    address, read = there
    add_target(shop, "scores", address, key=["customer"])
    entered(shop, predictions("run1", 1_000, [0.1, 0.2, 0.3]))
    entered(shop, predictions("run2", 2_000, [0.4]))

    assert problems(shop) == [""]
    assert [(one["assay_id"], one["customer"], one["prediction"]) for one in read()] == [("run1:0:0", "c0", 0.1), ("run1:1:0", "c1", 0.2), ("run1:2:0", "c2", 0.3), ("run2:0:0", "c0", 0.4)]
    entered(shop, predictions("run3", 1_001, [0.1, 0.9]), replaces=[1])
    assert [(one.lots, one.withdrawn, one.problem) for one in push(shop, "scores")] == [((3,), (1,), "")]

    changed, gone = read()[4:]
    assert (changed["assay_id"], changed["prediction"], changed["assay_supersedes"], changed["assay_sequence"]) == ("run3:1:1", 0.9, "run1:1:0", 1_001)
    assert (gone["assay_gone"], gone["customer"], gone["assay_supersedes"], gone["assay_sequence"]) == (True, "c2", "run1:2:0", 1_001)
    assert problems(shop) == [""]
    assert push(shop, "scores", again=True)[0].lots == ()
    assert len(read()) == 6
    assert list(verify(shop.ledger, shop.store)) == []


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("noted", [False, True])
def test_a_push_that_is_killed_goes_on_and_what_is_sent_twice_has_the_same_id(shop: Project, there: tuple[str, Read], noted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    address, read = there
    monkeypatch.setattr("assayline.line.target_messages.PIECE", 10)
    monkeypatch.setattr("assayline.line.target_messages.NOTE_SECONDS", -1.0 if noted else 1e9)
    add_target(shop, "scores", address)
    entered(shop, scores(45))
    for pieces in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr("assayline.line.target_messages.open_sender", _dying_after(pieces))
            with pytest.raises(Killed):
                push(shop, "scores")

    assert problems(shop) == [""]

    bodies = read()
    ids = [one["assay_id"] for one in bodies]
    assert set(ids) == {f"1:{number}" for number in range(45)}
    assert len({(one["assay_id"], json.dumps(one)) for one in bodies}) == 45
    exact = address.startswith(("redis", "nats"))
    if exact:
        assert ids == [f"1:{number}" for number in range(45)]
    assert len(ids) == 45 + (0 if exact else 20 if noted else 30)


def _dying_after(pieces: int) -> Any:
    """A broker that has everything, and a process that ends before it hears so."""
    from assayline.line.outgoing.sending import open_sender

    def opened(*given: Any) -> Any:
        sender = open_sender(*given)
        send, count = sender.send, [0]

        def sending(push: str, messages: Any) -> None:
            send(push, messages)
            count[0] += 1
            if count[0] == pieces:
                raise Killed

        sender.send = sending  # type: ignore[method-assign]  # of this one only
        return sender

    return opened


def test_a_piece_of_which_jetstream_took_some_messages_is_filled_up(shop: Project, ports: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nats")
    name = f"scores-{uuid.uuid4().hex[:8]}"
    made_stream(ports["nats"], name)
    address = f"nats://127.0.0.1:{ports['nats']}/{name}"
    monkeypatch.setattr("assayline.line.target_messages.PIECE", 10)
    add_target(shop, "scores", address)
    entered(shop, scores(45))
    for some in ((0, 3, 6, 7), (1, 2)):  # of the first piece, and of what was left of it
        with monkeypatch.context() as patch:
            patch.setattr(jetstream.JetStreamSender, "send", _taking_some(some))
            with pytest.raises(Killed):
                push(shop, "scores")

    assert problems(shop) == [""]

    with contextlib.closing(open_subscription(Source(name, address), folder=str(tmp_path))) as reader:
        ids = [json.loads(one.body)["assay_id"] for one in reader.receive(1_000, 2.0)]
    assert sorted(ids, key=lambda one: int(one[2:])) == [f"1:{number}" for number in range(45)]


def _taking_some(some: Sequence[int]) -> Any:
    whole = jetstream.JetStreamSender.send

    def send(self: Any, push: str, messages: Any) -> None:
        after, first = self._piece or (self._last, messages[0].number)
        for place in some:
            self._piece = (after, first)
            whole(self, push, [messages[place]])
        raise Killed

    return send


def test_what_was_sent_in_part_is_put_right_by_all_rows_of_the_lot_that_stands_for_it(shop: Project, there: tuple[str, Read], monkeypatch: pytest.MonkeyPatch) -> None:
    address, read = there
    monkeypatch.setattr("assayline.line.target_messages.PIECE", 10)
    add_target(shop, "scores", address, key=["customer"])
    entered(shop, scores(25))
    with monkeypatch.context() as patch:
        patch.setattr("assayline.line.target_messages.open_sender", _dying_after(1))
        with pytest.raises(Killed):
            push(shop, "scores")
    entered(shop, scores(24), replaces=[1])

    assert problems(shop) == [""]

    assert kept(read()) == {f"c{number}": 0.5 for number in range(24)}
    assert problems(shop) == [""]
    entered(shop, scores(24).with_columns(score=pl.when(pl.col("customer") == "c3").then(0.7).otherwise("score")), replaces=[2])
    count = len(read())
    assert problems(shop) == [""]
    assert [(one["customer"], one["score"]) for one in read()[count:]] == [("c3", 0.7)]


def kept(bodies: list[dict[str, Any]]) -> dict[str, float]:
    """What somebody has who keeps the row with the highest sequence of each customer."""
    found: dict[str, dict[str, Any]] = {}
    for body in bodies:
        if body["assay_sequence"] >= found.get(body["customer"], body)["assay_sequence"]:
            found[body["customer"]] = body
    return {name: body["score"] for name, body in sorted(found.items()) if not body.get("assay_gone")}


def test_who_keeps_the_highest_sequence_has_what_stands_now_after_any_history(shop: Project, ports: dict[str, Any], tmp_path: Path) -> None:
    import random

    pytest.importorskip("redis")
    import redis

    name, chance = f"scores-{uuid.uuid4().hex[:8]}", random.Random(3)
    add_target(shop, "scores", f"redis://127.0.0.1:{ports['redis']}/{name}", key=["customer"])
    standing: dict[int, tuple[int, dict[str, float]]] = {}  # place → lot and rows
    for _ in range(30):
        place = chance.randrange(5)
        frame = scores(chance.randrange(1, 6), float(chance.randrange(2)), first=place * 10)
        old = standing.get(place)
        lot = entered(shop, frame, replaces=[old[0]] if old else [])
        standing[place] = (lot, dict(zip(frame["customer"], frame["score"], strict=True)))
        if chance.random() < 0.5:
            assert problems(shop) == [""]

    assert problems(shop) == [""]
    client: Any = redis.Redis(port=ports["redis"])
    bodies = [json.loads(fields[b"data"]) for _, fields in client.xrange(name)]
    client.delete(name)
    assert kept(bodies) == dict(sorted((customer, score) for _, rows in standing.values() for customer, score in rows.items()))
    assert len(bodies) > 30


def test_where_nothing_can_be_undone_nothing_is_sent_and_the_rows_are_listed_and_told(shop: Project, there: tuple[str, Read]) -> None:
    address, read = there
    add_target(shop, "scores", address, key=["customer"], final=True)
    entered(shop, scores(5))
    assert problems(shop) == [""]
    entered(shop, scores(5).with_columns(score=pl.when(pl.col("customer") == "c3").then(0.7).otherwise("score")), replaces=[1])
    entered(shop, scores(2, first=10))

    assert problems(shop) == [""]

    assert [one["assay_id"] for one in read()] == ["1:0", "1:1", "1:2", "1:3", "1:4", "3:0", "3:1"]
    listed = [json.loads(line) for line in Path(shop.folder, "not_undone", "scores-target1-000002.ndjson").read_text().splitlines()]
    assert [(one["customer"], one["score"], one["assay_supersedes"]) for one in listed] == [("c3", 0.7, "1:3")]
    with shop.ledger.read() as connection:
        told = [json.loads(row.body) for row in connection.execute(NOTICES.select())]
    assert [one["subject"] for one in told] == ["1 rows of scores were changed after they had gone to target 1, where nothing can be undone"]
    assert problems(shop) == [""]
    assert len(read()) == 7
    assert list(verify(shop.ledger, shop.store)) == []


def test_a_block_of_rows_is_one_message(shop: Project, there: tuple[str, Read]) -> None:
    address, read = there
    add_target(shop, "scores", address, block=10)
    entered(shop, scores(25))

    assert problems(shop) == [""]

    assert [(one["assay_id"], len(one["rows"]), one["rows"][0]["customer"]) for one in read()] == [("1:0-9", 10, "c0"), ("1:10-19", 10, "c10"), ("1:20-24", 5, "c20")]


def test_values_are_written_as_json_has_them(shop: Project, ports: dict[str, Any]) -> None:
    import datetime
    from decimal import Decimal

    from assayline.line.rows_out import Letters
    from assayline.line.targets import shipment_of

    moment = datetime.datetime(2024, 2, 29, 12, 30, 15, 250_000)
    lot = entered(
        shop,
        pl.DataFrame(
            {
                "text": ['"é"\n', None], "when": [moment, None], "zoned": pl.Series([moment, None]).dt.replace_time_zone("Europe/Stockholm"), "raw": [b"\xff", None],
                "price": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(10, 2)), "nan": [float("nan"), 1.5], "tags": [["a"], None], "none": [None, None],
            }
        ),
    )  # fmt: skip
    with shop.ledger.read() as connection:
        shipment = shipment_of(shop, records.lot_of(connection, lot), "x", typed=False)

    first, second = (json.loads(one.body) for one in Letters(began=7).of(shipment, "there"))

    assert first == {
        "assay_id": "1:0", "assay_lot": 1, "assay_sequence": 1_000_000_007, "text": '"é"\n', "when": "2024-02-29T12:30:15.250000", "zoned": "2024-02-29T11:30:15.250000Z",
        "raw": "/w==", "price": "1.50", "nan": None, "tags": '["a"]', "none": None,
    }  # fmt: skip
    assert (second["text"], second["nan"], second["zoned"]) == (None, 1.5, None)


@pytest.mark.parametrize(
    ("place", "more", "said"),
    [
        ("nats://me:secret@broker/scores", {}, "for ever"),
        ("redis://broker", {}, "name the topic, subject, queue or stream"),
        ("mqtt://broker/scores", {"connection": {"stream": "x"}}, "takes no option stream"),
        ("http://broker/scores", {"block": 0.5}, "a block has"),
        ("http://broker/scores", {"typed": True}, "takes no --typed; it takes --block, --final, --key, --option"),
        ("out", {"block": 5}, "takes no --block"),
    ],
)
def test_what_cannot_be_is_refused_at_once(shop: Project, place: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(MisuseError, match=said) as caught:
        add_target(shop, "scores", place, **more)

    assert "secret" not in str(caught.value)


def test_a_broker_that_is_down_or_does_not_take_messages_is_a_problem_and_names_the_next_step(shop: Project) -> None:
    handler: Any = type("Handler", (Receiver,), {"posts": [], "do_POST": lambda self: (self.rfile.read(int(self.headers["Content-Length"])), self.send_error(422))})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for place in ("redis://127.0.0.1:9/scores", "nats://127.0.0.1:9/scores", "mqtt://127.0.0.1:9/scores", "amqp://127.0.0.1:9/scores", f"http://127.0.0.1:{server.server_port}/in"):
        add_target(shop, "scores", place)
    entered(shop, scores(3))

    said = problems(shop)
    server.shutdown()
    server.server_close()

    assert ["the broker cannot be talked to" in one for one in said[:4]] == [True] * 4
    assert "message 1:0: it answered 422 Unprocessable" in said[4]


def test_a_broker_that_asks_for_a_password_over_tls_is_written_to(shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nats")
    certificate = Path(__file__).parents[1] / "notices" / "localhost.pem"
    if not certificate.exists():
        pytest.skip("the certificate stands with the tests of notices")
    monkeypatch.setenv("BROKER_PASSWORD", "right one")
    port, tls = brokers.free_port(), ["--tls", "--tlscert", str(certificate), "--tlskey", str(certificate)]
    with brokers.started("nats-server", ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path), "--user", "me", "--pass", "right one", *tls], port, "nats-server"):
        for trusted in ({}, {"ca_file": str(certificate)}):
            add_target(shop, "scores", f"natss://me@localhost:{port}/scores{len(trusted)}", connection={"password": "env:BROKER_PASSWORD", **trusted})
        entered(shop, scores(3))

        said = problems(shop)

    assert "cannot be talked to" in said[0]
    assert "no stream holds the subject scores1" in said[1]  # past the door
