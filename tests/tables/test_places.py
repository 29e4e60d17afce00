"""Where tables come from: links, folders, patterns, archives, compressed files, databases, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import sqlite3
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import zstandard

from assayline.core import Finding
from assayline.errors import ChangedWhileRead, InputError, LimitExceeded, MisuseError, NotFound, Refused, Unreadable
from assayline.tables import open_table

CSV = b"id,a\n1,x\n2,y\n"


def read(path: str | Path) -> tuple[pl.DataFrame, dict[str, Finding]]:
    table = open_table(str(path))
    frames = [piece.load() for piece in table.pieces()]
    assert table.facts().rows == sum(frame.height for frame in frames)
    found = {finding.code: finding for finding in table.findings()}
    table.close()
    return pl.concat(frames), found


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.compress}


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_text_is_read_through(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.csv.{suffix}").write_bytes(PACKERS[suffix](CSV))

    frame, found = read(tmp_path / f"a.csv.{suffix}")

    assert frame.rows() == [("1", "x"), ("2", "y")]
    assert found == {}


@pytest.mark.parametrize("suffix", PACKERS)
def test_several_members_are_one_text(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.csv.{suffix}").write_bytes(PACKERS[suffix](CSV) + PACKERS[suffix](b"3,z\n"))

    frame, _ = read(tmp_path / f"a.csv.{suffix}")

    assert frame["id"].to_list() == ["1", "2", "3"]


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_cut_in_half_is_refused(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](b"id,a\n" + os.urandom(5000).hex().encode() + b",x\n")
    (tmp_path / f"a.csv.{suffix}").write_bytes(packed[: len(packed) // 2])

    with pytest.raises(Unreadable, match=r"cut off|damaged"):
        read(tmp_path / f"a.csv.{suffix}")


def test_a_wrong_checksum_is_refused_although_all_rows_were_read(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(CSV * 500))
    packed[-6] ^= 1
    (tmp_path / "a.csv.gz").write_bytes(packed)

    with pytest.raises(Unreadable, match="checksum"):
        read(tmp_path / "a.csv.gz")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress])
def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path, pack: object) -> None:
    (tmp_path / "a.csv").write_bytes(pack(b"id\n" + b"0\n" * (40 << 20)))  # type: ignore[operator]  # one of three functions

    with pytest.raises(LimitExceeded, match="times as much"):
        read(tmp_path / "a.csv")


def test_bytes_decide_and_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(gzip.compress(CSV))
    (tmp_path / "b.parquet").write_bytes(CSV)

    assert "wrong_extension" in read(tmp_path / "a.csv")[1]
    assert "wrong_extension" in read(tmp_path / "b.parquet")[1]


def zipped(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_the_table_in_a_zip_is_read_and_papers_beside_it_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"data/a.csv": CSV, "README.md": b"hello", "__MACOSX/data/._a.csv": b"\0\0"}))

    assert read(tmp_path / "a.zip")[0].height == 2


def test_several_members_of_one_kind_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"b.csv": b"id,a\n3,z\n", "a.csv": CSV}))

    assert read(tmp_path / "a.zip")[0]["id"].to_list() == ["1", "2", "3"]


def test_parquet_inside_a_zip_is_unpacked_for_random_access(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pl.DataFrame({"id": [1, 2]}).write_parquet(buffer)
    (tmp_path / "a.zip").write_bytes(zipped({"a.parquet": buffer.getvalue()}))

    assert read(tmp_path / "a.zip")[0]["id"].to_list() == [1, 2]


@pytest.mark.parametrize("name", ["../a.csv", "/a.csv", "..\\a.csv", "C:/a.csv", "x/../../a.csv"])
def test_a_zip_whose_entry_leaves_its_folder_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"good.csv": CSV, name: CSV}))

    with pytest.raises(Refused, match="leaves the folder"):
        read(tmp_path / "a.zip")


def test_a_zip_in_a_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"b.zip": zipped({"a.csv": CSV})}))

    with pytest.raises(Refused, match="another archive"):
        read(tmp_path / "a.zip")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_is_read(tmp_path: Path, mode: str) -> None:
    name = tmp_path / ("a.tar" if mode == "w" else "a.tar.gz")
    with tarfile.open(name, mode) as archive:  # type: ignore[call-overload]  # typeshed wants the literals
        entry = tarfile.TarInfo("data/a.csv")
        entry.size = len(CSV)
        archive.addfile(entry, io.BytesIO(CSV))

    assert read(name)[0].height == 2


def test_a_tar_with_a_link_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        entry = tarfile.TarInfo("a.csv")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(entry)

    with pytest.raises(Refused, match="symbolic link"):
        read(tmp_path / "a.tar")


def test_a_link_is_followed_inside_its_folder_only(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_bytes(CSV)
    (tmp_path / "secret.csv").write_bytes(CSV)
    (tmp_path / "in" / "near.csv").symlink_to("a.csv")
    (tmp_path / "in" / "far.csv").symlink_to("../secret.csv")
    (tmp_path / "in" / "gone.csv").symlink_to("nowhere.csv")
    (tmp_path / "in" / "self.csv").symlink_to("self.csv")

    assert read(tmp_path / "in" / "near.csv")[0].height == 2
    with pytest.raises(Refused, match="out of its folder"):
        read(tmp_path / "in" / "far.csv")
    with pytest.raises(NotFound, match="points to nothing"):
        read(tmp_path / "in" / "gone.csv")
    with pytest.raises(Unreadable, match="loop"):
        read(tmp_path / "in" / "self.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")

    with pytest.raises(Refused, match="FIFO"):
        read(tmp_path / "a.csv")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc on this system")
def test_files_of_the_operating_system_are_refused() -> None:
    with pytest.raises(Refused, match="operating system"):
        read("/proc/self/status")


def test_a_name_with_pattern_characters_is_a_name_first(tmp_path: Path) -> None:
    (tmp_path / "a[1]*?.csv").write_bytes(CSV)

    assert read(tmp_path / "a[1]*?.csv")[0].height == 2


def test_a_pattern_reads_the_files_in_name_order(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"id,a\n3,z\n")
    (tmp_path / "a.csv").write_bytes(CSV)

    assert read(tmp_path / "*.csv")[0]["id"].to_list() == ["1", "2", "3"]


def test_partition_folders_become_columns(tmp_path: Path) -> None:
    for day in ("2024-06-01", "2024-06-02"):
        (tmp_path / f"day={day}").mkdir()
        pl.DataFrame({"id": [1, 2]}).write_parquet(tmp_path / f"day={day}" / "part-0.parquet")
    (tmp_path / "_SUCCESS").touch()

    frame, found = read(tmp_path)

    assert frame.rows() == [(1, "2024-06-01"), (2, "2024-06-01"), (1, "2024-06-02"), (2, "2024-06-02")]
    assert found == {}


def test_parts_that_disagree_are_named(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1], "a": [1]}).write_parquet(tmp_path / "part-0.parquet")
    pl.DataFrame({"id": [2], "a": ["x"]}).write_parquet(tmp_path / "part-1.parquet")

    frame, found = read(tmp_path)

    assert frame.rows() == [(1, "1"), (2, "x")]
    assert "part-1.parquet" in found["schema_conflict"].sentence


def test_rows_accused_in_a_later_part_are_counted_from_the_start_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    (tmp_path / "b.csv").write_bytes(b"id,a\n3,z\n4\n")

    _, found = read(tmp_path)

    assert found["ragged_rows"].examples[0].row == 3


def test_a_folder_of_different_tables_is_an_error_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,a\n1,x\n")
    (tmp_path / "b.csv").write_bytes(b"shop,town\n1,x\n")

    with pytest.raises(Unreadable, match="different tables"):
        read(tmp_path)


def test_a_folder_that_contains_itself_is_walked_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    (tmp_path / "up").symlink_to("..")

    assert read(tmp_path)[0].height == 2


def test_a_file_that_grows_while_it_is_read_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    table = open_table(str(path))

    with path.open("ab") as file:
        file.write(b"3,z\n")
    rows = sum(piece.load().height for piece in table.pieces())

    assert rows == 2
    assert "file_changed" in {finding.code for finding in table.findings()}


def test_a_file_that_is_overwritten_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    table = open_table(str(path))

    path.write_bytes(b"id,a\n")

    with pytest.raises(ChangedWhileRead):
        list(table.pieces())


def test_a_file_that_is_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    table = open_table(str(path))

    (tmp_path / "new").write_bytes(b"id,a\n9,new\n")
    (tmp_path / "new").rename(path)

    assert [row for piece in table.pieces() for row in piece.load().rows()] == [("1", "x"), ("2", "y")]


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("trap-sprang"),))


@pytest.mark.parametrize("name", ["m.pkl", "m.csv", "m.json", "m.parquet", "m"])
def test_a_pickle_is_refused_under_every_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(pickle.dumps(Trap()))

    with pytest.raises(Refused, match="pickle"):
        read(name)
    assert not Path("trap-sprang").exists()


def test_models_notebooks_and_programs_are_no_tables(tmp_path: Path) -> None:
    things = {
        "m.onnx": b"\x08\x08", "n.ipynb": b'{"cells": [], "nbformat": 4}', "requirements.txt": b"numpy==2\n", "p.py": b"a = 1\n",
        "t.zip": zipped({"archive/data.pkl": b"\x80\x02."}), "x.pmml": b'<?xml version="1.0"?><PMML/>', "y.csv": b"a: !!python/object/apply:os.system [ls]\n",
    }  # fmt: skip
    for name, data in things.items():
        (tmp_path / name).write_bytes(data)

        with pytest.raises(Refused):
            read(tmp_path / name)


def database(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE "order ""lines" (id INTEGER, price REAL, note TEXT)')
        connection.executemany(
            'INSERT INTO "order ""lines" VALUES (?, ?, ?)', [(i, i * 1.5, None if i == 3 else f"n{i}") for i in range(10)]
        )
    connection.close()
    return path


def test_a_table_of_a_database_is_read(tmp_path: Path) -> None:
    path = database(tmp_path / "shop.db")

    frame, found = read(f"sqlite:{path}?table=order%20%22lines")

    assert frame.schema == {"id": pl.Int64, "price": pl.Float64, "note": pl.String}
    assert frame["note"].to_list()[3] is None
    assert found == {}


def test_the_only_table_needs_no_name_and_a_query_is_a_table_too(tmp_path: Path) -> None:
    path = database(tmp_path / "shop.db")

    assert read(path)[0].height == 10
    assert read(f'sqlite:{path}?query=SELECT id FROM "order ""lines" WHERE id > 7')[0]["id"].to_list() == [8, 9]


def test_several_tables_without_a_name_are_listed(tmp_path: Path) -> None:
    path = database(tmp_path / "shop.db")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE b (x)")
    connection.close()

    with pytest.raises(NotFound, match="2 tables: b, order"):
        read(f"sqlite:{path}")


@pytest.mark.parametrize("query", ["DELETE FROM b", "ATTACH 'x' AS y", "SELECT 1; DROP TABLE b"])
def test_nothing_but_reading_is_run(tmp_path: Path, query: str) -> None:
    path = database(tmp_path / "shop.db")

    with pytest.raises((InputError, MisuseError)):
        read(f"sqlite:{path}?query={query}")
    assert read(path)[0].height == 10


def test_duckdb_reads_its_file_and_no_other(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT i AS id, 'n' || i AS s FROM range(1000) r(i)")
    (tmp_path / "other.csv").write_bytes(CSV)

    frame, _ = read(f"duckdb:{path}?table=t")

    assert frame.height == 1000
    with pytest.raises(InputError, match="disabled by configuration"):
        read(f"duckdb:{path}?query=SELECT * FROM read_csv('{tmp_path}/other.csv')")


@pytest.mark.skipif(os.name == "nt", reason="permissions differ")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    (tmp_path / "a.csv").chmod(stat.S_IWUSR)

    with pytest.raises(Unreadable, match="permission"):
        read(tmp_path / "a.csv")
