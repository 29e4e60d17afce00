"""A verdict and the findings it rests on."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .finding import Cell, Finding
from .verdict import Verdict

SCHEMA = 1


@dataclass(frozen=True)
class InputFacts:
    """What was read.

    Args:
        path: the input as the user named it, or "<frame>".
        digest: "sha256:…" of the bytes read; "" where the input has no bytes (a frame, a query).
        rows: data rows that arrived.
        columns: columns that arrived.
        bytes: size on disk; 0 where there is none.
        format: "csv", "parquet", …
        details: how it was read (encoding, delimiter, parts), as short texts.
    """

    path: str = "<frame>"
    digest: str = ""
    rows: int = 0
    columns: int = 0
    bytes: int = 0
    format: str = "frame"
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnFacts:
    """What a column is.

    Args:
        name: its name.
        kind: "number", "category", "text", "time", "boolean", "identifier", "nested" or "empty".
        meaning: "email", "url", "phone", … or None.
        null_share: 0..1, share of the rows without a value.
        distinct: number of different values (an estimate above a few thousand).
        summary: a few numbers and words for people: {"min": "1", "median": "4", …}.
        picture: numbers to draw, as in `Finding.picture`.
    """

    name: str
    kind: str
    meaning: str | None = None
    null_share: float = 0.0
    distinct: int = 0
    summary: Mapping[str, str] = field(default_factory=dict)
    picture: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Report:
    """Verdict and findings (worst first) about one lot, with what was read and how long it took.

    `as_json` is the contract that scripts rely on; see `docs/json.md`.
    """

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    input: InputFacts = field(default_factory=InputFacts)
    columns: tuple[ColumnFacts, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    past_lots: int = 0

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values, in the layout of the contract (schema 1)."""
        return {
            "schema": SCHEMA,
            "input": {
                "path": self.input.path,
                "digest": self.input.digest,
                "rows": self.input.rows,
                "columns": self.input.columns,
                "bytes": self.input.bytes,
                "format": self.input.format,
                "details": dict(self.input.details),
            },
            "past_lots": self.past_lots,
            "verdict": str(self.verdict),
            "columns": [
                {
                    "name": column.name,
                    "kind": column.kind,
                    "meaning": column.meaning,
                    "null_share": rounded(column.null_share),
                    "distinct": column.distinct,
                    "summary": dict(column.summary),
                    "picture": _plain(column.picture),
                }
                for column in self.columns
            ],
            "findings": [finding_as_json(finding) for finding in self.findings],
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """One finding as plain JSON values."""
    return {
        "code": finding.code,
        "layer": finding.layer,
        "severity": rounded(finding.severity),
        "columns": list(finding.columns),
        "where": finding.where,
        "rows": finding.rows or 0,
        "sentence": finding.sentence,
        "evidence": _plain(finding.evidence),
        "suggestion": finding.suggestion,
        "examples": [
            {"row": cell.row, "column": cell.column, "value": cell.value, "suggestion": cell.suggestion}
            for cell in finding.examples
        ],
        "picture": _plain(finding.picture),
    }


def report_from_json(document: Mapping[str, Any]) -> Report:
    """The report that `as_json` wrote; locators do not survive the journey."""
    findings = tuple(
        Finding(
            code=one["code"],
            columns=tuple(one["columns"]),
            sentence=one["sentence"],
            severity=one["severity"],
            layer=one["layer"],
            where=one["where"],
            rows=one["rows"],
            evidence=one["evidence"],
            suggestion=one["suggestion"],
            examples=tuple(Cell(c["row"], c["column"], 1.0, c["value"], c["suggestion"]) for c in one["examples"]),
            picture=one["picture"],
        )
        for one in document["findings"]
    )
    facts = document["input"]
    return Report(
        verdict=Verdict.named(document["verdict"]),
        findings=findings,
        input=InputFacts(**facts),
        columns=tuple(ColumnFacts(**column) for column in document["columns"]),
        seconds=document["seconds"],
        past_lots=document["past_lots"],
    )


def rounded(value: float) -> float:
    """A number to 6 significant digits, so that the last bits of a parallel sum never show.

    >>> rounded(1 / 3)
    0.333333
    """
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        value = float(value)
        if value != value or value in (float("inf"), float("-inf")):
            return str(value)  # JSON has no such numbers
        return rounded(value)
    if isinstance(value, Iterable):
        return [_plain(one) for one in value]
    return str(value)
