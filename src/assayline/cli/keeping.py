"""`assay verify`, `assay backup`, `assay restore`: keeping the record."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

from .command import Command
from .project_options import add_project, print_json, say


def arguments_of_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="make the tables again from the entries, if those are intact")
    add_project(parser)


def run_verify(options: argparse.Namespace) -> int:
    from assayline.ledger import verify
    from assayline.ledger.verifying import rebuild
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        if options.repair:
            rebuild(project.ledger)
        found = list(verify(project.ledger, project.store))
        if options.json:
            print_json({"ledger": project.ledger.name, "store": project.store.name, "damage": [asdict(one) for one in found]})
        else:
            for one in found:
                say(f"{one.place}: {one.cause}; {one.next_step}")
            say(f"{len(found)} damaged" if found else "All is as it was written: every entry, every table, every object.")
    return 1 if found else 0


def arguments_of_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="the archive to write; gates may go on working")
    add_project(parser)


def run_backup(options: argparse.Namespace) -> int:
    from assayline.ledger import back_up
    from assayline.line.project import open_project

    with open_project(options.project) as project:
        entries, objects = back_up(project.ledger, project.store, options.file)
    if options.json:
        print_json({"file": options.file, "entries": entries, "objects": objects})
    else:
        say(f"{options.file}: {entries:,} entries and {objects:,} objects.")
    return 0


def arguments_of_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="an archive written by assay backup")
    parser.add_argument("folder", help="folder of the new project; made where it is missing")
    parser.add_argument("--ledger", default="sqlite:///ledger.db", metavar="URL", help="as for assay init")
    parser.add_argument("--store", default="store", metavar="PLACE", help="as for assay init")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run_restore(options: argparse.Namespace) -> int:
    from assayline.errors import NotFound
    from assayline.ledger import restore
    from assayline.line.project import create_project

    if not os.path.isfile(options.file):
        raise NotFound(options.file, "there is no such file", next_step="name a backup")
    with create_project(options.folder, ledger=options.ledger, store=options.store) as project:
        entries, objects = restore(options.file, project.ledger, project.store)
    if options.json:
        print_json({"folder": options.folder, "entries": entries, "objects": objects})
    else:
        say(f"{options.folder} is restored: {entries:,} entries and {objects:,} objects. Check it with: assay verify --project {options.folder}")
    return 0


VERIFY = Command("verify", "check that ledger and store are as they were written", arguments_of_verify, run_verify)
BACKUP = Command("backup", "write ledger and store to one archive", arguments_of_backup, run_backup)
RESTORE = Command("restore", "make a project from a backup", arguments_of_restore, run_restore)
