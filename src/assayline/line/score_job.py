"""A scoring as its author writes it: which model answers which rows, and where the answers go. Light: nothing is loaded or read for it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assayline.errors import MisuseError

from .names import check_name

FLOW = "flow:"
MIXES = ("", "none", "map_scores", "quota_per_arm")
FALLBACKS = ("exception", "nan", "out_of_range", "unseen_category")
DECIDES = re.compile(r"|ranked|top=[1-9]\d*|threshold=-?\d+(\.\d+)?([eE]-?\d+)?")
OURS = ("prediction", "score", "assay_run", "assay_version", "assay_arm", "assay_sequence", "assay_fallback", "assay_listed")


@dataclass(frozen=True)
class ScoreJob:
    """What is to be scored by what.

    Args:
        model: its name; which version answers is a matter of its rollout.
        input: "flow:NAME", each of whose released lots is scored once, or the path of a file.
        flow: name of the flow the predictions become lots of; `MODEL.scores` when "".
        unit: column of who or what a row is about, by which a rollout gives rows to versions; that of the rollout, or the first key, when "".
        key: columns that are kept because they say which row is which; those of the model when empty.
        time: column that says when; that of the model when "".
        keep: further columns to keep.
        version: always this version ("v7"), whatever rollouts say; "" for the one in service.
        chunk_rows: rows that are scored between two points from which a scoring that was killed goes on.
        decides: what is done with the scores: "ranked" or "top=1000" (the highest get something), "threshold=0.3" (those above it do), "" for the model's own decisions.
        mix: what is done where two versions answer one list: "map_scores", "quota_per_arm", "none"; "" to be asked where it matters.
        fallback_on: what of a version's answer is not taken, and the next in the chain is asked.
        otherwise: what stands where no model has an answer; None for nothing (the row is told apart by its `assay_fallback`).

    >>> ScoreJob("churn", "flow:customers").into
    'churn.scores'
    """

    model: str
    input: str
    flow: str = ""
    unit: str = ""
    key: tuple[str, ...] = ()
    time: str = ""
    keep: tuple[str, ...] = ()
    version: str = ""
    chunk_rows: int = 262_144
    decides: str = ""
    mix: str = ""
    fallback_on: tuple[str, ...] = FALLBACKS[:3]
    otherwise: str | None = None

    def __post_init__(self) -> None:
        check_name(self.model)
        check_name(self.into)
        if self.reads == self.into:
            raise MisuseError(f"the predictions of {self.model!r} cannot go into {self.into!r}, which they are made from; name another flow")
        if self.mix not in MIXES:
            raise MisuseError(f"mix={self.mix!r} is none of {', '.join(MIXES[1:])}")
        if not DECIDES.fullmatch(self.decides):
            raise MisuseError(f"{self.decides!r} says not what is done with scores; write ranked, top=1000 or threshold=0.3")
        for one in self.fallback_on:
            if one not in FALLBACKS:
                raise MisuseError(f"no answer is replaced because of {one!r}; there are {', '.join(FALLBACKS)}")
        if not 1_000 <= self.chunk_rows <= 10_000_000:
            raise MisuseError(f"chunk_rows={self.chunk_rows!r}; give 1,000 to 10,000,000 rows")
        for column in (*self.key, *self.keep):
            if column in OURS:
                raise MisuseError(f"the column {column!r} cannot be kept: what is predicted stands under this name; rename it before")

    @property
    def into(self) -> str:
        """The flow of the predictions."""
        return self.flow or f"{self.model}.scores"

    @property
    def reads(self) -> str:
        """The flow that is scored; that of the files of this model where the input is a file."""
        return self.input.removeprefix(FLOW) if self.is_flow else f"{self.model}.inputs"

    @property
    def is_flow(self) -> bool:
        """Whether the input is a flow."""
        return self.input.startswith(FLOW)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ScoreJob:
        """The job whose `settings` these are, as the ledger keeps them beside a run."""
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
        return cls(**values)

    def settings(self) -> dict[str, Any]:
        """What its results depend on, as JSON values."""
        return {name: value for name, value in json.loads(json.dumps(asdict(self))).items() if name not in ("input", "chunk_rows")} | {"input": FLOW + self.reads}


def run_of(job: ScoreJob, input_digest: str, versions: Mapping[str, str], rollout: int | None, stage: int | None, revision: int = 0) -> str:
    """What a scoring is known by: the same rows by the same versions under the same settings are the same run.

    Args:
        job: what is asked.
        input_digest: of the lot.
        versions: digests of the artefacts, by the part they play ("champion", "challenger", "previous").
        rollout: its number.
        stage: it is at.
        revision: how often the batch was scored before.

    >>> first, other = (run_of(ScoreJob("churn", "flow:a"), "sha256:1", {"champion": version}, None, None) for version in ("sha256:2", "sha256:3"))
    >>> first[:4], len(first), first == other
    ('run:', 68, False)
    """
    whole = [job.settings(), input_digest, dict(versions), rollout, stage, revision]
    return "run:" + hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
