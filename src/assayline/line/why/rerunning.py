"""One step or scoring run once more: what it is run with, where, and what is kept of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from assayline.environments.collecting import installed
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..models.versions import ARTEFACT
from ..project import Project
from ..spending import limits_of
from ..step_child import StepResult, StepWorker
from ..step_inputs import casts_of, parts_of
from .area import Area, key_of
from .code_folders import CodeFolders, Files

WORK = "assayline.line.why.replay_work:work"
VERSION = 1  # of how steps are run again: what an earlier one made is not used
LEAST_SECONDS = 5.0  # of the clock, for a run that is begun within the budget
MOST_WORKERS = 3
OWN = ("assay_run", "assay_sequence")  # columns in which the same predictions differ
PLACE = re.compile(r"^code/[0-9a-f]+/")


class Failed(Exception):
    """A step ended with an error, which is the outcome."""


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Args:
        run: as it was made.
        inputs: the lots it reads, by input.
        files: of its code; None for a step in SQL or a scoring.
        sql: of a step in SQL; "".
        line: path of the line's file below its folder.
        parameters: it is called with.
        first: folders whose packages come before all others.
        uses: for an input the only columns it is given, where the files do not say it.
        budget: as the line says it.
        aside: digest of the rows that the gate put aside from the recorded result, or "".
    """

    run: RunRecord
    inputs: Mapping[str, Sequence[LotRecord]]
    files: Files | None = None
    sql: str = ""
    line: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    uses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    budget: Mapping[str, float] = field(default_factory=dict)
    aside: str = ""

    @property
    def is_scoring(self) -> bool:
        """Whether versions of a model are asked."""
        return self.files is None and not self.sql

    def key(self, environment: str) -> str:
        """What its outcome depends on."""
        inputs = {name: [_content(lot) for lot in lots] for name, lots in self.inputs.items()}
        code = self.files.key() if self.files is not None else self.sql
        about = [VERSION, environment, self.run.step, inputs, code, dict(self.parameters), self.first, {name: list(one) for name, one in self.uses.items()}, self.aside]
        return key_of("run", about, [self.run.identity] if self.is_scoring else [])


