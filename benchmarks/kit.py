"""Where the benchmark data is, where what is built of it is kept, and what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Missing(Exception):
    """Something a benchmark needs is not there; the message says what to do."""


def kit() -> Path:
    """The folder of the benchmark kit, which is no part of this repository: its data sets have licences of their own."""
    folder = Path(os.environ.get("ASSAY_BENCH", ROOT.parent / "shared" / "bench"))
    if not (folder / "score_cells.py").exists():
        raise Missing(f"there is no benchmark kit in {folder}: set ASSAY_BENCH to the folder that holds score_cells.py")
    return folder.resolve()


def cache() -> Path:
    """The folder for what is built once: suites, corpora, tables for speed, environments of other tools."""
    base = os.environ.get("ASSAY_BENCH_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "assayline-bench"
    folder = Path(base)
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def assay() -> list[str]:
    """The command line of the version under test: the `assay` of this Python, or the module where it is not installed."""
    program = Path(sys.executable).parent / "assay"
    if program.exists() and "PYTHONPATH" not in os.environ:
        return [str(program)]
    return [sys.executable, "-m", "assayline"]


def built(name: str, command: list[str], *, in_folder: Path, makes: str) -> Path:
    """A folder of the cache, built by a command on first use (`{out}` in the command is its place).

    Args:
        makes: a file that must exist in the folder afterwards.
    """
    folder = cache() / name
    if (folder / makes).exists():
        return folder.resolve()
    unfinished = cache() / f"{name}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    print(f"building {name} in {folder} (once)", file=sys.stderr, flush=True)
    filled = [piece.replace("{out}", str(unfinished)) for piece in command]
    done = subprocess.run(filled, cwd=in_folder, env=os.environ | {"PY": sys.executable}, check=False, stdout=subprocess.DEVNULL)
    if done.returncode or not (unfinished / makes).exists():
        raise Missing(f"{' '.join(filled)} failed with exit code {done.returncode}")
    unfinished.rename(folder)
    return folder.resolve()
