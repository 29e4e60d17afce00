"""The probe: what a function says is compared within the tolerance that was learned, decisions too, and a cause is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.environments import Difference, Probe, ProbeVerdict, Severity, check, compare, probe_from_json, record, settled
from assayline.environments.comparing import SAME_MACHINE
from assayline.environments.probe import judged, tolerances
from assayline.errors import MisuseError, Unreadable

SCORING = """\
import os
import numpy as np
R = np.random.default_rng(7)
FIRST, SECOND, LINE = R.normal(size=(20, 64)).astype(np.float32), R.normal(size=(64, 3)).astype(np.float32), R.normal(size=20)
CHANGE = float(os.environ.get("CHANGE", "0"))
calls = 0

def network(x):  # float32: the last bits depend on the rows it gets at once
    hidden = np.tanh(x.astype(np.float32) @ FIRST * 0.1) @ SECOND
    raised = np.exp(hidden - hidden.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True) + np.float32(CHANGE)

def line(x):
    return x @ LINE + CHANGE

def label(table):
    return ["large" if a + CHANGE > 0.5 else "small" for a in table["x0"]]

def centred(x):
    return x[:, 0] - x[:, 0].mean()

def random(x):
    return np.random.default_rng().normal(size=len(x))

def short(x):
    return x[:1, 0]

def failing(x):
    raise ValueError("no model here")

def frame_of_moments(table):
    return table.assign(year=table["at"].dt.year)[["year", "x"]]

def polars_frame(table):
    return table.select("x", "text")
