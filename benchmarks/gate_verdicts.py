"""What the gate says of lots as they come: sound ones of real and of simulated flows, and lots with known faults, beside `scan --past`.

By default the first lots of each real sequence, few simulated flows and every 40th fault; `ASSAY_GATE_SEQUENCE` (lots of a sequence), `ASSAY_GATE_FLOWS` (of each kind) and
`ASSAY_GATE_EVERY` ask for more.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gate_cost
import kit
import lots
import numpy as np
from results import Result

COMMAND = "make bench ONLY=gate_verdicts"
SEQUENCE = int(os.environ.get("ASSAY_GATE_SEQUENCE", "45"))  # lots of a real sequence at most
FLOWS = int(os.environ.get("ASSAY_GATE_FLOWS", "4"))  # simulated ones of each kind
EVERY = int(os.environ.get("ASSAY_GATE_EVERY", "40"))
SEED = 30_260  # none that a test or another benchmark uses
YOUNG, MOST_FALSE = 14, 0.03
SIMULATED_LOTS = 26
WARNING = 0.3


def run() -> list[Result]:
    """All of it."""
    with tempfile.TemporaryDirectory(dir=kit.cache()) as work:
        return [*_sequences(Path(work)), *_simulated(Path(work)), *_faults(Path(work))]


def _said(paths: list[str], flow: str, folder: Path) -> list[dict[str, Any]]:
    """The lines of one `assay gate`; one that is not taken is an error."""
    said = [json.loads(line) for line in gate_cost.gated(paths, flow, folder).out.splitlines()]
    if wrong := [one for one in said if "error" in one]:
        raise RuntimeError(wrong[0]["error"])
    return said


def _codes(said: list[dict[str, Any]]) -> str:
    codes = [finding["code"] for one in said for finding in one["findings"] if finding["severity"] >= WARNING]
    return ", ".join(f"{code} {codes.count(code)}" for code in sorted(set(codes), key=codes.count, reverse=True)[:5])


def _sequences(work: Path) -> Iterator[Result]:
    accused = judged = 0
    for folder in sorted((kit.kit() / "seqs").iterdir()):
        if not (folder / "seq.json").exists():
            continue
        files = json.loads((folder / "seq.json").read_text(encoding="utf-8"))["files"][:SEQUENCE]
        said = _said([str(folder / "batches" / name) for name in files], folder.name, gate_cost.project(work / folder.name))[YOUNG:]
        alarms = [one for one in said if one["verdict"] != "release"]
        yield Result(f"real flow {folder.name}: sound lots accused after the {YOUNG}th", "", f"{len(alarms) / max(1, len(said)):.1%} of {len(said)}" + (f" ({_codes(alarms)})" if alarms else ""),
                     command=COMMAND)  # fmt: skip
        accused, judged = accused + len(alarms), judged + len(said)
    yield Result(f"real flows: sound lots accused after the {YOUNG}th", "at most three sound lots in a hundred", f"{accused / max(1, judged):.2%} of {judged:,}", f"<= {MOST_FALSE:.0%}",
                 accused <= MOST_FALSE * judged, COMMAND)  # fmt: skip


def _simulated(work: Path) -> Iterator[Result]:
    """The flows of the tests, written as Parquet, each lot through the gate."""
    sys.path.insert(0, str(kit.ROOT / "tests" / "detectors" / "history"))
    import test_false_alarms as flows

    accused = judged = 0
    alarms: list[dict[str, Any]] = []
    folder = gate_cost.project(work / "simulated")
    for kind in flows.KINDS:
        for number in range(FLOWS):
            day = kind(np.random.default_rng([SEED, number]))
            paths = []
            for at in range(SIMULATED_LOTS):
                path = work / f"{kind.__name__}-{number}-{at:02d}.parquet"
                day(at).write_parquet(path)
                paths.append(str(path))
            said = _said(paths, f"{kind.__name__}-{number}", folder)[YOUNG:]
            alarms += [one for one in said if one["verdict"] != "release"]
            accused, judged = len(alarms), judged + len(said)
    yield Result(f"simulated flows: sound lots accused after the {YOUNG}th", "at most three sound lots in a hundred",
                 f"{accused / max(1, judged):.2%} of {judged:,}" + (f" ({_codes(alarms)})" if alarms else ""), f"<= {MOST_FALSE:.0%}", accused <= MOST_FALSE * judged, COMMAND)  # fmt: skip


def _faults(work: Path) -> Iterator[Result]:
    """Each n-th faulty lot of the suite with the lots before it, through a gate of its own; beside the function of `scan --past`."""
    suite = kit.built("suite", ["sh", "make_suite.sh", "{out}"], in_folder=kit.kit(), makes="suite.jsonl")
    listed = [json.loads(line) for line in (suite / "suite.jsonl").read_text(encoding="utf-8").splitlines()]
    sample = [case for case in listed if case["truth"]["fault"]][::EVERY]
    folder = gate_cost.project(work / "faults")
    noticed: dict[str, list[tuple[bool, bool]]] = {}
    for case in sample:
        by_scan = lots.judged(case, suite).verdict != "release"
        by_gate = _said([*lots.history(case)[-lots_before():], str(suite / case["new"])], case["case"], folder)[-1]["verdict"] != "release"
        noticed.setdefault(case["truth"]["severity"], []).append((by_gate, by_scan))
    everything = [one for members in noticed.values() for one in members]
    for severity, members in [*((name, noticed[name]) for name in ("gross", "medium", "subtle") if name in noticed), ("all", everything)]:
        gate, scan = (sum(one[place] for one in members) for place in (0, 1))
        whole = severity == "all"
        yield Result(f"{severity} faults noticed by the gate", "the gate notices what a scan with the same past does" if whole else "",
                     f"{gate / len(members):.1%} of {len(members)} (scan --past: {scan / len(members):.1%})", "as scan --past" if whole else "",
                     gate >= scan if whole else None, COMMAND)  # fmt: skip


def lots_before() -> int:
    """How many earlier lots a case brings at most: those a judgement looks at."""
    from assayline.detectors.comparison import RECENT_LOTS

    return RECENT_LOTS
