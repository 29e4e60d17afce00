"""What is wrong with a flow, if anything is: the first of a list of questions that finds something.

A run that failed; a finding of the gate on the newest lots; nothing new although there is news upstream; errors of predictions whose truth is known by now; figures that moved.
A figure or rows that somebody names come before all of these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.diagnosis import Symptom
from assayline.diagnosis.ranges import bounds
from assayline.diagnosis.symptom import FAILURE, FINDING, METRIC
from assayline.errors import MisuseError
from assayline.ledger import records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord
from assayline.ledger.schema import INCIDENTS

from ..definition import Line
from ..incidents import WARN
from ..project import Project
from .asked import Asked, Healthy, Seen
from .complaints import complaint
from .derivation import derivation_before, derivation_of, derivation_of_run
from .figures import FAMILY, LEAST_PAST, PAST, TAILS, Moved, changed_alike, changed_pairs, figures_of, moved_figures, onset
from .lots_in_time import Made, lots_in_time, rows_of, series_of_remade
from .measuring import JUST_BELOW, severity
from .metrics import Metric, checked, metric_of
from .symptom_words import cause_of, failure_sentence, figure, finding_sentence, metric_sentence, named
from .truth import Truth, truth_of

FAILED = ("failed", "stopped")
# What a flow hears of its own arrival, not of its rows: nothing a replay could show.
OF_ARRIVAL = frozenset({"missing_day", "late_arrival", "duplicate_lot", "stale_copy"})
NAMED = 0.05  # promised share of healthy lots of which something is said, where somebody names the figure: whoever does has seen something, and the search decides
RISES = ("mae", "rmse", "error_rate", "share_missing")  # figures of which only more is worse


def symptom_of(project: Project, line: Line, file: str, asked: Asked) -> Seen | Healthy:
    """What is wrong, and since when.

    Args:
        project: where.
        line: of the project.
        file: it was loaded from.
        asked: the question; about a flow or an incident.

    Returns:
        The symptom with the first bad and the last good state, or that nothing is wrong.

    Raises:
        MisuseError: there is no such flow, incident, lot, column or row, or too little is known.
    """
    if asked.incident is not None:
        return _incident(project, asked.incident)
    with project.ledger.read() as connection:
        _check_flow(connection, line, asked.flow)
        lots = _until(lots_in_time(connection, asked.flow), asked)
    if asked.rows:
        return complaint(project, asked, lots)
    if asked.metric:
        return _metric(project, line, asked, lots, metric_of(asked.metric))
    truth = truth_of(project, line, asked.flow)
    for question in (_failed, _finding, _silent, _matured, _moved):
        seen = question(project, line, asked, lots, truth)
        if seen is not None:
            return seen
    return _fine(asked, lots)


def _check_flow(connection: Connection, line: Line, flow: str) -> None:
    if records.flow_of(connection, flow) is None and not run_records.runs(connection, step=flow, most=1):
        known = ", ".join(one.name for one in records.flows(connection)) or "none yet"
        hint = "it is in the line and was never run; run: assay run" if flow in {**line.sources, **line.steps, **line.models, **line.scores} else f"flows: {known}"
        raise MisuseError(f"there is nothing known of a flow {flow!r}; {hint}")


def _until(lots: list[Made], asked: Asked) -> list[Made]:
    """The lots up to the one that is named."""
    if asked.lot is None:
        return lots
    place = next((number for number, one in enumerate(lots) if one.lot.lot == asked.lot), None)
    if place is None:
        raise MisuseError(f"lot {asked.lot} is none of the last {len(lots)} lots of {asked.flow!r} that hold rows; see: assay lots {asked.flow}")
    return lots[: place + 1]


def tails_of(lots: Sequence[Made], asked: Asked) -> tuple[int, ...]:
    """How many of the newest lots may be the bad ones: as somebody says, or some few, or all since results were made again."""
    if asked.lot is not None:
        return (1,)
    if asked.since:
        return (sum(one.at >= asked.since for one in lots),)
    again = series_of_remade(lots)
    return (*TAILS, *([again] if again else []))


def last_good(lots: Sequence[Made], first: int, well: Callable[[LotRecord], bool]) -> LotRecord | None:
    """The lot to hold the first bad one against: the earlier result of the same place, where that was well; else the last one that was."""
    before = lots[first].before
    if lots[first].remade and before is not None and well(before):
        return before
    released = [one.lot for one in lots[:first] if "released" in one.lot.objects]
    return next((lot for lot in reversed(released) if well(lot)), None)


def standing_for(lots: Sequence[Made], first: int, well: Callable[[LotRecord], bool]) -> int:
    """The newest result of the place of a bad lot that the same code made, where it is bad too; else the lot itself.

    What came late or was held until then made it no better: so it is not that it was missing, and the result that lacks it would only hide what it brought.
    """
    run = lots[first].run
    if run is None or not run.place:
        return first
    same = [number for number, one in enumerate(lots) if number > first and one.run is not None and one.run.place == run.place]
    last = lots[same[-1]] if same else lots[first]
    assert last.run is not None
    unchanged = (last.run.code, last.run.parameters, last.run.environment) == (run.code, run.parameters, run.environment)
    return same[-1] if same and unchanged and not well(last.lot) else first


def seen_between(project: Project, symptom: Symptom, good: LotRecord | None, bad: LotRecord, **more: Any) -> Seen:
    """A symptom with both derivations."""
    with project.ledger.read() as connection:
        now = derivation_of(connection, bad.lot)
        return Seen(symptom, now, derivation_before(connection, good.lot, now) if good is not None else None, **more)


# A run that failed ------------------------------------------------------------------------------------------------------------------------------------------------


def _failed(project: Project, line: Line, asked: Asked, lots: Sequence[Made], truth: Truth | None) -> Seen | None:
    if asked.lot is not None:
        return None
    with project.ledger.read() as connection:
        return failure_of(connection, asked.flow, asked.since)


def failure_of(connection: Connection, step: str, since: str = "", *, asked: str = "") -> Seen | None:
    """The failure of a step whose newest run failed; None where it did not, or began before `since`."""
    runs = _up_to_failure(run_records.runs(connection, step=step, most=60))
    if not runs:
        return None
    first = len(runs) - 1
    while first and runs[first - 1].state in FAILED and _last(runs[first - 1]) == _last(runs[-1]):
        first -= 1
    failed = runs[first]
    if since and failed.at < since:
        return None
    done = [one for one in runs[:first] if one.output is not None and one.state == "done"]
    good = next((one for one in reversed(done) if one.place == failed.place), done[-1] if done else None)
    sentence = failure_sentence(step, failed.error, failed.at)
    symptom = Symptom(FAILURE, step, _last(failed).partition(":")[0], sentence, 0.0, 1.0, -math.inf, 0.5, since=failed.at)
    history = [{"lot": one.output, "at": one.at, "value": float(one.state in FAILED)} for one in runs]
    now = derivation_of_run(connection, failed)
    before = derivation_before(connection, good.output, now) if good is not None and good.output is not None else None
    return Seen(symptom, now, before, history, asked)


def _up_to_failure(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs up to the newest failure that stands: no later run of its place was better, and the code is still that; none where none stands."""
    newest = {one.place: number for number, one in enumerate(runs)}
    standing = [number for number in newest.values() if runs[number].state in FAILED and runs[number].code == runs[-1].code]
    return list(runs[: max(standing) + 1]) if standing else []


