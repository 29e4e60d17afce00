"""Reads the documents of rollouts and of scored batches once, so that pages and terminals meet checked values only.

A document comes as JSON, possibly from an older version: what is missing, malformed or no finite number is simply not there.

>>> told = status_of({"model": "churn", "champion": {"label": "churn:v6"}, "guards": [{"guard": "flip_rate", "rows": 900, "log_e": "nan"}]})
>>> told.champion, told.guards[0].guard, told.guards[0].log_e
('churn:v6', 'flip_rate', 0.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .model_facts import count, mapping, mappings, number, text, texts

Document = Mapping[str, Any]

ARMS = ("champion", "challenger", "holdout")
STATES = ("fine", "watch", "broken", "no data")


@dataclass(frozen=True)
class StageOf:
    """One step of the way; `share` in per cent."""

    mode: str
    share: float


@dataclass(frozen=True)
class Who:
    """An arm, the version that answers it, its share in per cent, and the rows it answered so far."""

    arm: str
    version: str
    share: float
    rows: int


@dataclass(frozen=True)
class Look:
    """What a guard had counted, and how strong the evidence was, after one batch."""

    batch: str
    rows: int
    bad: int
    log_e: float
    stopped_at: int | None


@dataclass(frozen=True)
class GuardOf:
    """One guard, of all rows or of a segment. `share` and `limit` are 0 to 1, or amounts of `unit` where there is one (a loss may be less than nothing).

    Guards with a unit have no `looks`: what they say is not a sum over batches. `layer` says what their rows are: "L3" rows with a label, "L4" units, "L5" calls.

    `log_e` and `needed` are natural logarithms of the evidence that there is, and of that which undoes the rollout.
    """

    guard: str
    segment: str
    rows: int
    bad: int
    share: float | None
    limit: float | None
    log_e: float
    needed: float | None
    state: str
    looks: tuple[Look, ...]
    unit: str = ""
    layer: str = ""

    @property
    def said(self) -> bool:
        """Whether it has anything to go by; harm pair by pair may break one before the labels of a whole batch are there."""
        return self.rows > 0 or self.state == "broken"

    @property
    def last(self) -> Look | None:
        """The batch it looked at last, where that says more than all batches together."""
        return self.looks[-1] if len(self.looks) > 1 and self.looks[-1].rows else None

    @property
    def part(self) -> float:
        """How much of the evidence that is needed there is, 0 to 1."""
        return min(max(self.log_e / self.needed, 0.0), 1.0) if self.needed is not None and self.needed > 0 else 1.0 if self.state == "broken" else 0.0


@dataclass(frozen=True)
class PairedOf:
    """What the challenger lost more than the champion on the same rows, up to this batch, and between what bounds that is; `margin` is what is allowed."""

    batch: str
    at: str
    rows: int
    mean: float
    low: float | None
    high: float | None
    margin: float | None
    unit: str


@dataclass(frozen=True)
class BatchOf:
    """One batch that was scored: where its rows went and who answered them."""

    name: str
    at: str
    stage: int
    mode: str
    share: float
    rows: int
    published: int
    quarantined: int
    failed: int
    arms: Mapping[str, int]
    fallbacks: Mapping[str, int]
    stopped_at: int | None
    state: str
    lot: str


@dataclass(frozen=True)
class MoveOf:
    """Something that was decided."""

    at: str
    action: str
    stage: int | None
    state: str
    author: str
    reason: str


@dataclass(frozen=True)
class RepairOf:
    """Predictions that others took the place of: `lot` by `by`; in which places, and whether they stand there by now; what cannot be undone."""

    lot: str
    by: str
    rows: int
    units: int
    at: str
    places: tuple[tuple[str, bool], ...]
    undone: tuple[str, ...]
    without_standby: int


@dataclass(frozen=True)
class DecisionOf:
    """What the judge said last."""

    action: str
    layer: str
    reason: str
    possible: str


@dataclass(frozen=True)
class Status:
    """Everything a view shows of a rollout."""

    model: str
    rollout: str
    state: str
    held: bool
    champion: str
    challenger: str
    mode: str
    stage: int
    stages: tuple[StageOf, ...]
    share: float
    unit: str
    holdout: float
    control: float
    author: str
    at: str
    moved: str
    who: tuple[Who, ...]
    decision: DecisionOf | None
    guards: tuple[GuardOf, ...]
    paired: tuple[PairedOf, ...]
    batches: tuple[BatchOf, ...]
    timeline: tuple[MoveOf, ...]
    repairs: tuple[RepairOf, ...]
    plain: tuple[str, ...]

    @property
    def overall(self) -> tuple[GuardOf, ...]:
        """The guards of all rows, those nearest to their bound first."""
        return nearest_first(one for one in self.guards if not one.segment)

    @property
    def segments(self) -> tuple[GuardOf, ...]:
        """The guards of segments, those nearest to their bound first."""
        return nearest_first(one for one in self.guards if one.segment)

    @property
    def published(self) -> tuple[BatchOf, ...]:
        """The batches whose predictions were published, without those that were only scored once more."""
        return tuple(one for one in self.batches if one.state != "replayed")

    @property
    def answered(self) -> int:
        """Rows that the challenger answered."""
        return sum(one.arms.get("challenger", 0) for one in self.published)


def nearest_first(guards: Iterable[GuardOf]) -> tuple[GuardOf, ...]:
    """Broken ones first, then by how near they are to their bound; those without data last."""
    return tuple(sorted(guards, key=lambda one: (one.state != "broken", one.state == "no data", -one.part, -_used(one), one.guard, one.segment)))


def _used(one: GuardOf) -> float:
    """The share that was seen, in parts of the share that is allowed."""
    return one.share / one.limit if one.share is not None and one.limit else 0.0


def status_of(document: Document) -> Status:
    """The document of `assay rollout status MODEL --json`, checked."""
    stages = tuple(StageOf(text(one.get("mode")), _per_cent(one.get("share"))) for one in mappings(document.get("stages")))
    return Status(
        text(document.get("model")), text(document.get("rollout")), text(document.get("state")) or "running", document.get("held") is True, _label(document.get("champion")),
        _label(document.get("challenger")), text(document.get("mode")), _place(document.get("stage"), len(stages)), stages, _per_cent(document.get("share")), text(document.get("unit")),
        _per_cent(document.get("holdout")), _per_cent(document.get("control")), text(document.get("author")), text(document.get("at")), text(document.get("moved")),
        tuple(Who(text(one.get("arm")), text(one.get("version")), _per_cent(one.get("share")), count(one.get("rows"))) for one in mappings(document.get("who"))),
        _decision(document.get("decision")), tuple(map(_guard, mappings(document.get("guards")))),
        tuple(known for one in mappings(document.get("paired")) if (known := _paired(one)) is not None), tuple(map(batch_of, mappings(document.get("batches")))),
        tuple(map(_move, mappings(document.get("timeline")))), tuple(map(_repair, mappings(document.get("repairs")))), texts(document.get("plain")),
    )  # fmt: skip


def batch_of(one: Document) -> BatchOf:
    """One batch, checked."""
    return BatchOf(
        text(one.get("name")), text(one.get("at")), _place(one.get("stage"), 10**6), text(one.get("mode")), _per_cent(one.get("share")), count(one.get("rows")),
        count(one.get("published")), count(one.get("quarantined")), count(one.get("failed")), counts(one.get("arms")), counts(one.get("fallbacks")), _rows(one.get("stopped_at")),
        text(one.get("state")), text(one.get("lot")),
    )  # fmt: skip


def counts(value: object) -> dict[str, int]:
    """Counts by name, those above nothing.

    >>> counts({"champion": 900, "challenger": "ten", "holdout": 0})
    {'champion': 900}
    """
    return {name: known for name, given in mapping(value).items() if (known := count(given))}


def _label(value: object) -> str:
    return text(mapping(value).get("label")) if isinstance(value, Mapping) else text(value)


def _per_cent(value: object) -> float:
    known = number(value)
    return min(max(known, 0.0), 100.0) if known is not None else 0.0


def _place(value: object, most: int) -> int:
    return min(count(value), max(most - 1, 0))


def _rows(value: object) -> int | None:
    known = number(value)
    return int(known) if known is not None and 0 <= known < 1e18 else None


def _share(value: object) -> float | None:
    known = number(value)
    return known if known is not None and 0 <= known <= 1e9 else None


def _log(value: object) -> float:
    """A logarithm of evidence; one that JSON could not hold is as strong as evidence gets."""
    if isinstance(value, (float, str)) and not isinstance(value, bool):
        try:
            if float(value) == math.inf:
                return 700.0
        except ValueError:
            return 0.0
    known = number(value)
    return min(max(known, -700.0), 700.0) if known is not None else 0.0


def _guard(one: Document) -> GuardOf:
    rows, bad, log_e = count(one.get("rows")), count(one.get("bad")), _log(one.get("log_e"))
    needed = number(one.get("needed"))
    unit = text(one.get("unit"))
    share, limit = (number(one.get(name)) if unit else _share(one.get(name)) for name in ("share", "limit"))
    share = bad / rows if share is None and rows and not unit else share
    state = text(one.get("state"))
    if state not in STATES:
        above = share is not None and bool(limit) and share > (limit or 0.0)
        state = "no data" if not rows else "broken" if needed is not None and log_e >= needed else "watch" if above else "fine"
    looks = tuple(
        Look(text(look.get("batch")), count(look.get("rows")), count(look.get("bad")), _log(look.get("log_e")), _rows(look.get("stopped_at"))) for look in mappings(one.get("history"))
    )
    return GuardOf(
        text(one.get("guard")), text(one.get("segment")), rows, bad, share, limit, log_e,
        min(needed, 700.0) if needed is not None and needed > 0 else None, state, looks, unit, text(one.get("layer")),
    )  # fmt: skip


def _paired(one: Document) -> PairedOf | None:
    mean = number(one.get("mean"))
    if mean is None:
        return None
    return PairedOf(
        text(one.get("batch")), text(one.get("at")), count(one.get("rows")), mean, number(one.get("low")), number(one.get("high")), number(one.get("margin")), text(one.get("unit"))
    )


def _move(one: Document) -> MoveOf:
    stage = number(one.get("stage"))
    return MoveOf(
        text(one.get("at")), text(one.get("action")), int(stage) if stage is not None and 0 <= stage < 1e6 else None, text(one.get("state")), text(one.get("author")),
        text(one.get("reason")),
    )  # fmt: skip


def _repair(one: Document) -> RepairOf:
    places = tuple((text(place.get("place")) or "a place without a name", place.get("done") is not False) for place in mappings(one.get("places")))
    return RepairOf(
        text(one.get("lot")), text(one.get("by")), count(one.get("rows")), count(one.get("units")), text(one.get("at")), places or tuple((one, True) for one in texts(one.get("places"))),
        texts(one.get("undone")), count(one.get("without_standby")),
    )  # fmt: skip


def _decision(value: object) -> DecisionOf | None:
    known = mapping(value)
    if not known:
        return None
    return DecisionOf(text(known.get("action")), text(known.get("layer")), text(known.get("reason")), text(known.get("possible")))
