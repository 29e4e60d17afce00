"""Batches scored: each lot of a flow once, by the versions in service, its predictions through the gate as one lot of another flow.

What is published, who scored it, from what, and what that says of a rollout is written in one transaction. Killed before, a scoring goes on from its
chunks; killed after, it has happened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy.engine import Connection

from assayline import rollout as rollouts
from assayline.environments.identity import identity_lines, identity_of
from assayline.errors import MisuseError
from assayline.ledger import Staged, Writing, held, intact, records, rollout_records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import Standing
from assayline.rollout import Accounting, Behaviour
from assayline.rollout.limits import own_limit

from ..ahead import Judges
from ..gating import Arrival, Outcome, gate_paths
from ..models.trying import TrialSettings
from ..models.versions import ARTEFACT, label, version_of
from ..names import TABLE
from ..project import SETTINGS, Project
from ..reading import schema_of
from ..score_job import ScoreJob, run_of
from ..spending import limits_of, price_per_cpu_hour
from ..step_child import StepResult, StepWorker
from ..step_inputs import parts_of
from ..step_work import CASTS
from .chunks import FOLDER, sweep
from .evidence import gathered
from .in_service import Serving, serving_of, standby_of
from .rollouts import settle

WORK = "assayline.line.delivery.score_work:work"
SCORED, BOTH = "scored.json", "both.parquet"
PACKAGES = ("lightgbm", "sklearn", "numpy", "polars", "onnxruntime", "assayline")
REVISIONS = 1_000  # of one batch; between the sequences of two batches
RECENT_LOTS = 30
REPLAYED = 3  # batches of the past
NOTICE_LINES = 20

Event = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Batch:
    """A batch that is due: its lot, which batch of the flow it is, and what it is known by.

    Args:
        lot: what is scored.
        place: the batch: lots that replace each other have the same.
        sequence: of its rows: later batches have greater ones, and so has the same batch scored again.
        run: the identity.
        serving: who answers.
        previous: the champion before the one in service, which is asked where that one has no answer.
    """

    lot: LotRecord
    place: str
    sequence: int
    run: str
    serving: Serving
    previous: LotRecord | None


@dataclass(frozen=True)
class Scored:
    """One batch that was scored: what was read, what the gate said of the predictions, and what was counted."""

    run: str
    input: LotRecord
    outcome: Outcome
    counts: Mapping[str, Any]
    evidence: Mapping[str, Any]
    number: int  # of the entry `run` in the ledger
    problems: tuple[str, ...] = ()  # what of a repair that followed still waits

    @property
    def document(self) -> dict[str, Any]:
        """As `assay score --json` prints it."""
        return {"run": self.run, "input": {"flow": self.input.flow, "lot": self.input.lot, "rows": self.input.rows["released"]}, "counts": dict(self.counts), "lot": dict(self.outcome.document)}


def score(
    project: Project, job: ScoreJob, *, line: str = "", again: bool = False, lots: Sequence[int] = (), on_event: Event | None = None, judges: Judges | None = None,
    asked_to_stop: Callable[[], bool] = lambda: False,
) -> list[Scored]:  # fmt: skip
    """Scores every lot of a flow that was not scored yet; the same call again does nothing.

    Args:
        project: where.
        job: what is asked. Its input is a flow: `taken` makes one of a file.
        line: name of the line, where the job is part of one.
        again: also lots that were scored before, where other versions or settings would score them now; their predictions take the place of the earlier ones.
        lots: only these.
        on_event: receives ("batch", {"lot", "run"}), ("score", {"done", "total", "lot"}) and ("lot", a document of the gate).
        judges: processes of the gate that are there already.
        asked_to_stop: whether to end, asked between two lots and while one is scored.

    Raises:
        MisuseError: nothing of this name can answer or be scored, or scoring failed: the sentence says why.
        LedgerError: it could not be written; what was published before stays, and the same call finishes the work.
    """
    found: list[Scored] = []
    settle(project, job.model, on_event=on_event)  # what was cut off after the last batch
    if not due(project, job, again=again, lots=lots):
        _tidy(project, job)
        return found
    tell = on_event or (lambda kind, what: None)
    _replayed(project, job, REPLAYED, tell)
    with StepWorker() as worker, held(project.ledger, f"run:{job.into}"):
        done: set[str] = set()
        while not asked_to_stop():
            # Asked anew for each: after the batch before, the rollout may be at another stage.
            batch = next((one for one in due(project, job, again=again, lots=lots) if one.place not in done), None)
            if batch is None:
                break
            done.add(batch.place)
            tell("batch", {"lot": batch.lot.lot, "run": batch.run})
            scored = _scored(project, job, batch, line, worker, judges, tell, asked_to_stop)
            found.append(replace(scored, problems=tuple(settle(project, job.model, on_event=on_event))))
            tell("lot", scored.outcome.document)
    return found


def taken(project: Project, job: ScoreJob) -> list[int]:
    """Lets the file of a job pass the gate, into the flow of the files of its model; gives the lot. The same bytes are the same lot.

    Raises:
        InputError: it cannot be read.
        MisuseError: the gate holds it.
    """
    [outcome] = gate_paths(project, job.reads, [job.input])
    if outcome.error is not None or outcome.lot is None:
        raise outcome.error or MisuseError(f"{job.input}: it was not taken; look at: assay lots {job.reads}")
    if outcome.lot.state != "released":
        raise MisuseError(f"{job.input}: the gate holds it as lot {outcome.lot.lot} of {job.reads}, so it is not scored; look at: assay lot {outcome.lot.lot}")
    return [outcome.lot.lot]


def due(project: Project, job: ScoreJob, *, again: bool = False, lots: Sequence[int] = ()) -> list[Batch]:
    """The batches that are not scored yet, oldest first.

    Raises:
        MisuseError: there is no such flow or model, or no version of it may answer.
    """
    with project.ledger.read() as connection:
        if records.flow_of(connection, job.reads) is None:
            names = ", ".join(one.name for one in records.flows(connection, kind=TABLE)) or "none yet"
            raise MisuseError(f"there is no flow {job.reads!r} to score; flows: {names}")
        into = records.flow_of(connection, job.into)
        if into is not None and into.kind != TABLE:
            raise MisuseError(f"{job.into!r} is a flow of lots of the kind {into.kind}; name another flow for the predictions with --flow")
        done = run_records.current_runs(connection, job.into)
        standing = [one for one in run_records.standing(connection, job.reads) if not lots or one.lot in lots]
        waiting = [one for one in standing if again or not _is_done(done.get(one.place or one.digest), job, one)]
        if not waiting:
            return []
        serving, previous = _serving(project, connection, job)
        place = into.lots if into is not None else 0
        batches: list[Batch] = []
        for one in waiting:
            batch_place = one.place or one.digest
            earlier = _scorings(connection, job, batch_place)
            fresh = sum(1 for made in batches if made.sequence % REVISIONS == 0)
            sequence = (place + fresh + 1) * REVISIONS if not earlier else max(earlier) + 1
            run = _run_of(job, one, serving, previous)
            before = done.get(batch_place)
            if before is None or before.identity != run:
                batches.append(Batch(records.lot_of(connection, one.lot), batch_place, sequence, run, serving, previous))
    return batches


def _is_done(earlier: run_records.RunRecord | None, job: ScoreJob, lot: Standing) -> bool:
    return earlier is not None and tuple(earlier.inputs.get(job.reads, ())) == (lot.lot,)


def _scorings(connection: Connection, job: ScoreJob, place: str) -> list[int]:
    """The sequences that rows of this batch had so far."""
    made = set(run_records.made_at(connection, job.into, place))
    found = [one for one in rollout_records.scorings(connection, flow=job.into, lots=sorted(made)) if "sequence" in one.counts] if made else []
    repaired = rollout_records.repairs(connection, lots=[one.lot for one in found]) if found else []
    return [int(one.counts["sequence"]) + sum(1 for repair in repaired if repair.scoring == one.scoring) for one in found]


def _run_of(job: ScoreJob, lot: Standing, serving: Serving, previous: LotRecord | None) -> str:
    parts = {"champion": serving.champion, "challenger": serving.challenger, "previous": previous}
    rollout = serving.rollout
    return run_of(
        job, lot.digest, {name: one.digest for name, one in parts.items() if one is not None}, None if rollout is None else rollout.rollout,
        None if rollout is None else rollout.stage,
    )  # fmt: skip


def _serving(project: Project, connection: Connection, job: ScoreJob) -> tuple[Serving, LotRecord | None]:
    """Who answers, and who is asked where the champion has no answer."""
    if job.version:
        wanted = version_of(project, f"{job.model}:{job.version}")
        if wanted.state != "released":
            raise MisuseError(f"{label(wanted)} is {wanted.state}, so it answers nobody; look at: assay model show {label(wanted)}")
        serving = Serving(wanted)
    else:
        serving = serving_of(connection, job.model)
    return serving, standby_of(connection, serving)


def _scored(
    project: Project, job: ScoreJob, batch: Batch, line: str, worker: StepWorker, judges: Judges | None, tell: Event, asked_to_stop: Callable[[], bool]
) -> Scored:
    environment = identity_of(identity_lines(PACKAGES))
    with _worked(project, job, batch, environment, worker, tell, asked_to_stop) as (made, told):
        if made.path is None:
            raise _failed(project, job, batch, line, environment, made)
        return _published(project, job, batch, line, environment, made, told, judges)


@contextlib.contextmanager
def _worked(
    project: Project, job: ScoreJob, batch: Batch, environment: str, worker: StepWorker, tell: Event, asked_to_stop: Callable[[], bool]
) -> Iterator[tuple[StepResult, dict[str, Any]]]:
    """What the process made of a batch, as long as it is not published; afterwards nothing of it is left but what was."""
    root = os.path.join(project.folder, FOLDER)
    # What other packages said so far is not gone on with: their numbers may differ in the last digit.
    name = _chunks_of(job) + hashlib.sha256(f"{batch.run} {environment} {job.chunk_rows}".encode()).hexdigest()
    chunks, total = os.path.join(root, name), batch.lot.rows["released"]
    sweep(root, keep=name, mine=_chunks_of(job))
    os.makedirs(chunks, exist_ok=True)
    project.store.sweep()

    def progressed(done: int) -> None:
        tell("score", {"done": done, "total": total, "lot": batch.lot.lot})

    with project.store.staging() as folder:
        made = worker.run(request_of(project, job, batch, folder, chunks), limits=limits_of(project, job.into), on_progress=progressed, asked_to_stop=asked_to_stop)
        told: dict[str, Any] = {}
        if made.path is not None:
            with open(os.path.join(folder, SCORED), encoding="utf-8") as file:
                told = json.load(file)
            both = os.path.join(folder, BOTH)
            told["objects"] = {"both": project.store.put([Staged(both, ".parquet")])[0]} if os.path.exists(both) else {}
        yield made, told
    if made.path is not None:
        shutil.rmtree(chunks, ignore_errors=True)


def replay(project: Project, model: str, *, most: int = REPLAYED, on_event: Event | None = None) -> int:
    """Under a rollout that is at the stage "replay": the last batches of a model are scored once more by both versions, and nothing is published.

    Args:
        project: where.
        model: its name.
        most: how many of the last batches of each flow of its predictions.
        on_event: as of `score`.

    Returns:
        How many were scored now: those that were replayed in this rollout before are not again.

    Raises:
        MisuseError: a batch could not be scored.
    """
    with project.ledger.read() as connection:
        jobs = jobs_of(connection, model)
    return sum(_replayed(project, job, most, on_event or (lambda kind, what: None)) for job in jobs)


def jobs_of(connection: Connection, model: str) -> list[ScoreJob]:
    """How a model was scored last, for each flow of its predictions."""
    last = {one.flow: one for one in rollout_records.scorings(connection, model=model) if one.lot}
    made = [run_records.run_of(connection, one.lot) for one in last.values()]
    return [ScoreJob.of(one.parameters) for one in made if one is not None]


def _replayed(project: Project, job: ScoreJob, most: int, tell: Event) -> int:
    count = 0
    with project.ledger.read() as connection:
        batches = _to_replay(project, connection, job, most)
    if not batches:
        return 0
    with StepWorker() as worker, held(project.ledger, f"run:{job.into}"):
        for batch in batches:
            tell("batch", {"lot": batch.lot.lot, "run": batch.run})
            environment = identity_of(identity_lines(PACKAGES))
            with _worked(project, job, batch, environment, worker, tell, lambda: False) as (made, told):
                if made.path is None:
                    raise _failed(project, job, batch, "", environment, made)
                with project.ledger.write() as writing:
                    if rollout_records.scorings(writing.connection, run=batch.run):
                        continue
                    counts = told["counts"]
                    rows, failed = int(counts["rows"]), int(counts["abstained"])
                    accounting = Accounting(rows, rows - failed, 0, failed, counts["arms"], int(told["misplaced"]), counts["fallbacks"])
                    _write_scored(writing, job, batch, told, accounting, lot=0, state="replayed")
                    count += 1
    return count


def _to_replay(project: Project, connection: Connection, job: ScoreJob, most: int) -> list[Batch]:
    """The last batches that were published, as long as the rollout is at its replay and they were not replayed in it."""
    if job.version:
        return []
    serving, previous = _serving(project, connection, job)
    record = serving.rollout
    if record is None or record.state != "running" or record.stages[record.stage].mode != "replay":
        return []
    standing = {one.lot: one for one in run_records.standing(connection, job.reads)}
    found = []
    for place, made in run_records.current_runs(connection, job.into).items():
        lot = standing.get(next(iter(made.inputs.get(job.reads, ())), -1))
        if lot is not None:
            run = "replay:" + _run_of(job, lot, serving, previous).partition(":")[2]
            found.append(Batch(records.lot_of(connection, lot.lot), place, 0, run, serving, previous))
    last = sorted(found, key=lambda one: one.lot.lot)[-most:]
    return [one for one in last if not rollout_records.scorings(connection, run=one.run)]


def request_of(project: Project, job: ScoreJob, batch: Batch, folder: str, chunks: str) -> dict[str, Any]:
    """The request of one batch, for `score_work.work`."""
    serving = batch.serving
    kinds = {one: str(kind).partition("(")[0] for one, kind in schema_of(project, [batch.lot]).items()}
    rollout = _rollout(project, job, serving, _name(batch))
    return {
        "work": WORK, "file": os.path.join(project.folder, SETTINGS), "folder": folder, "chunks": chunks, "chunk_rows": job.chunk_rows,
        "table": {"parts": parts_of(project, [batch.lot]), "casts": {one: kind for one, kind in kinds.items() if kind in CASTS and kind != "String"}, "uses": None},
        "champion": _version(project, serving.champion), "challenger": None if serving.challenger is None else _version(project, serving.challenger), "rollout": rollout,
        "previous": None if batch.previous is None else _version(project, batch.previous), "allowed": list(TrialSettings.of(project).allowed), "key": list(job.key), "time": job.time,
        "unit": job.unit or ("" if rollout is None else rollout["unit"]), "keep": list(job.keep), "fallback": {"on": list(job.fallback_on), "otherwise": job.otherwise},
        "range": _range(project, job), "before": _before(project, job, batch), "run": batch.run, "sequence": batch.sequence,
        "decides": job.decides, "mix": job.mix or _mix(serving),
    }  # fmt: skip


def _chunks_of(job: ScoreJob) -> str:
    """How the names of a flow's folders of chunks begin: whoever holds the lease of the flow may take away all of them."""
    return hashlib.sha256(job.into.encode()).hexdigest()[:16] + "-"


