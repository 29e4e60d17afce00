"""Published predictions put right after a way back: each batch stands once more, with what the champion said, and takes the place of the first one everywhere.

What is to be put right is read from the ledger: batches of a rollout that was taken back, whose published rows are still those of the challenger. So a repair that was
killed anywhere is simply done again, and a batch that was published while the rollout was taken back is found too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy.engine import Connection

from assayline.core import CHALLENGER, CHAMPION
from assayline.errors import Damaged, LedgerError
from assayline.judgement import Policy
from assayline.ledger import Writing, held, intact, records, rollout_records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord, ScoringRecord

from ..added import ADDED
from ..ahead import Judges
from ..gating import Arrival, gate_paths
from ..models.versions import label
from ..project import Project
from ..targets import push_all
from .moves import notice

BOTH = "both"  # of the objects of a scoring: what each version said, row by row
NO_ANSWER = "abstained: standby"
# The champion's answers are what would have been published without the rollout: no finding about them as a whole keeps the challenger's in place.
LETS_THROUGH = Policy(hold_at=2.0, most_split=1.0)
PUT_RIGHT = "repaired.parquet"

Told = Callable[[str, Mapping[str, Any]], None]
Recompute = Callable[[ScoringRecord, RolloutRecord, Sequence[int]], pl.DataFrame]


@dataclass(frozen=True)
class Pending:
    """A batch whose published rows are to be put right."""

    rollout: RolloutRecord
    scoring: ScoringRecord
    lot: LotRecord


@dataclass(frozen=True)
class Righted:
    """Predictions with the champion's answers in place of the challenger's.

    Args:
        frame: all rows of the batch, in their order.
        rows: numbers of those that are others now.
        units: how many units these are of.
        without: how many of them nobody has an answer for.
    """

    frame: pl.DataFrame
    rows: tuple[int, ...]
    units: int
    without: int


def pending(connection: Connection, model: str | None = None) -> list[Pending]:
    """What is still to be put right, oldest first; of one model, or of all."""
    found = []
    for rollout in rollout_records.rollouts(connection, model=model, states=("rolled_back",)):
        for scoring in scorings_of(connection, rollout):
            if scoring.lot and scoring.state in ("published", "held") and answered_by_challenger(scoring):
                lot = records.lot_of(connection, scoring.lot)
                if lot.state in ("released", "held"):  # else another lot stands there by now, or a person rejected it
                    found.append(Pending(rollout, scoring, lot))
    return found


def scorings_of(connection: Connection, rollout: RolloutRecord) -> list[ScoringRecord]:
    """The batches a rollout had a part in, and those its challenger scored alone when nobody watched any more."""
    mine = rollout_records.scorings(connection, rollout=rollout.rollout)
    moves = rollout_records.moves(connection, rollout.rollout)
    ended = next((one.number for one in moves if one.action == "finish"), None)
    if ended is None:
        return mine
    back = next((one.number for one in moves if one.action == "rollback"), ended)
    alone = [one for one in rollout_records.scorings(connection, model=rollout.model) if one.rollout is None and ended < one.scoring < back]
    return sorted([*mine, *alone], key=lambda one: one.scoring)


def answered_by_challenger(scoring: ScoringRecord) -> int:
    """How many rows of a batch the challenger answered."""
    if scoring.rollout is None:  # it was alone
        return int(scoring.evidence.get("accounting", {}).get("taken", 1))
    return int(scoring.evidence.get("accounting", {}).get("arms", scoring.counts.get("arms", {})).get(CHALLENGER, 0))


def repair(project: Project, model: str, *, recompute: Recompute | None = None, on_event: Told | None = None) -> list[str]:
    """Puts right all that waits for it; the same call again finishes what was cut off, and does nothing twice.

    Args:
        project: where.
        model: whose predictions.
        recompute: asks the champion about rows of which there is no standby; such rows are left without an answer when None.
        on_event: receives ("repair", {"lot", "by", "rows", "units"}).

    Returns:
        What targets could not take yet, in sentences: they are asked again with the next push.

    Raises:
        Damaged: what the champion said is no longer there.
        LedgerError: it could not be written; what was put right before stays, and the same command goes on.
    """
    with project.ledger.read() as connection:
        is_due = bool(pending(connection, model))
    if is_due:
        _put_all_right(project, model, recompute, on_event or (lambda kind, what: None))
    with project.ledger.read() as connection:
        flows = _behind(connection, model)
    return [problem for flow in flows for problem in push_all(project, flow)]


def _put_all_right(project: Project, model: str, recompute: Recompute | None, tell: Told) -> None:
    with held(project.ledger, f"repair:{model}"), Judges(project.store) as judges:
        while True:
            with project.ledger.read() as connection:
                waiting = pending(connection, model)
            if not waiting:
                return
            one = waiting[0]
            tell("repair", _repaired(project, one, recompute, judges))
            with project.ledger.read() as connection:
                again = any(still.scoring.scoring == one.scoring.scoring for still in pending(connection, model))
            if again:
                raise LedgerError(f"lot {one.lot.lot} of {one.scoring.flow} could not be put right; run the same command again, and look at: assay lot {one.lot.lot}")
            push_all(project, one.scoring.flow)  # what a target cannot take now is told at the end


def _behind(connection: Connection, model: str) -> list[str]:
    """Flows of which a target still lacks what was put right, or has what stands no longer."""
    flows = {records.lot_of(connection, one.by).flow for rollout in rollout_records.rollouts(connection, model=model) for one in rollout_records.repairs(connection, rollout=rollout.rollout)}
    numbers = {flow: [int(row.number) for row in records.targets(connection, flow)] for flow in sorted(flows)}
    return [flow for flow, those in numbers.items() if any(records.not_pushed_to(connection, flow, one) or records.not_standing_in(connection, one) for one in those)]


def _repaired(project: Project, one: Pending, recompute: Recompute | None, judges: Judges) -> dict[str, Any]:
    """One batch stands once more."""
    lot, scoring, rollout = one.lot, one.scoring, one.rollout
    with project.ledger.read() as connection:
        later = [made for made in records.lots(connection, lot.flow, after_place=lot.place) if lot.lot in made.parents and made.state in ("released", "held")]
        champion = label(records.lot_of(connection, rollout.champion))
        run = run_records.run_of(connection, lot.lot)
    published = whole(project, lot, later)
    righted = put_right(published, standby_of(project, scoring), champion, str(rollout.settings.get("unit", "")), everything=scoring.rollout is None)
    if righted.without and recompute is not None:
        lacking = righted.frame.with_row_index("assay_row").filter(pl.col("assay_fallback") == NO_ANSWER)["assay_row"].to_list()
        standby = pl.concat([standby_of(project, scoring).filter(~pl.col("assay_row").is_in(lacking)), recompute(scoring, rollout, lacking)], how="diagonal_relaxed")
        righted = put_right(published, standby, champion, str(rollout.settings.get("unit", "")), everything=scoring.rollout is None)
    replaced = [lot.lot, *(made.lot for made in later)]
    made: dict[str, Any] = {"lot": lot.lot, "by": None, "rows": len(righted.rows), "units": righted.units}
    what = f"{lot.flow}: {len(righted.rows):,} rows that {label_of(project, rollout.challenger)} had answered in lot {lot.lot} are put right"

    def also(writing: Writing, by: LotRecord) -> None:
        if any(known.scoring == scoring.scoring for known in rollout_records.repairs(writing.connection, rollout=rollout.rollout)):
            return
        made["by"] = by.lot
        identity = "run:" + hashlib.sha256(f"repair {scoring.run} {rollout.rollout}".encode()).hexdigest()
        if run is not None:
            writing.append(
                "run",
                {
                    "line": run.line, "step": run.step, "place": run.place, "identity": identity, "state": "done" if by.state == "released" else "held", "output": by.lot,
                    # What the challenger was made from is no ancestor of rows that it has not answered.
                    "inputs": {name: [rollout.champion] if name == rollout.model else list(lots) for name, lots in run.inputs.items()}, "code": run.code,
                    "parameters": dict(run.parameters), "environment": run.environment, "costs": {},
                    "columns": dict(run.columns), "error": "",
                },
            )  # fmt: skip
        body = {
            "units": righted.units, "taken": by.rows["taken"], "released": by.rows["released"], "quarantined": by.rows["quarantined"], "held": by.rows["held"], "run": identity,
            "without_standby": righted.without, "replaced": replaced, "not_undone": [],
        }  # fmt: skip
        lines = [
            f"{champion} answers these rows now: lot {by.lot} takes the place of lot {lot.lot}, with the same {by.rows['taken']:,} rows of which {by.rows['released']:,} are released.",
            f"They are of {righted.units:,} units ({rollout.settings.get('unit', 'unit')}). Targets get them with the next push.",
            f"What was made from lot {lot.lot} carries a tag until it is made again.",
            *([f"For {righted.without:,} of them {champion} has no answer either."] if righted.without else []),
        ]  # fmt: skip
        writing.append(
            "repaired",
            {
                "rollout": rollout.rollout, "scoring": scoring.scoring, "flow": lot.flow, "lot": lot.lot, "by": by.lot, "rows": len(righted.rows), "replaced": replaced, "body": body,
                "notices": [notice(writing, lot.flow, f"{what}.", lines, "warn")],
            },
        )  # fmt: skip

    project.store.sweep()
    with project.store.staging() as folder:
        path = os.path.join(folder, PUT_RIGHT)
        righted.frame.write_parquet(path, compression="zstd", compression_level=1, statistics=True)
        arrival = Arrival(
            facts={"repairs": str(lot.lot), "rollout": str(rollout.rollout)}, salt=f"repair {scoring.scoring} {rollout.rollout}", name=f"{lot.input}, put right", replaces=replaced, own=True,
            also=also,
        )  # fmt: skip
        [outcome] = gate_paths(project, lot.flow, [path], policy=LETS_THROUGH, arrivals={path: arrival}, judges=judges)
    if outcome.error is not None or outcome.lot is None:
        raise LedgerError(f"lot {lot.lot} of {lot.flow} could not be put right: {outcome.error}; run the same command again")
    return made


def label_of(project: Project, number: int) -> str:
    """What the version in a lot is called."""
    with project.ledger.read() as connection:
        return label(records.lot_of(connection, number))


def standby_of(project: Project, scoring: ScoringRecord) -> pl.DataFrame:
    """What each version said of the rows of a batch, by `assay_row`; no rows where only one was asked.

    Raises:
        Damaged: it is no longer there.
    """
    if BOTH not in scoring.objects:
        return pl.DataFrame(schema={"assay_row": pl.Int64, "unit": pl.String, "champion": pl.Float64, "champion_prediction": pl.String})
    return pl.read_parquet(intact(project.store, scoring.objects[BOTH])).sort("assay_row")


def whole(project: Project, lot: LotRecord, later: Sequence[LotRecord]) -> pl.DataFrame:
    """All rows of a batch as they stand now, wherever they are: released, held, put aside, or put back since.

    Raises:
        Damaged: a row is missing.
    """
    aside = _read(project, lot, "quarantined")
    parts = []
    if aside is not None:
        names = aside.columns[-len(ADDED) :]
        parts.append((aside.drop(names), aside[names[0]].to_numpy()))
    taken = lot.rows["taken"]
    rest = np.setdiff1d(np.arange(taken), parts[0][1] if parts else np.zeros(0, dtype=np.int64))
    main = _read(project, lot, "released" if "released" in lot.objects else "held")
    if main is not None:
        parts.append((main, rest))
    columns = parts[0][0].columns if parts else []
    frame = pl.concat([part.select(columns).with_columns(assay_place=pl.Series(rows, dtype=pl.Int64)) for part, rows in parts], how="vertical_relaxed").sort("assay_place")
    for made in later:  # what people mended stays mended
        frame = _with_put_back(project, frame, made)
    if frame["assay_place"].to_list() != list(range(taken)):
        raise Damaged(f"lot {lot.lot} of {lot.flow} has {frame.height:,} of its {taken:,} rows; nothing was put right; run: assay verify")
    return frame.drop("assay_place")


def _with_put_back(project: Project, frame: pl.DataFrame, made: LotRecord) -> pl.DataFrame:
    with open(intact(project.store, made.objects["report"]), encoding="utf-8") as file:
        places = np.asarray(json.load(file)["original_rows"], dtype=np.int64)
    aside = _read(project, made, "quarantined")
    again = set() if aside is None else set(aside[aside.columns[-len(ADDED)]].to_list())
    rows = _read(project, made, "released")
    if rows is None:
        return frame
    mine = places[[at for at in range(len(places)) if at not in again]]
    back = rows.select(name for name in frame.columns if name != "assay_place").with_columns(assay_place=pl.Series(mine, dtype=pl.Int64))
    return pl.concat([frame.filter(~pl.col("assay_place").is_in(mine)), back], how="vertical_relaxed").sort("assay_place")


def _read(project: Project, lot: LotRecord, kind: str) -> pl.DataFrame | None:
    return pl.read_parquet(intact(project.store, lot.objects[kind]), use_pyarrow=False) if kind in lot.objects else None


def put_right(published: pl.DataFrame, standby: pl.DataFrame, champion: str, unit: str, *, everything: bool = False) -> Righted:
    """The predictions of a batch with the champion's answers in place of the challenger's; all rows get the next sequence, so that later readers take them for newer.

    Args:
        published: all rows in their order, with `assay_arm` and the other columns of predictions.
        standby: what the champion said, by `assay_row`.
        champion: what it is called.
        unit: the column of the unit.
        everything: the challenger was alone, so all rows are its.

    >>> published = pl.DataFrame({"id": ["a", "b"], "prediction": ["yes", "yes"], "score": [0.9, 0.8], "assay_run": ["run:1"] * 2, "assay_version": ["churn:v7", "churn:v6"],
    ...     "assay_arm": ["challenger", "champion"], "assay_sequence": [7000, 7000], "assay_fallback": ["", ""]})
    >>> standby = pl.DataFrame({"assay_row": [0, 1], "champion": [0.1, 0.8], "champion_prediction": ["no", "yes"]})
    >>> righted = put_right(published, standby, "churn:v6", "id")
    >>> righted.frame.select("prediction", "score", "assay_version", "assay_arm", "assay_sequence").rows()
    [('no', 0.1, 'churn:v6', 'champion', 7001), ('yes', 0.8, 'churn:v6', 'champion', 7001)]
    """
    theirs = pl.lit(True) if everything else pl.col("assay_arm") == CHALLENGER
    said = standby.select(pl.col("assay_row").cast(pl.Int64), pl.col("champion").cast(published.schema["score"]), pl.col("champion_prediction").cast(published.schema["prediction"]))
    frame = published.with_row_index("assay_row").with_columns(pl.col("assay_row").cast(pl.Int64)).join(said, on="assay_row", how="left", maintain_order="left").with_columns(theirs=theirs)
    known = pl.col("champion_prediction").is_not_null() & pl.col("champion").is_not_nan().fill_null(value=False)
    right = pl.col("theirs") & known
    lacking = pl.col("theirs") & ~known
    nothing = pl.lit(None)
    frame = frame.with_columns(
        prediction=pl.when(right).then("champion_prediction").when(lacking).then(nothing).otherwise("prediction"),
        score=pl.when(right).then("champion").when(lacking).then(nothing).otherwise("score"),
        assay_version=pl.when(right).then(pl.lit(champion)).when(lacking).then(pl.lit("")).otherwise("assay_version"),
        assay_arm=pl.when("theirs").then(pl.lit(CHAMPION)).otherwise("assay_arm"),
        assay_fallback=pl.when(right).then(pl.lit("")).when(lacking).then(pl.lit(NO_ANSWER)).otherwise("assay_fallback"),
        assay_sequence=pl.col("assay_sequence") + 1,
    )  # fmt: skip
    affected = frame.filter("theirs")
    units = affected[unit].n_unique() if unit in affected.columns else affected.height
    return Righted(frame.select(published.columns), tuple(affected["assay_row"].to_list()), units, frame.filter(lacking).height)
