"""Lines for a terminal: what fits its width and its letters.

A line is pieces of text with a style each. Everything foreign goes through `Paper.say`; `printed` makes every piece visible once
more, so that one that somebody forgot cannot move a cursor.

>>> [line for line in wrapped("one two three", Paper(24, "utf-8", plain=True), indent="  ")]
[[('  ', ''), ('one two three', '')]]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .visible import around, shown, start_of, visible, width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDEST = 110  # longer lines are hard to read
NARROWEST = 24
PIPED_WIDTH = 100

Line = list[tuple[str, str]]
"""Pieces of text with a style each, already broken to the width of the paper."""

Entry = str | tuple[str, str]
"""What stands in a table: a text, or a text with a style of its own."""


@dataclass(frozen=True)
class Paper:
    """How wide the paper is and what can be drawn on it."""

    console_width: int
    encoding: str
    plain: bool
    widest: int = WIDEST

    @property
    def width(self) -> int:
        return max(min(self.console_width, self.widest), NARROWEST)

    @property
    def arrow(self) -> str:
        return "->" if self.plain else "→"

    @property
    def dot(self) -> str:
        return " - " if self.plain else " · "

    @property
    def times(self) -> str:
        return "x" if self.plain else "×"

    def say(self, foreign: str, most: int, *, blanks: bool = False) -> str:
        return shown(foreign, most, encoding=self.encoding, blanks=blanks and is_utf8(self.encoding))

    def say_near(self, foreign: str, most: int, place: int) -> str:
        """A value, with blanks shown; cut so that the place where it differs from its correction is seen."""
        if len(foreign) <= most or not place:
            return self.say(foreign, most, blanks=True)
        near = max(place - most, 0)
        head = visible(foreign[near:place], encoding=self.encoding)
        rest = visible(foreign[place : place + most], encoding=self.encoding)
        dots = "..." if self.plain else "…"
        gone = dots if near else ""
        last = dots if place + most < len(foreign) else ""
        return around(gone + head + rest + last, len(gone + head), most, ellipsis=dots)

    def ours(self, said: str) -> str:
        """Our own words; poor paper gets its own spelling of × and the like."""
        return poor(said) if self.plain else said


def paper_of(console: Console, *, widest: int = WIDEST) -> Paper:
    """The paper a console is: its width, its encoding, and whether it shows colours and drawings."""
    plain = not console.is_terminal or console.no_color or not is_utf8(console.encoding)
    return Paper(console.width, console.encoding, plain, widest)


def printed(lines: Iterable[Line], paper: Paper, console: Console) -> None:
    """Print lines."""
    from rich.text import Text

    for line in lines:
        text = Text(end="", no_wrap=True, overflow="ignore")
        for piece, style in line:
            text.append(visible(piece), style=None if paper.plain else style or None)
        console.print(encodable(text, console), markup=False, highlight=False, emoji=False, soft_wrap=True)


def as_text(lines: Iterable[Line]) -> str:
    """Lines without their styles, for a file or a pipe."""
    return "".join("".join(visible(piece) for piece, _ in line) + "\n" for line in lines)


def is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "cp65001")


def encodable(line: Text, console: Console) -> Text:
    """Words of ours such as × in an encoding that lacks them; foreign texts fit already."""
    if not is_utf8(console.encoding):
        line.plain = poor(line.plain).encode(console.encoding, "backslashreplace").decode(console.encoding)
    return line


def poor(said: str) -> str:
    for ours, ascii_ in (("×", "x"), ("→", "->"), ("…", "..."), ("–", "-"), ("−", "-"), ("∞", "inf"), ("·", "-")):
        said = said.replace(ours, ascii_)
    return said


def table(header: Sequence[str], rows: Sequence[Sequence[Entry]], *, right: tuple[int, ...], styles: Sequence[str]) -> Iterator[Line]:
    """Rows below a header, every column as wide as its widest entry.

    Args:
        header: a title for each column; none is printed where all are "".
        rows: entries, already visible.
        right: places of the columns that stand at the right.
        styles: of each column, where an entry has none of its own.
    """
    known = [[one if isinstance(one, tuple) else (one, styles[place]) for place, one in enumerate(row)] for row in rows]
    titles = [(one, "dim italic") for one in header]
    lines = [titles, *known] if any(header) else known
    widths = [max((width(row[place][0]) for row in lines), default=0) for place in range(len(header))]
    for row in lines:
        line: Line = []
        for place, (said, style) in enumerate(row):
            blank = " " * (widths[place] - width(said))
            last = place == len(row) - 1
            padded = blank + said if place in right else said + ("" if last else blank)
            line.append((padded + ("" if last else "  "), style))
        while line and not line[-1][0].strip():
            line.pop()  # nothing stands at the end of a line that a reader of a pipe would trip over
        if line:
            line[-1] = (line[-1][0].rstrip(), line[-1][1])
        yield line


def wrapped(said: str, paper: Paper, *, indent: str = "", style: str = "", hanging: str = "") -> Iterator[Line]:
    for piece in broken(said, paper.width - len(indent), hanging):
        yield [(indent, ""), (piece, style)] if indent else [(piece, style)]


def broken(said: str, most: int, hanging: str) -> Iterator[str]:
    """Lines of at most `most` cells, broken at blanks, inside words only where a word is longer than a line."""
    line = ""
    for word in said.split(" "):
        candidate = f"{line} {word}" if line.strip() else line + word
        if width(candidate) <= most:
            line = candidate
            continue
        if line.strip():
            yield line
        line = hanging + word if line else word
        while width(line) > most:
            piece = start_of(line, most) or line[:1]
            yield piece
            line = hanging + line[len(piece) :]
    if line.strip():
        yield line
