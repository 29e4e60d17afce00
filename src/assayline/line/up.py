"""Keeps a line running: asks sources when they are due, runs what follows, stops when it is told to.

Every worker, thread or process, makes the same rounds; leases in the ledger decide who does what. Nothing is remembered here that the ledger does not know,
so a worker may be killed at any moment.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from assayline.errors import AssaylineError, Fenced
from assayline.ledger import Watch

from .event_log import EventLog
from .metrics import Metric
from .plan import Plan
from .project import Project
from .slots import Clock, Ended, clock_on_the_wall, serve, waiting
from .spending import announce, standing
from .telling import AFTER_A_GATE_SECONDS, tell

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 5.0  # how long one that is told to stop may finish what it is at
LOOK_SECONDS = 0.1  # between two looks whether the end was asked for
TELL_EVERY = timedelta(minutes=1)
FIRST_RETRY, LAST_RETRY = timedelta(seconds=4), timedelta(minutes=5)  # for a source that fails: each time twice as long


class Stopping:
    """Whether the work is to end: first when what is in hand is done, then at once."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.patience_seconds = patience_seconds
        self._asked_at: float | None = None
        self._woken = threading.Event()

    def tell(self) -> None:
        """Asks for the end; may be called by the handler of a signal, so it takes no lock: the thread it interrupts may hold it."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()

    @property
    def asked(self) -> bool:
        """Whether nothing new is to be begun; work that can stop between two lots or steps does so there."""
        return self._asked_at is not None

    def overdue(self) -> bool:
        """Whether what is in hand is to be broken off too: it is done again at the next start."""
        return self._asked_at is not None and time.monotonic() - self._asked_at > self.patience_seconds

    def wait(self, seconds: float) -> None:
        """Waits so long, or until `wake`."""
        self._woken.wait(seconds)

    def wake(self) -> None:
        """Ends all waiting."""
        self._woken.set()


Work = Callable[[tuple[str, ...], datetime, Stopping], Ended | None]


@dataclass
class _Failing:
    """A source that fails: since when it is left alone, and for how long."""

    pause: timedelta
    until: datetime
    said: str


class Service:
    """What a worker does, round after round.

    Args:
        project: where.
        plan: when what is asked, at a moment: a line that was edited gives another plan.
        work: asks the sources of these names for news and runs what follows; None when it was told to stop in the middle.
        log: receives what happens.
        clock: what time it is.
        watch: looks once a minute for sources that are silent for too long.
    """

    def __init__(
        self, project: Project, plan: Callable[[datetime], Plan], work: Work, log: EventLog, clock: Clock = clock_on_the_wall,
        watch: Callable[[datetime], None] = lambda moment: None,
    ) -> None:  # fmt: skip
        self.project, self.log = project, log
        self._watch = watch
        self._plan, self._work, self._clock = plan, work, clock
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._failing: dict[str, _Failing] = {}
        self._told_at: datetime | None = None

    def round(self, stopping: Stopping, watch: Watch) -> int:
        """Does what is due now; says how many times of schedules it served.

        Raises:
            LedgerError: the ledger cannot be read; a later round may.
        """
        moment = self._clock()
        plan = self._plan(moment)
        for name in plan.polled_at(moment):
            if not stopping.asked:
                self._look(name, moment, stopping)
        served = 0
        for schedule in waiting(self.project.ledger, plan.schedules, moment):
            if stopping.asked:
                break
            try:
                done = serve(self.project.ledger, schedule, lambda slot, name=schedule.name: self._done((name,), slot, stopping), watch=watch, clock=self._clock)  # type: ignore[misc]  # a default binds the loop's name
            except Fenced as error:
                self.log.tell("fenced", "warning", flow=schedule.name, error=error)
                continue
            if done is not None:
                served += 1
                level = {"done": "info", "failed": "error"}.get(done.ended.outcome, "warning")
                self.log.tell("slot", level, flow=done.schedule, slot=done.slot, outcome=done.ended.outcome, seconds=done.seconds, reason=done.ended.reason, passed_over=done.passed_over)
        self._notify(served)
        return served

    def metrics(self) -> list[Metric]:
        """What this process is at."""
        with self._lock:
            at_work, failing = float(len(self._at_work)), float(len(self._failing))
        return [
            Metric("assay_up_working", "gauge", "Sources this process is at work on.", (({}, at_work),)),
            Metric("assay_up_failing_sources", "gauge", "Sources that failed when they were last asked.", (({}, failing),)),
        ]

    def _look(self, name: str, moment: datetime, stopping: Stopping) -> None:
        """Asks a source without a schedule; one that fails is left alone for longer and longer."""
        with self._alone(name) as ours:
            failing = self._failing.get(name)
            if not ours or (failing is not None and failing.until - LAST_RETRY <= moment < failing.until):
                return
            ended = self._done((name,), moment, stopping)
            if ended is None or ended.outcome == "stopped":
                return
            if ended.outcome == "done":
                if self._failing.pop(name, None) is not None:
                    self.log.tell("recovered", flow=name)
                return
            pause = min(failing.pause * 2, LAST_RETRY) if failing is not None else FIRST_RETRY
            self._failing[name] = _Failing(pause, moment + pause, ended.reason)
            if failing is None or failing.said != ended.reason:
                self.log.tell("failed", "error", flow=name, error=ended.reason)

    def _done(self, names: tuple[str, ...], moment: datetime, stopping: Stopping) -> Ended | None:
        """The work, unless the budget of the day is spent; whatever goes wrong with it is said and ends nothing else."""
        now = self._clock()
        spent = standing(self.project, now)
        if announce(self.project, spent, now):
            self.log.tell("budget", "warning", share=spent.share, reason=spent.sentence)
        if spent.level == "stop":
            return Ended("stopped", f"the budget of the day is spent: {spent.sentence}")
        try:
            return self._work(names, moment, stopping)
        except Fenced:
            raise
        except AssaylineError as error:
            return Ended("failed", str(error))
        except Exception as error:  # noqa: BLE001 - one flow that meets a bug of ours must not stop a hundred others
            return Ended("failed", f"{type(error).__name__}: {error}")

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[bool]:
        """Whether no other thread of this process is at this source; other processes are kept apart by the lease of its flow."""
        with self._lock:
            ours = name not in self._at_work
            self._at_work.add(name)
        try:
            yield ours
        finally:
            if ours:
                with self._lock:
                    self._at_work.discard(name)

    def _notify(self, served: int) -> None:
        moment = self._clock()
        with self._alone("notices:") as ours:
            if not ours or (not served and self._told_at is not None and timedelta() <= moment - self._told_at < TELL_EVERY):
                return
            self._told_at = moment
            self._watch(moment)
            done = tell(self.project, budget_seconds=AFTER_A_GATE_SECONDS)
            if done.delivered or done.failed or done.given_up:
                self.log.tell("notices", "info" if not done.failed + done.given_up else "warning", delivered=done.delivered, failed=done.failed, given_up=done.given_up)


def keep_running(service: Service, stopping: Stopping, *, workers: int = 1, poll_seconds: float = POLL_SECONDS) -> bool:
    """Makes rounds until it is told to stop; says whether everybody had finished in time.

    Args:
        service: what to do.
        stopping: tells it to stop.
        workers: threads that make rounds side by side.
        poll_seconds: between two rounds of a worker that had nothing to do.
    """

    def rounds() -> None:
        watch = Watch()
        while not stopping.asked:
            served = 0
            try:
                served = service.round(stopping, watch)
            except AssaylineError as error:
                service.log.tell("failed", "error", error=error)
            except Exception as error:  # noqa: BLE001 - a worker that is gone would be missed by nobody
                service.log.tell("failed", "error", error=f"{type(error).__name__}: {error}")
            if not served:
                stopping.wait(poll_seconds)

    threads = [threading.Thread(target=rounds, name=f"assay-worker-{number}", daemon=True) for number in range(workers)]
    for one in threads:
        one.start()
    while not stopping.asked:
        time.sleep(LOOK_SECONDS)
    stopping.wake()
    deadline = time.monotonic() + 2 * stopping.patience_seconds
    for one in threads:
        one.join(max(0.0, deadline - time.monotonic()))
    return not any(one.is_alive() for one in threads)
