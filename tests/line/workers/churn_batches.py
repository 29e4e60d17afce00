"""Batches of predictions as scoring writes them, without a model in between: what two versions say is given, and everything else is real."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from assayline.core import CHALLENGER, Rollout, bucket
from assayline.ledger import Staged, Writing
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.in_service import serving_of
from assayline.line.delivery.terms import Terms
from assayline.line.gating import Arrival, gate_paths
from assayline.line.models.versions import label
from assayline.line.project import Project
from assayline.line.score_job import ScoreJob
from assayline.rollout import Accounting, Batch, Behaviour, RateTest

FLOW = "churn.scores"
LIMIT = 0.05


def set_out(project: Project, candidate: str, terms: Terms, **more: str) -> RolloutRecord:
    """As `rollouts.start`, without the look at the version as a machine, which takes a second."""
    return rollouts.set_out(project, "churn", rollouts.candidate_of(project, "churn", candidate), terms, {}, **more)


def said(seed: int, rows: int, flips: float = 0.0) -> pl.DataFrame:
    """What two versions say of the same customers: the challenger the same but for a share, of which it says the opposite."""
    chance = np.random.default_rng(seed)
    champion = chance.beta(2, 5, rows).round(6)
    flipped = chance.random(rows) < flips
    return pl.DataFrame(
        {
            "customer": [f"c{number}" for number in range(rows)], "city": chance.choice(["Bonn", "Gent", "Lyon"], rows), "champion": champion,
            "challenger": np.where(flipped, 1 - champion, champion),
        }
    )  # fmt: skip


def batch_scored(project: Project, day: int, *, rows: int = 600, flips: float = 0.0, model: str = "churn", odd: int = 0, judges: Judges | None = None) -> LotRecord:
    """One day's predictions, published as the rollout of now has it; some of them with a city that the gate puts aside."""
    with project.ledger.read() as connection:
        serving = serving_of(connection, model)
    frame, rollout = said(day, rows, flips), serving.rollout
    frame = frame.with_columns(city=pl.Series(["KÃ¶ln"] * odd + ["Köln"] * (20 if odd else 0) + frame["city"].to_list()[odd + (20 if odd else 0) :]))
    value = serving.value or Rollout("", "", "none", state="finished")
    numbers = [bucket(value.salt, one) for one in frame["customer"]]
    arms = [value.arm_of(number) for number in numbers]
    both = frame.with_row_index("assay_row").select(
        pl.col("assay_row").cast(pl.Int64), unit="customer", arm=pl.Series(arms), champion="champion", challenger="challenger",
        champion_prediction=_decided("champion"), challenger_prediction=_decided("challenger"), assay_fallback=pl.lit(""),
    )  # fmt: skip
    compared = pl.Series([value.is_compared(number) for number in numbers])
    both = both.with_columns(pl.when(compared).then(pl.col(name)).otherwise(None) for name in ("challenger", "challenger_prediction"))
    theirs = pl.Series("theirs", [arm == CHALLENGER for arm in arms])
    names = label(serving.champion), "" if serving.challenger is None else label(serving.challenger)
    published = frame.with_columns(theirs).select(
        "customer", "city", prediction=pl.when("theirs").then(_decided("challenger")).otherwise(_decided("champion")), score=pl.when("theirs").then("challenger").otherwise("champion"),
        assay_run=pl.lit(f"run:{day}"), assay_version=pl.when("theirs").then(pl.lit(names[1])).otherwise(pl.lit(names[0])), assay_arm=pl.Series(arms),
        assay_sequence=pl.lit(day * 1000, dtype=pl.Int64), assay_fallback=pl.lit(""),
    )  # fmt: skip
    pairs = both.filter(compared & ~pl.col("challenger").is_null())
    bad = int((pairs["champion_prediction"] != pairs["challenger_prediction"]).sum())
    counts = {arm: arms.count(arm) for arm in dict.fromkeys(arms)}

    def also(writing: Writing, lot: LotRecord) -> None:
        evidence = Batch(
            f"customers {day}", f"2026-11-{day:02}T06:00:00", 0 if rollout is None else rollout.stage, "" if rollout is None else value.now.mode, value.share,
            Accounting(rows, lot.rows["released"], lot.rows["quarantined"] + lot.rows["held"], arms=counts),
            () if rollout is None else (Behaviour("flip_rate", "", pairs.height, bad, LIMIT, evidence_of(pairs), hard=3 * LIMIT),),
        )  # fmt: skip
        writing.append(
            "run",
            {
                "line": "", "step": FLOW, "place": f"day {day}", "identity": f"run:{day}", "state": "done", "output": lot.lot, "inputs": {}, "code": "",
                "parameters": ScoreJob(model, "flow:customers").settings(), "environment": "",
                "costs": {}, "columns": {}, "error": "",
            },
        )  # fmt: skip
        writing.append(
            "scored",
            {
                "run": f"run:{day}", "model": model, "flow": FLOW, "lot": lot.lot, "rollout": None if rollout is None else rollout.rollout, "stage": None if rollout is None else rollout.stage,
                "counts": {"rows": rows, "arms": counts, "sequence": day * 1000}, "evidence": evidence.to_json(), "objects": {"both": digest}, "state": "published",
            },
        )  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        both.write_parquet(Path(folder) / "both")
        published.write_parquet(Path(folder) / "predictions.parquet")
        [digest] = project.store.put([Staged(str(Path(folder) / "both"), ".parquet")])
        path = str(Path(folder) / "predictions.parquet")
        [outcome] = gate_paths(project, FLOW, [path], arrivals={path: Arrival(salt=f"day {day}", name=f"day {day}", own=True, also=also)}, judges=judges)
    assert outcome.lot is not None
    return outcome.lot


def _decided(name: str) -> pl.Expr:
    return pl.when(pl.col(name) > 0.5).then(pl.lit("yes")).otherwise(pl.lit("no"))


def evidence_of(pairs: pl.DataFrame) -> float:
    """The logarithm of the e-value of the flips among pairs, in the order of their rows."""
    test = RateTest(LIMIT, 1e-9)
    test.feed((pairs["champion_prediction"] != pairs["challenger_prediction"]).to_numpy())
    return float(test.log_e)
