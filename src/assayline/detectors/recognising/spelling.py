"""Values that are the same but for blanks, case, punctuation or accents."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

from assayline.measures import Tally

from .odd import Odd

RATIO = 3  # a variant is accused when the usual spelling is at least three times as frequent: two equals are two customs
_BLANKS = re.compile(r"[\s\u00a0\u2007\u202f]+")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[^\w]+(?=\d)")
_NOT_WORD = re.compile(r"[^\w|<>=+%$€£#@*†‡§¶¥]+")  # signs that say something are part of the word: <50 is not >50, C is not C#
LONGEST = 120  # longer texts are prose: their blanks and stops are style


def _plain(value: str) -> str:
    return _BLANKS.sub(" ", value).strip()


def _bare(value: str) -> str:
    """The letters and digits alone; digits stay apart, so that 1.10 and 11.0 differ."""
    text = value if value.isascii() else "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    return _NOT_WORD.sub("", _BETWEEN_DIGITS.sub("|", text)).replace("_", "").casefold()


def blanks_and_case(tally: Tally) -> list[Odd]:
    """Values that differ from a more frequent one only by blanks or by case.

    >>> import numpy, polars
    >>> [one.suggestion for one in blanks_and_case(Tally(polars.Series(["Bonn", "bonn "]), numpy.array([9, 1]), True))]
    ['Bonn']
    """
    return _variants(tally, lambda value: _plain(value).casefold(), blanks=True)


def other_spellings(tally: Tally) -> list[Odd]:
    """Values that differ from a more frequent one only by punctuation, inner blanks or accents.

    >>> import numpy, polars
    >>> [one.suggestion for one in other_spellings(Tally(polars.Series(["New York", "New-York"]), numpy.array([9, 1]), True))]
    ['New York']
    """
    return _variants(tally, _bare, blanks=False)


def _variants(tally: Tally, key_of: object, *, blanks: bool) -> list[Odd]:
    groups: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for value, rows in zip(tally.values.to_list(), tally.counts.tolist(), strict=True):
        if len(value) <= LONGEST:
            groups[key_of(value)].append((value, rows))  # type: ignore[operator]  # a callable, as the two callers show
    found = []
    for key, members in groups.items():
        if len(members) < 2 or not any(c.isalpha() for c in key):
            continue
        usual, most = members[0]  # a tally is in order of frequency
        clean = _plain(usual)
        for value, rows in members[1:]:
            only_blanks = blanks and _plain(value) == clean
            if only_blanks and usual == clean and rows <= most:
                confidence = 0.9  # nobody means a trailing blank
            elif most >= RATIO * rows and (len(key) > 1 or most >= 10 * rows):
                confidence = 0.9 if most >= 10 * rows else 0.7
            else:
                continue
            found.append(Odd(value, rows, confidence, usual, usual, most))
    return found
