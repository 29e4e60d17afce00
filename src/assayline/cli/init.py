"""`assay init`: a new project."""

from __future__ import annotations

import argparse

from .command import Command
from .project_options import print_json, say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", help="the folder; made where it is missing")
    parser.add_argument("--ledger", default="sqlite:///ledger.db", metavar="URL", help="sqlite:///PATH (default: ledger.db in the folder) or postgresql://…")
    parser.add_argument("--store", default="store", metavar="PLACE", help="a folder (default: store) or an address such as s3://bucket/folder")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(options: argparse.Namespace) -> int:
    from assayline.line.project import create_project

    with create_project(options.folder, ledger=options.ledger, store=options.store) as project:
        if options.json:
            print_json({"project": project.name, "folder": options.folder, "ledger": project.ledger.name, "store": project.store.name})
        else:
            say(f"{project.name} is ready. The ledger is {project.ledger.name}, the store {project.store.name}.")
            say("Next: " + (f"cd {options.folder} && " if options.folder != "." else "") + "assay gate FLOW INPUT…")
    return 0


COMMAND = Command("init", "make a project: a ledger and a store for lots", arguments, run)
