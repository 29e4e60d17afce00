"""What to do about a cause, as commands of this command line that work as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from assayline.diagnosis import Component
from assayline.diagnosis.component import ARM, ARRIVAL, CODE, MODEL, PACKAGE, PARAMETER, SOURCE
from assayline.ledger import records, rollout_records

Remedy = dict[str, str]


def remedies(connection: Connection, component: Component, findings: tuple[Mapping[str, Any], ...], symptom_flow: str) -> list[Remedy]:
    """Steps to take, the first one first.

    Args:
        connection: of the ledger.
        component: that is responsible.
        findings: that name its fault, of a source.
        symptom_flow: where it shows.

    Returns:
        `what` (a word), `sentence`, `command`.
    """
    if component.kind == SOURCE:
        return _of_source(connection, component, findings, symptom_flow)
    if component.kind == ARRIVAL:
        ask = _remedy("ask", f"Ask `{component.name}` again; what came late is taken, and all that depends on it is made again.", "assay", "run", "--source", component.name)
        return [ask, _again()]
    if component.kind == CODE:
        put_back = _remedy("put back", f"Put the earlier code of `{component.name}` back (see the difference), then make again what changed.", "assay", "run")
        return [put_back, _compare(symptom_flow)]
    if component.kind == PARAMETER:
        before = f"to {component.before}" if component.before else "as it was"
        return [_remedy("put back", f"Set `{component.name}` back {before} in the line, then make again what changed.", "assay", "run"), _compare(symptom_flow)]
    if component.kind == PACKAGE:
        before = f"{component.name}=={component.before}" if component.before else component.name
        return [_remedy("put back", f"Install {before} again (pip install {shlex.quote(before)}), then make again what changed.", "assay", "run"), _compare(symptom_flow)]
    return _of_model(connection, component)


def _of_source(connection: Connection, component: Component, findings: tuple[Mapping[str, Any], ...], symptom_flow: str) -> list[Remedy]:
    done = []
    for lot in records.lots_with(connection, [int(one) for one in component.detail.get("lots", ())][-3:]):
        number = str(lot.lot)
        if lot.state == "held":
            reason = f"{findings[0]['code']}, see assay why" if findings else "see assay why"
            done.append(_remedy("reject", f"Lot {number} of `{lot.flow}` is held; reject it for good.", "assay", "lot", number, "reject", "--reason", reason))
            release = "Or release it as it is, if it is right after all; `assay run` then makes what waits for it."
            done.append(_remedy("release", release, "assay", "lot", number, "release", "--reason", "checked"))
        elif findings:
            confirm = f"Say that the finding is right: the gate hears it louder in `{lot.flow}` from now on."
            done.append(_remedy("confirm", confirm, "assay", "lot", number, "bad", "--code", str(findings[0]["code"])))
    done.append(_remedy("mark", f"See which findings `{symptom_flow}` carries by now, and what else does.", "assay", "tags", symptom_flow))
    ask = f"Ask {component.owner or 'the sender'} for `{component.name}` again; when it is there, take it, and make again what depends on it."
    done.append(_remedy("re-run", ask, "assay", "run", "--source", component.name))
    return done


def _of_model(connection: Connection, component: Component) -> list[Remedy]:
    model = component.name
    under_way = rollout_records.rollouts(connection, model=model, states=("running", "promoted"), most=1)
    version = f"{model}:{component.now}" if component.kind == MODEL and component.now else model
    show = _remedy("look", "Look at the version that answers now, and at its trial.", "assay", "model", "show", version)
    if under_way:
        back = f"Roll `{model}` back: the version of before answers at once, and what was published is put right."
        return [_remedy("roll back", back, "assay", "rollout", "rollback", model, "--reason", "see assay why"), show]
    if component.kind == ARM or not component.before:
        return [show]
    start = f"Let {model}:{component.before} answer again, by a rollout of its own."
    return [_remedy("roll back", start, "assay", "rollout", "start", model, "--candidate", component.before), show]


def _again() -> Remedy:
    return _remedy("re-run", "Make again what depends on it.", "assay", "run")


def _compare(flow: str) -> Remedy:
    return _remedy("check", "Ask again afterwards: it should say that nothing is wrong.", "assay", "why", flow)


def _remedy(what: str, sentence: str, *command: str) -> Remedy:
    return {"what": what, "sentence": sentence, "command": shlex.join(command)}
