"""The models of a project, answering requests: who answers is read from the ledger each second, and what was asked becomes lots."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import intact, records
from assayline.ledger.records import LotRecord
from assayline.serving.slots import rollout_document
from assayline.serving.supervisor import ServingSettings, Supervisor

from ..models.trying import TrialSettings
from ..models.versions import ARTEFACT, KIND, label, version_of
from ..project import Project
from .in_service import Serving, serving_of
from .request_windows import RequestWindows, tag_for

KIT = "assayline.serving.slots:shelf"
POLL_SECONDS = 1.0
OURSELVES = frozenset({"127.0.0.1", "localhost", "::1"})
UNIT_HEADER = "x-assay-unit"
TOKEN = re.compile(r"(?P<name>[\w.@-]{1,100})\s+(?:sha256:)?(?P<hash>[0-9a-f]{64})")
SEGMENT_SECONDS = 5.0

Tell = Callable[..., None]


@dataclass(frozen=True)
class OnlineSettings:
    """How the models of a project answer requests.

    Args:
        models: their names; empty for all that have a version which may answer.
        host, port: where; port 0 for any that is free.
        workers: processes.
        unit: column of the row that says what belongs together where no rollout says so; "" for the header `x-assay-unit`, else each request by itself.
        certificate, key: files of TLS; "" for none.
        tokens: file with a line "NAME SHA256" for each who may ask; "" for everybody.
        sample: share of the rows that are recorded, 0 to 1; 0 records nothing.
        batch_rows, batch_seconds: rows of several requests answered in one call: at most so many, waiting at most so long; 0 rows: each by itself.
        window_rows, window_seconds: recorded requests become a lot when there are so many, or the oldest is so old.
        grace_seconds: between "not ready" and the end, so that a balancer notices.
        drain_seconds: for requests in hand at the end.
        standby_bytes: memory in each worker for versions that do not answer and can come back at once.
        name: of this server among those of the project; HOST-PORT when "".
    """

    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    unit: str = ""
    certificate: str = ""
    key: str = ""
    tokens: str = ""
    sample: float = 1.0
    batch_rows: int = 0
    batch_seconds: float = 0.002
    window_rows: int = 10_000
    window_seconds: float = 300.0
    grace_seconds: float = 0.0
    drain_seconds: float = 30.0
    standby_bytes: int = 1 << 30
    name: str = ""

    def __post_init__(self) -> None:
        if os.name != "posix":
            raise MisuseError("assay serve needs Linux or macOS: its processes hand sockets to each other; serve an export elsewhere: assay model export --onnx")
        if not 0 <= self.sample <= 1:
            raise MisuseError(f"--sample is a share of the rows, 0 to 1, not {self.sample:g}")
        if not 1 <= self.workers <= 64:
            raise MisuseError(f"--workers is 1 to 64, not {self.workers}")
        if not 0 <= self.port <= 65535:
            raise MisuseError(f"--port is 0 to 65535, not {self.port}")
        if bool(self.certificate) != bool(self.key):
            raise MisuseError("TLS needs both: --certificate FILE and --key FILE")
        if not is_loopback(self.host) and not (self.tokens and self.certificate):
            lacking = [*([] if self.tokens else ["accounts (--tokens FILE)"]), *([] if self.certificate else ["TLS (--certificate FILE --key FILE)"])]
            raise MisuseError(f"{self.host} can be reached by others, so {' and '.join(lacking)} must be there; without them only this machine is answered: --host 127.0.0.1")
        for path, option in ((self.certificate, "--certificate"), (self.key, "--key"), (self.tokens, "--tokens")):
            if path and not os.path.isfile(path):
                raise MisuseError(f"{option} {path}: there is no such file")

    @property
    def hosts(self) -> frozenset[str]:
        """Names that a request may call the server by; none where anybody may be answered who has a token."""
        return OURSELVES | {self.host} if is_loopback(self.host) else frozenset()


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("example.com")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def tokens_of(path: str) -> dict[str, str]:
    """The accounts in a file: names and the SHA-256 of their tokens.

    Raises:
        MisuseError: a line is none, a name stands twice, or there is nobody.
    """
    found: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MisuseError(f"{path}: {getattr(error, 'strerror', None) or error}; name a file of accounts") from error
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        one = TOKEN.fullmatch(text)
        if one is None:
            raise MisuseError(f"{path}: line {number}: an account is a name and the SHA-256 of its token; make one with: assay serve --new-token NAME")
        if one["name"] in found:
            raise MisuseError(f"{path}: line {number}: {one['name']} stands there twice; take one of them away")
        found[one["name"]] = one["hash"]
    if not found:
        raise MisuseError(f"{path}: there is no account; make one with: assay serve --new-token NAME")
    return found


def new_token(name: str) -> tuple[str, str]:
    """A token and the line for the file of accounts.

    Raises:
        MisuseError: the name has characters that a name cannot have.
    """
    token = secrets.token_urlsafe(32)
    line = f"{name} {hashlib.sha256(token.encode()).hexdigest()}"
    if not TOKEN.fullmatch(line):
        raise MisuseError(f"{name!r} is no name of an account: letters, digits and . _ @ - only")
    return token, line


def models_of(connection: Connection, asked: Sequence[str]) -> list[str]:
    """The models that are to answer.

    Raises:
        MisuseError: there is none, or one that was asked for is none.
    """
    if asked:
        return list(dict.fromkeys(asked))
    found = []
    for flow in records.flows(connection, kind=KIND):
        with contextlib.suppress(MisuseError):  # none of its versions may answer yet
            serving_of(connection, flow.name)
            found.append(flow.name)
    if not found:
        raise MisuseError("no model of this project has a version that may answer; see: assay model list")
    return found


def named(project: Project, version: str) -> LotRecord:
    """A version that is to answer whatever a rollout says.

    Raises:
        MisuseError: there is none of this name, or it may not answer.
    """
    lot = version_of(project, version)
    if lot.state != "released" or ARTEFACT not in lot.objects:
        raise MisuseError(f"{label(lot)} is {lot.state}, so it answers nobody; look at: assay model show {label(lot)}")
    return lot


@dataclass(frozen=True)
class _InService:
    """Who answers for a model now, and who is asked where the champion has no answer."""

    serving: Serving
    previous: LotRecord | None

    @property
    def mark(self) -> tuple[Any, ...]:
        """Changes when something else is to be served."""
        record = self.serving.rollout
        lots = [None if one is None else one.lot for one in (self.serving.champion, self.serving.challenger, self.previous)]
        return (*lots, *(() if record is None else (record.rollout, record.stage, record.state)))


class Online:
    """A server of the models of a project.

    Args:
        project: where.
        settings: how.
        tell: receives (event, level, **what), as `EventLog.tell` does.
    """

    def __init__(self, project: Project, settings: OnlineSettings, tell: Tell) -> None:
        self.project, self.settings, self._tell = project, settings, tell
        self.accounts = tokens_of(settings.tokens) if settings.tokens else {}
        self.pinned = {one.partition(":")[0]: named(project, one) for one in settings.models if ":" in one}
        with project.ledger.read() as connection:
            self.models = models_of(connection, [one.partition(":")[0] for one in settings.models])
        name = settings.name or f"{re.sub(r'[^A-Za-z0-9.]', '_', settings.host)}-{settings.port}"
        self.windows = None
        if settings.sample:
            self.windows = RequestWindows(project, name, rows=settings.window_rows, seconds=settings.window_seconds, tell=tell)
        self.supervisor: Supervisor | None = None
        self.swaps = 0
        self._marks: dict[str, tuple[Any, ...]] = {}
        self._refused: dict[str, tuple[Any, ...]] | None = None

    async def run(self, stopping: asyncio.Event, *, ready: Callable[[Supervisor], None] = lambda supervisor: None, restart: asyncio.Event | None = None) -> int:
        """Answers until it is told to stop; gives the number of requests that were not answered.

        Args:
            stopping: set to end it.
            ready: called when requests are answered.
            restart: set to give it new processes, one after the other.

        Raises:
            MisuseError: the address cannot be used.
            InputError: what is in service cannot be served.
        """
        found = await asyncio.to_thread(self._in_service)
        wanted = await asyncio.to_thread(self.wanted, found)
        supervisor = self.supervisor = Supervisor(self._serving_settings(), self._tell)
        await supervisor.start(wanted)
        self._marks = {name: one.mark for name, one in found.items()}
        ready(supervisor)
        tasks = [asyncio.create_task(self._following(supervisor, restart)), *([asyncio.create_task(self._collecting())] if self.windows is not None else [])]
        try:
            await stopping.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            left = await supervisor.stop()
            await self._collected(closing=True)
        return left

    def check(self) -> dict[str, Any]:
        """Loads, verifies and warms in this process what would answer; gives what is known of it.

        Raises:
            InputError: a version cannot be served.
        """
        from assayline.serving.slots import shelf

        made = shelf({**self._kit_settings(), "spool": None})
        prepared = made.prepare(self.wanted(self._in_service()))
        made.close()
        return {"models": {service.name: service.to_json() for service in prepared.services}, "slots": [slot.to_json() for slot in prepared.slots.values()]}

    def document(self, address: str) -> dict[str, Any]:
        """What is served where, by whom, as the start of `assay serve` shows it."""
        models = []
        for name, one in self._in_service().items():
            value, challenger = one.serving.value, one.serving.challenger
            trial = {"challenger": label(challenger), "mode": value.now.mode, "share": value.share} if value is not None and challenger is not None else {}
            models.append({"model": name, "champion": label(one.serving.champion), **trial})
        return {"address": address, "workers": self.settings.workers, "models": models, "accounts": bool(self.accounts), "tls": bool(self.settings.certificate), "warnings": []}

    def _in_service(self) -> dict[str, _InService]:
        with self.project.ledger.read() as connection:
            found = {}
            for name in self.models:
                serving = Serving(self.pinned[name]) if name in self.pinned else serving_of(connection, name)
                before = [one for one in records.lots(connection, name, states=("released",)) if one.place < serving.champion.place and ARTEFACT in one.objects]
                found[name] = _InService(serving, before[-1] if before and serving.challenger is None else None)
            return found

    def wanted(self, found: Mapping[str, _InService]) -> dict[str, Any]:
        """What the workers are to serve, as `Shelf.prepare` takes it.

        Raises:
            Damaged: an artefact is no longer what was published.
        """
        models = {}
        for name, one in found.items():
            champion, challenger, record = one.serving.champion, one.serving.challenger, one.serving.rollout
            lots = [champion, *(lot for lot in (challenger, one.previous) if lot is not None)]
            unit = str(record.settings.get("unit") or "") if record is not None else ""
            value = rollout_document(one.serving.value)
            models[name] = {
                "versions": {label(lot): {"path": intact(self.project.store, lot.objects[ARTEFACT]), "digest": lot.objects[ARTEFACT]} for lot in lots}, "champion": label(champion),
                "challenger": label(challenger) if challenger is not None else None, "previous": label(one.previous) if one.previous is not None else None, "rollout": value,
                "unit": unit or self.settings.unit, "unit_header": UNIT_HEADER,
                "tag": tag_for(champion, challenger, [one.previous] if one.previous is not None else [], record if value else None, value, unit or self.settings.unit),
            }  # fmt: skip
        return {"models": models}

    def _kit_settings(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "spool": self.windows.folder if self.windows is not None else None, "sample": settings.sample, "tokens": sorted(self.accounts.values()),
            "batching": {"rows": settings.batch_rows, "seconds": settings.batch_seconds} if settings.batch_rows else None, "allowed": list(TrialSettings.of(self.project).allowed),
            "standby_bytes": settings.standby_bytes, "hosts": sorted(settings.hosts) if settings.workers == 1 else [],
            "segment_seconds": min(SEGMENT_SECONDS, settings.window_seconds), "segment_rows": min(5_000, settings.window_rows),
        }  # fmt: skip

    def _serving_settings(self) -> ServingSettings:
        settings = self.settings
        return ServingSettings(
            KIT, self._kit_settings(), settings.host.strip("[]"), settings.port, settings.workers, settings.certificate, settings.key, settings.hosts,
            grace_seconds=settings.grace_seconds, drain_seconds=settings.drain_seconds,
        )  # fmt: skip

    async def _following(self, supervisor: Supervisor, restart: asyncio.Event | None) -> None:
        """Looks at the ledger each second; what is new is given to all workers."""
        said = ""
        while True:
            begun = time.monotonic()
            try:
                await self._follow(supervisor)
                said = ""
            except AssaylineError as error:
                if str(error) != said:  # once, and not each second
                    said = str(error)
                    self._tell("failed", "error", why=said, outcome="what was served before is served on")
            if restart is not None and restart.is_set():
                restart.clear()
                await supervisor.restart()
            await asyncio.sleep(max(0.05, POLL_SECONDS - (time.monotonic() - begun)))

    async def _follow(self, supervisor: Supervisor) -> None:
        found = await asyncio.to_thread(self._in_service)
        marks = {name: one.mark for name, one in found.items()}
        if marks in (self._marks, self._refused):
            return
        wanted = await asyncio.to_thread(self.wanted, found)
        if await supervisor.serve(wanted):
            self._refused = marks  # said once; tried again when something else is to be served
        else:
            self._marks, self._refused = marks, None
            self.swaps += 1

    async def _collecting(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._collected()

    async def _collected(self, *, closing: bool = False) -> None:
        if self.windows is None:
            return
        try:
            await asyncio.to_thread(self.windows.collect, closing=closing)
        except (AssaylineError, OSError) as error:
            self._tell("failed", "error", why=str(error), outcome="the requests are kept, and tried again")
