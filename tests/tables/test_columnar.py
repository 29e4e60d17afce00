"""Parquet, Arrow, ORC, Avro: typed columns come back as they were written, damage is an error with a place."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable
from pathlib import Path

import fastavro
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from assayline.core import Finding
from assayline.errors import InputError, LimitExceeded, Unreadable
from assayline.tables import open_table, parquet
from assayline.tables.avro import smallest_size

TABLE = pa.table({"id": list(range(2000)), "v": [i * 1.5 for i in range(2000)], "s": [f"name{i}" if i % 7 else None for i in range(2000)]})


def read(path: Path, columns: list[str] | None = None) -> tuple[pl.DataFrame, dict[str, Finding]]:
    table = open_table(str(path))
    frames = []
    start = 0
    for piece in table.pieces(columns):
        frame = piece.load()
        assert (piece.start, piece.rows) == (start, frame.height)
        start += piece.rows
        frames.append(frame)
    assert table.facts().rows == start
    assert table.facts().digest.startswith("sha256:")
    found = {finding.code: finding for finding in table.findings()}
    table.close()
    return (pl.concat(frames) if frames else pl.DataFrame()), found


def write(path: Path, table: pa.Table) -> None:
    writers: dict[str, Callable[[pa.Table, str], None]] = {
        ".parquet": pq.write_table,
        ".feather": feather.write_feather,
        ".orc": orc.write_table,
    }
    writers[path.suffix](table, str(path))


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".orc"])
def test_what_is_written_comes_back(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"a{suffix}", TABLE)

    frame, found = read(tmp_path / f"a{suffix}")

    assert frame.equals(pl.DataFrame(TABLE))
    assert found == {}


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".orc"])
def test_only_the_columns_asked_for_are_read(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"a{suffix}", TABLE)

    frame, _ = read(tmp_path / f"a{suffix}", ["s"])

    assert frame.columns == ["s"]


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".orc"])
def test_half_a_file_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write(path, TABLE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(Unreadable) as caught:
        read(path)

    assert caught.value.place


def test_small_row_groups_are_put_together_and_large_ones_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "PIECE_ROWS", 300)
    pq.write_table(TABLE, tmp_path / "a.parquet", row_group_size=100)
    pq.write_table(TABLE, tmp_path / "b.parquet", row_group_size=2000)

    small, _ = read(tmp_path / "a.parquet")
    large, _ = read(tmp_path / "b.parquet")

    assert small.equals(pl.DataFrame(TABLE))
    assert large.equals(pl.DataFrame(TABLE))


def test_a_page_that_does_not_match_its_checksum_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(TABLE, path, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[4000] ^= 1
    path.write_bytes(data)

    with pytest.raises(Unreadable, match="checksum"):
        read(path)


def test_columns_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1, 2]), pa.array(["x", "y"])], names=["id", "id"]), tmp_path / "a.parquet")

    frame, found = read(tmp_path / "a.parquet")

    assert frame.to_dict(as_series=False) == {"id": [1, 2], "id_2": ["x", "y"]}
    assert "bad_header" in found


def test_years_that_nanoseconds_cannot_hold_stay_right(tmp_path: Path) -> None:
    times = pa.array([253402300799000000, -62135596800000000], pa.timestamp("us"))
    pq.write_table(pa.table({"t": times}), tmp_path / "a.parquet")

    frame, _ = read(tmp_path / "a.parquet")

    assert frame["t"].to_list() == [datetime.datetime(9999, 12, 31, 23, 59, 59), datetime.datetime(1, 1, 1)]


def test_nested_types_survive(tmp_path: Path) -> None:
    table = pa.table({"l": [[1, 2], None], "st": [{"x": 1, "y": "a"}, None]})
    pq.write_table(table, tmp_path / "a.parquet")

    frame, _ = read(tmp_path / "a.parquet")

    assert frame["l"].to_list() == [[1, 2], None]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PAR1PAR1", "too short"),
        (b"PAR1" + b"\0" * 64 + struct.pack("<I", 0x7FFFFFFF) + b"PAR1", "footer claims"),
        (b"PAR1" + b"\x1c" * 20000 + struct.pack("<I", 20000) + b"PAR1", "nests"),
        (b"PARE" + b"\0" * 100 + struct.pack("<I", 50) + b"PARE", "encrypted"),
        (b"PAR1" + bytes(range(1, 200)) + struct.pack("<I", 199) + b"PAR1", "footer cannot be read"),
    ],
)
def test_a_footer_that_cannot_be_is_an_error_before_a_parser_follows_it(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.parquet").write_bytes(data)

    with pytest.raises(Unreadable, match=words):
        read(tmp_path / "a.parquet")


def test_bytes_after_the_footer_are_an_error(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    with (tmp_path / "a.parquet").open("ab") as file:
        file.write(b"xyz")

    with pytest.raises(Unreadable, match="appended"):
        read(tmp_path / "a.parquet")


SCHEMA = {"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}, {"name": "s", "type": ["null", "string"]}]}


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_avro_comes_back(tmp_path: Path, codec: str) -> None:
    rows = [{"id": i, "s": f"n{i}" if i % 3 else None} for i in range(5000)]
    with (tmp_path / "a.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(SCHEMA), rows, codec=codec, sync_interval=1000)

    frame, found = read(tmp_path / "a.avro")

    assert frame.to_dicts() == rows
    assert found == {}


def test_avro_types_that_one_engine_does_not_know_are_read_by_the_other(tmp_path: Path) -> None:
    schema = {
        "type": "record",
        "name": "r",
        "fields": [
            {"name": "m", "type": {"type": "map", "values": "long"}},
            {"name": "u", "type": ["null", "long", "string"]},
        ],
    }
    with (tmp_path / "a.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), [{"m": {"a": 1}, "u": 1}, {"m": {"b": 2}, "u": "x"}])

    frame, _ = read(tmp_path / "a.avro")

    assert frame.height == 2
    assert frame["u"].to_list() == ["1", "x"]


def avro_bytes(tmp_path: Path, rows: int = 100) -> bytearray:
    with (tmp_path / "good.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(SCHEMA), [{"id": 1, "s": "x"}] * rows)
    return bytearray((tmp_path / "good.avro").read_bytes())


def test_an_avro_block_that_ends_with_another_marker_is_an_error(tmp_path: Path) -> None:
    data = avro_bytes(tmp_path)
    data[-1] ^= 1
    (tmp_path / "a.avro").write_bytes(data)

    with pytest.raises(Unreadable, match="sync marker"):
        read(tmp_path / "a.avro")


def test_an_avro_file_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(avro_bytes(tmp_path)[:-60])

    with pytest.raises(InputError, match=r"are left|cut off"):
        read(tmp_path / "a.avro")


def test_a_schema_that_contains_itself_is_refused() -> None:
    schema = {"type": "record", "name": "n", "fields": [{"name": "next", "type": ["null", "n"]}]}

    with pytest.raises(LimitExceeded, match="recursive"):
        smallest_size("a.avro", schema, {}, ())


def empty_lists(tmp_path: Path, items: int) -> Path:
    """One record whose list holds so many nulls, which take no byte in the file."""
    schema = {
        "type": "record",
        "name": "r",
        "fields": [
            {"name": "m", "type": {"type": "map", "values": "long"}},
            {"name": "a", "type": ["null", {"type": "array", "items": "null"}]},
        ],
    }
    with (tmp_path / "a.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), [{"m": {"x": 1}, "a": [None] * items}, {"m": {}, "a": None}])
    return tmp_path / "a.avro"


def test_an_avro_list_of_a_million_nothings_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded, match=r"1000001 items that take no byte"):
        read(empty_lists(tmp_path, 1_000_001))


def test_an_avro_list_of_a_few_nothings_is_read(tmp_path: Path) -> None:
    frame, _ = read(empty_lists(tmp_path, 3))

    assert frame.height == 2
