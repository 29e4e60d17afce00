"""A day as one HTML page: no script, nothing loaded.

>>> today_page({"project": "shop", "day": "2026-03-02", "at": "", "totals": {"flows": 0, "need_a_person": 0}, "flows": []}).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core import Verdict
from . import cards, words
from .html import document, style_sheet
from .lots import moment
from .markup import Markup, element, joined
from .today import arrived, headline, opened, ran, spent, to_do
from .visible import shown

NAME = 80
SENTENCE = 400
MOST_FLOWS = 2_000
HEADER = ("flow", "arrived", "quality", "ran", "rows published", "put aside", "cost", "open", "to do")
NUMERIC = ("rows published", "put aside", "cost")
SEVERE = {"failed": Verdict.HOLD, "unreadable": Verdict.HOLD, "held": Verdict.HOLD, "missing": Verdict.HOLD, "late": Verdict.WARN, "cases": Verdict.SPLIT, "incidents": Verdict.WARN}


def today_page(told: Mapping[str, Any]) -> str:
    """The document of `assay today --json` as a page, to be written as UTF-8."""
    title = f"{shown(told['project'], NAME)} on {told['day']}"
    body = element(
        "body", element("div", element("span", "Assayline", class_="al-brand"), element("span", "one line per flow"), class_="al-top"), _head(told, title),
        element("main", _flows(told)), class_="al al-page",
    )  # fmt: skip
    return document(title, body, style_sheet("flow.css"))


def _head(told: Mapping[str, Any], title: str) -> Markup:
    totals = told["totals"]
    worst = Verdict.joined(SEVERE.get(one["state"], Verdict.RELEASE) for one in told["flows"])
    badge = element("div", cards.verdict_badge(worst), element("span", f"at {moment(told['at'])} UTC", class_="al-verdict-line"), class_="al-verdict")
    meta = [
        words.counted(totals.get(name, 0), noun) + said
        for name, noun, said in (("lots", "lot", " came"), ("rows", "row", " published"), ("aside", "row", " put aside"), ("runs", "run", " of steps"),
                                 ("open_incidents", "incident", " open"), ("open_cases", "case", " open"))
    ]  # fmt: skip
    cost = spent({"cpu_seconds": totals.get("cpu_seconds", 0.0), "money": totals.get("money", 0.0)})
    return element(
        "header", badge, element("h1", element("bdi", title), class_="al-path"), element("p", headline(told) + ".", class_="al-summary"),
        element("p", joined(*(element("span", one) for one in [*meta, *([f"cost {cost}"] if cost != "-" else [])])), class_="al-meta"), class_="al-head",
    )  # fmt: skip


def _flows(told: Mapping[str, Any]) -> Markup:
    flows = told["flows"]
    if not flows:
        return element("p", "No flow has taken a lot yet.", class_="al-empty")
    head = element("thead", element("tr", *(element("th", one, scope="col", class_="al-num" if one in NUMERIC else None) for one in HEADER)))
    table = element("table", head, element("tbody", *(_row(one) for one in flows[:MOST_FLOWS])), class_="al-table")
    more = element("p", f"and {len(flows) - MOST_FLOWS:,} more; --json lists all of them.", class_="al-more") if len(flows) > MOST_FLOWS else None
    return element(
        "section", element("h2", "Flows", element("span", f" {len(flows):,}", class_="al-count"), class_="al-h"),
        element("div", table, class_="al-scroll", tabindex="0", role="region", aria_label="Flows, worst first"), more, class_="al-section",
    )  # fmt: skip


def _row(one: Mapping[str, Any]) -> Markup:
    said = one["quality"]["standing"]
    verdict = Verdict.named(one["quality"]["verdict"] or said) | Verdict.named(said) if said else None
    dot = None if verdict is None else element("span", words.VERDICTS[verdict].symbol, class_=f"al-dot al-v-{verdict}", aria_hidden="true")
    numbers = (f"{one['published']['rows']:,}" if one["published"]["rows"] else "-", f"{one['published']['aside']:,}" if one["published"]["aside"] else "-", spent(one["cost"]))
    return element(
        "tr", element("th", element("bdi", shown(one["flow"], NAME)), scope="row"), element("td", arrived(one), class_="al-verdict-cell"),
        element("td", dot, str(verdict) if verdict is not None else "-", class_="al-verdict-cell"), element("td", ran(one["ran"])),
        *(element("td", number, class_="al-num") for number in numbers), element("td", opened(one)), element("td", shown(to_do(one), SENTENCE), class_="al-found-cell"),
    )  # fmt: skip
