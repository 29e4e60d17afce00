"""`assay env`: captures of what programs run on, kept and compared."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .command import Command
from .project_options import add_project, print_json, say

if TYPE_CHECKING:
    from assayline.environments import Environment
    from assayline.line.project import Project

MOST_NOTES = 12  # on a terminal; worse differences are all shown
EPILOG = """\
examples:
  assay env capture dev
  assay env capture prod --python /srv/model/venv/bin/python
  assay env capture prod --out prod.json       # on the other machine; needs no project
  assay env capture prod --from prod.json      # here
  assay env diff dev prod --uses scikit-learn
  assay env probe model.json --call scoring:predict --rows golden.csv     # record, where it is known to work
  assay env probe model.json --python /srv/model/venv                     # judge, where it shall run

exit code: 0 nothing above a note, 1 something warns or blocks, 2 something could not be read
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=("capture", "diff", "probe"))
    parser.add_argument("what", nargs="+", metavar="NAME", help="with capture the name; with diff two names, numbers of lots or JSON files; with probe its file")
    parser.add_argument("--python", metavar="PATH", help="with capture and probe: the interpreter, or folder of a virtual environment; default: the one that runs this")
    parser.add_argument("--from", dest="source", metavar="FILE", help="with capture: take this capture, which was made elsewhere with --out")
    parser.add_argument("--out", metavar="FILE", help="with capture: write it to this file, and keep nothing")
    parser.add_argument("--locks", metavar="DIR", help="with capture: folder with the lock files; default: that of the project")
    parser.add_argument("--quick", action="store_true", help="with capture: do not read every installed file to see whether it was altered")
    parser.add_argument("--probe", metavar="FILE", help="with capture: run this probe there; where results are the same, what could have changed them is a note")
    parser.add_argument("--call", metavar="MODULE:FUNCTION", help="with probe: record one of this function")
    parser.add_argument("--rows", metavar="FILE", help="with probe --call: up to 1,000 golden rows, .csv or .parquet")
    parser.add_argument("--frame", default="pandas", choices=("pandas", "polars", "numpy", "dict"), help="with probe --call: what the function takes (default pandas)")
    parser.add_argument("--code", default=".", metavar="DIR", help="folder the function is imported from (default: the working folder)")
    parser.add_argument("--uses", action="append", metavar="PACKAGE", help="what the program really uses; with all it requires it counts, the rest is noted; repeats")
    parser.add_argument("--parses", action=argparse.BooleanOptionalAction, default=None, help="dates or texts are parsed there, so that time zone and region decide")
    parser.add_argument("--pickles", action=argparse.BooleanOptionalAction, default=None, help="pickles go from one to the other, so that the version of Python decides")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError

    wanted = 2 if options.verb == "diff" else 1
    if len(options.what) != wanted:
        raise MisuseError(f"assay env {options.verb} takes " + {"capture": "one name", "probe": "one file", "diff": "two captures: names, numbers of lots or JSON files"}[options.verb])
    if options.source and (options.python or options.out or options.locks or options.probe):
        raise MisuseError("--from takes a capture as it is; --python, --out, --locks and --probe make one")
    if bool(options.call) != bool(options.rows):
        raise MisuseError("a probe is recorded with --call module:function and --rows FILE")
    return {"capture": _capture, "diff": _diff, "probe": _probe}[options.verb](options)


def _capture(options: argparse.Namespace) -> int:
    from assayline.environments import check, probe_in
    from assayline.line.captures import from_file, keep
    from assayline.line.project import open_project

    name = options.what[0]
    if options.out:
        return _write(options.out, _captured(options, options.locks or "."), options.json)
    with open_project(options.project) as project:
        environment = from_file(options.source) if options.source else _captured(options, options.locks or project.folder)
        shown = options.source or options.python or sys.executable
        verdict = check(probe_in(options.probe), python=options.python, code=options.code) if options.probe else None
        outcome = keep(project, name, environment, shown, relevant=options.uses, parses=options.parses, pickles=options.pickles, verdict=verdict)
    document = {**outcome.document, "packages": len(environment.packages)}
    if options.json:
        print_json(document)
    else:
        _say_outcome(document)
    return 0 if document["verdict"] == "release" or (document["state"] == "released" and "duplicate_of" in document) else 1


def _captured(options: argparse.Namespace, locks: str) -> Environment:
    from assayline.environments import capture

    return capture(options.python, project=locks, check_files=not options.quick)


