"""A folder for messages that make no row, for brokers that have no place of their own for them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping

from .subscription import Message


def park_in_folder(folder: str, message: Message, reason: Mapping[str, str]) -> None:
    """Appends the message to `parked.ndjson`: its body in base64, its headers, and why it is there. Returns once it is on the disk."""
    os.makedirs(folder, exist_ok=True)
    line = json.dumps({"body": base64.b64encode(message.body).decode(), "topic": message.topic, "headers": dict(message.headers), "reason": dict(reason)})
    descriptor = os.open(os.path.join(folder, "parked.ndjson"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
