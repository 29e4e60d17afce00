"""`assay thin`: what a flow remembers of long ago, in less room."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, print_json, say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("flow", help="name of the flow")
    parser.add_argument("--keep-lots", type=int, default=120, metavar="N", help="so many of the newest lots keep a profile of their own (default 120, at least 60)")
    parser.add_argument("--days", type=int, default=92, metavar="N", help="lots of one day share a profile, after so many days those of one month (default 92)")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.project import open_project
    from assayline.line.thinning import Thinning, thin

    with open_project(options.project) as project:
        done = thin(project, options.flow, Thinning(options.keep_lots, options.days))
    if options.json:
        print_json(done)
        return 0
    say(
        f"{options.flow}: the profiles of {done['lots']:,} lots became {done['merged']:,} merged ones ({done['bytes_before']:,} bytes, now {done['bytes_after']:,})."
        + (f" {done['left']:,} merges were left out: this version cannot read one of their profiles." if done["left"] else "")
    )
    return 0


COMMAND = Command("thin", "merge the profiles of lots of long ago", arguments, run)
