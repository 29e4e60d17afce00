"""What the process of a scoring does with one lot: the versions answer its rows, each row gets the answer of its arm, and everything is written down.

The answers to each chunk are kept as they come, so that a scoring that was killed goes on where it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.artefacts import Bundle
from assayline.core import Rollout, Stage
from assayline.core.rollout import CHALLENGER, CHAMPION, HOLDOUT
from assayline.errors import MisuseError
from assayline.rollout.assigning import arms, buckets, compared
from assayline.rollout.limits import own_distance

from ..progress import progress
from ..score_job import OURS
from ..step_work import read as read_lots
from .answering import ANSWER, NOT_ASKED, Answering, Answers, Asked, Guard, answering
from .chunks import Chunks
from .given import Given
from .lists import Use
from .pairs import LEAST_PAIRS, Pairs, Rows, Truths, drawn

SCORED, PREDICTIONS, BOTH = "scored.json", "predictions.parquet", "both.parquet"
FIRST_ROWS = 1_024  # that a challenger scores before the guards look; twice as many each time


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Score one lot.

    Args:
        request: `table`: {"parts", "casts", "uses"} of the lot; `champion`: {"label", "artefact"}; `challenger`: the same, or None; `rollout`: {"salt", "stages", "stage", "state", "holdout",
            "control", "terms"}, or None; `previous`: of the champion before, or None; `allowed`: digests of pickles that may be opened; `key`, `time`, `unit`, `keep`: columns; `fallback`:
            {"on": [reason], "otherwise": text or None}; `range`: [low, high] of earlier predictions, or None; `before`: path of the last predictions, or None; `run`; `sequence`;
            `decides`, `mix`: how scores are used; `chunks`: folder of the results so far; `chunk_rows`; `folder` to write to.
        tell: not used: rows are told through `progress`.

    Returns:
        `path` of the predictions, `rows_in`, `rows_out`; what was counted is in `scored.json` beside it, and what each version said in `both.parquet`.

    Raises:
        InputError: an artefact cannot be read.
        MisuseError: a column is not there.
    """
    table = read_lots(request["table"]).collect()
    batch = Scoring(request, table)
    answered = batch.alone() if request["rollout"] is None else batch.side_by_side()
    predictions = answered.given.frame(table.select(batch.kept), answered.arms, request["run"], int(request["sequence"]))
    if answered.listed is not None:
        predictions = predictions.with_columns(pl.Series("assay_listed", answered.listed))
    path = os.path.join(request["folder"], PREDICTIONS)
    predictions.write_parquet(path, compression="zstd", compression_level=1, statistics=True)
    if answered.both is not None:
        answered.both.write_parquet(os.path.join(request["folder"], BOTH), compression="zstd", compression_level=1)
    counts = {
        "rows": table.height, "sequence": request["sequence"], "arms": dict(answered.arms.value_counts().sort("assay_arm").iter_rows()), "versions": answered.given.counted(),
        "fallbacks": answered.given.reasons(), "abstained": len(answered.given.nothing), "engines": batch.engines, "classes": list(batch.main.classes),
        "own": own_changes(request, predictions, batch.main.label), "stopped": answered.stopped,
        **({"mix": {"how": batch.use.mix or "none", "map": answered.map}} if batch.use.kind and request["rollout"] is not None else {}),
    }  # fmt: skip
    document = {"counts": counts, "misplaced": misplaced(request, predictions, answered), "behaviours": answered.behaviours, "mechanical": answered.mechanical}
    with open(os.path.join(request["folder"], SCORED), "w", encoding="utf-8") as out:
        json.dump(document, out, ensure_ascii=True)
    return {"path": path, "rows_in": table.height, "rows_out": predictions.height}


@dataclass
class Answered:
    """A batch with all its answers: what is published, by which arm, what both said, and what the guards saw."""

    given: Given
    arms: pl.Series
    both: pl.DataFrame | None = None
    behaviours: list[dict[str, Any]] = field(default_factory=list)
    mechanical: list[str] = field(default_factory=list)
    stopped: str = ""
    listed: Truths | None = None
    map: dict[str, Any] | None = None


