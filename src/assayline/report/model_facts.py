"""Reads the documents of models once, so that the page, the card and the terminal meet checked values only.

A document comes as JSON, possibly from an older version or from a stranger's trial: what is missing, malformed or no finite number is simply not there.

>>> told = model_of({"model": "churn", "version": "churn:v8", "trial": {"sets": [{"set": "q1", "scores": [{"metric": "auc", "value": "nan"}]}]}})
>>> told.title, told.trial.sets[0].name, told.trial.sets[0].scores
('churn v8', 'q1', ())
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core import Finding, Verdict

Document = Mapping[str, Any]

MOST = 2_000  # entries of any list: past it a document was not made for people
AMOUNTS = ("estimate", "effect", "gap", "drop", "difference", "loss")
"""Keys under which a part of a trial keeps the amount that its sentence speaks of."""

FOUND = ("found", "unequal", "fragile", "exposed")
"""Keys under which a part of a trial keeps whether there is more to it than chance."""


@dataclass(frozen=True)
class Score:
    """One metric's value; `unit` is "" for a share or an index."""

    metric: str
    value: float
    unit: str = ""
    higher_is_better: bool = True


@dataclass(frozen=True)
class Comparison:
    """Two versions on the same rows. `estimate`, `low` and `high` are turned so that more is better; None where not known or not finite."""

    versus: str
    role: str
    outcome: str
    metric: str
    unit: str
    candidate_value: float | None
    champion_value: float | None
    estimate: float | None
    low: float | None
    high: float | None
    margin: float | None
    rows: int
    more_rows: int
    test: str
    sentence: str


@dataclass(frozen=True)
class Detail:
    """One thing that a part of a trial says: its sentence, its amount with what is known of its bounds, and everything else it gave.

    `found` is None where nobody says whether it is more than chance.
    """

    sentence: str
    amount: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int = 0
    found: bool | None = None
    given: Document = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class OnSet:
    """A version on one hosted test set; the first score decides."""

    name: str
    lot: str
    digest: str
    rows: int
    unlabelled: int
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...] = ()
    aspects: Mapping[str, tuple[Detail, ...]] = field(default_factory=dict)

    def against(self, role: str) -> tuple[Comparison, ...]:
        """The comparisons with the champion, or with the baselines."""
        return tuple(one for one in self.comparisons if one.role == role)


@dataclass(frozen=True)
class Checked:
    """One test of the user's suite."""

    name: str
    outcome: str
    said: str
    seconds: float | None
    output: str

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"