def _tidy(project: Project, job: ScoreJob) -> None:
    """Takes away the chunks that a scoring left which was killed after it had published."""
    root = os.path.join(project.folder, FOLDER)
    if os.path.isdir(root) and any(name.startswith(_chunks_of(job)) for name in os.listdir(root)):
        with held(project.ledger, f"run:{job.into}"):
            sweep(root, mine=_chunks_of(job))


def _name(batch: Batch) -> str:
    """What a batch is called in the evidence."""
    return f"{batch.lot.flow} {batch.lot.lot}"


def _mix(serving: Serving) -> str:
    """How the rollout says that answers are mixed; "" where nobody said it."""
    return "" if serving.rollout is None else str(serving.rollout.settings.get("mix", ""))


def _rollout(project: Project, job: ScoreJob, serving: Serving, name: str) -> dict[str, Any] | None:
    """What the process needs of a rollout: who is given which rows, and what is watched."""
    record, value = serving.rollout, serving.value
    if record is None or value is None:
        return None
    unit = str(record.settings["unit"])
    if job.unit and job.unit != unit:
        raise MisuseError(f"the rollout of {job.model} gives rows to versions by {unit!r}, not by {job.unit!r}; leave out --unit, or end it with: assay rollout rollback {job.model}")
    with project.ledger.read() as connection:
        # What it said of this very batch before is not held against it once more: the new word takes the place of the old one.
        batches = [one.batch.to_json() for one in gathered(connection, record) if (one.batch.name, one.scoring.stage) != (name, record.stage)]
        past = rollout_records.scorings(connection, flow=job.into, most=RECENT_LOTS)
    flips = [float(one.counts["own"]["flip_rate"]) for one in past if one.counts.get("own")]
    distances = [float(one.counts["own"]["distance"]) for one in past if one.counts.get("own")]
    terms = {
        "guards": list(record.settings.get("guards", ())), "limits": record.settings.get("limits", {}), "batches": batches,
        "own": {"flip_rate": own_limit(flips), "distance": max(distances, default=0.0)},
    }  # fmt: skip
    return {
        "salt": value.salt, "stages": [[one.mode, one.share] for one in value.stages], "stage": value.stage, "state": value.state, "holdout": value.holdout, "control": value.control,
        "unit": unit, "terms": terms,
    }  # fmt: skip


