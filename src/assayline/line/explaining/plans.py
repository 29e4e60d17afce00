"""What two versions read otherwise: columns that came, went, or are treated in another way."""

from __future__ import annotations

from typing import Any

from assayline.artefacts import Encoder
from assayline.framing import Plan
from assayline.framing.column import Column

READINGS = {
    "number": "a number", "truth": "yes or no", "time": "a moment", "code": "a category", "word": "a word among numbers", "hash": "a category with many spellings", "text": "a text",
    "list": "a list",
}  # fmt: skip
MOST_NAMED = 5


def columns_changed(before: Encoder, after: Encoder) -> list[dict[str, Any]]:
    """Each column that the two do not read in the same way: {"column", "change": "added" | "dropped" | "treated otherwise", "sentence"}."""
    first, second = used(before), used(after)
    found = []
    for name in sorted({*first, *second}):
        if name not in first:
            found.append({"column": name, "change": "added", "sentence": f"{name} is used now{_why_not(before, name)}."})
        elif name not in second:
            found.append({"column": name, "change": "dropped", "sentence": f"{name} is no longer used{_why_not(after, name)}."})
    if isinstance(before, Plan) and isinstance(after, Plan):
        old, new = ({(one.shown, one.reading == "word"): one for one in plan.columns} for plan in (before, after))
        for key in sorted(old.keys() & new.keys()):
            for said in _treated(old[key], new[key]):
                found.append({"column": key[0], "change": "treated otherwise", "sentence": f"{key[0]}: {said}."})
        looks = {lag.name for lag in before.lags}, {lag.name for lag in after.lags}
        for change, names in (("added", sorted(looks[1] - looks[0])), ("dropped", sorted(looks[0] - looks[1]))):
            if names:
                verb = "looked at now" if change == "added" else "no longer looked at"
                found.append({"column": names[0], "change": change, "sentence": f"Earlier rows: {_listed(names)} {'is' if len(names) == 1 else 'are'} {verb}."})
    return found


def used(plan: Encoder) -> dict[str, list[str]]:
    """The columns of the table that a plan uses, each with the features it becomes."""
    found: dict[str, list[str]] = {}
    for feature in plan.features:
        for source in feature.sources:
            found.setdefault(source, []).append(feature.name)
    return found


def _why_not(plan: Encoder, name: str) -> str:
    """Why a plan leaves a column out, where it says so."""
    if not isinstance(plan, Plan):
        return ""
    leak = next((one for one in plan.leaks if one.column == name), None)
    if leak is not None:
        return f" (it was left out: {leak.reason})"
    why = dict(plan.unused).get(name)
    return f" (it was left out: {why})" if why else "" if name in {one.name for one in plan.sources} else " (the table did not have it)"


def _treated(old: Column, new: Column) -> list[str]:
    said = []
    if old.reading != new.reading:
        said.append(f"read as {READINGS.get(new.reading, new.reading)}, before as {READINGS.get(old.reading, old.reading)}")
        return said
    gone, come = [one for one in old.labels if one not in new.labels], [one for one in new.labels if one not in old.labels]
    if come:
        said.append(f"the {_kinds(come)} {_listed(come)} {'has' if len(come) == 1 else 'have'} a place of {'its' if len(come) == 1 else 'their'} own now")
    if gone:
        said.append(f"the {_kinds(gone)} {_listed(gone)} {'has' if len(gone) == 1 else 'have'} no place of {'its' if len(gone) == 1 else 'their'} own any more")
    merged = [one for one in new.merged if one not in old.merged]
    if merged:
        said.append(f"{_listed([f'{variant} is taken for {name}' for variant, name in merged])}")
    if old.number != new.number:
        said.append("numbers are read in another notation")
    if old.time != new.time:
        said.append("times are read in another notation")
    if old.parts != new.parts:
        said.append(f"looked at by {_listed(list(new.parts)) or 'nothing'}, before by {_listed(list(old.parts)) or 'nothing'}")
    words = sum(one not in old.words for one in new.words)
    if words:
        said.append(f"{words} of {len(new.words)} words that are looked for are others")
    return said


def _kinds(names: list[str]) -> str:
    return "category" if len(names) == 1 else "categories"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown
