"""A lot whose keys are new each day is put back column by column, since its rows of before would meet nothing; and large lots are replayed by some of their keys."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from small_line import loaded, newest, ran, source

from assayline.diagnosis import Symptom
from assayline.line.project import create_project
from assayline.line.why.replaying import Replays

pytestmark = pytest.mark.slow
LINE = """\
import polars as pl

import assayline
from assayline import Table

line = assayline.Line("shop")
orders = line.source("orders", "incoming/orders-*.csv", time="at", key="customer")
customers = line.source("customers", "incoming/customers-*.csv", time="since")


@line.step
def priced(orders: Table, customers: Table) -> Table:
    return orders.join(customers, on="customer", how="inner", maintain_order="left").with_columns(pay=pl.col("amount") * (1 - pl.col("discount")))
"""


def deliver(folder: Path, day: int, *, unit: float = 1.0) -> None:
    (folder / "incoming").mkdir(exist_ok=True)
    numbers = range(300)
    at = [f"2026-05-{day:02} {one % 24:02}:00:00" for one in numbers]
    who = [f"d{day}-{one}" for one in numbers]
    pl.DataFrame({"at": at, "customer": who, "amount": [10.0 + (one * 7 + day) % 13 for one in numbers]}).write_csv(folder / f"incoming/orders-{day:02}.csv")
    discounts = [unit * (0.05 + 0.01 * ((one * 5 + day) % 10)) for one in numbers]
    pl.DataFrame({"since": at, "customer": who, "discount": discounts}).write_csv(folder / f"incoming/customers-{day:02}.csv")


def mean_pay(_: Symptom, path: str | None, error: str) -> float | None:
    return None if path is None else float(pl.read_parquet(path)["pay"].mean())  # type: ignore[arg-type]  # a column of numbers


def test_customers_that_are_new_each_day_keep_their_names_and_get_the_discounts_of_before(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    with create_project(str(folder)) as project:
        (folder / "line.py").write_text(LINE)
        for day in (1, 2, 3):
            deliver(folder, day)
        assert ran(project).problems == []
        good = newest(project, "priced")
        deliver(folder, 4, unit=5.0)
        ran(project)
        bad, (line, file) = newest(project, "priced"), loaded(project)
        symptom = Symptom("metric", "priced", "mean(pay)", "…", 14.4, 8.0, 12.0, 17.0)
        components = [source("orders"), source("customers")]
        keys = [one.key for one in components]

        with Replays(project, line, file, bad, good, components, symptom, mean_pay) as again:
            readings = [again(put) for put in ([], keys[:1], keys[1:], keys)]
            rows = [pl.read_parquet(again.outcome(put) or "").height for put in ([], keys[:1], keys[1:], keys)]
            names = [set(pl.read_parquet(again.outcome(put) or "")["customer"].str.head(2)) for put in ([], keys[:1], keys[1:], keys)]
        with Replays(project, line, file, bad, good, components, symptom, mean_pay, most_rows=100) as sampled:
            some = [sampled(put) for put in ([], keys[1:])]
            fewer = pl.read_parquet(sampled.outcome([]) or "").height

    assert rows == [300, 300, 300, 300]
    assert names == [{"d4"}, {"d4"}, {"d4"}, {"d3"}]  # where both are put back, each meets what came with it
    assert good.lot is not None
    assert readings[3].value == pytest.approx(pl.read_parquet(project.store.path(good.lots[good.lot].objects["released"]))["pay"].mean())
    assert [one.gone for one in readings] == [False, False, True, True]
    assert [one.gone for one in some] == [False, True]
    assert 60 < fewer < 140
    assert sampled.notes == ["replays were made on one of 3 values of customer, and show the symptom as the whole does"]
