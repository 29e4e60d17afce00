"""Quarantine, rules and channels on a terminal.

>>> case = {"case": 3, "flow": "sales", "lot": 7, "code": "mojibake", "columns": ["town"], "pattern": "a", "rows": 4, "open": 4, "sentence": "…", "suggestion": "Köln"}
>>> print(as_text(cases_lines([case], Paper(100, "utf-8", plain=True))), end="")
case  flow   lot  rows  what                  where  should be
   3  sales    7     4  Broken encoding (a)   town   Köln
<BLANKLINE>
Next
  assay quarantine show 3             the rows of a case
  assay quarantine fix 3 --suggested  or: waive 3, reject 3; then: assay quarantine put-back sales
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core import CATALOGUE
from .paper import Line, Paper, as_text, table, wrapped

__all__ = ["as_text", "case_lines", "cases_lines", "channels_lines", "rules_lines", "trial_lines"]

MOST_CASES = 200
MOST_VALUE = 40
MOST_COLUMNS = 6


def cases_lines(documents: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """The cases of the quarantine, a line each."""
    if not documents:
        yield [("Nothing is in quarantine.", "green")]
        return
    rows = [
        (
            str(one["case"]), paper.say(one["flow"], 30), str(one["lot"]), f"{one['open']:,}" if one["open"] == one["rows"] else f"{one['open']:,} of {one['rows']:,}",
            paper.say(f"{_title(one['code'])}{' (' + one['pattern'] + ')' if one['pattern'] else ''} ", 40), paper.say(", ".join(one["columns"]), 30),
            paper.say(one["suggestion"], MOST_VALUE),
        )
        for one in documents[:MOST_CASES]
    ]  # fmt: skip
    yield from table(("case", "flow", "lot", "rows", "what", "where", "should be"), rows, right=(0, 2, 3), styles=("bold", "", "dim", "", "magenta", "cyan", "green"))
    if len(documents) > MOST_CASES:
        yield [(f"and {len(documents) - MOST_CASES:,} more; name a flow, or use --json", "dim")]
    first = documents[0]
    how = "--set COLUMN=VALUE" if first["code"] == "broken_rule" else "--suggested"
    yield [("", "")]
    yield from _next(
        (f"assay quarantine show {first['case']}", "the rows of a case"),
        (f"assay quarantine fix {first['case']} {how}", f"or: waive {first['case']}, reject {first['case']}; then: assay quarantine put-back {paper.say(first['flow'], 60)}"),
    )  # fmt: skip


def case_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """One case: what is wrong, its rows with the accused cells, what was decided."""
    yield [(f"Case {document['case']}", "bold"), (f"  {_title(document['code'])}, lot {document['lot']} of {paper.say(document['flow'], 60)}", "")]
    yield from wrapped(paper.say(document["sentence"], 400), paper)
    yield [(f"{document['rows']:,} rows, {document['open']:,} open", "dim")]
    accused = list(dict.fromkeys(column for row in document["quarantined"] for column in row["columns"] if column != "*"))
    shown = [*accused, *(name for name in document["source_columns"] if name not in accused)][:MOST_COLUMNS]
    header = ("row", "state", *(paper.say(name, 24) for name in shown), "should be")
    rows = []
    for row in document["quarantined"]:
        hints = [f"{value}" for column, value in zip(row["columns"], row["suggestions"], strict=True) if value is not None and column in shown]
        cells = [(paper.say(row["values"][name] if row["values"][name] is not None else "-", MOST_VALUE), "red" if name in row["columns"] else "") for name in shown]
        rows.append((str(row["row"]), row["state"], *cells, (paper.say(", ".join(dict.fromkeys(hints)), MOST_VALUE), "green")))
    yield [("", "")]
    yield from table(header, rows, right=(0,), styles=("dim", "", *[""] * len(shown), "green"))
    if document["rows"] > len(rows):
        yield [(f"and {document['rows'] - len(rows):,} more: --most 0, or assay quarantine export {document['case']} FILE.xlsx", "dim")]
    if document["decisions"]:
        yield [("", "")]
        for one in document["decisions"]:
            rows_said = "every open row" if one["rows"] == "open" else f"{len(one['rows'])} rows"
            outcome = f", carried out by lot {one['settled']}" if one["settled"] else ""
            yield [(f"{one['at'][:16].replace('T', ' ')}  ", "dim"), (f"{one['action']} of {rows_said} by {paper.say(one['author'], 60)}{outcome}", ""),
                   (f"  {paper.say(one['reason'], 120)}" if one.get("reason") else "", "dim")]  # fmt: skip


def rules_lines(documents: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """The rules of a flow."""
    if not documents:
        yield [("There are no rules. Add one: assay rules add FLOW \"amount >= 0\" --action split", "")]
        return
    rows = [
        (
            str(one["rule"]), ("on" if one["in_force"] else "off", "green" if one["in_force"] else "dim"), one["action"], paper.say(one["text"], 70),
            paper.say(one["owner"], 30), paper.say(one["reason"], 60),
        )
        for one in documents
    ]  # fmt: skip
    yield from table(("rule", "", "action", "condition", "owner", "why"), rows, right=(0,), styles=("bold", "", "magenta", "", "dim", "dim"))


def trial_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """What a rule would have set aside."""
    lots, failing = document["lots"], document["failing"]
    struck = [one for one in lots if one["failing"]]
    yield [(paper.say(document["rule"], 200), "bold")]
    if not failing:
        yield [(f"None of {document['rows']:,} rows in the last {len(lots)} lots would have failed.", "green")]
    else:
        yield [(f"{failing:,} of {document['rows']:,} rows would have failed, in {len(struck)} of the last {len(lots)} lots:", "yellow")]
        rows = [
            (
                f"lot {one['lot']}", f"{one['failing']:,}", f"{one['share']:.1%}",
                paper.say("; ".join(", ".join(f"{name} {value}" for name, value in example.items()) for example in one["examples"]), 90),
            )
            for one in struck[-20:]
        ]  # fmt: skip
        yield from table(("", "rows", "share", "such as"), rows, right=(1, 2), styles=("bold", "yellow", "", "dim"))
    for one in lots:
        if one.get("error"):
            yield [(f"lot {one['lot']}: {paper.say(one['error'], 200)}", "red")]


def channels_lines(documents: Sequence[Mapping[str, Any]], paper: Paper) -> Iterator[Line]:
    """Who is told about what."""
    if not documents:
        yield [("Nobody is told. Add somebody: assay notify add FLOW mailto:you@example.com", "")]
        return
    rows = [
        (
            str(one["number"]), paper.say(one["flow"], 30), paper.say(one["channel"], 60), paper.say(", ".join(str(one[key]) for key in ("quiet", "digest") if one.get(key)), 40),
            f"{one['sent']:,}", f"{one['waiting']:,}", (paper.say(one["last_error"], 60), "red"),
        )
        for one in documents
    ]  # fmt: skip
    yield from table(("", "flow", "channel", "when", "sent", "waiting", "trouble"), rows, right=(0, 4, 5), styles=("dim", "", "cyan", "", "", "yellow", "red"))


def _title(code: str) -> str:
    return CATALOGUE[code].title if code in CATALOGUE else code


def _next(*steps: tuple[str, str]) -> Iterator[Line]:
    yield [("Next", "bold")]
    widest = max(len(command) for command, _ in steps)
    for command, why in steps:
        yield [(f"  {command:<{widest}}", "cyan"), (f"  {why}", "dim")]
