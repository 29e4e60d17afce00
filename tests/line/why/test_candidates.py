"""What differs between a good and a bad state of a flow: each kind of change is found, and nothing that stayed as it was."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assayline.diagnosis import Component
from assayline.diagnosis.definitions import used_by
from assayline.ledger import records, run_records
from assayline.line.adjudicating import release_lot
from assayline.line.code_identity import code_of
from assayline.line.definition import Line, load_line
from assayline.line.project import Project, create_project, open_project
from assayline.line.running import Ran, run_line
from assayline.line.why.candidates import components_between
from assayline.line.why.derivation import Derivation, derivation_of, derivation_of_run
from assayline.line.why.ownership import last_author

LINE = '''"""Rides by day."""
import polars as pl
import assayline
from assayline import Table
from tools import fahrenheit

line = assayline.Line("bikes")
line.source("rides", "rides-*.csv", time="at", owner="rides@example.com")
line.source("weather", "weather.csv")
line.source("stations", "stations.csv", owner="stations@example.com")

FACTOR = 2.0


def scaled(frame):
    return frame.with_columns(n=pl.col("n") * FACTOR)


@line.step
def joined(rides: Table, weather: Table, stations: Table, shift: float = 0.0) -> Table:
    return scaled(rides).join(weather, on="station").join(stations, on="station").with_columns(warm=fahrenheit(pl.col("warm")) + shift)


@line.step
def busy(joined: Table, least: int = 1) -> Table:
    return joined.filter(pl.col("n") >= least)


@line.step
def idle(stations: Table) -> Table:
    return stations.sort("station")
'''
TOOLS = "def fahrenheit(warm):\n    return warm * 1.8 + 32\n\n\ndef unused():\n    return 1\n"
STATIONS = [f"s{number:02}" for number in range(12)]


def deliver(folder: Path, day: int, *, weather: bool = True, factor: float = 1.0) -> None:
    chance = random.Random(day)
    rides = [f"2026-03-{day:02} {hour:02}:00:00,{station},{10 + chance.randrange(8)}" for hour in range(12) for station in STATIONS]
    (folder / f"rides-{day:02}.csv").write_text("\n".join(["at,station,n", *rides]) + "\n")
    if weather:
        (folder / "weather.csv").write_text("\n".join(["station,warm", *(f"{one},{factor * (10 + chance.randrange(60) / 10):.1f}" for one in STATIONS)]) + "\n")


def go(project: Project, text: str = LINE, tools: str = TOOLS) -> Ran:
    folder = Path(project.folder)
    (folder / "line.py").write_text(text)
    (folder / "tools.py").write_text(tools)
    return run_line(project, load(folder), str(folder / "line.py"))


def load(folder: Path) -> Line:
    line = load_line(str(folder / "line.py"))
    sys.path.remove(str(folder))
    for name in [name for name, module in sys.modules.items() if str(getattr(module, "__file__", "")).startswith(str(folder)) and not name.startswith("assay_line_")]:
        del sys.modules[name]
    return line


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days on which nothing was wrong."""
    folder = tmp_path_factory.mktemp("quiet") / "bikes"
    with create_project(str(folder)) as project:
        (folder / "stations.csv").write_text("\n".join(["station,town", *(f"{one},{'Bonn' if one < 's06' else 'Lyon'}" for one in STATIONS)]) + "\n")
        for day in range(1, 5):
            deliver(folder, day)
            assert go(project).problems == []
    return folder


@pytest.fixture
def folder(quiet: Path, tmp_path: Path) -> Path:
    """A copy of those days, to go on from."""
    shutil.copytree(quiet, tmp_path / "bikes")
    return tmp_path / "bikes"


def states(project: Project, flow: str = "busy") -> tuple[Derivation, Derivation]:
    """The last lot of a flow and the one before it."""
    with project.ledger.read() as connection:
        before, now = (lot.lot for lot in records.lots(connection, flow)[-2:])
        return derivation_of(connection, before), derivation_of(connection, now)


