"""What changed between two versions of a model, on a terminal: in plain words first, then group by group, typical cases, releases, and what was changed.

>>> document = {"model": "churn", "before": {"version": "churn:v7"}, "after": {"version": "churn:v8"}, "verdict": "better", "headline": "churn:v8 does better."}
>>> print(as_text(explain_lines(document, Paper(80, "utf-8", plain=True))).splitlines()[1])
churn:v8 does better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import model_words, terminal, words
from .explain_facts import CaseOf, Change, Ends, change_of
from .explain_page import SAID, badge_of, said_of
from .model_words import about, first_up, signed
from .paper import Entry, Line, Paper, as_text, table, wrapped

__all__ = ["as_text", "explain_lines"]

SENTENCE = 500
MOST_MOVED, MOST_GROUPS, MOST_CASES, MOST_LISTED = 8, 24, 3, 10
COLOURS = {"better": "green", "worse": "red", "slightly worse": "yellow", "undecided": "yellow", "not worse": "cyan"}
OF_GROUP = {"lost": "red", "gained": "green", "": "dim"}


def explain_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """The document of `assay explain MODEL A B --json`."""
    told = change_of(document)
    yield _badge(told, paper)
    for place, sentence in enumerate([told.headline, *told.sentences]):
        yield from wrapped(paper.ours(paper.say(sentence, SENTENCE)), paper, style="bold" if place == 0 else "")
    yield from _whom(told, paper)
    yield from _groups(told, paper)
    yield from _cases(told, paper)
    yield from _releases(told, paper)
    yield from _made(told, paper)
    yield from _importance(told, paper)
    yield from _figures(told, paper)
    both = [paper.say(one.rpartition(" ")[2], 12) for one in (told.before, told.after)]
    model = paper.say(told.model, 60)
    offers = [(f"assay explain {model} {both[0]} {both[1]} --html changed.html", "a page to show"), (f"assay explain {model} {both[0]} {both[1]} --note before", "a short note for its users")]
    yield []
    yield [("Next", "bold")]
    yield from terminal.offers(offers, paper)


def _badge(told: Change, paper: Paper) -> Line:
    said = badge_of(told)
    signs = {"✓": "+", "✕": "x"}
    return [
        (f"{signs.get(said.sign, said.sign) if paper.plain else said.sign} {said.word.upper()}", f"bold {'cyan' if told.identical else COLOURS.get(told.verdict, 'yellow')}"),
        (f"  {paper.say(told.before, 30)} {paper.arrow} {paper.say(told.after, 30)}", "bold"),
    ]


def _head(said: str) -> Iterator[Line]:
    yield []
    yield [(said, "bold")]


def _whom(told: Change, paper: Paper) -> Iterator[Line]:
    if not told.promise:
        return
    yield from _head("Who gains, who loses")
    moved = [*told.lost[:MOST_MOVED], *told.gained[:MOST_MOVED]]
    for one in moved:
        yield [("  ", ""), (f"{SAID[one.said]}:", f"bold {OF_GROUP[one.said]}")]
        yield from wrapped(paper.ours(paper.say(one.sentence, SENTENCE)), paper, indent="    ")
    if not moved:
        yield from wrapped(paper.ours(paper.say(told.groups_sentence, SENTENCE)), paper, indent="  ")
    yield from wrapped(paper.ours(paper.say(told.promise, SENTENCE)), paper, indent="  ", style="dim")


def _signed(of: Ends, times: float) -> str:
    ends = "" if of.low is None or of.high is None else f" ({signed(of.low * times, 2)} to {signed(of.high * times, 2)})"
    return f"{signed(of.value * times)}{ends}"


def _groups(told: Change, paper: Paper) -> Iterator[Line]:
    groups = [*([told.whole] if told.whole is not None else []), *told.groups[:MOST_GROUPS]]
    if not groups:
        return
    unit = {"money": f"{paper.say(told.unit, 12)} per {told.per:,.0f}", "wrong": f"wrong answers per {told.per:,.0f}", "error": "how far off"}.get(told.counted, "loss")
    yield from _head(f"Group by group: {unit}, less is better")
    rows: list[list[Entry]] = []
    for one in groups:
        name = f"all {paper.say(told.rows_are, 24)}" if not one.column else paper.say(one.where, 44 if paper.width >= 90 else 26)
        values = [about(one.before.value * told.per), about(one.after.value * told.per), paper.ours(_signed(one.difference, told.per))]
        rows.append([name, f"{one.rows:,}", *values, (said_of(one, told), OF_GROUP.get(one.said, "dim"))])
    yield from _indented(table(["", "rows", "before", "after", "difference", ""], rows, right=(1, 2, 3, 4), styles=("", "dim", "", "bold", "", "dim")))
    if len(told.groups) > MOST_GROUPS:
        yield from wrapped(f"and {len(told.groups) - MOST_GROUPS:,} more; --html and --json have them", paper, indent="  ", style="dim")


def _indented(lines: Iterator[Line]) -> Iterator[Line]:
    for line in lines:
        yield [("  ", ""), *line]


def _cases(told: Change, paper: Paper) -> Iterator[Line]:
    if not told.flips_sentence:
        return
    yield from _head("Typical cases that flipped")
    yield from wrapped(paper.ours(paper.say(told.flips_sentence, SENTENCE)), paper, indent="  ")
    for kind, sign, colour in (("lost", "x" if paper.plain else "✕", "red"), ("gained", "+" if paper.plain else "✓", "green")):
        for one in [case for case in told.cases if case.kind == kind][:MOST_CASES]:
            yield from _case(one, sign, colour, paper)


def _case(one: CaseOf, sign: str, colour: str, paper: Paper) -> Iterator[Line]:
    answers = f"{paper.say(one.before_answer, 24)} {paper.arrow} {paper.say(one.after_answer, 24)}, true: {paper.say(one.truth, 24)}"
    stands = f"  (stands for about {one.stands_for:,} of {one.of:,})" if one.stands_for and one.of else ""
    yield [(f"  {sign} ", f"bold {colour}"), (paper.say(one.who, 40), "bold"), (f"  {answers}", ""), (paper.ours(stands), "dim")]
    yield from wrapped(paper.ours(paper.say(one.sentence, SENTENCE)), paper, indent="    ")


def _releases(told: Change, paper: Paper) -> Iterator[Line]:
    if len(told.releases) < 2:
        return
    yield from _head(f"Over the releases: {model_words.title(told.metric)}")
    said = {one.after: one.said for one in told.steps}
    rows: list[list[Entry]] = []
    for one in told.releases[-MOST_LISTED:]:
        step = said.get(one.version, "")
        bounds = f"{model_words.between(one.value.low, one.value.high)}" if one.value.low is not None and one.value.high is not None else ""
        mark = "*" if one.version in (told.before, told.after) else ""
        rows.append([f"{paper.say(one.version, 30)}{mark}", model_words.valued(one.value.value, told.metric, told.metric_unit), paper.ours(bounds), (step, COLOURS.get(step, "dim"))])
    yield from _indented(table(["", "", "95 % interval", "step"], rows, right=(1,), styles=("bold", "", "dim", "")))


def _made(told: Change, paper: Paper) -> Iterator[Line]:
    said = [told.data_sentence, *(sentence for _, _, sentence in told.features[:MOST_LISTED]), told.code_sentence, *told.other[:MOST_LISTED]]
    said = [one for one in said if one]
    tags = [f"{one.flow} lot {one.lot}: {tag}" for one in told.new_lots for tag in one.tags]
    if not said:
        return
    yield from _head("What was changed in it")
    for one in [*said, *tags[:MOST_LISTED]]:
        yield from wrapped(paper.ours(f"{paper.dot.strip()} {paper.say(one, SENTENCE)}"), paper, indent="  ", hanging="  ")


def _importance(told: Change, paper: Paper) -> Iterator[Line]:
    if not told.columns:
        return
    yield from _head("What it leans on (this is no cause)")
    rows: list[list[Entry]] = [
        [
            paper.say(one.column, 40), words.percent(one.share), "-" if one.before_share is None else words.percent(one.before_share), words.percent(one.association),
            ("look" if one.warns else "", "yellow"),
        ]
        for one in told.columns[:MOST_LISTED]
    ]
    yield from _indented(table(["", "leans on it", "before", "says by itself", ""], rows, right=(1, 2, 3), styles=("", "bold", "dim", "", "")))
    for one in told.warnings[:MOST_LISTED]:
        yield from wrapped(paper.ours(paper.say(one, SENTENCE)), paper, indent="  ", style="yellow")


def _figures(told: Change, paper: Paper) -> Iterator[Line]:
    if told.metrics:
        yield from _head("The figures")
        rows: list[list[Entry]] = [
            [
                first_up(model_words.title(one.name)), model_words.valued(one.before.value, one.name), model_words.valued(one.after.value, one.name, one.unit),
                (one.said, COLOURS.get(one.said, "dim")),
            ]
            for one in told.metrics
        ]
        yield from _indented(table(["", "before", "after", ""], rows, right=(1, 2), styles=("", "", "bold", "")))
    for one in told.notes:
        yield from wrapped(paper.ours(paper.say(one, SENTENCE)), paper, indent="  ", style="yellow")
    where = f"Tried on {words.counted(told.rows, 'row')} of {paper.say(told.test_set, 60)}" if told.test_set else ""
    if where:
        yield from wrapped(f"{where}{f'; label {told.more_rows:,} more to know' if told.more_rows else ''}.", paper, indent="  ", style="dim")
