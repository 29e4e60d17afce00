"""Targets of a flow: where released rows go besides the store, for others who read them there.

A target says itself whether it has a lot, and gets each lot whole or not at all. So a push that was cut off anywhere is simply done again; the entry
`pushed` in the ledger only spares the question. A lot that stands for others takes their place there too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy.engine import Row

from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import Lease, held, records
from assayline.ledger.records import LotRecord
from assayline.ledger.store import whole_file
from assayline.tables.addresses import parse
from assayline.tables.source import without_password

from .gating import check_name, ensure_flow
from .project import Project
from .reading import batches, released_lots, schema_of
from .rows_out import Letters
from .shipment import Shipment, Withdrawal
from .succession import Succession, by_turn, turns
from .target_database import DatabaseTarget
from .target_delta import DeltaTarget
from .target_folder import FolderTarget
from .target_messages import MessageTarget, Progress, takes_messages
from .target_progress import LedgerProgress, forget, has_pushed, unfinished

PATIENCE_SECONDS = 60.0  # how long a push waits for another one to the same target
NOT_UNDONE = "not_undone"  # the folder of a project with what could not be taken back
TYPED_LOTS = 30  # so many of the last lots say what a column of text is, where a table has to be made for it
WORDS = {"folder": "a folder", "database": "a database", "delta": "a delta", "messages": "a broker"}
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

    def replace(self, shipment: Shipment, replaced: Sequence[int]) -> bool:
        """Makes a lot readable there in the place of those it stands for; False where it was there already and they were not.

        Args:
            shipment: the lot.
            replaced: numbers of the lots it stands for; some may never have been there.

        Raises:
            TargetError: it could not, and is as it was.
        """
        ...

    def withdraw(self, withdrawal: Withdrawal) -> bool:
        """Takes away lots that stand no longer; False where none of them was there.

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
        withdrawn: numbers of lots that stand no longer and were taken away there now, replaced by one of `lots` or by none.
        waiting: how many lots it still lacks.
        problem: why, or "".
    """

    target: int
    flow: str
    address: str
    lots: tuple[int, ...] = ()
    rows: int = 0
    withdrawn: tuple[int, ...] = ()
    waiting: int = 0
    problem: str = ""


def add_target(
    project: Project, flow: str, place: str, *, format: str | None = None, key: Sequence[str] = (), typed: bool = False, block: int | None = None, final: bool = False,
    connection: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Give a flow one more target; everything released so far goes there with the next push, and every lot from then on.

    Args:
        project: where.
        flow: its name; it is made where there is none yet.
        place: a folder (made where it is missing), `sqlite:PATH?table=NAME`, `postgresql://user@host/database?table=NAME`, `delta:PATH-or-address`, the address of
            a topic, subject, queue or stream (kafka, mqtt, nats, amqp, redis; with an s for TLS), or http(s)://.
        format: of files in a folder: "parquet" (default) or "csv".
        key: columns by which rows of a later lot replace those of earlier ones (databases, empty to append), or which say what a message is about.
        typed: columns that stand as text become numbers and times, where every filled cell of the last lots reads so (databases and Delta tables).
        block: so many rows make one message; 1 when None.
        final: what arrived there can never be undone: nothing is sent when a lot is superseded; the rows that would have changed are written to a file and told.
        connection: options of a connection for messages, as sources have them: password, ca_file and so on.

    Returns:
        `number`, `flow`, `address`, `options`.

    Raises:
        MisuseError: such a place cannot be, does not take these options, or is a target of this flow already.
        MissingExtra: a package is missing.
    """
    check_name(flow)
    address = _whole(place)
    given = (("format", format), ("key", list(key)), ("typed", typed), ("block", block), ("final", final), ("connection", dict(connection or {})))
    options: dict[str, Any] = {name: value for name, value in given if value}
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


