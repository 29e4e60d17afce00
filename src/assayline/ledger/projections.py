"""What each event does to the tables that are made from entries. Pure in the entries: the same entries give the same tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.core import Entry
from assayline.errors import LedgerError

from .schema import (
    CASES,
    CHANNELS,
    DECISIONS,
    DESCRIBED,
    FLOWS,
    FREED,
    INCIDENTS,
    LOTS,
    MATURED,
    MOVES,
    NOTICES,
    PASTS,
    POSITIONS,
    PUSHED,
    REPAIRS,
    ROLLOUTS,
    RULES,
    RUN_INPUTS,
    RUNS,
    SCORINGS,
    SLOTS,
    STANDING,
    TARGETS,
    TRIALS,
    WEAKENED,
)

Body = Mapping[str, Any]
ROWS = ("taken", "released", "quarantined", "held", "unparseable")


def text(value: Any) -> str:
    """A JSON value as it stands in a column."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def apply(connection: Connection, entry: Entry) -> None:
    """Brings the tables up to date with one more entry.

    Raises:
        LedgerError: the event is unknown: a later version wrote it.
    """
    function = EVENTS.get(entry.event)
    if function is None:
        raise LedgerError(f"entry {entry.number} is of the unknown kind {entry.event!r}: a later version of assayline wrote it; update assayline")
    function(connection, entry.number, entry.body)


def _flow(connection: Connection, number: int, body: Body) -> None:
    connection.execute(FLOWS.insert().values(name=body["flow"], kind=body.get("kind", "table"), since=body["at"], settings=text(body["settings"]), lots=0, learned_from=1))


def _settings(connection: Connection, number: int, body: Body) -> None:
    connection.execute(FLOWS.update().where(FLOWS.c.name == body["flow"]).values(settings=text(body["settings"])))


def _lot(connection: Connection, number: int, body: Body) -> None:
    connection.execute(
        LOTS.insert().values(
            lot=body["lot"], flow=body["flow"], place=body["place"], digest=body["digest"], input=body["input"], at=body["at"], verdict=body["verdict"],
            state=body["state"], teaches=body["teaches"], deliveries=1, **{name: body["rows"][name] for name in ROWS}, objects=text(body["objects"]),
            parents=text(body["parents"]), findings=text(body["findings"]), codes=text(body["codes"]), figures=text(body["figures"]),
            facts=text(body.get("facts", {})),
        )
    )  # fmt: skip
    connection.execute(FLOWS.update().where(FLOWS.c.name == body["flow"]).values(lots=body["place"]))
    for case in body["cases"]:
        connection.execute(
            CASES.insert().values(
                number=case["number"], flow=body["flow"], lot=body["lot"], code=case["code"], columns=text(case["columns"]), pattern=case["pattern"],
                rows=case["rows"], open=case["rows"], sentence=case["sentence"], suggestion=case["suggestion"],
            )
        )  # fmt: skip
    for one in body["incidents"]:
        if one["new"]:
            connection.execute(
                INCIDENTS.insert().values(
                    incident=one["incident"], flow=body["flow"], code=one["code"], columns=text(one["columns"]), first=body["place"], last=body["place"],
                    lots=1, sentence=one["sentence"], state="open",
                )
            )  # fmt: skip
        else:
            values: dict[str, Any] = {"state": "closed"} if one["closed"] else {"last": body["place"], "lots": INCIDENTS.c.lots + 1, "sentence": one["sentence"]}
            connection.execute(INCIDENTS.update().where(INCIDENTS.c.incident == one["incident"]).values(**values))
    _notices(connection, body)
    if body.get("adopted"):
        connection.execute(LOTS.update().where(LOTS.c.lot.in_(body["adopted"])).values(teaches=True))
    _replaced(connection, body)
    if body.get("settles"):
        connection.execute(DECISIONS.update().where(DECISIONS.c.decision.in_(body["settles"])).values(settled=body["lot"]))


def _notices(connection: Connection, body: Body) -> None:
    for notice in body["notices"]:
        connection.execute(NOTICES.insert().values(notice=notice["id"], flow=body["flow"], lot=body["lot"], at=body["at"], body=text(notice)))


def _replaced(connection: Connection, body: Body) -> None:
    """Lots that another one stands for from now on: nobody reads them or reviews their rows any more; they still say what was normal."""
    if body.get("replaces"):
        connection.execute(LOTS.update().where(LOTS.c.lot.in_(body["replaces"])).values(state="superseded"))
        connection.execute(CASES.update().where(CASES.c.lot.in_(body["replaces"])).values(open=0))


