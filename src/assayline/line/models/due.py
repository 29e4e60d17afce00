"""Whether a model of a line is to be trained again, and the training when it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from assayline.environments.identity import identity_lines, identity_of
from assayline.ledger import records, run_records

from ..gating import Outcome
from ..model_definition import ModelDefinition
from ..project import Project
from .fitting import Wish, fit_flow, seconds_of
from .trying import Event

DRIFT = ("global_shift", "segment_shift", "label_imbalance", "noise_increase", "new_category_flood", "sample_bias", "shuffled_column", "unit_change")
PACKAGES = ("lightgbm", "sklearn", "numpy", "polars", "assayline")


@dataclass(frozen=True)
class Due:
    """A training that is due: why, from which lots, and what it is known by."""

    reason: str
    lots: tuple[int, ...]
    identity: str
    code: str
    environment: str


def due(project: Project, definition: ModelDefinition, *, moment: datetime | None = None) -> Due | None:
    """Whether a model is to be trained: never yet, another question, other packages, or what `retrain` names; None when it stands.

    Args:
        project: where.
        definition: of the model.
        moment: now, with its zone; the clock's when None.
    """
    with project.ledger.read() as connection:
        lots = run_records.standing(connection, definition.data)
        last = next(reversed(run_records.runs(connection, step=definition.name, states=("done", "held"), most=1)), None)
        drifted = [lot.lot for lot in records.lots_with(connection, [one.lot for one in lots][-100:]) if _drifts(lot.findings)]
    code = "sha256:" + hashlib.sha256(json.dumps([definition.text, dict(definition.asked), definition.budget, definition.cost, definition.seed], sort_keys=True).encode()).hexdigest()
    environment = identity_of(identity_lines(PACKAGES))
    numbers = tuple(one.lot for one in lots)
    identity = "sha256:" + hashlib.sha256(json.dumps([definition.name, [one.digest for one in lots], code, environment]).encode()).hexdigest()
    reason = _reason(definition, last, numbers, identity, code, environment, drifted, moment or datetime.now(UTC))
    return Due(reason, numbers, identity, code, environment) if reason else None


def _reason(
    definition: ModelDefinition, last: run_records.RunRecord | None, lots: tuple[int, ...], identity: str, code: str, environment: str, drifted: list[int], moment: datetime
) -> str:
    if last is None:
        return "it was never trained"
    if last.identity == identity:
        return ""
    if last.code != code:
        return "what it is asked, or its budget, is another"
    if definition.retrain == "never":
        return ""
    if last.environment != environment:
        return "packages are others"
    learned = set(last.inputs.get(definition.data, ()))
    if definition.retrain == "new data":
        return "there are new lots" if set(lots) - learned else "lots it learned from were replaced"
    if definition.retrain == "drift":
        news = [lot for lot in drifted if lot not in learned]
        return f"lot {news[0]} is unlike those before" if news else ""
    days = definition.days or 0
    return f"it is {days} days old" if datetime.fromisoformat(last.at) + timedelta(days=days) <= moment else ""


def _drifts(findings: tuple[Mapping[str, Any], ...]) -> bool:
    return any(one["code"] in DRIFT and one["severity"] >= 0.3 for one in findings)


def train(project: Project, line: str, definition: ModelDefinition, found: Due, on_event: Event) -> tuple[Outcome, list[int]]:
    """Trains the next version, and takes it in.

    Returns:
        What the gate said of it, and the number of the run.

    Raises:
        MisuseError: training refused, or the name belongs to something else.
    """
    asked = definition.asked
    wish = Wish(
        asked["target"], definition.name, key=tuple(asked["key"]), time=asked["time"], horizon=asked["horizon"], task=asked["task"], drop=tuple(asked["drop"]),
        budget_seconds=seconds_of(definition.budget), cost=definition.cost, seed=definition.seed, owner=definition.owner, purpose=definition.about,
    )  # fmt: skip
    fitted = fit_flow(project, definition.data, wish, on_event=on_event, lots=found.lots, line=line, identity=found.identity, code=found.code, environment=found.environment)
    assert fitted.outcome is not None
    with project.ledger.read() as connection:
        last = run_records.runs(connection, step=definition.name, most=1)
    return fitted.outcome, [last[0].run] if last and fitted.outcome.lot is not None and last[0].output == fitted.outcome.lot.lot else []



