"""Reads the document of `assay why --json` once, so that pages and terminals meet checked values only.

A document comes as JSON, possibly from an older version: what is missing, malformed or no finite number is simply not there.

>>> told = why_of({"asked": "forecasts", "verdict": "proved", "symptom": {"now": 63.0, "low": "-inf", "high": 47.0}})
>>> told.verdict, told.symptom.now, told.symptom.low, told.symptom.outside(63.0), told.symptom.outside(12.0)
('proved', 63.0, None, True, False)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .model_facts import count, mapping, mappings, number, text, texts

Document = Mapping[str, Any]

PROVED, CORRELATIONAL, WORLD, MIX, NOT_FOUND, HEALTHY = "proved", "correlational", "world changed", "mix changed", "not found", "healthy"
VERDICTS = (PROVED, CORRELATIONAL, WORLD, MIX, NOT_FOUND, HEALTHY)

RESPONSIBLE, SHARES, CLEARED, SUSPECTED, UNREPLAYED = "responsible", "shares", "cleared", "correlational", "not replayed"
SAID = (RESPONSIBLE, SHARES, CLEARED, SUSPECTED, UNREPLAYED)

CULPRIT, SYMPTOM, TOUCHED, SPARED = "culprit", "symptom", "touched", "cleared"
MARKS = (CULPRIT, SYMPTOM, TOUCHED, SPARED)

FAILURE, SILENCE = "failure", "silence"  # kinds of symptoms whose measure is 1 or 0
FINDING = "finding"  # its measure is the severity


@dataclass(frozen=True)
class SymptomOf:
    """What is wrong, as one number: while all was well, now, and between which bounds it is well; None for a bound that there is not."""

    kind: str
    flow: str
    name: str
    sentence: str
    before: float | None
    now: float | None
    low: float | None
    high: float | None
    where: str
    since: str
    unit: str
    columns: tuple[str, ...]

    def outside(self, value: float) -> bool:
        """Whether a value is not one as while all was well."""
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)


@dataclass(frozen=True)
class LotOf:
    """A state of a flow: its lot, when it came, and from what; `lot` is "" where it is not known."""

    lot: str
    flow: str
    at: str
    input: str


@dataclass(frozen=True)
class PointOf:
    """The measure on one lot; None where it could not be measured."""

    lot: str
    at: str
    value: float | None


@dataclass(frozen=True)
class FindingOf:
    """What the gate says of a component."""

    code: str
    sentence: str
    lot: str


@dataclass(frozen=True)
class Narrowed:
    """The part of a component that carries the change, and the steps that led there; `risk_ratio` and `p` are None where nobody counted."""

    columns: tuple[str, ...]
    where: str
    rows: int
    of: int
    findings: tuple[FindingOf, ...]
    provenance: str
    risk_ratio: float | None
    p: float | None
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """Something to do, and the command that does it, or ""."""

    what: str
    sentence: str
    command: str


@dataclass(frozen=True)
class CauseOf:
    """A set of components that is responsible together; `share` is 0 to 1, or None."""

    components: tuple[str, ...]
    said: str
    sentence: str
    kind: str
    share: float | None
    narrowed: Narrowed
    owner: str
    touches: tuple[str, ...]
    do: tuple[Step, ...]
    diff: str
    proof: str = ""

    @property
    def proved(self) -> bool:
        return self.said.startswith("proved")


@dataclass(frozen=True)
class CandidateOf:
    """One thing that differs, and what its replay says; `value` is the measure with it put back, None where there is none."""

    key: str
    kind: str
    name: str
    before: str
    now: str
    owner: str
    evidence: float
    said: str
    value: float | None
    gone: bool
    why_not: str
    share: float | None
    sentence: str
    findings: tuple[FindingOf, ...]
    diff: str


@dataclass(frozen=True)
class SetOf:
    """Several things put back at once."""

    put_back: tuple[str, ...]
    value: float | None
    gone: bool


@dataclass(frozen=True)
class MixOf:
    """The measure weighted to the earlier population, and how much of the change that explains, 0 to 1."""

    reweighted: float | None
    columns: tuple[str, ...]
    explains: float | None


@dataclass(frozen=True)
class ReplaysOf:
    """What was tried, and what it took."""

    made: int
    cached: int
    most: int
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class NodeOf:
    """A flow of the line; `mark` is one of `MARKS`, or ""."""

    flow: str
    kind: str
    verdict: str
    mark: str


@dataclass(frozen=True)
class EdgeOf:
    """What one flow reads of another; `way` where the trouble took it."""

    start: str
    end: str
    way: bool


@dataclass(frozen=True)
class Why:
    """Everything a view shows of an answer."""

    asked: str
    verdict: str
    sentence: str
    symptom: SymptomOf
    good: LotOf
    bad: LotOf
    history: tuple[PointOf, ...]
    causes: tuple[CauseOf, ...]
    candidates: tuple[CandidateOf, ...]
    sets: tuple[SetOf, ...]
    mix: MixOf | None
    replays: ReplaysOf
    nodes: tuple[NodeOf, ...]
    edges: tuple[EdgeOf, ...]

    @property
    def replayed(self) -> tuple[CandidateOf, ...]:
        """The candidates whose replay gave a number."""
        return tuple(one for one in self.candidates if one.value is not None)

    @property
    def unknown(self) -> tuple[CandidateOf, ...]:
        """The candidates that no replay speaks of."""
        return tuple(one for one in self.candidates if one.value is None)

    def name(self, key: str) -> str:
        """What a component is called: without its kind, where the candidates know it."""
        return next((one.name for one in self.candidates if one.key == key and one.name), key)


def why_of(document: Document) -> Why:
    """The document of `assay why --json`, checked."""
    verdict = text(document.get("verdict"))
    line = mapping(document.get("line"))
    nodes = {one.flow: one for one in map(_node, mappings(line.get("nodes"))) if one.flow}
    edges = [EdgeOf(text(one.get("from")), text(one.get("to")), one.get("mark") == "way") for one in mappings(line.get("edges"))]
    return Why(
        text(document.get("asked")), verdict if verdict in VERDICTS else NOT_FOUND, text(document.get("sentence")), _symptom(mapping(document.get("symptom"))),
        _lot(document.get("good")), _lot(document.get("bad")),
        tuple(PointOf(text(one.get("lot")), text(one.get("at")), number(one.get("value"))) for one in mappings(document.get("history"))),
        tuple(map(_cause, mappings(document.get("causes")))), tuple(map(_candidate, mappings(document.get("candidates")))),
        tuple(SetOf(texts(one.get("put_back")), number(one.get("value")), one.get("gone") is True) for one in mappings(document.get("sets"))),
        _mix(mapping(document.get("mix"))), _replays(mapping(document.get("replays"))), tuple(nodes.values()),
        tuple({(one.start, one.end): one for one in edges if one.start in nodes and one.end in nodes and one.start != one.end}.values()),
    )  # fmt: skip


def _symptom(one: Document) -> SymptomOf:
    low, high = number(one.get("low")), number(one.get("high"))
    if low is not None and high is not None and low > high:
        low, high = high, low
    return SymptomOf(
        text(one.get("kind")), text(one.get("flow")), text(one.get("name")), text(one.get("sentence")), number(one.get("before")), number(one.get("now")), low, high,
        text(one.get("where")), text(one.get("since")), text(one.get("unit")), texts(one.get("columns")),
    )  # fmt: skip


def _lot(value: object) -> LotOf:
    one = mapping(value)
    return LotOf(text(one.get("lot")), text(one.get("flow")), text(one.get("at")), text(one.get("input")))


def _findings(value: object) -> tuple[FindingOf, ...]:
    return tuple(FindingOf(text(one.get("code")), text(one.get("sentence")), text(one.get("lot"))) for one in mappings(value))


def _cause(one: Document) -> CauseOf:
    part = mapping(one.get("narrowed"))
    narrowed = Narrowed(
        texts(part.get("columns")), text(part.get("where")), count(part.get("rows")), count(part.get("of")), _findings(part.get("findings")), text(part.get("provenance")),
        number(part.get("risk_ratio")), _share(part.get("p")), texts(part.get("steps")),
    )  # fmt: skip
    do = tuple(Step(text(step.get("what")), text(step.get("sentence")), text(step.get("command"))) for step in mappings(one.get("do")))
    return CauseOf(
        texts(one.get("components")), text(one.get("said")), text(one.get("sentence")), text(one.get("kind")), _share(one.get("share")), narrowed, text(one.get("owner")),
        texts(one.get("touches")), do, _lines(one.get("diff")), text(one.get("proof")),
    )  # fmt: skip


def _candidate(one: Document) -> CandidateOf:
    said, value = text(one.get("said")), number(one.get("value"))
    kind, name = text(one.get("kind")), text(one.get("name"))
    return CandidateOf(
        text(one.get("key")) or f"{kind} {name}".strip(), kind, name or text(one.get("key")), text(one.get("before")), text(one.get("now")), text(one.get("owner")),
        _share(one.get("evidence")) or 0.0, said if said in SAID else UNREPLAYED if value is None else CLEARED, value, one.get("gone") is True, text(one.get("why_not")),
        _share(one.get("share")), text(one.get("sentence")), _findings(one.get("findings")), _lines(one.get("diff")),
    )  # fmt: skip


def _lines(value: object) -> str:
    return value if isinstance(value, str) else ""


def _share(value: object) -> float | None:
    known = number(value)
    return min(max(known, 0.0), 1.0) if known is not None else None


def _mix(one: Document) -> MixOf | None:
    return MixOf(number(one.get("reweighted")), texts(one.get("columns")), _share(one.get("explains"))) if one else None


def _replays(one: Document) -> ReplaysOf:
    seconds = number(one.get("seconds"))
    return ReplaysOf(count(one.get("made")), count(one.get("cached")), count(one.get("most")), max(seconds, 0.0) if seconds is not None else 0.0, texts(one.get("notes")))


def _node(one: Document) -> NodeOf:
    mark = text(one.get("mark"))
    return NodeOf(text(one.get("flow")), text(one.get("kind")), text(one.get("verdict")), mark if mark in MARKS else "")
