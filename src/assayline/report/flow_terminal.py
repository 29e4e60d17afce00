"""The health of a flow on a terminal: verdicts, rows and columns over its lots, what goes on, what may be the new normal.

All charts share one axis: the same cell is the same lots in each of them.

>>> document = {"flow": "sales", "taken_lots": 1, "lots": [{"lot": 1, "verdict": "release", "rows": {"taken": 9, "released": 9}}]}
>>> as_text(flow_lines(document, Paper(80, "utf-8", plain=True))).splitlines()[0]
'sales  1 lot: 1 released'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core import Finding, Verdict
from . import terminal, words
from .braille import dotted, ranked_letters, slots
from .flow_history import ColumnHistory, History, Incident, LotMark, columns, history, ranked
from .lots import COLOURS, FATES, moment, sign, tail, title_of
from .paper import Line, Paper, as_text, wrapped
from .visible import cut, start_of, visible, width

__all__ = ["as_text", "flow_lines"]

# Each verdict has a height of its own, so that the strip can be read without its colours.
HEIGHTS = {Verdict.RELEASE: "▁", Verdict.WARN: "▃", Verdict.SPLIT: "▅", Verdict.HOLD: "▇", Verdict.REJECT: "█"}
MOST_CELLS_A_LOT = 3
MOST_COLUMNS = 8
MOST_INCIDENTS = 12
MOST_LOTS = 6
MOST_RULES = 20
MOST_SENTENCE = 240
LEAST_MOVED = 0.1  # of the width earlier lots spanned, or of the rows: less cannot be told from the ups and downs of a chart


@dataclass(frozen=True)
class _Axis:
    """Where the charts stand: cells for names on the left, for lots, and for numbers on the right."""

    names: int
    cells: int
    lots: int

    def of(self, marked: frozenset[int]) -> frozenset[int]:
        """The cells of some lots."""
        return frozenset(cell for cell, (start, stop) in enumerate(slots(self.lots, self.cells)) if any(place in marked for place in range(start, stop)))


def flow_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """The document of `assay flow FLOW --json` as lines."""
    told = history(document)
    yield from _head(told, paper)
    if told.lots:
        axis = _axis(told, paper)
        yield []
        yield from _verdicts(told, axis, paper)
        yield from _rows(told, axis, paper)
        yield from _columns(told, axis, paper)
    yield from _incidents(told, paper)
    yield from _rules(told, paper)
    yield from _last_lots(told, paper)
    yield []
    yield [("Next", "bold")]
    name = visible(told.flow)
    given = [(f"assay flow {name} --html flow.html", "all columns over time, as a page")]
    if told.lots:
        waiting = [lot for lot in told.lots if lot.state == "held"]
        shown_lot = waiting[-1] if waiting else next((lot for lot in reversed(told.lots) if lot.findings), told.lots[-1])
        given.append((f"assay lot {shown_lot.lot}", "why it waits, and how to decide" if waiting else "everything about one lot"))
    else:
        given = [(f"assay gate {name} INPUT", "takes a lot")]
    yield from terminal.offers(given, paper)


def _head(told: History, paper: Paper) -> Iterator[Line]:
    name = paper.say(told.flow, 60)
    counts = {verdict: sum(lot.verdict == verdict for lot in told.lots) for verdict in Verdict}
    said = ", ".join(f"{count:,} {FATES[verdict]}" for verdict, count in counts.items() if count)
    first = "" if len(told.lots) == told.taken_lots else f"the last {len(told.lots):,} of "
    line = f"{name}  {first}{words.counted(told.taken_lots, 'lot')}" + (f": {said}" if said else "")
    for place, piece in enumerate(wrapped(line, paper)):
        text = piece[-1][0]
        yield [(name, "bold"), (text[len(name) :], "")] if place == 0 and text.startswith(name) else piece
    taken, aside = sum(lot.taken for lot in told.lots), sum(lot.quarantined + lot.held for lot in told.lots)
    waiting = sum(lot.state == "held" for lot in told.lots)
    facts = [words.counted(taken, "row"), f"{aside:,} put aside ({words.percent(aside / taken)})" if aside else ""]
    facts += [words.counted(waiting, "lot") + (" waits" if waiting == 1 else " wait") + " for a person" if waiting else ""]
    open_ = len(told.open_incidents)
    facts += [words.counted(open_, "open incident") if open_ else "no open incident"]
    facts += [words.counted(told.open_cases, "open case")] if told.open_cases else []
    facts += [f"{len(told.proposals):,} to accept or not"] if told.proposals else []
    yield from wrapped(paper.ours(paper.dot.join(fact for fact in facts if fact)), paper, style="dim")


def _axis(told: History, paper: Paper) -> _Axis:
    names = 12 if paper.width < 60 else 16 if paper.width < 110 else 24
    numbers = 0 if paper.width < 60 else 20 if paper.width < 110 else 28
    room = paper.width - names - 1 - (numbers + 2 if numbers else 0)
    count = len(told.lots)
    return _Axis(names, count * min(room // count, MOST_CELLS_A_LOT) if count <= room else room, count)


def _chart(name: str, rows: Sequence[str], marked: frozenset[int], said: Sequence[str], axis: _Axis, paper: Paper, *, style: str = "cyan", mark: str = "red") -> Iterator[Line]:
    """A chart of some rows: its name at the left of the first, what is said at the right of each."""
    wide = paper.width >= 60
    for place, row in enumerate(rows):
        left = cut(name, axis.names, ellipsis="..." if paper.plain else "…") if place == 0 else ""
        line: Line = [(left + " " * (axis.names - width(left) + 1), "bold")]
        for cell, letter in enumerate(row):
            look = mark if cell in marked else style
            if line[-1][1] == look and len(line) > 1:
                line[-1] = (line[-1][0] + letter, look)
            else:
                line.append((letter, look))
        if wide and place < len(said) and said[place]:
            line.append(("  " + cut(paper.ours(said[place]), paper.width - axis.names - axis.cells - 3, ellipsis="..." if paper.plain else "…"), "" if place == 0 else "dim"))
        else:
            line = _stripped(line)
        yield line


def _stripped(line: Line) -> Line:
    while line and not line[-1][0].strip():
        line = line[:-1]
    return [*line[:-1], (line[-1][0].rstrip(), line[-1][1])] if line else line


def _verdicts(told: History, axis: _Axis, paper: Paper) -> Iterator[Line]:
    worst = [max(lot.verdict for lot in told.lots[start:stop]) for start, stop in slots(axis.lots, axis.cells)]
    line: Line = [(f"{'verdicts':<{axis.names + 1}}", "bold")]
    line += [(words.VERDICTS[verdict].plain if paper.plain else HEIGHTS[verdict], COLOURS[verdict]) for verdict in worst]
    per = -(-axis.lots // axis.cells)
    if paper.width >= 60 and per > 1:
        line.append((paper.ours(f"  the worst of each {per}"), "dim"))
    yield line
    first, last = f"lot {told.lots[0].lot}", f"lot {told.lots[-1].lot}"
    blank = axis.cells - len(first) - len(last)
    yield [(" " * (axis.names + 1), ""), (first + (" " * blank + last if blank > 0 else ""), "dim")]
    present = sorted({lot.verdict for lot in told.lots})
    legend: Line = [(" " * (axis.names + 1), "")]
    for verdict in present:
        if sum(width(piece) for piece, _ in legend) + len(str(verdict)) + 2 > paper.width:
            yield _stripped(legend)
            legend = [(" " * (axis.names + 1), "")]
        legend += [(words.VERDICTS[verdict].plain if paper.plain else HEIGHTS[verdict], COLOURS[verdict]), (f" {verdict}   ", "dim")]
    yield _stripped(legend)


def _rows(told: History, axis: _Axis, paper: Paper) -> Iterator[Line]:
    yield []
    taken = [float(lot.taken) if lot.state != "unreadable" else None for lot in told.lots]
    known = [one for one in taken if one is not None]
    if not known:
        return
    odd = frozenset(place for place, lot in enumerate(told.lots) if any(finding.code in ("truncated_batch", "empty_batch") for finding in lot.findings))
    said = (f"{known[-1]:,.0f} in the last lot", f"least {min(known):,.0f}, most {max(known):,.0f}")
    yield from _chart("rows", _drawn(taken, axis, paper, lines=3, low=0.0), axis.of(odd), _first_and_last(said, 1 if paper.plain else 3), axis, paper)
    aside = [lot.aside_share for lot in told.lots]
    if any(aside):
        most = max(one for one in aside if one is not None)
        last = next((one for one in reversed(aside) if one is not None), 0.0)
        said = (f"{words.percent(last)} in the last lot", f"at most {words.percent(most)}")
        yield from _chart("put aside", _drawn(aside, axis, paper, lines=2, low=0.0), frozenset(), _first_and_last(said, 1 if paper.plain else 2), axis, paper, style="magenta")


def _first_and_last(said: tuple[str, str], lines: int) -> Sequence[str]:
    return said[:1] if lines == 1 else (said[0], *("",) * (lines - 2), said[1])


def _drawn(values: Sequence[float | None], axis: _Axis, paper: Paper, *, lines: int, low: float | None = None) -> list[str]:
    if paper.plain:
        return [ranked_letters(values, cells=axis.cells, low=low)]
    return dotted(values, cells=axis.cells, lines=lines, low=low)


def _columns(told: History, axis: _Axis, paper: Paper) -> Iterator[Line]:
    chosen = [one for one in columns(told, ranked(told)[: MOST_COLUMNS * 2]) if one.moved >= LEAST_MOVED or one.marked][:MOST_COLUMNS]
    chosen = [one for one in chosen if one.drawn in ("number", "shares") or any(one.missing)]
    if not chosen:
        return
    yield []
    yield [("Columns that changed most", "bold"), ("   red: a finding about it" if not paper.plain and paper.width >= 60 else "", "dim")]
    for column in chosen:
        yield from _column(column, axis, paper)


def _column(column: ColumnHistory, axis: _Axis, paper: Paper) -> Iterator[Line]:
    name = paper.say(column.name, axis.names)
    marked = axis.of(column.marked)
    lines = 1 if paper.plain else 2
    if column.drawn == "number":
        yield from _chart(name, _drawn(column.middle, axis, paper, lines=lines), marked, _first_and_last((_from_to(column.middle), "median"), lines), axis, paper)
    elif column.drawn == "shares" and column.values:
        place = max(range(len(column.values)), key=lambda one: _spread(column.shares[one]))
        value = f"share of {paper.say(column.values[place], 16, blanks=True)!s}"
        said = _first_and_last((_from_to(column.shares[place], share=True), value), lines)
        yield from _chart(name, _drawn(column.shares[place], axis, paper, lines=lines, low=0.0), marked, said, axis, paper)
    else:
        name = ""
    if any(column.missing):
        title = paper.say(column.name, axis.names) if not name else "  missing"
        said = (_from_to(column.missing, share=True) + ("" if name else " missing"),)
        yield from _chart(title, _drawn(column.missing, axis, paper, lines=1, low=0.0), frozenset() if name else marked, said, axis, paper, style="yellow")


def _spread(values: Sequence[float | None]) -> float:
    known = [one for one in values if one is not None]
    return max(known) - min(known) if known else 0.0


def _from_to(values: Sequence[float | None], *, share: bool = False) -> str:
    """The usual value and the last one."""
    known = [one for one in values if one is not None]
    if not known:
        return ""
    say = words.percent if share else words.number
    usual = sorted(known)[len(known) // 2]
    return say(known[-1]) if say(usual) == say(known[-1]) else f"{say(usual)} → {say(known[-1])}"


def accept_command(flow: str, lot: int) -> str:
    """What takes a change as the new normal."""
    return f"assay flow accept {visible(flow)} --from {lot}"


def _incidents(told: History, paper: Paper) -> Iterator[Line]:
    if not told.open_incidents:
        return
    yield []
    yield [("Open incidents", "bold")]
    for one in told.open_incidents[:MOST_INCIDENTS]:
        names = ", ".join(paper.say(name, 40) for name in one.columns[:3])
        yield from wrapped(f"{paper.say(title_of(one.code), 60)}{': ' + names if names else ''}, {since(one, told)}", paper, indent="  ", style="yellow")
        yield from wrapped(paper.say(one.sentence, MOST_SENTENCE), paper, indent="    ")
        lot = told.accepted_from(one)
        if lot is not None:
            yield from wrapped("If this is how it is from now on:", paper, indent="    ", style="dim")
            yield [("    ", ""), (accept_command(told.flow, lot), "bold")]
    if len(told.open_incidents) > MOST_INCIDENTS:
        yield [(f"  and {len(told.open_incidents) - MOST_INCIDENTS:,} more", "dim")]


def since(incident: Incident, told: History) -> str:
    """Since when an incident goes on."""
    first = told.lot_at(incident.first)
    lots = words.counted(incident.lots, "lot")
    if first is None:
        return f"in {lots}, since place {incident.first:,} of the flow"
    return f"in {lots}, since lot {first.lot}" + (f" ({moment(first.at)})" if first.at else "")


def _rules(told: History, paper: Paper) -> Iterator[Line]:
    if not told.rules:
        return
    yield []
    yield [("Rules", "bold")]
    for one in told.rules[:MOST_RULES]:
        name, text, action, state, owner = (paper.say(str(one.get(key) or ""), 80) for key in ("rule", "text", "action", "state", "owner"))
        said = f"{name}: {text} {paper.arrow} {action}"
        yield from wrapped(said + (f" ({state}" + (f", {owner}" if owner else "") + ")" if state else ""), paper, indent="  ", hanging="  ")
    if len(told.rules) > MOST_RULES:
        yield [(f"  and {len(told.rules) - MOST_RULES:,} more", "dim")]


def _last_lots(told: History, paper: Paper) -> Iterator[Line]:
    found = [lot for lot in told.lots if lot.findings][-MOST_LOTS:][::-1]
    if not found:
        return
    yield []
    yield [("Last lots with findings", "bold")]
    for lot in found:
        yield from _last_lot(lot, paper)


def _last_lot(lot: LotMark, paper: Paper) -> Iterator[Line]:
    said = "; ".join(dict.fromkeys(_in_short(finding, paper) for finding in lot.findings[:6]))
    more = f"; {len(lot.findings) - 6:,} more" if len(lot.findings) > 6 else ""
    head = f"  {sign(lot.verdict, paper)} lot {lot.lot:<6} "
    source = tail(visible(lot.input, encoding=paper.encoding), 30, paper) + "  " if paper.width >= 100 else ""
    room = max(paper.width - len(head) - width(source), 10)
    seen = paper.ours(said + more)
    if width(seen) > room:
        dots = "..." if paper.plain else "…"
        seen = start_of(seen, room - width(dots)) + dots
    yield [(head, COLOURS[lot.verdict]), (source, "dim"), (seen, "")]


def _in_short(finding: Finding, paper: Paper) -> str:
    names = ", ".join(paper.say(name, 30) for name in finding.columns[:2]) + (f" and {len(finding.columns) - 2:,} more" if len(finding.columns) > 2 else "")
    return f"{paper.say(words.title(finding), 60)}{': ' + names if names else ''}"
