"""What the judge says of a rollout, written down with what it rests on, so that anybody can ask it again later and hear the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from assayline.ledger import records, rollout_records
from assayline.ledger.rollout_records import MoveRecord, RolloutRecord
from assayline.rollout import Decision, Limits, judge

from ..models.versions import label
from ..project import Project
from .evidence import gathered, last_judged, last_word
from .in_service import FINISH, is_watched
from .moves import JUDGE, move
from .terms import WATCH_BATCHES

Told = Callable[[str, Mapping[str, Any]], None]
ACTS = ("advance", "promote")
UNTIL = "until"  # in a decision: the entry of the ledger up to which it knew everything


@dataclass(frozen=True)
class Again:
    """A decision that stands in the ledger, and what the judge says today to the same evidence."""

    move: MoveRecord
    recorded: Mapping[str, Any]
    now: Mapping[str, Any]

    @property
    def same(self) -> bool:
        """Whether it would decide so again."""
        return {name: self.recorded.get(name) for name in self.now} == dict(self.now)


def limits_of(record: RolloutRecord) -> Limits:
    """What a rollout is held to, as it was agreed at its start."""
    return Limits.from_json(record.settings.get("limits", {}))


def decide(project: Project, number: int, *, on_event: Told | None = None) -> RolloutRecord | None:
    """Lets the judge say what its newest batches mean for a rollout, and does it, in one transaction; None where nothing new is known of it.

    Args:
        project: where.
        number: of the rollout.
        on_event: receives ("moved", {"action", "reason", "stage", "state"}).
    """
    while True:
        with project.ledger.read() as connection:
            record = rollout_records.rollout_of(connection, number)
            assert record is not None
            until = last_word(connection, number)
            if until <= last_judged(connection, number) or not _is_judged(connection, record):
                return None
            decision = said(connection, record, until)
            over = _is_over(connection, record, until)
        action, reason = _act(record, decision, over=over)
        with project.ledger.write() as writing:
            now = rollout_records.rollout_of(writing.connection, number)
            if now != record or last_word(writing.connection, number) != until:
                continue  # somebody moved it meanwhile, or one more batch came: the judge is asked again
            moved = move(writing, record, action, author=JUDGE, reason=reason, decision={**decision.to_json(), UNTIL: until})
        if on_event is not None:
            on_event("moved", {"action": action, "reason": reason, "stage": moved.stage, "state": moved.state})
        return moved


def said(connection: Connection, record: RolloutRecord, until: int) -> Decision:
    """What the judge says of a rollout with what was known at an entry of the ledger."""
    batches = [one.batch for one in gathered(connection, record, until=until)]
    champion, challenger = (label(records.lot_of(connection, lot)) for lot in (record.champion, record.challenger))
    return judge(batches, record.value(champion, challenger), limits_of(record))


def asked_again(connection: Connection, record: RolloutRecord) -> list[Again]:
    """Every decision of the judge about a rollout, made once more from the evidence it had then."""
    found, stage, state = [], 0, "running"
    for one in rollout_records.moves(connection, record.rollout):
        if one.decision:
            then = replace(record, stage=stage, state=state)
            found.append(Again(one, one.decision, said(connection, then, int(one.decision[UNTIL])).to_json()))
        stage, state = one.stage, one.state
    return found


def _is_judged(connection: Connection, record: RolloutRecord) -> bool:
    return record.state == "running" or is_watched(connection, record)


def _act(record: RolloutRecord, decision: Decision, *, over: bool) -> tuple[str, str]:
    """What is done about a decision: a rollout that a person holds goes back, but not on; one that was watched for long enough is let go."""
    if decision.action in ACTS and record.held:
        return "stay", f"held by a person, though {decision.reason}"
    if decision.action == "stay" and over:
        return FINISH, "Nothing spoke against it for as long as it was to be watched."
    return decision.action, decision.reason


def _is_over(connection: Connection, record: RolloutRecord, until: int) -> bool:
    """Whether a promoted version was watched for long enough: so many batches, and where labels are expected, as many with labels."""
    if record.state != "promoted":
        return False
    promoted = max((one.number for one in rollout_records.moves(connection, record.rollout) if one.state == "promoted" and one.action in ("promote", "advance")), default=0)
    since = [one for one in gathered(connection, record, until=until) if one.scoring.scoring > promoted]
    limits, most = limits_of(record), int(record.settings.get("watch", WATCH_BATCHES))
    if limits.labels:
        ripe = [one for one in since if any(not said.segment and said.rows >= limits.matured_share * said.expected > 0 for said in one.batch.matured)]
        return len(ripe) >= most
    return len(since) >= most
