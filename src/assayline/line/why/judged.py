"""What the gate would say of a table, without publishing anything: the same detectors, rules, past and tempering as of one lot of the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assayline.core import Report
from assayline.judgement import Policy
from assayline.judgement.temper import Temper
from assayline.ledger.records import LotRecord
from assayline.scanning.table_scan import judge_table
from assayline.tables import Limits, open_table
from assayline.tables.reshaped import Renamed
from assayline.tables.retyped import retyped

from ..accusing import Accusations
from ..gating import request_for
from ..lot_work import dtypes_of, missing_columns, past_from
from ..project import Project
from ..rule_findings import RuleSet


class Gate:
    """The gate of a flow as it stood before one of its lots.

    Args:
        project: where.
        lot: the one that it judged; other tables are judged in its place.
    """

    def __init__(self, project: Project, lot: LotRecord) -> None:
        self._request = request_for(project, lot.flow, "", None, before=lot.place, replaces=bool(lot.facts.get("replaces")))

    def __call__(self, path: str) -> Sequence[Mapping[str, Any]]:
        """The findings of a Parquet file, as JSON: code, columns, severity, sentence, …"""
        return [dict(one) for one in self.report(path).as_json()["findings"]]

    def report(self, path: str) -> Report:
        """The whole report."""
        request = self._request
        table = open_table(path, Limits())
        try:
            named = Renamed(table, dict(request["renames"])) if request["renames"] else table
            past = past_from(request["past"])
            rules, temper = RuleSet(request["rules"], request["references"]), Temper(**request["temper"])
            read = retyped(named, dtypes_of(past))
            return judge_table(
                read, past, policy=Policy.of_gate(request["policy"]), past_codes=[frozenset(one["codes"]) for one in request["past"]], on_rows=Accusations().add, temper=temper,
                more=lambda profile, plan: missing_columns(named.columns, temper.needs) + rules.findings(read, plan),
            ).report  # fmt: skip
        finally:
            table.close()
