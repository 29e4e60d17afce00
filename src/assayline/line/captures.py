"""Captures of environments as lots: each judged against the last released capture of its name, and kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from assayline.core import Finding, InputFacts, Report, Verdict
from assayline.environments import Difference, Environment, ProbeVerdict, Severity, compare, drifted, environment_from_json, settled
from assayline.errors import MisuseError, NotFound, Unreadable
from assayline.ledger import held, intact, records
from assayline.ledger.records import LotRecord

from .gating import Outcome, Worked, again, check_name, publish
from .project import Project

PREFIX = "env."
WEIGHTS = {Severity.NOTE: 0.2, Severity.WARN: 0.5, Severity.BLOCK: 0.9}  # against a past: below a warning, a warning, and what holds a lot
VERDICTS = {Severity.NOTE: Verdict.RELEASE, Severity.WARN: Verdict.WARN, Severity.BLOCK: Verdict.HOLD}
KIND = "environment"  # of the object in the store


def keep(
    project: Project, name: str, environment: Environment, shown: str, *, relevant: Iterable[str] | None = None, parses: bool | None = None, pickles: bool | None = None,
    verdict: ProbeVerdict | None = None,
) -> Outcome:  # fmt: skip
    """Take a capture as a lot of the flow `env.NAME`: held where a difference blocks, released with a warning where one warns.

    Its rows are the packages, so that `assay read` and targets give them like any table. The very same environment once more is recorded as a duplicate.

    Args:
        project: where.
        name: of what is captured, such as "prod".
        environment: the capture.
        shown: where it was captured, for people.
        relevant: as for `compare`.
        parses: as for `compare`.
        pickles: as for `compare`.
        verdict: of a probe that was run there; where results are the same, what could have changed them is a note.

    Raises:
        MisuseError: the name cannot be that of a flow.
    """
    flow = flow_of(name)
    project.store.sweep()
    with held(project.ledger, flow) as lease, project.store.staging() as folder:
        newest = _last(project, name, ())
        if newest is not None and newest.digest == environment.digest:  # one of before that came back is a change, and taken again
            return again(project, flow, newest, shown, lease)
        before = _last(project, name, ("released",))
        if before is None:
            differences = drifted(environment)
        else:
            names = (f"in lot {before.lot}", "now")
            differences = compare(_read(project, before), environment, relevant, parses=parses, pickles=pickles, names=names)
        if verdict is not None:
            differences = settled(differences, verdict)
        return publish(project, flow, _worked(environment, differences, shown, folder), lease, folder)


def flow_of(name: str) -> str:
    """The flow that captures of this name go to.

    >>> flow_of("prod"), flow_of("env.prod")
    ('env.prod', 'env.prod')
    """
    flow = name if name.startswith(PREFIX) else PREFIX + name
    check_name(flow)
    return flow


def _last(project: Project, name: str, states: Sequence[str]) -> LotRecord | None:
    with project.ledger.read() as connection:
        found = records.lots(connection, flow_of(name), states=states, most=1, newest_first=True)
    return found[0] if found else None


def named(project: Project | None, name: str) -> Environment:
    """The newest capture of a name that was not rejected, or one by the number of its lot or the path of its file.

    Raises:
        NotFound: there is none.
        Unreadable: the file is no capture.
    """
    if os.path.isfile(name):
        return from_file(name)
    if project is None:
        raise NotFound(name, "there is no such file, and no project to look for a capture in", next_step="name a file, or the project with --project")
    if name.isdigit():
        with project.ledger.read() as connection:
            lot = records.lot_of(connection, int(name))
        if KIND not in lot.objects:
            raise MisuseError(f"lot {lot.lot} of {lot.flow} is no capture of an environment")
        return _read(project, lot)
    found = _last(project, name, ("released", "held"))
    if found is None:
        with project.ledger.read() as connection:
            known = ", ".join(one.name.removeprefix(PREFIX) for one in records.flows(connection) if one.name.startswith(PREFIX)) or "none yet"
        raise NotFound(name, f"there is no capture of this name; captures: {known}", next_step=f"make one with: assay env capture {name}")
    return _read(project, found)


def from_file(path: str) -> Environment:
    """The capture in a file that `assay env capture --out` wrote.

    Raises:
        Unreadable: it is no capture.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return environment_from_json(json.load(file), path)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(path, f"this is no capture of an environment ({error})", next_step="make one with: assay env capture NAME --out FILE") from error


def golden_rows(path: str) -> pl.DataFrame:
    """The rows of a small CSV or Parquet file of one's own, for a probe.

    Raises:
        Unreadable: it is neither.
    """
    try:
        return pl.read_parquet(path) if path.endswith((".parquet", ".pq")) else pl.read_csv(path, try_parse_dates=True)
    except FileNotFoundError as error:
        raise NotFound(path, "there is no such file", next_step="name the file with the golden rows") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Unreadable(path, f"no rows can be read from it ({' '.join(str(error).split())[:200]})", next_step="write the golden rows as .csv or .parquet") from error


def _read(project: Project, lot: LotRecord) -> Environment:
    path = intact(project.store, lot.objects[KIND])
    with open(path, encoding="utf-8") as file:
        return environment_from_json(json.load(file), f"lot {lot.lot}")


def _worked(environment: Environment, differences: Sequence[Difference], shown: str, folder: str) -> Worked:
    worst = max((one.severity for one in differences), default=Severity.NOTE)
    verdict = VERDICTS[worst]
    state = "held" if verdict >= Verdict.HOLD else "released"
    facts = InputFacts(shown, environment.digest, len(environment.packages), len(PACKAGE_COLUMNS), format=KIND)
    report = Report(verdict, tuple(_finding(one) for one in differences), facts).as_json()
    files = {state: "packages.parquet", KIND: "environment.json", "report": "report.json"}
    _table(environment).write_parquet(os.path.join(folder, files[state]))
    for kind, document in ((KIND, environment.as_json()), ("report", report)):
        with open(os.path.join(folder, files[kind]), "w", encoding="utf-8") as out:
            json.dump(document, out, ensure_ascii=True)
    rows = dict.fromkeys(records.ROWS, 0) | {"taken": len(environment.packages), state: len(environment.packages)}
    return Worked(input=shown, digest=environment.digest, verdict=verdict, state=state, rows=rows, files=files, report=report, columns=list(PACKAGE_COLUMNS))


PACKAGE_COLUMNS = ("package", "version", "tag", "build", "record", "source", "installer")


def _table(environment: Environment) -> pl.DataFrame:
    rows = [(name, one.version, one.tag, one.build, one.record, one.source, one.installer) for name, one in environment.packages.items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(PACKAGE_COLUMNS, pl.String), orient="row")


def _finding(one: Difference) -> Finding:
    return Finding(
        "environment_changed", (one.name,), one.sentence, WEIGHTS[one.severity], layer="history", where=one.layer,
        evidence={"before": one.before, "now": one.now, "weight": str(one.severity)}, suggestion=one.next_step,
    )  # fmt: skip


def differences_document(first: str, second: str, differences: Iterable[Difference]) -> dict[str, Any]:
    """What `assay env diff --json` prints."""
    from assayline.environments.comparing import as_json

    told: list[Mapping[str, str]] = [as_json(one) for one in differences]
    return {"first": first, "second": second, "worst": told[0]["severity"] if told else None, "differences": told}
