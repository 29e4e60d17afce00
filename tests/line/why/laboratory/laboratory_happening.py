"""Makes a case happen in a copy of its healthy history, and says what people then see."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from laboratory_case import Case
from laboratory_cases import LINES
from laboratory_changes import Day, Void
from laboratory_history import copied, deliver, history, run_and_release, site_of, visiting, written
from laboratory_line import HEALTHY, LabLine

from assayline.ledger import records
from assayline.line.project import Project

NOTED = "laboratory.json"


@dataclass(frozen=True)
class Happened:
    """A case after the day that is asked about.

    Args:
        folder: of the project.
        site: of the package that is installed then.
        packages: folder with all versions of the package.
        past: the figure of the healthy days.
        value: the figure of the day; None where there is no result.
        problems: what the line said of itself.
        held: lots that were held and released by a person.
    """

    folder: Path
    site: Path
    packages: Path
    past: tuple[float, ...]
    value: float | None
    problems: tuple[str, ...]
    held: tuple[int, ...]

    @property
    def moved(self) -> bool:
        """Whether somebody would ask: there is no result, or its figure lies beyond what usual days had by as much as these differ, and beyond the first day."""
        usual = self.past[1:]  # on the first day nothing is known of the days before
        width = max(usual) - min(usual)
        low, high = min(*self.past, min(usual) - width), max(*self.past, max(usual) + width)
        return self.value is None or not low <= self.value <= high


def happened(case: Case, cache: Path) -> Happened:
    """The state of a case; made where it is not kept from before.

    Raises:
        Void: it cannot happen.
    """
    line = LINES[case.line]
    healthy = history(line, case.seed, cache)
    place = cache / "happened" / (re.sub(r"\W+", "-", f"{case.line}-{case.seed}-{case.kind}") + "-" + hashlib.sha256(f"{healthy.name} {case.name}".encode()).hexdigest()[:12])
    noted = place / NOTED
    if not noted.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=place.parent))
        try:
            found = _made(case, line, healthy, cache, work)
            (work / NOTED).write_text(json.dumps(found))
            work.rename(place)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    told = json.loads(noted.read_text())
    if "void" in told:
        raise Void(told["void"])
    return Happened(
        place / "project", site_of(line, cache / "packages", told["package"]), cache / "packages", tuple(told["past"]), told["value"], tuple(told["problems"]), tuple(told["held"])
    )  # fmt: skip


def _made(case: Case, line: LabLine, healthy: Path, cache: Path, work: Path) -> dict[str, object]:
    with copied(healthy, work / "project") as project:
        day = Day(line, case.seed, work / "project")
        changes = (*case.changes, *case.besides)
        try:
            for change in changes:
                change.prepare(day)
            day.tables = {name: written(table) for name, table in line.deliver(case.seed, HEALTHY + 1, day.world).items()}
            for change in changes:
                change.happen(day)
        except Void as why:
            return {"void": str(why)}
        deliver(line, day.folder, HEALTHY + 1, day.tables)
        before = figures(project, line)
        known = _lots(project)
        if day.model and line.bring is not None:
            _sign(project, line, line.bring(str(work), case.seed)[day.model])
        with visiting(site_of(line, cache / "packages", day.package), work / "project"):
            ran, held = run_and_release(project)
        after = [value for lot, value in figures(project, line).items() if lot > known]
        # The day's own result is the newest; where other code made the earlier ones anew, those come before it.
        came = bool(after) and _rows_of_the_day(project, line, known)
        return {
            "package": day.package, "past": list(before.values()), "value": after[-1] if came else None, "problems": ran.problems, "held": held,
        }  # fmt: skip


def _rows_of_the_day(project: Project, line: LabLine, known: int) -> bool:
    """Whether a new place of the flow was made, and not only earlier ones anew."""
    with project.ledger.read() as connection:
        lots = records.lots(connection, line.asked, most=1000)
    return len({lot.lot for lot in lots if lot.lot > known and lot.state == "released"}) > 0 and len([lot for lot in lots if lot.state == "released"]) > HEALTHY


def _lots(project: Project) -> int:
    with project.ledger.read() as connection:
        return records.last_lot(connection)


def figures(project: Project, line: LabLine) -> dict[int, float]:
    """The figure that people look at for each released lot of the flow they look at, by lot."""
    with project.ledger.read() as connection:
        lots = records.lots(connection, line.asked, states=("released",), most=1000)
    found = {}
    for lot in lots:
        table = pl.read_parquet(project.store.path(lot.objects["released"]))
        value = table.select(measured(line.metric)).item() if table.height else None
        if value is not None:
            found[lot.lot] = float(value)
    return found


def measured(metric: str) -> pl.Expr:
    """The laboratory's own way to measure, so that it does not ask the product what the product should find."""
    name, _, inside = metric.rstrip(")").partition("(")
    one, _, other = (part.strip() for part in inside.partition(","))
    if name == "mean":
        return pl.col(one).mean()
    difference = pl.col(one).cast(pl.Float64, strict=False) - pl.col(other).cast(pl.Float64, strict=False)
    return difference.abs().mean() if name == "mae" else (difference != 0).mean()


def _sign(project: Project, line: LabLine, path: str) -> None:
    from assayline.line.models.showing import sign
    from assayline.line.models.trying import Trying

    with Trying(project, aspects=()) as trying, trying.batch():
        outcome = trying.take(path)
    assert outcome.lot is not None
    sign(project, f"{line.model}:v{outcome.lot.place}", author="ann", reason="it is the newest")
