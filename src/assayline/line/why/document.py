"""The document of `assay why --json`; docs/why.md says what stands in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from assayline.diagnosis import Component, Symptom
from assayline.diagnosis.answering import CLEARED, HEALTHY, Answer, Cause, Told
from assayline.diagnosis.component import CODE, PACKAGE, PARAMETER, SOURCE
from assayline.diagnosis.mixing import Mix
from assayline.diagnosis.searching import Found

from ..definition import Line
from ..project import Project
from .asked import Asked, Healthy, Seen
from .derivation import Derivation
from .downstream import touches
from .remedies import remedies
from .way import line_of

SCHEMA = 1
OF_STEPS = (CODE, PARAMETER, PACKAGE)  # what acts where a step runs
KEPT = ("code", "columns", "severity", "sentence", "where", "rows", "lot")  # of a finding
EMPTY_NARROWED: Mapping[str, Any] = {"columns": [], "where": "", "rows": None, "of": None, "findings": [], "provenance": "", "risk_ratio": None, "p": None, "steps": []}


class Spent(Protocol):
    """What replays have cost, and what is to be said of them."""

    made: int
    cached: int
    spent_seconds: float
    notes: list[str]


@dataclass
class Asking:
    """A question under way: what is seen, what may be responsible, and what a closer look said of it (`narrowed` by key of the component)."""

    project: Project
    line: Line
    asked: Asked
    seen: Seen
    components: Sequence[Component]
    narrowed: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def healthy_document(project: Project, line: Line, asked: Asked, healthy: Healthy) -> dict[str, Any]:
    """The document of a flow with which nothing is wrong."""
    values = [one["value"] for one in healthy.history if one["value"] is not None]
    symptom = Symptom("metric", healthy.flow, healthy.name, healthy.sentence, None, values[-1] if values else None, where=asked.rows)
    return {
        "schema": SCHEMA, "asked": asked.text, "verdict": HEALTHY, "sentence": healthy.sentence, "symptom": _symptom(symptom), "good": None, "bad": None,
        "history": [dict(one) for one in healthy.history], "causes": [], "candidates": [], "sets": [], "mix": None,
        "replays": {"made": 0, "cached": 0, "most": asked.most, "seconds": 0.0, "notes": []}, "line": line_of(project, line, [], healthy.flow, []),
    }  # fmt: skip


def document_of(asking: Asking, said: Answer, found: Found, replays: Spent | None = None, mix: Mix | None = None) -> dict[str, Any]:
    """The document of an answer."""
    seen, known = asking.seen, {one.key: one for one in asking.components}
    causes = [_cause(asking, cause, known) for cause in said.causes]
    culprits = [name for cause in said.causes for key in cause.components for name in places_of(known[key])]
    cleared = [name for told in said.candidates if told.said == CLEARED for name in places_of(known[told.key])]
    touched = list(dict.fromkeys(name for cause in causes for name in cause["touches"]))
    symptom_at = seen.asked or seen.symptom.flow
    notes = [*seen.notes, *(replays.notes if replays is not None else ())]
    return {
        "schema": SCHEMA, "asked": asking.asked.text, "verdict": said.verdict, "sentence": said.sentence, "symptom": _symptom(seen.symptom), "good": _state(seen.good),
        "bad": _state(seen.bad), "history": [dict(one) for one in seen.history], "causes": causes, "candidates": [_candidate(told, known[told.key]) for told in said.candidates],
        "sets": [{"put_back": sorted(one), "value": _finite(reading.value), "gone": reading.gone} for one, reading in found.readings.items() if len(one) > 1],
        "mix": None if mix is None or not mix.columns else {"reweighted": mix.reweighted, "columns": list(mix.columns), "explains": mix.explains},
        "replays": {
            "made": replays.made if replays is not None else 0, "cached": replays.cached if replays is not None else 0, "most": asking.asked.most,
            "seconds": round(replays.spent_seconds, 3) if replays is not None else 0.0, "notes": notes,
        },
        "line": line_of(asking.project, asking.line, culprits, symptom_at, touched, cleared=[name for name in cleared if name not in culprits]),
    }  # fmt: skip


def places_of(component: Component) -> list[str]:
    """Where in the line a component acts: its flow, its model, or the steps that run it."""
    steps = [str(one) for one in component.detail.get("steps", ())]
    return steps if component.kind in OF_STEPS and steps else [component.name]


def _cause(asking: Asking, cause: Cause, known: Mapping[str, Component]) -> dict[str, Any]:
    members = [known[key] for key in cause.components]
    first = members[0]
    touched = list(dict.fromkeys(name for one in members for name in touches(asking.project, asking.line, one)))
    with asking.project.ledger.read() as connection:
        todo = [step for one in members for step in remedies(connection, one, tuple(cause.findings.get(one.key, ())), asking.seen.asked or asking.seen.symptom.flow)]
    return {
        "components": list(cause.components), "said": cause.said, "proof": cause.proof, "sentence": cause.sentence, "kind": first.kind, "share": round(cause.share, 6),
        "narrowed": _narrowed(asking, cause, first), "owner": next((one.owner for one in members if one.owner), ""), "touches": touched,
        "do": list({step["command"]: step for step in todo}.values()), "diff": "\n".join(str(one.detail.get("diff", "")) for one in members if one.detail.get("diff")),
    }  # fmt: skip


def _narrowed(asking: Asking, cause: Cause, first: Component) -> dict[str, Any]:
    if first.key in asking.narrowed:
        return {**EMPTY_NARROWED, **asking.narrowed[first.key]}
    findings = [_finding(one) for one in cause.findings.get(first.key, ())]
    if first.kind != SOURCE or not findings:
        return dict(EMPTY_NARROWED)
    worst = findings[0]
    return {**EMPTY_NARROWED, "columns": list(worst["columns"]), "where": worst["where"] or "", "rows": worst["rows"], "findings": findings}


def _candidate(told: Told, component: Component) -> dict[str, Any]:
    return {
        "key": component.key, "kind": component.kind, "name": component.name, "before": component.before, "now": component.now, "owner": component.owner,
        "evidence": round(component.evidence, 6), "said": told.said, "value": _finite(told.value), "gone": told.gone, "why_not": component.why_not, "share": round(told.share, 6),
        "sentence": told.sentence, "findings": [_finding(one) for one in component.findings], "diff": str(component.detail.get("diff", "")),
    }  # fmt: skip


def _finding(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"columns": [], "where": None, "rows": None, "lot": None} | {name: one[name] for name in KEPT if name in one}


def _symptom(symptom: Symptom) -> dict[str, Any]:
    return {
        "kind": symptom.kind, "flow": symptom.flow, "name": symptom.name, "sentence": symptom.sentence, "before": _finite(symptom.before), "now": _finite(symptom.now),
        "low": _finite(symptom.low), "high": _finite(symptom.high), "where": symptom.where, "since": symptom.since, "unit": symptom.unit, "columns": list(symptom.columns),
    }  # fmt: skip


def _state(state: Derivation | None) -> dict[str, Any] | None:
    """A lot, or the run that failed and made none."""
    if state is None:
        return None
    if state.lot is None:
        return {"lot": None, "flow": state.flow, "at": state.run.at if state.run is not None else "", "input": f"run {state.run.run} of {state.flow}" if state.run is not None else ""}
    lot = state.lots[state.lot]
    return {"lot": lot.lot, "flow": lot.flow, "at": lot.at, "input": lot.input}


def _finite(value: float | None) -> float | None:
    """JSON has no infinity: a bound that there is not is null."""
    return value if value is not None and math.isfinite(value) else None
