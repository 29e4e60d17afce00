"""`assay read`: what was released, and nothing else."""

from __future__ import annotations

import argparse
import sys

from .command import Command
from .project_options import add_project, print_json, say
from .scan import check_target


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("flow", help="name of the flow")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this .parquet or .csv file; without it rows are printed as CSV")
    parser.add_argument("--since", metavar="TIME", help="only lots that arrived then or later (ISO 8601, UTC)")
    parser.add_argument("--until", metavar="TIME", help="only lots that arrived earlier")
    parser.add_argument("--lot", action="append", type=int, default=[], metavar="N", help="only this lot; repeats")
    parser.add_argument("--typed", action="store_true", help="read numbers and times that stand as text as what they are, where every cell does")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.project import open_project
    from assayline.line.reading import batches, released_lots, write_lots

    if options.output:
        check_target(options.output, [])
    with open_project(options.project) as project:
        lots = released_lots(project, options.flow, since=options.since, until=options.until, lots=options.lot)
        if not options.output:
            for number, frame in enumerate(batches(project, lots, typed=options.typed)):
                sys.stdout.write(frame.write_csv(include_header=number == 0))
            return 0
        rows = write_lots(project, lots, options.output, typed=options.typed)
    if options.json:
        print_json({"flow": options.flow, "lots": len(lots), "rows": rows, "output": options.output})
    else:
        say(f"{options.output}: {rows:,} rows of {len(lots):,} lots.")
    return 0


COMMAND = Command("read", "write or print what was released", arguments, run)
