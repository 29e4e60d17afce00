"""The hand-over card of a model: what the next owner has to know, as Markdown and as a page.

The card is put together once, as plain sections; the two forms only write them down.

>>> print(model_card({"model": "churn", "version": "churn:v8", "limits": ["Not for *new* customers"]}).splitlines()[0])
# Model card: churn v8
>>> escaped_markdown("*bold* <b> [x](https://example.org)")
'\\\\*bold\\\\* &lt;b&gt; \\\\[x\\\\](https\\\\://example.org)'
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core import Verdict
from . import cards, handover_card, model_words, words
from .card_blocks import Block, Command, Facts, Listed, Section, Table
from .handover_facts import Handover, handover_of
from .html import document, style_sheet
from .lots import moment
from .markup import Child, Markup, element
from .model_facts import Model, OnSet, mapping, model_of, texts
from .model_page import table
from .visible import shown

MOST_ROWS = 40
MOST_RELEASES = 20
MOST_SENTENCES = 12
MOST_FEATURES = 12
SENTENCE = 600
COMMAND = 4_000  # a command that is cut is none
DIGEST = "Digest: "
NAME = 80


def model_card(document_of: Mapping[str, Any]) -> str:
    """The document of `assay card VERSION --json` as a card in Markdown; its last line has the digest of all above it.

    One of `assay model show --json` gives a card too, without the sections about the model at work.
    """
    told, at_work = model_of(document_of), handover_of(mapping(document_of.get("handover")))
    return _ended(_written(told, at_work), told)


def _written(told: Model, at_work: Handover) -> str:
    parts = [f"# Model card: {escaped_markdown(shown(told.title, NAME))}", f"**{escaped_markdown(model_words.headline(told))}**"]
    for section in sections(told, at_work):
        parts.append(f"## {escaped_markdown(section.title)}")
        parts += [_markdown(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _ended(written: str, told: Model) -> str:
    return f"{written}\n---\n\n{escaped_markdown(_made_from(told))} {DIGEST}{_digest(written)}\n"


def _made_from(told: Model) -> str:
    again = f" with assay card {told.version}" if told.version else ""
    return f"Made from the ledger{again}; --check FILE says whether this file is still current."


def _digest(written: str) -> str:
    return "sha256:" + hashlib.sha256(written.encode("utf-8", "backslashreplace")).hexdigest()


def model_card_html(document_of: Mapping[str, Any]) -> str:
    """The same card as one HTML page; its last line has the digest of the card in Markdown."""
    told, at_work = model_of(document_of), handover_of(mapping(document_of.get("handover")))
    verdict = told.judged
    line = element("span", model_words.VERDICTS[verdict][0], class_="al-verdict-line") if verdict is not None else None
    badge = element("div", cards.verdict_badge(verdict), line, class_="al-verdict") if verdict is not None else None
    body = element(
        "body",
        element("div", element("span", "Assayline", class_="al-brand"), element("span", "model card"), class_="al-top"),
        element(
            "header", badge, element("h1", "Model card: ", element("bdi", shown(told.title, NAME)), class_="al-path"), element("p", model_words.headline(told), class_="al-summary"),
            class_="al-head",
        ),
        element("main", *(element("section", element("h2", one.title, class_="al-h"), *map(_html, one.blocks), class_="al-section") for one in sections(told, at_work)), class_="al-prose"),
        element("footer", element("p", _made_from(told)), element("p", f"{DIGEST}{_digest(_written(told, at_work))}"), class_="al-foot"),
        class_="al al-page al-card-page",
    )  # fmt: skip
    return document(f"Model card {shown(told.title, 120)}", body, style_sheet("flow.css", "model.css"))


def sections(told: Model, at_work: Handover) -> tuple[Section, ...]:
    """The card: purpose, where it is in service, quality, limits, what to do when something is wrong, data, how to train it again, history, people."""
    return tuple(
        Section(title, kept)
        for title, blocks in (
            ("What it is for", _purpose(told)), ("Where it is in service", handover_card.service(at_work)), ("How good it is", _quality(told)),
            ("Where it is worse, and what else was tried", _trials(told)), ("Limits", _limits(told)), ("Open points", _open(told)), ("What to watch", handover_card.watching(at_work)),
            ("What happens when it fails", handover_card.failing(at_work)), ("How to find a cause", handover_card.steps(at_work.cause)),
            ("How to go back", handover_card.steps(at_work.back)), ("What it was trained on", _data(told, at_work)), ("What it looks at", _importance(told)),
            ("How to train it again", _retrain(told, at_work)), ("History", _history(told)), ("Who answers", _people(told, at_work)),
        )
        if (kept := tuple(block for block in blocks if block))
    )  # fmt: skip


def _purpose(told: Model) -> Iterable[Block]:
    purpose, task = told.told("purpose"), told.told("task")
    yield purpose or "Nobody has written down what it is for."
    answers = model_words.TASKS.get(task, task)
    classes = ", ".join(texts(told.about.get("classes"))[:12])
    key = ", ".join(texts(told.about.get("key")))
    pairs = (
        ("Version", told.version), ("State", model_words.state(told)), ("Predicts", told.told("target")),
        ("Answers", f"{answers}: {classes}" if classes and answers else answers or classes), ("For each", key), ("Time column", told.told("time")),
        ("Ahead", told.told("horizon")), ("Kind", told.told("kind")), ("Prices of errors", model_words.costs(told)), ("Digest", told.told("digest")),
    )  # fmt: skip
    yield _facts(pairs)


def _facts(pairs: Iterable[tuple[str, str]]) -> Block:
    known = tuple((name, said) for name, said in pairs if said)
    return Facts(known) if known else ""


def _quality(told: Model) -> Iterable[Block]:
    if not told.trial.sets:
        yield "It has not been tried on a test set."
        return
    rows = []
    for of in told.trial.sets[:MOST_ROWS]:
        score = model_words.deciding_score(of)
        metric = model_words.title(score.metric) if score is not None else ""
        rows.append((of.name, f"{of.rows:,}", metric, model_words.valued(score.value, score.metric, score.unit) if score is not None else "-", _against(of, "champion"), _against(of, "baseline")))
    yield Table(("test set", "rows", "metric", "value", "against the champion", "against simple answers"), tuple(rows), right=(1, 3))
    named = dict.fromkeys(score.metric for of in told.trial.sets for score in of.scores[:1] if score.metric in model_words.METRICS)
    yield " ".join(f"{model_words.first_up(model_words.title(metric))}: {model_words.METRICS[metric].says}." for metric in named)
    said = dict.fromkeys(one.sentence for of in told.trial.sets for one in of.against("champion") if one.sentence)
    yield Listed(tuple(said)[:MOST_SENTENCES]) if said else ""


def _against(of: OnSet, role: str) -> str:
    found = of.against(role)
    if not found:
        return "-"
    if role == "champion":
        return f"{model_words.outcome(found[0])}: {model_words.difference(found[0])}"
    return "; ".join(f"{one.versus} {model_words.outcome(one)}" for one in found[:6])


def _trials(told: Model) -> Iterable[Block]:
    several = len(told.trial.sets) > 1
    for family, (title, _) in model_words.ASPECTS.items():
        for of in told.trial.sets:
            said = [one.sentence for one in of.aspects.get(family, ()) if family != "importance" and one.sentence]
            if said:
                more = [f"and {len(said) - MOST_SENTENCES:,} more."] if len(said) > MOST_SENTENCES else []
                yield f"{title}{', on ' + of.name if several else ''}:"
                yield Listed((*said[:MOST_SENTENCES], *more))
    suite = told.trial.suite
    if suite:
        failed = [one for one in suite if not one.passed]
        yield f"Tests of the owner: {len(suite) - len(failed):,} of {len(suite):,} passed."
        yield Listed(tuple(f"{one.name}: {one.outcome}{', ' + one.said if one.said else ''}" for one in failed[:MOST_SENTENCES])) if failed else ""


def _limits(told: Model) -> Iterable[Block]:
    leaks = [sentence or f"{column} was left out: {reason}." for column, reason, sentence in told.trained.leaks]
    yield Listed((*told.limits, *leaks)[:MOST_ROWS]) if told.limits or leaks else "Nobody has written down where it should not be used."


def _open(told: Model) -> Iterable[Block]:
    found = told.trial.findings
    said = [f"{words.title(one)}: {one.sentence}{' ' + words.suggestion(one) if one.suggestion else ''}" for one in found]
    more = [f"and {len(said) - MOST_ROWS:,} more."] if len(said) > MOST_ROWS else []
    yield Listed((*said[:MOST_ROWS], *more)) if said else "Nothing is open." if told.trial.sets else ""
    one = told.signed
    if one is not None:
        until = f", valid until {model_words.day(one.until)}" if one.until else ""
        signed = f"{one.author or 'Somebody'} signed for it{' on ' + model_words.day(one.at) if one.at else ''}{until}{': ' + one.reason if one.reason else ''}."
        yield f"No longer valid: {one.expired} {signed}" if one.expired else signed


def _data(told: Model, at_work: Handover) -> Iterable[Block]:
    if told.trained.rows:
        yield f"Trained on {words.counted(told.trained.rows, 'row')}."
    rows = [(one.flow, one.lot, f"{one.rows:,}", _verdict(one.verdict), moment(one.at)) for one in told.data[:MOST_ROWS]]
    yield Table(("flow", "lot", "rows", "verdict", "came"), tuple(rows), right=(1, 2)) if rows else ""
    tags = [
        f"{'tag' if one.level is None else one.level}: {one.reason}{' (from ' + one.origin + ')' if one.origin else ''}{', until ' + model_words.day(one.until) if one.until else ''}"
        for one in told.tags[:MOST_ROWS]
    ]
    yield "The data carries these tags; the version is no better than they are:" if tags else ""
    yield Listed(tuple(tags)) if tags else ""
    if told.trained.notes:
        yield "What had to be done with the table:"
        yield Listed(told.trained.notes[:MOST_ROWS])
    yield from handover_card.sources(at_work)


def _verdict(verdict: Verdict | None) -> str:
    return "-" if verdict is None else str(verdict)


def _importance(told: Model) -> Iterable[Block]:
    tried = [(one.sentence, one.amount) for of in told.trial.sets for one in of.aspects.get("importance", ()) if "feature" in one.given and one.amount is not None]
    shares = [one for one in tried or told.trained.importance if one[1] > 0]
    if not shares:
        return
    yield Table(("column", "share of the weight"), tuple((name, words.percent(share)) for name, share in shares[:MOST_FEATURES]), right=(1,))
    yield model_words.IMPORTANCE


def _retrain(told: Model, at_work: Handover) -> Iterable[Block]:
    one = told.trained
    if at_work.retrain:
        yield "In the folder of the project, with the packages below installed (pip install 'assayline[models]')."
        yield from handover_card.steps(at_work.retrain)
    elif told.retrain:
        yield Command(told.retrain)
    if one.seconds is not None:
        yield f"It took {words.duration(one.seconds)}{f' of a budget of {words.duration(one.budget_seconds)}' if one.budget_seconds is not None else ''}."
    if one.choice or one.reason:
        yield " ".join(part for part in (f"Chosen: {one.choice}." if one.choice else "", one.reason) if part)
    yield one.curve_says
    yield _facts([*told.environment[:MOST_ROWS], ("code", told.told("code")), ("made from", ", ".join(texts(told.about.get("parents"))[:8]))])


def _history(told: Model) -> Iterable[Block]:
    if not told.history:
        return
    names = list(dict.fromkeys([*(of.name for of in told.trial.sets), *(of.name for release in reversed(told.history) for of in release.sets)]))[:3]
    rows = []
    for release in reversed(told.history[-MOST_RELEASES:]):
        scores = {of.name: score for of in release.sets if (score := model_words.deciding_score(of)) is not None}
        values = [model_words.valued(scores[name].value, scores[name].metric, scores[name].unit) if name in scores else "-" for name in names]
        rows.append((release.version, model_words.day(release.at), _verdict(release.verdict), release.state, *values))
    yield Table(("version", "when", "verdict", "state", *names), tuple(rows), right=tuple(range(4, 4 + len(names))))
    changed = [f"{name} has other rows since {versions[0]}: scores before and after cannot be compared." for name in names if (versions := model_words.changed_digests(told.history, name)[-1:])]
    yield Listed(tuple(changed)) if changed else ""
    if len(told.history) > MOST_RELEASES:
        yield f"and {len(told.history) - MOST_RELEASES:,} earlier versions."


def _people(told: Model, at_work: Handover) -> Iterable[Block]:
    contacts = [one for one in told.contacts[:12] if one not in dict(at_work.people)]
    yield _facts([("Owner", told.told("owner")), ("Contacts", ", ".join(contacts)), ("Version before, in its trial", told.champion)])
    yield from handover_card.people(at_work)


# Markdown.

# What Markdown reads as a mark wherever it stands; "<" and "&" become entities below.
_MARKS = re.compile(r"([\\`*_\[\]|~$])")
_FIRST = re.compile(r"^(\s*)([#+\-=]|\d{1,9}(?=[.)](?: |$)))")
_ADDRESS = re.compile(r"(?i)(https?|ftp|mailto|xmpp)(:)|(www)(\.)")


def escaped_markdown(foreign: str, *, first: bool = True) -> str:
    """A text that Markdown shows as it is: no mark, no tag, no address that becomes a link.

    Args:
        foreign: any text.
        first: whether it begins a line, where more is read as a mark.
    """
    said = shown(foreign, 4 * SENTENCE)
    said = _MARKS.sub(r"\\\1", said)
    said = _ADDRESS.sub(lambda found: f"{found[1] or found[3]}\\{found[2] or found[4]}", said)
    said = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not first:
        return said
    return _FIRST.sub(lambda found: f"{found[1]}\\{found[2]}" if not found[2].isdigit() else f"{found[1]}{found[2]}\\", said)


def _markdown(block: Block) -> str:
    if isinstance(block, str):
        return escaped_markdown(block)
    if isinstance(block, Facts):
        return "\n".join(f"- **{escaped_markdown(shown(name, NAME), first=False)}**: {escaped_markdown(shown(said, SENTENCE), first=False)}" for name, said in block.pairs)
    if isinstance(block, Listed):
        return "\n".join(f"- {escaped_markdown(shown(one, SENTENCE))}" for one in block.sentences)
    if isinstance(block, Command):
        said = "\n$ ".join(shown(line, COMMAND) for line in block.said.split("\n"))
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", said)), default=0))
        return f"{fence}console\n$ {said}\n{fence}"
    rows = [[escaped_markdown(shown(entry, 160), first=False) for entry in row] for row in (block.header, *block.rows)]
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(block.header))]
    lines = ["| " + " | ".join(entry.rjust(wide) if place in block.right else entry.ljust(wide) for place, (entry, wide) in enumerate(zip(row, widths, strict=True))) + " |" for row in rows]
    ruler = "|" + "|".join("-" * (wide + 1) + ":" if place in block.right else "-" * (wide + 2) for place, wide in enumerate(widths)) + "|"
    return "\n".join([lines[0], ruler, *lines[1:]])


# HTML.


def _html(block: Block) -> Markup:
    if isinstance(block, str):
        return element("p", shown(block, 4 * SENTENCE))
    if isinstance(block, Facts):
        pairs: Sequence[tuple[str, Child]] = [(shown(name, NAME), element("bdi", shown(said, SENTENCE))) for name, said in block.pairs]
        return element("dl", *(element("div", element("dt", name), element("dd", said)) for name, said in pairs), class_="al-reading")
    if isinstance(block, Listed):
        return element("ul", *(element("li", shown(one, SENTENCE)) for one in block.sentences), class_="al-list")
    if isinstance(block, Command):
        return element("p", *(element("code", shown(line, COMMAND), class_="al-command") for line in block.said.split("\n")), class_="al-commands")
    header = [shown(one, NAME) for one in block.header]
    rows = [
        element(
            "tr",
            element("th", element("bdi", shown(row[0], 160)), scope="row"),
            *(element("td", element("bdi", shown(entry, 160)), class_="al-num" if place in block.right else None) for place, entry in enumerate(row[1:], 1)),
        )
        for row in block.rows
    ]  # fmt: skip
    return table(header, rows, ", ".join(header), right=[header[place] for place in block.right])
