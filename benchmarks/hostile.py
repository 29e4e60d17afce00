"""Damaged, lying and malicious inputs through the real command line: never a hang, a crash, an execution or a stray file.

The kit builds a corpus of small files with a manifest that says what a good tool does with each:

    error, refuse    exit code 2; stderr names the file and has no traceback
    findings         exit code 1
    either           exit code 1 or 2; silence is not right
    clean            exit code 0: the guard against crying wolf

A file that is replaced or grows while it is read may also come out as it was or as it is, whole (exit code 0): the manifest says so in
words. Cases of other kinds than tables (models, notebooks, rules, requests) are tried too, but held only to the harmlessness rules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import assay, built, kit
from process import Cost, cost
from results import Result

COMMAND = "make bench ONLY=hostile"
STATUS = {"error": (2,), "refuse": (2,), "findings": (1,), "either": (1, 2), "clean": (0,)}
TABLES = {"csv", "parquet", "archive", "path", "excel", "jsonl", "avro", "json", "arrow", "parquet_dir"}
DEFAULT_SECONDS, DEFAULT_MB = 20.0, 1000.0  # limits of a case that states none: those the manifest gives to nearly all


@dataclass(frozen=True)
class Outcome:
    """What happened with one case, and what is wrong with that."""

    case: dict[str, Any]
    status: int
    seconds: float
    megabytes: float
    wrong: tuple[str, ...]

    @property
    def harmful(self) -> tuple[str, ...]:
        """Failures that no expectation excuses: hangs, signals, memory, tracebacks, stray files."""
        return tuple(one for one in self.wrong if not one.startswith("exit code"))


def outcome(case: dict[str, Any], corpus: Path, work: Path) -> Outcome:
    """Scans one case in an empty folder of its own."""
    limits = case.get("limits") or {}
    allowed, megabytes = float(limits.get("max_seconds", DEFAULT_SECONDS)), float(limits.get("max_rss_mb", DEFAULT_MB))
    folder = work / case["id"]
    folder.mkdir()
    # A target with a trailing blank or newline is a case of its own, hence no normalising of the name.
    command = [*assay(), "scan", str(corpus) + "/" + case["file"], "--json"]
    with Disturbed(case, corpus):
        run = cost(command, seconds=allowed * 2, folder=folder, environment={**os.environ, "TMPDIR": str(work / "tmp")})
    return Outcome(case, run.status, run.wall_seconds, run.peak_bytes / 1e6, tuple(_wrong(case, run, folder, allowed, megabytes)))


def _wrong(case: dict[str, Any], run: Cost, folder: Path, allowed: float, megabytes: float) -> Iterator[str]:
    if run.timed_out:
        yield f"hangs: killed after {run.wall_seconds:.0f} s"
    elif run.status < 0:
        yield f"ended by signal {-run.status}"
    elif case["reads"] in TABLES and run.status not in _right(case):
        yield f"exit code {run.status} where {' or '.join(map(str, _right(case)))} is right ({case['expect']})"
    elif run.status not in (0, 1, 2):
        yield f"unknown exit code {run.status}"
    if run.wall_seconds > allowed and not run.timed_out:
        yield f"slow: {run.wall_seconds:.1f} s, {allowed:.0f} allowed"
    if run.peak_bytes > megabytes * 1e6:
        yield f"memory: {run.peak_bytes / 1e6:.0f} MB, {megabytes:.0f} allowed"
    if "Traceback" in run.err:
        yield "shows a traceback"
    if run.status == 2 and Path(case["file"]).name.strip()[:20] not in run.err:
        yield "the error does not name the file"
    if any(folder.iterdir()):
        yield f"wrote {sorted(path.name for path in folder.iterdir())}"


def _right(case: dict[str, Any]) -> tuple[int, ...]:
    return (0, 1, 2) if case["kind"] == "growing" else STATUS[case["expect"]]


class Disturbed:
    """While a file of the kind "growing" is read, something grows or replaces it."""

    def __init__(self, case: dict[str, Any], corpus: Path) -> None:
        self.file = corpus / case["file"]
        self.kind = case["file"] if case["kind"] == "growing" else ""
        self.before = self.file.read_bytes() if self.kind else b""
        self.grower: subprocess.Popen[bytes] | None = None
        self.done = threading.Event()

    def __enter__(self) -> Disturbed:
        if "growing" in self.kind:
            script = str(kit() / "hostile" / "make_hostile.py")
            self.grower = subprocess.Popen([sys.executable, script, "--grow", str(self.file), "--seconds", "3"], stdout=subprocess.DEVNULL)
        elif self.kind:
            threading.Thread(target=self._replace, daemon=True).start()
        return self

    def _replace(self) -> None:
        other = self.file.with_suffix(".other")
        while not self.done.wait(0.05):
            other.write_bytes(self.before.replace(b"old", b"new"))
            other.replace(self.file)

    def __exit__(self, *_: object) -> None:
        self.done.set()
        if self.grower:
            self.grower.wait()
        if self.kind:
            self.file.write_bytes(self.before)


def run() -> list[Result]:
    """All cases of the corpus."""
    script = kit() / "hostile" / "make_hostile.py"
    corpus = built("hostile", [sys.executable, str(script), "{out}"], in_folder=script.parent, makes="manifest.jsonl")
    listed = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    # The superuser may read any file, whatever its mode says.
    cases = [case for case in listed if os.geteuid() or "mode 000" not in case["why"]]
    before = _listing(corpus)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "tmp").mkdir()
        outcomes = [outcome(case, corpus, work) for case in cases]
        left = sorted(path.name for path in (work / "tmp").iterdir())
    markers = subprocess.run([sys.executable, str(script), "--check-markers"], capture_output=True, text=True, check=False)
    found = list(_by_group(outcomes))
    if len(cases) < len(listed):
        found.append(Result("all cases: left out", "", f"{len(listed) - len(cases)}: the superuser may read any file", command=COMMAND))
    harmful = [one for one in outcomes if one.harmful]
    found.append(Result(
        "all cases: harm", "no case hangs, dies by a signal, shows a traceback, needs more time or memory than allowed, or leaves a file",
        f"{len(harmful)} of {len(outcomes)} do", "0", not harmful, COMMAND,
    ))  # fmt: skip
    executed = markers.returncode != 0
    found.append(Result("all cases: execution", "nothing inside a file is ever run", "something ran" if executed else "nothing ran",
                        "no marker file", not executed, COMMAND))  # fmt: skip
    changed = sorted(map(str, set(before.items()) ^ set(_listing(corpus).items())))
    found.append(Result("all cases: traces", "inputs and the folder for temporary files are left as they were",
                        f"{len(changed)} inputs changed, {len(left)} temporary files left", "0, 0", not changed and not left, COMMAND))  # fmt: skip
    slowest = max(outcomes, key=lambda one: one.seconds)
    largest = max(outcomes, key=lambda one: one.megabytes)
    found.append(Result("all cases: slowest", "", f"{slowest.seconds:.1f} s ({slowest.case['file']})", command=COMMAND))
    found.append(Result("all cases: largest", "", f"{largest.megabytes:.0f} MB ({largest.case['file']})", command=COMMAND))
    for one in outcomes:
        if one.wrong:
            expected = f"{one.case['expect']}: {one.case['why'][:90]}"
            found.append(Result(f"{one.case['id']} {one.case['file']}", "", "; ".join(one.wrong), expected))
    return found


def _by_group(outcomes: list[Outcome]) -> Iterator[Result]:
    for group in dict.fromkeys(one.case["group"] for one in outcomes):
        tables = [one for one in outcomes if one.case["group"] == group and one.case["reads"] in TABLES]
        others = [one for one in outcomes if one.case["group"] == group and one.case["reads"] not in TABLES]
        if tables:
            right = sum(not one.wrong for one in tables)
            yield Result(f"{group}: tables", "each is met as the manifest says", f"{right} of {len(tables)}", f"{len(tables)}",
                         right == len(tables), COMMAND)  # fmt: skip
        if others:
            right = sum(not one.harmful for one in others)
            yield Result(f"{group}: not tables", "each is met without harm", f"{right} of {len(others)}", f"{len(others)}",
                         right == len(others), COMMAND)  # fmt: skip


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every entry; links are not followed."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and "growing" not in path.name and "replaced" not in path.name
    }
