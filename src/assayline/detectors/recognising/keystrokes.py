"""Rare values and words that are a slip of the keyboard away from frequent ones."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assayline.measures import Tally

from .odd import Odd

LONGEST = 60  # characters compared as one value; longer texts are compared word by word
LEAST_FREQUENT = 3  # rows of a value before it can be the one that was meant
RATIO = 10  # how much more frequent the meant value must be (published practice for spelling errors in logs; Cucerzan and Brill 2004)
SMALL_RATIO = 3  # … when chance cannot explain the likeness
BY_CHANCE = 0.01  # expected number of chance neighbours below which the small ratio will do
ACCEPTED = 0.6  # least confidence of an accusation
# Bits of text are far from random letters: a letter of English text carries about 3.3 bits given its neighbour, i.e. 10 choices (Shannon 1951).
CHOICES = 10.0
FREQUENT_KEPT, RARE_KEPT = 2_000, 4_000  # bounds of the work: the most frequent values that may be meant, and the rare ones tested
VOCABULARY = 2_000  # different words of five letters and more; forms get by with hundreds, prose has thousands (Heaps' law)
LONG_WORD = 7  # letters: in sentences shorter words have endings that make others of them (della, delle)
WORDY_VALUES = 10_000  # values whose words are looked at
WORD = re.compile(r"[^\W\d_]{3,}")
_PARTS = re.compile(r"[\W_]")
_DIGITS_BEFORE, _DIGITS_AFTER = re.compile(r"\d*$"), re.compile(r"\d*")
SAME_SLIP = 0.03  # of the most frequent value: the same slip is not made more often (a tenth of the rows wrong, a dozen likely slips)
SHORT = 3  # letters: so short a text has honest neighbours
ALONE = 0.8  # share of the rows of a value that stands nearly alone
LONG_NUMBER = 6  # digits: shorter numbers count things
_NUMERAL = re.compile(r"^[IVXLC]+$")


@dataclass(frozen=True)
class Slip:
    """A rare text, the frequent one it was probably meant to be, and how many keystrokes lie between."""

    rare: str
    meant: str
    keystrokes: int


def distance(a: str, b: str, limit: int) -> int:
    """Keystrokes (insert, delete, replace, swap two neighbours) from a to b; limit + 1 when more.

    >>> distance("Birmigham", "Birmingham", 2), distance("Bimringham", "Birmingham", 2)
    (1, 1)
    """
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    _, a, b = _middle(a, b)  # what both begin and end with costs nothing
    if not a or not b:
        return min(len(a) + len(b), limit + 1)
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return min(last[-1], limit + 1)


def _deletions(text: str) -> set[str]:
    return {text, *(text[:i] + text[i + 1 :] for i in range(len(text)))}


def _middle(a: str, b: str) -> tuple[int, str, str]:
    """Where two texts begin to differ, and the differing middles."""
    start = 0
    shortest = min(len(a), len(b))
    while start < shortest and a[start] == b[start]:
        start += 1
    end = 0
    while end < shortest - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return start, a[start : len(a) - end], b[start : len(b) - end]


def means_nothing(rare: str, meant: str) -> bool:
    """Whether the difference is one that honest values have: a number, a letter of a series, a plural."""
    start, one, other = _middle(rare, meant)
    both = one + other
    if both.isdigit():
        # Room 101 and Room 102; but in a long number of a column that repeats its numbers a digit lost or swapped is a slip.
        run = len(_DIGITS_BEFORE.search(meant[:start]).group()) + len(_DIGITS_AFTER.match(meant[start:]).group())  # type: ignore[union-attr]  # both patterns match the empty text, so they always match
        return run < LONG_NUMBER or (len(one) == len(other) and sorted(one) != sorted(other))
    if not any(c.isalnum() for c in both):
        return False
    left = len(_PARTS.split(meant[:start])[-1])
    right = len(_PARTS.split(meant[start + len(other) :])[0])
    word = meant[start - left : start + len(other) + right]
    rare_word = rare[start - left : start + len(one) + right]
    if _NUMERAL.match(word) and _NUMERAL.match(rare_word):
        return True  # Phase I and Phase II
    several = len(word) < len(meant)
    if several and max(len(word), len(rare_word)) <= 2:
        return True  # Unit A and Unit B
    digits = any(c.isdigit() for c in word)
    if digits and len(word) <= 3 and both.isalnum() and several:
        return True  # Gate 4a and Gate 4b
    if both in ("s", "S", "es", "ES") and right == 0:
        return True  # Lake and Lakes
    return digits and len(one) == len(other) == 1 and both.isalpha() and both.isupper()  # codes: A12-B and A12-C


def chance(length: int, frequent: int, keystrokes: int) -> float:
    """Expected number of the frequent texts within so many keystrokes of an honest text of this length."""
    near = 26.0 * length + 26 * (length + 1) + 2 * length
    if keystrokes > 1:
        near = near * near / 2
    return min(10.0, frequent * near / CHOICES ** min(length, 30))


def slips(counts: Mapping[str, int], candidates: Iterable[str], frequent: Iterable[str], honest: int, *, fold: bool = False) -> list[Slip]:
    """Which candidates lie within one keystroke (two when long) of a frequent text that is much more frequent.

    Args:
        counts: rows of every text.
        candidates: the texts to test.
        frequent: the texts that may have been meant.
        honest: how many of them are certainly not slips themselves.
        fold: compare without case.
    """
    index: dict[str, list[str]] = defaultdict(list)
    big = list(frequent)
    for text in big:
        for key in _deletions(text.casefold() if fold else text):
            index[key].append(text)
    found = []
    for rare in candidates:
        folded = rare.casefold() if fold else rare
        best: tuple[int, int, str] | None = None
        for key in _deletions(folded):
            for meant in index.get(key, ()):
                if meant == rare or counts[meant] < SMALL_RATIO * counts[rare]:
                    continue
                other = meant.casefold() if fold else meant
                shortest = min(len(folded), len(other))
                steps = distance(folded, other, 2 if shortest >= 8 else 1)
                if steps == 0 or steps > (2 if shortest >= 8 else 1):
                    continue
                expected = chance(shortest, honest, steps)
                if counts[meant] < (SMALL_RATIO if expected < BY_CHANCE and steps == 1 else RATIO) * counts[rare]:
                    continue
                if means_nothing(rare, meant):
                    continue
                rank = (steps, -counts[meant], meant)
                if best is None or rank < best:
                    best = rank
        if best is not None:
            found.append(Slip(rare, best[2], best[0]))
    return found


def _precision(accused: int, rare: int, control_accused: int, control: int) -> float:
    """Share of the accusations that chance does not explain.

    Values that repeat are hardly ever slips. The rate at which they lie beside much more frequent ones is therefore the
    rate at which honest values of this column do; where rare values do it no more often, names are just alike.
    """
    if not accused or not rare:
        return 0.0
    honest = (control_accused + 0.1) / (control + 2.0) if control else 0.02
    return max(0.0, 1.0 - honest / (accused / rare))


def mistyped_values(tally: Tally, known: Mapping[str, int]) -> list[Odd]:
    """Rare values one or two keystrokes from frequent ones.

    Args:
        tally: the values of a column that repeats its values.
        known: words of the whole table and how many values they stand in; an edited word that is known elsewhere is a word.

    >>> import numpy, polars
    >>> found = mistyped_values(Tally(polars.Series(["Birmingham", "Leeds", "Birmngham"]), numpy.array([40, 30, 1]), True), {})
    >>> [(one.value, one.suggestion) for one in found]
    [('Birmngham', 'Birmingham')]
    """
    counts = {
        value: rows
        for value, rows in zip(tally.values.to_list(), tally.counts.tolist(), strict=True)
        if len(value) <= LONGEST and any(c.isalpha() for c in value)
    }
    if len(counts) < 2:
        return []
    top = max(counts.values())
    frequent = [value for value, rows in counts.items() if rows >= LEAST_FREQUENT][:FREQUENT_KEPT]
    rare = [value for value, rows in counts.items() if SMALL_RATIO * rows <= top]
    rare = rare[-RARE_KEPT:]  # the rarest: a tally is in order of frequency
    if not rare or not frequent:
        return []
    honest_rows = max(LEAST_FREQUENT, SAME_SLIP * top)
    honest = sum(1 for value in frequent if counts[value] >= honest_rows)
    found = slips(counts, rare, frequent, honest)
    controls = [value for value in rare if counts[value] >= honest_rows]
    suspects = [slip for slip in found if counts[slip.rare] < honest_rows]
    trust = _precision(len(suspects), len(rare) - len(controls), len(found) - len(suspects), len(controls))
    odd = []
    varying = _varying_places([value for value in frequent if counts[value] >= honest_rows])
    for slip in suspects:
        if _at_varying_place(slip, varying):
            continue
        expected = chance(min(len(slip.rare), len(slip.meant)), honest, slip.keystrokes)
        if len(slip.meant) <= SHORT:
            expected = _chance_of_short(slip, counts, expected, honest)
        confidence = min(1 / (1 + expected), trust)
        if confidence < ACCEPTED or _is_known(slip, known, counts[slip.rare]):
            continue
        odd.append(Odd(slip.rare, counts[slip.rare], round(min(0.95, confidence), 2), slip.meant, slip.meant, counts[slip.meant]))
    return odd


def _varying_places(honest: Iterable[str]) -> set[tuple[str, str]]:
    """Places at which frequent values of one form differ from each other by one letter: GHMA and PHMA in the first.

    Each as what stands around the place and the kind of letter that stands there.
    """
    seen: dict[tuple[str, str], str] = {}
    varying = set()
    for value in honest:
        for i, letter in enumerate(value):
            place = (f"{value[:i]}\0{value[i + 1 :]}", _kind(letter))
            if seen.setdefault(place, value) != value:
                varying.add(place)
    return varying


def _at_varying_place(slip: Slip, varying: set[tuple[str, str]]) -> bool:
    """Whether a rare value only has another letter where the frequent ones differ among themselves: a further member of the series."""
    start, one, _ = _middle(slip.rare, slip.meant)
    return len(one) == 1 and (f"{slip.rare[:start]}\0{slip.rare[start + 1 :]}", _kind(one)) in varying


def _kind(letter: str) -> str:
    return "9" if letter.isdigit() else "A" if letter.isupper() else "a" if letter.isalpha() else letter


def _chance_of_short(slip: Slip, counts: Mapping[str, int], expected: float, honest: int) -> float:
    """Codes of one to three letters lie close to each other; a slip shows by its form, or where one value stands nearly alone."""
    rare, meant = slip.rare, slip.meant
    mixed = rare.upper() != rare and rare.lower() != rare and (meant.upper() == meant or meant.lower() == meant)
    if mixed and counts[meant] >= 20 * counts[rare] and len(rare) > 1:
        return 0.3
    alone = counts[meant] >= ALONE * sum(counts.values())
    same_length = len(rare) == len(meant) and sorted(rare) != sorted(meant)
    if alone and not same_length and len(meant) > 1 and counts[meant] >= 20 * counts[rare]:
        return min(expected, 0.4)
    return expected


def _is_known(slip: Slip, known: Mapping[str, int], rows: int) -> bool:
    meant = {word.casefold() for word in WORD.findall(slip.meant)}
    changed = [word.casefold() for word in WORD.findall(slip.rare) if word.casefold() not in meant]
    return bool(changed) and all(known.get(word, 0) >= LEAST_FREQUENT + rows for word in changed)


def mistyped_words(tally: Tally, known: Mapping[str, int], *, sentences: bool = False) -> list[Odd]:
    """Values with a rare word that is one keystroke from a word frequent in the same column.

    Args:
        tally: the values of a column.
        known: words of the whole table and how many values they stand in.
        sentences: the values are sentences. Those of a form draw on few words; prose draws on all of them, and there a rare word beside a
            frequent one is just another word.

    >>> import numpy, polars
    >>> texts = [f"{name} Elementary School" for name in ("Oak", "Elm", "Ash", "Fir", "Bay", "Yew", "Box", "Fig", "Lime", "Pear", "Plum")]
    >>> tally = Tally(polars.Series([*texts, "Rose Elementray School"]), numpy.ones(12, dtype=numpy.int64), True)
    >>> [one.suggestion for one in mistyped_words(tally, {})]
    ['Rose Elementary School']
    """
    values = tally.values.head(WORDY_VALUES).to_list()
    counts: dict[str, int] = defaultdict(int)
    places: dict[str, list[int]] = defaultdict(list)
    for position, (value, rows) in enumerate(zip(values, tally.counts.tolist(), strict=False)):
        for word in {word for word in WORD.findall(value) if len(word) >= (LONG_WORD if sentences else 5)}:
            counts[word] += rows
            places[word].append(position)
    if len(counts) < 2 or (sentences and len(counts) > VOCABULARY):
        return []
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    # A word that stands in one value only was counted as often as that value; it must stand in several to be known here.
    frequent = [word for word in ordered if counts[word] >= RATIO][:FREQUENT_KEPT]
    rare = [word for word in ordered if counts[word] * RATIO <= counts[ordered[0]]][-RARE_KEPT:]
    if not rare or not frequent:
        return []
    honest_rows = max(LEAST_FREQUENT, SAME_SLIP * counts[ordered[0]])
    honest = sum(1 for word in frequent if counts[word] >= honest_rows)
    near = slips(counts, rare, frequent, honest)
    found = [slip for slip in near if counts[slip.meant] >= RATIO * counts[slip.rare] and slip.keystrokes == 1]
    controls = sum(1 for word in rare if counts[word] >= honest_rows)
    once = [slip for slip in found if counts[slip.rare] < honest_rows]
    trust = _precision(len(once), len(rare) - controls, len(found) - len(once), controls)
    wrong: dict[int, dict[Slip, float]] = defaultdict(dict)
    for slip in once:
        expected = chance(min(len(slip.rare), len(slip.meant)), honest, 1)
        confidence = min(1 / (1 + expected), trust)
        if confidence < ACCEPTED or known.get(slip.rare.casefold(), 0) >= LEAST_FREQUENT + len(places[slip.rare]):
            continue
        for position in places[slip.rare]:
            wrong[position][slip] = confidence
    odd = []
    for position, found_there in sorted(wrong.items()):
        value = meant = values[position]
        for slip in found_there:  # a value may hold several
            meant = meant.replace(slip.rare, slip.meant)
        first, confidence = max(found_there.items(), key=lambda pair: pair[1])
        odd.append(Odd(value, int(tally.counts[position]), round(min(0.9, confidence), 2), meant, first.meant, counts[first.meant]))
    return odd
