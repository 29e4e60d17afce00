"""Lots judged while the one before them still is: the same verdicts, by the same past."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.ledger import records, verify
from assayline.line import ahead
from assayline.line.gating import gate_paths
from assayline.line.project import Project, create_project


def day(seed: int, rows: int = 200) -> pl.DataFrame:
    """A clean lot of orders."""
    noise = pl.Series(range(rows)).hash(seed).to_list()
    return pl.DataFrame(
        {
            "order": [seed * 10_000 + number for number in range(rows)],
            "city": [("Malmö", "Århus", "Lyon", "Köln")[value % 4] for value in noise],
            "amount": [round(20 + (value % 9_973) / 100, 2) for value in noise],
        }
    )


def delivered(folder: Path) -> list[str]:
    """Sound lots, one with broken letters, one that is no table, one twice, one with amounts of another unit."""
    folder.mkdir()
    paths = []
    for number in range(14):
        frame = day(number)
        if number == 5:
            frame = frame.with_columns(city=pl.Series(["KÃ¶ln"] * 4 + frame["city"].to_list()[4:]))
        if number == 11:
            frame = frame.with_columns(amount=pl.col("amount") * 100)
        path = folder / f"{number:02d}.csv"
        frame.write_csv(path)
        paths.append(str(path))
    (folder / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    return [*paths[:7], str(folder / "broken.parquet"), *paths[7:9], paths[3], *paths[9:]]


def said(project: Project, paths: list[str]) -> list[dict[str, Any]]:
    """What the gate says of each, without the paths of the store and the seconds."""
    return [
        {name: value for name, value in outcome.document.items() if name not in ("released", "quarantined", "held")}
        for outcome in gate_paths(project, "sales", paths)
    ]  # fmt: skip


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Project]:
    """A second project."""
    with create_project(str(tmp_path / "other")) as made:
        yield made


def test_lots_judged_ahead_are_judged_as_if_one_by_one(project: Project, other: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = delivered(tmp_path / "in")
    begun: list[int] = []
    begin = ahead.Judging._begin

    def counted(self: ahead.Judging, place: int, request: dict[str, Any]) -> Any:
        begun.append(place)
        return begin(self, place, request)

    monkeypatch.setattr(ahead.Judging, "_begin", counted)
    monkeypatch.setattr(ahead, "_cores", lambda: 1)
    one_by_one = said(project, paths)
    alone = len(begun)
    monkeypatch.setattr(ahead, "_cores", lambda: 3)
    together = said(other, paths)

    assert together == one_by_one
    assert {one["verdict"] for one in together} >= {"release", "split", "hold"}
    assert len(begun) - alone > alone  # some were guessed wrong, and judged again
    for one in (project, other):
        assert list(verify(one.ledger, one.store)) == []
        with one.ledger.read() as connection:
            assert [lot.objects["profile"] for lot in records.lots(connection) if lot.teaches] == profiles(project)


def profiles(project: Project) -> list[str]:
    """The digests of what the lots of a project taught."""
    with project.ledger.read() as connection:
        return [lot.objects["profile"] for lot in records.lots(connection) if lot.teaches]


def test_whoever_stops_in_the_middle_leaves_nothing_behind(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = delivered(tmp_path / "in")
    monkeypatch.setattr(ahead, "_cores", lambda: 3)

    outcomes = gate_paths(project, "sales", paths)
    assert next(outcomes).document["verdict"] == "release"
    outcomes.close()  # type: ignore[attr-defined]  # it is a generator

    assert list((Path(project.folder) / "store" / "staging").iterdir()) == []
    assert [json.dumps(one["rows"]) for one in said(project, paths[:3])][1:] == ['{"taken": 200, "released": 200, "quarantined": 0, "held": 0, "unparseable": 0}'] * 2


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="process numbers are compared as Linux gives them")
def test_the_process_that_judges_outlives_the_call_it_was_started_for(project: Project, tmp_path: Path) -> None:
    """One that is ended between two calls costs its start again, more than a small lot costs."""
    for number in range(2):
        day(number).write_csv(tmp_path / f"{number}.csv")
    processes = []

    with ahead.Judges(project.store) as judges:
        for number in range(2):
            assert [outcome.error for outcome in gate_paths(project, "sales", [str(tmp_path / f"{number}.csv")], judges=judges)] == [None]
            process = judges.seats[0][1]._process
            assert process is not None
            time.sleep(0.1)  # for a signal that is on its way
            processes.append((process.pid, process.poll()))

    assert processes[0] == processes[1] == (processes[0][0], None)
