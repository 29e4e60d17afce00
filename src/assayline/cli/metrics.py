"""`assay metrics`: what a project is doing, as numbers for Prometheus."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, datetime

from .command import Command
from .project_options import add_project, print_json


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write them there, whole or not at all, as node_exporter's textfile collector reads them")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.metrics import exposition, metrics_of, write_metrics
    from assayline.line.project import open_project

    moment = datetime.now(UTC)
    with open_project(options.project) as project:
        if options.output:
            write_metrics(project, options.output, moment)
        elif options.json:
            print_json([asdict(one) for one in metrics_of(project, moment)])
        else:
            sys.stdout.write(exposition(metrics_of(project, moment)))
    return 0


COMMAND = Command("metrics", "print what the project is doing as numbers for Prometheus", arguments, run)
