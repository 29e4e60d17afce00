"""`assay run`: what changed is made again, and nothing else."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .command import Command
from .project_options import add_project, print_json, say

EPILOG = """\
examples:
  assay run                        # everything that changed
  assay run --step hourly          # only this step
  assay run --json | jq .runs

exit code: 0 everything was released without a warning, 1 there are findings or something is held, 2 a source could not be read or a step failed
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--step", action="append", metavar="NAME", help="only this step; repeats")
    add_line(parser)
    add_project(parser)


def add_line(parser: argparse.ArgumentParser) -> None:
    """`--line`."""
    parser.add_argument("--line", metavar="FILE", help="the file that defines the line; default: line.py in the folder of the project")


def run(options: argparse.Namespace) -> int:
    import os

    from assayline.line.definition import FILE, load_line
    from assayline.line.project import open_project
    from assayline.line.running import run_line

    with open_project(options.project) as project:
        file = options.line or os.path.join(project.folder, FILE)
        line = load_line(file)
        ran = run_line(project, line, file, steps=options.step, on_event=None if options.json else _told)
    if options.json:
        print_json({"line": line.name, "runs": ran.runs, "waiting": ran.waiting, "problems": ran.problems, "lots": [one.document for one in ran.lots]})
    for problem in ran.problems:
        sys.stderr.write("assay: " + ascii(problem)[1:-1] + "\n")
    if not options.json and not ran.lots and not ran.problems:
        say("nothing changed")
    warned = any(outcome.document["verdict"] != "release" for outcome in ran.lots)
    return 2 if ran.problems else 1 if warned else 0


def _told(kind: str, what: Any) -> None:
    if kind == "lot":
        say(f"{what['verdict']:<8} {what['flow']} lot {what['lot']}  {what['rows']['taken']:,} rows")
    elif kind == "silence" and what["state"] != "over":
        say(f"{'late' if what['code'] == 'late_arrival' else 'missing':<8} {what['flow']}  {what['sentence']}")


COMMAND = Command("run", "make again what changed: sources, steps, and the gate between them", arguments, run)
