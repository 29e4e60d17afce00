"""A line with how each of its flows stands, as one JSON document for pictures and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assayline.core import Line, Verdict
from assayline.ledger import records
from assayline.lineage import Tag, in_force
from assayline.tables.source import without_password

from .project import Project
from .tagging import flow_verdicts, tag_document


def line_document(project: Project, line: Line, *, moment: str | None = None) -> dict[str, Any]:
    """The sources and steps of a line, each with its verdict and tags.

    Args:
        project: where its flows are.
        line: of the project.
        moment: UTC time (ISO 8601) it is asked at; now when None.

    Returns:
        `line`; `nodes`: `flow`, `kind` ("source" or "step"), `address`, `verdict` (None without lots), `lots`, `tags`; `edges`: `from`, `to`, `carries` ("tags" where
        something that holds went this way, "weakened" where it was weakened on it, "" else).
    """
    known = flow_verdicts(project, names_of(line), moment=moment)
    with project.ledger.read() as connection:
        lots = {one.name: one.lots for one in records.flows(connection)}
    addresses = {source.name: without_password(source.address) for source in line.sources}
    steps = {step.name for step in line.steps}
    nodes = [
        {
            "flow": name, "kind": "step" if name in steps else "source", "address": addresses.get(name, ""), "verdict": str(known[name][0]) if name in known else None,
            "lots": lots.get(name, 0), "tags": [tag_document(tag) for tag in known[name][1]] if name in known else [],
        }
        for name in names_of(line)
    ]  # fmt: skip
    edges = [{"from": start, "to": step.name, "carries": _carries(known, start, step.name)} for step in line.steps for start in dict.fromkeys(step.inputs)]
    return {"line": line.name, "nodes": nodes, "edges": edges}


def names_of(line: Line) -> tuple[str, ...]:
    """The flows of a line: its sources, flows that others feed, and its steps in the order in which they run."""
    order = line.order()
    fed = dict.fromkeys([source.name for source in line.sources] + [name for step in line.steps for name in step.inputs if name not in order])
    return (*fed, *order)


def _carries(known: Mapping[str, tuple[Verdict, Sequence[Tag]]], start: str, end: str) -> str:
    if start not in known or end not in known:
        return ""
    above = {tag.key for tag in in_force(known[start][1])}
    here = {tag.key: tag for tag in known[end][1]}
    if any(here[key].holds for key in above & here.keys()):
        return "tags"
    return "weakened" if above & here.keys() else ""
