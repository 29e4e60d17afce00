"""Which lots stand in the place of which: pieces by their order, lots that came again by their times, states as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest
from small_line import hours, loaded, newest, ran, rides_of, weather_of

from assayline.diagnosis import Component
from assayline.ledger.records import LotRecord
from assayline.line.adjudicating import release_lot
from assayline.line.project import Project
from assayline.line.why.apart import apart
from assayline.line.why.area import Area
from assayline.line.why.derivation import Derivation
from assayline.line.why.exchanging import Exchange, Exchanges, exchange_of
from assayline.line.why.moving import Span


def state(*lots: int, parents: Sequence[int] = ()) -> Derivation:
    def record(lot: int) -> LotRecord:
        return LotRecord(lot, "rides", lot, f"sha256:{lot}", "", "", "release", "released", True, 1, {}, {}, (1,) if lot in parents else (), (), (), {}, {})

    return Derivation("hourly", None, None, {lot: record(lot) for lot in lots}, {})


def weekly(lot: int) -> Span:
    """Each lot is a week; lots above 100 are about the week of the lot a hundred before."""
    week = lot % 100 * 7.0
    return Span(week, week + 3.5, week + 7)


def of(good: Derivation, bad: Derivation, kind: str = "source", snapshot: bool = False, span: Callable[[int], Span | None] = weekly, **detail: object) -> Exchange:
    return exchange_of(Component(kind, "rides", "", "", detail=detail), good, bad, snapshot=snapshot, span=span)


def test_new_pieces_are_replaced_by_as_many_of_the_newest_before() -> None:
    assert of(state(1, 2, 3), state(1, 2, 3, 4)) == Exchange("rides", {4: 3})
    assert of(state(1, 2, 3), state(1, 2, 3, 4, 5)).instead == {5: 3, 4: 2}
    assert of(state(1), state(1, 2, 3)).instead == {3: 1, 2: 1}


def test_the_piece_that_drives_a_step_is_replaced_by_the_one_before_it() -> None:
    found = of(state(3), state(4))

    assert found.instead == {4: 3}


def test_a_lot_that_was_delivered_again_is_replaced_by_what_it_replaced() -> None:
    found = of(state(1, 2, 3), state(1, 3, 102, 4))

    assert found.instead == {102: 2, 4: 3}
    assert found.added == ()


def test_a_lot_that_is_missing_now_comes_back_and_rows_that_were_brought_back_go() -> None:
    assert of(state(1, 2, 3), state(1, 3)).added == (2,)
    assert of(state(1, 2), state(1, 2, 9, parents=[9])).instead == {9: None}


def test_a_state_is_replaced_by_the_state_of_before_without_being_moved() -> None:
    assert of(state(1), state(5), snapshot=True) == Exchange("rides", {5: 1}, moves=False)


def test_a_lot_that_came_too_late_is_added_or_takes_the_place_of_the_stale_state() -> None:
    assert of(state(1), state(1), "arrival", lots=[1], later=[7]) == Exchange("rides", {}, (7,), moves=False)
    assert of(state(1), state(1), "arrival", snapshot=True, lots=[1], later=[7]) == Exchange("rides", {1: 7}, moves=False)
    assert of(state(1), state(1), "arrival", lots=[1], later=[]) == Exchange("rides", {}, moves=False)


@pytest.mark.parametrize("week", [3, 5])
def test_a_lot_whose_clock_stood_still_is_replaced_where_the_others_of_its_turn_are(project: Project, week: int) -> None:
    folder = Path(project.folder) / "incoming"
    first = hours(week)[0]
    rides_of(week).with_columns(hour=rides_of(week)["hour"].replace_strict({}, default=first)).write_csv(folder / f"rides-{week:02}.csv")
    weather_of(week).write_csv(folder / f"weather-{week:02}.csv")  # before week 5 one is left out: only the weather says how far it is
    for held in [one.lot.lot for one in ran(project).lots if one.lot is not None and one.lot.state == "held"]:
        release_lot(project, held, author="ann")
    ran(project)
    good, bad = newest(project, "hourly", 1), newest(project, "hourly")
    both = [Component("source", name, "", "", detail={"lots": [lot for lot in bad.of_flow(name) if lot not in good.lots]}) for name in ("rides", "weather")]
    area = Area(str(Path(project.folder) / "replays"))
    exchanges = Exchanges(apart(project, area), area, loaded(project)[0], good, bad, both)

    found = {one.name: exchanges.lots(one.name, one.detail["lots"], [one.key], {}, adds=False) for one in both}

    for lots in found.values():
        assert lots is not None
        times = pl.read_parquet(exchanges.project.store.path(lots[0].objects["released"]))["hour"]
        assert times.cast(pl.String).str.slice(0, 16).unique().sort().to_list() == [one[:16] for one in hours(week)]
