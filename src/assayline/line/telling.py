"""Owners are told: the outbox, the channels of a flow, and a relay that never stands in the way of a gate."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from assayline.core import Finding, Verdict
from assayline.errors import MisuseError
from assayline.ledger import records
from assayline.ledger.leases import seal
from assayline.ledger.schema import CHANNELS, DELIVERIES, NOTICES
from assayline.ledger.sql_ledger import now
from assayline.notices import Notice, Outcome, Pending, Quiet, Relayed, Settings, channel_of, relay, send

from .adjudicating import author_of
from .gating import check_name
from .project import Project

AFTER_A_GATE_SECONDS = 10.0  # how long a gate that is done may spend on telling; the rest goes with the next one, or with assay notify send
MOST_AT_ONCE = 1_000
FAR_FUTURE = "9999"


def add_channel(
    project: Project, flow: str, channel: str, *, quiet: str | None = None, zone: str = "UTC", digest: str | None = None, author: str | None = None
) -> dict[str, Any]:
    """Tell somebody about a flow from now on.

    Args:
        project: where.
        flow: its name; "*" for all flows.
        channel: as docs/notices.md has it.
        quiet: hours in which nobody is disturbed, such as "22:00-07:00".
        zone: whose hours.
        digest: "daily 08:00" for one message a day.
        author: who adds it.

    Raises:
        MisuseError: the channel, the hours or the digest cannot be.
    """
    if flow != "*":
        check_name(flow)
    known = channel_of(channel)
    Quiet(quiet, zone, digest)  # malformed ones are refused here
    with project.ledger.write() as writing:
        numbers = [int(row.number) for row in writing.connection.execute(sa.select(CHANNELS.c.number))]
        number = max([*numbers, _last_channel(writing.connection)]) + 1
        options = {"quiet": quiet, "zone": zone, "digest": digest, "since": now()}
        writing.append("channel", {"number": number, "flow": flow, "channel": channel, "options": options, "state": "on", "author": author_of(author)})
    return {"number": number, "flow": flow, "channel": known.name, **options}


def _last_channel(connection: sa.Connection) -> int:
    """The highest number a delivery was made under, so that a new channel never takes the number of a removed one."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(DELIVERIES.c.channel), 0))).scalar_one())


def remove_channel(project: Project, flow: str, which: str, *, author: str | None = None) -> dict[str, Any]:
    """Tell somebody no more; `which` is a number or the channel as it was added.

    Raises:
        MisuseError: there is none.
    """
    with project.ledger.write() as writing:
        rows = [row for row in records.channels(writing.connection) if row.flow == flow and which in (str(row.number), row.channel)]
        if not rows:
            raise MisuseError(f"{flow} has no channel {which!r}; see: assay notify list")
        for row in rows:
            writing.append(
                "channel",
                {"number": int(row.number), "flow": flow, "channel": row.channel, "options": json.loads(row.options), "state": "off", "author": author_of(author)},
            )
    return {"flow": flow, "removed": [int(row.number) for row in rows]}


def channels_document(project: Project, flow: str | None = None) -> list[dict[str, Any]]:
    """The channels, without secrets, and what waits for each."""
    with project.ledger.read() as connection:
        rows = records.channels(connection, flow)
        waiting = [(one.id, one.attempts) for one in pending(project)]
        states = connection.execute(sa.select(DELIVERIES.c.channel, DELIVERIES.c.state, sa.func.count()).group_by(DELIVERIES.c.channel, DELIVERIES.c.state)).all()
        errors = {int(row.channel): row.error for row in connection.execute(sa.select(DELIVERIES.c.channel, DELIVERIES.c.error).where(DELIVERIES.c.error != ""))}
    return [
        {
            "number": int(row.number), "flow": row.flow, "channel": channel_of(row.channel).name, **json.loads(row.options),
            "waiting": sum(one.endswith(f"/{row.number}") for one, _ in waiting),
            "sent": sum(int(count) for number, state, count in states if number == row.number and state == "sent"),
            "last_error": errors.get(int(row.number), ""),
        }
        for row in rows
    ]  # fmt: skip