def _before(project: Project, job: ScoreJob, batch: Batch) -> str | None:
    """The predictions of the batch before this one."""
    with project.ledger.read() as connection:
        standing = run_records.standing(connection, job.into)
        earlier = [one for one in standing if one.place != batch.place]
        lot = records.lot_of(connection, earlier[-1].lot) if earlier else None
    return None if lot is None or "released" not in lot.objects else project.store.path(lot.objects["released"])


def _version(project: Project, lot: LotRecord) -> dict[str, str]:
    return {"label": label(lot), "artefact": intact(project.store, lot.objects[ARTEFACT])}


def _range(project: Project, job: ScoreJob) -> list[float] | None:
    """Between which numbers predictions were so far, and as much again on both sides; None where nothing was predicted yet."""
    with project.ledger.read() as connection:
        past = records.lots(connection, job.into, states=("released",), most=RECENT_LOTS, newest_first=True)
    known = [one.figures.get("columns", {}).get("prediction", {}) for one in past]
    ends = [(float(one["min"]), float(one["max"])) for one in known if one.get("min") is not None and one.get("max") is not None]
    if not ends:
        return None
    low, high = min(one for one, _ in ends), max(one for _, one in ends)
    return [low - (high - low), high + (high - low)] if high > low else None


def _published(
    project: Project, job: ScoreJob, batch: Batch, line: str, environment: str, made: StepResult, told: Mapping[str, Any], judges: Judges | None
) -> Scored:
    costs = {**made.costs, "rows_in": float(made.rows_in), "rows_out": float(made.rows_out), "money": made.costs["cpu_seconds"] / 3600 * price_per_cpu_hour(project)}
    written: dict[str, Any] = {}

    def also(writing: Writing, lot: LotRecord) -> None:
        known = _entry(job, batch, line, environment, told["counts"]["versions"])
        entry = writing.append("run", {**known, "state": "done" if lot.state == "released" else "held", "output": lot.lot, "costs": costs, "error": ""})
        state = "published" if lot.state == "released" else "held"
        written.update(number=entry.number, counts=told["counts"], evidence=_write_scored(writing, job, batch, told, _accounting(project, told, lot), lot.lot, state))

    with project.ledger.read() as connection:
        replaces = run_records.replaceable(connection, job.into, batch.place)
    champion = batch.serving.champion
    arrival = Arrival(
        facts={"run": batch.run, "model": label(champion), "input": f"{job.reads} {batch.lot.lot}"}, salt=f"{job.into} {batch.place}", name=f"{job.into} of {job.reads} {batch.lot.lot}",
        replaces=replaces, own=True, also=also,
    )  # fmt: skip
    path = str(made.path)
    [outcome] = gate_paths(project, job.into, [path], arrivals={path: arrival}, judges=judges)
    if outcome.lot is None or "number" not in written:
        raise MisuseError(f"the predictions of {job.model!r} for lot {batch.lot.lot} of {job.reads} could not be taken: {outcome.error}")
    return Scored(batch.run, batch.lot, outcome, written["counts"], written["evidence"], written["number"])