@dataclass(frozen=True)
class Trial:
    """What the test sets and the suite said about a version."""

    label: str = ""
    verdict: Verdict | None = None
    sets: tuple[OnSet, ...] = ()
    suite: tuple[Checked, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One estimator that was tried in training."""

    name: str
    score: float | None
    low: float | None
    high: float | None
    seconds: float | None
    size_bytes: int
    row_microseconds: float | None
    share: float | None
    chosen: bool = False


@dataclass(frozen=True)
class CurvePoint:
    """A score with its interval at a number of rows."""

    rows: float
    score: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FeaturesPoint:
    """A score with so many features, chosen in one of the ways."""

    features: float
    by: str
    score: float


@dataclass(frozen=True)
class Training:
    """What training told."""

    choice: str = ""
    reason: str = ""
    metric: str = ""
    higher_is_better: bool = True
    seconds: float | None = None
    budget_seconds: float | None = None
    rows: int = 0
    leaderboard: tuple[Candidate, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    curve_says: str = ""
    features_curve: tuple[FeaturesPoint, ...] = ()
    leaks: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()
    importance: tuple[tuple[str, float], ...] = ()

    @property
    def chosen(self) -> int | None:
        """The place of the choice in the leaderboard: the entry that says so, else the one with the longest name that it begins with; None where there is none."""
        marked = next((place for place, one in enumerate(self.leaderboard) if one.chosen), None)
        if marked is not None:
            return marked
        named = [place for place, one in enumerate(self.leaderboard) if one.name and f"{self.choice} ".startswith((f"{one.name} ", f"{one.name},", f"{one.name}:"))]
        return max(named, key=lambda place: len(self.leaderboard[place].name), default=None)


@dataclass(frozen=True)
class Release:
    """An earlier version, as it was tried then."""

    version: str
    at: str
    verdict: Verdict | None
    state: str
    sets: tuple[OnSet, ...]


@dataclass(frozen=True)
class Tag:
    """What the training data carries with it."""

    level: Verdict | None
    reason: str
    origin: str
    until: str


@dataclass(frozen=True)
class DataLot:
    """A lot the model was trained on."""

    flow: str
    lot: str
    rows: int
    verdict: Verdict | None
    at: str


@dataclass(frozen=True)
class SignOff:
    """A person's word for a version, until a day."""

    author: str
    at: str
    until: str
    reason: str
    expired: str


@dataclass(frozen=True)
class Model:
    """Everything a document says about one version."""

    model: str
    version: str
    lot: str
    at: str
    verdict: Verdict | None
    state: str
    path: str
    about: Document
    trained: Training
    trial: Trial
    history: tuple[Release, ...]
    champion: str
    signed: SignOff | None
    tags: tuple[Tag, ...]
    data: tuple[DataLot, ...]
    environment: tuple[tuple[str, str], ...]
    retrain: str
    contacts: tuple[str, ...]
    limits: tuple[str, ...]

    @property
    def title(self) -> str:
        """The version as people say it: "churn v8"."""
        return spoken(self.version) or self.model or "a model"

    @property
    def judged(self) -> Verdict | None:
        """The verdict of the version; of one that only has a trial, that of the trial."""
        return self.verdict if self.verdict is not None else self.trial.verdict

    def told(self, name: str) -> str:
        """A text of what the version says about itself, or ""."""
        return text(self.about.get(name))


def spoken(version: str) -> str:
    """
    >>> spoken("churn:v8"), spoken("dummy")
    ('churn v8', 'dummy')
    """
    return version.replace(":", " ", 1) if version.count(":") == 1 and not version.endswith(":") else version


def text(value: object) -> str:
    """A text; "" for nothing, and for what is no text and no number."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def number(value: object) -> float | None:
    """A finite number, also one that JSON had to write as a text.

    >>> number("0.5"), number("nan"), number(True), number(None)
    (0.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        known = float(value)
    except (ValueError, OverflowError):
        return None
    return known if math.isfinite(known) else None


def count(value: object) -> int:
    """A whole number from 0 on; 0 for everything else."""
    known = number(value)
    return int(known) if known is not None and 0 <= known < 1e18 else 0


def items(value: object) -> list[Any]:
    """The entries of a list; nothing for what is none."""
    return list(value[:MOST]) if isinstance(value, (list, tuple)) else []


def mapping(value: object) -> Document:
    """A mapping with texts as keys; empty for what is none."""
    return {str(key): one for key, one in value.items()} if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[Document]:
    """The entries of a list that are mappings."""
    return [mapping(one) for one in items(value) if isinstance(one, Mapping)]


def texts(value: object) -> tuple[str, ...]:
    """The entries of a list as texts; one text alone is a list of one."""
    several = [value] if isinstance(value, str) else items(value)
    return tuple(said for one in several if (said := text(one).strip()))


def verdict_of(value: object) -> Verdict | None:
    """The verdict of that name, or None."""
    try:
        return Verdict.named(value) if isinstance(value, str) else None
    except KeyError:
        return None


def model_of(document: Document) -> Model:
    """A document of `assay model show VERSION --json`."""
    about, signed = mapping(document.get("about")), mapping(document.get("signed"))
    version = text(document.get("version")) or text(about.get("version")) or text(document.get("model"))
    return Model(
        text(document.get("model")) or text(about.get("name")), version, text(document.get("lot")), text(document.get("at")), verdict_of(document.get("verdict")),
        text(document.get("state")), text(document.get("input")), about, training_of(mapping(document.get("trained"))), trial_of(mapping(document.get("trial"))),
        tuple(map(_release, mappings(document.get("history")))), text(document.get("champion")),
        SignOff(*(text(signed.get(name)) for name in ("author", "at", "until", "reason", "expired"))) if signed else None,
        tuple(Tag(verdict_of(one.get("level")), *(text(one.get(name)) for name in ("reason", "origin", "until"))) for one in mappings(document.get("tags"))),
        tuple(DataLot(text(one.get("flow")), text(one.get("lot")), count(one.get("rows")), verdict_of(one.get("verdict")), text(one.get("at"))) for one in mappings(document.get("data"))),
        _environment(mapping(document.get("environment"))), text(document.get("retrain")),
        texts(document.get("contacts")), texts(document.get("limits")),
    )  # fmt: skip


def _environment(told: Document) -> tuple[tuple[str, str], ...]:
    """What it was made with: names with versions; those of packages in one entry."""
    plain = [(name, said) for name, one in told.items() if (said := text(one))]
    packages = ", ".join(f"{name} {version}" for name, one in mapping(told.get("packages")).items() if (version := text(one)))
    return (*plain, *([("packages", packages)] if packages else []))


def training_of(told: Document) -> Training:
    """What training told, also the little an older one did."""
    return Training(
        text(told.get("choice")), text(told.get("reason")), text(told.get("metric")), told.get("higher_is_better") is not False, number(told.get("seconds")),
        number(told.get("budget_seconds")), count(told.get("rows")), tuple(map(candidate_of, mappings(told.get("leaderboard")))), _curve(told.get("learning_curve")),
        text(told.get("curve_says")),
        tuple(
            FeaturesPoint(features, text(one.get("by")), score)
            for one in mappings(told.get("features_curve"))
            if (features := number(one.get("features"))) is not None and features > 0 and (score := number(one.get("score"))) is not None
        ),
        tuple((text(one.get("column")), text(one.get("reason")), text(one.get("sentence"))) for one in mappings(told.get("leaks"))), texts(told.get("notes")),
        importance_of(told.get("importance")),
    )  # fmt: skip


def candidate_of(one: Document) -> Candidate:
    """An entry of the leaderboard."""
    score, low, high, seconds, row_microseconds, share = (number(one.get(name)) for name in ("score", "low", "high", "seconds", "row_microseconds", "share"))
    return Candidate(text(one.get("name")), score, low, high, seconds, count(one.get("size_bytes")), row_microseconds, share, one.get("chosen") is True)


def importance_of(told: object) -> tuple[tuple[str, float], ...]:
    """Features with their shares of the weight, the greatest first; where only the rise of the loss is known without each, its share of all rises."""
    several = [(text(one.get("feature")) or text(one.get("column")), number(one.get("share")), number(one.get("rise"))) for one in mappings(told)]
    known = [(name, share) for name, share, _ in several if share is not None and share >= 0]
    rises = [(name, rise) for name, _, rise in several if rise is not None and rise > 0]
    whole = sum(rise for _, rise in rises)
    if not known and 0 < whole < float("inf"):
        known = [(name, rise / whole) for name, rise in rises]
    return tuple(sorted(known, key=lambda one: -one[1]))


def _curve(told: object) -> tuple[CurvePoint, ...]:
    points = []
    for one in mappings(told):
        rows, score = number(one.get("rows")), number(one.get("score"))
        if rows is not None and rows > 0 and score is not None:
            points.append(CurvePoint(rows, score, number(one.get("low")), number(one.get("high"))))
    return tuple(sorted(points, key=lambda one: one.rows))


def trial_of(told: Document) -> Trial:
    """A trial."""
    report = mapping(told.get("report"))
    return Trial(
        text(told.get("label")), verdict_of(told.get("verdict")) or verdict_of(report.get("verdict")), tuple(map(_on_set, mappings(told.get("sets")))),
        tuple(Checked(text(one.get("name")), text(one.get("outcome")), text(one.get("said")), number(one.get("seconds")), text(one.get("output"))) for one in mappings(told.get("suite"))),
        tuple(sorted(map(_finding, mappings(report.get("findings"))), key=lambda one: -one.severity)),
    )  # fmt: skip


def _finding(one: Document) -> Finding:
    severity = number(one.get("severity"))
    evidence = {name: value for name, value in mapping(one.get("evidence")).items() if isinstance(value, (int, float, str)) and not isinstance(value, bool)}
    layer = text(one.get("layer"))
    return Finding(
        text(one.get("code")), texts(one.get("columns")), text(one.get("sentence")), severity=0.5 if severity is None else min(max(severity, 0.0), 1.0),
        layer=layer if layer in ("signature", "history", "multivariate", "rule") else "signature", where=text(one.get("where")) or None,
        rows=count(one.get("rows")) or None, evidence=evidence, suggestion=text(one.get("suggestion")), picture=mapping(one.get("picture")),
    )  # fmt: skip


def _on_set(one: Document) -> OnSet:
    return OnSet(
        text(one.get("set")), text(one.get("lot")), text(one.get("digest")), count(one.get("rows")), count(one.get("unlabelled")), _scores(one.get("scores")),
        tuple(map(_comparison, mappings(one.get("comparisons")))), _aspects(mapping(one.get("aspects"))),
    )  # fmt: skip


def _scores(told: object) -> tuple[Score, ...]:
    return tuple(
        Score(text(one.get("metric")), value, text(one.get("unit")), one.get("higher_is_better") is not False)
        for one in mappings(told)
        if (value := number(one.get("value"))) is not None
    )


def _comparison(one: Document) -> Comparison:
    role = text(one.get("as"))
    outcome, metric, unit, test, sentence = (text(one.get(name)) for name in ("outcome", "metric", "unit", "test", "sentence"))
    candidate, champion, estimate, low, high, margin = (number(one.get(name)) for name in ("candidate_value", "champion_value", "estimate", "low", "high", "margin"))
    return Comparison(
        text(one.get("with")), role if role in ("champion", "baseline") else "baseline", outcome, metric, unit, candidate, champion, estimate, low, high, margin,
        count(one.get("rows")), count(one.get("more_rows")), test, sentence,
    )  # fmt: skip


def _aspects(told: Document) -> dict[str, tuple[Detail, ...]]:
    found = {}
    for name, said in told.items():
        if name == "importance":
            listed = said.get("columns", said.get("features")) if isinstance(said, Mapping) else said
            shares = [Detail(feature, share, given={"feature": feature, "share": share}) for feature, share in importance_of(listed)]
            notes = [Detail(note) for one in mappings(listed) if (note := text(one.get("note")) or text(one.get("sentence")))]
            details = (*shares, *notes)
        else:
            details = tuple(_details(said))
        if details:
            found[name] = details
    return found


def _details(said: object) -> Iterator[Detail]:
    """The entries of a list, one mapping alone, or those that a mapping without a sentence of its own holds."""
    for one in [mapping(said)] if isinstance(said, Mapping) else mappings(said):
        inner = [value for value in one.values() if isinstance(value, Mapping) and "sentence" in value]
        if "sentence" not in one and inner:
            yield from (_detail(mapping(value)) for value in inner)
        elif one:
            yield _detail(one)


def _detail(one: Document) -> Detail:
    amount = next((known for name in AMOUNTS if (known := number(one.get(name))) is not None), None)
    before, after = number(one.get("loss_before")), number(one.get("loss_after"))
    if amount is None and before is not None and after is not None:
        amount = number(after - before)
    found = next((one[name] for name in FOUND if isinstance(one.get(name), bool)), None)
    return Detail(
        text(one.get("sentence")), amount, number(one.get("low")), number(one.get("high")), count(one.get("rows")), found, one
    )


def _release(one: Document) -> Release:
    return Release(text(one.get("version")), text(one.get("at")), verdict_of(one.get("verdict")), text(one.get("state")), tuple(map(_on_set, mappings(one.get("sets")))))


def scalars(given: Document, *, without: Sequence[str] = ()) -> dict[str, float | str]:
    """What a detail gave beside its sentence, as far as it fits into a line."""
    return {name: value for name, value in given.items() if name not in without and isinstance(value, (int, float, str)) and not isinstance(value, bool) and value != ""}
