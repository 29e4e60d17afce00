"""`assay why`: who is responsible for what is wrong, with proof by replay."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from .command import Command
from .project_options import add_project, print_json, views
from .run import add_line

EPILOG = """\
examples:
  assay why forecasts                                                  # what is wrong with it, if anything, and why
  assay why incident 12                                                # of the gate
  assay why model churn:v8                                             # a version of a model
  assay why flow hourly --since yesterday                              # only what began then or later
  assay why hourly --lot 36                                            # this lot is the bad one
  assay why forecasts --rows "station = 3 and day = 2026-03-10"        # a complaint
  assay why forecasts --metric "mae(prediction, rentals)" --html why.html

exit code: 0 nothing is wrong, 1 there is an answer ("not found" is one), 2 the question makes no sense or something cannot be read
"""
KINDS = ("flow", "incident", "model")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("about", nargs="+", metavar="FLOW", help="a flow; or: flow NAME, incident NUMBER, model NAME:VERSION")
    parser.add_argument("--since", metavar="TIME", help='only what began then or later: yesterday, today, 06:00, 2026-03-14, "3 days ago" (UTC)')
    parser.add_argument("--lot", type=int, metavar="N", help="this lot of the flow is the bad one")
    parser.add_argument("--rows", metavar="CONDITION", default="", help='the rows that are wrong: "station = 3 and day = 2026-03-10"')
    parser.add_argument("--metric", metavar="FIGURE", default="", help='the figure that is wrong: "mae(prediction, rentals)", "rows", "share_missing(age) where country = SE"')
    parser.add_argument("--most", type=int, default=24, metavar="N", help="replays at most (default 24)")
    parser.add_argument("--seconds", type=float, default=120.0, metavar="S", help="no further replay is begun after so long (default 120)")
    parser.add_argument("--packages", action="append", default=[], metavar="FOLDER", help="where packages are found in earlier versions: wheels, source archives, unpacked folders; repeats")
    parser.add_argument("--html", metavar="FILE", help="write the answer as one HTML page; - for standard output")
    parser.add_argument("--svg", metavar="FILE", help="write the picture of the line in which the culprit is marked; - for standard output")
    add_line(parser)
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    import os
    from contextlib import nullcontext

    from assayline.line.definition import FILE, load_line
    from assayline.line.project import open_project
    from assayline.line.why.asking import why

    asked = asked_of(options)
    _check(options)
    shown = {} if options.json else views()
    bar = shown["why_progress"]() if "why_progress" in shown else nullcontext()
    with open_project(options.project) as project:
        file = options.line or os.path.join(project.folder, FILE)
        line = load_line(file)
        with bar as progress:
            document = why(project, line, file, asked, on_event=progress)
    _show(document, options)
    return 0 if document["verdict"] == "healthy" else 1


def asked_of(options: argparse.Namespace) -> Any:
    """The question that is asked.

    Raises:
        MisuseError: it makes no sense.
    """
    from assayline.errors import MisuseError
    from assayline.line.why.asked import Asked
    from assayline.line.why.moments import moment_of

    kind, *rest = options.about if len(options.about) > 1 else ("flow", *options.about)
    if kind not in KINDS or len(rest) != 1:
        raise MisuseError("ask about one thing: assay why FLOW, assay why flow NAME, assay why incident 12, or assay why model churn:v8")
    about: dict[str, Any] = {kind: rest[0]}
    if kind == "incident":
        if not rest[0].isdecimal():
            raise MisuseError(f"{rest[0]!r} is no number of an incident; see: assay flow FLOW")
        about = {kind: int(rest[0])}
    of_flows = {"--since": options.since, "--lot": options.lot, "--rows": options.rows, "--metric": options.metric}
    if kind != "flow" and any(of_flows.values()):
        raise MisuseError(f"{next(name for name, value in of_flows.items() if value)} goes with a flow: assay why FLOW")
    if options.since and options.lot is not None:
        raise MisuseError("--since and --lot say two different things; give one of them")
    return Asked(
        **about, lot=options.lot, since=moment_of(options.since) if options.since else "", rows=options.rows, metric=options.metric, most=options.most, seconds=options.seconds,
        packages=tuple(options.packages),
    )  # fmt: skip


def _check(options: argparse.Namespace) -> None:
    """Refuses files that cannot be written before minutes of work are lost to them."""
    from .scan import check_target

    for path in (options.html, options.svg):
        if path and path != "-":
            check_target(path, [])


def _show(document: Mapping[str, Any], options: argparse.Namespace) -> None:
    import sys

    from assayline.errors import MisuseError

    from .scan import write_text

    shown = views()
    for path, name in ((options.html, "why_html"), (options.svg, "why_svg")):
        if not path:
            continue
        if name not in shown:
            raise MisuseError(f"no installed part offers the view {name!r}; reinstall assayline")
        if path == "-":
            sys.stdout.write(shown[name](document))
        else:
            write_text(path, shown[name](document))
    if options.html == "-" or options.svg == "-":
        return
    if options.json or "why" not in shown:
        print_json(document)
    else:
        shown["why"](document)


COMMAND = Command("why", "find what is responsible for what is wrong, with proof by replay", arguments, run)
