"""All odd values of a profile, by column and finding code; every value is accused once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import polars as pl

from assayline.core import Profile
from assayline.measures import Characters, Counts, Moments, Nature, Tally, kept, natures, tally
from assayline.measures.nature import TRUE_FALSE
from assayline.measures.standards import followed
from assayline.measures.texts import INVISIBLE, MOJIBAKE

from .dates import DATE_LIKE, DateForm, date_form
from .forms import attached_marks, broken_capitals, broken_forms
from .keystrokes import WORD, mistyped_values, mistyped_words
from .missing import missing_words
from .numbers import NUMBER, number_fault
from .odd import Odd
from .spelling import blanks_and_case, other_spellings
from .standard_values import off_standard

Odds = dict[str, list[Odd]]  # finding code -> values

BUDGET = 500_000  # distinct values looked at in one profile: about half a second, whatever the width
COLUMN_COST = 1_000  # values whose cost a column has however few it holds
MOST_VALUES = 10_000  # distinct values of a set of categories; more are names or codes
MAJORITY = 0.5
# These values have detectors of their own (`mojibake`, `control_characters`, `invisible_characters`); under "damaged" they are kept from the others.
DAMAGED = f"{MOJIBAKE}|{INVISIBLE}|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0080-\u009f]"
DATES_LOOKED_AT = 5_000


def odd_values(profile: Profile) -> dict[str, Odds]:
    """The odd values of every column that arrives as text.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"city": ["Leeds"] * 30 + ["Leds", "N/A"]})
    >>> {code: [one.value for one in odd] for code, odd in odd_values(profile(frame, text=True))["city"].items()}
    {'disguised_missing': ['N/A'], 'typo': ['Leds']}
    """
    return kept(profile, "odd values", lambda: _odd_values(profile))


def known_words(profile: Profile) -> dict[str, int]:
    """The words of the text columns and in how many different values each stands."""
    return kept(profile, "known words", lambda: _known_words(profile))


def _odd_values(profile: Profile) -> dict[str, Odds]:
    found: dict[str, Odds] = {}
    left = BUDGET
    for column, nature in natures(profile).items():
        if not nature.arrives_as_text or nature.kind == "empty":
            continue
        counts = profile.of(column, Counts)
        if nature.kind in ("number", "time", "identifier", "boolean") and profile.of(column, Moments) is not None and counts and not counts.unparsed:
            continue  # every cell reads as what the column is
        values = tally(profile, column)
        left -= COLUMN_COST + values.values.len()
        if left < 0:
            break
        odds = _of_column(profile, column, nature, values)
        if odds:
            found[column] = odds
    return found


def _known_words(profile: Profile) -> dict[str, int]:
    words: Counter[str] = Counter()
    for column, nature in natures(profile).items():
        if nature.arrives_as_text and nature.kind in ("category", "text"):
            for value in tally(profile, column).values.head(2_000).to_list():
                words.update({word.casefold() for word in WORD.findall(value)})
        if len(words) > 100_000:
            break
    return dict(words)


def _of_column(profile: Profile, column: str, nature: Nature, values: Tally) -> Odds:
    odds: Odds = {}
    rest = values

    def accuse(code: str, odd: Iterable[Odd]) -> None:
        nonlocal rest
        chosen = {one.value: one for one in odd}
        if not chosen:
            return
        odds.setdefault(code, []).extend(chosen.values())
        keep = ~rest.values.is_in(list(chosen)).to_numpy()
        rest = Tally(rest.values.filter(pl.Series(keep)), rest.counts[keep], rest.exact)

    typed = nature.kind in ("number", "time", "identifier", "boolean") and profile.of(column, Moments) is not None
    accuse("disguised_missing", missing_words(values, numeric=typed))
    characters = profile.of(column, Characters)
    if characters is not None and (characters.mojibake or characters.control or characters.invisible):
        damaged = rest.only(rest.values.str.contains(DAMAGED).to_numpy())
        accuse("damaged", [Odd(value, rows, 0.9) for value, rows in zip(damaged.values.to_list(), damaged.counts.tolist(), strict=True)])
    if typed:
        for code, odd in _unreadable(profile, column, nature, rest):
            accuse(code, odd)
        return odds
    if nature.kind == "boolean":
        accuse("whitespace_case", blanks_and_case(rest))
        return odds
    if _mixed_truth(rest):
        accuse("category_spelling", _other_truth(rest))
        return odds
    if _mostly_dates(rest):
        for code, odd in _dates(rest):
            accuse(code, odd)
        accuse("pattern_break", broken_forms(rest, nature))
        return odds
    standard = followed(profile).get(column)
    if standard is None:
        accuse("pattern_break", attached_marks(rest))
    if (nature.kind == "category" or nature.repeating) and rest.values.len() <= MOST_VALUES:
        accuse("whitespace_case", blanks_and_case(rest))
        accuse("category_spelling", other_spellings(rest))
        accuse("typo", mistyped_values(rest, known_words(profile)))
    if standard is not None:  # a standard says what is right; the forms of the others say less
        accuse("off_standard", off_standard(standard, rest))
        return odds
    if nature.meaning in (None, "free text"):
        accuse("typo", mistyped_words(rest, known_words(profile), sentences=nature.meaning == "free text"))
    accuse("pattern_break", broken_forms(rest, nature))
    if nature.meaning in (None, "free text"):
        accuse("pattern_break", broken_capitals(rest))
    return odds


def _unreadable(profile: Profile, column: str, nature: Nature, rest: Tally) -> list[tuple[str, list[Odd]]]:
    """The cells of a numeric or time column that do not read as such."""
    counts = profile.of(column, Counts)
    if counts is None or counts.unparsed == 0:
        return []
    by_code: dict[str, list[Odd]] = {}
    if nature.kind == "time":
        return _dates(rest)
    moments = profile.of(column, Moments)
    decimals = moments is not None and moments.whole < 0.5 * moments.n
    numbers = rest.values.str.contains(NUMBER.pattern).to_numpy()
    if rest.counts[numbers].sum() < MAJORITY * rest.total:  # the column is written with commas or separators throughout
        return []
    for value, rows in zip(rest.values.filter(pl.Series(~numbers)).to_list(), rest.counts[~numbers].tolist(), strict=True):
        if value.strip().lower().lstrip("+-") in ("inf", "infinity", "nan"):
            continue
        code, confidence, suggestion = number_fault(value, decimals)
        by_code.setdefault(code, []).append(Odd(value, int(rows), confidence, suggestion))
    return sorted(by_code.items())


def _mostly_dates(rest: Tally) -> bool:
    if rest.values.len() < 3:
        return False
    looked = rest.values.head(200)
    if not looked.str.contains(DATE_LIKE).mean() > MAJORITY:  # type: ignore[operator]  # a mean of booleans is a number
        return False
    if looked.str.contains(r"(^|\D)\d{4}(\D|$)").mean() > MAJORITY:  # type: ignore[operator]  # as above
        return True
    # Without a year of four digits 1.12.3 may be a version: then nearly all must be days of a calendar.
    possible = [form is not None and form.possible for form in map(date_form, looked.to_list())]
    return sum(possible) >= 0.9 * len(possible)


def _dates(rest: Tally) -> list[tuple[str, list[Odd]]]:
    """Dates that do not exist, are written another way, or carry another kind of time zone."""
    values = rest.values.head(DATES_LOOKED_AT).to_list()
    rows = rest.counts[: len(values)].tolist()
    forms = [date_form(value) for value in values]
    by_form: Counter[str] = Counter()
    zones: Counter[str] = Counter()
    for form, n in zip(forms, rows, strict=True):
        if form is not None and form.possible:
            by_form[form.form] += n
            if form.clock:
                zones["zone" if form.zone else "none"] += n
    if not by_form:
        return []
    usual = _usual_form(by_form)
    usual_zone = max(sorted(zones), key=lambda zone: zones[zone]) if zones else ""
    by_code: dict[str, list[Odd]] = {}
    for value, form, n in zip(values, forms, rows, strict=True):
        fault = _date_fault(form, usual, usual_zone, value)
        if fault is not None:
            by_code.setdefault(fault[0], []).append(Odd(value, int(n), fault[1]))
    if sum(one.rows for one in by_code.get("pattern_break", ())) > 0.3 * rest.total:
        by_code.pop("pattern_break")  # not a column of dates after all
    return sorted(by_code.items())


def _usual_form(by_form: Counter[str]) -> str:
    """The most frequent form; "?/?/y" takes the order that the unambiguous dates have."""
    top = max(sorted(by_form), key=lambda form: by_form[form])
    if top.startswith("?"):
        tail = top[1:].replace("?", "", 1)
        options = [form for form in (top.replace("?", "d", 1).replace("?", "m", 1), top.replace("?", "m", 1).replace("?", "d", 1)) if form in by_form]
        del tail
        if options:
            return max(options, key=lambda form: by_form[form])
    return top


def _date_fault(form: DateForm | None, usual: str, usual_zone: str, value: str) -> tuple[str, float] | None:
    if form is None:
        return "pattern_break", 0.85
    if not form.possible:
        return "impossible_date", 0.95
    ambiguous = form.form.replace("?", "d", 1).replace("?", "m", 1), form.form.replace("?", "m", 1).replace("?", "d", 1)
    if form.form != usual and usual not in ambiguous:
        return "date_format", 0.85
    if form.clock and usual_zone and ("zone" if form.zone else "none") != usual_zone:
        return "mixed_time_zones", 0.8
    return None


def _mixed_truth(rest: Tally) -> bool:
    if not 3 <= rest.values.len() <= 12:
        return False
    words = {value.strip().lower() for value in rest.values.to_list()}
    everything = set().union(*TRUE_FALSE)
    return len(words) >= 3 and words <= everything and any(pair <= words for pair in TRUE_FALSE) and bool(words & {"0", "1", "yes", "true", "t"})


def _other_truth(rest: Tally) -> list[Odd]:
    weights = {value.strip().lower(): 0 for value in rest.values.to_list()}
    for value, rows in zip(rest.values.to_list(), rest.counts.tolist(), strict=True):
        weights[value.strip().lower()] += rows
    usual = max(TRUE_FALSE, key=lambda pair: sum(weights.get(word, 0) for word in pair))
    return [
        Odd(value, int(rows), 0.8) for value, rows in zip(rest.values.to_list(), rest.counts.tolist(), strict=True)
        if value.strip().lower() not in usual
    ]  # fmt: skip


