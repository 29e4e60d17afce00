"""From what batches say to what happens to a rollout: go on, stay, go back, or promote, with the reason and with when more can be known.

A pure function of its arguments: the same batches give the same decision again, years later.

Null hypothesis: the challenger does no harm (each guard keeps its limit in every batch, losses stay within their margin). Promised: such a rollout is rolled back in at most `alpha_rollback` of
all cases, over all guards, segments and looks: half of the chance is for guards over all rows (Bonferroni), half for those by segment (e-BH); without segments all of it is for the former.
A guard that is at its limit is called within it in at most `alpha_promote`; promotion needs all guards, so that this chance does not grow with them. Simulated in `tests/rollout/test_judging.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from assayline.core import Rollout

from . import cuped, paired
from .betting import log_e_below
from .ebh import e_bh
from .evidence import Batch, Behaviour
from .limits import Limits
from .restarting import carried, needed_now
from .slower import slower
from .srm import lost_on_the_way

ACTIONS = ("advance", "stay", "rollback", "promote")
# So many events are needed before a share alone undoes a batch: at the limit itself, three times as many as expected and at least 20 come by chance in fewer than 1 of 40,000 batches.
HARD_COUNT = 20
# From here a guard is watched: nothing goes on, nothing goes back. At the limit it comes by chance in at most 5 % of all rollouts.
WATCHED = math.log(20.0)
_COUNTED = {"L2": "pairs", "L3": "pairs with labels", "L4": "units", "L5": "calls"}


@dataclass(frozen=True)
class GuardLine:
    """What one guard says at the moment of a decision.

    Args:
        guard, segment: which one; the segment "" is for all rows.
        layer: "L2" behaviour, "L3" losses, "L4" outcomes, "L5" speed and failures.
        rows: pairs (or units, or calls) it rests on.
        bad: of which the event happened; 0 for guards that are no shares.
        share: bad / rows; for losses and outcomes the mean difference, in units of `unit`.
        limit: what is allowed of it.
        log_e: natural logarithm of the e-value for "it keeps its limit".
        needed: the log_e at which the rollout goes back.
        within: natural logarithm of the e-value for "it is at its limit or beyond": the proof that it is within.
        state: "fine", "watch" (nothing goes on), "broken" (goes back), "no data".
        unit: of share and limit; "" for a share of pairs.
        batches: that it counts; for losses those with labels.
    """

    guard: str
    segment: str
    layer: str
    rows: int
    bad: int
    share: float
    limit: float
    log_e: float
    needed: float
    within: float
    state: str
    unit: str = ""
    batches: int = 0

    @property
    def name(self) -> str:
        """The guard, and the segment where there is one."""
        return f"{self.guard} of {self.segment}" if self.segment else self.guard

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.rows and self.state == "broken":
            return f"{self.name}: harm pair by pair that does not wait for the labels of whole batches."
        if not self.rows:
            return f"{self.name}: no data."
        if self.unit:
            return f"{self.name}: {self.share:+.4g} {self.unit} over {self.rows:,} {_COUNTED[self.layer]}, where {self.limit:.4g} is allowed: {self.state}."
        return f"{self.name}: {self.bad:,} of {self.rows:,} pairs ({self.share:.2%}), where {self.limit:.2%} are allowed: {self.state}."


@dataclass(frozen=True)
class Decision:
    """What happens to a rollout now, and why.

    Args:
        action: "advance" (one stage on), "stay", "rollback" (the champion answers everything again), "promote" (the challenger becomes the champion).
        layer: which layer decided ("L0" … "L5"), or "".
        reason: in a sentence.
        figures: what it rests on, in numbers.
        possible: when a decision is possible, in a sentence.
        evidence: each guard's line.
    """

    action: str
    layer: str
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)
    possible: str = ""
    evidence: tuple[GuardLine, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` gives an equal decision back."""
        return {**asdict(self), "figures": dict(self.figures), "evidence": [asdict(one) for one in self.evidence]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Decision:
        """Read what `to_json` wrote."""
        return cls(**{**document, "evidence": tuple(GuardLine(**one) for one in document.get("evidence", ()))})


def judge(batches: Sequence[Batch], rollout: Rollout, limits: Limits) -> Decision:
    """What happens to a rollout after these batches.

    Layers that send it back come first, because going back needs no trust in the rest: L0 (something is wrong with the challenger as a machine), a share that needs no test,
    then any guard's e-value. What makes it stay comes next: L1 (rows that are not accounted for). Only then it may go on.

    Args:
        batches: all of this rollout, oldest first, each with what is known of it now.
        rollout: as it stands.
        limits: what was agreed at its start.

    >>> from assayline.core.rollout import stages_of
    >>> from assayline.rollout import Accounting, Batch, Behaviour
    >>> rollout = Rollout("v6", "v7", salt="2026-11", stages=stages_of("canary"), stage=2)
    >>> batch = Batch("day 1", "2026-11-21", 2, "canary", 1.0, Accounting(5000, 5000), (Behaviour("flip_rate", "", 550, 11, 0.05, -5.0),))
    >>> judge([batch], rollout, Limits()).action
    'advance'
    """
    if rollout.state not in ("running", "promoted"):
        return Decision("stay", "", f"the rollout is over: {rollout.state.replace('_', ' ')}.")
    lines = guard_lines(batches, limits)
    figures = _figures(batches, lines, limits)

    def decided(action: str, layer: str, reason: str, possible: str = "") -> Decision:
        return Decision(action, layer, reason, figures, possible, lines)

    for layer, reason in _harm(batches, lines, limits):
        return decided("rollback", layer, reason)
    alarm = _unaccounted(batches[-limits.cycle :])
    if alarm:
        return decided("stay", "L1", alarm, "Nothing goes on before the rows are accounted for: find where they went, and score the batch again.")
    mismatch = _mismatch(batches, limits)
    if mismatch:
        return decided("stay", "L1b", mismatch, "Nothing goes on before it is known why: look for outcomes that are joined or recorded differently in one arm.")
    if rollout.state == "promoted":
        return decided("stay", "", "it is promoted, and nothing speaks against it; the old champion goes on scoring a part of the rows.")
    lacking = _lacking(batches, rollout, lines, limits)
    last = rollout.stage == len(rollout.stages) - 1
    if not lacking:
        if last:
            return decided("promote", "", f"every guard is within its limit: {_all_of(line.sentence for line in lines)}")
        following = rollout.stages[rollout.stage + 1]
        return decided("advance", "", f"stage {rollout.stage} ({_shown(rollout.stage, rollout)}) is clean; the next is {following.mode} at {following.share:g} %.")
    if limits.max_batches and len(batches) >= limits.max_batches and limits.on_inconclusive != "hold":
        why = f"after {len(batches)} batches it is still undecided ({lacking[0].what}), and then it is to {'be promoted' if limits.on_inconclusive == 'promote' else 'go back'}."
        # A missing answer may be waved through, a warning or an empty guard may not.
        if limits.on_inconclusive == "rollback" or all(line.state == "fine" for line in lines):
            return decided(limits.on_inconclusive, "", why)
    return decided("stay", lacking[0].layer, f"{lacking[0].what}.", _possible(lacking, "promotion" if last else "the next stage"))


def guard_lines(batches: Sequence[Batch], limits: Limits) -> tuple[GuardLine, ...]:
    """Each guard at this moment, those over all rows first; guards that were asked for and said nothing too."""
    lines = _measured(batches, limits)
    segments = sum(bool(one.segment) for one in lines)
    overall, by_segment = _needed(len(lines) - segments, segments > 0, limits)
    named = e_bh([one.log_e for one in lines if one.segment], by_segment.alpha)
    broken = {(one.guard, one.segment) for one, wrong in zip((one for one in lines if one.segment), named, strict=True) if wrong}
    found = []
    for one in lines:
        needed = math.log(segments) + by_segment.log_each if one.segment else overall.log_each
        is_broken = (one.guard, one.segment) in broken if one.segment else one.log_e >= needed
        state = "broken" if is_broken else "no data" if not one.rows else "watch" if one.log_e >= WATCHED else "fine"
        found.append(replace(one, needed=needed, state=state))
    return tuple(sorted(found, key=lambda one: (one.segment != "", one.layer, one.guard, one.segment)))


def alpha_inside(batches: Sequence[Batch], limits: Limits, guard: str, segment: str = "", *, segments: int = 0) -> float:
    """The alpha of a `RateTest` within the next batch, so that it stops the batch exactly when this guard alone would send the rollout back.

    Args:
        batches: of the rollout so far.
        guard, segment: which one.
        segments: how many pairs of guard and segment are tested in all; 0 for none. `limits.guards` names the guards over all rows.

    >>> alpha_inside([], Limits(guards=("flip_rate", "nan_rate")), "flip_rate")
    0.0025...
    """
    lines = _measured(batches, limits)
    guards = {one.guard for one in lines if not one.segment} | {guard}
    segments = max(segments, sum(bool(one.segment) for one in lines), int(bool(segment)))
    overall, by_segment = _needed(len(guards), segments > 0, limits)
    needed = by_segment.log_each + math.log(segments) if segment else overall.log_each
    return min(0.49, math.exp(-needed_now(_log_es(batches, guard, segment), needed)))


# ---- layers


def _harm(batches: Sequence[Batch], lines: Sequence[GuardLine], limits: Limits) -> Iterable[tuple[str, str]]:
    for batch in batches:
        if batch.mechanical:
            yield "L0", f"the challenger does not work as it should in {batch.name}: {_all_of(batch.mechanical)}"
    for batch in batches:
        for one in batch.behaviours:
            if one.hard < 1 and one.bad >= HARD_COUNT and one.bad >= one.hard * one.rows:
                name = f"{one.guard} of {one.segment}" if one.segment else one.guard
                yield "L2", f"{name} in {batch.name}: {one.bad:,} of {one.rows:,} pairs ({one.bad / one.rows:.1%}), and from {one.hard:.1%} on no test is asked."
    for line in lines:
        if line.state == "broken":
            yield line.layer, f"{line.sentence} By chance that comes in fewer than {limits.alpha_rollback:g} of rollouts that do no harm."


def _unaccounted(batches: Sequence[Batch]) -> str:
    """Where rows are that nobody accounts for, or ""; exact, no statistics."""
    for batch in batches:
        one = batch.accounting
        said = one.published + one.quarantined + one.failed
        if one.taken != said:
            return f"{batch.name}: {one.taken:,} rows came, but {one.published:,} published, {one.quarantined:,} quarantined and {one.failed:,} failed make {said:,}."
        if one.misplaced:
            return f"{batch.name}: {one.misplaced:,} rows were answered by another arm than the hash of their unit says."
        if sum(one.arms.values()) > one.taken:
            return f"{batch.name}: the arms answered {sum(one.arms.values()):,} rows, and {one.taken:,} came."
    return ""


def _mismatch(batches: Sequence[Batch], limits: Limits) -> str:
    log_e, lost = lost_on_the_way(batches)
    if log_e < -math.log(limits.alpha_srm):
        return ""
    shares = ", ".join(f"{share:.2%} in the arm of the {arm}" for arm, share in sorted(lost.items()))
    return f"units lose their outcome on the way, and not alike in all arms: {shares}; a comparison of outcomes would be worthless."


@dataclass(frozen=True)
class _Lack:
    """Why it cannot go on: what, which layer, and what would end it."""

    what: str
    layer: str
    ends: str


def _lacking(batches: Sequence[Batch], rollout: Rollout, lines: Sequence[GuardLine], limits: Limits) -> list[_Lack]:
    here = [one for one in batches if one.stage == rollout.stage]
    last = rollout.stage == len(rollout.stages) - 1
    following = 100.0 if last else rollout.stages[rollout.stage + 1].share
    found = [*_of_stage(here, lines, limits)]
    if rollout.stages[-1].mode == "replay":  # nobody is answered by the challenger: what was compared is the result
        return found
    if last or following >= 100:
        found += _of_promotion(batches, rollout, lines, limits)
    elif following > limits.optimistic_share:
        found += _of_first_labels(lines, limits)
    return found


def _of_first_labels(lines: Sequence[GuardLine], limits: Limits) -> Iterable[_Lack]:
    """What a share beyond the optimistic one needs, where labels are expected at all."""
    for line in (one for one in lines if one.layer == "L3" and not one.segment):
        if line.rows < limits.min_units:
            yield _Lack(
                f"{line.rows:,} pairs have a label, and before {limits.min_units:,} the challenger answers at most {limits.optimistic_share:g} %", "L3",
                f"the labels of {limits.min_units - line.rows:,} more pairs",
            )  # fmt: skip
        elif line.share > line.limit:
            yield _Lack(f"{line.sentence.removesuffix('.')}, though above its margin", "L3", "the labels of more batches")


def _of_stage(here: Sequence[Batch], lines: Sequence[GuardLine], limits: Limits) -> Iterable[_Lack]:
    """What a ramp step needs: enough pairs in this stage, within the limits, and no guard under watch."""
    if not here:
        yield _Lack("no batch was scored in this stage yet", "", "a batch")
        return
    watched = [line for line in lines if line.state == "watch"]
    if watched:
        yield _Lack(f"{watched[0].sentence.removesuffix('.')}", watched[0].layer, f"more pairs for {_all_of(line.name for line in watched)}")
    guards = [line for line in lines if line.layer == "L2" and not line.segment]
    if not guards:
        yield _Lack("no guard has said anything, and no data is never a pass", "L2", "a guard that is measured")
    for line in guards:
        rows, bad, _ = _counted(here, line.guard, "")
        if rows < limits.min_units:
            yield _Lack(f"{line.guard} has {rows:,} pairs in this stage, and {limits.min_units:,} are needed", "L2", f"{limits.min_units - rows:,} more pairs for {line.guard}")
        elif bad > line.limit * rows:
            yield _Lack(f"{line.guard} is at {bad / rows:.2%} in this stage, above its limit of {line.limit:.2%}, though not yet for certain", "L2", f"more pairs for {line.guard}")


def _of_promotion(batches: Sequence[Batch], rollout: Rollout, lines: Sequence[GuardLine], limits: Limits) -> Iterable[_Lack]:
    """What everybody's model needs: a cycle, and every guard shown to be within its limit."""
    live = len({one.name for one in batches if one.mode != "replay"})
    if live < limits.cycle:
        more = limits.cycle - live
        yield _Lack(f"{live} of the {limits.cycle} batches of a cycle have come", "", f"{more} more {'batch' if more == 1 else 'batches'}")
    decided_by_outcomes = rollout.stages[-1].mode == "ab"
    if decided_by_outcomes and not any(line.layer == "L4" for line in lines):
        yield _Lack("no outcome of the two arms has come, and no data is never a pass", "L4", "outcomes of both arms")
    for line in lines:
        if line.layer == "L4" and not decided_by_outcomes:  # in a ramp the arms are too unequal to prove it; a warning is enough
            continue
        if line.layer == "L3" and not line.segment and line.batches < limits.cycle:
            more = limits.cycle - line.batches
            what = f"{line.batches} batches have at least {limits.matured_share:.0%} of their labels, and a cycle is {limits.cycle}"
            yield _Lack(what, "L3", f"the labels of {more} more {'batch' if more == 1 else 'batches'}")
        elif line.rows < limits.min_units:
            counted = _COUNTED[line.layer]
            yield _Lack(f"{line.name} has {line.rows:,} {counted}, and {limits.min_units:,} are needed", line.layer, f"{limits.min_units - line.rows:,} more {counted} for {line.name}")
        elif not line.segment and line.within < -math.log(limits.alpha_promote):
            shown = "better" if line.layer == "L4" and limits.superior else "within its limit"
            yield _Lack(f"{line.name} is not yet shown to be {shown}", line.layer, _until_within(line, limits))


def _until_within(line: GuardLine, limits: Limits) -> str:
    """About how many pairs would show it, if the share stays as it is."""
    if line.unit or line.share >= line.limit:
        return f"more {_COUNTED[line.layer]} for {line.name}"
    for rows in np.unique((line.rows * np.geomspace(1.02, 1000, 200)).astype(np.int64)).tolist():
        if log_e_below(rows, round(rows * line.share), line.limit) >= -math.log(limits.alpha_promote):
            return f"about {rows - line.rows:,} more pairs for {line.name}"
    return f"more than {999 * line.rows:,} pairs for {line.name}, unless its limit is raised"


# ---- behaviour of guards over batches


@dataclass(frozen=True)
class _Family:
    """Tests that share a chance of error."""

    alpha: float
    log_each: float


def _needed(guards: int, with_segments: bool, limits: Limits) -> tuple[_Family, _Family]:
    """For guards over all rows (G tests at G / alpha each), and for those by segment (e-BH)."""
    alpha = limits.alpha_rollback / (2 if with_segments else 1)
    return _Family(alpha, math.log(max(1, guards) / alpha)), _Family(alpha, -math.log(alpha))


def _measured(batches: Sequence[Batch], limits: Limits) -> list[GuardLine]:
    """Every guard of every layer, before it is known how many they are."""
    return [*_behaviours(batches, limits), *_losses(batches, limits), *_outcomes(batches, limits), *_speed(batches, limits)]


def _losses(batches: Sequence[Batch], limits: Limits) -> Iterable[GuardLine]:
    segments = dict.fromkeys([*([""] if limits.labels or "loss" in limits.guards else []), *(one.segment for batch in batches for one in batch.matured)])
    for segment in segments:
        found = paired.blocks(batches, limits, segment)
        counted, rows = sum(one.batches for one in found), sum(one.rows for one in found)
        margin = paired.margin_of(found, limits)
        hard = carried([one.log_e for batch in batches if batch.mode != "replay" for one in batch.matured if one.segment == segment and one.rows])
        mean = sum(one.rows * one.mean for one in found) / rows if rows else 0.0
        log_e = paired.against_losses(found, margin, hard, limits)
        within = paired.log_e_within(found, margin) if counted >= limits.cycle else 0.0
        yield GuardLine("loss", segment, "L3", rows, 0, mean, margin, log_e, 0.0, within, "", found[-1].unit if found else "loss", counted)


def _outcomes(batches: Sequence[Batch], limits: Limits) -> Iterable[GuardLine]:
    for measure in cuped.measures(batches):
        found = cuped.compare(batches, measure)
        if found is None:
            yield GuardLine(measure, "", "L4", 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, "", f"{measure} per unit lost")
            continue
        margin = limits.outcome_margin * abs(found.champion)
        within = found.log_e_within(0.0 if limits.superior else margin)
        yield GuardLine(measure, "", "L4", found.units, 0, found.worse_by, margin, found.log_e_worse(margin), 0.0, within, "", f"{measure} per unit lost")


def _speed(batches: Sequence[Batch], limits: Limits) -> Iterable[GuardLine]:
    found = slower(batches, limits.latency_margin)
    if found is None and "latency" in limits.guards:
        yield GuardLine("latency", "", "L5", 0, 0, 0.0, limits.latency_margin, 0.0, 0.0, 0.0, "", "of the calls slower")
    elif found is not None:
        log_e, calls, worst = found
        # Speed is a warning only: what is not slower as far as it was seen needs no proof.
        within = -math.log(limits.alpha_promote) if worst <= limits.latency_margin else 0.0
        yield GuardLine("latency", "", "L5", calls, 0, worst, limits.latency_margin, log_e, 0.0, within, "", "of the calls slower")


def _behaviours(batches: Sequence[Batch], limits: Limits) -> list[GuardLine]:
    keys = dict.fromkeys([(guard, "") for guard in limits.guards if guard not in ("loss", "latency")] + [(one.guard, one.segment) for batch in batches for one in batch.behaviours])
    lines = []
    for guard, segment in keys:
        rows, bad, limit = _counted(batches, guard, segment)
        within = log_e_below(rows, bad, limit) if limit else (-math.log(limits.alpha_promote) if rows and not bad else 0.0)
        lines.append(GuardLine(guard, segment, "L2", rows, bad, bad / rows if rows else 0.0, limit, carried(_log_es(batches, guard, segment)), 0.0, within, ""))
    return lines


def _of(batches: Iterable[Batch], guard: str, segment: str) -> Iterable[Behaviour]:
    return (one for batch in batches for one in batch.behaviours if (one.guard, one.segment) == (guard, segment))


def _counted(batches: Iterable[Batch], guard: str, segment: str) -> tuple[int, int, float]:
    rows = bad = 0
    limit = 0.0
    for one in _of(batches, guard, segment):
        rows, bad, limit = rows + one.rows, bad + one.bad, one.limit
    return rows, bad, limit


def _log_es(batches: Iterable[Batch], guard: str, segment: str) -> list[float]:
    return [one.log_e for one in _of(batches, guard, segment) if one.rows]


# ---- words and figures


def _figures(batches: Sequence[Batch], lines: Sequence[GuardLine], limits: Limits) -> dict[str, float]:
    return {
        "batches": len(batches), "live_batches": len({one.name for one in batches if one.mode != "replay"}), "cycle": limits.cycle,
        "pairs": max((line.rows for line in lines if line.layer == "L2" and not line.segment), default=0), "guards": len({line.guard for line in lines}),
        "labelled": sum(line.rows for line in lines if line.layer == "L3" and not line.segment), "log_e": _whole([line.log_e for line in lines if not line.segment]),
        "segments": len({line.segment for line in lines if line.segment}), "alpha_rollback": limits.alpha_rollback, "alpha_promote": limits.alpha_promote,
    }  # fmt: skip


def _whole(log_es: Sequence[float]) -> float:
    """The e-value of a rollout that does no harm at all: the mean over its guards; what `e_lond` takes."""
    if not log_es:
        return 0.0
    top = max(log_es)
    return top + math.log(sum(math.exp(one - top) for one in log_es) / len(log_es))


def _possible(lacking: Sequence[_Lack], what: str) -> str:
    needs = list(dict.fromkeys(one.ends for one in lacking))
    return f"A decision about {what} is possible after {_listed(needs)}."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _all_of(sentences: Iterable[str]) -> str:
    return " ".join(sentences)


def _shown(stage: int, rollout: Rollout) -> str:
    one = rollout.stages[stage]
    return f"{one.mode} at {one.share:g} %" if one.share else one.mode
