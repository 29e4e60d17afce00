"""A flow over time: its lots, what was put aside, what goes on, as one JSON document for pages and charts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import intact, records

from .incidents import WARN, proposals
from .project import Project


def flow_document(project: Project, flow: str, *, most: int = 1_000) -> dict[str, Any]:
    """The health of a flow.

    Args:
        project: where.
        flow: its name.
        most: how many lots at most, the newest.

    Returns:
        `flow`, `since`, `settings`, `lots` (oldest first: `lot`, `place`, `at`, `input`, `verdict`, `state`, `rows`, `findings`, `figures`),
        `incidents` (newest first), `proposals`, `rules`, `open_cases`, `learned_from`.

    Raises:
        MisuseError: there is no such flow.
    """
    with project.ledger.read() as connection:
        known = records.flow_of(connection, flow)
        if known is None:
            names = ", ".join(one.name for one in records.flows(connection)) or "none yet"
            raise MisuseError(f"there is no flow {flow!r}; flows: {names}")
        lots = records.lots(connection, flow, most=most, newest_first=True)[::-1]
        gone = records.incidents(connection, flow)
        return {
            "flow": flow, "since": known.since, "settings": dict(known.settings), "taken_lots": known.lots, "learned_from": known.learned_from,
            "lots": [
                {
                    "lot": lot.lot, "place": lot.place, "at": lot.at, "input": lot.input, "verdict": lot.verdict, "state": lot.state, "rows": dict(lot.rows),
                    "teaches": lot.teaches, "parents": list(lot.parents),
                    "findings": [one for one in lot.findings if one["severity"] >= WARN], "figures": dict(lot.figures),
                }
                for lot in lots
            ],
            "incidents": [
                {"incident": int(row.incident), "code": row.code, "columns": json.loads(row.columns), "first": int(row.first), "last": int(row.last),
                 "lots": int(row.lots), "sentence": row.sentence, "state": row.state}
                for row in gone
            ],
            "proposals": proposals(connection, flow),
            "rules": [rule_document(row._asdict()) for row in records.rules_of(connection, flow)],
            "open_cases": sum(1 for _ in records.cases(connection, flow=flow)),
        }  # fmt: skip


def rule_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as JSON values."""
    return {name: row[name] for name in ("rule", "version", "text", "action", "owner", "reason", "since", "until", "state")}


def flows_document(project: Project) -> list[dict[str, Any]]:
    """All flows, a line each: the last lot and what is open."""
    with project.ledger.read() as connection:
        return records.flow_lines(connection)


def lots_document(project: Project, flow: str | None, *, states: tuple[str, ...] = (), most: int = 50) -> list[dict[str, Any]]:
    """Lots, newest first."""
    with project.ledger.read() as connection:
        return [
            {"lot": lot.lot, "flow": lot.flow, "at": lot.at, "input": lot.input, "verdict": lot.verdict, "state": lot.state, "rows": dict(lot.rows),
             "deliveries": lot.deliveries, "findings": sorted({one["code"] for one in lot.findings if one["severity"] >= WARN})}
            for lot in records.lots(connection, flow, states=states, most=most, newest_first=True)
        ]  # fmt: skip


def lot_document(project: Project, number: int) -> dict[str, Any]:
    """Everything about one lot: its report, its cases, what was decided."""
    with project.ledger.read() as connection:
        lot = records.lot_of(connection, number)
        decided = records.decisions(connection, lot=number)
        found = records.cases(connection, lot=number, only_open=False)
    report: dict[str, Any] = {}
    if "report" in lot.objects:
        with open(intact(project.store, lot.objects["report"]), encoding="utf-8") as file:
            report = json.load(file)
    return {
        "lot": lot.lot, "flow": lot.flow, "place": lot.place, "at": lot.at, "input": lot.input, "digest": lot.digest, "verdict": lot.verdict, "state": lot.state,
        "rows": dict(lot.rows), "deliveries": lot.deliveries, "teaches": lot.teaches, "parents": list(lot.parents),
        "findings": report.get("findings", list(lot.findings)), "report": report,
        "objects": {kind: project.store.path(digest) for kind, digest in lot.objects.items()},
        "cases": [case_document(row._asdict()) for row in found],
        "decisions": [{"action": row.action, "author": row.author, "at": row.at, "case": row.number, **json.loads(row.body)} for row in decided],
    }  # fmt: skip


def case_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """A case of quarantined rows as JSON values."""
    return {
        "case": int(row["number"]), "flow": row["flow"], "lot": int(row["lot"]), "code": row["code"], "columns": json.loads(row["columns"]), "pattern": row["pattern"],
        "rows": int(row["rows"]), "open": int(row["open"]), "sentence": row["sentence"], "suggestion": row["suggestion"],
    }  # fmt: skip
