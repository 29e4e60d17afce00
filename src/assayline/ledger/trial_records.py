"""What the ledger knows of models on trial, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from .schema import TRIALS


@dataclass(frozen=True)
class TrialRecord:
    """One trial of one version: what it was compared with, its scores on each test set, what was found, and where its predictions are."""

    trial: int
    flow: str
    lot: int
    at: str
    verdict: str
    champion: int | None
    sets: tuple[Mapping[str, Any], ...]
    findings: tuple[Mapping[str, Any], ...]
    objects: Mapping[str, str]


def _trial(row: Row[Any]) -> TrialRecord:
    return TrialRecord(
        int(row.trial), row.flow, int(row.lot), row.at, row.verdict, None if row.champion is None else int(row.champion), tuple(json.loads(row.sets)),
        tuple(json.loads(row.findings)), json.loads(row.objects),
    )  # fmt: skip


def trials(connection: Connection, flow: str, *, lots: Sequence[int] | None = None, most: int = 0) -> list[TrialRecord]:
    """Trials of a model, oldest first; of some versions; at most so many, the newest."""
    query = sa.select(TRIALS).where(TRIALS.c.flow == flow)
    if lots is not None:
        query = query.where(TRIALS.c.lot.in_(lots))
    query = query.order_by(TRIALS.c.trial.desc())
    return [_trial(row) for row in connection.execute(query.limit(most) if most else query)][::-1]


def trial_of(connection: Connection, lot: int) -> TrialRecord | None:
    """The newest trial of a version, or None."""
    row = connection.execute(sa.select(TRIALS).where(TRIALS.c.lot == lot).order_by(TRIALS.c.trial.desc()).limit(1)).first()
    return None if row is None else _trial(row)


def looks(connection: Connection, flow: str, digest: str) -> int:
    """How often versions of a model were tried on a test set of these rows: each verdict says a little about them."""
    named = TRIALS.c.sets.like(f'%"{digest}"%')  # a digest is a word that stands for nothing else
    return int(connection.execute(sa.select(sa.func.count()).select_from(TRIALS).where(TRIALS.c.flow == flow, named)).scalar_one())
