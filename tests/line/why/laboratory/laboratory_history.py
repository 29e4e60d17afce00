"""Healthy histories: a project of a line with some days behind it, built once for a line and a seed, and copied for each case."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from laboratory_line import HEALTHY, NOTHING, LabLine
from laboratory_packages import text_of

from assayline.line.adjudicating import release_lot
from assayline.line.definition import load_line
from assayline.line.project import Project, create_project, open_project
from assayline.line.running import Ran, run_line

DIST = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def site_of(line: LabLine, folder: Path, version: str) -> Path:
    """The folder that holds one version of the package of a line, as an installation leaves it."""
    site = folder / f"{line.package}-{version}"
    if not site.exists():
        unfinished = site.with_suffix(".part")
        about = unfinished / f"{line.package}-{version}.dist-info"
        about.mkdir(parents=True)
        text = text_of(line, version)
        (unfinished / f"{line.package}.py").write_text(text)
        (about / "METADATA").write_text(DIST.format(name=line.package, version=version))
        digest = hashlib.sha256(text.encode()).hexdigest()
        (about / "RECORD").write_text(f"{line.package}.py,sha256={digest},{len(text)}\n{about.name}/METADATA,,\n{about.name}/RECORD,,\n")
        (about / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: laboratory\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        unfinished.rename(site)
    return site


@contextmanager
def visiting(site: Path, project: Path) -> Iterator[None]:
    """The interpreter as if it had been started for this project with this version of the package on its path; afterwards nothing of the project is loaded any more."""
    path, known, before = list(sys.path), set(sys.modules), os.environ.get("PYTHONPATH")
    sys.path.insert(0, str(site))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(site), *([before] if before else [])])
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - known:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith((str(project), str(site))):
                del sys.modules[name]
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def deliver(line: LabLine, folder: Path, day: int, tables: Mapping[str, pl.DataFrame]) -> None:
    """Lays what the sources deliver into the folder they are read from."""
    (folder / "incoming").mkdir(exist_ok=True)
    for source, table in tables.items():
        table.write_csv(folder / "incoming" / f"{source}-{day:03}.csv", datetime_format="%Y-%m-%d %H:%M:%S", date_format="%Y-%m-%d")


def written(table: pl.DataFrame) -> pl.DataFrame:
    """A table as the text that stands in its file."""
    return pl.read_csv(table.write_csv(datetime_format="%Y-%m-%d %H:%M:%S", date_format="%Y-%m-%d").encode(), infer_schema=False)


def run(project: Project) -> Ran:
    """One pass over the line of a project."""
    file = os.path.join(project.folder, "line.py")
    return run_line(project, load_line(file), file)


def run_and_release(project: Project) -> tuple[Ran, list[int]]:
    """The line, as often as it goes on; what the gate holds is released by a person who does not know better, so that it shows where people look."""
    released: list[int] = []
    first = ran = run(project)
    while True:
        held = [one.lot.lot for one in ran.lots if one.lot is not None and one.lot.state == "held"]
        if not held:
            return first, released
        for lot in held:
            release_lot(project, lot, author="night shift", reason="the customers wait")
        released += held
        ran = run(project)


def history(line: LabLine, seed: int, cache: Path, days: int = HEALTHY) -> Path:
    """The folder with a healthy history; made where it is missing."""
    made_by = ast.dump(ast.parse(Path(sys.modules[line.deliver.__module__].__file__ or "").read_text()))
    stamp = hashlib.sha256(json.dumps([line.name, dict(line.files), dict(line.versions), days, made_by]).encode())
    folder = cache / f"{line.name}-{seed}-{stamp.hexdigest()[:10]}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=cache))
    place = work / "project"
    with create_project(str(place)) as project:
        for name, text in line.files.items():
            (place / name).write_text(text)
        if line.bring is not None:
            _bring(project, line.bring(str(work), seed))
        with visiting(site_of(line, cache / "packages", "1.0"), place):
            for day in range(1, days + 1):
                deliver(line, place, day, line.deliver(seed, day, NOTHING))
                if day >= days - 1:  # the first ones are caught up with in one pass
                    _healthy(run_and_release(project)[0])
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
    return folder


def _healthy(ran: Ran) -> None:
    if ran.problems:
        raise RuntimeError(f"a healthy day has problems: {ran.problems}")


def _bring(project: Project, paths: Sequence[str]) -> None:
    from assayline.line.models.trying import Trying

    with Trying(project, aspects=()) as trying, trying.batch():
        trying.take(paths[0])


@contextmanager
def copied(history: Path, place: Path) -> Iterator[Project]:
    """A project of one's own with that history."""
    shutil.copytree(history / "project", place)
    with open_project(str(place)) as project:
        yield project
