"""The health of a flow as one HTML page: no script, nothing loaded; every chart has its numbers in a table.

>>> flow_page({"flow": "sales", "lots": []}).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core import Verdict
from . import cards, words
from .flow_charts import column_chart, day_of, timeline
from .flow_history import ColumnHistory, History, Incident, LotMark, columns, history, ranked
from .flow_terminal import accept_command, since
from .html import document, style_sheet
from .lots import FATES, moment, title_of
from .markup import Child, Markup, element, joined
from .visible import shown

# Bounds, so that a page of a flow with a thousand lots and a thousand columns is still read within a second and fits into a mail.
MOST_COLUMNS = 48
MOST_NAMES = 400
MOST_INCIDENTS = 40
MOST_RULES = 100
FIRST_LOTS = 20
MOST_LOTS = 1_000
MOST_TABLE = 8
FAR = 0.25  # of the width earlier lots spanned, or of the rows: a move that the card says in a word

NAME = 80
PATH = 90
SENTENCE = 600


def flow_page(told_as: Mapping[str, Any]) -> str:
    """The document of `assay flow FLOW --json` as a page, to be written as UTF-8."""
    told = history(told_as)
    body = element(
        "body",
        element("div", element("span", "Assayline", class_="al-brand"), element("span", "a flow over time"), class_="al-top"),
        _head(told),
        element("main", _incidents(told), _lots_over_time(told), _columns(told), _rules(told), _all_lots(told)),
        class_="al al-page",
    )
    return document(f"Flow {shown(told.flow, 120)}", body, style_sheet("flow.css"))


def _head(told: History) -> Markup:
    last = told.lots[-1] if told.lots else None
    counts = ", ".join(
        f"{count:,} {FATES[verdict]}" for verdict in Verdict if (count := sum(lot.verdict == verdict for lot in told.lots))
    )
    first = "" if len(told.lots) == told.taken_lots else f"The last {len(told.lots):,} of "
    summary = f"{first}{words.counted(told.taken_lots, 'lot')}{': ' + counts if counts else ''}."
    taken, aside = sum(lot.taken for lot in told.lots), sum(lot.quarantined + lot.held for lot in told.lots)
    waiting = [lot for lot in told.lots if lot.state == "held"]
    leads = []
    if waiting:
        leads.append(f"{words.counted(len(waiting), 'lot')} {'waits' if len(waiting) == 1 else 'wait'} for a person: {_numbered(waiting)}.")
    if told.open_incidents:
        leads.append(f"{words.counted(len(told.open_incidents), 'incident')} {'is' if len(told.open_incidents) == 1 else 'are'} open.")
    elif told.lots:
        leads.append("No incident is open.")
    if told.open_cases:
        leads.append(f"{words.counted(told.open_cases, 'case')} of quarantined rows {'is' if told.open_cases == 1 else 'are'} open.")
    meta = [words.counted(taken, "row"), f"{aside:,} put aside ({words.percent(aside / taken)})" if aside else "none put aside"] if taken else []
    meta += [f"since {moment(told.since)[:10]}"] if told.since else []
    badge = (
        element("div", cards.verdict_badge(last.verdict), element("span", f"the last lot, number {last.lot}", class_="al-verdict-line"), class_="al-verdict")
        if last is not None
        else None
    )
    return element(
        "header", badge, element("h1", element("bdi", shown(told.flow, 120)), class_="al-path"), element("p", summary, class_="al-summary"),
        element("p", " ".join(leads), class_="al-lead") if leads else None,
        element("p", joined(*(element("span", one) for one in meta)), class_="al-meta") if meta else None,
        class_="al-head",
    )  # fmt: skip


def _numbered(lots: Sequence[LotMark]) -> str:
    return ", ".join(f"{lot.lot}" for lot in lots[-8:]) + (f" and {len(lots) - 8:,} more" if len(lots) > 8 else "")


def _section(title: str, *children: Child, count: int | None = None) -> Markup:
    counted = element("span", f" {count:,}", class_="al-count") if count is not None else None
    return element("section", element("h2", title, counted, class_="al-h"), *children, class_="al-section")


def _incidents(told: History) -> Markup | None:
    found = told.open_incidents
    if not found:
        return None
    more = element("p", f"and {len(found) - MOST_INCIDENTS:,} more; --json lists all of them.", class_="al-more") if len(found) > MOST_INCIDENTS else None
    return _section("Open incidents", element("div", *(_incident(one, told) for one in found[:MOST_INCIDENTS]), class_="al-cards"), more, count=len(found))


def _incident(one: Incident, told: History) -> Markup:
    lot = told.accepted_from(one)
    accept = (
        element(
            "p", element("span", "→", class_="al-arrow", aria_hidden="true"),
            element("span", "If this is how it is from now on: ", element("code", accept_command(told.flow, lot), class_="al-command")), class_="al-do",
        )
        if lot is not None
        else None
    )  # fmt: skip
    names = element("span", *(element("code", element("bdi", shown(name, NAME)), class_="al-name") for name in one.columns[:6]), class_="al-names") if one.columns else None
    return element(
        "article",
        element("div", element("h3", shown(title_of(one.code), NAME), class_="al-title"), names, element("span", since(one, told), class_="al-rows"), class_="al-card-head"),
        element("p", shown(one.sentence, SENTENCE), class_="al-sentence"),
        accept,
        class_="al-card al-look",
    )


def _lots_over_time(told: History) -> Markup:
    if not told.lots:
        return _section("Lots over time", element("p", "This flow has not taken a lot yet.", class_="al-empty"))
    present = sorted({lot.verdict for lot in told.lots})
    keys = [(f"al-s-{verdict}", f"{verdict}: {words.VERDICTS[verdict].line.lower()}") for verdict in present]
    keys.append(("al-s-rows", "rows released"))
    if any(lot.quarantined for lot in told.lots):
        keys.append(("al-s-split", "rows quarantined"))
    if any(lot.held for lot in told.lots):
        keys.append(("al-s-hold", "rows held"))
    if any(one.open for one in told.incidents):
        keys.append(("al-s-open", "open incident"))
    if any(not one.open for one in told.incidents):
        keys.append(("al-s-closed", "incident that is over"))
    # Wider than a phone: it scrolls, and can be reached by the keyboard for that.
    chart = element("div", timeline(told), class_="al-chart", tabindex="0", role="region", aria_label="Verdicts, rows and incidents over the lots of this flow")
    return _section("Lots over time", chart, _legend(keys))


def _legend(keys: Sequence[tuple[str, str]]) -> Markup:
    return element("ul", *(element("li", _swatch(class_), element("span", said)) for class_, said in dict.fromkeys(keys)), class_="al-legend")


def _swatch(class_: str) -> Markup:
    drawn = element("path", d="M0 6h14", class_=f"al-line {class_}") if class_.startswith("al-l") else element("rect", x=0, y=1, width=14, height=10, rx=2, class_=class_)
    return element("svg", drawn, class_="al-swatch", view_box="0 0 14 12", aria_hidden="true", focusable="false")


def _columns(told: History) -> Markup | None:
    names = ranked(told)
    if not names:
        return None
    drawn = columns(told, names[:MOST_COLUMNS])
    left = names[MOST_COLUMNS:]
    rest = None
    if left:
        said = ", ".join(shown(name, 40) for name in left[:MOST_NAMES]) + (f" and {len(left) - MOST_NAMES:,} more" if len(left) > MOST_NAMES else "")
        rest = element("details", element("summary", f"{len(left):,} more columns, which moved less"), element("p", said, class_="al-means"), class_="al-details al-rest")
    lead = "Those of open incidents first, then those that moved most. Of numbers the line is the median and the band holds 90 % of the values; a red dot is a finding."
    return _section(
        "Columns", element("p", lead, class_="al-more"), element("div", *(_column(one, told) for one in drawn), class_="al-columns al-flows"), rest, count=len(names),
    )  # fmt: skip


def _column(column: ColumnHistory, told: History) -> Markup:
    flag = None
    if column.marked:
        flag = element("span", words.counted(len(column.marked), "lot") + " with findings", class_="al-flag al-flag-look")
    elif column.moved >= FAR:
        flag = element("span", "moved", class_="al-flag al-flag-note")
    legend = None
    if column.drawn == "shares" and column.values:
        now = [(value, _last(shares)) for value, shares in zip(column.values, column.shares, strict=True)]
        legend = _legend([(f"al-l{place + 1}", f"{shown(value, 24, blanks=True) or '(empty)'} {words.percent(share or 0.0)}") for place, (value, share) in enumerate(now)])
    picture = column_chart(column, told)
    return element(
        "article",
        element("header", element("h3", element("bdi", shown(column.name, NAME)), class_="al-column-name"), flag, class_="al-column-head"),
        element("p", element("span", shown(column.kind, 20), class_="al-tag"), class_="al-tags") if column.kind else None,
        element("div", picture, class_="al-figure") if picture else element("p", "No missing cells, and nothing else that could be drawn.", class_="al-more"),
        legend,
        _facts(column),
        _numbers(column, told),
        class_="al-column",
    )


def _facts(column: ColumnHistory) -> Markup | None:
    facts: list[tuple[str, str]] = []
    if column.drawn == "number":
        known = sorted(one for one in column.middle if one is not None)
        if known:
            facts += [("median now", words.number(_last(column.middle) or 0.0)), ("usual", words.number(known[len(known) // 2]))]
    if column.drawn == "time":
        facts += [(name, day_of(value)) for name, value in (("from", _last(column.low)), ("to", _last(column.high))) if value is not None]
    missing = _last(column.missing)
    if missing is not None and any(column.missing):
        facts.append(("missing now", words.percent(missing)))
    return element("dl", *(element("div", element("dt", name), element("dd", said)) for name, said in facts), class_="al-column-facts") if facts else None


def _numbers(column: ColumnHistory, told: History) -> Markup:
    """The last lots of a column as numbers: the chart for those who do not see it, and for those who want it exactly."""
    places = list(range(max(len(told.lots) - MOST_TABLE, 0), len(told.lots)))[::-1]
    header = ["lot", *{"number": ("5 %", "median", "95 %"), "time": ("from", "to")}.get(column.drawn, ()), "missing"]
    if column.drawn == "shares":
        header[1:1] = [shown(value, 12) or "(empty)" for value in column.values]
    rows = []
    for place in places:
        said: list[str] = []
        if column.drawn == "number":
            said = [_number(one[place]) for one in (column.low, column.middle, column.high)]
        elif column.drawn == "time":
            said = [day_of(one) if one is not None else "-" for one in (column.low[place], column.high[place])]
        elif column.drawn == "shares":
            said = [_percent(shares[place]) for shares in column.shares]
        cells = [*said, _percent(column.missing[place])]
        rows.append(element("tr", element("th", f"{told.lots[place].lot}", scope="row", class_="al-num"), *(element("td", one, class_="al-num") for one in cells)))
    table = element(
        "table", element("thead", element("tr", *(element("th", one, scope="col", class_="al-num") for one in header))), element("tbody", *rows), class_="al-table",
    )  # fmt: skip
    scroll = element("div", table, class_="al-scroll", tabindex="0", role="region", aria_label=f"The last lots of {shown(column.name, NAME)} as numbers")
    return element("details", element("summary", f"The last {len(places)} lots as numbers" if len(places) > 1 else "The last lot as numbers"), scroll, class_="al-details")


def _number(value: float | None) -> str:
    return words.number(value) if value is not None else "-"


def _percent(value: float | None) -> str:
    return words.percent(value) if value is not None else "-"


def _last(values: Sequence[float | None]) -> float | None:
    return next((one for one in reversed(values) if one is not None), None)


def _rules(told: History) -> Markup | None:
    if not told.rules:
        return None
    rows = [
        element(
            "tr",
            element("th", shown(str(one.get("rule") or ""), 40), scope="row"),
            element("td", element("code", shown(str(one.get("text") or ""), 300))),
            *(element("td", shown(str(one.get(name) or ""), 60)) for name in ("action", "state", "owner")),
            element("td", moment(str(one.get("since") or ""))[:10]),
            element("td", shown(str(one.get("reason") or ""), 200)),
        )
        for one in told.rules[:MOST_RULES]
    ]
    more = element("p", f"and {len(told.rules) - MOST_RULES:,} more; --json lists all of them.", class_="al-more") if len(told.rules) > MOST_RULES else None
    table = _table(("rule", "says", "then", "state", "owner", "since", "why"), rows, "Rules of this flow")
    return _section("Rules", table, more, count=len(told.rules))


def _all_lots(told: History) -> Markup | None:
    if not told.lots:
        return None
    newest = told.lots[::-1]
    rows = [_lot(lot) for lot in newest[:MOST_LOTS]]
    header = ("lot", "verdict", "taken", "rows", "released", "quarantined", "held", "found", "input")
    rest = None
    if len(rows) > FIRST_LOTS:
        rest = element(
            "details", element("summary", f"{len(rows) - FIRST_LOTS:,} earlier lots"), _table(header, rows[FIRST_LOTS:], "Earlier lots"), class_="al-details al-rest"
        )
    more = element("p", f"and {len(newest) - MOST_LOTS:,} more; --json lists all of them.", class_="al-more") if len(newest) > MOST_LOTS else None
    return _section("Lots", _table(header, rows[:FIRST_LOTS], "The newest lots"), rest, more, count=len(newest))


def _lot(lot: LotMark) -> Markup:
    usual = "held" if lot.verdict >= Verdict.HOLD else "released"
    after = f", {shown(lot.state, 20)}" if lot.state and lot.state not in (usual, "rejected") else ""
    dot = element("span", words.VERDICTS[lot.verdict].symbol, class_=f"al-dot al-v-{lot.verdict}", aria_hidden="true")
    found = "; ".join(dict.fromkeys(shown(words.title(one), NAME) + (f": {', '.join(shown(name, 30) for name in one.columns[:2])}" if one.columns else "") for one in lot.findings[:5]))
    return element(
        "tr", element("th", f"{lot.lot}", scope="row", class_="al-num"), element("td", dot, f"{lot.verdict}{after}", class_="al-verdict-cell"),
        element("td", moment(lot.at), class_="al-num"), *(element("td", f"{rows:,}" if rows else "-", class_="al-num") for rows in (lot.taken, lot.released, lot.quarantined, lot.held)),
        element("td", shown(found, 160), class_="al-found-cell"), element("td", element("bdi", _end_of(lot.input)), class_="al-path-cell"),
    )  # fmt: skip


def _end_of(path: str) -> str:
    return path if len(path) <= PATH else "…" + path[-PATH:]


def _table(header: Sequence[str], rows: Sequence[Markup], label: str) -> Markup:
    numeric = {"lot", "rows", "released", "quarantined", "held"}
    head = element("thead", element("tr", *(element("th", one, scope="col", class_="al-num" if one in numeric else None) for one in header)))
    return element("div", element("table", head, element("tbody", *rows), class_="al-table"), class_="al-scroll", tabindex="0", role="region", aria_label=label)
