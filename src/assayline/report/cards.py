"""The parts of a report as HTML: verdict, findings as cards, columns, how it was read.

The page and the notebook put the same parts together. There is no script, no link and no style attribute: everything
that looks is a class of `report.css`, everything that opens is a <details>.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core import Cell, ColumnFacts, Finding, Report, Verdict
from . import words
from .markup import NOTHING, Child, Markup, element, joined
from .pictures import svg_picture
from .visible import shown, visible

# Bounds on the size of a page, whatever the table: a browser stays quick below some thousand elements. Past these, entries
# become one line each, and past those, a count.
CARDS = 60
LINES = 500
COLUMN_CARDS = 120
COLUMN_LINES = 1200
COLUMN_LINE_CHARACTERS = 60
MOST_EXAMPLES = 5
MOST_FACTS = 8
MOST_SUMMARY = 5
MOST_DETAILS = 30

NAME = 80
VALUE = 160
SENTENCE = 1200
PATH = 240


def verdict_badge(verdict: Verdict) -> Markup:
    """Symbol and word on the verdict's colour."""
    said = words.VERDICTS[verdict]
    return element(
        "span", element("span", said.symbol, class_="al-badge-symbol", aria_hidden="true"), str(verdict), class_=f"al-badge al-v-{verdict}"
    )


def head(report: Report, *, heading: str = "h1") -> Markup:
    """The first thing to read: what, verdict, what there is to do, in how much data."""
    said = words.VERDICTS[report.verdict]
    seconds = words.total_seconds(report)
    facts = [words.size(report.input.bytes), shown(report.input.format, 30), words.duration(seconds) if seconds is not None else ""]
    return element(
        "header",
        element("div", verdict_badge(report.verdict), element("span", said.line, class_="al-verdict-line"), class_="al-verdict"),
        element(heading, value(report.input.path, PATH), class_="al-path"),
        element("p", words.summary(report) + ".", class_="al-summary"),
        element("p", said.meaning, class_="al-lead"),
        element("p", joined(*_dotted([words.against(report), *(fact for fact in facts if fact)])), class_="al-meta"),
        class_="al-head",
    )


def findings(report: Report, *, cards: int = CARDS, level: int = 2) -> Markup:
    """All findings, worst first: cards for the first ones, one line each for the others."""
    ordered = words.worst_first(report.findings)
    if not ordered:
        return element("section", element("p", _nothing(report), class_="al-empty"), class_="al-section", aria_label="Findings")
    parts = []
    for rank in words.RANKS:
        of_rank = [(place, finding) for place, finding in enumerate(ordered) if words.rank(finding) == rank]
        if not of_rank:
            continue
        heading = element(f"h{level}", words.RANK_TITLES[rank], " ", element("span", f"{len(of_rank):,}", class_="al-count"), class_="al-h")
        shown_as_cards = [finding for place, finding in of_rank if place < cards]
        others = [finding for place, finding in of_rank if cards <= place < cards + LINES]
        left_out = len(of_rank) - len(shown_as_cards) - len(others)
        draw = note if rank == "note" else card
        parts.append(
            element(
                "section",
                heading,
                element("div", *(draw(finding, level + 1) for finding in shown_as_cards), class_=f"al-cards al-cards-{rank}")
                if shown_as_cards
                else None,
                _lines(others, level) if others else None,
                element("p", f"and {left_out:,} more; --json lists all of them.", class_="al-more") if left_out else None,
                class_="al-section",
                aria_label=words.RANK_TITLES[rank],
            )
        )
    return joined(*parts)


def card(finding: Finding, level: int = 3) -> Markup:
    """One finding: the sentence, the numbers compared, the picture, example rows, what to do."""
    rank = words.rank(finding)
    picture = svg_picture(finding.picture, label=f"Picture: {words.title(finding)}")
    story = element(
        "div",
        element("p", shown(finding.sentence, SENTENCE), class_="al-sentence"),
        _compared(finding),
        class_="al-story",
    )
    return element(
        "article",
        element(
            "header",
            element(f"h{level}", words.title(finding), class_="al-title"),
            _names(finding.columns),
            element("span", f"only {shown(finding.where, NAME)}", class_="al-where") if finding.where else None,
            element("span", words.counted(finding.rows, "row"), class_="al-rows") if finding.rows else None,
            class_="al-card-head",
        ),
        element(
            "div",
            story,
            element("div", picture, class_="al-figure") if picture else None,
            class_="al-body" + (" al-with-figure" if picture else ""),
        ),
        _examples(finding),
        element(
            "p", element("span", "→", class_="al-arrow", aria_hidden="true"), shown(words.suggestion(finding), SENTENCE), class_="al-do"
        )
        if finding.suggestion
        else None,
        _more(finding),
        class_=f"al-card al-{rank}",
    )


