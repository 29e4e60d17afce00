"""A rollout as one HTML page: who answers what, the evidence against its bounds, what was decided, and what was put right.

No script, nothing loaded; every chart has its numbers in words or in a table beside it.

>>> rollout_html({"model": "churn", "state": "running", "champion": {"label": "churn:v6"}, "challenger": {"label": "churn:v7"}}).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import rollout_charts, rollout_words, words
from .html import document, style_sheet
from .lots import moment
from .markup import Child, Markup, element, joined
from .model_page import command, facts, section, table
from .model_words import about, first_up
from .rollout_charts import BROAD, NARROW
from .rollout_facts import BatchOf, GuardOf, MoveOf, RepairOf, Status, status_of
from .visible import shown

SHEETS = ("flow.css", "model.css", "rollout.css")

# Bounds, so that a page stays one that is read.
MOST_GUARDS = 12
MOST_SEGMENTS = 24
FIRST_BATCHES = 14
MOST_BATCHES = 400
MOST_MOVES = 60
MOST_REPAIRS = 60
MOST_PLACES = 8
MOST_PLAIN = 12
MOST_PAIRED = 120

NAME = 80
SENTENCE = 600

FLAGS = {"broken": "al-flag-fix", "watch": "al-flag-look", "no data": "al-flag-note", "fine": "al-flag-good"}
TURNS = {"repair": "al-told-good", "rollback": "al-told-bad", "hold": "al-told-bad", "promote": "al-told-good", "start": "al-told-start", "started": "al-told-start"}

STORY = (
    "Above: the stage, and who answered the rows of each batch. Below: how much rarer than chance what was seen would be if the challenger kept to its limits; "
    "past the dashed line it is rolled back."
)


def rollout_html(document_of: Mapping[str, Any]) -> str:
    """The document of `assay rollout status MODEL --json` as a page, to be written as UTF-8."""
    told = status_of(document_of)
    body = element(
        "body",
        element("div", element("span", "Assayline", class_="al-brand"), element("span", "a rollout"), class_="al-top"),
        _head(told),
        element(
            "main", _tiles(told), _story(told), _guards(told), _paired(told), _segments(told), _repairs(told), _who(told), _batches(told), _timeline(told), _settings(told), _next(told),
        ),
        class_="al al-page",
    )  # fmt: skip
    return document(f"Rollout {shown(told.challenger or told.model, 120)}", body, style_sheet(*SHEETS))


def _head(told: Status) -> Markup:
    said = rollout_words.state(told)
    badge = element("span", element("span", said.sign, class_="al-badge-symbol", aria_hidden="true"), said.word, class_=f"al-badge al-v-{said.colour}")
    heading = f"{shown(told.challenger, NAME) or 'A challenger'} {'after' if told.state == 'promoted' else 'against'} {shown(told.champion, NAME) or 'the champion'}"
    meta = [f"rollout {shown(told.rollout, 20)}" if told.rollout else "", f"since {moment(told.at)}" if told.at else "", f"by {shown(told.author, 40)}" if told.author else "",
            f"last moved {moment(told.moved)}" if told.moved and told.moved != told.at else ""]  # fmt: skip
    rest = [shown(one, SENTENCE) for one in told.plain[1:MOST_PLAIN]]
    return element(
        "header", element("div", badge, element("span", said.meaning, class_="al-verdict-line"), class_="al-verdict"),
        element("h1", element("bdi", heading), class_="al-path"), element("p", shown(rollout_words.headline(told), SENTENCE), class_="al-summary"),
        element("ul", *(element("li", one) for one in rest), class_="al-plainly") if rest else None,
        element("p", joined(*(element("span", one) for one in meta if one)), class_="al-meta") if any(meta) else None,
        _way(told), class_="al-head",
    )  # fmt: skip


def _way(told: Status) -> Markup | None:
    if not told.stages:
        return None
    steps = []
    for place, one in enumerate(told.stages):
        scored = sum(batch.stage == place for batch in told.batches)
        class_, said = _step(told, place)
        about_ = f"{said}, {words.counted(scored, 'batch', 'batches')}" if scored else said
        steps.append(element("li", element("strong", rollout_words.stage(one.mode, one.share)), element("span", about_), class_=class_, aria_current="step" if class_ == "al-way-now" else None))
    return element("ol", *steps, class_="al-way", aria_label="The stages of the rollout")


def _step(told: Status, place: int) -> tuple[str, str]:
    if told.state in ("promoted", "finished") or place < told.stage:
        return "al-way-done", "done"
    if place > told.stage:
        return "al-way-later", "not reached" if told.state == "rolled_back" else "to come"
    if told.state == "rolled_back":
        return "al-way-broken", "undone here"
    return "al-way-now", "held here" if told.held else "now"


def _tiles(told: Status) -> Markup | None:
    tiles = [_tile(*one) for one in _figures(told)]
    return element("dl", *tiles, class_="al-tiles") if tiles else None


def _tile(label: str, value: str, said: str, class_: str = "") -> Markup:
    return element("div", element("dt", label), element("dd", element("strong", value), element("span", said) if said else None), class_=f"al-tile {class_}".strip())


def _figures(told: Status) -> list[tuple[str, str, str, str]]:
    """What is asked first, as large figures."""
    figures = []
    now = {"running": told.share, "promoted": 100.0}.get(told.state, 0.0)
    label = shown(told.challenger, 24) or "the challenger"
    rows = sum(one.rows for one in told.published)
    figures.append((f"{label} answers", rollout_words.per_cent(now), f"{told.answered:,} of {words.counted(rows, 'row')} so far" if rows else "nothing published yet", ""))
    told_by_guard = ""
    for one in sorted(rollout_charts.nearest(told), key=lambda one: (one.state != "broken", bool(one.segment)))[:1]:
        class_ = {"broken": "al-tile-bad", "watch": "al-tile-look"}.get(one.state, "al-tile-good")
        where = f" where {shown(one.segment, 24)}" if one.segment else ""
        told_by_guard = one.guard
        allowed = f"{rollout_words.allowed(one)} allowed" if rollout_words.allowed(one) else ""
        seen, when = rollout_words.brief(one.share, one.unit), f"{shown(one.unit, 40)} over all batches" if one.unit else "over all batches"
        if one.state == "broken" and one.last is not None and one.last.bad:  # what broke it, which good days before would hide
            seen, when = rollout_words.share(one.last.bad / one.last.rows), f"in {shown(one.last.batch, 30)}"
        figures.append((f"{first_up(rollout_words.guard_name(one))}{where}", seen, ", ".join(part for part in (when, allowed) if part), class_))
    if told.paired and told_by_guard != "loss":
        last = told.paired[-1]
        outcome = rollout_words.outcome(last)
        class_ = {"better": "al-tile-good", "not worse": "al-tile-good", "worse": "al-tile-bad"}.get(outcome, "al-tile-look")
        figures.append(("Loss on the same rows", rollout_words.signed(last.mean), f"{outcome}; {words.counted(last.rows, 'labelled row')}", class_))
    if told.repairs:
        figures.append(("Predictions replaced", f"{sum(one.rows for one in told.repairs):,}", f"in {words.counted(len(told.repairs), 'batch', 'batches')}", ""))
    fallen = sum(sum(one.fallbacks.values()) for one in told.batches)
    if fallen:
        figures.append(("Answered by a fallback", f"{fallen:,}", words.percent(fallen / rows) if rows else "rows", "al-tile-look"))
    return figures


def _story(told: Status) -> Markup:
    broad, narrow = (rollout_charts.story(told, wide=wide) for wide in (BROAD, NARROW))
    if not broad:
        return section("Batch by batch", element("p", "No batch has been scored in this rollout yet.", class_="al-empty"))
    marks = [_key(drawn, said) for drawn, said in rollout_charts.keys(told)]
    return section("Batch by batch", element("div", broad, narrow, class_="al-chart"), element("ul", *marks, class_="al-legend"), lead=STORY, count=len(told.batches))


def _key(drawn: Markup, said: str) -> Markup:
    return element("li", element("svg", drawn, class_="al-swatch", view_box="0 0 14 12", aria_hidden="true", focusable="false"), element("span", said))


def _guards(told: Status) -> Markup | None:
    guards = told.overall
    if not guards:
        return None
    lead = "Left: what was seen, up to the mark that is allowed. Right: the evidence that more than that happens, up to what rolls the challenger back."
    more = element("p", f"and {len(guards) - MOST_GUARDS:,} more; --json has them.", class_="al-more") if len(guards) > MOST_GUARDS else None
    history = _evidence_table(guards)
    return section("Guards", element("div", *map(_guard, guards[:MOST_GUARDS]), class_="al-card al-plain"), more, history, lead=lead, count=len(guards))


def _guard(one: GuardOf) -> Markup:
    name = f"where {shown(one.segment, NAME)}" if one.segment else rollout_words.guard_means(one.guard)
    return element(
        "div", element("div", first_up(rollout_words.guard_name(one)), element("small", name) if name else None, class_="al-guard-name"),
        element("div", rollout_charts.guard_strip(one) or None, rollout_words.seen(one), class_="al-guard-part"),
        element("div", rollout_charts.evidence_strip(one) or None, rollout_words.evidence(one), class_="al-guard-part"),
        element("span", rollout_words.GUARD_FLAGS[one.state], class_=f"al-flag {FLAGS[one.state]}", title=rollout_words.GUARD_STATES[one.state]), class_="al-guard",
    )  # fmt: skip


def _evidence_table(guards: Sequence[GuardOf]) -> Markup | None:
    rows = [
        element(
            "tr", element("th", element("bdi", shown(look.batch, NAME)), scope="row"), element("td", first_up(rollout_words.guard(one.guard))), element("td", f"{look.bad:,}", class_="al-num"),
            element("td", f"{look.rows:,}", class_="al-num"), element("td", f"{rollout_words.odds(look.log_e)} to 1", class_="al-num"),
            element("td", f"after {look.stopped_at:,} rows" if look.stopped_at is not None else "", class_="al-num"),
        )
        for one in guards[:MOST_GUARDS] for look in one.looks[-MOST_BATCHES // MOST_GUARDS :]
    ]  # fmt: skip
    if not rows:
        return None
    header = ("batch", "guard", "happened", "rows", "evidence", "stopped")
    return element(
        "details", element("summary", "The evidence as numbers"), table(header, rows, "Evidence of each guard after each batch", right=header[2:]), class_="al-details al-rest"
    )


def _paired(told: Status) -> Markup | None:
    if not told.paired:
        return None
    broad, narrow = (rollout_charts.paired_chart(told.paired, wide=wide) for wide in (BROAD, NARROW))
    margin = rollout_words.margin(told)
    lead = (
        "Both versions answered the same rows. The dot is what the challenger lost more up to each batch, the line between which bounds that is, valid however often one looks; "
        "the first batches are too few for bounds."
    )
    rows = [
        element(
            "tr", element("th", element("bdi", shown(one.batch, NAME)), scope="row"), element("td", f"{one.rows:,}", class_="al-num"),
            element("td", rollout_words.signed(one.mean), class_="al-num"),
            element("td", f"{rollout_words.signed(one.low)} to {rollout_words.signed(one.high)}" if one.low is not None and one.high is not None else "-", class_="al-num"),
            element("td", about(one.margin) if one.margin is not None else "-", class_="al-num"), element("td", rollout_words.outcome(one)),
        )
        for one in reversed(told.paired[-MOST_PAIRED:])
    ]  # fmt: skip
    header = ("up to batch", "labelled rows", "difference", "between", "allowed", "says")
    numbers = element("details", element("summary", "The differences as numbers"), table(header, rows, "Differences of the losses, newest first", right=header[1:5]), class_="al-details al-rest")
    return section("Mistakes, on the same rows", element("div", broad, narrow, class_="al-chart"), numbers, lead=f"{lead}{f' Up to {margin} more is allowed.' if margin else ''}")


def _segments(told: Status) -> Markup | None:
    guards = told.segments
    if not guards:
        return None
    lead = "Each guard for one part of the rows, those nearest to their bound first. A part with few rows may stay undecided for long."
    first, rest = guards[:8], guards[8:MOST_SEGMENTS]
    more = f"; --json has {len(guards) - MOST_SEGMENTS:,} more" if len(guards) > MOST_SEGMENTS else ""
    others = element("details", element("summary", f"{words.counted(len(rest), 'more guard')}{more}"), *map(_guard, rest), class_="al-details") if rest else None
    return section("Segments", element("div", *map(_guard, first), others, class_="al-card al-plain"), lead=lead, count=len(guards))


def _repairs(told: Status) -> Markup | None:
    if not told.repairs:
        return None
    rows = [_repair(one) for one in told.repairs[:MOST_REPAIRS]]
    more = element("p", f"and {len(told.repairs) - MOST_REPAIRS:,} more; --json has them.", class_="al-more") if len(told.repairs) > MOST_REPAIRS else None
    header = ("lot", "replaced by", "rows", "units", "when", "where")
    told_in = table(header, rows, "Published predictions that others took the place of", right=("rows", "units"))
    return section("What was put right", told_in, more, lead=rollout_words.restored(told), count=len(told.repairs))


def _repair(one: RepairOf) -> Markup:
    places: list[Child] = [
        element("div", element("code", element("bdi", shown(place, NAME))), " replaced" if done else element("strong", " still to be replaced")) for place, done in one.places[:MOST_PLACES]
    ]
    places += [element("div", f"and {len(one.places) - MOST_PLACES:,} more")] if len(one.places) > MOST_PLACES else []
    places += [element("div", element("strong", "cannot be undone: "), shown(said, SENTENCE)) for said in one.undone[:MOST_PLACES]]
    places += [element("div", f"{words.counted(one.without_standby, 'row')} had no answer of the champion kept, and were taken out")] if one.without_standby else []
    return element(
        "tr", element("th", shown(one.lot, 20), scope="row"), element("td", f"lot {shown(one.by, 20)}" if one.by else "-"), element("td", f"{one.rows:,}", class_="al-num"),
        element("td", f"{one.units:,}" if one.units else "-", class_="al-num"), element("td", moment(one.at), class_="al-verdict-cell"), element("td", *places, class_="al-found-cell"),
    )  # fmt: skip


def _who(told: Status) -> Markup | None:
    if not told.who:
        return None
    rows = [
        element(
            "tr", element("th", shown(one.arm, 30), scope="row"), element("td", element("bdi", shown(one.version, NAME)), class_="al-verdict-cell"),
            element("td", rollout_words.per_cent(one.share), class_="al-num"),
            element("td", f"{one.rows:,}", class_="al-num"),
        )
        for one in told.who[:20]
    ]  # fmt: skip
    unit = shown(told.unit, 40)
    lead = f"By {unit}: who got an answer of the challenger goes on getting it as the share grows." if unit else ""
    return section("Who answers now", table(("arm", "version", "share now", "rows so far"), rows, "Who answers now", right=("share now", "rows so far")), lead=lead)


def _batches(told: Status) -> Markup | None:
    if not told.batches:
        return None
    newest = told.batches[::-1]
    header: tuple[str, ...] = ("batch", "when", "stage", "rows", "champion", "challenger", "holdout", "fallback", "aside", "failed", "lot", "what happened")
    if not any(one.arms.get("holdout") for one in newest):
        header = tuple(name for name in header if name != "holdout")
    rows = [_batch(one, holdout="holdout" in header) for one in newest[:MOST_BATCHES]]
    right = [name for name in header if name not in ("batch", "when", "stage", "what happened")]
    rest = None
    if len(rows) > FIRST_BATCHES:
        earlier = table(header, rows[FIRST_BATCHES:], "Earlier batches", right=right)
        rest = element("details", element("summary", f"{len(rows) - FIRST_BATCHES:,} earlier batches"), earlier, class_="al-details al-rest")
    more = element("p", f"and {len(newest) - MOST_BATCHES:,} more; --json has them.", class_="al-more") if len(newest) > MOST_BATCHES else None
    return section("Batches", table(header, rows[:FIRST_BATCHES], "The newest batches", right=right), rest, more, count=len(newest))


def _batch(one: BatchOf, *, holdout: bool) -> Markup:
    arms = ("champion", "challenger", "holdout") if holdout else ("champion", "challenger")
    fallen = element("span", f"{sum(one.fallbacks.values()):,}", element("small", f" {rollout_words.fallbacks(one)}") if len(one.fallbacks) else None) if one.fallbacks else "-"
    notes = [f"stopped after {words.counted(one.stopped_at, 'row')}" if one.stopped_at is not None else "", rollout_words.BATCH_STATES.get(one.state, shown(one.state, 30))]
    return element(
        "tr", element("th", element("bdi", shown(one.name, NAME)), scope="row", class_="al-batch-name"), element("td", moment(one.at), class_="al-verdict-cell"),
        element("td", rollout_words.stage_short(one.mode, one.share) if one.mode or one.share else "-", class_="al-verdict-cell"), element("td", f"{one.rows:,}", class_="al-num"),
        *(element("td", f"{one.arms.get(arm, 0):,}" if one.arms.get(arm) else "-", class_="al-num") for arm in arms), element("td", fallen, class_="al-num"),
        *(element("td", f"{rows:,}" if rows else "-", class_="al-num") for rows in (one.quarantined, one.failed)), element("td", shown(one.lot, 20) or "-", class_="al-num"),
        element("td", "; ".join(note for note in notes if note), class_="al-note-cell"),
    )  # fmt: skip


def _timeline(told: Status) -> Markup | None:
    if not told.timeline:
        return None
    newest = told.timeline[::-1]
    more = element("p", f"and {len(newest) - MOST_MOVES:,} earlier; --json has them.", class_="al-more") if len(newest) > MOST_MOVES else None
    return section("What was decided", element("ol", *(_move(one, told) for one in newest[:MOST_MOVES]), class_="al-told"), more, lead="Newest first.", count=len(newest))


def _move(one: MoveOf, told: Status) -> Markup:
    by = f" by {shown(one.author, 40)}" if one.author else ""
    return element(
        "li", element("strong", first_up(rollout_words.action(one, told))), element("small", f" {moment(one.at)}{by}"),
        element("p", shown(one.reason, SENTENCE)) if one.reason else None, class_=TURNS.get(one.action),
    )  # fmt: skip


def _settings(told: Status) -> Markup | None:
    pairs: list[tuple[str, Child]] = []
    if told.unit:
        pairs.append(("assigned by", element("code", element("bdi", shown(told.unit, NAME)))))
    if told.mode:
        pairs.append(("mode", rollout_words.stage(told.mode, 0.0)))
    pairs.append(("scored by both", f"{rollout_words.per_cent(told.control)} beside the challenger's share" if told.control else "only what the challenger answers"))
    if told.holdout:
        pairs.append(("held out", f"{rollout_words.per_cent(told.holdout)}, which the champion answers for good"))
    if told.decision is not None:
        layer = rollout_words.LAYERS.get(told.decision.layer, "")
        said = rollout_words.ACTIONS.get(told.decision.action, shown(told.decision.action, 30))
        pairs.append(("the judge said last", f"{said}{f' ({layer})' if layer else ''}: {shown(told.decision.reason, SENTENCE)}"))
        if told.decision.possible:
            pairs.append(("a decision", shown(told.decision.possible, SENTENCE)))
    return section("How it is run", facts(pairs))


def _next(told: Status) -> Markup | None:
    given = rollout_words.offers(told)
    if not given:
        return None
    return section("Next", element("ul", *(element("li", command(one), element("span", what)) for one, what in given), class_="al-next"))
