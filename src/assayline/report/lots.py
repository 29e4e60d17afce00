"""Lots on a terminal: one as it leaves the gate, a list of them, everything about one, and the list of flows.

>>> document = {"lot": "2", "flow": "sales", "input": "in/tuesday.csv", "verdict": "release", "rows": {"taken": 900, "released": 900}, "findings": []}
>>> print(as_text(lot_lines(document, Paper(80, "utf-8", plain=True))), end="")
+ release  lot 2     in/tuesday.csv  900 rows released
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core import Finding, InputFacts, Report, Verdict, report_from_json
from . import terminal, words
from .paper import Entry, Line, Paper, as_text, table, wrapped
from .visible import shown, start_of, visible, width

__all__ = ["COLOURS", "as_text", "finding_of", "flows_lines", "lot_lines", "lots_lines", "moment", "page_lines", "urgent"]

COLOURS = {Verdict.RELEASE: "green", Verdict.WARN: "yellow", Verdict.SPLIT: "magenta", Verdict.HOLD: "red", Verdict.REJECT: "bright_red"}
FATES = {
    Verdict.RELEASE: "released", Verdict.WARN: "released with a warning", Verdict.SPLIT: "split", Verdict.HOLD: "held", Verdict.REJECT: "rejected",
}  # fmt: skip
STATES = {
    "released": "released",
    "held": "waits for a person",
    "rejected": "rejected: not to be used",
    "unreadable": "could not be read; kept as it came",
}
MOST_SENTENCE = 320
MOST_ROWS = 1_000
VERDICT_CELLS = 9
LOT_CELLS = 9
MOST_INPUT = 44
LEAST_INPUT = 12
FATE_CELLS = 30  # "168 rows: 150 released, 18 held"
MOST_FOUND = 36


def lot_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """One lot, as `assay gate` tells it: a line, and what was found at worst below it."""
    verdict = Verdict.named(document["verdict"])
    colour = COLOURS[verdict]
    number = f"lot {document['lot']}" if document.get("lot") is not None else "-"
    beside = paper.width - VERDICT_CELLS - LOT_CELLS - 2
    room = min(max(beside - FATE_CELLS, LEAST_INPUT), max(beside, 4), MOST_INPUT)
    source = tail(visible(document["input"], encoding=paper.encoding), room, paper)
    if document.get("duplicate_of"):
        said = paper.say(str(document["duplicate_of"]), 20)
        head: Line = [(f"= {'again':<{VERDICT_CELLS - 1}}", "cyan"), (" " * (LOT_CELLS + 1), ""), (source, ""), (f"  taken before as lot {said}", "cyan")]
        yield head
        return
    head = [
        (f"{sign(verdict, paper)} {verdict!s:<{VERDICT_CELLS - 1}}", f"bold {colour}"),
        (f"{paper.say(number, 12):<{LOT_CELLS}} ", "dim"),
        (source, ""),
    ]
    fate = "  " + _fate(document)
    if sum(width(piece) for piece, _ in head) + width(fate) <= paper.width:
        yield [*head, (fate, "" if verdict >= Verdict.SPLIT else "dim")]
    else:
        yield [*head[:-1], (source.rstrip(), "")]
        yield from wrapped(fate.strip(), paper, indent=" " * (VERDICT_CELLS + 1), style="dim")
    if document.get("error"):
        return  # the command says the cause on standard error
    serious = urgent(document["findings"])
    if serious:
        worst = finding_of(serious[0])
        more = f" (and {words.counted(len(serious) - 1, 'more finding')})" if len(serious) > 1 else ""
        said = f"{words.title(worst)}: {worst.sentence}"
        title = words.title(worst) + ":"
        for line in wrapped(paper.ours(paper.say(said, MOST_SENTENCE) + more), paper, indent=" " * (VERDICT_CELLS + 1)):
            indent, (piece, _) = line
            yield [indent, (title, colour), (piece[len(title) :], "")] if piece.startswith(title) else line


def summary_lines(documents: Iterable[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """What a run of the gate did with all its lots, and what to do next."""
    told = list(documents)
    again = sum(bool(one.get("duplicate_of")) for one in told)
    refused = [one for one in told if one.get("lot") is None]
    taken = [one for one in told if not one.get("duplicate_of") and one.get("lot") is not None]
    parts = []
    for verdict in Verdict:
        count = sum(one["verdict"] == str(verdict) for one in taken)
        if count:
            parts.append(f"{count:,} {FATES[verdict]}")
    if again:
        parts.append(f"{again:,} taken before")
    if refused:
        parts.append(f"{len(refused):,} not taken")
    yield []
    yield [(f"{words.counted(len(told), 'lot')}: {', '.join(parts)}", "bold")]
    held = [one for one in taken if one["verdict"] == str(Verdict.HOLD)]
    given = [(f"assay flow {paper.say(one['flow'], 100)}", "the flow over time") for one in told[:1]]
    if held:
        names = ", ".join(str(one["lot"]) for one in held[:8]) + (f" and {len(held) - 8:,} more" if len(held) > 8 else "")
        yield from wrapped(f"{'Lot' if len(held) == 1 else 'Lots'} {names} {'waits' if len(held) == 1 else 'wait'} for a person.", paper)
        given.insert(0, (f"assay lot {held[0]['lot']}", "why, and how to decide"))
    yield from terminal.offers(given, paper)


def lots_lines(documents: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """A table of lots, newest first."""
    if not documents:
        yield [("No lots.", "bold"), (" They come with: assay gate FLOW INPUT" + ("..." if paper.plain else "…"), "dim")]
        return
    several = len({one["flow"] for one in documents}) > 1
    columns: dict[str, list[Entry]] = {name: [] for name in ("lot", "flow", "verdict", "taken", "rows", "aside", "input", "found")}
    for one in documents[:MOST_ROWS]:
        colour = COLOURS[Verdict.named(one["verdict"])]
        aside = one["rows"].get("quarantined", 0) + one["rows"].get("held", 0)
        titles = ", ".join(dict.fromkeys(title_of(code) for code in one["findings"]))
        again = f"came {one['deliveries']:,} times" if one.get("deliveries", 1) > 1 else ""
        columns["lot"].append(str(one["lot"]))
        columns["flow"].append(paper.say(one["flow"], 16))
        columns["verdict"].append((_verdict_and_state(one, paper), colour))
        columns["taken"].append((moment(one["at"]), "dim"))
        columns["rows"].append(f"{one['rows'].get('taken', 0):,}")
        columns["aside"].append((f"{aside:,}", colour) if aside else ("-", "dim"))
        columns["input"].append(visible(one["input"], encoding=paper.encoding))
        columns["found"].append((paper.say("; ".join(part for part in (titles, again) if part), MOST_FOUND), colour))
    left_out = {"found"} if paper.width < 100 else set()
    if not several:
        left_out.add("flow")
    # What a path needs to tell lots apart comes before when they were taken.
    if _room(columns, left_out, paper) < LEAST_INPUT:
        left_out.add("taken")
    room = max(_room(columns, left_out, paper), LEAST_INPUT)
    widest = max(width(_text(one)) for one in columns["input"])
    columns["input"] = [tail(_text(one), min(room, widest), paper) for one in columns["input"]]
    header = [name for name in columns if name not in left_out]
    right = tuple(place for place, name in enumerate(header) if name in ("lot", "rows", "aside"))
    yield from table(header, list(zip(*(columns[name] for name in header), strict=True)), right=right, styles=[""] * len(header))
    if len(documents) > MOST_ROWS:
        yield [(f"and {len(documents) - MOST_ROWS:,} more; --json lists all of them", "dim")]


def _room(columns: Mapping[str, Sequence[Entry]], left_out: set[str], paper: Paper) -> int:
    """Cells that the other columns leave for the input."""
    used = sum(max(width(_text(one)) for one in (name, *entries)) + 2 for name, entries in columns.items() if name not in left_out and name != "input")
    return min(paper.width - used, 60)


def _text(entry: Entry) -> str:
    return entry if isinstance(entry, str) else entry[0]


def flows_lines(documents: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """A table of flows."""
    if not documents:
        yield [("No flows yet.", "bold"), (" A flow begins with its first lot: assay gate FLOW INPUT" + ("..." if paper.plain else "…"), "dim")]
        return
    rows: list[list[Entry]] = []
    for one in documents:
        verdict = Verdict.named(one["last_verdict"]) if one["last_verdict"] else None
        rows.append(
            [
                (paper.say(one["flow"], max(paper.width - 56, 12)), "bold"),
                f"{one['lots']:,}",
                (moment(one["last_at"]) if one["last_at"] else "-", "dim"),
                (f"{sign(verdict, paper)} {verdict}", COLOURS[verdict]) if verdict is not None else "-",
                (f"{one['open_incidents']:,}", "yellow") if one["open_incidents"] else ("-", "dim"),
                (f"{one['open_cases']:,}", "magenta") if one["open_cases"] else ("-", "dim"),
            ]
        )
    yield from table(["flow", "lots", "last lot", "verdict", "incidents", "cases"], rows, right=(1, 4, 5), styles=[""] * 6)


def page_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """Everything about one lot, and what can be decided about it."""
    verdict = Verdict.named(document["verdict"])
    number = document["lot"]
    yield [(f"{sign(verdict, paper)} {str(verdict).upper()}", f"bold {COLOURS[verdict]}"), (f"  lot {number} of {paper.say(document['flow'], 60)}", "bold")]
    yield from wrapped(paper.say(document["input"], paper.width), paper)
    state = STATES.get(document["state"], document["state"])
    facts = [*dict.fromkeys((state, _fate(document))), f"taken {moment(document['at'])}", f"place {document['place']:,} in its flow"]
    if document.get("deliveries", 1) > 1:
        facts.append(f"delivered {document['deliveries']:,} times, taken once")
    if document.get("parents"):
        facts.append("made from lots " + ", ".join(map(str, document["parents"][:12])))
    facts.append("later lots are compared with it" if document.get("teaches") else "later lots are not compared with it")
    yield from wrapped(paper.ours(paper.dot.join(paper.say(one, 120) for one in facts)), paper, style="dim")
    yield from terminal.findings(report_of(document), paper)
    yield from _cases(document["cases"], paper)
    yield from _decisions(document["decisions"], paper)
    yield from _objects(document["objects"], paper)
    yield []
    yield [("Next", "bold")]
    yield from terminal.offers(_offers(document), paper)


def report_of(document: Mapping[str, Any]) -> Report:
    """The report of a lot; of one that could not be read, what the ledger has of it."""
    if document["report"].get("input"):
        return report_from_json(document["report"])
    return Report(Verdict.named(document["verdict"]), tuple(map(finding_of, document["findings"])), InputFacts(document["input"]))


def finding_of(one: Mapping[str, Any]) -> Finding:
    """A finding as the ledger keeps it: without evidence, examples and picture."""
    return Finding(
        str(one["code"]), tuple(map(str, one["columns"])), str(one["sentence"]), severity=float(one["severity"]), layer=one.get("layer") or "signature",
        where=one.get("where"), rows=one.get("rows"), suggestion=str(one.get("suggestion") or ""),
    )  # fmt: skip


def urgent(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The findings that are more than notes, worst first."""
    return sorted((one for one in found if one["severity"] >= words.LOOK_FROM), key=lambda one: -float(one["severity"]))


