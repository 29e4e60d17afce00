"""The known category that a slip of the finger was meant to be, when there is only one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEAST_WORD = 5  # letters: among shorter words one edit leads to other words (Iran, Iraq; cat, car)


@dataclass(frozen=True)
class Spellings:
    """Known categories, found again from any text one edit away (Garbe's SymSpell: two texts one edit apart share a text with one letter deleted).

    Args:
        by_deletion: from a category less one letter to the categories it comes from.

    >>> near = spellings(["amsterdam", "rotterdam"])
    >>> near.meant("amsetrdam"), near.meant("rotterdan"), near.meant("utrecht")
    ('amsterdam', 'rotterdam', None)
    """

    by_deletion: dict[str, tuple[str, ...]]

    def meant(self, text: str) -> str | None:
        """The one known category that is one edit of letters away, or None."""
        if len(text) < LEAST_WORD or len(text) > 64:
            return None
        found = {one for short in (text, *_deletions(text)) for one in self.by_deletion.get(short, ())}
        near = [one for one in found if one != text and one_slip(text, one)]
        return near[0] if len(near) == 1 else None


def spellings(known: Iterable[str]) -> Spellings:
    """The index of some categories; short ones and those without letters are left out."""
    made: dict[str, list[str]] = {}
    for one in known:
        if LEAST_WORD <= len(one) <= 64:
            for short in {one, *_deletions(one)}:
                made.setdefault(short, []).append(one)
    return Spellings({short: tuple(ones) for short, ones in made.items()})


def _deletions(text: str) -> list[str]:
    return [text[:at] + text[at + 1 :] for at in range(len(text))]


def one_slip(one: str, other: str) -> bool:
    """Whether two texts differ by one letter added, left out, replaced or swapped with its neighbour, inside a word of five letters or more.

    >>> one_slip("station 1a", "station 1b"), one_slip("berlin", "berlim")
    (False, True)
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    end = 0
    while end < min(len(one), len(other)) - begin and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[begin : len(one) - end], other[begin : len(other) - end]
    swapped = len(left) == len(right) == 2 and left == right[::-1]
    if not (swapped or (len(left) <= 1 and len(right) <= 1)) or not (left + right).isalpha():
        return False  # another digit is another thing
    shorter = one if len(one) <= len(other) else other
    word_begin = begin
    while word_begin > 0 and shorter[word_begin - 1].isalpha():
        word_begin -= 1
    word_end = begin
    while word_end < len(shorter) and shorter[word_end].isalpha():
        word_end += 1
    return word_end - word_begin >= LEAST_WORD - 1
