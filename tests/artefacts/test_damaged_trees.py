"""LightGBM ends the process when it reads some damaged models; what passes our reading first does not do that."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trained import boosted

from assayline.artefacts import load_predictor
from assayline.artefacts.trees import END
from assayline.errors import InputError

PREDICT = """
import json, sys
import numpy as np
from assayline.artefacts import load_predictor
from assayline.errors import InputError
X = np.random.default_rng(0).normal(size=(40, 5)) * 10
X[::3, 1] = np.nan
for text in json.load(open(sys.argv[1])):
    try:
        load_predictor({"predictor.json": b'{"classes":%d,"kind":"boosted","width":5}' % int(sys.argv[2]), "model.txt": text.encode()}).predict(X)
    except InputError:
        pass
print("alive")
"""
WORDS = ["0", "-1", "999999999", "1e308", "-1e308", "-2147483648", "4294967296", "nan", "inf", "", "3", "1.5", "7", "11", "5 5"]


def resized(text: str) -> str:
    """The text with tree_sizes that are true, as somebody would write it who knows the format."""
    start, end = text.find("\nTree="), text.find("\n" + END)
    if start < 0 or end < start:
        return text
    pieces = re.split(r"(?=^Tree=)", text[start + 1 : end + 1], flags=re.M)
    return re.sub(r"^tree_sizes=.*$", "tree_sizes=" + " ".join(str(len(one.encode())) for one in pieces if one), text, count=1, flags=re.M)


def damaged(text: str, random: np.random.Generator) -> str:
    kind = random.integers(4)
    lines = text.split("\n")
    if kind == 0:
        at = int(random.integers(len(text)))
        text = text[:at] + chr(random.integers(32, 127)) + text[at + 1 :]
    elif kind == 1:
        number = list(re.finditer(r"-?\d+(?:\.\d+)?", text))[random.integers(600)]
        text = text[: number.start()] + str(random.choice(WORDS)) + text[number.end() :]
    elif kind == 2:
        at = int(random.integers(len(lines)))
        lines[at : at + 1] = [] if random.random() < 0.5 else [lines[at], lines[random.integers(len(lines))]]
        text = "\n".join(lines)
    else:
        at = int(random.integers(len(text)))
        text = text[:at] + text[at + int(random.integers(1, 30)) :]
    return resized(text) if random.random() < 0.8 else text


def fuzzed(objective: str, classes: int, seed: int, count: int, folder: Path) -> tuple[int, str]:
    """How many damaged texts pass our reading, and what a process says that has predicted with all of these."""
    good = boosted(objective, classes, rounds=3).members()
    random = np.random.default_rng(seed)
    passing = []
    for _ in range(count):
        text = damaged(good["model.txt"].decode(), random)
        try:
            load_predictor({**good, "model.txt": text.encode()})
            passing.append(text)
        except InputError:
            pass
    (folder / "texts.json").write_text(json.dumps(passing))
    done = subprocess.run([sys.executable, "-c", PREDICT, str(folder / "texts.json"), str(classes)], capture_output=True, text=True, check=False)
    return len(passing), f"{done.stdout.splitlines()[-1:]} {done.returncode}"


@pytest.mark.parametrize(("objective", "classes"), [("regression", 0), ("multiclass", 3)])
def test_no_damaged_model_that_is_read_ends_the_process(objective: str, classes: int, tmp_path: Path) -> None:
    passed, said = fuzzed(objective, classes, 1, 400, tmp_path)

    assert passed > 40
    assert said == "['alive'] 0"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10))
def test_no_model_of_many_damaged_ones_ends_the_process(seed: int, tmp_path: Path) -> None:
    assert fuzzed("regression", 0, 100 + seed, 5000, tmp_path)[1] == "['alive'] 0"


def test_trees_that_walk_in_a_circle_are_refused_before_lightgbm_sees_them() -> None:
    members = boosted("regression", 0).members()
    text = members["model.txt"].decode()
    start = text.index("left_child=")
    line = text[start : text.index("\n", start)]
    circle = resized(text.replace(line, "left_child=" + " ".join(["0"] * len(line.split())), 1))

    with pytest.raises(InputError, match=r"model\.txt: tree 0: its nodes do not form a tree"):
        load_predictor({**members, "model.txt": circle.encode()})


def test_a_jump_to_another_place_is_refused() -> None:
    members = boosted("regression", 0).members()
    jump = re.sub(r"^tree_sizes=\d+", "tree_sizes=4", members["model.txt"].decode(), count=1, flags=re.M)

    with pytest.raises(InputError, match="tree 1 does not stand where tree_sizes says"):
        load_predictor({**members, "model.txt": jump.encode()})
