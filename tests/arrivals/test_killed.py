"""Whoever takes messages is killed again and again: nothing is lost, and nothing stands twice in what was released."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import senders

TAKER = Path(__file__).parent / "taker.py"
# After the commit and before the first acknowledgement; before the commit; while acknowledging.
DEATHS = ("committed:2", "given:2", "acknowledging:2:0.01", "acknowledging:1:0.002")


def run(told: dict[str, object], folder: Path, how: str = "") -> subprocess.Popen[str]:
    """Starts one that takes."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, str(TAKER), json.dumps(told), str(folder / "ledger.db"), str(folder / "windows"), how], env=environment, stderr=subprocess.PIPE, text=True
    )


def lots_in(folder: Path) -> int:
    if not (folder / "ledger.db").exists():
        return 0
    with sqlite3.connect(folder / "ledger.db", timeout=30) as ledger:
        try:
            return int(ledger.execute("SELECT count(*) FROM lots").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # it is being made


def killed_from_outside(process: subprocess.Popen[str], folder: Path, seed: int) -> None:
    """Kills after the next lot or two, at no special moment."""
    chance, enough = random.Random(seed), lots_in(folder) + 2
    while process.poll() is None and lots_in(folder) < enough:
        time.sleep(0.005)
    time.sleep(chance.random() * 0.05)
    process.kill()


def rows_of(folder: Path) -> Counter[str]:
    with sqlite3.connect(folder / "ledger.db") as ledger:
        return Counter(str(json.loads(row)["n"]) for (row,) in ledger.execute("SELECT row FROM rows"))


def taken_under_kills(told: dict[str, object], folder: Path, send: Callable[[], None]) -> tuple[int, list[int]]:
    """Sends while takers die, five of them, and one lives; gives the number of lots and the exit codes."""
    first = run({**told, "idle": 0.1}, folder)  # makes itself known to the broker, so that it keeps what comes
    _, problem = first.communicate(timeout=60)
    assert first.returncode == 0, problem
    sender = threading.Thread(target=send)
    sender.start()
    codes: list[int] = []
    for how in DEATHS:
        process = run(told, folder, how)
        process.communicate(timeout=600)
        codes.append(process.returncode)
    process = run(told, folder)
    killed_from_outside(process, folder, seed=7)
    process.communicate()
    codes.append(process.returncode)
    sender.join()
    last = run(told, folder)
    _, problem = last.communicate(timeout=1200)
    assert last.returncode == 0, problem
    return lots_in(folder), codes


def judged(count: int, told: dict[str, object], folder: Path, send: Callable[[], None]) -> None:
    begin = time.monotonic()
    lots, codes = taken_under_kills(told, folder, send)
    seconds = time.monotonic() - begin

    expected, got = Counter(str(json.loads(senders.reading(n))["n"]) for n in range(count)), rows_of(folder)
    lost, twice = expected - got, got - expected
    print(f"{count} messages in {lots} lots, 5 kills, {seconds:.1f} s: lost {lost.total()}, twice {twice.total()}")
    assert codes == [-signal.SIGKILL] * 5
    assert (lost.total(), twice.total()) == (0, 0)


SLOW = [pytest.mark.slow, pytest.mark.timeout(3000)]
COUNTS = [5_000, pytest.param(100_000, marks=SLOW)]


@pytest.mark.parametrize("count", COUNTS)
def test_mqtt_messages_are_released_once_however_often_their_taker_is_killed(count: int, mqtt_port: int, tmp_path: Path) -> None:
    topic = f"rides/{uuid.uuid4().hex}"
    told = {"name": topic, "address": f"mqtt://127.0.0.1:{mqtt_port}/{topic}", "window": "1 h", "idle": 3.0, "options": {"most_rows": count // 25}}

    judged(count, told, tmp_path, lambda: senders.send_mqtt(mqtt_port, topic, map(senders.reading, range(count))))


@pytest.mark.parametrize("count", COUNTS)
def test_jetstream_messages_are_released_once_however_often_their_taker_is_killed(count: int, nats_port: int, tmp_path: Path) -> None:
    name = f"rides{uuid.uuid4().hex}"
    told = {"name": name, "address": f"nats://127.0.0.1:{nats_port}/{name}", "window": "1 h", "idle": 6.0, "options": {"most_rows": count // 25, "ack_wait": "3 s"}}
    senders.make_stream(nats_port, name, [name])

    judged(count, told, tmp_path, lambda: senders.send_jetstream(nats_port, name, name, map(senders.reading, range(count))))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_amqp_messages_are_released_once_however_often_their_taker_is_killed(amqp_port: int, tmp_path: Path) -> None:
    pika: Any = pytest.importorskip("pika")
    name, count = f"rides{uuid.uuid4().hex}", 20_000
    told = {"name": name, "address": f"amqp://127.0.0.1:{amqp_port}/{name}", "window": "1 h", "idle": 3.0, "options": {"most_rows": count // 25}}
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp_port, heartbeat=0)) as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True)

        def send() -> None:
            for n in range(count):
                channel.basic_publish("", name, senders.reading(n), pika.BasicProperties(delivery_mode=2))

        judged(count, told, tmp_path, send)
        channel.queue_delete(name)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_redis_entries_are_released_once_however_often_their_taker_is_killed(redis_port: int, tmp_path: Path) -> None:
    library: Any = pytest.importorskip("redis")
    name, count = f"rides{uuid.uuid4().hex}", 20_000
    told = {"name": name, "address": f"redis://127.0.0.1:{redis_port}/{name}", "window": "1 h", "idle": 3.0, "options": {"most_rows": count // 25}}
    client = library.Redis(port=redis_port)

    def send() -> None:
        for n in range(count):
            client.xadd(name, {"data": senders.reading(n)})

    judged(count, told, tmp_path, send)

    client.delete(name)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_kafka_messages_are_released_once_however_often_their_taker_is_killed(kafka_servers: str, tmp_path: Path) -> None:
    library: Any = pytest.importorskip("confluent_kafka")
    name, count = f"rides{uuid.uuid4().hex}", 20_000
    told = {"name": name, "address": f"kafka://{kafka_servers}/{name}", "window": "1 h", "idle": 3.0, "options": {"most_rows": count // 25}}
    producer = library.Producer({"bootstrap.servers": kafka_servers, "queue.buffering.max.messages": 1_000_000})
    producer.list_topics(name, timeout=10)

    def send() -> None:
        for n in range(count):
            producer.produce(name, senders.reading(n), partition=n % 3)
        assert producer.flush(60) == 0

    judged(count, told, tmp_path, send)
