"""One version of a model as one HTML page for those who decide: whether it may follow, what that brings, for whom it is worse, what to do.

No script, nothing loaded; every chart has its numbers in words or in a table beside it.

>>> model_html({"model": "churn", "version": "churn:v8", "verdict": "release"}).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core import Report, Verdict
from . import cards, model_charts, model_words, words
from .html import document, style_sheet
from .lots import moment
from .markup import NOTHING, Child, Markup, element, joined
from .model_facts import Checked, Comparison, Detail, Model, OnSet, Release, model_of, scalars
from .pictures import svg_picture
from .visible import shown

# Bounds, so that a page stays one that is read.
MOST_SETS = 12
MOST_STRIPS = 12
MOST_SLICES = 12
MOST_DETAILS = 8
MOST_TABLE = 40
MOST_KEYS = 8
MOST_CANDIDATES = 40
MOST_CHECKS = 200
MOST_OUTPUT = 60
MOST_CHARTS = 4
MOST_RELEASES = 40
MOST_FACTS = 60
MOST_NOTES = 20

NAME = 80
SENTENCE = 600
OUTCOME_LABEL = 24

CHECK_SIGNS = {"passed": ("✓", Verdict.RELEASE)}


def model_html(document_of: Mapping[str, Any]) -> str:
    """The document of `assay model show VERSION --json` as a page, to be written as UTF-8."""
    told = model_of(document_of)
    outcomes, found = [_compared(told), _segments(told)], _findings(told)
    urgent = (told.judged or Verdict.RELEASE) >= Verdict.HOLD
    body = element(
        "body",
        element("div", element("span", "Assayline", class_="al-brand"), element("span", "one version of a model"), class_="al-top"),
        _head(told),
        element(
            "main", _tiles(told), *([found, *outcomes] if urgent else [*outcomes, found]), _over_releases(told), _aspects(told), _learned(told), _suite(told), _data(told), _identity(told),
        ),
        class_="al al-page",
    )  # fmt: skip
    return document(f"Model {shown(told.title, 120)}", body, style_sheet("flow.css", "model.css"))


def section(heading: str, *children: Child, count: int | None = None, lead: str = "") -> Markup:
    """A part of a page under its heading."""
    counted = element("span", f" {count:,}", class_="al-count") if count is not None else None
    return element("section", element("h2", heading, counted, class_="al-h"), element("p", lead, class_="al-more") if lead else None, *children, class_="al-section")


def verdict_cell(verdict: Verdict | None, after: str = "") -> Markup:
    """A verdict in a table, by its sign and its word."""
    if verdict is None:
        return element("td", after or "-", class_="al-verdict-cell")
    dot = element("span", words.VERDICTS[verdict].symbol, class_=f"al-dot al-v-{verdict}", aria_hidden="true")
    return element("td", dot, f"{verdict}{after}", class_="al-verdict-cell")


def table(header: Sequence[str], rows: Sequence[Markup], label: str, *, right: Iterable[str] = ()) -> Markup:
    """A table that scrolls by itself where it is wider than the page."""
    numeric = set(right)
    head = element("thead", element("tr", *(element("th", one, scope="col", class_="al-num" if one in numeric else None) for one in header)))
    return element("div", element("table", head, element("tbody", *rows), class_="al-table"), class_="al-scroll", tabindex="0", role="region", aria_label=label)


def facts(pairs: Sequence[tuple[str, Child]]) -> Markup:
    """Names with what is known of them."""
    return element("dl", *(element("div", element("dt", name), element("dd", said)) for name, said in pairs), class_="al-reading")


def command(said: str) -> Markup:
    """A command to copy."""
    return element("code", shown(said, 400), class_="al-command")


def _head(told: Model) -> Markup:
    verdict = told.judged
    badge, leads = None, []
    if verdict is not None:
        line, meaning = model_words.VERDICTS[verdict]
        state = model_words.state(told)
        badge = element("div", cards.verdict_badge(verdict), element("span", f"{line}{' · ' + state if state else ''}", class_="al-verdict-line"), class_="al-verdict")
        leads.append(meaning)
    purpose = told.told("purpose")
    meta = [f"predicts {shown(told.told('target'), 40)}" if told.told("target") else "", f"trained on {words.counted(told.trained.rows, 'row')}" if told.trained.rows else "",
            f"owner {shown(told.told('owner'), 40)}" if told.told("owner") else "", moment(told.at) if told.at else ""]  # fmt: skip
    return element(
        "header", badge, element("h1", element("bdi", shown(told.title, 120)), class_="al-path"), element("p", model_words.headline(told), class_="al-summary"),
        element("p", " ".join(leads), class_="al-lead") if leads else None,
        element("p", cards.value(purpose, SENTENCE), class_="al-lead") if purpose else None,
        element("p", joined(*(element("span", one) for one in meta if one)), class_="al-meta") if any(meta) else None,
        _signed(told), class_="al-head",
    )  # fmt: skip


def _signed(told: Model) -> Markup | None:
    one = told.signed
    if one is None:
        return None
    until = f" until {model_words.day(one.until)}" if one.until else ""
    said = f"Signed by {shown(one.author, 60)}{' on ' + model_words.day(one.at) if one.at else ''}{until}{': ' + shown(one.reason, SENTENCE) if one.reason else ''}."
    if one.expired:
        return element("p", element("strong", "No longer valid. "), shown(one.expired, SENTENCE), " ", said, class_="al-signed al-signed-expired")
    return element("p", said, class_="al-signed")


def _tiles(told: Model) -> Markup | None:
    tiles = [_tile(*one) for one in _figures(told)]
    return element("dl", *tiles, class_="al-tiles") if tiles else None


def _tile(label: str, value: str, said: str, class_: str = "") -> Markup:
    return element("div", element("dt", label), element("dd", element("strong", value), element("span", said) if said else None), class_=f"al-tile {class_}".strip())


def _figures(told: Model) -> list[tuple[str, str, str, str]]:
    """What a manager asks first, as large figures."""
    figures: list[tuple[str, str, str, str]] = []
    found = model_words.deciding(told.trial.sets) or model_words.deciding(told.trial.sets, "baseline")
    if found:
        of, one = found
        against = shown(one.versus.rpartition(":")[2] or one.versus, 24)
        times, unit = model_words.scaled(one)
        if one.estimate is not None:
            low, high = (None if end is None else end * times for end in (one.low, one.high))
            bounds = model_words.interval(low, high)
            label = f"{unit} saved per {times:,.0f} {model_words.rows_are(told)}" if one.metric == model_words.MONEY else f"Gain in {model_words.title(one.metric)}"
            class_ = {"better": "al-tile-good", "worse": "al-tile-bad", "slightly worse": "al-tile-look", "undecided": "al-tile-look"}.get(one.outcome, "")
            figures.append((label, model_words.signed(one.estimate * times), f"against {against}{', ' + bounds if bounds else ''}", class_))
        figures += [
            (model_words.first_up(model_words.title(score.metric)),
             model_words.valued(score.value, score.metric, model_words.currency(score.unit)), _scored_on(of, score.unit), "")
            for score in of.scores[:2]
        ]  # fmt: skip
    if told.trial.sets:
        rows = sum(one.rows for one in told.trial.sets)
        figures.append((words.counted(len(told.trial.sets), "test set").partition(" ")[2].capitalize() + " tried", f"{len(told.trial.sets):,}", words.counted(rows, "labelled row"), ""))
    if told.trial.suite:
        passed = sum(one.passed for one in told.trial.suite)
        all_ = len(told.trial.suite)
        figures.append(("Your own tests passed", f"{passed:,} of {all_:,}", "" if passed == all_ else f"{all_ - passed:,} did not", "" if passed == all_ else "al-tile-bad"))
    chosen = told.trained.chosen
    one_row = told.trained.leaderboard[chosen].row_microseconds if chosen is not None else None
    size = words.size(int(size_of)) if isinstance(size_of := told.about.get("bytes"), (int, float)) and 0 < size_of < 1e15 else ""
    if one_row is not None:
        figures.append(("Time for one answer", f"{words.number(one_row)} µs", size, ""))
    elif size:
        figures.append(("Size", size, "", ""))
    return figures


def _scored_on(of: OnSet, unit: str) -> str:
    per = " per row" if unit.endswith(("per row", "/row")) else ""
    return f"{per.strip() + ', ' if per else ''}on {shown(of.name, 40)}"


def _findings(told: Model) -> Markup:
    found = told.trial.findings
    if not found:
        if not told.trial.sets and not told.trial.suite:
            return NOTHING
        return section("Findings", element("p", "Nothing was found in the trials that is wrong or worth a note.", class_="al-empty"))
    return cards.findings(Report(told.judged or Verdict.RELEASE, found))


# Outcomes, with their intervals.


def _compared(told: Model) -> Markup | None:
    sets = [of for of in told.trial.sets if of.scores or of.comparisons]
    if not sets:
        return None
    prices = model_words.costs(told)
    more = element("p", f"and {len(sets) - MOST_SETS:,} more test sets; --json has them.", class_="al-more") if len(sets) > MOST_SETS else None
    lead = "Every version answered the same rows. A dot is the difference, the line its interval; right of the middle is a gain."
    return section("Outcomes, on the same rows", *(_on_set(of, told) for of in sets[:MOST_SETS]), more, lead=f"{lead} {prices}".strip())


def _on_set(of: OnSet, told: Model) -> Markup:
    rows = [words.counted(of.rows, "labelled row")] if of.rows else []
    rows += [f"{of.unlabelled:,} without a label"] if of.unlabelled else []
    rows += [f"lot {shown(of.lot, 20)}"] if of.lot else []
    groups = list(dict.fromkeys((one.metric, one.unit) for one in of.comparisons))
    return element(
        "article",
        element("header", element("h3", element("bdi", shown(of.name, NAME)), class_="al-title"), element("span", ", ".join(rows), class_="al-rows"), class_="al-card-head"),
        *(_group([one for one in of.comparisons if (one.metric, one.unit) == group]) for group in groups),
        _said([one.sentence for one in of.comparisons], "The comparisons in words"),
        _scores(of),
        class_="al-card al-plain",
    )


def _group(compared: Sequence[Comparison]) -> Markup:
    """Comparisons by one metric on one scale."""
    first = compared[0]
    low, high = model_charts.reach(compared)
    times, unit = model_words.scaled(first)
    says = model_words.METRICS.get(first.metric)
    what = f"{unit} per {times:,} rows" if first.metric == model_words.MONEY else shown(unit, 24)
    heading = element(
        "p", element("strong", model_words.first_up(model_words.title(first.metric))), f" ({what})" if what else "", f": {says.says}" if says else "", class_="al-duel-head"
    )  # fmt: skip
    rows = [_duel(one, low, high) for one in sorted(compared, key=lambda one: one.role != "champion")[:MOST_STRIPS]]
    drawn = any(one.estimate is not None for one in compared)
    axis = element("div", element("span", "", class_="al-duel-name"), model_charts.strip_axis(low, high, times), class_="al-duel al-duel-axis") if drawn else None
    return element("div", heading, *rows, axis, class_="al-duels")


def _duel(one: Comparison, low: float, high: float) -> Markup:
    role = "champion" if one.role == "champion" else "simple answer"
    values = f"{model_words.valued(one.candidate_value, one.metric)} against {model_words.valued(one.champion_value, one.metric)}" if one.candidate_value is not None else ""
    name = element("span", element("bdi", shown(one.versus, NAME)), element("small", role), class_="al-duel-name")
    said = element(
        "span", element("strong", model_words.outcome(one), class_=f"al-word {model_charts.outcome_class(one.outcome)}"), element("span", model_words.difference(one, bare=True)),
        element("small", values) if values else None, class_="al-duel-said",
    )  # fmt: skip
    drawn = model_charts.strip(one, low, high, f"Against {shown(one.versus, NAME)}")
    return element("div", name, drawn or element("span", "", class_="al-duel-none"), said, class_="al-duel")


def _said(sentences: Iterable[str], summary: str) -> Markup | None:
    known = [shown(one, SENTENCE) for one in sentences if one][:MOST_TABLE]
    if not known:
        return None
    return element("details", element("summary", summary), element("ul", *(element("li", one) for one in known), class_="al-list"), class_="al-details")


def _scores(of: OnSet) -> Markup | None:
    if not of.scores:
        return None
    rows = [
        element(
            "tr", element("th", model_words.title(one.metric), scope="row"), element("td", model_words.valued(one.value, one.metric, one.unit), class_="al-num"),
            element("td", _direction(one.higher_is_better)), element("td", model_words.METRICS[one.metric].says if one.metric in model_words.METRICS else "", class_="al-found-cell"),
        )
        for one in of.scores[:MOST_TABLE]
    ]  # fmt: skip
    label = f"All scores on {shown(of.name, NAME)}"
    summary = f"All {len(of.scores):,} scores" if len(of.scores) > 1 else "The score"
    return element("details", element("summary", summary), table(("metric", "value", "", "what it says"), rows, label, right=("value",)), class_="al-details")


def _segments(told: Model) -> Markup | None:
    several = [(of, of.aspects["slices"]) for of in told.trial.sets if of.aspects.get("slices")]
    if not several:
        return None
    heading, lead = "What it means per segment", model_words.ASPECTS["slices"][1]
    return section(heading, *(_slices(of, slices, several=len(told.trial.sets) > 1) for of, slices in several[:MOST_SETS]), lead=lead)


def _slices(of: OnSet, slices: Sequence[Detail], *, several: bool) -> Markup:
    ordered = sorted(slices, key=lambda one: (one.found is False, -(one.amount or 0.0)))
    first, rest = ordered[:MOST_SLICES], ordered[MOST_SLICES:]
    reach = model_charts.amount_reach(first)
    head = element("header", element("h3", element("bdi", shown(of.name, NAME)), class_="al-title"), class_="al-card-head") if several else None
    return element("article", head, *(_slice(one, reach) for one in first), _said([one.sentence for one in rest], f"{len(rest):,} more segments"), class_="al-card al-plain")


def _slice(one: Detail, reach: tuple[float, float]) -> Markup:
    chance = element("span", "may be chance", class_="al-flag al-flag-note") if one.found is False else element("span", "confirmed", class_="al-flag al-flag-look") if one.found else None
    return element(
        "div", element("div", model_charts.amount_strip(one, reach) or None, chance, class_="al-slice-drawn"), element("p", shown(one.sentence or _conditions(one), SENTENCE)), class_="al-slice"
    )  # fmt: skip


def _conditions(one: Detail) -> str:
    said = one.given.get("conditions")
    several = [str(part) for part in said] if isinstance(said, (list, tuple)) else []
    return f"Where {' and '.join(several) or 'something is so'}{f' ({one.rows:,} rows)' if one.rows else ''}."


# Over releases.


def _over_releases(told: Model) -> Markup | None:
    if len(told.history) < 2:
        return None
    names = list(dict.fromkeys([*(of.name for of in told.trial.sets), *(of.name for release in reversed(told.history) for of in release.sets)]))
    charts: list[Markup] = []
    changed = False
    for name in names:
        broad = model_charts.history_chart(told.history, name, told.champion, told.version, broad=True)
        if broad and len(charts) < MOST_CHARTS:
            narrow = model_charts.history_chart(told.history, name, told.champion, told.version, broad=False)
            charts.append(element("div", _chart_head(name, told), broad, narrow, class_="al-chart"))
            changed = changed or bool(model_words.changed_digests(told.history, name))
    keys = [(f"al-s-{verdict}", str(verdict)) for verdict in Verdict if any(one.verdict == verdict for one in told.history)]
    legend = element("ul", *(element("li", _swatch(Verdict.named(said)), element("span", said)) for _, said in keys), *(_marks(told, changed=changed)), class_="al-legend") if charts else None
    rows = [_release(one, told, names[:MOST_CHARTS]) for one in reversed(told.history[-MOST_RELEASES:])]
    header = ("version", "when", "verdict", *(shown(name, 30) for name in names[:MOST_CHARTS]))
    all_ = table(header, rows, "Releases, newest first", right=[shown(name, 30) for name in names[:MOST_CHARTS]])
    kept = element("details", element("summary", f"The {len(rows):,} newest releases as numbers"), all_, class_="al-details al-rest") if charts else all_
    return section("Over releases", element("div", *charts, class_="al-cards") if charts else None, legend, kept, count=len(told.history))


def _chart_head(name: str, told: Model) -> Markup:
    score = next((of.scores[0] for release in reversed(told.history) for of in release.sets if of.name == name and of.scores), None)
    what = ""
    if score is not None:
        unit = f" in {shown(score.unit, 24)}" if score.unit else ""
        what = f"{model_words.title(score.metric)}{unit}, {'more' if score.higher_is_better else 'less'} is better"
    return element("p", element("strong", element("bdi", shown(name, NAME))), element("span", what), class_="al-chart-head")


def _swatch(verdict: Verdict) -> Markup:
    return element("svg", model_charts.mark(verdict, 7, 7), class_="al-swatch", view_box="0 0 14 14", aria_hidden="true", focusable="false")


def _marks(told: Model, *, changed: bool) -> list[Child]:
    marks: list[Child] = []
    if told.champion and any(one.version == told.champion for one in told.history):
        ring = element("svg", element("circle", cx=7, cy=7, r=6, class_="al-ring"), class_="al-swatch", view_box="0 0 14 14", aria_hidden="true", focusable="false")
        marks.append(element("li", ring, element("span", "champion now")))
    if changed:
        dash = element("svg", element("path", d="M7 0V14", class_="al-changed"), class_="al-swatch", view_box="0 0 14 14", aria_hidden="true", focusable="false")
        marks.append(element("li", dash, element("span", "the test set got other rows: scores left and right cannot be compared")))
    return marks


def _release(one: Release, told: Model, names: Sequence[str]) -> Markup:
    cells = []
    for name in names:
        of = next((of for of in one.sets if of.name == name), None)
        score = model_words.deciding_score(of) if of is not None else None
        cells.append(element("td", model_words.valued(score.value, score.metric, score.unit) if score is not None else "-", class_="al-num"))
    champion = " (champion)" if told.champion and one.version == told.champion else ""
    after = f", {shown(one.state, 20)}" if one.state and one.state not in ("released", "held", "rejected") else ""
    return element("tr", element("th", element("bdi", shown(one.version, 40)), champion, scope="row"), element("td", moment(one.at)), verdict_cell(one.verdict, after), *cells)


# What else the trials looked at.


def _aspects(told: Model) -> Markup | None:
    several = len(told.trial.sets) > 1
    cards_of: list[Markup] = []
    families = list(dict.fromkeys([*(name for name in model_words.ASPECTS if name != "slices"), *(name for of in told.trial.sets for name in of.aspects if name != "slices")]))
    for family in families[:30]:
        told_on = [(of, of.aspects[family]) for of in told.trial.sets if of.aspects.get(family)][:MOST_SETS]
        if family != "importance" and told_on:
            cards_of.append(_aspect(family, told_on, several=several))
    drawn = [one for one in cards_of if one]
    return section("What else was looked at", element("div", *drawn, class_="al-aspects")) if drawn else None


def _aspect(family: str, told_on: Sequence[tuple[OnSet, Sequence[Detail]]], *, several: bool) -> Markup:
    heading, lead = model_words.ASPECTS.get(family, (model_words.first_up(shown(family.replace("_", " "), 40)), ""))
    parts: list[Child] = []
    alone = element("span", "on ", element("bdi", shown(told_on[0][0].name, NAME)), class_="al-rows") if several and len(told_on) == 1 else None
    for of, details in told_on:
        if len(told_on) > 1:
            parts.append(element("p", element("strong", element("bdi", shown(of.name, NAME))), class_="al-duel-head"))
        reach = model_charts.amount_reach(details)
        parts += [_aspect_line(one, reach) for one in details[:MOST_DETAILS] if one.sentence]
        parts.append(_as_numbers(details, f"{heading} on {shown(of.name, NAME)}, as numbers"))
    return element(
        "article", element("header", element("h3", heading, class_="al-column-name al-aspect-name"), alone, class_="al-column-head"),
        element("p", lead, class_="al-more") if lead else None, *parts, class_="al-column",
    )  # fmt: skip


def _aspect_line(one: Detail, reach: tuple[float, float]) -> Markup:
    drawn = model_charts.amount_strip(one, reach)
    return element("div", element("p", shown(one.sentence, SENTENCE)), drawn or None, class_="al-aspect-line")


def _as_numbers(details: Sequence[Detail], label: str) -> Markup | None:
    """Everything a part of a trial gave beside its sentences."""
    known = [scalars(one.given, without=("sentence",)) for one in details]
    parts: list[Child] = []
    if len(known) == 1 and known[0]:
        parts.append(facts([(shown(fact.label, 40), shown(fact.value, 80)) for fact in words.facts(known[0])[:MOST_FACTS]]))
    elif any(known):
        keys = list(dict.fromkeys(key for one in known for key in one))[:MOST_KEYS]
        parts.append(_listed(label, known[:MOST_TABLE], keys))
    for one in details[:1]:
        for name, value in one.given.items():
            listed = [entry for entry in value if isinstance(entry, Mapping)][:MOST_TABLE] if isinstance(value, (list, tuple)) else []
            if listed:
                plain = [scalars(entry) for entry in listed]
                parts.append(_listed(shown(name.replace("_", " "), 40), plain, list(dict.fromkeys(key for entry in plain for key in entry))[:MOST_KEYS]))
    return element("details", element("summary", "As numbers"), *parts, class_="al-details") if parts else None


def _listed(label: str, listed: Sequence[Mapping[str, float | str]], keys: Sequence[str]) -> Markup:
    rows = [element("tr", *(element("td", shown(_plain(one.get(key)), 80)) for key in keys)) for one in listed]
    return table([shown(key.replace("_", " "), 30) for key in keys], rows, label)


def _plain(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else words.number(value)


def _importance(told: Model) -> Markup:
    """What the answers lean on: as the trials measured it, else as training did."""
    tried = [one for of in told.trial.sets for one in of.aspects.get("importance", ())]
    known = [(one.sentence, one.amount) for one in tried if "feature" in one.given and one.amount is not None] or list(told.trained.importance)
    shares = [(name, share) for name, share in known if share > 0]
    sentences = [one for one in tried if "feature" not in one.given and one.sentence]
    if not shares and not sentences:
        return NOTHING
    picture = svg_picture({"kind": "bars", "labels": [name for name, _ in shares], "values": [round(100 * share, 1) for _, share in shares], "unit": "%", "marked": []},
                          label="Shares of the weight of the features") if shares else NOTHING  # fmt: skip
    return element(
        "article", element("header", element("h3", model_words.ASPECTS["importance"][0], class_="al-column-name al-aspect-name"), class_="al-column-head"),
        *(element("p", shown(one.sentence, SENTENCE)) for one in sentences[:MOST_DETAILS]),
        element("div", picture, class_="al-figure") if picture else None, element("p", model_words.IMPORTANCE, class_="al-more"), class_="al-column",
    )  # fmt: skip


# Training.


def _learned(told: Model) -> Markup | None:
    one = told.trained
    charts = []
    if drawn := model_charts.learning_chart(one.curve, one.metric):
        charts.append(_chart("Learning curve", f"{model_words.title(one.metric)}, {_direction(one.higher_is_better)}", drawn, shown(one.curve_says, SENTENCE)))
    if drawn := model_charts.trade_off(one.leaderboard, one.chosen, one.metric):
        says = "The numbers are those of the leaderboard; the full circle is the choice."
        charts.append(_chart("What a better score costs", f"{model_words.title(one.metric)}, {_direction(one.higher_is_better)}; area: size", drawn, says))
    if drawn := model_charts.features_chart(one.features_curve, one.metric):
        lines = model_charts.ways(one.features_curve)
        keys = element("ul", *(element("li", _line_swatch(place), element("span", f"chosen by {shown(by, 30)}" if by else "chosen")) for place, by in enumerate(lines)), class_="al-legend")
        charts.append(_chart("How many features it takes", f"{model_words.title(one.metric)}, {_direction(one.higher_is_better)}", drawn, "", keys))
    if drawn := _importance(told):
        charts.append(drawn)
    lead = " ".join(part for part in (_choice(told), _spent(told)) if part)
    parts: list[Child] = [element("div", *charts, class_="al-charts") if charts else None, _leaderboard(told), _leaks(told), _notes(one.notes)]
    if not lead and not any(parts):
        return None
    return section("How it was trained", *parts, lead=lead)


def _direction(higher_is_better: bool) -> str:
    return f"{'more' if higher_is_better else 'less'} is better"


def _choice(told: Model) -> str:
    choice, reason = shown(told.trained.choice, 120), shown(told.trained.reason, SENTENCE)
    return f"Chosen: {choice}. {reason}" if choice else reason


def _spent(told: Model) -> str:
    one = told.trained
    if one.seconds is None:
        return ""
    return f"It took {words.duration(one.seconds)}{f' of {words.duration(one.budget_seconds)}' if one.budget_seconds is not None else ''}."


def _chart(heading: str, lead: str, drawn: Markup, said: str, *more: Child) -> Markup:
    return element(
        "article", element("header", element("h3", heading, class_="al-column-name al-aspect-name"), class_="al-column-head"), element("p", lead, class_="al-more al-chart-lead"),
        element("div", drawn, class_="al-figure"), *more, element("p", said, class_="al-more") if said else None, class_="al-column",
    )  # fmt: skip


def _line_swatch(place: int) -> Markup:
    return element("svg", element("path", d="M0 6h14", class_=f"al-line al-l{place + 1}"), class_="al-swatch", view_box="0 0 14 12", aria_hidden="true", focusable="false")


def _leaderboard(told: Model) -> Markup | None:
    one = told.trained
    if not one.leaderboard:
        return None
    chosen = one.chosen
    rows = []
    for place, candidate in enumerate(one.leaderboard[:MOST_CANDIDATES]):
        flag = element("span", "chosen", class_="al-flag al-flag-note al-flag-beside") if place == chosen else None
        rows.append(
            element(
                "tr", element("td", f"{place + 1}", class_="al-num"), element("th", element("bdi", shown(candidate.name, NAME)), flag, scope="row", class_="al-tried"),
                element("td", model_words.valued(candidate.score, one.metric), class_="al-num"), element("td", model_words.between(candidate.low, candidate.high), class_="al-num"),
                element("td", words.duration(candidate.seconds) if candidate.seconds is not None else "-", class_="al-num"),
                element("td", words.size(candidate.size_bytes) or "-", class_="al-num"),
                element("td", f"{words.number(candidate.row_microseconds)} µs" if candidate.row_microseconds is not None else "-", class_="al-num"),
                element("td", words.percent(candidate.share) if candidate.share is not None else "-", class_="al-num"),
                class_="al-chosen" if place == chosen else None,
            )
        )  # fmt: skip
    header = ("", "tried", "score", "interval", "training", "size", "one row", "of the rows")
    more = element("p", f"and {len(one.leaderboard) - MOST_CANDIDATES:,} more; --json has them.", class_="al-more") if len(one.leaderboard) > MOST_CANDIDATES else None
    return joined(table(header, rows, "Leaderboard", right=("", "score", "interval", "training", "size", "one row", "of the rows")), more)


def _leaks(told: Model) -> Markup | None:
    leaks = told.trained.leaks
    if not leaks:
        return None
    listed = element("ul", *(element("li", shown(sentence or f"{column}: {reason}", SENTENCE)) for column, reason, sentence in leaks[:MOST_TABLE]), class_="al-list")
    return element("div", element("p", element("strong", "Columns left out, because they would give the answer away"), class_="al-duel-head"), listed)


def _notes(notes: Sequence[str]) -> Markup | None:
    if not notes:
        return None
    more = [f"and {len(notes) - MOST_NOTES:,} more; --json has them."] if len(notes) > MOST_NOTES else []
    return element("details", element("summary", f"What it had to do with the table: {words.counted(len(notes), 'note')}"),
                   element("ul", *(element("li", shown(one, SENTENCE)) for one in [*notes[:MOST_NOTES], *more]), class_="al-list"), class_="al-details")  # fmt: skip


# The user's own tests, the data, and what it is.


def _suite(told: Model) -> Markup | None:
    suite = told.trial.suite
    if not suite:
        return None
    ordered = sorted(suite, key=lambda one: one.passed)
    more = element("p", f"and {len(suite) - MOST_CHECKS:,} more; --json has them.", class_="al-more") if len(suite) > MOST_CHECKS else None
    return section("Your own tests", element("div", *(_check(one) for one in ordered[:MOST_CHECKS]), class_="al-checks"), more, count=len(suite))


def _check(one: Checked) -> Markup:
    verdict = Verdict.RELEASE if one.passed else Verdict.HOLD
    dot = element("span", words.VERDICTS[verdict].symbol if one.passed else "✕", class_=f"al-dot al-v-{verdict}", aria_hidden="true")
    said = shown(one.said, SENTENCE)
    head = element(
        "div", dot, element("code", element("bdi", shown(one.name, NAME))), element("span", shown(one.outcome, 20), class_="al-check-outcome"),
        element("span", words.duration(one.seconds), class_="al-rows") if one.seconds is not None else None, class_="al-check-head",
    )  # fmt: skip
    return element("div", head, element("p", said) if said else None, _output(one), class_="al-check")


def _output(one: Checked) -> Markup | None:
    if not one.output.strip():
        return None
    lines = one.output.rstrip("\n").split("\n")
    gone = len(lines) - MOST_OUTPUT
    kept = lines if gone <= 0 else [*lines[: MOST_OUTPUT // 2], f"… {gone:,} lines …", *lines[-MOST_OUTPUT // 2 :]]
    written = element("code", *(element("span", shown(line.rstrip("\r").expandtabs(4), 400) or " ") for line in kept), class_="al-output")
    return element("details", element("summary", f"Output, {words.counted(len(lines), 'line')}"), written, class_="al-details", open=None if one.passed else True)


def _data(told: Model) -> Markup | None:
    if not told.data and not told.tags:
        return None
    tags = element("div", *(_tag_line(told, place) for place in range(min(len(told.tags), MOST_TABLE))), class_="al-tag-lines") if told.tags else None
    rows = [
        element(
            "tr", element("th", element("bdi", shown(one.flow, NAME)), scope="row"), element("td", shown(one.lot, 20), class_="al-num"),
            element("td", f"{one.rows:,}", class_="al-num"), verdict_cell(one.verdict), element("td", moment(one.at)),
        )
        for one in told.data[:MOST_TABLE]
    ]  # fmt: skip
    more = element("p", f"and {len(told.data) - MOST_TABLE:,} more lots; --json has them.", class_="al-more") if len(told.data) > MOST_TABLE else None
    lots = table(("flow", "lot", "rows", "verdict", "came"), rows, "Lots it was trained on", right=("lot", "rows")) if rows else None
    return section("What it was trained on", tags, lots, more, count=len(told.data) or None)


def _tag_line(told: Model, place: int) -> Markup:
    tag = told.tags[place]
    after = ", ".join(part for part in (f"from {shown(tag.origin, 60)}" if tag.origin else "", f"until {model_words.day(tag.until)}" if tag.until else "") if part)
    dot = element("span", words.VERDICTS[tag.level].symbol, class_=f"al-dot al-v-{tag.level}", aria_hidden="true") if tag.level is not None else None
    said = f"{tag.level}: " if tag.level is not None else ""
    return element("p", dot, element("strong", said), shown(tag.reason, SENTENCE), element("span", f" ({after})") if after else None, class_="al-tag-line")


def identity(told: Model) -> list[tuple[str, Child]]:
    """What a version is, as names and what is known of them."""
    one = told.about
    pairs: list[tuple[str, Child]] = []

    def add(name: str, said: str | Markup) -> None:
        if said:
            pairs.append((name, said))

    add("Version", element("bdi", shown(told.version, NAME)) if told.version else "")
    add("State", model_words.state(told))
    add("Kind", shown(told.told("kind"), 60))
    task = told.told("task")
    add("Answers", model_words.TASKS.get(task, shown(task, 40)))
    classes = [shown(str(name), 40) for name in one.get("classes") or ()][:12] if isinstance(one.get("classes"), (list, tuple)) else []
    add("Classes", element("bdi", ", ".join(classes)) if classes else "")
    add("Target", shown(told.told("target"), NAME))
    keys = one.get("key")
    add("Key", ", ".join(shown(str(name), 40) for name in keys) if isinstance(keys, (list, tuple)) else shown(told.told("key"), NAME))
    add("Time", shown(told.told("time"), NAME))
    add("Horizon", shown(told.told("horizon"), 40))
    features = one.get("features")
    add("Features", f"{features:,}" if isinstance(features, int) and not isinstance(features, bool) else "")
    size = one.get("bytes")
    add("Size", words.size(int(size)) if isinstance(size, (int, float)) and 0 < size < 1e15 else "")
    add("Prices", model_words.costs(told))
    add("Owner", shown(told.told("owner"), NAME))
    add("Contacts", element("bdi", ", ".join(shown(one, NAME) for one in told.contacts[:8])) if told.contacts else "")
    add("Made", moment(told.told("created")) if told.told("created") else "")
    add("File", element("code", element("bdi", shown(told.path, 200)), class_="al-digest") if told.path else "")
    for name, key in (("Digest", "digest"), ("Code", "code")):
        add(name, element("code", shown(told.told(key), 120), class_="al-digest") if told.told(key) else "")
    parents = one.get("parents")
    if isinstance(parents, (list, tuple)) and parents:
        add("Made from", element("code", ", ".join(shown(str(digest), 80) for digest in parents[:8]), class_="al-digest"))
    return pairs


def _identity(told: Model) -> Markup:
    halves: list[Child] = [element("section", element("h2", "About this version", class_="al-h"), facts(identity(told)), class_="al-section")]
    right: list[Child] = []
    if told.limits:
        listed = element("ul", *(element("li", shown(one, SENTENCE)) for one in told.limits[:MOST_TABLE]), class_="al-list")
        right.append(element("section", element("h2", "Limits", class_="al-h"), listed, class_="al-section"))
    if told.environment:
        pairs: list[tuple[str, Child]] = [(shown(name, 60), shown(said, 120)) for name, said in told.environment[:MOST_FACTS]]
        right.append(element("section", element("h2", "Where it was made", class_="al-h"), facts(pairs), class_="al-section"))
    if right:
        halves.append(element("div", *right))
    retrain = element("p", element("span", "→", class_="al-arrow", aria_hidden="true"), element("span", "To train it again: ", command(told.retrain)), class_="al-do") if told.retrain else None
    return joined(element("div", *halves, class_="al-halves"), retrain)
