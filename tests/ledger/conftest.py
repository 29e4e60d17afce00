"""A ledger to test with, in SQLite and in PostgreSQL: every test that takes one runs on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assayline.ledger import SqlLedger, create_ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a place where there is no ledger yet."""
    return f"sqlite:///{tmp_path}/ledger.db" if request.param == "sqlite" else str(request.getfixturevalue("new_database"))


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    """A new, empty ledger."""
    with create_ledger(url) as made:
        yield made
