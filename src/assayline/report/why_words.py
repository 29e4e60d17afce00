"""The words in which causes are told: verdicts, marks, what a replay says, and what to do next.

>>> said("cleared").word, kind("code"), value(63.04, "bikes")
('cleared', 'code', '63 bikes')
"""

from __future__ import annotations

import re
from typing import NamedTuple

from . import words
from .model_words import about
from .visible import shown
from .why_facts import (
    CORRELATIONAL,
    CULPRIT,
    FAILURE,
    FINDING,
    HEALTHY,
    MIX,
    NOT_FOUND,
    PROVED,
    SILENCE,
    WORLD,
    CandidateOf,
    CauseOf,
    Narrowed,
    SymptomOf,
    Why,
)

_QUESTION = re.compile(r"((flow|incident|model) )?[\w.:/-]{1,120}", re.ASCII)  # what a shell takes as it is


class VerdictWords(NamedTuple):
    """How a verdict is said: sign, sign for poor terminals, word, what it means, and the verdict of a lot whose colour it has."""

    sign: str
    plain: str
    word: str
    meaning: str
    colour: str


class Mark(NamedTuple):
    """How a mark is said: sign, sign for poor terminals, word, and what it means."""

    sign: str
    plain: str
    word: str
    meaning: str


VERDICTS = {
    PROVED: VerdictWords("✓", "+", "cause proved", "With it put back, the symptom is gone.", "hold"),
    CORRELATIONAL: VerdictWords("≈", "~", "likely cause", "It fits, but no replay could prove it.", "warn"),
    WORLD: VerdictWords("◐", "o", "the world changed", "The data are right; what they describe is not what it was.", "note"),
    MIX: VerdictWords("◫", "%", "the mix changed", "There are more of some and fewer of others; each behaves as before.", "note"),
    NOT_FOUND: VerdictWords("?", "?", "not found", "Nothing that could be put back removes it, so nobody is accused.", "split"),
    HEALTHY: VerdictWords("✓", "+", "healthy", "There is nothing to explain.", "release"),
}
SAID = {
    "responsible": Mark("◆", "#", "responsible", "put back, the symptom is gone"),
    "shares": Mark("◧", "%", "shares", "a part of it"),
    "cleared": Mark("✓", "+", "cleared", "put back, the symptom stays"),
    "correlational": Mark("≈", "~", "correlational", "it fits, but was not proved"),
    "not replayed": Mark("–", "-", "not replayed", "nothing is known of it"),
}
MARKS = {
    "culprit": Mark("◆", "#", "cause", "the trouble begins here"),
    "symptom": Mark("◎", "o", "symptom", "the trouble was seen here"),
    "touched": Mark("▲", "^", "touched", "it reads what the trouble has reached"),
    "cleared": Mark("✓", "+", "cleared", "put back, nothing changes"),
}
KINDS = {
    "source": "source", "arrival": "late or missing", "code": "code", "parameter": "parameter", "package": "package", "model": "model", "arm": "rollout arm", "world": "the world",
    "mix": "the mix",
}  # fmt: skip


def said(word: str, verdict: str = PROVED) -> Mark:
    """What a replay says of a candidate; where the world changed nobody is called responsible."""
    known = SAID.get(word, SAID["not replayed"])
    return known._replace(word="explains it") if word == "responsible" and verdict in (WORLD, MIX) else known


def mark(word: str, verdict: str = PROVED) -> Mark:
    """What a flow is to the trouble: what no replay proved is called suspect, and what is no fault is called changed.

    >>> [mark("culprit", verdict).word for verdict in (PROVED, CORRELATIONAL, WORLD)]
    ['cause', 'suspect', 'changed']
    """
    known = MARKS[word]
    if word != CULPRIT or verdict == PROVED:
        return known
    return known._replace(word="changed", meaning="what is not as it was comes in here") if verdict in (WORLD, MIX) else known._replace(word="suspect", meaning="it fits, but was not proved")


