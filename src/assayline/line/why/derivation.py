"""How a lot came to be: every lot and every run behind it, back to what came from outside, as the ledger has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from assayline.ledger import records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..ancestry import lots_by_number, makers


@dataclass(frozen=True)
class Derivation:
    """A state of a flow: one lot (or one run that failed and made none) with everything behind it.

    Args:
        flow: whose state it is.
        lot: its lot; None where `run` failed.
        run: that made the lot, or failed; None for a lot that came from outside.
        lots: every lot behind it and itself, by number.
        runs: the run that made each of them; lots from outside have none.
    """

    flow: str
    lot: int | None
    run: RunRecord | None
    lots: Mapping[int, LotRecord]
    runs: Mapping[int, RunRecord]

    def of_flow(self, flow: str) -> tuple[int, ...]:
        """The lots of one flow that have a part in it, in the order in which they were taken."""
        return tuple(sorted((number for number, lot in self.lots.items() if lot.flow == flow), key=lambda number: (self.lots[number].place, number)))

    def from_outside(self) -> tuple[str, ...]:
        """The flows whose lots no run made."""
        return tuple(dict.fromkeys(self.lots[number].flow for number in sorted(self.lots) if number not in self.runs))

    def all_runs(self) -> Iterator[RunRecord]:
        """Every run behind it, its own too."""
        seen = set()
        for one in (*self.runs.values(), *([self.run] if self.run is not None else [])):
            if one.run not in seen:
                seen.add(one.run)
                yield one


def derivation_of(connection: Connection, lot: int) -> Derivation:
    """How a lot came to be.

    Raises:
        MisuseError: there is no such lot.
    """
    first = records.lot_of(connection, lot)
    lots, runs = _behind(connection, {lot})
    return Derivation(first.flow, lot, runs.get(lot), lots, runs)


def derivation_of_run(connection: Connection, run: RunRecord) -> Derivation:
    """What a run read, and how that came to be; for a run that failed."""
    lots, runs = _behind(connection, {number for several in run.inputs.values() for number in several})
    return Derivation(run.step, run.output, run, lots, runs)


def _behind(connection: Connection, start: set[int]) -> tuple[dict[int, LotRecord], dict[int, RunRecord]]:
    lots: dict[int, LotRecord] = {}
    runs: dict[int, RunRecord] = {}
    todo = set(start)
    while todo:
        lots |= lots_by_number(connection, todo)
        made = makers(connection, todo)
        runs |= made
        todo = {number for run in made.values() for several in run.inputs.values() for number in several} - lots.keys()
    return lots, runs