def _write(path: str, environment: Environment, as_json: bool) -> int:
    from .scan import check_target, write_text

    document = environment.as_json()
    check_target(path, [])
    write_text(path, json.dumps(document, ensure_ascii=True, indent=1) + "\n")
    if as_json:
        print_json({"file": path, "digest": document["digest"], "packages": len(environment.packages)})
    else:
        say(f"{path} holds the capture: {len(environment.packages)} packages, {environment.digest[:19]}.")
    return 0


def _say_outcome(document: Mapping[str, Any]) -> None:
    if "duplicate_of" in document:
        waits = {"held": ", which waits for a person", "rejected": ", which was rejected"}.get(document["state"], "")
        say(f"{document['flow']}: unchanged since lot {document['duplicate_of']}{waits}.")
        return
    words = {"release": "released", "warn": "released with a warning", "hold": "held"}
    say(f"lot {document['lot']} of {document['flow']}: {document['packages']} packages, {words[document['verdict']]}.")
    _say_findings([(one["evidence"]["weight"], one["sentence"], one["suggestion"]) for one in document["findings"]])
    if document["verdict"] == "hold":
        say(f"It waits for a person: assay lot {document['lot']} release, or reject")


def _say_findings(found: Sequence[tuple[str, str, str]]) -> None:
    notes = [one for one in found if not one[2]]
    for weight, sentence, step in [*(one for one in found if one[2]), *notes[:MOST_NOTES]]:
        say(f"  {weight:<5}  {sentence}" + (f"\n         next: {step}" if step else ""))
    if len(notes) > MOST_NOTES:
        say(f"  note   and {len(notes) - MOST_NOTES} more notes; --json has all")


def _probe(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from assayline.environments import check, probe_in

    path = options.what[0]
    if options.call:
        return _record(path, options)
    probe = probe_in(path)
    verdict = check(probe, python=options.python, code=options.code)
    if options.json:
        print_json({"same": verdict.same, "sentence": verdict.sentence, "rows": verdict.rows, "decided_otherwise": verdict.decided_otherwise,
                    "deviations": [asdict(one) for one in verdict.deviations], "doubts": list(probe.doubts())})  # fmt: skip
    else:
        say(("pass: " if verdict.same else "differs: ") + verdict.sentence)
        for doubt in probe.doubts():
            say(f"  but {doubt}")
    return 0 if verdict.same else 1


def _record(path: str, options: argparse.Namespace) -> int:
    from assayline.environments import record
    from assayline.line.captures import golden_rows

    from .scan import check_target, write_text

    check_target(path, [options.rows])
    probe = record(options.call, golden_rows(options.rows), frame=options.frame, python=options.python, code=options.code)
    write_text(path, json.dumps(probe.as_json(), ensure_ascii=True) + "\n")
    if options.json:
        print_json({"file": path, "rows": probe.rows, "spread": dict(probe.spread), "doubts": list(probe.doubts())})
    else:
        say(f"{path} holds what {probe.call} says of {probe.rows:,} golden rows.")
        for doubt in probe.doubts():
            say(f"  but {doubt}")
    return 1 if probe.doubts() else 0


def _diff(options: argparse.Namespace) -> int:
    from assayline.environments import Severity, compare
    from assayline.line.captures import differences_document, named

    with _maybe_project(options) as project:
        first, second = (named(project, name) for name in options.what)
    one, two = options.what if options.what[0] != options.what[1] else ("the first", "the second")
    differences = compare(first, second, options.uses, parses=options.parses, pickles=options.pickles, names=(f"in {one}", f"in {two}"))
    if options.json:
        print_json(differences_document(options.what[0], options.what[1], differences))
    elif not differences:
        say(f"{options.what[0]} and {options.what[1]} do not differ: {len(first.packages)} packages, interpreter, machine, place, clock, math and switches are the same.")
    else:
        counts = [f"{sum(one.severity == severity for one in differences)} {severity}" for severity in sorted(Severity, reverse=True)]
        say(f"From {one} to {two}: {', '.join(counts)}")
        _say_findings([(str(one.severity), one.sentence, one.next_step) for one in differences])
    return 1 if any(one.severity > Severity.NOTE for one in differences) else 0


class _maybe_project:
    """The project, or None where only files are compared: these need none."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.project: Project | None = None

    def __enter__(self) -> Project | None:
        import os

        from assayline.line.project import open_project

        if self.options.project or not all(os.path.isfile(name) for name in self.options.what):
            self.project = open_project(self.options.project)
        return self.project

    def __exit__(self, *_: object) -> None:
        if self.project is not None:
            self.project.__exit__()


COMMAND = Command("env", "capture what programs run on, and say what differs", arguments, run)
