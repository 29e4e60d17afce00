"""Values that do not belong to their column as the past knows it: text among numbers, other spellings, unknown categories, unknown keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, View
from .expectation import Shares, shares
from .foreign import Foreign, foreign, has_stray_blanks, is_damaged, is_missing_word, is_test_word
from .locating import OneOf
from .suspicion import Suspicion
from .wording import between, lots, percent, short

MANY_VALUES = 20  # values from which a repeated column can be a reference to another table
ONE_VALUE = 0.5  # share of the new cells one value must hold to be "a category", not "unknown keys"
LEAST_CELLS = 2  # one odd cell is a typing error, for the signatures to find
LEAST_NEW = 5  # rows of a new category: a rare one now and then is life
FACT_ROWS = 300  # filled cells of the past without one such cell, from which two today are a fact


class ForeignValues:
    """Finds cells that are new in kind, and says what happened to them.

    Reads:    `sample`.
    Finds:    "type_to_string", "decimal_comma", "date_format", "disguised_missing", "null_token_change", "mojibake", "test_records", "whitespace_case",
              "category_spelling", "text_truncation", "new_category_flood", "fk_break".
    Silent:   about single cells, and about new values in columns that bring new values every day (free text, identifiers).
    Source:   binomial tail at the worst rate at which a good lot brought such cells (leave one out), docs/statistics.md.
    """

    finds = (
        "type_to_string", "decimal_comma", "date_format", "disguised_missing", "null_token_change", "mojibake", "test_records", "whitespace_case",
        "category_spelling", "text_truncation", "new_category_flood", "fk_break",
    )  # fmt: skip

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.kind in ("nested", "empty", "boolean") or view.now_missing.all():
                continue
            found = foreign(view)
            if any(found.rows(reason) for reason in found.reasons):
                yield from _judged(comparison, view, found)


def _judged(comparison: Comparison, view: View, found: Foreign) -> Iterable[Suspicion]:
    filled = int((~view.now_missing).sum())
    sizes = view.filled_sizes
    reasons = {reason: found.rows(reason) for reason in found.reasons if found.rows(reason)}
    if view.is_closed or view.kind in ("number", "time"):
        usual = view.per_lot(view.past_unreadable) if view.kind in ("number", "time") else view.novelty[0]
        everything = sum(reasons.values())
        odd = shares([everything], [filled], usual[:, None], sizes[:, None])
        if "category_spelling" in reasons and reasons["category_spelling"] >= 0.25 * reasons.get("whitespace_case", 0):
            reasons["category_spelling"] += reasons.pop("whitespace_case", 0)  # several slips of the keyboard, some of them of the shift key
        if "text_truncation" in reasons and not _cut_at_one_width(view, found):
            other = "category_spelling" if "category_spelling" in reasons else "new"
            reasons[other] = reasons.get(other, 0) + reasons.pop("text_truncation")
        elif "text_truncation" in reasons:
            for swallowed in ("category_spelling", "new", "whitespace_case"):
                reasons["text_truncation"] += reasons.pop(swallowed, 0)
        main = max(reasons, key=lambda reason: (reasons[reason], reason))
        for reason, cells in sorted(reasons.items()):
            rate = shares([cells], [filled], _usual(view, reason, usual)[:, None], sizes[:, None])
            if reason != main and cells < 0.2 * reasons[main]:
                continue
            yield from _said(comparison, view, found, reason, cells, filled, rate, odd, int(sizes.sum()))
        return
    for reason in ("disguised_missing", "mojibake", "test_records", "whitespace_case"):
        cells = _cells(view, reason)
        if cells:
            rate = shares([cells], [filled], _usual(view, reason, np.zeros(view.lots, dtype=np.int64))[:, None], sizes[:, None])
            yield from _said(comparison, view, found, reason, cells, filled, rate, rate, int(sizes.sum()))


_TESTS = {"disguised_missing": is_missing_word, "mojibake": is_damaged, "test_records": is_test_word, "whitespace_case": has_stray_blanks}


def _cells(view: View, reason: str) -> int:
    now, _, values = view.codes
    today = np.bincount(now[now >= 0], minlength=len(values))
    return int(sum(today[i] for i in np.flatnonzero(today).tolist() if _TESTS[reason](values[i])))


def _usual(view: View, reason: str, otherwise: np.ndarray) -> np.ndarray:
    """How many cells of that kind each past lot had."""
    if reason not in _TESTS:
        return otherwise
    _, past, values = view.codes
    such = np.array([_TESTS[reason](value) for value in values], dtype=np.bool_)
    return view.per_lot((past >= 0) & such[np.maximum(past, 0)])


def _cut_at_one_width(view: View, found: Foreign) -> bool:
    """Whether the new texts are the beginnings of known ones, all of one length, and nothing today is longer."""
    cut = found.counts.get("text_truncation", {})
    if not cut:
        return False
    lengths = {len(text) for text in cut}
    longest = view.now_text.drop_nulls().str.len_chars().max()
    rstripped = {len(text.rstrip()) for text in cut}
    return (len(lengths) == 1 or max(rstripped) - min(rstripped) <= 1) and max(lengths) == longest


def _said(
    comparison: Comparison, view: View, found: Foreign, reason: str, cells: int, filled: int, rate: Shares, odd: Shares, known: int
) -> Iterable[Suspicion]:
    share, high = float(rate.now[0]), float(rate.high[0])
    least = {"test_records": 1, "mojibake": 1, "new": LEAST_NEW}.get(reason, LEAST_CELLS)
    if cells < least or share <= high:
        return
    past_cells = float(rate.usual[0])
    p = 0.0 if past_cells == 0 and known >= FACT_ROWS and reason != "new" else float(rate.more[0])
    code = reason
    values: Mapping[str, int] = found.counts.get(reason) or found.counts.get("text_truncation") or {}
    if not values and reason in _TESTS:
        values = {text: 1 for text in sorted(view.now_text.drop_nulls().unique().to_list()) if _TESTS[reason](text)}
    top, top_rows = max(values.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    if reason == "new":
        p = float(rate.more[0])
        several = len(values) > 2 and top_rows < ONE_VALUE * sum(values.values())
        code = "fk_break" if several and len(view.codes[2]) >= MANY_VALUES else "new_category_flood"
    if reason == "disguised_missing" and _were_empty(view, cells):
        code = "null_token_change"
    name = view.name
    usual = between(float(rate.usual[0]), high) if past_cells else "none"
    words = _WORDS[code].format(
        name=name, share=percent(share), top=short(top), usual=usual, lots=lots(comparison.lots), known=short(found.known.get(top, "")), rows=f"{cells:,}",
        count=len(values),
    )  # fmt: skip
    yield Suspicion(Finding(
        code, (name,), words, severity=_severity(code, share), layer="history", rows=cells,
        evidence={"share": round(share, 4), "usual_share": round(past_cells, 5), "worst_share": round(high, 5), "value": top},
        suggestion=_ADVICE.get(code, "ask the source"), locate=OneOf(name, {text: (0.8, found.known.get(text)) for text in list(values)[:1000]}),
        picture={"kind": "share", "value": share, "usual": past_cells},
    ), p)  # fmt: skip


def _were_empty(view: View, cells: int) -> bool:
    """Whether the words stand where the past left cells empty: about as many as used to be empty, and fewer empty ones today."""
    rows = len(view.now_missing)
    usual = view.sizes - view.filled_sizes
    before = shares([cells + int(view.now_missing.sum())], [rows], usual[:, None], view.sizes[:, None])
    fewer = shares([int(view.now_missing.sum())], [rows], usual[:, None], view.sizes[:, None])
    expected = float(before.usual[0])
    together = float(before.now[0])
    return expected > 0 and float(fewer.now[0]) < 0.5 * expected and before.low[0] / 2 - 0.01 <= together <= 2 * before.high[0] + 0.01


def _severity(code: str, share: float) -> float:
    base = {"new_category_flood": 0.4, "fk_break": 0.55, "whitespace_case": 0.4, "category_spelling": 0.45, "type_to_string": 0.6, "mojibake": 0.6}.get(code, 0.5)
    return min(0.79, base + 0.25 * min(1.0, share))


_WORDS = {
    "type_to_string": "{share} of {name} is text such as {top} where {lots} had numbers ({usual} were not).",
    "decimal_comma": "{share} of {name} is written with a decimal comma such as {top}; in {lots}: {usual}.",
    "date_format": "{share} of {name} is written in another form of date, such as {top}; in {lots}: {usual}.",
    "disguised_missing": "{share} of {name} is a word for nothing such as {top} ({rows} cells); in {lots}: {usual}.",
    "null_token_change": "{share} of {name} says {top} where {lots} had empty cells.",
    "mojibake": "{share} of {name} is damaged by a wrong encoding, such as {top}; in {lots}: {usual}.",
    "test_records": "{share} of {name} is a developer's test value such as {top} ({rows} cells); in {lots}: {usual}.",
    "whitespace_case": "{share} of {name} differs from known values only by blanks or case, such as {top} for {known}; in {lots}: {usual} was new.",
    "category_spelling": "{share} of {name} is a new spelling of a known value, such as {top} for {known}; in {lots}: {usual} was new.",
    "text_truncation": "{share} of {name} is the beginning of a known value, such as {top} for {known}, all cut at one width; in {lots}: {usual} was new.",
    "new_category_flood": "{share} of {name} is {top} or another value never seen in {lots}, where {usual} was new.",
    "fk_break": "{share} of {name} are keys never seen in {lots} ({count} of them, such as {top}); usually {usual} is new.",
}
_ADVICE = {
    "type_to_string": "convert the cells back to numbers at the source", "decimal_comma": "replace the comma by a point", "null_token_change": "read this word as empty",
    "disguised_missing": "read this word as empty", "mojibake": "read the file as UTF-8", "test_records": "take the test rows out",
    "whitespace_case": "trim and use the known spelling", "category_spelling": "use the known spelling", "date_format": "write all dates in one form",
    "fk_break": "look whether the table these keys refer to is complete", "new_category_flood": "accept the category, or map it",
    "text_truncation": "ask for the full texts",
}  # fmt: skip
