"""One open incident per cause: the same finding in lot after lot is one thing that goes on, told once and then kept up to date."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from assayline.judgement import Policy
from assayline.judgement.temper import SHADOW_LOTS
from assayline.ledger import records
from assayline.ledger.projections import text
from assayline.ledger.records import FlowRecord

if TYPE_CHECKING:
    from .gating import Worked

WARN = Policy().warn_at
PERSISTENT_LOTS = 3  # consecutive lots with the same change against the past that make it worth asking: is this the new normal?
ADOPTED_LOTS = 7  # a week of daily lots: then a change that nobody answered is how things are
YOUNG_LOTS = SHADOW_LOTS  # lots from which on a flow knows itself well enough to doubt one
# Noted, mapped, or about what lies between two lots: nothing odd about the values of this one.
PASSED_OVER = frozenset({"added_column", "renamed_column", "missing_day"})


def followed(
    connection: Connection, flow: str, lot: int, place: int, worked: Worked, findings: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What one more lot does to the incidents of its flow, and the notices that go out with it.

    Returns:
        Incidents that are opened, go on or are closed; and notices, none for a lot that only repeats what was told.
    """
    if worked.parents:  # rows that are put back say nothing about what the sender does now
        return [], []
    going_on = {(row.code, row.columns): row for row in records.open_incidents(connection, flow)}
    number = records.last_incident(connection)
    incidents: list[dict[str, Any]] = []
    told: list[tuple[dict[str, Any], int]] = []
    seen: set[tuple[str, str]] = set()
    for finding in findings:
        key = (finding["code"], _columns(finding))
        if finding["severity"] < WARN or key in seen:
            continue
        seen.add(key)
        row = going_on.get(key)
        if row is None:
            number += 1
            incidents.append(_incident(number, finding, new=True))
            told.append((incidents[-1], 1))
        else:
            incidents.append(_incident(int(row.incident), finding, new=False))
            told.append((incidents[-1], int(row.lots) + 1))
    blind = not worked.rows["taken"]  # nothing was read: that a finding is missing says nothing
    for key, row in going_on.items():
        if key not in seen and not blind:
            incidents.append({"incident": int(row.incident), "code": row.code, "columns": json.loads(row.columns), "sentence": row.sentence, "new": False, "closed": True})
    notices = []
    fresh = [one for one, lots in told if lots == 1]
    repeated = [(one, lots) for one, lots in told if lots > 1 and lots & (lots - 1) == 0]  # in the 2nd, 4th, 8th, … lot: still there, not again
    if fresh or repeated:
        identity = hashlib.sha256(f"{flow} {lot} {worked.digest}".encode()).hexdigest()
        notices.append(
            {
                "id": identity, "flow": flow, "lot": lot, "input": worked.input, "verdict": str(worked.verdict), "rows": dict(worked.rows),
                "findings": [{"code": one["code"], "sentence": one["sentence"], "incident": one["incident"]} for one in fresh],
                "updates": [{"code": one["code"], "sentence": one["sentence"], "incident": one["incident"], "lots": lots} for one, lots in repeated],
            }
        )  # fmt: skip
    return incidents, notices


def teaching(
    connection: Connection, flow: FlowRecord, worked: Worked, findings: Sequence[Mapping[str, Any]], incidents: Sequence[Mapping[str, Any]]
) -> tuple[bool, list[int]]:
    """Whether this lot says what normal is, and which earlier ones do from now on.

    A lot that differs from its past waits before it teaches: one that was odd shall not make the next odd one look normal. If the difference stays,
    a person may accept it (`proposals`); after `ADOPTED_LOTS` lots without an answer it is the normal, so that nobody is warned for ever.

    Returns:
        Whether this lot teaches; and the numbers of earlier lots that begin to.
    """
    if not worked.teaches or flow.lots < YOUNG_LOTS:
        return worked.teaches, []
    odd = differences(findings)
    if not odd:
        return True, []
    rows = {int(row.incident): row for row in records.open_incidents(connection, flow.name)}
    lasting = [rows[one["incident"]] for one in incidents if not one["new"] and not one["closed"] and rows[one["incident"]].lots + 1 >= ADOPTED_LOTS]
    keys = {(row.code, row.columns) for row in lasting}
    if not all((one["code"], _columns(one)) in keys for one in odd):
        return False, []
    first = min(int(row.first) for row in lasting)
    waiting = records.lots(connection, flow.name, states=("released",), after_place=first - 1)
    return True, [lot.lot for lot in waiting if not lot.teaches]


def differences(findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The findings for which a lot waits before it teaches: warnings that rest on its past."""
    return [one for one in findings if one["layer"] in ("history", "multivariate") and one["severity"] >= WARN and one["code"] not in PASSED_OVER]


def _columns(finding: Mapping[str, Any]) -> str:
    return text(finding["columns"])  # as it stands in the table of incidents


def _incident(number: int, finding: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    return {"incident": number, "code": finding["code"], "columns": list(finding["columns"]), "sentence": finding["sentence"], "new": new, "closed": False}


def proposals(connection: Connection, flow: str) -> list[dict[str, Any]]:
    """Changes that have lasted: what a person may accept as the new normal.

    Returns:
        For each: `code`, `columns`, `sentence`, `lots` it has lasted, `from_lot`: the number of its first lot.
    """
    found = []
    for row in records.open_incidents(connection, flow):
        if row.lots < PERSISTENT_LOTS:
            continue
        first = next((one for one in records.lots(connection, flow, after_place=int(row.first) - 1, most=1)), None)
        if first is None or not any(one["code"] == row.code and one["layer"] in ("history", "multivariate") for one in first.findings):
            continue
        found.append({"code": row.code, "columns": json.loads(row.columns), "sentence": row.sentence, "lots": int(row.lots), "from_lot": first.lot})
    return found
