"""`assay line show` and `assay line export`: a line as a picture, and as a wrapper for the scheduler that is there already."""

from __future__ import annotations

import argparse
import sys

from .command import Command
from .project_options import add_project, print_json, say, show_or_json, views
from .run import add_line

EPILOG = """\
examples:
  assay line show
  assay line show --svg line.svg
  assay line export --cron
  assay line export --github -o .github/workflows/assay.yml
  assay line export --airflow -o ~/airflow/dags/bikes.py
"""
KINDS = ("cron", "github", "airflow")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=("show", "export"))
    parser.add_argument("--svg", metavar="FILE", help="with show: write the diagram as one SVG file")
    kind = parser.add_mutually_exclusive_group()
    for name, what in zip(KINDS, ("a crontab", "a workflow of GitHub", "a file of DAGs"), strict=True):
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=f"with export: {what} that calls assay run when its sources are to be asked")
    parser.add_argument("-o", "--out", metavar="FILE", help="with export: write to a file; default: standard output")
    add_line(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError

    if options.verb == "export":
        if options.kind is None or options.svg:
            raise MisuseError("say which wrapper: assay line export --cron, --github or --airflow")
        return _export(options)
    if options.kind is not None or options.out:
        raise MisuseError("--cron, --github, --airflow and --out go with: assay line export")
    return _show(options)


def _show(options: argparse.Namespace) -> int:
    import os

    from assayline.errors import MisuseError
    from assayline.line.definition import FILE, load_line
    from assayline.line.diagram import line_document
    from assayline.line.project import open_project

    from .scan import check_target, write_text

    if options.svg:
        check_target(options.svg, [])
    with open_project(options.project) as project:
        line = load_line(options.line or os.path.join(project.folder, FILE))
        document = line_document(project, line.value())
    if options.svg:
        draw = views().get("line_svg")
        if draw is None:
            raise MisuseError("no installed part offers the view 'line_svg'; reinstall assayline")
        write_text(options.svg, draw(document))
    if options.json:
        print_json(document)
    elif options.svg:
        say(f"{options.svg}: {len(document['nodes'])} flows")
    else:
        show_or_json("line", document, False)
    return 0


def _export(options: argparse.Namespace) -> int:
    import os
    import shutil

    from assayline.line.definition import FILE, load_line
    from assayline.line.exporting import export
    from assayline.line.plan import plan_of
    from assayline.line.project import open_project

    from .scan import check_target, write_text

    if options.out:
        check_target(options.out, [])
    with open_project(options.project) as project:
        line = load_line(options.line or os.path.join(project.folder, FILE))
        plan = plan_of(line.sources.values(), project.settings)
        folder = os.path.relpath(project.folder, _repository(project.folder)) if options.kind == "github" else os.path.abspath(project.folder)
    program = "assay" if options.kind == "github" else shutil.which("assay") or "assay"
    text = export(options.kind, line.name, plan, folder, program)
    if options.out:
        write_text(options.out, text)
    if options.json:
        print_json({"line": line.name, "kind": options.kind, "text": text})
    elif options.out:
        say(f"{options.out}: {len(plan.schedules)} scheduled sources")
    else:
        sys.stdout.write(text)
    return 0


def _repository(folder: str) -> str:
    """The top of the repository a folder is in; the folder itself where it is in none."""
    import os

    start = above = os.path.abspath(folder)
    while not os.path.exists(os.path.join(above, ".git")):
        above, below = os.path.dirname(above), above
        if above == below:
            return start
    return above


COMMAND = Command("line", "show the sources, steps and gates of a line, draw them, or export a wrapper for a scheduler", arguments, run)
