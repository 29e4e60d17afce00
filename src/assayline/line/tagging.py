"""The tags of lots and flows, asked of the ledger each time: whatever is decided about an ancestor counts at once for all that was made from it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.core import Verdict
from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records, run_records
from assayline.ledger.records import LotLine, LotRecord
from assayline.ledger.rollout_records import RepairRecord
from assayline.ledger.run_records import RunRecord
from assayline.ledger.schema import CASES, DECISIONS, RULES, WEAKENED
from assayline.ledger.sql_ledger import now
from assayline.lineage import FOREVER, Edge, Tag, Use, Weakening, columns_concerned, derived, verdict_of

from .adjudicating import author_of
from .ancestry import AT_ONCE, lines_by_number, lot_named, lots_by_number, makers, newest_lot, put_back_from
from .incidents import WARN
from .project import Project

TAG_DAYS = 30  # a month of daily lots: what nobody has answered by then is how the data is
CLEARING = ("expected", "noise")
TAINTED = "tainted"  # made from predictions that were repaired since; holds until it is made again from those that stand for them

Answers = Mapping[tuple[int, str, tuple[str, ...]], str]


def tag_days(project: Project) -> float:
    """For how many days after its lot arrived a tag holds: `tag_days` under `[lineage]` in assay.toml.

    Raises:
        MisuseError: it is no number above 0.
    """
    days = project.settings.get("lineage", {}).get("tag_days", TAG_DAYS)
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days < 36_500:
        raise MisuseError(f"tag_days = {days!r} under [lineage] in assay.toml is no number of days; write for instance tag_days = 30")
    return float(days)


def tags_of(project: Project, lots: Iterable[int], *, moment: str | None = None) -> dict[int, tuple[Tag, ...]]:
    """The tags of lots: those of their own findings and of all ancestors, weakened ones too.

    Args:
        project: where.
        lots: their numbers; those that do not exist are left out.
        moment: UTC time (ISO 8601) it is asked at; now when None.
    """
    with project.ledger.read() as connection:
        return Asked(connection, tag_days(project), moment or now()).tags(lots)


def flow_verdicts(project: Project, flows: Iterable[str] | None = None, *, moment: str | None = None) -> dict[str, tuple[Verdict, tuple[Tag, ...]]]:
    """How each flow stands: the tags of its newest released lot, and the verdict of its last lot joined with those that hold.

    Args:
        project: where.
        flows: their names; all that have lots when None. Those without a lot are left out.
        moment: UTC time (ISO 8601) it is asked at; now when None.
    """
    with project.ledger.read() as connection:
        names = [one.name for one in records.flows(connection)] if flows is None else list(flows)
        last = {name: records.lots(connection, name, most=1, newest_first=True) for name in names}
        newest = {name: newest_lot(connection, name) for name in names if last[name]}
        asked = Asked(connection, tag_days(project), moment or now())
        tags = asked.tags([lot.lot for lot in newest.values() if lot is not None])
        found: dict[str, tuple[Verdict, tuple[Tag, ...]]] = {}
        for name, lot in newest.items():
            mine = tags.get(lot.lot, ()) if lot is not None else ()
            found[name] = (verdict_of(mine) | _standing(connection, last[name][0]), mine)
        return found


def _standing(connection: Connection, last: LotRecord) -> Verdict:
    """What the last lot of a flow says of the flow by its state: one that waits for a person holds the flow, rows that wait are a split."""
    if last.state in ("held", "unreadable"):
        return Verdict.HOLD
    waiting = last.state == "released" and bool(records.cases(connection, lot=last.lot, most=1))
    return Verdict.SPLIT if waiting else Verdict.RELEASE


def tags_document(project: Project, name: str, *, moment: str | None = None) -> dict[str, Any]:
    """What holds of a flow's newest released lot, or of the lot of this number, and what was weakened and why.

    Returns:
        `flow`, `lot`, `verdict` (of the tags that hold), `tags` (see `tag_document`), `weakenings` (recorded for this flow).

    Raises:
        MisuseError: there is no such flow or lot.
    """
    with project.ledger.read() as connection:
        lot = lot_named(connection, name)
        asked = Asked(connection, tag_days(project), moment or now())
        tags = asked.tags([lot.lot])[lot.lot]
        recorded = [weakening_document(row._asdict()) for row in run_records.weakenings(connection, only_on=False) if row.flow == lot.flow]
    return {"flow": lot.flow, "lot": lot.lot, "verdict": str(verdict_of(tags)), "tags": [tag_document(tag) for tag in tags], "weakenings": recorded}


def tag_document(tag: Tag) -> dict[str, Any]:
    """A tag as JSON values."""
    return {
        "level": str(tag.level), "reason": tag.reason, "origin": tag.origin, "lot": tag.lot, "code": tag.code, "columns": list(tag.columns), "here": list(tag.here),
        "where": tag.where, "share": round(tag.share, 6), "until": tag.until, "weakened": tag.weakened,
    }  # fmt: skip


def weakening_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded weakening as JSON values."""
    return {
        "number": int(row["number"]), "flow": row["flow"], "origin": row["origin"], "code": row["code"], "columns": json.loads(row["columns"]), "rule": row["rule"],
        "reason": row["reason"], "author": row["author"], "at": row["at"], "until": row["until"], "state": row["state"],
    }  # fmt: skip


