"""Puts faults into good lots and asks the gate about each: what would it notice on this very data, and what not?"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from assayline.core import Finding, Past, Profile, Report, Verdict
from assayline.detectors.comparison import RECENT_LOTS
from assayline.errors import MisuseError
from assayline.judgement import Policy
from assayline.scanning.table_scan import profile_of, scan_table
from assayline.tables import Table

from .certificate import Case, Certificate, Judged, Row
from .design import Try, designed, generator, rounds
from .faults import Fault, faults
from .interval import interval
from .opened import opened
from .same_cause import is_named
from .sound import Sound, sound

Judge = Callable[[Table, Past, Sequence[frozenset[str]]], Report]
Progress = Callable[[int, int, str], None]  # tries done, tries planned, phase

LEAST_LOTS = 4
MOST_LOTS = 12  # good lots that faults are put into: enough for weekdays to differ, few enough for each to be struck often
MOST_JUDGED = 30  # good lots judged as they are: without an alarm the interval then ends at 12 %
MOST_CASES = 400


@dataclass(frozen=True)
class _Reference:
    """A good lot with its past, and what the gate says of it as it is."""

    name: str
    lot: Sound
    past: Past
    codes: tuple[frozenset[str], ...]
    warnings: frozenset[tuple[str, tuple[str, ...], str | None]]
    judged: Judged


def certify(
    lots: Sequence[tuple[str, pl.DataFrame]],
    *,
    flow: str = "",
    seed: int = 0,
    budget_seconds: float = 60.0,
    most_cases: int = MOST_CASES,
    most_lots: int = MOST_LOTS,
    most_judged: int = MOST_JUDGED,
    policy: Policy | None = None,
    text: bool = False,
    judge: Judge | None = None,
    chosen: Sequence[Fault] | None = None,
    on_progress: Progress | None = None,
) -> Certificate:
    """Say what a gate would notice on this data, and what it would not.

    Faults are put into the most recent of the lots, each judged against the lots before it, exactly as the gate judges.

    Args:
        lots: name and rows of recent good lots, oldest first; at least four, and the more there are, the more the gate knows.
        flow: its name, for the views.
        seed: which faults are put where; the same seed gives the same certificate, unless the seconds run out.
        budget_seconds: no further try is begun after so long. The untouched lots are always judged.
        most_cases: how many tries at most.
        most_lots: how many of the last lots faults are put into.
        most_judged: how many of the last lots are judged as they are, to count false alarms. Neither is ever more than half of the lots, so that
            each has a past.
        policy: the limits between the verdicts.
        text: the frames hold text as it stands in a file, to be typed by majority.
        judge: how the gate judges: from a table, its past, and the codes of what reading each earlier lot noticed, to a report;
            the judgement of a scan when None.
        chosen: the faults to try; all of them when None.
        on_progress: receives (tries done, tries planned, phase).

    Raises:
        MisuseError: there are fewer than four lots, or the budget is no budget.

    >>> rows = pl.DataFrame({"kilos": [float(number % 17) + 0.5 for number in range(60)]})
    >>> certify([(f"day {day}", rows) for day in range(6)], most_cases=3).false_alarms.lots
    3
    """
    if len(lots) < LEAST_LOTS:
        raise MisuseError(f"a certificate needs at least {LEAST_LOTS} good lots, here are {len(lots)}; gate some more first")
    if budget_seconds <= 0 or most_cases < 1 or most_lots < 1:
        raise MisuseError(f"a budget is more than nothing, not budget_seconds={budget_seconds!r}, most_cases={most_cases!r}, most_lots={most_lots!r}")
    begun = time.monotonic()
    policy = policy or Policy()
    ask = judge or _scanning(policy)
    tell = on_progress or _silent
    untouched = _references(lots, min(max(most_lots, most_judged), len(lots) // 2), text, ask, policy, tell)
    references = untouched[-most_lots:]
    cases: list[Case] = []
    reached: set[str] = set()
    every = tuple(chosen) if chosen is not None else faults()
    plan = designed(every, [one.lot for one in references], seed)
    planned = sum(map(len, plan))
    possible = {tries[0].fault.code for tries in plan if tries}
    stopped = "design"
    for tries in rounds(plan, seed):
        if len(cases) >= most_cases:
            stopped = "most_cases"
            break
        if time.monotonic() - begun > budget_seconds:
            stopped = "budget_seconds"
            break
        case = None
        while tries and case is None:  # a fault that changes nothing here is put elsewhere
            one = tries.popleft()
            case = _tried(one, references[one.lot], seed, ask, policy)
            reached.add(one.fault.code)
        if case is not None:
            cases.append(case)
            tell(len(cases), min(planned, most_cases), "trying faults")
    rows = _rows(every, cases)
    return Certificate(
        flow, seed, rows, tuple(cases), tuple(one.judged for one in untouched), _untried(every, rows, possible, reached), planned, stopped,
        time.monotonic() - begun,
    )  # fmt: skip


def _silent(done: int, total: int, phase: str) -> None:
    """Shows no progress."""


def _scanning(policy: Policy) -> Judge:
    def judged(table: Table, past: Past, codes: Sequence[frozenset[str]]) -> Report:
        return scan_table(table, past, policy=policy, past_codes=codes)

    return judged


def _references(lots: Sequence[tuple[str, pl.DataFrame]], count: int, text: bool, ask: Judge, policy: Policy, tell: Progress) -> list[_Reference]:
    """The last lots, each with its past (profiled once for all of them) and its own judgement."""
    oldest = max(0, len(lots) - count - RECENT_LOTS)
    known: list[tuple[str, pl.DataFrame, Profile, frozenset[str]]] = []
    references = []
    for number, (name, frame) in enumerate(lots[oldest:], start=oldest):
        table = opened(frame, text)
        if number >= len(lots) - count:
            recent = known[-RECENT_LOTS:]
            past = Past(tuple(one[2] for one in recent), tuple(one[0] for one in recent))
            codes = tuple(one[3] for one in recent)
            report = ask(table, past, codes)
            heard = _warnings(report, policy)
            judged = Judged(name, frame.height, len(past), str(report.verdict), tuple(finding.code for finding in heard))
            lot = sound(frame, [one[1] for one in recent], text=text)
            references.append(_Reference(name, lot, past, codes, frozenset(map(_same, heard)), judged))
        known.append((name, frame, profile_of(table), frozenset(finding.code for finding in table.findings())))
        tell(number - oldest + 1, len(lots) - oldest, "profiling good lots")
    return references


def _warnings(report: Report, policy: Policy) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity >= policy.warn_at] if report.verdict >= Verdict.WARN else []


def _same(finding: Finding) -> tuple[str, tuple[str, ...], str | None]:
    return finding.code, finding.columns, finding.where


def _tried(one: Try, reference: _Reference, seed: int, ask: Judge, policy: Policy) -> Case | None:
    """What the gate says of a lot with a fault in it; None where this place cannot have the fault."""
    faulty = one.fault.inject(reference.lot, one.column, one.strength, generator(one, seed))
    if faulty is None:
        return None
    report = ask(opened(faulty, reference.lot.plan.text), reference.past, reference.codes)
    new = [finding for finding in _warnings(report, policy) if _same(finding) not in reference.warnings]
    struck = changed(reference.lot.frame, faulty) | ({one.column} if one.column is not None else set())
    located = any(struck & set(finding.columns) for finding in new) if struck and new else None
    named = any(is_named(one.fault.code, finding.code) for finding in new)
    heard = tuple(dict.fromkeys(finding.code for finding in new))
    return Case(one.fault.code, one.strength.name, reference.name, one.column, str(report.verdict), heard, bool(new), named, located)


def changed(before: pl.DataFrame, after: pl.DataFrame) -> set[str]:
    """The columns that differ; none where rows came or went, for then every column does.

    >>> sorted(changed(pl.DataFrame({"a": [1], "b": [1]}), pl.DataFrame({"a": [2], "c": [1]})))
    ['a', 'b', 'c']
    """
    names = set(before.columns) ^ set(after.columns)
    if before.height != after.height:
        return names
    both = set(before.columns) & set(after.columns)
    struck = {name for name in both if not before.get_column(name).equals(after.get_column(name), null_equal=True)}
    return names | (struck if len(struck) < len(before.columns) else set())


def _rows(every: Sequence[Fault], cases: Sequence[Case]) -> tuple[Row, ...]:
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.code, case.strength].append(case)
    rows = []
    for fault in every:
        for strength in fault.strengths:
            members = groups.get((fault.code, strength.name), [])
            if not members:
                continue
            noticed = sum(case.noticed for case in members)
            missed = tuple(dict.fromkeys(case.column for case in members if case.column is not None and not case.noticed))
            rows.append(
                Row(
                    fault.code, strength.name, fault.says.replace("{strength}", strength.says), len(members), noticed, sum(case.named for case in members),
                    sum(case.located is True for case in members), sum(case.located is not None for case in members), interval(noticed, len(members)), missed,
                )
            )  # fmt: skip
    return tuple(rows)


def _untried(every: Sequence[Fault], rows: Sequence[Row], possible: set[str], reached: set[str]) -> dict[str, str]:
    """Why some faults were not tried."""
    reasons = {}
    for code in [fault.code for fault in every if fault.code not in {row.code for row in rows}]:
        if code not in possible:
            reasons[code] = "no column of these lots can have it"
        elif code in reached:
            reasons[code] = "it would change nothing in these lots"
        else:
            reasons[code] = "the budget ended before it was reached"
    return reasons
