"""How many faulty lots are noticed by comparing them with their past, how often a sound one is accused, and whether the cause is named.

The kit injects 41 kinds of faults into lots of real sequences (`make_suite.sh`); each case is one new lot and the lots before it. The
lots are judged in this process by the function the command line uses, so that a past is profiled once and not for every case; a sample
of the cases also goes through the real command line, and has to give the same verdict and findings.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kit import assay, built, kit
from kit import cache as cache_folder
from process import cost
from results import Result

COMMAND = "make bench ONLY=lots"
WARNING = 0.3  # severity from which a finding is no note: assayline.judgement.Policy().warn_at
# Set before anything was built; the best simple method on the same suite (a robust z-score over ten numbers a column) notices 57 %
# at 5 % false alarms, and 17 % of the sound lots at its usual threshold.
LEAST_GROSS, MOST_FALSE = 0.80, 0.05
SAMPLE = 12  # cases that go through the command line too


@dataclass(frozen=True)
class Judged:
    """What was said about one case."""

    case: str
    verdict: str
    findings: tuple[tuple[str, float, tuple[str, ...]], ...]  # code, severity, columns; worst first

    @property
    def warnings(self) -> tuple[tuple[str, float, tuple[str, ...]], ...]:
        """The findings that are no notes."""
        return tuple(one for one in self.findings if one[1] >= WARNING)


def judged(case: dict[str, Any], suite: Path) -> Judged:
    """One case, by the function that `assay scan` runs."""
    from assayline.core import Past
    from assayline.scanning.table_scan import scan_table
    from assayline.tables import open_table

    names = history(case)
    table = open_table(str(suite / case["new"]))
    try:
        past = [profile(name) for name in names]
        report = scan_table(table, Past(tuple(one for one, _ in past), tuple(names)), past_codes=[codes for _, codes in past])
    finally:
        table.close()
    return Judged(case["case"], str(report.verdict), tuple((one.code, one.severity, one.columns) for one in report.findings))


def history(case: dict[str, Any]) -> list[str]:
    """The files of the lots before this one, oldest first."""
    sequence = Path(case["seq"])
    files = json.loads((sequence / "seq.json").read_text(encoding="utf-8"))["files"]
    return [str(sequence / "batches" / name) for name in files[case["history_from"] : case["at"]]]


@cache
def profile(path: str) -> Any:
    """The profile of one past lot, made once in each process."""
    from assayline.scanning.table_scan import profile_of
    from assayline.tables import open_table

    table = open_table(path)
    try:
        return profile_of(table), frozenset(finding.code for finding in table.findings())
    finally:
        table.close()


def by_command_line(case: dict[str, Any], suite: Path) -> Judged:
    """The same case as a user would do it."""
    past = [word for name in history(case) for word in ("--past", name)]
    run = cost([*assay(), "scan", str(suite / case["new"]), *past, "--json"], seconds=300)
    if run.status not in (0, 1):
        return Judged(case["case"], f"exit code {run.status}: {run.err[-200:]}", ())
    report = json.loads(run.out)
    found = tuple((one["code"], one["severity"], tuple(one["columns"])) for one in report["findings"])
    return Judged(case["case"], report["verdict"], found)


def same(ours: Judged, theirs: Judged) -> bool:
    """Whether two ways to judge a case agree; severities to the six digits that JSON carries."""
    def rounded(one: Judged) -> list[tuple[str, float, tuple[str, ...]]]:
        return [(code, float(f"{severity:.5g}"), columns) for code, severity, columns in one.findings]

    return ours.verdict == theirs.verdict and rounded(ours) == rounded(theirs)


def judge_sequence(task: tuple[list[dict[str, Any]], str]) -> list[Judged]:
    """All cases of one sequence, in one process, so that they share the profiles of their pasts."""
    cases, suite = task
    return [judged(case, Path(suite)) for case in cases]


@cache
def judged_suite() -> tuple[Path, list[dict[str, Any]], dict[str, Judged]]:
    """The suite, its cases and what was said about each; measured once, whatever asks for it."""
    suite = built("suite", ["sh", "make_suite.sh", "{out}"], in_folder=kit(), makes="suite.jsonl")
    every = int(os.environ.get("ASSAY_LOTS_EVERY", "1"))  # a part of the suite, for a first look: each n-th fault, all sound lots
    listed = [json.loads(line) for line in (suite / "suite.jsonl").read_text(encoding="utf-8").splitlines()]
    cases = [case for number, case in enumerate(listed) if number % every == 0 or not case["truth"]["fault"]]
    by_sequence: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in cases:
        by_sequence[case["seq"]].append(case)
    tasks = [(members, str(suite)) for members in by_sequence.values()]
    # Fresh processes and not forks: the engine's threads do not survive a fork.
    with ProcessPoolExecutor(os.cpu_count() or 2, mp_context=multiprocessing.get_context("spawn")) as pool:
        verdicts = {one.case: one for members in pool.map(judge_sequence, tasks) for one in members}
    return suite, cases, verdicts


def run() -> list[Result]:
    """Against what simple methods reach."""
    suite, cases, verdicts = judged_suite()
    return [*scores(suite, verdicts), *by_severity(cases, verdicts), *causes(cases, verdicts), *by_kind(cases, verdicts), equality(cases, suite, verdicts)]


def scored(suite: Path, verdicts: dict[str, Judged]) -> dict[str, Any]:
    """What the kit's scorer says."""
    path = cache_folder() / "verdicts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("case", "alarm", "score", "columns"))
        for one in verdicts.values():
            columns = dict.fromkeys(name for _, _, names in one.warnings for name in names)
            worst = max((severity for _, severity, _ in one.findings), default=0.0)
            out.writerow((one.case, int(one.verdict != "release"), worst, "|".join(columns)))
    judged_suite = cache_folder() / "judged.jsonl"  # the scorer takes a case without a verdict for a miss
    lines = (suite / "suite.jsonl").read_text(encoding="utf-8").splitlines()
    judged_suite.write_text("".join(f"{line}\n" for line in lines if json.loads(line)["case"] in verdicts), encoding="utf-8")
    scorer = [sys.executable, str(kit() / "score_batches.py"), str(judged_suite), str(path), "--json"]
    total: dict[str, Any] = json.loads(subprocess.run(scorer, capture_output=True, text=True, check=True).stdout)["total"]
    return total