def _again(connection: Connection, number: int, body: Body) -> None:
    connection.execute(LOTS.update().where(LOTS.c.lot == body["lot"]).values(deliveries=LOTS.c.deliveries + 1))
    if body.get("revives"):
        connection.execute(LOTS.update().where(LOTS.c.lot == body["lot"]).values(state=body["revives"]))
    _replaced(connection, body)


def _thinned(connection: Connection, number: int, body: Body) -> None:
    """Merged profiles take the place of those of `lots` and of earlier merged ones; what is `freed` by this is `gone` from the store a little later."""
    for one in body["pasts"]:
        connection.execute(PASTS.delete().where(PASTS.c.flow == body["flow"], PASTS.c.first >= one["first"], PASTS.c.last <= one["last"]))
        connection.execute(PASTS.insert().values(flow=body["flow"], **{name: one[name] for name in ("first", "last", "period", "profile")}))
    for lot in body["lots"]:
        objects = json.loads(connection.execute(sa.select(LOTS.c.objects).where(LOTS.c.lot == lot)).scalar_one())
        kept = {kind: digest for kind, digest in objects.items() if kind != "profile"}
        connection.execute(LOTS.update().where(LOTS.c.lot == lot).values(objects=text(kept)))
    for digest in [*body["freed"], *body["gone"]]:
        connection.execute(FREED.delete().where(FREED.c.flow == body["flow"], FREED.c.digest == digest))
    for digest in body["freed"]:
        connection.execute(FREED.insert().values(flow=body["flow"], digest=digest))


def _rule(connection: Connection, number: int, body: Body) -> None:
    key = (RULES.c.flow == body["flow"], RULES.c.rule == body["rule"])
    values = {name: body[name] for name in ("version", "text", "action", "owner", "reason", "since", "until", "state")}
    if connection.execute(sa.select(RULES.c.rule).where(*key)).first() is None:
        connection.execute(RULES.insert().values(flow=body["flow"], rule=body["rule"], **values))
    else:
        connection.execute(RULES.update().where(*key).values(**values))


def _decision(connection: Connection, number: int, body: Body) -> None:
    kept = {name: value for name, value in body.items() if name not in ("flow", "lot", "case", "action", "author", "at")}
    connection.execute(
        DECISIONS.insert().values(
            decision=number, flow=body["flow"], lot=body["lot"], number=body.get("case"), action=body["action"], author=body["author"], at=body["at"],
            body=text(kept),
        )
    )  # fmt: skip
    if body.get("closes"):
        connection.execute(CASES.update().where(CASES.c.number == body["case"]).values(open=CASES.c.open - body["closes"]))
    for change in body.get("lots", []):
        connection.execute(LOTS.update().where(LOTS.c.lot == change["lot"]).values(**{name: value for name, value in change.items() if name != "lot"}))
    if "learned_from" in body:
        connection.execute(FLOWS.update().where(FLOWS.c.name == body["flow"]).values(learned_from=body["learned_from"]))
        connection.execute(INCIDENTS.update().where(INCIDENTS.c.flow == body["flow"], INCIDENTS.c.state == "open").values(state="closed"))
    for one in body.get("answers", []):
        _answer(connection, body["flow"], one)


def _answer(connection: Connection, flow: str, one: Mapping[str, Any]) -> None:
    columns = text(one["columns"])
    key = hashlib.sha256(columns.encode()).hexdigest()
    row = (STANDING.c.flow == flow, STANDING.c.code == one["code"], STANDING.c.key == key)
    if connection.execute(sa.select(STANDING.c.flow).where(*row)).first() is None:
        connection.execute(STANDING.insert().values(flow=flow, code=one["code"], key=key, columns=columns, bad=0, expected=0, noise=0))
    column = STANDING.c[one["answer"]]
    connection.execute(STANDING.update().where(*row).values({column: column + 1}))


def _channel(connection: Connection, number: int, body: Body) -> None:
    if body["state"] == "off":
        connection.execute(CHANNELS.delete().where(CHANNELS.c.number == body["number"]))
    else:
        connection.execute(
            CHANNELS.insert().values(number=body["number"], flow=body["flow"], channel=body["channel"], options=text(body["options"]))
        )


