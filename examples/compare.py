"""Compares what `assay scan` found with what was hidden: `python examples/compare.py REPORT.json BAD.csv TRUTH.csv`."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path


def compared(report: Path, bad: Path, truth: Path) -> list[tuple[str, str, int, int, str]]:
    """For each hidden fault: its name, its column, cells hidden, cells accused, and the findings that speak of the column."""
    findings = [one for one in json.loads(report.read_text(encoding="utf-8"))["findings"] if one["severity"] >= 0.3]
    accused = {(row["row"], row["column"]) for row in rows(bad)}
    accused_rows = {row for row, _ in accused}
    hidden: dict[tuple[str, str], list[str]] = {}
    for row in rows(truth):
        hidden.setdefault((row["fault"], row["column"]), []).append(row["row"])
    table = []
    for (fault, column), places in hidden.items():
        found = sum((row, column) in accused or (column == "*" and row in accused_rows) for row in places)
        codes = {one["code"] for one in findings if column in one["columns"] or fault == one["code"]}
        table.append((fault, column, 0 if places == ["-1"] else len(places), found, ", ".join(sorted(codes)) or "nothing"))
    return table


def rows(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    print(f"{'hidden':<18} {'in':<17} {'cells':>5} {'accused':>8}   said of it")
    for name, where, cells, found, said in compared(*map(Path, sys.argv[1:4])):
        print(f"{name:<18} {'whole rows' if where == '*' else where:<17} {cells or '-':>5} {found if cells else '-':>8}   {said}")
