"""A project to test with, its ledger in SQLite and in PostgreSQL: every test that takes one runs on both."""

from __future__ import annotations

import itertools
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
