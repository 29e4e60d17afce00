"""Reads the part of a card's document that is about the model at work, so that the card meets checked values only.

>>> told = handover_of({"back": [{"say": "v7 answers again", "command": "assay rollout rollback churn"}, 7], "fails": ["nothing", None]})
>>> told.back[0].command, told.fails, told.open
('assay rollout rollback churn', ('nothing',), ())
"""

from __future__ import annotations

from dataclasses import dataclass

from .model_facts import Document, mappings, text, texts


@dataclass(frozen=True)
class Step:
    """Something to do: a sentence, and what to type; either may be ""."""

    say: str
    command: str


@dataclass(frozen=True)
class Reader:
    """A job that the model answers."""

    flow: str
    kind: str
    reads: str
    version: str
    goes_to: tuple[str, ...]
    then: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Moved:
    """A rollout, and how it stands."""

    at: str
    author: str
    sentence: str
    reason: str


@dataclass(frozen=True)
class Opened:
    """Something that is open about a flow upstream or downstream of the model."""

    flow: str
    code: str
    sentence: str
    since: str
    command: str


@dataclass(frozen=True)
class Ruled:
    """A rule in force."""

    flow: str
    text: str
    action: str
    owner: str


@dataclass(frozen=True)
class Upstream:
    """A flow that the model learns from or answers."""

    flow: str
    kind: str
    what: str
    owner: str
    every: str
    use: str


@dataclass(frozen=True)
class Handover:
    """Everything a card says beyond the version itself."""

    answers: tuple[str, ...] = ()
    readers: tuple[Reader, ...] = ()
    rollouts: tuple[Moved, ...] = ()
    fails: tuple[str, ...] = ()
    open: tuple[Opened, ...] = ()
    rules: tuple[Ruled, ...] = ()
    guards: tuple[str, ...] = ()
    cause: tuple[Step, ...] = ()
    back: tuple[Step, ...] = ()
    retrain: tuple[Step, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    people: tuple[tuple[str, str], ...] = ()


def handover_of(told: Document) -> Handover:
    """The `handover` of a document of `assay card --json`."""
    return Handover(
        texts(told.get("answers")),
        tuple(map(_reader, mappings(told.get("readers")))),
        tuple(Moved(*_words(one, "at", "author", "sentence", "reason")) for one in mappings(told.get("rollouts"))), texts(told.get("fails")),
        tuple(Opened(*_words(one, "flow", "code", "sentence", "since", "command")) for one in mappings(told.get("open"))),
        tuple(Ruled(*_words(one, "flow", "text", "action", "owner")) for one in mappings(told.get("rules"))), texts(told.get("guards")),
        _steps(told.get("cause")), _steps(told.get("back")), _steps(told.get("retrain")),
        tuple(Upstream(*_words(one, "flow", "kind", "what", "owner", "every", "use")) for one in mappings(told.get("upstream"))),
        tuple((who, text(one.get("role"))) for one in mappings(told.get("people")) if (who := text(one.get("who")))),
    )  # fmt: skip


def _reader(one: Document) -> Reader:
    flow, kind, reads, version, command = _words(one, "flow", "kind", "reads", "version", "command")
    return Reader(flow, kind, reads, version, texts(one.get("goes_to")), texts(one.get("then")), command)


def _words(one: Document, *names: str) -> list[str]:
    return [text(one.get(name)) for name in names]


def _steps(told: object) -> tuple[Step, ...]:
    return tuple(Step(*_words(one, "say", "command")) for one in mappings(told))
