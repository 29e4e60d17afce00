"""Streams of a line that is kept running: each is followed by one worker among all, whose windows stay open until they are complete."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping

from assayline.core import Source
from assayline.errors import AssaylineError
from assayline.ledger import Watch, tried

from .ahead import Judges
from .event_log import EventLog
from .project import Project
from .receiving import follow, resolved
from .up import FIRST_RETRY, LAST_RETRY, Stopping

LOOK_SECONDS = 2.0  # at the line, and at a stream that another worker follows


class _Follower:
    """A thread at one stream."""

    def __init__(self, project: Project, source: Source, log: EventLog, stopping: Stopping) -> None:
        self.source, self._project, self._log, self._stopping = source, project, log, stopping
        self._left = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"assay-stream-{source.name}", daemon=True)
        self.thread.start()

    def leave(self) -> None:
        """Ends at the next border between two windows."""
        self._left.set()

    def _ended(self) -> bool:
        return self._left.is_set() or self._stopping.asked

    def _run(self) -> None:
        watch, pause = Watch(), FIRST_RETRY
        while not self._ended():
            try:
                with tried(self._project.ledger, f"source:{self.source.name}", watch) as lease:
                    if lease is not None:
                        self._follow()
                        pause = FIRST_RETRY
                wait = LOOK_SECONDS
            except AssaylineError as error:
                self._log.tell("failed", "error", flow=self.source.name, error=error)
                wait, pause = pause.total_seconds(), min(pause * 2, LAST_RETRY)
            except Exception as error:  # noqa: BLE001 - one stream that meets a bug of ours must not stop the others
                self._log.tell("failed", "error", flow=self.source.name, error=f"{type(error).__name__}: {error}")
                wait, pause = pause.total_seconds(), min(pause * 2, LAST_RETRY)
            self._stopping.wait(wait)

    def _follow(self) -> None:
        source = resolved(self.source, self._project.folder)
        with Judges(self._project.store) as judges:
            for outcome in follow(self._project, source, judges=judges, asked_to_stop=self._ended):
                if outcome is not None and outcome.lot is not None:
                    lot = outcome.lot
                    level = "info" if lot.verdict in ("release", "warn") else "warning"
                    self._log.tell("lot", level, flow=lot.flow, lot=lot.lot, verdict=lot.verdict, rows=lot.rows["taken"], input=lot.input)


@contextlib.contextmanager
def following(project: Project, streams: Callable[[], Mapping[str, Source]], log: EventLog, stopping: Stopping) -> Iterator[None]:
    """Follows the streams of a line meanwhile; a stream that is new in the line is begun, one that is gone or edited is left.

    Args:
        project: where.
        streams: the streams of the line as it stands, by name.
        log: receives what happens.
        stopping: says when to end.
    """
    followers: dict[str, _Follower] = {}

    def look() -> None:
        while not stopping.asked:
            wanted = streams()
            for name, one in list(followers.items()):
                if wanted.get(name) != one.source:
                    one.leave()
                    if not one.thread.is_alive():
                        del followers[name]
            for name, source in wanted.items():
                if name not in followers:
                    followers[name] = _Follower(project, source, log, stopping)
            stopping.wait(LOOK_SECONDS)

    looking = threading.Thread(target=look, name="assay-streams", daemon=True)
    looking.start()
    try:
        yield
    finally:
        stopping.tell()
        for thread in (looking, *(one.thread for one in list(followers.values()))):
            thread.join(stopping.patience_seconds)
