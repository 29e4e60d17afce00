"""Rows that were fixed or waived go through the same gate again, as a lot of their own whose parent is the lot they came in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from itertools import groupby
from typing import Any

import polars as pl

from assayline.core import Verdict, finding_as_json
from assayline.judgement import Policy
from assayline.judgement.temper import Temper
from assayline.ledger import Lease, held, intact, records
from assayline.ledger.records import LotRecord
from assayline.scanning.table_scan import judge_table
from assayline.tables import open_frame

from .accusing import Accusations
from .as_it_came import AsItCame
from .gating import Outcome, Worked, publish, request_for, seen_before, worked_from
from .lot_work import Written, case_document, past_from
from .project import Project
from .quarantine import case_rows, mended
from .rule_findings import RuleSet

Progress = Callable[[int, int, str], None]


def put_back(project: Project, flow: str, *, lot: int | None = None) -> list[Outcome]:
    """Put back every row of a flow that was fixed or waived and is not back yet; an outcome for each lot they came in.

    The rows are judged where they belong: together with what was released of their lot, against the past that lot had, and against the
    rules that are in force now. A row that passes is released; one that does not is a new case. What was waived is not held against a row again.
    Running it twice releases a row once: the transaction that releases it settles the decision.

    Args:
        project: where.
        flow: its name.
        lot: only rows of this lot.
    """
    outcomes = []
    project.store.sweep()
    with held(project.ledger, flow) as lease, project.store.staging() as folder:
        with project.ledger.read() as connection:
            waiting = records.waiting(connection, flow=flow, lot=lot)
        for number, decisions in groupby(sorted(waiting, key=lambda one: (one.lot, one.decision)), key=lambda one: int(one.lot)):
            home = os.path.join(folder, str(number))
            os.mkdir(home)
            outcomes.append(_one(project, flow, number, list(decisions), lease, home))
    return outcomes


def _one(project: Project, flow: str, number: int, decisions: list[Any], lease: Lease, folder: str) -> Outcome:
    with project.ledger.read() as connection:
        lot = records.lot_of(connection, number)
    frames, waived = [], []
    for case in dict.fromkeys(int(one.number) for one in decisions):
        frame, codes = mended(case_rows(project, case), [one for one in decisions if one.number == case])
        frames.append(frame)
        waived += codes
    rows = pl.concat(frames)
    order = rows["assay_row"].arg_sort()
    rows, waived = rows[order], [waived[at] for at in order]
    digest = _digest(lot, decisions, rows)
    seen = seen_before(project, flow, digest)
    assert seen is None, "a decision is settled in the transaction that carries it out"
    result = _judged(project, flow, lot, rows, waived, folder)
    worked = worked_from({**result, "digest": digest}, f"put back from lot {number}")
    return publish(project, flow, _settling(worked, number, decisions), lease, folder)


def _settling(worked: Worked, number: int, decisions: list[Any]) -> Worked:
    worked.parents = [number]
    worked.teaches = False
    worked.settles = [int(one.decision) for one in decisions]
    return worked


def _judged(project: Project, flow: str, lot: LotRecord, rows: pl.DataFrame, waived: list[list[str]], folder: str) -> dict[str, Any]:
    """What `lot_work.gate_table` gives, for rows that are judged among those of their lot that were released."""
    request = request_for(project, flow, folder, None, before=lot.place)
    candidates = rows.drop("assay_row")
    released = pl.read_parquet(intact(project.store, lot.objects["released"]), use_pyarrow=False) if "released" in lot.objects else candidates.clear()
    whole = pl.concat([released.select(candidates.columns), candidates], how="vertical_relaxed")
    first = released.height
    table = AsItCame(open_frame(whole), text=all(kind == pl.String for kind in whole.dtypes))
    policy = Policy.of_gate(request.get("policy"))
    accusations = Accusations()
    rules = RuleSet(request["rules"], request["references"])
    judged = judge_table(
        table, past_from(request["past"]), policy=policy, on_rows=accusations.add, temper=Temper(**request["temper"]),
        more=lambda profile, plan: rules.findings(table, plan),
    )  # fmt: skip
    report = judged.report
    aside, cases = accusations.settled(
        (finding for finding in report.findings if policy.splits(finding)), among=(first, whole.height), waived={first + at: codes for at, codes in enumerate(waived) if codes}
    )
    aside = aside.with_columns(pl.col("assay_row") - first)
    mine = open_frame(candidates)
    shown = [finding_as_json(case.finding) for case in cases]
    document = {**report.as_json(), "verdict": str(Verdict.SPLIT if aside.height else Verdict.RELEASE), "findings": list({(one["code"], *one["columns"]): one for one in shown}.values())}
    written = Written(folder, mine, Verdict.SPLIT, aside["assay_row"].to_numpy(), aside)
    written.write(lambda done, total, phase: None)
    written.describe("report", {**document, "multiset": written.multiset, "original_rows": rows["assay_row"].to_list()})
    return {
        "report": document, "files": {**written.files, "report": "report"}, "multiset": written.multiset,
        "rows": {"taken": written.taken, "released": written.released, "quarantined": written.quarantined, "held": 0, "unparseable": 0},
        "cases": [case_document(case) for case in cases], "codes": [], "figures": {"rows": written.taken}, "renames": dict(lot.figures.get("renames", {})),
        "columns": list(candidates.columns),
    }  # fmt: skip


def _digest(lot: LotRecord, decisions: list[Any], rows: pl.DataFrame) -> str:
    state = hashlib.sha256(f"{lot.digest} {[int(one.decision) for one in decisions]}".encode())
    state.update(rows.write_ndjson().encode("utf-8", "surrogatepass"))
    return "rows:" + state.hexdigest()

