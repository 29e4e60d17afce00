"""What the child of the hostile test does: opens an input, loads every piece, and tells what it saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def walk(request: Mapping[str, Any], progress: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    from assayline.tables import Limits, open_table

    table = open_table(request["path"], Limits(**request.get("limits", {})))
    counted = loaded = 0
    starts_right = True
    for piece in table.pieces():
        starts_right = starts_right and piece.start == counted
        counted += piece.rows
        loaded += piece.load().height
    facts = table.facts()
    return {
        "counted": counted,
        "loaded": loaded,
        "starts_right": starts_right,
        "rows": facts.rows,
        "columns": len(table.columns),
        "digest": facts.digest,
        "codes": sorted({finding.code for finding in table.findings()}),
        "examples": [[finding.code, cell.row, cell.column] for finding in table.findings() for cell in finding.examples],
    }