"""


@pytest.fixture
def code(tmp_path: Path) -> str:
    """A folder with a module to call."""
    (tmp_path / "scoring.py").write_text(SCORING)
    return str(tmp_path)


def rows(number: int = 300) -> pl.DataFrame:
    random = np.random.default_rng(1)
    return pl.DataFrame({f"x{place}": random.normal(size=number) for place in range(20)})


@pytest.mark.parametrize("function", ["network", "line", "label"])
def test_the_same_function_says_the_same_and_survives_json(function: str, code: str) -> None:
    probe = record(f"scoring:{function}", rows(), frame="dict" if function == "label" else "numpy", code=code)

    verdict = check(probe_from_json(json.loads(json.dumps(probe.as_json()))), code=code)

    assert verdict.same
    assert verdict.decided_otherwise == 0
    assert verdict.sentence.startswith("nothing differs in the environment: ")
    assert probe.doubts() == ()


def test_bits_differ_by_the_rows_at_once_and_the_tolerance_covers_that(code: str) -> None:
    probe = record("scoring:network", rows(1000), frame="numpy", code=code)

    one, all_of_them = (np.array(probe.runs[run]["0"]) for run in ("1/1", "1000/2"))

    assert (one != all_of_them).any()
    assert (np.abs(one - all_of_them) <= tolerances(probe, "0", one)).all()
    assert 0 < probe.spread["0"] < 1e-4


@pytest.mark.parametrize(("function", "change", "flips"), [("network", "0.001", 0), ("line", "1e-6", 0), ("line", "3.0", 1), ("label", "0.4", 1)])
def test_a_change_beyond_the_tolerance_differs_and_decisions_are_counted(function: str, change: str, flips: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = record(f"scoring:{function}", rows(), frame="dict" if function == "label" else "numpy", code=code)
    monkeypatch.setenv("CHANGE", change)

    verdict = check(probe, code=code)

    assert not verdict.same
    assert verdict.deviations[0].rows > 0
    assert min(verdict.decided_otherwise, 1) == flips
    assert "where" in verdict.sentence


def test_a_difference_is_blamed_on_what_differs_in_the_environment(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = record("scoring:line", rows(), frame="numpy", code=code)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")

    verdict = check(probe, code=code)

    assert "MKL_CBWR none → COMPATIBLE" in verdict.sentence


def test_a_probe_that_cannot_judge_says_so(code: str) -> None:
    centred, random = (record(f"scoring:{function}", rows(50), frame="numpy", code=code) for function in ("centred", "random"))

    assert "depends on how many rows" in centred.doubts()[0]
    assert "does not give the same twice" in random.doubts()[0]


@pytest.mark.parametrize(
    ("call", "frame", "said"),
    [("scoring:short", "numpy", "gave [1] rows for 7"), ("scoring:failing", "numpy", "no model here"), ("scoring:absent", "numpy", "absent"), ("absent:line", "numpy", "absent")],
)  # fmt: skip
def test_a_function_that_cannot_be_probed_is_said_to_be_none(call: str, frame: str, said: str, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        record(call, rows(20), frame=frame, code=code)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("call", "table", "frame"),
    [("scoring", rows(5), "numpy"), ("a:b()", rows(5), "numpy"), ("__import__('os'):x", rows(5), "numpy"), ("a:b", rows(1001), "numpy"), ("a:b", rows(0), "numpy"),
     ("a:b", rows(5), "pickle"), ("a:b", pl.DataFrame({"nested": [[1], [2]]}), "dict")],
)  # fmt: skip
def test_misuse_is_refused_before_anything_runs(call: str, table: pl.DataFrame, frame: str) -> None:
    with pytest.raises(MisuseError):
        record(call, table, frame=frame)


def test_frames_of_pandas_and_polars_go_in_and_out(code: str) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed: pip install 'assayline[pandas]'")
    table = pl.DataFrame({"x": [1.5, None, float("inf")], "text": ["a", "b", None], "at": ["2026-01-01", "2025-01-01", "2024-01-01"]}).with_columns(pl.col("at").str.to_date())

    moments = record("scoring:frame_of_moments", table, code=code)
    texts = record("scoring:polars_frame", table, frame="polars", code=code)

    assert moments.runs["7/1"]["year"] == [2026, 2025, 2024]
    assert texts.runs["1/2"] == {"x": [1.5, None, None], "text": ["a", "b", None]}
    assert check(moments, code=code).same
    assert check(texts, code=code).same


@pytest.mark.parametrize("spoil", [lambda d: d.pop("runs"), lambda d: d.update(schema=9), lambda d: d["environment"].update(digest="sha256:00"), lambda d: d.update(call="os.system('x')"),
                                   lambda d: d.update(columns={})])  # fmt: skip
def test_a_damaged_probe_is_refused(spoil: Callable[[dict[str, object]], object], code: str) -> None:
    document = record("scoring:line", rows(5), frame="numpy", code=code).as_json()
    spoil(document)

    with pytest.raises(Unreadable):
        probe_from_json(document, "probe.json")


def test_a_row_at_its_limit_is_not_counted_as_decided_otherwise(code: str) -> None:
    probe = record("scoring:line", rows(50), frame="numpy", code=code)
    values = {"0": [1e-18, *[1.0] * 49]}
    at_the_limit = replace(probe, runs={"7/1": values}, spread={"0": 1e-12})

    verdict = judged(at_the_limit, {"7/1": {"0": [-1e-18, *[1.0] * 49]}}, probe.environment)

    assert verdict.same
    assert verdict.decided_otherwise == 0


def test_where_results_are_the_same_a_warning_becomes_a_note_and_where_not_that_blocks() -> None:
    version = Difference(Severity.WARN, "packages", "numpy", "2.3.5", "2.4.6", "numpy is 2.4.6.", SAME_MACHINE)
    zone = Difference(Severity.WARN, "clock", "zone", "UTC", "CET", "The zone is CET.", "set TZ")
    missing = Difference(Severity.BLOCK, "packages", "joblib", "1.5", "", "joblib is missing.", "install it")

    same = settled([version, zone, missing], ProbeVerdict(True, "same", (), 0, 10, ()))
    differs = settled([version], ProbeVerdict(False, "differs", (), 3, 10, ()))

    assert [(str(one.severity), one.name) for one in same] == [("block", "joblib"), ("warn", "zone"), ("note", "numpy")]
    assert [(str(one.severity), one.name) for one in differs] == [("block", "probe"), ("warn", "numpy")]


def _numpy(folder: Path, version: str) -> str:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    done = subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "-q", f"numpy=={version}"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"numpy {version} cannot be installed here: {done.stderr[-200:]}")
    return str(python)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_minor_versions_of_numpy_and_two_processors_are_named_and_the_probe_says_the_same(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    older, newer = _numpy(tmp_path / "older", "2.3.5"), _numpy(tmp_path / "newer", "2.4.4")
    probes: list[Probe] = [record(f"scoring:{function}", rows(1000), frame="numpy", python=older, code=code) for function in ("network", "line")]

    verdicts = [check(probe, python=newer, code=code) for probe in probes]
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    verdicts += [check(probe, python=python, code=code) for probe in probes for python in (older, newer)]

    assert [verdict.sentence for verdict in verdicts if not verdict.same] == []
    assert "numpy 2.3.5 → 2.4.4" in verdicts[0].sentence
    assert compare(probes[0].environment, probes[1].environment) == ()
