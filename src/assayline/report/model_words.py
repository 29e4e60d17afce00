"""Says what a trial of a model means in sentences that need no statistics: the headline, outcomes, amounts, metrics.

>>> about(1243.7), about(-0.012345), interval(812.0, 1694.0, "EUR")
('1,240', '−0.0123', 'between 810 and 1,700 EUR')
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..core import Verdict
from . import words
from .lots import moment
from .model_facts import Comparison, Model, OnSet, Release, Score, mapping, number, spoken, text, texts
from .visible import shown

NAME = 60
SENTENCE = 600
MONEY = "money"
A_THOUSAND = 1_000  # money is told for so many rows: a sum per row is too small to be felt


class MetricWords(NamedTuple):
    """A metric in words: its short name, and what a value of it says."""

    title: str
    says: str


METRICS = {
    "accuracy": MetricWords("right answers", "share of the rows it answers rightly"),
    "balanced_accuracy": MetricWords("right answers, each class alike", "share of right answers, averaged over the classes"),
    "auc": MetricWords("ranking (AUC)", "of two rows, one of each class, how often it puts the right one higher; 0.5 is a coin"),
    "average_precision": MetricWords("hits at the top (average precision)", "how pure the top of its ranking is"),
    "f1": MetricWords("F1", "balance of hits missed and false alarms"),
    "macro_f1": MetricWords("F1, each class alike", "balance of hits missed and false alarms, averaged over the classes"),
    "log_loss": MetricWords("surprise (log loss)", "how surprised its probabilities are by what happened"),
    "brier": MetricWords("error of probabilities (Brier)", "squared error of its probabilities"),
    "rmse": MetricWords("typical error (RMSE)", "typical error, large ones weigh more"),
    "mae": MetricWords("average error (MAE)", "how far off it is on average"),
    MONEY: MetricWords("cost", "what its errors cost, by the prices the owner gave"),
}
SHARES = frozenset({"accuracy", "balanced_accuracy"})

VERDICTS = {
    Verdict.RELEASE: ("May be used", "Nothing was found that speaks against this version."),
    Verdict.WARN: ("May be used, look first", "The version can be used. Somebody should read what is listed here, soon rather than late."),
    Verdict.SPLIT: ("May be used for some rows", "The version is good for most rows. Do not use it for those that are named here."),
    Verdict.HOLD: ("Wait", "Do not put this version to use before somebody has looked."),
    Verdict.REJECT: ("Do not use", "This version must not be used."),
}
STATES = {
    "released": "released", "held": "waits for a person", "rejected": "rejected: not to be used", "superseded": "a later version has taken its place",
    "unreadable": "could not be read",
}  # fmt: skip

OUTCOMES = ("worse", "undecided", "slightly worse", "not worse", "better")
"""From what speaks most against a version."""
FINE = OUTCOMES.index("not worse")

TASKS = {"binary": "one of two answers", "multiclass": "one of several answers", "regression": "a number"}
ASPECTS = {
    "slices": ("Per segment", "Groups of rows in which it is worse, each searched on one half of the rows and tested on the other. The longer the bar, the worse."),
    "fairness": ("Fairness", "Whether groups of people are served equally well."),
    "robustness": ("Robustness", "What happens when its input gets a little worse than it was."),
    "importance": ("What it looks at", ""),
    "privacy": ("Privacy", "Whether it gives away whom it was trained on."),
    "scalability": ("Time, memory and size", "What one answer costs the machine."),
    "labels": ("Quality of the labels", "Rows whose answer in the test set is probably wrong."),
}
IMPORTANCE = (
    "The shares say on which columns the answers lean, no more. They do not say that a column is a cause, nor in which direction it works: changing it in the world "
    "need not change the outcome. Columns that tell the same story divide their weight, so a small share does not mean that a column is unimportant to the business."
)


def title(metric: str) -> str:
    """The metric as people call it."""
    known = METRICS.get(metric)
    return known.title if known else shown(metric.replace("_", " "), 40) or "score"


def valued(value: float | None, metric: str = "", unit: str = "") -> str:
    """A value of a metric.

    >>> valued(0.8123, "accuracy"), valued(12.3, "money", "EUR per row"), valued(None)
    ('81.2%', '12.3 EUR per row', '-')
    """
    if value is None:
        return "-"
    if metric in SHARES and not unit:
        return words.percent(value)
    said = words.number(value)
    return f"{said} {shown(unit, 24)}" if unit else said


def about(value: float, digits: int = 3) -> str:
    """A number with so many digits that count: what is estimated is not known to the cent."""
    if not math.isfinite(value):
        return words.number(value)
    if value:
        value = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    said = words.number(float(abs(value)))
    return f"−{said}" if value < 0 else said


def interval(low: float | None, high: float | None, unit: str = "", digits: int = 2) -> str:
    """
    >>> interval(None, 3.0), interval(-1.0, None), interval(None, None)
    ('at most 3', 'at least −1', '')
    """
    after = f" {shown(unit, 24)}" if unit else ""
    if low is not None and high is not None:
        return f"between {about(low, digits)} and {about(high, digits)}{after}"
    if low is not None:
        return f"at least {about(low, digits)}{after}"
    return f"at most {about(high, digits)}{after}" if high is not None else ""


def state(told: Model) -> str:
    """What has become of the version."""
    return STATES.get(told.state, shown(told.state, 40))


def rows_are(told: Model) -> str:
    """What a row is, where the model says so (`about.rows_are`)."""
    return shown(told.told("rows_are"), 24) or "predictions"


def currency(unit: str) -> str:
    """
    >>> currency("EUR per row"), currency("kWh")
    ('EUR', 'kWh')
    """
    return shown(unit.removesuffix(" per row").removesuffix("/row"), 16)


def scaled(one: Comparison) -> tuple[float, str]:
    """By how much amounts of a comparison are multiplied to be told, and their unit then."""
    return (A_THOUSAND, currency(one.unit)) if one.metric == MONEY else (1, one.unit)


def deciding(sets: Sequence[OnSet], role: str = "champion") -> tuple[OnSet, Comparison] | None:
    """The comparison to tell first: one that speaks against the version; where none does, the one on most rows. On each test set its deciding metric."""
    found = [(of, one) for of in sets if (one := next(iter(of.against(role)), None)) is not None]
    if role == "baseline":  # each test set has several: the one that is hardest to beat
        found = [(of, min(of.against(role), key=lambda one: (_rank(one), -1e300 if one.estimate is None else one.estimate))) for of, _ in found]
    return min(found, key=lambda one: (min(_rank(one[1]), FINE), -one[1].rows), default=None)


def _rank(one: Comparison) -> int:
    return OUTCOMES.index(one.outcome) if one.outcome in OUTCOMES else OUTCOMES.index("undecided")


def headline(told: Model) -> str:
    """One sentence: whether it may follow, and what that brings."""
    name = shown(told.title, NAME)
    if told.state == "unreadable":
        return f"{name} could not be read, and nothing is known about it."
    if not told.trial.sets:
        return f"{name} has not been tried on a test set yet."
    found = deciding(told.trial.sets)
    if found is None:
        return _first(told, name)
    of, one = found
    champion = _follower(told, one.versus)
    where = _elsewhere(told, of, one)
    signed = told.signed is not None and not told.signed.expired
    verdict = told.judged
    if told.champion and told.champion == told.version:
        start = f"{name} is the version in use"
    elif verdict is not None and verdict >= Verdict.HOLD and signed and told.state == "released" and told.signed is not None:
        start = f"{name} follows {champion} on the word of {shown(told.signed.author, 40)}"
    elif verdict is not None and verdict >= Verdict.REJECT:
        start = f"{name} must not be used"
    elif one.outcome == "undecided":
        return f"Whether {name} may follow {champion} is not decided: {brings(one, told)}{where}."
    elif verdict is not None and verdict >= Verdict.HOLD:
        start = f"{name} must not follow {champion} before somebody has looked"
    else:
        start = f"{name} may follow {champion}"
    return f"{start}: {brings(one, told)}{where}."


def _elsewhere(told: Model, of: OnSet, one: Comparison) -> str:
    """On which test set that is so, and whether it is fine on the others."""
    others = [other for other in told.trial.sets if other.name != of.name and other.against(one.role)]
    if not others:
        return f" on {shown(of.name, NAME)}" if len(told.trial.sets) > 1 else ""
    fine = [other for other in others if _rank(other.against(one.role)[0]) >= FINE]
    on = f" on {shown(of.name, NAME)}"
    if len(fine) < len(others):
        return on
    rest = f"on {shown(others[0].name, NAME)}" if len(others) == 1 else f"on {len(others):,} other test sets"
    return f"{on}{', and is no worse ' + rest if _rank(one) >= FINE else ', but is no worse ' + rest}"


def _follower(told: Model, other: str) -> str:
    """The other version, without the name where it is the same model's."""
    prefix = f"{told.model}:"
    return shown(other.removeprefix(prefix) if told.model else spoken(other), NAME)


