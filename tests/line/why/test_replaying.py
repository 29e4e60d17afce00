"""Replays: a state is made again with some components put back, exactly, and nothing that is in use is touched."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from small_line import HELPERS, LINE, files_of, loaded, lots_of, mean_value, newest, ran, rides_of, source, symptom_of, weather_of, write

from assayline.diagnosis import Component, Symptom
from assayline.diagnosis.symptom import FAILURE
from assayline.errors import MisuseError
from assayline.ledger import run_records
from assayline.line.gating import gate_paths
from assayline.line.project import Project
from assayline.line.why.derivation import Derivation, derivation_of_run
from assayline.line.why.replaying import Replays

WEATHER, RIDES = source("weather"), source("rides")
CODE = Component("code", "helpers.py: scale", "", "", detail={"steps": ["scaled"]})
PARAMETER = Component("parameter", "scaled.factor", "1.0", "1.5")
PRICES = source("prices")


def expected(rides: int, weather: float, *, times: float = 2.0, factor: float = 1.0, price: float = 3.0) -> float:
    """The mean that the line gives, computed here: rides of one week, warmer by so much than the weather of week 2."""
    joined = rides_of(rides).with_columns(weather_of(2)["temperature"] + weather)
    return float(joined.select(((pl.col("rentals") * factor * times + 1.0) * price + pl.col("temperature")).mean()).item())


def weather_states(project: Project) -> tuple[Derivation, Derivation, Symptom]:
    """Before the warm week, and in it."""
    lots = lots_of(project, "daily")
    found = newest(project, "daily", 4), newest(project, "daily", 3)
    assert [one.lot for one in found] == lots[1:3]
    return *found, symptom_of(expected(1, 0.0), expected(2, 40.0))


def code_states(project: Project) -> tuple[Derivation, Derivation, Symptom]:
    """The warm week as it was first, and with the code of later."""
    return newest(project, "daily", 3), newest(project, "daily"), symptom_of(expected(2, 40.0), expected(2, 40.0, times=3.0, factor=1.5, price=4.0))


def replays(project: Project, states: tuple[Derivation, Derivation, Symptom], components: Sequence[Component], **more: object) -> Replays:
    line, file = loaded(project)
    return Replays(project, line, file, states[1], states[0], components, states[2], mean_value, **more)  # type: ignore[arg-type]  # the test says which


def test_the_weather_of_before_is_moved_to_now_and_removes_the_symptom(project: Project) -> None:
    with replays(project, weather_states(project), [RIDES, WEATHER]) as again:
        as_it_is, rides, weather, both = (again(put) for put in ([], [RIDES.key], [WEATHER.key], [RIDES.key, WEATHER.key]))

        assert as_it_is.value == pytest.approx(expected(2, 40.0))
        assert not as_it_is.gone
        assert rides.value == pytest.approx(expected(1, 40.0))
        assert weather.gone
        assert both.value == pytest.approx(mean_value(again.symptom, project.store.path(again.good.lots[again.good.lot or 0].objects["released"]), ""))
        assert (again.made, again.notes) == (4, [])


def test_every_set_of_code_parameter_and_snapshot_gives_what_the_line_would_give(project: Project) -> None:
    components = [CODE, PARAMETER, PRICES]
    with replays(project, code_states(project), components) as again:
        for number in range(4):
            for put in itertools.combinations(components, number):
                reading = again([one.key for one in put])
                wanted = expected(2, 40.0, times=2.0 if CODE in put else 3.0, factor=1.0 if PARAMETER in put else 1.5, price=3.0 if PRICES in put else 4.0)
                assert reading.error == ""
                assert reading.value == pytest.approx(wanted), put


def test_what_was_made_once_is_found_by_the_next_question(project: Project) -> None:
    states = code_states(project)
    with replays(project, states, [CODE]) as again:
        first = [again([]).value, again([CODE.key]).value]
        assert again([CODE.key]).cached
        assert (again.made, again.cached) == (2, 1)

    with replays(project, states, [CODE]) as later:
        found = [later([]), later([CODE.key])]

    assert [one.value for one in found] == first
    assert all(one.cached for one in found)
    assert (later.made, later.cached) == (0, 2)


def test_a_replay_is_quick_once_its_process_is_warm(project: Project) -> None:
    with replays(project, weather_states(project), [RIDES, WEATHER]) as again:
        again([])
        before = os.times()
        again([RIDES.key])
        again([RIDES.key, WEATHER.key])
        after = os.times()
        rides, both = again([RIDES.key]), again([RIDES.key, WEATHER.key])

    assert (after.user + after.system - before.user - before.system) / 2 < 0.3
    assert min(rides.seconds, both.seconds) < 1.5  # of the clock, on a machine that others use too


def test_columns_of_a_lot_are_put_back_alone(project: Project) -> None:
    with replays(project, weather_states(project), [RIDES, WEATHER]) as again:
        temperature, station = again.columns_back(WEATHER.key, ["temperature"]), again.columns_back(WEATHER.key, ["station"])

        assert temperature.gone
        assert not station.gone
        with pytest.raises(MisuseError, match="no source whose columns"):
            again.columns_back("source rain", ["temperature"])


def test_rows_that_a_function_takes_away_are_replayed_without(project: Project) -> None:
    def cooler(weather: pl.DataFrame) -> pl.DataFrame:
        return weather.with_columns((pl.col("temperature").cast(pl.Float64) - 40.0).cast(pl.String))

    with replays(project, weather_states(project), [WEATHER], also={"source weather: cooler": cooler}) as again:
        assert again(["source weather: cooler"]).value == pytest.approx(expected(2, 0.0))


def failed_state(project: Project) -> tuple[Derivation, Derivation, Symptom]:
    folder = Path(project.folder)
    write(folder, helpers=HELPERS.replace("* 2.0", "* 3.0 / nothing"), line=LINE.replace("factor: float = 1.0", "factor: float = 1.5"), price=4.0)
    assert any("nothing" in one for one in ran(project).problems)
    with project.ledger.read() as connection:
        failed = run_records.runs(connection, step="scaled", states=("failed",))[-1]
        bad = derivation_of_run(connection, failed)
    return newest(project, "scaled"), bad, Symptom(FAILURE, "scaled", "scaled", "It fails.", 0.0, 1.0, 0.0, 0.5)


def test_a_step_that_failed_fails_again_with_its_own_error_until_its_code_is_put_back(project: Project) -> None:
    good, bad, symptom = failed_state(project)
    line, file = loaded(project)
    said: list[str] = []

    def fails(_: Symptom, path: str | None, error: str) -> float:
        said.append(error)
        return float(path is None)

    with Replays(project, line, file, bad, good, [CODE, PRICES], symptom, fails) as again:
        assert not again([]).gone
        assert again([CODE.key]).gone
        assert again.outcome([]) is None
        assert said[0].splitlines()[1:] == ["helpers.py, line 11, in scale: return rentals * 3.0 / nothing + OFFSET", "NameError: name 'nothing' is not defined"]


@pytest.mark.slow
def test_a_step_that_reads_a_clock_is_named(project: Project) -> None:
    folder = Path(project.folder)
    write(folder, helpers=HELPERS.replace("* 2.0", "* 3.0 + time.perf_counter()"), line=LINE.replace("factor: float = 1.0", "factor: float = 1.5"), price=4.0)
    assert ran(project).problems == []

    with replays(project, (newest(project, "daily", 3), newest(project, "daily"), symptom_of(1.0, 2.0)), [CODE]) as again:
        again([])

    assert again.notes == ["the step scaled gives other rows each time: it reads a clock, the network or random numbers; what replays say of it is not certain"]


def test_a_step_that_reads_what_is_no_lot_is_compared_with_itself_and_not_with_then(project: Project, tmp_path: Path) -> None:
    rate = tmp_path / "rate.txt"
    folder = Path(project.folder)
    helpers = HELPERS.replace("return rentals", f"rentals = rentals * float(Path({str(rate)!r}).read_text())\n    return rentals")
    rate.write_text("2.0")
    write(folder, helpers=helpers)
    assert ran(project).problems == []
    rate.write_text("1.0")  # since then: the symptom is no longer there, whatever is put back

    with replays(project, (newest(project, "daily", 3), newest(project, "daily"), symptom_of(expected(2, 40.0), 400.0)), [CODE]) as again:
        as_it_is = again([])

    assert as_it_is.value == pytest.approx(expected(2, 40.0))
    assert as_it_is.gone
    assert "the step scaled gives other rows here than were recorded" in again.notes[0]


@pytest.mark.slow
def test_a_query_and_a_function_of_another_module_are_put_back(project: Project) -> None:
    pytest.importorskip("duckdb")
    folder = Path(project.folder)
    text = LINE.partition("@line.step\ndef daily")[0] + "import days\n\nline.step(days.daily)\n"
    query = "\nline.sql('top', 'select day, value * {} as value from daily')\n"
    states = []
    for factor in (2, 5):
        (folder / "days.py").write_text(f"import polars as pl\n\nTIMES = {factor}\n\n\ndef daily(scaled):\n    return scaled.select(pl.lit('a').alias('day'), pl.col('value').mean() * TIMES)\n")
        write(folder, line=text + query.format(factor))
        assert ran(project).problems == []
        states.append(newest(project, "top"))
    good, bad = (mean_value(symptom_of(1, 2), project.store.path(one.lots[one.lot or 0].objects["released"]), "") or 0.0 for one in states)
    module = Component("code", "days.py: TIMES", "", "", detail={"steps": ["daily"], "names": [["days.py", "TIMES"]]})
    sql = Component("code", "top.sql: sql", "", "", detail={"steps": ["top"], "names": [["top.sql", "sql"]]})

    with replays(project, (states[0], states[1], symptom_of(good, bad)), [module, sql]) as again:
        values = [again(put).value for put in ([], [module.key], [sql.key], [module.key, sql.key])]

    assert values == pytest.approx([bad, bad / 2.5, bad / 2.5, good])
    assert bad == pytest.approx(good * 6.25)


def test_what_cannot_be_put_back_says_why_and_costs_nothing(project: Project) -> None:
    lost = dataclasses.replace(WEATHER, why_not="no lot of it is left")
    package = Component("package", "toolbox", "1.0", "2.0", detail={"steps": ["scaled"]})
    with replays(project, weather_states(project), [lost], packages=["/nowhere"]) as again:
        assert again([lost.key]).error == "source weather cannot be put back: no lot of it is left"
        assert again.made == 0
    with replays(project, code_states(project), [package], packages=["/nowhere"]) as again:
        reading = again([package.key])
        assert (reading.value, reading.gone) == (None, False)
        assert reading.error.startswith("toolbox 1.0 is not kept anywhere (/nowhere)")
        with pytest.raises(MisuseError, match="nothing that can be put back"):
            again(["source rain"])


def test_when_the_budget_is_spent_no_replay_begins(project: Project) -> None:
    with replays(project, weather_states(project), [RIDES], seconds=0.001) as again:
        again([])
        reading = again([RIDES.key])

    assert (reading.value, reading.gone, again.made) == (None, False, 1)
    assert "budget of 0.001 seconds for replays is spent" in reading.error


def test_nothing_outside_the_folder_of_replays_is_touched(project: Project) -> None:
    folder = Path(project.folder)
    code, weather = code_states(project), weather_states(project)
    before = files_of(folder)
    assert "seen.txt" in before  # the steps do write to their working folder

    with replays(project, weather, [RIDES, WEATHER]) as again:
        assert not again([]).error
        assert not again([WEATHER.key]).error
        again.columns_back(WEATHER.key, ["temperature"])
    with replays(project, code, [CODE, PRICES]) as again:
        assert not again([CODE.key, PRICES.key]).error
        with pytest.raises(MisuseError, match="writes nothing into the store"):
            again.project.store.put([])

    assert files_of(folder) == before
    assert list((folder / "replays/staging").iterdir()) == []


KILLED = """
import sys
sys.path[:0] = {places!r}
import test_replaying as t
from assayline.line.project import open_project
with open_project({folder!r}) as project, t.replays(project, t.code_states(project), [t.CODE]) as again:
    print("begun", flush=True)
    again([t.CODE.key])
