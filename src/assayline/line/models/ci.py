"""What other programs read of a trial: JUnit XML for a CI, a badge for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assayline.core import Verdict
from assayline.trials import Case, CaseSuite, badge, junit_xml

STATES = {"passed": "passed", "failed": "failed", "error": "error", "timeout": "timeout", "skipped": "skipped", "crashed": "error", "memory": "error"}
HOLDS = 0.8  # severity from which a finding fails the build; below it warns, and the case passes with what it says as output


def junit_of(document: Mapping[str, Any]) -> str:
    """One suite for each test set, with a case for each comparison and finding; one for the trials that people wrote.

    Args:
        document: of `showing.model_document`.
    """
    trial, version = document["trial"], str(document["version"])
    suites = []
    findings = trial.get("report", {}).get("findings", [])
    for one in trial.get("sets", []):
        cases = [_compared(compared) for compared in one.get("comparisons", [])]
        cases += _of_findings([found for found in findings if found["where"] == one["set"] and found["code"] != "worse_than_champion" and found["layer"] != "rule"])
        suites.append(CaseSuite(f"{version} on {one['set']}", _named(cases), str(document["at"]), {"digest": one["digest"], "rows": str(one["rows"])}))
    names = {one["set"] for one in trial.get("sets", [])}
    rest = _of_findings([found for found in findings if found["where"] not in names and found["layer"] != "rule"])
    if rest:
        suites.append(CaseSuite(version, _named(rest), str(document["at"])))
    written = [
        Case(one["name"], STATES.get(one["outcome"], "error"), "" if one["outcome"] == "passed" else one["said"], output=one.get("output", ""), seconds=float(one.get("seconds", 0.0)))
        for one in trial.get("suite", [])
    ]
    if written:
        suites.append(CaseSuite(f"{version}: trials of the project", _named(written), str(document["at"])))
    return junit_xml(suites)


def _compared(compared: Mapping[str, Any]) -> Case:
    worse = compared["outcome"] == "worse"
    return Case(f"against {compared['with']}", "failed" if worse else "passed", compared["sentence"] if worse else "", output=compared["sentence"])


def _of_findings(findings: list[Mapping[str, Any]]) -> list[Case]:
    return [
        Case(one["code"], "failed" if one["severity"] >= HOLDS else "passed", one["sentence"] if one["severity"] >= HOLDS else "", output=f"{one['sentence']} {one['suggestion']}".strip())
        for one in findings
    ]


def _named(cases: list[Case]) -> tuple[Case, ...]:
    """Cases with names of their own: the second of a name says so."""
    seen: dict[str, int] = {}
    named = []
    for one in cases:
        seen[one.name] = seen.get(one.name, 0) + 1
        number = seen[one.name]
        named.append(one if number == 1 else Case(f"{one.name} ({number})", one.state, one.sentence, one.details, one.output, one.errors, one.seconds))
    return tuple(named)


def badge_of(document: Mapping[str, Any]) -> str:
    """The verdict on a version as an SVG badge."""
    return badge(str(document["version"]), str(document["verdict"]), Verdict.named(str(document["verdict"])))
