"""A project to test with, its ledger in SQLite and in PostgreSQL: every test that takes one runs on both."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from assayline.ledger import records
from assayline.line.gating import ensure_flow
from assayline.line.project import Project, create_project


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The address of a ledger, for `create_project`."""
    return "sqlite:///ledger.db" if request.param == "sqlite" else str(request.getfixturevalue("new_database"))


@pytest.fixture
def project(tmp_path: Path, ledger_url: str) -> Iterator[Project]:
    """A new, empty project."""
    with create_project(str(tmp_path / "shop"), ledger=ledger_url) as made:
        yield made


@pytest.fixture
def arrived(project: Project) -> Callable[..., None]:
    """Enters lots into the ledger as the gate does, as if they had come at these times; into several flows in turn, if several are given."""

    def enter(flows: str | list[str], times: Iterable[datetime], **more: Any) -> None:
        names = [flows] if isinstance(flows, str) else flows
        with project.ledger.write() as writing:
            for at, flow in itertools.product(times, names):
                known = ensure_flow(writing, flow)
                lot = records.last_lot(writing.connection) + 1
                body = {
                    "lot": lot, "flow": flow, "place": known.lots + 1, "digest": f"sha256:{lot}", "input": f"{flow}-{lot}.csv", "at": at.isoformat(timespec="microseconds"),
                    "verdict": "release", "state": "released", "teaches": True, "rows": {"taken": 100, "released": 100, "quarantined": 0, "held": 0, "unparseable": 0},
                    "objects": {}, "parents": [], "findings": [], "codes": [], "figures": {"columns_now": ["id", "town"]}, "cases": [], "notices": [], "facts": {"bytes": "2048"},
                    "incidents": [
                        {"incident": int(row.incident), "code": row.code, "columns": [], "sentence": row.sentence, "new": False, "closed": True}
                        for row in records.open_incidents(writing.connection, flow)
                    ],
                }  # fmt: skip
                writing.append("lot", body | more)

    return enter


@pytest.fixture(params=["folder", "sqlite", "postgresql", "delta"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a place that takes rows; nothing is there yet."""
    if request.param == "postgresql":
        return f"{request.getfixturevalue('database')}?table=sales"
    if request.param == "delta":
        pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'assayline[delta]'")
    return {"folder": f"{tmp_path}/out", "sqlite": f"sqlite:{tmp_path}/out.db?table=sales", "delta": f"delta:{tmp_path}/table"}[request.param]


@pytest.fixture
def database(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty PostgreSQL database, without a password; libpq finds that in the environment."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'assayline[postgres]'")
    own = psycopg.conninfo.conninfo_to_dict(postgres)
    monkeypatch.setenv("PGPASSWORD", str(own.get("password", "")))
    name = f"assay_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield f"postgresql://{own['user']}@{own['host']}:{own['port']}/{name}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a table that is not there yet."""
    return f"{request.getfixturevalue('database')}?table=sales" if request.param == "postgresql" else f"sqlite:{tmp_path}/out.db?table=sales"