def scores(suite: Path, verdicts: dict[str, Judged]) -> Iterator[Result]:
    """What the kit's scorer says, against what simple methods reach."""
    total = scored(suite, verdicts)
    rate, false_rate, benign = total["detection_rate"], total["false_alarm_rate"], total["benign_alarm_rate"]
    yield Result("faults noticed", "", f"{rate:.1%} of {total['faulty']:,} faulty lots", command=COMMAND)
    alarms, controls = total["none_alarms"] + total["benign_alarms"], total["none"] + total["benign"]
    yield Result("false alarms", "at most one sound lot in twenty is accused",
                 f"{alarms / max(1, controls):.1%} of {controls:,} (untouched {false_rate:.1%}, harmless changes of order and volume {benign:.1%})",
                 f"<= {MOST_FALSE:.0%}", alarms <= MOST_FALSE * controls, COMMAND)  # fmt: skip
    yield Result("ranking", "", f"{total['detection_at_5pct_false_alarms']:.1%} found at 5 % false alarms, AUC {total['auc']}", command=COMMAND)
    hit, precision = total["column_hit"] or 0.0, total["column_precision"] or 0.0
    yield Result("the right column", "", f"{hit:.1%} of the noticed, precision {precision:.1%}", command=COMMAND)


def by_severity(cases: list[dict[str, Any]], verdicts: dict[str, Judged]) -> Iterator[Result]:
    """How often faults of each severity are noticed."""
    for severity in ("gross", "medium", "subtle"):
        members = [case for case in cases if case["truth"]["fault"] and case["truth"]["severity"] == severity]
        noticed = sum(verdicts[case["case"]].verdict != "release" for case in members)
        share = noticed / max(1, len(members))
        held = severity == "gross"
        yield Result(f"{severity} faults noticed", "gross faults are noticed" if held else "", f"{share:.1%} of {len(members):,}",
                     f">= {LEAST_GROSS:.0%}" if held else "", share >= LEAST_GROSS if held else None, COMMAND)  # fmt: skip


def named(cases: list[dict[str, Any]], verdicts: dict[str, Judged]) -> tuple[int, int, int, float]:
    """Faults that were noticed, those named by the first finding, those named by any, and warnings a lot."""
    noticed = [(case["truth"]["kind"], verdicts[case["case"]].warnings) for case in cases if case["truth"]["fault"]]
    noticed = [(kind, warnings) for kind, warnings in noticed if warnings]
    first = sum(warnings[0][0] == kind for kind, warnings in noticed)
    anywhere = sum(any(code == kind for code, _, _ in warnings) for kind, warnings in noticed)
    return len(noticed), first, anywhere, sum(len(warnings) for _, warnings in noticed) / max(1, len(noticed))


def causes(cases: list[dict[str, Any]], verdicts: dict[str, Judged]) -> Iterator[Result]:
    """Whether the code of a finding is the name of the fault."""
    noticed, first, anywhere, many = named(cases, verdicts)
    whole = max(1, noticed)
    yield Result("cause named by the first finding", "", f"{first / whole:.1%} of {noticed:,} noticed", command=COMMAND)
    yield Result("cause named by any finding", "", f"{anywhere / whole:.1%}; {many:.1f} warnings a lot", command=COMMAND)


def by_kind(cases: list[dict[str, Any]], verdicts: dict[str, Judged]) -> Iterator[Result]:
    """A line for each fault and each harmless change: how often it is noticed and rightly named, and by what else."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in cases:
        kinds[case["truth"]["kind"]].append(case)
    for kind, members in sorted(kinds.items()):
        said = [verdicts[case["case"]] for case in members]
        alarms = [one for one in said if one.verdict != "release"]
        named = sum(any(code == kind for code, _, _ in one.warnings) for one in said)
        others = Counter(one.warnings[0][0] for one in alarms if one.warnings and one.warnings[0][0] != kind).most_common(3)
        severities = Counter(case["truth"].get("severity", "") for case in members)
        each = ", ".join(
            f"{severity} {sum(verdicts[case['case']].verdict != 'release' for case in members if case['truth'].get('severity') == severity)}/{number}"
            for severity, number in severities.items()
        )
        figure = f"{len(alarms)}/{len(members)} noticed ({each}), {named} named"
        if others:
            figure += "; first named " + ", ".join(f"{code} {number}" for code, number in others)
        yield Result(f"fault: {kind}" if members[0]["truth"]["fault"] else f"no fault: {kind}", "", figure, command=COMMAND)


def equality(cases: list[dict[str, Any]], suite: Path, verdicts: dict[str, Judged]) -> Result:
    """The command line says what the function says."""
    sample = cases[:: max(1, len(cases) // SAMPLE)][:SAMPLE]
    differ = [case["case"] for case in sample if not same(verdicts[case["case"]], by_command_line(case, suite))]
    figure = f"{len(sample) - len(differ)} of {len(sample)}" + (f" (not {', '.join(differ)})" if differ else "")
    return Result("the command line agrees", "gives the same verdict and findings", figure, f"{len(sample)}", not differ, COMMAND)
