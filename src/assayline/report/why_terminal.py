"""An answer to "why" on a terminal: what is wrong, the cause with its proof, what each replay said, whom to ask, and what to do.

>>> document = {"asked": "forecasts", "verdict": "healthy", "sentence": "`forecasts` is as it was."}
>>> print(as_text(why_lines(document, Paper(80, "utf-8", plain=True))), end="")
+ healthy: `forecasts` is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import terminal, why_charts, why_words, words
from .braille import dotted, ranked_letters
from .code_diff import diff_lines
from .lots import moment
from .model_words import first_up
from .paper import Entry, Line, Paper, as_text, wrapped
from .pictures import part
from .rollout_terminal import fitted
from .visible import width
from .why_facts import HEALTHY, MIX, NOT_FOUND, WORLD, CauseOf, Why, why_of

__all__ = ["as_text", "why_lines"]

MOST_SENTENCE = 500
MOST_CAUSES = 6
MOST_ROWS = 14
MOST_UNKNOWN = 8
MOST_TOUCHED = 12
MOST_DIFF = 24
MOST_STEPS = 6
POINTS = 40
STRIP, NARROW_STRIP = 30, 18

COLOURS = {"hold": "red", "warn": "yellow", "note": "cyan", "split": "yellow", "release": "green"}
ROW_COLOURS = {"responsible": "red", "shares": "yellow", "cleared": "green", "correlational": "yellow", "mix": "cyan", "open": "dim", "not-replayed": "dim"}


def why_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """An answer: the document of `assay why --json`."""
    told = why_of(document)
    said = why_words.VERDICTS[told.verdict]
    sign, colour = said.plain if paper.plain else said.sign, f"bold {COLOURS[said.colour]}"
    if told.verdict == HEALTHY:
        # One line, also where it is longer than the paper: who runs this every hour reads it in a log.
        yield [(paper.ours(f"{sign} healthy: {paper.say(told.sentence or told.symptom.sentence or told.asked, MOST_SENTENCE)}").rstrip(), "green")]
        return
    yield [(f"{sign} {said.word.upper()}", colour)]
    yield from wrapped(paper.ours(paper.say(why_words.headline(told), MOST_SENTENCE)), paper, style="bold")
    if why_words.summary(told):
        yield from wrapped(paper.ours(paper.say(why_words.summary(told), MOST_SENTENCE)), paper)
    yield from _replays(told, paper)
    if told.verdict == NOT_FOUND and not told.causes:
        yield []
        yield from wrapped(paper.ours(why_words.nobody(told)), paper, indent="  ")
    for place, cause in enumerate(told.causes[:MOST_CAUSES]):
        yield from _cause(cause, place, told, paper)
    if len(told.causes) > MOST_CAUSES:
        yield from wrapped(f"and {words.counted(len(told.causes) - MOST_CAUSES, 'more cause')}; --json has them", paper, indent="  ", style="dim")
    yield from _unknown(told, paper)
    yield from _history(told, paper)
    yield []
    yield from _foot(told, paper)


def _replays(told: Why, paper: Paper) -> Iterator[Line]:
    rows = why_charts.replay_rows(told)
    if not rows:
        return
    yield []
    cells = STRIP if paper.width >= 100 else NARROW_STRIP
    low, high = why_charts.ends(told, [row.value for row in rows[:MOST_ROWS]])
    columns: dict[str, list[Entry]] = {name: [] for name in ("sign", "done", "value", "strip", "word")}
    for row in rows[:MOST_ROWS]:
        mark = why_words.SAID.get(row.class_.replace("-", " "), why_words.SAID["not replayed"])
        sign = {"open": ("=", "○"), "mix": ("%", "◫")}.get(row.class_, (mark.plain, mark.sign))[not paper.plain]
        colour = ROW_COLOURS.get(row.class_, "")
        columns["sign"].append((sign, colour))
        columns["done"].append(paper.say(_done(row), 52 if paper.width >= 100 else 30 if paper.width >= 60 else max(paper.width - 22, 10)))
        columns["value"].append((paper.ours(paper.say(why_words.measured(told, row.value), 26 if paper.width >= 60 else 14)), "bold"))
        columns["strip"].append((_strip(told, row.value, sign, low, high, cells, paper), colour))
        columns["word"].append((paper.say(row.word, 24), colour))
    narrower = Paper(paper.console_width - 2, paper.encoding, paper.plain, paper.widest - 2)
    yield from ([("  ", ""), *line] for line in fitted(columns, ("strip", "sign", "word"), ("value",), narrower, titled=False))
    if len(rows) > MOST_ROWS:
        yield [(f"  and {len(rows) - MOST_ROWS:,} more; --json has them", "dim")]
    normal = why_words.normal(told.symptom)
    bounds = [f"{word} {why_words.measured(told, known)}" for word, known in (("before", told.symptom.before), ("now", told.symptom.now)) if known is not None]
    bounds += [f"normal is {normal}"] if normal else []
    yield from wrapped(paper.ours(paper.say(", ".join(bounds), MOST_SENTENCE)), paper, indent="  ", style="dim")


def _done(row: why_charts.Replay) -> str:
    """What was put back: a candidate's own sentence names it, others are told with their names."""
    return row.done if row.single else f"{row.name}: {row.done}"


