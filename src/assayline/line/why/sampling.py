"""Replays on some keys only: all rows of a key or none, in every table that has the key, so that what is joined still meets."""

from __future__ import annotations

import os

import polars as pl

from assayline.diagnosis import Symptom
from assayline.ledger.records import LotRecord

from ..definition import Line
from ..models.versions import ARTEFACT
from ..project import Project
from .area import Area, key_of
from .derivation import Derivation
from .exchanging import Exchanges, as_lot

SEED = 20_260_514
LIKE = 0.25  # of the way from well to bad: so near must the symptom on the sample be to the symptom on the whole
VERSION = 1


class Sampling:
    """Which rows are replayed; all, until it begins.

    Args:
        project: with the area in front of its store.
        area: where samples are kept.
        line: says which column is the key of a source.
        exchanges: knows which lots are new.
        bad: the state that is replayed.
        most_rows: of one new lot.
    """

    def __init__(self, project: Project, area: Area, line: Line, exchanges: Exchanges, bad: Derivation, most_rows: int) -> None:
        self.project, self.area, self.line, self.exchanges, self.bad, self.most_rows = project, area, line, exchanges, bad, most_rows
        self.key, self.one_of = "", 1

    @property
    def sentence(self) -> str:
        """What is said of it."""
        return f"replays were made on one of {self.one_of} values of {self.key}, and show the symptom as the whole does"

    def begin(self) -> bool:
        """Begins where a new lot is too large and its flow has a key; says whether it did."""
        sizes = [(self.bad.lots[lots[-1]].rows.get("released", 0), flow) for flow in self.bad.from_outside() if (lots := self.bad.of_flow(flow)) and flow in self.line.sources]
        rows, flow = max(sizes, default=(0, ""))
        if rows <= self.most_rows or not self.line.sources[flow].key:
            return False
        self.key, self.one_of = self.line.sources[flow].key, -(-rows // self.most_rows)
        return True

    def end(self) -> None:
        """All rows again."""
        self.key, self.one_of = "", 1

    def shows(self, symptom: Symptom, value: float | None) -> bool:
        """Whether the symptom is on the sample what it is on the whole: a count or a sum, which grows with the rows, is not."""
        if value is None or symptom.gone(value):
            return False
        if symptom.now is None:
            return True
        nearest = min(max(symptom.now, symptom.low), symptom.high)
        return abs(value - symptom.now) <= LIKE * abs(symptom.now - nearest)

    def of(self, lot: LotRecord) -> LotRecord:
        """The rows of a lot that are replayed; all of one that does not have the key."""
        if self.one_of == 1 or "released" not in lot.objects or ARTEFACT in lot.objects:
            return lot
        renames = dict(lot.figures.get("renames", {}))
        known = key_of("sample", VERSION, pl.__version__, lot.objects["released"], sorted(renames.items()), self.key, self.one_of)
        about = self.area.known(known)
        if about is None or (about["digest"] and self.area.path(str(about["digest"])) is None):
            about = {"digest": self._sampled(lot, renames)}
            self.area.note(known, about)
        return as_lot(lot, str(about["digest"]), {}) if about["digest"] else lot

    def _sampled(self, lot: LotRecord, renames: dict[str, str]) -> str:
        frame = pl.scan_parquet(self.project.store.path(lot.objects["released"]))
        there = frame.collect_schema().names()
        frame = frame.rename({new: old for new, old in renames.items() if new in there})
        if self.key not in frame.collect_schema().names():
            return ""
        hashed = pl.col(self.key).cast(pl.String).hash(SEED)  # as text: one flow may hold as a number what another holds as text
        with self.area.store.staging() as folder:
            path = os.path.join(folder, "sample.parquet")
            frame.filter(hashed % self.one_of == 0).sink_parquet(path)
            return self.area.keep(path)
