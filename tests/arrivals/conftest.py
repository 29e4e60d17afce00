"""What tests of arrivals share: brokers, one of each for all tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import brokers


@pytest.fixture(scope="session")
def mqtt_port() -> Iterator[int]:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed: pip install 'assayline[mqtt]'")
    with brokers.mosquitto() as port:
        yield port


@pytest.fixture(scope="session")
def nats_port() -> Iterator[int]:
    pytest.importorskip("nats", reason="nats-py is not installed: pip install 'assayline[nats]'")
    with brokers.nats_server() as port:
        yield port


@pytest.fixture(scope="session")
def redis_port() -> Iterator[int]:
    pytest.importorskip("redis", reason="redis is not installed: pip install 'assayline[redis]'")
    with brokers.redis_server() as port:
        yield port


@pytest.fixture(scope="session")
def amqp_port() -> Iterator[int]:
    pytest.importorskip("pika", reason="pika is not installed: pip install 'assayline[amqp]'")
    with brokers.rabbitmq() as port:
        yield port


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """The cluster that librdkafka has inside: it speaks the protocol over TCP and lives in this process."""
    library: Any = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed: pip install 'assayline[kafka]'")
    holder = library.Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
    names = holder.list_topics(timeout=10).brokers
    yield ",".join(f"{one.host}:{one.port}" for one in names.values())
    holder.flush(5)
