"""Quality tags: what is wrong with the ancestors of a lot, how bad, and why it does or does not matter here.

Tags join: the worse wins, in whatever order and however often the same one arrives. A tag is weakened, never deleted; the reason stands in it.

>>> knots = Tag(Verdict.WARN, "Speeds are in knots.", "rides", 3, "unit_change", ("speed",), here=("speed",))
>>> [(one.code, one.weakened) for one in derived((), [Edge("rides", (knots,), uses=frozenset({"station"}))])]
[('unit_change', 'column not used: speed')]
>>> verdict_of(derived((), [Edge("rides", (knots,))]))
<Verdict.WARN: 1>
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from assayline.core import Verdict

FOREVER = ""
"""The `until` of what never expires."""

# What these codes say is about the values of the columns they name, and about nothing else of the table: who does not read the columns need not care. Every other
# code (missing or repeated rows, a broken rule, what a plug-in finds) concerns whoever reads the table at all.
ABOUT_VALUES = frozenset(
    {
        "missing_value", "missing_spike", "disguised_missing", "null_token_change", "stuck_sensor", "constant_column", "mojibake", "unit_change",
        "type_to_string", "decimal_comma", "precision_loss", "outliers", "sign_flip", "category_spelling", "new_category_flood", "whitespace_case",
        "text_truncation", "pattern_break", "typo", "dependency_violation", "stuck_clock", "local_time", "clock_reset", "date_format", "renamed_column",
        "added_column", "dropped_column", "column_swap", "global_shift", "segment_shift", "noise_increase", "label_imbalance", "fk_break",
        "control_characters", "invisible_characters", "oversized_value", "number_overflow", "leading_zeros", "mixed_types", "impossible_date",
        "mixed_time_zones", "formula_cells", "path_values",
    }
)  # fmt: skip

Key = tuple[str, int, str, tuple[str, ...], str]


@dataclass(frozen=True)
class Tag:
    """One finding about one lot, as it is seen from a descendant.

    Args:
        level: what it does to whoever reads the lot; the worst of a lot's tags in force is its verdict.
        reason: the sentence of the finding.
        origin: the flow of the lot it is about.
        lot: the number of that lot.
        code: of the finding, "rejected" where a person rejected the lot, or "tainted" where its predictions were repaired after others had read them.
        columns: of the origin; () for the whole table.
        share: 0..1, share of the rows here that come from rows it is about; an upper bound.
        until: UTC time (ISO 8601) at which it expires; FOREVER for never.
        here: the columns of this lot it has reached; () for the whole table.
        where: segment, key or rule it is confined to, or "".
        weakened: why it no longer holds here, or "".
    """

    level: Verdict
    reason: str
    origin: str
    lot: int
    code: str
    columns: tuple[str, ...] = ()
    share: float = 1.0
    until: str = FOREVER
    here: tuple[str, ...] = ()
    where: str = ""
    weakened: str = ""

    @property
    def key(self) -> Key:
        """What makes two tags the same one, on whatever way they arrived."""
        return (self.origin, self.lot, self.code, self.columns, self.where)

    @property
    def holds(self) -> bool:
        """Whether nothing weakens it."""
        return not self.weakened

    def __or__(self, other: Tag) -> Tag:
        """The same tag on two ways: one that holds goes before one that is weakened, and the worse of either."""
        if self.holds != other.holds:
            return self if self.holds else other
        here = () if not self.here or not other.here else tuple(sorted({*self.here, *other.here}))
        until = FOREVER if FOREVER in (self.until, other.until) else max(self.until, other.until)
        return replace(
            self, level=self.level | other.level, reason=min(self.reason, other.reason), share=max(self.share, other.share), until=until, here=here,
            weakened=min(self.weakened, other.weakened),
        )  # fmt: skip

    def because(self, reason: str) -> Tag:
        """This tag, weakened for a reason; the first reason stays."""
        return self if self.weakened else replace(self, weakened=reason)


@dataclass(frozen=True)
class Edge:
    """One parent of a lot, and what the step makes of it.

    Args:
        name: of the parent's flow.
        tags: of the parent.
        uses: the columns of the parent that the step reads anywhere; None where that is not known, and then every column counts as used.
        sources: for each column of the parent the columns of the result that are computed from it; None where that is not known.
        deciding: columns of the parent that decide which rows or groups there are (filters, joins, groups); None where that is not known.
        share: 0..1, the share of the rows of this input that come from this parent.
    """

    name: str
    tags: Sequence[Tag] = ()
    uses: frozenset[str] | None = None
    sources: Mapping[str, tuple[str, ...]] | None = None
    deciding: frozenset[str] | None = None
    share: float = 1.0

    def carried(self, tag: Tag) -> Tag:
        """The tag as it arrives behind the step."""
        moved = replace(tag, share=tag.share * self.share)
        if tag.here and self.uses is not None and not self.uses.intersection(tag.here):
            return replace(moved, here=()).because(f"column not used: {', '.join(tag.here)}")
        return replace(moved, here=self._reached(tag.here))

    def _reached(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The columns of the result behind these; () where any row may be concerned."""
        if not columns or self.sources is None or self.deciding is None or self.deciding.intersection(columns):
            return ()
        return tuple(sorted({one for column in columns for one in self.sources.get(column, ())}))


