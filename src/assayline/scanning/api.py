"""`assayline.scan`: one call for a file in a child process or a frame in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from assayline import hooks
from assayline.core import Cell, Report, report_from_json
from assayline.errors import MisuseError

if TYPE_CHECKING:
    from assayline.tables import Table

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class ScanReport(Report):
    """A report that can still reach the data it speaks of; it shows itself in a notebook."""

    source: Any = field(default=None, compare=False, repr=False)
    past_source: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    parent_source: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def cells(self) -> Any:
        """Every accused cell as a Polars frame: row, column, code, confidence, value, suggestion.

        The input is looked at once more, so that a report of a large file stays small.
        """
        import polars as pl

        from .table_scan import accused_cells

        schema = {"row": pl.Int64, "column": pl.String, "code": pl.String, "confidence": pl.Float64, "value": pl.String, "suggestion": pl.String}
        if isinstance(self.source, str):
            with tempfile.TemporaryDirectory(prefix="assay-") as folder:
                path = os.path.join(folder, "cells.csv")
                _scan_path(self.source, self.past_source, self.parent_source, cells=path)
                from .work import view

                return pl.DataFrame(accused_cells([(one.code, one.cell) for one in view("read_cells")(path)]), schema=schema)
        found: list[tuple[str, Cell]] = []
        _scan_frame(self.source, self.past_source, self.parent_source, on_cells=found.extend)
        return pl.DataFrame(accused_cells(found), schema=schema)

    def split(self, frame: Any = None) -> tuple[Any, Any]:
        """The rows that may go on, and the rows to put aside: those that a finding of verdict `split` or worse names.

        Args:
            frame: the frame that was scanned (any kind `scan` takes); the scanned one when None.

        Returns:
            (good, bad), of the same kind as the frame; every row is in exactly one of the two.

        Raises:
            MisuseError: the frame has another number of rows than the one that was scanned.
        """
        from assayline.judgement import Policy
        from assayline.tables.selecting import rows_of, take_rows

        frame = self.source if frame is None else frame
        if isinstance(frame, str):
            raise MisuseError(f"split needs the rows in memory; read {frame!r} into a frame and pass it: report.split(frame)")
        total = rows_of(frame)
        if total != self.input.rows:
            raise MisuseError(f"the frame has {total:,} rows, the scanned one had {self.input.rows:,}; pass the frame that was scanned")
        policy = Policy()
        codes = {finding.code for finding in self.findings if policy.splits(finding)}
        accused = self.cells()
        bad = set(accused.filter(accused["code"].is_in(sorted(codes)))["row"].to_list()) if codes else set()
        return take_rows(frame, [row for row in range(total) if row not in bad]), take_rows(frame, sorted(bad))

    def _repr_html_(self) -> str:
        return self._view("notebook")

    def __str__(self) -> str:
        return self._view("text")

    def _view(self, name: str) -> str:
        for found, view in hooks.offered("assayline.views"):
            if found == name:
                return str(view(self))
        return repr(self)


def scan(input: Any, past: Any = (), *, parents: Any = (), on_progress: Progress | None = None) -> ScanReport:
    """Say what is wrong with some data, with no configuration.

    Args:
        input: a path, folder, glob, archive or database address; or a pandas, Polars, PyArrow or DuckDB frame, a list of
            dicts, a dict of lists, or anything with the Arrow interface.
        past: earlier lots of the same data, oldest first: one input or a list of inputs; globs and folders in name order.
        parents: tables whose rows this one refers to (orders to customers): one input or a list of inputs; a frame may come as
            a pair of its name and itself. Which column refers to which is found out; keys that no parent has are findings.
        on_progress: receives (rows done, rows expected or 0, phase).

    Returns:
        A report: `verdict`, `findings` (worst first), `cells()`, `split()`, `as_json()`.

    Raises:
        InputError: the input cannot be read; it names file, place, cause and next step.

    >>> import assayline
    >>> report = assayline.scan({"city": ["Lyon", "Bonn"] * 30, "at": ["2026-01-01"] * 60})
    >>> report.input.rows
    60
    """
    pasts = tuple(past) if isinstance(past, (list, tuple)) else (past,)
    others = tuple(parents) if isinstance(parents, (list, tuple)) and not _is_pair(parents) else (parents,)
    if isinstance(input, os.PathLike):
        input = os.fspath(input)
    if isinstance(input, str):
        document = _scan_path(input, pasts, others, on_progress=on_progress)
        return _reaching(report_from_json(document), input, pasts, others)
    return _reaching(_scan_frame(input, pasts, others, on_progress=on_progress), input, pasts, others)


def _is_pair(one: Any) -> bool:
    return isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str) and not isinstance(one[1], (str, os.PathLike, tuple))


def _reaching(report: Report, source: Any, past: tuple[Any, ...], parents: tuple[Any, ...]) -> ScanReport:
    return ScanReport(
        report.verdict, report.findings, report.input, report.columns, report.seconds, report.past_lots, source, past, parents
    )


def _scan_path(path: str, past: Sequence[Any], parents: Sequence[Any], *, cells: str | None = None, on_progress: Progress | None = None) -> dict[str, Any]:
    from .apart import scan_apart

    others = [one for one in past if not isinstance(one, (str, os.PathLike))]
    if others:
        raise MisuseError(f"the past of a file has to be files too, not {type(others[0]).__name__}; read the file into a frame instead")
    frames = [one for one in parents if not isinstance(one, (str, os.PathLike))]
    if frames:
        raise MisuseError(f"the parents of a file have to be files too, not {type(frames[0]).__name__}; read the file into a frame instead")
    return scan_apart(path, [os.fspath(one) for one in past], parents=[os.fspath(one) for one in parents], cells=cells, on_progress=on_progress)


def _scan_frame(
    frame: Any, past: Iterable[Any], parents: Iterable[Any], *, on_cells: Callable[[list[tuple[str, Cell]]], None] | None = None, on_progress: Progress | None = None
) -> Report:
    from assayline.detectors.comparison import RECENT_LOTS
    from assayline.tables import open_frame, open_table

    from .passes import silent
    from .table_scan import past_of, scan_table
    from .work import called, past_paths

    lots: list[tuple[str, Callable[[], Table]]] = []
    for number, one in enumerate(past):
        if isinstance(one, (str, os.PathLike)):
            lots.extend((name, partial(open_table, name)) for name in past_paths([os.fspath(one)]))
        else:
            lots.append((f"lot {number}", partial(open_frame, one)))
    with ExitStack() as stack:
        table = open_frame(frame)
        stack.callback(table.close)
        earlier, codes = past_of((name, opened()) for name, opened in lots[-RECENT_LOTS:])
        related: list[tuple[str, Any]] = []
        for number, one in enumerate(parents, start=1):
            if isinstance(one, (str, os.PathLike)):
                related.append((called(os.fspath(one)), open_table(one)))
            else:
                name, content = one if _is_pair(one) else (f"parent {number}", one)
                related.append((name, open_frame(content)))
            stack.callback(related[-1][1].close)
        return scan_table(table, earlier, past_codes=codes, on_cells=on_cells, on_progress=on_progress or silent, parents=related)
