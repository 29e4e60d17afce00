"""Sentences about a change of version, for readers without statistics.

>>> from assayline.explain.per_thousand import Outcome
>>> said = Vocabulary("customers", {"yes": "are called"}, {"no": "would have stayed"})
>>> happened(Outcome("no", "yes", False, 80.0, 92.0, 12.0, 7.0, 17.0, 10.0, 120.0), said)
'12 more are called although they would have stayed'
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .money import Money
from .pair import A_THOUSAND, Pair
from .per_thousand import Outcome
from .segments import Moved, Segments

WHAT_IMPORTANCE_IS = (
    "Importance says on which columns this version leans: how much worse its answers get when a column is shuffled.",
    "It does not say that a column is a cause. Changing it in the world need not change the outcome.",
    "It does not say in which direction a column works, nor whether it is fair to use it.",
    "Columns that say the same divide their importance: a small figure does not mean that a column does not matter to the business.",
    "It belongs to this version and these rows. Another version may lean on other columns and be as good.",
)


@dataclass(frozen=True)
class Vocabulary:
    """What things are called.

    Args:
        rows: what rows are, in the plural: "customers".
        says: class -> what is done when a version says so: "are called".
        truth: class -> what is so then: "would have stayed".
        target: name of the target; the unit of a number is in its words.
    """

    rows: str = "rows"
    says: Mapping[str, str] = field(default_factory=dict)
    truth: Mapping[str, str] = field(default_factory=dict)
    target: str = "the target"


def amount(value: float, digits: int = 2) -> str:
    """A number with so many digits that count.

    >>> amount(1234.5), amount(0.0345), amount(12.0), amount(-3.0)
    ('1,200', '0.035', '12', '-3')
    """
    if not math.isfinite(value):
        return "unknown"
    if value:
        value = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:,.6f}".rstrip("0").rstrip(".")


def whole(value: float) -> str:
    """How many rows of a thousand: whole ones, and "fewer than one" below that.

    >>> whole(12.4), whole(0.3)
    ('12', 'fewer than 1')
    """
    return f"{abs(value):,.0f}" if abs(value) >= 1 else "fewer than 1"


def between(low: float, high: float) -> str:
    """An interval in words, on the side of the estimate."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "how sure that is cannot be said"
    return f"between {amount(low)} and {amount(high)}"


def happened(one: Outcome, said: Vocabulary) -> str:
    """One outcome that changed, of a thousand rows; the end of a sentence."""
    more = "more" if one.difference >= 0 else "fewer"
    if not one.truth:
        return f"{amount(abs(one.difference))} {'more' if one.difference >= 0 else 'less'} {one.answer} than before"
    does = said.says.get(one.answer, f"get the answer “{one.answer}”")
    if one.right:
        is_ = f"rightly: they {said.truth[one.truth]}" if one.truth in said.truth else "rightly"
        return f"{whole(one.difference)} {more} {does}, {is_}"
    is_ = f"they {said.truth[one.truth]}" if one.truth in said.truth else f"“{one.truth}” is true"
    return f"{whole(one.difference)} {more} {does} although {is_}"


def outcome_sentence(found: Sequence[Outcome], said: Vocabulary) -> str:
    """What changes for a thousand rows, as far as it is more than chance."""
    clear = [one for one in found if (one.low > 0 or one.high < 0) and not one.right]
    if not clear:
        if found and found[0].truth:
            return f"Of {A_THOUSAND:,} {said.rows}, about as many as before get a wrong answer of either kind."
        return f"The errors in {said.target} are about as large as before."
    if not found[0].truth:
        return f"On average over all {said.rows}, what is said of {said.target} is {' and '.join(happened(one, said) for one in clear)}."
    return f"Of {A_THOUSAND:,} {said.rows}, {'; '.join(happened(one, said) for one in clear[:3])}."


def money_sentence(found: Money, said: Vocabulary) -> str:
    """What the change costs or saves."""
    per = f"per {found.per:,} {said.rows}"
    if not math.isfinite(found.low) or not math.isfinite(found.high):
        return f"There are too few rows to say what the change costs or saves {per}."
    low, high = sorted((abs(found.low), abs(found.high)))
    if found.real:
        return f"The change {'costs' if found.difference > 0 else 'saves'} about {amount(abs(found.difference))} {found.unit} {per} (between {amount(low)} and {amount(high)})."
    if found.low == found.high == 0:
        return f"The change costs nothing and saves nothing: {amount(found.after)} {found.unit} {per} as before."
    return (
        f"Whether the change saves or costs money cannot be told from these rows: anything from a saving of {amount(max(-found.low, 0.0))} to an extra cost of "
        f"{amount(max(found.high, 0.0))} {found.unit} {per} would look like this."
    )


