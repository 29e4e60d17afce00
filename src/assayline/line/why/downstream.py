"""What of a line was made from the lots of a component."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.engine import Connection

from assayline.diagnosis import Component
from assayline.diagnosis.component import ARM, CODE, PACKAGE, PARAMETER
from assayline.ledger import records, run_records

from ..ancestry import AT_ONCE, lots_by_number
from ..definition import Line
from ..diagram import names_of
from ..models.versions import KIND as MODEL_KIND
from ..models.versions import label
from ..project import Project

MAKERS = (CODE, PARAMETER, PACKAGE, ARM)  # whose lots were made by them, and did not come with them
MOST_LOTS = 20_000  # that are followed
MOST_VERSIONS = 3  # of one model, the newest


def touches(project: Project, line: Line, origin: Component | Iterable[int]) -> list[str]:
    """What was made from some lots, all the way down.

    Args:
        project: where.
        line: says in which order its flows stand.
        origin: a component, or numbers of lots.

    Returns:
        Names of flows in the order of the line, other flows after them; of a model its versions ("churn:v8"). The flow of a source is none of them; what was made by code,
        a parameter, a package or a model that is accused is itself touched.
    """
    if isinstance(origin, Component):
        start = [int(lot) for name in ("lots", "later") for lot in origin.detail.get(name, ())]
        own = origin.kind in MAKERS
    else:
        start, own = [int(lot) for lot in origin], False
    with project.ledger.read() as connection:
        found = below(connection, start)
        lots = lots_by_number(connection, {*found, *(start if own else ())})
        flows = {lot.flow for lot in lots.values()}
        models = {flow for flow in flows if (known := records.flow_of(connection, flow)) is not None and known.kind == MODEL_KIND}
    order = [name for name in names_of(line.value()) if name in flows]
    named: list[str] = []
    for flow in [*order, *sorted(flows - set(order))]:
        if flow in models:
            named += [label(lot) for lot in sorted((one for one in lots.values() if one.flow == flow), key=lambda one: one.place)[-MOST_VERSIONS:]]
        else:
            named.append(flow)
    return named


def below(connection: Connection, lots: Sequence[int]) -> set[int]:
    """The lots that runs made from any of these lots, and from those, and so on; without these themselves."""
    found: set[int] = set()
    todo = sorted(set(lots))
    while todo and len(found) < MOST_LOTS:
        fresh: set[int] = set()
        for first in range(0, len(todo), AT_ONCE):
            fresh |= run_records.outputs_of(connection, todo[first : first + AT_ONCE])
        todo = sorted(fresh - found)
        found |= fresh
    return found - set(lots)
