"""The sections of a card about the model at work: where it is in service, what is open, what to type when something is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import model_words
from .card_blocks import Block, Command, Listed, Table
from .handover_facts import Handover, Opened, Reader, Step

MOST = 40
KINDS = {"line": "with each lot, by the line", "by hand": "by hand", "online": "requests, by assay serve"}


def service(told: Handover) -> Iterator[Block]:
    """Who answers, whom, and what becomes of it."""
    yield from told.answers
    if told.readers:
        rows = tuple((one.flow, _scored(one), ", ".join(one.goes_to) or "the store", ", ".join(one.then) or "-") for one in told.readers[:MOST])
        yield Table(("predictions", "what is answered", "goes to", "what is made from it"), rows)
        yield Command("\n".join(dict.fromkeys(one.command for one in told.readers[:MOST] if one.command)))
    elif told.answers:
        yield "Nothing of this project asks it yet: no job scores with it, and nobody serves it."
    if told.rollouts:
        rows = tuple((model_words.day(one.at), one.sentence, one.author or "-", one.reason or "-") for one in reversed(told.rollouts))
        yield Table(("since", "rollout", "started by", "why"), rows)


def _scored(one: Reader) -> str:
    what = f"{one.reads}: {KINDS.get(one.kind, one.kind)}" if one.reads else KINDS.get(one.kind, one.kind)
    return f"{what}; always by {one.version}" if one.version else what


def failing(told: Handover) -> Iterator[Block]:
    """What comes in place of an answer."""
    if told.fails:
        yield Listed(told.fails[:MOST])


def watching(told: Handover) -> Iterator[Block]:
    """What is open now, and what is looked at by itself."""
    if not (told.answers or told.open):
        return
    if told.open:
        yield "Open now, about what it learns from, answers, or says:"
        yield Listed(tuple(_opened(one) for one in told.open[:MOST]))
        if len(told.open) > MOST:
            yield f"and {len(told.open) - MOST:,} more."
    else:
        yield "Nothing is open about what it learns from, answers, or says."
    if told.guards:
        yield "The rollout is judged after each batch by these guards:"
        yield Listed(told.guards[:MOST])
    if told.rules:
        yield "Rules of people that its data has to keep:"
        yield Table(("flow", "rule", "else", "owner"), tuple((one.flow, one.text, one.action, one.owner or "-") for one in told.rules[:MOST]))
    yield "Each morning:"
    yield Command("assay today")


def _opened(one: Opened) -> str:
    since = f", since {model_words.day(one.since)}" if one.since else ""
    return f"{one.flow}{since}: {one.sentence.removesuffix('.')}. Look with: {one.command}"


def steps(several: Iterable[Step]) -> Iterator[Block]:
    """What to do, one thing after another."""
    for one in several:
        if one.say:
            yield one.say
        if one.command:
            yield Command(one.command)


def sources(told: Handover) -> Iterator[Block]:
    """Where its data comes from."""
    if told.upstream:
        rows = tuple(
            (one.flow, one.what if one.kind == "flow" else f"{one.kind}: {one.what}", one.every or "-", one.owner or ("nobody" if one.kind == "source" else "-"), one.use)
            for one in told.upstream[:MOST]
        )
        yield "It rests on:"
        yield Table(("flow", "what it is", "asked", "owner", "for"), rows)


def people(told: Handover) -> Iterator[Block]:
    """Whom to ask, and who hears of it."""
    if told.people:
        yield Table(("who", "what of"), tuple(told.people[:MOST]))
    elif told.answers:
        yield "Nobody is named as its owner, and nobody is told of it. Name somebody: owner = … in its class in line.py, or --owner of assay train; and: assay notify add MODEL mailto:…"