def note(finding: Finding, level: int = 3) -> Markup:
    """A finding that asks for nothing: two lines."""
    return element(
        "article",
        element("header", element(f"h{level}", words.title(finding), class_="al-title"), _names(finding.columns), class_="al-card-head"),
        element("p", shown(finding.sentence, SENTENCE), class_="al-sentence"),
        element(
            "p", element("span", "→", class_="al-arrow", aria_hidden="true"), shown(words.suggestion(finding), SENTENCE), class_="al-do"
        )
        if finding.suggestion
        else None,
        class_="al-card al-note",
    )


def columns(report: Report, *, cards: int = COLUMN_CARDS, level: int = 2) -> Markup:
    """What each column is, with a small picture of its values."""
    facts = report.columns
    if not facts:
        return NOTHING
    accused: dict[str, tuple[int, str]] = {}
    for finding in words.worst_first(report.findings):
        for name in dict.fromkeys(finding.columns):
            count, rank = accused.get(name, (0, words.rank(finding)))
            if words.rank(finding) != "note":
                accused[name] = (count + 1, rank)
    others = facts[cards : cards + COLUMN_LINES]
    left_out = len(facts) - cards - len(others)
    return element(
        "section",
        element(f"h{level}", "Columns ", element("span", f"{len(facts):,}", class_="al-count"), class_="al-h"),
        element("div", *(_column(column, accused.get(column.name), level + 1) for column in facts[:cards]), class_="al-columns"),
        _column_lines(others) if others else None,
        element("p", f"and {left_out:,} more columns; --json lists all of them.", class_="al-more") if left_out > 0 else None,
        class_="al-section",
        aria_label="Columns",
    )


def reading(report: Report, *, level: int = 2) -> Markup:
    """How the input was read, and how long each part took."""
    pairs: list[tuple[str, Child]] = [
        ("Input", value(report.input.path, PATH)),
        ("Rows", f"{report.input.rows:,}"),
        ("Columns", f"{report.input.columns:,}"),
    ]
    if report.input.bytes:
        pairs.append(("Size", f"{words.size(report.input.bytes)} ({words.counted(report.input.bytes, 'byte')})"))
    pairs.append(("Format", shown(report.input.format, 40)))
    for name, detail in list(report.input.details.items())[:MOST_DETAILS]:
        pairs.append((shown(str(name), 40).capitalize(), value(str(detail), VALUE)))
    if report.input.digest:
        pairs.append(("Digest", element("code", shown(report.input.digest, PATH), class_="al-digest")))
    pairs.append(
        (
            "Compared with",
            words.counted(report.past_lots, "earlier lot") if report.past_lots else "nothing earlier",
        )
    )
    if report.seconds:
        said = ", ".join(f"{shown(str(name), 20)} {words.duration(float(seconds))}" for name, seconds in list(report.seconds.items())[:12])
        pairs.append(("Time", said))
    return element(
        "section", element(f"h{level}", "How it was read", class_="al-h"), _pairs(pairs, "al-reading"), class_="al-section al-half"
    )


def scale(report: Report, *, level: int = 2) -> Markup:
    """The five verdicts, with the one given, so that the word explains itself."""
    steps = []
    for verdict, said in words.VERDICTS.items():
        given = verdict == report.verdict
        steps.append(
            element(
                "li",
                element("span", said.symbol, class_=f"al-step-symbol al-v-{verdict}", aria_hidden="true"),
                element("span", element("strong", str(verdict)), element("span", said.meaning), class_="al-step-words"),
                class_="al-step al-step-given" if given else "al-step",
                aria_current="true" if given else None,
            )
        )
    rows = "Rows are counted from 0, the header not counted, as in --cells and --json."
    return element(
        "section",
        element(f"h{level}", "What the verdict means", class_="al-h"),
        element("ol", *steps, class_="al-scale"),
        element("p", rows, class_="al-more"),
        class_="al-section al-half",
    )


