"""Sends one notice to one channel."""

from __future__ import annotations

from . import mailing, services, webhook
from .channels import Settings, channel_of
from .message import Notice


def send(channel: str, notice: Notice, settings: Settings, timeout_seconds: float = 10.0) -> None:
    """Sends a notice; returns once the receiver has said that it took it.

    Args:
        channel: see `channel_of`.
        timeout_seconds: for connecting, sending and the answer together.

    Raises:
        MisuseError: the channel is malformed.
        MissingExtra: the channel needs the package apprise.
        DeliveryError: it was not taken; `permanent` says whether trying again is pointless.
    """
    goal = channel_of(channel)
    post = mailing.post if goal.kind == "mail" else services.post if goal.kind == "apprise" else webhook.post
    post(goal, notice, settings, timeout_seconds)
