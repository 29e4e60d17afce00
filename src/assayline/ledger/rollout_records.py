"""What the ledger knows of rollouts and of batches that were scored, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from assayline.core import Rollout, Stage

from .schema import MATURED, MOVES, REPAIRS, ROLLOUTS, SCORINGS


@dataclass(frozen=True)
class RolloutRecord:
    """A challenger on its way: which versions (lots), how far it is, and what was agreed at its start.

    `value()` is the same as the noun, whose champion and challenger are the labels that are given.
    """

    rollout: int
    model: str
    champion: int
    challenger: int
    salt: str
    stages: tuple[Stage, ...]
    stage: int
    state: str
    held: bool
    settings: Mapping[str, Any]
    author: str
    at: str
    moved: str

    def value(self, champion: str, challenger: str) -> Rollout:
        """Which of the two answers which key now."""
        share = {name: float(self.settings[name]) for name in ("holdout", "control") if name in self.settings}
        return Rollout(champion, challenger, self.salt, self.stages, self.stage, state=self.state, **share)


@dataclass(frozen=True)
class MoveRecord:
    """What was decided about a rollout, by whom and why; `decision` is what the judge said."""

    number: int
    rollout: int
    at: str
    action: str
    stage: int
    state: str
    author: str
    reason: str
    decision: Mapping[str, Any]


@dataclass(frozen=True)
class ScoringRecord:
    """A batch that was scored: the run's digest, where the predictions are, who made how many of them, and what that says of a rollout."""

    scoring: int
    run: str
    model: str
    flow: str
    lot: int
    rollout: int | None
    stage: int | None
    at: str
    counts: Mapping[str, Any]
    evidence: Mapping[str, Any]
    objects: Mapping[str, str]
    state: str


@dataclass(frozen=True)
class RepairRecord:
    """Published predictions whose place others took."""

    number: int
    rollout: int | None
    scoring: int
    lot: int
    by: int
    rows: int
    at: str
    body: Mapping[str, Any]


def _rollout(row: Row[Any]) -> RolloutRecord:
    stages = tuple(Stage(one["mode"], float(one["share"])) for one in json.loads(row.stages))
    return RolloutRecord(
        int(row.rollout), row.model, int(row.champion), int(row.challenger), row.salt, stages, int(row.stage), row.state, bool(row.held), json.loads(row.settings), row.author,
        row.at, row.moved,
    )  # fmt: skip


def _scoring(row: Row[Any]) -> ScoringRecord:
    return ScoringRecord(
        int(row.scoring), row.run, row.model, row.flow, int(row.lot), None if row.rollout is None else int(row.rollout), None if row.stage is None else int(row.stage), row.at,
        json.loads(row.counts), json.loads(row.evidence), json.loads(row.objects), row.state,
    )  # fmt: skip


def rollouts(connection: Connection, *, model: str | None = None, states: Sequence[str] = (), most: int = 0) -> list[RolloutRecord]:
    """Rollouts, oldest first; of one model, in some states; at most so many, the newest."""
    query = sa.select(ROLLOUTS)
    if model is not None:
        query = query.where(ROLLOUTS.c.model == model)
    if states:
        query = query.where(ROLLOUTS.c.state.in_(states))
    query = query.order_by(ROLLOUTS.c.rollout.desc())
    return [_rollout(row) for row in connection.execute(query.limit(most) if most else query)][::-1]


def rollout_of(connection: Connection, number: int) -> RolloutRecord | None:
    """The rollout of this number, or None."""
    row = connection.execute(sa.select(ROLLOUTS).where(ROLLOUTS.c.rollout == number)).first()
    return None if row is None else _rollout(row)


def moves(connection: Connection, rollout: int) -> list[MoveRecord]:
    """What was decided about a rollout, in order."""
    query = sa.select(MOVES).where(MOVES.c.rollout == rollout).order_by(MOVES.c.number)
    return [
        MoveRecord(int(row.number), int(row.rollout), row.at, row.action, int(row.stage), row.state, row.author, row.reason, json.loads(row.decision))
        for row in connection.execute(query)
    ]


def scorings(
    connection: Connection, *, flow: str | None = None, rollout: int | None = None, model: str | None = None, run: str | None = None, lots: Sequence[int] | None = None, most: int = 0
) -> list[ScoringRecord]:
    """Batches that were scored, oldest first; into one flow, under one rollout, by one model, of one run, published as some lots; at most so many, the newest."""
    query = sa.select(SCORINGS)
    for column, wanted in ((SCORINGS.c.flow, flow), (SCORINGS.c.rollout, rollout), (SCORINGS.c.model, model), (SCORINGS.c.run, run)):
        if wanted is not None:
            query = query.where(column == wanted)
    if lots is not None:
        query = query.where(SCORINGS.c.lot.in_(lots))
    query = query.order_by(SCORINGS.c.scoring.desc())
    return [_scoring(row) for row in connection.execute(query.limit(most) if most else query)][::-1]


def matured(connection: Connection, scorings: Sequence[int], *, until: int | None = None) -> dict[int, Mapping[str, Any]]:
    """What the labels that came say of each of these batches, the newest word on each; of those up to an entry of the ledger."""
    query = sa.select(MATURED).where(MATURED.c.scoring.in_(scorings)).order_by(MATURED.c.number)
    if until is not None:
        query = query.where(MATURED.c.number <= until)
    return {int(row.scoring): dict(json.loads(row.body)) for row in connection.execute(query)}


def repairs(connection: Connection, *, rollout: int | None = None, lots: Sequence[int] | None = None) -> list[RepairRecord]:
    """Predictions that were replaced, oldest first; because of one rollout; that stood in some lots."""
    query = sa.select(REPAIRS)
    if rollout is not None:
        query = query.where(REPAIRS.c.rollout == rollout)
    if lots is not None:
        query = query.where(REPAIRS.c.lot.in_(lots))
    return [
        RepairRecord(
            int(row.number), None if row.rollout is None else int(row.rollout), int(row.scoring), int(row.lot), int(row.by), int(row.rows), row.at, json.loads(row.body)
        )
        for row in connection.execute(query.order_by(REPAIRS.c.number))
    ]  # fmt: skip
