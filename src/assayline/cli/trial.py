"""`assay trial`: hosted test sets, and versions of models tried on them."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from .command import Command
from .project_options import add_project, print_json, say, show_or_json, views

EPILOG = """\
examples:
  assay trial add-set churn q1-labelled.parquet          # a hosted test set; again for its next version
  assay trial sets churn
  assay trial run churn:v8                               # against the champion, the baselines and the last ten
  assay trial run model.assay --model churn              # a new artefact
  assay trial watch artefacts/                           # every artefact that is dropped into a folder
  assay trial sign churn:v8 --reason "checked with sales"

exit code: 0 released without a warning, 1 a warning, or held, 2 something could not be read
"""
VERBS = {"add-set": "MODEL FILE", "sets": "MODEL", "run": "VERSION or FILE", "watch": "FOLDER", "sign": "VERSION"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=tuple(VERBS))
    parser.add_argument("what", nargs="+", help=", ".join(f"with {verb}: {what}" for verb, what in VERBS.items()))
    parser.add_argument("--name", help="with add-set: of the test set; default: that of the file")
    parser.add_argument("--model", help="with run FILE and watch: whose versions these are; default: as the artefacts say")
    parser.add_argument("--quick", action="store_true", help="with run and watch: scores and comparisons only, none of the other aspects of quality")
    parser.add_argument("--once", action="store_true", help="with watch: take what is there, and end")
    parser.add_argument("--junit", metavar="FILE", help="with run: write what was tried as JUnit XML, for a CI")
    parser.add_argument("--badge", metavar="FILE", help="with run: write an SVG badge with the verdict")
    parser.add_argument("--reason", default="", help="with sign: why")
    parser.add_argument("--author", help="with sign: who; default: the user who runs this")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError

    wanted = 2 if options.verb == "add-set" else 1
    if len(options.what) != wanted:
        raise MisuseError(f"assay trial {options.verb} takes {VERBS[options.verb]}")
    return {"add-set": _add_set, "sets": _sets, "run": _run, "watch": _watch, "sign": _sign}[options.verb](options)


def _add_set(options: argparse.Namespace) -> int:
    import re

    from assayline.line.models.test_sets import add_set
    from assayline.line.project import open_project

    model, path = options.what
    name = options.name or re.sub(r"[^A-Za-z0-9_-]+", "-", Path(path).name.partition(".")[0]).strip("-") or "test"
    with open_project(options.project) as project:
        outcome = add_set(project, model, path, name)
    if options.json:
        print_json(outcome.document)
    if outcome.error is not None:
        raise outcome.error
    assert outcome.lot is not None
    if not options.json:
        shown = views()
        if "lot" in shown:
            shown["lot"](outcome.document)
        if outcome.lot.state == "released":
            say(f"The next trials of {model} run on {outcome.lot.rows['released']:,} rows of {name}.")
        else:
            say(f"The set is held; look at it with: assay lot {outcome.lot.lot}")
    return 0 if outcome.lot.verdict == "release" else 1


def _sets(options: argparse.Namespace) -> int:
    from assayline.line.models.showing import sets_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        show_or_json("test_sets", sets_document(project, options.what[0]), options.json)
    return 0


def _run(options: argparse.Namespace) -> int:
    from assayline.line.models.showing import model_document
    from assayline.line.models.trying import Trying
    from assayline.line.models.versions import version_of
    from assayline.line.project import open_project

    from .gate import tell_owners

    what = options.what[0]
    with open_project(options.project) as project, Trying(project, aspects=() if options.quick else None) as trying:
        if Path(what).is_file():
            outcome = trying.take(what, options.model)
            if outcome.error is not None:
                if options.json:
                    print_json(outcome.document)
                raise outcome.error
            assert outcome.lot is not None
            version = f"{outcome.lot.flow}:v{outcome.lot.place}"
        else:
            lot = version_of(project, what)
            trying.again(lot)
            version = f"{lot.flow}:v{lot.place}"
        document = model_document(project, version)
        tell_owners(project)
    _written(options, document)
    show_or_json("trial", {**document["trial"], "version": version, "verdict": document["verdict"], "state": document["state"]}, options.json)
    return 0 if document["verdict"] == "release" else 1


def _written(options: argparse.Namespace, document: dict[str, object]) -> None:
    if not (options.junit or options.badge):
        return
    from assayline.line.models.ci import badge_of, junit_of

    for path, text in ((options.junit, junit_of), (options.badge, badge_of)):
        if path:
            Path(path).write_text(text(document), encoding="utf-8")


def _watch(options: argparse.Namespace) -> int:
    from contextlib import nullcontext

    from assayline.line.models.watching import watch
    from assayline.line.project import open_project

    shown = {} if options.json else views()
    bar = shown["trials_progress"]() if "trials_progress" in shown else nullcontext()
    worst = 0
    with open_project(options.project) as project, bar as progress:
        for outcome in watch(project, options.what[0], model=options.model, quick=options.quick, once=options.once, on_event=progress):
            if options.json:
                print_json(outcome.document)
            elif "lot" in shown:
                shown["lot"](outcome.document)
            if outcome.error is not None:
                sys.stderr.write("assay: " + ascii(str(outcome.error))[1:-1] + "\n")
            worst = max(worst, 2 if outcome.error is not None else 0 if outcome.document["verdict"] == "release" else 1)
    return worst


def _sign(options: argparse.Namespace) -> int:
    from assayline.line.models.showing import sign
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        made = sign(project, options.what[0], author=options.author or getpass.getuser(), reason=options.reason)
    if options.json:
        print_json(made)
    else:
        say(f"{made['version']} is signed by {made['author']} until {made['until'][:10]}.")
    return 0


COMMAND = Command("trial", "hosted test sets, and versions of models tried on them", arguments, run)
