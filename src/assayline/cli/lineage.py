"""`assay lineage`: what a lot was made from, and what was made from it."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, print_json, say, views

EPILOG = """\
examples:
  assay lineage daily              # what its newest lot was made from, back to the sources
  assay lineage 17 --down          # what was made from lot 17
  assay lineage daily --columns    # with the columns each column comes from
  assay lineage daily --openlineage events.ndjson
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="FLOW|LOT", help="a flow, which is its newest released lot, or the number of a lot")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--up", action="store_true", help="what it was made from (the default)")
    way.add_argument("--down", action="store_true", help="what was made from it")
    parser.add_argument("--columns", action="store_true", help="show where each column comes from, as far as is known")
    parser.add_argument("--most", type=int, default=5, metavar="N", help="lots of one input, newest first (default 5; 0 for all)")
    parser.add_argument("--openlineage", metavar="FILE|URL", help="write the runs in this tree as OpenLineage events, one a line, or post them")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.ancestry import lineage_document
    from assayline.line.project import open_project

    if options.most < 0:
        raise MisuseError(f"--most is 0 or more, not {options.most}")
    with open_project(options.project) as project:
        document = lineage_document(project, options.name, down=options.down, most=options.most)
        if options.openlineage:
            from assayline.line.lineage_events import runs_in, send

            sent = send(project, runs_in(document), options.openlineage)
            if not options.json:
                say(f"{options.openlineage}: {sent} events")
                return 0
    shown = views()
    if not options.json and "lineage" in shown:
        shown["lineage"](document, columns=options.columns)
    else:
        print_json(document)
    return 0


COMMAND = Command("lineage", "show what a lot was made from, and what was made from it", arguments, run)
