"""Who is responsible, on a small line: every kind of fault is traced to where it was put, and nobody is accused of what the world did."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

from town import DAYS, built, copied, deliver, edit, loaded, rides_of, run, weather_of

from assayline.ledger import records
from assayline.ledger.schema import ENTRIES, INCIDENTS
from assayline.line.project import Project, open_project
from assayline.line.why.asked import Asked
from assayline.line.why.asking import why

DAY = "2026-03-08"  # the first bad one


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which all is well; it is copied."""
    return built(tmp_path_factory.getbasetemp())


@pytest.fixture
def project(town: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of it."""
    with open_project(str(copied(town, tmp_path))) as opened:
        yield opened


def asked(project: Project, question: Asked, on_event: Callable[..., None] | None = None) -> dict[str, Any]:
    line, file = loaded(Path(project.folder))
    document = why(project, line, file, question, on_event=on_event)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    for cause in document["causes"]:
        for step in cause["do"]:
            is_understood(step["command"])
    return document


def is_understood(command: str) -> None:
    """A command that is printed can be called."""
    cli = pytest.importorskip("assayline.cli")
    program, *words = shlex.split(command)
    assert program == "assay"
    cli.parser().parse_args(words)


def entries(project: Project) -> int:
    with project.ledger.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(ENTRIES)).scalar_one())


def newest(project: Project, flow: str, back: int = 0) -> int:
    with project.ledger.read() as connection:
        return records.lots(connection, flow, most=back + 1, newest_first=True)[-1].lot


def test_a_unit_that_changed_in_a_source_is_proved_by_replay(project: Project) -> None:
    fahrenheit = pl.when(pl.col("station") == 3).then(pl.col("temperature") * 1.8 + 32).otherwise(pl.col("temperature"))
    deliver(Path(project.folder), DAYS, weather=weather_of(DAYS).with_columns(temperature=fahrenheit))
    run(project)
    before, told = entries(project), []

    found = asked(project, Asked("hourly"), lambda kind, what: told.append(kind))

    (cause,) = found["causes"]
    assert (found["verdict"], cause["components"], cause["said"], cause["owner"]) == ("proved", ["source weather"], "proved by replay", "weather@example.com")
    assert cause["touches"] == ["hourly", "daily"]
    assert (cause["narrowed"]["columns"], cause["narrowed"]["where"], cause["narrowed"]["findings"][0]["code"]) == (["temperature"], "station = 3", "unit_change")
    assert {one["key"]: one["said"] for one in found["candidates"]} == {"source weather": "responsible", "source rides": "cleared"}
    assert {one["flow"]: one["mark"] for one in found["line"]["nodes"]} == {"weather": "culprit", "hourly": "symptom", "daily": "touched", "rides": "cleared"}
    assert [told[0], told[1], set(told[2:]) - {"narrow"}] == ["symptom", "candidates", {"replay"}]
    assert entries(project) == before

    # The same, asked otherwise.
    with project.ledger.read() as connection:
        incident = connection.execute(sa.select(INCIDENTS.c.incident).where(INCIDENTS.c.flow == "hourly")).scalar_one()
    complaint = asked(project, Asked("hourly", rows=f"station = 3 and hour = {DAY}", metric="mean(expected)"))
    for other in (asked(project, Asked(incident=int(incident))), complaint):
        assert [one["components"] for one in other["causes"]] == [["source weather"]]
    assert (complaint["symptom"]["where"], complaint["symptom"]["before"] < complaint["symptom"]["now"]) == (f"station = 3 and hour = {DAY}", True)
    assert asked(project, Asked("hourly", rows=f"station = 1 and hour = {DAY}"))["verdict"] == "healthy"
    assert asked(project, Asked("hourly", lot=newest(project, "hourly", 1)))["verdict"] == "healthy"
    source = asked(project, Asked("weather"))
    assert (source["verdict"], source["causes"][0]["said"], source["replays"]["made"]) == ("correlational", "correlational", 0)


def test_a_bug_is_traced_to_the_definition(project: Project) -> None:
    folder = Path(project.folder)
    earlier = newest(project, "daily", DAYS - 1)
    edit(folder, lambda text: text.replace("(temperature - 10.0) / 10.0", "(temperature - 10.0) / 2.0"))
    run(project)

    hourly, daily = asked(project, Asked("hourly")), asked(project, Asked("daily"))

    for found in (hourly, daily):
        assert (found["verdict"], [one["components"] for one in found["causes"]]) == ("proved", [["code line.py: warmth"]])
        assert "-    return (temperature - 10.0) / 10.0" in found["causes"][0]["diff"]
    assert daily["good"]["lot"] == earlier  # the same place, as it was made before
    assert "since it was made again" in daily["symptom"]["sentence"]


def test_a_step_that_cannot_be_run_is_traced_to_its_code_also_from_below(project: Project) -> None:
    folder = Path(project.folder)
    edit(folder, lambda text: text.replace('on=["hour", "station"], how', 'on=["hour", "stations"], how'))
    assert run(project).problems

    below, itself = asked(project, Asked("daily")), asked(project, Asked("hourly"))

    for found in (below, itself):
        assert (found["verdict"], [one["components"] for one in found["causes"]], found["symptom"]["kind"]) == ("proved", [["code line.py: hourly"]], "failure")
    assert below["symptom"]["sentence"].startswith("`daily` has nothing new: the step `hourly` cannot be run: ColumnNotFoundError")
    assert below["bad"] == {"lot": None, "flow": "hourly", "at": below["symptom"]["since"], "input": below["bad"]["input"]}


def test_what_is_held_upstream_is_named_where_it_is_held(project: Project) -> None:
    deliver(Path(project.folder), DAYS, rides=rides_of(DAYS).with_columns(rentals=pl.lit(None, dtype=pl.Int64)))
    run(project)

    found = asked(project, Asked("daily"))

    held = newest(project, "rides")
    assert (found["verdict"], found["asked"], found["symptom"]["flow"], found["bad"]["lot"]) == ("correlational", "daily", "rides", held)
    assert found["symptom"]["sentence"].startswith(f"`daily` has nothing new, since lot {held} of `rides`")
    assert found["causes"][0]["do"][0]["command"].startswith(f"assay lot {held} reject")
    assert {one["flow"]: one["mark"] for one in found["line"]["nodes"]} == {"rides": "culprit", "daily": "symptom", "hourly": "", "weather": ""}


@pytest.mark.slow
def test_a_refactoring_is_no_trouble(project: Project) -> None:
    deliver(Path(project.folder), DAYS)
    edit(Path(project.folder), lambda text: text.replace("joined.with_columns(expected=factor * (20.0", "joined.with_columns(expected=factor * (10.0 + 10.0"))
    assert run(project).runs == {"hourly": DAYS + 1, "daily": 1}

    assert {flow: asked(project, Asked(flow))["verdict"] for flow in ("hourly", "daily")} == {"hourly": "healthy", "daily": "healthy"}


@pytest.mark.slow
def test_a_parameter_is_proved_by_replay_whatever_was_asked(project: Project) -> None:
    folder = Path(project.folder)
    deliver(folder, DAYS)
    edit(folder, lambda text: text.replace("factor: float = 1.0", "factor: float = 1.3"))
    run(project)

    for question in (Asked("hourly"), Asked("daily"), Asked("hourly", metric="mae(expected, rentals)"), Asked("hourly", since="2026-01-01T00:00:00.000000+00:00")):
        found = asked(project, question)

        assert (found["verdict"], [one["components"] for one in found["causes"]]) == ("proved", [["parameter hourly.factor"]]), question


@pytest.mark.slow
def test_nobody_is_accused_of_what_the_world_did(project: Project) -> None:
    warm = weather_of(DAYS).with_columns(pl.col("temperature") + 9.0)
    deliver(Path(project.folder), DAYS, weather=warm, rides=rides_of(DAYS).with_columns(pl.col("rentals") + 7))
    run(project)

    for question in (Asked("hourly"), Asked("daily"), Asked("hourly", metric="mean(expected)")):
        found = asked(project, question)

        assert (found["verdict"], found["causes"]) == ("world changed", []), question


@pytest.mark.slow
def test_what_goes_on_since_three_lots_is_seen_where_it_began(project: Project) -> None:
    for day in range(DAYS, DAYS + 3):
        deliver(Path(project.folder), day, weather=weather_of(day).with_columns(humidity=pl.col("humidity") + 200))
    run(project)
    first = newest(project, "weather", 2)

    found = asked(project, Asked("weather", metric="mean(humidity)"))
    of_hourly = asked(project, Asked("hourly", metric="mean(humidity)"))

    assert (found["bad"]["lot"], found["good"]["lot"]) == (first, newest(project, "weather", 3))
    assert [one["value"] > 200 for one in found["history"]] == [False] * DAYS + [True] * 3
    assert (of_hourly["bad"]["lot"], of_hourly["good"]["lot"]) == (newest(project, "hourly", 2), newest(project, "hourly", 3))
    assert "source weather" in [one["key"] for one in of_hourly["candidates"] if one["gone"]]
