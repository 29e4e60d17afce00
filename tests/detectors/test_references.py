"""Relations are believed when the values or the names leave no accident, and unknown keys are named."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.core import Past
from assayline.detectors.references import Offered, Reference, Referring, asked, named_alike, references, referring
from assayline.measures import marks_of, natures, profile


def offered(columns: list[Referring], table: str, parent: pl.DataFrame) -> list[Offered]:
    questions = asked(columns)
    offers = []
    for column, nature in natures(profile(parent)).items():
        kind = "number" if nature.arrives_as_text is False else "text"
        marks = marks_of(parent[column], kind).marks
        offers.append(Offered(table, column, kind, len(marks), len(np.unique(marks)) / len(marks), questions[kind], np.isin(questions[kind], marks)))
    return offers


def related(lot: pl.DataFrame, table: str, parent: pl.DataFrame, past: tuple[pl.DataFrame, ...] = ()) -> list[Reference]:
    columns = referring(profile(lot), Past(tuple(profile(one) for one in past)))
    return references(columns, offered(columns, table, parent))


def test_keys_of_integers_with_nothing_in_common_give_no_relation() -> None:
    """H0: the columns have nothing to do with the parents. Promise: one lot in 10,000; here none of 60."""
    rng = np.random.default_rng(11)
    believed: list[str] = []
    for _ in range(60):
        n, m = int(rng.integers(30, 2_000)), int(rng.integers(50, 5_000))
        high = int(10 ** rng.uniform(1.5, 7))
        lot = pl.DataFrame({
            "id": np.arange(n) + int(rng.integers(0, 2)),  # counted
            "amount": rng.integers(0, int(10 ** rng.uniform(1, 4)), n),  # small numbers
            "price": rng.integers(1, 500, n) * 100,  # rounded ones
            "ticket": rng.integers(0, high, n),  # any key
            "age": rng.normal(40, 12, n).round().clip(0, 99).astype(int),
        })  # fmt: skip
        kept = rng.random(m) < rng.choice([1.0, 0.97, 0.6])
        parent = pl.DataFrame({"id": np.arange(1, m + 1)[kept]}).with_columns(
            code=pl.Series(rng.choice(max(10 * high, 10**5), int(kept.sum()), replace=False)), level=pl.Series(np.arange(int(kept.sum())) * 100)
        )

        believed += [str(one) for one in related(lot, "sites.csv", parent)]

    assert believed == []


def test_short_codes_that_any_table_may_have_give_no_relation() -> None:
    rng = np.random.default_rng(3)
    letters = [chr(65 + i) for i in range(26)]
    lot = pl.DataFrame({"grade": rng.choice(["A", "B", "C", "D"], 300), "flag": rng.choice(["Y", "N"], 300)})

    assert related(lot, "bins.csv", pl.DataFrame({"bin": letters})) == []


@pytest.mark.parametrize("kind", ["number", "text"])
def test_keys_that_are_spread_thinly_give_a_relation_whatever_they_are_called(kind: str) -> None:
    rng = np.random.default_rng(4)
    keys = pl.Series(rng.choice(10**8, 500, replace=False))
    parent = keys if kind == "number" else pl.Series([f"K{key:08}" for key in keys])
    lot = pl.DataFrame({"x": parent.sample(200, with_replacement=True, seed=1), "y": rng.integers(0, 10**8, 200)})

    found = related(lot, "t.csv", pl.DataFrame({"k": parent}))

    assert [str(one) for one in found] == ["x -> t.csv.k"]
    assert found[0].accident < 1e-12


def test_counted_keys_need_a_name_that_says_so() -> None:
    rng = np.random.default_rng(5)
    parent = pl.DataFrame({"id": np.arange(1, 300)})
    values = rng.integers(1, 300, 400)

    assert [str(one) for one in related(pl.DataFrame({"customer_id": values}), "customers.csv", parent)] == ["customer_id -> customers.csv.id"]
    assert related(pl.DataFrame({"points": values}), "customers.csv", parent) == []


def test_what_held_in_the_past_holds_although_most_of_today_is_broken() -> None:
    rng = np.random.default_rng(6)
    keys = pl.Series(rng.choice(10**8, 400, replace=False))
    past = tuple(pl.DataFrame({"x": keys.sample(100, with_replacement=True, seed=i)}) for i in range(4))
    lot = pl.DataFrame({"x": pl.concat([keys[:20], pl.Series(rng.choice(10**8, 80, replace=False))])})

    assert [str(one) for one in related(lot, "t.csv", pl.DataFrame({"k": keys}), past)] == ["x -> t.csv.k"]
    assert related(lot, "t.csv", pl.DataFrame({"k": keys})) == []


@pytest.mark.parametrize(
    ("column", "key", "table", "alike"),
    [
        ("zone", "zone_id", "zones.csv", True), ("PULocationID", "LocationID", "x.csv", True), ("cust_no", "id", "customers.parquet", True),
        ("customer_id", "id", "orders.csv", False), ("location_count", "location_id", "locations.csv", False), ("id", "id", "locations.csv", False),
        ("category", "id", "categories.csv", True), ("code", "code", "t.csv", False), ("airport", "code", "shop?table=airports", False),
    ],
)  # fmt: skip
def test_names_agree_by_their_last_words(column: str, key: str, table: str, alike: bool) -> None:
    assert named_alike(column, key, table) is alike
