"""`assay parity`: is the data that development works on the data that production gets?"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from .command import Command
from .project_options import print_json, say

EPILOG = """\
example:
  assay parity sales --dev ~/sales --prod /srv/assay

exit code: 0 nothing differs, 1 something does, 2 a project could not be read
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("flow", help="name of the flow, in both projects")
    parser.add_argument("--dev", required=True, metavar="DIR", help="folder of the project where models are made")
    parser.add_argument("--prod", required=True, metavar="DIR", help="folder of the project where they run")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(options: argparse.Namespace) -> int:
    from assayline.line.parity import parity_document
    from assayline.line.project import open_project

    with open_project(options.dev) as dev, open_project(options.prod) as prod:
        document = parity_document(dev, prod, options.flow)
    if options.json:
        print_json(document)
    else:
        _show(document)
    return 0 if document["same"] else 1


def _show(document: Mapping[str, Any]) -> None:
    rows = [("", "dev", "prod"), *((one["name"], _text(one["dev"]), _text(one["prod"])) for one in document["facts"])]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    say()
    if document["same"]:
        say(f"Nothing differs in {document['flow']}: freshness, volume, schema and distributions were compared.")
    for one in document["differences"]:
        numbers = f" (dev {_text(one['dev'])}, prod {_text(one['prod'])})" if one["aspect"] == "distribution" else ""
        say(f"{one['weight']:<5}  {one['aspect']}: {one['sentence']}{numbers}")


def _text(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)[:19]


COMMAND = Command("parity", "compare the data of a flow in two projects: freshness, volume, schema, distributions", arguments, run)
