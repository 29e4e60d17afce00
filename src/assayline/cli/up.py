"""`assay up`: keeps a line running until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .command import Command
from .project_options import add_project
from .run import add_line

if TYPE_CHECKING:
    from assayline.line.event_log import EventLog
    from assayline.line.up import Service, Stopping

METRICS_EVERY_SECONDS = 15.0
EPILOG = """\
examples:
  assay up
  assay up --workers 4 --metrics 9108
  ASSAY_LOG=json assay up

SIGTERM and Ctrl-C let it finish the lot in hand and end with exit code 0; the second one ends it at once. Nothing is lost either way.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="work on so many flows at once; default: 1")
    parser.add_argument("--metrics", metavar="PORT|FILE", help="answer Prometheus on this port of 127.0.0.1, or write this file every fifteen seconds")
    parser.add_argument("--once-at", type=_moment, metavar="TIME", help="do what is due at this time, such as 2026-05-01T03:00Z, and end")
    add_line(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.definition import FILE
    from assayline.line.event_log import EventLog
    from assayline.line.following import following
    from assayline.line.passing import LineInHand
    from assayline.line.project import open_project
    from assayline.line.slots import clock_on_the_wall
    from assayline.line.up import Service, Stopping, keep_running

    moment: datetime | None = options.once_at
    log = EventLog(_write, as_json=options.json or os.environ.get("ASSAY_LOG") == "json")
    stopping = Stopping()
    with open_project(options.project) as project, ExitStack() as stack:
        clock = clock_on_the_wall if moment is None else lambda: moment
        line = LineInHand(project, options.line or os.path.join(project.folder, FILE), log, clock)
        service = Service(project, line.plan, line.work, log, clock, line.watch)
        stack.enter_context(_told_by_signals(stopping))
        if options.metrics:
            stack.enter_context(_measured(service, options.metrics))
        if moment is not None:
            return _once(service, stopping, log)
        stack.enter_context(following(project, line.streams, log, stopping))
        log.tell("begun", project=project.name, workers=options.workers, process=os.getpid())
        if not keep_running(service, stopping, workers=options.workers):
            log.tell("left", "warning", outcome="what was in hand did not end in time; it is done again at the next start")
            sys.stdout.flush()
            os._exit(0)  # what is published is published; threads that hang are left behind
        log.tell("left", outcome="in order")
    return 0


def _once(service: Service, stopping: Stopping, log: EventLog) -> int:
    from assayline.ledger import Watch

    watch = Watch()
    while service.round(stopping, watch) and not stopping.asked:
        pass
    return 2 if log.errors else 0


@contextmanager
def _told_by_signals(stopping: Stopping) -> Iterator[None]:
    """The first signal asks for the end, the second one is the end."""

    def told(number: int, frame: object) -> None:
        if stopping.asked:
            os._exit(128 + number)
        stopping.tell()

    numbers = [number for number in (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")) if number is not None]
    before = {number: signal.signal(number, told) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _measured(service: Service, where: str) -> Iterator[None]:
    from assayline.line.metrics import exposition, metrics_of, process_metrics, write_metrics
    from assayline.line.metrics_server import serving

    if where.isdigit():
        with serving(int(where), lambda: exposition([*metrics_of(service.project, datetime.now(UTC)), *service.metrics(), *process_metrics()])):
            yield
        return
    ended = threading.Event()

    def write() -> None:
        while True:
            try:
                write_metrics(service.project, where, datetime.now(UTC), [*service.metrics(), *process_metrics()])
            except Exception as error:  # noqa: BLE001 - numbers that cannot be written must not stop the work
                service.log.tell("failed", "error", file=where, error=error)
            if ended.wait(METRICS_EVERY_SECONDS):
                return

    thread = threading.Thread(target=write, name="assay-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5.0)


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers from 1 to 64")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as 2026-05-01T03:00Z") from error
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone; write it as {text}Z or {text}+02:00")
    return found


COMMAND = Command("up", "keep the line running: sources when they are due, and what follows from them", arguments, run)