def target_at(project: Project, flow: str, place: str) -> int | None:
    """The number of the target of a flow at this place, or None."""
    address = _whole(place)
    with project.ledger.read() as connection:
        return next((int(row.number) for row in records.targets(connection, flow) if row.address == address), None)


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
    """The targets of a flow: `number`, `address`, `options`, `lots` they have, `waiting` they lack, `outdated` they have and should not any more."""
    found = []
    with project.ledger.read() as connection:
        for row in records.targets(connection, flow):
            number = int(row.number)
            counts = {"waiting": len(records.not_pushed_to(connection, flow, number)), "outdated": len(records.not_standing_in(connection, number))}
            found.append({"number": number, "address": row.address, "options": json.loads(row.options), "lots": len(records.pushed_to(connection, number)), **counts})
    return {"flow": flow, "targets": found}


def push(project: Project, flow: str, *, again: bool = False) -> list[Push]:
    """Bring every target of a flow up to date, in order of lots; each lot is there whole or not at all.

    A target that cannot take a lot gets no later one either, so that whoever reads there sees no hole; the next push goes on where this one ended.
    What was superseded since is taken back: the lot that stands for it takes its place, in one step.

    Args:
        project: where.
        flow: its name.
        again: ask the target about every lot, also about those the ledger says it has or has not: after somebody deleted a file or restored a database.
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


def opened(address: str, options: Mapping[str, Any], progress: Progress | None = None) -> Target:
    """The target at an address; nothing is read or written yet.

    Args:
        address: where.
        options: as they stand in the ledger.
        progress: what the ledger knows of it, for targets that cannot be asked; None where nothing will be pushed.

    Raises:
        MisuseError: there can be none, or it does not take these options.
        MissingExtra: a package is missing.
    """
    kind = _kind(address)
    fitting = {"final"} | {"folder": {"format"}, "database": {"key", "typed"}, "delta": {"typed"}, "messages": {"key", "block", "connection"}}[kind]
    odd = sorted(set(options) - fitting - ({"key"} if options.get("final") else set()))
    if odd:
        taken = ", ".join(sorted("--" + ("option" if one == "connection" else one) for one in fitting))
        raise MisuseError(f"{without_password(address)}: {WORDS[kind]} as target takes no --{'option' if odd[0] == 'connection' else odd[0]}; it takes {taken}")
    if kind == "database":
        return DatabaseTarget(address, key=options.get("key", ()))
    if kind == "delta":
        return DeltaTarget(address.partition(":")[2])
    if kind == "messages":
        return MessageTarget(address, key=options.get("key", ()), block=int(options.get("block", 1)), options=options.get("connection", {}), progress=progress)
    return FolderTarget(address, format=options.get("format", "parquet"))


def _push(project: Project, flow: str, row: Row[Any], *, again: bool) -> Push:
    pushing = _Pushing(project, flow, int(row.number), row.address, json.loads(row.options))
    problem = ""
    try:
        if again or pushing.behind():
            with held(project.ledger, f"target {row.number}", patience_seconds=PATIENCE_SECONDS) as lease:
                pushing.bring(lease, again=again)
    except AssaylineError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - one target that fails in a way nobody thought of must not keep the others waiting
        problem = f"{row.address}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return pushing.push(problem)


@dataclass
class _Pushing:
    """One target on its way to what the flow has released."""

    project: Project
    flow: str
    number: int
    address: str
    options: Mapping[str, Any]
    taken: list[LotRecord] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    waiting: list[LotRecord] = field(default_factory=list)

    def push(self, problem: str) -> Push:
        """What became of it."""
        rows = sum(lot.rows["released"] for lot in self.taken)
        return Push(self.number, self.flow, self.address, tuple(lot.lot for lot in self.taken), rows, tuple(sorted(self.withdrawn)), len(self.waiting), problem)

    def behind(self) -> bool:
        """Whether there is anything to do, by the ledger."""
        with self.project.ledger.read() as connection:
            return bool(records.not_pushed_to(connection, self.flow, self.number) or records.not_standing_in(connection, self.number))

    def bring(self, lease: Lease, *, again: bool) -> None:
        """Takes away what stands no longer and brings what is lacking, in order."""
        source = next(self.project.ledger.entries(most=1)).chain
        target = opened(self.address, self.options, LedgerProgress(self.project.ledger, lease, self.number, source))
        with self.project.ledger.read() as connection:
            succession = Succession.of(connection, self.flow)
            outdated = records.not_standing_in(connection, self.number)
            lacking = records.not_pushed_to(connection, self.flow, self.number)
            maybe = [lot for lot in unfinished(connection, self.number) if succession.states.get(lot) == "superseded"]  # begun, and never finished
            superseded = [lot for lot, state in succession.states.items() if state == "superseded"] if again else sorted({*outdated, *maybe})
            self.waiting = [lot for lot in (records.lots(connection, self.flow, states=("released",)) if again else lacking) if "released" in lot.objects]
            order = turns(connection, self.flow, self.waiting)
        followed = {one for lot in self.waiting for one in succession.replaced(lot.lot)}
        alone = tuple(lot for lot in superseded if lot not in followed)
        if alone:
            withdrawal = withdrawal_of(self.project, self.flow, alone, source, typed=self.typed)
            mine = [lot for lot in alone if lot in outdated]
            if self.options.get("final"):
                self._record(lease, "withdrawn", mine, notices=self._not_undone(None, [one for one in withdrawal.replaced() if one.lot in {*mine, *maybe}]))
            else:
                target.withdraw(withdrawal)
                self._record(lease, "withdrawn", mine)
        while self.waiting:
            lot = self.waiting[0]
            replaced = succession.replaced(lot.lot)
            mine = [one for one in replaced if one in outdated]
            shipment = shipment_of(self.project, lot, source, typed=self.typed, order=order[lot.lot], replaced=replaced)
            if self.options.get("final") and (mine or set(replaced) & set(maybe)):
                self._record(lease, "pushed", mine, lot, notices=self._not_undone(shipment, [one for one in shipment.replaced() if one.lot in {*mine, *maybe}]))
            else:
                if target.replace(shipment, replaced) if replaced else target.take(shipment):
                    self.taken.append(lot)
                self._record(lease, "pushed", mine, lot)
            del self.waiting[0]

    def _not_undone(self, shipment: Shipment | None, earlier: Sequence[Shipment]) -> list[dict[str, Any]]:
        """Writes down what would have to be undone where nothing can be, a line for each row; what people are told of it."""
        letters = Letters(tuple(self.options.get("key", ())))
        messages = letters.gone(earlier, self.address) if shipment is None else letters.instead(shipment, earlier, self.address, differing=True)
        lots = "-".join(f"{one.lot:06}" for one in ([shipment] if shipment is not None else earlier[:1]))
        path = os.path.join(self.project.folder, NOT_UNDONE, f"{self.flow}-target{self.number}-{lots}.ndjson")
        rows = 0
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with whole_file(path) as part, open(part, "wb") as file:
            for message in messages:
                file.write(message.body + b"\n")
                rows += 1
        if not rows:
            return []
        subject = f"{rows:,} rows of {self.flow} were changed after they had gone to target {self.number}, where nothing can be undone"
        now = f"lot {shipment.lot} stands" if shipment is not None else "none stands"
        lines = [f"{self.address} has the rows of {_lots(earlier)}; {now} for them now.", f"The rows: {path}"]
        identity = hashlib.sha256(f"final {self.number} {path} {[one.lot for one in earlier]}".encode()).hexdigest()
        return [{"id": identity, "flow": self.flow, "subject": subject, "lines": lines, "verdict": "warn"}]

    @property
    def typed(self) -> bool:
        """Whether text becomes numbers and times there."""
        return bool(self.options.get("typed"))

    def _record(self, lease: Lease, event: str, withdrawn: Sequence[int], lot: LotRecord | None = None, *, notices: Sequence[Mapping[str, Any]] = ()) -> None:
        body: dict[str, Any] = {"flow": self.flow, "target": self.number, **({"notices": list(notices)} if notices else {})}
        with self.project.ledger.write() as writing:
            lease.check(writing.connection)
            if lot is None and (withdrawn or notices):
                writing.append(event, {**body, "lots": list(withdrawn)})
            elif lot is not None and (withdrawn or not has_pushed(writing.connection, self.number, lot.lot)):
                writing.append(event, {**body, "lot": lot.lot, **({"replaced": list(withdrawn)} if withdrawn else {})})
            forget(writing, self.number)
        self.withdrawn += withdrawn


def _lots(shipments: Sequence[Shipment]) -> str:
    return "lots " + ", ".join(str(one.lot) for one in shipments) if len(shipments) > 1 else f"lot {shipments[0].lot}"


def shipment_of(project: Project, lot: LotRecord, source: str, *, typed: bool, order: int | None = None, replaced: Sequence[int] = ()) -> Shipment:
    """A released lot, ready for a target; `source` says which ledger it is of."""

    def read_as() -> dict[str, Any]:
        return schema_of(project, released_lots(project, lot.flow)[-TYPED_LOTS:], typed=True)

    if order is None:
        with project.ledger.read() as connection:
            order = turns(connection, lot.flow, [lot])[lot.lot]
    return Shipment(
        source=source, flow=lot.flow, lot=lot.lot, order=order, digest=lot.objects["released"], rows=lot.rows["released"],
        types=schema_of(project, [lot]), frames=lambda: batches(project, [lot]), read_as=read_as if typed else None,
        replaces=tuple(replaced), replaced=_shipments(project, replaced, source, typed=typed), standing=_standing(project, lot.flow, source, typed=typed, but=lot.lot),
    )  # fmt: skip


def withdrawal_of(project: Project, flow: str, lots: Sequence[int], source: str, *, typed: bool) -> Withdrawal:
    """Lots that stand no longer, ready to be taken from a target."""
    return Withdrawal(source, flow, tuple(lots), _shipments(project, lots, source, typed=typed), _standing(project, flow, source, typed=typed))


def _shipments(project: Project, numbers: Sequence[int], source: str, *, typed: bool) -> Callable[[], Iterator[Shipment]]:
    def found() -> Iterator[Shipment]:
        for number in numbers:
            with project.ledger.read() as connection:
                lot = records.lot_of(connection, number)
            if "released" in lot.objects:
                yield shipment_of(project, lot, source, typed=typed)

    return found


def _standing(project: Project, flow: str, source: str, *, typed: bool, but: int = 0) -> Callable[[], Iterator[Shipment]]:
    def found() -> Iterator[Shipment]:
        lots = [lot for lot in released_lots(project, flow) if lot.lot != but]
        with project.ledger.read() as connection:
            order = turns(connection, flow, lots)
        for lot in by_turn(lots, order):
            yield shipment_of(project, lot, source, typed=typed, order=order[lot.lot])

    return found


def _kind(address: str) -> str:
    if takes_messages(address):
        return "messages"
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
    if kind == "messages":
        return place
    if place.startswith("sqlite:"):
        parsed = parse(place)
        return f"sqlite:{quote(os.path.abspath(parsed.base), safe='/:')}?table={quote(parsed.table, safe='')}" if parsed.table else place
    if kind == "delta":
        inside = place.partition(":")[2]
        return place if "://" in inside or not inside else f"delta:{os.path.abspath(inside)}"
    if kind == "folder":
        if "://" in place or place.startswith("duckdb:"):
            raise MisuseError(f"{place!r} is no place that takes rows; use a folder, sqlite:PATH?table=NAME, postgresql://…?table=NAME, delta:PLACE, a broker or http(s)://")
        return os.path.abspath(place)
    return place