def _last(run: RunRecord) -> str:
    return cause_of(run.error)


# A finding of the gate --------------------------------------------------------------------------------------------------------------------------------------------


def _finding(project: Project, line: Line, asked: Asked, lots: Sequence[Made], truth: Truth | None) -> Seen | None:
    return finding_of(project, lots, asked)


def finding_of(project: Project, lots: Sequence[Made], asked: Asked, *, elsewhere: str = "", lead: str = "") -> Seen | None:
    """The worst finding of the gate on the newest lot that has not been there from the first lot on."""
    if not lots or (asked.since and lots[-1].at < asked.since):
        return None
    worst = sorted((one for one in lots[-1].lot.findings if one["severity"] >= WARN and one["code"] not in OF_ARRIVAL), key=lambda one: -one["severity"])
    for finding in worst:
        seen = _followed_back(project, lots, finding, asked, elsewhere, lead)
        if seen is not None:
            return seen
    return None


def _followed_back(project: Project, lots: Sequence[Made], finding: Mapping[str, Any], asked: Asked, elsewhere: str, lead: str) -> Seen | None:
    first = len(lots) - 1
    while first and severity_in(lots[first - 1].lot, finding) >= WARN and asked.lot is None:
        first -= 1
    since = next((number for number, one in enumerate(lots) if one.at >= asked.since), first) if asked.since else first
    first = max(first, since)

    def well(lot: LotRecord) -> bool:
        return severity_in(lot, finding) < WARN

    good = last_good(lots, first, well)
    if first == 0 and good is None and len(lots) > 1:
        return None  # so it has been from the first lot on: nothing that began
    bad, since_then = lots[standing_for(lots, first, well)].lot, lots[first].at
    sentence = lead + finding_sentence(bad.flow, bad.lot, finding["sentence"], since_then)
    history = [{"lot": one.lot.lot, "at": one.at, "value": severity_in(one.lot, finding)} for one in lots]
    before = severity_in(good, finding) if good is not None else None
    where = finding.get("where") or ""
    symptom = Symptom(FINDING, bad.flow, finding["code"], sentence, before, severity_in(bad, finding), -math.inf, JUST_BELOW, tuple(finding["columns"]), where, since_then)
    return seen_between(project, symptom, good, bad, history=history, asked=elsewhere, finding=dict(finding))


