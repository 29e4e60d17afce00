"""Moves of a rollout: what each does to it, how it is told, and the entry it is in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assayline.core import Rollout, Stage, Verdict
from assayline.ledger import Writing, records, rollout_records
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import MoveRecord, RolloutRecord

from ..models.versions import label
from .in_service import FINISH

JUDGE = "assayline"  # who moved a rollout where no person did


def moved_to(record: RolloutRecord, action: str) -> tuple[str, int, str, bool]:
    """What becomes of a rollout by an action.

    Returns:
        The action as it is written ("advance" past the last stage is "promote", or "finish" where nobody was answered), stage, state, and whether it is held.
    """
    if action in ("hold", "resume"):
        return action, record.stage, record.state, action == "hold"
    if action == "rollback":
        return action, record.stage, "rolled_back", False
    if action in ("advance", "promote"):
        value = Rollout("champion", "challenger", record.salt, record.stages, record.stage, state=record.state)
        after = replace(value, stage=len(record.stages) - 1) if action == "promote" and record.stages[-1].share else value
        after = after.advance(Verdict.RELEASE)
        named = {"promoted": "promote", "finished": FINISH}.get(after.state, "advance")
        return named, after.stage, after.state, False
    return action, record.stage, record.state, record.held


def move(
    writing: Writing, record: RolloutRecord, action: str, *, author: str, reason: str, decision: Mapping[str, Any] | None = None, more: Sequence[str] = ()
) -> RolloutRecord:
    """Writes one move of a rollout, with the notices that go out with it.

    Args:
        writing: the transaction.
        record: as it is now, read in this transaction.
        action: advance | promote | stay | hold | resume | rollback | finish.
        author: a person, or `JUDGE`.
        reason: a sentence.
        decision: what the judge said, and of which batches.
        more: further lines of the notice.
    """
    named, stage, state, is_held = moved_to(record, action)
    append_move(writing, record, named, stage, state, held=is_held, author=author, reason=reason, decision=decision, more=more)
    found = rollout_records.rollout_of(writing.connection, record.rollout)
    assert found is not None
    return found


def append_move(
    writing: Writing, record: RolloutRecord, action: str, stage: int, state: str, *, held: bool, author: str, reason: str, decision: Mapping[str, Any] | None = None,
    more: Sequence[str] = (),
) -> None:  # fmt: skip
    """Writes a move as it is given; `move` works out what it does."""
    old, new = (label(lot_of(writing, number)) for number in (record.champion, record.challenger))
    said = sentence(action, old, new, record.stages[stage])
    told = [] if action == "stay" else [notice(writing, record.model, said, [f"By {author}: {reason}", *more], "hold" if action == "rollback" else "release")]
    writing.append(
        "moved",
        {
            "rollout": record.rollout, "model": record.model, "lot": record.challenger, "action": action, "stage": stage, "state": state, "held": held, "author": author,
            "reason": reason, "decision": dict(decision or {}), "notices": told,
        },
    )  # fmt: skip


def sentence(action: str, champion: str, challenger: str, stage: Stage) -> str:
    """What a move means, for people.

    >>> sentence("advance", "churn:v6", "churn:v7", Stage("canary", 5.0))
    'churn:v7 goes on to canary: it answers 5 % of the keys.'
    """
    return {
        "advance": f"{challenger} goes on to {_words(stage)}.",
        "promote": f"{challenger} is promoted and follows {champion}.",
        "rollback": f"{challenger} is taken back; {champion} answers all keys again.",
        "hold": f"The rollout of {challenger} is held.",
        "resume": f"The rollout of {challenger} goes on.",
        "finish": f"The comparison of {challenger} with {champion} has ended.",
        "stay": f"{challenger} stays where it is: {_words(stage)}.",
    }[action]


def _words(stage: Stage) -> str:
    words = {"replay": "replay: past batches are scored again, nobody is answered by it", "shadow": "shadow: it scores what comes, nobody is answered by it"}
    return words.get(stage.mode, f"{stage.mode.replace('_', '/')}: it answers {stage.share:g} % of the keys")


def way(stages: Sequence[Stage]) -> str:
    """The stages in a line.

    >>> way((Stage("replay"), Stage("canary", 5.0), Stage("canary", 100.0)))
    'replay, canary 5 %, canary 100 %'
    """
    return ", ".join(one.mode.replace("_", "/") + (f" {one.share:g} %" if one.share else "") for one in stages)


def notice(writing: Writing, flow: str, subject: str, lines: Sequence[str], verdict: str) -> dict[str, Any]:
    """One message to whoever is told of a flow; the same in every try of a transaction."""
    identity = hashlib.sha256(f"rollout {flow} {writing.next} {subject}".encode()).hexdigest()
    return {"id": identity, "flow": flow, "subject": subject, "lines": list(lines), "verdict": verdict}


def last_decision(moves: Sequence[MoveRecord]) -> Mapping[str, Any] | None:
    """What the judge said last, or None."""
    return next((one.decision for one in reversed(moves) if one.decision), None)


def lot_of(writing: Writing, number: int) -> LotRecord:
    """A lot, as this transaction sees it."""
    return records.lot_of(writing.connection, number)