class Scoring:
    """One batch while it is scored.

    Args:
        request: of `work`.
        table: the rows.
    """

    def __init__(self, request: Mapping[str, Any], table: pl.DataFrame) -> None:
        self.request, self.table = request, table
        self.chunks = Chunks(request["chunks"])
        self.rollout = rollout_of(request)
        # The one that scores every row is the champion until the other one is promoted.
        promoted = self.rollout is not None and self.rollout.state == "promoted"
        self.main_role, self.other_role = (CHALLENGER, CHAMPION) if promoted else (CHAMPION, CHALLENGER)
        self.main = self._version(self.main_role)
        self.kept = columns_of(request, self.main.bundle, table)
        self.engines = {self.main.label: self.main.engine}
        self.use = Use.of(request["decides"], request["mix"])
        if self.use.kind and len(self.main.classes) > 2:
            raise MisuseError(f"{self.main.label} answers {len(self.main.classes)} classes, whose scores stand in no one list; leave out --decides")

    def _version(self, role: str, classes: Sequence[str] | None = None, rows: int | None = None) -> Answering:
        asked, low_high = self.request[role], self.request["range"] or (-np.inf, np.inf)
        guard = Guard(tuple(self.request["fallback"]["on"]), float(low_high[0]), float(low_high[1]))
        return answering(asked["artefact"], asked["label"], allowed=self.request["allowed"], rows=self.table.height if rows is None else rows, guard=guard, classes=classes)

    def alone(self) -> Answered:
        """One version answers everything."""
        given, _ = self._main()
        arm = pl.Series("assay_arm", [CHAMPION]).new_from_index(0, self.table.height)
        return Answered(given, arm, listed=self.use.listed(given.answers["score"], np.broadcast_to(CHAMPION, self.table.height), given.answers["score"]))

    def _main(self) -> tuple[Given, Answers]:
        """The answers of the version that scores every row, with those of the others in its chain where it has none; and what it said itself."""
        said = all_answers(self.main, self.table, self.chunks, self.main_role, int(self.request["chunk_rows"]))
        given = Given(self.table.height, self.main.classes)
        left = given.take(said, self.main.label)
        for next_one in self._chain() if len(left) else ():
            left = given.take(next_one.about(self.table).answers(left), next_one.label, left)
            if not len(left):
                break
        given.otherwise(left, self.request["fallback"]["otherwise"])
        return given, said

    def _chain(self) -> Iterator[Answering]:
        """Who is asked where the first one has no answer, one after another: the champion before it, then what it had to beat."""
        if self.request["previous"] is not None:
            with contextlib.suppress(Exception):  # one that cannot be asked is passed over: there are others in the chain
                yield self._version("previous", self.main.classes, rows=0)
        yield from self.main.baselines()

    def side_by_side(self) -> Answered:
        """Two versions: each row is answered by that of its arm; where both said something, the guards look, and may stop the challenger."""
        assert self.rollout is not None
        unit = self.request["unit"]
        if unit not in self.table.columns:
            raise MisuseError(f"there is no column {unit!r}, by which the rollout gives rows to versions; there are {', '.join(self.table.columns[:30])}")
        numbers = buckets(self.rollout.salt, self.table.get_column(unit))
        arms_of_rows, both = arms(self.rollout, numbers), compared(self.rollout, numbers)
        given, main_said = self._main()
        of_other = arms_of_rows == CHALLENGER if self.other_role == CHALLENGER else arms_of_rows == HOLDOUT
        asked = np.flatnonzero(both | of_other)
        answered = Answered(given, pl.Series(), stopped="")
        standby = Said.of(given)
        said, stopped = self._other(asked, both, main_said, answered)
        mine = given.answers["score"].copy()
        if stopped:  # every row is the champion's
            arms_of_rows = np.where(arms_of_rows == CHALLENGER, CHAMPION, arms_of_rows)
        else:
            self._overlay(given, np.flatnonzero(of_other), said)
            self._mix(given, arms_of_rows, both, main_said, said, answered)
        answered.listed = self.use.listed(given.answers["score"], arms_of_rows, mine)
        answered.arms = pl.Series("assay_arm", arms_of_rows)
        answered.both = both_frame(self.table.get_column(unit), answered, {self.main_role: standby, self.other_role: Said.of_answers(said, self.main.classes)})
        return answered

    def _mix(self, given: Given, arms_of_rows: npt.NDArray[np.str_], both: Truths, main_said: Answers, said: Answers, answered: Answered) -> None:
        """Two versions in one list or at one threshold: mapped, or refused where nobody said how."""
        assert self.rollout is not None
        theirs = np.flatnonzero(arms_of_rows == CHALLENGER)
        if not self.use.kind or not 0 < len(theirs) < len(arms_of_rows):
            return
        pairs = np.flatnonzero(both & (main_said["reason"] == 0) & (said["reason"] == 0))
        challenger, champion = (said, main_said) if self.other_role == CHALLENGER else (main_said, said)
        why = self.use.refused(challenger["score"][pairs], champion["score"][pairs], self.rollout.share, len(arms_of_rows))
        if why:
            raise MisuseError(f"two versions would answer into one list: {why}; say it with --mix")
        given.answers["score"][theirs], answered.map = self.use.mapped(given.answers["score"][theirs], challenger["score"][pairs], champion["score"][pairs])

    def _other(self, asked: Rows, both: Truths, main_said: Answers, answered: Answered) -> tuple[Answers, bool]:
        """What the second version says of the rows it is asked about; whether it was stopped."""
        found = np.zeros(self.table.height, dtype=ANSWER)
        found["score"], found["decided"], found["reason"] = np.nan, -1, NOT_ASKED
        stops = self.other_role == CHALLENGER  # after a promotion the answers of the new one are in use: the judge decides, and a repair follows
        try:
            other = self._version(self.other_role, self.main.classes, rows=len(asked))
            about = other.about(self.table)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it: the champion answers, and the judge is told
            answered.mechanical.append(f"{self.request[self.other_role]['label']} cannot be asked: {type(error).__name__}: {str(error)[:300]}")
            return found, stops
        self.engines[other.label] = other.engine
        order = drawn(asked, self.request["run"])
        known = [name for feature in other.bundle.plan.features for name in feature.sources if name != self.request["unit"]]
        paired = order[both[order]]
        pairs = Pairs(paired, main_said.copy(), self.main.classes, self.table, self.request["rollout"]["terms"], list(dict.fromkeys(known))) if len(paired) else None
        done, number, stopped = 0, 0, False
        while done < len(order) and not stopped:
            some = order[done : done + min(int(self.request["chunk_rows"]), FIRST_ROWS << number)]
            answers = one_chunk(self.chunks, self.other_role, number, some, about, self.table.height + done)
            found[some] = answers
            mine = both[some]
            if pairs is not None and mine.any():
                stopped = self._looked(pairs, some[mine], answers[mine], main_said) and stops
            done, number = done + len(some), number + 1
            progress(self.table.height + done)
        if pairs is not None:
            answered.behaviours = [asdict(one) for one in pairs.behaviours()]
            answered.stopped = pairs.stopped_by() if stopped else ""
        return found, stopped

    def _looked(self, pairs: Pairs, rows: Rows, answers: Answers, main_said: Answers) -> bool:
        """The guards look at pairs; they are about the challenger, whichever of the two scored everything."""
        if self.other_role == CHALLENGER:
            return pairs.feed(rows, answers)
        pairs.champion[rows] = answers
        return pairs.feed(rows, main_said[rows])

    def _overlay(self, given: Given, rows: Rows, said: Answers) -> None:
        """Rows of the other arm get its answer; where it has none, that of the version that scored everything stands, with the reason."""
        answers = said[rows]
        fine = answers["reason"] == 0
        given.replace(rows[fine], answers[fine], self.request[self.other_role]["label"])
        given.because(rows[~fine], answers["reason"][~fine])


