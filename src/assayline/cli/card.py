"""`assay card`: the hand-over file of a model, made from the ledger each time."""

from __future__ import annotations

import argparse
import os
import sys

from .command import Command
from .project_options import add_project, print_json, say
from .run import add_line

EPILOG = """\
examples:
  assay card churn                             # the version in force, as Markdown
  assay card churn:v8 --out churn.html         # as a page; .md for Markdown
  assay card churn --check docs/churn.md       # whether the file is still current, and what changed
  assay card churn --json | jq .handover.back

A folder of them is kept up to date by assay run and assay up, with this in assay.toml:

  [cards]
  folder = "docs/models"

exit code: 0 done, or the file is current; 1 the file is not current; 2 there is no such model, or something cannot be read
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("version", metavar="MODEL[:VERSION]", help="NAME for the version in force, or NAME:v8")
    parser.add_argument("--out", metavar="FILE", help="write it to FILE, which ends in .md or .html; a file that says the same already is left alone")
    parser.add_argument("--check", metavar="FILE", help="say whether FILE is still current, and what changed")
    add_line(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.explaining.kept_cards import form_of

    if options.out and options.check:
        raise MisuseError("--out writes a card and --check looks at one; use one of them")
    if options.check:
        return _check(options)
    return show_card(options, options.version, html=options.out is not None and form_of(options.out).endswith("html"), out=options.out)


def show_card(options: argparse.Namespace, version: str, *, html: bool, out: str | None) -> int:
    """Prints a card, or writes it to a file."""
    from assayline.line.explaining.kept_cards import MARKDOWN, PAGE, form, keep

    document = _document(options, version)
    if out is None and options.json:
        print_json(document)
        return 0
    text = form(PAGE if html else MARKDOWN)(document)
    if out is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return 0
    written = keep(out, text)
    if options.json:
        print_json({"written": out, "changed": written})
    else:
        say(f"Written to {out}." if written else f"{out} is current; nothing was written.")
    return 0


def _check(options: argparse.Namespace) -> int:
    from assayline.line.explaining.kept_cards import changes, form, form_of

    fresh = form(form_of(options.check))(_document(options, options.version))
    found = changes(options.check, fresh)
    if options.json:
        print_json({"file": options.check, "current": not found, "changes": found})
        return 1 if found else 0
    say(f"{options.check} is current." if not found else f"{options.check} is not current:")
    for one in found:
        say(f"  {one}")
    if found:
        say(f"Write it anew with: assay card {options.version} --out {options.check}")
    return 1 if found else 0


def _document(options: argparse.Namespace, version: str) -> dict[str, object]:
    from assayline.line.definition import FILE, load_line
    from assayline.line.explaining.handover import card_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        file = getattr(options, "line", None)
        path = file or os.path.join(project.folder, FILE)
        line = load_line(path) if file or os.path.isfile(path) else None
        return card_document(project, version, line)


COMMAND = Command("card", "the hand-over file of a model: everything whoever takes over needs, always current", arguments, run)
