"""The gate: each lot is judged, split, and published by one transaction; what is in nobody's transaction has not happened.

    read and hash ──▶ seen before? ──▶ judge and cut (child) ──▶ conserve? ──▶ objects into the store ──▶ one transaction
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from assayline.core import Verdict
from assayline.errors import Damaged, InputError, LedgerError, LimitExceeded, NotFound, Refused
from assayline.judgement import Policy
from assayline.ledger import Lease, Staged, Writing, held, records
from assayline.ledger.records import FlowRecord, LotRecord
from assayline.scanning.apart import ADDRESS, LOCAL_ADDRESSES, natural_order
from assayline.tables import Limits
from assayline.tables.source import open_file, without_password

from .ahead import RECENT_LOTS, Judges, Judging
from .incidents import followed, teaching
from .names import check_name
from .project import Project
from .references import in_force, references_of
from .tempering import temper_of
from .thinning import thin_if_due

Progress = Callable[[int, int, str], None]

HASHED_FIRST_BYTES = 256 << 20  # a file this small is hashed before it is opened: a copy then costs nothing more
SUFFIXES = {
    "released": ".parquet", "quarantined": ".parquet", "held": ".parquet", "profile": "", "report": ".json", "original": "", "environment": ".json",
    "artefact": ".assay", "predictions": ".parquet",
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What the gate did with one input.

    Args:
        lot: the lot as the ledger knows it; None where nothing was taken.
        document: one line of `assay gate --json`.
        error: why the input was not taken, or None.
    """

    lot: LotRecord | None
    document: Mapping[str, Any]
    error: InputError | None = None


