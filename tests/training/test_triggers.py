"""A model is trained again for reasons that can be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assayline.core import Finding
from assayline.training.triggers import Standing, Triggers, reasons

FRESH = Standing(age_days=1, rows=1000, columns=("age", "city"))
SHIFT = Finding("distribution_shift", ("age",), "age is higher than it was.", severity=0.6, layer="history")


@pytest.mark.parametrize(
    ("standing", "kinds"),
    [
        (FRESH, []),
        (replace(FRESH, age_days=91), ["age"]),
        (replace(FRESH, labelled_since=200), ["labels"]),
        (replace(FRESH, findings=[SHIFT]), ["drift"]),
        (replace(FRESH, findings=[replace(SHIFT, columns=("colour",))]), []),
        (replace(FRESH, findings=[replace(SHIFT, severity=0.1)]), []),
        (replace(FRESH, findings=[replace(SHIFT, layer="signature")]), []),
        (replace(FRESH, score_then=0.9, score_now=0.8), ["score"]),
        (replace(FRESH, score_then=10.0, score_now=11.0, greater=False), ["score"]),
        (replace(FRESH, score_then=0.9, score_now=0.89), []),
    ],
)
def test_each_reason_by_itself(standing: Standing, kinds: list[str]) -> None:
    assert [one.kind for one in reasons(standing)] == kinds


def test_what_is_switched_off_is_no_reason() -> None:
    standing = replace(FRESH, age_days=9999, labelled_since=9999, findings=[SHIFT], score_then=1.0, score_now=0.1)

    assert reasons(standing, Triggers(oldest_days=0, new_labels=0, drift_severity=1.1, score_drop=0)) == ()


def test_a_reason_says_the_two_numbers_that_were_compared() -> None:
    assert reasons(replace(FRESH, age_days=120))[0].sentence == "It is 120 days old; 90 are allowed."
