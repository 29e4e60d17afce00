"""Thin wrappers for a scheduler that is there already: each calls `assay run` at the times of the line's sources, and knows nothing else. Pure.

    cron     a crontab: one line for each source with a schedule, its `H` decided
    github   a workflow: the same times, one step for each source
    airflow  a file of DAGs: one for each source, each with a BashOperator

Exit code 1 of `assay run` says that there are findings, which owners hear of by notices; no scheduler should try again for that.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

from assayline.errors import MisuseError

from .plan import Plan

Commands = Mapping[str, str]
"""The command of each source."""

FINDINGS_ARE_FINE = "|| [ $? -eq 1 ]"


def export(kind: str, line: str, plan: Plan, folder: str, program: str = "assay") -> str:
    """The text of a wrapper.

    Args:
        kind: "cron", "github" or "airflow".
        line: its name.
        plan: when which source is asked.
        folder: of the project; for github from the top of the repository.
        program: the path of `assay`, which the search path of cron does not find in a virtual environment.

    Raises:
        MisuseError: no source has a schedule, or something cannot be said there.

    >>> from assayline.line.schedule import Schedule
    >>> print(export("cron", "bikes", Plan((Schedule("weather", "5 3 * * *"),)), "/srv/bikes"), end="")
    # The line bikes, written by: assay line export --cron. Write it again when a schedule changes.
    # Other clocks than the machine's (CRON_TZ) are known to cronie, not to every cron.
    CRON_TZ=UTC
    5 3 * * * cd /srv/bikes && { assay run --source weather || [ $? -eq 1 ]; }
    """
    if not plan.schedules:
        raise MisuseError(f"no source of the line {line!r} has a schedule; give one every=\"H * * * *\", or let `assay up` ask them")
    for place in (folder, program):
        if any(not char.isprintable() for char in place):
            raise MisuseError(f"the path {place!r} has characters that no scheduler reads; move it")
    commands = {one.name: f"{shlex.quote(program)} run --source {shlex.quote(one.name)} {FINDINGS_ARE_FINE}" for one in plan.schedules}
    return "".join(f"{text}\n" for text in WRITERS[kind](line, plan, folder, commands))


def _cron(line: str, plan: Plan, folder: str, commands: Commands) -> Iterator[str]:
    yield f"# The line {line}, written by: assay line export --cron. Write it again when a schedule changes."
    yield from _remarks(plan)
    yield "# Other clocks than the machine's (CRON_TZ) are known to cronie, not to every cron."
    zone = ""
    for one in sorted(plan.schedules, key=lambda one: (one.zone, one.name)):
        if one.zone != zone:
            zone = one.zone
            yield f"CRON_TZ={zone}"
        command = f"cd {shlex.quote(folder)} && {{ {commands[one.name]}; }}"
        yield f"{one.resolved()} " + command.replace("%", "\\%")  # a bare % ends the command for cron


def _github(line: str, plan: Plan, folder: str, commands: Commands) -> Iterator[str]:
    _refuse(folder, ("${{",), "GitHub")
    for one in plan.schedules:
        if one.zone != "UTC":
            raise MisuseError(f"source {one.name!r} goes by the clock of {one.zone}, and GitHub's by UTC only; give it zone=\"UTC\", or use assay up")
    yield f"# The line {line}, written by: assay line export --github. Write it again when a schedule changes."
    yield "# A runner forgets its disk: ledger and store have to be elsewhere (PostgreSQL, s3://), their credentials are secrets of the repository."
    yield from _remarks(plan)
    yield f"name: {_quoted(f'assay {line}')}"
    yield '"on":'
    yield "  workflow_dispatch:"
    yield "  schedule:"
    for times in dict.fromkeys(one.resolved() for one in plan.schedules):
        yield f"    - cron: {_quoted(times)}"
    yield from ("permissions:", "  contents: read", "concurrency:", f"  group: {_quoted(f'assay-{line}')}", "  cancel-in-progress: false")
    yield from ("jobs:", "  run:", "    runs-on: ubuntu-latest", "    defaults:", "      run:", f"        working-directory: {_quoted(folder)}", "    steps:")
    yield from ("      - uses: actions/checkout@v4", "      - uses: actions/setup-python@v5", "        with:", '          python-version: "3.12"')
    yield from ("      - run: pip install assayline", '        working-directory: "."')
    for one in plan.schedules:
        yield f"      - name: {_quoted(one.name)}"
        yield "        if: " + _quoted(f"github.event_name != 'schedule' || github.event.schedule == '{one.resolved()}'")
        yield f"        run: {_quoted(commands[one.name])}"


def _airflow(line: str, plan: Plan, folder: str, commands: Commands) -> Iterator[str]:
    for place in (folder, *commands.values()):
        _refuse(place, ("{{", "{%", "{#"), "Airflow")
    yield _python_text(f"The line {line}, written by: assay line export --airflow. Write it again when a schedule changes.")
    yield from _remarks(plan)
    yield from (
        "", "import pendulum", "", "try:", "    from airflow.providers.standard.operators.bash import BashOperator", "    from airflow.sdk import DAG", "except ImportError:  # Airflow 2",
        "    from airflow import DAG", "    from airflow.operators.bash import BashOperator", "", f"FOLDER = {_python_text(folder)}", "SOURCES = [  # name, times, zone, command",
    )  # fmt: skip
    for one in plan.schedules:
        yield f"    ({', '.join(_python_text(text) for text in (one.name, one.resolved(), one.zone, commands[one.name]))}),"
    yield from ("]", "", "for source, times, zone, command in SOURCES:")
    yield f"    dag_id = {_python_text(f'assay_{line}_')} + source"
    yield "    with DAG(dag_id, schedule=times, start_date=pendulum.datetime(2026, 1, 1, tz=zone), catchup=False, max_active_runs=1) as globals()[dag_id]:"
    yield '        BashOperator(task_id="run", bash_command=command, cwd=FOLDER, append_env=True)'


WRITERS: Mapping[str, Callable[[str, Plan, str, Commands], Iterator[str]]] = {"cron": _cron, "github": _github, "airflow": _airflow}


def _remarks(plan: Plan) -> Iterator[str]:
    """What a scheduler of somebody else does not do."""
    if plan.polled:
        yield f"# Without a schedule, so not asked here: {', '.join(plan.polled)}. Give them every=, or let assay up ask them."
    closed = [one.name for one in plan.schedules if one.windows]
    if closed:
        yield f"# Windows are kept by assay up only, not here: {', '.join(closed)}."


def _refuse(path: str, signs: Sequence[str], whose: str) -> None:
    for one in signs:
        if one in path:
            raise MisuseError(f"the path {path!r} holds {one!r}, which means something to {whose}; move the project")


def _quoted(text: str) -> str:
    """A double-quoted scalar of YAML, which JSON's strings are."""
    return json.dumps(text)


def _python_text(text: str) -> str:
    """A text of Python in double quotes.

    >>> _python_text('a "b"')
    '"a \\\\"b\\\\""'
    """
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


__all__ = ["export"]
