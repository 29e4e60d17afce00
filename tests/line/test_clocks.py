"""Clocks that jump: the order of lots is that of their numbers, and nothing breaks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from assayline.ledger import back_up, create_ledger, restore, sql_ledger, verify
from assayline.ledger.store import FolderStore
from assayline.line.api import gate
from assayline.line.health import flow_document, flows_document, lots_document
from assayline.line.project import Project
from assayline.line.reading import read_frame, released_lots

main = pytest.importorskip("assayline.cli", reason="there is no command line without its part").main

START = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # the night in which the clocks of Europe jump
MOMENTS = {
    "backwards": [START - timedelta(hours=one) for one in range(6)],
    "1970": [START, START, datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), START, START],
    "ten years on and back": [START, START + timedelta(days=3653), START, START + timedelta(days=3653), START, START],
    "2038 and the end of time": [START, datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), START, START, START],
    "standing still": [START] * 6,
}


def frame(seed: int) -> pl.DataFrame:
    return pl.DataFrame({"order": range(seed * 100, seed * 100 + 20), "city": [("Malmö", "Lyon", "Köln")[one % 3] for one in range(20)]})


@pytest.mark.parametrize("name", MOMENTS)
def test_lots_keep_their_order_whatever_the_clock_says(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    for number, moment in enumerate(MOMENTS[name]):
        monkeypatch.setattr(sql_ledger, "now", lambda moment=moment: moment.isoformat(timespec="microseconds"))
        gate("sales", frame(number), project=project)

    assert [lot.place for lot in released_lots(project, "sales")] == [1, 2, 3, 4, 5, 6]
    assert read_frame(project, "sales")["order"].to_list() == [one for number in range(6) for one in frame(number)["order"]]
    assert [one["lot"] for one in flow_document(project, "sales")["lots"]] == [1, 2, 3, 4, 5, 6]
    assert [one["lot"] for one in lots_document(project, "sales")] == [6, 5, 4, 3, 2, 1]
    assert flows_document(project)[0]["last_at"] == MOMENTS[name][-1].isoformat(timespec="microseconds")
    assert [entry.number for entry in project.ledger.entries()] == list(range(8))
    assert list(verify(project.ledger, project.store)) == []
    for command in (["flow", "sales"], ["lots", "sales"], ["lot", "3"]):
        assert main([*command, "--project", project.folder]) == 0
        capsys.readouterr()
        assert main([*command, "--project", project.folder, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)


def test_a_period_is_cut_out_by_the_time_that_stands_in_the_ledger(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, hours in enumerate((0, 2, -1, 5)):
        monkeypatch.setattr(sql_ledger, "now", lambda hours=hours: (START + timedelta(hours=hours)).isoformat(timespec="microseconds"))
        gate("sales", frame(number), project=project)

    found = released_lots(project, "sales", since="2026-03-29T01:30", until="2026-03-29T04:00")

    assert [lot.place for lot in found] == [1, 2]


def test_a_backup_made_before_the_clock_was_set_back_comes_back_in_order(project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("backup")
    for number in range(3):
        monkeypatch.setattr(sql_ledger, "now", lambda number=number: (START - timedelta(days=number)).isoformat(timespec="microseconds"))
        gate("sales", frame(number), project=project)
    back_up(project.ledger, project.store, str(folder / "b.tar"))

    with create_ledger(f"sqlite:///{folder}/again.db") as again:
        restore(str(folder / "b.tar"), again, FolderStore(str(folder / "store")))

        assert list(again.entries()) == list(project.ledger.entries())
        assert list(verify(again, FolderStore(str(folder / "store")))) == []