def _target(connection: Connection, number: int, body: Body) -> None:
    if body["state"] == "off":
        connection.execute(TARGETS.delete().where(TARGETS.c.number == body["number"]))
    else:
        connection.execute(TARGETS.insert().values(number=body["number"], flow=body["flow"], address=body["address"], options=text(body["options"])))


def _pushed(connection: Connection, number: int, body: Body) -> None:
    key = (PUSHED.c.target == body["target"], PUSHED.c.lot == body["lot"])
    connection.execute(PUSHED.delete().where(*key))
    connection.execute(PUSHED.insert().values(target=body["target"], lot=body["lot"], at=body["at"]))
    _withdrawn(connection, number, {**body, "lots": body.get("replaced", [])})


def _withdrawn(connection: Connection, number: int, body: Body) -> None:
    """Lots that a target has no longer, since they stand no longer."""
    for lot in body["lots"]:
        connection.execute(PUSHED.delete().where(PUSHED.c.target == body["target"], PUSHED.c.lot == lot))
    _notices(connection, {"notices": [], **body, "lot": body.get("lot", 0)})


def _run(connection: Connection, number: int, body: Body) -> None:
    connection.execute(
        RUNS.insert().values(
            run=number, line=body["line"], step=body["step"], place=body["place"], identity=body["identity"], state=body["state"], at=body["at"],
            output=body["output"], inputs=text(body["inputs"]), code=body["code"], parameters=text(body["parameters"]), environment=body["environment"],
            costs=text(body["costs"]), columns=text(body["columns"]), error=body["error"],
        )
    )  # fmt: skip
    _notices(connection, {"notices": [], **body, "flow": body["step"], "lot": body["output"] or 0})
    names = {int(lot): name for name, lots in sorted(body["inputs"].items()) for lot in lots}
    for lot, name in sorted(names.items()):
        connection.execute(RUN_INPUTS.insert().values(run=number, lot=lot, name=name))


def _described(connection: Connection, number: int, body: Body) -> None:
    connection.execute(DESCRIBED.delete().where(DESCRIBED.c.digest == body["digest"]))
    connection.execute(DESCRIBED.insert().values(digest=body["digest"], body=text(body["body"])))


def _position(connection: Connection, number: int, body: Body) -> None:
    connection.execute(POSITIONS.delete().where(POSITIONS.c.source == body["source"]))
    connection.execute(POSITIONS.insert().values(source=body["source"], at=body["at"], position=text(body["position"])))


def _slot(connection: Connection, number: int, body: Body) -> None:
    key = (SLOTS.c.schedule == body["schedule"], SLOTS.c.slot == body["slot"])
    connection.execute(SLOTS.delete().where(*key))
    connection.execute(SLOTS.insert().values(schedule=body["schedule"], slot=body["slot"], at=body["at"], outcome=body["outcome"]))


def _budget(connection: Connection, number: int, body: Body) -> None:
    """A budget is nearly or wholly spent: told, and written down; the costs themselves stand in the runs."""
    _notices(connection, {**body, "lot": 0})


def _silence(connection: Connection, number: int, body: Body) -> None:
    """A flow that is silent for too long: an incident that belongs to no lot, open until the next one."""
    if body["state"] == "new":
        connection.execute(
            INCIDENTS.insert().values(
                incident=body["incident"], flow=body["flow"], code=body["code"], columns="[]", first=body["place"], last=body["place"], lots=0,
                sentence=body["sentence"], state="open",
            )
        )  # fmt: skip
    else:
        values = {"state": "closed"} if body["state"] == "over" else {"code": body["code"], "sentence": body["sentence"]}
        connection.execute(INCIDENTS.update().where(INCIDENTS.c.incident == body["incident"]).values(**values))
    _notices(connection, {**body, "lot": 0})


def _today(connection: Connection, number: int, body: Body) -> None:
    """The lines of a day, sent once."""
    _notices(connection, {**body, "flow": "*", "lot": 0})


def _weakened(connection: Connection, number: int, body: Body) -> None:
    if body["state"] == "off":
        connection.execute(WEAKENED.update().where(WEAKENED.c.number == body["number"]).values(state="off"))
        return
    connection.execute(
        WEAKENED.insert().values(
            number=number, flow=body["flow"], origin=body["origin"], code=body["code"], columns=text(body["columns"]), rule=body["rule"], reason=body["reason"],
            author=body["author"], at=body["at"], until=body["until"], state="on",
        )
    )  # fmt: skip


