"""A judge that would have accused good lots as strongly is not believed about today."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.core import Finding
from assayline.detectors.comparison import Comparison
from assayline.detectors.history import judges
from assayline.detectors.replay import replayed
from assayline.detectors.suspicion import Suspicion
from assayline.measures import profile

sys.path.insert(0, str(Path(__file__).parent))
from flows import PAST, of, shop

TODAY = Comparison(profile(shop(20), text=True), PAST)


@dataclass
class Scripted:
    """Says of each lot, by the number of its forerunners, what it was told to."""

    p: dict[int, float]
    column: str = "price"
    finds: tuple[str, ...] = ("global_shift",)
    asked: list[int] = field(default_factory=list)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        self.asked.append(comparison.lots)
        if comparison.lots in self.p:
            yield suspicion(self.p[comparison.lots], self.column)


def suspicion(p: float, column: str = "price") -> Suspicion:
    return Suspicion(Finding("global_shift", (column,), "…", 0.5, layer="history"), p)


def test_a_judge_that_was_silent_about_good_lots_keeps_its_p_value() -> None:
    judge = Scripted({})

    assert replayed(judge, [suspicion(1e-6)], TODAY) == {}
    assert judge.asked == list(range(14, 20))  # the last third of twenty lots, each against its own forerunners


def test_evidence_is_worth_what_it_exceeds_that_against_good_lots_by() -> None:
    found = replayed(Scripted({15: 1e-4, 17: 1e-6}), [suspicion(1e-9)], TODAY)

    assert found == {0: pytest.approx(1e-3 / 7)}


def test_a_fact_stated_of_good_lots_is_none() -> None:
    assert replayed(Scripted({16: 0.0}), [suspicion(0.0)], TODAY)[0] == pytest.approx(1 / 7)


def test_what_was_said_of_another_column_does_not_count() -> None:
    assert replayed(Scripted({16: 0.0}, column="weight"), [suspicion(1e-6)], TODAY) == {}


def test_chance_alone_costs_nothing() -> None:
    assert replayed(Scripted({14: 0.2, 15: 0.4}), [suspicion(1e-6)], TODAY) == {}


def test_a_short_past_is_not_replayed() -> None:
    judge = Scripted({})

    assert replayed(judge, [suspicion(1e-6)], Comparison(profile(shop(8), text=True), of([shop(day) for day in range(8)]))) == {}
    assert judge.asked == []


@pytest.mark.parametrize("lot", [8, 19])
def test_an_earlier_comparison_says_what_was_said_on_that_day(lot: int) -> None:
    frames = [shop(day) if day != lot else shop(day).with_columns(price=pl.lit("3"), city=pl.lit("Atlantis")) for day in range(20)]
    whole = Comparison(TODAY.today, of(frames))
    then = Comparison(profile(frames[lot], text=True), of(frames[:lot]))

    replay = whole.earlier(lot, whole.shared)

    assert (replay.lots, replay.rows, replay.shared) == (then.lots, then.rows, then.shared)
    for judge in judges():
        ours, theirs = list(judge(replay)), list(judge(then))
        assert [one.finding for one in ours] == [one.finding for one in theirs], type(judge).__name__
        assert np.allclose([one.p for one in ours], [one.p for one in theirs])
