"""Reads the document of `assay explain` once, so that the page and the terminal meet checked values only.

What is missing, malformed or no finite number is simply not there.

>>> told = change_of({"model": "churn", "before": {"version": "churn:v7"}, "after": {"version": "churn:v8"}, "money": {"difference": "nan"}})
>>> told.before, told.after, told.money
('churn v7', 'churn v8', None)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .model_facts import Document, count, mapping, mappings, number, spoken, text, texts

SHARES = frozenset({"accuracy", "balanced_accuracy"})


@dataclass(frozen=True)
class Ends:
    """A value with what is known of its bounds."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Metric:
    """One metric before and after; `difference` is after minus before, as it is."""

    name: str
    unit: str
    higher_is_better: bool
    before: Ends
    after: Ends
    difference: Ends | None
    said: str


@dataclass(frozen=True)
class Happening:
    """One thing that happens to rows, of a thousand."""

    truth: str
    answer: str
    right: bool
    before: float
    after: float
    difference: Ends
    money: float | None
    sentence: str


@dataclass(frozen=True)
class Group:
    """A group of rows before and after; `said` is "lost", "gained" or ""."""

    column: str
    where: str
    rows: int
    before: Ends
    after: Ends
    difference: Ends
    said: str
    sentence: str = ""


@dataclass(frozen=True)
class DriverOf:
    """One input that drove a case."""

    input: str
    value: str
    typical: str
    before: float
    after: float
    difference: float


@dataclass(frozen=True)
class CaseOf:
    """A typical row that flipped."""

    who: str
    kind: str
    stands_for: int
    of: int
    truth: str
    before_answer: str
    after_answer: str
    followed: str
    before: float
    after: float
    drivers: tuple[DriverOf, ...]
    sentence: str


@dataclass(frozen=True)
class ReleaseOf:
    """One version on the same rows."""

    version: str
    at: str
    value: Ends


@dataclass(frozen=True)
class StepOf:
    """From one release to the next."""

    before: str
    after: str
    difference: Ends
    said: str


@dataclass(frozen=True)
class ColumnOf:
    """What a column is worth to the version after, and what it says by itself."""

    column: str
    share: float
    before_share: float | None
    association: float
    used: bool
    kind: str
    partner: str
    warns: bool
    sentence: str


@dataclass(frozen=True)
class LotOf:
    """A lot that only one of both learned from."""

    flow: str
    lot: str
    rows: int
    at: str
    verdict: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class MixPart:
    """What one kind of rows adds to a change of figures."""

    name: str
    before_share: float
    after_share: float
    mix: float
    rate: float


@dataclass(frozen=True)
class Change:
    """What changed between two versions of a model."""

    model: str
    before: str
    after: str
    after_at: str
    after_state: str
    in_force: bool
    rows_are: str
    verdict: str
    identical: bool
    headline: str
    sentences: tuple[str, ...]
    counted: str
    unit: str
    per: float
    test_set: str
    rows: int
    unlabelled: int
    asked_again: tuple[str, ...]
    more_rows: int
    metrics: tuple[Metric, ...]
    outcomes: tuple[Happening, ...]
    money: Document | None
    whole: Group | None
    groups: tuple[Group, ...]
    lost: tuple[Group, ...]
    gained: tuple[Group, ...]
    promise: str
    groups_sentence: str
    changed: int
    flips_sentence: str
    cases: tuple[CaseOf, ...]
    limit: float | None
    limit_sentence: str
    metric: str
    metric_unit: str
    higher_is_better: bool
    releases: tuple[ReleaseOf, ...]
    steps: tuple[StepOf, ...]
    steps_sentence: str
    left_out: tuple[str, ...]
    columns: tuple[ColumnOf, ...]
    stability: float | None
    importance_is: tuple[str, ...]
    warnings: tuple[str, ...]
    mixed_sentence: str
    mixed_column: str
    mixed: tuple[MixPart, ...]
    data_sentence: str
    new_lots: tuple[LotOf, ...]
    gone_lots: tuple[LotOf, ...]
    code_sentence: str
    code: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str, str], ...]
    other: tuple[str, ...]
    notes: tuple[str, ...]
    owner: str
    contact: str
    purpose: str