def severity_in(lot: LotRecord, finding: Mapping[str, Any]) -> float:
    """How bad a lot is in the way of a finding: 0 without it."""
    return severity(finding["code"], finding["columns"], lot.findings)


def _incident(project: Project, number: int) -> Seen | Healthy:
    with project.ledger.read() as connection:
        row = connection.execute(sa.select(INCIDENTS).where(INCIDENTS.c.incident == number)).first()
        if row is None:
            raise MisuseError(f"there is no incident {number}; see: assay flow FLOW")
        lots = lots_in_time(connection, row.flow)
    wanted = {"code": row.code, "columns": json.loads(row.columns), "sentence": row.sentence}
    places = [place for place, one in enumerate(lots) if int(row.first) <= one.lot.place <= int(row.last) and severity_in(one.lot, wanted) >= WARN]
    if not places:
        raise MisuseError(f"the lots of incident {number} are older than the last {len(lots)} of {row.flow!r}, or hold no rows; ask about the flow: assay why {row.flow}")
    shown = lots[: places[-1] + 1]
    found = next(one for one in shown[-1].lot.findings if one["code"] == row.code and list(one["columns"]) == wanted["columns"])
    seen = _followed_back(project, shown, found, Asked(row.flow), "", "")
    if seen is None:
        raise MisuseError(f"incident {number} of {row.flow!r} has been there from the first lot on: there is no good state to hold it against")
    return seen


# Nothing new ------------------------------------------------------------------------------------------------------------------------------------------------------


def _silent(project: Project, line: Line, asked: Asked, lots: Sequence[Made], truth: Truth | None) -> Seen | None:
    """What stops the flow upstream, while it has nothing new itself."""
    if asked.lot is not None:
        return None
    newest = lots[-1].lot.lot if lots else 0
    for flow in upstream(line, asked.flow):
        with project.ledger.read() as connection:
            failure = failure_of(connection, flow, asked.since, asked=asked.flow)
            above = lots_in_time(connection, flow)
        if failure is not None:  # its newest run failed: whatever was made after it lacks what it would have given
            return replace(failure, symptom=replace(failure.symptom, sentence=f"`{asked.flow}` has nothing new: {_lower(failure.symptom.sentence)}"))
        if above and above[-1].lot.state == "held" and above[-1].lot.lot > newest:
            lead = f"`{asked.flow}` has nothing new, since lot {above[-1].lot.lot} of `{flow}`, which it is made from, is held. "
            seen = finding_of(project, above, Asked(flow, since=asked.since), elsewhere=asked.flow, lead=lead)
            if seen is not None:
                return seen
    return None


def upstream(line: Line, flow: str) -> list[str]:
    """The flows that a flow is made from, nearest first."""
    inputs = {step.name: step.inputs for step in line.value().steps}
    found: dict[str, None] = {}
    level = [flow]
    while level:
        level = [name for one in level for name in inputs.get(one, ()) if name not in found and name != flow]
        found.update(dict.fromkeys(level))
    return list(found)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


# Figures ----------------------------------------------------------------------------------------------------------------------------------------------------------


def _matured(project: Project, line: Line, asked: Asked, lots: Sequence[Made], truth: Truth | None) -> Seen | None:
    if truth is None or not lots:
        return None
    known = [one for one in lots if truth.metric(rows_of(project, one.lot)) is not None]
    if not known:
        return None
    metric = truth.metric(rows_of(project, known[-1].lot))
    assert metric is not None
    return _seen_metric(project, asked, known, metric, truth, relative=0.05)


