"""`assay quarantine`: rows that were put aside: looked at, fixed, waived, rejected, put back."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, print_json, say, show_or_json
from .scan import check_target

EPILOG = """\
examples:
  assay quarantine list
  assay quarantine show 3
  assay quarantine fix 3 --suggested
  assay quarantine fix 3 --set city=Köln --rows 4,17
  assay quarantine waive 4 --reason "that shop is closed on Sundays"
  assay quarantine reject 5
  assay quarantine export sales bad.xlsx      # edit it, then:
  assay quarantine import bad.xlsx
  assay quarantine put-back sales

A case is what is bad in the same way in one lot; one answer serves all of its rows unless --rows names some.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=("list", "show", "fix", "waive", "reject", "put-back", "export", "import"))
    parser.add_argument("what", nargs="*", metavar="CASE|FLOW|FILE", help="the case; with list and put-back the flow; with export the flow or case and the file; with import the file")
    parser.add_argument("--set", action="append", default=[], metavar="COLUMN=VALUE", help="with fix: what shall stand there; nothing after = empties the cell; repeats")
    parser.add_argument("--suggested", action="store_true", help="with fix: each accused cell gets what was suggested for it")
    parser.add_argument("--rows", metavar="N,N", help="only these rows of the case (places in the lot); default: all that are open")
    parser.add_argument("--all", action="store_true", help="with list: cases that are done too")
    parser.add_argument("--lot", type=int, metavar="N", help="with put-back: only rows of this lot")
    parser.add_argument("--most", type=int, default=20, metavar="N", help="with show: how many rows (default 20; 0 for all)")
    parser.add_argument("--author", help="who decides; default: the user who runs this")
    parser.add_argument("--reason", default="", help="why")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.project import open_project

    counts = {"list": (0, 1), "put-back": (0, 1), "export": (1, 2), "import": (1, 1)}
    least, most = counts.get(options.verb, (1, 1))
    if not least <= len(options.what) <= most:
        raise MisuseError(f"assay quarantine {options.verb}: {'name a case' if options.verb in ('show', 'fix', 'waive', 'reject') else 'see assay quarantine --help'}")
    with open_project(options.project) as project:
        if options.verb == "list":
            from assayline.line.quarantine import cases_document

            show_or_json("cases", cases_document(project, flow=options.what[0] if options.what else None, only_open=not options.all), options.json)
            return 0
        if options.verb == "show":
            from assayline.line.quarantine import case_page

            show_or_json("case", case_page(project, _case(options.what[0]), most=options.most), options.json)
            return 0
        if options.verb == "put-back":
            return _put_back(project, options)
        if options.verb == "export":
            return _export(project, options)
        if options.verb == "import":
            from assayline.line.spreadsheet import import_rows

            done = import_rows(project, options.what[0], author=options.author, reason=options.reason)
            _said(options, done, f"{done['fix']} rows fixed, {done['waive']} waived, {done['reject']} rejected, {done['open']} left open." + (_next(done) or ""))
            return 0
        return _decide(project, options)


def _decide(project, options: argparse.Namespace) -> int:  # type: ignore[no-untyped-def]  # a Project; its module is loaded only when a command runs
    from assayline.errors import MisuseError
    from assayline.line.quarantine import decide

    values: dict[str, str | None] = {}
    for one in options.set:
        column, sign, value = one.partition("=")
        if not sign:
            raise MisuseError(f"--set {one!r} has no =; write COLUMN=VALUE")
        values[column] = value or None
    rows = None
    if options.rows:
        parts = [part.strip() for part in options.rows.split(",") if part.strip()]
        if not all(part.isdigit() for part in parts):
            raise MisuseError(f"--rows {options.rows!r}: name places in the lot with commas, as assay quarantine show has them")
        rows = [int(part) for part in parts]
    done = decide(
        project, _case(options.what[0]), options.verb, rows=rows, values=values, suggested=options.suggested, author=options.author, reason=options.reason
    )
    word = {"fix": "fixed", "waive": "waived", "reject": "rejected"}[options.verb]
    _said(options, done, f"{done['rows']} rows {word}, {done['open']} of the case are open." + (_next({options.verb: done["rows"]}) or ""))
    return 0


def _next(done: dict[str, int]) -> str:
    return " Put them back with: assay quarantine put-back" if done.get("fix") or done.get("waive") else ""


def _put_back(project, options: argparse.Namespace) -> int:  # type: ignore[no-untyped-def]  # as above
    from assayline.ledger import records
    from assayline.line.put_back import put_back

    with project.ledger.read() as connection:
        names = options.what or sorted({row.flow for row in records.waiting(connection)})
    code, documents = 0, []
    for flow in names:
        for outcome in put_back(project, flow, lot=options.lot):
            document = dict(outcome.document)
            documents.append(document)
            code = max(code, 1 if document["rows"]["quarantined"] else 0)
            if options.json:
                print_json(document)
            else:
                again = f", {document['rows']['quarantined']} are still bad" if document["rows"]["quarantined"] else ""
                say(f"{flow}, {document['input']}: {document['rows']['released']} rows are back{again}.")
    if not documents and not options.json:
        say("Nothing waits to be put back.")
    return code


def _export(project, options: argparse.Namespace) -> int:  # type: ignore[no-untyped-def]  # as above
    from assayline.line.spreadsheet import export_rows

    *what, path = options.what
    check_target(path, [])
    case = int(what[0]) if what and what[0].isdigit() else None
    rows = export_rows(project, path, flow=what[0] if what and case is None else None, case=case)
    _said(options, {"file": path, "rows": rows}, f"{path}: {rows} rows. Edit cells, or write fix, waive or reject into assay_decision; then: assay quarantine import {path}")
    return 0


def _case(text: str) -> int:
    from assayline.errors import MisuseError

    if not text.isdigit():
        raise MisuseError(f"{text!r} is no number of a case; see: assay quarantine list")
    return int(text)


def _said(options: argparse.Namespace, body: object, sentence: str) -> None:
    if options.json:
        print_json(body)
    else:
        say(sentence)


COMMAND = Command("quarantine", "look at rows that were put aside, fix, waive, reject them, put them back", arguments, run)