def weaken(
    project: Project, flow: str, *, origin: str, code: str, columns: Sequence[str] = (), reason: str, rule: int | None = None, until: str | None = None, author: str | None = None
) -> dict[str, Any]:
    """Record why a finding about an ancestor does not matter from this flow on downstream.

    Args:
        project: where.
        flow: from here on.
        origin: the flow the finding is about.
        code: of the finding.
        columns: only findings about no other columns than these; () for any.
        reason: why.
        rule: number of a rule of `flow`: it counts only for lots in which this rule was in force and found nothing.
        until: UTC date or time (ISO 8601) from which it no longer counts.
        author: who says so; the user who runs this when None.

    Raises:
        MisuseError: there is no such flow or rule, no reason, or no such time.
    """
    if not reason.strip():
        raise MisuseError("say why with --reason: it stands beside the finding from now on")
    body = {
        "flow": flow, "origin": origin, "code": code, "columns": sorted(columns), "rule": rule, "reason": reason, "author": author_of(author), "until": _time(until),
        "state": "on",
    }  # fmt: skip
    with project.ledger.write() as writing:
        for name in (flow, origin):
            if records.flow_of(writing.connection, name) is None:
                raise MisuseError(f"there is no flow {name!r}; flows: {', '.join(one.name for one in records.flows(writing.connection)) or 'none yet'}")
        if rule is not None and not any(int(row.rule) == rule and row.state == "on" for row in records.rules_of(writing.connection, flow)):
            raise MisuseError(f"{flow} has no rule {rule} in force; see: assay rules list {flow}")
        entry = writing.append("weakened", body)
        row = writing.connection.execute(sa.select(WEAKENED).where(WEAKENED.c.number == entry.number)).one()
        return weakening_document(row._asdict())


def restore(project: Project, number: int, *, author: str | None = None) -> dict[str, Any]:
    """Take a recorded weakening out of force; it stays on record.

    Raises:
        MisuseError: there is none of this number in force.
    """
    with project.ledger.write() as writing:
        row = next((one for one in run_records.weakenings(writing.connection) if int(one.number) == number), None)
        if row is None:
            raise MisuseError(f"no weakening {number} is in force; see: assay tags FLOW")
        writing.append("weakened", {"number": number, "state": "off", "author": author_of(author)})
    return {**weakening_document(row._asdict()), "state": "off"}


