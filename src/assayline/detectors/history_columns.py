"""Columns that came, went, or came under another name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assayline.core import Finding

from .comparison import Comparison, View
from .resemblance import resemblance
from .suspicion import Suspicion
from .wording import lots, percent

SAME_CONTENT = 0.6  # two daily samples of one column have 0.8 to 1.0 in common, two different columns of a table rarely above 0.5
SAME_NAME = 0.3  # enough when the names differ only by case or marks
DELIMITERS = (";", ",", "\t", "|", ":", "^", "~", "\x01")
MOST_OF = 0.8  # of the usual columns must be found in a joined header


class Columns:
    """Compares the columns of a lot with those its flow usually has.

    Reads:    the column names; `sample` to match contents.
    Finds:    "added_column", "dropped_column", "renamed_column" (same content under another name), "delimiter_change"
              (one column whose name holds all the usual names).
    Silent:   when the last lot and most of the five before it already had the same columns; the order of columns does not matter.
    Source:   definition.
    """

    finds = ("added_column", "dropped_column", "renamed_column", "delimiter_change")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        usual, today = comparison.usual_columns, comparison.columns
        ever = {name for profile in comparison.profiles for name in profile.columns}
        gone = [name for name in usual if name not in set(today)]
        come = [name for name in today if name not in ever]
        cut = _other_delimiter(come, usual)
        if gone and cut:
            yield Suspicion(_delimiter(cut, come, usual))
            return
        for new, old, likeness in _renamed(comparison, gone, come):
            gone.remove(old)
            come.remove(new)
            yield Suspicion(Finding(
                "renamed_column", (new, old), f"The column {old} is gone and {new} has come with the same content ({percent(likeness)} alike).",
                severity=0.85, layer="history", evidence={"likeness_share": round(likeness, 3), "old_name": old, "new_name": new},
                suggestion=f"rename {new} back to {old}, or tell those who read it",
            ))  # fmt: skip
        for name in gone:
            yield Suspicion(Finding(
                "dropped_column", (name,), f"The column {name} is gone; {lots(comparison.lots)} had it.", severity=0.9, layer="history",
                evidence={"lots_with_it": sum(name in profile.columns for profile in comparison.profiles)}, suggestion="ask the sender for it",
            ))  # fmt: skip
        for name in come:
            yield Suspicion(Finding(
                "added_column", (name,), f"The column {name} is new; none of {lots(comparison.lots)} had it.", severity=0.4, layer="history",
                evidence={"lots_without_it": comparison.lots}, suggestion="accept it as the new normal, or drop it",
            ))  # fmt: skip


def _other_delimiter(come: list[str], usual: tuple[str, ...]) -> str:
    for name in come if len(usual) >= 3 else ():
        for delimiter in DELIMITERS:
            parts = {part.strip().strip("\"'") for part in name.split(delimiter)}
            if len(parts) > 1 and len(parts & set(usual)) >= MOST_OF * len(usual):
                return delimiter
    return ""


def _delimiter(cut: str, come: list[str], usual: tuple[str, ...]) -> Finding:
    return Finding(
        "delimiter_change", tuple(usual), f"All {len(usual)} usual columns stand in one, joined by {cut!r}: the delimiter has changed.",
        severity=0.95, layer="history", evidence={"usual_columns": len(usual), "columns": len(come), "delimiter": cut},
        suggestion=f"read it with the delimiter {cut!r}",
    )  # fmt: skip


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _renamed(comparison: Comparison, gone: list[str], come: list[str]) -> list[tuple[str, str, float]]:
    """The best matches of new to lost columns, greedily by likeness: (new, old, likeness)."""
    pairs = []
    for new in come[:50]:
        for old in gone[:50]:
            if new not in comparison.now_frame.columns or old not in comparison.pool.columns:
                continue
            view = View(old, comparison.plan.columns[old], comparison.plan, comparison.now_frame.get_column(new), comparison.pool.get_column(old),
                        comparison.lot, comparison.lots)  # fmt: skip
            likeness = resemblance(view)
            alike = _plain(new) == _plain(old) or _plain(old) in _plain(new) or _plain(new) in _plain(old)
            stays = comparison.columns.index(new) == comparison.usual_columns.index(old)  # at the old place, like content is no chance
            if likeness >= (SAME_NAME if alike or stays else SAME_CONTENT) or _plain(new) == _plain(old):
                pairs.append((likeness + alike, likeness, new, old))
    chosen: list[tuple[str, str, float]] = []
    for _, likeness, new, old in sorted(pairs, reverse=True):
        if all(new != one[0] and old != one[1] for one in chosen):
            chosen.append((new, old, likeness))
    return chosen
