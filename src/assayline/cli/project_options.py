"""What commands on a project have in common: where it is, and how results are printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from assayline import hooks


def add_project(parser: argparse.ArgumentParser) -> None:
    """`--project` and `--json`."""
    parser.add_argument("--project", metavar="DIR", help="folder of the project; default: the nearest one above the working folder")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def print_json(value: Any) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, separators=(", ", ": ")) + "\n")


def say(text: str = "") -> None:
    """A line for people; control characters are shown, not obeyed."""
    sys.stdout.write("".join(char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape", "backslashreplace").decode() for char in text) + "\n")


def views() -> dict[str, Callable[..., Any]]:
    """The installed views, by name."""
    return dict(hooks.offered("assayline.views"))


def show_or_json(name: str, value: Any, as_json: bool) -> None:
    """A value through the installed view of this name, or as JSON where that is asked for or no view is installed."""
    shown = views()
    if not as_json and name in shown:
        shown[name](value)
    else:
        print_json(value)
