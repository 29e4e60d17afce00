"""How many wrong cells are found in one table that nothing is known about, and how many right ones are accused.

Every table is scanned by the command line, as a user would: `assay scan dirty.csv --cells flags.csv`, no past, no settings. The kit's own
scorer compares the flags with the truth; columns in which most cells count as wrong are left out (`--max-col-error 0.5`), since
without labels nobody can know that the majority is wrong. The clean twins are scanned too: what is accused there is a false alarm.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kit import assay, kit
from process import cost
from results import Result

COMMAND = "make bench ONLY=cells"
# Set before anything was built, from what simple methods reach on the same tables without labels (hospital .73, flights .91, beers .72
# by approximate dependencies and empty cells). The other tables are reported without a target of this stage.
TARGETS = {"hospital": 0.70, "flights": 0.85, "beers": 0.70}
ALONE = ("hospital", "flights", "beers", "kd_adult", "kd_bikehour", "kd_pima", "kd_telco")
COLLECTIONS = ("dgov_fd", "dgov_typo")


@dataclass(frozen=True)
class Scored:
    """One table: right accusations, accusations, wrong cells; on the clean twin, accusations among all cells."""

    name: str
    hits: int
    flagged: int
    errors: int
    clean_flagged: int | None
    clean_cells: int
    seconds: float
    clean_verdict: str = ""

    @property
    def f1(self) -> float:
        """The score of the table."""
        return f1(self.hits, self.flagged, self.errors)


def f1(hits: int, flagged: int, errors: int) -> float:
    """The harmonic mean of precision and recall.

    >>> f1(5, 10, 10)
    0.5
    """
    return 2 * hits / (flagged + errors) if hits else 0.0


def flags(table: Path, out: Path) -> tuple[float, str]:
    """Scans one table and leaves the accused cells in `out`; the seconds it took, and the verdict."""
    run = cost([*assay(), "scan", str(table), "--cells", str(out), "--json"], seconds=900)
    if run.status not in (0, 1):
        raise RuntimeError(f"assay scan {table} ended with {run.status}: {run.err[-500:]}")
    return run.wall_seconds, str(json.loads(run.out)["verdict"])


def scored(folder: Path, name: str) -> Scored:
    """The table in this folder, scanned dirty and clean."""
    dirty, clean = folder / "dirty.csv", folder / "clean.csv"
    truth = clean if clean.exists() else folder / "truth_cells.csv"
    with tempfile.TemporaryDirectory() as work:
        accused = Path(work) / "flags.csv"
        seconds, _ = flags(dirty, accused)
        done = subprocess.run(
            [sys.executable, str(kit() / "score_cells.py"), str(dirty), str(truth), str(accused), "--max-col-error", "0.5", "--json"],
            capture_output=True, text=True, check=True,
        )
        cell = json.loads(done.stdout)["cell"]
        clean_flagged, cells, verdict = None, 0, ""
        if clean.exists():
            _, verdict = flags(clean, accused)
            with accused.open(newline="", encoding="utf-8", errors="replace") as file:
                clean_flagged = len({(row["row"], row["column"]) for row in csv.DictReader(file)})
            with clean.open(newline="", encoding="utf-8-sig", errors="replace") as file:
                cells = sum(len(row) for row in csv.reader(file))
    return Scored(name, cell["tp"], cell["flagged"], cell["errors"], clean_flagged, cells, seconds, verdict)


@cache
def tables() -> dict[str, list[Scored]]:
    """All tables of the kit by data set; measured once, whatever asks for them."""
    data = kit() / "data"
    wanted = [(data / name, name) for name in ALONE if (data / name / "dirty.csv").exists()]
    wanted += [(path.parent, f"{group}/{path.parent.name}") for group in COLLECTIONS for path in sorted((data / group).glob("*/dirty.csv"))]
    csv.field_size_limit(10**9)
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2))) as pool:
        found = list(pool.map(lambda one: scored(*one), wanted))
    alone = {one.name: [one] for one in found if "/" not in one.name}
    together = {group: [one for one in found if one.name.startswith(f"{group}/")] for group in COLLECTIONS}
    return {name: members for name, members in (alone | together).items() if members}


def run() -> list[Result]:
    """Against what simple methods reach."""
    return [*(_found(name, members) for name, members in tables().items()), *_accused_on_twins(tables())]


def total(members: list[Scored]) -> tuple[int, int, int]:
    """Right accusations, accusations and wrong cells of several tables together."""
    hits, flagged, errors = (sum(values) for values in zip(*((one.hits, one.flagged, one.errors) for one in members), strict=True))
    return hits, flagged, errors


def _found(name: str, members: list[Scored]) -> Result:
    hits, flagged, errors = total(members)
    figure = f"{f1(hits, flagged, errors):.3f}"
    if len(members) > 1:
        figure += f" over all cells, {sum(one.f1 for one in members) / len(members):.3f} mean of {len(members)} tables"
    seconds = sum(one.seconds for one in members)
    figure += f" (precision {_share(hits, flagged)}, recall {_share(hits, errors)}; {errors:,} wrong cells; {seconds:.1f} s)"
    target = TARGETS.get(name)
    if target is None:
        return Result(f"{name}: F1 of wrong cells found", "", figure, command=COMMAND)
    claim = "finds what can be found without labels"
    return Result(f"{name}: F1 of wrong cells found", claim, figure, f">= {target}", f1(hits, flagged, errors) >= target, COMMAND)


def _accused_on_twins(groups: dict[str, list[Scored]]) -> Iterator[Result]:
    for name, members in groups.items():
        twins = [one for one in members if one.clean_flagged is not None]
        if twins:
            accused, cells = sum(one.clean_flagged or 0 for one in twins), sum(one.clean_cells for one in twins)
            figure = f"{accused / max(1, cells):.3%} ({accused:,} of {cells:,})"
            claim = "accuses next to nothing that is right"
            held = name in TARGETS
            yield Result(f"{name}: cells of the clean twin accused", claim if held else "", figure, "<= 1 %" if held else "",
                         accused <= 0.01 * cells if held else None, COMMAND)  # fmt: skip


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"
