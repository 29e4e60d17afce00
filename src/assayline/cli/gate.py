"""`assay gate`: lots in, judged against their past; good rows out, bad rows aside."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from assayline import hooks

from .command import Command
from .project_options import add_project, print_json, say
from .scan import MIB, mebibytes, seconds

if TYPE_CHECKING:
    from assayline.line.project import Project

EPILOG = """\
examples:
  assay gate sales ../incoming/2026-03-*.parquet
  assay gate sales today.csv --json | jq .verdict
  assay gate orders 'postgresql://shop/db?table=orders'

exit code: 0 everything was released without a warning, 1 there are findings, 2 an input could not be read
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("flow", help="name of the flow the lots belong to; made on its first lot")
    parser.add_argument("inputs", nargs="+", metavar="input", help="lots in order: files, folders, patterns (each match is a lot), addresses")
    parser.add_argument("--memory", type=mebibytes, default=0, metavar="MIB", help="most memory the reading process may take; default: by the size of the input")
    parser.add_argument("--timeout", type=seconds, default=0.0, metavar="SECONDS", help="most time one lot may take; default: none")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.gating import expanded, gate_paths
    from assayline.line.project import open_project
    from assayline.tables import Limits

    views = dict(hooks.offered("assayline.views"))
    limits = Limits(memory_bytes=options.memory * MIB, seconds=options.timeout)
    code = 0
    with open_project(options.project) as project:
        inputs = list(expanded(options.inputs))
        from contextlib import nullcontext

        bar = views["lots_progress"](len(inputs)) if "lots_progress" in views and not options.json else nullcontext()
        with bar as progress:
            for outcome in gate_paths(project, options.flow, inputs, limits=limits, on_progress=getattr(progress, "rows", None)):
                if options.json:
                    print_json(outcome.document)
                    sys.stdout.flush()
                elif "lot" in views:
                    views["lot"](outcome.document, progress)
                else:
                    say(f"{outcome.document['verdict']}: {outcome.document['input']}")
                if outcome.error is not None:
                    sys.stderr.write("assay: " + ascii(str(outcome.error))[1:-1] + "\n")
                    code = 2
                elif outcome.document["verdict"] != "release" or outcome.document["findings"]:
                    serious = outcome.document["verdict"] != "release"
                    code = max(code, 1 if serious else 0)
                if progress is not None:
                    progress.lot_done()
        _push(project, options.flow)
        tell_owners(project)
    return code


def _push(project: Project, flow: str) -> None:
    """Targets get what was released; one that is down gets it with the next push, and the gate has done its work all the same."""
    if not _has_targets(project, flow):
        return  # what writes to targets loads the engine, and most flows have none
    from assayline.line.targets import push_all

    for problem in push_all(project, flow):
        sys.stderr.write("assay: " + ascii(problem)[1:-1] + "\n")


def _has_targets(project: Project, flow: str) -> bool:
    from assayline.errors import AssaylineError
    from assayline.ledger import records

    try:
        with project.ledger.read() as connection:
            return bool(records.targets(connection, flow))
    except AssaylineError:
        return True  # the push says what is the matter


def tell_owners(project: Project) -> None:
    """Owners are told when all lots are published; whatever goes wrong with that waits for the next time, and changes nothing here."""
    from assayline.errors import AssaylineError
    from assayline.line.telling import AFTER_A_GATE_SECONDS, tell

    try:
        done = tell(project, budget_seconds=AFTER_A_GATE_SECONDS)
    except AssaylineError as error:
        sys.stderr.write("assay: notices wait: " + ascii(str(error))[1:-1] + "\n")
        return
    if done.failed or done.put_off or done.given_up:
        sys.stderr.write(f"assay: {done.failed + done.put_off} notices wait and {done.given_up} were given up; see: assay notify list\n")


COMMAND = Command("gate", "judge lots against their past, release good rows and put bad ones aside", arguments, run)
