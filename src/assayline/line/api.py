"""`assayline.gate`: one line in any pipeline; good rows come back, bad ones are in quarantine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from assayline.errors import LotHeld, MisuseError
from assayline.ledger import held, intact
from assayline.tables import open_frame
from assayline.tables.selecting import rows_of, take_rows

from .gating import Outcome, again, gate_paths, publish, request_for, seen_before, worked_from
from .lot_work import gate_table
from .names import check_name
from .project import Project, open_project

Progress = Callable[[int, int, str], None]
HELD = ("raise", "empty", "pass")


def gate(flow: str, data: Any, *, project: str | Project | None = None, on_hold: str = "raise", on_progress: Progress | None = None) -> Any:
    """Take a lot through the gate of a flow and give back what may go on.

    The whole lot is judged against the flow's past; rows held to be bad are put into quarantine; the rest is released, written down, and
    given back. The same content twice is taken once, and gives the same rows again.

    Args:
        flow: name of the flow; made on its first lot.
        data: a pandas, Polars (also lazy), PyArrow or DuckDB frame, a list of rows, a dict of columns; or a path, which gives a Polars frame.
        project: folder of the project, or an open one; the nearest above the working folder, or ASSAY_PROJECT, when None.
        on_hold: what happens when the lot is held: "raise" LotHeld, give back an "empty" frame of the same kind, or "pass" it on as it is.
        on_progress: receives (rows done, rows expected or 0, phase).

    Returns:
        The released rows, as the same kind of frame, in their order.

    Raises:
        LotHeld: the lot is held (with on_hold="raise"); its rows are in the store.
        InputError: a path could not be read.
        MisuseError: there is no project, or the data is no table.

    >>> import tempfile, polars as pl
    >>> from assayline.line.project import create_project
    >>> shop = create_project(tempfile.mkdtemp() + "/shop")
    >>> frame = pl.DataFrame({"temperature": [20.5 + i % 9 for i in range(59)] + [-999.0]})
    >>> gate("stations", frame, project=shop).height in (59, 60)
    True
    >>> shop.ledger.close()
    """
    if on_hold not in HELD:
        raise MisuseError(f"on_hold is one of {', '.join(HELD)}, not {on_hold!r}")
    check_name(flow)
    opened = project if isinstance(project, Project) else open_project(os.fspath(project) if project is not None else None)
    try:
        if isinstance(data, (str, os.PathLike)):
            return _gate_path(opened, flow, os.fspath(data), on_hold, on_progress)
        outcome, aside = _gate_frame(opened, flow, data, on_progress)
    finally:
        if opened is not project:
            opened.ledger.close()
    if outcome.document["verdict"] in ("hold", "reject"):
        return _on_hold(flow, outcome, on_hold, data)
    if not aside:
        return data
    bad = np.zeros(rows_of(data), dtype=bool)
    bad[aside] = True
    return take_rows(data, np.flatnonzero(~bad).tolist())


def _gate_frame(project: Project, flow: str, data: Any, on_progress: Progress | None) -> tuple[Outcome, list[int]]:
    table = open_frame(data)
    try:
        with held(project.ledger, flow) as lease, project.store.staging() as folder:
            request = {**request_for(project, flow, folder, None), "in_memory": True}
            result = gate_table(table, request, on_progress or (lambda done, total, phase: None))
            worked = worked_from(result, "<frame>")
            seen = seen_before(project, flow, worked.digest)
            if seen is None:
                return publish(project, flow, worked, lease, folder), list(worked.aside or [])
            return again(project, flow, seen, "<frame>", lease), _aside_of(project, seen.objects.get("quarantined"))
    finally:
        table.close()


def _aside_of(project: Project, digest: str | None) -> list[int]:
    """The rows that were put aside when the same content came first."""
    if digest is None:
        return []
    import pyarrow.parquet as pq

    with pq.ParquetFile(intact(project.store, digest)) as file:
        name = next(one for one in file.schema_arrow.names[::-1] if one.endswith("assay_row"))
        return [int(one) for one in file.read([name]).column(0).to_numpy()]


def _gate_path(project: Project, flow: str, path: str, on_hold: str, on_progress: Progress | None) -> Any:
    import polars as pl

    outcome = next(iter(gate_paths(project, flow, [path], on_progress=on_progress)))
    if outcome.error is not None:
        raise outcome.error
    document = outcome.document
    if document["verdict"] in ("hold", "reject"):
        return _on_hold(flow, outcome, on_hold, pl.read_parquet(document["held"]) if on_hold != "raise" else None)
    return pl.read_parquet(document["released"])


def _on_hold(flow: str, outcome: Outcome, on_hold: str, data: Any) -> Any:
    if on_hold == "pass":
        return data
    if on_hold == "empty":
        return take_rows(data, [])
    findings = outcome.document["findings"]
    sentence = str(findings[0]["sentence"]) if findings else "It was held before."
    raise LotHeld(flow, outcome.lot.lot if outcome.lot is not None else 0, sentence, dict(outcome.document))
