"""`assay line show`: the sources, steps and gates of a line, drawn from its code and coloured by how its flows stand."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, print_json, say, show_or_json, views
from .run import add_line

EPILOG = """\
examples:
  assay line show
  assay line show --svg line.svg
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=("show",))
    parser.add_argument("--svg", metavar="FILE", help="write the diagram as one SVG file")
    add_line(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
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


COMMAND = Command("line", "show the sources, steps and gates of a line, and draw them", arguments, run)
