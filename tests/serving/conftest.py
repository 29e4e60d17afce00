"""Serving without models: what processes do is the same whatever they answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent / "made")
sys.path.insert(0, HERE)

pytest.importorskip("uvicorn")


@pytest.fixture(autouse=True)
def _workers_find_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH", "")])]))
