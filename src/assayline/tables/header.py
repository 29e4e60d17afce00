"""Which record names the columns, what stands above it, and what is doubtful about the names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from assayline.core import Finding

from .dialect import looks_typed
from .exact import Field, Record

TITLES = 40  # lines above a header that are looked at; longer preambles are not seen in practice
YEAR = re.compile(rb"(19|20)\d{2}\Z")  # years are usual names of columns in a pivoted table
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Letters that look like Latin ones (from Unicode's confusables for Cyrillic and Greek), the ones people really meet.
LOOKALIKE = str.maketrans(
    "аеорсухіјѕԁɡһӏοΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХЅІЈ",
    "aeopcyxijsdghloABEZHIKMNOPTYXABEKMHOPCTYXSIJ",
)


@dataclass(frozen=True)
class Header:
    """Where the names are.

    Args:
        at: index of the header among the records, or -1 when there is none.
        first: index of the first data record.
        titles: how many records above the header are titles.
        comments: how many of them are comment lines.
    """

    at: int
    first: int
    titles: int
    comments: int


def find_header(records: Sequence[Record], width: int) -> Header:
    """The header of a table whose rows have this many fields.

    >>> from .exact import Lexer
    >>> lines = b"Report,,\\n,,\\nid,region,amount\\n1,N,5\\n2,S,6\\n"
    >>> find_header(list(Lexer(b",", b'"')(lines, final=True)), 3)
    Header(at=2, first=3, titles=1, comments=0)
    """
    at = titles = comments = 0
    while at < len(records) - 1 and at < TITLES:
        fields = records[at].fields
        if _blank(fields):
            at += 1
            continue
        if (fields[0] or b"").startswith(b"#") and (len(fields) != width or (records[at + 1].fields[0] or b"").startswith(b"#")):
            comments += 1
            at += 1
            continue
        if not _title(fields, width) or not _header_follows(records, at + 1, width):
            break
        titles += 1
        at += 1
    if at >= len(records):
        return Header(-1, 0, 0, 0)
    body = [record.fields for record in records[at + 1 : at + 200] if len(record.fields) == width and not _blank(record.fields)]
    if not any(cell and looks_typed(cell) for cell in records[at].fields):  # the same names again further down are files that were joined
        body = [fields for fields in body if fields != records[at].fields] or body
    if looks_like_data(records[at].fields, body):
        return Header(-1, at, titles, comments)
    return Header(at, at + 1, titles, comments)


def looks_like_data(first: Sequence[Field], body: Sequence[Sequence[Field]]) -> bool:
    """Whether the first record is a row like the others and not a list of names."""
    filled = [cell for cell in first if cell and cell.strip()]
    if not filled:
        return False
    if len(first) >= 3 and any(list(first) == [b"%d" % number for number in range(base, base + len(first))] for base in (0, 1)):
        return False  # 0,1,2,…: the names that data frames without names are written with
    typed = [bool(cell) and looks_typed(cell or b"") and not YEAR.match(cell or b"") for cell in first]
    if not body:
        return all(looks_typed(cell) for cell in filled) and len(filled) > 1
    votes = 0
    for number, cell in enumerate(first):
        values = [row[number] for row in body if number < len(row) and row[number]]
        if not values:
            continue
        share = sum(looks_typed(value or b"") for value in values) / len(values)
        if share >= 0.8:
            votes += -1 if typed[number] else 1 if cell and not YEAR.match(cell) else 0
        elif cell and not typed[number] and len(values) >= 3:
            votes -= 1 if values.count(cell) >= max(2, len(values) // 50) else 0
        elif typed[number]:
            votes -= 1
    return votes < 0


def _blank(fields: Sequence[Field]) -> bool:
    return not any(cell and cell.strip() for cell in fields)


def _title(fields: Sequence[Field], width: int) -> bool:
    """A title fills only the first cells of its line."""
    filled = [number for number, cell in enumerate(fields) if cell and cell.strip()]
    if not filled or width < 2:
        return False
    if len(fields) == width or len(fields) > 1:
        return filled == list(range(len(filled))) and len(filled) <= max(1, width // 3) and len(filled) < width
    return True


def _header_follows(records: Sequence[Record], start: int, width: int) -> bool:
    """Whether one of the next records is full, of the right width, and reads like names."""
    for record in records[start : start + TITLES]:
        fields = record.fields
        if len(fields) != width:
            continue
        filled = [cell for cell in fields if cell and cell.strip()]
        if len(filled) == width and len(set(filled)) == width and sum(looks_typed(cell) and not YEAR.match(cell) for cell in filled) == 0:
            return True
        if len(filled) > max(1, width // 3):  # a full line that is not a header: the table has begun
            return False
    return False


def unique_names(raw: Sequence[str]) -> tuple[str, ...]:
    """Names that differ: an empty one becomes column_N, a repeated one gets a number, and a NUL, at which Arrow would end a name, its escape.

    >>> unique_names(["id", "amount", "id", "", " "])
    ('id', 'amount', 'id_2', 'column_4', 'column_5')
    """
    raw = [name.replace("\0", "\\x00") for name in raw]
    taken = set(raw)
    given: set[str] = set()
    names = []
    for number, name in enumerate(raw, start=1):
        if not name.strip():
            name = _free(f"column_{number}", taken | given)
        elif name in given:
            name = _free(name, taken | given)
        given.add(name)
        names.append(name)
    return tuple(names)


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def header_findings(raw: Sequence[str], names: Sequence[str]) -> list[Finding]:
    """What is doubtful about these names as they stand in the file.

    >>> [finding.code for finding in header_findings(["id", "amount", "id"], ["id", "amount", "id_2"])]
    ['bad_header']
    """
    findings = []
    empty = [number for number, name in enumerate(raw) if not name.strip()]
    if empty:
        findings.append(
            Finding(
                "bad_header",
                tuple(names[number] for number in empty[:20]),
                f"{len(empty)} of {len(raw)} columns have no name; column {empty[0] + 1} is the first.",
                0.4,
                evidence={"unnamed_columns": len(empty), "columns": len(raw)},
                suggestion="name every column",
            )
        )
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(raw):
        if name.strip():
            groups.setdefault(_folded(name), []).append(number)
    for numbers in groups.values():
        if len(numbers) < 2:
            continue
        originals = [raw[number] for number in numbers]
        if len(set(originals)) < len(originals):
            sentence, severity = (
                (
                    f"The name {originals[0]!r} is used for {len(numbers)} columns; "
                    f"they are kept apart as {', '.join(repr(names[n]) for n in numbers[:5])}."
                ),
                0.6,
            )
        else:
            sentence, severity = (
                (
                    f"The names {', '.join(ascii(one) for one in originals[:5])} look alike: "
                    "they differ only by case, blanks or look-alike characters."
                ),
                0.5,
            )
        findings.append(
            Finding(
                "bad_header",
                tuple(names[number] for number in numbers[:20]),
                sentence,
                severity,
                evidence={"columns": len(numbers)},
                suggestion="give every column a name of its own",
            )
        )
    alone = [number for number, name in enumerate(raw) if _mixed_scripts(name)]
    for number in alone:
        if not any(number in numbers and len(numbers) > 1 for numbers in groups.values()):
            findings.append(
                Finding(
                    "bad_header",
                    (names[number],),
                    f"The name {raw[number]!a} mixes Latin letters with look-alike letters of another alphabet.",
                    0.5,
                    evidence={"columns": 1},
                    suggestion="type the name again",
                )
            )
    for pattern, code, what in (
        (CONTROL, "control_characters", "control characters"),
        (INVISIBLE, "invisible_characters", "invisible characters"),
    ):
        hit = [number for number, name in enumerate(raw) if pattern.search(name)]
        if hit:
            findings.append(
                Finding(
                    code,
                    tuple(names[number] for number in hit[:20]),
                    f"{len(hit)} column names hold {what}, such as {raw[hit[0]]!a}.",
                    0.4,
                    evidence={"columns": len(hit)},
                    suggestion="remove them from the names",
                )
            )
    if (
        len(raw) > 2000
    ):  # spreadsheets stop at 16,384, databases at 1,600 (PostgreSQL) to 4,096: thousands are a pivot gone wrong or one-hot text
        findings.append(
            Finding(
                "wide_table",
                (),
                f"There are {len(raw)} columns.",
                0.3,
                evidence={"columns": len(raw)},
                suggestion="check that rows and columns were not swapped",
            )
        )
    return findings


def _folded(name: str) -> str:
    return " ".join(INVISIBLE.sub("", unicodedata.normalize("NFKC", name)).translate(LOOKALIKE).casefold().translate(LOOKALIKE).split())


def _mixed_scripts(name: str) -> bool:
    latin = any("a" <= letter.lower() <= "z" for letter in name)
    foreign = any(letter != letter.translate(LOOKALIKE) for letter in name)
    others = any(letter.isalpha() and ord(letter) > 0x36F and letter == letter.translate(LOOKALIKE) for letter in name)
    return latin and foreign and not others
