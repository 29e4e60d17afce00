"""What is known of models, as documents: the list, one version, its test sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import intact, records, run_records, trial_records
from assayline.ledger.records import LotRecord
from assayline.trials import SignOff, standing

from ..project import Project
from .next_version import training_command
from .test_sets import sets_of
from .trying import TrialSettings
from .versions import ARTEFACT, KIND, SIGNED, champion_of, label, version_of

LAST = 10


def models_document(project: Project) -> list[dict[str, Any]]:
    """All models, a line each: the version in force, or else the newest."""
    found = []
    with project.ledger.read() as connection:
        for flow in records.flows(connection, kind=KIND):
            lots = records.lots(connection, flow.name, most=1, newest_first=True)
            lot = champion_of(connection, flow.name) or (lots[0] if lots else None)
            trial = trial_records.trial_of(connection, lot.lot) if lot is not None else None
            score = next((one["scores"][0] for one in trial.sets if one["scores"]), None) if trial is not None else None
            found.append(
                {
                    "model": flow.name, "version": None if lot is None else label(lot), "at": None if lot is None else lot.at, "verdict": None if lot is None else lot.verdict,
                    "state": None if lot is None else lot.state, "target": None if lot is None else lot.facts.get("target"), "metric": None if score is None else score["metric"],
                    "score": None if score is None else score["value"], "unit": "" if score is None else score["unit"],
                }
            )  # fmt: skip
    for one in found:
        one["sets"] = len(sets_of(project, str(one["model"])))
    return found


def sets_document(project: Project, model: str) -> list[dict[str, Any]]:
    """The test sets of a model."""
    return [
        {"set": one.name, "lot": one.lot.lot, "rows": one.lot.rows["released"], "at": one.lot.at, "verdict": one.lot.verdict, "looks": one.looks} for one in sets_of(project, model)
    ]


def model_document(project: Project, text: str) -> dict[str, Any]:
    """Everything about one version: what it is, how it was trained, what its trials said, what came before it.

    Args:
        project: where.
        text: `churn:v8`, or `churn` for the version in force.

    Raises:
        MisuseError: there is no such version.
        Damaged: the store lost what the ledger names.
    """
    from ..tagging import tag_document, tags_of

    lot = version_of(project, text)
    with project.ledger.read() as connection:
        past = trial_records.trials(connection, lot.flow)
        lots = {one.lot: one for one in records.lots(connection, lot.flow)}
        champion = champion_of(connection, lot.flow, besides=lot.lot)
        run = run_records.run_of(connection, lot.lot)
        inputs = [records.lot_of(connection, number) for several in run.inputs.values() for number in several] if run is not None else []
        signed = _signed(project, connection, lot, champion)
    mine = [one for one in past if one.lot == lot.lot]
    trial = _read(project, mine[-1].objects.get("report")).get("trial", {}) if mine else {}
    beaten = lots.get(mine[-1].champion) if mine and mine[-1].champion is not None else None
    last = {one.lot: one for one in past if one.lot <= lot.lot}
    history = [
        {
            "version": label(lots[number]), "at": lots[number].at, "verdict": one.verdict, "state": lots[number].state,
            "sets": [{name: tried[name] for name in ("set", "digest", "rows", "scores")} for tried in one.sets],
        }
        for number, one in sorted(last.items())[-LAST - 1 :]
    ]  # fmt: skip
    about = {name: trial[name] for name in ABOUT if name in trial}
    trained = dict(about.pop("trained", {}) or {})
    return {
        "model": lot.flow, "version": label(lot), "lot": lot.lot, "place": lot.place, "at": lot.at, "state": lot.state, "verdict": lot.verdict, "input": lot.input,
        "about": about, "trained": trained, "trial": {name: value for name, value in trial.items() if name not in ABOUT} | {"label": label(lot)}, "history": history,
        "champion": None if beaten is None else label(beaten), "signed": signed,
        "tags": [tag_document(tag) for tag in tags_of(project, [lot.lot]).get(lot.lot, ()) if tag.lot != lot.lot],
        "data": [{"flow": one.flow, "lot": one.lot, "rows": one.rows["released"], "verdict": one.verdict, "at": one.at} for one in inputs],
        "environment": dict(trial.get("environment", {})), "retrain": training_command(lot, run, {**about, "trained": trained})[0],
        "contacts": [about["owner"]] if about.get("owner") else [], "limits": _limits(trial, trained),
    }  # fmt: skip


ABOUT = (
    "name", "version", "digest", "kind", "task", "classes", "target", "key", "time", "horizon", "owner", "purpose", "cost", "created", "parents", "code", "features",
    "bytes", "metrics", "baselines", "trained", "environment",
)  # fmt: skip


def _read(project: Project, digest: str | None) -> dict[str, Any]:
    if digest is None:
        return {}
    with open(intact(project.store, digest), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _signed(project: Project, connection: Any, lot: LotRecord, champion: LotRecord | None) -> dict[str, Any] | None:
    """The last sign-off of a version, and why it no longer holds, if it does not."""
    made = [row for row in records.decisions(connection, lot=lot.lot) if row.action == SIGNED]
    if not made:
        return None
    body = json.loads(made[-1].body)
    signed = SignOff(label(lot), made[-1].author, made[-1].at, body["champion"], tuple(_set(name, digest) for name, digest in sorted(body["sets"].items())), body["days"])
    current = [_set(one.name, one.lot.digest) for one in sets_of(project, lot.flow)]
    found = standing(signed, datetime.now(UTC).isoformat(), champion="" if champion is None else label(champion), test_sets=current)
    expired = "" if found.holds else f"{'; '.join(found.reasons)}."
    return {"author": made[-1].author, "at": made[-1].at, "until": signed.until, "reason": body.get("reason", ""), "expired": expired}


def _set(name: str, digest: str) -> str:
    """What a version of a test set is called in a sentence."""
    return f"test set {name} ({digest.partition(':')[2][:8]})"


def sign(project: Project, text: str, *, author: str, reason: str = "") -> dict[str, Any]:
    """A person vouches for a version, until it expires: after some days, with the next champion, or when a test set changes.

    A version that is held is released by it: somebody has looked at why it was held.

    Args:
        project: where.
        text: `churn:v8`.
        author: who signs.
        reason: why, in a sentence; needed where the version is held.

    Raises:
        MisuseError: there is no such version, it could not be opened, or it is held and no reason is given.
    """
    lot = version_of(project, text)
    if ARTEFACT not in lot.objects:
        raise MisuseError(f"{label(lot)} could not be opened, so nobody can vouch for it")
    if lot.state == "rejected":
        raise MisuseError(f"{label(lot)} was rejected; take it in again if that was wrong")
    if lot.state == "held" and not reason.strip():
        raise MisuseError(f"{label(lot)} is held ({lot.verdict}); say why it may be used all the same, with --reason")
    days = TrialSettings.of(project).expires_days
    until = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    sets = {one.name: one.lot.digest for one in sets_of(project, lot.flow)}
    changes = [{"lot": lot.lot, "state": "released"}] if lot.state == "held" else []
    with project.ledger.write() as writing:
        champion = champion_of(writing.connection, lot.flow, besides=lot.lot)
        before = "" if champion is None else label(champion)
        writing.append(
            "decision", {"flow": lot.flow, "lot": lot.lot, "action": SIGNED, "author": author, "reason": reason, "champion": before, "days": days, "sets": sets, "lots": changes}
        )  # fmt: skip
    return {"version": label(lot), "state": "released", "author": author, "until": until, "reason": reason}


def _limits(trial: Mapping[str, Any], trained: Mapping[str, Any]) -> list[str]:
    """What a reader must know before using it, in sentences."""
    said = [str(one.get("sentence", one)) if isinstance(one, Mapping) else str(one) for one in (*trained.get("leaks", ()), *trained.get("notes", ()))]
    return said + [one["sentence"] for one in trial.get("report", {}).get("findings", ()) if one["severity"] >= 0.3]
