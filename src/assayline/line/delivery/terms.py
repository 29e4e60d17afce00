"""What is agreed when a rollout sets out: how it goes on, what is watched, and what it may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assayline.core import Stage, stages_of
from assayline.core.rollout import RAMP
from assayline.errors import MisuseError

MODES = ("replay", "shadow", "canary", "ab", "blue_green")
MIXES = ("none", "map_scores", "quota_per_arm")
GUARDS = ("nan_rate", "flip_rate", "out_of_range", "fallback_rate", "moved", "loss")
USUAL_GUARDS = "nan_rate, out_of_range, flip_rate, loss"
GUARD = re.compile(r"(?P<guard>[a-z_]+)(?:\s+per\s+(?P<by>.+?))?(?:\s*<=\s*(?P<limit>[0-9.]+)\s*(?P<cent>%)?)?")
LABELS = re.compile(r"flow:(?P<flow>[^?]+)(?:\?(?P<more>.*))?")
WATCH_BATCHES = 14  # two weeks of daily batches


@dataclass(frozen=True)
class Watched:
    """One thing that is watched.

    Args:
        guard: one of `GUARDS`.
        by: the column whose values are looked at one by one besides the whole; "" for the whole only.
        limit: the share that is allowed, 0 to 1; None for what the champion differs from itself from day to day.
    """

    guard: str
    by: str = ""
    limit: float | None = None


@dataclass(frozen=True)
class Labels:
    """Where the truth comes from.

    Args:
        flow: whose lots have it.
        unit: the column there that names the unit; "" for the same as in the predictions.
        label: the column with the truth; "" for the target of the model.
        time: a column that both have, where a unit comes more than once; "" for none: then the first that came after the batch was scored.
    """

    flow: str
    unit: str = ""
    label: str = ""
    time: str = ""


@dataclass(frozen=True)
class Terms:
    """What is agreed.

    Args:
        unit: the column that says what belongs together: its values are assigned, not rows.
        mode: where it is to end: "replay", "shadow", "canary", "ab" or "blue_green".
        ramp: per cents of the keys, rising.
        split: per cent of the keys of the challenger in the mode "ab".
        guards: what is watched.
        holdout: per cent of the keys that always stay with the champion.
        control: per cent of the keys that both score although the champion answers them.
        mix: how answers of two models stand in one list: "none", "map_scores" or "quota_per_arm"; "" where it was not said.
        labels: where the truth comes from; None for nowhere.
        limits: of the judge, by name, where they are not the usual ones.
        watch: for how many batches after a promotion the old version scores the control share.
    """

    unit: str
    mode: str = "canary"
    ramp: Sequence[float] = RAMP
    split: float = 50.0
    guards: Sequence[Watched] = ()
    holdout: float = 0.0
    control: float = 10.0
    mix: str = ""
    labels: Labels | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    watch: int = WATCH_BATCHES

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise MisuseError(f"--mode is one of {', '.join(MODES)}, not {self.mode!r}")
        if self.mix and self.mix not in MIXES:
            raise MisuseError(f"--mix is one of {', '.join(MIXES)}, not {self.mix!r}")
        if not self.unit.strip():
            raise MisuseError("say with --unit which column names what belongs together, such as customer_id: a unit always gets the same model")
        if not 0 <= self.holdout < 100 or not 0 <= self.control <= 100 or self.holdout + self.control > 100:
            raise MisuseError(f"--holdout {self.holdout:g} and --control {self.control:g} are per cents of the keys, together at most 100")
        if self.watch < 0:
            raise MisuseError(f"--watch is a number of batches, 0 or more, not {self.watch}")
        self.stages()

    def stages(self) -> tuple[Stage, ...]:
        """The way.

        Raises:
            MisuseError: the shares do not rise, or are no per cents above 0.
        """
        shares = [*self.ramp, *([self.split] if self.mode == "ab" else [])]
        if not self.ramp or list(self.ramp) != sorted(set(self.ramp)) or not all(0 < one <= 100 for one in shares):
            raise MisuseError(f"--ramp is a list of rising per cents such as 1,5,25,50,100, and --split one of them, not {', '.join(f'{one:g}' for one in shares) or 'empty'}")
        return stages_of(self.mode, tuple(map(float, self.ramp)), float(self.split))

    def settings(self) -> dict[str, Any]:
        """As they stand in the ledger; `of` reads them."""
        return {
            "unit": self.unit, "mode": self.mode, "ramp": [float(one) for one in self.ramp], "split": float(self.split), "holdout": float(self.holdout),
            "control": float(self.control), "mix": self.mix, "watch": self.watch, "limits": dict(self.limits),
            "guards": [{"guard": one.guard, "by": one.by, "limit": one.limit} for one in self.guards],
            "segments": list(dict.fromkeys(one.by for one in self.guards if one.by)),
            "labels": None if self.labels is None else {"flow": self.labels.flow, "unit": self.labels.unit, "label": self.labels.label, "time": self.labels.time},
        }  # fmt: skip

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Terms:
        """Those of a rollout in the ledger."""
        values = {name: settings[name] for name in ("unit", "mode", "ramp", "split", "holdout", "control", "mix", "watch", "limits") if name in settings}
        labels = settings.get("labels")
        values |= {"ramp": tuple(values.get("ramp", RAMP))}
        return cls(**values, guards=tuple(Watched(**one) for one in settings.get("guards", ())), labels=None if labels is None else Labels(**labels))


def guards_of(text: str) -> tuple[Watched, ...]:
    """What is to be watched, as people write it.

    Raises:
        MisuseError: there is no such guard, or its limit is no share.

    >>> guards_of("nan_rate, flip_rate <= 5%, loss per country")
    (Watched(guard='nan_rate', by='', limit=None), Watched(guard='flip_rate', by='', limit=0.05), Watched(guard='loss', by='country', limit=None))
    """
    found = []
    for one in (part.strip() for part in text.split(",")):
        match = GUARD.fullmatch(one)
        if match is None or match["guard"] not in GUARDS:
            raise MisuseError(f"{one!r} is nothing to watch; write for instance: {USUAL_GUARDS}, or flip_rate <= 5%, or loss per country; there are {', '.join(GUARDS)}")
        limit = None if match["limit"] is None else _share(one, match["limit"], 100 if match["cent"] else 1)
        found.append(Watched(match["guard"], (match["by"] or "").strip(), limit))
    return tuple(found)


def _share(shown: str, number: str, parts: int) -> float:
    try:
        share = float(number) / parts
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise MisuseError(f"{shown!r}: the limit is a share such as 5% or 0.05")
    return share


def labels_of(text: str) -> Labels:
    """Where the truth comes from, as people write it.

    Raises:
        MisuseError: it is no flow.

    >>> labels_of("flow:outcomes?label=left&time=month")
    Labels(flow='outcomes', unit='', label='left', time='month')
    """
    match = LABELS.fullmatch(text)
    more = dict(one.partition("=")[::2] for one in (match["more"] or "").split("&") if one) if match is not None else {}
    if match is None or not more.keys() <= {"unit", "label", "time"}:
        raise MisuseError(f"--labels {text!r} names no flow; write flow:NAME, or flow:NAME?unit=COLUMN&label=COLUMN&time=COLUMN")
    return Labels(match["flow"], **more)


def ramp_of(text: str) -> tuple[float, ...]:
    """The per cents of a ramp, as people write them.

    Raises:
        MisuseError: one is no number.

    >>> ramp_of("1, 5,25 %")
    (1.0, 5.0, 25.0)
    """
    try:
        return tuple(float(one.strip().rstrip("%")) for one in text.split(","))
    except ValueError:
        raise MisuseError(f"--ramp {text!r} is no list of per cents; write for instance 1,5,25,50,100") from None


def limits_of(texts: Sequence[str]) -> dict[str, Any]:
    """Limits of the judge, as people write them; which there are is known to the judge.

    Raises:
        MisuseError: one is not NAME=VALUE.

    >>> limits_of(["margin=0.005", "cycle=14", "on_inconclusive=hold"])
    {'margin': 0.005, 'cycle': 14, 'on_inconclusive': 'hold'}
    """
    found: dict[str, Any] = {}
    for one in texts:
        name, equals, value = (part.strip() for part in one.partition("="))
        if not (name and equals and value):
            raise MisuseError(f"--limit {one!r} is not NAME=VALUE; write for instance --limit margin=0.005")
        found[name] = _number(value)
    return found


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
