"""`assay target`: where released rows go besides the store."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from .command import Command
from .project_options import add_project, print_json, say

EPILOG = """\
examples:
  assay target add sales /srv/shared/sales
  assay target add sales 'postgresql://shop@db/shop?table=sales' --key order_id --typed
  assay target add sales delta:s3://lake/sales
  assay target add scores nats://broker:4222/scores --key customer_id --option password=env:NATS_PASSWORD
  assay target add letters https://post.example/letters --key customer_id --final
  assay target push sales

exit code of push: 0 every target has everything, 2 one could not take a lot
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("verb", choices=("add", "list", "remove", "push"))
    parser.add_argument("flow", help="name of the flow")
    place = "a folder, sqlite:PATH?table=NAME, postgresql://…?table=NAME, delta:PLACE, kafka|mqtt|nats|amqp|redis://HOST/NAME, http(s)://…"
    parser.add_argument("rest", nargs="?", metavar="PLACE|N", help=f"with add: {place}; with remove: the number")
    parser.add_argument("--csv", action="store_true", help="with a folder: CSV instead of Parquet")
    key = "with a database: rows of a later lot replace those with the same values in these columns, with commas; with a broker: what a message is about"
    parser.add_argument("--key", default="", metavar="COLUMNS", help=key)
    parser.add_argument("--typed", action="store_true", help="with a database or a Delta table: text becomes numbers and times, where every cell of the last lots reads so")
    parser.add_argument("--block", type=int, metavar="N", help="with a broker: N rows make one message; default: 1")
    parser.add_argument("--final", action="store_true", help="what arrived there cannot be undone: rows that are superseded later are listed in a file and told, and nothing is sent")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="with a broker: an option of the connection, such as password=env:NAME or ca_file=PATH; repeats")
    parser.add_argument("--again", action="store_true", help="with push: also what the ledger says was pushed, where the target no longer has it")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line.project import open_project
    from assayline.line.targets import add_target, remove_target

    if (options.rest is not None) != (options.verb in ("add", "remove")):
        raise MisuseError(f"assay target {options.verb} FLOW takes {'a place' if options.verb == 'add' else 'a number' if options.verb == 'remove' else 'nothing more'}")
    with open_project(options.project) as project:
        if options.verb == "add":
            key = [one.strip() for one in options.key.split(",") if one.strip()]
            connection = dict(one.partition("=")[::2] for one in options.option)
            made = add_target(
                project, options.flow, options.rest, format="csv" if options.csv else None, key=key, typed=options.typed, block=options.block, final=options.final,
                connection=connection,
            )  # fmt: skip
            _said(options.json, made, f"Target {made['number']} of {options.flow}: {made['address']}. It gets what was released with: assay target push {options.flow}")
        elif options.verb == "remove":
            if not options.rest.isdigit():
                raise MisuseError(f"{options.rest!r} is no number of a target; see: assay target list {options.flow}")
            remove_target(project, options.flow, int(options.rest))
            _said(options.json, {"flow": options.flow, "number": int(options.rest), "state": "off"}, f"Target {options.rest} of {options.flow} gets nothing more; what it has stays there.")
        elif options.verb == "list":
            _list(project, options)
        else:
            return _push(project, options)
    return 0


def _list(project, options: argparse.Namespace) -> None:  # type: ignore[no-untyped-def]  # naming the class here would load everything at every start
    from assayline.line.targets import targets_document

    document = targets_document(project, options.flow)
    if options.json:
        print_json(document)
        return
    for one in document["targets"]:
        chosen = ", ".join(f"{name} {' '.join(value) if isinstance(value, list) else value}" for name, value in one["options"].items())
        outdated = f", {one['outdated']:,} outdated" if one["outdated"] else ""
        say(f"{one['number']}: {one['address']}{f' ({chosen})' if chosen else ''}: {one['lots']:,} lots there, {one['waiting']:,} waiting{outdated}")
    if not document["targets"]:
        say(f"{options.flow} has no target; add one with: assay target add {options.flow} PLACE")


def _push(project, options: argparse.Namespace) -> int:  # type: ignore[no-untyped-def]  # as above
    from assayline.line.targets import push

    pushes = push(project, options.flow, again=options.again)
    if options.json:
        print_json({"flow": options.flow, "targets": [asdict(one) for one in pushes]})
    for one in pushes:
        if not options.json:
            more = (f"{len(one.withdrawn):,} lots taken back" if one.withdrawn else "", f"{one.waiting:,} lots wait" if one.waiting else "")
            say("; ".join([f"{one.target}: {one.address}: {len(one.lots):,} lots, {one.rows:,} rows", *(some for some in more if some)]))
        if one.problem:
            sys.stderr.write("assay: " + ascii(f"target {one.target}: {one.problem}")[1:-1] + "\n")
    if not pushes and not options.json:
        say(f"{options.flow} has no target; add one with: assay target add {options.flow} PLACE")
    return 2 if any(one.problem for one in pushes) else 0


def _said(as_json: bool, body: object, sentence: str) -> None:
    if as_json:
        print_json(body)
    else:
        say(sentence)


COMMAND = Command("target", "send released rows to folders, tables and brokers", arguments, run)
