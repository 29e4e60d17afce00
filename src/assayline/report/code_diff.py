"""A change of code as lines that were taken away and lines that came, by sign and by colour.

>>> [(one.sign, one.text) for one in diff_lines("--- a/line.py\\n+++ b/line.py\\n@@ -1,2 +1,2 @@\\n rows = 3\\n-window = 3\\n+window = 24\\n")]
[('@', '@@ -1,2 +1,2 @@'), (' ', 'rows = 3'), ('-', 'window = 3'), ('+', 'window = 24')]
"""

from __future__ import annotations

from typing import NamedTuple

from .markup import Markup, element
from .visible import shown

MOST_LINES = 160
MOST_LETTERS = 240
CLASSES = {"+": "al-w-plus", "-": "al-w-minus", "@": "al-w-hunk", " ": "al-w-same"}
SPOKEN = {"+": "added: ", "-": "removed: "}


class DiffLine(NamedTuple):
    """One line: "+" came, "-" was taken away, " " is around it, "@" says where it is."""

    sign: str
    text: str


def diff_lines(diff: str, most: int = MOST_LINES) -> list[DiffLine]:
    """The lines of a unified diff without its names of files; at most so many, then one that says how many more there are."""
    given = [one for one in diff.splitlines() if not one.startswith(("--- ", "+++ ", "\\ No newline")) and one not in ("---", "+++")]
    while given and not given[-1].strip():
        given.pop()
    lines = [_line(one) for one in given[:most]]
    return [*lines, DiffLine("@", f"and {len(given) - most:,} more lines")] if len(given) > most else lines


def _line(one: str) -> DiffLine:
    if one.startswith("@@"):
        return DiffLine("@", shown(one, MOST_LETTERS))
    sign = one[:1] if one[:1] in "+- " and one else " "
    return DiffLine(sign, shown((one[1:] if one[:1] in ("+", "-", " ") else one).expandtabs(4), MOST_LETTERS))


def diff_block(diff: str, label: str) -> Markup:
    """The change as part of a page; it scrolls by itself where its lines are long."""
    drawn = []
    for one in diff_lines(diff):
        spoken = element("span", SPOKEN[one.sign], class_="al-unseen") if one.sign in SPOKEN else None
        sign = element("span", "−" if one.sign == "-" else one.sign if one.sign == "+" else " ", class_="al-w-sign-cell", aria_hidden="true" if spoken is not None else None)
        drawn.append(element("span", sign, spoken, one.text, class_=CLASSES[one.sign]))
    return element("div", element("code", *drawn), class_="al-w-diff", tabindex="0", role="region", aria_label=label)
