"""One cause as a card of a page: what it is, what its replays said, where in it the change is, whom to ask, and what to do."""

from __future__ import annotations

from . import why_words, words
from .code_diff import diff_block
from .markup import Child, Markup, element, joined
from .model_page import command, facts
from .model_words import first_up
from .spoken import with_code
from .visible import shown
from .why_facts import MIX, WORLD, CauseOf, Why

MOST_TOUCHED = 30
MOST_STEPS = 12
MOST_FINDINGS = 8
NAME = 80
SENTENCE = 600


def cause_card(one: CauseOf, told: Why) -> Markup:
    """A set of components that is responsible together."""
    accent = "al-note-accent" if told.verdict in (WORLD, MIX) else "al-fix" if one.proved else "al-look"
    title = element("h3", element("bdi", first_up(why_words.together(told, one.components) or why_words.kind(one.kind) or "a cause")), class_="al-title")
    known: list[tuple[str, Child]] = list(why_words.narrowed(one.narrowed))
    known += [("the gate says", _findings(one))] if one.narrowed.findings else []
    known += [("responsible", element("bdi", shown(one.owner, 160)))] if one.owner else []
    known += [("touches", _touches(one))] if one.touches else []
    steps = [element("li", with_code(said, SENTENCE)) for said in one.narrowed.steps[:MOST_STEPS]]
    narrowed = element("details", element("summary", "How it was narrowed down"), element("ol", *steps, class_="al-list"), class_="al-details") if steps else None
    # An answer with one cause is that cause's sentence, which stands at the top of the page.
    sentence = element("p", with_code(one.sentence, SENTENCE), class_="al-sentence al-w-sentence") if one.sentence not in told.sentence else None
    return element(
        "article", element("div", title, *_flags(one, told), class_="al-card-head"), sentence,
        _reversal(one, told), facts(known) if known else None, _do(one), _diff(one, told), narrowed, class_=f"al-card {accent}",
    )  # fmt: skip


def _flags(one: CauseOf, told: Why) -> list[Markup]:
    """How sure it is, and how much of the change it is."""
    calm = told.verdict in (WORLD, MIX)
    flags = [element("span", why_words.proof(one), class_=f"al-flag {'al-flag-note' if calm else 'al-flag-fix' if one.proved else 'al-flag-look'}")] if one.proved or not calm else []
    if one.share is not None and 0.005 <= one.share < 0.995:  # 0 where nothing was shared out
        flags.append(element("span", f"{words.percent(round(one.share, 3))} of the change", class_="al-flag al-flag-note"))
    return flags


def _reversal(one: CauseOf, told: Why) -> Markup | None:
    """What each of the replays of this cause's components said, in a line."""
    known = {candidate.key: candidate for candidate in told.candidates}
    lines = [one.proof] if one.proof else []
    lines += [why_words.line(told, known[key]) for key in one.components if key in known and known[key].value is not None and not one.proof]
    lines += [
        f"{why_words.all_of(len(several.put_back))} put back together: {why_words.measured(told, several.value)}"
        for several in told.sets if len(one.components) > 1 and set(several.put_back) == set(one.components) and several.value is not None
    ]  # fmt: skip
    return element("ul", *(element("li", with_code(first_up(said), SENTENCE)) for said in lines), class_="al-w-reversal") if lines else None


def _findings(one: CauseOf) -> Markup:
    found = [
        element(
            "div", element("code", shown(each.code, 60), class_="al-name") if each.code else None, " ", with_code(each.sentence, SENTENCE),
            f" (lot {shown(each.lot, 20)})" if each.lot else None,
        )
        for each in one.narrowed.findings[:MOST_FINDINGS]
    ]  # fmt: skip
    return joined(*found)


def _touches(one: CauseOf) -> Markup:
    more = f" and {len(one.touches) - MOST_TOUCHED:,} more" if len(one.touches) > MOST_TOUCHED else None
    return joined(element("span", *(element("code", element("bdi", shown(name, NAME)), class_="al-name") for name in one.touches[:MOST_TOUCHED]), class_="al-names"), more)


def _do(one: CauseOf) -> Markup | None:
    if not one.do:
        return None
    steps = [element("li", element("span", with_code(each.sentence or each.what, SENTENCE), class_="al-w-do"), command(each.command) if each.command else None) for each in one.do[:MOST_STEPS]]
    return element("div", element("h4", "What to do"), element("ol", *steps), class_="al-w-steps")


def _diff(one: CauseOf, told: Why) -> Markup | None:
    known = {candidate.key: candidate for candidate in told.candidates}
    diffs = [one.diff] if one.diff else [known[key].diff for key in one.components if key in known and known[key].diff]
    return joined(*(diff_block(each, f"What changed in {shown(why_words.together(told, one.components), NAME)}") for each in diffs)) if diffs else None