@dataclass
class Asked:
    """One question about tags, on one state of the ledger."""

    connection: Connection
    days: float
    moment: str
    lots: dict[int, LotLine] = field(default_factory=dict)
    runs: dict[int, RunRecord] = field(default_factory=dict)
    found: dict[int, tuple[Tag, ...]] = field(default_factory=dict)
    repairs: dict[int, RepairRecord] = field(default_factory=dict)

    def tags(self, numbers: Iterable[int]) -> dict[int, tuple[Tag, ...]]:
        """The tags of these lots."""
        wanted = sorted(set(numbers))
        self._load(wanted)
        own = self._own()
        reasons = self._weakenings()
        for lot in self._parents_first(wanted):
            edges = self._edges(lot)
            self.found[lot] = derived(own.get(lot, ()), edges, reasons.get(lot, ()), self.moment)
        return {lot: self.found[lot] for lot in wanted if lot in self.found}

    def _load(self, wanted: Sequence[int]) -> None:
        """The lots and their ancestors, as far back as tags can still hold: what repaired predictions are in is never too old."""
        self.repairs = {one.lot: one for one in rollout_records.repairs(self.connection)}
        tainted = self._made_of(self.repairs)
        first = records.first_lot_since(self.connection, (_moment(self.moment) - timedelta(days=self.days)).isoformat(timespec="microseconds"))
        frontier = set(wanted)
        while frontier:
            self.lots |= lines_by_number(self.connection, frontier)
            self.runs |= makers(self.connection, frontier)
            above = {parent for lot in frontier if lot in self.lots for parent in self._parents(lot) if parent >= first or parent in tainted}
            frontier = above - self.lots.keys()

    def _made_of(self, lots: Iterable[int]) -> set[int]:
        """These lots and all that was ever made of them."""
        found, frontier = set(lots), set(lots)
        while frontier:
            some = sorted(frontier)
            made = {one for start in range(0, len(some), AT_ONCE) for one in run_records.outputs_of(self.connection, some[start : start + AT_ONCE])}
            frontier = (made | {one for lot in some for one in put_back_from(self.connection, lot)}) - found
            found |= frontier
        return found

    def _parents(self, lot: int) -> list[int]:
        run = self.runs.get(lot)
        return [*self.lots[lot].parents, *(parent for parents in (run.inputs.values() if run is not None else ()) for parent in parents)]

    def _parents_first(self, wanted: Sequence[int]) -> list[int]:
        """The loaded lots, each after those it was made from."""
        order: list[int] = []
        seen: set[int] = set()
        waiting = [(lot, False) for lot in wanted if lot in self.lots]
        while waiting:
            lot, done = waiting.pop()
            if done:
                order.append(lot)
            elif lot not in seen:
                seen.add(lot)
                waiting.append((lot, True))
                waiting += [(parent, False) for parent in self._parents(lot) if parent in self.lots and parent not in seen]
        return order

    def _edges(self, lot: int) -> list[Edge]:
        edges = [Edge(self.lots[parent].flow, self._passed_on(parent, lot)) for parent in self.lots[lot].parents]
        run = self.runs.get(lot)
        if run is None:
            return edges
        use = Use.from_json(run.columns)
        for name, parents in run.inputs.items():
            read = [parent for parent in parents if self.found.get(parent)]
            if not read:
                continue
            uses, deciding, sources = use.uses.get(name), use.rows.get(name), use.reached(name)
            rows = sum(self.lots[parent].released for parent in parents if parent in self.lots)
            edges += [
                Edge(
                    name, self._passed_on(parent, lot), None if uses is None else frozenset(uses), sources, None if deciding is None else frozenset(deciding),
                    self.lots[parent].released / rows if rows else 1.0,
                )
                for parent in read
            ]  # fmt: skip
        return edges

    def _passed_on(self, parent: int, lot: int) -> tuple[Tag, ...]:
        """The tags of a parent as this lot gets them: the one that stands for repaired predictions is not made from them, whatever it was copied from."""
        repair = self.repairs.get(parent)
        tags = self.found.get(parent, ())
        return tags if repair is None or repair.by != lot else tuple(tag for tag in tags if (tag.code, tag.lot) != (TAINTED, parent))

    def _tainted(self, lot: LotLine) -> tuple[Tag, ...]:
        """What whoever was made from this lot is told, where its predictions were repaired. That it is superseded is no excuse: what was made from it is not."""
        repair = self.repairs.get(lot.lot)
        if repair is None:
            return ()
        scoring = next(iter(rollout_records.scorings(self.connection, lots=[lot.lot])), None)
        run = f" (run {scoring.run.removeprefix('sha256:')[:12]})" if scoring is not None else ""
        sentence = f"{repair.rows:,} predictions of lot {lot.lot} of {lot.flow}{run} were repaired on {repair.at[:10]}: lot {repair.by} stands for them; make it again from that."
        return (Tag(Verdict.WARN, sentence, lot.flow, lot.lot, TAINTED, share=min(1.0, repair.rows / lot.released) if lot.released else 1.0),)

    def _own(self) -> dict[int, tuple[Tag, ...]]:
        """The tags of the lots' own findings, with what was decided about them."""
        marked = list(lots_by_number(self.connection, (lot.lot for lot in self.lots.values() if lot.verdict != "release" or lot.state == "rejected")).values())
        numbers = [lot.lot for lot in marked]
        answers, rejections = self._answers(numbers)
        aside = self._aside(numbers)
        accepted = self._accepted({lot.flow for lot in marked})
        own = {
            lot.lot: (*(_decided(tag, finding, lot, answers, aside, accepted) for tag, finding in self._findings(lot)), *self._rejected(lot, rejections)) for lot in marked
        }
        return own | {lot: (*own.get(lot, ()), *self._tainted(self.lots[lot])) for lot in self.repairs.keys() & self.lots.keys()}

    def _findings(self, lot: LotRecord) -> list[tuple[Tag, Mapping[str, Any]]]:
        told = [one for one in lot.findings if one["severity"] >= WARN]
        worst = max((one["severity"] for one in told), default=0.0)
        verdict, until = Verdict.named(lot.verdict), self._until(lot)
        known = lot.figures.get("renames", {})
        found = []
        for one in told:
            columns = tuple(sorted(known.get(name, name) for name in one["columns"]))
            share = min(1.0, one["rows"] / lot.rows["taken"]) if one.get("rows") and lot.rows["taken"] else 1.0
            level = verdict if verdict >= Verdict.HOLD and one["severity"] == worst else Verdict.WARN
            here = columns_concerned(one["code"], columns)
            found.append((Tag(level, one["sentence"], lot.flow, lot.lot, one["code"], columns, share, until, here, one.get("where") or ""), one))
        return found

    def _rejected(self, lot: LotRecord, rejections: Mapping[int, str]) -> list[Tag]:
        if lot.state != "rejected":
            return []
        return [Tag(Verdict.REJECT, f"The lot was {rejections.get(lot.lot, 'rejected')}.", lot.flow, lot.lot, "rejected", until=self._until(lot))]

    def _until(self, lot: LotRecord) -> str:
        return (_moment(lot.at) + timedelta(days=self.days)).isoformat(timespec="microseconds")

    def _answers(self, lots: Sequence[int]) -> tuple[dict[tuple[int, str, tuple[str, ...]], str], dict[int, str]]:
        """Findings a person did not take for a fault, with the reason; and lots that were rejected. The last answer counts."""
        answers: dict[tuple[int, str, tuple[str, ...]], str] = {}
        rejections: dict[int, str] = {}
        for row in self._rows(sa.select(DECISIONS).where(DECISIONS.c.action.in_(["answer", "reject"]), DECISIONS.c.number.is_(None)), DECISIONS.c.lot, lots, DECISIONS.c.decision):
            body = json.loads(row.body)
            if row.action == "reject":
                rejections[int(row.lot)] = _by("rejected", row.author, body)
            for one in body.get("answers", []):
                key = (int(row.lot), str(one["code"]), tuple(one["columns"]))
                answers[key] = _by(f"answered {one['answer']}", row.author, body) if one["answer"] in CLEARING else ""
        return answers, rejections

    def _aside(self, lots: Sequence[int]) -> dict[tuple[int, str, tuple[str, ...]], int]:
        """How many rows of each lot were put aside for each finding."""
        found: dict[tuple[int, str, tuple[str, ...]], int] = defaultdict(int)
        for row in self._rows(sa.select(CASES.c.lot, CASES.c.code, CASES.c.columns, CASES.c.rows), CASES.c.lot, lots, CASES.c.number):
            found[(int(row.lot), str(row.code), tuple(json.loads(row.columns)))] += int(row.rows)
        return found

    def _accepted(self, flows: Iterable[str]) -> dict[str, list[tuple[int, str, str]]]:
        """For each flow from which place on, and when, what was different was taken as the new normal, and by whom."""
        found: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
        query = sa.select(DECISIONS).where(DECISIONS.c.action == "accept", DECISIONS.c.flow.in_(sorted(flows)))
        for row in self.connection.execute(query.order_by(DECISIONS.c.decision)):
            body = json.loads(row.body)
            found[row.flow].append((int(body["learned_from"]), row.at, _by("accepted as the new normal", row.author, body)))
        return found

    def _weakenings(self) -> dict[int, list[Weakening]]:
        """For each loaded lot the recorded reasons that count there."""
        rows = run_records.weakenings(self.connection)
        if not rows:
            return {}
        flows = {row.flow: [one for one in rows if one.flow == row.flow] for row in rows}
        rules = {(row.flow, int(row.rule)): row for row in self.connection.execute(sa.select(RULES).where(RULES.c.flow.in_(sorted(flows))))}
        found: dict[int, list[Weakening]] = {}
        for lot in lots_by_number(self.connection, (lot.lot for lot in self.lots.values() if lot.flow in flows)).values():
            counts = [row for row in flows.get(lot.flow, ()) if row.rule is None or _passed(lot, rules.get((lot.flow, int(row.rule))))]
            if counts:
                found[lot.lot] = [Weakening(row.origin, row.code, tuple(json.loads(row.columns)), _recorded(row), row.until or FOREVER) for row in counts]
        return found

    def _rows(self, query: sa.Select[Any], column: sa.Column[Any], lots: Sequence[int], order: sa.Column[Any]) -> list[sa.Row[Any]]:
        found: list[sa.Row[Any]] = []
        for start in range(0, len(lots), AT_ONCE):
            found += self.connection.execute(query.where(column.in_(lots[start : start + AT_ONCE])).order_by(order)).all()
        return found


