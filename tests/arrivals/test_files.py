"""Files are taken once, when they are complete, in the order in which people count."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assayline.arrivals import Delivery, poll
from assayline.arrivals.delivery import Json
from assayline.arrivals.files import poll_files
from assayline.core import Source
from assayline.errors import InputError, MissingExtra, MisuseError, NotFound
from assayline.tables import open_table

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUICK = {"settle_seconds": 0.05}


def look(address: object, position: Mapping[str, Json] | None = None, **options: object) -> list[Delivery]:
    return list(poll(Source("rides", str(address), options={**QUICK, **options}), position, folder="unused", moment=NOW))


def names(deliveries: list[Delivery]) -> list[str]:
    return [delivery.facts["name"] for delivery in deliveries]


def test_new_files_come_in_natural_order_and_once(tmp_path: Path) -> None:
    for name in ("day10.csv", "day9.csv", "day1.csv"):
        (tmp_path / name).write_text("a\n1\n")

    first = look(tmp_path)
    second = look(tmp_path, first[-1].position)

    assert names(first) == ["day1.csv", "day9.csv", "day10.csv"]
    assert second == []


def test_the_position_of_each_delivery_has_only_what_was_given_so_far(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"a\n{name}\n")

    first = look(tmp_path)[0]

    assert names(look(tmp_path, first.position)) == ["b.csv"]


@pytest.mark.parametrize("name", [".hidden.csv", "a.csv.part", "a.csv.tmp", "_metadata", "a.csv.done", "a.csv~", "A.CSV.PART"])
def test_unfinished_files_and_markers_are_no_deliveries(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a\n1\n")

    assert look(tmp_path) == []


def test_a_file_that_grows_between_two_looks_waits(tmp_path: Path) -> None:
    growing, quiet = tmp_path / "growing.csv", tmp_path / "quiet.csv"
    growing.write_text("a\n1\n")
    quiet.write_text("a\n1\n")

    def write(seconds: float) -> None:
        assert seconds == 2.0
        growing.write_text("a\n1\n2\n")

    found = list(poll_files(Source("rides", str(tmp_path)), {}, NOW, write))

    assert names(found) == ["quiet.csv"]
    assert names(look(tmp_path, found[-1].position)) == ["growing.csv"]


def test_a_file_that_a_thread_writes_slowly_is_taken_whole_or_not_yet(tmp_path: Path) -> None:
    path, stop = tmp_path / "slow.csv", threading.Event()

    def write() -> None:
        with open(path, "w") as file:
            for number in range(40):
                file.write(f"{number}\n")
                file.flush()
                stop.wait(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    seen = [delivery.facts["bytes"] for _ in range(8) for delivery in look(tmp_path, settle_seconds=0.15)]
    writer.join()

    assert set(seen) <= {str(path.stat().st_size)}


def test_a_marker_makes_waiting_needless(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "a.csv.done").touch()

    found = list(poll_files(Source("rides", str(tmp_path)), {}, NOW, lambda _: pytest.fail("it waited")))

    assert names(found) == ["a.csv"]


def test_where_a_marker_is_demanded_a_file_without_one_waits(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.ok", "b.csv"):
        (tmp_path / name).write_text("a\n1\n")

    assert names(look(tmp_path, marker=".ok")) == ["a.csv"]


def test_a_changed_file_is_a_new_delivery_and_a_touched_one_is_not(tmp_path: Path) -> None:
    changed, touched = tmp_path / "changed.csv", tmp_path / "touched.csv"
    for path in (changed, touched):
        path.write_text("a\n1\n")
    position = look(tmp_path)[-1].position

    changed.write_text("a\n2\n")
    os.utime(changed, (1, 1))  # as a copy with its old times does
    os.utime(touched, (2e9, 2e9))
    found = look(tmp_path, position)

    assert names(found) == ["changed.csv"]
    assert "changed" in found[0].facts


def test_a_folder_of_parts_is_one_lot_once_it_says_success(tmp_path: Path) -> None:
    for day in ("day=1", "day=2"):
        (tmp_path / day).mkdir()
        for part in range(2):
            (tmp_path / day / f"part-{part}.csv").write_text("a\n1\n")
    (tmp_path / "day=1" / "_SUCCESS").touch()

    found = look(tmp_path)
    table = open_table(found[0].path)

    assert names(found) == ["day=1"]
    assert sum(piece.rows for piece in table.pieces()) == 2


def test_a_rewritten_folder_of_parts_is_delivered_again(tmp_path: Path) -> None:
    (tmp_path / "part-0.csv").write_text("a\n1\n")
    (tmp_path / "_SUCCESS").touch()
    first = look(tmp_path)

    (tmp_path / "part-1.csv").write_text("a\n2\n")

    assert len(first) == len(look(tmp_path, first[0].position)) == 1


def test_a_pattern_reaches_into_folders(tmp_path: Path) -> None:
    for name in ("x/a.csv", "x/a.json", "y/z/b.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")

    assert names(look(tmp_path / "**" / "*.csv")) == [os.path.join("x", "a.csv"), os.path.join("y", "z", "b.csv")]


def test_one_file_that_has_not_come_yet_is_no_error_and_a_missing_folder_is(tmp_path: Path) -> None:
    assert look(tmp_path / "later.csv") == []
    with pytest.raises(NotFound, match="mount what it is on"):
        look(tmp_path / "gone" / "later.csv")


@pytest.mark.parametrize("seconds", [0, 4_102_444_800, -86_400])
def test_strange_times_of_change_do_no_harm(seconds: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    os.utime(path, (seconds, seconds))

    first = look(tmp_path)

    assert names(first) == ["a.csv"]
    assert look(tmp_path, first[0].position) == []


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    first = look(tmp_path)
    (tmp_path / "a.csv").unlink()
    (tmp_path / "b.csv").write_text("a\n1\n")

    files = look(tmp_path, first[0].position)[0].position["files"]

    assert isinstance(files, dict)
    assert sorted(files) == ["b.csv"]


@pytest.mark.parametrize("options", [{"settle_seconds": "soon"}, {"settle_seconds": True}, {"marker": 3}])
def test_an_option_that_makes_no_sense_is_named(options: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")

    with pytest.raises(MisuseError, match=next(iter(options))):
        look(tmp_path, None, **options)


# -- objects in a store ------------------------------------------------------------------------------------------------


@pytest.fixture
def store() -> Any:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'assayline[objects]'")
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def test_objects_of_a_store_are_taken_once_and_can_be_opened(store: Any) -> None:
    store.pipe({"/in/day2.csv": b"a\n1\n", "/in/day10.csv": b"a\n1\n2\n", "/in/day3.csv.part": b"a\n"})

    first = look("memory://in")
    rows = [sum(piece.rows for piece in open_table(one.path).pieces()) for one in first]

    assert names(first) == ["day2.csv", "day10.csv"]
    assert rows == [1, 2]
    assert look("memory://in", first[-1].position) == []


def test_a_replaced_object_is_a_new_delivery(store: Any) -> None:
    store.pipe("/in/a.csv", b"a\n1\n")
    first = look("memory://in/*.csv")
    store.pipe("/in/a.csv", b"a\n2\n")

    assert names(look("memory://in/*.csv", first[0].position)) == ["a.csv"]


def test_objects_behind_a_pattern_may_be_marked(store: Any) -> None:
    store.pipe({"/in/a.csv": b"a\n1\n", "/in/a.csv.ok": b"", "/in/b.csv": b"a\n1\n"})

    assert names(look("memory://in", marker=".ok")) == ["a.csv"]


def test_a_store_that_cannot_be_listed_is_an_error_without_its_secrets() -> None:
    pytest.importorskip("fsspec")

    with pytest.raises((InputError, MissingExtra)) as error:
        look("nosuch://me:secret@host/in/*.csv")

    assert "secret" not in str(error.value)


def test_without_fsspec_the_extra_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['fsspec'] = None\nfrom datetime import datetime, UTC\nfrom assayline.arrivals import poll\nfrom assayline.core import Source\n"
        "try: list(poll(Source('a', 's3://b/c'), None, folder='.', moment=datetime.now(UTC)))\nexcept Exception as error: print(error)"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    assert "pip install 'assayline[objects]'" in said
