"""What labels say of batches, computed beside the models: which rows have one by now, and what each version lost on them.

Runs in a watched child, since the artefact says what a label means and what a wrong answer costs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline import trials
from assayline.artefacts import Bundle
from assayline.core import CHALLENGER, CHAMPION
from assayline.errors import MisuseError
from assayline.framing import Plan
from assayline.framing.labels import label as spelled
from assayline.rollout import Limits, Matured, Outcome, hard_harm, hard_margin

from ..models.trial_work import cost_of, opened
from ..typed_text import TIME, as_type

MATURED = "matured.json"
LEAST_ROWS = 20  # pairs of a batch; a part of the rows with fewer is not looked at by itself
MOST_PARTS = 50  # values of one column
UNIT, LABEL, MOMENT, CAME = "unit", "label", "moment", "came"

Floats = npt.NDArray[np.float64]


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Joins labels to the batches that wait for them.

    Args:
        request: `artefact` of the champion; `allowed`: digests of pickles that may be opened; `labels`: {"parts": [{"path", "renames", "at"}], "unit", "label", "time"}; `time`: the column of the
            rows that were scored; `segments`: columns; `limits` of the judge; `batches`: [{"scoring", "at", "both", "rows": {"path", "renames"} or None}]; `folder` to write to.
        tell: receives {"done", "total", "phase"}.

    Returns:
        `path` of what was found, `rows_in`, `rows_out`.

    Raises:
        InputError: the artefact cannot be read.
        MisuseError: a column is not there.
    """
    bundle = opened(request["artefact"], tuple(request.get("allowed") or ()))
    given = request["labels"]
    labels = _labels(bundle, given)
    found, rows = {}, 0
    for number, one in enumerate(request["batches"]):
        tell({"done": number, "total": len(request["batches"]), "phase": str(one["scoring"])})
        both = pl.read_parquet(one["both"]).sort("assay_row")
        scored = _rows(one["rows"])
        after = labels if given["time"] else labels.filter(pl.col(CAME) > one["at"])  # what was known before the batch was scored is not what became of it
        truth = joined(both[UNIT], _moments(scored, request["time"]) if given["time"] else None, after)
        values, known = _truth(bundle, truth)
        parts = {name: scored[name] for name in request["segments"] if scored is not None and name in scored.columns}
        matured, outcomes = weighed(bundle, both, values, known, parts, Limits.from_json(request["limits"]))
        found[str(one["scoring"])] = {"matured": [asdict(said) for said in matured], "outcomes": [asdict(said) for said in outcomes]}
        rows += int(known.sum())
    path = os.path.join(request["folder"], MATURED)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(found, out, ensure_ascii=True)
    return {"path": path, "rows_in": labels.height, "rows_out": rows}


def _labels(bundle: Bundle, given: Mapping[str, Any]) -> pl.DataFrame:
    """All labels, in the order in which they came."""
    wanted = {UNIT: given["unit"], LABEL: given["label"] or bundle.target, **({MOMENT: given["time"]} if given["time"] else {})}
    parts = []
    for part in given["parts"]:
        frame = _renamed(part)
        missing = [name for name in wanted.values() if name not in frame.columns]
        if missing:
            raise MisuseError(f"the labels have no column {missing[0]!r}; they have {', '.join(frame.columns[:30])}; name others: --labels flow:NAME?unit=COLUMN&label=COLUMN")
        columns = [texts(frame[wanted[UNIT]]).alias(UNIT), frame[wanted[LABEL]].alias(LABEL), pl.Series(CAME, [part["at"]] * frame.height, dtype=pl.String)]
        moments = _moments(frame, given["time"])
        parts.append(pl.DataFrame([*columns, *([moments.alias(MOMENT)] if moments is not None else [])]))
    return pl.concat(parts, how="vertical_relaxed") if parts else pl.DataFrame(schema={UNIT: pl.String, LABEL: pl.String, CAME: pl.String})


def _renamed(part: Mapping[str, Any]) -> pl.DataFrame:
    frame = pl.read_parquet(part["path"])
    return frame.rename({new: old for new, old in part["renames"].items() if new in frame.columns})


def _rows(part: Mapping[str, Any] | None) -> pl.DataFrame | None:
    return None if part is None else _renamed(part)


def _moments(frame: pl.DataFrame | None, column: str) -> pl.Series | None:
    if frame is None or not column:
        return None
    if column not in frame.columns:
        raise MisuseError(f"the rows that were scored have no column {column!r} by which labels could be told apart; they have {', '.join(frame.columns[:30])}")
    series = frame[column]
    return frame.select(as_type(pl.col(column), TIME))[column] if series.dtype == pl.String else series.cast(TIME)


def texts(series: pl.Series) -> pl.Series:
    """Units as text, alike whether they stood as text, as whole numbers or as numbers with a point.

    >>> texts(pl.Series([1.0, 2.0])).to_list(), texts(pl.Series([1, 2])).to_list()
    (['1', '2'], ['1', '2'])
    """
    if series.dtype.is_float() and ((series.drop_nulls() % 1) == 0).all():
        series = series.cast(pl.Int64)
    return series.cast(pl.String)


