"""One pass over how a state came to be, with some components put back: what is not touched is taken from the store, what is, is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from assayline.errors import MisuseError
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from .derivation import Derivation
from .exchanging import Exchanges, as_lot, rows_of
from .rerunning import Job, Rerunner
from .sampling import Sampling
from .versions_then import Then

Function = Callable[[pl.DataFrame], pl.DataFrame]


class Pass:
    """One replay.

    Args:
        bad: the state that is replayed.
        then: what steps were run with, and are when something is put back.
        exchanges: which lots stand in the place of which.
        sampling: on which rows.
        running: runs steps.
        put: keys of what is put back.
        only: by key the columns that are put back, where it is not all of a lot.
        also: functions over rows, by key.
        packages: folders with packages in earlier versions.
        unlike: steps that are run even where nothing is different, because they give other rows than they gave then: what they give now is compared with what they give now.
        seconds: of the clock that are left.
    """

    def __init__(
        self, bad: Derivation, then: Then, exchanges: Exchanges, sampling: Sampling, running: Rerunner, put: frozenset[str], only: Mapping[str, tuple[str, ...]],
        also: Mapping[str, Function], packages: Sequence[str], unlike: frozenset[str], seconds: float,
    ) -> None:  # fmt: skip
        self.bad, self.then, self.exchanges, self.sampling, self.running = bad, then, exchanges, sampling, running
        self.put, self.only, self.also, self.packages, self.unlike, self.seconds = put, only, also, packages, unlike, seconds
        self._lots: dict[int, tuple[LotRecord, bool]] = {}

    def target(self) -> str:
        """The digest of the outcome; the last step is always run.

        Raises:
            Failed: a step ended with an error, which is the outcome.
            MisuseError: it came from outside, or something cannot be put back.
        """
        run = self.bad.run
        if run is None:
            return self._from_outside()
        record = None if self.bad.lot is None else self.bad.lots[self.bad.lot]
        inputs = self._inputs(run)[0]
        return self.running.digest(self.job(run, inputs, record), self.seconds)[0]

    def given(self) -> dict[str, list[LotRecord]]:
        """What the last run reads, by input.

        Raises:
            Failed: a step before it ended with an error.
            MisuseError: the state came from outside, or something cannot be put back.
        """
        if self.bad.run is None:
            raise MisuseError(f"{self.bad.flow}: no run made it")
        return self._inputs(self.bad.run)[0]

    def _from_outside(self) -> str:
        """The state of a flow that no step makes is its newest lot, as it is or as it is put back."""
        assert self.bad.lot is not None
        read = self._read(self.bad.flow, [self.bad.lot], adds=False)[0]
        if not read:
            raise MisuseError(f"{self.bad.flow}: nothing is left when this is put back; there is no lot to measure")
        return rows_of(read[-1])

    def job(self, run: RunRecord, inputs: Mapping[str, Sequence[LotRecord]], record: LotRecord | None) -> Job:
        """A run as it was made, with what is put back of its code, parameters, packages and versions.

        Args:
            run: which.
            inputs: what it reads.
            record: the lot it made, or None.
        """
        job = self.then.job(run, inputs, self.put, self.packages, self.running.area)
        return job if record is None or "quarantined" not in record.objects else self.then.without(job, record.objects["quarantined"])

    def _lot(self, number: int) -> tuple[LotRecord, bool]:
        """What is read for a lot, and whether it is another than the recorded one."""
        if number not in self._lots:
            self._lots[number] = self._made(number)
        return self._lots[number]

    def _made(self, number: int) -> tuple[LotRecord, bool]:
        record, run = self.bad.lots.get(number) or self.then.good.lots[number], self.bad.runs.get(number)
        if run is None or "released" not in record.objects:
            return self.sampling.of(record), False
        inputs, changed = self._inputs(run)
        if not changed and run.step not in self.unlike and not any(key in self.put and self.then.acts_on(one, run) for key, one in self.then.components.items()):
            return self.sampling.of(record), False
        digest, _ = self.running.digest(self.job(run, inputs, record), self.seconds)
        return as_lot(record, digest, record.figures.get("renames", {})), True

    def _inputs(self, run: RunRecord) -> tuple[dict[str, list[LotRecord]], bool]:
        found, changed = {}, False
        for name, lots in {**run.inputs, **self.then.lacking(run, self.put)}.items():
            found[name], other = self._read(name, lots, adds=self.then.is_given_several(run, name))
            changed = changed or other
            if not found[name]:
                raise MisuseError(f"step {run.step!r} has nothing to read from {name!r} when this is put back: there was no lot yet")
        return found, changed

    def _read(self, flow: str, lots: Sequence[int], *, adds: bool) -> tuple[list[LotRecord], bool]:
        several = self.exchanges.lots(flow, lots, self.put, self.only, adds=adds)
        if several is not None:
            return [self.sampling.of(one) for one in several], True
        mine = [self.also[key] for key in sorted(self.put) if key in self.also and (key == f"source {flow}" or key.startswith((f"source {flow}:", f"source {flow} ")))]
        if mine:
            return [self.sampling.of(self.exchanges.changed(lot, mine)) if self.exchanges.is_new(lot) else self._lot(lot)[0] for lot in lots], True
        read = [self._lot(lot) for lot in lots]
        return [one for one, _ in read], any(changed for _, changed in read)