@dataclass(frozen=True)
class Arrival:
    """What is known of an input besides its bytes.

    Args:
        facts: of its arrival: source, offsets, times.
        salt: distinguishes lots whose bytes may be the same and which are still two, such as the results of a step for two days; "" for deliveries.
        kind: of the lot.
        name: what the input is called where its path says nothing; "" for the path.
        replaces: lots that this one stands for, as soon as it is released.
        own: the input is a Parquet file that this line has made.
        also: appends what has to be written in the transaction that publishes the lot, whose number it is given.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    salt: str = ""
    kind: str = "table"
    name: str = ""
    replaces: Sequence[int] = ()
    own: bool = False
    also: Callable[[Writing, LotRecord], None] | None = None

    def digest(self, content: str) -> str:
        """The digest of a lot of this content; "" where that is not known yet."""
        return "made:" + hashlib.sha256(f"{self.salt} {content}".encode()).hexdigest() if self.salt and content else content


DELIVERED = Arrival()


@dataclass
class Worked:
    """What the child made of one input, ready to be published."""

    input: str
    digest: str
    verdict: Verdict
    state: str
    rows: Mapping[str, int]
    files: dict[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    cases: Sequence[Mapping[str, Any]] = ()
    codes: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    parents: Sequence[int] = ()
    teaches: bool = False
    settles: Sequence[int] = ()
    aside: list[int] | None = None
    columns: Sequence[str] = ()
    arrival: Arrival = DELIVERED


def gate_paths(
    project: Project,
    flow: str,
    inputs: Sequence[str],
    *,
    limits: Limits | None = None,
    policy: Policy | None = None,
    on_progress: Progress | None = None,
    arrivals: Mapping[str, Arrival] | None = None,
    judges: Judges | None = None,
) -> Iterator[Outcome]:
    """Take lots in the order given; an outcome for each, as soon as it is published.

    Args:
        project: where to write.
        flow: name of the flow; made on its first lot.
        inputs: paths, addresses, and patterns, each match of which is a lot (in natural order: 2 before 10).
        limits: what reading one input may cost.
        policy: the limits between the verdicts; the flow's own when None.
        on_progress: receives (rows done, rows expected or 0, phase).
        arrivals: what is known of an input besides its bytes, by path.
        judges: processes that stay for the next call; some of its own when None.

    Raises:
        LedgerError: ledger or store cannot be written; what was published before stays, and the same command finishes the work.
    """
    arrivals = arrivals or {}
    check_name(flow)
    paths = list(expanded(inputs))
    limits = limits or Limits()
    with ExitStack() as stack:
        project.store.sweep()
        lease = stack.enter_context(held(project.ledger, flow))
        remote = any(ADDRESS.match(path) and not path.startswith(LOCAL_ADDRESSES) and not os.path.lexists(path) for path in paths)

        def fresh(path: str) -> bool:
            return _is_fresh(project, flow, path, limits, arrivals.get(path, DELIVERED))

        judging = stack.enter_context(Judging(project.store, paths, limits, network=remote, on_progress=on_progress, fresh=fresh, judges=judges))
        for place, path in enumerate(paths):
            outcome = _gate_path(project, flow, path, place, lease, judging, limits, policy, arrivals.get(path, DELIVERED))
            if outcome.lot is not None:
                thin_if_due(project, flow, lease)
            yield outcome


def _gate_path(
    project: Project, flow: str, path: str, place: int, lease: Lease, judging: Judging, limits: Limits, policy: Policy | None, arrival: Arrival
) -> Outcome:
    shown = arrival.name or without_password(path)
    try:
        digest = arrival.digest(_digest(path, limits))
        seen = seen_before(project, flow, digest)
        if seen is not None:
            return again(project, flow, seen, shown, lease, arrival)
        result, folder = judging.judged(place, {**request_for(project, flow, "", policy, replaces=bool(arrival.replaces)), "own": arrival.own})
    except (NotFound, Refused, LimitExceeded) as error:  # with a higher limit the same bytes can still be taken
        return Outcome(None, refusal(flow, shown, error), error)
    except InputError as error:
        return _unreadable(project, flow, path, error, lease, judging.folder(place), arrival)
    worked = worked_from(result, shown)
    worked.arrival, worked.digest = arrival, arrival.digest(worked.digest)
    seen = seen_before(project, flow, worked.digest)
    if seen is not None:
        return again(project, flow, seen, shown, lease, arrival)
    return publish(project, flow, worked, lease, folder)


def worked_from(result: Mapping[str, Any], shown: str) -> Worked:
    """What came back from the child, checked: every row is somewhere, and only once.

    Raises:
        Damaged: a row was lost or doubled on the way; nothing is published.
    """
    rows, sums = result["rows"], result["multiset"]
    if rows["taken"] != rows["released"] + rows["quarantined"] + rows["held"] + rows["unparseable"]:
        raise Damaged(f"{shown}: of {rows['taken']:,} rows {rows['released'] + rows['quarantined'] + rows['held']:,} were written; nothing was published, report this")
    if not _conserved(sums):
        raise Damaged(f"{shown}: the rows written are not the rows read (their hashes differ); nothing was published, report this")
    verdict = Verdict.named(result["report"]["verdict"])
    state = "held" if verdict >= Verdict.HOLD else "released"
    return Worked(
        input=shown, digest=result["digest"], verdict=verdict, state=state, rows=rows, files=dict(result["files"]), report=result["report"],
        cases=result["cases"], codes=result["codes"], figures=result["figures"], renames=result["renames"], teaches=state == "released",
        aside=result.get("aside"), columns=result["columns"],
    )  # fmt: skip


def _conserved(sums: Mapping[str, str]) -> bool:
    """Whether the sums of row hashes of the outputs add up to that of the input, each half modulo 2**64.

    >>> _conserved({"taken": "0" * 15 + "3" + "0" * 16, "released": "0" * 15 + "1" + "0" * 16, "held": "0" * 15 + "2" + "0" * 16})
    True
    """
    most = (1 << 64) - 1
    halves = [[int(one[at : at + 16], 16) for name, one in sums.items() if name != "taken"] for at in (0, 16)]
    whole = sums.get("taken", "0" * 32)
    return all(sum(half) & most == int(whole[at : at + 16], 16) for half, at in zip(halves, (0, 16), strict=True))


def request_for(project: Project, flow: str, folder: str, policy: Policy | None, *, before: int | None = None, replaces: bool = False) -> dict[str, Any]:
    """Everything the judgement of the next lot of a flow depends on, as one state of the ledger has it.

    Args:
        project: where.
        flow: its name.
        folder: where the child may write.
        policy: the limits; the flow's own when None.
        before: only lots before this place of the flow are its past.
        replaces: the lot takes the place of earlier ones.
    """
    with project.ledger.read() as connection:
        known = records.flow_of(connection, flow)
        teachers = records.teachers(connection, known, RECENT_LOTS, before=before) if known is not None else []
        answers = records.answers_of(connection, flow)
        later = records.lots(connection, flow, after_place=teachers[-1].place, most=RECENT_LOTS) if teachers and before is None else []
        waiting = any(not lot.parents for lot in later)
        last = records.last_lot(connection)
        rules = in_force(records.rules_of(connection, flow))
    settings = known.settings if known is not None else {}
    past: list[dict[str, Any]] = [
        {"name": f"lot {one.lot} ({os.path.basename(one.input) or one.input})", "digest": one.objects["profile"], "path": project.store.path(one.objects["profile"]), "codes": list(one.codes)}
        for one in teachers
    ]
    return {
        "folder": folder,
        "past": past,
        "next_lot": last + 1,
        "past_bytes": sum(os.path.getsize(str(one["path"])) for one in past),
        "renames": dict(teachers[-1].figures.get("renames", {})) if teachers else {},
        "rules": rules,
        "references": references_of(project, rules),
        "policy": asdict(policy) if policy is not None else dict(settings.get("policy", {})),
        "temper": temper_of(len(teachers), settings, answers, rules, waiting=waiting, replaces=replaces),
    }


def publish(project: Project, flow: str, worked: Worked, lease: Lease, folder: str) -> Outcome:
    """Objects into the store, then one transaction; gives the outcome.

    Raises:
        Fenced: somebody else holds the flow by now.
        LedgerError: it could not be written; nothing was published.
    """
    staged = [Staged(os.path.join(folder, name), SUFFIXES[kind]) for kind, name in worked.files.items()]
    objects = dict(zip(worked.files, project.store.put(staged), strict=True))
    with project.ledger.write() as writing:
        lease.check(writing.connection)
        body = _body(writing, flow, worked, objects)
        writing.append("lot", body)
        lot = records.lot_of(writing.connection, body["lot"])
        if worked.arrival.also is not None:
            worked.arrival.also(writing, lot)
    return Outcome(lot, outcome_document(project, lot, worked.report.get("findings", [])))


def _body(writing: Writing, flow: str, worked: Worked, objects: Mapping[str, str]) -> dict[str, Any]:
    known = ensure_flow(writing, flow, worked.arrival.kind)
    connection = writing.connection
    first_case = records.last_case(connection) + 1
    lot, place = records.last_lot(connection) + 1, known.lots + 1
    findings = [
        {"code": one["code"], "columns": one["columns"], "severity": one["severity"], "sentence": one["sentence"], "layer": one["layer"], "rows": one["rows"], "where": one["where"]}
        for one in worked.report.get("findings", [])
    ]
    incidents, notices = followed(connection, flow, lot, place, worked, findings)
    teaches, adopted = teaching(connection, known, worked, findings, incidents)
    return {
        "lot": lot, "flow": flow, "place": place, "digest": worked.digest, "input": worked.input, "verdict": str(worked.verdict), "state": worked.state,
        "teaches": teaches, "adopted": adopted, "rows": dict(worked.rows), "objects": dict(objects), "parents": list(worked.parents), "findings": findings,
        "codes": list(worked.codes), "figures": {**worked.figures, "renames": dict(worked.renames), "columns_now": list(worked.columns)},
        "cases": [{**case, "number": first_case + number} for number, case in enumerate(worked.cases)],
        "incidents": incidents, "notices": notices, "settles": list(worked.settles),
        "facts": _facts(worked.arrival), "replaces": list(worked.arrival.replaces) if worked.state == "released" else [],
    }  # fmt: skip


def _facts(arrival: Arrival) -> dict[str, str]:
    """What is kept of the arrival; which lots it is to replace too, since a person may release it later."""
    return {**arrival.facts, **({"replaces": " ".join(map(str, arrival.replaces))} if arrival.replaces else {})}


def ensure_flow(writing: Writing, flow: str, kind: str = "table") -> FlowRecord:
    """The flow, made if it is new; of lots of this kind."""
    known = records.flow_of(writing.connection, flow)
    if known is None:
        writing.append("flow", {"flow": flow, "kind": kind, "settings": {}})
        known = records.flow_of(writing.connection, flow)
        assert known is not None
    return known


def outcome_document(project: Project, lot: LotRecord, findings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One line of `assay gate --json`."""
    return {
        "lot": str(lot.lot), "flow": lot.flow, "input": lot.input, "verdict": lot.verdict, "state": lot.state, "digest": lot.digest, "place": lot.place,
        "rows": dict(lot.rows), "findings": list(findings),
        **{name: project.store.path(lot.objects[name]) if name in lot.objects else None for name in ("released", "quarantined", "held")},
    }  # fmt: skip


