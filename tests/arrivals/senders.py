"""Sends readings to a broker as a device would, and waits until the broker has them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import pytest


def reading(number: int) -> bytes:
    """Every tenth reading is the same as the nine before it but for its number's last digit, so that equal readings come too."""
    return b'{"n": %d, "t": %d}' % (number - number % 10 if number % 10 < 2 else number, 20 + number % 3)


def send_mqtt(port: int, topic: str, bodies: Iterable[bytes]) -> None:
    mqtt: Any = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed: pip install 'assayline[mqtt]'")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(1000)
    client.max_queued_messages_set(0)
    arrived = threading.Semaphore(0)
    client.on_publish = lambda *_: arrived.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = 0
    for body in bodies:
        client.publish(topic, body, qos=1)
        sent += 1
        if sent > 2000:
            arrived.acquire()
    for _ in range(min(sent, 2000)):
        assert arrived.acquire(timeout=60)
    client.disconnect()
    client.loop_stop()


def send_jetstream(port: int, stream: str, subject: str, bodies: Iterable[bytes]) -> None:
    nats: Any = pytest.importorskip("nats", reason="nats-py is not installed: pip install 'assayline[nats]'")

    async def send() -> None:
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        js = client.jetstream()
        await js.add_stream(name=stream, subjects=[subject])
        gate = asyncio.Semaphore(500)

        async def one(body: bytes) -> None:
            async with gate:
                await js.publish(subject, body)

        await asyncio.gather(*(one(body) for body in bodies))
        await client.close()

    asyncio.run(send())


def make_stream(port: int, stream: str, subjects: list[str]) -> None:
    nats: Any = pytest.importorskip("nats", reason="nats-py is not installed: pip install 'assayline[nats]'")

    async def make() -> None:
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        await client.jetstream().add_stream(name=stream, subjects=subjects)
        await client.close()

    asyncio.run(make())
