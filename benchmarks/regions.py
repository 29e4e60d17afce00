"""Real daily files with real defects: the COVID bulletin of 21 Italian regions, judged day by day as a gate would have.

Each of the 1,042 days is judged against the last 30 lots that were released. A held lot teaches nothing, unless three lots in a row are held for
the same thing: then it is the new normal. Every finding at a warning or worse is put beside the files: the defects the kit's README names, what the publisher's own
notes say, and what the numbers of the file show. What none of these explains is a false alarm.

Data: Presidenza del Consiglio dei Ministri, Dipartimento della Protezione Civile (CC BY 4.0).
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kit
import polars as pl
from results import Result

COMMAND = "make bench ONLY=regions"
DAYS_OF_PAST, HELD_IN_A_ROW, WARNING = 30, 3, 0.3
FLIPS = ("2020-02-29", "2020-03-02", "2020-03-04", "2020-03-07", "2020-03-11")  # README of the data: 18:00 and 17:00 change
FAR = 0.5  # of the range all regions had the day before: how far outside it a cell has to lie to be worth a look
SIX_COLUMNS = "2021-01-15"  # README of the data


@dataclass(frozen=True)
class Said:
    """One finding at a warning or worse."""

    day: str
    code: str
    columns: tuple[str, ...]
    sentence: str
    keys: tuple[str, ...]  # regions whose rows it names

    @property
    def column(self) -> str:
        """The column it is about, or ""."""
        return self.columns[0] if self.columns else ""


@dataclass(frozen=True)
class Files:
    """The files around one day, as text, and what the publisher said."""

    today: pl.DataFrame
    before: pl.DataFrame
    notes: tuple[str, ...]

    def numbers(self, column: str) -> pl.DataFrame:
        """Region, today's and the last day's number of a column."""
        def of(frame: pl.DataFrame, name: str) -> pl.DataFrame:
            cells = pl.col(column).cast(pl.Float64, strict=False) if column in frame.columns else pl.lit(None, dtype=pl.Float64)
            return frame.select("denominazione_regione", cells.alias(name))

        return of(self.today, "today").join(of(self.before, "before"), on="denominazione_regione", how="left")


Argument = Callable[[Said, Files], str | None]


def known_flip(said: Said, files: Files) -> str | None:
    """A change of the hour that the README of the data names."""
    return "known: the hour of the time stamp changes" if said.column == "data" and said.day in FLIPS else None


def known_columns(said: Said, files: Files) -> str | None:
    """Six columns that the README of the data names."""
    return "known: six columns were added" if said.code == "added_column" and said.day == SIX_COLUMNS else None


def known_fall(said: Said, files: Files) -> str | None:
    """A running total that is smaller than the day before."""
    if said.code != "dependency_violation" or not said.column:
        return None
    fell = files.numbers(said.column).filter(pl.col("today") < pl.col("before"))
    return "known: a running total is smaller than the day before" if fell.height else None


def schema(said: Said, files: Files) -> str | None:
    """A column that really is new, gone, or empty."""
    if said.code == "added_column" and said.column not in files.before.columns:
        return "real: the column was not in the last file"
    if said.code in ("missing_spike", "constant_column") and said.column in files.today.columns:
        now, before = (frame.get_column(said.column).drop_nulls() for frame in (files.today, files.before))
        if now.n_unique() <= 1 < before.n_unique():
            return f"real: all {files.today.height} regions have {'nothing' if not now.len() else repr(now[0])}, after {before.n_unique()} different numbers"
        if now.null_count() != before.null_count() or now.len() != before.len():
            return f"real: {now.len()} regions have a number, after {before.len()}"
    return None


def jump(said: Said, files: Files) -> str | None:
    """A cell far from anything: today's extreme against the extremes of the last file."""
    worst = _worst(said, files)
    if worst is None:
        return None
    region, now, before, low, high = worst
    if max(now - high, low - now) < FAR * (high - low):
        return None
    return f"real: {region} has {now:,.0f} after {before:,.0f}, outside {low:,.0f} to {high:,.0f} of all regions the day before"


def noted(said: Said, files: Files) -> str | None:
    """What the publisher said of the region that is accused, on this day."""
    worst = _worst(said, files)
    for region in dict.fromkeys((*(said.keys if worst is None else ()), *((worst[0],) if worst is not None else ()))):
        for note in files.notes:
            for sentence in re.split(r"(?=La Regione |Regione )", note):
                if region.split()[-1].lower() in sentence.lower():
                    return f"real: {region}, of which the publisher notes {' '.join(sentence.split())[:150]!r}"
    return None


def _worst(said: Said, files: Files) -> tuple[str, float, float, float, float] | None:
    """The region furthest outside what all regions had the day before: its name, today's number and the last one, and that range."""
    if said.code != "outliers":
        return None
    numbers = files.numbers(said.column).drop_nulls()
    if not numbers.height:
        return None
    low, high = (float(bound) for bound in numbers.select(low=pl.col("before").min(), high=pl.col("before").max()).row(0))
    row = max(numbers.iter_rows(named=True), key=lambda one: max(one["today"] - high, low - one["today"]))
    return row["denominazione_regione"], float(row["today"]), float(row["before"]), low, high


