"""Text that no database was made for: it is kept exactly in the entries and as an escape in the tables, and stops nobody."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from assayline.ledger import back_up, create_ledger, records, restore, verify
from assayline.ledger.store import FolderStore
from assayline.line.adjudicating import answer, release_lot
from assayline.line.api import gate
from assayline.line.gating import gate_paths
from assayline.line.health import flow_document, lot_document
from assayline.line.project import Project
from assayline.line.quarantine import case_page, cases_document, decide
from assayline.line.reading import read_frame

STRANGE = "a\x00b\x1b[31m\u202e\U0001f600'; DROP TABLE assay_lots; --"


def frame(column: str, bad: int) -> pl.DataFrame:
    return pl.DataFrame({"order": range(40), column: ["KÃ¶ln\x00"] * bad + [("Malmö", "Lyon", "Köln")[one % 3] for one in range(40 - bad)]})


@pytest.mark.parametrize("column", ["city", STRANGE, "c" * 300, "%s", ""])
def test_a_strange_column_goes_all_the_way(project: Project, column: str) -> None:
    gate("sales", frame(column, 3), project=project)

    for case in cases_document(project):
        assert case_page(project, case["case"])["quarantined"]
        decide(project, case["case"], "waive", author=STRANGE, reason=STRANGE)
    answer(project, 1, "bad", code="mojibake", author=STRANGE, reason=STRANGE)

    gate("sales", frame(column, 2), project=project)
    assert {"": "column_2"}.get(column, column.replace("\0", "\\x00")) in read_frame(project, "sales").columns
    assert flow_document(project, "sales")["taken_lots"] == 2
    assert lot_document(project, 1)["decisions"]
    assert list(verify(project.ledger, project.store)) == []


def test_an_answer_about_hundreds_of_columns_is_remembered(project: Project) -> None:
    columns = [f"column number {number}" for number in range(300)]
    gate("sales", frame("city", 3), project=project)
    with project.ledger.write() as writing:
        body = {"flow": "sales", "lot": 1, "action": "answer", "author": "ann", "reason": "", "said": "noise"}
        writing.append("decision", {**body, "answers": [{"code": "mojibake", "columns": columns, "answer": "noise"}] * 2})

    with project.ledger.read() as connection:
        assert records.answers_of(connection, "sales") == {f"mojibake:{','.join(columns)}": [0, 0, 2]}


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes there")
def test_a_file_whose_name_is_no_text_is_taken(project: Project, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xff.csv")
    frame("city", 12).write_csv(tmp_path / "plain.csv")
    os.rename(tmp_path / "plain.csv", tmp_path / name)

    (outcome,) = gate_paths(project, "sales", [str(tmp_path / name)])
    release_lot(project, 1, author="ann")

    assert outcome.document["rows"]["taken"] == 40
    assert any(entry.body.get("input") == str(tmp_path / name) for entry in project.ledger.entries())
    assert flow_document(project, "sales")["lots"][0]["input"].endswith("caf\\udce9 \\udcff.csv")
    assert list(verify(project.ledger, project.store)) == []
    back_up(project.ledger, project.store, str(tmp_path / "b.tar"))
    with create_ledger(f"sqlite:///{tmp_path}/again.db") as again:
        restore(str(tmp_path / "b.tar"), again, FolderStore(str(tmp_path / "store")))
        assert list(again.entries()) == list(project.ledger.entries())
