"""MQTT 5, on the way out: messages with QoS 1, each acknowledged by the broker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from assayline.arrivals.settings import text
from assayline.arrivals.subscription import client_of, endpoint, talking
from assayline.core import Source
from assayline.errors import Refused, Unreadable

from .sending import Outgoing, Reached, headers_of

KEEP_ALIVE_SECONDS = 300
ANSWER_SECONDS = 30.0
INFLIGHT = 200


def sender(source: Source, library: Any) -> MqttSender:
    """Connects."""
    return MqttSender(source, library)


class MqttSender:
    """One topic. Everything happens in the caller's thread."""

    def __init__(self, source: Source, library: Any) -> None:
        self._library = library
        place = endpoint(source)
        self._shown, self._topic = place.shown, place.rest
        self._problem = ""
        self._connected = False
        self._waiting: set[int] = set()
        client = library.Client(library.CallbackAPIVersion.VERSION2, client_id=f"{client_of(source)}-{time.time_ns():x}"[:64], protocol=library.MQTTv5, reconnect_on_failure=False)
        if place.user:
            client.username_pw_set(place.user, place.password or None)
        if place.tls:
            client.tls_set(ca_certs=text(source, "ca_file") or None)
        client.max_inflight_messages_set(INFLIGHT)
        client.max_queued_messages_set(0)
        client.on_connect, client.on_disconnect, client.on_publish = self._on_connect, self._on_disconnect, self._on_publish
        self._client = client
        host, port = place.host_and_port(8883 if place.tls else 1883)
        with talking(self._shown, ValueError):
            client.connect(host, port, keepalive=KEEP_ALIVE_SECONDS, clean_start=True)
        self._until(lambda: self._connected)

    def reached(self, push: str) -> Reached | None:
        return None

    def send(self, push: str, messages: Sequence[Outgoing]) -> None:
        for one in messages:
            properties = self._library.Properties(self._library.PacketTypes.PUBLISH)
            properties.ContentType = "application/json"
            properties.UserProperty = list({**headers_of(push, one), "assay-key": one.key}.items())
            with talking(self._shown, ValueError):
                sent = self._client.publish(self._topic, one.body, qos=1, properties=properties)
            self._waiting.add(sent.mid)
            if len(self._waiting) >= INFLIGHT:
                self._until(lambda: len(self._waiting) < INFLIGHT)
        self._until(lambda: not self._waiting)

    def close(self) -> None:
        self._client.disconnect()

    def _until(self, done: Any) -> None:
        end = time.monotonic() + ANSWER_SECONDS
        while not done():
            code = self._client.loop(timeout=0.5)
            if code != self._library.MQTT_ERR_SUCCESS and not self._problem:
                self._problem = self._library.error_string(code).rstrip(".").lower()
            if self._problem:
                raise Unreadable(self._shown, f"the connection to the broker is gone ({self._problem})", next_step="the next push goes on")
            if time.monotonic() > end:
                raise Unreadable(self._shown, f"the broker did not answer within {ANSWER_SECONDS:g} seconds", next_step="check that it is an MQTT 5 broker; the next push goes on")

    def _on_connect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            raise Refused(self._shown, f"the broker does not let us in ({str(code).lower()})", next_step="check the user, the option password and the rights")
        self._connected = True

    def _on_disconnect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        self._problem = self._problem or str(code).lower()

    def _on_publish(self, client: Any, data: Any, number: int, code: Any, properties: Any) -> None:
        if code.is_failure:
            raise Refused(self._shown, f"the broker does not take a message ({str(code).lower()})", next_step="check the topic and the rights of the user")
        self._waiting.discard(number)
