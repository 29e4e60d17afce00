"""Rows that were put aside: decided about, put back through the same gate, and never lost or doubled."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.ledger import records, verify
from assayline.line.api import gate
from assayline.line.gating import gate_paths
from assayline.line.project import Project
from assayline.line.put_back import put_back
from assayline.line.quarantine import case_page, cases_document, decide
from assayline.line.reading import read_frame
from assayline.line.rule_book import add_rule
from assayline.line.spreadsheet import export_rows, import_rows


def towns(bad: int, seed: int = 0) -> pl.DataFrame:
    rows = 200
    return pl.DataFrame(
        {
            "id": [seed * 1_000 + row for row in range(rows)],
            "town": ["KÃ¶ln" if row < bad else ("Köln", "Lund", "Bonn")[row % 3] for row in range(rows)],
            "amount": [10 + (row * 37 + seed) % 91 for row in range(rows)],
        }
    )


def delivered(project: Project, tmp_path: Path, bad: int = 4) -> pl.DataFrame:
    frame = towns(bad)
    frame.write_csv(tmp_path / "towns.csv")
    list(gate_paths(project, "towns", [str(tmp_path / "towns.csv")]))
    return frame


def test_a_case_says_what_is_wrong_and_what_would_be_right(project: Project, tmp_path: Path) -> None:
    delivered(project, tmp_path)

    page = case_page(project, 1)

    assert (page["code"], page["columns"], page["rows"], page["open"]) == ("mojibake", ["town"], 4, 4)
    assert page["suggestion"] == "Köln"
    assert page["quarantined"][0] == {
        "row": 0, "state": "open", "why": ["mojibake"], "columns": ["town"], "suggestions": ["Köln"], "values": {"id": "0", "town": "KÃ¶ln", "amount": "10"},
    }  # fmt: skip


def test_rows_that_were_fixed_come_back_once_with_what_was_suggested(project: Project, tmp_path: Path) -> None:
    frame = delivered(project, tmp_path)
    decide(project, 1, "fix", suggested=True, author="ann")

    outcomes = put_back(project, "towns")
    again = put_back(project, "towns")

    assert [one.document["rows"]["released"] for one in outcomes] == [4]
    assert again == []
    back = read_frame(project, "towns")
    assert back.height == 200
    assert sorted(back["id"].to_list(), key=int) == [str(one) for one in frame["id"]]
    assert "KÃ¶ln" not in back["town"].to_list()
    assert cases_document(project) == []
    assert list(verify(project.ledger, project.store)) == []


def test_the_original_the_edit_the_author_and_the_outcome_stay_linked(project: Project, tmp_path: Path) -> None:
    delivered(project, tmp_path)
    decide(project, 1, "fix", rows=[2], values={"town": "Kölle"}, author="ann", reason="they say so")

    put_back(project, "towns")

    decision = case_page(project, 1)["decisions"][0]
    assert (decision["action"], decision["author"], decision["reason"], decision["rows"], decision["values"]) == ("fix", "ann", "they say so", [2], {"town": "Kölle"})
    assert decision["settled"] == 2
    with project.ledger.read() as connection:
        assert records.lot_of(connection, 2).parents == (1,)
    assert case_page(project, 1)["quarantined"][2]["values"]["town"] == "KÃ¶ln"


def test_a_fix_that_is_still_bad_is_a_new_case(project: Project, tmp_path: Path) -> None:
    delivered(project, tmp_path)
    decide(project, 1, "fix", values={"town": "MÃ¼nster"})

    outcome = put_back(project, "towns")[0]

    assert outcome.document["rows"] == {"taken": 4, "released": 0, "quarantined": 4, "held": 0, "unparseable": 0}
    assert [(one["lot"], one["open"]) for one in cases_document(project)] == [(2, 4)]
    decide(project, cases_document(project)[0]["case"], "fix", values={"town": "Münster"})
    assert put_back(project, "towns")[0].document["rows"]["released"] == 4
    assert read_frame(project, "towns").height == 200


def test_a_waived_row_comes_back_as_it_is(project: Project, tmp_path: Path) -> None:
    delivered(project, tmp_path)
    decide(project, 1, "waive", rows=[0, 1], reason="a brand name")

    put_back(project, "towns")

    assert read_frame(project, "towns")["town"].to_list().count("KÃ¶ln") == 2


def test_a_rejected_row_stays_out_for_good(project: Project, tmp_path: Path) -> None:
    delivered(project, tmp_path)
    decide(project, 1, "reject")

    assert put_back(project, "towns") == []
    assert read_frame(project, "towns").height == 196
    with pytest.raises(MisuseError, match="no row of case 1 is open"):
        decide(project, 1, "waive")


def test_a_row_that_was_mended_still_has_to_meet_the_rules(project: Project) -> None:
    gate("sales", towns(0), project=project)
    add_rule(project, "sales", "amount >= 0", action="split")
    gate("sales", towns(0, seed=1).with_columns(amount=pl.when(pl.col("id") == 1_007).then(-5).otherwise("amount")), project=project)

    decide(project, 1, "fix", values={"amount": "-4"})
    first = put_back(project, "sales")[0].document["rows"]
    decide(project, 2, "fix", values={"amount": "4"})
    second = put_back(project, "sales")[0].document["rows"]

    assert (first["quarantined"], second["released"]) == (1, 1)
    assert read_frame(project, "sales").filter(pl.col("id") == 1_007)["amount"].to_list() == [4]


def test_a_value_that_does_not_fit_its_column_is_refused(project: Project) -> None:
    gate("sales", towns(3), project=project)

    with pytest.raises(MisuseError, match=r"'many' cannot stand in amount \(Int64\)"):
        decide(project, 1, "fix", values={"amount": "many"})
    with pytest.raises(MisuseError, match="no column 'city'"):
        decide(project, 1, "fix", values={"city": "x"})
    with pytest.raises(MisuseError, match="row 99 is not in case"):
        decide(project, 1, "waive", rows=[99])


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_rows_are_edited_in_a_spreadsheet_and_taken_back(project: Project, tmp_path: Path, ending: str) -> None:
    delivered(project, tmp_path)
    path = str(tmp_path / f"bad.{ending}")
    export_rows(project, path, flow="towns")
    lines = _lines(path)
    town, decision = lines[0].index("town"), lines[0].index("assay_decision")
    lines[1][town] = "Köln am Rhein"
    lines[2][decision] = "waive"
    lines[3][decision] = "reject"
    _save(path, lines)

    done = import_rows(project, path, author="ann")
    put_back(project, "towns")

    assert done == {"fix": 1, "waive": 1, "reject": 1, "open": 1}
    towns_now = read_frame(project, "towns")["town"].to_list()
    assert towns_now.count("Köln am Rhein") == 1
    assert towns_now.count("KÃ¶ln") == 1


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_export_that_nobody_edited_changes_nothing_and_runs_nothing(project: Project, tmp_path: Path, ending: str) -> None:
    hostile = ["=1+1", "+cmd|' /C calc'!A0", "-5", "@SUM(A1)", "'quoted", "\tx", "0012", "1e5", "-1.50", " blank ", "a\nb"]
    frame = towns(0).with_columns(note=pl.Series([hostile[row % len(hostile)] for row in range(200)]))
    gate("sales", towns(0).with_columns(note=pl.lit("x")), project=project)
    add_rule(project, "sales", "amount < 98", action="split")
    gate("sales", frame, project=project)
    path = str(tmp_path / f"bad.{ending}")
    rows = export_rows(project, path)

    lines = _lines(path)
    done = import_rows(project, path)

    assert done == {"fix": 0, "waive": 0, "reject": 0, "open": rows}
    notes = [line[lines[0].index("note")] for line in lines[1:]]
    assert not any(note[:1] in ("=", "+", "@", "\t") for note in notes)


def test_a_file_with_foreign_rows_is_refused_as_a_whole(project: Project, tmp_path: Path) -> None:
    delivered(project, tmp_path)
    path = str(tmp_path / "bad.csv")
    export_rows(project, path)
    lines = _lines(path)
    lines[1][lines[0].index("assay_decision")] = "reject"
    lines[2][lines[0].index("assay_row")] = "77"
    _save(path, lines)

    with pytest.raises(MisuseError, match="line 3: row 77"):
        import_rows(project, path)

    assert cases_document(project)[0]["open"] == 4


def _lines(path: str) -> list[list[str]]:
    if path.endswith(".csv"):
        with open(path, encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))
    import openpyxl

    sheet: Any = openpyxl.load_workbook(path).active
    return [["" if value is None else str(value) for value in line] for line in sheet.iter_rows(values_only=True)]


def _save(path: str, lines: list[list[str]]) -> None:
    if path.endswith(".csv"):
        with open(path, "w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(lines)
        return
    import openpyxl

    book = openpyxl.Workbook()
    sheet: Any = book.active
    for line in lines:
        sheet.append(line)
    book.save(path)