def _decided(
    tag: Tag, finding: Mapping[str, Any], lot: LotRecord, answers: Answers, aside: Mapping[tuple[int, str, tuple[str, ...]], int], accepted: Mapping[str, list[tuple[int, str, str]]]
) -> Tag:
    """The tag of a finding, weakened by what became of the lot, of the finding, or of its rows."""
    key = (lot.lot, str(finding["code"]), tuple(finding["columns"]))
    if lot.state == "superseded":
        return tag.because("superseded: another lot stands for it")
    if answers.get(key):
        return tag.because(answers[key])
    if aside.get(key) and lot.state == "released":
        return tag.because(f"rows filtered: {aside[key]:,} {'row' if aside[key] == 1 else 'rows'} put aside")
    if finding["layer"] in ("history", "multivariate"):
        normal = next((said for place, at, said in accepted.get(lot.flow, ()) if lot.place >= place and lot.at <= at), None)
        if normal is not None:
            return tag.because(normal)
    return tag


def _passed(lot: LotRecord, rule: sa.Row[Any] | None) -> bool:
    """Whether a rule was in force when the lot was taken, and found nothing in it."""
    if rule is None or rule.state != "on" or rule.since > lot.at or (rule.until is not None and rule.until <= lot.at):
        return False
    return lot.state == "released" and not any(one["layer"] == "rule" and one.get("where") == f"rule {rule.rule}" for one in lot.findings)


def _recorded(row: sa.Row[Any]) -> str:
    said = f"rule {row.rule} of {row.flow} found nothing: {row.reason}" if row.rule is not None else str(row.reason)
    return f"{said} ({row.author}, {row.at[:10]})"


def _by(what: str, author: str, body: Mapping[str, Any]) -> str:
    return f"{what} by {author}" + (f": {body['reason']}" if body.get("reason") else "")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _time(until: str | None) -> str | None:
    if until is None:
        return None
    try:
        return _moment(until).astimezone(UTC).isoformat(timespec="microseconds")
    except ValueError as error:
        raise MisuseError(f"{until!r} is no time; write it as 2026-12-31 or 2026-12-31T18:00+01:00") from error
