"""The rules of flows: added, changed, tried and taken away while the gate works; each lot is judged by those in force when it is taken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from assayline.errors import MisuseError, RuleError
from assayline.ledger import intact, records
from assayline.ledger.sql_ledger import now
from assayline.measures import HEAD_ROWS, Plan
from assayline.rules import Compiled, checked, compile_rule, failing_rows, parse, typed

from .adjudicating import author_of
from .gating import check_name, ensure_flow
from .project import Project
from .reading import known_names
from .references import asked, in_force, paths_of
from .rule_findings import kinds_of, values_of

ACTIONS = ("warn", "split", "hold")
TRIED_LOTS = 30


def add_rule(
    project: Project, flow: str, text: str, *, action: str = "warn", owner: str | None = None, reason: str = "", until: str | None = None, number: int | None = None
) -> dict[str, Any]:
    """Add a rule, or give one a new text; it counts from the next lot on.

    Args:
        project: where.
        flow: the flow; made where there is none yet.
        text: the condition, see docs/rules.md.
        action: "warn", "split" (failing rows into quarantine) or "hold".
        owner: who is answerable; the user who runs this when None.
        reason: why it has to be so.
        until: UTC time (ISO 8601) at which it expires.
        number: of the rule to change; a new one when None.

    Raises:
        RuleError: the text is no rule, or reads what the last lot of the flow does not have; it names the place.
        MisuseError: there is no such action, rule or time.
    """
    check_name(flow)
    if action not in ACTIONS:
        raise MisuseError(f"{action!r} is no action; a rule can {', '.join(ACTIONS)}")
    tree = check_rule(project, flow, text)
    expires = _time(until) if until else None
    with project.ledger.write() as writing:
        ensure_flow(writing, flow)
        known = {int(row.rule): row for row in records.rules_of(writing.connection, flow)}
        if number is not None and number not in known:
            raise MisuseError(f"{flow} has no rule {number}; see: assay rules list {flow}")
        rule = number if number is not None else max(known, default=0) + 1
        version = int(known[rule].version) + 1 if rule in known else 1
        body = {
            "flow": flow, "rule": rule, "version": version, "text": tree, "action": action, "owner": author_of(owner), "reason": reason, "since": now(),
            "until": expires, "state": "on", "author": author_of(None),
        }  # fmt: skip
        writing.append("rule", body)
    return body


def remove_rule(project: Project, flow: str, number: int) -> dict[str, Any]:
    """Take a rule out of force; it stays on record.

    Raises:
        MisuseError: there is none of this number in force.
    """
    with project.ledger.write() as writing:
        row = next((one for one in records.rules_of(writing.connection, flow) if int(one.rule) == number and one.state == "on"), None)
        if row is None:
            raise MisuseError(f"{flow} has no rule {number} in force; see: assay rules list {flow}")
        body = {**row._asdict(), "version": int(row.version) + 1, "state": "off", "author": author_of(None)}
        writing.append("rule", body)
    return body


def check_rule(project: Project, flow: str, text: str) -> str:
    """The rule as it will be kept, checked against the columns of the flow's last lot.

    Raises:
        RuleError: it names the place and, where it can, what was meant.
    """
    tree = parse(text)
    kinds = flow_kinds(project, flow)
    if kinds is None:
        return str(tree)  # no lot yet: what it reads is checked when the first one comes
    return str(checked(text, kinds, referenced_kinds(project, text)))


def flow_kinds(project: Project, flow: str) -> dict[str, str] | None:
    """What the columns of a flow's last lot were taken for; None where there is none yet."""
    with project.ledger.read() as connection:
        lots = records.lots(connection, flow, states=("released", "held"), most=1, newest_first=True)
    if not lots:
        return None
    lot = lots[0]
    digest = lot.objects.get("released") or lot.objects["held"]
    with pq.ParquetFile(project.store.path(digest)) as file:
        head = next(iter(file.iter_batches(HEAD_ROWS)), None)
        frame = pl.from_arrow(head) if head is not None else pl.from_arrow(file.schema_arrow.empty_table())
    assert isinstance(frame, pl.DataFrame)
    return kinds_of(_plan(known_names(frame, lot)))


