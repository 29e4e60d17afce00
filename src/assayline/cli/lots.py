"""`assay lots` and `assay lot`: what the gate has taken, one lot, and decisions about it."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, say, show_or_json


def arguments_of_lots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("flow", nargs="?", help="only lots of this flow")
    parser.add_argument("--state", action="append", default=[], choices=("released", "held", "rejected", "unreadable"), help="only lots in this state; repeats")
    parser.add_argument("--most", type=int, default=50, metavar="N", help="how many, newest first (default 50; 0 for all)")
    add_project(parser)


def run_lots(options: argparse.Namespace) -> int:
    from assayline.line.health import lots_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        show_or_json("lots", lots_document(project, options.flow, states=tuple(options.state), most=options.most), options.json)
    return 0


def arguments_of_lot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="number of the lot")
    parser.add_argument("action", nargs="?", choices=("show", "release", "reject", "bad", "expected", "noise"), default="show",
                        help="release or reject a held lot; or say what its findings were worth: bad (right), expected (true but fine), noise (wrong)")  # fmt: skip
    parser.add_argument("--code", help="with bad, expected, noise: only findings of this code")
    parser.add_argument("--author", help="who decides; default: the user who runs this")
    parser.add_argument("--reason", default="", help="why")
    add_project(parser)


def run_lot(options: argparse.Namespace) -> int:
    from assayline.line import adjudicating
    from assayline.line.health import lot_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        if options.action == "release":
            adjudicating.release_lot(project, options.number, author=options.author, reason=options.reason)
        elif options.action == "reject":
            adjudicating.reject_lot(project, options.number, author=options.author, reason=options.reason)
        elif options.action != "show":
            adjudicating.answer(project, options.number, options.action, code=options.code, author=options.author, reason=options.reason)
        document = lot_document(project, options.number)
        if options.action in ("release", "reject") and not options.json:
            say(f"lot {options.number} of {document['flow']} is {document['state']}.")
        else:
            show_or_json("lot_page", document, options.json)
    return 0


LOTS = Command("lots", "list what the gate has taken", arguments_of_lots, run_lots)
LOT = Command("lot", "show one lot, release or reject it, answer its findings", arguments_of_lot, run_lot)