def _metric(project: Project, line: Line, asked: Asked, lots: Sequence[Made], metric: Metric) -> Seen | Healthy:
    truth = truth_of(project, line, asked.flow)
    if not lots:
        raise MisuseError(f"{asked.flow!r} has no lot with rows yet; there is nothing to measure")
    newest = rows_of(project, lots[-1].lot)
    now = checked(metric, truth.beside(newest) if truth is not None else newest)
    seen = _seen_metric(project, asked, lots, metric, truth, relative=0.02, error=NAMED)
    seen = seen or _changed_metric(project, asked, lots, metric, truth)
    if seen is not None:
        return _failed_above(project, line, asked, seen) or seen
    values = [_value(project, one.lot, metric, truth) for one in lots]
    history = [{"lot": one.lot.lot, "at": one.at, "value": value} for one, value in zip(lots, values, strict=True)]
    past = [one for one in values[:-1] if one is not None][-PAST:]
    if len(past) < LEAST_PAST:
        raise MisuseError(f"{metric.text} is {figure(now, metric.function)}, and only {len(past)} earlier lots of {asked.flow!r} have it; it takes {LEAST_PAST} to say what is usual")
    low, high = bounds(past)
    usual = f"usual: {figure(low, metric.function)} to {figure(high, metric.function)}"
    return Healthy(asked.flow, f"The {named(metric)} of `{asked.flow}` is {figure(now, metric.function)}, as it was ({usual}).", metric.text, history)


def _failed_above(project: Project, line: Line, asked: Asked, seen: Seen) -> Seen | None:
    """The failure upstream since when a figure is what it is: what was made without the missing result says nothing of its own."""
    good = seen.good.lots[seen.good.lot].at if seen.good is not None and seen.good.lot is not None else ""
    for flow in upstream(line, asked.flow):
        with project.ledger.read() as connection:
            failure = failure_of(connection, flow, asked.since, asked=asked.flow)
        if failure is not None and failure.symptom.since > good:
            return replace(failure, symptom=replace(failure.symptom, sentence=f"{seen.symptom.sentence} It was made without the newest of `{flow}`: {_lower(failure.symptom.sentence)}"))
    return None


def _seen_metric(project: Project, asked: Asked, lots: Sequence[Made], metric: Metric, truth: Truth | None, *, relative: float, error: float = FAMILY) -> Seen | None:
    values = [_value(project, one.lot, metric, truth) for one in lots]
    moved = onset(values, error=error, tails=tails_of(lots, asked), relative=relative, one_sided=metric.function in RISES)
    if moved is None or is_back(lots, values, moved):
        return None
    return metric_seen(project, lots, values, metric, moved)


def _changed_metric(project: Project, asked: Asked, lots: Sequence[Made], metric: Metric, truth: Truth | None) -> Seen | None:
    """A figure that lies within what is usual, but is another one in most results that were made again from the same inputs: what made it is hidden by what days differ in."""
    values = [_value(project, one.lot, metric, truth) for one in lots]
    by_lot = {one.lot.lot: value for one, value in zip(lots, values, strict=True)}
    pairs = []
    for number, one in _made_again(lots, asked):
        before, now = by_lot.get(one.before.lot) if one.before is not None else None, values[number]
        if before is not None and now is not None:
            pairs.append((number, before, now))
    changed = changed_alike([(before, now) for _, before, now in pairs])
    if not changed or (metric.function in RISES and pairs[changed[-1]][2] < pairs[changed[-1]][1]):
        return None
    number, before, now = pairs[changed[-1]]
    reach = abs(now - before) / 4
    return metric_seen(project, lots, values, metric, Moved(metric.text, number, before - reach, before + reach, 1.0))


def _made_again(lots: Sequence[Made], asked: Asked) -> list[tuple[int, Made]]:
    """The results of the last time that earlier results were made again, with their numbers in the list."""
    first = len(lots) - series_of_remade(lots)
    return [(number, one) for number, one in enumerate(lots) if number >= first and one.remade and one.at >= asked.since and (asked.lot in (None, one.lot.lot))]


def is_back(lots: Sequence[Made], values: Sequence[float | None], moved: Moved) -> bool:
    """Whether a figure that moved when results were made again is what the same place had before the last change: then that change was put back."""
    newest, now = lots[-1], values[-1]
    if not newest.remade or newest.before is None or newest.run is None or now is None:
        return False
    same = [(one.lot.lot, value) for one, value in zip(lots[:-1], values[:-1], strict=True) if one.run is not None and one.run.place == newest.run.place and value is not None]
    before = next((value for lot, value in same if lot == newest.before.lot), None)
    return before is not None and any(abs(now - value) <= abs(now - before) / 4 for lot, value in same if lot != newest.before.lot)


