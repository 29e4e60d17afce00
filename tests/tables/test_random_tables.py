"""Whatever the csv module writes comes back cell for cell, however small the pieces are."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assayline.tables import delimited, open_table

WORDS = st.sampled_from(["Oslo", "Köln", "12", "-3.5", "2024-06-01", "true", "x y", "naïve", "日本", ""])
NASTY = st.text(alphabet=st.sampled_from(list("ab,;\t|\"'\n\r# é日\\0")), max_size=8)
CELLS = st.one_of(WORDS, WORDS, WORDS, NASTY)


def read(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    table = open_table(str(path))
    rows: list[list[str]] = []
    for piece in table.pieces():
        frame = piece.load()
        assert piece.start == len(rows)
        assert frame.height == piece.rows
        rows += [[cell or "" for cell in row] for row in frame.rows()]
    columns = table.columns
    assert table.facts().rows == len(rows)
    table.close()
    return columns, rows


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=30),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    final_newline=st.booleans(),
    piece_bytes=st.sampled_from([64, 200, 1 << 20]),
)
def test_what_the_csv_module_writes_comes_back_cell_for_cell(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[list[str]],
    delimiter: str,
    end: str,
    quoting: int,
    final_newline: bool,
    piece_bytes: int,
) -> None:
    monkeypatch.setattr(delimited, "PIECE_BYTES", piece_bytes)
    # The dialect is found from the whole: a few ordinary rows make it evident, as they do in every real table.
    ordinary = [["1", "Oslo", "2024-06-01", "4.5"], ["2", "Rome", "2024-06-02", "7.25"]] * 20
    # The csv module leaves a lone \\r unquoted when lines end in \\n, and then nobody can tell it from a line end.
    lost = "\r" if end == "\n" and quoting == csv.QUOTE_MINIMAL else ""
    body = [[str(number), *(cell.replace(lost, "") if lost else cell for cell in row[1:])] for number, row in enumerate(rows)]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]  # typeshed wants the literals, not an int
    writer.writerows([["id", "city", "day", "amount"], *ordinary, *body])
    data = text.getvalue()
    path = tmp_path / "random.csv"
    path.write_bytes((data if final_newline else data.removesuffix(end)).encode())

    columns, found = read(path)

    assert columns == ("id", "city", "day", "amount")
    assert found == ordinary + body


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from(list('ab,"\n\r1')), max_size=60), piece_bytes=st.sampled_from([8, 32, 1 << 20]))
def test_no_text_makes_rows_vanish_or_pieces_disagree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, piece_bytes: int) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(b"id,name\n" + b"1,x\n2,y\n3,z\n" * 20 + text.encode())

    monkeypatch.setattr(delimited, "PIECE_BYTES", piece_bytes)
    columns, found = read(path)
    monkeypatch.setattr(delimited, "PIECE_BYTES", 1 << 24)
    _, whole = read(path)

    assert columns == ("id", "name")
    assert found == whole
    assert found[:3] == [["1", "x"], ["2", "y"], ["3", "z"]]
