"""The lock files: every package pinned with hashes, no index named, the runtime a subset of the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((REQUIREMENTS / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_every_locked_package_has_a_version_and_a_hash(name: str) -> None:
    text = re.sub(r"^\s*#.*\n", "", (REQUIREMENTS / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if entry.strip()]

    assert len(entries) > 8
    assert [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_no_lock_names_a_package_index(name: str) -> None:
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")

    assert re.findall(r"^--|https?://|file://", text, flags=re.MULTILINE) == []


def test_what_runs_is_locked_alike_for_users_and_for_tests() -> None:
    runtime, dev = pins("runtime.txt"), pins("dev.txt")

    assert {name: dev.get(name) for name in runtime} == runtime
