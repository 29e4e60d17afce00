"""`assay model`: the versions of a model; its page, its card, and its exports."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import Command
from .project_options import add_project, print_json, say, show_or_json, views

EPILOG = """\
examples:
  assay model list
  assay model show churn                       # the version in force
  assay model show churn:v8 --html v8.html     # one page for people
  assay model card churn --out churn.md        # the hand-over file; --html for a page; the same as assay card
  assay model export churn:v8 --onnx --out build/
  assay model export churn:v8 --c --out build/
  assay model export churn:v8 --web --out build/
  assay model bring model.onnx --model churn --target churned --columns age,spend --classes no,yes
"""
FORMS = ("onnx", "c", "web")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=("list", "show", "card", "export", "bring"))
    parser.add_argument("version", nargs="?", metavar="VERSION", help="NAME for the version in force, or NAME:v8; with bring: the file of a model that was trained elsewhere")
    parser.add_argument("--html", metavar="FILE", nargs="?", const="-", help="with show and card: a page; written to FILE, or printed")
    parser.add_argument("--out", metavar="PATH", help="with card: the file; with export: the folder (default: the working folder)")
    for form in FORMS:
        parser.add_argument(f"--{form}", action="store_true", help=f"with export: {_what(form)}")
    parser.add_argument("--model", metavar="NAME", help="with bring: of the model it becomes a version of")
    parser.add_argument("--target", metavar="COLUMN", help="with bring: what it predicts")
    parser.add_argument("--columns", default="", metavar="COLUMNS", help="with bring: what it was trained on, in its order, with commas; default: as the file says")
    parser.add_argument("--classes", default="", metavar="LABELS", help="with bring: in the order of its probabilities, with commas; default: as the file says, or a number is predicted")
    add_project(parser)


def _what(form: str) -> str:
    return {"onnx": "an ONNX file", "c": "C99 for micro-controllers, without malloc", "web": "a page that runs the model in a browser"}[form]


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.models.showing import model_document, models_document
    from assayline.line.project import open_project

    if (options.version is None) != (options.verb == "list"):
        raise MisuseError("assay model list takes no version" if options.verb == "list" else f"assay model {options.verb} takes one version, such as churn:v8")
    if options.verb == "card":
        from .card import show_card

        return show_card(options, options.version, html=options.html is not None, out=(options.html if options.html != "-" else None) or options.out)
    with open_project(options.project) as project:
        if options.verb == "list":
            show_or_json("models", models_document(project), options.json)
            return 0
        if options.verb == "export":
            return _export(options, project)
        if options.verb == "bring":
            return _bring(options, project)
        document = model_document(project, options.version)
    if options.html:
        _put(views()["model_html"](document), None if options.html == "-" else options.html, options)
    else:
        show_or_json("model", document, options.json)
    return 0


def _put(text: str, path: str | None, options: argparse.Namespace) -> None:
    if path is None:
        import sys

        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    Path(path).write_text(text, encoding="utf-8")
    if options.json:
        print_json({"written": path})
    else:
        say(f"Written to {path}.")


def _export(options: argparse.Namespace, project) -> int:  # type: ignore[no-untyped-def]  # naming the class here would load everything at every start
    from assayline.errors import MisuseError
    from assayline.line.models.exporting import export

    forms = [form for form in FORMS if getattr(options, form)]
    if len(forms) != 1:
        raise MisuseError("assay model export makes one form: --onnx, --c or --web")
    made = export(project, options.version, forms[0], options.out or ".")
    if options.json:
        print_json(made)
    else:
        for path in made["files"]:
            say(f"Written to {path}.")
        say(str(made["sentence"]))
    return 0


def _bring(options: argparse.Namespace, project) -> int:  # type: ignore[no-untyped-def]  # naming the class here would load everything at every start
    from assayline.errors import MisuseError
    from assayline.line.models.bringing import bring
    from assayline.line.models.fitting import Wish

    if not options.model or not options.target:
        raise MisuseError("assay model bring FILE needs --model NAME and --target COLUMN")
    columns, classes = ([one.strip() for one in text.split(",") if one.strip()] for text in (options.columns, options.classes))
    outcome = bring(project, options.version, Wish(options.target, options.model), columns=columns, classes=classes)
    if outcome.error is not None:
        raise outcome.error
    assert outcome.lot is not None
    if options.json:
        print_json(outcome.document)
    else:
        say(f"{outcome.lot.flow}:v{outcome.lot.place}: {outcome.lot.verdict}, {outcome.lot.state}. Look at it with: assay model show {outcome.lot.flow}:v{outcome.lot.place}")
    return 0 if outcome.lot.verdict == "release" else 1


COMMAND = Command("model", "the versions of a model: their pages, cards and exports", arguments, run)
