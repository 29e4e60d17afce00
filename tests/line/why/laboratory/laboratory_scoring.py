"""Asks why in a copy of each case, and holds the answer against the truth."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from laboratory_baseline import accused_by_baseline
from laboratory_case import SILENT, Case
from laboratory_cases import LINES
from laboratory_happening import happened
from laboratory_history import visiting

from assayline.line.definition import load_line
from assayline.line.project import open_project
from assayline.line.why.asked import Asked
from assayline.line.why.asking import why

QUIET = ("not found", "world changed", "mix changed", "healthy")
TARGETS = {"top1": 0.9, "top3": 0.97, "silence": 0.95, "replays": 12.0, "seconds": 60.0}


@dataclass(frozen=True)
class Scored:
    """What became of one case.

    Args:
        case: its name.
        line: of it.
        kind: of it.
        verdict: of the answer.
        accused: components of the first cause.
        ranked: the candidates, the most likely first.
        top1: whether exactly what is guilty is accused first (for two faults: nobody innocent is accused first); None where nobody is guilty.
        top3: whether what is guilty is among the first three; None where nobody is guilty.
        silence: whether nobody is accused; None where somebody is guilty.
        baseline: what the baseline accuses first.
        baseline_top1: as `top1`.
        baseline_top3: as `top3`.
        baseline_silence: as `silence`.
        replays: that were made.
        seconds: of the clock.
        untouched: whether ledger and store are what they were.
        sentence: of the answer.
    """

    case: str
    line: str
    kind: str
    verdict: str
    accused: tuple[str, ...]
    ranked: tuple[str, ...]
    top1: bool | None
    top3: bool | None
    silence: bool | None
    baseline: tuple[str, ...]
    baseline_top1: bool | None
    baseline_top3: bool | None
    baseline_silence: bool | None
    replays: int
    seconds: float
    untouched: bool
    sentence: str


def scored(case: Case, cache: Path, *, most: int = 24, seconds: float = 120.0) -> Scored:
    """Lets a case happen, asks, and compares.

    Args:
        case: what.
        cache: where histories and what happened are kept.
        most: replays.
        seconds: of the clock for them.

    Raises:
        Void: the case cannot happen.
    """
    state, line = happened(case, cache), LINES[case.line]
    with tempfile.TemporaryDirectory() as work:
        place = Path(work) / "project"
        shutil.copytree(state.folder, place)
        before = digest(place)
        with visiting(state.site, place), open_project(str(place)) as project:
            file = str(place / "line.py")
            asked = Asked(line.asked, metric=line.metric if state.value is not None else "", most=most, seconds=seconds, packages=(str(state.packages),))
            start = time.monotonic()
            told = why(project, load_line(file), file, asked)
            took = time.monotonic() - start
            named = accused_by_baseline(project, load_line(file))
        return _scored(case, told, named, took, digest(place) == before)


def _scored(case: Case, told: Mapping[str, Any], named: Sequence[str], took: float, untouched: bool) -> Scored:
    quiet = told["verdict"] in QUIET
    first = () if quiet else tuple(told["causes"][0]["components"])
    causes = [] if quiet else [tuple(one["components"]) for one in told["causes"]]
    ranked = list(dict.fromkeys([key for one in causes for key in one] + [one["key"] for one in told.get("candidates", [])]))
    entered = [frozenset(flow for key in keys for flow in LINES[case.line].entered(key)) for keys in case.guilty]
    silent = case.kind in SILENT
    return Scored(
        case.name, case.line, case.kind, told["verdict"], first, tuple(ranked[:6]),
        None if silent else is_right(first, case.guilty), None if silent else among(ranked[:3], case.guilty), quiet if silent else None,
        tuple(named[:3]), None if silent else is_right(tuple(named[:1]), entered), None if silent else among(named[:3], entered), not named if silent else None,
        int((told.get("replays") or {}).get("made", 0)), round(took, 2), untouched, str(told["sentence"]),
    )  # fmt: skip


def is_right(accused: Sequence[str], guilty: Sequence[frozenset[str]]) -> bool:
    """Whether everybody who is accused is guilty, and somebody is.

    >>> is_right(["code line.py: a"], [frozenset({"code *: a"})]), is_right(["code line.py: a", "source b"], [frozenset({"source b"})])
    (True, False)
    """
    return bool(accused) and all(any(matches(key, keys) for keys in guilty) for key in accused)


def among(ranked: Sequence[str], guilty: Sequence[frozenset[str]]) -> bool:
    """Whether each fault has a name among these."""
    return all(any(matches(key, keys) for key in ranked) for keys in guilty)


def matches(key: str, keys: Iterable[str]) -> bool:
    """Whether a key is one of these, in which `*` stands for anything."""
    return any(fnmatch.fnmatchcase(key, one) for one in keys)


def digest(project: Path) -> str:
    """Of all rows of the ledger and all bytes of the store; what replays keep for themselves is left out."""
    whole = hashlib.sha256()
    with sqlite3.connect(project / "ledger.db") as connection:
        for statement in connection.iterdump():
            whole.update(statement.encode())
    for folder, folders, files in os.walk(project / "store"):
        folders.sort()
        for name in sorted(files):
            path = Path(folder) / name
            whole.update(f"{path.relative_to(project)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def rates(found: Sequence[Scored]) -> dict[str, float | None]:
    """The shares that the targets are about, of us and of the baseline; None where no case speaks of one."""
    made: dict[str, float | None] = {}
    for name in ("top1", "top3", "silence", "baseline_top1", "baseline_top3", "baseline_silence"):
        said = [bool(value) for one in found if (value := getattr(one, name)) is not None]
        made[name] = sum(said) / len(said) if said else None
    asked = [one for one in found if one.verdict != "healthy"]
    made["replays"] = statistics.median(one.replays for one in asked) if asked else None
    made["seconds"] = statistics.median(one.seconds for one in found) if found else None
    return made


def table(found: Sequence[Scored]) -> str:
    """A text table by line and by kind, ours beside the baseline."""
    lines = [f"{'':<22}{'cases':>6}{'top-1':>8}{'top-3':>8}{'silence':>9}{'replays':>9}{'seconds':>9}   baseline {'top-1':>6}{'top-3':>8}{'silence':>9}"]
    groups = [("all", list(found))]
    groups += [(f"line {name}", [one for one in found if one.line == name]) for name in dict.fromkeys(one.line for one in found)]
    groups += [(f"kind {name}", [one for one in found if one.kind == name]) for name in dict.fromkeys(one.kind for one in found)]
    for name, several in groups:
        said = rates(several)
        cells = [_share(said[one]) for one in ("top1", "top3", "silence")]
        lines.append(
            f"{name:<22}{len(several):>6}{cells[0]:>8}{cells[1]:>8}{cells[2]:>9}{_plain(said['replays']):>9}{_plain(said['seconds']):>9}"
            f"            {_share(said['baseline_top1']):>6}{_share(said['baseline_top3']):>8}{_share(said['baseline_silence']):>9}"
        )
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def as_json(found: Sequence[Scored]) -> dict[str, Any]:
    """The table as one document."""
    return {"cases": [asdict(one) for one in found], "rates": rates(found), "targets": TARGETS}
