"""Runs told to a catalogue as OpenLineage events: after each run by themselves, or when somebody asks for it.

Where to stands under `[openlineage]` in assay.toml: `file` (events are appended, one a line) or `url` (each is posted). What could not be delivered goes out
after the next run: the ledger remembers up to which run the catalogue was told. A catalogue that is out of order costs a few seconds and stops nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline import __version__
from assayline.core import Verdict
from assayline.errors import AssaylineError, DeliveryError, MisuseError
from assayline.ledger import run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.schema import RUNS
from assayline.lineage import Dataset, RunFacts, Tag, joined, run_events
from assayline.notices import channel_of, post_body
from assayline.tables.secret_references import filled

from .ancestry import lots_by_number
from .incidents import WARN
from .project import Project
from .tagging import tags_of
from .telling import settings_of

BUDGET_SECONDS = 10.0  # after a run; what is left goes out after the next one
TIMEOUT_SECONDS = 5.0
AT_ONCE = 50  # runs between two notes of how far the catalogue was told
ADDRESS = re.compile(r"https?:", re.IGNORECASE)


@dataclass(frozen=True)
class Emitted:
    """What a catalogue was told: how many `events` it took, how many runs are `left`, and what went wrong (`problem`, or "")."""

    events: int = 0
    left: int = 0
    problem: str = ""


def emit(project: Project, runs: Sequence[int], *, budget_seconds: float = BUDGET_SECONDS) -> Emitted:
    """Tell the catalogue of the settings about runs, and about those it could not be told of before.

    Args:
        project: where; without `[openlineage]` in its settings nothing happens.
        runs: numbers of runs that have just ended.
        budget_seconds: how long at most.

    Returns:
        What came of it. Nothing that is wrong with the catalogue is an error here.
    """
    if not runs or not project.settings.get("openlineage"):
        return Emitted()
    ended = time.monotonic() + budget_seconds
    sent = 0
    try:
        target = _target(project)
        name = f"openlineage {hashlib.sha256(target.encode()).hexdigest()[:16]}"  # with a blank: no source can be called so
        with project.ledger.read() as connection:
            known = run_records.position_of(connection, name)
            told = int(known["run"]) if known is not None else min(runs) - 1
            waiting = _runs_after(connection, told)
        if known is None:
            _note(project, name, told)  # first of all: what cannot be delivered now must not be forgotten
    except AssaylineError as error:
        return Emitted(0, len(runs), str(error))
    problem = ""
    while waiting and not problem and time.monotonic() < ended:
        some, done = waiting[:AT_ONCE], 0
        try:
            for run in some:
                if done and time.monotonic() > ended:
                    break
                sent += _deliver(project, target, _events_of(project, run))
                done += 1
        except (AssaylineError, OSError) as error:
            problem = str(error)
        if done:
            _note(project, name, some[done - 1])
        waiting = waiting[done:]
    return Emitted(sent, len(waiting), problem)


def _note(project: Project, name: str, run: int) -> None:
    """Writes down up to which run the catalogue was told."""
    with project.ledger.write() as writing:
        writing.append("position", {"source": name, "position": {"run": run}})


def send(project: Project, runs: Iterable[int], target: str) -> int:
    """Tell a file or an address about these runs, at once; gives the number of events.

    Raises:
        MisuseError: the address cannot be one.
        DeliveryError: it did not take an event.
    """
    where = target if ADDRESS.match(target) else os.path.abspath(target)
    return sum(_deliver(project, where, _events_of(project, run)) for run in sorted(set(runs)))


def runs_in(document: Mapping[str, Any]) -> Iterator[int]:
    """The runs in a tree of lineage."""
    if document["run"] is not None:
        yield int(document["run"]["run"])
    for branch in document["branches"]:
        for node in branch["nodes"]:
            yield from runs_in(node)


def _target(project: Project) -> str:
    chosen = project.settings["openlineage"]
    url, file = (chosen.get(name, "") if isinstance(chosen, dict) else "" for name in ("url", "file"))
    if not (isinstance(url, str) and isinstance(file, str)) or bool(url) == bool(file):
        raise MisuseError('[openlineage] in assay.toml needs file = "events.ndjson" or url = "https://…/api/v1/lineage", one of them')
    if url and not ADDRESS.match(url):
        raise MisuseError(f"url = {url!r} under [openlineage] in assay.toml starts with https://")
    return url or os.path.join(os.path.abspath(project.folder), file)


def _runs_after(connection: Connection, run: int) -> list[int]:
    return [int(row.run) for row in connection.execute(sa.select(RUNS.c.run).where(RUNS.c.run > run).order_by(RUNS.c.run))]


def _deliver(project: Project, target: str, events: Sequence[Mapping[str, Any]]) -> int:
    if ADDRESS.match(target):
        channel, more = channel_of(target), _authorization(project)
        for event in events:
            body = json.dumps(event, ensure_ascii=True).encode()
            post_body(channel, body, f"{event['run']['runId']}-{event['eventType']}", settings_of(project), TIMEOUT_SECONDS, more=more)
        return len(events)
    lines = "".join(json.dumps(event, ensure_ascii=True, separators=(",", ":")) + "\n" for event in events).encode()
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o644)
        with os.fdopen(handle, "ab", buffering=0) as file:
            file.write(lines)  # one call: lines of two processes do not mix
    except OSError as error:
        raise DeliveryError(target, error.strerror or type(error).__name__, next_step="free some space, or name another file under [openlineage] in assay.toml") from error
    return len(events)


def _authorization(project: Project) -> dict[str, str]:
    chosen = project.settings.get("openlineage")
    token = chosen.get("token", "") if isinstance(chosen, dict) else ""
    if not token:
        return {}
    if not isinstance(token, str) or not re.fullmatch(r"\{env:\w+\}", token):
        raise MisuseError('token under [openlineage] in assay.toml names a variable of the environment: token = "{env:OPENLINEAGE_TOKEN}"')
    secret = filled(token, "openlineage")
    if not re.fullmatch(r"[!-~]+", secret):
        raise MisuseError(f"{token[5:-1]} holds no token: it is empty, or has blanks or other letters than ASCII")
    return {"Authorization": f"Bearer {secret}"}


def _events_of(project: Project, run: int) -> list[dict[str, Any]]:
    with project.ledger.read() as connection:
        record = run_records.run_numbered(connection, run)
        newest = {name: max(lots) for name, lots in record.inputs.items() if lots}
        wanted = {*newest.values(), *([record.output] if record.output is not None else [])}
        lots = lots_by_number(connection, wanted)
    tags = tags_of(project, {*(lot for several in record.inputs.values() for lot in several), *wanted})
    inputs = [
        _dataset(lots[lot], joined(*(tags.get(one, ()) for one in record.inputs[name])), name)
        for name, lot in newest.items() if lot in lots
    ]  # fmt: skip
    output = lots.get(record.output) if record.output is not None else None
    facts = RunFacts(
        record.run, record.line, record.step, record.state, record.at, float(record.costs.get("wall_seconds", 0.0)), inputs,
        None if output is None else _dataset(output, tags.get(output.lot, ()), output.flow), record.code, record.environment, record.parameters, record.columns, record.error,
    )  # fmt: skip
    return run_events(facts, f"assayline://{re.sub(r'[^A-Za-z0-9._-]', '-', project.name)}", __version__)


def _dataset(lot: LotRecord, tags: Sequence[Tag], name: str) -> Dataset:
    known = lot.figures.get("renames", {})
    figures = {known.get(column, column): values for column, values in lot.figures.get("columns", {}).items()}
    columns = [known.get(column, column) for column in lot.figures.get("columns_now", [])] or list(figures)
    told = [one for one in lot.findings if one["severity"] >= WARN]
    return Dataset(name, lot.lot, lot.digest, Verdict.named(lot.verdict), lot.rows["released"], columns, figures, told, tags)
