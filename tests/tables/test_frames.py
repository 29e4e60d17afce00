"""Tables in memory: whatever speaks Arrow, pandas, or is made of plain values."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from assayline.errors import MisuseError
from assayline.tables import frames, open_frame

WANTED: dict[str, Any] = {"id": [1, 2], "s": ["x", None]}


def read(obj: Any) -> pl.DataFrame:
    table = open_frame(obj)
    return pl.concat([piece.load() for piece in table.pieces()])


def codes(obj: Any) -> set[str]:
    return {finding.code for finding in open_frame(obj).findings()}


@pytest.mark.parametrize(
    "obj",
    [
        pl.DataFrame(WANTED), pl.LazyFrame(WANTED), pa.table(WANTED), pa.record_batch(WANTED), pa.table(WANTED).to_reader(), WANTED,
        [{"id": 1, "s": "x"}, {"id": 2}], {"id": np.array([1, 2]), "s": ["x", float("nan")]},
    ],
)  # fmt: skip
def test_every_kind_of_frame_is_a_table(obj: Any) -> None:
    assert read(obj).to_dict(as_series=False) == WANTED


def test_a_duckdb_relation_is_a_table() -> None:
    duckdb = pytest.importorskip("duckdb")

    assert read(duckdb.sql("SELECT i AS id, 'x' AS s FROM range(3) r(i)"))["id"].to_list() == [0, 1, 2]


def test_pandas_with_mixed_objects_twin_names_and_categories_does_not_raise() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({
        "i": [1, 2, 3], "f": [1.0, np.nan, 3.0], "mixed": [1, "a", None], "when": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
        "cat": pd.Categorical(["a", "b", None]), "big": pd.array([1, None, 3], dtype="Int64"), "deep": [[1], {"a": 1}, 2],
    })  # fmt: skip
    frame = pd.concat([frame, frame[["i"]]], axis=1)

    found = read(frame)

    assert found["f"].to_list() == [1.0, None, 3.0]
    assert found["mixed"].to_list() == ["1", "a", None]
    assert found["cat"].to_list() == ["a", "b", None]
    assert found["big"].to_list() == [1, None, 3]
    assert found["when"].to_list()[1] is None
    assert found.columns[-1] == "i_2"
    assert {"mixed_types", "bad_header"} <= codes(frame)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2.5], pl.Float64), ([True, None], pl.Boolean), ([1, "a"], pl.String), ([2**70, 1], pl.String), ([None, None], pl.String),
        ([datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1, 5)], pl.Datetime), ([decimal.Decimal("1.5"), None], pl.Decimal), ([object(), 1], pl.String),
    ],
)  # fmt: skip
def test_plain_values_get_the_type_that_holds_them_all(values: list[Any], dtype: Any) -> None:
    assert read({"v": values})["v"].dtype == dtype


def test_a_large_frame_comes_in_pieces_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PIECE_ROWS", 7)
    table = open_frame(pl.DataFrame({"i": range(50)}))

    pieces = list(table.pieces())

    assert len(pieces) > 5
    assert [row for piece in pieces for row in piece.load()["i"]] == list(range(50))


def test_arrow_extension_types_are_read_as_what_they_are_stored_as() -> None:
    column = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)], pa.binary(16)))

    assert read(pa.table({"u": column})).height == 1


def test_dictionary_columns_are_text() -> None:
    assert read(pa.table({"d": pa.array(["a", "b", "a"]).dictionary_encode()}))["d"].dtype == pl.String


@pytest.mark.parametrize("obj", [42, "a.csv", object(), {"a": 1}, {"a": [1], "b": [1, 2]}, [1, 2]])
def test_what_is_no_table_is_a_misuse(obj: Any) -> None:
    with pytest.raises(MisuseError):
        open_frame(obj)