def between(project: Project, good: Derivation, bad: Derivation) -> dict[str, Component]:
    folder = Path(project.folder)
    return {one.key: one for one in components_between(project, load(folder), str(folder / "line.py"), good, bad)}


def test_the_lots_of_a_quiet_day_are_all_that_differs_and_nothing_speaks_against_them(folder: Path) -> None:
    with open_project(str(folder)) as project:
        found = between(project, *states(project))

        assert sorted(found) == ["source rides", "source weather"]
        assert all(one.evidence < 0.36 for one in found.values())
        rides = found["source rides"]
        assert (rides.owner, rides.why_not, len(rides.detail["lots"]), len(rides.detail["before_lots"])) == ("rides@example.com", "", 1, 1)
        assert found["source weather"].detail["snapshot"] is True
        assert rides.detail["snapshot"] is False


def test_a_source_that_the_gate_warns_of_stands_first_with_its_findings(folder: Path) -> None:
    deliver(folder, 5, factor=30.0)
    with open_project(str(folder)) as project:
        go(project)
        with project.ledger.read() as connection:
            lot = records.lots(connection, "weather")[-1]
        if lot.state == "held":
            release_lot(project, lot.lot, author="me", reason="a test")
            go(project)
        found = between(project, *states(project))

        first = next(iter(found.values()))
        assert first.key == "source weather"
        assert first.evidence > 0.5
        assert first.findings[0]["lot"] == lot.lot == first.detail["lots"][0]
        assert first.findings[0]["severity"] >= 0.3


def test_a_changed_function_and_a_changed_parameter_are_named_with_the_steps_they_concern(quiet: Path) -> None:
    tools = TOOLS.replace("* 1.8", "* 1.9").replace("return 1\n", "return 2\n")

    found = with_code(quiet, LINE, LINE.replace("FACTOR = 2.0", "FACTOR = 20.0"), tools=tools, parameters=({"shift": 0.0, "gone": 1}, {"shift": 1.5, "came": 2}))

    assert set(found) == {"code line.py: FACTOR", "code tools.py: fahrenheit", "parameter joined.shift"}
    factor, shift = found["code line.py: FACTOR"], found["parameter joined.shift"]
    assert factor.detail["steps"] == ["joined"]
    assert "-FACTOR = 2.0\n+FACTOR = 20.0" in factor.detail["diff"]
    assert factor.detail["calls"] == {"joined": {"without": ["came"], "parameters": {"gone": 1}, "inputs": {}}}
    assert found["code tools.py: fahrenheit"].detail["names"] == [["tools.py", "fahrenheit"]]
    assert (shift.before, shift.now, shift.detail["before"], shift.detail["steps"]) == ("0.0", "1.5", 0.0, ["joined"])


def test_a_helper_that_came_with_a_changed_function_belongs_to_it(quiet: Path) -> None:
    text = LINE.replace("def scaled", "def wild(one):\n    return one * 7\n\n\ndef scaled").replace('pl.col("n") * FACTOR', 'wild(pl.col("n"))').replace("FACTOR = 2.0\n", "")

    found = with_code(quiet, LINE, text)

    assert list(found) == ["code line.py: scaled"]
    assert found["code line.py: scaled"].detail["names"] == [["line.py", "scaled"], ["line.py", "FACTOR"]]
    assert "+def wild(one):" in found["code line.py: scaled"].detail["diff"]


def test_where_very_many_definitions_changed_each_file_is_one_component(quiet: Path) -> None:
    used = "FACTOR = 2.0 + " + " + ".join(f"K{number}" for number in range(10)) + "\n"
    texts = ["".join(f"K{number} = {number * times}\n" for number in range(1, 10)) + LINE.replace("FACTOR = 2.0\n", "K0 = 0\n" + used) for times in (1, 2)]

    found = with_code(quiet, *texts)

    assert list(found) == ["code line.py"]
    assert found["code line.py"].detail["names"] == [["line.py", "<content>"]]
    assert sorted(found["code line.py"].detail["definitions"]) == [f"K{number}" for number in range(1, 10)]


