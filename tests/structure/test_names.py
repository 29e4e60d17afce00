"""Names that say what a thing is, and nothing in the repository that belongs to one machine."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import assayline

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "assayline"
MODULES = sorted(PACKAGE.rglob("*.py"))
# If a module's name would be one of these, the thing it holds has not been found yet.
NAMELESS = {"utils", "util", "common", "base", "manager", "managers", "helper", "helpers", "context", "misc", "core_utils"}
# Paths of somebody's machine and hosts of a package index, in two pieces so that this file does not contain them.
FOREIGN = tuple(
    one + two
    for one, two in [
        ("/wo", "rk/"), ("/tmp/", "w/"), ("/tmp/", "wt/"), ("/opt/", "pypi"), ("/ro", "ot/"), ("pypi", ".org"),
        ("python", "hosted.org"), ("--index", "-url http"), ("TO", "DO"), ("FIX", "ME"),
    ]
)
BINARY = {".parquet", ".avro", ".arrow", ".feather", ".xlsx", ".ods", ".gz", ".zst", ".zip", ".bz2", ".xz", ".db", ".png", ".ico"}


def tracked() -> list[Path]:
    """The files git knows; in an unpacked source archive, all files that are not made by a tool."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        made = {".venv", ".git", "__pycache__", "demo", "build", "dist", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
        names = [path for path in ROOT.rglob("*") if not made & set(path.relative_to(ROOT).parts) and "egg-info" not in str(path)]
    return [path for path in names if path.is_file()]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_opens_with_a_sentence_that_says_what_it_is_for(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    assert doc, f"{path} has no docstring"
    first = doc.split("\n\n")[0].replace("\n", " ").strip()
    assert first.endswith((".", ":", "?")), f"the first sentence of {path} does not end: {first!r}"
    assert len(first.split()) >= 3


def test_no_module_or_folder_has_a_name_that_says_nothing() -> None:
    names = {path: (path.parent.name if path.stem == "__init__" else path.stem).strip("_") for path in MODULES}

    assert [path for path, name in names.items() if name in NAMELESS] == []


def test_no_tracked_file_holds_a_path_of_a_machine_or_an_index_host() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        if path.suffix not in BINARY and path != Path(__file__)
        for word in FOREIGN
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]

    assert found == []


def test_the_facade_is_small_sorted_and_whole() -> None:
    assert len(assayline.__all__) <= 25
    assert list(assayline.__all__) == sorted(assayline.__all__)
    assert all(getattr(assayline, name) is not None for name in assayline.__all__)


def test_importing_the_facade_loads_no_part() -> None:
    asked = subprocess.run(
        [sys.executable, "-c", "import assayline, sys; print([m for m in sys.modules if m.startswith('assayline.')])"],
        capture_output=True, text=True, check=True,
    )

    assert asked.stdout.strip() == "['assayline._version']"


def test_every_suppressed_type_error_carries_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "# type: " + "ignore" in line and "  # " not in line.split("# type: " + "ignore", 1)[1]
    ]

    assert bare == []
