"""The picture of a line for an answer: where the culprit stands, where the symptom shows, and the way between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from assayline.diagnosis import Component
from assayline.diagnosis.component import CODE, PACKAGE, PARAMETER

from ..definition import Line
from ..diagram import line_document
from ..project import Project

CULPRIT, SYMPTOM, TOUCHED, CLEARED = "culprit", "symptom", "touched", "cleared"
WAY = "way"


def line_of(project: Project, line: Line, culprits: Collection[str], symptom: str, touched: Collection[str], *, cleared: Collection[str] = ()) -> dict[str, Any]:
    """The nodes and edges of a line, marked for an answer.

    Args:
        project: where its flows are.
        line: of the project.
        culprits: flows and steps that are accused; of a model its name.
        symptom: the flow that was asked about.
        touched: as `touches` gives it: names of flows, and versions of models ("churn:v8").
        cleared: flows and steps that were suspected and are not accused.

    Returns:
        `nodes`: `flow`, `kind` ("source", "step", "model", "scores"), `verdict` (None without lots), `mark` ("culprit", "symptom", "touched", "cleared" or "");
        `edges`: `from`, `to`, `mark` ("way" on a way from a culprit to the symptom, else "").
    """
    known = line_document(project, line.value())
    marks = dict.fromkeys(cleared, CLEARED) | dict.fromkeys((name.partition(":")[0] for name in touched), TOUCHED) | {symptom: SYMPTOM} | dict.fromkeys(culprits, CULPRIT)
    nodes = [{"flow": one["flow"], "kind": _kind(line, one["flow"], one["kind"]), "verdict": one["verdict"], "mark": marks.get(one["flow"], "")} for one in known["nodes"]]
    ends: dict[str, set[str]] = {}
    starts: dict[str, set[str]] = {}
    for edge in known["edges"]:
        ends.setdefault(edge["from"], set()).add(edge["to"])
        starts.setdefault(edge["to"], set()).add(edge["from"])
    on_way = _reached(culprits, ends) & _reached([symptom], starts)
    edges = [{"from": one["from"], "to": one["to"], "mark": WAY if {one["from"], one["to"]} <= on_way else ""} for one in known["edges"]]
    return {"nodes": nodes, "edges": edges}


def flows_of(component: Component) -> list[str]:
    """Where a component stands in the picture: the flow of a source, the steps whose code it is, the model.

    >>> flows_of(Component(CODE, "line.py: hourly", "", "", detail={"steps": ["hourly", "daily"]}))
    ['hourly', 'daily']
    """
    return [str(one) for one in component.detail.get("steps", ())] if component.kind in (CODE, PARAMETER, PACKAGE) else [component.name]


def _kind(line: Line, flow: str, kind: str) -> str:
    return "model" if flow in line.models else "scores" if flow in line.scores else kind


def _reached(start: Collection[str], edges: Mapping[str, Collection[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(start)
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += edges.get(one, ())
    return found
