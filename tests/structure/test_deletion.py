"""The deletion test: a part whose folder is deleted takes nothing with it but its own tests.

No linter sees a name in a string, a list of module names or an import inside a function that always runs. So each
part that nothing below may need is really deleted, in a copy, and the other parts' tests are run there.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "assayline"
# From the top of the tower downwards: what stands below or beside a part may not need it.
LAYERS = (
    ("cli", "report"), ("line",), ("certificate",), ("scanning", "ledger", "notices", "arrivals", "environments", "serving", "diagnosis", "explain"),
    ("judgement", "rules", "lineage", "training", "trials", "exports", "rollout"),
    ("artefacts",), ("framing",), ("detectors", "tables"),
    ("measures",), ("core",),
)  # fmt: skip
PARTS = [(part, layer, height) for height, layer in enumerate(LAYERS[:-1]) for part in layer]
# A detector is a file with a class that has `codes`; the other files of the folder are what detectors are made of.
DETECTORS = sorted(path.name for path in (PACKAGE / "detectors").glob("*.py") if "\n    codes = " in path.read_text(encoding="utf-8"))
A_FEW = DETECTORS[:: max(1, len(DETECTORS) // 3)]


IMPORT_ALL = """
import importlib, pathlib, sys
import assayline
root = pathlib.Path(assayline.__file__).parent
for part in sys.argv[1:]:
    for path in sorted((root / part).rglob("*.py")):
        importlib.import_module(".".join(("assayline", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__"))
"""


def without(what: str, folder: Path, *, tests: bool = True) -> Path:
    """A copy of the repository in which `what` (a path below the package) does not exist."""
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info", "structure", "docs", "examples")
    for name in ("src", "tests") if tests else ("src",):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", folder)
    target = folder / "src" / "assayline" / what
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    return folder


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in a process of its own that sees only this copy."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    # Coverage of a copy is nobody's coverage.
    environment = {name: value for name, value in environment.items() if not name.startswith(("COV_", "COVERAGE_", "PYTEST_"))}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def outcome_of(folder: Path, parts: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    """The fast tests of some parts in this copy."""
    chosen = [f"tests/{part}" for part in parts if (folder / "tests" / part).is_dir()]
    settings = ("-o", "addopts=-q --import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow")
    return python(folder, "-m", "pytest", *chosen, *settings, "-x", *more)


def staying(layer: tuple[str, ...], height: int, gone: str) -> list[str]:
    """The parts beside and below one."""
    return [part for part in layer if part != gone] + [part for lower in LAYERS[height + 1 :] for part in lower]


def test_a_copy_is_tested_and_not_the_installed_package(tmp_path: Path) -> None:
    folder = without("report", tmp_path)

    asked = python(folder, "-c", "import assayline; print(assayline.__file__); import assayline.report")

    assert asked.stdout.startswith(str(folder))
    assert "No module named 'assayline.report'" in asked.stderr


@pytest.mark.parametrize(("gone", "layer", "height"), PARTS, ids=[part for part, _, _ in PARTS])
def test_with_a_part_deleted_all_parts_beside_and_below_can_be_imported(gone: str, layer: tuple[str, ...], height: int, tmp_path: Path) -> None:
    """That the tests of the others pass takes an hour for all parts; the sweep below runs them."""
    imported = python(without(gone, tmp_path, tests=False), "-c", IMPORT_ALL, *staying(layer, height, gone))

    assert imported.returncode == 0, imported.stderr[-2000:]


@pytest.mark.parametrize(("part", "layer", "height"), PARTS, ids=[part for part, _, _ in PARTS])
def test_the_tests_of_a_part_are_loaded_without_the_parts_beside_and_above_it(part: str, layer: tuple[str, ...], height: int) -> None:
    """Whoever needs another part says so with `pytest.importorskip`, or imports it inside of a test."""
    gone = {one for above in LAYERS[:height] for one in above} | set(layer) - {part}
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted((ROOT / "tests" / part).rglob("*.py"))
        for line, name in imported_at_once(ast.parse(path.read_text(encoding="utf-8")))
        if name in gone
    ]

    assert found == []


def imported_at_once(tree: ast.Module) -> list[tuple[int, str]]:
    """The parts that a module of tests imports when it is loaded, and not only where they are there."""
    guarded = {
        str(node.args[0].value).split(".")[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "importorskip"
        and node.args and isinstance(node.args[0], ast.Constant) and str(node.args[0].value).startswith("assayline.")
    }  # fmt: skip
    found = []
    for node in tree.body:
        names = []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{one.name}" for one in node.names]
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        found += [(node.lineno, name.split(".")[1]) for name in names if name.startswith("assayline.")]
    return [(line, name) for line, name in found if name not in guarded]


def test_an_import_of_a_part_above_is_seen_and_one_that_is_guarded_is_not() -> None:
    tree = ast.parse("import pytest\nfrom assayline.cli import main\nfrom assayline import report\nassert pytest.importorskip('assayline.report')\n")

    assert imported_at_once(tree) == [(2, "cli")]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("gone", "layer", "height"), PARTS, ids=[part for part, _, _ in PARTS])
def test_with_a_part_deleted_the_tests_of_all_parts_beside_and_below_pass(
    gone: str, layer: tuple[str, ...], height: int, tmp_path: Path
) -> None:
    folder = without(gone, tmp_path)

    run = outcome_of(folder, staying(layer, height, gone))

    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]


@pytest.mark.parametrize("detector", A_FEW)
def test_a_deleted_detector_takes_its_own_codes_with_it_and_nothing_else(detector: str, tmp_path: Path) -> None:
    ask = "from assayline.detectors import installed; print('\\n'.join(sorted({type(d).__module__ for d in installed()})))"
    whole = python(ROOT, "-c", ask).stdout.split()

    rest = python(without(f"detectors/{detector}", tmp_path), "-c", ask)

    assert rest.stdout.split() == [name for name in whole if name != f"assayline.detectors.{Path(detector).stem}"], rest.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("detector", DETECTORS)
def test_with_a_detector_deleted_the_tests_of_all_others_pass(detector: str, tmp_path: Path) -> None:
    folder = without(f"detectors/{detector}", tmp_path)

    run = outcome_of(folder, ["detectors"], f"--ignore=tests/detectors/test_{detector}")

    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
