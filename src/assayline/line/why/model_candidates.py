"""Which model answered, and for whom, where that is not what it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from assayline.diagnosis import Component
from assayline.diagnosis.component import ARM, MODEL
from assayline.ledger import records, rollout_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..models.versions import label
from .gate_words import gate_words
from .reach import Reach

SMALLEST_MOVE = 0.005  # of the rows: who has no answer of its own in a row or two is replaced there by another version


def model_components(connection: Connection, good: Reach, bad: Reach) -> list[Component]:
    """One component for each model whose version is another one, and one for each whose challenger answers another share."""
    before, now = good.newest_runs(), bad.newest_runs()
    found: dict[str, Component] = {}
    for step, run in now.items():
        if step not in before:
            continue
        for model in sorted(bad.models & set(run.inputs)):
            for one in _of_step(connection, model, before[step], run, bad):
                found[one.key] = one if one.key not in found else _joined(found[one.key], one)
    return list(found.values())


def _joined(one: Component, other: Component) -> Component:
    detail = {**one.detail, "steps": [*one.detail["steps"], *other.detail["steps"]]}
    return Component(one.kind, one.name, one.before, one.now, one.owner, one.evidence, one.why_not, one.findings, detail)


def _of_step(connection: Connection, model: str, before: RunRecord, now: RunRecord, bad: Reach) -> Iterator[Component]:
    was, is_now = (_Answered.of(connection, model, run) for run in (before, now))
    if was.champion is None or is_now.champion is None or was.is_like(is_now):
        return
    if was.champion.lot != is_now.champion.lot:
        said = gate_words([is_now.champion], [was.champion])
        detail = {"steps": [now.step], "lots": [is_now.champion.lot], "before_lots": [was.champion.lot], "change": "changed"}
        yield Component(MODEL, model, f"v{was.champion.place}", f"v{is_now.champion.place}", findings=said.findings, detail=detail)
    elif was.stage != is_now.stage:
        yield _arm(connection, model, now, was, is_now, bad)


@dataclass(frozen=True)
class _Answered:
    """Who answered a batch: the version that answers where no challenger does, the share of each version, and the stage of a rollout."""

    champion: LotRecord | None
    shares: Mapping[str, float]
    stage: tuple[int, int] | None

    @classmethod
    def of(cls, connection: Connection, model: str, run: RunRecord) -> _Answered:
        lots = {lot.lot: lot for lot in records.lots_with(connection, run.inputs.get(model, ()))}
        champion = next((lots[lot] for lot in run.inputs.get(model, ()) if lot in lots), None)  # a run names the champion first
        made = rollout_records.scorings(connection, run=run.identity) if run.output is not None else []
        counted = {str(name): int(rows) for name, rows in (made[-1].counts.get("versions", {}) if made else {}).items()}
        total = sum(counted.values())
        if not total:
            return cls(champion, {} if champion is None else {label(champion): 1.0}, None)
        last = made[-1]
        return cls(champion, {name: rows / total for name, rows in counted.items()}, None if last.rollout is None else (last.rollout, last.stage or 0))

    def is_like(self, other: _Answered) -> bool:
        """Whether the same versions answered as much."""
        return sum(abs(self.shares.get(name, 0.0) - other.shares.get(name, 0.0)) for name in {*self.shares, *other.shares}) / 2 < SMALLEST_MOVE


def _arm(connection: Connection, model: str, now: RunRecord, was: _Answered, is_now: _Answered, bad: Reach) -> Component:
    stage = is_now.stage or was.stage
    record = rollout_records.rollout_of(connection, stage[0]) if stage is not None else None
    assert record is not None
    lots = {lot.lot: lot for lot in records.lots_with(connection, [record.champion, record.challenger])}
    who = label(lots[record.challenger])
    shares = [one.shares.get(who, 0.0) for one in (was, is_now)]
    detail: dict[str, Any] = {
        "steps": [now.step], "lots": bad.made_by(now.step), "share_before": shares[0], "share_now": shares[1], "rollout": record.rollout, "champion": record.champion,
        "challenger": record.challenger, "change": "changed",
    }  # fmt: skip
    why = f"{who} answers less than before; a replay lets the champion answer all, and cannot give it back its rows" if shares[1] < shares[0] else ""
    return Component(ARM, model, f"{who} answered {shares[0]:.0%}", f"{who} answers {shares[1]:.0%}", owner=record.author, why_not=why, detail=detail)
