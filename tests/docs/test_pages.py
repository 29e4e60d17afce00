"""Every example in the documentation is run, and shows what the page says it shows.

The convention, also described in CONTRIBUTING.md:

    <!-- file: orders.csv -->       before a fenced block: the block is written to that file first
    ```python                       a session (`>>>`) is checked like a doctest, a script must run through
    ```console                      lines that start with `$ ` are run; what stands below each is what they print,
                                    where `...` stands for anything and blanks count once
    <!-- not run: why -->           before a fenced block: it is not run, for a reason that is given

One page is one story: its blocks share a folder (with a copy of `examples/data`) and their Python names.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^(?:<!-- *(?P<mark>file|not run): *(?P<what>.*?) *-->\n+)?```(?P<language>\w*)\n(?P<text>.*?)^```", re.M | re.S)
SESSION = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, where it stands, and the mark above it."""

    language: str
    text: str
    line: int
    mark: str
    what: str


def blocks(page: str) -> Iterator[Block]:
    for match in FENCE.finditer(page):
        line = page.count("\n", 0, match.start("text")) + 1
        yield Block(match["language"], match["text"], line, match["mark"] or "", match["what"] or "")


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what is to be printed below it."""
    for piece in re.split(r"^\$ ", text, flags=re.M)[1:]:
        lines = piece.splitlines()
        first = 1
        while lines[first - 1].endswith("\\"):
            first += 1
        yield "\n".join(lines[:first]), "\n".join(lines[first:])


def matches(expected: str, printed: str) -> bool:
    """Whether the output is the expected one; `...` stands for anything, and blanks count once.

    >>> matches("verdict: ... 3 findings", "verdict:  hold,\\n 3   findings")
    True
    """
    wanted, got = " ".join(expected.split()), " ".join(printed.split())
    pattern = ".*?".join(re.escape(piece.strip()) for piece in re.split(r"\.\.\.|…", wanted))
    return re.fullmatch(rf"\s*{pattern}\s*".replace(r"\ ", r"\s+"), got, re.S) is not None


@dataclass
class Stage:
    """The folder one page plays in."""

    folder: Path
    environment: dict[str, str]
    names: dict[str, object]
    status: int = 0

    def play(self, block: Block, page: str) -> None:
        if block.mark == "file":
            target = self.folder / block.what
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.mark == "not run":
            assert block.what, f"{page}:{block.line}: a block that is not run says why"
        elif block.language == "console":
            for command, expected in commands(block.text):
                printed = self.run(command)
                place = f"{page}:{block.line}: $ {command}"
                assert matches(expected, printed), f"{place}\n--- the page says\n{expected}\n--- it prints\n{printed}"
        elif block.language == "python" and ">>>" in block.text:
            test = doctest.DocTestParser().get_doctest(block.text, self.names, page, page, block.line)
            said: list[str] = []
            outcome = doctest.DocTestRunner(optionflags=SESSION).run(test, out=said.append, clear_globs=False)
            self.names.update(test.globs)
            assert outcome.failed == 0, "".join(said)
        elif block.language == "python":
            exec(compile(block.text, f"{page}:{block.line}", "exec"), self.names)

    def run(self, command: str) -> str:
        """What a command prints on both streams; `$?` is the status of the one before."""
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status})\n{command}"],
            cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, check=False,
        )
        self.status = done.returncode
        return done.stdout


def staged(folder: Path) -> Stage:
    home = folder / "page"
    programs = folder / "programs"
    programs.mkdir()
    for name, words in {"assay": "-m assayline ", "python": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (programs / name).chmod((programs / name).stat().st_mode | stat.S_IXUSR)
    shutil.copytree(ROOT / "examples" / "data", home / "examples" / "data")
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "100", "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "src"), "TERM": "dumb",
    }
    return Stage(home, environment, {"__name__": "__main__"})


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_page_do_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged(tmp_path)
    monkeypatch.chdir(stage.folder)

    for block in blocks(page.read_text(encoding="utf-8")):
        stage.play(block, str(page.relative_to(ROOT)))


def test_a_page_whose_command_prints_something_else_is_caught(tmp_path: Path) -> None:
    block = next(blocks("text\n\n```console\n$ echo two\nthree\n```\n"))

    with pytest.raises(AssertionError, match="the page says"):
        staged(tmp_path).play(block, "page.md")


def test_a_page_whose_session_gives_something_else_is_caught(tmp_path: Path) -> None:
    block = next(blocks("```python\n>>> 1 + 1\n3\n```\n"))

    with pytest.raises(AssertionError, match="Expected"):
        staged(tmp_path).play(block, "page.md")


def test_dots_stand_for_anything_but_not_for_a_missing_word() -> None:
    assert matches("a ... c", "a b\nb c")
    assert matches("", "")
    assert not matches("a ... d", "a b c")
    assert not matches("", "something")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", text)
    inside = [target for pair in targets for target in pair if target and not re.match(r"[a-z]+:|#", target)]

    assert [target for target in inside if not (page.parent / target.split("#")[0]).exists()] == []