"""


def test_a_replay_that_is_killed_leaves_nothing_but_its_own_folder_which_the_next_one_sweeps(project: Project) -> None:
    folder = Path(project.folder)
    before = files_of(folder)
    command = [sys.executable, "-c", KILLED.format(places=[str(Path(__file__).parent), str(Path(__file__).parents[1] / "workers")], folder=str(folder))]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "SLOW_STEP": "60"}, start_new_session=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"begun\n"
    end = time.monotonic() + 30
    while not list((folder / "replays/staging").glob("*/code/*.cwd/../../run-*")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)  # it is in the middle of a step now
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()

    assert files_of(folder) == before
    assert len(list((folder / "replays/staging").iterdir())) == 1
    with replays(project, code_states(project), [CODE]) as again:
        assert again([CODE.key]).value == pytest.approx(expected(2, 40.0, times=2.0, factor=1.5, price=4.0))
    assert list((folder / "replays/staging").iterdir()) == []
    assert files_of(folder) == before


def test_two_questions_at_once_do_not_disturb_each_other(project: Project) -> None:
    states = code_states(project)
    with replays(project, states, [CODE, PRICES]) as one, replays(project, states, [CODE, PRICES]) as other:
        values = [(one(put).value, other(put).value) for put in ([], [CODE.key], [PRICES.key])]

    assert all(first == second for first, second in values)
    assert other.made == 0  # the first one had made it


def test_a_lot_that_came_too_late_is_added_and_a_held_state_is_replayed_like_any_other(project: Project) -> None:
    folder = Path(project.folder)
    good = newest(project, "hourly")
    rides_of(3).write_csv(folder / "incoming/rides-03.csv")
    ran(project)  # without the weather of this week: the gate holds what comes of it
    bad = newest(project, "hourly")
    weather_of(3).write_csv(folder / "weather.csv")
    [outcome] = gate_paths(project, "weather", [str(folder / "weather.csv")])
    assert outcome.lot is not None
    late = Component("arrival", "weather", "", "", detail={"lots": [], "later": [outcome.lot.lot]})
    line, file = loaded(project)

    def unknown(_: Symptom, path: str | None, error: str) -> float | None:
        return None if path is None else float(pl.read_parquet(path)["temperature"].null_count())

    with Replays(project, line, file, bad, good, [late], Symptom("metric", "hourly", "unknown", "…", 0.0, 56.0, 0.0, 5.0), unknown) as again:
        assert [again([]).value, again([late.key]).value] == [56.0, 0.0]
        assert again.notes == []


def test_large_lots_are_replayed_by_some_of_their_keys(project: Project) -> None:
    """Two stations: by a hash of the station one of them is replayed, or both."""
    with replays(project, weather_states(project), [WEATHER], most_rows=40) as again:
        as_it_is, weather = again([]), again([WEATHER.key])

    assert weather.gone
    assert not as_it_is.gone
    assert again.notes in ([], ["replays were made on one of 2 values of station, and show the symptom as the whole does"])
