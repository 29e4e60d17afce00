"""Opens anything that holds a table and gives it in pieces, in order, with our own count of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .child import hardening, run_in_child
    from .frames import open_frame
    from .limits import Limits
    from .opening import open_table
    from .source import Source
    from .table import Piece, Reader, Table

__all__ = ["Limits", "Piece", "Reader", "Source", "Table", "hardening", "open_frame", "open_table", "readers", "run_in_child"]

_HOMES = {
    "Limits": "limits",
    "Piece": "table",
    "Reader": "table",
    "Source": "source",
    "Table": "table",
    "hardening": "child",
    "open_frame": "frames",
    "open_table": "opening",
    "run_in_child": "child",
}


def readers() -> list[Reader]:
    """The readers that come with Assayline, offered at the hook `assayline.readers`."""
    from .builtin import built_in

    return built_in()


def __getattr__(name: str) -> Any:
    # Loaded on first use: the parent process starts the child and must not pay for the engine.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline.tables' has no attribute {name!r}")
