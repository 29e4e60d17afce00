"""A lot with no rows, or with far fewer than its flow usually brings."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison
from .expectation import levels
from .suspicion import Suspicion
from .wording import lots, percent

DAY = 86_400_000_000  # microseconds
LEAST_LOSS = 0.1  # a loss below it is not called a truncation: lots vary
SURE = 1e-3  # p-value of the number of rows at which the times are not needed to call the lot short
EARLY_END = 0.08  # share of the usual span that must be missing at the end


class RowCount:
    """Finds lots that are empty or broke off.

    Reads:    `rows`; the last time of a time column.
    Finds:    "empty_batch"; "truncated_batch" when the number of rows, or the time at which the last record stands, is far below what the past predicts.
    Silent:   about more rows than usual; where lots vary so much that nothing can be said.
    Source:   docs/statistics.md (levels); the season of the week is one of the predictors.
    """

    finds = ("empty_batch", "truncated_batch")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        usual = float(np.median(comparison.past_rows))
        if comparison.rows == 0:
            if comparison.columns:
                yield Suspicion(Finding(
                    "empty_batch", (), f"There are columns but no rows; {lots(comparison.lots)} had {usual:,.0f} on average.", severity=0.9,
                    layer="history", evidence={"rows_today": 0, "usual_rows": usual}, suggestion="ask the sender whether anything was to be delivered",
                ))  # fmt: skip
            return
        if comparison.lots < 3:
            return
        found = levels(np.log(comparison.past_rows)[:, None], [np.log(comparison.rows)], 1 / comparison.past_rows[:, None], [1 / comparison.rows])
        expected = float(np.exp(found.predicted[0]))
        few = comparison.rows < (1 - LEAST_LOSS) * expected
        p = float(found.p[0]) if few else 1.0
        end, early = _early_end(comparison)
        if early and comparison.rows < expected * (1 - EARLY_END):
            p = min(p, end)
        if few and p < 1:
            low = float(np.exp(found.predicted[0] - 3 * found.scale[0]))
            band = [[float(np.exp(found.predicted[0] - 3 * found.scale[0])), float(np.exp(found.predicted[0] + 3 * found.scale[0]))]]
            lost = 1 - comparison.rows / expected
            yield Suspicion(Finding(
                "truncated_batch", (), f"{comparison.rows:,} rows against {expected:,.0f} expected from {lots(comparison.lots)} (at least {low:,.0f} would be usual): "
                f"about {percent(lost)} are missing{early}.",
                severity=0.85 if lost > 0.5 else 0.6, layer="history",
                evidence={"rows_today": comparison.rows, "expected_rows": round(expected, 1), "lost_share": round(lost, 3),
                    "ends_early": float(bool(early)), "early_end": float(bool(early) and float(found.p[0]) > SURE)},
                suggestion="ask for the delivery again",
                picture={"kind": "series", "values": [*comparison.past_rows.tolist(), comparison.rows], "band": band, "marked": [comparison.lots]},
            ), p)  # fmt: skip


def _early_end(comparison: Comparison) -> tuple[float, str]:
    """How surprising it is that the last record stands so early in its period, and words for it."""
    best, words = 1.0, ""
    for view in comparison.clocks:
        if not np.isfinite(view.now).any():
            continue
        past = np.array(view.each("span", _span))
        past = past[np.isfinite(past)]
        today = _span(view.now_known)
        if len(past) < 3 or today >= (1 - EARLY_END) * past.min():
            continue
        found = levels(past[:, None], [today])
        if found.score[0] < 0 and found.p[0] < best:
            best = float(found.p[0])
            words = f"; {view.name} ends after {today / DAY:.1f} days of its period where it usually spans {np.median(past) / DAY:.1f}"
    return best, words


def _span(times: np.ndarray) -> float:
    """Microseconds from the beginning of the first day to the last record; NaN without any."""
    times = times[np.isfinite(times)]
    if not len(times):
        return float("nan")
    low = np.floor(np.quantile(times, 0.02) / DAY) * DAY  # single old records must not stretch it
    return float(np.quantile(times, 0.995) - low)
