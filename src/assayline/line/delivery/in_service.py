"""Which versions of a model answer now: those of its newest rollout, or the version in force where there never was one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from assayline.core import Rollout
from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord

from ..models.versions import ARTEFACT, champion_of, check_model, label

FINISH = "finish"  # the move after which nobody watches a promoted version any more


@dataclass(frozen=True)
class Serving:
    """Who may answer now.

    Args:
        champion: the version in production; after a promotion that is watched, the one from before it.
        challenger: the other one of a rollout; None where there is none.
        rollout: of the two; None where there is none.
    """

    champion: LotRecord
    challenger: LotRecord | None = None
    rollout: RolloutRecord | None = None

    @property
    def value(self) -> Rollout | None:
        """Which of the two answers which key; None where only one answers."""
        if self.rollout is None or self.challenger is None:
            return None
        return self.rollout.value(label(self.champion), label(self.challenger))


def serving_of(connection: Connection, model: str) -> Serving:
    """Which versions of a model answer now.

    Under a running rollout its two; after a promotion the new one, with the old one beside it while it is watched or some keys are held out; after a way back the old one.
    From the first rollout of a model on, only a rollout changes who answers.

    Args:
        connection: of the ledger.
        model: its name.

    Raises:
        MisuseError: there is no such model, or no version of it that may answer.
    """
    check_model(connection, model)
    newest = next(iter(rollout_records.rollouts(connection, model=model, most=1)), None)
    if newest is None:
        champion = champion_of(connection, model)
        if champion is None:
            raise MisuseError(f"no version of {model} is released; see: assay model list, and sign one with: assay trial sign {model}:v1 --reason TEXT")
        return Serving(_opened(champion))
    champion, challenger = (_opened(records.lot_of(connection, number)) for number in (newest.champion, newest.challenger))
    if newest.state == "running" or (newest.state == "promoted" and (is_watched(connection, newest) or newest.settings.get("holdout"))):
        return Serving(champion, challenger, newest)
    return Serving(challenger if newest.state == "promoted" else champion)


def standby_of(connection: Connection, serving: Serving) -> LotRecord | None:
    """The version that is asked about a row to which the one in service has no answer: after a promotion the one from before it, else the one released before it."""
    if serving.rollout is not None and serving.rollout.state == "promoted":
        return serving.champion
    before = [one for one in records.lots(connection, serving.champion.flow, states=("released",)) if one.place < serving.champion.place and ARTEFACT in one.objects]
    return before[-1] if before else None


def is_watched(connection: Connection, rollout: RolloutRecord) -> bool:
    """Whether the version from before still scores some keys beside the one that was promoted."""
    asked_for = rollout.state == "promoted" and rollout.settings.get("watch") != 0
    return asked_for and not any(one.action == FINISH for one in rollout_records.moves(connection, rollout.rollout))


def _opened(lot: LotRecord) -> LotRecord:
    if ARTEFACT not in lot.objects:
        raise MisuseError(f"{label(lot)} could not be opened when it came, so it cannot answer; roll out another one")
    return lot
