"""The identity of a step's code: it changes with what the step does, and with nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assayline.line.code_identity import Code, code_of
from assayline.line.definition import load_line

FILES = {
    "line.py": '''
"""A line."""
import polars as pl
import assayline
import helpers
from helpers import clean, LIMIT as MOST
from deep.inner import inner

line = assayline.Line("shop")
FACTOR = 3
OTHER = 4
MAPPING = {"a": 1}
MAPPING["b"] = 2

@line.step
def sales(orders):
    """Documented."""
    # a comment
    return clean(orders).head(MOST * FACTOR + MAPPING["a"])

@line.step
def other(orders):
    return inner(helpers.scaled(orders), "names.csv")
''',
    "helpers.py": '''
import numpy as np
LIMIT = 10
def clean(frame):
    return kept(frame)
def kept(frame):
    return frame
def scaled(frame):
    return frame
def unused(frame):
    return np.zeros(1)
''',
    "deep/__init__.py": "",
    "deep/inner.py": "from .more import more\n\ndef inner(frame, names):\n    return more(frame)\n",
    "deep/more.py": "def more(frame):\n    return frame\n",
    "names.csv": "a,b\n1,2\n",
}  # fmt: skip


@pytest.fixture
def codes(tmp_path: Path) -> Callable[[dict[str, tuple[str, str]]], dict[str, Code]]:
    """The codes of both steps after some words of some files were changed."""

    def changed(changes: dict[str, tuple[str, str]]) -> dict[str, Code]:
        for name, text in FILES.items():
            old, new = changes.get(name, ("", ""))
            assert old in text
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text.replace(old, new) if old else text)
        for module in [one for one in sys.modules if one.partition(".")[0] in ("helpers", "deep")]:
            del sys.modules[module]
        importlib.invalidate_caches()
        line = load_line(str(tmp_path))
        sys.path.remove(str(tmp_path))
        return {name: code_of(step.function, str(tmp_path)) for name, step in line.steps.items() if step.function is not None}

    return changed


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("line.py", "# a comment", "# another one\n", set()),
        ("line.py", '"""Documented."""', '"""Documented better."""', set()),
        ("line.py", "FACTOR = 3", "FACTOR = 4", {"sales"}),
        ("line.py", "OTHER = 4", "OTHER = 5", set()),
        ("line.py", "FACTOR = 3", "FACTOR = 3\nline.source('more', 'more.csv')", set()),
        ("line.py", 'MAPPING["b"] = 2', 'MAPPING["b"] = 3', {"sales"}),
        ("line.py", "return clean(orders)", "return clean(orders).tail(5)", {"sales"}),
        ("helpers.py", "LIMIT = 10", "LIMIT = 11", {"sales"}),
        ("helpers.py", "def kept(frame):\n    return frame", "def kept(frame):\n    return frame.head(1)", {"sales"}),
        ("helpers.py", "def scaled(frame):\n    return frame", "def scaled(frame):\n    return frame * 2", {"other"}),
        ("helpers.py", "np.zeros(1)", "np.zeros(2)", set()),
        ("deep/more.py", "return frame", "return frame.head(1)", {"other"}),
        ("names.csv", "1,2", "1,3", {"other"}),
    ],
)
def test_a_change_counts_for_exactly_the_steps_that_use_it(
    codes: Callable[[dict[str, tuple[str, str]]], dict[str, Code]], file: str, old: str, new: str, changed: set[str]
) -> None:
    before = codes({})

    after = codes({file: (old, new)})

    assert {name for name in before if before[name].digest != after[name].digest} == changed


def test_packages_are_named_only_where_they_are_used(codes: Callable[[dict[str, tuple[str, str]]], dict[str, Code]]) -> None:
    found = codes({})

    assert found["sales"].modules == {"polars", "pyarrow"}
    assert "helpers.py: kept" in found["sales"].parts
    assert not any("unused" in part for part in found["sales"].parts)