def kind(word: str) -> str:
    """What sort of thing a component is."""
    return KINDS.get(word, shown(word, 24))


def value(known: float | None, unit: str = "", symptom: str = "") -> str:
    """A measure with its unit; of a step that fails or a flow that is silent, the word.

    >>> value(1.0, "", "failure"), value(0.0, "", "silence"), value(None)
    ('fails', 'comes', '-')
    """
    if known is None:
        return "-"
    if symptom == FAILURE:
        return "fails" if known >= 0.5 else "runs"
    if symptom == SILENCE:
        return "silent" if known >= 0.5 else "comes"
    return f"{about(known)} {shown(unit, 16)}" if unit else about(known)


def measured(told: Why, known: float | None) -> str:
    """A measure of this symptom."""
    return value(known, told.symptom.unit, told.symptom.kind)


def normal(one: SymptomOf) -> str:
    """Between which bounds all is well, or ""."""
    if one.kind in (FAILURE, SILENCE):
        return ""
    unit = f" {shown(one.unit, 16)}" if one.unit else ""
    if one.low is not None and one.high is not None:
        return f"{about(one.low)} to {about(one.high)}{unit}" if one.low != one.high else f"{about(one.low)}{unit}"
    if one.high is not None:
        return f"at most {about(one.high)}{unit}"
    return f"at least {about(one.low)}{unit}" if one.low is not None else ""


def name(one: SymptomOf) -> str:
    """What is measured, with the rows it is about.

    >>> name(SymptomOf("metric", "forecasts", "mae(prediction, rentals)", "", None, None, None, None, "station = 3", "", "", ()))
    'mae(prediction, rentals) where station = 3'
    """
    severity = f"severity of {shown(one.name, 60)}" if one.kind == FINDING and one.name else ""
    known = severity or shown(one.name, 80) or {FAILURE: "whether it runs", SILENCE: "whether it comes"}.get(one.kind, "the measure")
    return f"{known} where {shown(one.where, 80)}" if one.where else known


def headline(told: Why) -> str:
    """What is wrong, in a sentence."""
    return told.symptom.sentence or told.sentence or (f"Why {told.asked}?" if told.asked else "Why?")


def summary(told: Why) -> str:
    """The answer in a sentence, where it says more than the headline."""
    return told.sentence if told.sentence != headline(told) else ""


def put_back(one: CandidateOf) -> str:
    """What was put back, without the number that came of it.

    >>> one = CandidateOf("source weather", "source", "weather", "lot 31", "lot 35", "", 0.9, "responsible", 42.0, True, "", 0.9, "with the weather lot of before: 42", (), "")
    >>> put_back(one)
    'with the weather lot of before'
    """
    head, colon, tail = one.sentence.rpartition(":")
    if colon and len(tail) < 40 and (any(letter.isdigit() for letter in tail) or tail.strip() in ("fails", "runs", "silent", "comes")):
        return head.strip()
    return one.sentence.strip() or f"with {kind(one.kind)} {one.name} as before".replace("  ", " ")


def line(told: Why, one: CandidateOf) -> str:
    """A candidate with what its replay says, in a line."""
    if one.value is None:
        return f"{put_back(one)}: {one.why_not or 'not replayed'}"
    return f"{put_back(one)}: {measured(told, one.value)}"


def together(told: Why, keys: tuple[str, ...]) -> str:
    """Several components in a row: names, with their kinds where they are known."""
    known = {one.key: one for one in told.candidates}
    names = [f"{kind(known[key].kind)} {shown(known[key].name, 60)}" if key in known else shown(key, 70) for key in keys]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def all_of(count: int) -> str:
    """
    >>> all_of(2), all_of(3)
    ('both', 'all 3')
    """
    return "both" if count == 2 else f"all {count:,}"


