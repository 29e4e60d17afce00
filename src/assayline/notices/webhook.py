"""Posts one notice to a webhook."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ..errors import DeliveryError
from ..tables.dialling import Deadline, dial, reason, trusting
from ..tables.secret_references import filled
from .channels import ALLOW, CA_FILE, Channel, Settings
from .message import Notice
from .rendering import json_body, slack_body, teams_body

BODIES = {"json": json_body, "slack": slack_body, "teams": teams_body}
LONGEST_WAIT_SECONDS = 86_400.0  # whatever `Retry-After` says
_WAIT_AND_TRY_AGAIN = {408, 425, 429}
_CHANNEL_IS_BUSY = {408, 425, 429, 502, 503, 504}
_TARGET = re.compile(r"/[!-~]*")


def post(channel: Channel, notice: Notice, settings: Settings, timeout_seconds: float) -> None:
    """Posts the notice; returns once the receiver has answered that it took it.

    Raises:
        DeliveryError: it did not.
    """
    post_body(channel, BODIES[channel.kind](notice), notice.key, settings, timeout_seconds)


def post_body(channel: Channel, body: bytes, key: str, settings: Settings, timeout_seconds: float, *, more: Mapping[str, str] | None = None) -> None:
    """Posts JSON; returns once the receiver has answered that it took it.

    Args:
        channel: a webhook.
        body: the JSON.
        key: the same for the same message, however often it is sent; printable ASCII.
        settings: how messages leave this machine.
        timeout_seconds: for the whole conversation.
        more: further headers, without line breaks.

    Raises:
        DeliveryError: it did not.
    """
    # A variable may hold the path with or without its first slash.
    target = re.sub(r"^//+", "/", filled(channel.target, channel.name))
    if not _TARGET.fullmatch(target) or "#" in target:
        raise DeliveryError(channel.name, "its secret makes no path", unreachable=True, next_step="the secret holds what follows the host")
    headers = {
        "Host": _host(channel),
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "Idempotency-Key": key,
        "User-Agent": "assayline",
        "Accept": "*/*",
        "Connection": "close",
        **(more or {}),
    }
    context = trusting(channel.name, settings.ca_file, where=CA_FILE) if channel.tls else None
    with Deadline(timeout_seconds) as deadline:
        try:
            line = dial(channel.name, channel.host, channel.port, deadline, private=settings.allow_private, public=channel.tls, if_meant=ALLOW)
            try:
                if context is not None:
                    line = context.wrap_socket(line, server_hostname=channel.host)
                talk = http.client.HTTPConnection(channel.host, channel.port)
                talk.auto_open = 0  # it may never dial on its own, past our check
                talk.sock = line
                talk.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    talk.putheader(name, value)
                talk.endheaders(body)
                with talk.getresponse() as answer:  # its body says nothing that its status does not
                    status, wait = answer.status, answer.headers.get("Retry-After")
            finally:
                line.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The texts of these errors may repeat the address, hence only their kinds.
            if deadline.passed or isinstance(error, TimeoutError):
                cause = f"no answer within {timeout_seconds:g} seconds"
            elif isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
                cause = "its answer is no HTTP"
            elif isinstance(error, OSError):
                cause = f"the connection broke ({reason(error)})"
            else:
                cause = f"the connection broke ({type(error).__name__})"
            raise DeliveryError(channel.name, cause, unreachable=True, next_step="it will be tried again") from None
    _judge(channel, status, wait)


def _judge(channel: Channel, status: int, wait: str | None) -> None:
    if 200 <= status < 300:
        return
    said = f"it answered {status} {http.client.responses.get(status, '')}".rstrip()
    if 300 <= status < 400:
        raise DeliveryError(
            channel.name, f"{said}: a redirect, which is not followed", permanent=True, next_step="give the address it leads to, if you trust it"
        )
    if 400 <= status < 500 and status not in _WAIT_AND_TRY_AGAIN:
        raise DeliveryError(channel.name, said, permanent=True, next_step="check the address of the channel and its secrets: assay notify test")
    raise DeliveryError(
        channel.name, said, next_step="it will be tried again", retry_after_seconds=_seconds(wait, datetime.now(UTC)),
        unreachable=status in _CHANNEL_IS_BUSY,
    )  # fmt: skip


def _seconds(wait: str | None, now: datetime) -> float | None:
    """What `Retry-After` asks for: seconds, or a date.

    >>> _seconds("120", datetime(2025, 3, 1, tzinfo=UTC)), _seconds("Sat, 01 Mar 2025 00:01:00 GMT", datetime(2025, 3, 1, tzinfo=UTC))
    (120.0, 60.0)
    >>> _seconds("soon", datetime(2025, 3, 1, tzinfo=UTC)) is None
    True
    """
    if wait is None:
        return None
    wait = wait.strip()
    if re.fullmatch(r"[0-9]{1,9}", wait):
        return min(float(wait), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(wait)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_WAIT_SECONDS)


def _host(channel: Channel) -> str:
    host = f"[{channel.host}]" if ":" in channel.host else channel.host
    return host if channel.port == (443 if channel.tls else 80) else f"{host}:{channel.port}"
