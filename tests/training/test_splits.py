"""Rows a model is scored on are none it could have learned from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.training.sample import Floats, Sample, Whole
from assayline.training.splits import split


def sample(y: Floats, *, classes: int = 0, groups: Whole | None = None, order: Floats | None = None, gap: float = 0.0, gap_rows: int = 0) -> Sample:
    return Sample(np.zeros((len(y), 1)), y, classes, ("a",), (0,), groups, order, gap, gap_rows)


def test_with_a_time_every_stretch_is_predicted_from_what_came_before_it() -> None:
    order = np.random.default_rng(0).permutation(500).astype(np.float64) // 3  # shuffled, with ties

    found = split(sample(np.arange(500.0), order=order))

    assert found.kind == "forward"
    assert all(order[learn].max() < order[test].min() for learn, test in found.folds)


@pytest.mark.parametrize(("gap", "gap_rows"), [(7.0, 0), (0.0, 7)])
def test_with_a_horizon_no_row_is_learned_from_whose_target_was_not_known_yet(gap: float, gap_rows: int) -> None:
    order = np.arange(400.0)

    found = split(sample(order, order=order, gap=gap, gap_rows=gap_rows))

    assert all(order[learn].max() + 7 < order[test].min() + 1e-9 for learn, test in found.folds)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=120).filter(lambda one: len(set(one)) > 1))
def test_rows_of_one_thing_never_stand_on_both_sides(keys: list[int]) -> None:
    groups = np.array(keys)

    found = split(sample(np.arange(float(len(keys))), groups=groups))

    assert found.kind == "grouped"
    assert all(not set(groups[learn]) & set(groups[test]) for learn, test in found.folds)
    assert found.scored.tolist() == list(range(len(keys)))


@given(st.integers(2, 300), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_every_fold_has_its_share_of_a_rare_class(rows: int, rare: int) -> None:
    y = (np.arange(rows + rare) < rare).astype(np.float64)

    found = split(sample(y, classes=2))

    counts = [int(y[test].sum()) for _, test in found.folds]
    assert max(counts) - min(counts) <= 1
    assert found.scored.tolist() == list(range(rows + rare))


def test_a_time_whose_early_rows_lack_a_class_is_not_gone_forward_over_before_it_appears() -> None:
    y = (np.arange(1000) > 600).astype(np.float64)

    found = split(sample(y, classes=2, order=np.arange(1000.0)))

    assert all(len(set(y[learn])) == 2 for learn, _ in found.folds)
