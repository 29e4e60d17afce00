"""Which columns a run of a step reads and makes, as it is written down with the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assayline.errors import MissingExtra
from assayline.ledger.records import LotRecord
from assayline.lineage import columns_of_sql, declared

from .definition import StepDefinition


def columns_of_step(step: StepDefinition, inputs: Mapping[str, Sequence[LotRecord]]) -> dict[str, Any]:
    """What is known of a step's columns before it runs: from its query, or from what it declares with `uses`.

    Args:
        step: of the line.
        inputs: the lots it is given, by flow.

    Returns:
        As `Use.as_json`; {} where nothing is known. A function without `uses` is told by `columns_of_frames`, where its frames are.
    """
    if not step.sql:
        return declared(step.uses, inputs) if step.uses else {}
    schemas = {name: columns_of_lots(lots) for name, lots in inputs.items()}
    if not all(schemas.values()):
        return {}
    try:
        return columns_of_sql(step.sql, schemas)
    except MissingExtra:
        return {}  # the run goes on; docs/lineage.md says what it takes to know more


def columns_of_lots(lots: Sequence[LotRecord]) -> tuple[str, ...]:
    """The columns that any of these lots has, under the names their flow knows."""
    found: dict[str, None] = {}
    for lot in lots:
        renames = lot.figures.get("renames", {})
        found.update(dict.fromkeys(renames.get(name, name) for name in lot.figures.get("columns_now", ())))
    return tuple(found)
