"""The key that was probably meant: one keystroke away from an unknown one, and not there by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from assayline.measures import KeySet, marks_of

LONGEST = 40  # characters of a key that is mended
CHANCE = 0.05  # most keys that may be expected among the variants by chance
MOST_SIGNS = 80  # different characters tried


def nearest(unknown: Sequence[str], known: Sequence[str], keys: KeySet, kind: str, size: int) -> dict[str, str]:
    """For each unknown key the only known one that is the same but for blanks, case or leading zeros, or else one keystroke away.

    Nothing is said where so many keys exist that a variant would be one by chance.

    Args:
        unknown: texts.
        known: other values of the column: their characters are the alphabet of slips.
        keys: the parent's.
        kind: "number" or "text", as the parent's column is.
        size: how many keys there are.

    >>> keys = KeySet.of([marks_of(pl.Series(["LYON", "BONN", "GENT"]), "text").marks], 3)
    >>> sorted(nearest(["LYO", "bonn", "XXXX"], ["LYON"], keys, "text", 3).items())
    [('LYO', 'LYON'), ('bonn', 'BONN')]
    """
    if not keys.is_exact:
        return {}
    signs = "".join(sorted({sign for text in [*known[:2_000], *unknown] for sign in text if not sign.isspace()}))[:MOST_SIGNS]
    width = max((len(text) for text in known[:2_000]), default=0)
    plain = [_same_but(text, width) if kind == "text" else [] for text in unknown]
    slips = [_one_away(text, signs) if len(text) <= LONGEST and len(text) * size / _space(text) <= CHANCE else [] for text in unknown]
    found: dict[str, str] = {}
    for variants in (plain, slips):
        flat = [one for group in variants for one in group]
        hits = _known(flat, keys, kind)
        at = 0
        for text, group in zip(unknown, variants, strict=True):
            real = {one for one, hit in zip(group, hits[at : at + len(group)], strict=True) if hit}
            at += len(group)
            if len(real) == 1 and text not in found:
                found[text] = real.pop()
    return found


def _known(texts: list[str], keys: KeySet, kind: str) -> list[bool]:
    marks = marks_of(pl.Series(texts, dtype=pl.String), kind)
    hits = np.zeros(len(texts), dtype=np.bool_)
    hits[marks.rows] = keys.has(marks.marks)
    return list(hits.tolist())


def _space(text: str) -> float:
    """How many texts of this form there are, for each of those that one keystroke leads to."""
    forms = 1.0
    for sign in text:
        forms *= 10.0 if sign.isdigit() else 26.0 if sign.isalpha() else 1.0
    return forms / 36.0  # a keystroke reaches some 36 signs in each place


def _same_but(text: str, width: int) -> list[str]:
    bare = text.strip()
    forms = {bare, bare.upper(), bare.lower(), bare.title(), bare.lstrip("0"), bare.zfill(width) if bare.isdigit() else bare}
    return sorted(forms - {text, ""})


def _one_away(text: str, signs: str) -> list[str]:
    forms = {text[:i] + text[i + 1 :] for i in range(len(text))}
    forms |= {text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in range(len(text) - 1)}
    for sign in signs:
        forms |= {text[:i] + sign + text[i + 1 :] for i in range(len(text))}
        forms |= {text[:i] + sign + text[i:] for i in range(len(text) + 1)}
    return sorted(forms - {text, ""})
