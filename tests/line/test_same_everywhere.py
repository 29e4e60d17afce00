"""The same lots give the same verdicts and the same bytes, whatever the time zone, the language, the seed and the number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.ledger import records
from assayline.line.project import create_project, open_project

ROOT = Path(__file__).parents[2]
SURROUNDINGS = {
    "plain": {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "ASSAY_THREADS": "1", "POLARS_MAX_THREADS": "1"},
    "one": {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1", "ASSAY_THREADS": "2", "POLARS_MAX_THREADS": "2"},
    "other": {"TZ": "America/St_Johns", "LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "4711", "ASSAY_THREADS": "7", "POLARS_MAX_THREADS": "3"},
}


def lots(folder: Path) -> list[str]:
    """Text with times, decimals and broken letters, in CSV; two row groups of numbers in Parquet."""
    for number in range(3):
        cities = [("Malmö", "Århus", "ışık", "Köln")[one * 7 % 4] for one in range(400)]
        times = [f"2026-03-{28 + one // 200:02} {one % 24:02}:{one % 60:02}:00" for one in range(400)]
        frame = pl.DataFrame(
            {"order": range(number * 1000, number * 1000 + 400), "city": ["KÃ¶ln"] * (5 * (number == 1)) + cities[5 * (number == 1) :], "at": times,
             "amount": [round(20 + (one * 7919 + number) % 9973 / 100, 2) for one in range(400)]}
        )  # fmt: skip
        frame.write_csv(folder / f"{number}.csv")
        frame.with_columns(pl.col("amount") * 2).write_parquet(folder / f"{number}.parquet", row_group_size=100)
    return [str(folder / f"{number}.{kind}") for number in range(3) for kind in ("csv", "parquet")]


def outcome(folder: Path, inputs: list[str], surroundings: dict[str, str]) -> list[Any]:
    create_project(str(folder)).ledger.close()
    done = subprocess.run(
        [sys.executable, "-m", "assayline", "gate", "sales", *inputs, "--project", str(folder), "--json"], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | surroundings,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    with open_project(str(folder)) as project, project.ledger.read() as connection:
        kept = [
            (lot.digest, lot.verdict, lot.rows, lot.findings, lot.figures, lot.codes, {kind: name for kind, name in lot.objects.items() if kind != "report"})
            for lot in records.lots(connection)
        ]
        cases = [tuple(row) for row in records.cases(connection)]
    return [[(one["verdict"], one["rows"], one["findings"]) for one in said], kept, cases]


@pytest.mark.parametrize("name", ["one", "other"])
def test_a_verdict_does_not_depend_on_where_it_is_made(tmp_path: Path, name: str) -> None:
    inputs = lots(tmp_path)

    plain = outcome(tmp_path / "plain", inputs, SURROUNDINGS["plain"])
    other = outcome(tmp_path / "other", inputs, SURROUNDINGS[name])

    assert [one[0] for one in plain[0]].count("split") == 2
    assert other == plain
