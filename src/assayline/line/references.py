"""The rules in force, and the files that hold what they ask of other flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assayline.ledger import records
from assayline.ledger.sql_ledger import now
from assayline.rules import parse
from assayline.rules.tree import Column, Exists, everywhere

from .project import Project

REFERENCE_LOTS = 60  # released lots of another flow that together say which values it has


def in_force(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The rules that count now, as plain values for the child.

    Args:
        rows: of the table of rules.
    """
    moment = now()
    found = []
    for row in rows:
        if row.state != "on" or (row.until is not None and row.until <= moment):
            continue
        columns = sorted({node.name for node in everywhere(parse(row.text).root) if isinstance(node, Column)})
        found.append(
            {"rule": int(row.rule), "version": int(row.version), "text": row.text, "action": row.action, "owner": row.owner, "reason": row.reason, "columns": columns}
        )
    return found


def asked(text: str) -> list[tuple[str, str]]:
    """The columns of other flows a rule asks for, as (flow, column)."""
    return list(dict.fromkeys((node.flow, node.column) for node in everywhere(parse(text).root) if isinstance(node, Exists)))


def paths_of(project: Project, wanted: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """For each "flow.column" the released files that hold its values; none where there is no such flow."""
    found: dict[str, list[str]] = {}
    for flow, column in wanted:
        with project.ledger.read() as connection:
            lots = records.lots(connection, flow, states=("released",), most=REFERENCE_LOTS, newest_first=True)
        found[f"{flow}.{column}"] = [project.store.path(lot.objects["released"]) for lot in lots if "released" in lot.objects]
    return found


def references_of(project: Project, rules: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The same for all rules of a flow."""
    return paths_of(project, [one for rule in rules for one in asked(rule["text"])])