def columns_of(request: Mapping[str, Any], bundle: Bundle, table: pl.DataFrame) -> list[str]:
    """The columns that stand beside the predictions, each once: as asked, else key and time of the model as far as they are there.

    Raises:
        MisuseError: one is not there, or is called as ours are.
    """
    problem = bundle.plan.problem
    key = request["key"] or [name for name in problem.keys if name in table.columns]
    time = request["time"] or (problem.time if problem.time in table.columns else "")
    wanted = [name for name in dict.fromkeys((*key, request["unit"], time, *request["keep"])) if name]
    if not wanted:
        raise MisuseError("no column would say which prediction is of which row; name some with --key")
    for name in wanted:
        if name not in table.columns:
            raise MisuseError(f"there is no column {name!r} to keep beside the predictions; there are {', '.join(table.columns[:30])}; name others with --key, --unit, --time or --keep")
        if name in OURS:
            raise MisuseError(f"the column {name!r} cannot stand beside the predictions, of which one is called so; rename it before")
    return wanted


def all_answers(version: Answering, table: pl.DataFrame, chunks: Chunks, part: str, chunk_rows: int) -> Answers:
    """The answers of a version to all rows; from what was kept, as far as there is something."""
    found = np.zeros(table.height, dtype=ANSWER)
    about: Asked | None = None
    for number, start in enumerate(range(0, table.height, chunk_rows)):
        rows = range(start, min(start + chunk_rows, table.height))
        kept = kept_chunk(chunks, part, number, len(rows))
        if kept is None:
            about = about or version.about(table)
            kept = one_chunk(chunks, part, number, rows, about, start)
        found[start : rows.stop] = kept
        progress(rows.stop)
    return found


