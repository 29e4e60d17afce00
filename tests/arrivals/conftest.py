"""What tests of arrivals share: brokers, one of each for all tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import brokers


@pytest.fixture(scope="session")
def mqtt_port() -> Iterator[int]:
    with brokers.mosquitto() as port:
        yield port


@pytest.fixture(scope="session")
def nats_port() -> Iterator[int]:
    with brokers.nats_server() as port:
        yield port


@pytest.fixture(scope="session")
def redis_port() -> Iterator[int]:
    with brokers.redis_server() as port:
        yield port


@pytest.fixture(scope="session")
def amqp_port() -> Iterator[int]:
    with brokers.rabbitmq() as port:
        yield port