def referenced_kinds(project: Project, text: str) -> dict[str, dict[str, str]]:
    """The columns of the flows that a rule refers to."""
    found: dict[str, dict[str, str]] = {}
    for flow, _ in asked(text):
        kinds = flow_kinds(project, flow)
        if kinds is not None:
            found[flow] = kinds
    return found


def try_rule(project: Project, flow: str, text: str, *, lots: int = TRIED_LOTS) -> dict[str, Any]:
    """What a rule would have set aside in the last lots, before it is on.

    Args:
        project: where.
        flow: the flow.
        text: the rule.
        lots: how many lots, the newest.

    Returns:
        `rule`, `lots`: [{`lot`, `rows`, `failing`, `share`, `examples`}], `rows`, `failing`.

    Raises:
        RuleError: the text is no rule for this flow.
        MisuseError: the flow has no lots yet.
    """
    tree = check_rule(project, flow, text)
    with project.ledger.read() as connection:
        found = records.lots(connection, flow, states=("released", "held"), most=lots, newest_first=True)[::-1]
    found = [lot for lot in found if not lot.parents]
    if not found:
        raise MisuseError(f"{flow} has no lots to try the rule on; take some first: assay gate {flow} INPUT")
    references, flows = values_of(paths_of(project, asked(text)))
    rows = []
    for lot in found:
        frame = whole_lot(project, lot)
        plan = _plan(frame)
        try:
            compiled: Compiled = compile_rule(text, kinds_of(plan), flows)
        except RuleError as error:
            rows.append({"lot": lot.lot, "rows": frame.height, "failing": 0, "share": 0.0, "examples": [], "error": str(error)})
            continue
        failing = failing_rows(compiled, typed(frame, plan, compiled.kinds), references)
        count = frame.height if compiled.about_lot and failing.any() else int(failing.sum())
        shown = frame.select(sorted(compiled.columns) or frame.columns[:1]).filter(failing).head(3).to_dicts()
        rows.append({"lot": lot.lot, "rows": frame.height, "failing": count, "share": round(count / max(1, frame.height), 6), "examples": [{k: str(v) for k, v in one.items()} for one in shown]})
    return {"flow": flow, "rule": tree, "lots": rows, "rows": sum(one["rows"] for one in rows), "failing": sum(one["failing"] for one in rows)}


def whole_lot(project: Project, lot: records.LotRecord) -> pl.DataFrame:
    """Every row of a lot, those that were put aside too (at the end), without what the quarantine added; under the names the flow knows."""
    frames: list[pl.DataFrame] = []
    for kind in ("released", "held", "quarantined"):
        if kind in lot.objects:
            with pq.ParquetFile(intact(project.store, lot.objects[kind])) as file:
                frame = pl.from_arrow(file.read())
            assert isinstance(frame, pl.DataFrame)
            frames.append(frame.select(frames[0].columns) if frames else frame)
    return known_names(pl.concat(frames), lot)


def rules_document(project: Project, flow: str) -> list[dict[str, Any]]:
    """The rules of a flow as JSON values; those in force first."""
    from .health import rule_document

    with project.ledger.read() as connection:
        rows = records.rules_of(connection, flow)
        active = {int(one["rule"]) for one in in_force(rows)}
    return [{**rule_document(row._asdict()), "in_force": int(row.rule) in active} for row in sorted(rows, key=lambda row: (row.state != "on", row.rule))]


def _plan(frame: pl.DataFrame) -> Plan:
    text = all(kind == pl.String for kind in frame.dtypes)
    return Plan.of(frame.head(HEAD_ROWS), text)


def _time(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise MisuseError(f"{text!r} is no time; write it as 2026-12-31 or 2026-12-31T18:00+01:00") from error
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).isoformat(timespec="microseconds")
