r"""Makes foreign text safe to look at: what is invisible, or would act, is shown as an escape.

Data may hold terminal escape sequences, direction overrides, zero-width letters and lone surrogates. A view
shows them, and never sends them on. What passes through `visible` is printable and cannot move a cursor,
turn the reading direction or hide; it is *not* yet escaped for HTML (see `markup`).

>>> visible("red\x1b[31m\nad\u200bmin")
'red␛[31m\\nad\\u200bmin'
"""

from __future__ import annotations

import unicodedata

# Letters and marks that draw nothing although they count as printable: grapheme joiner, Hangul fillers,
# Khmer inherent vowels, Mongolian selectors (Unicode: Default_Ignorable_Code_Point).
_DRAW_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JOINERS = frozenset("\u200c\u200d")
_FIRST_JOINED_SCRIPT = 0x590  # Hebrew; joiners mean something in the scripts from there on and in emoji, not in Latin, Greek, Cyrillic
_MARKS_IN_A_ROW = 4  # Vietnamese needs 2, Hebrew with points and accents 3; stacks of dozens bleed over other lines
_KEPT = 4000  # a value is cut long before; bounds the work for a cell of megabytes


def visible(text: str, *, encoding: str = "utf-8", blanks: bool = False) -> str:
    r"""The text with everything invisible or active written out.

    Args:
        text: anything, also lone surrogates.
        encoding: what the output can carry; other characters become \u escapes.
        blanks: show blanks at the ends, and runs of them, as ␣ (they are what is wrong with the value).

    >>> visible(" a  b", blanks=True)
    '␣a␣␣b'
    >>> visible("naïve", encoding="ascii")
    'na\\xefve'
    """
    if blanks and ("  " in text or text[:1] == " " or text[-1:] == " "):
        text = _shown_blanks(text)
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for place, char in enumerate(text):
        marks = marks + 1 if unicodedata.combining(char) else 0
        if char.isascii() and char.isprintable():
            shown.append(char)
        elif marks > _MARKS_IN_A_ROW or not _harmless(char, text, place):
            shown.append(_escaped(char))
        else:
            shown.append(char)
    out = "".join(shown)
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        return out
    return "".join(char if _fits(char, encoding) else _escaped(char, pictures=False) for char in out)


def width(text: str) -> int:
    """How many terminal cells a visible text takes.

    >>> width("東京")
    4
    """
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def cut(text: str, most: int, *, ellipsis: str = "…") -> str:
    """The text with its middle left out, at most `most` cells wide.

    >>> cut("abcdefghijklmnop", 9)
    'abcd…mnop'
    """
    if width(text) <= most:
        return text
    room = max(most - width(ellipsis), 0)
    head, tail = start_of(text, room - room // 2), start_of(text[::-1], room // 2)[::-1]
    return (head + ellipsis + tail) if most >= width(ellipsis) else head


def around(text: str, place: int, most: int, *, ellipsis: str = "…") -> str:
    """The part of a visible text around a place, at most `most` cells wide: for a difference that a cut in the middle would hide.

    >>> around("patients who were caxxed in time", 20, 18)
    '…ho were caxxed i…'
    """
    if width(text) <= most:
        return text
    room = max(most - 2 * width(ellipsis), 1)
    # Two thirds of the room before the place: a reader needs to know where he is.
    before = start_of(text[:place][::-1], room * 2 // 3)[::-1]
    after = start_of(text[place:], room - width(before))
    before = start_of(text[:place][::-1], room - width(after))[::-1]
    left = ellipsis if len(before) < place else ""
    right = ellipsis if place + len(after) < len(text) else ""
    return start_of(left + before + after + right, most)


def start_of(text: str, room: int) -> str:
    """As much of the text's start as fits into so many cells.

    >>> start_of("東京都", 5)
    '東京'
    """
    used = 0
    for place, char in enumerate(text):
        used += _cells(char)
        if used > room:
            return text[:place]
    return text


def shown(value: str, most: int, *, encoding: str = "utf-8", blanks: bool = False) -> str:
    """A foreign text, visible and cut to `most` cells.

    >>> shown("x" * 5_000_000, 30)
    'xxxxxxxxxx…5,000,000…xxxxxxxxx'
    """
    dots = "…" if _fits("…", encoding) else "..."
    if len(value) > _KEPT:
        # The size says more than the letters between: one huge cell among short ones is itself news.
        dots = f"{dots}{len(value):,}{dots}"
        value = value[: _KEPT // 2] + value[-_KEPT // 2 :]
        return cut(visible(value, encoding=encoding, blanks=blanks), most, ellipsis=dots)
    return cut(visible(value, encoding=encoding, blanks=blanks), most, ellipsis=dots)


def _harmless(char: str, text: str, place: int) -> bool:
    if char in _DRAW_NOTHING:
        return False
    before = text[place - 1] if place else ""
    if "\ufe00" <= char <= "\ufe0f":  # variation selectors: ☎️ is fine, a hidden message behind a letter is not
        return bool(before) and ord(before) > 0x2000 and before.isprintable()
    if "\U000e0100" <= char <= "\U000e01ef":
        return False
    if char in _JOINERS:
        after = text[place + 1] if place + 1 < len(text) else ""
        return _joined(before) and _joined(after)
    return char.isprintable()


def _joined(char: str) -> bool:
    return char != "" and ord(char) >= _FIRST_JOINED_SCRIPT and char.isprintable() and unicodedata.category(char)[0] in "LMS"


def _escaped(char: str, *, pictures: bool = True) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if pictures and code < 0x20:
        return chr(0x2400 + code)
    if pictures and code == 0x7F:
        return "␡"
    if 0x2400 <= code < 0x2420:  # the picture of a control character, where the output cannot carry pictures
        return f"\\x{code - 0x2400:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _shown_blanks(text: str) -> str:
    body = text.strip(" ")
    left = len(text) - len(text.lstrip(" "))
    right = len(text) - left - len(body)
    out = []
    run = 0
    for char in body + "\0":
        if char == " ":
            run += 1
            continue
        out.append(" " if run == 1 else "␣" * run)
        run = 0
        out.append(char)
    return "␣" * left + "".join(out)[:-1] + "␣" * right


def _fits(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeError:
        return False
    return True


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
