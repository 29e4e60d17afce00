"""The demonstration of a canary, as a user plays it: trained, scored, found out, taken back and put right by commands alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("lightgbm")
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_example_takes_the_bad_candidate_back_and_puts_its_rows_right(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, words in {"assay": "-m assayline ", "python": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (programs / name).chmod((programs / name).stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    done = subprocess.run(
        ["sh", str(ROOT / "examples/churn-canary/play.sh"), str(tmp_path / "played")], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "X ROLLED BACK  churn:v2 against churn:v1" in done.stdout
    assert "What was put right" in done.stdout
    standing = pl.read_parquet(tmp_path / "played/scores.parquet")
    shared = pl.read_parquet(tmp_path / "played/out/*.parquet")
    for rows in (standing, shared):
        assert Counter(rows["assay_version"].to_list()) == {"churn:v1": 3_150}
        assert rows["customer"].n_unique() == 3_150
    assert "undone here" in (tmp_path / "played/rollout.html").read_text(encoding="utf-8")
    assert (tmp_path / "played/rollout.svg").read_text(encoding="utf-8").startswith("<svg")