def change(one: CandidateOf) -> str:
    """What it was and what it is."""
    if one.before and one.now:
        return f"{shown(one.before, 60)} → {shown(one.now, 60)}"
    return f"was {shown(one.before, 60)}, is gone" if one.before else f"{shown(one.now, 60)}, was not there before" if one.now else ""


def proof(one: CauseOf) -> str:
    """How sure it is."""
    return "proved by replay" if one.proved else shown(one.said, 40) or "correlational"


def narrowed(one: Narrowed) -> list[tuple[str, str]]:
    """Where in the component it is, as names and what is known of them."""
    found: list[tuple[str, str]] = []
    if one.columns:
        found.append(("column" if len(one.columns) == 1 else "columns", ", ".join(shown(name, 60) for name in one.columns[:12])))
    if one.where:
        found.append(("where", shown(one.where, 160)))
    if one.rows:
        found.append(("rows", f"{one.rows:,} of {one.of:,}" if one.of else f"{one.rows:,}"))
    if one.provenance:
        found.append(("comes from", shown(one.provenance, 160)))
    if one.risk_ratio is not None:
        chance = f"; by chance alone once in {odds(one.p)}" if one.p is not None and one.p < 0.5 else ""
        found.append(("how much likelier there", f"{about(one.risk_ratio)} times{chance}"))
    return found


def nobody(told: Why) -> str:
    """Why nobody is accused, and where the cause may still be."""
    tried = sum(one.value is not None for one in told.candidates)
    put = f"{words.counted(tried, 'thing that differs was', 'things that differ were')} put back, and the symptom stayed." if tried else "Nothing that differs could be put back."
    unknown = sum(bool(one.why_not) for one in told.candidates)
    if unknown:
        return f"{put} Of {words.counted(unknown, 'other')} nothing is known: the cause may be among them."
    return f"{put} The cause may lie outside of what is recorded, or in several things at once."


def odds(p: float) -> str:
    """One in how many, with as many digits as it is known to.

    >>> odds(0.001), odds(1e-9), odds(0.0)
    ('1,000', 'more than a million', 'more than a million')
    """
    return "more than a million" if p < 1e-6 else about(1 / p, 2)


def tried(told: Why) -> str:
    """What was tried, and what it took."""
    one = told.replays
    if not one.made and not one.cached:
        return "Nothing was replayed."
    if not one.made:
        return f"{words.counted(one.cached, 'replay')}, known from before."
    parts = [words.counted(one.made, "replay") + (f" of at most {one.most:,}" if one.most else "")]
    parts += [f"{one.cached:,} more known from before"] if one.cached else []
    parts += [words.duration(one.seconds)] if one.seconds else []
    return f"{', '.join(parts)}."


def states(told: Why) -> str:
    """Between which two states all this lies."""
    parts = [f"{word} {_state(one.lot, one.at)}" for word, one in (("last good:", told.good), ("first bad:", told.bad)) if one.lot or one.at]
    return "; ".join(parts)


def _state(lot: str, at: str) -> str:
    when = shown(at[:16].replace("T", " "), 16)
    return ", ".join(part for part in (f"lot {shown(lot, 20)}" if lot else "", when) if part)


def offers(told: Why) -> list[tuple[str, str]]:
    """Commands to go on with, where no cause brings its own."""
    asked = told.asked
    if told.verdict == HEALTHY or not _QUESTION.fullmatch(asked):  # a complaint about rows is more than its name: it cannot be asked again from here
        return []
    given = []
    if told.verdict == NOT_FOUND and told.replays.most and told.replays.made >= told.replays.most:
        given.append((f"assay why {asked} --most {told.replays.most * 2}", "tries more combinations"))
    if any(one.kind == "package" and one.value is None for one in told.candidates):
        given.append((f"assay why {asked} --packages FOLDER", "replays with the packages of before, from wheels in a folder"))
    return [*given, (f"assay why {asked} --json", "gives everything that was found to a program")]
