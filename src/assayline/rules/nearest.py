"""The name somebody meant who wrote another one."""

from __future__ import annotations

from collections.abc import Iterable

MOST_COMPARED = 400  # names; the comparison of two short names takes some 20 µs
LONGEST = 64  # characters compared


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name with the fewest edits, if at most a third of its letters (one of a short name) had to change.

    >>> nearest("amont", ["amount", "customer"])
    'amount'
    >>> nearest("amont", ["customer"]) is None
    True
    """
    wanted = name.casefold()[:LONGEST]
    most = max(1, len(wanted) // 3)
    close = sorted((one for one in names if abs(len(one) - len(name)) <= most), key=lambda one: (abs(len(one) - len(name)), one))
    found: tuple[int, str] | None = None
    for one in close[:MOST_COMPARED]:
        edits = distance(wanted, one.casefold()[:LONGEST])
        if edits <= most and edits < max(len(wanted), len(one)) and (found is None or (edits, one) < found):
            found = (edits, one)
    return found[1] if found else None


def distance(one: str, other: str) -> int:
    """How many letters have to be put in, taken out or replaced (Levenshtein 1966).

    >>> distance("amont", "amount")
    1
    """
    one, other = _without_common(one, other)  # what is equal at both ends costs nothing
    one, other = _without_common(one[::-1], other[::-1])
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, second in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (letter != second))
    return row[-1]


def _without_common(one: str, other: str) -> tuple[str, str]:
    """Both without what they begin with alike."""
    begin = next((at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other)))
    return one[begin:], other[begin:]