def title_of(code: str) -> str:
    """The title of a finding's code."""
    return words.title(Finding(str(code), (), "", severity=0.5))


def sign(verdict: Verdict, paper: Paper) -> str:
    """The symbol of a verdict."""
    said = words.VERDICTS[verdict]
    return said.plain if paper.plain else said.symbol


def moment(at: str) -> str:
    """A time as people write it.

    >>> moment("2026-11-21T09:02:53.257112+00:00")
    '2026-11-21 09:02'
    """
    return shown(str(at)[:16].replace("T", " "), 16)


def tail(seen: str, most: int, paper: Paper) -> str:
    """The end of a path, which tells lots of one folder apart.

    >>> tail("/data/incoming/2026/03/28.csv", 16, Paper(80, "utf-8", plain=False))
    '…/2026/03/28.csv'
    """
    if width(seen) > most:
        dots = "..." if paper.plain else "…"
        seen = dots + start_of(seen[::-1], most - width(dots))[::-1]
    return seen + " " * (most - width(seen))


def _fate(document: Mapping[str, Any]) -> str:
    """Where the rows went; one number where all went the same way."""
    rows = {name: int(count) for name, count in document["rows"].items()}
    taken = rows.get("taken", 0)
    if document.get("state") == "unreadable" or document.get("error"):
        return "could not be read; kept as it came" if document.get("lot") is not None else "not taken"
    gone = {name: rows.get(name, 0) for name in ("released", "quarantined", "held", "unparseable") if rows.get(name, 0)}
    if len(gone) <= 1:
        return f"{words.counted(taken, 'row')} {next(iter(gone), 'taken')}"
    return f"{words.counted(taken, 'row')}: " + ", ".join(f"{count:,} {name}" for name, count in gone.items())


