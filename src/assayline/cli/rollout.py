"""`assay rollout`: a new version of a model on its way to the users, step by step, and back."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .command import Command
from .project_options import add_project, print_json, say, show_or_json, views
from .rollout_shown import add_shown, check_shown, export, show_status

EPILOG = """\
examples:
  assay rollout start churn --candidate v7 --mode canary --unit customer_id --ramp 1,5,25,50,100 --guard "nan_rate, flip_rate <= 5%, loss per country"
  assay rollout start churn --candidate v7 --unit customer_id --labels flow:outcomes
  assay rollout status churn             # who scores what, the evidence so far, when a decision is possible
  assay rollout hold churn --reason "sale on Friday"
  assay rollout resume churn
  assay rollout advance churn --reason "checked by hand"
  assay rollout rollback churn --reason "calls from Lyon"
  assay rollout list
  assay rollout status churn --html rollout.html --svg rollout.svg
  assay rollout export churn --kserve -o churn.yaml        # also --argo: routing for those who serve elsewhere

exit code: 0 done, 1 with status: it was taken back, or something is still to be put right, 2 it could not be done
"""
VERBS = ("start", "status", "advance", "hold", "resume", "rollback", "list", "export")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("model", nargs="?", help="name of the model; with list: only its rollouts")
    new = parser.add_argument_group("with start")
    new.add_argument("--candidate", metavar="VERSION", help="the version that sets out, such as v7")
    new.add_argument("--mode", default="canary", help="where it is to end: replay, shadow, canary (default), ab or blue_green")
    new.add_argument("--unit", metavar="COLUMN", default="", help="what always gets the same model; default: the key of the model")
    new.add_argument("--ramp", metavar="SHARES", default="1,5,25,50,100", help="per cents of the units, rising (default 1,5,25,50,100)")
    new.add_argument("--split", metavar="SHARE", type=float, default=50.0, help="with --mode ab: per cent of the units of the new version (default 50)")
    new.add_argument("--guard", metavar="GUARDS", default=None, help='what is watched (default "nan_rate, out_of_range, flip_rate, loss"); with "per COLUMN" also by its values')
    new.add_argument("--holdout", metavar="SHARE", type=float, default=0.0, help="per cent of the units that stay with the old version for good (default 0)")
    new.add_argument("--control", metavar="SHARE", type=float, default=10.0, help="per cent of the units that both score although the old version answers (default 10)")
    new.add_argument("--mix", default="", help="how answers of two models stand in one list: none, map_scores or quota_per_arm; must be said where scores are ranked or cut")
    new.add_argument("--labels", metavar="flow:NAME", help="where the truth comes from, by unit; flow:NAME?label=COLUMN&time=COLUMN where names differ")
    new.add_argument("--limit", metavar="NAME=VALUE", action="append", default=[], help="a limit of the judge that is not the usual one, such as margin=0.005; several times")
    new.add_argument("--watch", metavar="BATCHES", type=int, default=14, help="how long the old version goes on scoring beside a promoted one (default 14 batches)")
    parser.add_argument("--reason", default="", help="why; advance needs one")
    parser.add_argument("--author", help="who; default: the user who runs this")
    parser.add_argument("--number", type=int, help="with status: of an earlier rollout")
    parser.add_argument("--repair", action="store_true", help="with status: first finish what was cut off: decisions, and published rows that are to be put right")
    add_shown(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError

    if options.verb == "list":
        return _list(options)
    if not options.model:
        raise MisuseError(f"assay rollout {options.verb} takes the name of a model; see: assay model list")
    check_shown(options)
    return {"start": _start, "status": _status, "export": _export}.get(options.verb, _moved)(options)


def _start(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.delivery.rollouts import go_on, start
    from assayline.line.delivery.status import status_document
    from assayline.line.project import open_project

    if not options.candidate:
        raise MisuseError(f"say which version sets out: assay rollout start {options.model} --candidate v7")
    with open_project(options.project) as project:
        start(project, options.model, options.candidate, _terms(project, options), author=options.author, reason=options.reason)
        problems = go_on(project, options.model)
        _tell(project)
        document = status_document(project, options.model)
    _show(document, options.json)
    return _said(problems)


def _terms(project: Any, options: argparse.Namespace) -> Any:
    from assayline.line.delivery.rollouts import unit_of
    from assayline.line.delivery.terms import USUAL_GUARDS, Terms, guards_of, labels_of, limits_of, ramp_of

    return Terms(
        unit=options.unit or unit_of(project, options.model, options.candidate), mode=options.mode, ramp=ramp_of(options.ramp), split=options.split,
        guards=guards_of(options.guard if options.guard is not None else USUAL_GUARDS), holdout=options.holdout, control=options.control, mix=options.mix,
        labels=labels_of(options.labels) if options.labels else None, limits=limits_of(options.limit), watch=options.watch,
    )  # fmt: skip


def _status(options: argparse.Namespace) -> int:
    from assayline.line.delivery.rollouts import go_on
    from assayline.line.delivery.status import status_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        problems = go_on(project, options.model) if options.repair else []
        if options.repair:
            _tell(project)
        document = status_document(project, options.model, options.number)
    if not show_status(document, options):
        _show(document, options.json)
    return max(_code(document), _said(problems))


def _export(options: argparse.Namespace) -> int:
    from assayline.line.delivery.status import status_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        document = status_document(project, options.model, options.number)
    return export(document, options)


def _moved(options: argparse.Namespace) -> int:
    from assayline.line.delivery import rollouts
    from assayline.line.delivery.status import status_document
    from assayline.line.project import open_project

    act = {"advance": rollouts.advance, "hold": rollouts.hold, "resume": rollouts.resume, "rollback": rollouts.rollback}[options.verb]
    with open_project(options.project) as project:
        act(project, options.model, author=options.author, reason=options.reason)
        problems = rollouts.go_on(project, options.model)
        _tell(project)
        document = status_document(project, options.model)
    _show(document, options.json)
    return _said(problems)


def _list(options: argparse.Namespace) -> int:
    from assayline.line.delivery.status import rollouts_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        found = rollouts_document(project, options.model)
    if options.json or "rollouts" in views():
        show_or_json("rollouts", found, options.json)
        return 0
    for one in found:
        state = "held" if one["held"] else one["state"].replace("_", " ")
        say(f"{one['rollout']:>6}  {one['challenger']} after {one['champion']}: {state}, stage {one['stage'] + 1} of {one['stages']}, {one['share']:g} %, since {one['at'][:10]}")
    if not found:
        say("There is no rollout yet; start one with: assay rollout start MODEL --candidate v7 --unit COLUMN")
    return 0


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    elif "rollout" in views():
        views()["rollout"](document)
    else:
        for sentence in document["plain"]:
            say(sentence)


def _code(document: dict[str, Any]) -> int:
    waiting = any(not place["done"] for one in document["repairs"] for place in one["places"])
    return 1 if document["state"] == "rolled_back" or waiting else 0


def _said(problems: list[str]) -> int:
    for one in problems:
        sys.stderr.write("assay: " + ascii(one)[1:-1] + "\n")
    return 1 if problems else 0


def _tell(project: Any) -> None:
    from .gate import tell_owners

    tell_owners(project)


COMMAND = Command("rollout", "a new version of a model on its way to the users, step by step, and back", arguments, run)
