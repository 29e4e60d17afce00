"""A complaint about some rows: "station = 3 and day = 2026-03-10". What these rows say is held against what the same keys said before."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assayline.diagnosis import Symptom
from assayline.diagnosis.symptom import METRIC
from assayline.errors import MisuseError

from ..project import Project
from .asked import Asked, Healthy, Seen
from .derivation import derivation_before, derivation_of
from .figures import LEAST_PAST, PAST, Moved, figures_of, moved_figures, onset
from .lots_in_time import Made, rows_of
from .metrics import Metric, checked, metric_of
from .selecting import as_read, columns_in, kind_of, parts_of, rows_where
from .symptom_words import figure, metric_sentence, named

DAY = "\0day"


def complaint(project: Project, asked: Asked, lots: Sequence[Made]) -> Seen | Healthy:
    """What is unusual about the rows somebody complains about.

    Raises:
        MisuseError: there are no such rows, or these keys have too little of a past.
    """
    with_rows = _with_rows(project, asked, lots)
    place, here = with_rows[-1]
    whole = as_read(rows_of(project, lots[place].lot))
    keys, times = _parts(asked.rows, whole)
    in_pieces = not times or rows_where(whole, keys).height == here.height
    past = _earlier_lots(project, lots[:place], lots[place], keys) if in_pieces else _earlier_days(whole, here, keys, times)
    if len(past) < LEAST_PAST:
        raise MisuseError(f"only {len(past)} earlier {'lots' if in_pieces else 'days'} of {asked.flow!r} have rows with {keys or 'them'}; it takes {LEAST_PAST} to say what is usual")
    moved = _moved(asked, past, here)
    if moved is None:
        return Healthy(asked.flow, f"The rows {asked.rows} of `{asked.flow}` (lot {lots[place].lot.lot}) are like their forerunners{_now(asked, here)}.", asked.metric)
    return _seen(project, asked, lots, with_rows, past, moved)


def _with_rows(project: Project, asked: Asked, lots: Sequence[Made]) -> list[tuple[int, pl.DataFrame]]:
    """The lots that hold such rows, by their place in time, with these rows; from the newest back, without a gap of more than a pass over the line."""
    found = []
    for place, one in enumerate(lots):
        rows = rows_where(as_read(rows_of(project, one.lot)), asked.rows)
        if rows.height:
            found.append((place, rows))
    if not found:
        raise MisuseError(f"no row of the last {len(lots)} lots of {asked.flow!r} meets {asked.rows!r}; look at them with: assay read {asked.flow}")
    return found


def _parts(condition: str, frame: pl.DataFrame) -> tuple[str, list[str]]:
    """What a condition says of keys, which stays the same from lot to lot; and the columns of time that it names."""
    kinds = {name: kind_of(dtype) for name, dtype in frame.schema.items()}
    parts = [(part, columns_in(part, kinds)) for part in parts_of(condition)]
    of_time = [part for part, names in parts if names and all(kinds[name] == "time" for name in names)]
    times = [name for part, names in parts if part in of_time for name in names]
    return " and ".join(part for part, _ in parts if part not in of_time), times


def _earlier_lots(project: Project, before: Sequence[Made], bad: Made, keys: str) -> list[pl.DataFrame]:
    """The rows with the same keys in the lots before; not those of earlier results of the same place, which are the same rows."""
    own = bad.run.place if bad.run is not None else ""
    others = [one for one in before if not own or one.run is None or one.run.place != own]
    found = [rows_where(as_read(rows_of(project, one.lot)), keys) for one in others]
    return [rows for rows in found if rows.height][-PAST:]


def _earlier_days(whole: pl.DataFrame, here: pl.DataFrame, keys: str, times: Sequence[str]) -> list[pl.DataFrame]:
    """The rows with the same keys on each earlier day of the same table."""
    time = times[0]
    earlier = rows_where(whole, keys).filter(pl.col(time) < here[time].min()).sort(time)
    days = earlier.with_columns(pl.col(time).dt.date().alias(DAY)).partition_by(DAY, maintain_order=True)
    return [one.drop(DAY) for one in days][-PAST:]


def _moved(asked: Asked, past: Sequence[pl.DataFrame], here: pl.DataFrame) -> Moved | None:
    if asked.metric:
        metric = metric_of(asked.metric)
        checked(metric, here)
        found = onset([metric.of(one) for one in (*past, here)], tails=(1,))
        return None if found is None else Moved(metric.text, found.first, found.low, found.high, found.distance)
    return next(iter(moved_figures([figures_of(one) for one in (*past, here)], tails=(1,))), None)


def _now(asked: Asked, here: pl.DataFrame) -> str:
    if not asked.metric:
        return ""
    metric = metric_of(asked.metric)
    return f": {named(metric)} {figure(metric.of(here), metric.function)}"


def _seen(project: Project, asked: Asked, lots: Sequence[Made], with_rows: Sequence[tuple[int, pl.DataFrame]], past: Sequence[pl.DataFrame], moved: Moved) -> Seen:
    asked_for = metric_of(moved.name)
    values = [(place, asked_for.of(rows)) for place, rows in with_rows]
    at = len(values) - 1
    while at and not _well(values[at - 1][1], moved):
        at -= 1
    first, now = values[at]
    bad = lots[first].lot
    same = next((lots[place].lot for place, value in reversed(values[:at]) if _well(value, moved)), None)
    good = same or next((one.lot for one in reversed(lots[:first]) if "released" in one.lot.objects), None)
    before = [asked_for.of(one) for one in past]
    usual = sorted(one for one in before if one is not None)
    where = f"({asked.rows}) and {asked_for.where}" if asked_for.where else asked.rows
    metric = Metric(asked_for.function, asked_for.columns, asked_for.condition, where)
    middle = usual[len(usual) // 2]
    sentence = metric_sentence(asked.flow, metric, middle, now, lots[first].at)
    symptom = Symptom(METRIC, asked.flow, metric.text, sentence, middle, now, moved.low, moved.high, metric.columns, where, lots[first].at)
    history = [{"lot": lots[place].lot.lot, "at": lots[place].at, "value": value} for place, value in values]
    with project.ledger.read() as connection:
        now_it = derivation_of(connection, bad.lot)
        return Seen(symptom, now_it, derivation_before(connection, good.lot, now_it) if good is not None else None, history)


def _well(value: float | None, moved: Moved) -> bool:
    return value is not None and moved.low <= value <= moved.high
