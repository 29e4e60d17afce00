"""The ways to show a report: terminal, one-file HTML, notebook, JSON text, and the list of accused cells.

A view is a pure function Report -> text. Importing this package loads none of them, nor rich.

>>> sorted(views())
['cells', 'html', 'notebook', 'progress', 'read_cells', 'show', 'text']
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..core import Report

if TYPE_CHECKING:
    from .cells import AccusedCell, CellsWriter
    from .terminal import OnProgress

__all__ = ["View", "views"]

View = Callable[[Report], str]


def views() -> dict[str, Callable[..., Any]]:
    """The built-in views, for the hook `assayline.views`.

    Returns:
        `html`, `text`, `notebook`: Report -> text. `show`: prints a Report. `progress`: gives a context manager whose value is
        called with (rows done, rows expected, phase). `cells`: path -> `CellsWriter`; `read_cells`: path -> the lines of such a file.
    """
    return {
        "html": _html,
        "text": _text,
        "notebook": _notebook,
        "show": _show,
        "progress": _progress,
        "cells": _cells,
        "read_cells": _read_cells,
    }


# One small function each, so that asking which views there are imports neither rich nor the drawing of pictures.


def _html(report: Report) -> str:
    from .html import page

    return page(report)


def _text(report: Report) -> str:
    from .terminal import text

    return text(report)


def _notebook(report: Report) -> str:
    from .notebook import fragment

    return fragment(report)


def _show(report: Report) -> None:
    from rich.console import Console

    from .terminal import show

    show(report, Console())


def _progress() -> AbstractContextManager[OnProgress]:
    from rich.console import Console

    from .terminal import progress

    return progress(Console(stderr=True))


def _cells(path: str | os.PathLike[str]) -> CellsWriter:
    from .cells import CellsWriter

    return CellsWriter(path)


def _read_cells(path: str | os.PathLike[str]) -> Iterator[AccusedCell]:
    from .cells import read_cells

    return read_cells(path)
