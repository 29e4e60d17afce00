"""Cells that break the sequence of their column, and the many columns that only look as if they had one."""

from __future__ import annotations

import datetime
import random

import polars as pl
import pytest

from assayline.core import Cell, Past
from assayline.detectors.broken_sequence import BrokenSequence
from assayline.measures import Block, Plan, profile, profile_block


def accused(frame: pl.DataFrame, *, text: bool = True) -> list[Cell]:
    whole = frame.with_columns(pl.all().cast(pl.String)) if text else frame
    plan = Plan.of(whole, text)
    found = list(BrokenSequence()(profile_block(Block(whole, plan)), Past()))
    return [cell for one in found if one.locate is not None for cell in one.locate.fresh()(Block(whole, plan))]


def overwritten(values: list[object], share: float, r: random.Random, within: int | None = None) -> tuple[list[object], set[int]]:
    """Some cells replaced by the value of another row, and which."""
    result = list(values)
    rows = r.sample(range(within or len(values) - 1), round(share * len(values)))
    for row in rows:
        result[row] = values[r.choice([other for other in range(len(values)) if other != row])]
    return result, set(rows)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25])
@pytest.mark.parametrize("first", [0, 1, 40_001])
def test_overwritten_row_numbers_are_found_with_what_belongs_there(share: float, first: int) -> None:
    numbers, rows = overwritten([first + n for n in range(400)], share, random.Random(first))

    cells = accused(pl.DataFrame({"id": numbers}))

    assert {cell.row for cell in cells} == rows
    assert all(cell.suggestion == str(first + cell.row) for cell in cells)


def test_wrong_rows_that_crowd_at_the_beginning_are_found_too() -> None:
    numbers, rows = overwritten(list(range(1, 501)), 0.2, random.Random(4), within=150)

    cells = accused(pl.DataFrame({"id": numbers}))

    assert {cell.row for cell in cells} == rows
    assert {cell.suggestion for cell in cells} == {str(row + 1) for row in rows}


def test_the_suggestion_is_written_like_its_neighbours() -> None:
    days = [f"{datetime.date(2024, 1, 1) + datetime.timedelta(days=n):%d.%m.%Y}" for n in range(90)]
    days[30] = days[11]
    numbers = [f"{n}.0" for n in range(90)]
    numbers[50] = "3.0"

    cells = accused(pl.DataFrame({"day": days, "n": numbers}))

    assert {(cell.row, cell.column, cell.suggestion) for cell in cells} == {(30, "day", "31.01.2024"), (50, "n", "50.0")}


def test_where_numbers_were_left_out_only_copies_are_accused() -> None:
    r = random.Random(8)
    numbers = sorted(r.sample(range(100_000), 300))
    numbers[100], numbers[200] = numbers[17], numbers[250]

    cells = accused(pl.DataFrame({"id": numbers}))

    assert [(cell.row, cell.suggestion) for cell in cells] == [(100, None), (200, None)]


def test_a_sequence_longer_than_the_row_sample_is_found_whole() -> None:
    numbers, rows = overwritten(list(range(80_000)), 0.01, random.Random(1))
    frame = pl.DataFrame({"id": numbers})

    (found,) = BrokenSequence()(profile(frame), Past())
    assert found.locate is not None
    cells = found.locate.fresh()(Block(frame, Plan.of(frame)))

    assert {cell.row for cell in cells} == rows


def shuffled(r: random.Random) -> list[object]:
    return r.sample(range(300), 300)


def two_files(r: random.Random) -> list[object]:
    return [*range(1, 200), *range(40, 120)]


def rows_put_elsewhere(r: random.Random) -> list[object]:
    values: list[object] = list(range(300))
    for _ in range(12):
        values.insert(r.randrange(300), values.pop(r.randrange(300)))
    return values


def added_later(r: random.Random) -> list[object]:
    values: list[object] = list(range(1, 201))
    for number in range(201, 221):
        values.insert(r.randrange(200), number)
    return values


def events(r: random.Random) -> list[object]:
    moments = sorted(datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=r.randrange(40_000)) for _ in range(600))
    return list(moments)


def late_events(r: random.Random) -> list[object]:
    moments = events(r)
    for _ in range(25):
        place = r.randrange(100, 600)
        moments.insert(place, moments.pop(place - r.randrange(3, 90)))
    return moments


def wandering(r: random.Random) -> list[object]:
    level, values = 0, []
    for _ in range(500):
        level += r.choice([-1, 1, 1, 1])
        values.append(level)
    return list(values)


def hours_with_a_clock_change(r: random.Random) -> list[object]:
    hours = [datetime.datetime(2024, 10, 20) + datetime.timedelta(hours=n) for n in range(300)]
    hours.insert(171, hours[170])
    return list(hours)


def row_delivered_again(r: random.Random) -> list[object]:
    values: list[object] = list(range(1, 300))
    for _ in range(4):
        values.insert(r.randrange(1, 300), r.randrange(1, 300))
    return [*values, 17, 18]


def by_group(r: random.Random) -> list[object]:
    return [n for _ in range(9) for n in range(1, 40)]


@pytest.mark.parametrize(
    "make",
    [shuffled, two_files, rows_put_elsewhere, added_later, events, late_events, wandering, hours_with_a_clock_change, row_delivered_again, by_group],
)
@pytest.mark.parametrize("seed", range(8))
def test_columns_that_are_no_sequence_or_honestly_disordered_are_met_with_silence(make, seed: int) -> None:  # type: ignore[no-untyped-def]  # one of the functions above
    assert accused(pl.DataFrame({"x": make(random.Random(seed))})) == []
