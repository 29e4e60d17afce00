"""No circles between the parts, type-only imports included, and a pure centre that opens nothing."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "assayline"
PURE = ("core", "measures", "detectors", "judgement", "rules", "lineage", "diagnosis", "explain")
# Builtins that touch the world outside the process.
OPENERS = {"open", "print", "input", "exec", "eval", "compile", "breakpoint"}


def modules(package: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Every module of a package, as its dotted name in pieces and its file."""
    for path in sorted(package.rglob("*.py")):
        pieces = path.relative_to(package).with_suffix("").parts
        yield (package.name, *(pieces[:-1] if pieces[-1] == "__init__" else pieces)), path


def imported(name: tuple[str, ...], path: Path) -> Iterator[str]:
    """The dotted names a module imports anywhere in its text: inside functions and under TYPE_CHECKING too."""
    package = name if path.stem == "__init__" else name[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*start, *((node.module,) if node.module else ())))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def graph_of_parts(package: Path) -> dict[str, set[str]]:
    """Which top-level part imports which; the facade (`__init__`) may import all and is left out."""
    parts = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    graph: dict[str, set[str]] = {}
    for name, path in modules(package):
        if len(name) == 1:
            continue
        mine = graph.setdefault(name[1], set())
        for target in imported(name, path):
            pieces = target.split(".")
            if pieces[0] == package.name and len(pieces) > 1 and pieces[1] in parts and pieces[1] != name[1]:
                mine.add(pieces[1])
    return graph


def test_no_two_parts_import_each_other_in_a_circle() -> None:
    graph = graph_of_parts(PACKAGE)

    tuple(TopologicalSorter(graph).static_order())  # raises and names the circle
    assert "core" in graph


def test_a_circle_made_of_a_type_only_import_is_seen(tmp_path: Path) -> None:
    for part, text in {
        "low": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..high import Thing\n",
        "high": "from tiny.low import other\n",
    }.items():
        (tmp_path / "tiny" / part).mkdir(parents=True)
        (tmp_path / "tiny" / part / "__init__.py").write_text(text)

    graph = graph_of_parts(tmp_path / "tiny")

    with pytest.raises(CycleError):
        tuple(TopologicalSorter(graph).static_order())


def test_no_module_imports_the_facade_it_stands_behind() -> None:
    public = {"scan", "Report", "Finding", "Verdict", "Cell", "AssaylineError"}
    culprits = [
        ".".join(name)
        for name, path in modules(PACKAGE)
        if len(name) > 1
        for target in imported(name, path)
        if target == "assayline" or (target.startswith("assayline.") and target.split(".")[1] in public)
    ]

    assert culprits == []


def test_the_vocabulary_imports_the_standard_library_only() -> None:
    foreign = {
        (".".join(name), target)
        for name, path in modules(PACKAGE)
        if name[1:2] in (("core",), ("errors",), ("hooks",))
        for target in imported(name, path)
        if target.split(".")[0] not in sys.stdlib_module_names
        if target.split(".")[:2] not in (["assayline", "core"], ["assayline", "errors"])
    }

    assert foreign == set()


@pytest.mark.parametrize("part", PURE)
def test_the_pure_centre_opens_prints_and_executes_nothing(part: str) -> None:
    calls = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.func.id}"
        for name, path in modules(PACKAGE)
        if name[1:2] == (part,)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OPENERS
    ]

    assert calls == []


def test_kinds_of_lots_are_told_apart_by_readers_and_makers_only() -> None:
    """`if lot.kind == "model"` in the gate or a page is how thirteen products grow into one coat."""
    kinds = {"table", "model", "code", "environment"}
    allowed = {"tables"}
    places = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for name, path in modules(PACKAGE)
        if name[1:2] and name[1] not in allowed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare | ast.Match) and _tells_kinds_apart(node, kinds)
    ]

    assert places == []


def test_a_kind_that_is_told_apart_is_seen() -> None:
    tree = ast.parse('if lot.kind == "model":\n    pass\n')

    assert any(_tells_kinds_apart(node, {"model"}) for node in ast.walk(tree) if isinstance(node, ast.Compare))


def _tells_kinds_apart(node: ast.AST, kinds: set[str]) -> bool:
    inside = list(ast.walk(node))
    asks = any(isinstance(one, ast.Attribute) and one.attr == "kind" for one in inside)
    return asks and any(isinstance(one, ast.Constant) and one.value in kinds for one in inside)
