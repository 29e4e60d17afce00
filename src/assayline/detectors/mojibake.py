"""UTF-8 that was read as another encoding, and characters that were lost on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Characters, tally
from assayline.measures.texts import MOJIBAKE

from .recognising.speaking import MUCH

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
ROUNDS = 3  # texts are damaged once, sometimes twice; more often was never seen


def repaired(text: str) -> str | None:
    """The text as it was before UTF-8 was read as Windows-1252 or Latin-1; None when it was not.

    The proof is the way back: bytes that happen to be valid UTF-8 do not come about by chance.

    >>> repaired("CafÃ©"), repaired("Café"), repaired("Ã‰cole")
    ('Café', None, 'École')
    """
    changed = False
    for _ in range(ROUNDS):
        once = _NOT_ASCII.sub(lambda match: _back(match.group()), text)
        if once == text:
            break
        text, changed = once, True
    return text if changed else None


def _back(run: str) -> str:
    try:
        raw = b"".join(_byte(character) for character in run)
        return raw.decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return run


def _byte(character: str) -> bytes:
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")  # the five bytes Windows-1252 leaves undefined


@dataclass(frozen=True)
class Damaged:
    """Accuses texts that can be read back, or that hold the mark of a lost character.

    Args:
        column: a text column.
    """

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> Damaged:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        series = block.column(self.column).series
        if series.dtype != pl.String:
            return []
        rows = np.flatnonzero(series.str.contains(MOJIBAKE).fill_null(False).to_numpy())
        cells = []
        for row, value in zip(rows.tolist(), series.gather(rows).to_list(), strict=True):
            before = repaired(value)
            if before is not None or "\ufffd" in value:
                cells.append(Cell(block.start + row, self.column, 0.97, value, before if before and "\ufffd" not in before else None))
        return cells


class Mojibake:
    """Finds texts such as "CafÃ©" and texts with lost characters (U+FFFD).

    Reads:    `characters`, `values` or the row sample.
    Finds:    "mojibake" per column; evidence `suspected_rows`, `rows_share`.
    Silent:   on texts that merely contain such letters: the way back to valid UTF-8 must exist.
    Source:   definition of UTF-8 (RFC 3629); docs/detectors/mojibake.md.

    >>> from assayline.measures import profile
    >>> [finding.columns for finding in Mojibake()(profile(pl.DataFrame({"city": ["KÃ¶ln", "Bonn"]})), Past())]
    [('city',)]
    """

    codes = ("mojibake",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, characters in profile.all_of(Characters).items():
            if not characters.mojibake:
                continue
            share = characters.mojibake / max(1, characters.n)
            values = tally(profile, column).values
            shown = [value for value in values.filter(values.str.contains(MOJIBAKE)).head(200).to_list() if repaired(value) or "\ufffd" in value][:3]
            if not shown and tally(profile, column).exact:
                continue
            examples = "; ".join(f"{value[:40]!r}" + (f" was {before[:40]!r}" if (before := repaired(value)) else "") for value in shown)
            yield Finding(
                "mojibake", (column,),
                f"{characters.mojibake:,} of {characters.n:,} values of {column} hold letters as they arise when UTF-8 is read in another encoding, or lost "
                f"characters{': ' + examples if examples else ''}.",
                severity=0.5 if share > MUCH else 0.6, evidence={"suspected_rows": characters.mojibake, "rows_share": share},
                suggestion="read the source as UTF-8; damaged texts can be turned back unless a character was lost", locate=Damaged(column),
                picture={"kind": "share", "value": share, "usual": 0.0},
            )  # fmt: skip
