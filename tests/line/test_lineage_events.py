"""A catalogue is told of every run, once it can be; one that is out of order stops nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assayline.errors import MisuseError
from assayline.ledger import verify
from assayline.line import lineage_events
from assayline.line.ancestry import lineage_document
from assayline.line.definition import load_line
from assayline.line.lineage_events import Emitted, emit, runs_in, send
from assayline.line.project import Project, create_project
from assayline.line.running import run_line

sys.path.insert(0, str(Path(__file__).parents[1] / "notices"))
from servers import web_server

LINE = """
import assayline

line = assayline.Line("bikes")
line.source("rides", "in/rides-*.csv", settle_seconds=0.05)
line.sql("hourly", "select station, count(*) as n from rides group by station")
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    with create_project(str(tmp_path / "shop")) as project:
        Path(project.folder, "line.py").write_text(LINE)
        yield project


def told_to(project: Project, **settings: Any) -> Project:
    return Project(project.folder, project.name, project.ledger, project.store, {"openlineage": settings, "notices": {"allow_private": True}})


def ran(project: Project, day: int) -> list[int]:
    """One more lot of rides, and the numbers of the runs it led to; of these nobody is told yet."""
    folder = Path(project.folder, "in")
    folder.mkdir(exist_ok=True)
    (folder / f"rides-{day}.csv").write_text("station,ride\n" + "".join(f"s{place % 5},{day * 100 + place}\n" for place in range(100)))
    before = runs(project)
    file = str(Path(project.folder, "line.py"))
    assert run_line(project, load_line(file), file).problems == []
    return [run for run in runs(project) if run not in before]


def runs(project: Project) -> list[int]:
    return [entry.number for entry in project.ledger.entries() if entry.event == "run"]


def kinds(lines: str) -> list[tuple[str, str]]:
    return [(event["eventType"], event["job"]["name"]) for event in map(json.loads, lines.splitlines())]


def test_without_the_setting_nothing_is_told(shop: Project) -> None:
    assert emit(shop, ran(shop, 1)) == Emitted()


def test_runs_are_appended_to_a_file_each_once(shop: Project) -> None:
    project = told_to(shop, file="events.ndjson")

    for day in (1, 2):
        numbers = ran(shop, day)
        assert emit(project, numbers) == Emitted(2, 0, "")
        assert emit(project, numbers) == Emitted()

    events = Path(project.folder, "events.ndjson").read_text()
    assert kinds(events) == [("START", "bikes.hourly"), ("COMPLETE", "bikes.hourly")] * 2
    last = json.loads(events.splitlines()[-1])
    assert (last["inputs"][0]["name"], last["outputs"][0]["name"], last["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"]) == ("rides", "hourly", 5)
    assert [one["name"] for one in last["outputs"][0]["facets"]["schema"]["fields"]] == ["station", "n"]
    assert list(verify(project.ledger, project.store)) == []


def test_a_catalogue_that_was_away_is_told_of_everything_when_it_is_back(shop: Project) -> None:
    with web_server(answer=503) as hook:
        project = told_to(shop, url=hook.url("/api/v1/lineage"))
        away = emit(project, ran(shop, 1))
        hook.posts.clear()
        hook.answer = 201
        back = emit(project, ran(shop, 2))

    assert (away.events, away.left, back) == (0, 1, Emitted(4, 0, ""))
    assert "503" in away.problem
    assert [json.loads(post.body)["eventType"] for post in hook.posts] == ["START", "COMPLETE"] * 2
    assert {post.path for post in hook.posts} == {"/api/v1/lineage"}


@pytest.mark.parametrize("answer", ["hang", "close", "noise"])
def test_a_catalogue_that_is_out_of_order_costs_little_and_raises_nothing(shop: Project, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(lineage_events, "TIMEOUT_SECONDS", 0.5)
    with web_server(answer=answer) as hook:
        project = told_to(shop, url=hook.url())
        numbers = ran(shop, 1)
        started = time.monotonic()
        told = emit(project, numbers)

    assert told.problem
    assert (told.events, told.left) == (0, 1)
    assert time.monotonic() - started < 10


def test_a_secret_comes_from_the_environment(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOGUE", "s3cret")
    with web_server() as hook:
        project = told_to(shop, url=hook.url(), token="{env:CATALOGUE}")
        told = emit(project, ran(shop, 1))

    assert told.problem == ""
    assert hook.posts[0].headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({}, ""), ({"file": "a", "url": "https://b.example/c"}, "one of them"), ({"url": "ftp://b.example"}, "starts with https"), ({"file": 3}, "one of them"),
        ({"url": "https://b.example/c", "token": "plain"}, "names a variable"), ({"file": "no/such/folder/e.ndjson"}, "No such file"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_named_and_stop_nothing(shop: Project, chosen: Mapping[str, Any], message: str) -> None:
    assert message in emit(told_to(shop, **chosen), ran(shop, 1)).problem


def test_runs_of_a_tree_are_written_when_asked_for(shop: Project, tmp_path: Path) -> None:
    ran(shop, 1)

    assert send(shop, runs_in(lineage_document(shop, "hourly")), str(tmp_path / "e.ndjson")) == 2
    assert kinds((tmp_path / "e.ndjson").read_text()) == [("START", "bikes.hourly"), ("COMPLETE", "bikes.hourly")]
    with pytest.raises(MisuseError):
        send(shop, runs_in(lineage_document(shop, "hourly")), "https://me:secret@example.com/")


def test_a_run_of_the_line_tells_by_itself(shop: Project) -> None:
    project = told_to(shop, file="events.ndjson")

    ran(project, 1)

    assert kinds(Path(project.folder, "events.ndjson").read_text()) == [("START", "bikes.hourly"), ("COMPLETE", "bikes.hourly")]