@dataclass(frozen=True)
class Weakening:
    """A recorded reason why a finding about an ancestor does not hold from here on.

    Args:
        origin: the flow the finding is about.
        code: of the finding.
        columns: only findings about no other columns than these; () for any.
        reason: why, with who said so.
        until: UTC time (ISO 8601) from which it no longer counts; FOREVER for never.
    """

    origin: str
    code: str
    columns: tuple[str, ...] = ()
    reason: str = ""
    until: str = FOREVER

    def covers(self, tag: Tag, moment: str) -> bool:
        """Whether it speaks of this tag, at this UTC time."""
        if self.until != FOREVER and self.until <= moment:
            return False
        about = not self.columns or (bool(tag.columns) and set(tag.columns) <= set(self.columns))
        return tag.origin == self.origin and tag.code == self.code and about


def joined(*several: Iterable[Tag]) -> tuple[Tag, ...]:
    """All tags of several lots as those of one; associative, commutative, idempotent. What holds comes first, the worst before the rest."""
    found: dict[Key, Tag] = {}
    for tags in several:
        for tag in tags:
            known = found.get(tag.key)
            found[tag.key] = tag if known is None else known | tag
    return tuple(sorted(found.values(), key=lambda tag: (not tag.holds, -tag.level, -tag.lot, tag.key)))


def derived(own: Iterable[Tag], edges: Iterable[Edge] = (), weakenings: Iterable[Weakening] = (), moment: str = FOREVER) -> tuple[Tag, ...]:
    """The tags of a lot.

    Args:
        own: those of its own findings.
        edges: its parents, with their tags.
        weakenings: those that count at this lot.
        moment: UTC time (ISO 8601) it is asked at; tags whose time is over are weakened. FOREVER asks before any time.
    """
    reasons = list(weakenings)
    whole = joined(own, *([edge.carried(tag) for tag in edge.tags] for edge in edges))
    return joined(_weakened(tag, reasons, moment) for tag in whole)


def columns_concerned(code: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns a finding is confined to; () where it concerns the rows, and so the whole table.

    >>> columns_concerned("unit_change", ["speed"]), columns_concerned("missing_day", ["started_at"])
    (('speed',), ())
    """
    return tuple(sorted(columns)) if code in ABOUT_VALUES else ()


def in_force(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """Those that nothing weakens."""
    return tuple(tag for tag in tags if tag.holds)


def verdict_of(tags: Iterable[Tag]) -> Verdict:
    """The worst of those in force; `release` where there are none."""
    return Verdict.joined(tag.level for tag in tags if tag.holds)


def _weakened(tag: Tag, weakenings: Sequence[Weakening], moment: str) -> Tag:
    if tag.weakened:
        return tag
    if tag.until != FOREVER and tag.until <= moment:
        return tag.because(f"expired on {tag.until[:10]}")
    reason = next((one.reason for one in weakenings if one.covers(tag, moment)), None)
    return tag if reason is None else tag.because(reason)
