"""Every code that is found has a page that says what is promised, and shows it on a fault."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from assayline.core import CATALOGUE
from assayline.detectors import detectors
from assayline.detectors.history import History, judges

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "detectors"
PARAGRAPHS = ("Statistic", "Null hypothesis", "Promised error rate", "Against false alarms", "Silent", "Source")
BY_THE_SCAN = {"duplicate_lot"}  # found by comparing files, which no detector sees

SIGNATURES = {code for detector in detectors() if not isinstance(detector, History) for code in detector.codes}
FOUND_BY_JUDGES = {code: [type(judge).__name__ for judge in judges() if code in judge.finds] for code in History.codes}
CODES = sorted(SIGNATURES | set(FOUND_BY_JUDGES) | BY_THE_SCAN)


def page(code: str) -> str:
    path = PAGES / f"{code}.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def sections(text: str) -> dict[str, str]:
    """What stands under each heading of the second level; what stands before the first one under "" (the table itself).

    >>> sections("# a\\n\\nb\\n\\n## c\\n\\nd\\n")
    {'': '# a\\n\\nb\\n\\n', 'c': '\\n\\nd\\n'}
    """
    first, *others = re.split(r"^## (.*)$", text, flags=re.M)
    return {"": first, **dict(zip(others[::2], others[1::2], strict=True))}


def judged(text: str) -> dict[str, str]:
    """The sections that have to be whole: each about one layer, or one judge of the past, which its heading names."""
    return {title: body for title, body in sections(text).items() if "(`" in title or (not title and "**" in body)}


def shown(text: str) -> str:
    """What the examples of a text print."""
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    return "".join(example.want for block in blocks for example in doctest.DocTestParser().get_examples(block))


@pytest.mark.parametrize("code", CODES)
def test_each_layer_that_finds_a_code_says_what_it_promises(code: str) -> None:
    found = judged(page(code))
    lacking = {title: [name for name in PARAGRAPHS if not re.search(rf"^\*\*{name}\.\*\* \S", body, re.M)] for title, body in found.items()}

    assert found
    assert {title: names for title, names in lacking.items() if names} == {}


@pytest.mark.parametrize("code", CODES)
def test_a_page_shows_its_code_on_a_fault(code: str) -> None:
    assert f"'{code}'" in shown(page(code))


@pytest.mark.parametrize("code", sorted(SIGNATURES))
def test_a_code_found_without_a_past_is_explained_first(code: str) -> None:
    assert "" in judged(page(code))


@pytest.mark.parametrize("code", sorted(FOUND_BY_JUDGES))
def test_each_judge_that_finds_a_code_has_its_section(code: str) -> None:
    titles = " ".join(title for title in judged(page(code)) if title.startswith("Against the past"))

    assert [judge for judge in FOUND_BY_JUDGES[code] if f"(`{judge}`)" not in titles] == []


def test_a_page_is_named_after_a_code_that_something_finds_and_carries_its_title() -> None:
    wrong = [path.name for path in sorted(PAGES.glob("*.md")) if path.stem not in CODES]
    untitled = [code for code in CODES if not re.match(rf"# .+ \(`{code}`\)\n", page(code))]

    assert (wrong, untitled) == ([], [])
    assert set(CODES) <= set(CATALOGUE)


def test_every_test_and_page_that_a_page_names_exists() -> None:
    named = {(path.name, target) for path in [*PAGES.glob("*.md"), ROOT / "docs" / "statistics.md"] for target in re.findall(r"`(tests/[\w/.]+\.py)`", path.read_text("utf-8"))}

    assert named
    assert sorted(pair for pair in named if not (ROOT / pair[1]).exists()) == []
