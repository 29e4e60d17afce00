"""`assay serve`: the models of a project answer requests."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from .command import Command
from .project_options import add_project, print_json, say, views

if TYPE_CHECKING:
    from assayline.line.delivery.online import Online, OnlineSettings
    from assayline.line.event_log import EventLog
    from assayline.line.project import Project

EPILOG = """\
examples:
  assay serve                                  # every model that may answer, on this machine: http://127.0.0.1:8080
  assay serve churn --port 9000 --workers 4
  assay serve churn --check                    # loads and verifies what would answer, and ends
  assay serve --new-token billing              # makes a token, and the line for the file of accounts
  assay serve --host 0.0.0.0 --certificate server.pem --key server.key --tokens accounts.txt

A request: curl -d '{"age": 44, "city": "Lyon"}' http://127.0.0.1:8080/models/churn

SIGTERM and Ctrl-C: it is not ready any more, answers what was asked, and ends with exit code 0. SIGHUP: new processes take the place of the old ones, without a request
that is lost. Who answers follows the ledger: assay rollout start|advance|rollback takes effect within a second or two.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all that have a version which may answer; churn:v7 for that version alone, whatever a rollout says")
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="default: 127.0.0.1; anything that others can reach needs --tokens and --certificate")
    parser.add_argument("--port", type=int, default=8080, metavar="PORT", help="default: 8080; 0 for any that is free")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that answer; default: 1")
    parser.add_argument("--unit", default="", metavar="COLUMN", help="what belongs together, where no rollout says so; default: the header x-assay-unit, else each request by itself")
    parser.add_argument("--certificate", default="", metavar="FILE", help="for TLS: the certificate and those it rests on, as PEM")
    parser.add_argument("--key", default="", metavar="FILE", help="for TLS: its key")
    parser.add_argument("--tokens", default="", metavar="FILE", help="who may ask: lines of a name and the SHA-256 of a token")
    parser.add_argument("--new-token", metavar="NAME", help="print a new token and its line for that file, and end")
    parser.add_argument("--sample", type=float, default=1.0, metavar="SHARE", help="share of the rows that are recorded and become lots of MODEL.requests, 0 to 1; default: 1")
    parser.add_argument("--window-rows", type=int, default=10_000, metavar="N", help="recorded rows that make a lot; default: 10,000")
    parser.add_argument("--window-seconds", type=float, default=300.0, metavar="S", help="after which fewer rows make a lot too; default: 300")
    parser.add_argument("--batch-rows", type=int, default=0, metavar="N", help="answer up to so many requests in one call, for models that gain by it; default: each by itself")
    parser.add_argument("--batch-ms", type=float, default=2.0, metavar="MS", help="how long the first of them waits for others; default: 2")
    parser.add_argument("--grace", type=float, default=0.0, metavar="S", help="at the end: seconds between 'not ready' and the end, so that a load balancer notices; default: 0")
    parser.add_argument("--drain", type=float, default=30.0, metavar="S", help="at the end: seconds for requests in hand; default: 30")
    parser.add_argument("--check", action="store_true", help="load and verify what would answer, and end")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.delivery.online import Online, OnlineSettings, new_token
    from assayline.line.event_log import EventLog
    from assayline.line.project import open_project

    if options.new_token is not None:
        token, line = new_token(options.new_token)
        if options.json:
            print_json({"token": token, "line": line})
        else:
            say(f"Token: {token}")
            say(f"It is not shown again. The line for the file of --tokens: {line}")
        return 0
    settings = OnlineSettings(
        tuple(options.models), options.host, options.port, options.workers, options.unit, options.certificate, options.key, options.tokens, options.sample, options.batch_rows,
        options.batch_ms / 1000, options.window_rows, options.window_seconds, options.grace, options.drain,
    )  # fmt: skip
    _needs_server()
    with open_project(options.project) as project:
        as_json = options.json or os.environ.get("ASSAY_LOG") == "json"
        log = EventLog(_write, as_json=as_json)
        online = Online(project, settings, log.tell)
        if options.check:
            return _check(online, options)
        return _serve(online, settings, project, log, as_json=as_json)


def _needs_server() -> None:
    from assayline.errors import MissingExtra

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtra("assay serve", extra="serve", package="uvicorn") from error


def _check(online: Online, options: argparse.Namespace) -> int:
    found = online.check()
    if options.json:
        print_json(found)
        return 0
    for one in found["slots"]:
        say(f"{one['version']} is {one['state']}{': ' + ' '.join(one['notes']) if one['notes'] else ''}")
    return 0


def _serve(online: Online, settings: OnlineSettings, project: Project, log: EventLog, *, as_json: bool) -> int:
    import asyncio
    import signal

    left = 0

    async def work() -> int:
        loop = asyncio.get_running_loop()
        stopping, restart = asyncio.Event(), asyncio.Event()

        def stop() -> None:
            if stopping.is_set():
                os._exit(130)  # the second one is the end; workers notice that nobody is there
            stopping.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        loop.add_signal_handler(signal.SIGHUP, restart.set)

        def ready(supervisor: Any) -> None:
            host, port = supervisor.address
            shown = f"[{host}]" if ":" in host else host
            address = f"http{'s' if settings.certificate else ''}://{shown}:{port}"
            if sys.stdout.isatty() and not as_json and "served" in views():
                views()["served"](online.document(address))
            log.tell("begun", project=project.name, address=address, models=" ".join(online.models), workers=settings.workers, process=os.getpid(), look=f"{address}/metadata")

        return await online.run(stopping, ready=ready, restart=restart)

    try:
        import uvloop
    except ImportError:
        left = asyncio.run(work())
    else:
        left = uvloop.run(work())
    log.tell("left", "warning" if left else "info", outcome=f"{left} requests were not answered in time" if left else "in order")
    return 0


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


COMMAND = Command("serve", "answer requests with the models of the project, on this machine or behind accounts and TLS", arguments, run)
