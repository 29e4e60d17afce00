"""Sends one notice through the package apprise, to services beyond mail and webhooks."""

from __future__ import annotations

import queue
import socket
import threading
from typing import TYPE_CHECKING

from ..errors import DeliveryError, MissingExtra
from ..tables.dialling import is_public
from ..tables.secret_references import filled
from .channels import Channel, Settings
from .message import Notice
from .rendering import service_text, short

if TYPE_CHECKING:
    from apprise import NotifyBase


def post(channel: Channel, notice: Notice, settings: Settings, timeout_seconds: float) -> None:
    """Sends the notice; returns once the service has answered that it took it.

    Raises:
        MissingExtra: the package is not installed.
        DeliveryError: it did not, or policy forbids the address.
    """
    try:
        import apprise
    except ImportError:
        raise MissingExtra(f"the channel {channel.name}", extra="notify", package="apprise") from None
    address = filled(channel.target, channel.name)
    answers: queue.SimpleQueue[DeliveryError | bool] = queue.SimpleQueue()

    def work() -> None:
        try:
            # No storage on disk, no redirects; the services' own time-outs are set below.
            asset = apprise.AppriseAsset(http_redirects=False, storage_mode="memory")
            service = _checked(channel, apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True), settings)
            service.socket_connect_timeout = service.socket_read_timeout = timeout_seconds
            answers.put(bool(service.notify(title=short(notice), body=service_text(notice), notify_type="warning", body_format="text")))
        except DeliveryError as error:
            answers.put(error)
        except Exception as error:  # noqa: BLE001 - 250 services of a stranger; their texts may hold the secret
            answers.put(DeliveryError(channel.name, f"the service failed with {type(error).__name__}", next_step="it will be tried again"))

    # Apprise bounds each wait of a service and not their sum, so it is left behind when it takes too long.
    threading.Thread(target=work, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_seconds)
    except queue.Empty:
        late = f"no answer within {timeout_seconds:g} seconds"
        raise DeliveryError(channel.name, late, unreachable=True, next_step="it will be tried again") from None
    if isinstance(answer, DeliveryError):
        raise answer
    if not answer:
        raise DeliveryError(channel.name, "the service did not take it", unreachable=True, next_step="check the channel: assay notify test")


def _checked(channel: Channel, service: NotifyBase | None, settings: Settings) -> NotifyBase:
    """The service, unless it would get round our own rules for webhooks."""
    if service is None:
        raise DeliveryError(channel.name, "apprise does not understand it", unreachable=True, next_step="see the page of the service at apprise")
    if service.redirects is not False or not service.verify_certificate:
        step = "leave the options verify and redirect out of it"
        raise DeliveryError(channel.name, "it switches redirects on or the check of certificates off", permanent=True, next_step=step)
    if "host" not in service.template_tokens or settings.allow_private or not service.host:
        return service
    try:
        found = socket.getaddrinfo(service.host, service.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return service  # some services call a name "host" that is none; what does not resolve cannot be reached either
    if any(not is_public(str(address[0])) for *_, address in found):
        step = "if that is meant, write allow_private = true under [notices] in assay.toml"
        raise DeliveryError(channel.name, "it is at an address that is not public", permanent=True, next_step=step)
    return service
