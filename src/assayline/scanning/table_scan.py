"""Scan: open, measure, suspect, locate, judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from assayline.core import Cell, Finding, Past, Profile, Report
from assayline.detectors import installed
from assayline.judgement import Policy, judge, subsume
from assayline.measures import Plan
from assayline.tables import Table

from .delivered import delivered_twice
from .describing import described
from .familiar import familiar_codes, only_new
from .parents import Named, broken_references
from .passes import BlockSink, Progress, detector_failed, first_look, second_look, silent

CellSink = Callable[[list[tuple[str, Cell]]], None]


def profile_of(table: Table) -> Profile:
    """The profile of a table: what it contributes to a past."""
    return first_look(table).profile


def suspected(profile: Profile, past: Past) -> list[Finding]:
    """What every installed detector says about a profile that is new against its past.

    A detector that fails becomes a finding about it.
    """
    findings: list[Finding] = []
    for detector in installed():
        try:
            findings.extend(only_new([(detector, finding) for finding in detector(profile, past)], profile, past))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's detector raises, the others go on
            findings.append(detector_failed(f"The detector {type(detector).__name__}", error))
    return findings


@dataclass(frozen=True)
class Judged:
    """A report with what it rests on: the profile teaches, the plan reads the table again in the same way."""

    report: Report
    profile: Profile
    plan: Plan


def scan_table(
    table: Table,
    past: Past | None = None,
    *,
    policy: Policy | None = None,
    on_cells: CellSink | None = None,
    on_progress: Progress = silent,
    past_codes: Sequence[frozenset[str]] = (),
    parents: Sequence[Named] = (),
    twins: Sequence[str] = (),
    earlier_lots: int = 0,
) -> Report:
    """The report of `judge_table`, for whoever needs nothing else."""
    return judge_table(
        table, past, policy=policy, on_cells=on_cells, on_progress=on_progress, past_codes=past_codes, parents=parents, twins=twins,
        earlier_lots=earlier_lots,
    ).report  # fmt: skip


def judge_table(
    table: Table,
    past: Past | None = None,
    *,
    policy: Policy | None = None,
    on_cells: CellSink | None = None,
    on_rows: BlockSink | None = None,
    on_progress: Progress = silent,
    past_codes: Sequence[frozenset[str]] = (),
    parents: Sequence[Named] = (),
    twins: Sequence[str] = (),
    earlier_lots: int = 0,
    more: Callable[[Profile, Plan], Iterable[Finding]] | None = None,
    temper: Callable[[Finding], Finding] | None = None,
    on_measured: Callable[[Profile], None] | None = None,
) -> Judged:
    """Judge an open table against its past.

    Args:
        table: what to judge; it is read once, and once more where something was suspected.
        past: profiles of earlier lots of the same flow.
        policy: the limits between the verdicts.
        on_cells: receives every accused cell, block by block in order of rows.
        on_rows: receives every block with what is accused in it by findings that may put rows aside (instead of `on_cells`).
        on_progress: receives (rows done, rows expected, phase).
        past_codes: for each earlier lot, the codes of what reading it noticed.
        parents: name and open table of each table whose rows this one may refer to.
        twins: names of earlier lots that hold the same bytes.
        earlier_lots: how many earlier lots there are, if more than `past` holds.
        more: gives further suspicions once the table is measured; rules come in here.
        temper: changes a suspicion before it is located; what people said of earlier ones comes in here.
        on_measured: receives the profile as soon as there is one.
    """
    past = past or Past()
    policy = policy or Policy()
    begun = time.perf_counter()
    looked = first_look(table, on_progress)
    measured = time.perf_counter()
    facts = table.facts()  # now: a second pass may stop early
    if on_measured is not None:
        on_measured(looked.profile)

    suspects = [
        *familiar_codes(table.findings(), past_codes, table.columns), *looked.mismatches, *suspected(looked.profile, past),
        *delivered_twice(looked.profile, past, twins, max(earlier_lots, len(past))),
    ]  # fmt: skip
    if parents:
        broken, references = broken_references(looked.profile, past, parents, on_progress)
        suspects += broken
        if references:
            facts = replace(facts, details={**facts.details, "references": ", ".join(map(str, references))})
    if temper is not None:
        suspects = [temper(finding) for finding in suspects]
    if more is not None:
        suspects += more(looked.profile, looked.plan)
    # Symptoms are dropped before the second look where the cause is already clear, and again after it, when rows are counted.
    suspects = subsume(suspects)
    notes: list[Finding] = []
    shown: list[Finding] = []
    whole = policy.split_at if on_rows is not None else policy.warn_at
    for finding in suspects:
        wanted = finding.severity >= whole and (on_cells is not None or (on_rows is not None and finding.layer in ("signature", "rule")))
        (shown if wanted else notes).append(finding)
    located = second_look(table, looked.plan, shown, every_cell=on_cells, every_block=on_rows, silently=notes, on_progress=on_progress)
    verdict, findings = judge(located, facts.rows, policy)
    ended = time.perf_counter()
    report = Report(
        verdict, findings, facts, described(looked.profile, looked.plan),
        {"read": looked.read_seconds, "profile": measured - begun - looked.read_seconds, "detect": ended - measured},
        len(past),
    )  # fmt: skip
    return Judged(report, looked.profile, looked.plan)


def past_of(tables: Iterable[tuple[str, Table]]) -> tuple[Past, list[frozenset[str]]]:
    """The past that some tables make, in the order given, and the codes of what reading each noticed."""
    names: list[str] = []
    profiles: list[Profile] = []
    codes: list[frozenset[str]] = []
    for name, table in tables:
        try:
            profiles.append(profile_of(table))
            codes.append(frozenset(finding.code for finding in table.findings()))
            names.append(name)
        finally:
            table.close()
    return Past(tuple(profiles), tuple(names)), codes


def accused_cells(report: Sequence[tuple[str, Cell]]) -> list[dict[str, object]]:
    """Accused cells as rows of the cells file."""
    return [
        {"row": cell.row, "column": cell.column, "code": code, "confidence": cell.confidence, "value": cell.value, "suggestion": cell.suggestion}
        for code, cell in report
    ]
