"""Search and answer together, over lines that are made up: who is accused, who is not, and at what price."""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import median
from typing import Any

import pytest

from assayline.diagnosis import Component, Reading, Symptom
from assayline.diagnosis.answering import MIX, NOT_FOUND, PROVED, WORLD, Answer, answer
from assayline.diagnosis.searching import search

SYMPTOM = Symptom("metric", "forecasts", "mae(prediction, rentals)", "The error rose.", 41.0, 63.0, 35.0, 47.0)
FAULT: dict[str, Any] = {"code": "unit_change", "columns": ["temperature"], "severity": 0.65, "sentence": "temperature is in °F."}
SHIFT: dict[str, Any] = {"code": "global_shift", "columns": ["temperature"], "severity": 0.6, "sentence": "temperature moved."}
KINDS = ("source", "source", "code", "code", "parameter", "package", "model")


@dataclass
class Case:
    """A bad state: what differs, who made it, and what each replay would read."""

    components: list[Component]
    guilty: frozenset[str]
    readings: dict[frozenset[str], Reading]
    harm: dict[str, float]
    natural: dict[str, float]

    def __call__(self, put_back: frozenset[str]) -> Reading:
        """Lots of another day move the measure a little, whoever is guilty."""
        harm = sum(self.harm[key] for key in self.harm if key not in put_back)
        value = 41.0 + harm + sum(self.natural[key] for key in put_back & self.natural.keys())
        return self.readings.setdefault(put_back, Reading(value, SYMPTOM.gone(value)))

    def answered(self) -> tuple[Answer, int]:
        found = search(self.components, self)
        return answer(SYMPTOM, self.components, found), found.replays


def case(seed: int, how: str) -> Case:
    """One of "fault", "two faults", "world" (a source moved by itself) and "nothing" (what made it is not among the components)."""
    rng = random.Random(f"{seed} {how}")
    count = rng.randint(2, 12)
    kinds = ["source", *(rng.choice(KINDS) for _ in range(count - 1))]
    keys = [f"{kind} {number}" for number, kind in enumerate(kinds)]
    if how == "world":
        bad = [keys[0]]
    else:
        bad = rng.sample(keys, {"fault": 1, "two faults": 2, "nothing": 0}[how])
    harm = {key: 22.0 / max(1, len(bad)) * rng.uniform(0.8, 1.3) for key in bad}
    components = []
    for key, kind in zip(keys, kinds, strict=True):
        is_fault = key in bad and how != "world"
        findings = (FAULT,) if is_fault and kind == "source" else (SHIFT,) if key in bad else ()
        evidence = min(1.0, rng.random() * 0.7 + 0.3 * is_fault)
        components.append(Component(kind, key.split()[1], "before", "now", evidence=evidence, findings=findings))
    natural = {key: rng.gauss(0.0, 1.0) for key in keys if key.startswith("source")}
    made = Case(components, frozenset(bad) if how != "world" else frozenset(), {}, harm, natural)
    if how == "nothing":
        made.harm = {"what nobody sees": 22.0}
    return made


@pytest.mark.parametrize("how", ["fault", "two faults"])
def test_the_guilty_are_accused(how: str) -> None:
    cases = [case(seed, how) for seed in range(150)]
    answers = [one.answered() for one in cases]

    first = [said.candidates[0].key in one.guilty for one, (said, _) in zip(cases, answers, strict=True)]
    all_named = [said.verdict == PROVED and one.guilty <= {key for cause in said.causes for key in cause.components} for one, (said, _) in zip(cases, answers, strict=True)]
    wrong = [any(key not in one.guilty for key in said.causes[0].components) if said.causes else False for one, (said, _) in zip(cases, answers, strict=True)]

    assert sum(first) >= 0.97 * len(cases)
    assert sum(all_named) >= 0.9 * len(cases)
    assert sum(wrong) <= 0.03 * len(cases)
    assert median(replays for _, replays in answers) <= 12


@pytest.mark.parametrize("how", ["world", "nothing"])
def test_nobody_is_accused_where_nobody_is_guilty(how: str) -> None:
    answers = [case(seed, how).answered() for seed in range(150)]

    assert sum(said.verdict in (WORLD, MIX, NOT_FOUND) for said, _ in answers) >= 0.98 * len(answers)
    assert sum(bool(said.causes) for said, _ in answers) <= 0.02 * len(answers)
    assert median(replays for _, replays in answers) <= 12
