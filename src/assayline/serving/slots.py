"""The versions of a worker: each is loaded, verified and warmed beside the one that answers, and only then given the place.

    staged ──▶ verified ──▶ warm ──▶ live ──▶ draining ──▶ standby ──▶ retired
                              ▲        ▲                      │
                              └────────┴──── goes back without being loaded

The place changes by one assignment (`Desk.put`): a request is answered by the state it began with. A version that fails on the way never gets it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assayline.core import Rollout, Stage
from assayline.errors import AssaylineError, MisuseError, Unreadable
from assayline.tables.child import resident_bytes

if TYPE_CHECKING:
    from .desk import Desk, Service
    from .model import LiveModel
    from .recording import Recorder

STAGED, VERIFIED, WARM, LIVE, DRAINING, STANDBY, RETIRED = "staged", "verified", "warm", "live", "draining", "standby", "retired"
STATES = (STAGED, VERIFIED, WARM, LIVE, DRAINING, STANDBY, RETIRED)
ON = {
    STAGED: (VERIFIED, RETIRED), VERIFIED: (WARM, RETIRED), WARM: (LIVE, STANDBY, RETIRED), LIVE: (DRAINING,), DRAINING: (LIVE, STANDBY, RETIRED), STANDBY: (LIVE, RETIRED), RETIRED: (),
}  # fmt: skip
TOLERANCE = 1e-5  # of the largest output: that of the ONNX form (see `onnx_row`)
MOST_GOLDEN = 200  # rows that are asked again, one at a time, as requests are answered
WARM_CALLS = 200
DRAIN_SECONDS = 30.0
LOOK_SECONDS = 0.2
STANDBY_BYTES = 1 << 30


class ModelSlot:
    """One version in one worker.

    Args:
        label: what it is called: "churn:v7".
        digest: of its artefact.
        live: what answers; it is unloaded when nobody holds it any more: neither a slot, nor a chain, nor a request.
        bytes: of memory that loading it took, as far as that can be seen; at least the size of its file.

    `state` is one of STATES; `notes` what is worth knowing of it; `history` the states it had, with the seconds of a clock.
    """

    def __init__(self, label: str, digest: str, live: LiveModel, bytes: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.label, self.digest, self.live, self.bytes = label, digest, live, bytes
        self.notes: list[str] = []
        self._clock = clock
        self.history: list[tuple[str, float]] = [(STAGED, clock())]

    @property
    def state(self) -> str:
        """Where it is on its way."""
        return self.history[-1][0]

    @property
    def since(self) -> float:
        """When it came there, by the clock."""
        return self.history[-1][1]

    def to(self, state: str) -> None:
        """Goes on to a state.

        Raises:
            ValueError: that is not where it can go from here.
        """
        if state == self.state:
            return
        if state not in ON[self.state]:
            raise ValueError(f"{self.label} is {self.state} and cannot become {state}")
        self.history.append((state, self._clock()))

    def again(self) -> ModelSlot:
        """The same version on a way of its own."""
        slot = ModelSlot(self.label, self.digest, self.live, self.bytes, self._clock)
        slot.notes = list(self.notes)
        slot.to(VERIFIED)
        slot.to(WARM)
        return slot

    @property
    def in_flight(self) -> int:
        """Answers that are being made outside the event loop; those inside it are done before anything else happens."""
        return self.live.in_flight

    def to_json(self) -> dict[str, Any]:
        """For `status`."""
        return {"version": self.label, "state": self.state, "bytes": self.bytes, "in_flight": self.in_flight, "notes": list(self.notes)}


def loaded(label: str, path: str, digest: str, *, onnx: bool = True, allowed: Sequence[str] = ()) -> ModelSlot:
    """A version from its file, verified and warm.

    Args:
        label: what it is called.
        path: of the artefact.
        digest: of its bytes.
        onnx: whether ONNX Runtime answers where it says the same.
        allowed: digests of pickles that may be opened, each in a locked process.

    Raises:
        InputError: the artefact cannot be read, or says other things than on the day it was made.
    """
    from assayline.artefacts import read

    from .model import LiveModel

    before = resident_bytes(os.getpid())
    bundle = read(path, allowed=allowed)
    live = LiveModel.of(bundle, label, onnx=onnx)
    slot = ModelSlot(label, digest, live)
    slot.notes += verified(live)
    slot.to(VERIFIED)
    warmed(live)
    slot.bytes = max(os.path.getsize(path), resident_bytes(os.getpid()) - before)
    slot.to(WARM)
    return slot


def verified(live: LiveModel) -> list[str]:
    """Asks a version its golden rows in both ways: as its artefact is asked, and as requests are answered. Gives what is worth knowing.

    Raises:
        Unreadable: it says something else than on the day it was made.
    """
    from assayline.artefacts import check_golden

    from .guard import Declined, golden_rows

    bundle = live.bundle
    table = golden_rows(bundle)
    if bundle.golden is None or table is None:
        return ["It has no golden rows, so nothing says whether it answers as on the day it was made."]
    step = "compare the packages of this environment with those it was made with: assay parity"
    differences = check_golden(bundle)
    if differences:
        raise Unreadable(live.label, f"it does not answer as on the day it was made: {differences[0].sentence[:-1]}", next_step=step)
    expected = np.asarray(bundle.golden.outputs["1"], dtype=np.float64).reshape(table.height, -1)
    limit = TOLERANCE * max(1e-300, float(np.abs(expected).max(initial=0.0)))
    declined = 0
    for at, row in enumerate(table.head(MOST_GOLDEN).to_dicts()):
        try:
            said = np.asarray(live.numbers(row))
        except Declined:
            declined += 1  # the guard may keep a golden row out: then nothing of it is answered here
            continue
        if said.shape != expected[at].shape or not bool(np.all(np.abs(said - expected[at]) <= limit)):
            raise Unreadable(live.label, f"asked as a request (by {live.runtime}) it says {said.tolist()} of golden row {at}, and said {expected[at].tolist()}", next_step=step)
    if declined == min(table.height, MOST_GOLDEN):
        raise Unreadable(live.label, "its guard lets none of its own golden rows pass", next_step="take it in again: assay model bring")
    return [live.note, *([f"Its guard declines {declined} of its golden rows."] if declined else [])] if live.note or declined else []


def warmed(live: LiveModel) -> None:
    """Answers some rows, so that the first request is not the first call."""
    from .guard import Declined, golden_rows

    table = golden_rows(live.bundle)
    rows = table.head(MOST_GOLDEN).to_dicts() if table is not None else [{}]
    for number in range(WARM_CALLS):
        try:
            live.numbers(rows[number % len(rows)])
        except Declined:
            continue
    live.answers(rows[:2])


@dataclass
class Shelf:
    """What a worker serves, and what it has beside it; a `worker.Answering`.

    Args:
        desk: who answers what.
        recorder: of answers; None for none.
        onnx: whether ONNX Runtime answers where it says the same.
        allowed: digests of pickles that may be opened.
        standby_bytes: memory for versions that do not answer and can come back at once.
        drain_seconds: after which a version is let go though something of it is still in flight.
    """

    desk: Desk
    recorder: Recorder | None = None
    onnx: bool = True
    allowed: tuple[str, ...] = ()
    standby_bytes: int = STANDBY_BYTES
    drain_seconds: float = DRAIN_SECONDS
    hosts: frozenset[str] = frozenset()
    slots: dict[str, ModelSlot] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        from .application import application

        self._lock = threading.Lock()  # `prepare` is in a thread
        self._looking = False
        self._lost = 0
        self._application = only_for(self.hosts, application(self.desk))

    @property
    def application(self) -> Any:
        """The ASGI application."""
        return self._application

    def prepare(self, wanted: Mapping[str, Any]) -> _Prepared:
        """Loads, verifies and warms what is wanted and not there yet.

        Args:
            wanted: {"models": {NAME: {"versions": {LABEL: {"path", "digest"}}, "champion", "challenger", "previous", "rollout", "unit", "unit_header", "constant",
                "tag": what stands before its records}}}.

        Raises:
            InputError: a version cannot be served; nothing has changed.
            MisuseError: what is wanted does not fit together.
        """
        from .chain import Chain
        from .desk import Service

        slots: dict[str, ModelSlot] = {}
        services: list[Service] = []
        for name, one in dict(wanted["models"]).items():
            for text, version in one["versions"].items():
                slots[text] = self._slot(text, str(version["path"]), str(version["digest"]))

            def live(text: str | None) -> LiveModel | None:
                return slots[text].live if text else None

            champion, challenger, previous = live(one["champion"]), live(one.get("challenger")), live(one.get("previous"))
            assert champion is not None
            options: dict[str, Any] = {"constant": one.get("constant"), **({"deadline": float(one["deadline"])} if one.get("deadline") else {})}
            services.append(
                Service(
                    str(name), Chain.of(champion, previous, **options), None if challenger is None else Chain.of(challenger, champion, **options), rollout=rollout_from(one.get("rollout")),
                    unit=str(one.get("unit") or ""), unit_header=str(one.get("unit_header") or ""),
                )
            )  # fmt: skip
        return _Prepared(slots, tuple(services), {str(name): dict(one.get("tag") or {}) for name, one in dict(wanted["models"]).items()})

    def _slot(self, text: str, path: str, digest: str) -> ModelSlot:
        with self._lock:
            known = self.slots.get(text)
            if known is not None and known.digest == digest and known.state in (WARM, LIVE, DRAINING, STANDBY):
                return known  # coming back takes no load
        try:
            return loaded(text, path, digest, onnx=self.onnx, allowed=self.allowed)
        except AssaylineError:
            raise
        except Exception as error:
            raise Unreadable(text, f"it cannot be loaded: {type(error).__name__}: {str(error)[:200]}", next_step="try it again with: assay trial") from error

    def switch(self, prepared: _Prepared) -> Mapping[str, Any]:
        """From the next request on, this answers."""
        for service in prepared.services:
            if self.recorder is not None:
                self.recorder.mark(service.name, prepared.tags[service.name])
            self.desk.put(service)
        names = {service.name for service in prepared.services}
        for name in [known for known in self.desk.standing if known not in names]:
            self.desk.remove(name)
        with self._lock:
            before = self.slots
            self.slots = {**before, **prepared.slots}
            for text, slot in before.items():
                replaced = text in prepared.slots and prepared.slots[text] is not slot
                if slot.state == LIVE and (replaced or text not in prepared.slots):
                    slot.to(DRAINING)
                if replaced:  # other bytes under the same name
                    self.slots[f"{text} ({slot.digest[:15]})"] = slot
            for text, slot in prepared.slots.items():
                if slot.state == RETIRED:  # it was let go between its preparation and now, which still held it
                    self.slots[text] = slot = slot.again()
                slot.to(LIVE)
        self._look()
        return {"versions": sorted(prepared.slots)}

    def _look(self) -> None:
        """Lets go of versions that nobody asks any more, and keeps as many of them as the memory allows."""
        waiting = self.settle()
        if waiting and not self._looking:
            import asyncio

            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        self._look()

    def settle(self) -> bool:
        """Draining versions that nothing is asked of any more stand by, the oldest of those beyond the budget retire; whether some still drain."""
        with self._lock:
            for slot in self.slots.values():
                if slot.state == DRAINING and (not slot.in_flight or time.monotonic() - slot.since > self.drain_seconds):
                    slot.to(RETIRED if slot.in_flight else STANDBY)
            standing = sorted((slot for slot in self.slots.values() if slot.state == STANDBY), key=lambda slot: slot.since, reverse=True)
            room = self.standby_bytes
            for slot in standing:
                room -= slot.bytes
                if room < 0:
                    slot.to(RETIRED)
            self.slots = {text: slot for text, slot in self.slots.items() if slot.state != RETIRED}
            return any(slot.state == DRAINING for slot in self.slots.values())

    def status(self) -> Mapping[str, Any]:
        """What it has and did."""
        with self._lock:
            slots = [slot.to_json() for slot in self.slots.values()]
        answers = sum(tally.answers for tally in list(self.desk.tallies.values()))
        recorded: dict[str, Any] = {}
        if self.recorder is not None:
            # What could not be written was counted as recorded when it was taken: here, in the event loop, nobody else counts at the same time.
            lost, self._lost = self.recorder.lost - self._lost, self.recorder.lost
            self.desk.dropped, self.desk.recorded = self.desk.dropped + lost, self.desk.recorded - lost
            recorded = {"written": self.recorder.written, "lost": self.recorder.lost, "problem": self.recorder.why if lost else ""}
        return {
            "slots": slots, "answers": answers, "recorded": self.desk.recorded, "dropped": self.desk.dropped, **recorded, "bytes": resident_bytes(os.getpid()),
            "seconds": time.monotonic() - self.begun,
        }  # fmt: skip

    def leave(self) -> None:
        """It is not ready any more, and goes on answering."""
        self.desk.ready = False

    def close(self) -> None:
        """Records that are kept in memory are written."""
        if self.recorder is not None:
            self.recorder.close()


@dataclass(frozen=True)
class _Prepared:
    slots: Mapping[str, ModelSlot]
    services: tuple[Service, ...]
    tags: Mapping[str, Mapping[str, Any]]


def rollout_from(document: Mapping[str, Any] | None) -> Rollout | None:
    """A rollout from JSON values, as `rollout_document` writes them."""
    if document is None:
        return None
    values = dict(document)
    stages = tuple(Stage(str(one["mode"]), float(one["share"])) for one in values.pop("stages"))
    return Rollout(**values, stages=stages)


def rollout_document(rollout: Rollout | None) -> dict[str, Any] | None:
    """A rollout as JSON values.

    >>> rollout_from(rollout_document(Rollout("v6", "v7", "a"))) == Rollout("v6", "v7", "a")
    True
    """
    if rollout is None:
        return None
    return {
        "champion": rollout.champion, "challenger": rollout.challenger, "salt": rollout.salt, "stages": [{"mode": one.mode, "share": one.share} for one in rollout.stages],
        "stage": rollout.stage, "holdout": rollout.holdout, "control": rollout.control, "state": rollout.state,
    }  # fmt: skip


def only_for(hosts: frozenset[str], application: Any) -> Any:
    """An application that answers only who calls it by one of these names: a page in a browser that had its name point to this machine calls it by that name.

    Args:
        hosts: lower case, without port; none: everybody is answered.
        application: ASGI.
    """
    if not hosts:
        return application
    known: dict[bytes, bool] = {}

    def is_ours(host: bytes) -> bool:
        text = host.decode("latin-1").strip().lower()
        name = text.partition("]")[0].lstrip("[") if text.startswith("[") else text.partition(":")[0]
        if len(known) < 64:  # names that strangers make up must not fill the memory
            known[host] = name in hosts
        return name in hosts

    async def refused(send: Any) -> None:
        body = json.dumps({"error": f"this server is asked for as {', '.join(sorted(hosts))}"}).encode()
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    def checked(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "http":
            host = next((value for name, value in scope["headers"] if name == b"host"), b"")
            found = known.get(host)
            if found is None:
                found = is_ours(host)
            if not found:
                return refused(send)
        return application(scope, receive, send)

    return checked


def shelf(settings: Mapping[str, Any]) -> Shelf:
    """A worker's shelf from its settings (JSON values).

    Args:
        settings: "worker": its name; "spool": a folder for records, or None; "sample": the share of rows that are recorded; "tokens": hashes; "batching": {"rows", "seconds"} or
            None; "onnx", "allowed", "standby_bytes", "hosts", "front"; "queue", "segment_rows", "segment_seconds" of the recorder.

    Raises:
        MisuseError: they do not fit together.
        MissingExtra: the extra `serve` is not installed.
    """
    from .desk import Batching, Desk, Limits
    from .recording import Recorder

    recorder = None
    if settings.get("spool"):
        recorder = Recorder(
            str(settings["spool"]), str(settings.get("worker", "")), queue=int(settings.get("queue", 20_000)), segment_rows=int(settings.get("segment_rows", 5_000)),
            segment_seconds=float(settings.get("segment_seconds", 5.0)),
        )  # fmt: skip
    batching = settings.get("batching")
    if batching is not None and (int(batching["rows"]) < 1 or float(batching["seconds"]) < 0):
        raise MisuseError(f"rows are collected 1 or more at a time, for 0 seconds or longer, not {batching!r}")
    desk = Desk(
        recorder=recorder, sample=float(settings.get("sample", 1.0)), tokens=settings.get("tokens") or (), limits=Limits(),
        batching=None if batching is None else Batching(int(batching["rows"]), float(batching["seconds"])),
    )  # fmt: skip
    return Shelf(
        desk, recorder, onnx=bool(settings.get("onnx", True)), allowed=tuple(settings.get("allowed") or ()), standby_bytes=int(settings.get("standby_bytes", STANDBY_BYTES)),
        hosts=frozenset(settings.get("hosts") or ()),
    )  # fmt: skip
