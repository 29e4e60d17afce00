"""Files of the same bytes, among many."""

import os
from pathlib import Path

from assayline.tables.identical import identical


def test_only_files_of_the_very_same_bytes_are_identical(tmp_path: Path) -> None:
    for name, text in (("new", "a,b\n1,2\n"), ("same", "a,b\n1,2\n"), ("as_long", "a,b\n1,3\n"), ("longer", "a,b\n1,2\n3,4\n")):
        (tmp_path / name).write_text(text)

    found = identical(str(tmp_path / "new"), [str(tmp_path / name) for name in ("as_long", "same", "longer", "gone")])

    assert found == [str(tmp_path / "same")]


def test_a_difference_far_behind_the_first_block_is_seen(tmp_path: Path) -> None:
    long = b"x" * 300_000
    (tmp_path / "new").write_bytes(long)
    (tmp_path / "other").write_bytes(long[:-1] + b"y")

    assert identical(str(tmp_path / "new"), [str(tmp_path / "other")]) == []


def test_what_is_no_regular_file_is_identical_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a\n1\n")
    (tmp_path / "link").symlink_to(tmp_path / "new")
    os.mkfifo(tmp_path / "pipe")

    assert identical(str(tmp_path / "new"), [str(tmp_path / "link"), str(tmp_path / "pipe"), str(tmp_path)]) == []
    assert identical("memory://lots/new.csv", [str(tmp_path / "new")]) == []
