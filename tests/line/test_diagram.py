"""A warning on a source is seen in the drawing of its line, on every descendant, and is gone when its cause is."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assayline.core import Line, Source, Step
from assayline.ledger import records
from assayline.line.adjudicating import answer
from assayline.line.definition import load_line
from assayline.line.diagram import line_document
from assayline.line.project import Project, create_project
from assayline.line.running import run_line
from assayline.line.tagging import tags_document

drawing = pytest.importorskip("assayline.report.line_diagram", reason="there is no drawing without its part")
LIGHT, line_svg = drawing.LIGHT, drawing.line_svg

LINE = """
import assayline

line = assayline.Line("bikes")
rides = line.source("rides", "in/rides-*.parquet", settle_seconds=0.05)
line.sql("hourly", "select station, avg(speed) as speed from rides group by station")
line.sql("daily", "select station, max(speed) as top from hourly group by station")
line.sql("busy", "select station, count(*) as n from rides group by station")
"""


@pytest.fixture
def bikes(tmp_path: Path) -> Iterator[Project]:
    """A project with a line that was run on two weeks of good rides."""
    with create_project(str(tmp_path / "bikes")) as project:
        Path(project.folder, "line.py").write_text(LINE)
        Path(project.folder, "in").mkdir()
        for day in range(14):
            rides(day).write_parquet(Path(project.folder, "in", f"rides-{day}.parquet"))
        run(project)
        yield project


def rides(day: int, factor: float = 1.0) -> pl.DataFrame:
    noise = pl.Series(range(240)).hash(day).to_list()
    return pl.DataFrame(
        {"ride": [day * 240 + place for place in range(240)], "station": [f"s{place % 6}" for place in range(240)], "speed": [factor * round(14 + (value % 601) / 100, 2) for value in noise]}
    )


def deliver(project: Project, day: int, factor: float = 1.0) -> int:
    """One more lot of rides, and all that is made of it; gives the number of the lot."""
    rides(day, factor).write_parquet(Path(project.folder, "in", f"rides-{day}.parquet"))
    run(project)
    with project.ledger.read() as connection:
        return records.lots(connection, "rides", most=1, newest_first=True)[0].lot


def run(project: Project) -> None:
    file = str(Path(project.folder, "line.py"))
    assert run_line(project, load_line(file), file).problems == []


def drawn(project: Project) -> dict[str, str]:
    """The verdict that each flow is coloured by in the drawing of its line."""
    svg = line_svg(line_document(project, load_line(project.folder).value()))
    groups = [one for one in ET.fromstring(svg).iter() if one.tag.endswith("}g")]
    badges = {(group[0].text or "").partition(":")[0]: group[2].attrib["class"].split()[1] for group in groups}
    fills = {f"b-{name}": name for name in LIGHT if f".b-{name} {{ fill: {LIGHT[name][0]} }}" in svg}
    return {flow: fills[badge] for flow, badge in badges.items()}


def test_a_warning_on_a_source_colours_what_reads_it_and_is_gone_when_its_cause_is(bikes: Project) -> None:
    assert drawn(bikes) == {"rides": "release", "hourly": "release", "daily": "release", "busy": "release"}

    bad = deliver(bikes, 20, factor=1.3)
    during = drawn(bikes)
    answer(bikes, bad, "expected", author="ann", reason="electric bikes")
    after = drawn(bikes)

    assert during["rides"] == "warn"
    assert during["hourly"] == during["daily"] == "warn"
    assert after["rides"] == "release"
    reasons = {one["weakened"] for one in tags_document(bikes, "hourly")["tags"] if one["origin"] == "rides"}
    assert reasons == {"answered expected by ann: electric bikes"}


def test_what_a_query_does_not_read_stays_behind(bikes: Project) -> None:
    deliver(bikes, 20, factor=1.3)

    found = {(one["code"], one["weakened"]) for one in tags_document(bikes, "busy")["tags"] if one["origin"] == "rides"}

    assert found == {("global_shift", "column not used: speed")}
    assert drawn(bikes)["busy"] == "release"


def test_the_next_good_lot_takes_the_colour_away(bikes: Project) -> None:
    deliver(bikes, 20, factor=1.3)
    deliver(bikes, 21)

    assert drawn(bikes)["rides"] == drawn(bikes)["busy"] == "release"


def test_a_flow_that_others_feed_is_drawn_as_a_source_and_one_without_lots_as_empty(tmp_path: Path) -> None:
    with create_project(str(tmp_path / "p")) as project:
        line = Line("bikes", (Step("hourly", ("rides", "fed")),), (Source("rides", "postgresql://me:secret@host/db"),))

        document = line_document(project, line)

    assert [(one["flow"], one["kind"], one["verdict"]) for one in document["nodes"]] == [("rides", "source", None), ("fed", "source", None), ("hourly", "step", None)]
    assert [(one["from"], one["to"]) for one in document["edges"]] == [("rides", "hourly"), ("fed", "hourly")]
    assert "secret" not in json.dumps(document)


def assay(folder: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "assayline", *arguments, "--project", folder], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_show_draw_weaken_and_restore(bikes: Project, tmp_path: Path) -> None:
    bad = deliver(bikes, 20, factor=1.3)
    code = next(one["code"] for one in json.loads(assay(bikes.folder, "tags", str(bad), "--json"))["tags"])

    assert assay(bikes.folder, "line", "show", "--svg", str(tmp_path / "line.svg")).endswith("4 flows\n")
    weakened = json.loads(assay(bikes.folder, "tags", "weaken", "hourly", "--origin", "rides", "--code", code, "--reason", "means are robust", "--author", "ann", "--json"))
    tags = json.loads(assay(bikes.folder, "tags", "hourly", "--json"))
    restored = json.loads(assay(bikes.folder, "tags", "restore", str(weakened["number"]), "--json"))

    ET.parse(tmp_path / "line.svg")
    assert any(one["weakened"].startswith("means are robust (ann, ") for one in tags["tags"])
    assert restored["state"] == "off"
    assert "hourly lot" in assay(bikes.folder, "lineage", "daily")
    assert json.loads(assay(bikes.folder, "lineage", "daily", "--json"))["branches"][0]["name"] == "hourly"
    assert "source" in assay(bikes.folder, "line", "show")
