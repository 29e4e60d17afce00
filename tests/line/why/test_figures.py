"""Figures that moved: found with one error over all of them, and not where nothing moved."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.line.why.figures import changed_pairs, figures_of, moved_figures, onset
from assayline.line.why.moments import moment_of

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def lots(count: int, seed: int, *, rows: int = 50) -> list[pl.DataFrame]:
    """Lots of a flow with a level that varies from lot to lot, a heavy tail and a category."""
    draw = np.random.default_rng(seed)
    return [
        pl.DataFrame({
            "a": draw.normal(20 + draw.normal(0, 1), 3, rows), "b": draw.standard_t(3, rows), "kind": draw.choice(["x", "y", "z"], rows, p=[0.6, 0.3, 0.1]),
            "id": [f"{seed}-{lot}-{one}" for one in range(rows)], "seen": [None if draw.random() < 0.05 else 1.0 for _ in range(rows)],
        })
        for lot in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "seeds", "most"), [(8, 40, 2), pytest.param(8, 300, 8, marks=pytest.mark.slow), pytest.param(20, 300, 8, marks=pytest.mark.slow)])
def test_healthy_lots_are_seldom_accused(count: int, seeds: int, most: int) -> None:
    said = sum(bool(moved_figures([figures_of(one) for one in lots(count, seed)])) for seed in range(seeds))

    assert said <= most  # 1 % promised: more has a chance below 1 % then


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (pl.col("a") * 1.8 + 32, "mean(a)"), (pl.when(pl.int_range(pl.len()) % 2 == 0).then(None).otherwise(pl.col("seen")).alias("seen"), "share_missing(seen)"),
        (pl.lit("x").alias("kind"), "top_share(kind)"),
    ],
)  # fmt: skip
def test_what_moved_is_named_with_the_first_lot_of_it(change: pl.Expr, name: str) -> None:
    frames = lots(14, 3)

    frames[-2:] = [one.with_columns(change) for one in frames[-2:]]
    found = moved_figures([figures_of(one) for one in frames])

    assert name in [one.name for one in found]
    assert next(one for one in found if one.name == name).first == 12


def test_rows_that_are_missing_are_seen() -> None:
    frames = lots(10, 5)
    frames[-1] = frames[-1].head(20)

    (found,) = [one for one in moved_figures([figures_of(one) for one in frames]) if one.name == "rows"]

    assert (found.first, found.low > 20) == (9, True)


def test_a_flow_that_is_young_or_was_so_from_the_start_is_not_accused() -> None:
    assert onset([1.0, 1.1, 0.9, 50.0]) is None
    assert onset([50.0] * 12) is None
    assert onset([None] * 12) is None
    assert onset([1.0, 1.1, 0.9, 1.0, 1.05, None]) is None


def test_an_error_that_fell_is_no_trouble() -> None:
    values = [41.0, 40.0, 42.0, 41.5, 40.7, 41.2]

    assert onset([*values, 20.0], one_sided=True) is None
    assert onset([*values, 63.0], one_sided=True) is not None


def test_results_of_the_same_inputs_are_compared_one_by_one() -> None:
    before = [figures_of(one) for one in lots(6, 7)]
    same = [(one, dict(one)) for one in before]
    shifted = [(figures_of(one), figures_of(one.with_columns(pl.col("a") + 1.0))) for one in lots(6, 7)]
    rounded = [(figures_of(one), figures_of(one.with_columns(pl.col("a") + 1e-9))) for one in lots(6, 7)]

    assert changed_pairs(same) == changed_pairs(rounded) == []
    assert [one.name for one in changed_pairs(shifted)] == ["mean(a)"]
    assert moved_figures([*before, figures_of(lots(7, 7)[-1].with_columns(pl.col("a") + 1.0))]) == []  # a third of a spread: nobody sees that among other lots


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("today", "2026-03-14T00:00:00"), ("yesterday", "2026-03-13T00:00:00"), ("06:00", "2026-03-14T06:00:00"), ("2026-03-01", "2026-03-01T00:00:00"),
        ("2026-03-01 07:30", "2026-03-01T07:30:00"), ("2026-03-01T07:30+02:00", "2026-03-01T05:30:00"), ("3 days ago", "2026-03-11T09:30:00"), ("2 hours", "2026-03-14T07:30:00"),
    ],
)  # fmt: skip
def test_times_are_those_that_people_say(text: str, moment: str) -> None:
    assert moment_of(text, NOW) == f"{moment}.000000+00:00"


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "999999 weeks"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match="--since"):
        moment_of(text, NOW)
