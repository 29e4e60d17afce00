"""A row knows its past and nothing else."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.errors import MisuseError
from assayline.framing import Link, Plan, Problem, frame, link

START = dt.datetime(2026, 1, 1)


def hourly(stations: int = 3, hours: int = 24 * 20, seed: int = 0) -> pl.DataFrame:
    g = np.random.default_rng(seed)
    return pl.DataFrame(
        [
            {"station": f"s{station}", "hour": START + dt.timedelta(hours=hour), "rides": float(hour % 24 + 10 * station + g.poisson(3)), "rain": float(g.random())}
            for station in range(stations) for hour in range(hours)
        ]
    )  # fmt: skip


PROBLEM = Problem("rides", key="station", time="hour", horizon="1h")
TABLE = hourly()
PLAN = frame(TABLE, PROBLEM)
AT = {feature.name: at for at, feature in enumerate(PLAN.features)}


def test_the_target_lies_the_horizon_ahead_in_the_same_key() -> None:
    values, usable = PLAN.target(TABLE)

    expected = TABLE.select(pl.col("rides").shift(-1).over("station")).to_series()
    assert np.array_equal(values, expected.fill_null(np.nan).to_numpy(), equal_nan=True)
    assert usable.sum() == TABLE.height - 3


def test_a_horizon_in_rows_counts_the_rows_of_the_key() -> None:
    plan = frame(TABLE, Problem("rides", key="station", time="hour", horizon="2"))

    values = plan.target(TABLE)[0]

    assert np.array_equal(values, TABLE.select(pl.col("rides").shift(-2).over("station")).to_series().fill_null(np.nan).to_numpy(), equal_nan=True)


def test_a_missing_hour_leaves_no_label_instead_of_a_wrong_one() -> None:
    gap = TABLE.filter(pl.col("hour") != START + dt.timedelta(hours=5))

    values = frame(gap, PROBLEM).target(gap)[0]

    before = (gap["hour"] == START + dt.timedelta(hours=4)).to_numpy()
    assert np.isnan(values[before]).all()


def test_nothing_that_happens_later_changes_a_row() -> None:
    now = START + dt.timedelta(hours=24 * 15)
    future = (pl.col("hour") > now)
    other = TABLE.with_columns(rides=pl.when(future).then(-999.0).otherwise(pl.col("rides")), rain=pl.when(future).then(-999.0).otherwise(pl.col("rain")))
    past = (TABLE["hour"] <= now).to_numpy()

    assert np.array_equal(PLAN.encode(TABLE)[past], PLAN.encode(other)[past], equal_nan=True)
    assert np.array_equal(PLAN.encode(TABLE)[past], PLAN.encode(TABLE.filter(pl.Series(past))), equal_nan=True)


def test_the_seasonal_input_is_the_value_one_day_before_the_moment_predicted() -> None:
    made = PLAN.encode(TABLE)[:, AT["rides:same time of the last day"]]

    expected = TABLE.select(pl.col("rides").shift(23).over("station")).to_series().fill_null(np.nan).to_numpy()
    assert np.array_equal(made, expected, equal_nan=True)


def test_a_key_knows_nothing_of_another() -> None:
    other = TABLE.with_columns(rides=pl.when(pl.col("station") == "s1").then(-5.0).otherwise(pl.col("rides")))
    mine = (TABLE["station"] == "s0").to_numpy()

    assert np.array_equal(PLAN.encode(TABLE)[mine], PLAN.encode(other)[mine], equal_nan=True)


def test_single_rows_with_their_history_are_encoded_like_the_whole_table() -> None:
    now = START + dt.timedelta(hours=24 * 15)
    history, rest = TABLE.filter(pl.col("hour") < now), TABLE.filter(pl.col("hour") == now)
    encode = PLAN.row_encoder(history)

    made = np.array([encode(row) for row in rest.iter_rows(named=True)])

    expected = PLAN.encode(TABLE)[(TABLE["hour"] == now).to_numpy()]
    assert np.array_equal(made, expected, equal_nan=True)


def test_a_single_row_without_history_is_encoded_like_a_table_of_one_row() -> None:
    row = TABLE[100]

    assert np.array_equal(PLAN.row_encoder()(row.row(0, named=True)), PLAN.encode(row)[0], equal_nan=True)


def test_the_order_of_rows_changes_no_lag() -> None:
    order = np.random.default_rng(1).permutation(TABLE.height)

    assert frame(TABLE[order], PROBLEM) == PLAN
    assert np.array_equal(PLAN.encode(TABLE[order]), PLAN.encode(TABLE)[order], equal_nan=True)


def test_a_plan_with_a_horizon_is_json_too() -> None:
    assert Plan.from_json(json.loads(json.dumps(PLAN.to_json()))) == PLAN


def test_groups_are_the_keys_and_order_is_the_time() -> None:
    groups, order = PLAN.groups(TABLE), PLAN.order(TABLE)

    assert groups is not None
    assert len(np.unique(groups)) == 3
    assert order is not None
    assert order[1] - order[0] == 3600.0


def test_keys_that_never_repeat_make_no_groups() -> None:
    rows = pl.DataFrame({"who": [f"c{at}" for at in range(40)], "x": range(40), "y": [0.5, 1.5] * 20})

    assert frame(rows, Problem("y", key="who")).groups(rows) is None


@pytest.mark.parametrize(("name", "found"), [("date", "date"), ("created_at", "created_at"), ("birth_date", ""), ("due_date", ""), ("value", "")])
def test_a_time_is_recognised_only_if_there_is_no_doubt(name: str, found: str) -> None:
    rows = pl.DataFrame({name: [START + dt.timedelta(days=at) for at in range(40)], "y": [0.5, 1.5] * 20})

    assert frame(rows, Problem("y")).time == found


def test_two_times_are_none() -> None:
    rows = pl.DataFrame({"date": [START] * 3 + [START + dt.timedelta(1)], "time": ["2026-01-01 10:00", "2026-01-02 10:00", "2026-01-03 10:00", None], "y": [1.5, 2.5, 3.5, 4.5]})

    assert frame(rows, Problem("y")).time == ""


@pytest.mark.parametrize("horizon", ["soon", "-1h", "0", "1.5", "3 fortnights"])
def test_a_horizon_that_is_no_length_is_refused(horizon: str) -> None:
    with pytest.raises(MisuseError, match="write a number of rows"):
        Problem("y", time="t", horizon=horizon)


# ---- linked tables

MAIN = pl.DataFrame({"who": ["a", "b", "a", "c", None], "day": [dt.date(2026, 3, 10), dt.date(2026, 3, 10), dt.date(2026, 3, 20), dt.date(2026, 3, 1), dt.date(2026, 3, 1)]})
BOUGHT = pl.DataFrame(
    {
        "who": ["a", "a", "a", "b", "a"], "day": [dt.date(2026, 3, 3), dt.date(2026, 3, 10), dt.date(2026, 3, 9), dt.date(2026, 1, 1), dt.date(2026, 3, 19)],
        "amount": ["$1.00", "$1,000.00", "$4.00", "$8.00", "$16.00"], "shop": ["north", "south", "North ", "south", "east"],
    }
)  # fmt: skip


def test_a_window_ends_just_before_the_rows_moment_and_begins_with_its_first_day() -> None:
    made, learned = link(MAIN, BOUGHT, on="who", time="day", windows=("7d", "30d"), name="bought")

    assert made["bought:sum of amount in 7d"].to_list() == [5.0, 0.0, 16.0, 0.0, None]
    assert made["bought:count in 30d"].to_list() == [2.0, 0.0, 4.0, 0.0, None]
    assert made["bought:mean of amount in 7d"].to_list() == [2.5, None, 16.0, None, None]
    assert made["bought:different shop in 7d"].to_list() == [1.0, 0.0, 1.0, 0.0, None]
    assert made["bought:different shop in 30d"].to_list() == [1.0, 0.0, 3.0, 0.0, None]
    assert made["bought:last amount"].to_list() == [4.0, 8.0, 16.0, None, None]
    assert made["bought:days since"].to_list() == [1.0, 68.0, 1.0, None, None]
    assert learned.apply(MAIN, BOUGHT).equals(made)
    assert Link.from_json(json.loads(json.dumps(learned.to_json()))) == learned


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=8), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 4)), min_size=1, max_size=30))
def test_windows_are_what_a_loop_over_all_rows_gives(asked: list[tuple[int, int]], there: list[tuple[int, int, int]]) -> None:
    day = dt.date(2026, 1, 1)
    main = pl.DataFrame({"k": [one[0] for one in asked], "t": [day + dt.timedelta(one[1]) for one in asked]}, schema={"k": pl.Int64, "t": pl.Date})
    other = pl.DataFrame({"k": [one[0] for one in there], "t": [day + dt.timedelta(one[1]) for one in there], "v": [one[2] for one in there], "w": ["xyzuv"[one[2]] for one in there]})

    made, learned = link(main, other, on="k", time="t", windows=("5d",))

    rows = [[one for one in there if one[0] == key and at - 5 <= one[1] < at] for key, at in asked]
    assert made["linked:count in 5d"].to_list() == [float(len(one)) for one in rows]
    if learned.numbers:
        assert made["linked:sum of v in 5d"].to_list() == [float(sum(row[2] for row in one)) for one in rows]
    if learned.labels:
        assert made["linked:different w in 5d"].to_list() == [float(len({row[2] for row in one})) for one in rows]


def test_what_happens_later_changes_no_linked_feature() -> None:
    later = BOUGHT.vstack(pl.DataFrame({"who": ["a", "b"], "day": [dt.date(2026, 3, 20), dt.date(2027, 1, 1)], "amount": ["$9.00", "$9.00"], "shop": ["x", "y"]}))
    made, learned = link(MAIN, BOUGHT, on="who", time="day")

    assert learned.apply(MAIN, later).equals(made)
    assert learned.apply(MAIN, BOUGHT.sample(fraction=1.0, shuffle=True, seed=1)).equals(made)


def test_without_a_time_everything_is_summed_up() -> None:
    made, _ = link(MAIN, BOUGHT, on="who")

    assert made["linked:count"].to_list() == [4.0, 1.0, 4.0, 0.0, None]


def test_linked_features_answer_for_empty_tables_and_lost_columns() -> None:
    _, learned = link(MAIN, BOUGHT, on="who", time="day")

    assert learned.apply(MAIN, BOUGHT.clear()).height == MAIN.height
    assert learned.apply(MAIN.clear(), BOUGHT).height == 0
    assert learned.apply(MAIN, BOUGHT.select("who")).columns == learned.apply(MAIN, BOUGHT).columns


def test_a_key_that_is_not_there_is_said_with_what_is() -> None:
    with pytest.raises(MisuseError, match="second table has no column 'id'; it has 'who'"):
        link(MAIN.rename({"who": "id"}), BOUGHT, on="id")
