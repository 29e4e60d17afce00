"""`assay run`: what changed is made again, and nothing else."""

from __future__ import annotations

import argparse
import sys

from .command import Command
from .gate import tell_owners
from .project_options import add_project, say, show_or_json, views

EPILOG = """\
examples:
  assay run                        # everything that changed
  assay run --source rides         # ask only this source, then make what changed
  assay run --step hourly          # only this step
  assay run --json | jq .runs

exit code: 0 everything was released without a warning, 1 there are findings or something is held, 2 a source could not be read or a step failed
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--source", action="append", metavar="NAME", help="ask only this source for news; repeats")
    parser.add_argument("--step", action="append", metavar="NAME", help="only this step; repeats")
    add_line(parser)
    add_project(parser)


def add_line(parser: argparse.ArgumentParser) -> None:
    """`--line`."""
    parser.add_argument("--line", metavar="FILE", help="the file that defines the line; default: line.py in the folder of the project")


def run(options: argparse.Namespace) -> int:
    import os
    from contextlib import nullcontext

    from assayline.line.definition import FILE, load_line
    from assayline.line.project import open_project
    from assayline.line.running import run_line

    shown = {} if options.json else views()
    bar = shown["run_progress"]() if "run_progress" in shown else nullcontext()
    with open_project(options.project) as project, bar as progress:
        file = options.line or os.path.join(project.folder, FILE)
        line = load_line(file)
        ran = run_line(project, line, file, sources=options.source, steps=options.step, on_event=progress)
        if ran.lots or ran.problems or ran.silent:
            tell_owners(project)
    document = {"line": line.name, "runs": ran.runs, "waiting": ran.waiting, "problems": ran.problems, "silent": ran.silent, "lots": [one.document for one in ran.lots]}
    show_or_json("ran", document, options.json)
    for sentence in ran.silent if not options.json else ():
        say(f"late: {sentence}")
    for problem in ran.problems:
        sys.stderr.write("assay: " + ascii(problem)[1:-1] + "\n")
    warned = any(outcome.document["verdict"] != "release" for outcome in ran.lots)
    return 2 if ran.problems else 1 if warned or ran.silent else 0


COMMAND = Command("run", "make again what changed: sources, steps, and the gate between them", arguments, run)
