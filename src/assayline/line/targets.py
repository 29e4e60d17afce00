"""Targets of a flow: where released rows go besides the store, for others who read them there.

A target says itself whether it has a lot, and gets each lot whole or not at all. So a push that was cut off anywhere is simply done again; the entry
`pushed` in the ledger only spares the question.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy.engine import Row

from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import held, records
from assayline.ledger.records import LotRecord
from assayline.tables.addresses import parse
from assayline.tables.source import without_password

from .gating import check_name, ensure_flow
from .project import Project
from .reading import batches, released_lots, schema_of
from .shipment import Shipment
from .target_database import DatabaseTarget
from .target_delta import DeltaTarget
from .target_folder import FolderTarget

PATIENCE_SECONDS = 60.0  # how long a push waits for another one to the same target
TYPED_LOTS = 30  # so many of the last lots say what a column of text is, where a table has to be made for it
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


class Target(Protocol):
    """Somewhere released rows go."""

    name: str

    def take(self, shipment: Shipment) -> bool:
        """Makes a lot readable there, whole or not at all; False where it was there already.

        Raises:
            TargetError: it could not, and is as it was.
        """
        ...


@dataclass(frozen=True)
class Push:
    """What one push brought to one target.

    Args:
        target: its number.
        flow: name of the flow.
        address: where it is.
        lots: numbers of the lots that were written now, in order.
        rows: how many rows they have.
        waiting: how many lots it still lacks.
        problem: why, or "".
    """

    target: int
    flow: str
    address: str
    lots: tuple[int, ...] = ()
    rows: int = 0
    waiting: int = 0
    problem: str = ""


def add_target(project: Project, flow: str, place: str, *, format: str | None = None, key: Sequence[str] = (), typed: bool = False) -> dict[str, Any]:
    """Give a flow one more target; everything released so far goes there with the next push, and every lot from then on.

    Args:
        project: where.
        flow: its name; it is made where there is none yet.
        place: a folder (made where it is missing), `sqlite:PATH?table=NAME`, `postgresql://user@host/database?table=NAME`, or `delta:PATH-or-address`.
        format: of files in a folder: "parquet" (default) or "csv".
        key: columns by which rows of a later lot replace those of earlier ones (databases); empty to append.
        typed: columns that stand as text become numbers and times, where every filled cell of the last lots reads so (databases and Delta tables).

    Returns:
        `number`, `flow`, `address`, `options`.

    Raises:
        MisuseError: such a place cannot be, does not take these options, or is a target of this flow already.
        MissingExtra: a package is missing.
    """
    check_name(flow)
    address = _whole(place)
    options: dict[str, Any] = {name: value for name, value in (("format", format), ("key", list(key)), ("typed", typed)) if value}
    opened(address, options)
    if _kind(address) == "folder":
        try:
            os.makedirs(address, exist_ok=True)
        except OSError as error:
            raise MisuseError(f"cannot make {address!r}: {error.strerror}; choose another place") from error
    with project.ledger.write() as writing:
        ensure_flow(writing, flow)
        if any(row.address == address for row in records.targets(writing.connection, flow)):
            raise MisuseError(f"{address} is a target of {flow} already; see: assay target list {flow}")
        number = records.last_target(writing.connection) + 1
        writing.append("target", {"flow": flow, "number": number, "address": address, "options": options, "state": "on"})
    return {"number": number, "flow": flow, "address": address, "options": options}


def remove_target(project: Project, flow: str, number: int) -> None:
    """Push nothing more to a target; what it has stays there.

    Raises:
        MisuseError: the flow has no such target.
    """
    with project.ledger.write() as writing:
        if number not in {int(row.number) for row in records.targets(writing.connection, flow)}:
            raise MisuseError(f"{flow} has no target {number}; see: assay target list {flow}")
        writing.append("target", {"flow": flow, "number": number, "state": "off"})


def targets_document(project: Project, flow: str) -> dict[str, Any]:
    """The targets of a flow: `number`, `address`, `options`, `lots` they have, `waiting` they lack."""
    found = []
    with project.ledger.read() as connection:
        for row in records.targets(connection, flow):
            lots, waiting = (len(some) for some in (records.pushed_to(connection, int(row.number)), records.not_pushed_to(connection, flow, int(row.number))))
            found.append({"number": int(row.number), "address": row.address, "options": json.loads(row.options), "lots": lots, "waiting": waiting})
    return {"flow": flow, "targets": found}


def push(project: Project, flow: str, *, again: bool = False) -> list[Push]:
    """Bring every target of a flow up to date, in order of lots; each lot is there whole or not at all.

    A target that cannot take a lot gets no later one either, so that whoever reads there sees no hole; the next push goes on where this one ended.

    Args:
        project: where.
        flow: its name.
        again: ask the target about every lot, also about those the ledger says it has: after somebody deleted a file or restored a database.
    """
    with project.ledger.read() as connection:
        rows = records.targets(connection, flow)
    return [_push(project, flow, row, again=again) for row in rows]


def push_all(project: Project, flow: str) -> list[str]:
    """The same for the gate: what went wrong, one sentence each; nothing is raised, since what is released is released."""
    try:
        return [f"target {one.target} of {flow}: {one.problem} ({one.waiting} lots wait)" for one in push(project, flow) if one.problem]
    except Exception as error:  # noqa: BLE001 - the gate has published; whatever happens here must not look as if it had not
        return [f"targets of {flow}: {error}; run: assay target push {flow}"]


def opened(address: str, options: Mapping[str, Any]) -> Target:
    """The target at an address; nothing is read or written yet.

    Raises:
        MisuseError: there can be none, or it does not take these options.
        MissingExtra: a package is missing.
    """
    kind = _kind(address)
    fitting = {"folder": {"format"}, "database": {"key", "typed"}, "delta": {"typed"}}[kind]
    odd = sorted(set(options) - fitting)
    if odd:
        raise MisuseError(f"{address}: a {kind} as target takes no --{odd[0]}; it takes {', '.join('--' + one for one in sorted(fitting))}")
    if kind == "database":
        return DatabaseTarget(address, key=options.get("key", ()))
    if kind == "delta":
        return DeltaTarget(address.partition(":")[2])
    return FolderTarget(address, format=options.get("format", "parquet"))


def _push(project: Project, flow: str, row: Row[Any], *, again: bool) -> Push:
    number = int(row.number)
    taken: list[LotRecord] = []
    waiting: list[LotRecord] = []
    problem = ""
    try:
        if not again and not _waiting(project, flow, number):
            return Push(number, flow, row.address)
        with held(project.ledger, f"target {number}", patience_seconds=PATIENCE_SECONDS) as lease:
            options = json.loads(row.options)
            target = opened(row.address, options)
            source = next(project.ledger.entries(most=1)).chain
            waiting = _waiting(project, flow, number, again=again)
            while waiting:
                lot = waiting[0]
                if target.take(shipment_of(project, lot, source, typed=bool(options.get("typed")))):
                    taken.append(lot)
                with project.ledger.write() as writing:
                    lease.check(writing.connection)
                    if lot.lot not in records.pushed_to(writing.connection, number):
                        writing.append("pushed", {"flow": flow, "target": number, "lot": lot.lot})
                del waiting[0]
    except AssaylineError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - one target that fails in a way nobody thought of must not keep the others waiting
        problem = f"{row.address}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Push(number, flow, row.address, tuple(lot.lot for lot in taken), sum(lot.rows["released"] for lot in taken), len(waiting), problem)


def _waiting(project: Project, flow: str, number: int, *, again: bool = False) -> list[LotRecord]:
    if again:
        return released_lots(project, flow)
    with project.ledger.read() as connection:
        found = records.not_pushed_to(connection, flow, number)
    return [lot for lot in found if "released" in lot.objects]


def shipment_of(project: Project, lot: LotRecord, source: str, *, typed: bool) -> Shipment:
    """A released lot, ready for a target; `source` says which ledger it is of."""

    def read_as() -> dict[str, Any]:
        return schema_of(project, released_lots(project, lot.flow)[-TYPED_LOTS:], typed=True)

    return Shipment(
        source=source, flow=lot.flow, lot=lot.lot, order=_first_came(project, lot), digest=lot.objects["released"], rows=lot.rows["released"],
        types=schema_of(project, [lot]), frames=lambda: batches(project, [lot]), read_as=read_as if typed else None,
    )  # fmt: skip


def _first_came(project: Project, lot: LotRecord) -> int:
    """The lot in which the rows of this one came: rows that are put back are no newer than their lot, and replace nothing that came after it."""
    with project.ledger.read() as connection:
        first = lot
        while first.parents:
            parent = records.lot_of(connection, first.parents[0])
            if parent.flow != lot.flow or parent.lot >= first.lot:
                break
            first = parent
    return first.lot


def _kind(address: str) -> str:
    scheme = address.partition(":")[0].lower() if ADDRESS.match(address) else ""
    return {"sqlite": "database", "postgresql": "database", "postgres": "database", "delta": "delta"}.get(scheme, "folder")


def _whole(place: str) -> str:
    """An address that means the same from every working folder.

    Raises:
        MisuseError: it holds a password, or is of a kind we do not know.
    """
    shown = without_password(place)
    if shown != place:
        raise MisuseError(f"{shown}: a password would stand in the ledger for ever; leave it out, and put it where the driver looks for it (~/.pgpass, the environment)")
    kind = _kind(place)
    if place.startswith("sqlite:"):
        parsed = parse(place)
        return f"sqlite:{quote(os.path.abspath(parsed.base), safe='/:')}?table={quote(parsed.table, safe='')}" if parsed.table else place
    if kind == "delta":
        inside = place.partition(":")[2]
        return place if "://" in inside or not inside else f"delta:{os.path.abspath(inside)}"
    if kind == "folder":
        if "://" in place or place.startswith("duckdb:"):
            raise MisuseError(f"{place!r} is no place that takes rows; use a folder, sqlite:PATH?table=NAME, postgresql://…?table=NAME or delta:PLACE")
        return os.path.abspath(place)
    return place
