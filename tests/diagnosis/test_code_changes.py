"""What changed in code, definition by definition, and the way back."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from assayline.diagnosis.code_changes import changed, put_back
from assayline.diagnosis.definitions import WHOLE, home_of, used_by

LINE = '''"""A line."""
from __future__ import annotations

import math, json
import polars as pl
import assayline
from rates import RATE, other

line = assayline.Line("shop")
orders = line.source("orders", "orders.csv")
LIMIT = 5
SCALES = {"a": 1}
SCALES["b"] = 2


def clean(x):
    """Takes out what is too large."""
    # not more
    return x.filter(pl.col("n") < LIMIT)


@line.step(window=3)
def hourly(orders, window=2):
    return clean(orders).with_columns(n=pl.col("n") * RATE * math.pi)

# the end
'''
FILES = {"line.py": LINE, "rates.py": "RATE = 2\n\ndef other(): ...\n", "lookup.csv": "a,b\n1,2\n", "daily.sql": "select 1"}


def with_(**texts: str) -> dict[str, str]:
    return {**FILES, **{name.replace("_", "."): text for name, text in texts.items()}}


def told(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [(one.file, one.name, one.change) for one in changed(before, now)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# not more", "# not more than that"), ("Takes out what is too large.", "Other words."), ("LIMIT = 5", "LIMIT    =  5  # rows"),
        ("window=3", "window=4"), ("window=2", "window=7"), ("import polars as pl", "import polars as pl\nimport os"), ("\n\n\n", "\n\n\n\n"),
    ],
)  # fmt: skip
def test_what_says_nothing_about_what_it_does_changes_nothing(old: str, new: str) -> None:
    assert told(FILES, with_(line_py=LINE.replace(old, new))) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("< LIMIT", "<= LIMIT", ("line.py", "clean", "changed")), ("LIMIT = 5", "LIMIT = 6", ("line.py", "LIMIT", "changed")),
        ('["b"] = 2', '["b"] = 3', ("line.py", "SCALES", "changed")), ('SCALES["b"] = 2\n', "", ("line.py", "SCALES", "changed")),
        ("LIMIT = 5\n", "LIMIT = 5\nMORE = 1\n", ("line.py", "MORE", "added")), ("import RATE, other", "import other as RATE, other", ("line.py", "RATE", "changed")),
        ("* math.pi", "* math.e", ("line.py", "hourly", "changed")),
    ],
)  # fmt: skip
def test_each_change_is_named_by_its_definition_and_can_be_put_back(old: str, new: str, expected: tuple[str, str, str]) -> None:
    now = with_(line_py=LINE.replace(old, new))

    [one] = changed(FILES, now)

    assert (one.file, one.name, one.change) == expected
    assert one.diff.startswith("--- line.py (before)\n+++ line.py (now)\n@@")
    assert told(FILES, put_back(now, FILES, [one.key])) == []


def test_only_what_is_named_goes_back() -> None:
    now = with_(line_py=LINE.replace("< LIMIT", "> LIMIT").replace("LIMIT = 5", "LIMIT = 50"), rates_py="RATE = 9\n")

    back = put_back(now, FILES, [("line.py", "LIMIT"), ("rates.py", "RATE")])

    assert told(FILES, back) == [("line.py", "clean", "changed"), ("rates.py", "other", "removed")]
    assert back["line.py"] == LINE.replace("< LIMIT", "> LIMIT")
    assert put_back(now, FILES, []) == now


def test_what_a_definition_needs_comes_back_with_it() -> None:
    text = LINE.replace("import math, json\n", "import json\n").replace("clean(orders)", "orders").replace(" * math.pi", "")
    now = with_(line_py=text[: text.index("def clean")] + text[text.index("@line.step") :])

    back = put_back(now, FILES, [("line.py", "hourly")])

    assert told(FILES, now) == [("line.py", "hourly", "changed"), ("line.py", "clean", "removed")]
    assert told(FILES, back) == []
    assert "import math" in back["line.py"]
    assert back["line.py"].index("def clean") < back["line.py"].index("def hourly")


def test_a_query_and_a_file_that_is_no_python_are_one_definition_each() -> None:
    now = {**FILES, "daily.sql": "select 2", "lookup.csv": "a,b\n1,3\n", "broken.py": "def ("}

    assert told(FILES, now) == [("broken.py", WHOLE, "added"), ("daily.sql", "sql", "changed"), ("lookup.csv", WHOLE, "changed")]
    assert put_back(now, FILES, [("broken.py", WHOLE), ("daily.sql", "sql"), ("lookup.csv", WHOLE)]) == FILES
    assert put_back(now, FILES, [("daily.sql", "sql")]) == {**now, "daily.sql": "select 1"}


def test_names_that_one_statement_binds_are_one_definition() -> None:
    before, now = {"line.py": "low, high = 1, 9\nmiddle = 5\n"}, {"line.py": "low, high = 2, 9\nmiddle = 6\n"}

    assert told(before, now) == [("line.py", "low, high", "changed"), ("line.py", "middle", "changed")]
    assert put_back(now, before, [("line.py", "low, high")]) == {"line.py": "low, high = 1, 9\nmiddle = 6\n"}


def test_a_definition_comes_back_before_what_needs_it_while_the_file_is_loaded() -> None:
    before, now = {"line.py": "BASE = 2\nRATE = BASE * 3\nMORE = RATE + 1\n"}, {"line.py": "RATE = 5\nMORE = RATE + 1\n"}

    back = put_back(now, before, [("line.py", "RATE")])

    assert back == before


def test_statements_on_one_line_are_told_apart_too() -> None:
    before, now = {"line.py": "a = 1; b = 2\n"}, {"line.py": "a = 1; b = 3\n"}

    assert told(before, now) == [("line.py", "b", "changed")]
    assert told(before, put_back(now, before, [("line.py", "b")])) == []


def test_what_a_step_uses_is_followed_through_the_files() -> None:
    files = {
        "line.py": "import tools\nfrom more import scale as s\nfrom kit.deep import far\n@line.step\ndef hourly(x): return tools.clean(s(x), far)\ndef idle(): return tools.unused()\n",
        "tools.py": "LIMIT = 3\ndef clean(x, y): return x[:LIMIT]\ndef unused(): ...\n", "table.csv": "a\n", "stars.py": "STAR = 1\n", "late.py": "def by(): ...\n",
        "more.py": "from stars import *\ndef scale(x):\n    import late\n    return open('table.csv'), STAR\n",
        "kit/deep.py": "from . import near\ndef far(): return near.one\n", "kit/near.py": "one = 1\n",
    }  # fmt: skip

    found = used_by(files, "line.py", "hourly")

    assert home_of(files, "hourly") == "line.py"
    assert {("tools.py", "clean"), ("tools.py", "LIMIT"), ("more.py", "scale"), ("kit/deep.py", "far"), ("kit/near.py", "one")} <= found
    assert {("table.csv", WHOLE), ("stars.py", "STAR"), ("late.py", "by")} <= found
    assert not {("tools.py", "unused"), ("line.py", "idle")} & found


def written(chance: random.Random) -> str:
    """A file of constants and functions that use what stands above them."""
    lines = ['"""Words."""'] if chance.random() < 0.5 else []
    lines += [f"import {', '.join(chance.sample(['math', 'json', 'os as system', 'random'], chance.randint(1, 3)))}"]
    known = ["1"]
    for number in sorted(chance.sample(range(9), chance.randint(3, 8))):
        name, one, two = f"n{number}", chance.choice(known), chance.choice(known)
        kind = chance.random()
        if kind < 0.35:
            lines.append(f"{name} = [{one}, {chance.randint(0, 2)}]")
        elif kind < 0.5:
            lines += [f"{name} = []", f"{name}.append({one})"]
        elif kind < 0.6:
            lines.append(f"{name}, m{number} = {one}, {chance.randint(0, 2)}")
        elif kind < 0.7:
            lines += ["try:", f"    {name} = {one}", "except ImportError:", f"    {name} = 0"]
        else:
            lines += [f"def {name}(x={one}):", f"    return x, {two}, {chance.randint(0, 2)}", ""]
        known.append(name)
    return "\n".join(lines) + chance.choice(["\n", "", "\n\n# end\n"])


def values(text: str) -> dict[str, object]:
    made: dict[str, object] = {}
    exec(text, made)  # written above
    return {name: value for name, value in made.items() if name[0] in "nm" and name[1:].isdigit()}


@pytest.mark.parametrize("seed", range(60))
def test_everything_put_back_is_what_was_and_nothing_put_back_is_what_is(seed: int) -> None:
    chance = random.Random(seed)
    before, now = {"line.py": written(chance)}, {"line.py": written(chance)}

    back = put_back(now, before, [one.key for one in changed(before, now)])

    assert put_back(now, before, []) == now
    assert [one for one in changed(before, back) if one.change != "added"] == []
    assert all(name in values(back["line.py"]) for name in values(before["line.py"]))
    some = [one.key for one in changed(before, now) if chance.random() < 0.5]
    half = put_back(now, before, some)
    assert not {one.key for one in changed(before, half)} & set(some)
