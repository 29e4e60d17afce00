"""What goes on in all flows, in few questions to the ledger."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from assayline.ledger import records
from assayline.line.gating import gate_paths
from assayline.line.health import flows_document
from assayline.line.project import Project
from assayline.line.rule_book import add_rule


def test_each_flow_has_its_last_lot_and_what_is_open(project: Project, tmp_path: Path) -> None:
    frame = pl.DataFrame({"order": list(range(100)), "city": ["Lyon", "Bonn"] * 50})
    bad = pl.DataFrame({"order": list(range(100, 200)), "city": ["KÃ¶ln"] * 3 + ["Lyon"] * 97})
    for name, content in (("a", frame), ("b", bad)):
        content.write_parquet(tmp_path / f"{name}.parquet")
    for flow, names in (("sales", "ab"), ("stock", "a")):
        list(gate_paths(project, flow, [str(tmp_path / f"{name}.parquet") for name in names]))
    add_rule(project, "empty", "order >= 0")

    document = flows_document(project)

    with project.ledger.read() as connection:
        last = records.lots(connection, "sales", newest_first=True)[0]
        incidents = len(records.open_incidents(connection, "sales"))
    assert document == [
        {"flow": "empty", "lots": 0, "last_at": None, "last_verdict": None, "open_incidents": 0, "open_cases": 0},
        {"flow": "sales", "lots": 2, "last_at": last.at, "last_verdict": "split", "open_incidents": incidents, "open_cases": 1},
        {"flow": "stock", "lots": 1, "last_at": document[2]["last_at"], "last_verdict": "release", "open_incidents": 0, "open_cases": 0},
    ]
    assert incidents == 1
