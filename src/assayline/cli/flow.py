"""`assay flow`: the health of a flow over time, its settings, and accepting a new normal."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import add_project, say, show_or_json
from .scan import check_target, write_text


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="*", metavar="flow", help="the flow; none for all. `accept FLOW` takes a change as the new normal, `set FLOW` changes settings")
    parser.add_argument("--from", dest="from_lot", type=int, metavar="LOT", help="with accept: the first lot of the new normal")
    parser.add_argument("--needs", metavar="COLUMNS", help="with set: columns somebody needs, with commas; a lot that lacks one is held")
    parser.add_argument("--shadow-lots", type=int, metavar="N", help="with set: with fewer earlier lots, what compares with them only warns (default 7)")
    parser.add_argument("--author", help="with accept: who decides; default: the user who runs this")
    parser.add_argument("--reason", default="", help="with accept: why")
    parser.add_argument("--most", type=int, default=1_000, metavar="N", help="the last N lots (default 1000)")
    parser.add_argument("--html", metavar="FILE", help="write the charts as one HTML file")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.health import flow_document, flows_document
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        if not options.name:
            show_or_json("flows", flows_document(project), options.json)
            return 0
        verb, *rest = options.name if options.name[0] in ("accept", "set") and len(options.name) == 2 else ("show", *options.name)
        if len(rest) != 1:
            raise MisuseError("name one flow: assay flow FLOW, assay flow accept FLOW --from LOT, assay flow set FLOW --needs COLUMNS")
        flow = rest[0]
        if verb == "accept":
            from assayline.line.adjudicating import accept

            if options.from_lot is None:
                raise MisuseError("say from which lot on: assay flow accept FLOW --from LOT")
            released = accept(project, flow, options.from_lot, author=options.author, reason=options.reason)
            if not options.json:
                say(f"From lot {options.from_lot} on {flow} has a new normal." + (f" Released by this: lots {', '.join(map(str, released))}." if released else ""))
                return 0
        elif verb == "set":
            from assayline.line.settings import change

            changes: dict[str, object] = {}
            if options.needs is not None:
                changes["needs"] = [one.strip() for one in options.needs.split(",") if one.strip()]
            if options.shadow_lots is not None:
                changes["shadow_lots"] = options.shadow_lots
            settings = change(project, flow, changes)
            if not options.json:
                say(f"{flow}: " + ", ".join(f"{name} = {value}" for name, value in sorted(settings.items())))
                return 0
        document = flow_document(project, flow, most=options.most)
        if options.html:
            check_target(options.html, [])
            write_text(options.html, _view("flow_html")(document))
        show_or_json("flow", document, options.json)
    return 0


def _view(name: str):  # type: ignore[no-untyped-def]  # a view is any function; its hook says what it takes
    from assayline import hooks
    from assayline.errors import MisuseError

    views = dict(hooks.offered("assayline.views"))
    if name not in views:
        raise MisuseError(f"no installed part offers the view {name!r}; reinstall assayline")
    return views[name]


COMMAND = Command("flow", "show the health of a flow over time, accept a new normal, change settings", arguments, run)
