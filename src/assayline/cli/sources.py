"""`assay sources`: what is known of where lots come from, and what is said of it by hand."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, say, show_or_json
from .run import add_line

EPILOG = """\
examples:
  assay sources                    # all of them
  assay sources sales              # one, with the history of its columns
  assay sources set sales --owner ops@example.com --grade production
  assay sources set sales --no-watch

exit code: 0 every source came in time, 1 one of them is late or missing
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("name", nargs="*", metavar="FLOW", help="a source; none for all; or: set FLOW")
    parser.add_argument("--owner", metavar="WHO", help="with set: who answers for it")
    parser.add_argument("--grade", choices=("experimental", "production", "learned"), help="with set: what it is worth; learned for what its behaviour says")
    parser.add_argument("--watch", action=argparse.BooleanOptionalAction, help="with set: whether its silence is told")
    add_line(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from assayline.errors import MisuseError
    from assayline.line.definition import line_in
    from assayline.line.project import open_project
    from assayline.line.registry import sources_document
    from assayline.line.settings import change

    verb, *rest = options.name if len(options.name) == 2 else ("show", *options.name)
    if verb not in ("show", "set") or len(rest) > 1:
        raise MisuseError("name one source: assay sources FLOW, assay sources set FLOW --owner WHO --grade experimental|production|learned")
    with open_project(options.project) as project:
        line = line_in(project.folder, options.line)
        moment = datetime.now(UTC)
        if verb == "set":
            given = {"owner": options.owner, "grade": "" if options.grade == "learned" else options.grade, "watched": options.watch}
            changes = {name: value for name, value in given.items() if value is not None}
            if not changes:
                raise MisuseError(f"say what is to be set: assay sources set {rest[0]} --owner WHO, --grade GRADE or --no-watch")
            sources_document(project, line, moment, rest[0])  # an unknown name is refused here, before a flow of that name is made
            change(project, rest[0], changes)
            if not options.json:
                say(f"{rest[0]}: " + ", ".join(f"{name} = {value}" for name, value in changes.items()))
                return 0
        documents = sources_document(project, line, moment, rest[0] if rest else None)
        show_or_json("sources", documents, options.json)
    return 1 if any(one["findings"] and one["watched"] for one in documents) else 0


COMMAND = Command("sources", "show what is known of each source: rhythm, size, columns, grade, readers; set owner and grade", arguments, run)
