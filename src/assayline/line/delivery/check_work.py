"""What the process of a check does with a version before any traffic: opened, its golden rows asked, timed on real rows, beside the version it would follow.

Runs in a watched child, and in one of its own: whatever the version does to its process, nobody else notices.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from assayline.artefacts import Bundle, check_golden, fits_here
from assayline.errors import AssaylineError
from assayline.framing import Plan
from assayline.tables.child import resident_bytes

from ..models.trial_work import opened
from ..step_work import read as read_lots
from .answering import ONNX_FROM, answering

CHECKED = "checked.json"
MOST_ROWS = 2_000  # of the last batch
ROW_CALLS = 200  # one row each, the first quarter to warm up
GONE = ("missing column", "retyped", "unreadable")
TIMES_SLOWER, FREE_MILLISECONDS = 10.0, 5.0  # slower than this many times the champion, and than what nobody waits for


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Look at a version as a machine.

    Args:
        request: `challenger` and `champion`: {"label", "artefact"}; `table`: {"parts", "casts", "uses"} of the last batch, or None; `allowed`: digests of pickles that may be opened;
            `row_milliseconds`: how long one row may take, 0 for no limit; `folder` to write to.
        tell: not used.

    Returns:
        `path` of what was found: `problems` and `notes` in sentences, `figures`.

    Raises:
        InputError: an artefact cannot be read.
    """
    before, allowed = resident_bytes(os.getpid()), tuple(request.get("allowed") or ())
    theirs = opened(request["challenger"]["artefact"], allowed)
    label, other = str(request["challenger"]["label"]), str(request["champion"]["label"])
    figures: dict[str, float] = {"memory_bytes": float(max(0, resident_bytes(os.getpid()) - before))}
    ours = opened(request["champion"]["artefact"], allowed)
    problems = list(_same_question(ours, theirs, label, other))
    notes = list(fits_here(theirs))
    if theirs.golden is None:
        notes.append(f"{label} has no golden rows, so nobody can say whether it answers here as it did where it was made.")
    else:
        problems += [f"{label} answers otherwise here than where it was made. {one.sentence}" for one in check_golden(theirs)[:3]]
    rows = read_lots(request["table"]).head(MOST_ROWS).collect() if request["table"] is not None else theirs.golden.table() if theirs.golden is not None else pl.DataFrame()
    if rows.height and not problems:
        problems += _answers(theirs, ours, rows, label)
    if rows.height and not problems:
        figures |= {"row_milliseconds": _row_milliseconds(theirs, rows), "champion_row_milliseconds": _row_milliseconds(ours, rows)}
        problems += _too_slow(figures, float(request.get("row_milliseconds") or 0.0), label, other)
    if not problems:
        ready = answering(request["challenger"]["artefact"], label, allowed=allowed, rows=ONNX_FROM)
        figures["onnx"] = float(ready.engine == "onnx")
        notes += [f"{label} is asked natively: {ready.why}."] if ready.engine != "onnx" else []
    path = os.path.join(request["folder"], CHECKED)
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"problems": problems, "notes": notes, "figures": figures, "rows": rows.height}, out, ensure_ascii=True)
    return {"path": path, "rows_in": rows.height, "rows_out": 0}


def _same_question(ours: Bundle, theirs: Bundle, label: str, other: str) -> Iterator[str]:
    """Two versions can only follow each other when they answer the same question."""
    if ours.task != theirs.task:
        yield f"{label} is a model for {theirs.task}, {other} for {ours.task}: the two answer different questions."
    elif sorted(ours.classes) != sorted(theirs.classes):
        yield f"{label} answers {', '.join(theirs.classes)}, {other} {', '.join(ours.classes)}: the two answer different questions."
    elif ours.target != theirs.target:
        yield f"{label} predicts {theirs.target!r}, {other} {ours.target!r}: the two answer different questions."


def _answers(theirs: Bundle, ours: Bundle, rows: pl.DataFrame, label: str) -> list[str]:
    """What is wrong with its answers to real rows."""
    found = []
    if isinstance(theirs.plan, Plan):
        known = {column for note in _notes(ours, rows) for column in note.columns}
        found += [f"{label} and the last batch: {note.sentence}" for note in _notes(theirs, rows) if not set(note.columns) <= known]
    try:
        said = theirs.predict(rows)
    except Exception as error:  # noqa: BLE001 - whatever it raises on real rows, it would raise before users
        return [*found, f"{label} cannot answer the rows of the last batch: {type(error).__name__}: {str(error)[:300]}"]
    if len(said) != rows.height:
        return [*found, f"{label} gives {len(said):,} answers to {rows.height:,} rows."]
    bad = int((~np.isfinite(said.reshape(rows.height, -1)).all(axis=1)).sum())
    before = int((~np.isfinite(ours.predict(rows).reshape(rows.height, -1)).all(axis=1)).sum()) if bad else 0
    return [*found, f"{label} has no finite answer to {bad:,} of {rows.height:,} rows of the last batch."] if bad > before else found


def _notes(bundle: Bundle, rows: pl.DataFrame) -> list[Any]:
    return [note for note in bundle.plan.notes(rows) if note.kind in GONE and note.columns != (bundle.target,)] if isinstance(bundle.plan, Plan) else []


def _row_milliseconds(bundle: Bundle, rows: pl.DataFrame) -> float:
    """The median of how long one row takes."""
    try:
        ask = bundle.row_predictor()
    except (AssaylineError, AttributeError, NotImplementedError):  # some encoders take tables only
        return 0.0
    took = []
    for number in range(ROW_CALLS):
        row = rows.row(number % rows.height, named=True)
        begun = time.perf_counter()
        ask(row)
        took.append(time.perf_counter() - begun)
    return float(np.median(took[ROW_CALLS // 4 :]) * 1000)


def _too_slow(figures: Mapping[str, float], most: float, label: str, other: str) -> Iterator[str]:
    mine, theirs = figures["row_milliseconds"], figures["champion_row_milliseconds"]
    if most and mine > most:
        yield f"{label} takes {mine:.3g} ms for a row, and {most:g} ms are allowed ([trials] row_milliseconds)."
    elif mine > FREE_MILLISECONDS and mine > TIMES_SLOWER * max(theirs, 1e-6):
        yield f"{label} takes {mine:.3g} ms for a row, {mine / max(theirs, 1e-6):.0f} times as long as {other}."
