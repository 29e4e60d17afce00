"""The line of a project as `assay up` works on it: read again when it was edited, passed over for the sources that are due."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from assayline.arrivals import is_stream
from assayline.core import Source
from assayline.errors import AssaylineError
from assayline.ledger.schema import ENTRIES

from .budget import Standing
from .definition import Line, load_line
from .event_log import EventLog
from .plan import Plan, deployment_windows, plan_of
from .project import Project
from .registry import watch_sources
from .running import run_line
from .slots import DONE, Clock, Ended, clock_on_the_wall
from .spending import announce, standing
from .up import Stopping
from .windows import open_at

STEP = "step:"  # no flow has such a name; what is a source and what a step is told apart by it
ANYWAY = timedelta(minutes=5)  # steps are looked at when the ledger has grown, and so often for what it does not know: packages, other files


class BrokenOff(BaseException):
    """Work was told to stop and is left at a border between two lots; what is published stays."""


class LineInHand:
    """A line and its file.

    Args:
        project: where.
        file: that defines it.
        log: receives what happens.
        clock: what time it is; it says which day is paid for.

    Raises:
        MisuseError: the file defines no line, or a schedule of it cannot be.
    """

    def __init__(self, project: Project, file: str, log: EventLog, clock: Clock = clock_on_the_wall) -> None:
        self.project, self.file, self.log, self._clock = project, os.path.abspath(file), log, clock
        self._lock = threading.Lock()
        self._deploy = deployment_windows(project.settings)
        self._seen = self._said = _about(self.file)
        self._line, self._plan = self._read()
        self._grown, self._looked_at = -1, datetime.min.replace(tzinfo=UTC)

    def plan(self, moment: datetime) -> Plan:
        """When what is asked; by the file as it stands, once its window is open. A file that cannot be read changes nothing.

        Steps follow when there is something new for them: an entry in the ledger, or another line.
        """
        with self.project.ledger.read() as connection:
            entries = int(connection.execute(sa.select(sa.func.max(ENTRIES.c.number))).scalar_one())
        with self._lock:
            about = _about(self.file)
            if about != self._seen:
                self._take(about, moment)
            if entries == self._grown and timedelta() <= moment - self._looked_at < ANYWAY:
                return self._plan
            self._grown, self._looked_at = entries, moment
            steps = (STEP + name for name in self._line.value().order())
            return Plan(self._plan.schedules, (*self._plan.polled, *steps), self._plan.windows)

    def streams(self) -> dict[str, Source]:
        """The sources that are followed and not polled: streams without a schedule."""
        with self._lock:
            return {name: source for name, source in self._line.sources.items() if is_stream(source) and not source.every}

    def watch(self, moment: datetime) -> None:
        """Opens an incident for each source that is silent for too long."""
        with self._lock:
            line = self._line
        for one in watch_sources(self.project, line.value(), moment):
            level = "info" if one["state"] == "over" else "warning"
            self.log.tell("silence", level, flow=one["flow"], code=one["code"], state=one["state"], reason=one["sentence"])

    def work(self, names: tuple[str, ...], moment: datetime, stopping: Stopping) -> Ended | None:
        """Asks these sources for news, or makes the results of these steps that are due."""
        with self._lock:
            line = self._line
        steps = [name.removeprefix(STEP) for name in names if name.startswith(STEP)]
        sources = [name for name in names if not name.startswith(STEP)]

        spent = Standing()

        def told(kind: str, what: Mapping[str, Any]) -> None:
            nonlocal spent
            if kind == "lot":
                level = "info" if what["verdict"] in ("release", "warn") else "warning"
                self.log.tell("lot", level, flow=what["flow"], lot=what["lot"], verdict=what["verdict"], rows=what["rows"]["taken"], input=what["input"])
            elif kind == "run":
                self.log.tell("run", flow=what["step"])
            if kind in ("lot", "run"):
                spent = standing(self.project, self._clock())
            if stopping.asked:
                raise BrokenOff

        def ended() -> bool:
            return stopping.overdue() or spent.level == "stop"

        try:
            ran = run_line(self.project, line, self.file, sources=sources, steps=steps, moment=moment, on_event=told, asked_to_stop=ended)
        except BrokenOff:
            return None
        if stopping.overdue():
            return None
        if announce(self.project, spent, self._clock()):
            self.log.tell("budget", "warning", share=spent.share, reason=spent.sentence)
        if spent.level == "stop":
            return Ended("stopped", f"the budget of the day is spent: {spent.sentence}")
        return Ended("failed", "; ".join(ran.problems)) if ran.problems else DONE

    def _take(self, about: tuple[int, int], moment: datetime) -> None:
        if not open_at(self._deploy, moment):
            if about != self._said:
                self.log.tell("line", file=self.file, outcome="edited; it waits for its window")
            self._said = about
            return
        self._seen = self._said = about
        try:
            self._line, self._plan = self._read()
        except AssaylineError as error:
            self.log.tell("line", "error", file=self.file, outcome="edited; the line from before goes on", error=error)
        else:
            self.log.tell("line", file=self.file, outcome="edited; it takes effect")

    def _read(self) -> tuple[Line, Plan]:
        line = load_line(self.file)
        self._grown = -1  # every step is looked at
        asked = [source for source in line.sources.values() if source.every or not is_stream(source)]
        return line, plan_of(asked, self.project.settings)


def _about(file: str) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