def metric_seen(project: Project, lots: Sequence[Made], values: Sequence[float | None], metric: Metric, moved: Moved, *, notes: tuple[str, ...] = ()) -> Seen:
    """The symptom of a figure that moved from a lot on."""
    by_lot = {one.lot.lot: value for one, value in zip(lots, values, strict=True)}

    def well(lot: LotRecord) -> bool:
        value = by_lot.get(lot.lot)
        return value is not None and moved.low <= value <= moved.high

    bad = lots[standing_for(lots, moved.first, well)].lot
    good = last_good(lots, moved.first, well)
    before = by_lot.get(good.lot) if good is not None else None
    now, earlier = by_lot.get(bad.lot), lots[moved.first].before
    again = good is not None and earlier is not None and lots[moved.first].remade and earlier.lot == good.lot
    sentence = metric_sentence(bad.flow, metric, before, now, lots[moved.first].at, again=again)
    symptom = Symptom(METRIC, bad.flow, metric.text, sentence, before, now, moved.low, moved.high, metric.columns, metric.where, lots[moved.first].at)
    history = [{"lot": one.lot.lot, "at": one.at, "value": value} for one, value in zip(lots, values, strict=True)]
    return seen_between(project, symptom, good, bad, history=history, notes=notes)


def _value(project: Project, lot: LotRecord, metric: Metric, truth: Truth | None) -> float | None:
    frame = rows_of(project, lot)
    return metric.of(truth.beside(frame) if truth is not None else frame)


def _moved(project: Project, line: Line, asked: Asked, lots: Sequence[Made], truth: Truth | None) -> Seen | None:
    if not lots or (asked.since and lots[-1].at < asked.since):
        return None
    figures = [figures_of(rows_of(project, one.lot), one.lot.rows["taken"]) for one in lots]
    found = [one for one in moved_figures(figures, tails=tails_of(lots, asked)) if not is_back(lots, [each.get(one.name) for each in figures], one)]
    if found:
        return _seen_figure(project, lots, figures, found)
    return _changed(project, asked, lots, figures)


def _changed(project: Project, asked: Asked, lots: Sequence[Made], figures: Sequence[Mapping[str, float]]) -> Seen | None:
    """Results that were made again from the same inputs and are others."""
    tail = _made_again(lots, asked)
    by_lot = {one.lot.lot: of for one, of in zip(lots, figures, strict=True)}
    pairs = [(number, by_lot[one.before.lot], by_lot[one.lot.lot]) for number, one in tail if one.before is not None and one.before.lot in by_lot]
    for worst in (found := changed_pairs([(before, now) for _, before, now in pairs])):
        number, before, now = pairs[0]
        reach = abs(now[worst.name] - before[worst.name]) / 4
        moved = Moved(worst.name, number, before[worst.name] - reach, before[worst.name] + reach, worst.distance)
        values = [one.get(worst.name) for one in figures]
        if not is_back(lots[: pairs[-1][0] + 1], values[: pairs[-1][0] + 1], moved):
            return metric_seen(project, lots, values, metric_of(worst.name), moved, notes=_others(found))
    return None


def _seen_figure(project: Project, lots: Sequence[Made], figures: Sequence[Mapping[str, float]], found: Sequence[Moved]) -> Seen:
    worst = found[0]
    return metric_seen(project, lots, [one.get(worst.name) for one in figures], metric_of(worst.name), worst, notes=_others(found))


def _others(found: Sequence[Moved]) -> tuple[str, ...]:
    return (f"Also moved: {', '.join(one.name for one in found[1:6])}{' and more' if len(found) > 6 else ''}.",) if len(found) > 1 else ()


def _fine(asked: Asked, lots: Sequence[Made]) -> Healthy:
    if not lots:
        raise MisuseError(f"{asked.flow!r} has no lot with rows yet, and nothing that feeds it is held or failed; run: assay run")
    newest = lots[-1].lot
    history = [{"lot": one.lot.lot, "at": one.at, "value": float(one.lot.rows["taken"])} for one in lots]
    if len(lots) <= LEAST_PAST:
        return Healthy(asked.flow, f"Nothing is known to be wrong with `{asked.flow}`; with {len(lots)} lots, its figures cannot be held against a past yet.", "rows", history)
    which = f"lot {newest.lot} is like its forerunners" if asked.lot is not None else f"its newest lot ({newest.lot}) is like the {min(PAST, len(lots) - 1)} before it"
    return Healthy(asked.flow, f"Nothing is wrong with `{asked.flow}`: {which}, no run failed and no finding is open.", "rows", history)
