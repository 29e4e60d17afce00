"""The history layer: today against the released lots before it.

One file `history_*.py` per kind of badness, each with one class that looks at a `Comparison` and gives suspicions. This module runs them
all on one comparison, keeps what survives the number of questions asked and a replay on past lots, and tells causes from symptoms.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable

from assayline.core import Finding, Past, Profile

from .causes import causes
from .comparison import Comparison
from .replay import Judge, replayed
from .suspicion import Suspicion, believed


@functools.cache
def judges() -> tuple[Judge, ...]:
    """Every judge of this package: one class with `finds` per file `history_*.py`, in order of the names."""
    home = __name__.rpartition(".")[0]
    package = importlib.import_module(home)
    found: list[Judge] = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        if module.name.startswith("history_"):
            things = vars(importlib.import_module(f"{home}.{module.name}")).values()
            found += [thing() for thing in things if isinstance(thing, type) and thing.__module__ == f"{home}.{module.name}" and hasattr(thing, "finds")]
    return tuple(found)


class History:
    """Finds what is new in a lot against the lots of its flow that were released before.

    Reads:    every state; `sample` most of all.
    Finds:    the codes of all `history_*` files.
    Silent:   without a past. With fewer than three lots only facts of schema and form are stated.
    Source:   docs/statistics.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> lots = tuple(profile(pl.DataFrame({"a": range(50), "b": ["x", "y"] * 25})) for _ in range(3))
    >>> [finding.code for finding in History()(profile(pl.DataFrame({"a": range(50)})), Past(lots, ("1", "2", "3")))]
    ['dropped_column']
    """

    codes = tuple(sorted({code for judge in judges() for code in judge.finds}))

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        if not past:
            return []
        comparison = Comparison(profile, past)
        if not comparison.profiles:
            return []
        return verdicts(comparison)


def verdicts(comparison: Comparison) -> list[Finding]:
    """What all judges say of one comparison, settled.

    Args:
        comparison: today beside its past.
    """
    said: list[tuple[Judge, list[Suspicion]]] = []
    broken: list[Finding] = []
    for judge in judges():
        try:
            said.append((judge, list(judge(comparison))))
        except Exception as error:  # noqa: BLE001 - a crash of one judge is a finding about it; the others still speak
            broken.append(_crash(judge, error))
    columns = len(comparison.columns)
    asked: set[int] = set()
    while True:  # ends: each round asks about findings that were not asked about before
        found = causes(believed([one for _, suspicions in said for one in suspicions], columns))
        doubtful = {id(one) for one in found} - asked
        if not doubtful:
            return found + broken
        asked |= doubtful
        said = [(judge, _after_replay(judge, suspicions, doubtful, comparison)) for judge, suspicions in said]


def _after_replay(judge: Judge, suspicions: list[Suspicion], doubtful: set[int], comparison: Comparison) -> list[Suspicion]:
    """The suspicions with the p-values of the doubtful ones as they are after the judge's replay on past lots."""
    places = [place for place, one in enumerate(suspicions) if id(one.finding) in doubtful]
    if not places:
        return suspicions
    p = replayed(judge, [suspicions[place] for place in places], comparison)
    weaker = {places[number]: Suspicion(suspicions[places[number]].finding, value) for number, value in p.items()}
    return [weaker.get(place, one) for place, one in enumerate(suspicions)]


def _crash(judge: Judge, error: Exception) -> Finding:
    name = type(judge).__name__
    return Finding(
        "detector_error", (), f"The detector {name} failed and said nothing: {type(error).__name__}: {error}", severity=0.2, layer="history",
        evidence={"detector": name}, suggestion="report this; the other detectors were not affected",
    )  # fmt: skip