def joined(units: pl.Series, moments: pl.Series | None, labels: pl.DataFrame) -> pl.Series:
    """The label of each row, null where none came yet: that of its unit (at its moment), the first that came.

    >>> labels = pl.DataFrame({"unit": ["b", "a", "a"], "label": ["no", "yes", "no"], "came": ["1", "1", "2"]})
    >>> joined(pl.Series(["a", "b", "c"]), None, labels).to_list()
    ['yes', 'no', None]
    """
    by = [UNIT] if moments is None else [UNIT, MOMENT]
    rows = pl.DataFrame([texts(units).alias(UNIT), *([moments.alias(MOMENT)] if moments is not None else [])])
    first = labels.filter(pl.col(LABEL).is_not_null()).unique(by, keep="first", maintain_order=True)
    return rows.join(first, on=by, how="left", maintain_order="left")[LABEL]


def _truth(bundle: Bundle, labels: pl.Series) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Class index or number of each label, and which rows have one."""
    if isinstance(bundle.plan, Plan):
        values = np.asarray(bundle.plan.own_target(labels.alias(bundle.target)), dtype=np.float64)
        return values, ~np.isnan(values)
    values, known = bundle.plan.target(pl.DataFrame([labels.alias(bundle.target)]))
    return np.asarray(values, dtype=np.float64), np.asarray(known, dtype=np.bool_)


def weighed(
    bundle: Bundle, both: pl.DataFrame, truth: Floats, known: npt.NDArray[np.bool_], parts: Mapping[str, pl.Series], limits: Limits
) -> tuple[list[Matured], list[Outcome]]:
    """What each version lost: on the rows both answered, over all and by the values of some columns; and what came of each arm.

    Args:
        bundle: says what a wrong answer costs.
        both: what each version said, row by row.
        truth: class index or number of each row.
        known: which rows have a label.
        parts: columns of the same rows.
        limits: how much more may be lost.
    """
    cost = cost_of(bundle)
    unit = f"{cost.unit} per row" if cost is not None else "units of the target" if bundle.task == "regression" else "error"
    bound = float(np.ptp(cost.costs)) if isinstance(cost, trials.CostMatrix) else 1.0 if bundle.task != "regression" else 0.0
    losses = {name: _losses(bundle, cost, both, name, truth, known) for name in (CHAMPION, CHALLENGER)}
    asked = both["challenger"].is_not_null().to_numpy() & both["champion"].is_not_null().to_numpy()
    pairs = np.isfinite(losses[CHAMPION]) & np.isfinite(losses[CHALLENGER]) & asked

    def said(segment: str, rows: npt.NDArray[np.bool_]) -> Matured:
        chosen = pairs & rows
        apart = losses[CHALLENGER][chosen] - losses[CHAMPION][chosen]
        mean = [float(one.mean()) if len(one) else 0.0 for one in (apart, losses[CHAMPION][chosen], losses[CHALLENGER][chosen])]
        sd = float(apart.std(ddof=1)) if len(apart) > 1 else 0.0
        margin = limits.margin if limits.margin is not None else limits.margin_relative * abs(mean[1])
        log_e = hard_harm(apart, hard_margin(margin, sd, limits), bound)
        return Matured(segment, len(apart), int((asked & rows).sum()), mean[0], sd, mean[1], mean[2], unit, bound, log_e)

    matured = [said("", np.ones(both.height, dtype=np.bool_))]
    matured += [said(f"{name}={value}", rows) for name, series in parts.items() for value, rows in _values(series) if (asked & rows).sum() >= LEAST_ROWS]
    return matured, list(_outcomes(both, losses, "money" if cost is not None else "loss"))


def _losses(bundle: Bundle, cost: trials.Cost | None, both: pl.DataFrame, who: str, truth: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """What a version lost on each row; NaN where there is no label or no answer."""
    found = np.full(both.height, np.nan)
    scores = both[who].to_numpy().astype(np.float64)
    if bundle.task == "regression":
        usable = known & np.isfinite(scores)
        scored = trials.Scored("labels", who, bundle.task, (), truth[usable], scores[usable])
    else:
        codes = {spelled(name): number for number, name in enumerate(bundle.classes)}
        decided = np.array([codes.get(spelled(value), -1) for value in both[f"{who}_prediction"].to_list()], dtype=np.int64)
        usable = known & (decided >= 0)
        certain = np.zeros((int(usable.sum()), len(bundle.classes)))
        certain[np.arange(len(certain)), decided[usable]] = 1.0
        scored = trials.Scored("labels", who, bundle.task, bundle.classes, truth[usable], certain, decisions=decided[usable])
    found[usable] = trials.losses(scored, cost) if usable.any() else 0.0
    return found


def _values(series: pl.Series) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    column = texts(series)
    common: Sequence[Any] = column.drop_nulls().value_counts(sort=True).head(MOST_PARTS)[column.name].to_list()
    for value in sorted(common):
        yield str(value), (column == value).fill_null(value=False).to_numpy()


def _outcomes(both: pl.DataFrame, losses: Mapping[str, Floats], measure: str) -> Iterator[Outcome]:
    """What the published answers of each arm cost, summed over units, so that batches add up."""
    arms = both["arm"]
    for arm in arms.unique(maintain_order=True).to_list():
        mine = (arms == arm).to_numpy()
        lost = losses[CHALLENGER if arm == CHALLENGER else CHAMPION]
        known = mine & np.isfinite(lost)
        yield Outcome(str(arm), measure, int(known.sum()), int(mine.sum()), float(lost[known].sum()), float((lost[known] ** 2).sum()), more_is_better=False)
