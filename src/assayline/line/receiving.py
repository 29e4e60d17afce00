"""What comes from outside, taken through the gate: how far a source was read is written down in the transaction that publishes its lot."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from assayline.arrivals import Delivery, Windows, is_stream, open_subscription, poll
from assayline.core import Source
from assayline.errors import MisuseError, Unreadable
from assayline.ledger import Watch, Writing, held, run_records, tried
from assayline.ledger.records import LotRecord
from assayline.scanning.apart import natural_order

from .ahead import Judges
from .gating import Arrival, Outcome, gate_paths
from .project import Project

DELIVERIES_AT_ONCE = 64  # looked at together, so that their judges work side by side
QUIET_SECONDS = 1.0  # a stream that says nothing for so long has said everything, for who asks only once
COMMAND_SECONDS = 3600.0
KEPT_WORDS = 500


def resolved(source: Source, folder: str) -> Source:
    """The source with its address below the folder of the project, where it is a relative path."""
    if not source.address or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source.address) or os.path.isabs(source.address):
        return source
    tail = os.sep if source.address.endswith("/") else ""
    return dataclasses.replace(source, address=os.path.normpath(os.path.join(os.path.abspath(folder), source.address)) + tail)


def receive(project: Project, source: Source, moment: datetime, *, judges: Judges | None = None, asked_to_stop: Callable[[], bool] = lambda: False) -> Iterator[Outcome]:
    """Everything a source has to give now, as outcomes of the gate.

    Args:
        project: where.
        source: as the line defines it.
        moment: now, with its zone.
        judges: processes that judge; own ones when None.
        asked_to_stop: whether to end between two lots.

    Raises:
        InputError: the source cannot be read; what was taken before stays.
        Fenced: another worker took over.
    """
    source = resolved(source, project.folder)
    if is_stream(source):
        with tried(project.ledger, f"source:{source.name}", Watch()) as lease:
            if lease is None:
                raise Unreadable(source.name, "another process follows this stream", next_step="it takes what comes; stop its `assay up` to take it here")
            yield from _from_stream(project, source, judges, asked_to_stop)
        return
    with held(project.ledger, f"source:{source.name}"):
        if source.options.get("command"):
            yield from _from_command(project, source, judges)
        else:
            yield from _polled(project, source, moment, judges, asked_to_stop)


def _polled(project: Project, source: Source, moment: datetime, judges: Judges | None, asked_to_stop: Callable[[], bool]) -> Iterator[Outcome]:
    at_once = 1 if source.is_snapshot else DELIVERIES_AT_ONCE
    with project.ledger.read() as connection:
        position = run_records.position_of(connection, source.name)
    with project.store.staging() as folder:
        several: list[Delivery] = []
        for delivery in poll(source, position, folder=folder, moment=moment):
            several.append(delivery)
            if len(several) == at_once:
                yield from _taken(project, source, several, judges)
                several = []
            if asked_to_stop():
                return
        yield from _taken(project, source, several, judges)


def _taken(project: Project, source: Source, several: Sequence[Delivery], judges: Judges | None) -> Iterator[Outcome]:
    arrivals = {delivery.path: _arrival(project, source, delivery.facts, delivery.position) for delivery in several}
    if arrivals:
        yield from gate_paths(project, source.name, list(arrivals), arrivals=arrivals, judges=judges)


def _arrival(project: Project, source: Source, facts: Mapping[str, str], position: Mapping[str, Any] | None, *, name: str = "", salt: str = "") -> Arrival:
    def also(writing: Writing, lot: LotRecord) -> None:
        if position is not None:
            writing.append("position", {"source": source.name, "position": dict(position)})

    replaces: list[int] = []
    if source.is_snapshot:
        with project.ledger.read() as connection:
            replaces = run_records.replaceable(connection, source.name)
    return Arrival(facts=facts, salt=salt, name=name, replaces=replaces, also=also)


def _from_stream(project: Project, source: Source, judges: Judges | None, asked_to_stop: Callable[[], bool]) -> Iterator[Outcome]:
    """Drains a stream: everything that has come, window by window."""
    for outcome in follow(project, source, judges=judges, asked_to_stop=asked_to_stop, once=True):
        if outcome is not None:
            yield outcome


def follow(
    project: Project, source: Source, *, judges: Judges | None = None, asked_to_stop: Callable[[], bool] = lambda: False, once: bool = False
) -> Iterator[Outcome | None]:
    """Takes the windows of a stream, one lot each, as they close; None now and then while nothing is complete.

    A message is acknowledged when the lot it is in is in the ledger, and not before; one that the broker gives again afterwards is recognised.

    Args:
        project: where.
        source: a stream, with an absolute address.
        judges: processes that judge.
        asked_to_stop: whether to end; what is in open windows comes again at the next start.
        once: ends when nothing more comes, and closes the windows that are open then.

    Raises:
        InputError: the broker is lost.
    """
    folder = os.path.join(os.path.abspath(project.folder), "streams", source.name)
    os.makedirs(folder, exist_ok=True)
    subscription = open_subscription(source, folder=folder)
    try:
        with project.ledger.read() as connection:
            position = run_records.position_of(connection, source.name)
        windows = Windows(source, subscription, position, folder=folder)
        try:
            while not asked_to_stop():
                window = windows.next(QUIET_SECONDS, closing=once)
                if window is None:
                    if once:
                        return
                    yield None
                    continue
                delivery = window.delivery
                name = os.path.splitext(os.path.basename(delivery.path))[0]
                arrival = _arrival(project, source, delivery.facts, delivery.position, name=name, salt=f"{source.name} {name}")
                outcome = next(iter(gate_paths(project, source.name, [delivery.path], arrivals={delivery.path: arrival}, judges=judges)))
                if outcome.lot is None:
                    raise outcome.error or Unreadable(source.name, "the window could not be taken", next_step="run the same command again")
                windows.committed(window)
                yield outcome
        finally:
            windows.close()
    finally:
        subscription.close()


def _from_command(project: Project, source: Source, judges: Judges | None) -> Iterator[Outcome]:
    """The files a command leaves in the folder it is told by ASSAY_OUT, in natural order."""
    given = source.options["command"]
    words = shlex.split(given) if isinstance(given, str) else given
    if not isinstance(words, Sequence) or not words or not all(isinstance(word, str) for word in words):
        raise MisuseError(f"the command of the source {source.name!r} is a text or a list of texts, not {given!r}")
    seconds = float(str(source.options.get("timeout_seconds", COMMAND_SECONDS)))
    with project.store.staging() as folder:
        _call(source.name, list(words), project.folder, os.path.abspath(folder), seconds)
        found = sorted((entry.path for entry in os.scandir(folder) if not entry.name.startswith(".")), key=natural_order)
        if source.is_snapshot:
            for path in found:
                yield from _command_lots(project, source, [path], judges)
        else:
            yield from _command_lots(project, source, found, judges)


def _command_lots(project: Project, source: Source, paths: Sequence[str], judges: Judges | None) -> Iterator[Outcome]:
    arrivals = {path: _arrival(project, source, {"command": source.name}, None, name=os.path.basename(path)) for path in paths}
    if arrivals:
        yield from gate_paths(project, source.name, list(arrivals), arrivals=arrivals, judges=judges)


def _call(name: str, words: list[str], cwd: str, folder: str, seconds: float) -> None:
    try:
        done = subprocess.run(words, cwd=cwd, env=os.environ | {"ASSAY_OUT": folder}, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise Unreadable(name, f"its command ran for more than {seconds:g} seconds", next_step="give the source a longer timeout_seconds, or mend the command") from error
    except OSError as error:
        raise Unreadable(name, f"its command cannot be started: {error.strerror}", next_step=f"check that {words[0]!r} is installed") from error
    if done.returncode:
        said = done.stderr[-KEPT_WORDS:].decode("utf-8", "replace").strip() or "it said nothing"
        raise Unreadable(name, f"its command ended with exit code {done.returncode}: {' '.join(said.split())}", next_step="mend the command; nothing of it was taken")


__all__ = ["follow", "receive", "resolved"]
