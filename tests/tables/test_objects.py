"""Objects in stores: read from front to back through fsspec, unpacked where a format needs more, watched for changes."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from assayline.errors import ChangedWhileRead, InputError, MissingExtra, NotFound, Refused, Unreadable
from assayline.tables import open_table

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'assayline[objects]'")

CSV = b"id,a\n1,x\n2,y\n"


@pytest.fixture
def store() -> Iterator[Any]:
    """A store with objects in memory: a real file system of fsspec."""
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def read(address: str) -> tuple[pl.DataFrame, Any]:
    table = open_table(address)
    try:
        frames = [piece.load() for piece in table.pieces()]
        return pl.concat(frames), table.facts()
    finally:
        table.close()


def parquet() -> bytes:
    held = io.BytesIO()
    pl.DataFrame({"id": [1, 2], "a": ["x", "y"]}).write_parquet(held)
    return held.getvalue()


def zipped() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("inner.csv", CSV)
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "rows"),
    [
        ("a.csv", CSV, [("1", "x"), ("2", "y")]), ("a.csv.gz", gzip.compress(CSV, mtime=0), [("1", "x"), ("2", "y")]),
        ("a.zip", zipped(), [("1", "x"), ("2", "y")]), ("a.parquet", parquet(), [(1, "x"), (2, "y")]),
        ("no name é %20?.jsonl", b'{"id": 1}\n{"id": 2}\n', [(1,), (2,)]),
    ],
)  # fmt: skip
def test_an_object_of_any_format_is_a_table(store: Any, name: str, data: bytes, rows: list[Any]) -> None:
    store.pipe(f"/bucket/{name}", data)

    frame, facts = read(f"memory://bucket/{name}")

    assert [tuple(row) for row in frame.rows()] == rows
    assert facts.rows == 2
    assert facts.bytes == len(data)
    assert facts.digest == "sha256:" + hashlib.sha256(data).hexdigest()


def test_an_object_of_many_blocks_is_read_whole(store: Any) -> None:
    lines = b"id,name\n" + b"".join(b"%d,name of %d\n" % (i, i) for i in range(600_000))
    store.pipe("/bucket/big.csv", lines)

    frame, facts = read("memory://bucket/big.csv")

    assert facts.rows == frame.height == 600_000
    assert frame["id"].to_list() == [str(i) for i in range(600_000)]


def test_what_is_not_there_or_no_object_is_an_error(store: Any) -> None:
    store.pipe("/bucket/a.csv", CSV)
    store.pipe("/bucket/empty.csv", b"")
    store.pipe("/bucket/model.pkl", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00.")

    with pytest.raises(NotFound, match=r"memory://bucket/none\.csv: there is no such object; check the address"):
        open_table("memory://bucket/none.csv")
    with pytest.raises(Unreadable, match="it is a folder of a store; name one object"):
        open_table("memory://bucket")
    with pytest.raises(Unreadable, match="empty"):
        open_table("memory://bucket/empty.csv")
    with pytest.raises(Refused):
        open_table("memory://bucket/model.pkl")


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(store: Any) -> None:
    store.pipe("/bucket/a.csv", CSV)
    table = open_table("memory://bucket/a.csv")
    store.pipe("/bucket/a.csv", CSV + b"3,z\n")

    with pytest.raises(ChangedWhileRead, match="replaced while it was read"):
        list(table.pieces())


def test_an_address_of_a_file_needs_no_store(tmp_path: Any) -> None:
    (tmp_path / "a b.csv").write_bytes(CSV)

    assert read(f"file://{tmp_path}/a%20b.csv")[0].height == 2


def test_a_store_whose_package_is_absent_is_an_error_with_the_way_to_install_it() -> None:
    with pytest.raises((MissingExtra, InputError), match=r"pip install 'assayline\[objects\]'|cannot be opened") as caught:
        open_table("hdfs://user:secret@127.0.0.1/a.csv")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "module", "extra"),
    [("s3://bucket/a.csv", "fsspec", "objects"), ("postgresql://host/db", "psycopg", "postgres"), ("duckdb:{here}", "duckdb", "duckdb")],
)
def test_without_an_extra_the_error_says_how_to_install_it(tmp_path: Any, address: str, module: str, extra: str) -> None:
    (tmp_path / "a.duckdb").write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 100)
    # A process of its own, in which this one package cannot be imported.
    code = f"""import sys; sys.modules[{module!r}] = None
from assayline.errors import MissingExtra
from assayline.tables import open_table
try: open_table({address.format(here=tmp_path / "a.duckdb")!r})
except MissingExtra as error: print(error)"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout.strip().endswith(f"needs the package {module!r}: pip install 'assayline[{extra}]'"), done.stderr
