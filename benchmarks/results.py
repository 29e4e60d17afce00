"""What a benchmark leaves behind: one line of JSON for each claim, with the figure that was measured."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """One measured claim.

    Args:
        row: what was measured, short ("w.parquet, 10 M x 20: assay scan").
        claim: what is claimed of it, or "" for a figure that is only reported.
        figure: the measured figure with its unit, as text.
        target: what the figure is held against, as text; "" where there is none.
        holds: whether the claim holds; None for a figure that is only reported or could not be measured.
        command: what to type to measure it again.
    """

    row: str
    claim: str
    figure: str
    target: str = ""
    holds: bool | None = None
    command: str = ""


def write(group: str, part: str, results: Iterable[Result]) -> Path:
    """Writes the lines of one part into `results/GROUP.jsonl`, the machine first; the lines of other parts stay.

    A line is an object with `row` (of the mission), `claim` (what was measured), `figure` (a number), `target`, `holds`, `command`;
    and for people `shown` (the figure in words), `why` (what is claimed of it) and `part`.
    """
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{group}.jsonl"
    kept = [line for line in _lines(path) if line["part"] != part]
    fresh = [_line(part, result) for result in (about_this_machine(), *results)]
    unfinished = path.with_suffix(".part")
    unfinished.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [*kept, *fresh]), encoding="utf-8")
    unfinished.replace(path)
    return path


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line] if path.exists() else []


def _line(part: str, result: Result) -> dict[str, Any]:
    found = re.search(r"-?\d[\d,]*\.?\d*", result.figure)
    number = float(found.group().replace(",", "")) if found else None
    if found and number is not None and result.figure[found.end() :].lstrip().startswith("%"):
        number = round(number / 100, 6)
    return {
        "row": ROWS.get(part, "M1"), "claim": f"{part}: {result.row}", "figure": number, "target": result.target, "holds": result.holds,
        "command": result.command, "shown": result.figure, "why": result.claim, "part": part,
    }  # fmt: skip


# Rows of the mission a part speaks for, where it is not M1 alone.
ROWS = {
    "lots": "M1, M6, M27", "cost": "M2", "split": "M2, M3", "answers": "M28, M30", "verdicts": "M2, M6", "runs": "M16", "streams_killed": "M27", "schedule": "M17",
    "models": "M5, M7", "encoder": "M5", "trials": "M9, M10", "judge": "M12", "batch": "M11", "online": "M13", "swaps": "M14",
    "why": "M18", "fresh": "M18",
}  # fmt: skip


def read(group: str, part: str) -> list[Result]:
    """The results of one part; the machine first."""
    return [
        Result(line["claim"].removeprefix(f"{part}: "), line["why"], line["shown"], line["target"], line["holds"], line["command"])
        for line in _lines(FOLDER / f"{group}.jsonl")
        if line["part"] == part
    ]


def about_this_machine() -> Result:
    """The line without which no other figure means anything."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return Result("machine", "", f"{cores} cores, {memory:.0f} GiB, {system}")
