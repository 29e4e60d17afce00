"""`assay scan`: what is wrong with this data, with no configuration."""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
from collections.abc import Sequence

from assayline import hooks
from assayline.errors import MisuseError

from .command import Command

MIB = 1 << 20
EPILOG = """\
examples:
  assay scan orders.csv
  assay scan 'exports/2026-*.parquet' --html report.html
  assay scan today.csv --past 'history/*.csv' --cells bad.csv
  assay scan orders.csv --parent customers.csv --parent products.parquet
  assay scan 'sqlite:shop.db?table=orders'

exit code: 0 nothing at or above a warning, 1 findings, 2 the input could not be read
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("input", help="a file, folder, glob, archive or database address")
    parser.add_argument("--past", action="append", default=[], metavar="PATH-OR-GLOB", help="earlier lots of the same data, oldest first; repeats")
    parser.add_argument("--parent", action="append", default=[], metavar="INPUT", help="a table whose rows this one refers to; keys it lacks are findings; repeats")
    parser.add_argument("--json", action="store_true", help="print the report as JSON and nothing else")
    parser.add_argument("--html", metavar="FILE", help="write the report as one HTML file")
    parser.add_argument("--memory", type=mebibytes, default=0, metavar="MIB", help="most memory the reading process may take; default: by the size of the input")
    parser.add_argument("--timeout", type=seconds, default=0.0, metavar="SECONDS", help="most time the reading process may take; default: none")
    parser.add_argument("--cells", metavar="FILE", help="write every cell held to be wrong as CSV")


def run(options: argparse.Namespace) -> int:
    from assayline.core import Verdict, report_from_json
    from assayline.scanning.apart import scan_apart
    from assayline.tables import Limits

    views = dict(hooks.offered("assayline.views"))
    needed = [name for name, wanted in (("html", options.html), ("cells", options.cells)) if wanted and name not in views]
    if needed:
        raise MisuseError(f"no installed part offers the view {needed[0]!r}; reinstall assayline")
    for path in (options.html, options.cells):
        if path is not None:
            check_target(path, [options.input, *options.past, *options.parent])
    if options.html and options.cells and os.path.realpath(options.html) == os.path.realpath(options.cells):
        raise MisuseError(f"{options.html!r} is named for both the page and the cells; name two files")

    cells = os.path.abspath(options.cells) if options.cells else None
    limits = Limits(memory_bytes=options.memory * MIB, seconds=options.timeout)
    if options.json or "progress" not in views:
        document = scan_apart(options.input, options.past, parents=options.parent, cells=cells, limits=limits)
    else:
        with views["progress"]() as on_progress:
            document = scan_apart(options.input, options.past, parents=options.parent, cells=cells, limits=limits, on_progress=on_progress)

    report = report_from_json(document)
    if options.html:
        write_text(options.html, views["html"](report))
    if options.json:
        sys.stdout.write(json.dumps(document, ensure_ascii=True, separators=(", ", ": ")) + "\n")
    elif "show" in views:
        views["show"](report)
    else:
        for finding in report.findings:
            sys.stdout.write(ascii(finding.sentence) + "\n")
    return 0 if report.verdict == Verdict.RELEASE else 1


def check_target(path: str, inputs: Sequence[str]) -> None:
    """Refuses a file that cannot be written, or that is one of the inputs, before hours of work are lost to it.

    Raises:
        MisuseError: with the cause and what to do.
    """
    home = os.path.dirname(os.path.abspath(path))
    if not path or "\0" in path:
        raise MisuseError(f"{path!r} is no name of a file; name a file to write to")
    named = [part for one in inputs for part in ([one] if os.path.lexists(one) or not glob.has_magic(one) else glob.iglob(one))]
    for one in named:
        if os.path.realpath(path) == os.path.realpath(one) or _same_file(path, one):
            raise MisuseError(f"{path!r} is the input; name another file to write to")
        if os.path.isdir(one) and os.path.isfile(path) and os.path.realpath(home) == os.path.realpath(one):
            raise MisuseError(f"{path!r} is part of the input {one!r}; name another file to write to")
    cause = ""
    if os.path.isdir(path):
        cause = "it is a folder"
    elif not os.path.isdir(home):
        cause = f"there is no folder {home!r}"
    elif os.path.lexists(path) and not os.path.isfile(path):
        cause = "it is no regular file"
    elif not os.access(home, os.W_OK | os.X_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        cause = "permission denied"
    else:
        try:  # what no question answers: full disks, quotas, read-only mounts, names that are too long
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return
        except OSError as error:
            cause = error.strerror or str(error)
        else:
            os.close(descriptor)
            os.unlink(path)
            return
    raise MisuseError(f"cannot write {path!r}: {cause}; choose another place")


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def mebibytes(text: str) -> int:
    value = int(text)
    if not 0 <= value < 1 << 30:
        raise ValueError(text)
    return value


def seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def write_text(path: str, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    folder = os.path.dirname(os.path.abspath(path))
    temporary = os.path.join(folder, f".assay-{os.getpid()}.part")
    try:
        with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise MisuseError(f"cannot write {path!r}: {error.strerror}; choose another place") from error


COMMAND = Command("scan", "say what is wrong with some data, with no configuration", arguments, run)