def value(text: str, most: int = VALUE, *, class_: str | None = None) -> Markup:
    """A foreign text set apart in its own reading direction."""
    return element("bdi", shown(text, most), class_=class_)


def _nothing(report: Report) -> str:
    if report.verdict == Verdict.RELEASE:
        return "Nothing was found in this data that is wrong or worth a note."
    return "There are no findings to list."


def _dotted(parts: Sequence[str]) -> list[Child]:
    return [element("span", part) for part in parts]


def _names(names: Sequence[str]) -> Markup:
    said = [element("code", value(name, NAME), class_="al-name") for name in names[:4]]
    more = element("span", f"and {len(names) - 4:,} more", class_="al-where") if len(names) > 4 else None
    return element("span", *said, more, class_="al-names") if names else NOTHING


def _compared(finding: Finding) -> Markup:
    """The two numbers, large; the first facts that have a usual value."""
    pairs = [fact for fact in words.facts(finding.evidence) if fact.usual is not None][:2]
    boxes = [
        element(
            "div",
            element("dt", shown(fact.label, 40)),
            element("dd", element("strong", shown(fact.value, 24)), element("span", f"usual {shown(fact.usual or '', 24)}")),
            class_="al-pair",
        )
        for fact in pairs
    ]
    return element("dl", *boxes, class_="al-compared") if boxes else NOTHING


def _examples(finding: Finding) -> Markup:
    cells = finding.examples[:MOST_EXAMPLES]
    if not cells:
        return NOTHING
    several = len({cell.column for cell in cells}) > 1
    suggested = any(cell.suggestion is not None for cell in cells)
    titles = ["row", *(["column"] if several else []), "value", *(["should be"] if suggested else [])]
    rows = []
    for cell in cells:
        bad, good = _difference(cell)
        rows.append(
            element(
                "tr",
                element("th", f"{cell.row:,}", scope="row", class_="al-num"),
                element("td", "whole row" if cell.column == "*" else value(cell.column, NAME)) if several else None,
                element("td", bad, class_="al-cell-bad"),
                element("td", good, class_="al-cell-good") if suggested else None,
            )
        )
    header = element("tr", *(element("th", one, scope="col", class_="al-num" if one == "row" else None) for one in titles))
    return element(
        "div",
        element(
            "table",
            element("caption", "Example rows", class_="al-unseen"),
            element("thead", header),
            element("tbody", *rows),
            class_="al-table",
        ),
        class_="al-scroll",
        role="group",
        aria_label="Example rows",
        tabindex="0",
    )


def _difference(cell: Cell) -> tuple[Markup, Markup]:
    """The value and what it should be, with the part that differs set off."""
    if not cell.value:
        bad = element("em", "whole row" if cell.column == "*" and cell.value is None else "empty")
        return bad, _suggested(cell.suggestion)
    if not cell.suggestion:
        return element("bdi", element("mark", shown(cell.value, VALUE, blanks=True))), _suggested(cell.suggestion)
    start = words.difference(cell.value, cell.suggestion)
    old, new = words.compared(*(_near(text, start) for text in (cell.value, cell.suggestion)))
    return element("bdi", *_marked(old)), element("bdi", *_marked(new))