def _strip(told: Why, value: float, sign: str, low: float, high: float, cells: int, paper: Paper) -> str:
    """The axis of a chart as one line: what is normal, where the measure was before and is now, and where the replay is.

    >>> told = why_of({"symptom": {"before": 41, "now": 63, "low": 36, "high": 46}})
    >>> _strip(told, 42.0, "#", 30.0, 70.0, 21, Paper(80, "utf-8", plain=True))
    '---:::#::--------!---'
    """

    def place(known: float) -> int:
        return round(part(known, low, high) * (cells - 1))

    quiet, band, before, now = ("-", ":", "|", "!") if paper.plain else ("·", "░", "│", "┃")
    one = told.symptom
    start, end = (place(one.low) if one.low is not None else 0), (place(one.high) if one.high is not None else cells - 1)
    bounded = one.low is not None or one.high is not None
    drawn = [band if bounded and start <= at <= end else quiet for at in range(cells)]
    for known, letter in ((one.before, before), (one.now, now), (value, sign)):
        if known is not None:
            drawn[place(known)] = letter
    return "".join(drawn)


def _cause(one: CauseOf, place: int, told: Why, paper: Paper) -> Iterator[Line]:
    yield []
    calm = told.verdict in (WORLD, MIX)
    name = first_up(why_words.together(told, one.components) or why_words.kind(one.kind) or "a cause")
    share = f", {words.percent(round(one.share, 3))} of the change" if one.share is not None and 0.005 <= one.share < 0.995 else ""
    proof = f"{why_words.proof(one)}{share}" if one.proved or not calm else share.removeprefix(", ")
    number = f"{place + 1}. " if len(told.causes) > 1 else ""
    head = number + paper.say(name, 120)
    colour = "cyan" if calm else "red" if one.proved else "yellow"
    if width(f"{head}  {proof}") <= paper.width:
        yield [(head, f"bold {colour}"), (f"  {proof}" if proof else "", colour)]
    else:
        yield from wrapped(head, paper, style=f"bold {colour}")
        yield from wrapped(proof, paper, indent="  ", style=colour)
    if one.sentence and one.sentence not in told.sentence:
        yield from wrapped(paper.ours(paper.say(one.sentence, MOST_SENTENCE)), paper, indent="  ")
    for found in [found for found in one.narrowed.findings if found.sentence.rstrip(".") not in told.sentence][:3]:
        said = f"{paper.say(found.code, 40)}: {paper.say(found.sentence, MOST_SENTENCE)}" if found.code else paper.say(found.sentence, MOST_SENTENCE)
        yield from wrapped(paper.ours(said), paper, indent="  ", hanging="  ")
    where = "; ".join(f"{what}: {paper.say(known, 200)}" for what, known in why_words.narrowed(one.narrowed))
    yield from wrapped(paper.ours(where), paper, indent="  ", hanging="  ", style="dim")
    touched = [paper.say(known, 40) for known in one.touches[:MOST_TOUCHED]] + ([f"{len(one.touches) - MOST_TOUCHED:,} more"] if len(one.touches) > MOST_TOUCHED else [])
    asked = [said for said in (f"Responsible: {paper.say(one.owner, 120)}." if one.owner else "", f"Touches: {', '.join(touched)}." if touched else "") if said]
    for said in ["  ".join(asked)] if width("  ".join(asked)) + 2 <= paper.width else asked:
        yield from wrapped(said, paper, indent="  ", hanging="  ")
    yield from _diff(one, told, paper)
    yield from _do(one, paper)


