"""What people decide about whole lots: release what was held, reject it, say what a finding was worth, accept a new normal."""

from __future__ import annotations

import getpass
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import held, records
from assayline.ledger.projections import text
from assayline.ledger.records import LotRecord

from .incidents import WARN, differences
from .project import Project

ANSWERS = ("bad", "expected", "noise")


def author_of(named: str | None) -> str:
    """Who decides: the name given, or that of the user who runs this process."""
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise MisuseError("this user has no name; say who decides with --author") from None


def release_lot(project: Project, number: int, *, author: str | None = None, reason: str = "") -> LotRecord:
    """Release a held lot as it is: its rows can be read, and it teaches from now on.

    Raises:
        MisuseError: the lot is not held, or could never be read.
    """
    lot = _lot(project, number)
    if lot.state != "held":
        raise MisuseError(f"lot {number} is {lot.state}, not held; only held lots can be released")
    return _decide(project, lot, "release", author, reason, _as_released(lot))


def reject_lot(project: Project, number: int, *, author: str | None = None, reason: str = "") -> LotRecord:
    """Reject a held or unreadable lot for good: its rows stay in the store, nobody reads them, it never teaches.

    Raises:
        MisuseError: the lot was released before.
    """
    lot = _lot(project, number)
    if lot.state not in ("held", "unreadable"):
        raise MisuseError(f"lot {number} is {lot.state}; only held lots can be rejected")
    return _decide(project, lot, "reject", author, reason, [{"lot": number, "state": "rejected", "verdict": "reject", "teaches": False}])


def answer(project: Project, number: int, said: str, *, code: str | None = None, author: str | None = None, reason: str = "") -> list[dict[str, Any]]:
    """Say what the findings of a lot were worth; the same finding speaks louder or softer in this flow from now on.

    Args:
        project: where.
        number: of the lot.
        said: "bad" (right), "expected" (true, but fine), or "noise" (wrong).
        code: only findings of this code; all of at least a warning when None.
        author: who says so.
        reason: why.

    Raises:
        MisuseError: there is no such finding, or no such answer.
    """
    if said not in ANSWERS:
        raise MisuseError(f"{said!r} is no answer; say {', '.join(ANSWERS)}")
    lot = _lot(project, number)
    chosen = [one for one in lot.findings if (one["code"] == code if code else one["severity"] >= WARN)]
    if not chosen:
        raise MisuseError(f"lot {number} has no such finding; its findings: {', '.join(sorted({one['code'] for one in lot.findings})) or 'none'}")
    # A lot that only waited because of what was no fault after all says what normal is.
    cleared = said != "bad" and lot.state == "released" and not lot.teaches and not lot.parents and all(one in chosen for one in differences(lot.findings))
    answers = [{"code": one["code"], "columns": list(one["columns"]), "answer": said} for one in chosen]
    with held(project.ledger, lot.flow) as lease, project.ledger.write() as writing:
        lease.check(writing.connection)
        writing.append(
            "decision",
            {
                "flow": lot.flow, "lot": number, "action": "answer", "author": author_of(author), "reason": reason, "said": said, "answers": answers,
                "lots": [{"lot": number, "teaches": True}] if cleared else [],
            },
        )  # fmt: skip
    return answers


def accept(project: Project, flow: str, from_lot: int, *, author: str | None = None, reason: str = "") -> list[int]:
    """Take what came from this lot on as the new normal: earlier lots teach no more, held ones since then are released and teach.

    Returns:
        The numbers of the lots that were released by this.

    Raises:
        MisuseError: the lot is of another flow.
    """
    with held(project.ledger, flow) as lease, project.ledger.write() as writing:
        lease.check(writing.connection)
        first = records.lot_of(writing.connection, from_lot)
        if first.flow != flow:
            raise MisuseError(f"lot {from_lot} belongs to {first.flow!r}, not to {flow!r}; see: assay flow {flow}")
        since = records.lots(writing.connection, flow, states=("held",), after_place=first.place - 1)
        changes = [change for lot in since for change in _as_released(lot)]
        writing.append(
            "decision",
            {
                "flow": flow, "lot": from_lot, "action": "accept", "author": author_of(author), "reason": reason, "lots": changes,
                "learned_from": first.place,
            },
        )  # fmt: skip
    return [lot.lot for lot in since]


def _decide(project: Project, lot: LotRecord, action: str, author: str | None, reason: str, changes: list[dict[str, Any]]) -> LotRecord:
    with held(project.ledger, lot.flow) as lease, project.ledger.write() as writing:
        lease.check(writing.connection)
        if records.lot_of(writing.connection, lot.lot).state != lot.state:
            raise MisuseError(f"somebody else decided about lot {lot.lot} meanwhile; look again: assay lot {lot.lot}")
        writing.append(
            "decision", {"flow": lot.flow, "lot": lot.lot, "action": action, "author": author_of(author), "reason": reason, "lots": changes}
        )
        return records.lot_of(writing.connection, lot.lot)


def _lot(project: Project, number: int) -> LotRecord:
    with project.ledger.read() as connection:
        return records.lot_of(connection, number)


def _as_released(lot: LotRecord) -> list[dict[str, Any]]:
    """What changes when a held lot is released as it is: itself, and the lots it stands for from now on."""
    objects = {("released" if kind == "held" else kind): digest for kind, digest in lot.objects.items()}
    released = {"lot": lot.lot, "state": "released", "teaches": True, "released": lot.rows["held"], "held": 0, "objects": text(objects)}
    return [released, *({"lot": int(one), "state": "superseded"} for one in lot.facts.get("replaces", "").split())]
