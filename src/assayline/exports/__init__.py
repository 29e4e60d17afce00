"""A model in other people's languages: ONNX, C for small machines, a page that runs in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .browser import web_page
    from .c99 import CSource, c_source
    from .onnx_graph import onnx_bytes, onnx_scores

__all__ = ["CSource", "c_source", "onnx_bytes", "onnx_scores", "web_page"]

_HOMES = {"CSource": "c99", "c_source": "c99", "onnx_bytes": "onnx_graph", "onnx_scores": "onnx_graph", "web_page": "browser"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: C needs no onnx.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline.exports' has no attribute {name!r}")
