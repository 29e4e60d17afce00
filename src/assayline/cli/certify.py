"""`assay certify`: what this gate would notice on this very data, and what it would not."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from assayline import hooks

from .command import Command
from .project_options import add_project, show_or_json
from .scan import check_target, seconds, write_text


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("flow", help="name of the flow; it needs at least four released lots")
    parser.add_argument("--seconds", type=seconds, default=120.0, help="no try is begun after so long (default 120); more tries, narrower intervals")
    parser.add_argument("--cases", type=int, default=400, metavar="N", help="how many tries at most (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="which faults are put where (default 0)")
    parser.add_argument("--html", metavar="FILE", help="write the certificate as one HTML file")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.certifying import certify_flow
    from assayline.line.project import open_project

    views = dict(hooks.offered("assayline.views"))
    if options.html:
        check_target(options.html, [])
    with open_project(options.project) as project, views["progress"]() if "progress" in views and not options.json else nullcontext() as told:
        found = certify_flow(project, options.flow, seed=options.seed, budget_seconds=options.seconds, most_cases=options.cases, on_progress=told)
    document = found.as_json()
    if options.html:
        write_text(options.html, views["certificate_html"](document))
    show_or_json("show_certificate", document, options.json)
    return 0


COMMAND = Command("certify", "put faults into recent good lots and count what the gate notices", arguments, run)