ARGUMENTS: tuple[Argument, ...] = (known_flip, known_columns, known_fall, schema, jump, noted)


def run() -> list[Result]:
    """All days, or each n-th (ASSAY_REGIONS_EVERY)."""
    folder = kit.kit() / "data" / "seq_covid_it_regions"
    if not folder.exists():
        raise kit.Missing(f"there is no {folder.name} in {folder.parent}")
    days = sorted(folder.glob("20*.csv"))
    every = int(os.environ.get("ASSAY_REGIONS_EVERY", "1"))
    judged, said = judge_all(days, every)
    return list(_results(judged, said, folder, days, every))


def judge_all(days: list[Path], every: int) -> tuple[int, list[Said]]:
    """The number of days that were judged, and what was said; kept in the cache, line by line, to be looked at."""
    from assayline.core import Past
    from assayline.scanning.table_scan import profile_of, scan_table
    from assayline.tables import open_table

    released: list[tuple[str, Any, frozenset[str]]] = []
    held: list[tuple[tuple[str, Any, frozenset[str]], set[tuple[str, tuple[str, ...]]]]] = []
    said: list[Said] = []
    judged = 0
    with (kit.cache() / "regions.jsonl").open("w", encoding="utf-8") as log:
        for number, path in enumerate(days):
            table = open_table(str(path))
            lot = (path.stem, profile_of(table), frozenset(finding.code for finding in table.findings()))
            table.close()
            if number and number % every == 0:
                table = open_table(str(path))
                past = released[-DAYS_OF_PAST:]
                report = scan_table(table, Past(tuple(one for _, one, _ in past), tuple(name for name, _, _ in past)), past_codes=[codes for _, _, codes in past])
                table.close()
                judged += 1
                warnings = [one for one in report.findings if one.severity >= WARNING]
                regions = _regions(path)
                for one in warnings:
                    keys = tuple(dict.fromkeys(regions[cell.row] for cell in one.examples if cell.row < len(regions)))
                    said.append(Said(path.stem, one.code, one.columns, one.sentence, keys))
                log.write(json.dumps({"day": path.stem, "verdict": str(report.verdict), "said": [[one.code, one.columns, one.severity, one.sentence] for one in warnings]}) + "\n")
                log.flush()
                if str(report.verdict) in ("hold", "reject"):
                    held.append((lot, {(one.code, one.columns) for one in warnings}))
                    same = set.intersection(*(what for _, what in held[-HELD_IN_A_ROW:])) if len(held) >= HELD_IN_A_ROW else set()
                    if same:
                        released += [one for one, _ in held[-HELD_IN_A_ROW:]]
                        held = []
                    continue
            held = []
            released.append(lot)
    return judged, said


def _regions(path: Path) -> list[str]:
    return pl.read_csv(path, infer_schema=False).get_column("denominazione_regione").to_list()


def _results(judged: int, said: list[Said], folder: Path, days: list[Path], every: int) -> Iterator[Result]:
    notes: dict[str, list[str]] = defaultdict(list)
    with (folder / "notes.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            notes[row["data"][:10]].append(row["note"] or "")
    at = {path.stem: number for number, path in enumerate(days)}
    explained: list[tuple[Said, str]] = []
    for one in said:
        frames = [pl.read_csv(days[number], infer_schema=False) for number in (at[one.day], at[one.day] - 1)]
        column = frames[0].get_column("note").drop_nulls().to_list() if "note" in frames[0].columns else []
        files = Files(frames[0], frames[1], (*notes[one.day], *column))
        explained.append((one, next((why for argue in ARGUMENTS if (why := argue(one, files)) is not None), "")))
    wrong = [one for one, why in explained if not why]
    known = sum(why.startswith("known") for _, why in explained)
    alarmed = {one.day for one in said}
    days_judged = f"{judged:,} days" if every == 1 else f"one day in {every} ({judged:,})"
    yield Result("findings that are neither a known defect nor argued for", "every warning on real files is worth reading",
                 f"{len(wrong)} of {len(said)} ({days_judged}; {known} known defects, {len(said) - known - len(wrong)} argued for)", "0", not wrong, COMMAND)  # fmt: skip
    yield Result("days with a warning", "", f"{len(alarmed) / max(1, judged):.1%} ({len(alarmed)} of {judged:,})", command=COMMAND)
    groups: dict[tuple[str, str, str], list[tuple[Said, str]]] = defaultdict(list)
    for one, why in explained:
        groups[one.code, one.column, why.partition(":")[0] or "unexplained"].append((one, why))
    for (code, name, standing), members in sorted(groups.items(), key=lambda item: (item[0][2] != "unexplained", item[0])):
        example, why = members[0]
        when = ", ".join(one.day for one, _ in members[:6]) + (f" and {len(members) - 6} more" if len(members) > 6 else "")
        yield Result(f"{code} in {name or 'the whole lot'}: {standing}", "", f"{len(members)} ({when}). {example.sentence} {why.partition(': ')[2]}".strip(), command=COMMAND)
    counted = Counter(one.code for one in said)
    yield Result("findings by code", "", ", ".join(f"{code} {count}" for code, count in counted.most_common()) or "none", command=COMMAND)
