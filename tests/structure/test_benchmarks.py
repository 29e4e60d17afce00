"""The benchmarks measure what they say, before anything is measured with them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BALLAST = "ballast = bytearray(b'x' * 60_000_000); import time; time.sleep(0.3)"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that measures processes; the benchmarks are scripts in a folder, not a package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("process")
    sys.modules.pop("process", None)


def test_memory_of_children_counts(benchmark: ModuleType) -> None:
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BALLAST!r}])"

    alone = benchmark.cost([sys.executable, "-c", "pass"])
    with_child = benchmark.cost([sys.executable, "-c", inner])

    assert with_child.peak_bytes > alone.peak_bytes + 55_000_000


def test_memory_of_the_measuring_process_does_not_count(benchmark: ModuleType) -> None:
    ours = bytearray(b"x" * 200_000_000)

    small = benchmark.cost([sys.executable, "-c", "import time; time.sleep(0.1)"])

    assert len(ours) > small.peak_bytes > 1_000_000


def test_a_command_that_does_not_end_is_killed_with_its_children(benchmark: ModuleType) -> None:
    inner = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"

    killed = benchmark.cost([sys.executable, "-c", inner], seconds=0.5)

    assert killed.timed_out
    assert killed.wall_seconds < 10


def test_exit_code_and_output_come_back(benchmark: ModuleType) -> None:
    one = benchmark.cost([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"])

    assert (one.status, one.out, one.err) == (3, "out\n", "err\n")


def test_the_page_is_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    page = importlib.import_module("page")

    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run: make docs"
