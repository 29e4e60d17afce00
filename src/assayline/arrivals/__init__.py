"""What comes from outside: files that have settled, queries, pages, messages of a broker, as deliveries for the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .delivery import Delivery
    from .polling import poll
    from .subscription import Message, Subscription, is_stream, open_subscription
    from .windows import Window, Windows

__all__ = ["Delivery", "Message", "Subscription", "Window", "Windows", "is_stream", "open_subscription", "poll"]

_HOMES = {
    "Delivery": "delivery", "Message": "subscription", "Subscription": "subscription", "Window": "windows", "Windows": "windows", "is_stream": "subscription",
    "open_subscription": "subscription", "poll": "polling",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Loaded on first use: a source that is a folder needs no broker.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline.arrivals' has no attribute {name!r}")
