"""The list of accused cells: exact for programs, harmless for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.core import Cell
from assayline.errors import Unreadable
from assayline.report.cells import HEADER, CellsWriter, guarded, read_cells, unguarded

WRITABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def written(*cells: Cell, code: str = "typo") -> str:
    file = io.StringIO()
    with CellsWriter(file) as writer:
        writer.write(code, cells)
    return file.getvalue()


@given(st.lists(st.tuples(st.integers(0, 10**12), WRITABLE, st.none() | WRITABLE, st.none() | WRITABLE), max_size=6))
def test_what_was_written_is_read_back(rows: list[tuple[int, str, str | None, str | None]]) -> None:
    cells = [Cell(row, column, 0.5, value, suggestion) for row, column, value, suggestion in rows]

    read = [one.cell for one in read_cells(io.StringIO(written(*cells), newline=""))]

    assert sorted(read, key=repr) == sorted(cells, key=repr)


@given(WRITABLE, WRITABLE)
def test_any_csv_reader_sees_six_fields(column: str, value: str) -> None:
    rows = list(csv.reader(io.StringIO(written(Cell(3, column, 0.5, value, None)), newline="")))

    assert rows[0] == list(HEADER)
    assert [len(row) for row in rows] == [6, 6]
    assert (rows[1][0], rows[1][5]) == ("3", "")


@given(st.text(max_size=30))
def test_no_field_starts_a_formula(text: str) -> None:
    out = written(Cell(0, text, 0.5, text, text), code="rule")

    for field in next(csv.reader(io.StringIO(out.split("\n", 1)[1], newline="")))[4:]:
        assert field[:1] not in tuple("=@\t\r＝＋－＠")
        if field[:1] in ("+", "-"):
            assert re.fullmatch(r"[+-]+|[+-][\d.,]+([eE][+-]?\d+)?%?", field)


@pytest.mark.parametrize("text", ["-5", "+1.5", "-1,234.50", "-1e-7", "-.5", "-12%", "-", "--", "", "a=b", "a-b", "'quoted'", "5-3"])
def test_ordinary_values_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+1+1", "-2+3+cmd|' /C calc'!A0", "\t=1", "\r=1", "\n=1", "＝1+1", "-٣+1", "'=1", "''@x"]
)
def test_formulas_get_an_apostrophe_that_can_be_taken_away(text: str) -> None:
    assert guarded(text) == "'" + text
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize(
    "name", ["id", "@type", "-x", "+1d", "@timestamp", "Price (net), EUR", 'say "hi"', "a\nb", " blank ", "'tick", "größe"]
)
def test_names_of_columns_are_verbatim(name: str) -> None:
    row = next(csv.DictReader(io.StringIO(written(Cell(0, name, 0.5)), newline="")))

    assert row["column"] == name


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "@SUM(1+1)*cmd|x", "+HYPERLINK(1)", "\t=1"])
def test_a_name_that_would_compute_is_guarded_and_read_back(name: str) -> None:
    out = written(Cell(0, name, 0.5))

    assert next(csv.DictReader(io.StringIO(out, newline="")))["column"] == "'" + name
    assert next(read_cells(io.StringIO(out, newline=""))).cell.column == name


def test_unknown_and_empty_suggestions_differ() -> None:
    assert written(Cell(0, "a", 1.0, None, None), Cell(1, "a", 1.0, "x", "")).splitlines()[1:] == ["0,a,typo,1.0,,", '1,a,typo,1.0,x,""']


def test_the_cells_of_one_call_are_in_order_of_rows() -> None:
    rows = [line.split(",")[:2] for line in written(Cell(9, "b", 1), Cell(10, "a", 1), Cell(9, "a", 1)).splitlines()[1:]]

    assert rows == [["9", "a"], ["9", "b"], ["10", "a"]]


def test_nul_and_lone_surrogates_do_not_break_the_file(tmp_path: Path) -> None:
    with CellsWriter(tmp_path / "bad.csv") as writer:
        writer.write("typo", [Cell(0, "a\udcff", 0.5, "x\0y\ud800", None)])

    assert (tmp_path / "bad.csv").read_bytes().decode("utf-8").splitlines()[1] == "0,a\\udcff,typo,0.5,x␀y\\ud800,"


def test_a_file_is_written_and_closed_and_a_given_one_stays_open(tmp_path: Path) -> None:
    given_file = io.StringIO()

    with CellsWriter(tmp_path / "bad.csv") as writer, CellsWriter(given_file):
        writer.write("typo", [Cell(4, "a", 0.25, "b", "c")])

    assert writer.count == 1
    assert not given_file.closed
    assert [(one.code, one.cell) for one in read_cells(tmp_path / "bad.csv")] == [("typo", Cell(4, "a", 0.25, "b", "c"))]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1"),
        ("row,column\n", "line 1"),
        (",".join(HEADER) + "\n1,a,typo,0.5,x\n", "line 2"),
        (",".join(HEADER) + "\none,a,typo,0.5,x,\n", "line 2"),
        (",".join(HEADER) + '\n1,a,typo,0.5,"x\n\n', "line 2"),
        (",".join(HEADER) + '\n1,a,typo,0.5,"x"y,z\n1,"a"b"",typo,0.5,x,\n', "line 2"),
    ],
)
def test_another_file_is_refused_with_the_line(text: str, place: str, tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(Unreadable) as error:
        list(read_cells(file))

    assert error.value.place == place
    assert error.value.file == str(file)
