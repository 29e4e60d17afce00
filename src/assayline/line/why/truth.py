"""What became of predictions: labels that came later, beside the rows they are about."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from assayline.errors import MisuseError
from assayline.ledger import intact, records, rollout_records, run_records

from ..definition import Line
from ..delivery.terms import Labels, Terms
from ..project import Project
from ..reading import known_names
from .metrics import Metric
from .selecting import as_read

LEAST_KNOWN = 0.5  # share of the rows of a lot whose truth has to be known before the lot says how good the predictions were
PREDICTION = "prediction"
_UNIT, _TIME = "\0unit", "\0time"


@dataclass(frozen=True)
class Truth:
    """The labels of a flow of predictions.

    Args:
        frame: unit (text), moment where labels have one, label; one row for each unit (and moment): the first that came.
        unit: column of the predictions that names the unit.
        time: column that both have, or "".
        label: what it is called.
    """

    frame: pl.DataFrame
    unit: str
    time: str
    label: str

    def beside(self, predictions: pl.DataFrame) -> pl.DataFrame:
        """Predictions with their labels; rows without one have null there."""
        if self.label in predictions.columns or self.unit not in predictions.columns or (self.time and self.time not in predictions.columns):
            return predictions
        keys = [_unit(predictions[self.unit]).alias(_UNIT), *([as_read(predictions.select(self.time))[self.time].cast(pl.Datetime("us")).alias(_TIME)] if self.time else [])]
        wide = predictions.with_columns(keys)
        on = [_UNIT, *([_TIME] if self.time else [])]
        return wide.join(self.frame, on=on, how="left", maintain_order="left").drop(on)

    def metric(self, predictions: pl.DataFrame) -> Metric | None:
        """How good predictions were: the mean absolute error of numbers, the share of wrong answers else; None where too few labels are known."""
        known = self.beside(predictions)
        if self.label not in known.columns or not known.height or known[self.label].null_count() > (1 - LEAST_KNOWN) * known.height:
            return None
        numbers = known[self.label].dtype.is_float() and known[PREDICTION].dtype.is_numeric()
        return Metric("mae" if numbers else "error_rate", (PREDICTION, self.label))


def truth_of(project: Project, line: Line, flow: str) -> Truth | None:
    """The labels that are expected for a flow of predictions; None where it is none, or nobody said where they come from.

    Raises:
        MisuseError: the labels have not the columns that were agreed.
    """
    job = line.scores.get(flow)
    if job is None:
        return None
    with project.ledger.read() as connection:
        newest = next(iter(rollout_records.rollouts(connection, model=job.model, most=1)), None)
        labels = Terms.of(newest.settings).labels if newest is not None else None
        if newest is None or labels is None or records.flow_of(connection, labels.flow) is None:
            return None
        lots = records.lots_with(connection, [one.lot for one in run_records.standing(connection, labels.flow)])
    unit = str(newest.settings["unit"])
    target = labels.label or (str(line.models[job.model].asked["target"]) if job.model in line.models else "")
    if not lots or not target:
        return None
    frames = [known_names(pl.read_parquet(intact(project.store, lot.objects["released"])), lot) for lot in lots if "released" in lot.objects]
    return Truth(_labels(frames, labels, labels.unit or unit, target), job.unit or unit, labels.time, target)


def _labels(frames: list[pl.DataFrame], labels: Labels, unit: str, target: str) -> pl.DataFrame:
    parts = []
    for frame in frames:
        missing = [name for name in (unit, target, *([labels.time] if labels.time else [])) if name not in frame.columns]
        if missing:
            raise MisuseError(f"the labels in {labels.flow!r} have no column {missing[0]!r}; they have {', '.join(frame.columns[:30])}")
        read = as_read(frame, [target, *([labels.time] if labels.time else [])])
        kept = read[target].cast(pl.Float64) if read[target].dtype.is_numeric() else read[target].cast(pl.String)
        parts.append(pl.DataFrame([_unit(frame[unit]).alias(_UNIT), *([read[labels.time].cast(pl.Datetime("us")).alias(_TIME)] if labels.time else []), kept.alias(target)]))
    on = [_UNIT, *([_TIME] if labels.time else [])]
    return pl.concat(parts, how="vertical_relaxed").unique(on, keep="first", maintain_order=True)


def _unit(series: pl.Series) -> pl.Series:
    """Units as text, alike whether they stood as whole numbers or as numbers with a point."""
    if series.dtype.is_float() and ((series.drop_nulls() % 1) == 0).all():
        series = series.cast(pl.Int64)
    return series.cast(pl.String)
