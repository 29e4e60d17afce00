"""A rollout played day by day with customers made up, and the judge of Assayline deciding: for the picture in the documentation, and for tests of what is shown.

Nothing about it is set by hand but how often the challenger decides otherwise on each day: arms come from the hash of each customer, evidence from the tests of the guards, and the
stages, the stop and the way back from the judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.core import Rollout
from assayline.core.rollout import CHALLENGER, CHAMPION, stages_of
from assayline.rollout import (
    Accounting,
    Batch,
    Behaviour,
    Decision,
    Limits,
    Matured,
    RateTest,
    alpha_inside,
    arms,
    buckets,
    compared,
    course,
    hard_harm,
    hard_margin,
    judge,
    standing,
)

Document = dict[str, Any]
GUARDS = ("flip_rate", "nan_rate", "out_of_range")
COUNTRIES = ("DE", "FR", "NO", "SE")
USUAL = {"flip_rate": 0.028, "nan_rate": 0.00002, "out_of_range": 0.002}
FIRST = datetime(2026, 11, 11, 6, 5, tzinfo=UTC)
REPLAYED = 3
LOTS = 40  # the first lot of predictions
# Ten days of a candidate that is fine until the eighth, from which on it decides otherwise more and more often.
TEN_DAYS = (*(0.028,) * 7, 0.05, 0.06, 0.08)


def simulated(
    flips: Sequence[float] = TEN_DAYS, *, customers: int = 6_000, seed: int = 7, limits: Limits | None = None, holdout: float = 5.0, segments: bool = True, labels_after: int = 3,
    worse: float = 0.0, by_segment: Mapping[str, float] | None = None,
) -> Document:  # fmt: skip
    """A rollout as `assay rollout status --json` tells it.

    Args:
        flips: how often the challenger decides otherwise, 0 to 1, on each day.
        customers: about so many a day.
        seed: of chance.
        limits: what the judge holds it to; with a cycle of ten days when None, so that the ramp waits at 50 per cent.
        holdout: per cent of the customers that stay with the champion.
        segments: whether the guards are kept by country too.
        labels_after: days after which the labels of a batch are there.
        worse: how much more often than the champion the challenger is wrong, 0 to 1.
        by_segment: how often it decides otherwise in some countries, where that is something else than in the others.
    """
    agreed = limits or Limits(guards=GUARDS, cycle=10, labels=False, margin=0.01, rates={"flip_rate": 0.05})
    chance = np.random.default_rng(seed)
    rollout = Rollout("churn:v6", "churn:v7", salt="2026-11", stages=stages_of("canary"), holdout=holdout, control=10.0)
    batches: list[Batch] = []
    states: list[str] = []
    start = FIRST - timedelta(minutes=50)
    timeline: list[Document] = [_event(start, "start", rollout, "ana", "the features of the new app")]
    decision: Decision | None = None
    for day, rate in enumerate((*((flips[0],) * REPLAYED), *flips)):
        if rollout.state != "running":
            break
        at = start + timedelta(minutes=5 + day) if day < REPLAYED else FIRST + timedelta(days=day - REPLAYED)
        came = FIRST - timedelta(days=REPLAYED - day) if day < REPLAYED else at
        batch, stopped = _batch(batches, rollout, agreed, rate, customers, chance, at, f"customers-{came:%m-%d}", by_segment or {}, segments=segments)
        batches = [_labelled(one, at, labels_after, agreed, chance, worse) for one in batches] + [batch]
        states.append("replayed" if day < REPLAYED else "published")
        if day < REPLAYED - 1:
            continue
        decision = judge(batches, rollout, agreed)
        rollout = _moved(rollout, decision)
        if decision.action != "stay" or stopped:
            timeline.append(_event(at + timedelta(minutes=1), decision.action, rollout, "judge", decision.reason))
    repairs = []
    if rollout.state == "rolled_back":
        for place, one in enumerate(batches):
            rows = one.accounting.arms.get(CHALLENGER, 0)
            if rows and states[place] == "published":
                states[place] = "repaired"
                at = datetime.fromisoformat(batches[-1].at) + timedelta(minutes=2)
                repairs.append(_repair(place, rows, at))
                timeline.append(_event(at, "repair", rollout, "assayline", f"{rows:,} rows that were published as lot {LOTS + place} are put right"))
    return _document(rollout, agreed, batches, states, timeline, repairs, decision)


def _batch(
    past: Sequence[Batch], rollout: Rollout, limits: Limits, rate: float, customers: int, chance: np.random.Generator, at: datetime, name: str, by_segment: Mapping[str, float], *,
    segments: bool,
) -> tuple[Batch, bool]:  # fmt: skip
    """One day: who came, who answered them, and what the guards said; a guard that has seen enough stops it, and the champion answers everybody."""
    rows = round(customers * (0.9 + 0.2 * chance.random()))
    ids = (chance.random(rows) * 50_000).astype(np.int64)
    numbers = buckets(rollout.salt, [f"c{one}" for one in ids])
    arm, both = arms(rollout, numbers), compared(rollout, numbers)
    pairs = np.flatnonzero(both)
    # In the order of the hash, so that whoever is looked at first is nobody's choice.
    pairs = pairs[np.argsort(numbers[pairs], kind="stable")]
    country = ids[pairs] % len(COUNTRIES)
    rates = np.full(len(pairs), rate)
    for place, segment in enumerate(COUNTRIES):
        if segment in by_segment:
            rates[country == place] = by_segment[segment]
    bad = {guard: chance.random(len(pairs)) < (rates if guard == "flip_rate" else USUAL[guard]) for guard in GUARDS}
    found, stopped_at = [], None
    for guard in GUARDS:
        test = RateTest(limits.rate(guard), alpha_inside(past, limits, guard, segments=len(GUARDS) * len(COUNTRIES) if segments else 0))
        crossed = test.feed(bad[guard])
        stopped_at = crossed if stopped_at is None or (crossed is not None and crossed < stopped_at) else stopped_at
        found.append(Behaviour(guard, "", test.rows, test.bad, limits.rate(guard), test.log_e, crossed, limits.hard_rate(guard)))
    for place, segment in enumerate(COUNTRIES if segments else ()):
        here = country == place
        for guard in GUARDS:
            looked = here[:stopped_at] if stopped_at is not None else here
            test = RateTest(limits.rate(guard), 1e-9)
            test.feed(bad[guard][: len(looked)][looked])
            found.append(Behaviour(guard, f"country={segment}", test.rows, test.bad, limits.rate(guard), test.log_e))
    if stopped_at is not None:  # before anything was published: the champion's answers are there for all
        arm = np.where(arm == CHALLENGER, CHAMPION, arm)
    counted = {one: int((arm == one).sum()) for one in (CHAMPION, CHALLENGER, "holdout") if (arm == one).any()}
    aside = int((chance.random(rows) < 0.00003).sum())
    fallbacks = {"nan": int(bad["nan_rate"].sum())} if bad["nan_rate"].any() and counted.get(CHALLENGER) else {}
    accounting = Accounting(rows, rows - aside, aside, 0, counted, 0, fallbacks)
    return Batch(name, at.isoformat(), rollout.stage, rollout.now.mode, rollout.share, accounting, tuple(found)), stopped_at is not None


def _labelled(batch: Batch, now: datetime, after: int, limits: Limits, chance: np.random.Generator, worse: float) -> Batch:
    """The same with its labels, where so many days have passed."""
    if batch.matured or now - datetime.fromisoformat(batch.at) < timedelta(days=after):
        return batch
    pairs = next(one.rows for one in batch.behaviours if one.guard == "flip_rate" and not one.segment)
    there = chance.random(pairs) < 0.93
    draw: npt.NDArray[np.float64] = chance.random(pairs)[there]
    # Where both are not wrong alike, one of them is: half of the differing decisions each, and more of the challenger's where it is worse.
    difference = np.where(draw < 0.014 + worse, 1.0, np.where(draw > 0.986, -1.0, 0.0))
    champion = 0.11
    mean, sd = float(difference.mean()), float(difference.std(ddof=1))
    margin = limits.margin if limits.margin is not None else limits.margin_relative * champion
    harm = hard_harm(difference, hard_margin(margin, sd, limits), 1.0)
    return replace(batch, matured=(Matured("", len(difference), pairs, mean, sd, champion, champion + mean, "errors per row", 1.0, harm),))


def _moved(rollout: Rollout, decision: Decision) -> Rollout:
    if decision.action == "advance":
        return replace(rollout, stage=rollout.stage + 1)
    return replace(rollout, state={"rollback": "rolled_back", "promote": "promoted"}.get(decision.action, rollout.state))


def _event(at: datetime, action: str, rollout: Rollout, author: str, reason: str) -> Document:
    return {"at": at.isoformat(), "action": action, "stage": rollout.stage, "state": rollout.state, "author": author, "reason": reason}


def _repair(place: int, rows: int, at: datetime) -> Document:
    places = [{"place": "store", "done": True}, {"place": "postgresql://crm@db/crm?table=scores", "done": True}]
    return {"lot": LOTS + place, "by": LOTS + 20 + place, "rows": rows, "units": rows, "at": at.isoformat(), "places": places, "undone": [], "without_standby": 0, "taken": 0}


def _document(
    rollout: Rollout, limits: Limits, batches: Sequence[Batch], states: Sequence[str], timeline: Sequence[Document], repairs: Sequence[Document], decision: Decision | None
) -> Document:
    share, held_out = rollout.share, rollout.holdout
    theirs = min(share, 100.0 - held_out)
    rows: dict[str, int] = {}
    for one, state in zip(batches, states, strict=True):
        for arm, number in one.accounting.arms.items() if state != "replayed" else ():
            rows[arm] = rows.get(arm, 0) + number
    who = [
        {"arm": CHAMPION, "version": "churn:v6", "share": 100.0 - held_out - theirs, "rows": rows.get(CHAMPION, 0)},
        {"arm": CHALLENGER, "version": "churn:v7", "share": theirs, "rows": rows.get(CHALLENGER, 0)},
        *([{"arm": "holdout", "version": "churn:v6", "share": held_out, "rows": rows.get("holdout", 0)}] if held_out else []),
    ]
    return {
        "model": "churn", "rollout": 12, "state": rollout.state, "held": False, "champion": {"label": "churn:v6", "lot": 30}, "challenger": {"label": "churn:v7", "lot": 35},
        "mode": "canary", "stage": rollout.stage, "stages": [{"mode": one.mode, "share": one.share} for one in rollout.stages], "share": share, "unit": "customer_id",
        "salt": rollout.salt, "holdout": held_out, "control": rollout.control, "author": "ana", "at": timeline[0]["at"],
        "moved": next(one["at"] for one in reversed(timeline) if one["action"] != "repair"), "who": who, "decision": decision.to_json() if decision is not None else None,
        "guards": standing(batches, limits), "paired": list(course(batches, limits)),
        "batches": [_told(one, state, place) for place, (one, state) in enumerate(zip(batches, states, strict=True))],
        "timeline": list(timeline), "repairs": list(repairs), "plain": _plain(rollout, decision, repairs),
    }  # fmt: skip


def _told(batch: Batch, state: str, place: int) -> Document:
    counted = batch.accounting
    stopped = [one.stopped_at for one in batch.behaviours if one.stopped_at is not None]
    return {
        "name": batch.name, "at": batch.at, "stage": batch.stage, "mode": batch.mode, "share": batch.share, "rows": counted.taken, "published": counted.published,
        "quarantined": counted.quarantined, "failed": counted.failed, "arms": dict(counted.arms), "fallbacks": dict(counted.fallbacks), "stopped_at": min(stopped, default=None),
        "state": state, "lot": LOTS + place,
    }  # fmt: skip


def _plain(rollout: Rollout, decision: Decision | None, repairs: Sequence[Document]) -> list[str]:
    if rollout.state == "rolled_back":
        said = ["churn:v7 was taken back; churn:v6 answers all keys."]
    elif rollout.state == "promoted":
        said = ["churn:v7 is promoted and answers all keys but the 5 % held out."]
    else:
        said = [f"churn:v7 answers {rollout.share:g} % of the keys of customer_id, churn:v6 the others ({rollout.now.mode}, stage {rollout.stage + 1} of {len(rollout.stages)})."]
    said += [decision.reason, *([decision.possible] if decision.possible else [])] if decision is not None else []
    return said + ([f"{sum(one['rows'] for one in repairs):,} rows were put right, everywhere."] if repairs else [])
