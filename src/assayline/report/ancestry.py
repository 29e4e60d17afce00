"""Lineage, tags and lines on a terminal.

>>> node = {"lot": 3, "flow": "rides", "at": "2026-03-01T06:00:00", "verdict": "warn", "state": "released", "rows": {"released": 9}, "again": False, "run": None, "branches": []}
>>> print(as_text(lineage_lines(node, Paper(80, "utf-8", plain=True))), end="")
! rides lot 3  warn, 9 rows, 2026-03-01 06:00, from outside
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core import Verdict
from . import words
from .lots import COLOURS, moment, sign, title_of
from .paper import Entry, Line, Paper, as_text, table, wrapped

__all__ = ["as_text", "line_lines", "lineage_lines", "tags_lines"]

DIGEST = 10
MOST_COLUMNS = 60


def lineage_lines(document: Mapping[str, Any], paper: Paper, *, columns: bool = False) -> Iterator[Line]:
    """A lot, and below it what it was made from or what was made from it."""
    yield from _node(document, paper, "", "", columns)


def _node(node: Mapping[str, Any], paper: Paper, first: str, rest: str, columns: bool) -> Iterator[Line]:
    verdict = Verdict.named(node["verdict"])
    rows = node["rows"].get("released", 0)
    state = "" if node["state"] == "released" else f", {node['state']}"
    where = ", see above" if node["again"] else "" if node["run"] is not None else ", from outside"
    yield [
        (first, "dim"), (f"{sign(verdict, paper)} ", COLOURS[verdict]), (f"{paper.say(node['flow'], 40)} lot {node['lot']}", "bold"),
        (f"  {verdict}{state}, {words.counted(rows, 'row')}, {moment(node['at'])}{where}", "dim"),
    ]  # fmt: skip
    if node["again"]:
        return
    branches: Sequence[Mapping[str, Any]] = node["branches"]
    if node["run"] is not None:
        yield from _run(node["run"], paper, rest, bool(branches), columns)
    for number, branch in enumerate(branches):
        last = number == len(branches) - 1
        nodes, hidden = branch["nodes"], branch["lots"] - len(branch["nodes"])
        for place, one in enumerate(nodes):
            end = last and place == len(nodes) - 1 and hidden <= 0
            yield from _node(one, paper, rest + _elbow(paper, end), rest + ("   " if end else _bar(paper)), columns)
        if hidden > 0:
            more = f"and {hidden:,} more of {paper.say(branch['name'], 40)}" if nodes else f"{hidden:,} runs of {paper.say(branch['name'], 40)} without a result"
            yield [(rest + _elbow(paper, last) + more, "dim")]


def _run(run: Mapping[str, Any], paper: Paper, rest: str, more: bool, columns: bool) -> Iterator[Line]:
    bar = _bar(paper) if more else "   "
    parts = [f"run {run['run']} of {paper.say(run['step'], 40)}", f"code {_short(run['code'])}", f"environment {_short(run['environment'])}"]
    yield [(rest + bar, "dim"), (paper.dot.join(parts), "cyan")]
    if not columns:
        return
    known = run["columns"]
    for name, sources in list(known.get("from", {}).items())[:MOST_COLUMNS]:
        said = ", ".join(f"{paper.say(flow, 40)}.{paper.say(column, 40)}" for flow, column in sources) or "no column"
        yield [(rest + bar, "dim"), (paper.say(name, 40), ""), (f" {'<-' if paper.plain else '←'} {said}", "dim")]
    for flow, used in known.get("uses", {}).items():
        said = "all columns, as far as is known" if used is None else ", ".join(paper.say(one, 40) for one in used[:MOST_COLUMNS]) or "no column"
        yield [(rest + bar, "dim"), (f"reads {said} of {paper.say(flow, 40)}", "dim")]
    yield [(rest + bar, "dim"), (f"columns: {known['kind'] if known else 'not known'}", "dim")]


def tags_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """What holds of a lot, what was weakened and why."""
    verdict = Verdict.named(document["verdict"])
    yield [(f"{sign(verdict, paper)} {str(verdict).upper()}", f"bold {COLOURS[verdict]}"), (f"  {paper.say(document['flow'], 60)}, lot {document['lot']}", "bold")]
    holds = [one for one in document["tags"] if not one["weakened"]]
    gone = [one for one in document["tags"] if one["weakened"]]
    if not document["tags"]:
        yield [("Nothing is wrong with it or with anything it was made from.", "green")]
    for title, several in (("What holds", holds), ("Weakened", gone)):
        if not several:
            continue
        yield [("", "")]
        yield [(title, "bold")]
        for one in several:
            level = Verdict.named(one["level"])
            about = f" of {', '.join(paper.say(name, 40) for name in one['columns'])}" if one["columns"] else ""
            until = f", until {one['until'][:10]}" if one["until"] and not one["weakened"] else ""
            share = "" if one["share"] >= 1 else f", {words.percent(one['share'])} of the rows at most"
            yield [
                (f"  {sign(level, paper)} {title_of(one['code'])}{about}", COLOURS[level] if not one["weakened"] else ""),
                (f"  from {paper.say(one['origin'], 40)}, lot {one['lot']}{share}{until}", "dim"),
            ]  # fmt: skip
            yield from wrapped(paper.say(one["reason"], 300), paper, indent="    ")
            if one["weakened"]:
                yield from wrapped(paper.say(one["weakened"], 300), paper, indent=f"    {paper.arrow} ", style="green")
    recorded = [one for one in document["weakenings"] if one["state"] == "on"]
    if recorded:
        yield [("", "")]
        yield [(f"Recorded for {paper.say(document['flow'], 60)} and what is made from it", "bold")]
        for one in recorded:
            about = f" of {', '.join(paper.say(name, 40) for name in one['columns'])}" if one["columns"] else ""
            rule = f", where rule {one['rule']} finds nothing" if one["rule"] is not None else ""
            until = f", until {one['until'][:10]}" if one["until"] else ""
            yield [(f"  {one['number']}  {paper.say(one['code'], 40)}{about} from {paper.say(one['origin'], 40)}{rule}{until}: ", ""), (paper.say(one["reason"], 200), "dim")]


def line_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """The flows of a line, each with what it reads and how it stands."""
    inputs: dict[str, list[str]] = {}
    for edge in document["edges"]:
        inputs.setdefault(edge["to"], []).append(edge["from"])
    rows: list[list[Entry]] = []
    for one in document["nodes"]:
        verdict = Verdict.named(one["verdict"]) if one["verdict"] else None
        holds = [tag for tag in one["tags"] if not tag["weakened"]]
        worst = f"{title_of(holds[0]['code'])} in {holds[0]['origin']} lot {holds[0]['lot']}" if holds else ""
        more = f" and {len(holds) - 1:,} more" if len(holds) > 1 else ""
        reads = ", ".join(inputs.get(one["flow"], [])) or one["address"]
        rows.append(
            [
                (f"{sign(verdict, paper)} {verdict}", COLOURS[verdict]) if verdict is not None else ("-", "dim"), (paper.say(one["flow"], 40), "bold"), one["kind"],
                f"{one['lots']:,}", (paper.say(reads, 44), "dim"), paper.say(worst + more, 60),
            ]
        )  # fmt: skip
    yield from table(["verdict", "flow", "", "lots", "reads", "because of"], rows, right=(3,), styles=[""] * 6)


def _short(digest: str) -> str:
    return digest.rpartition(":")[2][:DIGEST] or "-"


def _elbow(paper: Paper, end: bool) -> str:
    return ("`- " if end else "|- ") if paper.plain else ("└─ " if end else "├─ ")


def _bar(paper: Paper) -> str:
    return "|  " if paper.plain else "│  "