def _accounting(project: Project, told: Mapping[str, Any], lot: LotRecord) -> Accounting:
    """Who scored what, counted by the rows that the gate let through."""
    counts = told["counts"]
    failed = int(counts["abstained"]) if lot.state == "released" else 0
    if failed and lot.rows["quarantined"]:  # of those without an answer only the ones that were published count as failed
        failed = pl.scan_parquet(project.store.path(lot.objects["released"])).select(pl.col("prediction").is_null().sum()).collect().item()
    return Accounting(
        int(counts["rows"]), lot.rows["released"] - failed, lot.rows["quarantined"] + lot.rows["held"], failed, counts["arms"], int(told["misplaced"]), counts["fallbacks"]
    )


def _write_scored(writing: Writing, job: ScoreJob, batch: Batch, told: Mapping[str, Any], accounting: Accounting, lot: int, state: str) -> dict[str, Any]:
    """Writes down a batch and what it says of a rollout; gives the latter."""
    record, value = batch.serving.rollout, batch.serving.value
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    stage, mode, share = (0, "", 0.0) if value is None else (value.stage, value.now.mode, value.share)
    behaviours = tuple(Behaviour(**one) for one in told["behaviours"])
    evidence = rollouts.Batch(_name(batch), at, stage, mode, share, accounting, behaviours, mechanical=tuple(told["mechanical"])).to_json()
    writing.append(
        "scored",
        {
            "run": batch.run, "model": job.model, "flow": job.into, "lot": lot, "rollout": None if record is None else record.rollout, "stage": None if record is None else record.stage,
            "at": at, "counts": told["counts"], "evidence": evidence, "objects": told["objects"], "state": state,
        },
    )  # fmt: skip
    return evidence


