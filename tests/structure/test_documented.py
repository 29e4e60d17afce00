"""Everything a user can meet by name stands in the documentation."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assayline import core, errors, hooks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOUNS = ("Lot", "Profile", "Past", "Finding", "Rule", "Verdict", "Ledger", "Line", "Rollout")


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_is_a_frozen_value_and_stands_in_the_glossary(noun: str) -> None:
    assert re.search(rf"^\| \*\*{noun}\*\* \|", text("glossary.md"), re.M)
    value = getattr(core, noun)
    assert noun == "Verdict" or value.__dataclass_params__.frozen


def test_the_glossary_has_nine_nouns_and_no_tenth() -> None:
    table = text("glossary.md").split("## ")[1]

    assert re.findall(r"^\| \*\*(\w+)\*\* \|", table, re.M) == list(NOUNS)


@pytest.mark.parametrize("code", sorted(core.CATALOGUE))
def test_every_finding_code_has_its_place_in_the_docs(code: str) -> None:
    assert f"`{code}`" in text("findings.md")


@pytest.mark.parametrize("group", [group for group, _ in hooks.GROUPS])
def test_every_hook_is_explained(group: str) -> None:
    assert re.search(rf"^### `{re.escape(group)}`", text("architecture.md"), re.M)


@pytest.mark.parametrize("name", [name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)])
def test_every_error_is_explained(name: str) -> None:
    assert f"`{name}`" in text("errors.md")


def test_every_command_is_explained() -> None:
    commands = [command.name for _, command in hooks.offered("assayline.commands")]

    assert commands
    assert [name for name in commands if f"## `assay {name}`" not in text("cli.md")] == []


def test_every_key_of_the_json_is_explained() -> None:
    finding = core.Finding("typo", ("city",), "One city is misspelt.", 0.5, examples=(core.Cell(0, "city", 0.9, "Romw", "Rome"),))
    report = core.Report(core.Verdict.WARN, (finding,), columns=(core.ColumnFacts("city", "category"),), seconds={"read": 0.1})
    document = report.as_json()
    keys = {*document, *document["input"], *document["columns"][0], *document["findings"][0], *document["findings"][0]["examples"][0]}

    assert sorted(key for key in keys if f"`{key}`" not in text("json.md")) == []


def test_every_dependency_is_accounted_for() -> None:
    requirements = importlib.metadata.requires("assayline") or []
    names = {re.split(r"[<>=!\[; ]", one)[0].lower() for one in requirements}

    assert sorted(name for name in names if f"| `{name}` |" not in text("dependencies.md")) == []


def test_pages_made_from_code_are_current() -> None:
    made = subprocess.run([sys.executable, str(DOCS / "make_pages.py"), "--check"], capture_output=True, text=True, check=False)

    assert made.returncode == 0, made.stdout + made.stderr


def test_the_changelog_knows_this_version() -> None:
    from assayline import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