def _first(told: Model, name: str) -> str:
    verdict = told.judged
    start = f"{name} may be used" if verdict is None or verdict < Verdict.HOLD else f"{name} must not be used" if verdict >= Verdict.REJECT else f"{name} must wait for a person"
    found = deciding(told.trial.sets, "baseline")
    if found is None:
        return f"{start}; it was compared with nothing."
    of, one = found
    against = f"the simple answer {shown(one.versus, NAME)!s}"
    where = f" on {shown(of.name, NAME)}" if len(told.trial.sets) > 1 else ""
    return f"{start}, and there is no earlier version to compare it with: against {against} {brings(one, told)}{where}."


def brings(one: Comparison, told: Model) -> str:
    """What a version brings against another, as the end of a sentence that began with its name."""
    if one.test == "identical":
        return "it gives the same answers"
    if one.metric == MONEY and one.estimate is not None:
        return _money(one, told)
    metric = title(one.metric)
    values = f"{metric} {valued(one.candidate_value, one.metric)} against {valued(one.champion_value, one.metric, one.unit)}"
    if one.outcome == "undecided":
        return f"label {words.counted(one.more_rows, 'more row', 'more rows')} to know, so far {values}" if one.more_rows else f"more labelled rows are needed to know, so far {values}"
    how = {"better": "it is better", "worse": "it is worse", "slightly worse": "it is slightly worse, within the margin", "not worse": "it is no worse"}.get(one.outcome, "")
    bounds = interval(one.low, one.high)
    change = f", {'a gain' if (one.low or 0.0) >= 0 else 'a change'} {bounds}" if bounds else ""
    return f"{how + ', ' if how else ''}{values}{change}"


