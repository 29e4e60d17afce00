"""The lots of a flow in the order in which they were made, with the one that each of them took the place of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from sqlalchemy.engine import Connection

from assayline.ledger import intact, records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..ancestry import lots_by_number
from ..project import Project
from ..reading import known_names

MOST_LOTS = 60  # that are looked at: two months of daily ones
MOST_ROWS = 500_000  # of a lot that are measured; of more, every n-th


@dataclass(frozen=True)
class Made:
    """One lot with a run that made it, and the earlier result of the same place, which it replaced (None: it is the first one of its place).

    A result that came back into force, because code was put back, stands there twice: as it was made first, and as it was made again.
    """

    lot: LotRecord
    run: RunRecord | None
    before: LotRecord | None

    @property
    def at(self) -> str:
        """When it came, or was made again (UTC)."""
        return self.lot.at if self.run is None else self.run.at

    @property
    def remade(self) -> bool:
        """Whether the same place of the step had a result before; a state that is made anew each time has none of its own."""
        return self.before is not None and self.run is not None and self.run.place != ""


def lots_in_time(connection: Connection, flow: str, *, most: int = MOST_LOTS) -> list[Made]:
    """The newest lots of a flow that hold rows, oldest first; those that a later one replaced too, without those that a person rejected.

    Args:
        connection: of `SqlLedger.read`.
        flow: its name.
        most: how many at most.
    """
    runs = [one for one in run_records.runs(connection, step=flow, states=("done", "held"), most=most) if one.output is not None]
    if not runs:
        found = records.lots(connection, flow, most=most, newest_first=True)[::-1]
        return [Made(lot, None, None) for lot in found if _counts(lot)]
    lots = lots_by_number(connection, {int(one.output) for one in runs if one.output is not None})
    by_place: dict[str, LotRecord] = {}
    made = []
    for run in runs:
        lot = lots.get(int(run.output or 0))
        if lot is not None and _counts(lot):
            made.append(Made(lot, run, by_place.get(run.place)))
            by_place[run.place] = lot
    return made


def _counts(lot: LotRecord) -> bool:
    return not lot.parents and lot.state != "rejected" and content_of(lot) is not None


def content_of(lot: LotRecord) -> str | None:
    """The digest of the rows of a lot: those that were released, else those that are held; None for what could not be read."""
    return lot.objects.get("released") or lot.objects.get("held")


def rows_of(project: Project, lot: LotRecord, *, most_rows: int = MOST_ROWS) -> pl.DataFrame:
    """The rows of a lot under the names its flow knows, every n-th where there are very many.

    Raises:
        Damaged: the object is missing or is no longer what was written.
    """
    digest = content_of(lot)
    if digest is None:
        return pl.DataFrame()
    frame = known_names(pl.read_parquet(intact(project.store, digest)), lot)
    return frame.gather_every(-(-frame.height // most_rows)) if frame.height > most_rows else frame


def series_of_remade(lots: Sequence[Made]) -> int:
    """How many of the newest lots, without a gap, belong to the last time that earlier results were made again; 0 where there was none.

    New results that came in the same pass after them are counted with them.
    """
    last = next((number for number in range(len(lots) - 1, -1, -1) if lots[number].remade), None)
    if last is None:
        return 0
    assert lots[last].run is not None
    first = last
    while first > 0 and lots[first - 1].remade and lots[first - 1].run is not None and lots[first - 1].run.code == lots[last].run.code:  # type: ignore[union-attr]  # just checked
        first -= 1
    return len(lots) - first
