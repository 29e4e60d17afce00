"""Requests that were answered become lots of the flow MODEL.requests, window by window, each exactly once.

    files of the workers ──▶ window-0000007.json (which files it is made of) ──▶ gate ──▶ one transaction: the lot, what it says of a rollout, and "7" as the position

Killed before the transaction, the same window is made again of the same files; killed after it, the position says that it is done, and its files are taken away.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import Staged, Watch, Writing, intact, records, rollout_records, run_records, tried
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord
from assayline.ledger.store import whole_file
from assayline.rollout import Accounting, Batch, Behaviour, Latency, Limits, alpha_inside
from assayline.serving.recording import adopt, count_of, segments, tag_of

from ..ahead import Judges
from ..budget import StepLimits
from ..gating import Arrival, Outcome, gate_paths
from ..models.trying import TrialSettings
from ..models.versions import ARTEFACT, label
from ..project import SETTINGS, Project
from ..step_child import StepWorker
from .evidence import gathered
from .online_work import BOTH, REQUESTS, TOLD
from .rollouts import after_batch

WORK = "assayline.line.delivery.online_work:work"
FOLDER, IDENTITY = "serving", "identity"
MANIFEST = re.compile(r"window-(\d{7,})\.json")
DEAD_SECONDS = 60.0  # a file that is being written is closed after five seconds: nobody writes to one that was not touched for so long
RETRY_SECONDS = 30.0  # after something went wrong
LATE_SECONDS = 10.0  # for workers that switch a moment later than others, before a window of the state before is closed
ANSWERED = "answered"  # state of a scoring whose answers went to callers: nothing of it can be put right later
BEATS_SECONDS = 600.0  # for one window
MOST_BYTES = 4 << 30
PREDICTED = ("flip_rate", "nan_rate", "out_of_range", "fallback_rate")

Tell = Callable[..., None]


@dataclass(frozen=True)
class Window:
    """Files that are one lot."""

    model: str
    number: int
    segments: tuple[str, ...]
    tag: Mapping[str, Any]


class RequestWindows:
    """The spool of one server.

    Args:
        project: where.
        name: of the server; servers of one project have different ones.
        rows, seconds: a window is closed when it has so many rows, or its oldest is so old.
        tell: receives (event, level, **what).
        clock: seconds since 1970.

    `lots` counts what was published; `problem` is the last thing that went wrong, or "".
    """

    def __init__(
        self, project: Project, name: str, *, rows: int = 10_000, seconds: float = 300.0, tell: Tell = lambda *_, **__: None, clock: Callable[[], float] = time.time
    ) -> None:
        if rows < 1 or not seconds > 0:
            raise MisuseError(f"a window has 1 row or more and takes some seconds, not {rows!r} and {seconds!r}")
        self.project, self.rows, self.seconds = project, rows, seconds
        self.folder = os.path.join(os.path.abspath(project.folder), FOLDER, name)
        self.lots = 0
        self.problem = ""
        self._again_at = 0.0
        self._tell, self._clock = tell, clock
        self._watch, self._lock = Watch(), threading.Lock()
        os.makedirs(self.folder, exist_ok=True)
        self.identity = self._identity()

    def _identity(self) -> str:
        """What this spool is known by, whatever folder it is moved to: numbers of windows are its own."""
        path = os.path.join(self.folder, IDENTITY)
        if not os.path.exists(path):
            with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
                file.write(uuid.uuid4().hex)
        with open(path, encoding="utf-8") as file:
            return file.read().strip()

    def source(self, model: str) -> str:
        """Under which name the position stands in the ledger."""
        return f"requests:{model}:{self.identity}"

    def collect(self, *, closing: bool = False) -> list[Outcome]:
        """Publishes every window that is due; what goes wrong with one is told, and it is tried again at the next call.

        Args:
            closing: nothing more comes: all that is there is due.

        Raises:
            LedgerError: the ledger cannot be read or written; nothing is lost.
        """
        with self._lock:
            if self._clock() < self._again_at and not closing:
                return []
            adopt(self.folder, before=self._clock() - (0 if closing else DEAD_SECONDS))
            models = sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir())
            due = [model for model in models if self._unfinished(model) is not None or self._due(model, closing)]
            found: list[Outcome] = []
            if not due:
                return found
            with tried(self.project.ledger, f"requests:{self.identity}", self._watch) as lease:
                if lease is None:
                    return found  # another process does it
                for model in due:
                    try:
                        found += self._collected(model, closing)
                        self.problem = ""
                    except AssaylineError as error:
                        self.problem = str(error)
                        self._again_at = self._clock() + RETRY_SECONDS
                        self._tell("failed", "error", flow=flow_of(model), why=str(error), outcome="the requests are kept, and tried again")
            return found

    def _collected(self, model: str, closing: bool) -> list[Outcome]:
        with StepWorker() as worker, Judges(self.project.store) as judges:  # both start with the first window
            return self._taken(model, closing, worker, judges)

    def _taken(self, model: str, closing: bool, worker: StepWorker, judges: Judges) -> list[Outcome]:
        found: list[Outcome] = []
        while True:
            window = self._unfinished(model) or self._closed(model, closing)
            if window is None:
                return found
            if window.number > self._position(model):
                outcome = self._published(window, worker, judges)
                if outcome is not None:
                    found.append(outcome)
            self._forget(window)

    def _position(self, model: str) -> int:
        with self.project.ledger.read() as connection:
            known = run_records.position_of(connection, self.source(model))
        return int(known["window"]) if known is not None else 0

    def _unfinished(self, model: str) -> Window | None:
        """The window that was closed last and is not taken away yet."""
        place = os.path.join(self.folder, model)
        names = sorted(name for name in os.listdir(place) if MANIFEST.fullmatch(name))
        if not names:
            return None
        with open(os.path.join(place, names[0]), encoding="utf-8") as file:
            known = json.load(file)
        return Window(model, int(known["number"]), tuple(known["segments"]), known["tag"])

    def _due(self, model: str, closing: bool) -> tuple[list[str], dict[str, Any]] | None:
        """The oldest files that make a window now, all answered under one state of affairs."""
        groups: dict[str, list[str]] = {}
        tags: dict[str, dict[str, Any]] = {}
        for path in segments(self.folder, model):
            tag = tag_of(path)
            key = json.dumps(tag, sort_keys=True)
            groups.setdefault(key, []).append(path)
            tags[key] = tag
        now = self._clock()
        for number, (key, paths) in enumerate(groups.items()):
            oldest, newest = os.path.getmtime(paths[0]), os.path.getmtime(paths[-1])
            taken, rows = [], 0
            for path in paths:
                taken.append(path)
                rows += count_of(path)
                if rows >= self.rows:
                    break
            is_over = number < len(groups) - 1 and now - newest > LATE_SECONDS
            if rows >= self.rows or now - oldest >= self.seconds or is_over or closing:
                return taken, tags[key]
        return None

    def _closed(self, model: str, closing: bool) -> Window | None:
        """The next window, written down before anything is made of it."""
        found = self._due(model, closing)
        if found is None:
            return None
        paths, tag = found
        window = Window(model, self._position(model) + 1, tuple(os.path.basename(path) for path in paths), tag)
        with whole_file(self._manifest(window)) as temporary, open(temporary, "w", encoding="utf-8") as file:
            json.dump({"number": window.number, "segments": window.segments, "tag": dict(tag)}, file)
        return window

    def _manifest(self, window: Window) -> str:
        return os.path.join(self.folder, window.model, f"window-{window.number:07d}.json")

    def _forget(self, window: Window) -> None:
        """The files first: while the window is written down, they are never taken for those of another one."""
        for name in window.segments:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.folder, window.model, name))
        os.unlink(self._manifest(window))

    def _published(self, window: Window, worker: StepWorker, judges: Judges) -> Outcome | None:
        with self.project.ledger.read() as connection:
            number = window.tag.get("rollout")
            record = None if number is None else rollout_records.rollout_of(connection, int(number))
        self.project.store.sweep()
        with self.project.store.staging() as folder:
            request = self._request(window, record, folder)
            made = worker.run(request, limits=StepLimits(memory_bytes=MOST_BYTES, max_runtime_seconds=BEATS_SECONDS, idle_seconds=0.0))
            if made.path is None:
                raise MisuseError(f"window {window.number} of the requests of {window.model} could not be made: {made.error or made.stopped_by}; its files stay in {self.folder}")
            with open(os.path.join(folder, TOLD), encoding="utf-8") as file:
                told = json.load(file)
            if not made.rows_out:  # nothing but torn lines
                with self.project.ledger.write() as writing:
                    writing.append("position", self._entry(window))
                return None
            return self._gated(window, record, told, folder, judges)

    def _gated(self, window: Window, record: RolloutRecord | None, told: Mapping[str, Any], folder: str, judges: Judges) -> Outcome:
        flow, path = flow_of(window.model), os.path.join(folder, REQUESTS)
        objects = {}
        if told["both"]:
            objects["both"] = self.project.store.put([Staged(os.path.join(folder, BOTH), ".parquet")])[0]

        def also(writing: Writing, lot: LotRecord) -> None:
            known = run_records.position_of(writing.connection, self.source(window.model))
            if known is not None and int(known["window"]) >= window.number:
                return
            writing.append("position", self._entry(window))
            at = datetime.now(UTC).isoformat(timespec="microseconds")
            stage = None if record is None else int(window.tag["stage"])
            evidence = {} if record is None else self._evidence(window, record, told, at).to_json()
            skew = [one["sentence"] for one in told["skew"]]
            notices = [{"id": f"{self.identity}-{window.model}-{window.number}-skew", "flow": flow, "subject": skew[0], "lines": skew[1:], "verdict": "hold"}] if skew else []
            body = {
                "run": f"{self.source(window.model)}:{window.number}", "model": window.model, "flow": flow, "lot": lot.lot, "rollout": None if record is None else record.rollout, "stage": stage,
                "at": at, "counts": told["counts"], "evidence": evidence, "objects": objects, "state": ANSWERED, "notices": notices,
            }  # fmt: skip
            writing.append("scored", body)

        facts = {"server": self.identity, "window": str(window.number), "from": _shown(told["first"]), "until": _shown(told["last"])}
        name = f"requests of {window.model}, window {window.number}"
        arrival = Arrival(facts=facts, salt=f"{self.source(window.model)} {window.number}", name=name, own=True, also=also)
        [outcome] = gate_paths(self.project, flow, [path], arrivals={path: arrival}, judges=judges)
        if outcome.lot is None:
            raise outcome.error or MisuseError(f"{name}: the gate did not take it; its files stay in {self.folder}")
        self.lots += 1
        self._tell("lot", **{key: outcome.document[key] for key in ("flow", "lot", "verdict")}, rows=told["counts"]["rows"])
        for one in told["skew"]:
            self._tell("skew", "error", flow=flow, version=one["version"], feature=one["feature"], why=one["sentence"])
        if record is not None:
            with self.project.ledger.read() as connection:
                scoring = rollout_records.scorings(connection, flow=flow, lots=[outcome.lot.lot])[-1]
            for problem in after_batch(self.project, scoring, on_event=lambda kind, what: self._tell(kind, model=window.model, **what)):
                self._tell("waits", "warning", model=window.model, why=problem)
        return outcome

    def _entry(self, window: Window) -> dict[str, Any]:
        return {"source": self.source(window.model), "position": {"window": window.number}}

    def _request(self, window: Window, record: RolloutRecord | None, folder: str) -> dict[str, Any]:
        names = {str(one): int(lot) for one, lot in dict(window.tag.get("versions") or {}).items()}
        with self.project.ledger.read() as connection:
            lots = {name: records.lot_of(connection, lot) for name, lot in names.items()}
            seen = gathered(connection, record) if record is not None else []
        limits = Limits.from_json(record.settings.get("limits", {})) if record is not None else Limits()
        watched = record.settings.get("guards", ()) if record is not None else ()
        rates = {str(one["guard"]): float(one["limit"]) for one in watched if one.get("limit") is not None and one["guard"] in PREDICTED and not one.get("by")}
        for guard in PREDICTED if record is not None else ():
            rates.setdefault(guard, limits.rate(guard))
        batches = [one.batch for one in seen]
        return {
            "work": WORK, "file": os.path.join(self.project.folder, SETTINGS), "folder": folder,
            "segments": [os.path.join(self.folder, window.model, name) for name in window.segments],
            "versions": {name: intact(self.project.store, lot.objects[ARTEFACT]) for name, lot in lots.items()}, "champion": window.tag.get("champion") or "",
            "challenger": window.tag.get("challenger") or "", "rollout": window.tag.get("value"), "unit": window.tag.get("unit") or "", "rates": rates,
            "alphas": {guard: alpha_inside(batches, limits, guard) for guard in rates}, "hard": limits.hard, "by": list(record.settings.get("segments", ())) if record is not None else [],
            "allowed": list(TrialSettings.of(self.project).allowed),
        }  # fmt: skip

    def _evidence(self, window: Window, record: RolloutRecord, told: Mapping[str, Any], at: str) -> Batch:
        stage = record.stages[int(window.tag["stage"])]
        return Batch(
            f"requests {window.number} ({self.identity[:8]})", at, int(window.tag["stage"]), stage.mode, stage.share, Accounting(**told["accounting"]),
            behaviours=tuple(Behaviour(**one) for one in told["behaviours"]), latencies=tuple(Latency(**one) for one in told["latencies"]), mechanical=tuple(told["mechanical"]),
        )  # fmt: skip


def flow_of(model: str) -> str:
    """The flow of the requests of a model.

    >>> flow_of("churn")
    'churn.requests'
    """
    return f"{model}.requests"


def tag_for(champion: LotRecord, challenger: LotRecord | None, others: Sequence[LotRecord], record: RolloutRecord | None, value: Mapping[str, Any] | None, unit: str) -> dict[str, Any]:
    """What the records of a worker begin with: who may have answered them, under which stage of which rollout."""
    lots = [champion, *([challenger] if challenger is not None else []), *others]
    return {
        "champion": label(champion), "challenger": label(challenger) if challenger is not None else "", "versions": {label(one): one.lot for one in lots},
        "rollout": None if record is None else record.rollout, "stage": None if record is None else record.stage, "state": None if record is None else record.state,
        "value": value, "unit": unit,
    }  # fmt: skip


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


__all__ = ["RequestWindows", "Window", "flow_of", "tag_for"]
