"""Artefacts taken in as lots: each is opened and tried in a watched process, and what was found is published with it in one transaction."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from assayline.core import Verdict
from assayline.errors import AssaylineError, InputError, MisuseError, NotFound, Unreadable
from assayline.ledger import Lease, Staged, Writing, held, intact, records, run_records, trial_records
from assayline.ledger.records import LotRecord

from ..budget import StepLimits
from ..gating import Arrival, Outcome, Worked, again, publish, refusal, seen_before
from ..names import check_name
from ..project import SETTINGS, Project
from ..step_child import StepFailure, StepResult, StepWorker
from ..step_inputs import parts_of
from .suite import run_suite
from .test_sets import sets_of
from .versions import ARTEFACT, KIND, champion_of, check_model, label

WORK = "assayline.line.models.trial_work:work"
RESULT, PREDICTIONS, SCORES, REPORT, COPY = "trial.json", "predictions.parquet", "scores.parquet", "report.json", "artefact"
LAST_RUNS = 10
MOST_TRIALS = 50  # of which the last one of each of the last ten versions counts
MOST_LOTS = 500  # that it was trained on, the newest: privacy and separation look at these
MOST_SECONDS, MOST_BYTES = 600.0, 4 << 30
UNSAFE = ("UnsafeArtefact", "Refused")

Event = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class TrialSettings:
    """What trials may cost and what they ask for; `[trials]` in the settings of the project.

    Args:
        seconds: of the clock, for one version.
        memory_mib: for its process.
        margin: the loss that is taken as none, in units of the deciding metric; by the champion when None.
        allowed: digests of pickles that an administrator allows to be opened, in a locked process.
        protected: columns whose groups must be treated alike.
        row_milliseconds: how long one row may take; 0 for no limit.
        size_mib: how large an artefact may be; 0 for no limit.
        expires_days: how long a sign-off holds.
    """

    seconds: float = MOST_SECONDS
    memory_mib: float = MOST_BYTES / (1 << 20)
    margin: float | None = None
    allowed: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    row_milliseconds: float = 0.0
    size_mib: float = 0.0
    expires_days: float = 90.0

    @classmethod
    def of(cls, project: Project) -> TrialSettings:
        """Those of a project.

        Raises:
            MisuseError: one is unknown or has another type.
        """
        found = project.settings.get("trials", {})
        known = {name: type(getattr(cls(), name)) for name in cls.__dataclass_fields__}
        if not isinstance(found, dict):
            raise MisuseError(f"{SETTINGS}: [trials] is a table of settings")
        for name, value in found.items():
            if name not in known:
                raise MisuseError(f"{SETTINGS}: [trials] knows no {name!r}; it knows {', '.join(known)}")
            if isinstance(value, bool) or not isinstance(value, (list, int, float) if known[name] is not tuple else list):
                raise MisuseError(f"{SETTINGS}: [trials] {name} = {value!r} is not of the right type")
        values: dict[str, Any] = {name: tuple(map(str, value)) if isinstance(value, list) else value for name, value in found.items()}
        return cls(**values)


class Trying:
    """Takes artefacts in and tries them, one after another, in one process that is kept; use it in a `with`.

    Args:
        project: where.
        aspects: names of further aspects of quality to look at; all when None.
        on_event: receives ("look" | "trial", what there is to say of it).
    """

    def __init__(self, project: Project, *, aspects: Collection[str] | None = None, on_event: Event | None = None) -> None:
        self.project, self.aspects = project, None if aspects is None else sorted(aspects)
        self.settings = TrialSettings.of(project)
        self._tell = on_event or (lambda kind, what: None)
        self._worker = StepWorker()
        # All that the process is asked goes through one thread, so that it can be asked ahead while this one writes.
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="assay-trial")
        self._leases: dict[str, Lease] = {}
        self._batch: ExitStack | None = None
        self._aside: str | None = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Several artefacts one after another: the leases of their models are taken once, and given back at the end."""
        with ExitStack() as stack:
            self._batch = stack
            try:
                yield
            finally:
                self._batch = self._aside = None
                self._leases.clear()

    @contextmanager
    def _held(self, model: str) -> Iterator[Lease]:
        if self._batch is None:
            with held(self.project.ledger, model) as lease:
                yield lease
            return
        if model not in self._leases:
            self._leases[model] = self._batch.enter_context(held(self.project.ledger, model))
        yield self._leases[model]

    def __enter__(self) -> Trying:
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.shutdown(cancel_futures=True)
        self._worker.close()

    def ahead(self, path: str, model: str | None) -> None:
        """Lets the process open the next artefact and ask it its answers, while this one is written down; within a `batch` only. What goes wrong is said when its turn comes."""
        if self._batch is None or model is None or not os.path.isfile(path):
            return
        if self._aside is None:
            self._aside = self._batch.enter_context(self.project.store.staging())
        request = {
            "work": WORK, "file": os.path.join(self.project.folder, SETTINGS), "folder": self._aside, "artefact": os.path.abspath(path), "ahead": True, "label": path,
            "sets": self._sets(model), "allowed": list(self.settings.allowed),
        }  # fmt: skip
        self._asking.submit(self._worker.run, request, limits=self._limits())

    def _sets(self, model: str) -> list[dict[str, Any]]:
        return [one.request(self.project) for one in sets_of(self.project, model)]

    def take(
        self, path: str, model: str | None = None, *, also: Callable[[Writing, LotRecord], None] | None = None, facts: Mapping[str, str] | None = None,
        trained_on: Sequence[int] = (), following: str | None = None,
    ) -> Outcome:  # fmt: skip
        """Takes an artefact as the next version of a model, after its trial. The same bytes are taken once.

        Args:
            path: the file.
            model: whose version it is; as the artefact says when None.
            also: as of `gating.Arrival`.
            facts: of its arrival.
            trained_on: the lots it was made from, as far as they are known.
            following: the next artefact of the model, which the process may look at meanwhile.

        Returns:
            An outcome of the gate. An artefact that cannot be opened, or that would run code, is held as it came, and nothing of it was run.

        Raises:
            NotFound: there is no such file.
            MisuseError: the name belongs to something else.
            LedgerError: it could not be written; nothing was published.
        """
        if not os.path.isfile(path):
            raise NotFound(path, "there is no such file", next_step="name an artefact that `assay train` made, or a model to bring in")
        self._tell("look", {"artefact": path})
        self.project.store.sweep()
        with self.project.store.staging() as folder:
            copy = os.path.join(folder, COPY)
            shutil.copyfile(path, copy)  # what is tried is what is kept, whatever happens to the file meanwhile
            digest = _sha(copy)
            arrival = Arrival(facts=dict(facts or {}), kind=KIND, also=also)
            if model is None:
                try:
                    name = str(self._asked({"artefact": copy, "look": True, "sets": [], "label": path}, folder, path)["name"])
                except InputError as error:
                    return Outcome(None, refusal("", path, error), error)  # nobody knows whose it is
            else:
                name = model
            check_name(name)
            with self.project.ledger.read() as connection:
                check_model(connection, name, new=True)
            with self._held(name) as lease:
                seen = seen_before(self.project, name, digest)
                if seen is not None:
                    return again(self.project, name, seen, path, lease, arrival)
                with self.project.ledger.read() as connection:
                    flow = records.flow_of(connection, name)
                place = flow.lots + 1 if flow is not None else 1
                try:
                    tried = self._tried(name, place, copy, folder, None, trained_on)
                except InputError as error:
                    return self._unopened(name, path, digest, error, folder, arrival, lease)
                if following is not None:
                    self.ahead(following, model)
                return publish(self.project, name, self._worked(path, digest, tried, arrival), lease, folder)

    def again(self, lot: LotRecord) -> dict[str, Any]:
        """One more trial of a version that was taken before, on the test sets of now.

        Raises:
            MisuseError: its artefact was never opened.
        """
        if ARTEFACT not in lot.objects:
            raise MisuseError(f"{label(lot)} could not be opened when it came, so there is nothing to try; take it again when it is mended")
        with self._held(lot.flow) as lease, self.project.store.staging() as folder:
            tried = self._tried(lot.flow, lot.place, intact(self.project.store, lot.objects[ARTEFACT]), folder, lot)
            staged = {name: path for name, path in (("predictions", PREDICTIONS), ("report", REPORT)) if os.path.exists(os.path.join(folder, path))}
            digests = self.project.store.put([Staged(os.path.join(folder, path), os.path.splitext(path)[1]) for path in staged.values()])
            with self.project.ledger.write() as writing:
                lease.check(writing.connection)
                _append(writing, lot, tried, dict(zip(staged, digests, strict=True)))
        self._tell("trial", {"version": label(lot), "verdict": tried["verdict"]})
        return tried

    def _tried(self, name: str, place: int, path: str, folder: str, lot: LotRecord | None, trained_on: Sequence[int] = ()) -> dict[str, Any]:
        """The document of a trial; a trial whose process had to be ended is a verdict too."""
        shown = f"{name}:v{place}"
        request = self._request(name, shown, path, lot, trained_on)
        tried = self._asked(request, folder, shown)
        whole = with_suite(tried, self._asking.submit(run_suite, self.project, self._worker, {**request, "folder": folder}, self._limits()).result())
        with open(os.path.join(folder, REPORT), "w", encoding="utf-8") as out:
            json.dump({**whole["report"], "trial": whole}, out, ensure_ascii=True)
        return whole

    def _request(self, name: str, shown: str, path: str, lot: LotRecord | None, trained_on: Sequence[int]) -> dict[str, Any]:
        with self.project.ledger.read() as connection:
            champion = champion_of(connection, name, besides=lot.lot if lot is not None else None)
            before = trial_records.trial_of(connection, champion.lot) if champion is not None else None
            past = trial_records.trials(connection, name, most=MOST_TRIALS)
        return {
            "artefact": path, "label": shown, "sets": self._sets(name), "allowed": list(self.settings.allowed), "aspects": self.aspects,
            "settings": {"margin": self.settings.margin, "protected": list(self.settings.protected), "row_milliseconds": self.settings.row_milliseconds, "size_mib": self.settings.size_mib},
            "champion": None if champion is None else {
                "label": label(champion), "artefact": intact(self.project.store, champion.objects[ARTEFACT]),
                "predictions": intact(self.project.store, before.objects["predictions"]) if before is not None and "predictions" in before.objects else None,
            },
            "earlier": _earlier(past, lot), "tags": self._tags(lot, trained_on), "trained_on": self._training_rows(lot, trained_on),
        }  # fmt: skip

    def _training_rows(self, lot: LotRecord | None, trained_on: Sequence[int]) -> dict[str, Any] | None:
        """The rows it was trained on, where the ledger knows them and still has them."""
        with self.project.ledger.read() as connection:
            run = run_records.run_of(connection, lot.lot) if lot is not None else None
            numbers = list(trained_on) or [one for several in (run.inputs.values() if run is not None else ()) for one in several]
            lots = [one for one in records.lots_with(connection, numbers[-MOST_LOTS:]) if "released" in one.objects]
        return {"parts": parts_of(self.project, lots), "casts": {}, "uses": None} if lots else None

    def _tags(self, lot: LotRecord | None, trained_on: Sequence[int]) -> list[dict[str, str]]:
        """What is said of the data it was trained on, and holds."""
        from ..tagging import tags_of

        asked = [lot.lot] if lot is not None else list(trained_on)
        if not asked:
            return []
        found = {tag.key: tag for tags in tags_of(self.project, asked).values() for tag in tags if tag.holds and tag.level > Verdict.RELEASE and (lot is None or tag.lot != lot.lot)}
        return [{"level": str(tag.level), "sentence": tag.reason, "origin": tag.origin} for tag in sorted(found.values(), key=lambda tag: tag.level, reverse=True)]

    def _limits(self) -> StepLimits:
        return StepLimits(memory_bytes=int(self.settings.memory_mib * (1 << 20)), max_runtime_seconds=self.settings.seconds, idle_seconds=0.0)

    def _asked(self, request: Mapping[str, Any], folder: str, shown: str) -> dict[str, Any]:
        asked = {"work": WORK, "file": os.path.join(self.project.folder, SETTINGS), "folder": folder, **request}
        made = self._asking.submit(self._worker.run, asked, limits=self._limits()).result()
        if made.path is None:
            raise error_of(made, shown)
        with open(os.path.join(folder, RESULT), encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        return found

    def _worked(self, path: str, digest: str, tried: Mapping[str, Any], arrival: Arrival) -> Worked:
        verdict = Verdict.named(str(tried["verdict"]))
        state = "held" if verdict >= Verdict.HOLD else "released"
        rows = dict.fromkeys(records.ROWS, 0)
        files = {ARTEFACT: COPY, state: SCORES, "report": REPORT, **({"predictions": PREDICTIONS} if any(one["scores"] for one in tried["sets"]) else {})}
        also = arrival.also

        def with_trial(writing: Writing, lot: LotRecord) -> None:
            if also is not None:
                also(writing, lot)
            _append(writing, lot, tried, {name: lot.objects[name] for name in ("predictions", "report") if name in lot.objects})

        facts = {**arrival.facts, "name": str(tried["name"]), "model": str(tried["kind"]), "bundle": str(tried["digest"]), "target": str(tried["target"])}
        return Worked(
            input=path, digest=digest, verdict=verdict, state=state, rows=rows, files=files, report=tried["report"], columns=["test_set", "metric", "value"],
            arrival=Arrival(facts=facts, kind=KIND, also=with_trial),
        )  # fmt: skip

    def _unopened(self, model: str, path: str, digest: str, error: InputError, folder: str, arrival: Arrival, lease: Lease) -> Outcome:
        """An artefact that cannot be opened or would run code: kept as it came."""
        unsafe = type(error).__name__ in UNSAFE
        finding: dict[str, Any] = {
            "code": "unsafe_artefact" if unsafe else "unreadable", "layer": "signature", "severity": 0.95, "columns": [], "where": error.place or None, "rows": 0,
            "sentence": f"{error}.", "evidence": {}, "suggestion": error.next_step, "examples": [], "picture": {},
        }  # fmt: skip
        worked = Worked(
            input=path, digest=digest, verdict=Verdict.HOLD, state="unreadable", rows=dict.fromkeys(records.ROWS, 0), files={"original": COPY},
            report={"findings": [finding]}, arrival=Arrival(facts=arrival.facts, kind=KIND),
        )  # fmt: skip
        outcome = publish(self.project, model, worked, lease, folder)
        return Outcome(outcome.lot, {**outcome.document, "error": str(error)}, error)


def with_suite(tried: dict[str, Any], outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A trial with what the trials that people wrote said; one that failed holds the version."""
    if not outcomes:
        return tried
    failed = [one for one in outcomes if one["outcome"] != "passed"]
    findings = [
        {
            "code": "failed_trial", "layer": "rule", "severity": 0.85, "columns": [], "where": one["name"], "rows": None,
            "sentence": f"The trial {one['name']} {one['said']}.", "evidence": {"action": "hold"}, "suggestion": "read its output in the report", "examples": [], "picture": {},
        }
        for one in failed
    ]  # fmt: skip
    verdict = max(Verdict.named(str(tried["verdict"])), Verdict.HOLD) if failed else Verdict.named(str(tried["verdict"]))
    report = {**tried["report"], "verdict": str(verdict), "findings": [*findings, *tried["report"]["findings"]]}
    return {**tried, "verdict": str(verdict), "report": report, "suite": [dict(one) for one in outcomes]}


def _append(writing: Writing, lot: LotRecord, tried: Mapping[str, Any], objects: Mapping[str, str]) -> None:
    champion = champion_of(writing.connection, lot.flow, besides=lot.lot)
    findings = [{name: one[name] for name in ("code", "columns", "severity", "sentence", "layer", "rows", "where")} for one in tried["report"]["findings"]]
    verdict = Verdict.named(str(tried["verdict"]))
    state = lot.state if lot.state in ("rejected", "superseded") else "held" if verdict >= Verdict.HOLD else "released"
    writing.append(
        "trial",
        {
            "flow": lot.flow, "lot": lot.lot, "verdict": str(verdict), "state": state, "champion": None if champion is None else champion.lot,
            "sets": [{name: one[name] for name in ("set", "lot", "digest", "rows", "scores")} for one in tried["sets"]], "findings": findings, "objects": dict(objects),
            "notices": [],
        },
    )  # fmt: skip


def _earlier(past: Sequence[trial_records.TrialRecord], lot: LotRecord | None) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The scores of the last versions on each test set, oldest first, the last trial of each version."""
    last: dict[int, trial_records.TrialRecord] = {}
    for one in past:
        if lot is None or one.lot < lot.lot:
            last[one.lot] = one
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for number in sorted(last)[-LAST_RUNS:]:
        for tried in last[number].sets:
            found.setdefault(tried["set"], {}).setdefault(tried["digest"], []).extend(dict(score) for score in tried["scores"] if score["value"] is not None)
    return found


def error_of(made: StepResult, shown: str) -> AssaylineError:
    """Why the process gave no answer, as the error it was there."""
    error = made.error or StepFailure("no reason was given", "")
    if error.kind in ("MisuseError", "MissingExtra"):
        return MisuseError(error.message)
    kinds = {one.__name__: one for one in _all_of(InputError)}
    kind = kinds.get(error.kind, Unreadable)
    message = error.message.partition(": ")[2] or error.message if error.kind in kinds else str(error)
    return kind(shown, message, next_step="" if error.kind in kinds else "look at the artefact; nothing else was stopped by it")


def _all_of(kind: type[InputError]) -> list[type[InputError]]:
    return [kind, *[deeper for one in kind.__subclasses__() for deeper in _all_of(one)]]


def _sha(path: str) -> str:
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
