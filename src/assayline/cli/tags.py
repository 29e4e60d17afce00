"""`assay tags`: what is wrong with a flow or with anything it was made from, and why it does or does not matter."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, print_json, say, show_or_json

EPILOG = """\
examples:
  assay tags daily                                     # its newest released lot
  assay tags 17                                        # lot 17
  assay tags weaken daily --origin rides --code missing_day --reason "nights are left out anyway"
  assay tags weaken daily --origin rides --code unit_change --column speed --rule 2 --reason "totals are checked"
  assay tags restore 214
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("name", nargs="+", metavar="FLOW|LOT", help="a flow or the number of a lot; or: weaken FLOW, restore NUMBER")
    parser.add_argument("--origin", metavar="FLOW", help="with weaken: the flow the finding is about")
    parser.add_argument("--code", help="with weaken: code of the finding")
    parser.add_argument("--column", action="append", default=[], metavar="NAME", help="with weaken: only findings about these columns; repeats")
    parser.add_argument("--rule", type=int, metavar="N", help="with weaken: only where this rule of FLOW found nothing")
    parser.add_argument("--until", metavar="TIME", help="with weaken: until then (ISO 8601)")
    parser.add_argument("--reason", default="", help="with weaken: why")
    parser.add_argument("--author", help="with weaken and restore: who says so; default: the user who runs this")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line import tagging
    from assayline.line.project import open_project

    verb, *rest = options.name if len(options.name) == 2 else ("show", *options.name)
    if len(rest) != 1 or verb not in ("show", "weaken", "restore"):
        raise MisuseError("name one flow or lot: assay tags FLOW, assay tags weaken FLOW --origin FLOW --code CODE --reason TEXT, assay tags restore NUMBER")
    with open_project(options.project) as project:
        if verb == "show":
            show_or_json("tags", tagging.tags_document(project, rest[0]), options.json)
            return 0
        if verb == "restore":
            if not rest[0].isdecimal():
                raise MisuseError(f"{rest[0]!r} is no number of a weakening; see: assay tags FLOW")
            body = tagging.restore(project, int(rest[0]), author=options.author)
            sentence = f"{body['code']} of {body['origin']} counts again from {body['flow']} on."
        else:
            if not options.origin or not options.code:
                raise MisuseError(f"say what is weakened: assay tags weaken {rest[0]} --origin FLOW --code CODE --reason TEXT")
            body = tagging.weaken(
                project, rest[0], origin=options.origin, code=options.code, columns=options.column, reason=options.reason, rule=options.rule, until=options.until, author=options.author
            )
            sentence = f"{body['number']}: {body['code']} of {body['origin']} no longer counts from {body['flow']} on. Undo: assay tags restore {body['number']}"
    if options.json:
        print_json(body)
    else:
        say(sentence)
    return 0


COMMAND = Command("tags", "show what is wrong with a flow or its ancestors; weaken and restore it", arguments, run)
