"""Runs the benchmarks and keeps their figures.

    python benchmarks/run.py [--only NAME[,NAME]] [--list]

Each benchmark is a file beside this one with a function `run() -> results`; its figures go to `results/GROUP.jsonl`, and
`--only GROUP` runs a whole group. What two groups look at ("truth" asks more of cells and lots than "scan") is measured once.
One that lacks something says what, and the others run. Exit: 0 all ran and all claims hold, 1 a claim fails, 2 one could not run.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time

import results
from kit import Missing

# Rough minutes on 2 cores, so that nobody starts one by accident.
BENCHMARKS = {
    "speed": (90, "time and memory of whole processes, beside other tools"),
    "cells": (15, "wrong cells found in tables with a clean twin, and false alarms on the twin"),
    "streams": (6, "gaps, spikes, stuck readings and stopped clocks in streams and sensor tables, without a past"),
    "suggestions": (1, "what belongs into the wrong cells, held against the clean twin"),
    "lots": (30, "faults noticed in new lots that have a past, and false alarms on fault-free lots"),
    "truth_cells": (15, "wrong cells found without labels or a past"),
    "truth_lots": (30, "faulty lots noticed, named and located by their past"),
    "error_control": (10, "sound lots accused in simulated flows that have nothing wrong"),
    "regions": (15, "1,042 real daily files with real defects, each warning put beside the files"),
    "past_cost": (5, "what a thousand earlier lots add to the time to a verdict"),
    "peers": (20, "other tools on the same tables and lots"),
    "gate_cost": (8, "the gate beside a scan, a thousand small lots, bytes of ledger and store"),
    "gate_split": (3, "rows put aside by 20 rules, beside code written by hand and other tools"),
    "gate_answers": (3, "what a long ledger takes to list lots, flows and quarantined rows"),
    "gate_verdicts": (15, "sound lots accused by the gate as flows go on, and faulty ones noticed"),
    "line_runs": (5, "a line beside the bare functions, and when nothing changed"),
    "line_schedule": (1, "a hundred scheduled flows over a week: how they are spread, and that each time is served once"),
    "line_streams_killed": (10, "messages of brokers through a line that is killed on the way"),
    "encoder": (1, "one row and a million rows through a fitted plan of 20 mixed columns"),
    "models": (70, "models chosen for raw tables in 60 seconds, beside baselines, plain LightGBM and FLAML"),
    "models_trials": (2, "trials of small artefacts from a watched folder, and artefacts that would run code"),
    "delivery_judge": (1, "rollouts decided: false rollbacks, how soon a worse model is found, a batch stopped inside"),
    "delivery_batch": (3, "a million rows scored, beside a loop written by hand"),
    "delivery_online": (5, "requests a second and their times, beside other servers of the same model"),
    "delivery_swaps": (3, "a hundred thousand requests while models are swapped and workers killed"),
    "why": (90, "who is responsible for injected faults, beside the most upstream warning of the gate"),
    "why_fresh": (120, "who is responsible, on other histories than those that most thresholds were chosen on"),
    "hostile": (15, "damaged, lying and malicious inputs: never a hang, a crash or an execution"),
}
# What is measured together; the figures of a group are kept in one file.
GROUPS = {
    "scan": ("cells", "lots", "hostile", "speed"),
    "truth": ("truth_cells", "truth_lots", "suggestions", "streams", "error_control", "regions", "past_cost", "peers"),
    "gate": ("gate_cost", "gate_split", "gate_answers", "gate_verdicts"),
    "line": ("line_runs", "line_schedule", "line_streams_killed"),
    "delivery": ("delivery_judge", "delivery_batch", "delivery_online", "delivery_swaps"),
    "models": ("encoder", "models", "models_trials"),
    "why": ("why", "why_fresh"),
}
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


def part(name: str) -> str:
    """What a benchmark is called within its group: `cells` and not `truth_cells`."""
    return name.removeprefix(f"{GROUP_OF[name]}_")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help=f"some of {', '.join([*BENCHMARKS, *GROUPS])}, joined by commas")
    parser.add_argument("--list", action="store_true", help="say what there is")
    asked = parser.parse_args(arguments)
    if asked.list:
        for name, (minutes, what) in BENCHMARKS.items():
            print(f"{name:<14} about {minutes:>3} min   {what}")
        return 0
    names = [one for word in asked.only.split(",") if word for one in GROUPS.get(word, (word,))] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there are {', '.join([*BENCHMARKS, *GROUPS])}", file=sys.stderr)
        return 2
    worst = 0
    for name in names:
        start = time.perf_counter()
        print(f"== {name}: {BENCHMARKS[name][1]}", flush=True)
        try:
            measured = importlib.import_module(name).run()
        except Missing as lack:
            print(f"   {name} did not run: {lack}", file=sys.stderr)
            worst = 2
            continue
        path = results.write(GROUP_OF[name], part(name), measured)
        failing = [one for one in measured if one.holds is False]
        for one in measured:
            mark = {True: "holds", False: "FAILS", None: ""}[one.holds]
            print(f"   {mark:<6}{one.row}: {one.figure}" + (f"   (target {one.target})" if one.target else ""))
        print(f"   {path.name}: {len(measured)} figures, {len(failing)} claims fail, {time.perf_counter() - start:.0f} s")
        worst = max(worst, 1 if failing else 0)
    return worst


if __name__ == "__main__":
    sys.exit(main())
