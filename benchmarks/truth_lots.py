"""Faulty lots noticed, named and located by their past, against what users may expect of it: the targets of the benchmark group "truth".

What is measured is in `lots.py`; both groups look at the same verdicts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import lots
from results import Result

COMMAND = "make bench ONLY=truth_lots"
LEAST_NOTICED = {"gross": 0.95, "medium": 0.85, "subtle": 0.60}
LEAST_NAMED, LEAST_LOCATED, MOST_FALSE = 0.80, 0.95, 0.03


def run() -> list[Result]:
    """The whole suite."""
    suite, cases, verdicts = lots.judged_suite()
    return [*_noticed(cases, verdicts), *_named(cases, verdicts), *_scored(lots.scored(suite, verdicts)), *_each(cases, verdicts)]


def _noticed(cases: list[dict[str, Any]], verdicts: dict[str, lots.Judged]) -> Iterator[Result]:
    for severity, least in LEAST_NOTICED.items():
        members = [case for case in cases if case["truth"]["fault"] and case["truth"]["severity"] == severity]
        share = sum(verdicts[case["case"]].verdict != "release" for case in members) / max(1, len(members))
        yield Result(f"{severity} faults noticed", "a faulty lot is at least a warning", f"{share:.1%} of {len(members):,}", f">= {least:.0%}", share >= least, COMMAND)


def _named(cases: list[dict[str, Any]], verdicts: dict[str, lots.Judged]) -> Iterator[Result]:
    noticed, first, anywhere, many = lots.named(cases, verdicts)
    whole = max(1, noticed)
    yield Result("cause named", "one of the warnings is the fault by its name", f"{anywhere / whole:.1%} of {noticed:,} noticed; {many:.1f} warnings a lot",
                 f">= {LEAST_NAMED:.0%}", anywhere >= LEAST_NAMED * noticed, COMMAND)  # fmt: skip
    yield Result("cause named by the first warning", "", f"{first / whole:.1%}", command=COMMAND)


def _scored(total: dict[str, Any]) -> Iterator[Result]:
    hit = total["column_hit"] or 0.0
    yield Result("right column", "a warning names a faulty column, where the fault has one", f"{hit:.1%} of the noticed (precision {total['column_precision'] or 0:.1%})",
                 f">= {LEAST_LOCATED:.0%}", hit >= LEAST_LOCATED, COMMAND)  # fmt: skip
    alarms, controls = total["none_alarms"] + total["benign_alarms"], total["none"] + total["benign"]
    yield Result("sound lots accused", "a sound lot is released without a warning",
                 f"{alarms / max(1, controls):.1%} of {controls:,} (untouched {total['false_alarm_rate']:.1%}, harmless changes {total['benign_alarm_rate']:.1%})",
                 f"<= {MOST_FALSE:.0%}", alarms <= MOST_FALSE * controls, COMMAND)  # fmt: skip
    yield Result("faults noticed at 5 % false alarms, by severity of the worst finding", "", f"{total['detection_at_5pct_false_alarms']:.1%}; AUC {total['auc']}", command=COMMAND)


def _each(cases: list[dict[str, Any]], verdicts: dict[str, lots.Judged]) -> Iterator[Result]:
    """A line for each fault and severity, and for each harmless change."""
    groups: dict[tuple[bool, str, str], list[dict[str, Any]]] = defaultdict(list)
    for case in cases:
        truth = case["truth"]
        groups[not truth["fault"], truth["kind"], truth["severity"] if truth["fault"] else ""].append(case)
    order = {"gross": 0, "medium": 1, "subtle": 2}
    for (sound, kind, severity), members in sorted(groups.items(), key=lambda one: (one[0][0], one[0][1], order.get(one[0][2], 0))):
        said = [verdicts[case["case"]] for case in members]
        noticed = sum(one.verdict != "release" for one in said)
        named = sum(any(code == kind for code, _, _ in one.warnings) for one in said)
        what = f"no fault: {kind}" if sound else f"fault: {kind}, {severity}"
        yield Result(what, "", f"{noticed / len(members):.0%} of {len(members)}" + ("" if sound else f", {named} named"), command=COMMAND)
