"""Holes in what a table covers."""

import numpy as np
import polars as pl

from assayline.core import Past
from assayline.detectors.coverage_gap import CoverageGap
from assayline.measures import profile


def said(frame: pl.DataFrame) -> list[str | None]:
    return [finding.where for finding in CoverageGap()(profile(frame), Past())]


def test_a_combination_that_never_occurs_is_a_hole() -> None:
    rows = [(shop, size) for shop in "ABCD" for size in "SML" for _ in range(40) if (shop, size) != ("C", "S")]

    assert said(pl.DataFrame(rows, schema=["shop", "size"], orient="row")) == ["shop = C, size = S"]


def test_columns_that_are_bound_to_each_other_have_no_holes() -> None:
    rows = [(city, country) for city, country in (("Lyon", "FR"), ("Nice", "FR"), ("Bonn", "DE"), ("Kiel", "DE")) for _ in range(100)]

    assert said(pl.DataFrame(rows, schema=["city", "country"], orient="row")) == []


def test_a_stretch_without_numbers_between_dense_shores_is_a_hole() -> None:
    age = np.random.default_rng(0).uniform(18, 90, 2_000).round(2)

    found = said(pl.DataFrame({"age": age[(age < 40) | (age > 48)]}))

    assert len(found) == 1
    assert str(found[0]).startswith("39.9") or str(found[0]).startswith("40")


def test_honest_numbers_have_no_holes() -> None:
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(0, 1, 600)).round(2)
    frame = pl.DataFrame({"normal": rng.normal(0, 1, 600), "long": rng.lognormal(0, 2, 600), "walk": walk, "two": np.repeat([1.0, 2.0], 300) + rng.normal(0, 0.1, 600)})

    assert said(frame) == []
