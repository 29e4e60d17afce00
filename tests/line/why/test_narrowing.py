"""Inside an accused component: the columns by replays, the rows by what they have in common, and the finding that names it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from assayline.diagnosis import Component, Reading, Symptom
from assayline.diagnosis.faults import faults_of
from assayline.errors import LedgerError, MisuseError
from assayline.ledger.records import LotRecord
from assayline.line.gating import gate_paths
from assayline.line.project import Project, create_project
from assayline.line.why.looking_again import Looked, carries, is_news, second_look
from assayline.line.why.narrowing import Amounts, lots_of, narrow, narrowed
from assayline.line.why.row_search import rows_that_carry

SYMPTOM = Symptom("metric", "forecasts", "mae(prediction, rentals)", "The error rose.", 41.0, 63.0, 35.0, 47.0, unit="bikes")
UNIT = {"code": "unit_change", "columns": ["temperature"], "severity": 0.65, "sentence": "temperature where station = 3 is in °F.", "lot": 13}
START = datetime(2026, 3, 1, tzinfo=UTC)
FAHRENHEIT = pl.when(pl.col("station") == 3).then((pl.col("temperature") * 1.8 + 32).round(1)).otherwise(pl.col("temperature")).alias("temperature")
NO_ROWS: dict[tuple[str, str], np.ndarray] = {}


def weather(day: int, *, change: pl.Expr | None = None, more: int = 0) -> pl.DataFrame:
    """Five stations, a row each hour; `more` further columns that say nothing."""
    rng = np.random.default_rng(day)
    rows = [(station, hour) for hour in range(24) for station in range(1, 6)]
    frame = pl.DataFrame({
        "station": [station for station, _ in rows],
        "file": [f"weather-{station}.csv" for station, _ in rows],
        "time": [START + timedelta(days=day, hours=hour) for _, hour in rows],
        "temperature": [round(15 + 5 * float(np.sin(hour / 24 * 6.28)) + float(rng.normal(0, 1)), 1) for _, hour in rows],
        "humidity": [round(60 + float(rng.normal(0, 5)), 1) for _ in rows],
        **{f"other_{number}": [round(float(rng.normal(0, 1)), 2) for _ in rows] for number in range(more)},
    })  # fmt: skip
    return frame if change is None else frame.with_columns(change)


@dataclass
class Replays:
    """The bad line, whose symptom goes when all of `faulty` are put back."""

    faulty: set[str]
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def columns_back(self, component_key: str, columns: Sequence[str]) -> Reading:
        assert component_key == "source weather"
        self.asked.append(tuple(columns))
        gone = self.faulty <= set(columns)
        return Reading(42.0 if gone else 63.0, gone)


def source(*findings: Mapping[str, Any], lots: Sequence[int] = (13,), before: Sequence[int] = (12,)) -> Component:
    return Component("source", "weather", "lot 12", "lot 13", findings=findings, detail={"lots": list(lots), "before_lots": list(before)})


def before(more: int = 0) -> pl.DataFrame:
    return pl.concat([weather(day, more=more) for day in range(7)])


def test_the_column_that_a_finding_names_takes_one_replay_and_its_rows_are_described() -> None:
    replays = Replays({"temperature"})

    found = narrowed(source(UNIT), SYMPTOM, replays, weather(9, change=FAHRENHEIT), before(), stay=("time",))

    assert replays.asked == [("temperature",)]
    assert found.columns == ("temperature",)
    assert found.findings == (UNIT,)
    assert found.rows is not None
    assert (found.rows.best.value, found.rows.best.rows, found.rows.best.of) == ("station = 3", 24, 120)
    assert found.rows.provenance == "file weather-3.csv"
    assert found.steps[0] == "with `temperature` of before: 42 bikes"


def test_the_document_of_it_is_json() -> None:
    found = narrowed(source(UNIT), SYMPTOM, Replays({"temperature"}), weather(9, change=FAHRENHEIT), before())

    told = json.loads(json.dumps(found.as_json()))

    assert (told["columns"], told["where"], told["rows"], told["of"]) == (["temperature"], "station = 3", 24, 120)
    assert told["findings"][0]["code"] == "unit_change"
    assert told["p"] < 1e-3


@pytest.mark.parametrize("faulty", [{"temperature"}, {"other_4"}, {"temperature", "humidity"}])
def test_columns_that_nobody_named_are_found_by_halving(faulty: set[str]) -> None:
    """Those that moved most are put back first, so that few replays do."""
    moved = [(pl.col(name) + 30).alias(name) for name in sorted(faulty)]
    now = weather(9, more=8).with_columns(moved)
    replays = Replays(faulty)

    found = narrowed(source(), SYMPTOM, replays, now, before(more=8), stay=("time", "station"))

    assert set(found.columns) == faulty
    assert found.replays == len(replays.asked) <= 6
    assert found.findings == ()


def test_a_finding_about_other_columns_names_nothing() -> None:
    about_humidity = UNIT | {"columns": ["humidity"]}

    found = narrowed(source(about_humidity), SYMPTOM, Replays({"temperature"}), weather(9, change=FAHRENHEIT), before())

    assert found.columns == ("temperature",)
    assert found.findings == ()


def test_where_no_values_carry_it_only_faults_of_rows_and_times_name_it() -> None:
    doubled = {"code": "duplicated_rows", "columns": [], "severity": 0.7, "sentence": "24 rows come twice."}
    local = {"code": "local_time", "columns": ["time"], "severity": 0.6, "sentence": "time is an hour late."}

    missing = {"code": "missing_source", "columns": ["station"], "severity": 0.5, "sentence": "station 4 does not report."}
    lost = {"code": "dropped_column", "columns": ["pressure"], "severity": 0.4, "sentence": "pressure is gone."}

    found = narrowed(source(doubled, local, missing, lost, UNIT), SYMPTOM, Replays({"a column that is not there"}), weather(9), before(), stay=("time",))

    assert found.columns == ()
    assert [one["code"] for one in found.findings] == ["duplicated_rows", "local_time", "missing_source", "dropped_column"]


def test_columns_that_could_not_be_put_back_clear_nobody() -> None:
    class Failing:
        def columns_back(self, component_key: str, columns: Sequence[str]) -> Reading:
            return Reading(None, gone=False, error="TypeError: text has no mean")

    found = narrowed(source(UNIT), SYMPTOM, Failing(), weather(9, change=FAHRENHEIT), before())

    assert found.columns == ()
    assert found.findings == (UNIT,)


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_the_budget_of_replays_is_kept_and_the_smallest_set_seen_is_told(most: int) -> None:
    replays = Replays({"other_7"})

    found = narrowed(source(), SYMPTOM, replays, weather(9, more=8), before(more=8), most=most)

    assert len(replays.asked) == found.replays <= most
    assert not found.columns or "other_7" in found.columns


def test_what_good_lots_were_told_as_loudly_is_no_news() -> None:
    loud, louder = ({"code": "outliers", "columns": ["temperature"], "severity": severity} for severity in (0.4, 0.5))

    assert not is_news(loud, [[], [louder]])
    assert is_news(louder, [[], [loud]])
    assert faults_of([loud | {"new": False}]) == ()
    assert faults_of([loud | {"new": False, "severity": 0.7}]) != ()


def test_a_fault_whose_rows_are_not_why_the_column_moved_is_no_explanation() -> None:
    """A heat wave everywhere, and two typing errors that the detectors name: nobody is to be accused of the heat."""
    now = weather(9).with_columns(pl.col("temperature") + 9)
    typing = {"code": "pattern_break", "columns": ["temperature"], "severity": 0.6, "sentence": "two values are odd."}
    looked = Looked((typing,), {("pattern_break", "temperature"): np.array([3, 50])}, 1.0, 0)

    found = narrowed(source(typing), SYMPTOM, Replays({"temperature"}), now, before(), look=lambda columns: looked)

    assert found.findings == ()
    assert any("is as far from what it was without them" in step for step in found.steps)


def test_detectors_that_cannot_be_asked_again_are_no_reason_to_fail() -> None:
    def look(columns: Sequence[str]) -> Looked:
        raise LedgerError("the profile of lot 3 is gone; run: assay verify")

    found = narrowed(source(UNIT), SYMPTOM, Replays({"temperature"}), weather(9), before(), look=look)

    assert found.findings == (UNIT,)
    assert any("the profile of lot 3 is gone" in step for step in found.steps)


def test_a_level_that_moved_inside_of_the_usual_range_is_located_too() -> None:
    warmer = pl.when(pl.col("station") == 2).then(pl.col("temperature") + 3).otherwise(pl.col("temperature")).alias("temperature")

    found = narrowed(source(), SYMPTOM, Replays({"temperature"}), weather(9, change=warmer), before())

    assert found.rows is not None
    assert found.rows.best.value == "station = 2"


def test_amounts_of_the_measure_locate_what_no_column_shows() -> None:
    now, good = weather(9), before()
    rng = np.random.default_rng(1)
    amounts = Amounts(np.abs(rng.normal(0, 1, now.height)) + 4.0 * (now["station"] == 4).to_numpy(), np.abs(rng.normal(0, 1, good.height)))

    found = narrowed(source(), SYMPTOM, Replays({"a column that is not there"}), now, good, amounts=amounts)

    assert found.rows is not None
    assert found.rows.best.value == "station = 4"
    with pytest.raises(MisuseError, match="give one for each row"):
        narrowed(source(), SYMPTOM, Replays(set()), now, good, amounts=Amounts([1.0], [1.0]))


def test_a_lot_that_is_bad_everywhere_is_not_narrowed_to_rows() -> None:
    everywhere = (pl.col("temperature") * 1.8 + 32).alias("temperature")

    assert rows_that_carry(weather(9, change=everywhere), before(), ("temperature",), np.zeros(0, dtype=np.int64)) is None


def test_of_code_and_parameters_both_states_are_told() -> None:
    code = Component("code", "line.py: hourly", "sha256:1", "sha256:2", detail={"diff": "-    return mean\n+    return total\n", "change": "changed"})
    parameter = Component("parameter", "hourly.window", "3", "24")
    with_nothing = Replays(set())

    assert narrow_anything(code, with_nothing).diff.startswith("-    return mean")
    assert narrow_anything(parameter, with_nothing).steps == ("`hourly.window` was 3 and is 24",)
    assert with_nothing.asked == []


def narrow_anything(component: Component, replays: Replays) -> Any:
    """Of what is no source nothing is read, so that no project is needed."""
    return narrow(None, component, SYMPTOM, replays)  # type: ignore[arg-type]  # see above


@pytest.mark.parametrize(("rows", "explained"), [((), True), (tuple(range(2, 120, 5)), True), ((0, 1), False)])
def test_accused_rows_carry_a_move_if_the_column_is_what_it_was_without_them(rows: tuple[int, ...], explained: bool) -> None:
    now, good = weather(9, change=FAHRENHEIT), before()

    assert carries(now["temperature"], good["temperature"], np.array(rows, dtype=np.int64)) is explained


# -- the detectors once more, on lots of a real project ----------------------------------------------------------------

GOOD = 11
TYPO = pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("waether-3.csv")).otherwise(pl.col("file")).alias("file")
UPPER = pl.when(pl.int_range(pl.len()) == 7).then(pl.col("file").str.to_uppercase()).otherwise(pl.col("file")).alias("file")
WARMER = (pl.col("temperature") + 9).round(1).alias("temperature")
BAD = {"fahrenheit": FAHRENHEIT, "typo": TYPO, "upper": UPPER, "warmer": WARMER}


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, dict[str, LotRecord]]]:
    """Eleven good lots, and then four bad ones."""
    folder = tmp_path_factory.mktemp("weather")
    names = [*(f"good-{day:02d}" for day in range(GOOD)), *BAD]
    for day, name in enumerate(names):
        weather(day, change=BAD.get(name)).with_columns(pl.col("time").dt.to_string("%Y-%m-%dT%H:%M:%SZ")).write_csv(folder / f"{name}.csv")
    with create_project(str(folder / "project")) as project:
        lots = {}
        for name, outcome in zip(names, gate_paths(project, "weather", [str(folder / f"{name}.csv") for name in names]), strict=True):
            assert outcome.lot is not None
            lots[name] = outcome.lot
        yield project, lots


def test_a_second_look_says_what_the_gate_said(gated: tuple[Project, dict[str, LotRecord]]) -> None:
    project, lots = gated
    warned = [one["code"] for one in faults_of(lots["fahrenheit"].findings)]

    looked = second_look(project, lots["fahrenheit"], ["temperature"])

    assert warned == ["unit_change"]
    assert [one["code"] for one in looked.findings] == warned
    assert looked.p == 1.0


def test_a_quiet_fault_on_the_columns_counts_if_no_good_lot_sounds_like_it(gated: tuple[Project, dict[str, LotRecord]]) -> None:
    project, lots = gated
    assert faults_of(lots["typo"].findings) == ()

    looked = second_look(project, lots["typo"], ["file"])

    assert [one["code"] for one in looked.findings] == ["typo"]
    assert looked.rows_of(looked.findings[0]).tolist() == [7]
    assert looked.lots >= GOOD
    assert looked.p == pytest.approx(1 / (looked.lots + 1))


def test_a_quiet_fault_elsewhere_or_one_that_good_lots_have_too_does_not_count(gated: tuple[Project, dict[str, LotRecord]]) -> None:
    """The lot with the typing error was released and teaches, so that the next lot is no longer the only one that is a little odd."""
    project, lots = gated

    assert second_look(project, lots["typo"], ["humidity"]).findings == ()
    assert second_look(project, lots["typo"], ["file"], least_chance=0.01).findings == ()
    later = second_look(project, lots["upper"], ["file"])
    assert later.findings == ()
    assert later.p > 0.1


def test_warm_weather_has_no_fault_on_a_second_look(gated: tuple[Project, dict[str, LotRecord]]) -> None:
    project, lots = gated
    assert lots["warmer"].state == "released"

    assert second_look(project, lots["warmer"], ["temperature"]).findings == ()


def test_a_source_is_narrowed_from_its_lots(gated: tuple[Project, dict[str, LotRecord]]) -> None:
    project, lots = gated
    bad = lots["fahrenheit"]
    accused = source(*bad.findings, lots=[bad.lot], before=[lots["good-10"].lot])

    found = narrow(project, accused, SYMPTOM, Replays({"temperature"}), stay=("time",))

    assert found.columns == ("temperature",)
    assert [one["code"] for one in found.findings] == ["unit_change"]
    assert found.rows is not None
    assert found.rows.best.value == "station = 3"
    assert found.rows.provenance == "file weather-3.csv"


def test_lots_of_before_are_those_that_taught_before_the_accused_ones(gated: tuple[Project, dict[str, LotRecord]]) -> None:
    project, lots = gated

    accused, good = lots_of(project, source(lots=[lots["fahrenheit"].lot], before=[lots["good-10"].lot]))

    assert [one.lot for one in accused] == [lots["fahrenheit"].lot]
    assert [one.lot for one in good] == [lots[f"good-{day:02d}"].lot for day in range(GOOD)]


def test_a_source_without_lots_is_told_so(gated: tuple[Project, dict[str, LotRecord]]) -> None:
    project, _ = gated

    found = narrow(project, source(lots=[]), SYMPTOM, Replays(set()))

    assert found.columns == ()
    assert "no released lots" in found.steps[0]
