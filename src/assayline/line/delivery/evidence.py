"""What the batches of a rollout say, read from the ledger: the same numbers at any later time, so that every decision can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.ledger import rollout_records
from assayline.ledger.rollout_records import RolloutRecord, ScoringRecord
from assayline.ledger.schema import MATURED, MOVES, SCORINGS
from assayline.rollout import Batch, Matured, Outcome


@dataclass(frozen=True)
class Seen:
    """One batch of a rollout: its scoring, and what it says by now."""

    scoring: ScoringRecord
    batch: Batch


def gathered(connection: Connection, rollout: RolloutRecord, *, until: int | None = None) -> list[Seen]:
    """The batches of a rollout in the order in which they were scored, with the labels that came for them since.

    Args:
        connection: of the ledger.
        rollout: whose.
        until: only what was known at this entry of the ledger; all when None.
    """
    records = [one for one in rollout_records.scorings(connection, rollout=rollout.rollout) if one.evidence and (until is None or one.scoring <= until)]
    # The same input once more in the same stage (it came corrected, or was asked for again): the last word counts, so that nothing is counted twice.
    last = {(one.evidence["name"], one.stage): one for one in records}
    words = rollout_records.matured(connection, [one.scoring for one in last.values()], until=until)
    return [Seen(one, _with_labels(Batch.from_json(one.evidence), words.get(one.scoring, {}))) for one in sorted(last.values(), key=lambda one: one.scoring)]


def _with_labels(batch: Batch, words: Mapping[str, Any]) -> Batch:
    if not words:
        return batch
    matured = tuple(Matured(**one) for one in words.get("matured", ()))
    return replace(batch, matured=matured or batch.matured, outcomes=(*batch.outcomes, *(Outcome(**one) for one in words.get("outcomes", ()))))


def words_of(matured: tuple[Matured, ...], outcomes: tuple[Outcome, ...] = ()) -> dict[str, Any]:
    """What labels say of a batch, as it stands in the ledger."""
    return {"matured": [asdict(one) for one in matured], "outcomes": [asdict(one) for one in outcomes]}


def last_word(connection: Connection, rollout: int) -> int:
    """The newest entry of the ledger that says something of a rollout; 0 for none."""
    scored = connection.execute(sa.select(sa.func.max(SCORINGS.c.scoring)).where(SCORINGS.c.rollout == rollout)).scalar()
    numbers = sa.select(SCORINGS.c.scoring).where(SCORINGS.c.rollout == rollout)
    labelled = connection.execute(sa.select(sa.func.max(MATURED.c.number)).where(MATURED.c.scoring.in_(numbers))).scalar()
    return max(int(scored or 0), int(labelled or 0))


def last_judged(connection: Connection, rollout: int) -> int:
    """The newest move of a rollout that the judge made; 0 for none."""
    query = sa.select(sa.func.max(MOVES.c.number)).where(MOVES.c.rollout == rollout, MOVES.c.decision != "{}")
    return int(connection.execute(query).scalar() or 0)