def _entry(job: ScoreJob, batch: Batch, line: str, environment: str, versions: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What a run is known by; a challenger that answered no row is no ancestor of the predictions."""
    asked = [one for one in (batch.serving.champion, batch.serving.challenger) if one is not None]
    models = [one.lot for one in asked if one is batch.serving.champion or versions is None or versions.get(label(one))]
    return {
        "line": line, "step": job.into, "place": batch.place, "identity": batch.run, "inputs": {job.reads: [batch.lot.lot], job.model: models}, "code": "", "parameters": job.settings(),
        "environment": environment, "columns": {},
    }  # fmt: skip


def _failed(project: Project, job: ScoreJob, batch: Batch, line: str, environment: str, made: StepResult) -> MisuseError:
    """Writes down that a batch could not be scored; told once, not at every try."""
    said, state = str(made.error), "stopped" if made.stopped_by else "failed"
    last = made.error.message if made.error is not None and made.error.kind in ("MisuseError", "MissingExtra") else said.splitlines()[-1]
    sentence = f"scoring lot {batch.lot.lot} of {job.reads} with {label(batch.serving.champion)}: {last}"
    if made.stopped_by == "asked":
        return MisuseError(sentence)
    with project.ledger.write() as writing:
        before = run_records.runs(writing.connection, step=job.into, most=1)
        known = bool(before) and before[0].state == state and before[0].error == said
        identity = hashlib.sha256(f"run {job.into} {writing.next}".encode()).hexdigest()
        notice = {"id": identity, "flow": job.into, "subject": f"S{sentence[1:]}", "lines": said.splitlines()[:-1][-NOTICE_LINES:], "verdict": "hold"}
        body = {**_entry(job, batch, line, environment), "state": state, "output": None, "costs": dict(made.costs), "error": said}
        writing.append("run", {**body, "notices": [] if known else [notice]})
    return MisuseError(sentence)