class Rerunner:
    """Runs steps again, in processes of its own and in a folder of work.

    Args:
        project: with the area in front of its store.
        area: where results are kept.
        folder: of work.
    """

    def __init__(self, project: Project, area: Area, folder: str) -> None:
        self.project, self.area, self.work = project, area, folder
        self.runs = 0
        self._here = os.path.join(folder, "here")
        with open(self._here, "wb"):
            pass
        self._codes = CodeFolders(folder)
        self._workers: dict[tuple[str, ...], StepWorker] = {}
        self._casts: dict[str, dict[str, str]] = {}
        self._errors: dict[str, str] = {}
        # Names and versions of everything installed: cheap, and whatever is changed makes new results.
        self.environment = key_of(sys.version, sorted((os.path.basename(one.folder), os.stat(one.folder).st_mtime_ns) for one in installed().values()))

    def close(self) -> None:
        """Ends the processes."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def warm(self) -> None:
        """Starts the process before it is needed."""
        self._worker(()).warm(self._here)

    def digest(self, job: Job, seconds: float, *, anew: bool = False) -> tuple[str, bool]:
        """The digest of what a job gives, and whether that was known.

        Args:
            job: what is run.
            seconds: of the clock that are left.
            anew: whether it is run although its outcome is known; nothing is kept then.

        Raises:
            Failed: the step ended with an error.
        """
        key = job.key(self.environment)
        if key in self._errors and not anew:
            raise Failed(self._errors[key])
        about = None if anew else self.area.known(key)
        if about is not None and self.area.path(str(about["digest"])) is not None:
            return str(about["digest"]), True
        made = self._run(job, seconds)
        if made.path is None:
            self._errors[key] = _said(job.run.step, made)
            raise Failed(self._errors[key])
        self._put_aside(made.path, job.aside)
        digest = self.area.keep(made.path)
        if not anew:
            self.area.note(key, {"digest": digest, "step": job.run.step})
        return digest, False

    def _run(self, job: Job, seconds: float) -> StepResult:
        self.runs += 1
        folder = os.path.join(self.work, f"run-{self.runs}")
        os.mkdir(folder)
        request = self._scoring(job, folder) if job.is_scoring else self._step(job, folder)
        limits = limits_of(self.project, job.run.step, job.budget)
        most = min(limits.max_runtime_seconds, max(seconds, LEAST_SECONDS))
        return self._worker(job.first).run({**request, "file": self._here}, limits=replace(limits, max_runtime_seconds=most))

    def _step(self, job: Job, folder: str) -> dict[str, Any]:
        request = {
            "work": WORK, "step": job.run.step, "folder": folder, "parameters": dict(job.parameters), "sql": job.sql, "inputs": {name: self._input(job, name) for name in job.inputs},
            "uses": {name: list(columns) for name, columns in job.uses.items()},
        }  # fmt: skip
        if job.files is None:
            return request
        defined, is_line = job.files.defines(job.run.step, job.line)
        if not defined:
            raise Failed(f"step {job.run.step!r} is defined in none of its files ({', '.join(job.files.texts)}) in this version")
        return {**request, "code": self._codes.folder(job.files), "cwd": self._codes.working(job.files), "defined": defined, "is_line": is_line}

    def _input(self, job: Job, name: str) -> dict[str, Any]:
        lots = job.inputs[name]
        key = key_of([_content(lot) for lot in lots])
        if key not in self._casts:
            self._casts[key] = casts_of(self.project, lots)
        return {"parts": parts_of(self.project, lots), "casts": self._casts[key], "uses": list(job.uses[name]) if name in job.uses else None}

    def _scoring(self, job: Job, folder: str) -> dict[str, Any]:
        from .scoring_again import request_again

        return request_again(self.project, job.run, job.inputs, folder, os.path.join(folder, "chunks"))

    def _put_aside(self, path: str, aside: str) -> None:
        """Takes rows away that the gate had put aside from the recorded result, where they came out the same."""
        if not aside:
            return
        frame, bad = pl.read_parquet(path), pl.read_parquet(self.project.store.path(aside))
        names = frame.columns
        if any(one not in bad.columns for one in names) or any(dtype.is_nested() for dtype in frame.dtypes) or bad.select(names).dtypes != frame.dtypes:
            return
        number = pl.int_range(pl.len()).over(names).alias("assay number")  # of equal rows as many stay as the gate let through
        left = frame.with_columns(number).join(bad.select(names).with_columns(number), on=[*names, "assay number"], how="anti", nulls_equal=True, maintain_order="left")
        left.drop("assay number").write_parquet(path, compression="zstd", compression_level=1, statistics=True)

    def _worker(self, first: tuple[str, ...]) -> StepWorker:
        worker = self._workers.pop(first, None)
        if worker is None:
            if len(self._workers) >= MOST_WORKERS:
                self._workers.pop(next(iter(self._workers))).close()
            worker = StepWorker(first)
        self._workers[first] = worker  # the one that was asked last stays longest
        return worker


def _content(lot: LotRecord) -> list[Any]:
    """What a step that reads a lot depends on."""
    return [lot.objects.get(ARTEFACT) or lot.objects["released"], sorted(lot.figures.get("renames", {}).items())]


def _said(step: str, made: StepResult) -> str:
    if made.stopped_by:
        return f"step {step!r}: {made.error}"
    error = made.error
    assert error is not None
    return str(replace(error, lines=tuple(PLACE.sub("", line) for line in error.lines)))


def same_rows(one: str, other: str) -> bool:
    """Whether two tables hold the same rows, in whatever order, to about nine digits; the number of a run counts for nothing.

    Args:
        one, other: paths of Parquet files.
    """
    frames = [pl.read_parquet(path) for path in (one, other)]
    frames = [frame.drop(name for name in OWN if name in frame.columns) for frame in frames]
    if frames[0].height != frames[1].height or frames[0].columns != frames[1].columns:
        return False
    from polars.testing import assert_frame_equal

    for in_order in (True, False):
        try:
            assert_frame_equal(frames[0], frames[1], check_dtypes=False, check_row_order=in_order, check_exact=False, rel_tol=1e-9)
        except (AssertionError, pl.exceptions.PolarsError, TypeError):
            continue
        return True
    return False


