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
            lots = records.lots(connection, model, states=("released",), most=1, newest_first=True) or records.lots(connection, model, most=1, newest_first=True)
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
    """The version in force: the newest that was released."""
    found = records.lots(connection, model, states=("released",), most=2, newest_first=True)
    return next((lot for lot in found if lot.lot != besides), None)
