"""A project to test with, its ledger in SQLite and in PostgreSQL: every test that takes one runs on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
