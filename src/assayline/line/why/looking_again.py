"""A second look at a lot that is accused: its detectors once more, on the columns that are known to carry the change.

The gate asks every detector about every column of every lot, and speaks up so seldom that all these questions together raise few false alarms. Here a replay has
already said which columns carry the symptom; few questions are left, so a quieter answer may count. How quiet is bounded by the flow's own good lots: the loudest fault
that the bad lot has on these columns must be louder than that of the good ones. If the bad lot were as good as they are, it would be the loudest of
m + 1 lots with a probability of 1 / (m + 1) only, whatever the detectors and their severities are like (Vovk et al. 2005, conformal ranks). One question, one bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Cell, finding_as_json
from assayline.diagnosis.distances import chance, distance
from assayline.diagnosis.faults import WARNING, faults_of
from assayline.judgement import Policy
from assayline.judgement.temper import Temper
from assayline.ledger import intact, records
from assayline.ledger.records import LotRecord
from assayline.scanning.table_scan import judge_table
from assayline.tables import open_frame

from ..as_it_came import AsItCame
from ..gating import request_for
from ..lot_work import past_from
from ..project import Project
from ..reading import known_names
from ..rule_findings import RuleSet

QUIET = 0.1  # severity below which a note is no hint of anything
LEAST_CHANCE = 0.10  # bound on the chance that a good lot would have been accused so
MOST_GOOD = 40  # earlier lots whose notes are compared
# What the world does too, as long as the gate does not warn of it.
WORLDLY = frozenset({"outliers", "new_category_flood", "sample_bias", "late_arrival", "added_column", "missing_day"})
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Looked:
    """What the detectors say of one lot when they are asked again.

    Args:
        findings: faults on the columns asked about, as JSON with `lot`; the loudest first.
        rows: by code and column, the 0-based rows of the released lot that are accused.
        p: bound on the chance that a good lot has a fault as loud on these columns; 1 where nothing quiet was looked for.
        lots: good lots that this was held against.
    """

    findings: tuple[Mapping[str, Any], ...]
    rows: Mapping[tuple[str, str], Rows]
    p: float
    lots: int

    def rows_of(self, finding: Mapping[str, Any]) -> Rows:
        """The rows that one finding accuses; none where it is about the whole lot."""
        found = [rows for (code, column), rows in self.rows.items() if code == finding["code"] and (column in finding["columns"] or not finding["columns"] or column == "*")]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def second_look(project: Project, lot: LotRecord, columns: Sequence[str], *, least_chance: float = LEAST_CHANCE) -> Looked:
    """Asks the detectors again, with the past that the lot had.

    Args:
        project: where the lot is.
        lot: that is accused, with released rows.
        columns: that carry the change, by the names the flow knows them by; () for unknown: then only what the gate would warn of counts.
        least_chance: quieter findings count only where the bound on their chance is at most this.

    Raises:
        Damaged: the rows or a profile of the past are not what was written.
    """
    request = request_for(project, lot.flow, "", None, before=lot.place)
    frame = known_names(pl.read_parquet(intact(project.store, lot.objects["released"]), use_pyarrow=False), lot)
    table = AsItCame(open_frame(frame), text=all(kind == pl.String for kind in frame.dtypes))
    accused: dict[tuple[str, str], list[int]] = {}

    def add(cells: list[tuple[str, Cell]]) -> None:
        for code, cell in cells:
            accused.setdefault((code, cell.column), []).append(cell.row)

    rules = RuleSet(request["rules"], request["references"])
    judged = judge_table(
        table, past_from(request["past"]), policy=Policy(warn_at=QUIET), on_cells=add, temper=Temper(**request["temper"]),
        past_codes=[frozenset(one["codes"]) for one in request["past"]], more=lambda profile, plan: rules.findings(table, plan),
    )  # fmt: skip
    answers = request["temper"]["answers"]
    good = _good_lots(project, lot)
    said = [{**finding_as_json(one), "lot": lot.lot} for one in judged.report.findings if not _is_settled(answers, one.code, one.columns)]
    said = [{**one, "new": is_news(one, [each.findings for each in good])} for one in said]
    loud = faults_of(said, columns=columns)
    quiet = quiet_faults(said, columns) if columns and not loud else ()
    p = _bound(quiet, columns, good)
    found = loud or (quiet if p <= least_chance else ())
    return Looked(found, {place: np.array(sorted(set(rows)), dtype=np.int64) for place, rows in accused.items()}, p, len(good) if quiet else 0)


def is_news(finding: Mapping[str, Any], earlier: Iterable[Sequence[Mapping[str, Any]]]) -> bool:
    """Whether no earlier lot was told the same as loudly.

    >>> is_news({"code": "outliers", "columns": ["x"], "severity": 0.4}, [[{"code": "outliers", "columns": ["x"], "severity": 0.5}]])
    False
    """
    mine = finding["code"], list(finding["columns"])
    return not any((one["code"], list(one["columns"])) == mine and one["severity"] >= finding["severity"] for findings in earlier for one in findings)


def _is_settled(answers: Mapping[str, Sequence[int]], code: str, columns: Sequence[str]) -> bool:
    """Whether people said that this is expected here, or noise: what they made quiet is no quiet hint."""
    bad, expected, noise = answers.get(f"{code}:{','.join(columns)}", (0, 0, 0))
    return max(expected, noise) > bad


def quiet_faults(findings: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
    """Faults on exactly these columns, however quiet, that the world does not make by itself."""
    own = [one for one in findings if one["columns"] and set(one["columns"]) <= set(columns) and (one["severity"] >= WARNING or one["code"] not in WORLDLY)]
    return faults_of(own, columns=columns, least=QUIET)


def _good_lots(project: Project, lot: LotRecord) -> list[LotRecord]:
    """Lots before this one that taught its flow."""
    with project.ledger.read() as connection:
        flow = records.flow_of(connection, lot.flow)
        return records.teachers(connection, flow, MOST_GOOD, before=lot.place) if flow is not None else []


def _bound(quiet: Sequence[Mapping[str, Any]], columns: Sequence[str], good: Sequence[LotRecord]) -> float:
    """The rank of the lot among the good lots before it, by its loudest fault on the columns."""
    if not quiet:
        return 1.0
    loudest = max(float(one["severity"]) for one in quiet)
    as_loud = sum(any(float(one["severity"]) >= loudest for one in quiet_faults(each.findings, columns)) for each in good)
    return (1 + as_loud) / (1 + len(good))


def carries(now: pl.Series, before: pl.Series, accused: Rows) -> bool:
    """Whether the accused rows are why a column is not what it was: without them it is about what it was, or it never was far from it.

    Args:
        now: the column in the lot.
        before: the column in good lots.
        accused: rows of the lot.
    """
    whole = distance(now, before)
    if not len(accused) or len(accused) >= len(now) or whole <= chance(len(now), len(before)):
        return True
    keep = np.ones(len(now), dtype=bool)
    keep[accused] = False
    rest = now.filter(pl.Series(keep))
    return distance(rest, before) <= max(whole / 2, chance(len(rest), len(before)))
