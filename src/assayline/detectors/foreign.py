"""Cells that do not belong to their column as the past knows it, each with the most likely reason.

A cell is foreign when it does not read as what the column is (text in a column of numbers), or when its value is new in a
column whose values repeat from lot to lot. Every foreign cell gets one reason, the most specific that fits.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.measures import MISSING_WORDS
from assayline.measures.plan import TIME_FORMATS, parse_time
from assayline.measures.texts import MOJIBAKE

from .comparison import View

Mask = npt.NDArray[np.bool_]

MOST_NEW = 500  # new values looked at for a reason, the most frequent ones
MOST_KNOWN = 3_000  # known values a new one is compared with, the most frequent ones

# Words developers type when they try something out.
TEST_WORDS = frozenset(
    ["test", "testing", "test test", "test1", "test123", "asdf", "asdfgh", "asdfasdf", "qwerty", "qwertz", "foo", "bar", "baz", "foobar", "xxx", "xxxx", "dummy",
     "lorem", "lorem ipsum", "sample", "example", "todo", "fixme", "abc123", "foo@example.com", "test@test.com", "test@example.com", "john doe", "jane doe", "deleteme"]
)  # fmt: skip
_NUMBER_AND_MORE = re.compile(r"^\W{0,3}[A-Za-z€$£¥%]{0,5}\s*[+-]?(\d[\d,.]*|\.\d+)([eE][+-]?\d+)?\s*[A-Za-z€$£¥%°µ²³/]{0,12}\W{0,2}$")
_DECIMAL_COMMA = re.compile(r"^[+-]?\d*,\d+$")

REASONS = (
    "disguised_missing", "mojibake", "test_records", "date_format", "decimal_comma", "type_to_string", "whitespace_case", "category_spelling",
    "text_truncation", "new",
)  # fmt: skip


@dataclass(frozen=True)
class Foreign:
    """The foreign cells of today in one column.

    Args:
        reasons: reason -> which of today's rows.
        counts: reason -> value -> rows, most frequent first.
        known: new value -> the known value it seems to stand for.
    """

    reasons: Mapping[str, Mask]
    counts: Mapping[str, Mapping[str, int]]
    known: Mapping[str, str]

    def rows(self, reason: str) -> int:
        mask = self.reasons.get(reason)
        return 0 if mask is None else int(mask.sum())


def is_missing_word(value: str) -> bool:
    """Whether a text means "nothing here".

    >>> is_missing_word(" N/A"), is_missing_word("Nancy")
    (True, False)
    """
    return value.strip().lower() in MISSING_WORDS


def is_test_word(value: str) -> bool:
    """Whether a text is what developers type."""
    return value.strip().lower() in TEST_WORDS


def has_stray_blanks(value: str) -> bool:
    """Whether blanks stand around a text, or one in it is no ordinary blank.

    >>> has_stray_blanks("Lyon "), has_stray_blanks("New\u00a0York"), has_stray_blanks("New York")
    (True, True, False)
    """
    return value != value.strip() or "\u00a0" in value


def undone(value: str) -> str | None:
    """The text before UTF-8 was read as Windows-1252, or None if that is not what happened.

    >>> undone("SÃ¶dermalm"), undone("Södermalm")
    ('Södermalm', None)
    """
    for encoding in ("cp1252", "latin-1"):
        try:
            better = value.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        return better if better != value and len(better) < len(value) else None
    return None


_MOJIBAKE = re.compile(MOJIBAKE)


def is_damaged(value: str) -> bool:
    """Whether a text shows marks of a wrong encoding."""
    return not value.isascii() and (undone(value) is not None or _MOJIBAKE.search(value) is not None)


def foreign(view: View) -> Foreign:
    """Today's foreign cells of a column, sorted by reason.

    Args:
        view: the column today and in the past.
    """
    now, _, values = view.codes
    if view.kind in ("number", "time"):
        odd = view.now_unreadable
    elif view.is_closed:
        odd = view.novelty[1]
    else:
        odd = np.zeros(len(now), dtype=np.bool_)
        odd[view.novelty[1]] = True
    codes, counts = np.unique(now[odd], return_counts=True)
    order = np.lexsort((codes, -counts))
    found = {int(codes[i]): int(counts[i]) for i in order[:MOST_NEW]}
    reasons: dict[int, str] = {}
    known: dict[str, str] = {}
    texts = {code: values[code] for code in found}
    if view.kind in ("number", "time"):
        _unreadable(view, texts, reasons)
    else:
        _new_words(view, texts, reasons, known)
    masks = {reason: np.isin(now, [code for code, why in reasons.items() if why == reason]) & odd for reason in set(reasons.values())}
    grouped: dict[str, dict[str, int]] = {}
    for code, why in reasons.items():
        grouped.setdefault(why, {})[texts[code]] = found[code]
    return Foreign(masks, grouped, known)


def _unreadable(view: View, texts: Mapping[int, str], reasons: dict[int, str]) -> None:
    dates: set[str] = set()
    if view.kind == "time" and texts:
        series = pl.Series(list(texts.values()), dtype=pl.String)
        for pattern in TIME_FORMATS:
            fits = parse_time(series.str.strip_chars(), pattern).is_not_null()
            dates |= set(series.filter(fits).to_list())
    for code, text in texts.items():
        if is_missing_word(text):
            reasons[code] = "disguised_missing"
        elif is_test_word(text):
            reasons[code] = "test_records"
        elif view.kind == "time":
            reasons[code] = "date_format" if text in dates or re.match(r"^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b", text) else "type_to_string"
        elif _DECIMAL_COMMA.match(text.strip()):
            reasons[code] = "decimal_comma"
        else:
            reasons[code] = "type_to_string"


def looks_like_a_number(text: str) -> bool:
    """Whether a text is a number with a unit, a currency or another mark.

    >>> looks_like_a_number("12.5 kg"), looks_like_a_number("$3"), looks_like_a_number("N")
    (True, True, False)
    """
    return _NUMBER_AND_MORE.match(text.strip()) is not None


def _new_words(view: View, texts: Mapping[int, str], reasons: dict[int, str], known: dict[str, str]) -> None:
    _, past, values = view.codes
    counts = np.bincount(past[past >= 0], minlength=len(values))
    old = [values[i] for i in np.argsort(-counts, kind="stable")[:MOST_KNOWN] if counts[i] > 0]
    ordered = sorted(old)
    plain: dict[str, str] = {}
    for value in reversed(old):
        plain[_plain(value)] = value
    words = any(re.search("[A-Za-z]{2}", value) for value in old[:200])
    near = _Near([value for value in old if len(value) >= 3]) if view.is_closed and words and texts else None
    for code, text in texts.items():
        if is_missing_word(text):
            reasons[code] = "disguised_missing"
        elif is_damaged(text):
            reasons[code] = "mojibake"
        elif is_test_word(text):
            reasons[code] = "test_records"
        elif _plain(text) in plain:
            known[text] = plain[_plain(text)]
            reasons[code] = "category_spelling" if text == known[text].swapcase() and not text.isupper() and not text.islower() else "whitespace_case"
        elif near is not None and (match := near.match(text)) is not None:
            known[text] = match
            reasons[code] = "category_spelling"
        elif text.rstrip().endswith(".") and len(text) > 2 and (start := _starting(old, ordered, text.rstrip()[:-1])) is not None and view.is_closed:
            known[text] = start
            reasons[code] = "category_spelling"
        elif words and (start := _starting(old, ordered, text)) is not None:
            known[text] = start
            reasons[code] = "text_truncation"
        elif view.is_closed:
            reasons[code] = "new"


def _plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split()).casefold()


def _starting(known: list[str], ordered: list[str], start: str) -> str | None:
    behind = bisect.bisect_right(ordered, start)  # what begins with a text stands right behind it
    if not start or behind == len(ordered) or not ordered[behind].startswith(start):
        return None
    return next((value for value in known if value.startswith(start) and len(value) > len(start)), None)


class _Near:
    """Finds the known value one keystroke away: a letter more, less, other, or two changed round (deletions meet, Garbe 2012)."""

    def __init__(self, known: list[str]) -> None:
        self.known = set(known)
        self.without: dict[str, str] = {}
        for value in reversed(known):
            for shorter in _shorter(value):
                self.without[shorter] = value

    def match(self, text: str) -> str | None:
        if len(text) < 3 or text.isdigit():
            return None
        if text in self.without:
            return self.without[text]
        for shorter in _shorter(text):
            if shorter in self.known:
                return shorter
            other = self.without.get(shorter)
            if other is not None and _one_stroke(text, other):
                return other
        return None


def _shorter(text: str) -> list[str]:
    return [text[:i] + text[i + 1 :] for i in range(min(len(text), 60))]


def _one_stroke(a: str, b: str) -> bool:
    if len(a) != len(b):
        return abs(len(a) - len(b)) == 1
    differ = [i for i in range(len(a)) if a[i] != b[i]]
    if len(differ) == 1:
        return not (a[differ[0]].isdigit() and b[differ[0]].isdigit())  # another number is another thing, not a slip
    return len(differ) == 2 and Counter(a) == Counter(b) and differ[1] - differ[0] == 1