def change_of(document: Mapping[str, Any]) -> Change:
    """The document of `assay explain MODEL A B --json`, checked."""
    told = mapping(document)
    before, after, counted, answered, set_ = (mapping(told.get(name)) for name in ("before", "after", "counted", "answered", "set"))
    segments, flips, over, importance, mixed, made = (mapping(told.get(name)) for name in ("segments", "flips", "progression", "importance", "mixed", "made_from"))
    money, data, code = mapping(told.get("money")), mapping(made.get("data")), mapping(made.get("code"))
    features = mapping(made.get("features"))
    other = [text(mapping(made.get("choice")).get("sentence")), *(text(one.get("sentence")) for name in ("parameters", "packages") for one in mappings(made.get(name)))]
    return Change(
        model=text(told.get("model")), before=spoken(text(before.get("version"))), after=spoken(text(after.get("version"))), after_at=text(after.get("at")),
        after_state=text(after.get("state")), in_force=after.get("in_force") is True, rows_are=text(told.get("rows_are")) or "cases", verdict=text(told.get("verdict")),
        identical=told.get("identical") is True, headline=text(told.get("headline")), sentences=texts(told.get("sentences")), counted=text(counted.get("what")),
        unit=text(counted.get("unit")), per=number(counted.get("per")) or 1.0, test_set=text(set_.get("name")), rows=count(answered.get("rows")),
        unlabelled=count(answered.get("unlabelled")),
        asked_again=tuple(spoken(text(one.get("version"))) for name, one in (("before", before), ("after", after)) if answered.get(name) == "asked again"),
        more_rows=count(told.get("more_rows")), metrics=_known(_metric(one) for one in mappings(told.get("overall"))), outcomes=_known(_happening(one) for one in mappings(told.get("outcomes"))),
        money=money if all(number(money.get(name)) is not None for name in ("before", "after", "difference")) else None, whole=_group(mapping(segments.get("whole"))),
        groups=_known(_group(one) for one in mappings(segments.get("shown"))), lost=_known(_moved(one, "lost") for one in mappings(segments.get("lost"))),
        gained=_known(_moved(one, "gained") for one in mappings(segments.get("gained"))), promise=text(segments.get("promise")), groups_sentence=text(segments.get("sentence")),
        changed=count(flips.get("changed")), flips_sentence=text(flips.get("sentence")), cases=_known(_case(one) for one in mappings(flips.get("cases"))),
        limit=number(mapping(told.get("decides")).get("least")), limit_sentence=text(mapping(told.get("decides")).get("sentence")), metric=text(over.get("metric")),
        metric_unit=text(over.get("unit")), higher_is_better=over.get("higher_is_better") is True, releases=_known(_release(one) for one in mappings(over.get("releases"))),
        steps=_known(_step(one) for one in mappings(over.get("steps"))), steps_sentence=text(over.get("sentence")), left_out=texts(over.get("left_out")),
        columns=_known(_column(one) for one in mappings(importance.get("columns"))), stability=number(importance.get("stability")), importance_is=texts(importance.get("is")),
        warnings=texts(importance.get("warnings")), mixed_sentence=text(mixed.get("sentence")), mixed_column=text(mixed.get("column")),
        mixed=_known(_mix(one) for one in mappings(mixed.get("parts"))), data_sentence=text(data.get("sentence")), new_lots=tuple(_lot(one) for one in mappings(data.get("new"))),
        gone_lots=tuple(_lot(one) for one in mappings(data.get("gone"))), code_sentence=text(code.get("sentence")),
        code=tuple((text(one.get("file")), text(one.get("diff"))) for one in mappings(code.get("files")) if text(one.get("diff"))),
        features=tuple((text(one.get("column")), text(one.get("change")), text(one.get("sentence"))) for one in mappings(features.get("changed"))), other=tuple(one for one in other if one),
        notes=(*texts(told.get("notes")), *texts(told.get("not_told"))), owner=text(told.get("owner")), contact=text(told.get("contact")), purpose=text(told.get("purpose")),
    )  # fmt: skip


def _known(found: Any) -> Any:
    return tuple(one for one in found if one is not None)


