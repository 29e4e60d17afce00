"""Wrappers for other schedulers: what is written is read back, and says when and what."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from croniter import croniter

from assayline.core import Source
from assayline.errors import MisuseError
from assayline.line.exporting import export
from assayline.line.plan import Plan, plan_of
from assayline.line.project import create_project

main = pytest.importorskip("assayline.cli", reason="there is no command line without its part").main

HOSTILE = "/srv/it's 100 % \"mine\" $(touch gone) `x` \\ : # é"


def plan(*, zone: str = "UTC") -> Plan:
    sources = [Source("weather", "https://example.com/w.csv", every="H H(2-5) * * *"), Source("rides", "rides/", every="H * * * 1-5"), Source("notes", "notes/")]
    return plan_of(sources, {"schedule": {"zone": zone}})


def times_of(made: Plan) -> dict[str, str]:
    return {one.name: one.resolved() for one in made.schedules}


def test_a_crontab_has_one_line_for_each_scheduled_source_at_its_own_times() -> None:
    made = plan()

    entries = [text for text in export("cron", "bikes", made, "/srv/bikes").splitlines() if text[0].isdigit()]

    assert {text.split("--source ")[1].split()[0]: " ".join(text.split()[:5]) for text in entries} == times_of(made)
    assert all(croniter(" ".join(text.split()[:5]), datetime(2026, 3, 1, tzinfo=UTC)).get_next(datetime) for text in entries)
    assert "not asked here: notes." in export("cron", "bikes", made, "/srv/bikes")


def test_each_clock_of_a_crontab_stands_above_its_lines() -> None:
    text = export("cron", "bikes", plan(zone="Europe/Stockholm"), "/srv/bikes")

    assert text.count("CRON_TZ=Europe/Stockholm\n") == 1


def test_a_hostile_folder_is_text_for_cron_and_its_shell(tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE.removeprefix("/srv/")
    folder.mkdir()
    entry = next(text for text in export("cron", "bikes", plan(), str(folder)).splitlines() if text[0].isdigit())
    # As cron reads it: five fields, then a command in which \% is a percent sign and a bare % ends it.
    command = entry.split(" ", 5)[5]
    assert "%" not in command.replace("\\%", "")

    said = subprocess.run(["sh", "-c", command.replace("\\%", "%").split(" && ")[0] + " && pwd -P"], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert said.stdout.strip() == os.path.realpath(folder)
    assert not (tmp_path / "gone").exists()


def test_a_workflow_is_yaml_with_the_times_and_a_step_for_each_source() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    made = plan()

    read = yaml.safe_load(export("github", "bikes", made, HOSTILE))

    assert {one["cron"] for one in read["on"]["schedule"]} == set(times_of(made).values())
    assert read["jobs"]["run"]["defaults"]["run"]["working-directory"] == HOSTILE
    steps = {one["name"]: one for one in read["jobs"]["run"]["steps"] if "name" in one}
    assert {name: shlex.split(one["run"])[:4] for name, one in steps.items()} == {name: ["assay", "run", "--source", name] for name in times_of(made)}
    assert all(f"'{times}'" in steps[name]["if"] for name, times in times_of(made).items())


def test_a_file_of_dags_is_python_that_holds_times_and_commands() -> None:
    made = plan(zone="Europe/Stockholm")

    tree = ast.parse(export("airflow", "bikes", made, HOSTILE))

    values = {target.id: ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}
    assert values["FOLDER"] == HOSTILE
    assert {name: (times, zone, shlex.split(command)[:4]) for name, times, zone, command in values["SOURCES"]} == {
        name: (times, "Europe/Stockholm", ["assay", "run", "--source", name]) for name, times in times_of(made).items()
    }


def test_the_dags_are_made_one_for_each_source(tmp_path: Path) -> None:
    # Airflow is too large to install for this: what the file uses of it is stood in for by the few lines below.
    for name, text in {
        "pendulum.py": "def datetime(*parts, tz): return (*parts, tz)",
        "airflow/sdk.py": "made = []\nclass DAG:\n    def __init__(self, dag_id, **about): made.append((dag_id, about))\n    def __enter__(self): return self\n    def __exit__(self, *_): pass",
        "airflow/providers/standard/operators/bash.py": "made = []\ndef BashOperator(**about): made.append(about)",
        "dags.py": export("airflow", "bikes", plan(), "/srv/bikes"),
        "look.py": "import dags, airflow.sdk as sdk\nfrom airflow.providers.standard.operators import bash\n"
        "print([one for one, _ in sdk.made], [one['cwd'] for one in bash.made], hasattr(dags, 'assay_bikes_rides'))",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    said = subprocess.run([sys.executable, "look.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "['assay_bikes_weather', 'assay_bikes_rides'] ['/srv/bikes', '/srv/bikes'] True"


@pytest.mark.parametrize(
    ("kind", "folder", "zone", "said"),
    [
        ("github", "a${{ secrets.KEY }}", "UTC", "means something to GitHub"), ("airflow", "/srv/{{ conf }}", "UTC", "means something to Airflow"),
        ("cron", "/srv/a\nb", "UTC", "characters that no scheduler reads"), ("github", ".", "Europe/Stockholm", "by UTC only"),
    ],
)  # fmt: skip
def test_what_a_scheduler_would_misread_is_refused(kind: str, folder: str, zone: str, said: str) -> None:
    with pytest.raises(MisuseError, match=said.replace("{", "\\{")):
        export(kind, "bikes", plan(zone=zone), folder)


def test_the_command_writes_a_wrapper_and_refuses_a_line_without_a_schedule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_project(str(tmp_path / "bikes")).ledger.close()
    file = tmp_path / "bikes" / "line.py"
    file.write_text("import assayline\nline = assayline.Line('bikes')\nline.source('rides', 'rides/', every='5 * * * *')\n")
    where = ["--project", str(tmp_path / "bikes"), "--line", str(file)]

    assert main(["line", "export", "--cron", "-o", str(tmp_path / "crontab"), *where]) == 0
    assert f"5 * * * * cd {tmp_path}/bikes && {{ " in (tmp_path / "crontab").read_text()
    assert "run --source rides || [ $? -eq 1 ]; }\n" in (tmp_path / "crontab").read_text()
    file.write_text("import assayline\nline = assayline.Line('bikes')\nline.source('rides', 'rides/')\n")
    assert main(["line", "export", "--cron", *where]) == 2
    assert "has a schedule" in capsys.readouterr().err
