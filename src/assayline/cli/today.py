"""`assay today`: one line per flow, worst first."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, say, show_or_json, views
from .run import add_line
from .scan import check_target, write_text

EPILOG = """\
examples:
  assay today
  assay today --html today.html
  assay today --mail               # once a day, to the channels of '*'; for a cron job
  assay today --json | jq '.flows[] | select(.state != "fine")'

exit code: 0 everything is fine, 1 something needs a person
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--html", metavar="FILE", help="write the table as one HTML file")
    parser.add_argument("--mail", action="store_true", help="send it to the channels of all flows ('*'), once a day")
    add_line(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from assayline.line.definition import line_in
    from assayline.line.project import open_project
    from assayline.line.registry import watch_sources
    from assayline.line.today import needs_a_person, send_today, today_document

    if options.html:
        check_target(options.html, [])
    moment = datetime.now(UTC)
    with open_project(options.project) as project:
        line = line_in(project.folder, options.line)
        watch_sources(project, line, moment)
        document = today_document(project, line, moment)
        if options.html:
            write_text(options.html, views()["today_html"](document))
        show_or_json("today", document, options.json)
        if options.mail:
            from assayline.line.telling import tell

            fresh = send_today(project, document)
            tell(project)
            if not options.json:
                say("sent" if fresh else f"{document['day']} was sent before")
    return 1 if needs_a_person(document) else 0


COMMAND = Command("today", "show one line per flow: arrived, quality, ran, published, cost, open; worst first", arguments, run)
