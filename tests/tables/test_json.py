"""JSON: every key and every kind of value is accounted for, and nothing nests deeper than the limit."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from assayline.core import Finding
from assayline.errors import InputError, LimitExceeded
from assayline.tables import jsontext, open_table


def read(folder: Path, text: str | bytes, name: str = "a.jsonl") -> tuple[pl.DataFrame, dict[str, Finding]]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    table = open_table(str(path))
    frames = [piece.load() for piece in table.pieces()]
    found = {finding.code: finding for finding in table.findings()}
    table.close()
    return pl.concat(frames), found


def test_the_union_of_all_keys_becomes_the_columns(tmp_path: Path) -> None:
    frame, found = read(tmp_path, '{"id":1,"a":"x"}\n{"id":2,"b":true}\n')

    assert frame.rows() == [(1, "x", None), (2, None, True)]
    assert found == {}


def test_a_broken_line_is_put_aside_and_named(tmp_path: Path) -> None:
    frame, found = read(tmp_path, "".join(json.dumps({"id": i}) + "\n" for i in range(99)) + '{"id":99,"a')

    assert frame.height == 99
    assert found["syntax"].evidence["first_line"] == 100


def test_a_key_that_comes_twice_is_reported(tmp_path: Path) -> None:
    _, found = read(tmp_path, '{"id":1,"n":10,"n":-10}\n{"id":2,"n":5}\n')

    assert found["repeated_keys"].rows == 1


def test_integers_beyond_64_bits_stay_exact_as_text(tmp_path: Path) -> None:
    frame, found = read(tmp_path, '{"v":18446744073709551617}\n{"v":1}\n')

    assert frame["v"].to_list() == ["18446744073709551617", "1"]
    assert "number_overflow" in found


def test_mixed_types_become_text_and_a_finding(tmp_path: Path) -> None:
    frame, found = read(tmp_path, '{"v":1}\n{"v":"1"}\n{"v":[1]}\n{"v":null}\n{"v":true}\n')

    assert frame["v"].to_list() == ["1", "1", "[1]", None, "true"]
    assert "mixed_types" in found


def test_lists_and_objects_of_one_shape_stay_nested(tmp_path: Path) -> None:
    frame, found = read(tmp_path, '{"l":[1,2],"o":{"x":1}}\n{"l":[],"o":{"x":2,"y":"a"}}\n')

    assert frame.schema == {"l": pl.List(pl.Int64), "o": pl.Struct({"x": pl.Int64, "y": pl.String})}
    assert found == {}


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, '{"a":' * 20_000 + "1" + "}" * 20_000])
def test_deep_nesting_is_refused_before_a_parser_recurses(tmp_path: Path, text: str) -> None:
    with pytest.raises(LimitExceeded, match="nested deeper"):
        read(tmp_path, text, "deep.json")


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ([{"a": 1}, {"a": 2}], [(1,), (2,)]),
        ([[1, "x"], [2, "y"]], [(1, "x"), (2, "y")]),
        ({"a": [1, 2], "b": ["x", "y"]}, [(1, "x"), (2, "y")]),
        ({"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, "y"]]}, [(1, "x"), (2, "y")]),
        ({"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}, [(1, "x"), (2, "y")]),
        ({"meta": {"page": 1}, "items": [{"a": 1}, {"a": 2}]}, [(1,), (2,)]),
    ],
)
def test_every_usual_layout_of_a_document_is_a_table(tmp_path: Path, document: object, rows: list[tuple[object, ...]]) -> None:
    frame, _ = read(tmp_path, json.dumps(document), "a.json")

    assert frame.rows() == rows


def test_a_large_array_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "BLOCK_BYTES", 50)

    frame, found = read(tmp_path, json.dumps([{"id": i, "s": "é" * (i % 9)} for i in range(200)], ensure_ascii=False), "a.json")

    assert frame["id"].to_list() == list(range(200))
    assert frame["s"].to_list()[8] == "é" * 8
    assert found == {}


def test_a_file_too_large_to_keep_is_parsed_again_with_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "KEEP_BYTES", 1)
    monkeypatch.setattr(jsontext, "PIECE_ROWS", 7)

    frame, _ = read(tmp_path, "".join(json.dumps({"id": i}) + "\n" for i in range(50)))

    assert frame["id"].to_list() == list(range(50))


@pytest.mark.parametrize("text", ["42", "null", '"x"', "{}", "[{'id': 1}]", '[{"a":1}', '[{"a":1}] x', '[{"a":1},]'])
def test_what_is_no_table_is_an_error_with_a_next_step(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, "a.json")

    assert caught.value.next_step


def test_half_a_character_is_replaced_and_reported(tmp_path: Path) -> None:
    frame, found = read(tmp_path, '{"a":"\\ud800"}\n{"a":"ok"}\n')

    assert frame["a"].to_list() == ["?", "ok"]
    assert found["encoding"].rows == 1
