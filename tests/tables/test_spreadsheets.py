"""Spreadsheets: typed where all cells agree, text where they do not, and no trap in the package is followed."""

from __future__ import annotations

import datetime
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from assayline.core import Finding
from assayline.errors import InputError, LimitExceeded, Unreadable
from assayline.tables import open_table, run_in_child


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))


def workbook(path: Path, rows: list[list[Any]], **more: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for name, content in more.items():
        extra = book.create_sheet(name)
        for row in content:
            extra.append(row)
    book.save(path)
    return path


def read(path: Path) -> tuple[pl.DataFrame, dict[str, Finding], dict[str, str]]:
    table = open_table(str(path))
    frames = [piece.load() for piece in table.pieces()]
    found = {finding.code: finding for finding in table.findings()}
    details = dict(table.facts().details)
    table.close()
    return pl.concat(frames), found, details


def changed(path: Path, part: str, old: str, new: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            text = source.read(entry)
            target.writestr(entry.filename, text.replace(old.encode(), new.encode(), 1) if entry.filename == part else text)
    path.write_bytes(out.getvalue())


def test_columns_get_the_type_of_their_cells(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 6, 1, 12, 30)
    path = workbook(
        tmp_path / "a.xlsx",
        [["id", "price", "code", "when", "ok", "mixed"], [1, 1.5, "007", day, True, 1], [2, 2, "008", None, False, "x"]],
    )

    frame, found, _ = read(path)

    assert frame.rows() == [(1, 1.5, "007", day, True, "1"), (2, 2.0, "008", None, False, "x")]
    assert set(found) == {"mixed_types"}


def test_the_first_sheet_that_holds_cells_is_read_and_the_others_named(tmp_path: Path) -> None:
    frame, _, details = read(workbook(tmp_path / "a.xlsx", [], data=[["id"], [1]], notes=[["x"], ["y"]]))

    assert frame["id"].to_list() == [1]
    assert (details["sheet"], details["other_sheets"]) == ("data", "Sheet, notes")


def test_titles_above_the_header_are_left_out_and_reported(tmp_path: Path) -> None:
    frame, found, _ = read(workbook(tmp_path / "a.xlsx", [["Report"], [], ["id", "amount"], [1, 10], [2, 20]]))

    assert frame.rows() == [(1, 10), (2, 20)]
    assert "preamble" in found


def test_a_formula_without_a_value_is_accused_in_its_cell(tmp_path: Path) -> None:
    frame, found, _ = read(workbook(tmp_path / "a.xlsx", [["id", "sum"], [1, 5], [2, "=SUM(A1:A9)"]]))

    assert frame["sum"].to_list() == [5, None]
    assert [(cell.row, cell.column) for cell in found["formula_cells"].examples] == [(1, "sum")]


def test_a_dimension_that_lies_is_not_believed(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["id"], [1]])
    changed(path, "xl/worksheets/sheet1.xml", 'ref="A1:A2"', 'ref="A1:XFD1048576"')

    assert read(path)[0].height == 1


def test_a_cell_in_the_far_corner_is_refused_before_a_grid_is_made(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["A1"] = 1
    book.active["XFD1048576"] = 2
    book.save(tmp_path / "a.xlsx")

    with pytest.raises(LimitExceeded, match="spread over"):
        read(tmp_path / "a.xlsx")


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["id"], [1]])
    changed(path, "xl/worksheets/sheet1.xml", "<worksheet", '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/hostname">]><worksheet')

    with pytest.raises(Unreadable, match="entities"):
        read(path)


def test_macros_are_reported_and_not_run(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsm", [["id"], [1]])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\0junk")

    assert "active_content" in read(path)[1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096, "encrypted"),
        (b"PK\x03\x04" + b"\0" * 40, "damaged"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "web page"),
    ],
)
def test_what_only_looks_like_a_workbook_is_an_error_that_says_what_it_is(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.xlsx").write_bytes(data)

    with pytest.raises(InputError, match=words):
        read(tmp_path / "a.xlsx")


ODS_CELL = {
    int: '<table:table-cell office:value-type="float" office:value="{0}"><text:p>{0}</text:p></table:table-cell>',
    float: '<table:table-cell office:value-type="float" office:value="{0}"><text:p>{0}</text:p></table:table-cell>',
    bool: '<table:table-cell office:value-type="boolean" office:boolean-value="{0}"/>',
    str: '<table:table-cell office:value-type="string"><text:p>{0}</text:p></table:table-cell>',
    datetime.date: '<table:table-cell office:value-type="date" office:date-value="{0}"/>',
    type(None): "<table:table-cell/>",
}


def ods(path: Path, rows: list[list[Any]], before: str = "", after: str = "") -> Path:
    """A spreadsheet of LibreOffice, by hand."""
    cells = "".join(f"<table:table-row>{''.join(ODS_CELL[type(one)].format(str(one).lower() if one is True or one is False else one) for one in row)}</table:table-row>" for row in rows)
    names = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<office:document-content {names} office:version="1.2"><office:body><office:spreadsheet>'
        f'<table:table table:name="data">{cells}{after}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    manifest = (
        '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return path


def test_a_spreadsheet_of_libreoffice_is_read_with_its_types(tmp_path: Path) -> None:
    path = ods(tmp_path / "a.ods", [["id", "price", "code", "day", "ok"], [1, 1.5, "007", datetime.date(2026, 2, 3), True], [2, 2.0, "Zoë", None, False]])

    frame, found, details = read(path)

    assert frame["id"].to_list() == [1, 2]
    assert frame["price"].to_list() == [1.5, 2.0]
    assert frame["code"].to_list() == ["007", "Zoë"]
    assert str(frame["day"][0]).startswith("2026-02-03")
    assert frame["day"][1] is None
    assert frame["ok"].to_list() == [True, False]
    assert found == {}
    assert details["sheet"] == "data"


def test_a_million_repeated_empty_rows_of_libreoffice_are_no_rows(tmp_path: Path) -> None:
    path = ods(
        tmp_path / "a.ods", [["id"], [1], [2]],
        after='<table:table-row table:number-rows-repeated="1048573"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>',
    )  # fmt: skip

    assert read(path)[0]["id"].to_list() == [1, 2]


def test_a_value_that_libreoffice_repeats_over_the_whole_sheet_is_refused(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="16384"><text:p>1</text:p></table:table-cell>'
    path = ods(tmp_path / "a.ods", [["id"]], after=f'<table:table-row table:number-rows-repeated="1048575">{cell}</table:table-row>')

    with pytest.raises(InputError, match="; "):
        run_in_child("walkthrough:walk", {"path": str(path)}, memory_bytes=900 << 20, seconds=60, subject=str(path))


def test_entities_in_a_spreadsheet_of_libreoffice_are_never_expanded(tmp_path: Path) -> None:
    path = ods(tmp_path / "a.ods", [["id"], [1]], before='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>')

    with pytest.raises(Unreadable, match="entities"):
        read(path)


@pytest.mark.parametrize("suffix", [".xls", ".xlsb", ".ods"])
def test_a_damaged_workbook_of_any_kind_is_an_error(tmp_path: Path, suffix: str) -> None:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" if suffix == ".xls" else b"PK\x03\x04"
    (tmp_path / f"a{suffix}").write_bytes(head + bytes(range(256)) * 20)

    with pytest.raises(InputError, match="; "):
        read(tmp_path / f"a{suffix}")
