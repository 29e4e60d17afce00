"""The life of a rollout: it sets out, people and the judge move it, and each move is one entry of the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from assayline.core import Stage
from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import intact, rollout_records, trial_records
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord, ScoringRecord
from assayline.rollout import Limits

from ..adjudicating import author_of
from ..models.versions import ARTEFACT, champion_of, label, version_of
from ..project import Project
from .checking import check, passed
from .deciding import Told, decide
from .in_service import FINISH, is_watched, serving_of
from .maturing import checked, mature
from .moves import JUDGE, append_move, lot_of, move, notice, way
from .recalling import recall
from .repairing import repair
from .terms import Terms


def start(project: Project, model: str, candidate: str, terms: Terms, *, author: str | None = None, reason: str = "") -> RolloutRecord:
    """Sets a version on its way beside the one that answers now; the first stage answers nobody.

    Args:
        project: where.
        model: its name.
        candidate: the version: "v7", "7" or "churn:v7".
        terms: what is agreed.
        author: who starts it; the user who runs this when None.
        reason: why, in a sentence.

    Raises:
        MisuseError: there is no such version, it may not answer or does not work as it should, it answers already, or another one is on its way.
    """
    lot = candidate_of(project, model, candidate)
    with project.ledger.read() as connection:
        champion = followed(connection, model, lot)
        known = next(iter(rollout_records.rollouts(connection, model=model, states=("running",), most=1)), None)
    if known is not None and known.challenger == lot.lot and _agreed_before(known, terms):
        return known  # the same command once more, perhaps because it was cut off
    found = {} if known is not None or champion.lot == lot.lot else passed(check(project, champion, lot), lot)  # else it is refused below
    return set_out(project, model, lot, terms, found, author=author, reason=reason)


def set_out(project: Project, model: str, lot: LotRecord, terms: Terms, found: Mapping[str, Any], *, author: str | None = None, reason: str = "") -> RolloutRecord:
    """Writes down that a version sets out.

    Args:
        project: where.
        model: its name.
        lot: the version.
        terms: what is agreed.
        found: what a check of the version said; see `checking.check`.
        author: who starts it; the user who runs this when None.
        reason: why, in a sentence.

    Raises:
        MisuseError: it answers already, or another one is on its way.
    """
    by = author_of(author)
    with project.ledger.write() as writing:
        serving = serving_of(writing.connection, model)
        if terms.labels is not None:
            checked(terms.labels, writing.connection)
        running = serving.rollout
        if running is not None and running.state == "running":
            raise MisuseError(
                f"{label(lot_of(writing, running.challenger))} of {model} is on its way since {running.at[:10]}; look at it with: assay rollout status {model}, "
                f"and end it with: assay rollout rollback {model} --reason TEXT"
            )
        champion = followed(writing.connection, model, lot)
        if champion.lot == lot.lot:
            raise MisuseError(f"{label(lot)} answers already; choose another version, see: assay model list")
        if running is not None and is_watched(writing.connection, running):
            append_move(writing, running, FINISH, running.stage, running.state, held=False, author=by, reason=f"{label(lot)} sets out; nobody watches {label(champion)} any more.")
        agreed = agreed_limits(terms)
        body = {
            "model": model, "champion": champion.lot, "challenger": lot.lot, "salt": f"{model}-{writing.next}", "stages": [_stage(one) for one in terms.stages()],
            "settings": {**terms.settings(), "limits": agreed.to_json(), "reason": reason, "check": {name: found[name] for name in ("figures", "notes", "rows") if name in found}}, "author": by,
        }  # fmt: skip
        said = f"{label(lot)} sets out to follow {label(champion)}: {way(terms.stages())}."
        entry = writing.append("rollout", {**body, "notices": [notice(writing, model, said, [f"Started by {by}{': ' + reason if reason else ''}."], "release")]})
        made = rollout_records.rollout_of(writing.connection, entry.number)
    assert made is not None
    return made


def _agreed_before(known: RolloutRecord, terms: Terms) -> bool:
    """Whether a rollout was started on just these terms."""
    asked = {**terms.settings(), "limits": agreed_limits(terms).to_json()}
    return json.dumps({name: known.settings.get(name) for name in asked}, sort_keys=True) == json.dumps(asked, sort_keys=True)


def followed(connection: Connection, model: str, candidate: LotRecord) -> LotRecord:
    """The version that a candidate would follow: the one that answers now.

    Before the first rollout that is the version in force; where the candidate is in force by its trial, it is the one before it.
    """
    serving = serving_of(connection, model)
    champion = serving.challenger if serving.rollout is not None and serving.rollout.state == "promoted" and serving.challenger is not None else serving.champion
    if champion.lot == candidate.lot and not rollout_records.rollouts(connection, model=model, most=1):
        return champion_of(connection, model, besides=candidate.lot) or champion
    return champion


def agreed_limits(terms: Terms, own: Mapping[str, float] | None = None) -> Limits:
    """What the judge holds a rollout to: what is asked for, then how much the champion differs from itself, then what is usual.

    Args:
        terms: what is agreed.
        own: by guard, the share that the champion differs from itself from day to day.

    Raises:
        MisuseError: there is no such limit, or its value makes no sense.
    """
    whole = tuple(dict.fromkeys(one.guard for one in terms.guards if one.guard != "loss"))
    asked = {one.guard: one.limit for one in terms.guards if one.limit is not None}
    given = dict(terms.limits)
    rates = {**(own or {}), **asked, **given.pop("rates", {})}
    try:
        return Limits.from_json({"labels": terms.labels is not None, "guards": list(whole), **given, "rates": {name: rate for name, rate in rates.items() if name in whole}})
    except TypeError as error:
        raise MisuseError(f"--limit: {error}; write for instance --limit margin=0.005") from error


def candidate_of(project: Project, model: str, candidate: str) -> LotRecord:
    """The version that is to set out.

    Raises:
        MisuseError: there is none, it is of another model, or it is not released.
    """
    text = candidate if ":" in candidate else f"{model}:{candidate}"
    lot = version_of(project, text)
    if lot.flow != model:
        raise MisuseError(f"{label(lot)} is no version of {model}")
    if lot.state != "released" or ARTEFACT not in lot.objects:
        raise MisuseError(f"{label(lot)} is {lot.state} and answers nobody; look at why with: assay model show {label(lot)}, and sign it if it is right: assay trial sign {label(lot)}")
    return lot


def unit_of(project: Project, model: str, candidate: str) -> str:
    """The column that names the unit where nobody says so: the key of the model.

    Raises:
        MisuseError: it has no key, or one of several columns.
    """
    lot = candidate_of(project, model, candidate)
    with project.ledger.read() as connection:
        trial = trial_records.trial_of(connection, lot.lot)
    keys: list[str] = []
    if trial is not None and "report" in trial.objects:
        with open(intact(project.store, trial.objects["report"]), encoding="utf-8") as file:
            keys = [str(one) for one in json.load(file).get("trial", {}).get("key") or ()]
    if len(keys) != 1:
        known = f"its key has the columns {', '.join(keys)}" if keys else "it was trained without a key"
        raise MisuseError(f"{label(lot)}: {known}, so say with --unit which column names what always gets the same model, such as customer_id")
    return keys[0]


def hold(project: Project, model: str, *, author: str | None = None, reason: str = "") -> RolloutRecord:
    """Nothing moves it forward until somebody lets it go on; it can still be taken back, by the judge too.

    Raises:
        MisuseError: nothing is on its way, or it is held already.
    """
    return _by_person(project, model, "hold", author, reason)


def resume(project: Project, model: str, *, author: str | None = None, reason: str = "") -> RolloutRecord:
    """Lets a rollout go on that a person held.

    Raises:
        MisuseError: nothing is on its way, or it is not held.
    """
    return _by_person(project, model, "resume", author, reason)


def advance(project: Project, model: str, *, author: str | None = None, reason: str = "") -> RolloutRecord:
    """One stage on, by a person, whatever the judge says; after the last stage the challenger is promoted.

    Raises:
        MisuseError: nothing is on its way, or no reason is given.
    """
    if not reason.strip():
        raise MisuseError("say why it may go on without the judge, with --reason: it stands beside the rollout from now on")
    return _by_person(project, model, "advance", author, reason)


def rollback(project: Project, model: str, *, author: str | None = None, reason: str = "") -> RolloutRecord:
    """Back to the version from before, for every key and at once; what was published by the other one is put right by `repairing.repair`.

    Raises:
        MisuseError: there is nothing to take back.
    """
    return _by_person(project, model, "rollback", author, reason)


def after_batch(project: Project, scoring: ScoringRecord, *, on_event: Told | None = None) -> list[str]:
    """What follows from a batch that was scored: see `settle`."""
    return settle(project, scoring.model, on_event=on_event)


def go_on(project: Project, model: str, *, on_event: Told | None = None) -> list[str]:
    """Past batches are scored again, where a rollout is at its replay and they were not yet; then `settle`.

    Args:
        project: where.
        model: its name.
        on_event: as of `settle`; and "batch" and "score" as of `scoring.score`.

    Raises:
        MisuseError: a batch could not be scored.
    """
    from .scoring import replay  # which asks for what is settled here, after each batch

    project.store.sweep()  # what a command that was killed left half written
    replay(project, model, on_event=on_event)
    return settle(project, model, on_event=on_event)


def settle(project: Project, model: str, *, on_event: Told | None = None) -> list[str]:
    """Whatever is due for the rollouts of a model: labels are joined, the judge is asked, what was published by a challenger that was taken back is put right.

    All of it is read from the ledger. Cut off anywhere, the next call goes on; done, it does nothing.

    Args:
        project: where.
        model: its name.
        on_event: receives ("moved" | "repair", what there is to say of it).

    Returns:
        What is still to be done and why it could not be, in sentences.
    """
    with project.ledger.read() as connection:
        newest = next(iter(rollout_records.rollouts(connection, model=model, most=1)), None)
    if newest is None:
        return []
    problems: list[str] = []
    _skip_replay(project, newest.rollout)
    try:
        mature(project, model)
    except AssaylineError as error:  # labels that cannot be joined are no reason to go on, nor to leave published rows as they are
        problems.append(f"labels of {model}: {error}")
    decide(project, newest.rollout, on_event=on_event)
    return problems + repair(project, model, recompute=recall(project), on_event=on_event)


def _skip_replay(project: Project, number: int) -> None:
    """Where no batch was ever scored there is none to be scored again."""
    with project.ledger.write() as writing:
        record = rollout_records.rollout_of(writing.connection, number)
        if record is None or record.state != "running" or record.held or record.stages[record.stage].mode != "replay" or len(record.stages) == 1:
            return
        if not any(one.lot for one in rollout_records.scorings(writing.connection, model=record.model)):
            move(writing, record, "advance", author=JUDGE, reason="No batch was scored before it, so there is none to be scored again.")


def _by_person(project: Project, model: str, action: str, author: str | None, reason: str) -> RolloutRecord:
    by = author_of(author)
    with project.ledger.write() as writing:
        serving_of(writing.connection, model)  # says so where there is no such model
        record = next(iter(rollout_records.rollouts(writing.connection, model=model, most=1)), None)
        state = "none" if record is None else record.state
        if record is not None and action == "rollback" and state == "rolled_back":
            return record  # the same command once more, perhaps because it was cut off before all was put right
        if record is None or (state != "running" and not (action == "rollback" and state == "promoted")):
            word = {"none": "no rollout was ever started", "rolled_back": "its last one was taken back", "promoted": "its last one ended with a promotion"}
            raise MisuseError(f"nothing of {model} is on its way: {word.get(state, 'its last one has ended')}; start one with: assay rollout start {model} --candidate v7 --unit COLUMN")
        if (action == "hold") == record.held and action in ("hold", "resume"):
            raise MisuseError(f"the rollout of {model} is {'held already' if record.held else 'not held'}; see: assay rollout status {model}")
        return move(writing, record, action, author=by, reason=reason or f"{by} said so.")


def _stage(one: Stage) -> dict[str, Any]:
    return {"mode": one.mode, "share": one.share}