def _verdict_and_state(one: Mapping[str, Any], paper: Paper) -> str:
    """A verdict; with what a person made of it where that is something else."""
    verdict = Verdict.named(one["verdict"])
    if one["state"] == "unreadable":
        return f"{sign(verdict, paper)} unreadable"
    usual = "held" if verdict >= Verdict.HOLD else "released"
    after = "" if one["state"] == usual else f" {paper.arrow} {paper.say(one['state'], 12)}"
    return f"{sign(verdict, paper)} {verdict}{after}"


def _cases(cases: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    if not cases:
        return
    yield []
    yield [("Rows put aside", "bold")]
    for case in cases[:20]:
        finding = Finding(str(case["code"]), tuple(map(str, case["columns"])), "", severity=0.5)
        names = ", ".join(paper.say(name, 30) for name in finding.columns[:3])
        open_ = "all open" if case["open"] == case["rows"] else f"{case['open']:,} open" if case["open"] else "done"
        head = f"case {case['case']}  {paper.say(words.title(finding), 40)}" + (f": {names}" if names else "")
        yield from wrapped(f"{head}  {words.counted(int(case['rows']), 'row')}, {open_}", paper, indent="  ", style="magenta" if case["open"] else "dim")
        yield from wrapped(paper.say(str(case["sentence"]), MOST_SENTENCE), paper, indent="    ", style="dim")
    if len(cases) > 20:
        yield [(f"  and {len(cases) - 20:,} more", "dim")]


def _decisions(decisions: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    if not decisions:
        return
    yield []
    yield [("Decisions", "bold")]
    for one in decisions[-20:]:
        reason = f": {one['reason']}" if one.get("reason") else ""
        said = f"{moment(one['at'])}  {one['author']} said {one['action']}{reason}"
        yield from wrapped(paper.say(said, MOST_SENTENCE), paper, indent="  ")


def _objects(objects: Mapping[str, str], paper: Paper) -> Iterator[Line]:
    kept = [(kind, objects[kind]) for kind in ("released", "quarantined", "held", "original") if kind in objects]
    if not kept:
        return
    yield []
    yield [("Files", "bold")]
    for kind, path in kept:
        # Never cut: a path that is copied in part opens nothing.
        yield [(f"  {kind:<12}", "dim"), (visible(path, encoding=paper.encoding), "")]


def _offers(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    number, flow = document["lot"], visible(document["flow"])
    offers = []
    if document["state"] == "held":
        offers += [(f"assay lot {number} release --reason WHY", "use it as it is"), (f"assay lot {number} reject --reason WHY", "never use it")]
    if document["state"] == "unreadable":
        offers.append((f"assay lot {number} reject --reason WHY", "put it away; then send a new delivery through the gate"))
    serious = urgent(document["findings"])
    if serious and document["state"] != "unreadable":
        code = str(serious[0]["code"])
        which = f" --code {code}" if len(serious) > 1 and code.isidentifier() else ""
        offers += [
            (f"assay lot {number} bad{which}", "the finding is right"),
            (f"assay lot {number} expected{which}", "it is right, and fine"),
            (f"assay lot {number} noise{which}", "it is wrong"),
        ]
    offers.append((f"assay flow {flow}", "the flow over time"))
    return offers