def where(conditions: Sequence[str]) -> str:
    """Conditions as one text.

    >>> where(("city is 'Lyon'", "age is below 30"))
    "city is 'Lyon' and age is below 30"
    >>> where(("not (city is 'Lyon')", "not (spend is below 101.5)"))
    "city is not 'Lyon' and spend is 101.5 or more"
    """
    return " and ".join(_turned(one) for one in conditions)


def _turned(condition: str) -> str:
    """A condition that is denied, as people say it."""
    if not (condition.startswith("not (") and condition.endswith(")")):
        return condition
    inner = condition[5:-1]
    for pattern, instead in (
        (r"(.*) is missing", r"\1 is known"), (r"(.*) is below (\S+)", r"\1 is \2 or more"), (r"(.*) is (\S+) or more", r"\1 is below \2"),
        (r"(.*) is (from .*)", r"\1 is not \2"), (r"(.*?) is (.*)", r"\1 is not \2"),
    ):  # fmt: skip
        if re.fullmatch(pattern, inner, re.S):
            return re.sub(pattern, instead, inner, count=1, flags=re.S)
    return condition


def moved_sentence(one: Moved, pair: Pair, said: Vocabulary) -> str:
    """A group that gained or lost, with its figures."""
    times = pair.times
    change, low, high = (times * value for value in (one.difference, one.low, one.high))
    low, high = (low, high) if change >= 0 else (-high, -low)
    per = f" per {times:,} {said.rows}" if times > 1 else " per row"
    more = change >= 0
    what = {
        "money": f"about {amount(abs(change))} {pair.unit} {'more' if more else 'less'}", "wrong": f"about {whole(change)} {'more' if more else 'fewer'} wrong answers",
        "error": f"errors about {amount(abs(change))} {'larger' if more else 'smaller'}",
    }  # fmt: skip
    return (
        f"Where {where(one.where)} ({one.rows:,} {said.rows} in the test set): {what[pair.counted]}{per} (between {amount(low)} and {amount(high)}; "
        f"seen on {one.tested_rows:,} that were not searched)."
    )


def promise(found: Segments, said: Vocabulary) -> str:
    """How sure the lists of groups are."""
    searched = f"{found.tested:,} groups of {said.rows} were tried. " if found.tested else ""
    return (
        f"{searched}Each was found on one half of the {said.rows} and had to show itself again on the other half; of the groups named here at most about one in "
        f"{round(1 / found.q)} is named by chance. A group that is not named may still have changed, by less than these rows can show."
    )


def headline(outcome: str, before: str, after: str, rows: int, said: Vocabulary) -> str:
    """Which of both is better, in one sentence.

    >>> headline("better", "churn:v7", "churn:v8", 1000, Vocabulary("customers"))
    'churn:v8 does better than churn:v7, tried on the same 1,000 customers.'
    """
    tried = f"tried on the same {rows:,} {said.rows}"
    return {
        "better": f"{after} does better than {before}, {tried}.",
        "worse": f"{after} does worse than {before}, {tried}.",
        "slightly worse": f"{after} does slightly worse than {before}, {tried}: surely, but by less than matters.",
        "not worse": f"{after} does as well as {before}, {tried}: whatever is between them is less than matters.",
        "identical": f"{after} gives the same answers as {before}, {tried}.",
    }.get(outcome, f"Whether {after} does better or worse than {before} cannot be told from {rows:,} {said.rows}: too few, or too much alike.")


def groups_sentence(found: Segments, said: Vocabulary) -> str:
    """Who gains and who loses, in one sentence."""
    names = {name: [where(one.where) for one in several] for name, several in (("gains", found.gained), ("loses", found.lost))}
    if not any(names.values()):
        return f"No group of {said.rows} is shown to gain or to lose: what moved there may be chance."
    parts = [f"{'Better off' if name == 'gains' else 'Worse off'}: {said.rows} where {', and those where '.join(several[:3])}" for name, several in names.items() if several]
    missing = [f"no group is shown to be {'better' if name == 'gains' else 'worse'} off" for name, several in names.items() if not several]
    return f"{'. '.join(parts)}{'; ' + missing[0] if missing else ''}."


def mixed_sentence(mix: float, rate: float, rows_before: int, rows_after: int, pair: Pair) -> str:
    """Why the figure of the version before is another one on other rows."""
    times, unit = pair.times, {"money": pair.unit, "wrong": "wrong answers", "error": "of error"}[pair.counted]
    per = f" per {times:,}" if times > 1 else ""

    def told(value: float) -> str:
        return f"{amount(abs(value * times))} {unit}{per} {'more' if value >= 0 else 'less'}"

    return (
        f"The test set has other rows now ({rows_after:,}, before {rows_before:,}). With the version before and no other change, that alone gives {told(mix + rate)}: "
        f"{told(mix)} because other kinds of rows are in it, {told(rate)} because rows of the same kind are harder or easier."
    )