def _diff(one: CauseOf, told: Why, paper: Paper) -> Iterator[Line]:
    known = {candidate.key: candidate.diff for candidate in told.candidates}
    diff = one.diff or next((known[key] for key in one.components if known.get(key)), "")
    lines = diff_lines(diff, MOST_DIFF)
    if lines:
        yield []
    for line in lines:
        said = paper.say(line.text, paper.width - 6)
        yield [(f"    {line.sign if line.sign in '+-' else ' '} {said}".rstrip(), {"+": "green", "-": "red", "@": "dim"}.get(line.sign, ""))]


def _do(one: CauseOf, paper: Paper) -> Iterator[Line]:
    if not one.do:
        return
    yield []
    yield [("  What to do", "bold")]
    for place, step in enumerate(one.do[:MOST_STEPS], 1):
        yield from wrapped(paper.ours(f"{place}. {paper.say(step.sentence or step.what, MOST_SENTENCE)}"), paper, indent="  ", hanging="   ")
        if step.command:
            yield [("     " + paper.say(step.command, 400), "bold")]  # never broken: a command that is copied in two pieces does not run


def _unknown(told: Why, paper: Paper) -> Iterator[Line]:
    unknown = [one for one in told.unknown if one.why_not]
    if not unknown:
        return
    yield []
    yield [("Could not be put back", "bold")]
    for one in unknown[:MOST_UNKNOWN]:
        changed = why_words.change(one)
        said = f"{why_words.kind(one.kind)} {paper.say(one.name, 60)}{f' ({paper.say(changed, 90)})' if changed else ''}: {paper.say(one.why_not, MOST_SENTENCE)}"
        yield from wrapped(paper.ours(said), paper, indent="  ", hanging="  ")
    if len(unknown) > MOST_UNKNOWN:
        yield [(f"  and {len(unknown) - MOST_UNKNOWN:,} more; --json has them", "dim")]


def _history(told: Why, paper: Paper) -> Iterator[Line]:
    points = [one for one in told.history if one.value is not None][-POINTS:]
    if len(points) < 3:
        return
    values = [one.value for one in points if one.value is not None]
    cells = min(len(values), POINTS, paper.width - 4)
    drawn = ranked_letters(values, cells=cells) if paper.plain else dotted(values, cells=cells, lines=1)[0]
    first, last = (moment(one.at)[:10] for one in (points[0], points[-1]))
    days = f", {first} to {last}" if first and last and first != last else f", {last}" if last else ""
    yield []
    yield from wrapped(paper.ours(paper.say(f"{why_words.name(told.symptom)} over {words.counted(len(points), 'lot')}{days}", 160)), paper, style="bold")
    yield [("  ", ""), (drawn.rstrip(), "cyan")]


def _foot(told: Why, paper: Paper) -> Iterator[Line]:
    if told.mix is not None and told.mix.reweighted is not None and told.mix.explains is not None:
        by = f" by {', '.join(told.mix.columns[:6])}" if told.mix.columns else ""
        said = f"Weighted{by} to the rows of before, the measure is {why_words.measured(told, told.mix.reweighted)}: {words.percent(round(told.mix.explains, 3))} of the change is the mix."
        yield from wrapped(paper.ours(paper.say(said, MOST_SENTENCE)), paper)
    for note in told.replays.notes[:6]:
        yield from wrapped(paper.ours(paper.say(note, MOST_SENTENCE)), paper, style="dim")
    yield from wrapped(paper.ours(f"{why_words.tried(told)} {paper.say(first_up(why_words.states(told)), 200)}".strip()), paper, style="dim")
    offers = [(paper.say(command, 200), what) for command, what in why_words.offers(told)]
    if offers:
        yield from terminal.offers(offers, paper)