def test_what_the_line_says_of_its_other_parts_concerns_no_step(quiet: Path) -> None:
    text = LINE.replace("FACTOR = 2.0", "FACTOR = 4.0").replace('line.source("stations", "stations.csv"', 'line.source("towns", "towns.csv")\nline.source("stations", "places.csv"')

    assert list(with_code(quiet, LINE, text.replace("return stations.sort", "return stations.drop_nulls().sort"))) == ["code line.py: FACTOR"]


def test_a_change_that_is_in_no_text_that_is_kept_is_beyond_a_replay_and_one_of_a_default_is_the_parameters(quiet: Path) -> None:
    closed_over = with_code(quiet, LINE, LINE + "# the same by meaning\n")
    default = with_code(quiet, LINE, LINE.replace("shift: float = 0.0", "shift: float = 0.5"))

    assert [(key, bool(one.why_not)) for key, one in closed_over.items()] == [("code joined", True)]
    assert default == {}


def test_code_that_was_not_written_down_is_said_to_be_beyond_a_replay(quiet: Path) -> None:
    with open_project(str(quiet)) as project:
        found = between(project, *made_with(project, code=("sha256:never", "sha256:written")))

    assert [(one.kind, bool(one.why_not)) for one in found.values()] == [("code", True)]


def with_code(folder: Path, before: str, now: str, *, tools: str = TOOLS, **more: tuple[object, object]) -> dict[str, Component]:
    """What differs where `joined` was first made by one text of the line and then by another."""
    files = [{"line.py": before, "tools.py": TOOLS}, {"line.py": now, "tools.py": tools}]
    digests = [f"sha256:{hashlib.sha256(repr(one).encode()).hexdigest()}" for one in files]
    with open_project(str(folder)) as project:
        with project.ledger.write() as writing:
            for digest, texts in zip(digests, files, strict=True):
                if run_records.described(writing.connection, digest) is None:
                    writing.append("described", {"digest": digest, "body": {"files": texts}})
        return between(project, *made_with(project, code=(digests[0], digests[1]), **more))


def made_with(project: Project, **each: tuple[object, object]) -> tuple[Derivation, Derivation]:
    """The last state of `joined` twice, as if its runs had differed in this."""
    _, state = states(project, "joined")
    assert state.run is not None
    runs = [dataclasses.replace(state.run, run=state.run.run + at, **{name: values[at] for name, values in each.items()}) for at in (0, 1)]  # type: ignore[arg-type]  # of the field's own kind
    good, bad = (dataclasses.replace(state, run=run, runs={**state.runs, run.output or 0: run}) for run in runs)
    return good, bad


def test_a_flow_that_should_have_come_is_an_arrival_and_what_came_later_stands_in_for_it(folder: Path) -> None:
    deliver(folder, 5, weather=False)
    with open_project(str(folder)) as project:
        go(project)
        missing = between(project, *states(project))
        good, bad = states(project)
        deliver(folder, 5)
        go(project)
        late = between(project, good, bad)

        assert set(missing) == set(late) == {"source rides", "arrival weather"}
        assert "no lot of 'weather' has come since" in missing["arrival weather"].why_not
        assert late["arrival weather"].why_not == ""
        assert len(late["arrival weather"].detail["later"]) == 1
        assert next(iter(late)) == "arrival weather"


def test_a_run_that_failed_is_compared_with_the_last_one_that_did_not(folder: Path) -> None:
    text = LINE.replace('return frame.with_columns(n=pl.col("n") * FACTOR)', 'return frame.with_columns(n=pl.col("m") * FACTOR)')
    with open_project(str(folder)) as project:
        assert go(project, text).problems != []
        with project.ledger.read() as connection:
            failed = run_records.runs(connection, step="joined", states=("failed",))[-1]
            good = run_records.runs(connection, step="joined", states=("done",))[-1]
            assert good.output is not None
            states_now = derivation_of(connection, good.output), derivation_of_run(connection, failed)
        found = between(project, *states_now)

        first = next(iter(found.values()))
        assert first.key == "code line.py: scaled"
        assert first.evidence > 0.8