def _near(text: str, place: int) -> str:
    """A long text where it begins to differ; a cut in its middle might hide just that."""
    if len(text) <= VALUE:
        return text
    first = max(min(place - VALUE // 3, len(text) - VALUE), 0)
    return ("…" if first else "") + text[first : first + VALUE] + ("…" if first + VALUE < len(text) else "")


def _marked(pieces: words.Pieces) -> list[Child]:
    marked: list[Child] = []
    for number, (piece, differs) in enumerate(pieces):
        # Blanks that differ, or stand at an end of the value, are what a reader has to see.
        body = piece.strip(" ")
        first, last = differs or number == 0, differs or number == len(pieces) - 1
        left = piece[: len(piece) - len(piece.lstrip(" "))] if body else piece
        right = piece[len(left) + len(body) :]
        said = (
            (left.replace(" ", "␣") if first or (last and not body) else left)
            + visible(body)
            + (right.replace(" ", "␣") if last else right)
        )
        marked.append(element("mark", said) if differs else said)
    return marked


def _suggested(suggestion: str | None) -> Markup:
    if suggestion is None:
        return element("em", "not known")
    return element("em", "empty") if suggestion == "" else element("bdi", shown(suggestion, VALUE, blanks=True))


def _more(finding: Finding) -> Markup:
    """What a curious reader wants: all numbers, the layer, the code."""
    pairs: list[tuple[str, Child]] = []
    for fact in words.facts(finding.evidence)[:MOST_FACTS]:
        usual = f", usual {shown(fact.usual, 60)}" if fact.usual is not None else ""
        pairs.append((shown(fact.label, 60), f"{shown(fact.value, 60)}{usual}"))
    means = words.meaning(finding)
    pairs += [
        ("how it was found", words.LAYER_TITLES[finding.layer]),
        ("severity", f"{finding.severity:.2f} of 1"),
        ("code", element("code", shown(finding.code, NAME))),
    ]
    return element(
        "details",
        element("summary", "Details"),
        element("p", means[:1].upper() + means[1:] + ".", class_="al-means") if means else None,
        _pairs(pairs, "al-facts"),
        class_="al-details",
    )


def _pairs(pairs: Sequence[tuple[str, Child]], class_: str) -> Markup:
    return element("dl", *(element("div", element("dt", name), element("dd", said)) for name, said in pairs), class_=class_)


def _lines(others: Sequence[Finding], level: int) -> Markup:
    rows = [
        element(
            "tr",
            element("th", words.title(finding), scope="row"),
            element("td", _names(finding.columns[:2])),
            element("td", shown(finding.sentence, 240)),
        )
        for finding in others
    ]
    header = element("tr", *(element("th", one, scope="col") for one in ("finding", "columns", "what was seen")))
    return element(
        "details",
        element("summary", f"{len(others):,} more in short"),
        element("div", element("table", element("thead", header), element("tbody", *rows), class_="al-table al-wide"), class_="al-scroll"),
        class_="al-details al-rest",
    )


def _column(column: ColumnFacts, accused: tuple[int, str] | None, level: int) -> Markup:
    kind = shown(column.kind, 20)
    meaning = element("span", shown(column.meaning, 24), class_="al-tag al-tag-meaning") if column.meaning else None
    flag = None
    if accused:
        count, rank = accused
        flag = element("span", words.counted(count, "finding"), class_=f"al-flag al-flag-{rank}")
    facts: list[tuple[str, Child]] = [("missing", words.percent(column.null_share)), ("distinct", words.number(column.distinct))]
    facts += [(shown(str(name), 24), value(str(said), 48)) for name, said in list(column.summary.items())[:MOST_SUMMARY]]
    picture = svg_picture(column.picture, label=f"Values of {shown(column.name, NAME)}", small=True)
    return element(
        "article",
        element("header", element(f"h{level}", value(column.name, NAME), class_="al-column-name"), flag, class_="al-column-head"),
        element("p", element("span", kind, class_="al-tag"), meaning, class_="al-tags"),
        _missing_bar(column.null_share),
        element("div", picture, class_="al-figure") if picture else None,
        _pairs(facts, "al-column-facts"),
        class_="al-column",
    )


def _missing_bar(share: float) -> Markup:
    share = min(max(share, 0.0), 1.0) if share == share else 0.0
    filled = 100 * (1 - share)
    missing = element("rect", x=filled, y=0, width=max(100 - filled, 1.0), height=4, class_="al-missing") if share > 0 else None
    said = f"{words.percent(share)} missing"
    return element(
        "svg", element("title", said), element("rect", x=0, y=0, width=100, height=4, class_="al-present"), missing,
        class_="al-bar", role="img", aria_label=said, view_box="0 0 100 4", preserveAspectRatio="none", focusable="false",
    )  # fmt: skip


def _column_lines(facts: Sequence[ColumnFacts]) -> Markup:
    rows = [
        element(
            "tr",
            element("th", value(column.name, COLUMN_LINE_CHARACTERS), scope="row"),
            element("td", shown(column.kind, 20)),
            element("td", words.percent(column.null_share), class_="al-num"),
            element("td", words.number(column.distinct), class_="al-num"),
        )
        for column in facts
    ]
    titles = (("name", None), ("kind", None), ("missing", "al-num"), ("distinct", "al-num"))
    header = element("tr", *(element("th", one, scope="col", class_=class_) for one, class_ in titles))
    return element(
        "details",
        element("summary", f"{len(facts):,} more columns in short"),
        element("div", element("table", element("thead", header), element("tbody", *rows), class_="al-table"), class_="al-scroll"),
        class_="al-details al-rest",
    )