def again(project: Project, flow: str, seen: LotRecord, shown: str, lease: Lease, arrival: Arrival = DELIVERED) -> Outcome:
    """The same bytes once more: written down, taken no second time. A lot that another one had replaced comes back into force."""
    with project.ledger.write() as writing:
        lease.check(writing.connection)
        revived = {"revives": "released" if "released" in seen.objects else "held"} if seen.state == "superseded" else {}
        writing.append("again", {"flow": flow, "lot": seen.lot, "input": shown, "replaces": [lot for lot in arrival.replaces if lot != seen.lot], **revived})
        lot = records.lot_of(writing.connection, seen.lot)
        if arrival.also is not None:
            arrival.also(writing, lot)
    sentence = f"These bytes were taken before, as lot {lot.lot} ({lot.input}); nothing of them was taken again."
    finding = {
        "code": "duplicate_lot", "layer": "history", "severity": 0.3, "columns": [], "where": None, "rows": lot.rows["taken"], "sentence": sentence,
        "evidence": {"earlier_lot": str(lot.lot)}, "suggestion": "nothing, if the same command ran twice; else ask for the new delivery", "examples": [], "picture": {},
    }  # fmt: skip
    document = outcome_document(project, lot, [finding])
    return Outcome(lot, {**document, "input": shown, "duplicate_of": str(lot.lot), "rows": dict.fromkeys(document["rows"], 0)})


