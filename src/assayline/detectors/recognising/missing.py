"""Words and marks that stand for an empty cell."""

from __future__ import annotations

import re

from assayline.measures import MISSING_WORDS, Tally
from assayline.measures.nature import FEW_TEXTS

from .odd import Odd

# What a program writes when it has nothing; no person writes these as a value of its own.
CERTAIN = frozenset(
    [
        "n/a", "#n/a", "#na", "<na>", "null", "(null)", "<null>", "#null!", "nan", "nat", "#value!", "#ref!", "#div/0!", "\\n", "undefined",
        "not available", "not applicable", "(blank)", "n.a.", "?", "??", "???",
    ]
)  # fmt: skip
_MARKS = re.compile(r"^(\*{2,}|\?+|-{2,}|_{2,}|\.{2,}|#{2,})$")  # a mark repeated says "something should be here"
_EVERY = sorted(MISSING_WORDS)
_ONLY_MARKS = re.compile(r"^[^\w]+$")
MOST = 0.9  # above this share the word is what the column says, not what it hides
MOST_MARKS = 0.25  # a dash in more of the rows than that is a convention of the table


def missing_words(tally: Tally, *, numeric: bool) -> list[Odd]:
    """The values that say "missing" beside values that say something.

    Args:
        tally: the values of the column.
        numeric: the column is taken for numbers or times, where every word is out of place.

    >>> import numpy, polars
    >>> found = missing_words(Tally(polars.Series(["12", "N/A"]), numpy.array([9, 1]), True), numeric=True)
    >>> [(one.value, one.suggestion) for one in found]
    [('N/A', '')]
    """
    total = tally.total
    found = []
    if tally.values.len() > FEW_TEXTS:
        words = tally.values.str.strip_chars().str.to_lowercase()
        tally = tally.only((words.is_in(_EVERY) | words.str.contains(r"^[*?._#-]*$")).to_numpy())
    for value, rows in zip(tally.values.to_list(), tally.counts.tolist(), strict=True):
        if len(value) > 16:
            continue
        word = value.strip().lower()
        if not word:
            if numeric:  # a blank in a column of numbers is not a text of its own
                found.append(Odd(value, rows, 0.95, ""))
            continue
        mark = bool(_MARKS.match(word))
        if not mark and word not in MISSING_WORDS:
            continue
        if numeric or word in CERTAIN:
            confidence = 0.95
        elif mark or _ONLY_MARKS.match(word):
            confidence = 0.9 if rows <= MOST_MARKS * total else 0.0
        else:
            confidence = 0.0  # "none" and "unknown" are honest categories
        if confidence:
            found.append(Odd(value, rows, confidence, ""))
    if found and sum(one.rows for one in found) > MOST * total:
        return []
    return found
