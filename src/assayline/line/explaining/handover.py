"""The hand-over file of a model, as a document: everything somebody needs on the first day, read from the ledger each time it is asked for.

Figures that change with every healthy batch (how many rows came, when the last one did) are left to `assay today`: a card that changes says that something about the model changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records, run_records
from assayline.tables.source import without_password

from ..definition import Line
from ..delivery.in_service import Serving, serving_of
from ..delivery.status import sentence_of
from ..models.next_version import training_command
from ..models.showing import model_document
from ..models.versions import label
from ..owners import SETTING
from ..project import Project
from . import on_call
from .readers import readers_of

LAST_ROLLOUTS = 10
MOST_NEWER = 3
WHEN = {"new data": "there are new lots of its data, or lots it learned from were replaced", "drift": "a lot of its data is unlike those before"}


def card_document(project: Project, text: str, line: Line | None = None) -> dict[str, Any]:
    """Everything about one version, for whoever takes over.

    Args:
        project: where.
        text: `churn:v8`, or `churn` for the version in force.
        line: what is defined, where there is one.

    Returns:
        What `model_document` says, and `handover`: `answers` (who answers now, in sentences), `readers` (`flow`, `kind`, `reads`, `goes_to`, `then`, `command`), `rollouts` (`at`,
        `author`, `sentence`, `reason`), `fails` (sentences), `open` and `rules` (see `on_call.to_watch`), `guards`, `cause` and `back` and `retrain` (`say`, `command`), `upstream`
        (`flow`, `kind`, `what`, `owner`, `every`, `use`), `people` (`who`, `role`).

    Raises:
        MisuseError: there is no such version.
        Damaged: the store lost what the ledger names.
    """
    document = model_document(project, text)
    with project.ledger.read() as connection:
        return {**document, "handover": _handover(connection, line, document)}


def _handover(connection: Connection, line: Line | None, document: Mapping[str, Any]) -> dict[str, Any]:
    model, version, about = str(document["model"]), str(document["version"]), document["about"]
    lot = records.lot_of(connection, int(document["lot"]))
    run = run_records.run_of(connection, lot.lot)
    serving = _serving(connection, model)
    readers = readers_of(connection, model, line)
    data = list(run.inputs) if run is not None else [line.models[model].data] if line is not None and model in line.models else []
    asked = [reader.reads for reader in readers if reader.reads]
    learned, scored = _upstream(connection, line, data), _upstream(connection, line, asked)
    flows = list(dict.fromkeys([*learned, *scored, *_test_sets(document), model, *(reader.flow for reader in readers)]))
    rollouts = rollout_records.rollouts(connection, model=model)
    newest = rollouts[-1] if rollouts else None
    before = [one for one in records.lots(connection, model, states=("released",)) if one.place < lot.place]
    earlier = label(before[-1]) if before else ""
    command, lacking = training_command(lot, run, {**about, "trained": document["trained"]})
    return {
        "answers": list(_answers(connection, serving, version, newest)),
        "readers": [
            {
                "flow": reader.flow, "kind": reader.kind, "reads": reader.reads, "version": reader.job.version if reader.job is not None else "", "goes_to": list(reader.goes_to),
                "then": list(reader.then), "command": reader.command,
            }
            for reader in readers
        ],
        "rollouts": [
            {"at": one.at, "author": one.author, "sentence": sentence_of(connection, one), "reason": str(one.settings.get("reason") or "")} for one in rollouts[-LAST_ROLLOUTS:]
        ],
        "fails": list(on_call.when_it_fails(connection, serving, readers, about, list(dict.fromkeys([*data, *asked])))), **on_call.to_watch(connection, flows),
        "guards": on_call.guards_of(newest if newest is not None and newest.state in ("running", "promoted") else None),
        "cause": list(on_call.to_find_a_cause(version, earlier, readers, data)),
        "back": list(on_call.to_go_back(connection, model, serving, readers, about.get("key") or ())),
        "retrain": list(_retrain(line, model, data, command, lacking)),
        "upstream": [_source(connection, line, flow, learned, scored) for flow in dict.fromkeys([*learned, *scored])],
        "people": list(_people(connection, line, about, model, flows)),
    }  # fmt: skip


def _serving(connection: Connection, model: str) -> Serving | None:
    try:
        return serving_of(connection, model)
    except MisuseError:  # no version of it may answer, which the card says
        return None


def _answers(connection: Connection, serving: Serving | None, version: str, newest: rollout_records.RolloutRecord | None) -> Iterator[str]:
    if serving is None:
        yield "No version of it is released, so nobody gets an answer from it."
        return
    named = [label(one) for one in (serving.champion, serving.challenger) if one is not None]
    if newest is None:
        yield f"{named[0]} answers; it is the version in force by its trial, and the next version that is shown to be no worse takes its place."
    else:
        yield sentence_of(connection, newest)
        if newest.state != "running":
            yield "Only a rollout changes who answers: a version that is released later waits for its own."
    if version not in named:
        yield f"{version}, of which this card is, answers nobody."
    newest_place = max(one.place for one in (serving.champion, serving.challenger) if one is not None)
    for one in records.lots(connection, serving.champion.flow, after_place=newest_place)[-MOST_NEWER:]:
        if label(one) != version:
            yield f"{label(one)} is newer, {one.state} with the verdict {one.verdict}, and does not answer; what was found: assay model show {label(one)}"


def _upstream(connection: Connection, line: Line | None, flows: Sequence[str]) -> list[str]:
    """These flows and all behind them, the nearest first: as the line defines them, else as they were last made."""
    found: dict[str, None] = {}
    todo = list(flows)
    while todo:
        flow = todo.pop(0)
        if flow in found:
            continue
        found[flow] = None
        if line is not None and flow in line.steps:
            todo += line.steps[flow].inputs
        elif line is not None and flow in line.models:
            todo += line.models[flow].inputs
        else:
            last = run_records.runs(connection, step=flow, states=("done", "held"), most=1)
            todo += last[0].inputs if last else ()
    return list(found)


def _test_sets(document: Mapping[str, Any]) -> list[str]:
    from ..models.test_sets import flow_of

    return [flow_of(str(document["model"]), str(one["set"])) for one in document["trial"].get("sets", ())]


def _source(connection: Connection, line: Line | None, flow: str, learned: Sequence[str], scored: Sequence[str]) -> dict[str, Any]:
    """What a flow is, where it comes from, and whose it is."""
    use = " and ".join(word for word, several in (("training", learned), ("scoring", scored)) if flow in several)
    owner = _owner(connection, line, flow)
    if line is not None and flow in line.sources:
        source = line.sources[flow]
        return {"flow": flow, "kind": "source", "what": without_password(source.address) or "a command", "owner": owner, "every": source.every, "use": use}
    if line is not None and flow in line.steps:
        step = line.steps[flow]
        return {"flow": flow, "kind": "step", "what": step.about or f"made from {', '.join(step.inputs)}", "owner": owner, "every": "", "use": use}
    made = run_records.runs(connection, step=flow, most=1)
    lot = next(iter(records.lots(connection, flow, most=1, newest_first=True)), None)
    what = f"made from {', '.join(made[0].inputs)}" if made else f"taken by hand: assay gate {flow} FILE" if lot is not None else "not there yet"
    return {"flow": flow, "kind": "step" if made else "flow", "what": what, "owner": owner, "every": "", "use": use}


def _owner(connection: Connection, line: Line | None, flow: str) -> str:
    """Who answers for a flow: as was said by hand, else as the line says."""
    known = records.flow_of(connection, flow)
    settings = known.settings if known is not None else {}
    said = line.sources[flow].owner if line is not None and flow in line.sources else ""
    return str(settings.get("owner") or said or settings.get(SETTING) or "")


def _retrain(line: Line | None, model: str, data: Sequence[str], command: str, lacking: str) -> Iterator[on_call.Said]:
    """How the next version is made: by the line where it has this model, and at once."""
    defined = line.models.get(model) if line is not None else None
    if defined is not None:
        days = f"it is {defined.days} days old" if defined.days else ""
        when = WHEN.get(defined.retrain) or days
        also = f", and when {when}" if when else ""
        yield on_call.said(f"The line trains it when what it is asked, its budget or its packages change{also}:", f"assay run --step {model}")
    if command:
        at_once = lacking or (f"At once, from all released lots of {data[0]}" if data else "At once")
        again = "; the line does not know of it, and trains once more at its next run" if defined is not None else ""
        yield on_call.said(f"{at_once.removesuffix('.')}{again}:", command)
    elif lacking:
        yield on_call.said(f"There is no one command for it: {lacking}.")
    yield on_call.said("What came of it, beside the versions before:", f"assay model show {model}")


def _people(connection: Connection, line: Line | None, about: Mapping[str, Any], model: str, flows: Sequence[str]) -> Iterator[dict[str, str]]:
    roles: dict[str, list[str]] = {}
    defined = line.models.get(model) if line is not None else None
    for who in dict.fromkeys([str(about.get("owner") or ""), defined.owner if defined is not None else "", _owner(connection, line, model)]):
        if who:
            roles.setdefault(who, []).append(f"owner of the model {model}")
    for flow in flows:
        who = _owner(connection, line, flow) if flow != model else ""
        if who:
            roles.setdefault(who, []).append(f"owner of {flow}")
    for channel, of in on_call.told(connection, flows):
        roles.setdefault(channel, []).append(f"is told of {', '.join(of)}")
    for who, several in roles.items():
        yield {"who": who, "role": "; ".join(several)}
