"""Parents of a lot: found references, unknown keys with their rows, the same by command line and in memory."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assayline
from assayline.errors import InputError, MisuseError


def customers(rows: int = 300) -> pl.DataFrame:
    return pl.DataFrame({"customer": [f"C{7919 * n % 100_003:06}" for n in range(1, rows + 1)], "city": ["Lyon", "Bonn"] * (rows // 2)})


def orders(rows: int = 200, seed: int = 1) -> pl.DataFrame:
    drawn = customers()["customer"].sample(rows, with_replacement=True, seed=seed)
    return pl.DataFrame({"order": [10 * n + seed for n in range(rows)], "buyer": drawn, "amount": [round(3 + n % 17 / 7, 2) for n in range(rows)]})


def broken(frame: pl.DataFrame) -> pl.DataFrame:
    wrong = {5: frame["buyer"][5][:-1] + "x", 60: "Z99999", 61: frame["buyer"][61] + " "}
    return frame.with_columns(buyer=pl.Series([wrong.get(row, value) for row, value in enumerate(frame["buyer"])]))


def unknown(report: Any) -> list[Any]:
    return [finding for finding in report.findings if finding.code == "fk_break"]


def test_unknown_keys_are_found_with_their_rows_and_the_key_that_was_meant() -> None:
    good = orders()

    report = assayline.scan(broken(good), parents=[("customers", customers())])

    (finding,) = unknown(report)
    assert (finding.columns, finding.rows) == (("buyer",), 3)
    assert report.input.details["references"] == "buyer -> customers.customer"
    cells = {row["row"]: row["suggestion"] for row in report.cells().filter(pl.col("code") == "fk_break").to_dicts()}
    assert set(cells) == {5, 60, 61}
    assert cells[61] == good["buyer"][61]


def test_a_lot_whose_keys_are_all_known_is_not_accused() -> None:
    report = assayline.scan(orders(), parents=customers())

    assert unknown(report) == []
    assert report.input.details["references"] == "buyer -> parent 1.customer"


def test_a_key_the_past_had_is_not_unknown() -> None:
    parent = customers().filter(pl.col("customer") != orders()["buyer"][0])
    past = [orders(seed=seed).with_columns(buyer=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(orders()["buyer"][0])).otherwise("buyer")) for seed in (2, 3, 4)]

    assert unknown(assayline.scan(orders(), past=past, parents=parent)) == []
    assert len(unknown(assayline.scan(orders(), parents=parent))) == 1


def test_keys_of_large_lots_are_found_beyond_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = pl.DataFrame({"item": [f"I{7919 * n % 1_000_003:07}" for n in range(20_000)]})
    lot = pl.DataFrame({"line": range(150_000), "item": parent["item"].sample(150_000, with_replacement=True, seed=2)})
    lot = lot.with_columns(item=pl.when(pl.col("line") % 5_000 == 77).then(pl.lit("I-unknown")).otherwise("item"))

    (finding,) = unknown(assayline.scan(lot, parents=[("items", parent)]))

    assert finding.rows == 30


def test_the_command_line_says_the_same_and_names_the_cells(tmp_path: Path) -> None:
    broken(orders()).write_csv(tmp_path / "orders.csv")
    customers().write_parquet(tmp_path / "customers.parquet")
    command = [sys.executable, "-m", "assayline", "scan", str(tmp_path / "orders.csv"), "--parent", str(tmp_path / "customers.parquet")]

    run = subprocess.run([*command, "--json", "--cells", str(tmp_path / "bad.csv")], capture_output=True, text=True, check=False)

    document = json.loads(run.stdout)
    assert run.returncode == 1
    assert document["input"]["details"]["references"] == "buyer -> customers.parquet.customer"
    with (tmp_path / "bad.csv").open(newline="") as file:
        assert [row["row"] for row in csv.DictReader(file) if row["code"] == "fk_break"] == ["5", "60", "61"]
    report = assayline.scan(tmp_path / "orders.csv", parents=tmp_path / "customers.parquet")
    assert [finding.sentence for finding in unknown(report)] == [one["sentence"] for one in document["findings"] if one["code"] == "fk_break"]


def test_a_parent_that_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    orders().write_csv(tmp_path / "orders.csv")
    (tmp_path / "empty.csv").write_bytes(b"")

    with pytest.raises(InputError, match=r"empty\.csv.*0 bytes"):
        assayline.scan(tmp_path / "orders.csv", parents=[tmp_path / "empty.csv"])
    with pytest.raises(MisuseError, match="parents of a file"):
        assayline.scan(tmp_path / "orders.csv", parents=[customers()])
