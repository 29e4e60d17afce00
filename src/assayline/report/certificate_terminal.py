"""A certificate on the terminal: a table of faults and strengths with small bars, and in sentences what would not be noticed.

As for a report, colour and block characters are used only where they arrive, and every foreign text is made visible first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import certificate_words as said
from .paper import PIPED_WIDTH, WIDEST
from .visible import cut, shown, visible, width

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show", "text"]

BAR = 5  # characters: a fifth is as fine as a handful of tries can be
CELL = 15
MOST_SENTENCES = 60
MOST_LOTS = 20
MOST_SENTENCE = 700
LEAST_TITLE = 18

_Line = list[tuple[str, str]]


def text(document: Mapping[str, Any], columns: int = PIPED_WIDTH) -> str:
    """The certificate as plain text, for a file or a pipe.

    Args:
        document: as `Certificate.as_json` gives it.
        columns: width of the paper.
    """
    return "".join("".join(visible(piece) for piece, _ in line).rstrip() + "\n" for line in _lines(document, columns, plain=True))


def show(document: Mapping[str, Any], console: Console) -> None:
    """Print the certificate; the console's width, colours and encoding are respected."""
    from rich.text import Text

    utf8 = console.encoding.lower().replace("-", "") == "utf8"
    plain = not console.is_terminal or console.no_color or not utf8
    for line in _lines(document, console.width, plain):
        printed = Text(end="", no_wrap=True, overflow="ignore")
        for piece, style in line:
            printed.append(visible(piece, encoding=console.encoding), style=None if plain else style or None)
        console.print(printed, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _lines(document: Mapping[str, Any], columns: int, plain: bool) -> Iterator[_Line]:
    room = max(24, min(columns, WIDEST))
    yield [(said.heading(document), "bold")]
    yield from _wrapped(said.summary(document), room)
    yield from _wrapped(said.alarms(document), room)
    found = said.faults(document)
    if found:
        yield []
        yield from _table(found, room, plain)
    unnoticed = document["unnoticed"]
    if unnoticed:
        yield []
        yield [("Would not be noticed", "bold yellow")]
        for sentence in unnoticed[:MOST_SENTENCES]:
            yield from _wrapped(shown(sentence, MOST_SENTENCE), room, "- ", "yellow")
        if len(unnoticed) > MOST_SENTENCES:
            yield [(f"  and {len(unnoticed) - MOST_SENTENCES:,} more", "dim")]
    accused = [lot for lot in document["lots"] if lot["verdict"] != "release"]
    if accused:
        yield []
        yield [("Good lots that were accused", "bold yellow")]
        for lot in accused[:MOST_LOTS]:
            yield from _wrapped(f"{shown(lot['name'], 60)}: {lot['verdict']}, {shown(', '.join(map(str, lot['heard'])), MOST_SENTENCE)}", room, "- ")
    left_out = said.untried(document)
    if left_out:
        yield []
        yield [("Not tried", "bold")]
        for reason, codes in left_out.items():
            yield from _wrapped(f"{shown(', '.join(codes), MOST_SENTENCE)}: {shown(reason, MOST_SENTENCE)}", room, "- ", "dim")
    if said.stopped(document):
        yield []
        yield from _wrapped(said.stopped(document), room, style="dim")


def _table(found: list[said.Fault], room: int, plain: bool) -> Iterator[_Line]:
    cells = CELL if room >= LEAST_TITLE + 3 * CELL + 2 * 9 else 8  # where there is no room, the bars go
    titles = max(LEAST_TITLE, min(44, room - 3 * cells - 18))
    head = f"{'':<{titles}}" + "".join(f"{name:<{cells}}" for name in said.STRENGTHS) + f"{'named':<9}{'column':<9}"
    yield [(head[:room].rstrip(), "dim")]
    family = ""
    for fault in found:
        if fault.family != family:
            family = fault.family
            yield [(family, "bold cyan")]
        title = cut(visible(f"  {fault.title}"), titles - 1, ellipsis="..." if plain else "…")
        line: _Line = [(title + " " * (titles - width(title)), "")]
        for name in said.STRENGTHS:
            row = fault.rows.get(name)
            line.append((" " * cells, "") if row is None else (_cell(row, cells, plain), _colour(row)))
        noticed, locatable = fault.total("noticed"), fault.total("locatable")
        line.append((f"{fault.total('named')}/{noticed}".ljust(9) if noticed else "-".ljust(9), "dim"))
        line.append((f"{fault.total('located')}/{locatable}" if locatable else "-", "dim"))
        yield line


def _cell(row: Mapping[str, Any], cells: int, plain: bool) -> str:
    full = round(BAR * said.share(row))
    bar = ("#" * full + "." * (BAR - full) if plain else "█" * full + "░" * (BAR - full)) + " " if cells == CELL else ""
    return f"{bar}{row['noticed']}/{row['tried']}".ljust(cells)


def _colour(row: Mapping[str, Any]) -> str:
    share = said.share(row)
    return "green" if share >= 0.8 else "yellow" if share >= 0.5 else "red"


def _wrapped(words: str, room: int, mark: str = "", style: str = "") -> Iterator[_Line]:
    """Lines no wider than the paper; those after the first stand under the text and not under the mark."""
    line = mark
    for word in words.split(" "):
        if line.strip() and width(line) + width(word) + 1 > room and line != mark:
            yield [(line, style)]
            line = " " * len(mark) + word
        else:
            line += word if line == mark else f" {word}"
    yield [(line, style)]
