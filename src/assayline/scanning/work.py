"""What the killable child process does: open the file, scan it, write the cells, send the report back."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from assayline import hooks
from assayline.core import Cell
from assayline.detectors.comparison import RECENT_LOTS
from assayline.errors import MisuseError, NotFound
from assayline.tables import Limits, Table, open_table
from assayline.tables.identical import identical
from assayline.tables.source import without_password

from .apart import natural_order
from .table_scan import CellSink, past_of, scan_table

Progress = Callable[[int, int, str], None]


def scan_path(request: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Scan one input; runs in the child.

    Args:
        request: `path`; `past`: list of paths, globs and folders; `parents`: list of inputs; `cells`: file to write accused cells to, or None;
            `limits`: what reading may cost, as a mapping.
        tell: receives {"done": rows, "total": rows expected or 0, "phase": …}.

    Returns:
        The report as JSON values.
    """

    def on_progress(done: int, total: int, phase: str) -> None:
        tell({"done": done, "total": total, "phase": phase})

    limits = Limits(**request.get("limits") or {})
    earlier = list(past_paths(request.get("past") or []))
    past, codes = past_of(_with_progress(earlier[-RECENT_LOTS:], limits, on_progress))
    table = open_table(request["path"], limits)
    with ExitStack() as stack:
        stack.callback(table.close)
        parents = []
        for name in request.get("parents") or []:
            parents.append((called(name), open_table(name, limits)))
            stack.callback(parents[-1][1].close)
        sink = stack.enter_context(view("cells")(request["cells"])) if request.get("cells") else None
        report = scan_table(
            table, past, past_codes=codes, twins=identical(request["path"], earlier), earlier_lots=len(earlier),
            on_cells=_written(sink) if sink else None, on_progress=on_progress, parents=parents,
        )  # fmt: skip
    return report.as_json()


def called(path: str) -> str:
    """How a table is called in sentences: its file name, the table of a database, never a password.

    >>> called("exports/zones.csv"), called("postgresql://me:secret@host/shop?table=zones")
    ('zones.csv', 'zones')
    """
    table = re.search(r"[?&]table=([^&]+)", path)
    if table and re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:", path):
        return table.group(1)
    return os.path.basename(without_password(path).rstrip("/\\")) or path


def _with_progress(paths: list[str], limits: Limits, on_progress: Progress) -> Iterator[tuple[str, Table]]:
    for number, path in enumerate(paths):
        on_progress(number, len(paths), "reading the past")
        yield path, open_table(path, limits)


def view(name: str) -> Any:
    """What is plugged in under this name at the hook `assayline.views`.

    Raises:
        MisuseError: nothing is.
    """
    for found, thing in hooks.offered("assayline.views"):
        if found == name:
            return thing
    raise MisuseError(f"no installed part offers the view {name!r}; reinstall assayline")


def _written(writer: Any) -> CellSink:
    def write(cells: list[tuple[str, Cell]]) -> None:
        for code, cell in cells:
            writer.write(code, [cell])

    return write


def past_paths(patterns: list[str]) -> Iterator[str]:
    """Each past lot: patterns in the order given, the matches of a glob and the files of a folder in name order.

    Raises:
        NotFound: a pattern matches nothing.
    """
    for pattern in patterns:
        if os.path.isdir(pattern):
            found = sorted((entry.path for entry in os.scandir(pattern) if not entry.name.startswith((".", "_"))), key=natural_order)
        elif os.path.lexists(pattern) or re.match(r"^\w+:", pattern):
            found = [pattern]
        else:
            found = sorted(glob.glob(pattern), key=natural_order)
        if not found:
            raise NotFound(pattern, "there is no file of that name and no match for the pattern", next_step="check the pattern given to --past")
        yield from found
