"""The certificate of a flow: what its gate, with its rules and its past, would notice on its own recent lots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from assayline.certificate import Certificate, certify
from assayline.core import Past, Report
from assayline.errors import MisuseError
from assayline.judgement import Policy
from assayline.judgement.temper import Temper
from assayline.ledger import records
from assayline.scanning.table_scan import judge_table
from assayline.tables import Table

from .ahead import RECENT_LOTS
from .gating import request_for
from .project import Project
from .rule_book import whole_lot
from .rule_findings import RuleSet

Progress = Callable[[int, int, str], None]


def certify_flow(project: Project, flow: str, *, seed: int = 0, budget_seconds: float = 120.0, most_cases: int = 400, on_progress: Progress | None = None) -> Certificate:
    """Put faults into recent good lots of a flow and count what its gate says.

    Args:
        project: where.
        flow: its name.
        seed: which faults are put where.
        budget_seconds: no further try is begun after so long.
        most_cases: how many tries at most.
        on_progress: receives (tries done, tries planned, phase).

    Raises:
        MisuseError: there are fewer than four lots that teach.
    """
    with project.ledger.read() as connection:
        known = records.flow_of(connection, flow)
        if known is None:
            raise MisuseError(f"there is no flow {flow!r}; see: assay flow")
        lots = records.teachers(connection, known, RECENT_LOTS)
    lots = [lot for lot in lots if "released" in lot.objects]
    frames: list[tuple[str, pl.DataFrame]] = []
    for lot in lots:
        kept = {kind: digest for kind, digest in lot.objects.items() if kind == "released"}
        frames.append((f"lot {lot.lot}", whole_lot(project, replace(lot, objects=kept))))
    request = request_for(project, flow, "", None)
    policy = Policy.of_gate(request.get("policy"))

    def judge(table: Table, past: Past, codes: Sequence[frozenset[str]]) -> Report:
        rules = RuleSet(request["rules"], request["references"])
        temper = Temper(**{**request["temper"], "lots": len(past)})
        return judge_table(table, past, policy=policy, past_codes=codes, temper=temper, more=lambda profile, plan: rules.findings(table, plan)).report

    text = bool(frames) and all(kind == pl.String for _, frame in frames for kind in frame.dtypes)
    return certify(
        frames, flow=flow, seed=seed, budget_seconds=budget_seconds, most_cases=most_cases, policy=policy, text=text, judge=judge, on_progress=on_progress
    )
