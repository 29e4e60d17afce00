"""A day on a terminal, one line per flow, worst first; and the sources, with what is known of them.

>>> flow = {"flow": "sales", "state": "late", "arrived": {"state": "late", "lots": 0, "last_at": "2026-03-01T06:00:00", "sentence": "Nothing has come for 27 hours."},
...         "quality": {"verdict": None, "standing": "release", "tags": []}, "ran": {}, "published": {"rows": 0, "aside": 0, "held_lots": 0},
...         "cost": {"cpu_seconds": 0.0, "money": 0.0}, "unreadable_lots": 0, "open_incidents": 1, "open_cases": 0}
>>> lines = today_lines({"day": "2026-03-02", "at": "", "totals": {"flows": 1, "need_a_person": 1}, "flows": [flow]}, Paper(100, "utf-8", plain=True))
>>> print(as_text(list(lines)[:3]), end="")
2026-03-02: 1 of 1 flow needs a person
flow   arrived  quality    ran  published  aside  cost  open        to do
sales  late     + release  -    -              -     -  1 incident  Nothing has come for 27 hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core import Verdict
from . import terminal, words
from .lots import COLOURS, moment, sign
from .paper import Entry, Line, Paper, as_text, table, wrapped
from .visible import width

__all__ = ["as_text", "headline", "sources_lines", "spent", "to_do", "today_lines"]

STATE_COLOURS = {"failed": "red", "unreadable": "red", "held": "red", "missing": "red", "late": "yellow", "cases": "magenta", "incidents": "yellow", "tagged": "yellow", "fine": "green"}
HEADER = ("flow", "arrived", "quality", "ran", "published", "aside", "cost", "open", "to do")
DROPPED = ("cost", "aside", "ran", "published", "open")  # on a narrow terminal, in this order
LEAST_TO_DO = 12
OFFERS = {
    "held": ("assay lots {} --state held", "the lots that wait"), "unreadable": ("assay lots {} --state unreadable", "what could not be read"),
    "missing": ("assay sources {}", "when it usually comes, and who answers for it"), "late": ("assay sources {}", "when it usually comes, and who answers for it"),
    "cases": ("assay quarantine list {}", "the rows that were put aside"),
}  # fmt: skip
MOST_NAME = 30
MOST_SENTENCE = 300


def today_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """The document of `assay today --json`."""
    flows = document["flows"]
    yield [(headline(document), "bold yellow" if document["totals"]["need_a_person"] else "bold green")]
    if not flows:
        yield [("No flows yet.", ""), (" A flow begins with its first lot: assay gate FLOW INPUT", "dim")]
        return
    rows = [_row(one, paper) for one in flows]
    widths = [max(len(name), *(width(row[place][0]) for row in rows)) + 2 for place, name in enumerate(HEADER)]
    places = [place for place in range(len(HEADER)) if HEADER[place] != "to do"]
    for name in DROPPED:
        if sum(widths[place] for place in places) > paper.width:
            places.remove(HEADER.index(name))
    room = paper.width - sum(widths[place] for place in places)
    if room >= LEAST_TO_DO:
        places.append(HEADER.index("to do"))
        rows = [[*row[:-1], (paper.say(row[-1][0], room), row[-1][1])] for row in rows]
    right = tuple(number for number, place in enumerate(places) if HEADER[place] in ("aside", "cost"))
    yield from table([HEADER[place] for place in places], [[row[place] for place in places] for row in rows], right=right, styles=[""] * len(places))
    for rollout in document.get("rollouts", ()):
        yield from wrapped(paper.say(f"{rollout['model']}: {rollout['sentence']}", MOST_SENTENCE), paper)
    worst = next((one for one in flows if one["state"] not in ("fine", "tagged")), None)
    if worst is not None:
        yield []
        yield from wrapped(paper.say(f"{worst['flow']}: {to_do(worst)}", MOST_SENTENCE), paper)
        name = paper.say(worst["flow"], 60)
        command, what = OFFERS.get(worst["state"], ("assay flow {}", "the flow over time, and what is open"))
        yield from terminal.offers([(command.format(name), what)], paper)


def headline(document: Mapping[str, Any]) -> str:
    """The day in a sentence."""
    count, flows = document["totals"]["need_a_person"], document["totals"]["flows"]
    if not count:
        return f"{document['day']}: {'all' if flows != 1 else 'the'} {words.counted(flows, 'flow')} {'are' if flows != 1 else 'is'} fine"
    return f"{document['day']}: {count:,} of {words.counted(flows, 'flow')} {'needs' if count == 1 else 'need'} a person"


def to_do(one: Mapping[str, Any]) -> str:
    """What is the matter with a flow, the worst first."""
    said = {
        "failed": "the last run failed", "unreadable": words.counted(one["unreadable_lots"], "lot") + " could not be read",
        "held": words.counted(one["published"]["held_lots"], "lot") + (" waits for a person" if one["published"]["held_lots"] == 1 else " wait for a person"),
        "missing": one["arrived"]["sentence"], "late": one["arrived"]["sentence"], "cases": "decide about the rows put aside", "incidents": "look at the findings",
        "tagged": one["quality"]["tags"][0]["reason"] if one["quality"]["tags"] else "", "fine": "",
    }  # fmt: skip
    return str(said[one["state"]])


def spent(cost: Mapping[str, Any]) -> str:
    """What runs cost; money where there is a price."""
    if cost["money"]:
        return f"{cost['money']:,.2f}"
    return f"{cost['cpu_seconds']:,.0f} s" if cost["cpu_seconds"] >= 0.5 else "-"


def ran(counts: Mapping[str, int]) -> str:
    """How many runs ended how."""
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count) or "-"


def opened(one: Mapping[str, Any]) -> str:
    """What is open."""
    counts = ((one["published"]["held_lots"], "held lot"), (one["open_incidents"], "incident"), (one["open_cases"], "case"))
    return ", ".join(words.counted(count, noun) for count, noun in counts if count) or "-"


def arrived(one: Mapping[str, Any]) -> str:
    """When the last lot came, or that it should have."""
    state, last = one["arrived"]["state"], one["arrived"]["last_at"]
    if state in ("late", "missing"):
        return str(state)
    return moment(last)[5:] if last else "-"


def _row(one: Mapping[str, Any], paper: Paper) -> list[tuple[str, str]]:
    colour = STATE_COLOURS[one["state"]]
    said = one["quality"]["standing"]
    verdict = Verdict.named(one["quality"]["verdict"] or said) | Verdict.named(said) if said else None
    published, late = one["published"], one["arrived"]["state"] in ("late", "missing")
    return [
        (paper.say(one["flow"], MOST_NAME), "bold"), (arrived(one), colour if late else "dim"),
        (f"{sign(verdict, paper)} {verdict}", COLOURS[verdict]) if verdict is not None else ("-", "dim"),
        (ran(one["ran"]), "red" if one["ran"].get("failed") else "dim"), (f"{published['rows']:,} rows", "") if published["rows"] else ("-", "dim"),
        (f"{published['aside']:,}", "magenta") if published["aside"] else ("-", "dim"), (spent(one["cost"]), "dim"), (opened(one), colour if opened(one) != "-" else "dim"),
        (to_do(one), colour),
    ]  # fmt: skip


def sources_lines(documents: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """The document of `assay sources --json`: a table; of one source everything."""
    if not documents:
        yield [("No sources yet.", "bold"), (" A source is a flow that no step makes: assay gate FLOW INPUT", "dim")]
        return
    if len(documents) == 1 and "schema" in documents[0]:
        yield from _source(documents[0], paper)
        return
    rows: list[list[Entry]] = []
    for one in documents:
        late = one["findings"][0]["code"] if one["findings"] else ""
        rows.append([
            (paper.say(one["flow"], MOST_NAME), "bold"), paper.say(one["grade"], 14), f"{one['lots']:,}", (moment(one["last_at"]) if one["last_at"] else "-", "dim"),
            ({"late_arrival": "late", "missing_day": "missing"}[late], "yellow") if late else (every(one), "dim"), f"{one['rows']['usual']:,}" if one["rows"] else "-",
            str(len(one["columns"])) if one["columns"] else "-", paper.say(one["owner"], 24) or "-", paper.say(", ".join(one["readers"]), 30) or "-",
        ])  # fmt: skip
    yield from table(("source", "grade", "lots", "last", "comes", "rows", "columns", "owner", "read by"), rows, right=(2, 5, 6), styles=[""] * 9)


def every(one: Mapping[str, Any]) -> str:
    """How often a source comes, in a word or two."""
    return "-" if one["rhythm"] is None else f"every {_span(one['rhythm']['gap_seconds'])}"


def _source(one: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    yield [(paper.say(one["flow"], 60), "bold"), (f"  {one['grade']}" + (", set by hand" if one["grade_by"] == "hand" else ""), "")]
    known = one["rhythm"]
    facts = [
        ("owner", one["owner"]), ("comes from", one["address"]), ("lots", f"{one['lots']:,}"), ("last", moment(one["last_at"]) + " UTC" if one["last_at"] else ""),
        ("comes", f"{every(one)}, known by {known['by']} from {known['arrivals']:,} arrivals" if known else "not known yet: it takes seven arrivals and a week"),
        ("next by", moment(known["latest"]) + " UTC" if known else ""), ("rows", _range(one["rows"])), ("bytes", _range(one["bytes"])), ("read by", ", ".join(one["readers"])),
        ("watched", "" if one["watched"] else "no: its silence is not told"),
    ]  # fmt: skip
    yield from table(("", ""), [(name, paper.say(said, paper.width - 14)) for name, said in facts if said], right=(), styles=("dim", ""))
    for finding in one["findings"]:
        yield from wrapped(paper.say(finding["sentence"], MOST_SENTENCE), paper, style="yellow")
    if one["schema"]:
        yield []
        yield [("Columns", "bold")]
        for change in one["schema"]:
            for word, names, style in (("came", change["came"], "green"), ("went", change["gone"], "red")):
                if names:
                    yield from wrapped(f"{moment(change['at'])}  lot {change['lot']}  {word}: {paper.say(', '.join(names), MOST_SENTENCE)}", paper, indent="  ", style=style)


def _range(spread: Mapping[str, int] | None) -> str:
    return "" if spread is None else f"{spread['usual']:,} (nine in ten between {spread['low']:,} and {spread['high']:,})"


def _span(seconds: float) -> str:
    """A usual gap, rounded.

    >>> _span(86_400), _span(3_700), _span(540)
    ('24 hours', '62 minutes', '9 minutes')
    """
    for unit, length, least in (("day", 86_400, 172_800), ("hour", 3_600, 7_200), ("minute", 60, 120)):
        if seconds >= least:
            return f"{round(seconds / length):,} {unit}s"
    return f"{round(seconds):,} seconds"
