"""Every broker keeps the same promises: what is not acknowledged comes again, what is committed does not, what is poison is parked."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import subprocess
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brokers
import pytest
import senders

from assayline.arrivals import Subscription, Windows, open_subscription, poll
from assayline.arrivals.subscription import client_of
from assayline.core import Source
from assayline.errors import InputError, MisuseError, NotFound, Unreadable


@dataclass
class Broker:
    """One topic of a real broker: how to send to it, and what it has parked."""

    source: Source
    send: Callable[[list[bytes]], None]
    parked: Callable[[], list[bytes]]


def source_of(address: str, **options: object) -> Source:
    return Source(f"rides-{uuid.uuid4().hex}", address, window="1 h", options=options)


@pytest.fixture
def mqtt(mqtt_port: int, tmp_path: Path) -> Broker:
    topic = f"rides/{uuid.uuid4().hex}"
    file = tmp_path / "windows" / "parked" / "parked.ndjson"
    return Broker(
        source_of(f"mqtt://127.0.0.1:{mqtt_port}/{topic}"), lambda bodies: senders.send_mqtt(mqtt_port, topic, bodies),
        lambda: [base64.b64decode(json.loads(line)["body"]) for line in file.read_text().splitlines()],
    )  # fmt: skip


@pytest.fixture
def jetstream(nats_port: int) -> Broker:
    name = f"rides{uuid.uuid4().hex}"
    senders.make_stream(nats_port, name, [name])

    def parked() -> list[bytes]:
        subscription = open_subscription(source_of(f"nats://127.0.0.1:{nats_port}/parked.{name}"), folder="unused")
        try:
            return [one.body for one in subscription.receive(10, 5)]
        finally:
            subscription.close()

    return Broker(source_of(f"nats://127.0.0.1:{nats_port}/{name}", ack_wait="1 s"), lambda bodies: senders.send_jetstream(nats_port, name, name, bodies), parked)


@pytest.fixture
def amqp(amqp_port: int) -> Iterator[Broker]:
    pika: Any = pytest.importorskip("pika", reason="pika is not installed: pip install 'assayline[amqp]'")
    queue = f"rides-{uuid.uuid4().hex}"
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp_port, heartbeat=0))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()

    def send(bodies: list[bytes]) -> None:
        for body in bodies:
            channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))

    yield Broker(source_of(f"amqp://127.0.0.1:{amqp_port}/{queue}"), send, lambda: [channel.basic_get(f"{queue}.parked", auto_ack=True)[2]])
    channel.queue_delete(queue)
    channel.queue_delete(f"{queue}.parked")
    connection.close()


@pytest.fixture
def redis(redis_port: int) -> Iterator[Broker]:
    library: Any = pytest.importorskip("redis", reason="redis is not installed: pip install 'assayline[redis]'")
    client, stream = library.Redis(port=redis_port), f"rides-{uuid.uuid4().hex}"

    def send(bodies: list[bytes]) -> None:
        for body in bodies:
            client.xadd(stream, {"data": body})

    yield Broker(source_of(f"redis://127.0.0.1:{redis_port}/{stream}"), send, lambda: [fields[b"data"] for _, fields in client.xrange(f"{stream}.parked")])
    client.delete(stream, f"{stream}.parked")
    client.close()


@pytest.fixture
def kafka(kafka_servers: str) -> Broker:
    library: Any = pytest.importorskip("confluent_kafka")
    topic = f"rides-{uuid.uuid4().hex}"
    producer = library.Producer({"bootstrap.servers": kafka_servers})

    def send(bodies: list[bytes]) -> None:
        for number, body in enumerate(bodies):
            producer.produce(topic, body, partition=number % 2)
        assert producer.flush(30) == 0

    send([])
    producer.list_topics(topic, timeout=10)  # makes it

    def parked() -> list[bytes]:
        subscription = open_subscription(source_of(f"kafka://{kafka_servers}/{topic}.parked"), folder="unused")
        try:
            return [one.body for one in subscription.receive(10, 10)]
        finally:
            subscription.close()

    return Broker(source_of(f"kafka://{kafka_servers}/{topic}"), send, parked)


BROKERS = ("mqtt", "jetstream", "amqp", "redis", "kafka")


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(request.param)
    open_subscription(found.source, folder="unused").close()  # from now on the broker keeps what comes
    return found


def bodies(*numbers: int) -> list[bytes]:
    return [b'{"n": %d}' % number for number in numbers]


def came(subscription: Subscription, count: int) -> list[Any]:
    """So many messages, or what has come in 20 seconds."""
    found: list[Any] = []
    end = time.monotonic() + 20
    while len(found) < count and time.monotonic() < end:
        found += subscription.receive(count - len(found), 1)
    return found


def taken(broker: Broker, position: Any, folder: Path, *, commit: bool = True, seconds: float = 1.5) -> tuple[list[int], Any]:
    """One run: the numbers that were released, and the position after it; without `commit` it ends before its first window is acknowledged."""
    subscription = open_subscription(broker.source, folder=str(folder))
    windows, numbers = Windows(broker.source, subscription, position, folder=str(folder)), []
    while (window := windows.next(seconds, closing=True)) is not None:
        numbers += [json.loads(line)["n"] for line in Path(window.delivery.path).read_text().splitlines()]
        position = json.loads(json.dumps(dict(window.delivery.position)))
        if not commit:
            break
        windows.committed(window)
    subscription.close()
    return sorted(numbers), position


def test_messages_come_once_when_they_are_committed(broker: Broker, tmp_path: Path) -> None:
    broker.send(bodies(*range(30)))

    first, position = taken(broker, None, tmp_path / "windows")
    broker.send(bodies(30, 31))
    second, _ = taken(broker, position, tmp_path / "windows")

    assert first == list(range(30))
    assert second == [30, 31]


def test_what_was_committed_and_never_acknowledged_is_not_released_again(broker: Broker, tmp_path: Path) -> None:
    broker.send(bodies(1, 1, 2, 3))

    first, position = taken(broker, None, tmp_path / "windows", commit=False)
    broker.send(bodies(3, 4))
    second, position = taken(broker, position, tmp_path / "windows")
    third, _ = taken(broker, position, tmp_path / "windows")

    assert (first, second, third) == ([1, 1, 2, 3], [3, 4], [])


def test_what_was_never_committed_comes_again(broker: Broker, tmp_path: Path) -> None:
    broker.send(bodies(1, 2, 3))

    lost, _ = taken(broker, None, tmp_path / "windows", commit=False)
    again, _ = taken(broker, None, tmp_path / "windows")

    assert lost == again == [1, 2, 3]


def test_poison_is_parked_and_the_others_go_on(broker: Broker, tmp_path: Path) -> None:
    broker.send([*bodies(1), b'{"n": ', *bodies(2)])

    numbers, position = taken(broker, None, tmp_path / "windows")
    later, _ = taken(broker, position, tmp_path / "windows", seconds=1)

    assert (numbers, later) == ([1, 2], [])
    assert broker.parked() == [b'{"n": ']


def test_a_message_has_what_the_broker_knows_of_it(broker: Broker) -> None:
    broker.send(bodies(1, 2))
    subscription = open_subscription(broker.source, folder="unused")

    first, second = came(subscription, 2)
    subscription.nack([first, second])
    subscription.close()

    assert not first.redelivered
    assert first.attempt == 1
    assert first.topic
    assert (first.place is None) == broker.source.address.startswith(("mqtt", "amqp"))
    assert (first.id == "") == (first.place is None)


def test_a_line_that_is_cut_again_and_again_loses_nothing_and_gives_nothing_twice(broker: Broker, tmp_path: Path) -> None:
    if broker.source.address.startswith("kafka"):
        pytest.skip("brokers of Kafka say themselves where they are, so nothing can stand between")
    broker.send([b'{"n": %d, "more": "%s"}' % (number % 50, b"x" * 100) for number in range(600)])
    port = re.search(r":(\d+)/", broker.source.address)
    assert port is not None
    lengths = itertools.chain((300, 2_000, 9_000, 20_000, 30_000, 41_000), itertools.repeat(10_000_000))
    numbers: list[int] = []
    position, problems = None, 0

    with brokers.cutting_proxy(int(port[1]), lengths) as line:
        source = replace(broker.source, address=broker.source.address.replace(port[1], str(line)), options={**broker.source.options, "most_rows": 50})
        end = time.monotonic() + 100
        while len(numbers) < 600 and time.monotonic() < end:
            try:
                subscription = open_subscription(source, folder=str(tmp_path / "windows"))
                windows = Windows(source, subscription, position, folder=str(tmp_path / "windows"))
                while (window := windows.next(2, closing=True)) is not None:
                    numbers += [json.loads(row)["n"] for row in Path(window.delivery.path).read_text().splitlines()]
                    position = window.delivery.position
                    windows.committed(window)
            except InputError:
                problems += 1

    assert problems >= 4
    assert Counter(numbers) == Counter(number % 50 for number in range(600))


def test_nobody_waits_for_more_than_the_first_message(broker: Broker) -> None:
    subscription = open_subscription(broker.source, folder="unused")
    broker.send(bodies(1))

    begin = time.monotonic()
    messages = subscription.receive(1000, 30)
    seconds = time.monotonic() - begin
    subscription.close()

    assert len(messages) == 1
    assert seconds < 15


@pytest.mark.parametrize("scheme", ["mqtt", "nats", "amqp", "redis", "kafka"])
def test_a_broker_that_does_not_answer_is_an_error_without_the_password(scheme: str) -> None:
    for package, address in (("paho.mqtt", "mqtt"), ("nats", "nats"), ("pika", "amqp"), ("redis", "redis"), ("confluent_kafka", "kafka")):
        if address == scheme:
            pytest.importorskip(package)

    with pytest.raises(InputError) as error:
        open_subscription(Source("rides", f"{scheme}://me:hidden@127.0.0.1:9/rides", options={"security.protocol": "SASL_PLAINTEXT"} if scheme == "kafka" else {}), folder="unused")

    assert "hidden" not in str(error.value)
    assert error.value.next_step


def test_a_broker_that_goes_away_ends_the_subscription(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt.client")
    with brokers.mosquitto() as port:
        subscription = open_subscription(source_of(f"mqtt://127.0.0.1:{port}/rides"), folder=str(tmp_path))

    with pytest.raises(InputError, match="will be opened again"):
        subscription.receive(1, 10)


@pytest.mark.parametrize(("package", "scheme"), [("paho", "mqtt"), ("nats", "nats"), ("pika", "amqp"), ("redis", "redis"), ("confluent_kafka", "kafka")])
def test_without_its_package_a_broker_names_the_extra(package: str, scheme: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\nfrom assayline.arrivals import open_subscription\nfrom assayline.core import Source\n"
        f"try: open_subscription(Source('a', '{scheme}://host/b'), folder='.')\nexcept Exception as error: print(error)"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert f"pip install 'assayline[{scheme}]'" in said


def test_what_streams_is_not_polled_and_what_does_not_is_not_subscribed_to(tmp_path: Path) -> None:
    import datetime

    with pytest.raises(MisuseError, match="streams"):
        next(poll(Source("rides", "mqtt://host/rides"), None, folder=str(tmp_path), moment=datetime.datetime.now(datetime.UTC)))
    with pytest.raises(MisuseError, match="does not stream"):
        open_subscription(Source("rides", "rides/"), folder=str(tmp_path))


def test_a_queue_that_is_not_there_is_named(amqp_port: int) -> None:
    pytest.importorskip("pika")

    with pytest.raises(NotFound, match="no queue 'nosuch'"):
        open_subscription(source_of(f"amqp://127.0.0.1:{amqp_port}/nosuch"), folder="unused")


def test_a_subject_without_a_stream_is_named(nats_port: int) -> None:
    pytest.importorskip("nats")

    with pytest.raises(NotFound, match="no stream holds the subject"):
        open_subscription(source_of(f"nats://127.0.0.1:{nats_port}/nosuch"), folder="unused")


def test_a_stream_of_nats_that_is_made_again_is_another_log(nats_port: int, tmp_path: Path, jetstream: Broker) -> None:
    nats: Any = pytest.importorskip("nats")
    name = jetstream.source.address.rpartition("/")[2]

    async def forget() -> None:
        client = await nats.connect(f"nats://127.0.0.1:{nats_port}")
        await client.jetstream().delete_stream(name)
        await client.close()

    jetstream.send(bodies(1, 2))
    _, position = taken(jetstream, None, tmp_path / "windows")
    asyncio.run(forget())
    jetstream.send(bodies(3, 4))

    assert taken(jetstream, position, tmp_path / "windows")[0] == [3, 4]


def test_a_message_that_goes_astray_between_two_others_is_not_taken_for_committed(nats_port: int, tmp_path: Path, jetstream: Broker) -> None:
    """The client may drop what it has no room for; here somebody else gets it, and does not acknowledge it."""
    nats: Any = pytest.importorskip("nats")
    name = jetstream.source.address.rpartition("/")[2]

    async def steal() -> None:
        client = await nats.connect(f"nats://127.0.0.1:{nats_port}")
        pull = await client.jetstream().pull_subscribe_bind(consumer=client_of(jetstream.source), stream=name)
        await pull.fetch(1, timeout=5)
        await client.close()

    jetstream.send(bodies(1, 2, 3))
    subscription = open_subscription(jetstream.source, folder="unused")
    windows = Windows(jetstream.source, subscription, None, folder=str(tmp_path / "windows"))
    windows._take(subscription.receive(1, 5))
    asyncio.run(steal())
    windows._take(subscription.receive(1, 5))
    window = windows.next(0, closing=True)
    assert window is not None
    windows.committed(window)
    first = window.delivery.facts["first_id"], window.delivery.facts["last_id"]
    second = windows.next(3, closing=True)
    subscription.close()

    assert first == ("1", "3")
    assert second is not None
    assert second.delivery.facts["first_id"] == "2"


class Silent:
    """An administrator of Kafka whose first answers never come."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers

    def __call__(self, _: Any) -> Silent:
        return self

    def describe_topics(self, topics: Any, request_timeout: float) -> dict[str, Any]:
        found: Future[Any] = Future()
        if isinstance(answer := self.answers.pop(0), Exception):
            found.set_exception(answer)
        elif answer is not None:
            found.set_result(SimpleNamespace(topic_id=answer))
        return defaultdict(lambda: found)


def test_a_topic_is_asked_for_its_identity_again_and_never_given_another_one_because_nobody_answered(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = pytest.importorskip("confluent_kafka")
    admin: Any = pytest.importorskip("confluent_kafka.admin")
    monkeypatch.setattr("assayline.arrivals.kafka.ANSWER_SECONDS", 3.0)
    late = library.KafkaException(library.KafkaError(library.KafkaError._TIMED_OUT))
    unknown = library.KafkaException(library.KafkaError(library.KafkaError._UNSUPPORTED_FEATURE))

    def logs(*answers: Any) -> set[str]:
        monkeypatch.setattr(admin, "AdminClient", Silent(list(answers)))
        subscription = open_subscription(kafka.source, folder="unused")
        try:
            return {name.rpartition("/")[0] for name in subscription._logs.values()}  # type: ignore[attr-defined]  # of Kafka's subscription
        finally:
            subscription.close()

    topic = kafka.source.address.rpartition("/")[2]
    assert logs("id-1") == logs(None, "id-1") == logs(late, None, "id-1") == {f"{topic}#id-1"}
    assert logs(unknown) == {topic}
    with pytest.raises(Unreadable, match="does not say which topic it is"):
        logs(None, late, None)