def kept_chunk(chunks: Chunks, part: str, number: int, rows: int) -> Answers | None:
    """Answers that were kept before the process was killed, or None."""
    content = chunks.get(part, number)
    return np.frombuffer(content, dtype=ANSWER) if content is not None and len(content) == rows * ANSWER.itemsize else None


def one_chunk(chunks: Chunks, part: str, number: int, rows: Rows | range, about: Asked, before: int) -> Answers:
    """The answers to some rows, where so many were answered before; asked for and kept, where they were not yet."""
    kept = kept_chunk(chunks, part, number, len(rows))
    if kept is None:
        kept = about.answers(rows, lambda done: progress(before + done))
        chunks.put(part, number, kept.tobytes())
    return kept


def rollout_of(request: Mapping[str, Any]) -> Rollout | None:
    """The rollout as it stood when the batch was begun."""
    given = request["rollout"]
    if given is None:
        return None
    stages = tuple(Stage(str(mode), float(share)) for mode, share in given["stages"])
    return Rollout(
        request[CHAMPION]["label"], request[CHALLENGER]["label"], given["salt"], stages, int(given["stage"]), float(given["holdout"]), float(given["control"]), str(given["state"])
    )


@dataclass(frozen=True)
class Said:
    """What a version said of every row: scores and predictions, null where it said nothing."""

    scores: pl.Series
    predictions: pl.Series

    @classmethod
    def of(cls, given: Given) -> Said:
        """What would be published if it answered everything."""
        return cls(given.scores(), given.predictions())

    @classmethod
    def of_answers(cls, answers: Answers, classes: Sequence[str]) -> Said:
        """What it said itself."""
        alone = Given(len(answers), classes)
        left = alone.take(answers, "")
        alone.otherwise(left, None)
        return cls(alone.scores(), alone.predictions())


def both_frame(unit: pl.Series, answered: Answered, said: Mapping[str, Said]) -> pl.DataFrame:
    """What each version said, row by row: the standby from which a rollback is made, and what labels are compared with."""
    return pl.DataFrame(
        [
            pl.Series("assay_row", np.arange(len(unit), dtype=np.int64)), unit.cast(pl.String).alias("unit"), answered.arms.alias("arm"), said[CHAMPION].scores.alias("champion"),
            said[CHALLENGER].scores.alias("challenger"), said[CHAMPION].predictions.alias("champion_prediction"), said[CHALLENGER].predictions.alias("challenger_prediction"),
            answered.given.fallbacks(),
        ]
    )  # fmt: skip


def misplaced(request: Mapping[str, Any], predictions: pl.DataFrame, answered: Answered) -> int:
    """Rows that another arm answered than the hash of their unit says, counted on what is about to be published; in a batch that was stopped the champion answers all."""
    rollout = rollout_of(request)
    if rollout is None:
        return 0
    wanted = arms(rollout, buckets(rollout.salt, predictions.get_column(request["unit"])))
    if answered.stopped or answered.mechanical:
        wanted = np.where(wanted == CHALLENGER, CHAMPION, wanted)
    return int((predictions.get_column("assay_arm").to_numpy() != wanted).sum())


def own_changes(request: Mapping[str, Any], predictions: pl.DataFrame, label: str) -> dict[str, float]:
    """How often a version changed its mind about the same unit since the last batch, and how far its scores moved; nothing where too few units came again."""
    by = request["unit"] or (request["key"] or [None])[0]
    if request["before"] is None or by is None or by not in predictions.columns:
        return {}
    columns = [by, "prediction", "score"]
    before = pl.scan_parquet(request["before"])
    if not {*columns, "assay_version"} <= set(before.collect_schema().names()):
        return {}
    theirs = before.filter(pl.col("assay_version") == label).select(columns).unique(by, keep="first").collect()
    ours = predictions.filter(pl.col("assay_version") == label).select(columns).unique(by, keep="first")
    if theirs.schema[by] != ours.schema[by]:
        return {}
    pairs = ours.join(theirs, on=by, how="inner", suffix="_before").drop_nulls(["score", "score_before"])
    if pairs.height < LEAST_PAIRS:
        return {}
    moves = (pairs["score"] - pairs["score_before"]).to_numpy()
    distance = own_distance(moves.tolist())
    flips = pairs["prediction"] != pairs["prediction_before"] if predictions.schema["prediction"] == pl.String else pl.Series(np.abs(moves) > distance)
    return {"flip_rate": float(flips.sum()) / pairs.height, "distance": distance, "pairs": float(pairs.height)}
