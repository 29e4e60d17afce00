"""Quarantined rows to a spreadsheet and back: formulas are neutralised on the way out, and every cell is compared on the way in.

A text that a spreadsheet would run (it begins with = + - @, a tab or a line end, and is no number) gets an apostrophe in front; the same apostrophe is
taken away when it comes back. A row is known by its lot and its place in it, never by its order in the file.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from assayline.errors import MissingExtra, MisuseError, NotFound, Unreadable
from assayline.ledger.store import whole_file

from .project import Project
from .quarantine import case_rows, cases_document, decide

OURS = ("assay_case", "assay_lot", "assay_row", "assay_decision", "assay_why", "assay_columns", "assay_suggestions")
DECISIONS = ("", "fix", "waive", "reject")
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SHEET_TEXT = 32_767  # characters a spreadsheet keeps of a cell
SHEET_ROWS = 1_048_575
# What XML 1.0 cannot hold.
UNHOLDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def neutral(text: str) -> str:
    """A text that no spreadsheet runs.

    >>> neutral("=1+1"), neutral("-5"), neutral("-5 apples"), neutral("'quoted")
    ("'=1+1", '-5', "'-5 apples", "''quoted")
    """
    return f"'{text}" if text.startswith("'") or (text.startswith(STARTS) and not NUMBER.fullmatch(text)) else text


def original(text: str) -> str:
    """What `neutral` was given.

    >>> [original(neutral(one)) for one in ("=1+1", "-5", "'x", "plain", "")]
    ['=1+1', '-5', "'x", 'plain', '']
    """
    return text[1:] if text.startswith("'") else text


def export_rows(project: Project, path: str, *, flow: str | None = None, case: int | None = None) -> int:
    """Write open quarantined rows to a .csv or .xlsx file, one case after another; gives the number of rows.

    Args:
        project: where.
        path: the file to write; its ending says which.
        flow: only rows of this flow.
        case: only rows of this case.

    Raises:
        MisuseError: another ending, nothing open, or cells that a spreadsheet cannot hold (then a .csv can).
        MissingExtra: .xlsx without the extra `excel`.
    """
    kind = _kind(path)
    numbers = [case] if case is not None else [one["case"] for one in cases_document(project, flow=flow)]
    columns: dict[str, None] = {}
    lines: list[dict[str, str]] = []
    for number in numbers:
        found = case_rows(project, number)
        columns.update(dict.fromkeys(found.columns))
        for at, row in enumerate(found.frame.to_dicts()):
            if found.state[at] != "open":
                continue
            values = {name: "" if row[name] is None else neutral(str(row[name])) for name in found.columns}
            suggestions = "; ".join(f"{column}: {value}" for column, value in zip(row["assay_columns"], row["assay_suggestions"], strict=True) if value is not None)
            lines.append(
                {
                    "assay_case": str(number), "assay_lot": str(found.lot.lot), "assay_row": str(row["assay_row"]), "assay_decision": "",
                    "assay_why": ", ".join(row["assay_why"]), "assay_columns": ", ".join(row["assay_columns"]), "assay_suggestions": neutral(suggestions), **values,
                }
            )  # fmt: skip
    if not lines:
        raise MisuseError("no quarantined row is open; see: assay quarantine list --all")
    header = [*OURS, *columns]
    table = ([line.get(name, "") for name in header] for line in lines)
    if kind == ".csv":
        _write_csv(path, header, table)
    else:
        _write_sheet(path, header, table, len(lines))
    return len(lines)


def import_rows(project: Project, path: str, *, author: str | None = None, reason: str = "") -> dict[str, int]:
    """Take decisions and edits out of a file that `export_rows` wrote and somebody edited.

    A row whose cells were changed is fixed; `fix` (as suggested), `waive` or `reject` in `assay_decision` says the rest; a row with neither stays open. The whole file is
    checked before the first decision is written.

    Returns:
        How many rows were fixed, waived, rejected, and left open.

    Raises:
        MisuseError: a row is not in the quarantine, was decided meanwhile, appears twice, or a cell does not fit its column; it names the line.
        NotFound, Unreadable: there is no such file, or it cannot be read.
    """
    header, lines = _read(path)
    missing = [name for name in OURS[:4] if name not in header]
    if missing:
        raise MisuseError(f"{path}: the column {missing[0]} is missing; edit the file that assay quarantine export wrote and keep its columns")
    by_case: dict[int, list[tuple[int, dict[str, str]]]] = {}
    for number, line in lines:
        for name in OURS[:3]:
            if not line[name].strip().isdigit():
                raise MisuseError(f"{path}: line {number}: {name} is {line[name]!r}; keep the columns that begin with assay_ as they were written")
        by_case.setdefault(int(line["assay_case"]), []).append((number, line))
    planned: list[tuple[int, str, dict[str, Any]]] = []
    counts = {"fix": 0, "waive": 0, "reject": 0, "open": 0}
    for case, rows in by_case.items():
        found = case_rows(project, case)
        place = {row: at for at, row in enumerate(found.rows)}
        cells: dict[int, dict[str, str | None]] = {}
        plain: dict[str, list[int]] = {"fix": [], "waive": [], "reject": []}
        seen: set[int] = set()
        for number, line in rows:
            row, said = int(line["assay_row"]), line["assay_decision"].strip().lower()
            if row not in place or int(line["assay_lot"]) != found.lot.lot:
                raise MisuseError(f"{path}: line {number}: row {row} of lot {line['assay_lot']} is not in case {case}; keep the columns that begin with assay_")
            if row in seen:
                raise MisuseError(f"{path}: line {number}: row {row} of case {case} stands there twice; keep one")
            seen.add(row)
            if said not in DECISIONS:
                raise MisuseError(f"{path}: line {number}: assay_decision is {said!r}; write fix, waive, reject, or nothing")
            if found.state[place[row]] != "open":
                raise MisuseError(f"{path}: line {number}: row {row} of case {case} was decided meanwhile ({found.state[place[row]]}); export again")
            changed = _changed_cells(found.frame.row(place[row], named=True), line, found.columns)
            if changed and said in ("waive", "reject"):
                raise MisuseError(f"{path}: line {number}: cells were changed, but assay_decision says {said}; do one of the two")
            if changed:
                cells[row] = changed
            elif said:
                plain[said].append(row)
            else:
                counts["open"] += 1
        if cells:
            planned.append((case, "fix", {"rows": sorted(cells), "cells": cells}))
        for action, numbers in plain.items():
            if numbers:
                planned.append((case, action, {"rows": numbers, **({"suggested": True} if action == "fix" else {})}))
    for case, action, arguments in planned:
        done = decide(project, case, action, author=author, reason=reason or f"edited in {os.path.basename(path)}", **arguments)
        counts[action] += done["rows"]
    return counts


def _changed_cells(row: dict[str, Any], line: dict[str, str], columns: Iterable[str]) -> dict[str, str | None]:
    changed: dict[str, str | None] = {}
    for name in columns:
        if name not in line:
            continue
        before = "" if row[name] is None else str(row[name])
        now = line[name]
        if now in (neutral(before), before) or _same_number(now, before):
            continue
        changed[name] = original(now) if now else None
    return changed


def _same_number(now: str, before: str) -> bool:
    """Whether a spreadsheet merely wrote the same number in another way."""
    if not (NUMBER.fullmatch(now) and NUMBER.fullmatch(before)) or re.match(r"[+-]?0\d", before):
        return False
    return float(now) == float(before)


def _kind(path: str) -> str:
    kind = os.path.splitext(path)[1].lower()
    if kind not in (".csv", ".xlsx"):
        raise MisuseError(f"{path!r}: rows are exchanged as .csv or .xlsx; give the file one of these endings")
    return kind


def _write_csv(path: str, header: list[str], table: Iterable[list[str]]) -> None:
    with _written(path) as temporary, open(temporary, "w", encoding="utf-8-sig", newline="", errors="surrogatepass") as file:
        writer = csv.writer(file)
        writer.writerow([neutral(name) for name in header])
        writer.writerows(table)


def _write_sheet(path: str, header: list[str], table: Iterable[list[str]], rows: int) -> None:
    openpyxl = _openpyxl()
    if rows > SHEET_ROWS:
        raise MisuseError(f"{rows:,} rows do not fit into a sheet; export them as .csv, or case by case")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("quarantine")
    sheet.append([neutral(name) for name in header])
    for number, line in enumerate(table):
        for name, value in zip(header, line, strict=True):
            if len(value) > SHEET_TEXT or UNHOLDABLE.search(value):
                raise MisuseError(f"row {number} of the export has a value in {name!r} that a spreadsheet cannot hold; export it as .csv")
        cells = []
        for value in line:
            cell = openpyxl.cell.WriteOnlyCell(sheet, value=value)
            cell.data_type = "s"  # text, whatever it looks like
            cells.append(cell)
        sheet.append(cells)
    with _written(path) as temporary:
        book.save(temporary)


@contextlib.contextmanager
def _written(path: str) -> Iterator[str]:
    try:
        with whole_file(path) as temporary:
            yield temporary
    except OSError as error:
        raise MisuseError(f"cannot write {path!r}: {error.strerror}; choose another place") from error


def _read(path: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    kind = _kind(path)
    if not os.path.isfile(path):
        raise NotFound(path, "there is no such file", next_step="name the file you edited")
    try:
        lines = _csv_lines(path) if kind == ".csv" else _sheet_lines(path)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, KeyError) as error:
        raise Unreadable(path, f"it cannot be read: {error}", next_step="save it again as .csv or .xlsx") from error
    if not lines:
        raise Unreadable(path, "it is empty", next_step="name the file you edited")
    header = [original(name) for name in lines[0]]
    return header, ((number, dict(zip(header, [*line, *[""] * len(header)], strict=False))) for number, line in enumerate(lines[1:], start=2) if any(line))


def _csv_lines(path: str) -> list[list[str]]:
    with open(path, encoding="utf-8-sig", newline="", errors="surrogatepass") as file:
        sample = file.read(64 << 10)
        file.seek(0)
        semicolons = sample.split("\n", 1)[0].count(";") > sample.split("\n", 1)[0].count(",")  # what a spreadsheet writes where the comma is decimal
        return list(csv.reader(file, delimiter=";" if semicolons else ","))


def _sheet_lines(path: str) -> list[list[str]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        return [[_text(value) for value in line] for line in sheet.to_python(skip_empty_area=False)]
    except CalamineError as error:
        raise ValueError(str(error)) from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _openpyxl() -> Any:
    try:
        import openpyxl
        import openpyxl.cell
    except ModuleNotFoundError as error:
        raise MissingExtra("writing .xlsx files", extra="excel", package="openpyxl") from error
    return openpyxl


