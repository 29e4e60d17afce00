"""What is said of components and replays, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .component import ARM, ARRIVAL, CODE, MODEL, PACKAGE, PARAMETER, SOURCE, Component
from .reading import Reading
from .symptom import FAILURE, SILENCE, Symptom


def amount(value: float, unit: str = "") -> str:
    """A measure as people write it.

    >>> amount(63.04), amount(1234567.0), amount(0.01234, "km")
    ('63', '1,234,567', '0.0123 km')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def outcome(symptom: Symptom, reading: Reading) -> str:
    """What a replay read."""
    if reading.value is None:
        return f"could not be made ({_first_line(reading.error) or 'nothing to measure'})"
    if symptom.kind in (FAILURE, SILENCE):
        return "it runs" if reading.gone else "it fails too" if symptom.kind == FAILURE else "nothing comes either"
    return amount(reading.value, symptom.unit)


def put_back(component: Component) -> str:
    """How a replay with one component put back is called: "with the `weather` lot of before"."""
    name, before = f"`{component.name}`", component.before
    words = {
        SOURCE: f"with {name} of before{f' ({before})' if before else ''}",
        ARRIVAL: f"with what was to come from {name}",
        CODE: f"with the code of {name} of before" if before else f"without {name}",
        PARAMETER: f"with {name} as before ({before})" if before else f"without {name}",
        PACKAGE: f"with {name} {before}" if before else f"without the package {name}",
        MODEL: f"with the model {name} {before}".rstrip(),
        ARM: f"with all answers from {before or 'the champion'} of {name}",
    }
    return words[component.kind]


def tried(symptom: Symptom, component: Component, reading: Reading | None) -> str:
    """What replaying one component said: "with the code of `line.py: hourly` of before: 63 bikes"."""
    if component.why_not:
        return f"{put_back(component)}: not replayed, {component.why_not}"
    return f"{put_back(component)}: {'not tried alone' if reading is None else outcome(symptom, reading)}"


def accused(component: Component, findings: Sequence[Mapping[str, Any]] = ()) -> str:
    """What is wrong with a component: the finding that names it, or what it is now and was before."""
    name, now, before = f"`{component.name}`", component.now, component.before
    if component.kind in (SOURCE, ARRIVAL):
        said = "; ".join(f"{str(one.get('sentence', '')).rstrip('.')} ({one['code']})" for one in findings[:2])
        place = f"source {name}{f', {now}' if now else ''}"
        return f"{place}: {said}" if said else f"{place}: late or missing" if component.kind == ARRIVAL else place
    if component.kind == CODE:
        change = str(component.detail.get("change", "")) or ("added" if not before else "removed" if not now else "changed")
        return f"code {name} was {change}"
    kind = "who answers for" if component.kind == ARM else component.kind
    return f"{kind} {name} is {now}, it was {before}" if now and before else f"{kind} {name} is new ({now})" if now else f"{kind} {name} is gone (it was {before})"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
