"""An answer to "why" as one HTML page: the cause and its proof, the line where it is marked, what each replay said, and what to do.

No script, nothing loaded; every chart has its numbers in words or in a table beside it.

>>> why_html({"asked": "forecasts", "verdict": "healthy", "sentence": "`forecasts` is as it was."}).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import why_charts, why_words, words
from .cause_card import cause_card
from .code_diff import diff_block
from .drawn import BROAD, NARROW
from .html import document, style_sheet
from .lots import moment
from .marked_line import drawn_flows, line_keys, line_picture
from .markup import Markup, element, joined
from .model_page import command, section, table
from .model_words import first_up
from .spoken import with_code
from .visible import shown
from .why_facts import HEALTHY, MIX, NOT_FOUND, RESPONSIBLE, WORLD, CandidateOf, Why, why_of

SHEETS = ("flow.css", "model.css", "rollout.css", "why.css")

# Bounds, so that a page stays one that is read.
MOST_CAUSES = 8
MOST_CANDIDATES = 60
MOST_LOTS = 60
MOST_FLOWS = 200
MOST_NOTES = 12

NAME = 80
SENTENCE = 600

SAID_FLAGS = {"responsible": "al-flag-fix", "shares": "al-flag-look", "cleared": "al-flag-good", "correlational": "al-flag-look", "not replayed": "al-flag-note"}

BY_THE_FAULT = "Its fault alone was tried out in a replay."


def why_html(document_of: Mapping[str, Any]) -> str:
    """The document of `assay why --json` as a page, to be written as UTF-8."""
    told = why_of(document_of)
    body = element(
        "body", element("div", element("span", "Assayline", class_="al-brand"), element("span", "why"), class_="al-top"), _head(told),
        element("main", _tiles(told), _causes(told), _line(told), _replays(told), _shares(told), _history(told), _mix(told), _unknown(told), _candidates(told), _how(told), _next(told)),
        class_="al al-page al-w-calm" if told.verdict in (WORLD, MIX) else "al al-page",
    )  # fmt: skip
    return document(f"Why {shown(told.asked, 120)}".strip(), body, style_sheet(*SHEETS))


def _head(told: Why) -> Markup:
    said = why_words.VERDICTS[told.verdict]
    badge = element("span", element("span", said.sign, class_="al-badge-symbol", aria_hidden="true"), said.word, class_=f"al-badge al-v-{said.colour}")
    summary = why_words.summary(told)
    meta = [f"asked: {shown(told.asked, NAME)}" if told.asked else ""]
    meta += [why_words.states(told), f"since {moment(told.symptom.since)}" if told.symptom.since else ""] if told.verdict != HEALTHY else []
    return element(
        "header", element("div", badge, element("span", BY_THE_FAULT if any(one.proof for one in told.causes[:1]) else said.meaning, class_="al-verdict-line"), class_="al-verdict"),
        element("h1", with_code(why_words.headline(told), SENTENCE), class_="al-path"), element("p", with_code(summary, SENTENCE), class_="al-summary") if summary else None,
        element("p", joined(*(element("span", element("bdi", one)) for one in meta if one)), class_="al-meta") if any(meta) else None, class_="al-head",
    )  # fmt: skip


def _tiles(told: Why) -> Markup | None:
    if told.verdict == HEALTHY:
        return None
    one, tiles = told.symptom, []
    normal = why_words.normal(one)
    if one.before is not None:
        tiles.append(_tile("While all was well", why_words.measured(told, one.before), f"normal is {normal}" if normal else "", "al-tile-good"))
    if one.now is not None:
        tiles.append(_tile("Now", why_words.measured(told, one.now), why_words.name(one), "al-tile-bad"))
    after = _after(told)
    if after is not None:
        tiles.append(_tile(f"With {after[0]} put back", why_words.measured(told, after[1]), "in a replay", "al-tile-good"))
    elif told.mix is not None and told.mix.reweighted is not None:
        tiles.append(_tile("With the mix of before", why_words.measured(told, told.mix.reweighted), "today's rows, weighted", "al-tile-look"))
    if told.replays.made or told.replays.cached:
        known = [f"of at most {told.replays.most:,}" if told.replays.most else "", f"{told.replays.cached:,} known from before" if told.replays.cached else "",
                 words.duration(told.replays.seconds) if told.replays.seconds else ""]  # fmt: skip
        tiles.append(_tile("Replays", f"{told.replays.made:,}", ", ".join(part for part in known if part), ""))
    return element("dl", *tiles, class_="al-tiles") if tiles else None


def _tile(label: str, value: str, said: str, class_: str) -> Markup:
    return element("div", element("dt", label), element("dd", element("strong", value), element("span", said) if said else None), class_=f"al-tile {class_}".strip())


def _after(told: Why) -> tuple[str, float] | None:
    """What is put back of the best cause that is proved, and the measure after it."""
    for cause in told.causes[:1]:
        if not cause.proved:
            return None
        for several in told.sets:
            if set(several.put_back) == set(cause.components) and several.value is not None and several.gone:
                return why_words.all_of(len(cause.components)) if len(cause.components) > 1 else shown(told.name(cause.components[0]), 28), several.value
        for one in told.candidates:
            if (one.key,) == cause.components and one.value is not None and one.gone:
                return shown(one.name, 28), one.value
    return None


def _causes(told: Why) -> Markup | None:
    if not told.causes:
        return section("No cause was found", element("p", why_words.nobody(told), class_="al-empty al-w-nobody")) if told.verdict == NOT_FOUND else None
    heading = {WORLD: "What changed", MIX: "What changed"}.get(told.verdict, "Cause" if len(told.causes) == 1 else "Causes")
    more = element("p", f"and {len(told.causes) - MOST_CAUSES:,} more; --json has them.", class_="al-more") if len(told.causes) > MOST_CAUSES else None
    cards = element("div", *(cause_card(one, told) for one in told.causes[:MOST_CAUSES]), class_="al-cards")
    return section(heading, cards, more, count=len(told.causes) if len(told.causes) > 1 else None)


def _drawn_twice(draw: Callable[..., Markup], told: Why) -> Markup | None:
    broad, narrow = (draw(told, wide=wide) for wide in (BROAD, NARROW))
    return element("div", broad, narrow, class_="al-chart", tabindex="0", role="group", aria_label="Chart") if broad else None


def _numbers(summary: str, told_in: Markup) -> Markup:
    """What a chart shows, for those who want it in numbers."""
    return element("details", element("summary", summary), told_in, class_="al-details al-rest")


def _line(told: Why) -> Markup | None:
    chart = _drawn_twice(line_picture, told) if any(one.mark for one in told.nodes) else None
    if chart is None:
        return None
    reads: dict[str, list[str]] = {}
    for edge in told.edges:
        reads.setdefault(edge.end, []).append(edge.start)
    rows = [
        element(
            "tr", element("th", element("bdi", shown(one.flow, NAME)), scope="row"), element("td", shown(one.kind, 20)), element("td", shown(one.verdict, 20) or "-"),
            element("td", ": ".join(why_words.mark(one.mark, told.verdict)[2:]) if one.mark else "-"),
            element("td", element("bdi", ", ".join(shown(name, 60) for name in reads.get(one.flow, [])[:20]) or "-")),
        )
        for one in told.nodes[:MOST_FLOWS]
    ]  # fmt: skip
    numbers = _numbers("The line as a table", table(("flow", "kind", "gate", "mark", "reads"), rows, "The flows of the line with their marks"))
    count = drawn_flows(told)
    lead = f"{count:,} of {len(told.nodes):,} flows are drawn: those that have to do with it." if count < len(told.nodes) else ""
    return section("Where it is in the line", chart, _legend(line_keys(told)), numbers, lead=lead)


def _legend(keys: list[tuple[Markup, str]]) -> Markup | None:
    entries = [element("li", element("svg", drawn, class_="al-swatch", view_box="0 0 14 12", aria_hidden="true", focusable="false"), element("span", said)) for drawn, said in keys]
    return element("ul", *entries, class_="al-legend") if entries else None


def _replays(told: Why) -> Markup | None:
    chart = _drawn_twice(why_charts.replay_chart, told)
    if chart is None:
        return None
    lead = (
        "The affected part of the line was made again with one thing put back to what it was. Each mark is what the measure became; "
        f"a mark in the shaded band{f' ({why_words.normal(told.symptom)})' if why_words.normal(told.symptom) else ''} means that the symptom is gone."
    )
    rows = [
        element(
            "tr", element("th", element("bdi", shown(one.name, NAME)), scope="row"), element("td", element("bdi", shown(one.done, 160))),
            element("td", why_words.measured(told, one.value), class_="al-num"), element("td", one.word),
        )
        for one in why_charts.replay_rows(told)[:MOST_CANDIDATES]
    ]  # fmt: skip
    header = ("put back", "that is", "measure", "says")
    numbers = _numbers("The replays as numbers", table(header, rows, "What each replay said", right=("measure",)))
    return section("What each replay said", chart, numbers, lead=lead, count=len(rows))


def _shares(told: Why) -> Markup | None:
    chart = _drawn_twice(why_charts.shares_chart, told)
    lead = "Several things changed at once. A share is what a component brings on average over every order in which they could be put back (Shapley)."
    return section("Who has which share", chart, lead=lead) if chart is not None else None


def _history(told: Why) -> Markup | None:
    chart = _drawn_twice(why_charts.history_chart, told)
    if chart is None:
        return None
    rows = [
        element(
            "tr", element("th", shown(one.lot, 20), scope="row"), element("td", moment(one.at), class_="al-verdict-cell"), element("td", why_words.measured(told, one.value), class_="al-num"),
            element("td", "not known" if one.value is None else "outside what is normal" if told.symptom.outside(one.value) else "normal"),
        )
        for one in told.history[::-1][:MOST_LOTS]
    ]  # fmt: skip
    numbers = _numbers("The lots as numbers", table(("lot", "when", "measure", "is"), rows, "The measure on each lot, newest first", right=("measure",)))
    normal = why_words.normal(told.symptom)
    return section("The last lots", chart, numbers, lead=f"The shaded band is what is normal, judged by the lots before: {normal}." if normal else "")


def _mix(told: Why) -> Markup | None:
    one = told.mix
    if one is None or one.reweighted is None:
        return None
    by = f" by {', '.join(shown(name, 60) for name in one.columns[:6])}" if one.columns else ""
    share = one.explains or 0.0
    verdict = "the mix of the rows changed" if share >= 0.5 else "the rows behave differently; their mix is not what changed"
    explained = f", which is {words.percent(round(one.explains, 3))} of the change" if one.explains is not None else ""
    said = f"Weighted{by} to the rows of before, today's measure is {why_words.measured(told, one.reweighted)}{explained}: {verdict}."
    return section("Mix or behaviour", element("p", said, class_="al-w-prose"))


def _unknown(told: Why) -> Markup | None:
    unknown = [one for one in told.unknown if one.why_not or one.said == "correlational"]
    if not unknown:
        return None
    rows = [
        element(
            "tr", element("th", element("bdi", first_up(f"{why_words.kind(one.kind)} {shown(one.name, NAME)}")), scope="row"), element("td", element("bdi", why_words.change(one) or "-")),
            element("td", with_code(one.why_not, SENTENCE) if one.why_not else "not replayed", class_="al-note-cell"),
        )
        for one in unknown[:MOST_CANDIDATES]
    ]  # fmt: skip
    lead = "They are judged by correlation alone: whether they changed at the right time, and what the gate says of them."
    return section("What could not be put back", table(("component", "changed", "why not"), rows, "What could not be put back"), lead=lead, count=len(unknown))


def _candidates(told: Why) -> Markup | None:
    if not told.candidates:
        return None
    rows = [_candidate(one, told.verdict) for one in told.candidates[:MOST_CANDIDATES]]
    more = element("p", f"and {len(told.candidates) - MOST_CANDIDATES:,} more; --json has them.", class_="al-more") if len(told.candidates) > MOST_CANDIDATES else None
    header = ("component", "said", "was → is", "responsible", "evidence before")
    diffs = [
        element("details", element("summary", f"The change of {shown(one.name, NAME)}"), diff_block(one.diff, f"What changed in {shown(one.name, NAME)}"), class_="al-details")
        for one in told.candidates[:MOST_CANDIDATES] if one.diff and not any(one.key in cause.components for cause in told.causes)
    ]  # fmt: skip
    lead = "All that is upstream and not what it was in the last good state, most likely first."
    return section("Everything that differs", table(header, rows, "Everything that differs", right=("evidence before",)), more, *diffs, lead=lead, count=len(told.candidates))


def _candidate(one: CandidateOf, verdict: str) -> Markup:
    word = why_words.said(one.said, verdict)
    colour = "al-flag-note" if verdict in (WORLD, MIX) and one.said == RESPONSIBLE else SAID_FLAGS[one.said]
    flag = element("span", element("span", word.sign, aria_hidden="true"), f" {word.word}", class_=f"al-flag {colour}", title=word.meaning)
    found = element("small", ", ".join(shown(each.code, 40) for each in one.findings[:4]), class_="al-w-found") if one.findings else None
    return element(
        "tr", element("th", element("span", why_words.kind(one.kind), class_="al-w-kind"), element("bdi", shown(one.name, NAME)), found, scope="row"),
        element("td", flag, class_="al-verdict-cell"), element("td", element("bdi", why_words.change(one) or "-"), class_="al-w-change"),
        element("td", element("bdi", shown(one.owner, 60) or "-")),
        element("td", words.percent(round(one.evidence, 2)), class_="al-num"),
    )  # fmt: skip


def _how(told: Why) -> Markup | None:
    if told.verdict == HEALTHY and not told.replays.made:
        return None
    notes = [element("li", with_code(said, SENTENCE)) for said in told.replays.notes[:MOST_NOTES]]
    return section("How it was found", element("p", why_words.tried(told), class_="al-w-prose"), element("ul", *notes, class_="al-list") if notes else None)


def _next(told: Why) -> Markup | None:
    given = why_words.offers(told)
    return section("Next", element("ul", *(element("li", command(one), element("span", what)) for one, what in given), class_="al-next")) if given else None
