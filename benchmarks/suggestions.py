"""How many of the cells rightly held to be wrong come with what belongs there, and how often that is what the clean twin has.

Every table is scanned by the command line, as a user would: `assay scan dirty.csv --cells flags.csv`, no past, no settings. Counted are the
accused cells that the kit's own rule calls wrong (columns in which most cells count as wrong are left out, as in `cells`); a suggestion is right when
it equals the clean value after the normalisation of the same rule. A suggestion to leave the cell empty counts as a suggestion.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells import flags
from kit import kit
from results import Result

from assayline.report.cells import read_cells

COMMAND = "make bench ONLY=suggestions"
TABLES = ("hospital", "flights", "beers")
RIGHT = 0.9  # of the suggestions: one in ten may be looked up in vain
CARRIED = {"hospital": 0.6}  # of the rightly accused cells
MAJORITY = 0.5


@dataclass(frozen=True)
class Suggested:
    """One table: cells rightly accused, those of them with a suggestion, and those whose suggestion is the clean value; the latter two by code."""

    name: str
    hits: int
    carried: Counter[str]
    right: Counter[str]


def suggested(folder: Path, name: str) -> Suggested:
    """The table in this folder, scanned once and held against its twin."""
    rule = _scorer()
    dirty, clean = folder / "dirty.csv", folder / "clean.csv"
    head, rows, errors, _ = rule.truth(str(dirty), str(clean))
    errors, _, _ = rule.drop_majority(rows, errors, set(), MAJORITY)
    _, meant = rule.read(str(clean))
    place = {column: position for position, column in reversed(list(enumerate(head)))}
    with tempfile.TemporaryDirectory() as work:
        accused = Path(work) / "flags.csv"
        flags(dirty, accused)
        found = {(one.cell.row, place[one.cell.column]): one for one in read_cells(accused) if one.cell.column in place}
    carried: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for (row, column), one in found.items():
        if (row, column) in errors and one.cell.suggestion is not None:
            carried[one.code] += 1
            right[one.code] += rule.n_raha(one.cell.suggestion) == rule.n_raha(meant[row][column])
    return Suggested(name, len(errors & set(found)), carried, right)


def _scorer() -> Any:
    """The kit's scorer, whose reading of files and normalisation are the rule."""
    folder = str(kit())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("score_cells")


def run() -> list[Result]:
    """The tables of the kit whose clean values are known cell by cell."""
    data = kit() / "data"
    return [result for name in TABLES if (data / name / "clean.csv").exists() for result in _results(suggested(data / name, name))]


def _results(one: Suggested) -> list[Result]:
    carried, right = one.carried.total(), one.right.total()
    by_code = ", ".join(f"{code} {one.right[code]:,} of {n:,}" for code, n in one.carried.most_common())
    share, precision = carried / max(1, one.hits), right / max(1, carried)
    target = CARRIED.get(one.name)
    return [
        Result(
            f"{one.name}: suggestions that are the clean value", "what is suggested may be believed", f"{precision:.3f} ({right:,} of {carried:,}: {by_code})",
            f">= {RIGHT}", precision >= RIGHT, COMMAND,
        ),
        Result(
            f"{one.name}: rightly accused cells with a suggestion", "most wrong cells can be put right" if target else "",
            f"{share:.3f} ({carried:,} of {one.hits:,})", f">= {target}" if target else "", share >= target if target else None, COMMAND,
        ),
    ]  # fmt: skip