def pending(project: Project) -> list[Pending]:
    """What waits in the outbox: each notice for each channel of its flow that has not taken it."""
    found = []
    with project.ledger.read() as connection:
        for row in records.channels(connection):
            options = json.loads(row.options)
            query = (
                sa.select(NOTICES, DELIVERIES.c.attempts, DELIVERIES.c.next_at)
                .outerjoin(DELIVERIES, sa.and_(DELIVERIES.c.notice == NOTICES.c.notice, DELIVERIES.c.channel == row.number))
                .where(NOTICES.c.at >= options["since"], sa.or_(DELIVERIES.c.state.is_(None), DELIVERIES.c.state == "waiting"))
                .order_by(NOTICES.c.at).limit(MOST_AT_ONCE)
            )  # fmt: skip
            if row.flow != "*":
                query = query.where(NOTICES.c.flow == row.flow)
            quiet = Quiet(options.get("quiet"), options.get("zone") or "UTC", options.get("digest"))
            for one in connection.execute(query):
                found.append(
                    Pending(
                        f"{one.notice}/{row.number}", row.channel, notice_of(json.loads(one.body), one.at), _time(one.at), int(one.attempts or 0),
                        _time(one.next_at) if one.next_at else None, quiet,
                    )
                )  # fmt: skip
    return found


def tell(project: Project, *, budget_seconds: float = 60.0) -> Relayed:
    """Deliver what is due, within this time; what cannot be delivered waits, and nothing is sent less than once.

    Args:
        project: where the outbox is.
        budget_seconds: how long at most.
    """
    waiting = pending(project)
    if not waiting:
        return Relayed()

    def record(ids: tuple[str, ...], outcome: Outcome) -> None:
        with project.ledger.write() as writing:
            for one in ids:
                notice, _, channel = one.rpartition("/")
                state = {"delivered": "sent", "given_up": "given_up"}.get(outcome.state, "waiting")
                next_at = outcome.not_before.astimezone(UTC).isoformat() if outcome.not_before is not None else (FAR_FUTURE if state != "waiting" else now())
                values = (notice, int(channel), outcome.attempts, next_at, state, outcome.cause)
                row = dict(zip(("notice", "channel", "attempts", "next_at", "state", "error"), values, strict=True)) | {"seal": seal(*values)}
                key = (DELIVERIES.c.notice == notice, DELIVERIES.c.channel == int(channel))
                writing.connection.execute(DELIVERIES.delete().where(*key))
                writing.connection.execute(DELIVERIES.insert().values(**row))

    return relay(waiting, functools.partial(send, settings=settings_of(project)), record, now=datetime.now(UTC), budget_seconds=budget_seconds, timeout_seconds=min(10.0, budget_seconds / 2))


def settings_of(project: Project) -> Settings:
    """How messages leave this machine, from assay.toml."""
    mail, notices = project.settings.get("mail", {}), project.settings.get("notices", {})
    return Settings(
        mail_server=str(mail.get("server", "")), allow_private=bool(notices.get("allow_private", False)), ca_file=str(notices.get("ca_file", ""))
    )


def send_test(project: Project, flow: str) -> list[str]:
    """One message to each channel of a flow, at once; gives the names of the channels.

    Raises:
        MisuseError: the flow has no channel.
        DeliveryError: one cannot be reached.
    """
    with project.ledger.read() as connection:
        rows = records.channels(connection, flow)
    if not rows:
        raise MisuseError(f"{flow} has no channel; add one with: assay notify add {flow} mailto:you@example.com")
    for row in rows:
        moment = datetime.now(UTC)
        notice = Notice(f"test-{moment.timestamp():.0f}-{row.number}", flow, f"This is a test: what happens to {flow} is told here.", Verdict.RELEASE, moment)
        send(row.channel, notice, settings_of(project))
    return [channel_of(row.channel).name for row in rows]


def notice_of(body: Mapping[str, Any], at: str) -> Notice:
    """What an owner is told about one lot, a budget, a silent source or a day."""
    if "subject" in body:
        incident = f"{body['flow']}-{body['incident']}" if "incident" in body else None
        return Notice(body["id"], body["flow"], body["subject"], Verdict.named(body["verdict"]), _time(at), tuple(body["lines"]), (), incident, False)
    rows, verdict = body["rows"], Verdict.named(body["verdict"])
    fresh, updates = body["findings"], body["updates"]
    subject = f"Lot {body['lot']} of {body['flow']} ({body['input']}): {_what(verdict, rows)}"
    lines = [f"Still so, in the {one['lots']}th lot: {one['sentence']}" for one in updates]
    told = [*fresh, *updates]
    return Notice(
        body["id"], body["flow"], subject, verdict, _time(at), tuple(lines),
        tuple(Finding(one["code"], (), one["sentence"], 0.5, layer="history") for one in fresh),
        f"{body['flow']}-{told[0]['incident']}" if told else None, not fresh,
    )  # fmt: skip


def _what(verdict: Verdict, rows: Mapping[str, int]) -> str:
    if verdict == Verdict.SPLIT:
        return f"{rows['quarantined']:,} of {rows['taken']:,} rows were put aside."
    if verdict >= Verdict.HOLD:
        return f"held, {rows['held']:,} rows wait for you."
    return f"{rows['released']:,} rows were released, with a warning."


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