def _ends(of: Document, name: str, low: str, high: str) -> Ends | None:
    value = number(of.get(name))
    if value is None:
        return None
    left, right = number(of.get(low)), number(of.get(high))
    # Bounds on the wrong side of their value are none.
    room = abs(value) * 1e-9
    return Ends(value, left if left is not None and left <= value + room else None, right if right is not None and right >= value - room else None)


def _metric(of: Document) -> Metric | None:
    before, after = _ends(of, "before", "before_low", "before_high"), _ends(of, "after", "after_low", "after_high")
    if before is None or after is None:
        return None
    return Metric(text(of.get("metric")), text(of.get("unit")), of.get("higher_is_better") is True, before, after, _ends(of, "difference", "low", "high"), text(of.get("said")))


def _happening(of: Document) -> Happening | None:
    before, after, difference = number(of.get("before")), number(of.get("after")), _ends(of, "difference", "low", "high")
    if before is None or after is None or difference is None:
        return None
    return Happening(text(of.get("truth")), text(of.get("answer")), of.get("right") is True, before, after, difference, number(of.get("money")), text(of.get("sentence")))


def _group(of: Document) -> Group | None:
    before, after = _ends(of, "before", "before_low", "before_high"), _ends(of, "after", "after_low", "after_high")
    difference = _ends(of, "difference", "difference_low", "difference_high")
    if before is None or after is None or difference is None:
        return None
    return Group(text(of.get("column")), text(of.get("where")), count(of.get("rows")), before, after, difference, text(of.get("said")))


def _moved(of: Document, said: str) -> Group | None:
    before, after, difference = number(of.get("before")), number(of.get("after")), _ends(of, "difference", "low", "high")
    if before is None or after is None or difference is None:
        return None
    return Group("", " and ".join(texts(of.get("where"))), count(of.get("rows")), Ends(before), Ends(after), difference, said, text(of.get("sentence")))


def _case(of: Document) -> CaseOf | None:
    before, after = number(of.get("before")), number(of.get("after"))
    if before is None or after is None:
        return None
    return CaseOf(
        text(of.get("who")), text(of.get("kind")), count(of.get("stands_for")), count(of.get("of")), text(of.get("truth")), text(of.get("before_answer")), text(of.get("after_answer")),
        text(of.get("followed")), before, after, _known(_driver(one) for one in mappings(of.get("drivers"))), text(of.get("sentence")),
    )  # fmt: skip


def _driver(of: Document) -> DriverOf | None:
    before, after, difference = (number(of.get(name)) for name in ("before", "after", "difference"))
    if before is None or after is None or difference is None:
        return None
    return DriverOf(text(of.get("input")), text(of.get("value")), text(of.get("typical")), before, after, difference)


def _release(of: Document) -> ReleaseOf | None:
    value = _ends(of, "value", "low", "high")
    return None if value is None else ReleaseOf(spoken(text(of.get("version"))), text(of.get("at")), value)


def _step(of: Document) -> StepOf | None:
    difference = _ends(of, "difference", "low", "high")
    return None if difference is None else StepOf(spoken(text(of.get("before"))), spoken(text(of.get("after"))), difference, text(of.get("said")))


def _column(of: Document) -> ColumnOf | None:
    share, association = number(of.get("share")), number(of.get("association"))
    if share is None or association is None:
        return None
    bounded = [min(max(one, 0.0), 1.0) for one in (share, association)]
    before = number(mapping(of.get("before")).get("share"))
    return ColumnOf(
        text(of.get("column")), bounded[0], None if before is None else min(max(before, 0.0), 1.0), bounded[1], of.get("used") is True, text(of.get("kind")), text(of.get("partner")),
        of.get("warns") is True, text(of.get("sentence")),
    )  # fmt: skip


def _lot(of: Document) -> LotOf:
    return LotOf(
        text(of.get("flow")), text(of.get("lot")), count(of.get("rows")), text(of.get("at")), text(of.get("verdict")),
        tuple(f"{text(tag.get('level'))}: {text(tag.get('reason'))}" for tag in mappings(of.get("tags"))),
    )  # fmt: skip


def _mix(of: Document) -> MixPart | None:
    values = [number(of.get(name)) for name in ("before_share", "after_share", "mix", "rate")]
    known = [one for one in values if one is not None]
    return MixPart(text(of.get("name")), *known) if len(known) == 4 else None
