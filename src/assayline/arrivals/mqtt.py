"""MQTT 5: a session that the broker keeps for us, messages acknowledged by hand and in order."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ..core import Source
from ..errors import Refused, Unreadable
from .in_order import InOrder
from .parking import park_in_folder
from .settings import duration, text
from .subscription import Message, client_of, endpoint, package, talking

KEEP_ALIVE_SECONDS = 300  # a commit may take one and a half times as long before the broker gives us up
MOST_UNACKNOWLEDGED = 65_535  # the largest Receive Maximum of MQTT 5 (3.1.2.11.3); Mosquitto gives 20 to whom says nothing
SESSION_SECONDS = 7 * 86_400.0
ANSWER_SECONDS = 30.0
NOBODYS = "assayline/nobody/subscribes/to/this"


def subscribe(source: Source, folder: str) -> MqttSubscription:
    """Connects, takes up the session, and subscribes with QoS 1."""
    return MqttSubscription(source, folder, package("paho.mqtt.client", "mqtt", "paho-mqtt"))


class MqttSubscription:
    """One topic filter of an MQTT broker. Everything happens in the caller's thread: what is not read stays with the broker."""

    most_unacknowledged = MOST_UNACKNOWLEDGED

    def __init__(self, source: Source, folder: str, library: Any) -> None:
        self._library, self._folder = library, os.path.join(folder, "parked")
        place = endpoint(source)
        self._shown, self._topic = place.shown, place.rest
        self._host, self._port = place.host_and_port(8883 if place.tls else 1883)
        self._came: deque[Message] = deque()
        self._line = InOrder()
        self._problem = ""
        self._answered: set[tuple[str, int | None]] = set()
        self._client = self._connected(source, place.tls, place.user, place.password)
        self._subscribe()

    def settled(self) -> Mapping[str, int]:
        return {}

    def receive(self, most: int, seconds: float) -> list[Message]:
        end = time.monotonic() + seconds
        while not self._came:
            self._turn(min(max(end - time.monotonic(), 0.0), 1.0))
            if time.monotonic() >= end and not self._came:
                break
        while self._came and len(self._came) < most:  # whatever else has arrived already
            before = len(self._came)
            self._client.loop_read()
            if len(self._came) == before:
                break
        self._alive()
        messages = [self._came.popleft() for _ in range(min(most, len(self._came)))]
        self._line.given(messages)
        return messages

    def ack(self, messages: Sequence[Message]) -> list[Message]:
        free = self._line.taken(messages)  # MQTT 5, 4.6: in the order in which the messages came
        if not free:
            return []
        with talking(self._shown, ValueError):
            for message in free:
                self._client.ack(*message.token)
            # The broker works through what we send in order: once it has answered this, it has our acknowledgements.
            _, number = self._client.unsubscribe(NOBODYS)
        return free if self._wait_for(("unsubscribed", number)) else []

    def nack(self, messages: Sequence[Message]) -> None:
        """MQTT gives a message again when we come back; until then it is ours."""

    def park(self, message: Message, reason: Mapping[str, str]) -> None:
        park_in_folder(self._folder, message, reason)

    def close(self) -> None:
        self._client.disconnect()

    # -- the connection ------------------------------------------------------------------------------------------------

    def _connected(self, source: Source, tls: bool, user: str, password: str) -> Any:
        properties = self._library.Properties(self._library.PacketTypes.CONNECT)
        properties.SessionExpiryInterval = int(duration(source, "session", SESSION_SECONDS))
        properties.ReceiveMaximum = MOST_UNACKNOWLEDGED
        client = self._library.Client(
            self._library.CallbackAPIVersion.VERSION2, client_id=client_of(source), protocol=self._library.MQTTv5, reconnect_on_failure=False, manual_ack=True
        )
        if user:
            client.username_pw_set(user, password or None)
        if tls:
            client.tls_set(ca_certs=text(source, "ca_file") or None)
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = lambda client, data, number, codes, properties: self._answered.add(("unsubscribed", number))
        self._client = client
        with talking(self._shown, ValueError):
            client.connect(self._host, self._port, keepalive=KEEP_ALIVE_SECONDS, clean_start=False, properties=properties)
        if not self._wait_for(("connected", None)):
            raise Unreadable(self._shown, f"the broker did not answer within {ANSWER_SECONDS:g} seconds", next_step="check that it is an MQTT 5 broker")
        return client

    def _subscribe(self) -> None:
        options = self._library.SubscribeOptions(qos=1, retainHandling=1)  # retained values when the session is new, not at every return
        _, number = self._client.subscribe(self._topic, options=options)
        if not self._wait_for(("subscribed", number)):
            raise Unreadable(self._shown, "the broker did not answer the subscription", next_step="it will be tried again")

    def _turn(self, seconds: float) -> None:
        """Lets the client read and write for a while."""
        code = self._client.loop(timeout=seconds)
        if code != self._library.MQTT_ERR_SUCCESS and not self._problem:
            self._problem = self._library.error_string(code).rstrip(".").lower()
        self._alive()

    def _alive(self) -> None:
        if self._problem:
            raise Unreadable(self._shown, f"the connection to the broker is gone ({self._problem})", next_step="it will be opened again")

    def _wait_for(self, answer: tuple[str, int | None]) -> bool:
        end = time.monotonic() + ANSWER_SECONDS
        while answer not in self._answered and time.monotonic() < end:
            self._turn(0.5)
        found = answer in self._answered
        self._answered.discard(answer)
        return found

    # -- what the client tells -----------------------------------------------------------------------------------------

    def _on_connect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._problem = "refused"
            raise Refused(self._shown, f"the broker does not let us in ({str(code).lower()})", next_step="check the user, the option password and the rights")
        self._answered.add(("connected", None))

    def _on_disconnect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        self._problem = self._problem or str(code).lower()

    def _on_subscribe(self, client: Any, data: Any, number: int, codes: Any, properties: Any) -> None:
        if any(code.is_failure for code in codes):
            raise Refused(self._shown, f"the broker does not let us subscribe ({str(codes[0]).lower()})", next_step="check the topic and the rights of the user")
        self._answered.add(("subscribed", number))

    def _on_message(self, client: Any, data: Any, message: Any) -> None:
        headers = {str(name): str(value) for name, value in getattr(message.properties, "UserProperty", [])}
        self._came.append(
            Message(
                bytes(message.payload), message.topic, "", None, headers, bool(message.dup), 2 if message.dup else 1,
                str(message.mid), None, (message.mid, message.qos),
            )
        )  # fmt: skip
