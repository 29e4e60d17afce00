"""How a rollout stands, as one document: who scores what, the evidence so far, when a decision is possible, what happened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from assayline.core import CHALLENGER, CHAMPION, HOLDOUT
from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records
from assayline.ledger.rollout_records import MoveRecord, RepairRecord, RolloutRecord
from assayline.rollout import course, standing

from ..models.versions import check_model, label
from ..project import Project
from ..targets import NOT_UNDONE
from .deciding import limits_of
from .evidence import Seen, gathered
from .in_service import is_watched, serving_of
from .moves import last_decision, way
from .repairing import pending


def status_document(project: Project, model: str, number: int | None = None) -> dict[str, Any]:
    """How the newest rollout of a model stands, or one of its earlier ones.

    Args:
        project: where.
        model: its name.
        number: of the rollout; the newest when None.

    Returns:
        `model`, `rollout` (its number), `state`, `held`, `champion` and `challenger` (`label`, `lot`), `mode`, `stage`, `stages`, `share`, `unit`, `salt`, `holdout`,
        `control`, `author`, `at`, `moved`, `who` answers, the last `decision` of the judge, `guards`, `paired` losses, `batches`, `timeline`, `repairs`, and all of it
        in `plain` sentences.

    Raises:
        MisuseError: there is no such model or rollout.
    """
    with project.ledger.read() as connection:
        check_model(connection, model)
        found = rollout_records.rollouts(connection, model=model)
        record = next((one for one in reversed(found) if number is None or one.rollout == number), None)
        if record is None:
            serving = label(serving_of(connection, model).champion)
            what = f"it never had the rollout {number}" if found else f"it never had a rollout, and {serving} answers"
            raise MisuseError(f"{model}: {what}; start one with: assay rollout start {model} --candidate v7 --unit COLUMN")
        return _document(connection, record)


def rollouts_document(project: Project, model: str | None = None) -> list[dict[str, Any]]:
    """All rollouts, oldest first, a line each; of one model, or of all."""
    with project.ledger.read() as connection:
        if model is not None:
            check_model(connection, model)
        return [
            {
                "model": one.model, "rollout": one.rollout, "champion": _label(connection, one.champion), "challenger": _label(connection, one.challenger), "state": one.state,
                "held": one.held, "mode": str(one.settings.get("mode", one.stages[one.stage].mode)), "stage": one.stage, "stages": len(one.stages), "share": share_of(one), "author": one.author,
                "at": one.at, "moved": one.moved,
            }
            for one in rollout_records.rollouts(connection, model=model)
        ]  # fmt: skip


def open_document(connection: Connection) -> list[dict[str, Any]]:
    """Rollouts that are not over, a line each: on their way, watched after a promotion, or with published rows that are still to be put right.

    Returns:
        For each `model`, `rollout`, `champion`, `challenger` (labels), `state`, `held`, `mode`, `stage`, `stages`, `share`, `waiting` (batches to be put right), `sentence`.
    """
    found = []
    waiting = Counter(one.rollout.rollout for one in pending(connection))
    for record in rollout_records.rollouts(connection):
        if record.state != "running" and not waiting[record.rollout] and not is_watched(connection, record):
            continue
        champion, challenger = _label(connection, record.champion), _label(connection, record.challenger)
        said = sentence_of(connection, record)
        count = waiting[record.rollout]
        said += f" {count:,} published {'batch is' if count == 1 else 'batches are'} still to be put right: assay rollout status {record.model} --repair" if count else ""
        found.append(
            {
                "model": record.model, "rollout": record.rollout, "champion": champion, "challenger": challenger, "state": record.state, "held": record.held,
                "mode": record.stages[record.stage].mode, "stage": record.stage, "stages": len(record.stages), "share": share_of(record), "waiting": count, "sentence": said,
            }
        )  # fmt: skip
    return found


def sentence_of(connection: Connection, record: RolloutRecord) -> str:
    """How a rollout stands, in a sentence without figures that change with every batch."""
    champion, challenger = _label(connection, record.champion), _label(connection, record.challenger)
    said = _standing(connection, record, {name: record.settings.get(name, 0) for name in ("holdout", "control", "unit")}, champion, challenger)
    return f"{said.removesuffix('.')}; it is held by a person." if record.held else said


def timeline_document(project: Project, model: str) -> dict[str, Any]:
    """What happened to a model under all its rollouts, in order: `at`, `action`, `stage`, `state`, `author`, `reason`, `rollout`."""
    with project.ledger.read() as connection:
        check_model(connection, model)
        found = [
            {**event, "rollout": one.rollout}
            for one in rollout_records.rollouts(connection, model=model)
            for event in timeline(one, rollout_records.moves(connection, one.rollout), rollout_records.repairs(connection, rollout=one.rollout))
        ]
    return {"model": model, "timeline": sorted(found, key=lambda one: str(one["at"]))}


def share_of(record: RolloutRecord) -> float:
    """Per cent of the keys that the challenger answers now, before those that are held out."""
    return record.value(CHAMPION, CHALLENGER).share


def _label(connection: Connection, lot: int) -> str:
    return label(records.lot_of(connection, lot))


def _document(connection: Connection, record: RolloutRecord) -> dict[str, Any]:
    champion, challenger = _label(connection, record.champion), _label(connection, record.challenger)
    moves = rollout_records.moves(connection, record.rollout)
    repaired = rollout_records.repairs(connection, rollout=record.rollout)
    seen = gathered(connection, record)
    settings, decision = record.settings, last_decision(moves)
    document = {
        "model": record.model, "rollout": record.rollout, "state": record.state, "held": record.held,
        "champion": {"label": champion, "lot": record.champion}, "challenger": {"label": challenger, "lot": record.challenger},
        "mode": str(settings.get("mode", record.stages[-1].mode)), "stage": record.stage, "stages": [{"mode": one.mode, "share": one.share} for one in record.stages],
        "share": share_of(record), "unit": str(settings.get("unit", "")), "salt": record.salt, "holdout": float(settings.get("holdout", 0.0)),
        "control": float(settings.get("control", 10.0)), "author": record.author, "at": record.at, "moved": record.moved,
        "who": _who(record, seen, champion, challenger), "decision": decision, "guards": guards(record, seen), "paired": list(course([one.batch for one in seen], limits_of(record))),
        "batches": [_batch(one) for one in seen], "timeline": timeline(record, moves, repaired), "repairs": [_repair(connection, one) for one in repaired],
    }  # fmt: skip
    return {**document, "plain": _plain(connection, record, document)}


def _who(record: RolloutRecord, seen: Sequence[Seen], champion: str, challenger: str) -> list[dict[str, Any]]:
    """Each arm, who answers it, its share of the keys, and how many rows it had under this rollout."""
    held_out = float(record.settings.get("holdout", 0.0))
    theirs = min(share_of(record), 100.0 - held_out)
    rows: dict[str, int] = {}
    for one in seen:
        if one.scoring.state != "replayed":
            for arm, count in one.batch.accounting.arms.items():
                rows[arm] = rows.get(arm, 0) + count
    shares = {CHAMPION: (champion, 100.0 - held_out - theirs), CHALLENGER: (challenger, theirs), **({HOLDOUT: (champion, held_out)} if held_out else {})}
    return [{"arm": arm, "version": version, "share": share, "rows": rows.get(arm, 0)} for arm, (version, share) in shares.items()]


def guards(record: RolloutRecord, seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """What each guard says, as the judge sees it, with its way there batch by batch; worst first."""
    order = ("broken", "watch", "no data", "fine")
    return sorted(standing([one.batch for one in seen], limits_of(record)), key=lambda now: (order.index(now["state"]), now["segment"] != "", now["guard"], now["segment"]))


def _batch(one: Seen) -> dict[str, Any]:
    counted = one.batch.accounting
    return {
        "name": one.batch.name, "at": one.batch.at, "stage": one.batch.stage, "mode": one.batch.mode, "share": one.batch.share, "rows": counted.taken, "published": counted.published,
        "quarantined": counted.quarantined, "failed": counted.failed, "arms": dict(counted.arms), "fallbacks": dict(counted.fallbacks),
        "stopped_at": min((said.stopped_at for said in one.batch.behaviours if said.stopped_at is not None), default=None), "state": one.scoring.state, "lot": one.scoring.lot,
    }  # fmt: skip


def timeline(record: RolloutRecord, moves: Sequence[MoveRecord], repaired: Sequence[RepairRecord]) -> list[dict[str, Any]]:
    """What happened, in order."""
    events = [{"at": record.at, "action": "start", "stage": 0, "state": "running", "author": record.author, "reason": str(record.settings.get("reason", "")) or way(record.stages)}]
    events += [{"at": one.at, "action": one.action, "stage": one.stage, "state": one.state, "author": one.author, "reason": one.reason} for one in moves]
    events += [
        {
            "at": one.at, "action": "repair", "stage": record.stage, "state": record.state, "author": "assayline",
            "reason": f"{one.rows:,} rows of {int(one.body.get('units', 0)):,} units that were published as lot {one.lot} are put right in lot {one.by}",
        }
        for one in repaired
    ]  # fmt: skip
    return sorted(events, key=lambda one: str(one["at"]))


def _repair(connection: Connection, one: RepairRecord) -> dict[str, Any]:
    return {
        "lot": one.lot, "by": one.by, "rows": one.rows, "units": int(one.body.get("units", 0)), "at": one.at, "places": places_of(connection, one),
        "undone": [*one.body.get("not_undone", ()), *_kept_there(connection, one)], "without_standby": int(one.body.get("without_standby", 0)), "taken": int(one.body.get("taken", 0)),
    }  # fmt: skip


def _kept_there(connection: Connection, one: RepairRecord) -> list[str]:
    """Targets that keep for good what arrived there, in sentences."""
    lot = records.lot_of(connection, one.by)
    return [
        f"{row.address} keeps the rows of lot {one.lot}; those that would be others now are in {NOT_UNDONE}/{lot.flow}-target{int(row.number)}-{lot.lot:06}.ndjson."
        for row in records.targets(connection, lot.flow)
        if json.loads(row.options).get("final") and one.by in records.pushed_to(connection, int(row.number))
    ]


def places_of(connection: Connection, one: RepairRecord) -> list[dict[str, Any]]:
    """Where the predictions that were put right stand by now: the store, and each target of the flow."""
    flow = records.lot_of(connection, one.by).flow
    targets = [{"place": str(row.address), "done": one.by in records.pushed_to(connection, int(row.number))} for row in records.targets(connection, flow)]
    return [{"place": "store", "done": True}, *targets]


def _plain(connection: Connection, record: RolloutRecord, document: Mapping[str, Any]) -> list[str]:
    """All of it in sentences, the most important first."""
    champion, challenger = document["champion"]["label"], document["challenger"]["label"]
    said = [_standing(connection, record, document, champion, challenger)]
    if record.held:
        said.append(f"It is held by a person; let it go on with: assay rollout resume {record.model}.")
    batches = [one for one in document["batches"] if one["state"] != "replayed"]
    again = len(document["batches"]) - len(batches)
    rows = {one["arm"]: one["rows"] for one in document["who"]}
    said.append(
        f"{len(batches):,} {'batch was' if len(batches) == 1 else 'batches were'} scored under it"
        + (f" and {again:,} from before it once more" if again else "")
        + (f"; {challenger} answered {rows.get(CHALLENGER, 0):,} of {sum(rows.values()):,} rows." if sum(rows.values()) else ".")
    )
    for one in document["guards"]:
        if one["state"] in ("broken", "watch"):
            said.append(_guard_said(one))
    if document["paired"]:
        last = document["paired"][-1]
        bounds = f", between {last['low']:+.4g} and {last['high']:+.4g}" if None not in (last["low"], last["high"]) else ""
        said.append(f"On {last['rows']:,} rows with labels {challenger} lost {last['mean']:+.4g} {last['unit']} against {champion}{bounds}.")
    decision = document["decision"]
    if decision is not None and record.state == "running":
        said += [str(decision[name]) for name in ("reason", "possible") if decision.get(name)]
    elif decision is None and record.state == "running":
        said.append("Nothing is decided before the first batch has been scored.")
    for one in document["repairs"]:
        waiting = [place["place"] for place in one["places"] if not place["done"]]
        where = f"; {', '.join(waiting)} still {'lacks' if len(waiting) == 1 else 'lack'} it." if waiting else ", everywhere."
        said.append(f"{one['rows']:,} rows of lot {one['lot']} were put right in lot {one['by']}{where}")
        said += [f"What cannot be undone: {what}" for what in one["undone"]]
    return said


def _guard_said(one: Mapping[str, Any]) -> str:
    """A guard that is broken or nearly so; with the last batch, which is what good ones before it would hide."""
    name = f"{one['guard']} for {one['segment']}" if one["segment"] else str(one["guard"])
    word = "is broken" if one["state"] == "broken" else "speaks against it, not yet beyond chance"
    if not one["rows"]:
        return f"{name} {word}: harm pair by pair that does not wait for the labels of whole batches."
    if one["unit"]:
        return f"{name} {word}: {one['share']:+.4g} {one['unit']} over {one['rows']:,} rows, allowed are {one['limit']:.4g}."
    last = one["history"][-1] if one["history"] else None
    of_last = f", in the last batch {last['bad']:,} of {last['rows']:,} ({last['bad'] / last['rows']:.2%})" if last is not None and len(one["history"]) > 1 else ""
    return f"{name} {word}: {one['bad']:,} of {one['rows']:,} rows ({one['share']:.2%}){of_last}, allowed are {one['limit']:.2%}."


def _standing(connection: Connection, record: RolloutRecord, document: Mapping[str, Any], champion: str, challenger: str) -> str:
    stage, number = record.stages[record.stage], f"stage {record.stage + 1} of {len(record.stages)}"
    if record.state == "promoted":
        watched = f"; {champion} still scores {document['control']:g} % of the keys beside it" if is_watched(connection, record) else ""
        return f"{challenger} is promoted and answers {'all keys' if not document['holdout'] else 'all keys but the ' + format(document['holdout'], 'g') + ' % held out'}{watched}."
    if record.state == "rolled_back":
        return f"{challenger} was taken back; {champion} answers all keys."
    if record.state == "finished":
        return f"The comparison has ended; {champion} answers all keys, as before."
    if not stage.share:
        return f"{champion} answers all keys; {challenger} is compared with it in {stage.mode} ({number})."
    return f"{challenger} answers {stage.share:g} % of the keys of {document['unit']}, {champion} the others ({stage.mode.replace('_', '/')}, {number})."
