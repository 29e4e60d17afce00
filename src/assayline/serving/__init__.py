"""Models answering requests: one ASGI application (`serving.application`), swapped without losing a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .breaker import Breaker
    from .chain import Answer, Chain
    from .desk import Batching, Desk, Limits, Record, Service
    from .guard import Declined, Guard
    from .model import LiveModel

__all__ = ["Answer", "Batching", "Breaker", "Chain", "Declined", "Desk", "Guard", "Limits", "LiveModel", "Record", "Service"]

_HOMES = {
    "Answer": "chain", "Batching": "desk", "Breaker": "breaker", "Chain": "chain", "Declined": "guard", "Desk": "desk", "Guard": "guard", "Limits": "desk", "LiveModel": "model",
    "Record": "desk", "Service": "desk",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Loaded on first use: a guard needs no server.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline.serving' has no attribute {name!r}")
