"""Code of another time as a folder: the recorded texts, what they need besides, and no way back into the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from assayline.line.why.code_folders import CodeFolders, files_of

LINE = 'import pack.deep.tool\nfrom helpers import scale\nfrom . import near\nRATES = "rates.csv"\n\n\ndef hourly(rides):\n    return rides\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "bikes"
    for name, text in {
        "line.py": "now", "helpers.py": "import unused_elsewhere\nNOW = 1", "near.py": "", "pack/__init__.py": "", "pack/deep/__init__.py": "", "pack/deep/tool.py": "OPEN = 'table.bin'",
        "pack/deep/table.bin": "bytes", "rates.csv": "a,b", "secret.txt": "nobody asks for it",
    }.items():  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_folder_has_the_recorded_texts_and_copies_of_what_they_need(root: Path, tmp_path: Path) -> None:
    files = files_of({"line.py": LINE}, {"helpers.py": "THEN = 1"}, str(root))

    folder = Path(CodeFolders(str(tmp_path)).folder(files))

    assert (folder / "line.py").read_text() == LINE
    assert (folder / "helpers.py").read_text() == "THEN = 1"  # as another step recorded it, not as it is now
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["helpers.py", "line.py", "near.py", "pack/__init__.py", "pack/deep/__init__.py", "pack/deep/table.bin", "pack/deep/tool.py", "rates.csv"]
    assert not any(path.is_symlink() or path.stat().st_nlink > 1 for path in folder.rglob("*") if path.is_file())


def test_a_file_that_is_no_text_comes_from_the_project(root: Path) -> None:
    files = files_of({"line.py": LINE, "rates.csv": "\ufffd\ufffd"}, {}, str(root))

    assert "rates.csv" not in files.texts
    assert files.copied["rates.csv"] == str(root / "rates.csv")


def test_a_working_folder_is_fresh_each_time_and_has_the_data(root: Path, tmp_path: Path) -> None:
    folders, files = CodeFolders(str(tmp_path)), files_of({"line.py": LINE}, {}, str(root))
    working = Path(folders.working(files))
    (working / "left.txt").write_text("by a step")
    (working / "rates.csv").write_text("spoiled")

    again = Path(folders.working(files))

    assert not (again / "left.txt").exists()
    assert (again / "rates.csv").read_text() == (root / "rates.csv").read_text() == "a,b"


def test_the_file_that_defines_a_step_is_found_without_the_line(root: Path) -> None:
    alone = files_of({"steps.py": "def daily(hourly):\n    return hourly\n", "helpers.py": "def other(): pass"}, {}, str(root))
    whole = files_of({"line.py": LINE, "helpers.py": ""}, {}, str(root))

    assert alone.defines("daily", "line.py") == ("steps.py", False)
    assert whole.defines("hourly", "line.py") == ("line.py", True)
    assert alone.defines("weekly", "line.py") == ("", False)
    assert alone.key() != whole.key()
