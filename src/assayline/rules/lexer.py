"""Cuts the text of a rule into words, and refuses every character that a rule has no use for."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from assayline.errors import RuleError

from .limits import DIGITS, LENGTH

BLANKS = " \t\r\n"
SIGNS = ("<>", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ",", ".")
# What other languages write, and what it is called here.
FOREIGN = {
    "==": "write =", "&&": "write and", "||": "write or", "--": "a rule has no comments; say why in its reason",
    "/*": "a rule has no comments; say why in its reason", ";": "a rule is one condition", ">>": "rules have no shifts", "<<": "rules have no shifts",
    "**": "write x * x", "::": "columns have a kind already; see them with assay scan",
    "{": "a rule has no braces", "[": "a list stands in round brackets", "]": "a list stands in round brackets", "`": 'a name with blanks stands in double quotes: "my column"',
    "“": "use straight quotes: 'text'", "”": "use straight quotes: 'text'", "‘": "use straight quotes: 'text'", "’": "use straight quotes: 'text'",
    "≤": "write <=", "≥": "write >=", "≠": "write <>", "#": "a rule has no comments; say why in its reason", "!": "write not", "&": "write and", "|": "write or",
}  # fmt: skip


@dataclass(frozen=True)
class Word:
    """One word of a rule.

    Args:
        sort: "name", "quoted" (a name in double quotes), "number", "text", "sign" or "end".
        text: what it says, without quotes.
        at: where it begins.
    """

    sort: str
    text: str
    at: int


def words(text: str) -> list[Word]:
    """The words of a rule, the last one being the end.

    Raises:
        RuleError: it is too long, or a character or quote makes no sense.

    >>> [word.text for word in words("amount>=0.5")]
    ['amount', '>=', '0.5', '']
    """
    if len(text) > LENGTH:
        raise RuleError(text, LENGTH, f"the rule has {len(text):,} characters, and {LENGTH:,} are allowed", next_step="make several rules of it")
    found: list[Word] = []
    at = 0
    while at < len(text):
        letter = text[at]
        if letter in BLANKS:
            at += 1
        elif letter in "'\"":
            value, end = _quoted(text, at)
            found.append(Word("text" if letter == "'" else "quoted", value, at))
            at = end
        elif letter in "0123456789" or (letter == "." and text[at + 1 : at + 2] in tuple("0123456789")):
            end = _number(text, at)
            found.append(Word("number", text[at:end], at))
            at = end
        elif letter == "_" or letter.isalpha():
            end = at + 1
            while end < len(text) and (text[end] == "_" or text[end].isalnum()):
                end += 1
            found.append(Word("name", text[at:end], at))
            at = end
        else:
            sign = _sign(text, at)
            found.append(Word("sign", sign, at))
            at += len(sign)
    found.append(Word("end", "", len(text)))
    return found


def _sign(text: str, at: int) -> str:
    for length in (2, 1):
        if (hint := FOREIGN.get(text[at : at + length])) is not None and text[at : at + 2] not in SIGNS:
            raise RuleError(text, at, f"{text[at : at + length]!r} is not known", next_step=hint)
    for sign in SIGNS:
        if text.startswith(sign, at):
            return sign
    letter = text[at]
    raise RuleError(text, at, f"the character {described(letter)} has no meaning in a rule", next_step="take it out, or put the text in single quotes")


def described(letter: str) -> str:
    """A character so that it can be seen, also when it has no shape of its own.

    >>> described("\\u200b")
    'U+200B ZERO WIDTH SPACE'
    """
    code = f"U+{ord(letter):04X} {unicodedata.name(letter, 'without a name')}"
    return f"{letter!r}" if letter.isascii() and letter.isprintable() else code


def _quoted(text: str, at: int) -> tuple[str, int]:
    quote, end = text[at], at + 1
    while True:
        close = text.find(quote, end)
        if close < 0:
            what = "text" if quote == "'" else "name"
            raise RuleError(text, at, f"the {what} that begins here has no end", next_step=f"close it with {quote}")
        if text[close + 1 : close + 2] != quote:
            break
        end = close + 2
    for place in range(at, close):
        _refuse_hidden(text, place)
    value = text[at + 1 : close].replace(quote * 2, quote)
    if quote == '"' and not value:
        raise RuleError(text, at, "a name cannot be empty", next_step="an empty text is ''")
    return value, close + 1


def _refuse_hidden(text: str, place: int) -> None:
    """Characters that make a rule look like another one to the person who approves it, or that no database holds."""
    code = ord(text[place])
    if code == 0 or 0xD800 <= code <= 0xDFFF or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        raise RuleError(text, place, f"the character {described(text[place])} is not allowed in a rule", next_step="take it out")


def _number(text: str, at: int) -> int:
    def digits(place: int) -> int:
        while place < len(text) and text[place] in "0123456789":
            place += 1
        return place

    end = digits(at)
    if text[end : end + 1] == ".":
        end = digits(end + 1)
    mantissa = end
    if text[end : end + 1] in ("e", "E"):
        start = end + 2 if text[end + 1 : end + 2] in ("+", "-") else end + 1
        if (stop := digits(start)) > start:
            end = stop
    if end < len(text) and (text[end] == "_" or text[end].isalnum()):
        raise RuleError(text, end, f"a number ends before {described(text[end])}", next_step="put a blank or an operator between them")
    if mantissa - at > DIGITS or end - mantissa > 6:
        raise RuleError(text, at, f"the number has more than {DIGITS} digits", next_step="17 digits tell all numbers apart")
    return end
