"""What whoever looks after a model has to know before something happens: what comes in place of an answer, what to watch, how to find a cause, how to go back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from assayline.ledger import records, rollout_records
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord

from ..delivery.in_service import Serving, is_watched, standby_of
from ..models.versions import ARTEFACT, label
from .readers import LINE, ONLINE, Reader, scoring_command

NOT_TAKEN = {
    "exception": "that raises an error", "nan": "that is no number", "out_of_range": "that lies far outside what was predicted so far", "unseen_category": "to a row with a category it never saw",
}  # fmt: skip
REASON = "--reason TEXT"

Said = Mapping[str, str]  # {"say", "command"}; either may be ""


def said(say: str, command: str = "") -> Said:
    """A sentence, and what to type."""
    return {"say": say, "command": command}


def when_it_fails(connection: Connection, serving: Serving | None, readers: Sequence[Reader], about: Mapping[str, Any], data: Sequence[str]) -> Iterator[str]:
    """What users get in place of an answer, of a batch, of a version, in sentences."""
    if serving is None:
        yield "No version of it answers now, so a job that asks it fails and says so."
        return
    standby = standby_of(connection, serving)
    beaten = [str(one) for one in about.get("baselines") or ()]
    for reader in readers:
        reasons = [NOT_TAKEN[one] for one in (reader.job.fallback_on if reader.job is not None else tuple(NOT_TAKEN)[:3]) if one in NOT_TAKEN]
        if reasons:
            chain = _chain(serving, standby, beaten, reader)
            where = "the request is answered" if reader.kind == ONLINE else "the row is answered"
            yield f"{reader.flow}: an answer {_or(reasons)} is not taken; {where} by {', then '.join(chain)}. The column assay_fallback says where that happened, and why."
    if any(reader.kind != ONLINE for reader in readers):
        yield "A batch of predictions that the gate holds reaches nobody: targets, and what is made from them, keep what they had."
    yield f"A training that fails, or makes a version that is worse, changes nothing for users: {label(serving.champion)} goes on answering."
    if data:
        yield f"A lot of {_and(data)} that the gate holds is neither learned from nor scored, until somebody releases it."
    if serving.rollout is not None and serving.rollout.state == "running":
        yield "The judge of the rollout takes the new version back by itself when it does harm beyond what was agreed; what it published is put right."


def _chain(serving: Serving, standby: LotRecord | None, beaten: Sequence[str], reader: Reader) -> list[str]:
    """Who is asked, one after another; as `score_work` and the serving do it."""
    chain = [f"{label(serving.champion)} where it was the challenger's"] if serving.challenger is not None and serving.rollout is not None and serving.rollout.state == "running" else []
    chain += [label(standby)] if standby is not None else []
    chain += [f"what it had to beat ({', '.join(beaten)})"] if beaten else []
    last = reader.job.otherwise if reader.job is not None else None
    return [*chain, f"the value {last!r}" if last is not None else "nothing: the field is empty"]


def to_watch(connection: Connection, flows: Sequence[str]) -> dict[str, Any]:
    """What is open now about these flows, and the rules in force on them.

    Returns:
        `open`: `flow`, `code`, `sentence`, `since` (of its first lot), `command`; cases of rows that were put aside too. `rules`: `flow`, `rule`, `text`, `action`, `owner`.
    """
    found: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    for flow in flows:
        for row in records.open_incidents(connection, flow):
            first = next(iter(records.lots(connection, flow, after_place=int(row.first) - 1, most=1)), None)
            found.append({"flow": flow, "code": row.code, "sentence": row.sentence, "since": "" if first is None else first.at, "command": f"assay why incident {int(row.incident)}"})
        cases = records.cases(connection, flow=flow)
        if cases:
            rows = sum(int(one.open) for one in cases)
            count = f"{rows:,} row that was put aside waits" if rows == 1 else f"{rows:,} rows that were put aside wait"
            found.append({"flow": flow, "code": "quarantine", "sentence": f"{count} for a person.", "since": "", "command": f"assay quarantine list {flow}"})
        rules += [
            {"flow": flow, "rule": int(row.rule), "text": row.text, "action": row.action, "owner": row.owner} for row in records.rules_of(connection, flow) if row.state == "on"
        ]
    return {"open": found, "rules": rules}


def guards_of(rollout: RolloutRecord | None) -> list[str]:
    """What the judge of a rollout watches, as it was agreed; nothing where none is under way."""
    if rollout is None:
        return []
    guards = []
    for one in rollout.settings.get("guards") or ():
        limit = f" <= {float(one['limit']):.2%}" if one.get("limit") is not None else ""
        guards.append(f"{one['guard']}{limit}{' per ' + str(one['by']) if one.get('by') else ''}")
    return guards


def to_find_a_cause(version: str, before: str, readers: Sequence[Reader], data: Sequence[str]) -> Iterator[Said]:
    """The commands that look for what is responsible."""
    model = version.partition(":")[0]
    if before:
        yield said(f"Why {version} is not as good as {before}:", f"assay why model {version}")
        yield said("What changed for whom:", f"assay explain {model} {before.partition(':')[2]} {version.partition(':')[2]}")
    for flow in dict.fromkeys(reader.flow for reader in readers):
        yield said(f"Why the predictions of {flow} are odd:", f"assay why {flow}")
    for flow in data[:1]:
        yield said(f"Why the data of {flow} is odd:", f"assay why {flow}")
    yield said("Everything it was made from:", f"assay lineage {model}")
    yield said("What is known against the data it learned from:", f"assay tags {model}")
    yield said("The same trial once more, on the test sets of today:", f"assay trial run {version}")


def to_go_back(connection: Connection, model: str, serving: Serving | None, readers: Sequence[Reader], key: Sequence[str]) -> Iterator[Said]:
    """How the users get the version from before again."""
    if serving is None:
        return
    newest = next(iter(rollout_records.rollouts(connection, model=model, most=1)), None)
    if newest is not None and newest.state in ("running", "promoted"):
        older, new = (records.lot_of(connection, number) for number in (newest.champion, newest.challenger))
        watched = f" {label(older)} still scores beside it, so that nothing has to be computed." if newest.state == "promoted" and is_watched(connection, newest) else ""
        yield said(f"{label(new)} is taken back for everybody at once, {label(older)} answers, and what was published is put right.{watched}", f"assay rollout rollback {model} {REASON}")
    else:
        earlier = [one for one in _released(connection, model) if one.place < serving.champion.place]
        if not earlier:
            yield said("There is no earlier version that may answer. To have none answer, take its jobs out of the line and end assay serve; what was published stays.")
            return
        older = earlier[-1]
        unit = "" if len(key) == 1 else " --unit COLUMN"
        yield said(f"{label(older)} sets out in place of {label(serving.champion)}:", f"assay rollout start {model} --candidate v{older.place} --mode blue_green{unit} {REASON}")
        yield said("and is sent on, again and again, until it is promoted and answers everybody:", f"assay rollout advance {model} {REASON}")
    for reader in readers:
        if reader.kind == ONLINE:
            yield said("Requests, at once and without a rollout:", f"assay serve {model}:v{older.place}")
        elif reader.job is not None and reader.kind == LINE:
            yield said(f"{reader.flow}, at once and without a rollout: write version=\"v{older.place}\" into its line.score(…), then:", reader.command)
        elif reader.job is not None:
            yield said(f"{reader.flow}, at once and without a rollout:", f"{scoring_command(replace(reader.job, version=f'v{older.place}'))} --again")


def _released(connection: Connection, model: str) -> list[LotRecord]:
    return [one for one in records.lots(connection, model, states=("released",)) if ARTEFACT in one.objects]


def _or(several: Sequence[str]) -> str:
    return several[0] if len(several) == 1 else f"{', '.join(several[:-1])} or {several[-1]}"


def _and(several: Sequence[str]) -> str:
    """
    >>> _and(["a"]), _and(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return several[0] if len(several) == 1 else f"{', '.join(several[:-1])} and {several[-1]}"


def told(connection: Connection, flows: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The channels by which people hear of these flows, without secrets, and of which."""
    from assayline.notices.channels import channel_of

    found: dict[str, dict[str, None]] = {}
    for flow in flows:
        for row in records.channels(connection, flow):
            found.setdefault(channel_of(row.channel).name, {})["all flows" if row.flow == "*" else flow] = None
    for channel, of in found.items():
        yield channel, tuple(of)
