"""`assay explain`: what changed between two versions of a model, for whom and in money."""

from __future__ import annotations

import argparse
import sys

from .command import Command
from .project_options import add_project, print_json, say, show_or_json, views

EPILOG = """\
examples:
  assay explain churn                    # the version in force against the one before
  assay explain churn v7 v8              # or: assay explain churn:v7 churn:v8
  assay explain churn v7                 # what changed since v7
  assay explain churn v7 v8 --html what-changed.html
  assay explain churn --note before      # a short note for its users
exit codes: 0 told; 2 there are no two versions, or something cannot be read
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("versions", nargs="+", metavar="MODEL", help="name of the model, then up to two versions: before and after")
    parser.add_argument("--set", metavar="NAME", help="test set on whose rows it is told; default: the largest that both were tried on")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--html", metavar="FILE", help="write one page; - for standard output")
    shown.add_argument("--note", choices=("before", "after"), help="print a short note for users, to be sent before or after the change")
    parser.add_argument("--seconds", metavar="N", type=float, default=30.0, help="after which no more precision is bought (default 30)")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.explaining.explain import explain_document, note
    from assayline.line.explaining.two_versions import named
    from assayline.line.project import open_project

    from .scan import check_target, write_text

    model, before, after = named(options.versions)
    if not options.seconds > 0:
        raise MisuseError(f"--seconds {options.seconds:g}: give a number above 0")
    if options.html and options.html != "-":
        check_target(options.html, [])
    if options.html and "explain_html" not in views():
        raise MisuseError("no page can be drawn, because nothing that does it is installed; install the package assayline as a whole")
    with open_project(options.project) as project:
        document = explain_document(project, model, before, after, test_set=options.set, seconds=options.seconds)
    if options.note:
        text = note(document, options.note)
        if options.json:
            print_json({"when": options.note, "subject": text.splitlines()[0].removeprefix("Subject: "), "text": text})
        else:
            say(text.rstrip("\n"))
    elif options.html:
        page = views()["explain_html"](document)
        if options.html == "-":
            sys.stdout.write(page)
        else:
            write_text(options.html, page)
            if options.json:
                print_json({"written": options.html})
            else:
                say(f"Written to {options.html}.")
    else:
        show_or_json("explain", document, options.json)
    return 0


COMMAND = Command("explain", "what changed between two versions of a model, for whom and in money", arguments, run)
