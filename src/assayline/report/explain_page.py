"""What changed between two versions of a model, as one HTML page for people who use it: what happens to whom, in money, with typical cases, and what was changed.

No script, nothing loaded; every chart has its numbers in words or in a table beside it.

>>> explain_html({"model": "churn", "before": {"version": "churn:v7"}, "after": {"version": "churn:v8"}}).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import explain_charts, model_words, words
from .explain_facts import CaseOf, Change, Ends, Group, LotOf, Metric, change_of
from .html import document, style_sheet
from .lots import moment
from .markup import Child, Markup, element, joined
from .model_page import command, facts, section, table
from .model_words import about, interval
from .visible import shown

SHEETS = ("flow.css", "model.css", "explain.css")
NAME, SENTENCE = 80, 600
MOST_GROUPS, MOST_MOVED, MOST_CASES, MOST_LOTS, MOST_COLUMNS, MOST_FEATURES, MOST_LINES = 60, 12, 12, 30, 40, 60, 200
MOST_OPEN = 2  # columns whose groups are seen at once; the others open


class Badge(NamedTuple):
    """An outcome in a word, with its sign and colour."""

    word: str
    sign: str
    colour: str
    meaning: str


BADGES = {
    "better": Badge("better", "✓", "release", "The new version does better."), "not worse": Badge("as good", "=", "note", "The new version does as well as the one before."),
    "slightly worse": Badge("slightly worse", "!", "warn", "The new version does a little worse."), "worse": Badge("worse", "✕", "hold", "The new version does worse."),
    "undecided": Badge("not decided", "?", "warn", "These rows cannot tell which version does better."),
}  # fmt: skip
SAID = {"lost": "worse off", "gained": "better off"}
STEPS = {"better": "better", "worse": "worse"}


def badge_of(told: Change) -> Badge:
    """What a change is, in a word."""
    return Badge("the same", "=", "note", "Both versions give the same answers.") if told.identical else BADGES.get(told.verdict, BADGES["undecided"])


def explain_html(document_of: Mapping[str, Any]) -> str:
    """The document of `assay explain MODEL A B --json` as a page, to be written as UTF-8."""
    told = change_of(document_of)
    body = element(
        "body",
        element("div", element("span", "Assayline", class_="al-brand"), element("span", "what changed in a model"), class_="al-top"),
        _head(told),
        element("main", _tiles(told), _happens(told), _whom(told), _cases(told), _releases(told), _rows(told), _made(told), _importance(told), _figures(told), _next(told)),
        class_="al al-page",
    )  # fmt: skip
    return document(f"{shown(told.before, 60)} to {shown(told.after, 60)}", body, style_sheet(*SHEETS))


def _head(told: Change) -> Markup:
    said = badge_of(told)
    badge = element("span", element("span", said.sign, class_="al-badge-symbol", aria_hidden="true"), said.word, class_=f"al-badge al-v-{said.colour}")
    meta = [f"tried on {words.counted(told.rows, 'labelled row')} of {shown(told.test_set, 60)}" if told.test_set else "", f"made {moment(told.after_at)}" if told.after_at else "",
            "in force" if told.in_force else "not in force", f"owner {shown(told.owner, 40)}" if told.owner else ""]  # fmt: skip
    return element(
        "header", element("div", badge, element("span", said.meaning, class_="al-verdict-line"), class_="al-verdict"),
        element("h1", element("bdi", f"{shown(told.before, NAME) or 'before'} → {shown(told.after, NAME) or 'after'}"), class_="al-path"),
        element("p", shown(told.headline, SENTENCE), class_="al-summary") if told.headline else None,
        element("ul", *(element("li", shown(one, SENTENCE)) for one in told.sentences[:6]), class_="al-plainly") if told.sentences else None,
        element("p", shown(told.purpose, SENTENCE), class_="al-lead") if told.purpose else None,
        element("p", joined(*(element("span", one) for one in meta if one)), class_="al-meta"), class_="al-head",
    )  # fmt: skip


def _tiles(told: Change) -> Markup | None:
    tiles: list[tuple[str, str, str, str]] = []
    if told.rows and told.flips_sentence:
        tiles.append(("Answers that change", words.percent(told.changed / told.rows), f"{told.changed:,} of {told.rows:,}", ""))
    if told.money is not None:
        tiles.append(_money_tile(told))
    first = next((one for one in told.metrics if one.name != model_words.MONEY), None)
    if first is not None:
        values = [model_words.valued(one.value, first.name) for one in (first.before, first.after)]
        tiles.append((model_words.first_up(model_words.title(first.name)), values[1], f"before {values[0]}", {"better": "al-tile-good", "worse": "al-tile-bad"}.get(first.said, "")))
    if told.promise:
        tiles += [
            (f"Groups {name}", f"{len(several):,}", "shown on rows that were not searched" if several else "none is shown", class_ if several else "")
            for name, several, class_ in (("better off", told.gained, "al-tile-good"), ("worse off", told.lost, "al-tile-bad"))
        ]  # fmt: skip
    return element("dl", *(_tile(*one) for one in tiles), class_="al-tiles") if tiles else None


def _money_tile(told: Change) -> tuple[str, str, str, str]:
    money = told.money or {}
    difference = float(money["difference"])
    real = money.get("real") is True
    ends = [one if isinstance(one, (int, float)) and not isinstance(one, bool) else None for one in (money.get("low"), money.get("high"))]
    bounds = interval(float(ends[0]), float(ends[1])) if ends[0] is not None and ends[1] is not None else ""
    if difference < 0 and ends[0] is not None and ends[1] is not None:
        bounds = interval(-float(ends[1]), -float(ends[0]))
    label = f"{'Saves' if difference < 0 else 'Costs'} per {told.per:,.0f} {shown(told.rows_are, 24)}"
    said = bounds if real else f"may be chance ({bounds})" if bounds else ""
    return label, f"{about(abs(difference))} {shown(told.unit, 12)}", said, ("al-tile-good" if difference < 0 else "al-tile-bad") if real else ""


def _tile(label: str, value: str, said: str, class_: str = "") -> Markup:
    return element("div", element("dt", label), element("dd", element("strong", value), element("span", said) if said else None), class_=f"al-tile {class_}".strip())


def _signed(of: Ends, times: float = 1.0) -> str:
    ends = "" if of.low is None or of.high is None else f" ({model_words.signed(of.low * times, 2)} to {model_words.signed(of.high * times, 2)})"
    return f"{model_words.signed(of.value * times)}{ends}"


def _happens(told: Change) -> Markup | None:
    if not told.outcomes:
        return None
    classes = bool(told.outcomes[0].truth)
    heading = f"What happens to 1,000 {shown(told.rows_are, 24)}" if classes else "How far off the answers are"
    wrong = [one for one in told.outcomes if not one.right] + [one for one in told.outcomes if one.right]
    rows = []
    for one in wrong:
        what = f"answered “{shown(one.answer, 40)}”, and “{shown(one.truth, 40)}” is true" if classes else f"{shown(one.answer, 40)}, on average"
        flag = element("span", "right" if one.right else "wrong", class_=f"al-flag {'al-flag-good' if one.right else 'al-flag-fix'} al-flag-beside") if classes else None
        cells = [element("th", what, flag, scope="row"), *(element("td", said, class_="al-num") for said in (about(one.before), about(one.after), _signed(one.difference)))]
        if told.money is not None:
            cells.append(element("td", "" if one.money is None else model_words.signed(one.money), class_="al-num"))
        rows.append(element("tr", *cells))
    header = ["", "before", "after", "difference", *([f"{shown(told.unit, 12)} per 1,000"] if told.money is not None else [])]
    lead = "The figures in brackets are where the difference would lie in 95 of 100 test sets of this size."
    return section(heading, table(header, rows, heading, right=header[1:]), lead=lead)


def _whom(told: Change) -> Markup | None:
    if not told.groups and not told.promise:
        return None
    moved = [*told.lost[:MOST_MOVED], *told.gained[:MOST_MOVED]]
    cards = [
        element("div", element("strong", SAID[one.said], class_=f"al-said-{one.said}"), element("p", shown(one.sentence, SENTENCE)), class_=f"al-whom al-whom-{one.said}") for one in moved
    ]
    whoms = element("div", *cards, class_="al-whoms") if cards else element("p", shown(told.groups_sentence, SENTENCE), class_="al-plain-line") if told.groups_sentence else None
    unit = {"money": f"{shown(told.unit, 12)} per {told.per:,.0f}", "wrong": f"wrong answers per {told.per:,.0f}", "error": "how far off the answers are"}.get(told.counted, "loss")
    return section(
        "Who gains, who loses", whoms, *_drawn(told, unit), lead=shown(told.promise, SENTENCE), count=len(moved) or None,
    )  # fmt: skip


def _drawn(told: Change, unit: str) -> list[Child]:
    groups = told.groups[:MOST_GROUPS]
    if not groups:
        return []
    whole = [told.whole] if told.whole is not None else []
    span = explain_charts.reach([*whole, *groups])
    kinds = [("al-swatch", shown(told.before, 40)), ("al-swatch al-swatch-open", f"{shown(told.after, 40)}, no difference shown")]
    kinds += [(f"al-swatch al-swatch-{name}", f"{shown(told.after, 40)}, {SAID[name]}") for name in ("gained", "lost") if any(one.said == name for one in groups)]
    legend = element("div", *(element("span", element("span", class_=class_, aria_hidden="true"), said) for class_, said in kinds), class_="al-legend")
    lead = element("p", f"{model_words.first_up(unit)}, group by group; less is better. Bars are 95 % intervals of a group by itself.", class_="al-more")
    drawn: list[Child] = [lead, legend]
    parts = [("", whole)] if whole else []
    parts += [(column, list(of)) for column, of in itertools.groupby(groups, key=lambda one: one.column)]
    hidden: list[Child] = []
    for place, (column, of) in enumerate(parts):
        head = element("h3", element("bdi", shown(column, NAME)), class_="al-group-head") if column else None
        axis = element("div", element("div", class_="al-group-name"), explain_charts.strip_axis(span, told.per), element("div"), class_="al-group al-group-axis")
        one_column = element("div", head, *(_group(one, told, span) for one in of), axis, class_="al-groups")
        (drawn if place <= MOST_OPEN else hidden).append(one_column)
    if hidden:
        names = ", ".join(shown(column, 40) for column, _ in parts[MOST_OPEN + 1 :])
        drawn.append(element("details", element("summary", f"By {names}"), *hidden, class_="al-details"))
    return drawn


def _group(one: Group, told: Change, span: tuple[float, float]) -> Markup:
    name = f"All {shown(told.rows_are, 24)}" if not one.column else shown(one.where.removeprefix(f"{one.column} is ").strip("'") or one.where, NAME)
    label = f"{one.where or name}: {one.rows:,} rows"
    said = f"{about(one.before.value * told.per)} → {about(one.after.value * told.per)}"
    verdict = element("span", said_of(one, told), class_=f"al-said-{one.said or 'open'}") if one.column else None
    return element(
        "div", element("div", name, element("small", words.counted(one.rows, "row")), class_="al-group-name"), explain_charts.group_strip(one, span, told.per, shown(label, 120)),
        element("div", said, " ", verdict, element("small", _signed(one.difference, told.per)), class_="al-group-said"), class_="al-group",
    )  # fmt: skip


def said_of(one: Group, told: Change) -> str:
    """What is said of a group by itself: only one that is named is better or worse off."""
    if one.said in SAID or not one.column:
        return SAID.get(one.said, "")
    clear = one.difference.low is not None and one.difference.high is not None and (one.difference.low > 0 or one.difference.high < 0)
    if not clear:
        return "no difference shown"
    return "part of the above, or chance" if told.lost or told.gained else "may be chance"


def _cases(told: Change) -> Markup | None:
    if not told.flips_sentence:
        return None
    parts: list[Child] = [element("p", shown(told.flips_sentence, SENTENCE), class_="al-plain-line")]
    if told.limit_sentence:
        parts.append(element("p", shown(told.limit_sentence, SENTENCE), class_="al-more"))
    regression = not any(one.truth for one in told.outcomes)
    for kind, heading in (("lost", "Were right, are wrong now"), ("gained", "Were wrong, are right now")):
        several = [one for one in told.cases if one.kind == kind][:MOST_CASES]
        if several:
            heading = {"lost": "Further from the truth now", "gained": "Closer to the truth now"}[kind] if regression else heading
            most = explain_charts.driver_reach([driver for one in several for driver in one.drivers])
            parts += [element("h3", heading, class_="al-cases-head"), element("div", *(_case(one, most, told.limit) for one in several), class_="al-cases")]
    lead = (
        "Typical cases, chosen so that each stands for as many others as possible. What moved an answer is found by putting in the case's values one by one in place of those of typical rows, "
        "in many orders; it says how the two versions differ, not why the world is so."
    )
    return section("Typical cases that flipped", *parts, count=told.changed or None, lead=lead)


def _case(one: CaseOf, most: float, limit: float | None) -> Markup:
    stands = f"stands for about {one.stands_for:,} of {one.of:,}" if one.stands_for and one.of else ""
    answers = [("before", one.before_answer), ("now", one.after_answer), ("true", one.truth)]
    chance = explain_charts.chance_strip(one, f"Chance of “{shown(one.followed, 40)}” for {shown(one.who, 60)}", limit) if one.followed else None
    points = 100.0 if 0 <= one.before <= 1 and 0 <= one.after <= 1 else 1.0
    drivers = [
        element(
            "li", element("div", element("strong", shown(driver.input, NAME)), f" {shown(driver.value, 60)}" if driver.value else "",
                          element("small", f"{_moved(driver.difference, points)}{'; usually ' + shown(driver.typical, 60) if driver.typical else ''}")),
            explain_charts.driver_strip(driver, most),
        )
        for driver in one.drivers
    ]  # fmt: skip
    return element(
        "div", element("div", element("strong", element("bdi", shown(one.who, NAME))), element("small", stands) if stands else None, class_="al-case-head"),
        element("dl", *(element("div", element("dt", name), element("dd", shown(said, 60))) for name, said in answers if said), class_="al-answers"), chance,
        element("p", shown(one.sentence, SENTENCE)), element("ul", *drivers, class_="al-drivers") if drivers else None, class_="al-case",
    )  # fmt: skip


def _moved(difference: float, points: float) -> str:
    amount = about(abs(difference) * points, 2)
    unit = " point" + ("" if amount == "1" else "s") if points == 100.0 else ""
    return f"{amount}{unit} {'up' if difference > 0 else 'down'} compared with before"


def _releases(told: Change) -> Markup | None:
    broad, narrow = (explain_charts.releases_chart(told, broad=one) for one in (True, False))
    if not broad:
        return None
    lead = "Each release on the same rows, with the interval its value would lie in for 95 of 100 such test sets. A strong line is a step that is more than chance; a dotted one may be chance."
    gone = element("p", f"Not asked: {', '.join(shown(one, 40) for one in told.left_out[:12])}.", class_="al-more") if told.left_out else None
    unit = f", {shown(told.metric_unit, 24)}" if told.metric_unit else ""
    head = element("p", f"{model_words.first_up(model_words.title(told.metric))}{unit}; {'higher' if told.higher_is_better else 'lower'} is better", class_="al-more")
    return section("Over the releases", element("div", head, broad, narrow, class_="al-groups"), element("p", shown(told.steps_sentence, SENTENCE), class_="al-plain-line"), gone, lead=lead)


def _rows(told: Change) -> Markup | None:
    """Where the rows of the test set are others than in the trial before."""
    if not told.mixed_sentence:
        return None
    rows = [
        element("tr", element("th", shown(one.name, NAME), scope="row"), *(element("td", said, class_="al-num") for said in (
            words.percent(one.before_share), words.percent(one.after_share), model_words.signed(one.mix * told.per, 2), model_words.signed(one.rate * told.per, 2))))
        for one in told.mixed[:12]
    ]  # fmt: skip
    header = [f"by {shown(told.mixed_column, 40)}", "share before", "share now", "because of the share", "because of the rows"]
    return section("The test set has other rows", table(header, rows, "What other rows change", right=header[1:]), lead=shown(told.mixed_sentence, SENTENCE))


def _made(told: Change) -> Markup | None:
    parts: list[Markup] = []
    if told.data_sentence:
        lots = [_lot(one, "came") for one in told.new_lots[:MOST_LOTS]] + [_lot(one, "went") for one in told.gone_lots[:MOST_LOTS]]
        header = ["data", "", "rows", "verdict", "what is said of it", "since"]
        parts.append(element("div", element("h3", "Data"), element("p", shown(told.data_sentence, SENTENCE)), table(header, lots, "Data that came or went", right=["rows"]) if lots else None))
    said = [shown(sentence, SENTENCE) for _, _, sentence in told.features[:MOST_FEATURES] if sentence]
    more = [element("li", f"and {len(told.features) - MOST_FEATURES:,} more; --json has them.")] if len(told.features) > MOST_FEATURES else []
    features = element("ul", *(element("li", one) for one in said), *more, class_="al-list") if said else element("p", "Both read the same columns in the same way.")
    parts.append(element("div", element("h3", "Columns"), features))
    if told.code_sentence:
        diffs = [element("details", element("summary", shown(file, NAME)), _diff(diff), class_="al-details") for file, diff in told.code[:10]]
        parts.append(element("div", element("h3", "Code"), element("p", shown(told.code_sentence, SENTENCE)), *diffs))
    if told.other:
        parts.append(element("div", element("h3", "Kind, parameters, packages"), element("ul", *(element("li", shown(one, SENTENCE)) for one in told.other[:MOST_FEATURES]), class_="al-list")))
    return section("What was changed in it", element("div", *parts, class_="al-made"))


def _lot(one: LotOf, what: str) -> Markup:
    tags = "; ".join(shown(tag, 200) for tag in one.tags[:3]) or "-"
    cells = [what, f"{one.rows:,}", shown(one.verdict, 12) or "-", tags, moment(one.at) if one.at else "-"]
    name = element("th", f"{shown(one.flow, 60)} lot {shown(one.lot, 12)}", scope="row")
    return element("tr", name, *(element("td", said, class_="al-num" if place == 1 else None) for place, said in enumerate(cells)))


def _diff(text: str) -> Markup:
    lines = text.splitlines()[:MOST_LINES]
    classes = ["al-diff-in" if one.startswith("+") else "al-diff-out" if one.startswith("-") else None for one in lines]
    drawn = [element("span", shown(one, 300), class_=class_) for one, class_ in zip(lines, classes, strict=True)]
    return element("code", *drawn, class_="al-diff", tabindex="0", role="region", aria_label="What changed in the code")


def _importance(told: Change) -> Markup | None:
    if not told.columns:
        return None
    warned = [element("p", shown(one, SENTENCE), class_="al-warning") for one in told.warnings[:MOST_COLUMNS]]
    if told.stability is not None and told.stability < 0.7:
        warned.append(element("p", "The order of importance changes from sample to sample: do not tell it as a reason.", class_="al-warning"))
    chart = explain_charts.importance_chart(told.columns)
    listed = element("ul", *(element("li", shown(one, SENTENCE)) for one in told.importance_is), class_="al-list")
    rows = [
        element(
            "tr", element("td", f"{place + 1}", class_="al-num"), element("th", element("bdi", shown(one.column, NAME)), scope="row"), element("td", words.percent(one.share), class_="al-num"),
            element("td", "-" if one.before_share is None else words.percent(one.before_share), class_="al-num"), element("td", words.percent(one.association), class_="al-num"),
            element("td", shown(one.sentence, SENTENCE) or shown(one.kind, 60)),
        )
        for place, one in enumerate(told.columns[:MOST_COLUMNS])
    ]  # fmt: skip
    header = ["", "column", "leans on it", "before", "says by itself", ""]
    return section(
        "What importance is, and is not", *warned, element("div", chart or None, listed, class_="al-two"),
        table(header, rows, "Importance and association", right=["leans on it", "before", "says by itself"]),
        lead="Where the two axes disagree, a column is marked: it is a warning to whoever would take importance for a cause.",
    )  # fmt: skip


def _figures(told: Change) -> Markup | None:
    if not told.metrics and not told.notes:
        return None
    rows = [
        element("tr", element("th", model_words.title(one.name), scope="row"), *(element("td", said, class_="al-num") for said in _metric(one)), element("td", shown(one.said, 40)))
        for one in told.metrics
    ]
    header = ["", "before", "after", "difference", ""]
    pairs: list[tuple[str, Child]] = [("test set", f"{shown(told.test_set, 60)}, {words.counted(told.rows, 'row')}{f', {told.unlabelled:,} without a label' if told.unlabelled else ''}")]
    if told.asked_again:
        pairs.append(("asked again", f"{', '.join(shown(one, 40) for one in told.asked_again)}: nothing was kept of these rows"))
    if told.more_rows:
        pairs.append(("to know more", f"label {told.more_rows:,} more rows"))
    notes = element("ul", *(element("li", shown(one, SENTENCE)) for one in told.notes[:20]), class_="al-list") if told.notes else None
    return section("The figures", table(header, rows, "Metrics before and after", right=header[1:4]) if rows else None, facts(pairs), notes)


def _metric(one: Metric) -> list[str]:
    ends = []
    for of in (one.before, one.after):
        bounds = f" ({model_words.between(of.low, of.high)})" if of.low is not None and of.high is not None else ""
        ends.append(f"{model_words.valued(of.value, one.name, one.unit)}{bounds}")
    if one.difference is None:
        return [*ends, "-"]
    times, unit = (100.0, " points") if one.name in model_words.SHARES else (1.0, "")
    return [*ends, f"{_signed(one.difference, times)}{unit}"]


def _next(told: Change) -> Markup | None:
    if not told.model:
        return None
    both = [shown(one.rpartition(" ")[2], 12) for one in (told.before, told.after)]
    model = shown(told.model, 60)
    offers = [
        (f"assay explain {model} {both[0]} {both[1]} --note before", "a short note for its users"), (f"assay model show {model}:{both[1]} --html model.html", "everything about the new version"),
    ]  # fmt: skip
    contact = element("p", f"Questions: {shown(told.contact, 80)}", class_="al-more") if told.contact else None
    return section("Next", element("ul", *(element("li", command(said), element("span", what)) for said, what in offers), class_="al-next"), contact)
