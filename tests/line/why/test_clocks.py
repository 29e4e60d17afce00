"""A clock that is off is told from a lot that begins late, that lacks rows, or that nobody expected to be regular."""

from __future__ import annotations

import random

import pytest

from assayline.line.why.clocks import FARTHEST, hours_off
from assayline.line.why.moving import DAY, HOUR, Span


def day(number: float, wobble: float = 0.0, chance: random.Random | None = None) -> Span:
    begin, end = (0.0, 0.0) if chance is None else (chance.uniform(0, wobble), -chance.uniform(0, wobble))
    return Span(number * DAY + begin * HOUR, number * DAY + 12 * HOUR, number * DAY + 23 * HOUR + end * HOUR)


def moved(span: Span, hours: float) -> Span:
    return Span(span.early + hours * HOUR, span.middle + hours * HOUR, span.late + hours * HOUR)


BEFORE = [day(number) for number in range(8)]


@pytest.mark.parametrize("hours", [1, 2, 9, -1, -5, FARTHEST])
def test_whole_hours_are_found_whichever_way(hours: int) -> None:
    assert hours_off(moved(day(8), hours), BEFORE, [1] * 8) == (hours,)


def test_lots_that_are_as_they_should_be_are_left_in_peace() -> None:
    assert hours_off(day(8), BEFORE, [1] * 8) == ()
    assert hours_off(day(10), BEFORE, [1] * 7 + [3]) == ()  # two lots in between never came


def test_a_lot_that_begins_late_or_ends_early_lacks_rows() -> None:
    whole = day(8)

    assert hours_off(Span(whole.early + 5 * HOUR, whole.middle, whole.late), BEFORE, [1] * 8) == ()
    assert hours_off(Span(whole.early + 5 * HOUR, whole.middle, whole.late - 5 * HOUR), BEFORE, [1] * 8) == ()


def test_a_day_that_was_left_out_is_no_clock() -> None:
    assert hours_off(day(9), BEFORE, [1] * 8) == ()
    assert hours_off(moved(day(8), 0.5), BEFORE, [1] * 8) == ()


def test_nothing_is_said_without_a_past_that_is_known() -> None:
    late = moved(day(8), 5)

    assert hours_off(late, BEFORE[-3:], [1] * 3) == ()
    assert hours_off(late, [*BEFORE[:-1], None], [1] * 8) == ()
    assert hours_off(None, BEFORE, [1] * 8) == ()


def test_lots_that_wander_by_themselves_are_seldom_called_late() -> None:
    chance, accused = random.Random(3), 0
    for _ in range(1_000):
        spans = [day(number, 3.0, chance) for number in range(9)]
        accused += bool(hours_off(spans[8], spans[:8], [1] * 8))

    assert accused <= 20
    spans = [day(number, 3.0, chance) for number in range(9)]
    assert 9 in hours_off(moved(spans[8], 9), spans[:8], [1] * 8)
