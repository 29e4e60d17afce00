"""A certificate as one HTML file: what is noticed as a map of faults and strengths, and how often good lots are accused.

Like the page of a report it has no script and loads nothing, and foreign texts can only ever be text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import certificate_words as said
from . import words
from .html import document as whole
from .html import style_sheet
from .markup import Markup, element, joined
from .visible import shown

MOST_SENTENCES = 300
MOST_LOTS = 300
SENTENCE = 800
NAME = 120

# The picture of the shares, in pixels.
WIDTH, LEFT, RIGHT, LINE = 720, 150, 86, 34


def page(document: Mapping[str, Any]) -> str:
    """The whole page as text, to be written as UTF-8.

    Args:
        document: as `Certificate.as_json` gives it.
    """
    return whole(said.heading(document), body(document), style_sheet())


def body(document: Mapping[str, Any]) -> Markup:
    """The page without its head."""
    return element(
        "body",
        element("div", element("span", "Assayline", class_="al-brand"), element("span", "certificate of a gate"), class_="al-top"),
        element(
            "header",
            element("h1", said.heading(document), class_="al-path"),
            element("p", said.summary(document), class_="al-summary"),
            element("p", said.alarms(document), class_="al-lead"),
            element("p", joined(*_design(document)), class_="al-meta"),
            class_="al-head",
        ),
        element("main", _shares(document), _unnoticed(document), _map(document), _lots(document), _left_out(document)),
        class_="al al-page",
    )


def _design(document: Mapping[str, Any]) -> list[Markup]:
    facts = [said.stopped(document), f"seed {document['seed']}", f"{words.counted(document['planned'], 'place')} in the design", words.duration(document["seconds"])]
    return [element("span", fact) for fact in facts if fact]


def _shares(document: Mapping[str, Any]) -> Markup:
    """The picture: a line for each strength and one for the good lots, each with its interval."""
    alarms = document["false_alarms"]
    bars = [(f"{one['name']} faults", one["noticed"], one["tried"], one["interval"], "al-certified") for one in document["strengths"] if one["tried"]]
    bars.append(("good lots accused", alarms["accused"], alarms["lots"], alarms["interval"], "al-bad"))
    height = LINE * len(bars) + 28
    parts = [
        joined(
            element("line", x1=_x(tenth / 4), x2=_x(tenth / 4), y1=4, y2=height - 22, class_="al-axis"),
            element("text", f"{25 * tenth} %", x=_x(tenth / 4), y=height - 6, text_anchor="middle", class_="al-t"),
        )
        for tenth in range(5)
    ]
    for place, (label, count, of, ends, look) in enumerate(bars):
        parts.append(_bar(LINE * place + LINE / 2 + 2, label, count, of, ends, look))
    label = f"Share noticed by strength, and share of good lots accused, with intervals at {words.percent(document['confidence'])}"
    return element(
        "section",
        element("h2", "How much is noticed, how often for nothing", class_="al-h"),
        element(
            "div",
            element("svg", *parts, view_box=f"0 0 {WIDTH} {height}", width=WIDTH, height=height, role="img", aria_label=label, class_="al-picture"),
            element("p", f"The band is where the share lies at {words.percent(document['confidence'])} (Clopper and Pearson).", class_="al-more"),
            class_="al-card al-note",
        ),
        class_="al-section",
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _bar(y: float, label: str, count: int, of: int, ends: Sequence[float], look: str) -> Markup:
    share = count / max(1, of)
    return element(
        "g",
        element("text", label, x=LEFT - 12, y=y + 4, text_anchor="end", class_="al-t al-t-strong"),
        element("rect", x=_x(ends[0]), y=y - 7, width=max(1.0, _x(ends[1]) - _x(ends[0])), height=14, rx=4, class_="al-band"),
        element("circle", cx=_x(share), cy=y, r=5.5, class_=look),
        element("text", f"{count:,} of {of:,}", x=WIDTH - RIGHT + 12, y=y + 4, class_="al-t"),
    )


def _map(document: Mapping[str, Any]) -> Markup | None:
    found = said.faults(document)
    if not found:
        return None
    head = element(
        "tr", element("th", "fault", scope="col"), *(element("th", name, scope="col") for name in said.STRENGTHS),
        element("th", "under its name", scope="col"), element("th", "right column", scope="col"),
    )  # fmt: skip
    lines: list[Markup] = []
    family = ""
    for fault in found:
        if fault.family != family:
            family = fault.family
            lines.append(element("tr", element("th", family, colspan=6, scope="col", class_="al-family")))
        lines.append(
            element(
                "tr",
                element("th", element("span", fault.title), " ", element("code", fault.code), scope="row"),
                *(_cell(fault.rows.get(name)) for name in said.STRENGTHS),
                element("td", _of(fault.total("named"), fault.total("noticed")), class_="al-share"),
                element("td", _of(fault.total("located"), fault.total("locatable")), class_="al-share"),
            )
        )
    return element(
        "section",
        element("h2", "Fault by fault", class_="al-h"),
        element("div", element("table", element("thead", head), element("tbody", *lines), class_="al-table al-map"), class_="al-scroll", tabindex="0"),
        element("p", "Each cell: tries noticed of tries made. Point at a cell to see what was done and how sure the share is.", class_="al-more"),
        class_="al-section",
    )


def _cell(row: Mapping[str, Any] | None) -> Markup:
    if row is None:
        return element("td", element("span", "·", aria_hidden="true"), element("span", "not tried", class_="al-unseen"), class_="al-share")
    what = shown(str(row["says"]).replace("{column}", "a column"), SENTENCE)
    share = said.share(row)
    level = 0 if not row["noticed"] else 1 if share < 0.5 else 2 if share < 0.8 else 3 if share < 1 else 4
    return element("td", _of(row["noticed"], row["tried"]), title=f"{what}: {said.range_of(row['interval'])}", class_=f"al-share al-recall-{level}")


def _of(count: int, whole: int) -> str:
    return f"{count:,}/{whole:,}" if whole else "–"


def _unnoticed(document: Mapping[str, Any]) -> Markup | None:
    sentences = document["unnoticed"]
    if not sentences:
        return None
    more = len(sentences) - MOST_SENTENCES
    return element(
        "section",
        element("h2", "Would not be noticed ", element("span", f"{len(sentences):,}", class_="al-count"), class_="al-h"),
        element("ul", *(element("li", shown(one, SENTENCE)) for one in sentences[:MOST_SENTENCES]), class_="al-unnoticed"),
        element("p", f"and {more:,} more; --json lists all of them.", class_="al-more") if more > 0 else None,
        class_="al-section",
    )


def _lots(document: Mapping[str, Any]) -> Markup:
    lines = [
        element(
            "tr",
            element("th", shown(lot["name"], NAME), scope="row"),
            element("td", f"{lot['rows']:,}", class_="al-num"),
            element("td", f"{lot['past']:,}", class_="al-num"),
            element("td", str(lot["verdict"])),
            element("td", shown(", ".join(map(str, lot["heard"])), SENTENCE) or "–"),
        )
        for lot in document["lots"][:MOST_LOTS]
    ]
    head = element("tr", *(element("th", name, scope="col") for name in ("lot", "rows", "earlier lots", "verdict as it is", "accused of")))
    return element(
        "section",
        element("h2", "The good lots ", element("span", f"{len(document['lots']):,}", class_="al-count"), class_="al-h"),
        element("div", element("table", element("thead", head), element("tbody", *lines), class_="al-table"), class_="al-scroll", tabindex="0"),
        class_="al-section",
    )


def _left_out(document: Mapping[str, Any]) -> Markup | None:
    reasons = said.untried(document)
    if not reasons:
        return None
    return element(
        "section",
        element("h2", "Not tried", class_="al-h"),
        element("ul", *(element("li", f"{shown(', '.join(codes), SENTENCE)}: {shown(reason, SENTENCE)}") for reason, codes in reasons.items())),
        class_="al-section",
    )
