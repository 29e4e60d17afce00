"""Versions of a model as people name them: `churn:v8` is the eighth artefact of the flow `churn`."""

from __future__ import annotations

import re

from sqlalchemy.engine import Connection

from assayline.errors import MisuseError
from assayline.ledger import records
from assayline.ledger.records import LotRecord

from ..project import Project

KIND = "model"
ARTEFACT = "artefact"  # of the objects of a lot: the bytes of the model
SIGNED = "sign-off"  # a decision: somebody vouches for a version
FEW = 12  # versions
WARN = 0.3  # severity from which a finding is more than a note
TESTS = ".test."  # between the name of a model and that of a test set
VERSION = re.compile(r"(?P<model>[^:]+)(?::v?(?P<version>\d+))?")


def label(lot: LotRecord) -> str:
    """What a version is called: `churn:v8`."""
    return f"{lot.flow}:v{lot.place}"


def version_of(project: Project, text: str) -> LotRecord:
    """The version that somebody names: `churn:v8`, or `churn` for the one in force, or else the newest.

    Raises:
        MisuseError: there is no such model or version; the message says which there are.
    """
    found = VERSION.fullmatch(text)
    if found is None:
        raise MisuseError(f"{text!r} names no version of a model; write NAME or NAME:v8")
    model, version = found["model"], found["version"]
    with project.ledger.read() as connection:
        check_model(connection, model)
        if version is None:
            champion = champion_of(connection, model)
            lots = [champion] if champion is not None else records.lots(connection, model, most=1, newest_first=True)
        else:
            lots = records.lots(connection, model, after_place=int(version) - 1, most=1)
        if not lots or (version is not None and lots[0].place != int(version)):
            flow = records.flow_of(connection, model)
            raise MisuseError(f"there is no version {text!r}; the newest is {model}:v{flow.lots if flow is not None else 0}")
    return lots[0]


def check_model(connection: Connection, model: str, *, new: bool = False) -> None:
    """Refuses a name that is no model's.

    Args:
        connection: of the ledger.
        model: the name.
        new: whether there may be none of that name yet.

    Raises:
        MisuseError: there is none, or a flow of something else is called so.
    """
    flow = records.flow_of(connection, model)
    if flow is None and not new:
        names = ", ".join(one.name for one in records.flows(connection, kind=KIND)) or "none yet; train one with: assay train TABLE --target COLUMN"
        raise MisuseError(f"there is no model {model!r}; models: {names}")
    if flow is not None and flow.kind != KIND:
        raise MisuseError(f"{model!r} is a flow of lots of the kind {flow.kind}; give the model another name with --name")


def champion_of(connection: Connection, model: str, *, besides: int | None = None) -> LotRecord | None:
    """The version in force: the newest that was released and shown to be no worse than the one before, or that a person signed.

    One of which the test sets cannot say whether it is worse is released with a warning, and does not become what the next one is held against: many small losses would add up.
    """
    found: list[LotRecord] = []
    for most in (FEW, 0):  # mostly one of the last few; else all of them are looked at
        found = [lot for lot in records.lots(connection, model, states=("released",), most=most, newest_first=True) if lot.lot != besides]
        signed = {int(row.lot) for row in records.decisions(connection, flow=model) if row.action == SIGNED} if any(map(_doubtful, found)) else set()
        champion = next((lot for lot in found if not _doubtful(lot) or lot.lot in signed), None)
        if champion is not None or len(found) < FEW - 1:
            return champion or (found[-1] if found else None)
    return found[-1] if found else None


def _doubtful(lot: LotRecord) -> bool:
    return any(one["code"] in ("undecided_trial", "worse_than_champion") and one["severity"] >= WARN for one in lot.findings)
