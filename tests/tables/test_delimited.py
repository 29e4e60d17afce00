"""Delimited text: what is kept, what is accused, and where."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest

from assayline.core import Finding
from assayline.errors import InputError, LimitExceeded, Unreadable
from assayline.tables import Limits, open_table


def written(folder: Path, data: str | bytes, name: str = "a.csv") -> str:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def read(path: str, limits: Limits | None = None) -> tuple[tuple[str, ...], list[tuple[str | None, ...]], dict[str, Finding]]:
    table = open_table(path, limits)
    rows: list[tuple[str | None, ...]] = []
    for piece in table.pieces():
        assert piece.start == len(rows)
        rows += piece.load().rows()
    found = {finding.code: finding for finding in table.findings()}
    assert table.facts().rows == len(rows)
    table.close()
    return table.columns, rows, found


def accused(finding: Finding, rows: int) -> list[tuple[int, str]]:
    assert finding.locate is not None
    return [(cell.row, cell.column) for cell in finding.locate.fresh()(SimpleNamespace(start=0, rows=rows))]


def test_an_ordinary_file_has_no_finding(tmp_path: Path) -> None:
    columns, rows, found = read(written(tmp_path, "id,city\n1,Oslo\n2,Rome\n"))

    assert (columns, rows, found) == (("id", "city"), [("1", "Oslo"), ("2", "Rome")], {})


def test_an_empty_field_is_null_and_a_quoted_one_is_an_empty_text(tmp_path: Path) -> None:
    _, rows, _ = read(written(tmp_path, 'id,city\n1,\n2,""\n'))

    assert rows == [("1", None), ("2", "")]


def test_short_and_long_rows_keep_their_place_and_are_accused(tmp_path: Path) -> None:
    _, rows, found = read(written(tmp_path, "id,a,b\n1,x,y\n2,x\n3,x,y,EXTRA\n4,x,y\n"))

    assert rows == [("1", "x", "y"), ("2", "x", None), ("3", "x", "y"), ("4", "x", "y")]
    assert accused(found["ragged_rows"], 4) == [(1, "*"), (2, "*")]
    assert "lines 3, 4" in found["ragged_rows"].sentence


def test_a_quote_that_is_never_closed_costs_one_line_and_not_the_rest(tmp_path: Path) -> None:
    _, rows, found = read(written(tmp_path, 'id,note\n1,ok\n2,"never closed\n' + "".join(f"{i},fine\n" for i in range(3, 200))))

    assert len(rows) == 199
    assert rows[1] == ("2", '"never closed')
    assert accused(found["broken_quotes"], 199) == [(1, "*")]


def test_broken_quotes_do_not_turn_quoted_empty_texts_into_nulls(tmp_path: Path) -> None:
    _, rows, _ = read(written(tmp_path, 'id,note\n1,5" pipe\n2,""\n3,\n4,"a"b\n'))

    assert rows == [("1", '5" pipe'), ("2", ""), ("3", None), ("4", '"a"b')]


def test_rows_cut_by_another_delimiter_are_cut_by_it_and_accused(tmp_path: Path) -> None:
    text = "id,a\n" + "".join(f"{i},x\n" for i in range(20)) + "".join(f"{i};x\n" for i in range(20, 40))

    _, rows, found = read(written(tmp_path, text))

    assert rows[39] == ("39", "x")
    assert found["delimiter_change"].rows == 20
    assert found["delimiter_change"].evidence["first_line"] == 22


def test_a_header_that_comes_again_is_accused_where_it_stands(tmp_path: Path) -> None:
    _, rows, found = read(written(tmp_path, "id,amount\n" + "".join("id,amount\n" if i == 50 else f"{i},{i}\n" for i in range(100))))

    assert len(rows) == 100
    assert accused(found["repeated_header"], 100) == [(50, "*")]


def test_titles_above_and_totals_below_are_seen(tmp_path: Path) -> None:
    text = "Report for June,,\n,,\nid,region,amount\n" + "".join(f"{i},N,{i}\n" for i in range(1, 30)) + "TOTAL,,435\n"

    columns, rows, found = read(written(tmp_path, text))

    assert columns == ("id", "region", "amount")
    assert rows[0] == ("1", "N", "1")
    assert "preamble" in found


def test_a_file_of_numbers_has_no_header_and_loses_no_row(tmp_path: Path) -> None:
    columns, rows, found = read(written(tmp_path, "".join(f"{i},{i * 2}\n" for i in range(50))))

    assert columns == ("column_1", "column_2")
    assert rows[0] == ("0", "0")
    assert "missing_header" in found


def test_numbered_names_of_a_data_frame_are_names(tmp_path: Path) -> None:
    columns, rows, found = read(written(tmp_path, "0,1,2\n" + "".join(f"{i},{i * 2},{i * 3}\n" for i in range(5, 50))))

    assert columns == ("0", "1", "2")
    assert rows[0] == ("5", "10", "15")
    assert found == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_ends_a_line(tmp_path: Path, end: str) -> None:
    _, rows, found = read(written(tmp_path, end.join(["id,a", "1,x", '2,"y\nz"', "3,w", ""])))

    assert rows == [("1", "x"), ("2", "y\nz"), ("3", "w")]
    assert ("mixed_newlines" in found) == (end == "\r"), "which many readers take for one line"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    text = "id,city\n" + "".join(f"{i},Zürich\n" for i in range(50))

    columns, rows, found = read(written(tmp_path, text.encode(encoding)))

    assert columns == ("id", "city")
    assert set(rows) == {(str(i), "Zürich") for i in range(50)}
    assert ("encoding" in found) == (encoding != "utf-8-sig")


def test_one_wrong_byte_is_named_and_the_rest_stays_utf8(tmp_path: Path) -> None:
    lines = [f"{i},Köln" for i in range(1000)]
    data = "\n".join(["id,city", *lines, ""]).encode()
    data = data.replace(b"700,K\xc3\xb6ln", b"700,K\xf6ln")

    _, rows, found = read(written(tmp_path, data))

    assert set(rows) == {(str(i), "Köln") for i in range(1000)}
    assert found["encoding"].evidence["wrong_bytes"] == 1
    assert found["encoding"].evidence["first_row"] == 700
    assert found["encoding"].evidence["first_byte"] == data.index(b"\xf6")


def test_nul_characters_are_kept_and_their_cells_accused(tmp_path: Path) -> None:
    _, rows, found = read(written(tmp_path, b"id,name\n1,ab\0cd\n2,x\n3,y\n"))

    assert rows[0] == ("1", "ab\0cd")
    assert accused(found["control_characters"], 3) == [(0, "name")]


def test_a_huge_value_is_read_and_named(tmp_path: Path) -> None:
    _, rows, found = read(written(tmp_path, "id,blob\n1,x\n2," + "A" * (4 << 20) + "\n3,y\n"))

    assert [len(row[1] or "") for row in rows] == [1, 4 << 20, 1]
    assert accused(found["oversized_value"], 3) == [(1, "blob")]


def test_names_are_made_unique_and_the_doubtful_ones_reported(tmp_path: Path) -> None:
    columns, rows, found = read(written(tmp_path, "id,amount,id,\n1,10,7,z\n2,20,8,z\n"))

    assert columns == ("id", "amount", "id_2", "column_4")
    assert rows[1] == ("2", "20", "8", "z")
    assert "bad_header" in found


def test_a_last_line_that_stops_in_a_number_is_noticed(tmp_path: Path) -> None:
    _, _, found = read(written(tmp_path, "id,amount\n" + "".join(f"{i},{i * 100}.25\n" for i in range(1, 50)) + "50,50"))

    assert found["truncated_batch"].examples[0].column == "amount"


def test_a_missing_final_line_end_alone_is_no_fault(tmp_path: Path) -> None:
    _, rows, found = read(written(tmp_path, "id,amount\n" + "\n".join(f"{i},{i * 100}.25" for i in range(1, 50))))

    assert (len(rows), found) == (49, {})


def test_backslash_escapes_are_understood_where_the_file_uses_them(tmp_path: Path) -> None:
    _, rows, _ = read(written(tmp_path, 'id,note\n1,"say \\"hi\\", he said"\n2,"plain"\n3,"a \\"b\\""\n'))

    assert rows == [("1", 'say "hi", he said'), ("2", "plain"), ("3", 'a "b"')]


def test_only_the_columns_asked_for_are_parsed(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "id,a,b\n1,x,y\n2,z,w\n"))

    frames = [piece.load() for piece in table.pieces(["b"])]

    assert frames[0].to_dict(as_series=False) == {"b": ["y", "w"]}


def test_a_second_pass_gives_the_same_rows_and_findings(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, 'id,a\n1,x\n2\n3,"q\n4,y\n' + "".join(f"{i},z\n" for i in range(5, 50))))

    passes = [([piece.load().rows() for piece in table.pieces()], table.findings()) for _ in range(2)]

    assert passes[0] == passes[1]


@pytest.mark.parametrize(("data", "words"), [(b"", "empty"), (b"\n\n\n", "blank lines"), (b"\0" * 9000, "NUL bytes")])
def test_nothing_is_an_error_that_says_what_to_do(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(written(tmp_path, data))

    assert words in str(caught.value)
    assert caught.value.place
    assert caught.value.next_step


def test_too_many_columns_are_an_error_and_not_a_frozen_machine(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded, match="columns"):
        read(written(tmp_path, ",".join(f"c{i}" for i in range(300)) + "\n" + ",".join(["1"] * 300) + "\n"), Limits(columns=200))


def test_many_broken_rows_cost_no_quadratic_time(tmp_path: Path) -> None:
    path = written(tmp_path, "id,size\n" + "".join(f'{i},{i % 9}" pipe\n' for i in range(60_000)))

    _, rows, found = read(path)

    assert len(rows) == 60_000
    assert rows[59_999] == ("59999", '5" pipe')
    assert found["broken_quotes"].rows == 60_000


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    path = written(tmp_path, "id,a\n1,x\n")
    table = open_table(path)
    list(table.pieces())

    assert table.facts().digest == "sha256:" + hashlib.sha256(b"id,a\n1,x\n").hexdigest()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_is_found_beside_decimal_commas_and_times(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "d.txt"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["day", "price", "city"])
        writer.writerows([f"2024-06-{i:02d} 12:30:00", f"{i},5", "New York, NY"] for i in range(1, 29))

    columns, rows, _ = read(str(path))

    assert columns == ("day", "price", "city")
    assert rows[0] == ("2024-06-01 12:30:00", "1,5", "New York, NY")


def test_an_error_names_the_file_as_the_user_named_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, b"\0" * 100, "x.csv")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError) as caught:
        open_table("x.csv")

    assert caught.value.file == "x.csv"