def refusal(flow: str, shown: str, error: InputError) -> dict[str, Any]:
    """The line of an input that was not taken."""
    return {
        "lot": None, "flow": flow, "input": shown, "verdict": "reject", "rows": dict.fromkeys(records.ROWS, 0), "findings": [], "released": None,
        "quarantined": None, "held": None, "error": str(error),
    }  # fmt: skip


def _unreadable(project: Project, flow: str, path: str, error: InputError, lease: Lease, folder: str, arrival: Arrival) -> Outcome:
    """A delivery that cannot be read is held as it came, so that nothing is lost and the next ones go on."""
    shown = arrival.name or without_password(path)
    original = os.path.join(folder, "original")
    try:
        digest = arrival.digest(_copied(path, original))
    except InputError:
        return Outcome(None, refusal(flow, shown, error), error)
    finding = {
        "code": "unreadable", "layer": "signature", "severity": 0.95, "columns": [], "where": error.place or None, "rows": 0, "sentence": f"{error}.", "evidence": {},
        "suggestion": error.next_step, "examples": [], "picture": {},
    }  # fmt: skip
    worked = Worked(
        input=shown, digest=digest, verdict=Verdict.HOLD, state="unreadable", rows=dict.fromkeys(records.ROWS, 0), files={"original": "original"},
        report={"findings": [finding]}, arrival=arrival,
    )  # fmt: skip
    outcome = publish(project, flow, worked, lease, folder)
    return Outcome(outcome.lot, {**outcome.document, "error": str(error)}, error)


def _copied(path: str, target: str) -> str:
    source = open_file(path, Limits())
    try:
        state = hashlib.sha256()
        with open(target, "wb") as out:
            for block in source.blocks(1 << 20):
                state.update(block)
                out.write(block)
        return "sha256:" + state.hexdigest()
    except OSError as error:
        raise LedgerError(f"{target}: {error.strerror or error}; free some space, or look at the disk, and run the same command again") from error
    finally:
        source.close()


def _digest(path: str, limits: Limits) -> str:
    """The digest of a small regular file; "" for anything else, which the child answers for."""
    if not os.path.isfile(path) or os.path.getsize(path) > HASHED_FIRST_BYTES or not os.path.getsize(path):
        return ""
    source = open_file(path, limits)
    try:
        return source.digest()
    finally:
        source.close()


def seen_before(project: Project, flow: str, digest: str) -> LotRecord | None:
    """The lot of a flow with these bytes, if it was taken; None for an unknown digest ("")."""
    if not digest:
        return None
    with project.ledger.read() as connection:
        return records.lot_with(connection, flow, digest)


def _is_fresh(project: Project, flow: str, path: str, limits: Limits, arrival: Arrival) -> bool:
    try:
        return seen_before(project, flow, arrival.digest(_digest(path, limits))) is None
    except InputError:
        return False


def expanded(inputs: Iterable[str]) -> Iterator[str]:
    """Each input; each match of a pattern, in natural order.

    Raises:
        NotFound: a pattern matches nothing.
    """
    for one in inputs:
        if os.path.lexists(one) or ADDRESS.match(one) or not glob.has_magic(one):
            yield one
            continue
        found = sorted(glob.glob(one), key=natural_order)
        if not found:
            raise NotFound(one, "no file matches this pattern", next_step="check the pattern")
        yield from found


__all__ = ["Arrival", "Outcome", "Worked", "again", "check_name", "expanded", "gate_paths", "publish", "request_for", "worked_from"]
