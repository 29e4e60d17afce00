"""What a project has spent and may spend: prices and budgets from its settings, costs from its ledger."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.errors import MisuseError
from assayline.ledger import records, run_records
from assayline.ledger.schema import NOTICES

from .budget import Budget, Costs, Standing, StepLimits, check, learned_limits, worst
from .project import SETTINGS, Project

LEARNED_RUNS = 100


def price_per_cpu_hour(project: Project) -> float:
    """What an hour of one processor costs, from `[costs]`; 0 where nobody said.

    Raises:
        MisuseError: it is no number.
    """
    costs = project.settings.get("costs", {})
    price = costs.get("price_per_cpu_hour", 0.0) if isinstance(costs, Mapping) else costs
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
        raise MisuseError(f"{SETTINGS}: [costs] price_per_cpu_hour = {price!r}; give it a number, such as 0.05")
    return float(price)


def daily_budget(project: Project) -> Budget:
    """What the whole project may spend on a day of UTC, from `[budget]`."""
    given = project.settings.get("budget", {})
    return Budget.parse({name: value for name, value in given.items() if name != "flow"} if isinstance(given, Mapping) else given, f"{SETTINGS}: [budget]")


def flow_budget(project: Project, flow: str, said: Mapping[str, float] | None = None) -> Budget:
    """What one run of a step may spend: from the settings of its flow, else from `[budget.flow.NAME]`, else what the line says of it."""
    with project.ledger.read() as connection:
        known = records.flow_of(connection, flow)
    if known is not None and "budget" in known.settings:
        return Budget.parse(known.settings["budget"], f"the budget of {flow}")
    given = project.settings.get("budget", {})
    flows = given.get("flow", {}) if isinstance(given, Mapping) else {}
    if not isinstance(flows, Mapping) or flow in flows:
        return Budget.parse(flows[flow] if isinstance(flows, Mapping) else flows, f"{SETTINGS}: [budget.flow.{flow}]")
    return Budget.parse(said or {}, f"the budget of {flow} in the line")


def spent(connection: Connection, moment: datetime, *, step: str | None = None) -> Costs:
    """What the runs of this day of UTC have cost."""
    midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    costs = Costs()
    for run in run_records.runs(connection, step=step, since=midnight.isoformat()):
        costs += Costs.recorded(run.costs)
    return costs


def standing(project: Project, moment: datetime, running: Costs | None = None) -> Standing:
    """How the day stands to its budget, with what a run has cost that goes on."""
    with project.ledger.read() as connection:
        return check(spent(connection, moment) + (running or Costs()), daily_budget(project))


def standing_of(project: Project, flow: str, moment: datetime, running: Costs, said: Mapping[str, float] | None = None) -> Standing:
    """How a run stands to the budget of its flow and to that of the day: the nearer end counts."""
    return worst([check(running, flow_budget(project, flow, said)), standing(project, moment, running)])


def announce(project: Project, standing: Standing, moment: datetime, *, flow: str = "*") -> bool:
    """Writes down, and tells once a day, that a budget is nearly or wholly spent; says whether this was the first to notice.

    Args:
        project: where.
        standing: how costs and budget stand.
        moment: now.
        flow: whose budget; "*" for that of the whole project, of which the channels of all flows hear.
    """
    if standing.level == "ok":
        return False
    day = moment.astimezone(UTC).date().isoformat()
    identity = hashlib.sha256(f"budget {flow} {day} {standing.level} {standing.what}".encode()).hexdigest()
    whose = f"the budget of {flow}" if flow != "*" else "the budget of the day"
    words = "is spent: work stops until it is raised or the next day begins" if standing.level == "stop" else "is nearly spent"
    subject = f"{whose[:1].upper()}{whose[1:]} {words}."
    notice = {"id": identity, "flow": flow, "subject": subject, "lines": [standing.sentence], "verdict": "hold" if standing.level == "stop" else "warn"}
    with project.ledger.write() as writing:
        if writing.connection.execute(sa.select(NOTICES.c.notice).where(NOTICES.c.notice == identity)).first() is not None:
            return False
        writing.append("budget", {"flow": flow, "day": day, "level": standing.level, "sentence": standing.sentence, "notices": [notice]})
    return True


def limits_of(project: Project, flow: str, said: Mapping[str, float] | None = None) -> StepLimits:
    """When a run of this step is to be ended, from its earlier runs and its budget."""
    with project.ledger.read() as connection:
        past = run_records.runs(connection, step=flow, states=("done", "held"), most=LEARNED_RUNS)
    pauses = [float(run.costs["longest_pause_seconds"]) for run in past if "longest_pause_seconds" in run.costs]
    return learned_limits([Costs.recorded(run.costs) for run in past], pauses, flow_budget(project, flow, said))
