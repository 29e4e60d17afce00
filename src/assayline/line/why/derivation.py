"""How a lot came to be: every lot and every run behind it, back to what came from outside, as the ledger has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from assayline.ledger import records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import Making, RunRecord, makings_at, run_numbered, run_of

from ..ancestry import lots_by_number, makers_chosen


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
        return tuple(
            sorted((number for number, lot in self.lots.items() if lot.flow == flow), key=lambda number: (self.lots[number].place, number))
        )

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
    """How a lot came to be when it was made.

    A step that reads all of a source runs again for its earlier places when something new comes, and often makes the very lots it made before. These later runs say nothing of how
    the lot came to be: what is behind it is what was there when it was first made (where it replaced another lot and comes back, when it came back). A lot that
    had come by then and was held, and that was let go since without making a difference to it, belongs to it all the same.

    Raises:
        MisuseError: there is no such lot.
    """
    first = records.lot_of(connection, lot)
    run = run_of(connection, lot)
    if run is None:
        return Derivation(first.flow, lot, None, {lot: first}, {})
    period = _period(connection, run, lot)
    told = _derived(connection, first, period[0], _newest_until(period[0].run))
    for made in period[1:]:  # what comes later only adds to what is behind it, so that the first one with something newer is the end
        later = _derived(connection, first, made, _newest_until(made.run))
        if any(one.at > period[0].at for number, one in later.lots.items() if number not in later.runs):
            break
        told = later
    return told


def derivation_before(connection: Connection, lot: int, bad: Derivation) -> Derivation:
    """How a good lot stood before what is behind a bad state came.

    Of the runs that made the lot, the one that tells most is the last before anything came that only the bad state had by then; later ones may have read it too, and it made no
    difference to them. Where the bad state is another result of the same place, the last run before it tells most: everything else is equal then.

    Args:
        connection: of the ledger.
        lot: the good one.
        bad: the state that is held against it.

    Raises:
        MisuseError: there is no such lot.
    """
    first = records.lot_of(connection, lot)
    run = run_of(connection, lot)
    if run is None:
        return Derivation(first.flow, lot, None, {lot: first}, {})
    limit = bad.run.run if bad.run is not None and bad.run.step == run.step else None
    every = [one for one in makings_at(connection, run.step, run.place) if limit is None or one.run < limit]
    period = _period(connection, run, lot, limit)
    if not run.place or not every or (bad.run is not None and bad.run.place == run.place):
        return _derived(connection, first, period[-1], _newest_until(period[-1].run))
    came = min((one.at for number, one in bad.lots.items() if number not in bad.runs and one.at > every[0].at), default="")
    before = [one for one in period if not came or one.at < came]
    end = (before or period[:1])[-1]
    return _derived(connection, first, end, _newest_until(end.run, came))


def derivation_of_run(connection: Connection, run: RunRecord) -> Derivation:
    """What a run read, and how that came to be; for a run that failed."""
    lots, runs = _behind(connection, {number for several in run.inputs.values() for number in several}, _newest_until(run.run))
    return Derivation(run.step, run.output, run, lots, runs)


Choose = Callable[[Sequence[Making]], Making]


def _newest_until(run: int, came: str = "") -> Choose:
    """Of the runs that made a lot the last one before a run, and before a time where there was one; the first one where there was none."""

    def chosen(makings: Sequence[Making]) -> Making:
        earlier = [one for one in makings if one.run < run] or makings[:1]
        return ([one for one in earlier if not came or one.at < came] or earlier[:1])[-1]

    return chosen


def _period(connection: Connection, run: RunRecord, lot: int, limit: int | None = None) -> list[Making]:
    """The last runs of the place, without a gap, that made a lot: all before a run, where one is named and some were."""
    every = makings_at(connection, run.step, run.place)
    mine = [one for one in every if limit is None or one.run < limit]
    if not any(one.output == lot for one in mine):
        mine = every
    last = max(number for number, one in enumerate(mine) if one.output == lot)
    first = last
    while first and mine[first - 1].output == lot:
        first -= 1
    return mine[first : last + 1]


def _derived(connection: Connection, lot: LotRecord, made: Making, choose: Choose) -> Derivation:
    run = run_numbered(connection, made.run)
    lots, runs = _behind(connection, {number for several in run.inputs.values() for number in several}, choose)
    return Derivation(lot.flow, lot.lot, run, {**lots, lot.lot: lot}, {**runs, lot.lot: run})


def _behind(connection: Connection, start: set[int], choose: Choose) -> tuple[dict[int, LotRecord], dict[int, RunRecord]]:
    lots: dict[int, LotRecord] = {}
    runs: dict[int, RunRecord] = {}
    todo = set(start)
    while todo:
        lots |= lots_by_number(connection, todo)
        made = makers_chosen(connection, todo, choose)
        runs |= made
        todo = {number for run in made.values() for several in run.inputs.values() for number in several} - lots.keys()
    return lots, runs
