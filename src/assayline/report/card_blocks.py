"""What a card is made of: paragraphs, facts, lists, tables, and commands to copy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Names with what is known of them."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Listed:
    """Sentences below each other."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows below a header; `right` are the places of the columns with numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class Command:
    """Something to copy."""

    said: str


Block = str | Facts | Listed | Table | Command


@dataclass(frozen=True)
class Section:
    """A part of the card; a `str` among its blocks is a paragraph."""

    title: str
    blocks: tuple[Block, ...]