def _trial(connection: Connection, number: int, body: Body) -> None:
    """A version of a model was put on trial: that is what its verdict stands on from now on."""
    connection.execute(
        TRIALS.insert().values(
            trial=number, flow=body["flow"], lot=body["lot"], at=body["at"], verdict=body["verdict"], champion=body["champion"], sets=text(body["sets"]),
            findings=text(body["findings"]), objects=text(body["objects"]),
        )
    )  # fmt: skip
    connection.execute(LOTS.update().where(LOTS.c.lot == body["lot"]).values(verdict=body["verdict"], state=body["state"], findings=text(body["findings"])))
    _notices(connection, body)


def _rollout(connection: Connection, number: int, body: Body) -> None:
    """A challenger sets out; the number of the entry is that of the rollout."""
    connection.execute(
        ROLLOUTS.insert().values(
            rollout=number, model=body["model"], champion=body["champion"], challenger=body["challenger"], salt=body["salt"], stages=text(body["stages"]), stage=0, state="running",
            held=False, settings=text(body["settings"]), author=body["author"], at=body["at"], moved=body["at"],
        )
    )  # fmt: skip
    _notices(connection, {**body, "flow": body["model"], "lot": body["challenger"]})


def _moved(connection: Connection, number: int, body: Body) -> None:
    """What was decided about a rollout; `stage`, `state` and `held` are those afterwards."""
    connection.execute(
        MOVES.insert().values(
            number=number, rollout=body["rollout"], at=body["at"], action=body["action"], stage=body["stage"], state=body["state"], author=body["author"], reason=body["reason"],
            decision=text(body["decision"]),
        )
    )  # fmt: skip
    changed = {"stage": body["stage"], "state": body["state"], "held": body["held"], **({} if body["action"] == "stay" else {"moved": body["at"]})}
    connection.execute(ROLLOUTS.update().where(ROLLOUTS.c.rollout == body["rollout"]).values(**changed))
    _notices(connection, {**body, "flow": body["model"], "lot": body["lot"]})


def _scored(connection: Connection, number: int, body: Body) -> None:
    """A batch was scored: by whom, and what that says of a rollout."""
    connection.execute(
        SCORINGS.insert().values(
            scoring=number, run=body["run"], model=body["model"], flow=body["flow"], lot=body["lot"], rollout=body["rollout"], stage=body["stage"], at=body["at"],
            counts=text(body["counts"]), evidence=text(body["evidence"]), objects=text(body["objects"]), state=body["state"],
        )
    )  # fmt: skip
    _notices(connection, {"notices": [], **body})


def _matured(connection: Connection, number: int, body: Body) -> None:
    connection.execute(MATURED.insert().values(number=number, scoring=body["scoring"], at=body["at"], body=text(body["body"])))


def _repaired(connection: Connection, number: int, body: Body) -> None:
    """Predictions that were published are others now, also where somebody has to look at the new ones first: nobody reads the old ones any more."""
    _replaced(connection, {"replaces": body.get("replaced", [])})
    connection.execute(
        REPAIRS.insert().values(
            number=number, rollout=body["rollout"], scoring=body["scoring"], lot=body["lot"], by=body["by"], rows=body["rows"], at=body["at"], body=text(body["body"]),
        )
    )  # fmt: skip
    connection.execute(SCORINGS.update().where(SCORINGS.c.scoring == body["scoring"]).values(state="repaired"))
    _notices(connection, {**body, "lot": body["by"]})


def _nothing(connection: Connection, number: int, body: Body) -> None:
    """Stands in the chain and changes no table."""


EVENTS: dict[str, Callable[[Connection, int, Body], None]] = {
    "created": _nothing,
    "flow": _flow,
    "settings": _settings,
    "lot": _lot,
    "again": _again,
    "thinned": _thinned,
    "rule": _rule,
    "decision": _decision,
    "channel": _channel,
    "target": _target,
    "pushed": _pushed,
    "withdrawn": _withdrawn,
    "run": _run,
    "described": _described,
    "position": _position,
    "slot": _slot,
    "budget": _budget,
    "silence": _silence,
    "today": _today,
    "weakened": _weakened,
    "trial": _trial,
    "rollout": _rollout,
    "moved": _moved,
    "scored": _scored,
    "matured": _matured,
    "repaired": _repaired,
    "migrated": _nothing,
    "restored": _nothing,
}
