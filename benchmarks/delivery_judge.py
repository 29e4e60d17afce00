"""How often the judge of rollouts errs, and how many rows it needs: simulated rollouts with and without a difference, summed up by batch.

`ASSAY_JUDGE_ROLLOUTS` is the number of rollouts without a difference (2,000, half of them with the smaller wobble).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from results import Result

from assayline.core import Rollout
from assayline.core.rollout import stages_of
from assayline.rollout import Accounting, Batch, Behaviour, Limits, Matured, RateTest, hard_harm, hard_margin, judge
from assayline.rollout.betting import log_e_above

COMMAND = "make bench ONLY=delivery_judge"
ROLLOUTS = int(os.environ.get("ASSAY_JUDGE_ROLLOUTS", "2000"))
BATCHES, ROWS, ERROR = 30, 5_000, 0.10
WOBBLES = (0.02, 0.05)  # standard deviations of one pair's difference
# Labelled rows until an alarm, 1.5 points worse, medians at nominal 5 %: the better of a paired e-process and a paired confidence sequence that count rows, without any wobble.
KNOWN_ROWS = {0.035: 963, 0.075: 2_098, 0.135: 3_595}
LABELS = {0.035: 25, 0.075: 50, 0.135: 75}  # that come at once


def run() -> list[Result]:
    """All of it."""
    return [*_false(), *_power(), *_inside()]


def days(rng: np.random.Generator, count: int, rows: int, *, worse: float = 0.0, discordance: float = 0.075, wobble: float = 0.0, flips: float = 0.02, margin: float = 0.001) -> Iterator[Batch]:
    """Batches of a rollout at 25 %: in each both models answered the same rows, errors and flips are counted."""
    limits = Limits(margin=margin)
    for day in range(1, count + 1):
        apart = worse + rng.normal(0, wobble) * np.sqrt(discordance)
        more = int(rng.binomial(rows, min(max((discordance + apart) / 2, 0.0), 1.0)))
        fewer = int(rng.binomial(rows - more, min(max((discordance - apart) / (2 - discordance - apart), 0.0), 1.0)))
        mean = (more - fewer) / rows
        sd = float(np.sqrt((more + fewer) / rows - mean**2))
        champion = int(rng.binomial(rows, ERROR)) / rows
        hard = hard_harm([1.0, 0.0, -1.0], hard_margin(margin, sd, limits), 1.0, counts=[more, rows - more - fewer, fewer])
        flipped = int(rng.binomial(rows, flips))
        yield Batch(
            f"day {day}", f"2026-11-{day:02}", 4, "canary", 25.0, Accounting(rows, rows),
            (Behaviour("flip_rate", "", rows, flipped, 0.05, log_e_above(rows, flipped, 0.05), hard=0.15),),
            (Matured("", rows, rows, mean, sd, champion, champion + mean, "errors", 1.0, hard),),
        )  # fmt: skip


def ended(batches: Iterator[Batch], limits: Limits) -> tuple[str, int]:
    """What became of a rollout: "rollback", "advance" (shown to be no worse), or "stay"; and after how many batches."""
    rollout = Rollout("v6", "v7", salt="s", stages=stages_of("canary", (25, 100)), stage=2)
    seen: list[Batch] = []
    action = "stay"
    for batch in batches:
        seen.append(replace(batch, stage=2))
        action = judge(seen, rollout, limits).action
        if action != "stay":
            break
    return action, len(seen)


def rolled_back(rng: np.random.Generator, rollouts: int, wobble: float, limits: Limits, **made: float) -> int:
    """Of so many rollouts without a difference, how many were rolled back; none of them ends before its last batch otherwise."""
    rollout = Rollout("v6", "v7", salt="s", stages=stages_of("canary"), stage=4)
    back = 0
    for _ in range(rollouts):
        seen: list[Batch] = []
        for batch in days(rng, BATCHES, ROWS, wobble=wobble, **made):
            seen.append(batch)
            if judge(seen, rollout, limits).action == "rollback":
                back += 1
                break
    return back


def labelled_rows(rng: np.random.Generator, rollouts: int, discordance: float, alphas: tuple[float, ...] = (0.05, 0.01), worse: float = 0.015) -> dict[float, float]:
    """Median of labelled rows until a worse model is rolled back, by alpha, labels coming in small batches; infinite where it was not within 12,000 rows."""
    rollout, limits = Rollout("v6", "v7", salt="s", stages=stages_of("canary"), stage=4), Limits(alpha_rollback=min(alphas), margin=0.001, labels=True)
    found: dict[float, list[float]] = {alpha: [] for alpha in alphas}
    rows = LABELS[discordance]
    for _ in range(rollouts):
        seen: list[Batch] = []
        needed = dict.fromkeys(alphas, float("inf"))
        for batch in days(rng, 12_000 // rows, rows, worse=worse, discordance=discordance):
            seen.append(replace(batch, behaviours=()))
            decision = judge(seen, rollout, limits)
            needed = {alpha: min(most, rows * len(seen) if decision.evidence[0].log_e >= -np.log(alpha) else most) for alpha, most in needed.items()}
            if decision.action == "rollback":
                break
        for alpha, most in needed.items():
            found[alpha].append(most)
    return {alpha: float(np.median(each)) for alpha, each in found.items()}


def _false() -> Iterator[Result]:
    limits = Limits(margin=0.001, labels=True)
    begin, back, each = time.process_time(), 0, ROLLOUTS // len(WOBBLES)
    for place, wobble in enumerate(WOBBLES):
        back += rolled_back(np.random.default_rng(place), each, wobble, limits)
    spent = (time.process_time() - begin) / (each * len(WOBBLES) * BATCHES)
    allowed = limits.alpha_rollback * each * len(WOBBLES)
    text = f"{back} of {each * len(WOBBLES):,}"
    yield Result(
        f"rollouts without a difference that are rolled back, {BATCHES} batches of {ROWS:,} rows, wobble {WOBBLES[0]} and {WOBBLES[1]} sd",
        "the wobble of days is no proof of harm", text, f"{allowed:.0f}", back <= allowed, COMMAND,
    )  # fmt: skip
    yield Result("a decision over up to 30 batches", "", f"{1_000 * spent:.2f} ms", command=COMMAND)


def _power() -> Iterator[Result]:
    rng, limits = np.random.default_rng(3), Limits(margin=0.01, labels=True)
    worst = sum(ended(days(rng, BATCHES, ROWS, worse=0.01, wobble=0.05, margin=0.01), limits)[0] == "advance" for _ in range(200))
    yield Result("rollouts exactly at their margin of 1 point that reach everybody", "no worse is shown and not assumed", f"{worst / 200:.1%}", "5 %", worst <= 10, COMMAND)
    times = [found[1] for found in (ended(days(rng, BATCHES, ROWS, wobble=0.05, margin=0.01), limits) for _ in range(100)) if found[0] == "advance"]
    yield Result("rollouts without a difference that reach everybody within 30 batches, margin 1 point", "", f"{len(times)} % (median {np.median(times):.0f} batches)", command=COMMAND)
    for discordance, known in KNOWN_ROWS.items():
        found = labelled_rows(np.random.default_rng(1), 60, discordance)
        yield Result(
            f"labelled rows until a model 1.5 points worse is rolled back, discordance {discordance}, alpha 0.05, {LABELS[discordance]} at once", "days are judged and not rows, at little cost",
            f"{found[0.05]:,.0f} rows (median)", f"{1.5 * known:,.0f}", found[0.05] <= 1.5 * known, COMMAND,
        )  # fmt: skip
        yield Result(f"the same at alpha 0.01, discordance {discordance}", "", f"{found[0.01]:,.0f} rows (median)", command=COMMAND)


def _inside() -> Iterator[Result]:
    rng = np.random.default_rng(2)
    stops = [RateTest(0.05, 0.01, 20_000).feed(rng.permutation(np.arange(20_000) < 1_600)) for _ in range(300)]
    middle = float(np.median([one or 20_000 for one in stops]))
    yield Result("pairs until a model that flips 8 % is stopped, limit 5 %", "a bad batch is stopped on its way", f"{middle:,.0f} pairs (median)", "1,500", middle <= 1_500, COMMAND)
    chance = sum(RateTest(0.05, 0.01, 20_000).feed(rng.permutation(np.arange(20_000) < 1_000)) is not None for _ in range(1_500)) / 1_500
    yield Result("batches at the limit of 5 % that are stopped", "at the limit nothing is stopped but by chance", f"{chance:.2%}", "1 %", chance <= 0.01, COMMAND)
    bad = rng.random(1_000_000) < 0.04
    begin = time.process_time()
    RateTest(0.05, 0.01, 1_000_000).feed(bad)
    spent = time.process_time() - begin
    yield Result("a million pairs through a rate test", "a test costs nothing beside scoring", f"{spent:.2f} CPU-s", "1 CPU-s", spent < 1, COMMAND)
