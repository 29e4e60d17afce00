"""Rollouts on a terminal: who scores what, the evidence so far against its bounds, when a decision is possible, what happened; in plain words first.

>>> document = {"model": "churn", "champion": {"label": "churn:v6"}, "challenger": {"label": "churn:v7"}, "share": 5, "unit": "customer_id"}
>>> print(as_text(rollout_lines(document, Paper(80, "utf-8", plain=True))).splitlines()[1])
churn:v7 answers 5% of the customer_ids, churn:v6 the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import rollout_words, terminal, words
from .braille import dotted, ranked_letters
from .lots import moment
from .model_words import first_up
from .paper import Entry, Line, Paper, as_text, table, wrapped
from .pictures import part
from .rollout_charts import BEYOND
from .rollout_facts import BatchOf, GuardOf, Status, nearest_first, status_of
from .visible import width

__all__ = ["as_text", "fitted", "rollout_lines", "rollouts_lines"]

MOST_SENTENCE = 400
MOST_GUARDS = 10
MOST_BATCHES = 10
MOST_MOVES = 8
MOST_REPAIRS = 8
MOST_ROLLOUTS = 500
BAR_CELLS, NARROW_BAR = 24, 12

COLOURS = {"running": "cyan", "held": "yellow", "promoted": "green", "rolled_back": "red", "finished": "green"}
GUARD_COLOURS = {"broken": "red", "watch": "yellow", "fine": "green", "no data": "dim"}


def rollout_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """How a rollout stands: the document of `assay rollout status MODEL --json`."""
    told = status_of(document)
    yield _badge(told, paper)
    yield from wrapped(paper.ours(paper.say(rollout_words.headline(told), MOST_SENTENCE)), paper, style="bold")
    for sentence in told.plain[1:]:
        yield from wrapped(paper.ours(paper.say(sentence, MOST_SENTENCE)), paper)
    yield from _way(told, paper)
    yield from _who(told, paper)
    yield from _guards(told, paper)
    yield from _paired(told, paper)
    yield from _batches(told, paper)
    yield from _repairs(told, paper)
    yield from _timeline(told, paper)
    yield []
    yield [("Next", "bold")]
    yield from terminal.offers(rollout_words.offers(told), paper)


def rollouts_lines(documents: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """A table of rollouts, newest first: the document of `assay rollout list --json`."""
    if not documents:
        yield [("No rollouts yet.", "bold")]
        yield from terminal.offers([("assay rollout start MODEL --candidate v7 --unit COLUMN", "starts the first")], paper)
        return
    columns: dict[str, list[Entry]] = {name: [] for name in ("rollout", "state", "challenger", "champion", "stage", "share", "since", "last moved", "by")}
    for document in list(documents)[::-1][:MOST_ROLLOUTS]:
        told = status_of(document)
        said = rollout_words.state(told)
        here = told.stages[told.stage].mode if told.stage < len(told.stages) else told.mode
        columns["rollout"].append((paper.say(told.rollout, 10), "bold"))
        columns["state"].append((f"{said.plain if paper.plain else said.sign} {said.word}", COLOURS["held" if told.held and told.state == "running" else told.state]))
        columns["challenger"].append((paper.say(told.challenger, 32 if paper.width >= 80 else 14), "bold"))
        columns["champion"].append(paper.say(told.champion, 32 if paper.width >= 80 else 14) or "-")
        columns["stage"].append(rollout_words.stage(paper.say(here, 12), 0.0) if here else "-")
        columns["share"].append(rollout_words.per_cent({"running": told.share, "promoted": 100.0}.get(told.state, 0.0)))
        columns["since"].append((moment(told.at)[:10] or "-", "dim"))
        columns["last moved"].append((moment(told.moved) or "-", "dim"))
        columns["by"].append((paper.say(told.author, 16) or "-", "dim"))
    yield from fitted(columns, ("by", "last moved", "since", "stage", "champion", "share"), ("rollout", "share"), paper)
    if len(documents) > MOST_ROLLOUTS:
        yield from wrapped(f"and {len(documents) - MOST_ROLLOUTS:,} more; --json lists all of them", paper, style="dim")


def _badge(told: Status, paper: Paper) -> Line:
    said = rollout_words.state(told)
    badge = f"{said.plain if paper.plain else said.sign} {said.word.upper()}"
    who = f"  {paper.say(told.challenger, 30)} against {paper.say(told.champion, 30)}" if told.challenger and told.champion else f"  {paper.say(told.model, 40)}" if told.model else ""
    number = f"  rollout {paper.say(told.rollout, 12)}" if told.rollout else ""
    line: Line = [(badge, f"bold {COLOURS['held' if said.word == 'held' else told.state if told.state in COLOURS else 'running']}")]
    if width(badge + who) <= paper.width:
        line.append((who, "bold"))
        if width(badge + who + number) <= paper.width:
            line.append((number, "dim"))
    return line


def _way(told: Status, paper: Paper) -> Iterator[Line]:
    if not told.stages:
        return
    done, now, undone, later = ("+", "*", "X", " ") if paper.plain else ("✓", "●", "✕", "○")
    over = told.state in ("promoted", "finished")
    steps: list[tuple[str, str]] = []
    for place, one in enumerate(told.stages):
        said = rollout_words.stage_short(paper.say(one.mode, 10), one.share)
        if over or place < told.stage:
            steps.append((f"{done} {said}", "green"))
        elif place > told.stage:
            steps.append((f"{later} {said}".strip() if paper.plain else f"{later} {said}", "dim"))
        elif told.state == "rolled_back":
            steps.append((f"{undone} {said}", "bold red"))
        else:
            steps.append((f"{now} {said}", "bold yellow" if told.held else "bold cyan"))
    yield []
    between = " - " if paper.plain else " ─ "
    line: Line = []
    for said, style in steps:
        if line and sum(width(piece) for piece, _ in line) + width(between + said) > paper.width:
            yield line
            line = [("  ", "")]
        elif line:
            line.append((between, "dim"))
        line.append((said, style))
    yield line


def _who(told: Status, paper: Paper) -> Iterator[Line]:
    if not told.who:
        return
    yield []
    yield [("Who answers", "bold")]
    cells = NARROW_BAR if paper.width < 80 else BAR_CELLS
    columns: dict[str, list[Entry]] = {name: [] for name in ("arm", "version", "now", " ", "rows so far")}
    for one in told.who[:12]:
        columns["arm"].append(paper.say(one.arm, 14))
        columns["version"].append((paper.say(one.version, 30 if paper.width >= 60 else 14), "bold"))
        columns["now"].append(rollout_words.per_cent(one.share))
        columns[" "].append((_bar(one.share / 100, cells, paper), "cyan"))
        columns["rows so far"].append((f"{one.rows:,}", "dim"))
    yield from _indented(fitted(columns, (" ", "rows so far"), ("now", "rows so far"), _narrower(paper)))


def _guards(told: Status, paper: Paper) -> Iterator[Line]:
    guards = [*told.overall, *(one for one in told.segments if one.state in ("broken", "watch"))]
    if not guards:
        return
    bounds = {round(one.needed, 6) for one in guards if one.needed is not None}
    bound = f"rolled back from {rollout_words.odds(max(bounds))} to 1" if len(bounds) == 1 else ""
    yield []
    yield [("Guards", "bold"), (f"  evidence against the challenger{': ' + bound if bound else ''}" if paper.width >= 80 else "", "dim")]
    shown_ = nearest_first(guards)[:MOST_GUARDS]
    cells = NARROW_BAR if paper.width < 100 else BAR_CELLS
    columns: dict[str, list[Entry]] = {name: [] for name in ("guard", "seen", "last batch", "allowed", "rows", "over the batches", "evidence", "of bound", "")}
    for one in shown_:
        colour = GUARD_COLOURS[one.state]
        where = f", {paper.say(one.segment, 24)}" if one.segment else ""
        columns["guard"].append(paper.say(_guard_name(one), 44) + where if paper.width >= 60 else paper.say(one.guard + where, 24))
        columns["seen"].append((paper.ours(rollout_words.brief(one.share, one.unit)), colour))
        columns["last batch"].append((rollout_words.share(one.last.bad / one.last.rows) if one.last is not None and not one.unit else "-", colour))
        columns["allowed"].append((rollout_words.allowed(one) or "-", "dim"))
        columns["rows"].append((f"{one.rows:,}", "dim"))
        columns["over the batches"].append((_curve(one, cells, paper), colour))
        columns["evidence"].append(f"{rollout_words.odds(one.log_e)} to 1" if one.said and one.needed is not None and one.log_e > 0 else "none" if one.rows else "-")
        columns["of bound"].append((_bar(one.part, cells // 2, paper, end=True) if one.needed is not None else "", colour))
        columns[""].append((rollout_words.GUARD_FLAGS[one.state], colour))
    if not any(one.looks for one in shown_):
        del columns["over the batches"], columns["last batch"]
    least = ("rows", "of bound", "over the batches", "evidence", "last batch", "allowed")
    yield from _indented(fitted(columns, least, ("seen", "last batch", "allowed", "rows", "evidence"), _narrower(paper)))
    left = len(told.guards) - len(shown_)
    if left > 0:
        yield from wrapped(f"and {words.counted(left, 'guard')} of segments without news; --json has them", paper, indent="  ", style="dim")


def _guard_name(one: GuardOf) -> str:
    """What a guard looks at, and in which unit its numbers are where the name does not say so."""
    name = first_up(rollout_words.guard_name(one))
    return f"{name} ({one.unit})" if one.unit and one.guard in rollout_words.GUARDS and not one.unit.startswith("of the ") else name


def _curve(one: GuardOf, cells: int, paper: Paper) -> str:
    """The evidence over the batches, from none to a quarter past the bound."""
    if one.needed is None or not one.looks:
        return ""
    values = [min(max(look.log_e / one.needed, 0.0), BEYOND) for look in one.looks]
    most = min(cells, max(len(values), 4))
    return ranked_letters(values, cells=most, low=0.0, high=BEYOND) if paper.plain else dotted(values, cells=most, lines=1, low=0.0, high=BEYOND)[0]


def _bar(share: float, cells: int, paper: Paper, *, end: bool = False) -> str:
    """A share as a bar; what is above nothing is seen. With `end` the bound stands behind it.

    >>> _bar(0.25, 8, Paper(80, "utf-8", plain=False)), _bar(0.001, 8, Paper(80, "ascii", plain=True), end=True)
    ('██', '#       |')
    """
    filled = round(part(share, 0.0, 1.0) * cells)
    if share > 0:
        filled = max(filled, 1)
    drawn = ("#" if paper.plain else "█") * min(filled, cells)
    return f"{drawn:<{cells}}{'|' if paper.plain else '┃'}" if end else drawn


def _paired(told: Status, paper: Paper) -> Iterator[Line]:
    if not told.paired:
        return
    last = told.paired[-1]
    outcome = rollout_words.outcome(last)
    allowed = f", {rollout_words.margin(told)} more is allowed" if rollout_words.margin(told) else ""
    said = f"{rollout_words.difference(last)} over {words.counted(last.rows, 'labelled row')}: {outcome}{allowed}"
    yield []
    yield [("Loss on the same rows", "bold"), ("  challenger less champion" if paper.width >= 60 else "", "dim")]
    if len(told.paired) > 1:
        values = [one.mean for one in told.paired[-2 * BAR_CELLS :]]
        drawn = ranked_letters(values, cells=min(len(values), BAR_CELLS)) if paper.plain else dotted(values, cells=min(len(values), BAR_CELLS), lines=1)[0]
        yield [("  ", ""), (drawn.rstrip(), "cyan")]
    yield from wrapped(paper.ours(paper.say(said, MOST_SENTENCE)), paper, indent="  ", style={"worse": "red", "undecided": ""}.get(outcome, "green"))


def _batches(told: Status, paper: Paper) -> Iterator[Line]:
    if not told.batches:
        return
    yield []
    yield [("Batches", "bold"), (f"  the last {min(len(told.batches), MOST_BATCHES)} of {len(told.batches):,}" if len(told.batches) > MOST_BATCHES else "", "dim")]
    columns: dict[str, list[Entry]] = {name: [] for name in ("batch", "when", "stage", "rows", "champion", "challenger", "holdout", "fallback", "")}
    for one in told.batches[-MOST_BATCHES:]:
        columns["batch"].append(paper.say(one.name, 36 if paper.width >= 100 else 20))
        columns["when"].append((moment(one.at) or "-", "dim"))
        columns["stage"].append(rollout_words.stage_short(paper.say(one.mode, 10), one.share) or "-")
        columns["rows"].append(f"{one.rows:,}")
        for arm in ("champion", "challenger", "holdout"):
            columns[arm].append(f"{one.arms[arm]:,}" if one.arms.get(arm) else "-")
        columns["fallback"].append(f"{sum(one.fallbacks.values()):,}" if one.fallbacks else "-")
        columns[""].append((paper.say(_note(one), 60), "red" if one.stopped_at is not None else "dim"))
    for name in ("holdout", "fallback"):
        if all(entry == "-" for entry in columns[name]):
            del columns[name]
    right = ("rows", "champion", "challenger", "holdout", "fallback")
    yield from _indented(fitted(columns, ("when", "champion", "holdout", "fallback", "", "stage"), right, _narrower(paper)))


def _note(one: BatchOf) -> str:
    said = [f"stopped after {words.counted(one.stopped_at, 'row')}" if one.stopped_at is not None else "", f"{one.quarantined:,} put aside" if one.quarantined else ""]
    said += [f"{one.failed:,} failed" if one.failed else "", {"repaired": "replaced", "replayed": "not published"}.get(one.state, "")]
    return ", ".join(piece for piece in said if piece)


def _repairs(told: Status, paper: Paper) -> Iterator[Line]:
    if not told.repairs:
        return
    yield []
    yield [("What was put right", "bold")]
    yield from wrapped(paper.ours(rollout_words.restored(told)), paper, indent="  ")
    for one in told.repairs[:MOST_REPAIRS]:
        waiting = [place for place, done in one.places if not done]
        where = ", ".join(paper.say(place, 40) for place, _ in one.places[:4]) + (f" and {len(one.places) - 4:,} more" if len(one.places) > 4 else "")
        by = f" by lot {paper.say(one.by, 12)}" if one.by else ""
        yield from wrapped(f"lot {paper.say(one.lot, 12)}{by}: {words.counted(one.rows, 'row')}{' in ' + where if where else ''}", paper, indent="  ", hanging="  ", style="dim")
        for place in waiting:
            yield from wrapped(f"{paper.say(place, 60)} still has the old ones", paper, indent="    ", style="yellow")
        for said in one.undone:
            yield from wrapped(paper.ours(f"cannot be undone: {paper.say(said, MOST_SENTENCE)}"), paper, indent="    ", style="red")
        if one.without_standby:
            yield from wrapped(f"{words.counted(one.without_standby, 'row')} had no answer of the champion kept", paper, indent="    ", style="yellow")
    if len(told.repairs) > MOST_REPAIRS:
        yield [(f"  and {len(told.repairs) - MOST_REPAIRS:,} more", "dim")]


def _timeline(told: Status, paper: Paper) -> Iterator[Line]:
    moves = [one for one in told.timeline if one.action not in ("stay", "repair")]
    if not moves:
        return
    yield []
    yield [("What was decided", "bold"), (f"  the last {MOST_MOVES} of {len(moves):,}" if len(moves) > MOST_MOVES else "", "dim")]
    for one in moves[-MOST_MOVES:]:
        by = f" by {paper.say(one.author, 30)}" if one.author else ""
        colour = {"rollback": "bold red", "hold": "bold yellow", "promote": "bold green"}.get(one.action, "bold")
        when, what = moment(one.at), f"{first_up(paper.say(rollout_words.action(one, told), 40))}{by}"
        if width(when + what) + 4 <= paper.width:
            yield [(f"  {when}  ", "dim"), (what, colour)]
        else:
            yield [(f"  {when}", "dim")]
            yield from wrapped(what, paper, indent="  ", style=colour)
        if one.reason:
            yield from wrapped(paper.ours(paper.say(one.reason, MOST_SENTENCE)), paper, indent=" " * (20 if paper.width >= 60 else 4), style="dim")


# Tables.


def _narrower(paper: Paper) -> Paper:
    return Paper(paper.console_width - 2, paper.encoding, paper.plain, paper.widest - 2)


def _indented(lines: Iterator[Line]) -> Iterator[Line]:
    for line in lines:
        yield [("  ", ""), *line]


def fitted(columns: Mapping[str, list[Entry]], least_needed: Sequence[str], right: Sequence[str], paper: Paper, *, titled: bool = True) -> Iterator[Line]:
    """A table without the columns that there is no room for, those least needed first; where it is not `titled`, without the line of their names."""
    kept = dict(columns)
    for name in least_needed:
        if sum(max(width(one if isinstance(one, str) else one[0]) for one in (title if titled else "", *entries)) + 2 for title, entries in kept.items()) - 2 <= paper.width:
            break
        kept.pop(name, None)
    rows = list(zip(*kept.values(), strict=True))
    yield from table(list(kept) if titled else [""] * len(kept), rows, right=tuple(place for place, name in enumerate(kept) if name in right), styles=[""] * len(kept))