def _money(one: Comparison, told: Model) -> str:
    times, unit = scaled(one)
    estimate = (one.estimate or 0.0) * times
    low, high = (None if end is None else end * times for end in (one.low, one.high))
    per = f"per {A_THOUSAND:,} {rows_are(told)}"
    if one.outcome == "worse" or (one.outcome == "slightly worse" and estimate < 0):
        bounds = interval(None if high is None else -high, None if low is None else -low)
        little = ", less than the margin" if one.outcome == "slightly worse" else ""
        return f"it costs about {about(-estimate)} {unit} more {per}{f' ({bounds})' if bounds else ''}{little}"
    bounds = interval(low, high)
    if one.outcome == "better":
        return f"it saves about {about(estimate)} {unit} {per}{f' ({bounds})' if bounds else ''}"
    saved = f"{'saves' if estimate >= 0 else 'costs'} about {about(abs(estimate))} {unit}{'' if estimate >= 0 else ' more'} {per}"
    held = f" ({'a saving ' if low is not None or high is not None else ''}{bounds})" if bounds else ""
    if one.outcome == "undecided":
        label = f"label {words.counted(one.more_rows, 'more row', 'more rows')} to know; so far" if one.more_rows else "more labelled rows are needed to know; so far"
        return f"{label} it {saved}{held}"
    return f"it costs no more, and probably {saved}{held}" if estimate > 0 else f"it costs no more beyond the margin: it {saved}{held}"


