r"""Makes foreign text inert in messages: it stays readable, and does nothing where it is read.

A value of a table may hold a line break that would start a header, a link that a mail program would make clickable, a
mention that would wake a whole channel, or markup. There are three strengths, each including the one before:

    plain   one line of printable characters, cut; for JSON and headers
    inert   no links and no mentions either; for mail
    chat    no markup either; for chats, whose rules differ and change, hence look-alikes and not each chat's own escapes

>>> plain("a\r\nBcc: all@example.com", 80)
'a\\r\\nBcc: all@example.com'
>>> inert("see https://evil.example or ask ann@evil.example", 80)
'see https[:]//evil[.]example or ask ann(at)evil[.]example'
>>> chat("<!channel> *urgent*", 80)
'‹!channel› ∗urgent∗'
"""

from __future__ import annotations

import re
import unicodedata

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Count as printable and draw nothing (Unicode: Default_Ignorable_Code_Point).
_DRAW_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}
_MARKS_IN_A_ROW = 4  # Vietnamese needs 2, Hebrew with points and accents 3; stacks of dozens cover other lines
# Mail programs make a link of anything with a name of a top-level domain behind a dot. These endings are none, and are what our sentences name.
_FILES = "csv|tsv|txt|json|jsonl|ndjson|parquet|feather|arrow|avro|orc|xlsx|xls|ods|gz|bz2|xz|zst|db|sqlite|duckdb"
_DOT = re.compile(rf"(?<=\w)[.\u3002\uff0e\uff61](?!(?:{_FILES})\b)(?=[^\W\d_]{{2}})", re.IGNORECASE)
_SCHEME = re.compile(r"(?<=[A-Za-z0-9+.-]):(?=//)")
_OPAQUE = re.compile(r"\b(mailto|tel|sms|javascript|vbscript|data|file|skype|slack|msteams|callto|xmpp|sip|sips|magnet|about|blob):(?=\S)", re.I)
_SHARE = re.compile(r"\\\\(?=[\w.])")
_LOOK_ALIKE = str.maketrans({"<": "‹", ">": "›", "&": "＆", "*": "∗", "`": "ˋ", "~": "∼", "|": "¦"})
_LEADING = str.maketrans({"#": "＃", "-": "−", "=": "＝"})  # a heading, a list, a line under a heading
_LONE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def plain(text: str, most: int) -> str:
    """The text as one printable line of at most `most` characters.

    >>> plain("x" * 1_000_000, 5)
    'xxxx…'
    """
    kept = text[: most + 1]  # the work is bounded even for a cell of megabytes
    if not (kept.isascii() and kept.isprintable()):
        shown: list[str] = []
        marks = 0
        for char in kept:
            marks = marks + 1 if unicodedata.combining(char) else 0
            drawn = char.isprintable() and char not in _DRAW_NOTHING and marks <= _MARKS_IN_A_ROW and not _is_ignorable(char)
            shown.append(char if drawn else _escaped(char))
        kept = "".join(shown)
    return _cut(kept, most)


def inert(text: str, most: int) -> str:
    """The text in which nothing becomes a link or a mention.

    >>> inert("orders.csv of sales.example", 80)
    'orders.csv of sales[.]example'
    """
    text = plain(text, most).replace("@", "(at)").replace("\uff20", "(at)")
    text = _SHARE.sub(r"\\ \\", _OPAQUE.sub(r"\1[:]", _SCHEME.sub("[:]", text)))
    return _cut(_DOT.sub("[.]", text), most)


def chat(text: str, most: int) -> str:
    """The text in which nothing is markup of a chat.

    >>> chat("[unit_price](https://evil.example) is ${price} {{DATE(x)}}", 80)
    '[unit_price] (https[:]//evil[.]example) is $ {price} { {DATE(x)} }'
    >>> chat("# heading", 80)
    '＃ heading'
    """
    text = inert(text, most).translate(_LOOK_ALIKE)
    text = _LONE_UNDERSCORE.sub("＿", text)
    for two in ("](", "${", "{{", "}}", "#{"):
        while two in text:
            text = text.replace(two, f"{two[0]} {two[1]}")
    body = text.lstrip("#-= ")
    return _cut(text[: len(text) - len(body)].translate(_LEADING) + body, most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"


def _is_ignorable(char: str) -> bool:
    return 0xE0000 <= ord(char) <= 0xE0FFF


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