def test_packages_whose_version_or_files_are_others_are_named_with_what_can_be_done(quiet: Path) -> None:
    before = ["python cpython 3.11", "polars 1.2.3 sha256:aa", "pyarrow 9 sha256:bb", "old 1 x"]
    now = ["python cpython 3.12", "polars 1.3.0 sha256:cc", "pyarrow 9 sha256:dd"]
    with open_project(str(quiet)) as project:
        with project.ledger.write() as writing:
            for digest, lines in (("sha256:before", before), ("sha256:now", now)):
                writing.append("described", {"digest": digest, "body": {"lines": lines}})
        found = between(project, *made_with(project, environment=("sha256:before", "sha256:now")))

    assert {key: (one.before, one.now, bool(one.why_not)) for key, one in found.items()} == {
        "package polars": ("1.2.3", "1.3.0", False), "package pyarrow": ("9 (sha256:bb)", "9 (sha256:dd)", False), "package python": ("cpython 3.11", "cpython 3.12", True),
    }  # fmt: skip
    assert found["package polars"].detail["steps"] == ["joined"]
    assert found["package polars"].evidence > found["package pyarrow"].evidence


def test_the_author_of_the_last_commit_owns_the_code(quiet: Path, tmp_path: Path) -> None:
    (tmp_path / "line.py").write_text(LINE)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=author@example.com", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "line.py"], ["commit", "-qm", "code"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    (tmp_path / ".git" / "config").write_text((tmp_path / ".git" / "config").read_text() + f"[core]\n\tfsmonitor = touch {tmp_path}/run\n\tpager = touch {tmp_path}/run\n")

    assert last_author(str(tmp_path), "line.py") == "author@example.com"
    assert last_author(str(tmp_path), "nothing.py") == last_author(str(quiet), "line.py") == ""
    assert not (tmp_path / "run").exists()


# Names that no other module of the tests has: a module is found once in a process, by its name.
FOLLOWED = {
    "line.py": """import assayline
import walked_tools
from walked_kit import deep as d
from walked_kit.deep import far, near
from walked_more import *
line = assayline.Line("x")
TABLE = {"a": 1}
TABLE["b"] = 2
low, high = 1, 2
class Kind:
    def act(self): return walked_tools.clean(low)
try:
    import walked_quick as q
except ImportError:
    q = None
@line.step
def hourly(x: object) -> object:
    import walked_late
    from walked_kit import other
    return Kind().act(), d.deepest(), far, TABLE, q, walked_late.by(), other, open("rows.csv")
def idle(): return walked_tools.unused()
""",
    "walked_tools.py": "LIMIT = 3\ndef clean(x): return LIMIT\ndef unused(): ...\n", "walked_kit/__init__.py": "from .deep import far as other\n",
    "walked_kit/deep.py": "from . import near\nimport walked_kit.near\ndef far(): return near.one\ndef deepest(): return walked_kit.near.two\n", "walked_kit/near.py": "one = 1\ntwo = 2\n",
    "walked_more.py": "MORE = 1\n",
    "walked_quick.py": "def run(): ...\n", "walked_late.py": "def by(): ...\n", "rows.csv": "a\n1\n",
}  # fmt: skip


def test_every_definition_that_counts_for_a_step_is_among_those_it_is_said_to_use(tmp_path: Path) -> None:
    for name, text in FOLLOWED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    function = load(tmp_path).steps["hourly"].function
    assert function is not None

    code = code_of(function, str(tmp_path))

    files = code.files(str(tmp_path))
    used = {f"{file}: {name}" for file, name in used_by(files, "line.py", "hourly")}
    assert {part for part in code.parts if not part.endswith("<content>")} <= used
    assert "rows.csv: <content>" in used
    assert "line.py: idle" not in used
    assert "walked_tools.py: unused" not in used
