"""`assay rules`: conditions of your own, added, tried and taken away while the gate works."""

from __future__ import annotations

import argparse
import sys

from .command import Command
from .project_options import add_project, say, show_or_json

EPILOG = """\
examples:
  assay rules add sales "amount >= 0 and currency in ('SEK', 'EUR')" --action split --owner ops@example.com
  assay rules try sales "amount < 100000"
  assay rules add sales "store_id exists in flow(stores.id)" --action warn
  assay rules change sales 1 "amount > 0"
  assay rules remove sales 1

The language stands in docs/rules.md. A rule counts from the next lot on.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=("add", "try", "list", "change", "remove"))
    parser.add_argument("flow", help="name of the flow")
    parser.add_argument("rest", nargs="*", metavar="N|RULE", help="the rule; with change and remove first its number")
    parser.add_argument("--action", choices=("warn", "split", "hold"), default="warn", help="what a row that fails deserves (default: warn)")
    parser.add_argument("--owner", help="who is answerable; default: the user who runs this")
    parser.add_argument("--reason", default="", help="why it has to be so")
    parser.add_argument("--until", metavar="TIME", help="when it expires (ISO 8601)")
    parser.add_argument("--lots", type=int, default=30, metavar="N", help="with try: how many of the last lots (default 30)")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError, RuleError
    from assayline.line import rule_book
    from assayline.line.project import open_project

    needed = {"add": 1, "try": 1, "list": 0, "change": 2, "remove": 1}[options.verb]
    if len(options.rest) != needed:
        raise MisuseError(f"assay rules {options.verb} takes {'the rule in quotes' if needed else 'no rule'}" + (" after its number" if options.verb in ("change", "remove") else ""))
    number = None
    if options.verb in ("change", "remove"):
        if not options.rest[0].isdigit():
            raise MisuseError(f"{options.rest[0]!r} is no number of a rule; see: assay rules list {options.flow}")
        number = int(options.rest[0])
    with open_project(options.project) as project:
        try:
            if options.verb == "list":
                show_or_json("rules", rule_book.rules_document(project, options.flow), options.json)
            elif options.verb == "try":
                show_or_json("rule_trial", rule_book.try_rule(project, options.flow, options.rest[0], lots=options.lots), options.json)
            elif options.verb == "remove":
                assert number is not None
                body = rule_book.remove_rule(project, options.flow, number)
                _said(options.json, body, f"Rule {number} of {options.flow} is off from the next lot on.")
            else:
                body = rule_book.add_rule(
                    project, options.flow, options.rest[-1], action=options.action, owner=options.owner, reason=options.reason, until=options.until, number=number
                )
                _said(options.json, body, f"Rule {body['rule']} of {options.flow} counts from the next lot on: {body['text']}")
        except RuleError as error:
            for line in error.pointed().split("\n"):
                sys.stderr.write(f"    {line.rstrip()}\n".encode("ascii", "backslashreplace").decode())
            raise MisuseError(f"this is no rule for {options.flow}: {error}") from error
    return 0


def _said(as_json: bool, body: object, sentence: str) -> None:
    from .project_options import print_json

    if as_json:
        print_json(body)
    else:
        say(sentence)


COMMAND = Command("rules", "add, try, change and remove conditions that lots have to meet", arguments, run)
