"""No input of the hostile corpus hangs, dies by a signal, or loses rows; each ends as its manifest says, as far as reading can tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assayline.errors import AssaylineError, InputError
from assayline.tables import Limits, run_in_child

HERE = Path(__file__).parent
BENCH = Path(os.environ.get("ASSAY_BENCH", HERE.parents[2] / "shared" / "bench"))
GENERATOR = BENCH / "hostile" / "make_hostile.py"
GROUPS = ("csv", "json", "parquet", "avro", "excel", "archive", "fs", "model")
# Models and notebooks are to be refused by a scan whatever the manifest says about looking at them.
REFUSED_HERE = ("model",)
BUSY = 5  # the manifest's seconds are for a machine of one's own (`make bench ONLY=hostile` holds them); here other tests run beside
AS_ROOT = {"fs/unreadable.csv"} if hasattr(os, "geteuid") and os.geteuid() == 0 else set()  # root may read everything

if not GENERATOR.exists():
    pytest.skip(f"NO HOSTILE CORPUS: {GENERATOR} does not exist; set ASSAY_BENCH", allow_module_level=True)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    subprocess.run(
        [sys.executable, str(GENERATOR), str(root), "--marker-dir", str(root / "markers")], check=True, capture_output=True, timeout=300
    )
    return root


def outcome(path: bytes, limits: dict[str, Any]) -> tuple[dict[str, Any] | None, AssaylineError | None]:
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    name = os.fsdecode(path)
    try:
        seconds = BUSY * limits["max_seconds"]
        return run_in_child("walkthrough:walk", {"path": name}, memory_bytes=Limits().memory_for(0), seconds=seconds, subject=name), None
    except AssaylineError as error:
        return None, error


@pytest.mark.timeout(900)
@pytest.mark.parametrize("group", GROUPS)
def test_every_case_ends_as_it_should(corpus: Path, group: str) -> None:
    cases = [json.loads(line) for line in (corpus / "manifest.jsonl").read_text().splitlines()]
    cases = [case for case in cases if case["file"].split("/")[0] == group and case["file"] not in AS_ROOT]
    paths = [
        os.fsencode(corpus) + b"/" + case["file"].replace("\\xff\\xfe", "\udcff\udcfe").encode("utf-8", "surrogateescape") for case in cases
    ]

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(outcome, paths, [case["limits"] for case in cases]))

    wrong = [complaint for case, (seen, error) in zip(cases, ends, strict=True) for complaint in complaints(case, group, seen, error)]
    assert wrong == []
    markers = corpus / "markers"
    assert not markers.exists() or list(markers.iterdir()) == []  # nothing that lay in the files was run


def complaints(case: dict[str, Any], group: str, seen: dict[str, Any] | None, error: AssaylineError | None) -> list[str]:
    name, expect = case["file"], "refuse" if group in REFUSED_HERE else case["expect"]
    if error is not None:
        if not isinstance(error, InputError):
            return [f"{name}: {error!r} is no InputError"]
        found = [] if expect in ("error", "refuse", "either") else [f"{name}: was not read: {error}"]
        found += [f"{name}: no next step: {error}"] if not error.next_step else []
        found += (
            [f"{name}: {error}"]
            if "the reader died" in error.cause or "the reader failed" in error.cause or "longer than" in error.cause
            else []
        )
        return found
    assert seen is not None
    found = [f"{name}: was read with {seen}"] if expect in ("error", "refuse") else []
    found += [f"{name}: rows differ: {seen}"] if not seen["counted"] == seen["loaded"] == seen["rows"] or not seen["starts_right"] else []
    found += [f"{name}: no digest"] if not seen["digest"].startswith("sha256:") else []
    loud = {"wide_table"} if expect == "clean" else set()
    found += [f"{name}: a clean file has findings {seen['codes']}"] if expect == "clean" and set(seen["codes"]) - loud else []
    return found
