"""A project: a folder with its settings, its ledger and its store."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assayline.errors import LedgerError, MisuseError
from assayline.ledger import SqlLedger, Store, create_ledger, open_ledger, open_store
from assayline.ledger.store import whole_file

SETTINGS = "assay.toml"
TEMPLATE = """\
# Settings of this project. Paths are relative to this file.
[project]
name = {name}
ledger = {ledger}      # or postgresql://user@host/database; a password comes from PGPASSWORD or ~/.pgpass
store = {store}        # or s3://bucket/folder, gs://…, abfs://… (pip install 'assayline[objects]' and the driver)

# [mail]
# server = "smtp://user:env:SMTP_PASSWORD@mail.example.com:587?starttls=yes"
# sender = "assay@example.com"
"""


@dataclass(frozen=True)
class Project:
    """An open project; use it in a `with`.

    Args:
        folder: where its settings stand.
        name: what it is called.
        ledger: the record.
        store: the bytes.
        settings: everything in `assay.toml`.
    """

    folder: str
    name: str
    ledger: SqlLedger
    store: Store
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()


def create_project(folder: str, *, ledger: str = "sqlite:///ledger.db", store: str = "store") -> Project:
    """A new project in a folder, which is made where it is missing.

    Args:
        folder: where.
        ledger: address of the ledger; a relative SQLite path is below the folder.
        store: folder or address of the store.

    Raises:
        MisuseError: there is a project already, or something else that would be in the way.
        LedgerError: ledger or store cannot be made.
    """
    path = os.path.join(folder, SETTINGS)
    if os.path.lexists(path):
        raise MisuseError(f"{path!r} is there already: this folder is a project; go on with: assay gate FLOW INPUT")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise MisuseError(f"cannot make {folder!r}: {error.strerror}; choose another place") from error
    made = create_ledger(_ledger_url(folder, ledger))
    try:
        kept = open_store(_store_place(folder, store), os.path.join(folder, "cache"))
        text = TEMPLATE.format(name=_quoted(os.path.basename(os.path.abspath(folder))), ledger=_quoted(ledger), store=_quoted(store))
        _write_whole(path, text)  # last: a folder with settings is a whole project
    except BaseException:
        made.close()
        raise
    return Project(folder, os.path.basename(os.path.abspath(folder)), made, kept)


def open_project(folder: str | None = None) -> Project:
    """The project in this folder, or in the nearest one above the working folder that has one.

    Args:
        folder: where its settings stand; None to look for them (and in ASSAY_PROJECT).

    Raises:
        MisuseError: there is none, or its settings cannot be read.
        LedgerError: the ledger cannot be opened.
    """
    folder = folder or os.environ.get("ASSAY_PROJECT") or _nearest()
    path = os.path.join(folder, SETTINGS)
    try:
        with open(path, "rb") as file:
            settings = tomllib.load(file)
    except FileNotFoundError as error:
        raise MisuseError(f"{folder!r} is no project (there is no {SETTINGS}); make one with: assay init FOLDER, or name one with --project") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MisuseError(f"{path}: {error}; mend the file") from error
    about = settings.get("project")
    if not isinstance(about, dict) or not all(isinstance(about.get(name), str) for name in ("ledger", "store")):
        raise MisuseError(f"{path}: it lacks ledger or store under [project]; mend the file")
    ledger = open_ledger(_ledger_url(folder, about["ledger"]))
    try:
        store = open_store(_store_place(folder, about["store"]), os.path.join(folder, "cache"))
    except BaseException:
        ledger.close()
        raise
    return Project(folder, str(about.get("name", os.path.basename(os.path.abspath(folder)))), ledger, store, settings)


def _nearest() -> str:
    start = folder = os.getcwd()
    while True:
        if os.path.isfile(os.path.join(folder, SETTINGS)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            raise MisuseError(f"there is no project in {start!r} or above it; make one with: assay init FOLDER, or name one with --project")
        folder = above


def _ledger_url(folder: str, url: str) -> str:
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and path and not os.path.isabs(path):
        return f"sqlite:///{os.path.join(os.path.abspath(folder), path)}"
    return url


def _store_place(folder: str, place: str) -> str:
    return place if "://" in place or os.path.isabs(place) else os.path.join(folder, place)


def _quoted(text: str) -> str:
    """A TOML string.

    >>> _quoted('a "b"')
    '"a \\\\"b\\\\""'
    """
    escaped = "".join(f"\\u{ord(char):04x}" if ord(char) < 32 or ord(char) == 127 else {'"': '\\"', "\\": "\\\\"}.get(char, char) for char in text)
    return f'"{escaped}"'


def _write_whole(path: str, text: str) -> None:
    try:
        with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}; choose another place") from error
