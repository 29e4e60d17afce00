"""Who is responsible: the fault laboratory of the tests, beside a walk up the warnings of the gate ("anomalous node without anomalous parent").

    python benchmarks/why.py [--line NAME] [--kind NAME] [--every N] [--fresh N] [--json FILE] [--read FILE ...] [--write]

`--write` keeps the figures in `results/why.jsonl`; with `--read`, those of tables that were written with `--json`, so that lines can be asked about side by side.

`ASSAY_WHY_EVERY` is N: every Nth case only. `ASSAY_LABORATORY` names a folder in which healthy histories are kept, so that they are built once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import kit
from results import Result, write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "line" / "why" / "laboratory"))

from laboratory_case import KINDS, Case
from laboratory_cases import cases
from laboratory_changes import Void
from laboratory_happening import happened
from laboratory_scoring import TARGETS, Scored, as_json, rates, scored, table

COMMAND = "make bench ONLY=why"
SAID = {"top1": "the guilty one is accused first, and nobody innocent with it", "top3": "the guilty one is among the first three", "silence": "nobody is accused where nobody is guilty"}


def run() -> list[Result]:
    """The whole table."""
    found = asked(chosen("", "", int(os.environ.get("ASSAY_WHY_EVERY", "1"))))
    print(table(found))
    return figures(found)


def figures(found: Sequence[Scored]) -> list[Result]:
    """The claims, and what was right of each kind."""
    return [*_claims(found), *_kinds(found)]


def chosen(line: str, kind: str, every: int) -> list[Case]:
    """Some of the cases."""
    return [case for case in cases() if line in ("", case.line) and kind in ("", case.kind)][:: max(1, every)]


def fresh(several: Sequence[Case], by: int, folder: Path) -> list[Case]:
    """The same cases on other histories, as far as they move the figure there."""
    found = []
    for case in several:
        other = replace(case, seed=case.seed + by)
        with contextlib.suppress(Void):
            if case.kind == "none" or happened(other, folder).moved:
                found.append(other)
    return found


def asked(several: Sequence[Case]) -> list[Scored]:
    """Each case happens, and is asked about."""
    folder = cache()
    found = []
    for number, case in enumerate(several, 1):
        one = scored(case, folder)
        mark = "ok   " if one.top1 or one.silence else "WRONG"
        print(f"   {number}/{len(several)} {mark} {one.verdict:<14} {', '.join(one.accused) or '-':<40} {one.replays:>3} replays {one.seconds:>6.1f} s  {case.name}", flush=True)
        found.append(one)
    return found


def cache() -> Path:
    """Where histories are kept."""
    return Path(os.environ.get("ASSAY_LABORATORY") or Path(kit.cache()) / "laboratory")


def _claims(found: Sequence[Scored]) -> Iterator[Result]:
    said = rates(found)
    for name, claim in SAID.items():
        ours, theirs = said[name], said[f"baseline_{name}"]
        count = sum(getattr(one, name) is not None for one in found)
        if ours is not None and theirs is not None:
            figure = f"{ours:.1%} (the most upstream warning of the gate: {theirs:.1%})"
            yield Result(f"{count} cases: {name.replace('top', 'top-')}", claim, figure, f"≥ {TARGETS[name]:.0%}", ours >= TARGETS[name], COMMAND)
    for name, unit in (("replays", "replays"), ("seconds", "s")):
        value = said[name]
        if value is not None:
            yield Result(f"{len(found)} cases: median {name} of an answer", "an answer is cheap", f"{value:.3g} {unit}", f"≤ {TARGETS[name]:g} {unit}", value <= TARGETS[name], COMMAND)
    touched = sum(not one.untouched for one in found)
    yield Result(f"{len(found)} cases: ledger and store", "asking changes nothing", f"{touched} cases in which they changed", "0", touched == 0, COMMAND)


def _kinds(found: Sequence[Scored]) -> Iterator[Result]:
    for kind in KINDS:
        several = [one for one in found if one.kind == kind]
        if several:
            right, theirs = (sum(bool(getattr(one, before + "top1") or getattr(one, before + "silence")) for one in several) for before in ("", "baseline_"))
            yield Result(f"kind {kind}", "", f"{right} of {len(several)} right (the most upstream warning: {theirs})", command=COMMAND)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--line", default="", help="only this line")
    parser.add_argument("--kind", default="", help=f"only this kind: {', '.join(KINDS)}")
    parser.add_argument("--every", type=int, default=1, help="every Nth case")
    parser.add_argument("--fresh", type=int, default=0, metavar="N", help="on histories with seeds higher by N")
    parser.add_argument("--read", nargs="+", default=[], metavar="FILE", help="take these tables instead of asking")
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/results")
    parser.add_argument("--json", default="", help="write the table to this file, or - for stdout")
    options = parser.parse_args()
    several = chosen(options.line, options.kind, options.every)
    if options.read:
        found = [Scored(**one) for name in options.read for one in json.loads(Path(name).read_text(encoding="utf-8"))["cases"]]
    else:
        found = asked(fresh(several, options.fresh, cache()) if options.fresh else several)
    print(table(found))
    if options.write:
        write("why", "fresh" if options.fresh else "why", [replace(one, command="make bench ONLY=why_fresh") if options.fresh else one for one in figures(found)])
    if options.json:
        text = json.dumps(as_json(found), indent=1)
        if options.json == "-":
            print(text)
        else:
            Path(options.json).write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
