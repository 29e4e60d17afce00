"""Churn: each week other customers whose contract ends, their contracts, four weeks of usage, a table of plans; a trained model scores them, and their loss is what people look at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from laboratory_line import LabLine, chance

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

START = date(2024, 3, 4)
CUSTOMERS = 400
PLANS = (("basic", 12.0, 5), ("plus", 22.0, 20), ("family", 35.0, 60), ("pro", 48.0, 120))
REGIONS = ("north", "east", "south", "west")
CHANNELS = ("shop", "web", "phone")

LINE = '''\
"""From customers whose contract ends to what their scores were worth."""

import polars as pl
from ratios import dearness, filling, months

import assayline
from assayline import Table

line = assayline.Line("churn")
customers = line.source("customers", "incoming/customers-*.csv", key="customer_id", owner="crm@example.com", settle_seconds=0)
contracts = line.source("contracts", "incoming/contracts-*.csv", key="customer_id", owner="billing@example.com", settle_seconds=0)
usage = line.source("usage", "incoming/usage-*.csv", time="week", key="customer_id", owner="network@example.com", settle_seconds=0)
plans = line.source("plans", "incoming/plans-*.csv", snapshot=True, owner="products@example.com", settle_seconds=0)

line.sql(
    "used",
    """
    SELECT customer_id, sum(minutes) AS minutes, sum(data_gb) AS data_gb, sum(support_calls) AS support_calls, max(late_days) AS late_days
    FROM usage
    GROUP BY customer_id
    ORDER BY customer_id
    """,
)


@line.step
def features(customers: Table, contracts: Table, used: Table, plans: Table, wait: int = 2, dear: float = 1.0) -> Table:
    """One row for each customer, with all that is known of him."""
    terms = contracts.unique("customer_id", keep="last", maintain_order=True).join(plans, on="plan", how="left", maintain_order="left")
    spent = used.unique("customer_id", keep="last", maintain_order=True)
    made = customers.join(terms, on="customer_id", how="left", maintain_order="left").join(spent, on="customer_id", how="left", maintain_order="left")
    return made.select(
        "customer_id", "region", "channel", "age", "left",
        dearness(pl.col("monthly_fee_eur"), pl.col("list_fee_eur"), pl.col("discount_percent"), dear).alias("dearness"),
        filling(pl.col("data_gb"), pl.col("included_gb")).alias("filling"),
        months(made["signed_on"], made["ends_on"]).alias("months"),
        (pl.col("support_calls").fill_null(0) * 1.0).alias("support_calls"),
        pl.when(pl.col("late_days") > wait).then(pl.col("late_days") * 1.0).otherwise(0.0).alias("late_days"),
    )  # fmt: skip


line.score("leaver", features, name="scores", key="customer_id", keep=("region", "channel", "left"))


@line.step
def losses(scores: Table) -> Table:
    """What each score was worth, now that it is known who left."""
    leaves = (pl.col("left") == "yes").cast(pl.Float64)
    score = pl.col("score").clip(0.001, 0.999)
    return scores.select(
        "customer_id", "region", "channel", "left", "prediction", "score",
        (-(leaves * score.log() + (1 - leaves) * (1 - score).log())).alias("loss"),
    )  # fmt: skip
'''

RATIOS = '''\
"""Figures of one customer."""

import polars as pl
import tenure


def dearness(fee: pl.Expr, listed: pl.Expr, discount: pl.Expr, times: float) -> pl.Expr:
    """How much of the list price a customer pays, in shares of 1."""
    return (fee * (1 - discount.fill_null(0) / 100) / listed * times).round(4)


def filling(used: pl.Expr, included: pl.Expr) -> pl.Expr:
    """How much of what is included is used in four weeks."""
    return (used.fill_null(0.0) / included).round(4)


def months(signed: pl.Series, ends: pl.Series) -> pl.Series:
    """How long a customer has been one."""
    return pl.Series(tenure.between(signed.to_list(), ends.to_list()), dtype=pl.Float64)
'''

TENURE = '''\
"""Time between two dates."""


def between(first, last):
    """In months."""
    return [None if a is None or b is None else round((b - a).total_seconds() / 86400 / {days}, 2) for a, b in zip(first, last)]
'''

# 2.0 gives quarters of a year.
VERSIONS = {"1.0": TENURE.format(days=30.44), "1.1": TENURE.format(days=30.44).replace("Time between", "The time between"), "2.0": TENURE.format(days=91.31)}


def deliver(seed: int, day: int, world: Mapping[str, float]) -> Mapping[str, pl.DataFrame]:
    """What the sources deliver in one week.

    Args:
        seed: of the company.
        day: the number of the week, from 1.
        world: `competitor`: so much more (in log odds) leave, whoever they are; `reversed`: those with many calls stay; `elderly`: so many years older;
            `partner`: this share comes by a channel that is new, and leaves as it likes; `south`: this share is from one region, in which fewer things are known.
    """
    rng = chance(seed, day, "customers")
    start = START + timedelta(weeks=day - 1)
    ids = [f"K{(start - date(2020, 1, 1)).days:05}-{number:03}" for number in rng.permutation(900)[:CUSTOMERS]]
    place = rng.choice(len(PLANS), CUSTOMERS, p=(0.4, 0.3, 0.2, 0.1))
    region = rng.choice(REGIONS, CUSTOMERS, p=(0.3, 0.25, 0.25, 0.2))
    channel = rng.choice(CHANNELS, CUSTOMERS, p=(0.45, 0.4, 0.15))
    if world.get("south"):
        region = np.where(rng.random(CUSTOMERS) < world["south"], "south", region)
    new = rng.random(CUSTOMERS) < world.get("partner", 0.0)
    channel = np.where(new, "partner", channel)
    age = np.clip(rng.normal(44 + world.get("elderly", 0.0), 13, CUSTOMERS), 18, 92).round().astype(int)
    tenure = rng.gamma(2.2, 14, CUSTOMERS) + 3
    discount = rng.choice((0, 5, 10, 20), CUSTOMERS, p=(0.5, 0.2, 0.2, 0.1))
    fee = np.round(np.array([PLANS[one][1] for one in place]) * rng.normal(1.0, 0.12, CUSTOMERS), 2)
    calls = rng.poisson(rng.gamma(0.6, 2.4, CUSTOMERS))
    late = np.where(rng.random(CUSTOMERS) < 0.25, rng.integers(1, 20, CUSTOMERS), 0)
    data = rng.gamma(3, np.array([PLANS[one][2] for one in place]) * 0.22)
    odds = _odds(fee * (1 - discount / 100) / np.array([PLANS[one][1] for one in place]), calls, late, tenure, data / np.array([PLANS[one][2] for one in place]), age)
    odds += np.where(region == "south", 0.3, 0.0) + world.get("competitor", 0.0)
    if world.get("reversed"):
        odds = odds - 2.2 * world["reversed"] * (calls - 1.5)
    odds = np.where(new, rng.normal(0, 2.5, CUSTOMERS), odds)
    left = np.where(rng.random(CUSTOMERS) < 1 / (1 + np.exp(-odds)), "yes", "no")
    ends = [start + timedelta(days=int(one)) for one in rng.integers(0, 7, CUSTOMERS)]
    signed = [end - timedelta(days=round(float(one) * 30.44)) for end, one in zip(ends, tenure, strict=True)]
    made = {
        "customers": pl.DataFrame({"customer_id": ids, "region": region, "channel": channel, "age": age, "left": left}),
        "contracts": pl.DataFrame({"customer_id": ids, "plan": [PLANS[one][0] for one in place], "monthly_fee_eur": fee, "discount_percent": discount, "signed_on": signed, "ends_on": ends}),
        "usage": _usage(rng, ids, start, calls, late, data),
    }
    changed = day in (1, 5) or world.get("plans", 0)
    return made | ({"plans": _plans(day)} if changed else {})


def _odds(dear: Numbers, calls: Counts, late: Counts, tenure: Numbers, filling: Numbers, age: Counts) -> Numbers:
    return -2.6 + 7.0 * (dear - 0.95) + 1.15 * calls + 0.22 * np.where(late > 2, late, 0) - 0.055 * (tenure - 30) - 1.6 * (filling - 0.66) - 0.02 * (age - 44)


def _usage(rng: np.random.Generator, ids: list[str], start: date, calls: Counts, late: Counts, data: Numbers) -> pl.DataFrame:
    parts = rng.dirichlet((6, 6, 6, 6), len(ids))
    rows = []
    for week in range(4):
        rows.append(
            pl.DataFrame(
                {
                    "week": [start - timedelta(weeks=4 - week)] * len(ids), "customer_id": ids, "minutes": rng.gamma(3, 25, len(ids)).round(1), "data_gb": (data * parts[:, week]).round(3),
                    "support_calls": calls // 4 + (calls % 4 > week), "late_days": np.where(late > 0, np.maximum(late - 7 * (3 - week), 0), 0),
                }
            )
        )  # fmt: skip
    return pl.concat(rows)


def _plans(day: int) -> pl.DataFrame:
    extra = 1 if day >= 5 else 0  # from the fifth week on there is one more plan that nobody has yet
    more = [("mini", 8.0, 2)] * extra
    return pl.DataFrame({"plan": [one[0] for one in (*PLANS, *more)], "list_fee_eur": [one[1] for one in (*PLANS, *more)], "included_gb": [one[2] for one in (*PLANS, *more)]})


def bring(folder: str, seed: int) -> tuple[str, str, str]:
    """Three versions of the model: one in force, one of other rows that is as good, one that was trained with the calls of somebody else and labels that are partly wrong."""
    import lightgbm

    from assayline import artefacts, framing

    paths = []
    for version, rows, spoiled in (("v1", 1, 0.0), ("v2", 31, 0.0), ("v3", 61, 0.38)):
        table = pl.concat([_table(seed, -rows - week) for week in range(12)])
        plan = framing.frame(table, framing.Problem("left", key="customer_id"))
        encoded, (truth, _) = plan.encode(table), plan.target(table)
        rng = np.random.default_rng([seed, rows])
        labels = np.where(rng.random(len(truth)) < spoiled, 1 - truth, truth)
        options = {"objective": "binary", "verbose": -1, "num_leaves": 7, "num_threads": 1, "learning_rate": 0.08, "seed": 1, "deterministic": True}
        predictor = artefacts.Boosted.of(lightgbm.train(options, lightgbm.Dataset(encoded, labels), 120), classes=2)
        bundle = artefacts.Bundle(
            name="leaver", version=version, plan=plan, predictor=predictor, golden=artefacts.Golden.of(plan, predictor, table.head(20)), environment=artefacts.environment_here(),
            owner="ml@example.com", purpose="Who leaves.",
        )  # fmt: skip
        path = os.path.join(folder, f"leaver-{version}.assay")
        artefacts.write(bundle, path)
        paths.append(path)
    return paths[0], paths[1], paths[2]


def _table(seed: int, week: int) -> pl.DataFrame:
    """The features of one earlier week, as the line makes them."""
    given = deliver(seed, week + 10_000, {"plans": 1})
    used = given["usage"].group_by("customer_id", maintain_order=True).agg(pl.col("minutes").sum(), pl.col("data_gb").sum(), pl.col("support_calls").sum(), pl.col("late_days").max())
    made = given["customers"].join(given["contracts"].join(given["plans"], on="plan", how="left"), on="customer_id", how="left").join(used, on="customer_id", how="left")
    days = (made["ends_on"] - made["signed_on"]).dt.total_days()
    return made.select(
        "customer_id", "region", "channel", "age", "left",
        (pl.col("monthly_fee_eur") * (1 - pl.col("discount_percent") / 100) / pl.col("list_fee_eur")).round(4).alias("dearness"),
        (pl.col("data_gb") / pl.col("included_gb")).round(4).alias("filling"), (days / 30.44).round(2).alias("months"),
        (pl.col("support_calls") * 1.0).alias("support_calls"), pl.when(pl.col("late_days") > 2).then(pl.col("late_days") * 1.0).otherwise(0.0).alias("late_days"),
    )  # fmt: skip


CHURN = LabLine(
    "churn", {"line.py": LINE, "ratios.py": RATIOS}, deliver, ("plans",), "losses", "mean(loss)", "tenure", VERSIONS, model="leaver", bring=bring,
    used_in={"ratios.py": "features", "used": "used", "package": "features", "model": "leaver"},
)  # fmt: skip
