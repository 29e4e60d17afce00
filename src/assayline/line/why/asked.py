"""What somebody asks, and what is seen there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assayline.diagnosis import Symptom
from assayline.errors import MisuseError

from .derivation import Derivation


@dataclass(frozen=True)
class Asked:
    """A question.

    Args:
        flow: what is asked about; "" where an incident or a model says it.
        incident: number of an incident of the gate.
        model: a version of a model, "churn:v8".
        lot: this lot of the flow is the bad one; None to find it.
        since: a UTC time (`moments.moment_of`): only what began then or later; "" for anything.
        rows: of the flow that the complaint is about: "station = 3 and day = 2026-03-10"; "" for all.
        metric: the figure that is meant: "mae(prediction, rentals)"; "" for whatever moved.
        most: replays.
        seconds: of the clock for all replays.
        packages: folders with packages in earlier versions.

    >>> Asked("hourly", rows="station = 3").text
    'hourly: station = 3'
    """

    flow: str = ""
    incident: int | None = None
    model: str = ""
    lot: int | None = None
    since: str = ""
    rows: str = ""
    metric: str = ""
    most: int = 24
    seconds: float = 120.0
    packages: Sequence[str] = ()

    def __post_init__(self) -> None:
        if sum((bool(self.flow), self.incident is not None, bool(self.model))) != 1:
            raise MisuseError("ask about one thing: assay why FLOW, assay why incident 12, or assay why model churn:v8")
        if not 1 <= self.most <= 1_000:
            raise MisuseError(f"--most {self.most}: give 1 to 1,000 replays")
        if not 0 < self.seconds <= 86_400:
            raise MisuseError(f"--seconds {self.seconds:g}: give more than 0 and at most 86,400")

    @property
    def text(self) -> str:
        """The question in a few words."""
        what = self.flow or (f"incident {self.incident}" if self.incident is not None else f"model {self.model}")
        return what + (f": {self.rows}" if self.rows else "")


@dataclass(frozen=True)
class Seen:
    """A symptom, with the two states between which it began.

    Args:
        symptom: what is wrong.
        bad: the first state that shows it.
        good: the last one that does not; None where there is none.
        history: its measure in the last lots: `lot`, `at`, `value`.
        asked: the flow somebody asked about, where it shows elsewhere: upstream of it.
        notes: what else is to be said.
        finding: of the gate, where that is the symptom.
    """

    symptom: Symptom
    bad: Derivation
    good: Derivation | None
    history: Sequence[Mapping[str, Any]] = ()
    asked: str = ""
    notes: tuple[str, ...] = ()
    finding: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Healthy:
    """Nothing is wrong, as far as can be seen.

    Args:
        flow: that was asked about.
        sentence: one line.
        name: of the figure in the history, or "".
        history: `lot`, `at`, `value`.
    """

    flow: str
    sentence: str
    name: str = ""
    history: Sequence[Mapping[str, Any]] = ()