def between(low: float | None, high: float | None) -> str:
    """Two ends with as many decimals as their distance makes worth telling.

    >>> between(0.8403, 0.8579), between(12_345.6, 14_000.0), between(0.5, 0.5), between(None, 1.0)
    ('0.840 to 0.858', '12,346 to 14,000', '0.5 to 0.5', '-')
    """
    if low is None or high is None:
        return "-"
    wide = abs(high - low)
    if not wide or not math.isfinite(wide) or not 1e-6 < wide < 1e9:
        return f"{words.number(low)} to {words.number(high)}"
    decimals = min(max(1 - math.floor(math.log10(wide)), 0), 8)
    return f"{low:,.{decimals}f} to {high:,.{decimals}f}".replace("-", "−")


def difference(one: Comparison, *, bare: bool = False) -> str:
    """The difference with its bounds, signed: more is better; `bare` without its unit.

    >>> from assayline.report.model_facts import trial_of
    >>> said = {"metric": "money", "unit": "EUR per row", "estimate": 1.24, "low": 0.8, "high": 1.7}
    >>> difference(trial_of({"sets": [{"comparisons": [said]}]}).sets[0].comparisons[0])
    '+1,240 (+800 to +1,700) EUR per 1,000'
    """
    if one.estimate is None:
        return "-"
    times, unit = scaled(one)
    after = "" if bare else f" {unit} per {A_THOUSAND:,}" if one.metric == MONEY else f" {shown(unit, 24)}" if unit else ""
    ends = [signed(end * times, 2) if end is not None else unknown for end, unknown in ((one.low, "−∞"), (one.high, "∞"))]
    bounds = "" if one.low is None and one.high is None else f" ({ends[0]} to {ends[1]})"
    return f"{signed(one.estimate * times, 3)}{bounds}{after}"


def signed(value: float, digits: int = 3) -> str:
    """
    >>> signed(0.5), signed(-2.0), signed(0.0)
    ('+0.5', '−2', '0')
    """
    said = about(value, digits)
    return said if said.startswith("−") or said == "0" else f"+{said}"


def outcome(one: Comparison) -> str:
    """The outcome as a word, with what is to be done where it is open."""
    if one.outcome == "undecided" and one.more_rows:
        return f"undecided: label {one.more_rows:,} more rows"
    return shown(one.outcome, 24) or "not compared"


def costs(told: Model) -> str:
    """The cost matrix as a sentence, or ""."""
    cost = mapping(told.about.get("cost"))
    unit = text(cost.get("unit"))
    over, under = number(cost.get("over")), number(cost.get("under"))
    if over is not None and under is not None:
        return f"Each unit too much costs {valued(over, unit=unit)}, each unit too little {valued(under, unit=unit)}."
    classes = texts(cost.get("classes"))
    rows = cost.get("costs")
    if len(classes) == 2 and isinstance(rows, (list, tuple)) and len(rows) == 2 and all(isinstance(row, (list, tuple)) and len(row) == 2 for row in rows):
        parts = []
        for true in (0, 1):
            for decided in (0, 1):
                amount = number(rows[true][decided])
                if amount:
                    said = shown(classes[true], 24), shown(classes[decided], 24)
                    what = f"answering {said[1]} where {said[0]} is true" if true != decided else f"answering {said[1]} rightly"
                    parts.append(f"{what} {'costs' if amount > 0 else 'brings'} {valued(abs(amount), unit=unit)}")
        return first_up("; ".join(parts)) + "." if parts else ""
    return f"A table of costs over {words.counted(len(classes), 'class', 'classes')}, in {shown(unit, 24)}." if classes else ""


def deciding_score(of: OnSet) -> Score | None:
    """The score that decides on a test set."""
    return of.scores[0] if of.scores else None


def changed_digests(releases: Sequence[Release], name: str) -> list[str]:
    """The versions before which a test set got other rows."""
    changed, before = [], ""
    for release in releases:
        digest = next((of.digest for of in release.sets if of.name == name), "")
        if digest and before and digest != before:
            changed.append(release.version)
        before = digest or before
    return changed


def first_up(said: str) -> str:
    """The same with a capital.

    >>> first_up("ranking (AUC)")
    'Ranking (AUC)'
    """
    return said[:1].upper() + said[1:]


def day(at: str) -> str:
    """The day of a moment."""
    return moment(at)[:10]
