"""What of a derivation bears on its end directly: all that is behind it, without what only taught the models that were asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from assayline.ledger import records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..models.versions import KIND as MODEL_KIND
from .derivation import Derivation


@dataclass(frozen=True)
class Reach:
    """The direct part of a derivation.

    A model stands between its training and its answers: with the version of before put back, all that it learned from is back too. So what is behind a version is left
    out, unless the end is the model itself.

    Args:
        whole: the derivation.
        lots: the lots that have a part in it, by number.
        runs: the run that made each of them.
        models: flows among them whose lots are versions of a model.
    """

    whole: Derivation
    lots: Mapping[int, LotRecord]
    runs: Mapping[int, RunRecord]
    models: frozenset[str]

    @classmethod
    def of(cls, connection: Connection, whole: Derivation) -> Reach:
        """That of a derivation.

        Args:
            connection: of the ledger.
            whole: from `derivation_of`.
        """
        flows = {lot.flow for lot in whole.lots.values()}
        models = frozenset(flow for flow in flows if (known := records.flow_of(connection, flow)) is not None and known.kind == MODEL_KIND)
        if whole.lot is not None:
            todo = [whole.lot]
        else:
            todo = [lot for several in (whole.run.inputs.values() if whole.run is not None else ()) for lot in several]
        lots: dict[int, LotRecord] = {}
        runs: dict[int, RunRecord] = {}
        while todo:
            number = todo.pop()
            if number in lots or number not in whole.lots:
                continue
            lots[number] = whole.lots[number]
            if number not in whole.runs or (lots[number].flow in models and number != whole.lot):
                continue
            runs[number] = whole.runs[number]
            todo += [one for several in runs[number].inputs.values() for one in several]
        return cls(whole, dict(sorted(lots.items())), dict(sorted(runs.items())), models)

    def sources(self) -> tuple[str, ...]:
        """The flows that no run made; versions of models are none."""
        made = {lot.flow for number, lot in self.lots.items() if number in self.runs}
        return tuple(dict.fromkeys(lot.flow for number, lot in self.lots.items() if number not in self.runs and lot.flow not in self.models and lot.flow not in made))

    def of_flow(self, flow: str) -> tuple[int, ...]:
        """The lots of one flow, in the order in which they were taken."""
        return tuple(sorted((number for number, lot in self.lots.items() if lot.flow == flow), key=lambda number: (self.lots[number].place, number)))

    def newest_runs(self) -> dict[str, RunRecord]:
        """The newest run of each step; of the end its own."""
        found: dict[str, RunRecord] = {}
        for run in sorted([*self.runs.values(), *([self.whole.run] if self.whole.run is not None else [])], key=lambda one: one.run):
            found[run.step] = run
        return found

    def made_by(self, step: str) -> list[int]:
        """The lots a step made here."""
        return [number for number, run in self.runs.items() if run.step == step]
