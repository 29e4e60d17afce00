"""One spelling for every label, so that ` <=50K.`, `"<=50k"` and `<=50K` are the same category."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from decimal import Decimal

# Tokens that no category is called. Words such as "none" or "unknown" stay categories of their own: a house without a cellar says "none",
# and a tree can tell it from an empty cell only while the two differ. In columns of numbers every word is missing anyway.
NULL_TOKENS = frozenset(["", "?", "??", "???", "na", "n/a", "#n/a", "<na>", "nan", "null", "<null>", "(null)", "nat", "\\n", "#null!", "#value!", "#ref!"])

# Words for yes and no. One letter counts only beside its partner (see `truth_words`).
YES = frozenset(["true", "yes", "y", "t", "1", "on", "ja", "oui", "si", "sí", "positive", "pos"])
NO = frozenset(["false", "no", "n", "f", "0", "off", "nein", "non", "negative", "neg", "-1"])
_PAIRS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("ja", "nein"), ("oui", "non"))
TRUTH = {word: value for yes, no in _PAIRS for word, value in ((yes, 1.0), (no, 0.0))} | {"1": 1.0, "0": 0.0}

_BLANKS = re.compile(r"\s+")
_WHOLE = re.compile(r"^(-?(?:0|[1-9][0-9]*))\.0*$")


def label(value: object) -> str | None:
    """The normalised text of a value, or None when it says that nothing is there.

    Trims blanks, matching quotes and trailing dots, makes one blank of several, ignores case; 3, 3.0 and "3.0" are the same.

    >>> label(" <=50K."), label("'-1'"), label(3.0), label(True), label(" ? ")
    ('<=50k', '-1', '3', 'true', None)
    """
    if isinstance(value, str):
        return _of_text(value)
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (float, Decimal)):
        number = float(value)
        if math.isnan(number):
            return None
        return str(int(number)) if abs(number) < 1e15 and number == int(number) else repr(number)
    if isinstance(value, bytes):
        return _of_text(value.decode("utf-8", "replace"))
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return label(value.total_seconds())
    if isinstance(value, (list, tuple, dict)):
        return _of_text(json.dumps(value, default=str, sort_keys=True, ensure_ascii=False))
    return _of_text(str(value))


def shown(value: object) -> str:
    """A label as a reader knows it: blanks, quotes and trailing dots gone, case kept."""
    return _trimmed(value) if isinstance(value, str) else (label(value) or "")


def truth_words(labels: set[str]) -> bool:
    """Whether these labels are one pair of words for yes and no, so that the column is a boolean."""
    return any(labels == set(pair) for pair in _PAIRS)


def _of_text(text: str) -> str | None:
    short = _trimmed(text).casefold()
    if short in NULL_TOKENS:
        return None
    whole = _WHOLE.match(short)
    return whole[1] if whole else short


def _trimmed(text: str) -> str:
    short = text.strip()
    while len(short) >= 2 and short[0] == short[-1] and short[0] in "'\"`":
        short = short[1:-1].strip()
    if short.endswith("."):
        short = short.rstrip(". ")
    return _BLANKS.sub(" ", short)
