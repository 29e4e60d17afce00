"""No table makes a trial raise: missing cells, infinities, nested and empty columns, odd types, one row, none."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from assayline.trials import Scored, fairness, importances, personal_features, robustness, slices
from assayline.trials.laws import Floats


def odd(rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(rows)
    numbers = rng.normal(size=rows)
    return pl.DataFrame(
        {
            "nothing": pl.Series([None] * rows, dtype=pl.Null), "same": pl.Series([1] * rows, dtype=pl.Int8), "holes": pl.Series(numbers).set(pl.Series(numbers > 0), None),
            "infinite": pl.Series(np.where(numbers > 1, np.inf, np.where(numbers < -1, np.nan, numbers))), "flag": pl.Series(numbers > 0, dtype=pl.Boolean),
            "huge": pl.Series(rng.integers(0, 2**63 - 1, rows), dtype=pl.UInt64), "text": pl.Series([f"é{'x' * (one % 40)}\n" for one in range(rows)], dtype=pl.String),
            "kind": pl.Series(rng.choice(["a", "b"], rows) if rows else [], dtype=pl.Categorical),
            "day": pl.Series([date(1, 1, 1) + timedelta(days=400 * one) for one in range(rows)], dtype=pl.Date),
            "took": pl.Series([timedelta(seconds=one) for one in range(rows)], dtype=pl.Duration), "price": pl.Series([Decimal(one) / 7 for one in range(rows)], dtype=pl.Decimal(20, 3)),
            "list": pl.Series([[1, 2]] * rows, dtype=pl.List(pl.Int64)), "struct": pl.Series([{"a": 1}] * rows, dtype=pl.Struct({"a": pl.Int64})),
            "bytes": pl.Series([b"\xff\x00"] * rows, dtype=pl.Binary), "at": pl.Series([timedelta(0)] * rows, dtype=pl.Duration).cast(pl.Int64).cast(pl.Datetime("us", "UTC")),
        }
    )  # fmt: skip


@pytest.mark.parametrize("rows", [0, 1, 2, 150, 700])
def test_any_table_goes_through_every_trial_that_reads_columns(rows: int) -> None:
    table = odd(rows)
    truth: Floats = np.asarray(np.arange(rows) % 2, dtype=np.float64)
    scored = Scored("set", "v1", "binary", ("no", "yes"), truth, np.full(rows, 0.4))

    def predict(asked: pl.DataFrame) -> Floats:
        return np.full(asked.height, 0.4)

    found = slices(table, truth - 0.5)
    gaps = fairness(scored, table, least_rows=1)
    fragile = [one for one in robustness(predict, table) if one.fragile]
    worth = importances(predict, table, truth, lambda chosen, answers: np.abs(answers - truth[chosen]))
    personal_features(table)

    assert all(np.isfinite(one.p_value) for one in found)
    assert all(np.isfinite(one.gap) for one in gaps)
    assert fragile == []
    assert not any(one.used for one in worth.columns)
