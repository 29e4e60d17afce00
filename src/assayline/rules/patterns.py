"""The patterns of `like` and `matches`, as regular expressions for an engine that needs linear time.

`re` of Python backtracks, and a pattern of ten characters can occupy it for years; so it never sees a user's pattern. The regular
expressions of Polars (the Rust crate `regex`, the semantics of RE2) have no look-around and no back-references, and read a text once.
"""

from __future__ import annotations

from assayline.errors import RuleError

from .lexer import Word
from .limits import WEIGHT

_META = frozenset(r"\.+*?()|[]{}^$#&-~/")


def refuse_like(text: str, word: Word) -> None:
    """Raises when a pattern of `like` has a backslash before something that needs none."""
    at = 0
    while (at := word.text.find("\\", at)) >= 0:
        if word.text[at + 1 : at + 2] not in ("%", "_", "\\"):
            raise RuleError(text, word.at, "a backslash in a pattern of like stands before %, _ or another backslash", next_step="write \\\\ for a backslash")
        at += 2


def refuse_pattern(text: str, word: Word) -> None:
    """Raises when a pattern of `matches` is not a regular expression of linear time, or grows too large when it is compiled."""
    import polars as pl  # here: the gate reads the rules of a flow in a process that does not need the engine for anything else

    written_out = weight(word.text)
    if written_out > WEIGHT:
        cause = f"the pattern is {written_out:,} characters long when its counts are written out, and {WEIGHT:,} are allowed"
        raise RuleError(text, word.at, cause, next_step="count with length(x)")
    try:
        pl.Series([""]).str.contains(word.text, strict=True)
    except pl.exceptions.PolarsError as error:
        raise RuleError(text, word.at, *_told(str(error))) from None


def _told(message: str) -> tuple[str]:
    """The sentence of the regular expression engine, without its drawing."""
    for line in message.splitlines():
        if line.startswith("error: "):
            return (f"the pattern is no regular expression: {line.removeprefix('error: ')}",)
    if "size limit" in message:
        return ("the pattern grows too large when its counts are written out",)
    return ("the pattern is no regular expression",)


def weight(pattern: str) -> int:
    """How long a pattern is once its counts are written out, with letters of all alphabets (`\\w`, `\\pL`) counted twenty times.

    A pattern that is no regular expression gets some number, and is refused by the engine afterwards.

    >>> weight("^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$"), weight("((a{100}){100}){100}")
    (38, 1000000)
    >>> weight("(\\\\pL{3})*\\\\p{Greek}")
    80
    """
    open_groups: list[int] = []
    total, last, at = 0, 0, 0  # of the group so far, and its last part: what a count multiplies
    while at < len(pattern):
        letter, size = pattern[at], 1
        if letter == "(":
            open_groups.append(total)
            total = last = 0
        elif letter == ")" and open_groups:
            last = total
            total += open_groups.pop()
        elif letter == "{" and (count := _count(pattern, at)) is not None:
            many, size = count
            total += last * (many - 1)
            last *= many
        elif letter not in "*+?|":
            last = size = 1
            if letter == "\\":
                named = pattern[at + 1 : at + 2]
                size = 2 if named not in ("p", "P") else 3 if pattern[at + 2 : at + 3] != "{" else pattern.find("}", at) + 1 - at
                size = max(2, size)
                last = _ALPHABETS if named in tuple("wWpP") else 1
            elif letter == "[":
                close = pattern.find("]", at + 2)
                inside = pattern[at : close + 1] if close > 0 else letter
                size = len(inside)
                last = _ALPHABETS if any(one in inside for one in ("\\w", "\\W", "\\p", "\\P")) else 1
            total += last
        at += size
    return total + sum(open_groups)


_ALPHABETS = 20  # `\w` compiles to some 40 kB, a letter to a few dozen bytes; measured


def _count(pattern: str, at: int) -> tuple[int, int] | None:
    """The largest count in curly brackets and how long it is written; None where it is none."""
    close = pattern.find("}", at)
    pieces = pattern[at + 1 : close].split(",") if 0 < close <= at + 20 else []
    if not 1 <= len(pieces) <= 2 or not all(piece.isascii() and (piece.isdigit() or not piece) for piece in pieces) or not pieces[0]:
        return None
    return max(1, *(int(piece) for piece in pieces if piece)), close + 1 - at


def of_like(pattern: str) -> str:
    """The regular expression that says the same as a pattern of `like`.

    >>> of_like("10\\\\% _f%")
    '(?s)\\\\A10% .f.*\\\\z'
    """
    pieces, at = [], 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 1
            letter = pattern[at]
            pieces.append(escaped(letter))
        else:
            pieces.append({"%": ".*", "_": "."}.get(letter) or escaped(letter))
        at += 1
    return rf"(?s)\A{''.join(pieces)}\z"


def escaped(letter: str) -> str:
    """A character without its meaning in regular expressions."""
    return "\\" + letter if letter in _META else letter
