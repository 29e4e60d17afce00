"""Hours that moved and clocks that stopped."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, View, ranks
from .expectation import shares
from .suspicion import Suspicion
from .wording import between, lots, percent

HOUR = 3_600_000_000  # microseconds
FACT_ROWS = 300
LEAST_ROWS = 4
LEAST_GAIN = 0.7  # nats per row: below it a few busy hours more or less look like a shift
NATS = 12.0  # log-likelihood a shift must gain: e^-12 is about one in 160,000, for 23 shifts and some segments
LEAST_LOTS = 5  # in which all segments began and ended together, before one that does not is news
FARTHEST = 14  # hours between two time zones
BEYOND = 1.5  # times the largest gain a good lot ever had from any shift
SHIFTED = (np.arange(24)[None, :] - np.arange(24)[:, None]) % 24  # hours of the day, moved by each number of hours


class TimeOfDay:
    """Compares the hours of a lot with those of the past, overall, by segment, and between two columns of times.

    Reads:    `sample`.
    Finds:    "local_time" (all or some records moved by whole hours), "stuck_clock" (many records with one timestamp).
    Silent:   on columns of dates.
    Source:   likelihood of the hour profile; differences between two clocks; binomial tail at the worst past rate.
    """

    finds = ("local_time", "stuck_clock")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        clocks = [view for view in comparison.clocks if _has_hours(view)]
        for view in clocks:
            stuck = list(_stuck(comparison, view))
            yield from stuck
            if stuck:
                continue
            beside = list(_beside_the_others(comparison, view))
            yield from beside
            if not beside:
                yield from _hours(comparison, view)
        for i, first in enumerate(clocks):
            for second in clocks[i + 1 :]:
                yield from _between(comparison, first, second)


def _has_hours(view: View) -> bool:
    known = view.past_known
    return len(known) > 0 and bool((known % (24 * HOUR) != 0).mean() > 0.1)


def _stuck(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    """One timestamp, or one timestamp of one segment, far more often than before."""
    now, past = view.now, view.past
    known_now, known_past = np.isfinite(now), np.isfinite(past)
    n = int(known_now.sum())
    if n < LEAST_ROWS:
        return
    values, counts = np.unique(now[known_now], return_counts=True)
    top = int(counts.max())
    usual = np.array(view.each("most frequent number", _most_frequent))
    found = shares([top], [n], usual[:, None], view.number_sizes[:, None])
    best: tuple[float, float, float, float, str | None, float] | None = None
    if found.now[0] > found.high[0] + 0.05:
        best = (float(found.more[0]), float(found.now[0]), float(found.usual[0]), float(found.high[0]), None, float(values[int(np.argmax(counts))]))
    now_ranks = ranks(now)
    for group in comparison.segments if best is None else ():
        code_now, code_past, names = group.codes
        same_now, same_past = _repeats(now_ranks, code_now), _repeats(view.past_ranks, np.where(code_past >= 0, code_past * view.lots + view.lot, -1))
        rows_past, rows_now = (code_past >= 0) & known_past, (code_now >= 0) & known_now
        found = shares([same_now.sum()], [rows_now.sum()], view.per_lot(same_past)[:, None], view.per_lot(rows_past)[:, None])
        if same_now.sum() < 2 or found.now[0] <= found.high[0] + 0.01 or found.usual[0] > 0.5:
            continue
        p = 0.0 if found.usual[0] == 0 and rows_past.sum() >= FACT_ROWS else float(found.more[0]) * len(comparison.segments)
        if best is None or p < best[0]:
            where = names[int(np.bincount(code_now[same_now & rows_now]).argmax())]
            stamps, often = np.unique(now[same_now], return_counts=True)
            best = (p, float(found.now[0]), float(found.usual[0]), float(found.high[0]), f"{group.name} = {where}", float(stamps[int(np.argmax(often))]))
    if best is None:
        return
    p, share, often_, high, where_, stamp = best
    text = f"{percent(share)} of the rows repeat a timestamp of {view.name}" + (f" within one {where_.split(' = ')[0]}" if where_ else "")
    yield Suspicion(Finding(
        "stuck_clock", (view.name,), f"{text} against {between(often_, high)} in {lots(comparison.lots)}.", severity=0.55, layer="history", where=where_,
        rows=round(share * n), evidence={"repeated_share": round(share, 4), "usual_repeated_share": round(often_, 5), "timestamp_microseconds": stamp},
        suggestion="check the clock of the source", picture={"kind": "share", "value": share, "usual": often_},
    ), p)  # fmt: skip


def _most_frequent(times: np.ndarray) -> int:
    """How often the most frequent time stands there."""
    return int(np.unique(times[np.isfinite(times)], return_counts=True)[1].max(initial=0))


def _repeats(rank: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Rows with a time that another row of the same segment (and lot) has: all of them but one."""
    same = np.zeros(len(rank), dtype=np.bool_)
    rows = np.flatnonzero((rank >= 0) & (group >= 0))
    if len(rows) > 1:
        keys = rank[rows] * (int(group.max()) + 1) + group[rows]
        order = np.argsort(keys)
        same[rows[order[1:]]] = keys[order[1:]] == keys[order[:-1]]
    return same


def _hours(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    """Hours that never occurred, or a profile that fits much better moved by whole hours; over all rows or in one segment."""
    hour_now, hour_past = _hour(view.now), _hour(view.past)
    table = np.bincount(view.lot[hour_past >= 0] * 24 + hour_past[hour_past >= 0], minlength=view.lots * 24).reshape(view.lots, 24)
    best = _gain(table, np.bincount(hour_now[hour_now >= 0], minlength=24))
    where = None
    segments = 0
    for group in comparison.segments:
        code_now, code_past, names = group.codes
        both = (code_past >= 0) & (hour_past >= 0)
        place = (view.lot[both] * len(names) + code_past[both]) * 24 + hour_past[both]
        hours_of = np.bincount(place, minlength=view.lots * len(names) * 24).reshape(view.lots, len(names), 24)
        for code in np.unique(code_now[code_now >= 0])[:40].tolist():
            rows, own = (code_now == code) & (hour_now >= 0), hours_of[:, code]
            if rows.sum() < LEAST_ROWS or own.sum() < 60:
                continue
            segments += 1
            found = _gain(own, np.bincount(hour_now[rows], minlength=24))
            if found[0] > best[0] + 3:
                best, where = found, f"{group.name} = {names[code]}"
    gain, hours, usual = best
    if gain < NATS + np.log(max(1, segments)) or gain < BEYOND * usual:
        return
    yield Suspicion(Finding(
        "local_time", (view.name,), f"The hours of {view.name}{' where ' + where if where else ''} fit {lots(comparison.lots)} only when moved by {hours:+d} h.",
        severity=0.5, layer="history", where=where, evidence={"moved_hours": float(hours), "gain_nats": round(gain, 1), "usual_gain_nats": round(usual, 1)},
        suggestion="look whether the source switched between local time and UTC",
    ))  # fmt: skip


def _beside_the_others(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    """A segment that begins and ends some whole hours later or earlier than the others, where all always began and ended together."""
    for group in comparison.segments:
        code_now, code_past, names = group.codes
        count = len(names)
        first, last = _ends(view.past, np.where(code_past >= 0, view.lot * count + code_past, -1), view.lots * count)
        first, last = first.reshape(view.lots, count), last.reshape(view.lots, count)
        usable = np.isfinite(first).sum(axis=1) >= 3
        if usable.sum() < LEAST_LOTS:
            continue
        with np.errstate(invalid="ignore"):
            apart = [one[usable] - np.nanmedian(one[usable], axis=1, keepdims=True) for one in (first, last)]
        together = np.concatenate([one[np.isfinite(one)] for one in apart])
        if (np.abs(together) >= HOUR).any():
            continue  # segments come and go as they like
        now_first, now_last = _ends(view.now, code_now, count)
        if np.isfinite(now_first).sum() < 3:
            continue
        shift_first, shift_last = now_first - np.nanmedian(now_first), now_last - np.nanmedian(now_last)
        hours = np.rint(shift_first / HOUR)
        with np.errstate(invalid="ignore"):
            moved = np.flatnonzero((np.abs(hours) >= 1) & (np.abs(hours) <= FARTHEST) & (hours == np.rint(shift_last / HOUR)))
        if len(moved) != 1:
            continue
        where, rows = f"{group.name} = {names[int(moved[0])]}", int((code_now == moved[0]).sum())
        yield Suspicion(Finding(
            "local_time", (view.name,), f"{view.name} where {where} begins and ends {hours[moved[0]]:+.0f} h from the other segments; in {lots(comparison.lots)} "
            f"all began and ended within the same hour.",
            severity=0.55, layer="history", where=where, rows=rows, evidence={"moved_hours": float(hours[moved[0]]), "rows": rows},
            suggestion="look whether the source switched between local time and UTC",
        ))  # fmt: skip
        return


def _ends(times: np.ndarray, cell: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last time of each cell; NaN for empty ones."""
    usable = np.isfinite(times) & (cell >= 0)
    first, last = np.full(cells, np.inf), np.full(cells, -np.inf)
    np.minimum.at(first, cell[usable], times[usable])
    np.maximum.at(last, cell[usable], times[usable])
    return np.where(np.isfinite(first), first, np.nan), np.where(np.isfinite(last), last, np.nan)


def _hour(times: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(times), np.floor(np.nan_to_num(times) / HOUR) % 24, -1).astype(np.int64)


def _gain(before: np.ndarray, today: np.ndarray) -> tuple[float, int, float]:
    """Log-likelihood a shift by whole hours gains today, the shift, and the largest gain of a good lot."""
    total = before.sum(axis=0)
    now = _gains(today[None, :], total[None, :])[0]
    shift = int(np.argmax(now))
    gain = float(now[shift])
    if gain < LEAST_GAIN * today.sum():
        return 0.0, 0, 0.0
    rows = before.sum(axis=1)
    good = rows >= LEAST_ROWS
    usual = _gains(before[good], (total - before)[good]).max(axis=1) * today.sum() / rows[good]
    return gain, (shift + 11) % 24 - 11, float(usual.max(initial=0.0))


def _gains(counts: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Log-likelihood each shift by 0 to 23 hours gains over none, for each lot and the hours of the others."""
    log_share = np.log((rest + 0.25) / (rest.sum(axis=1, keepdims=True) + 6))
    fits = np.einsum("lh,lsh->ls", counts, log_share[:, SHIFTED])
    gained: np.ndarray = fits - fits[:, :1]
    return gained


def _between(comparison: Comparison, first: View, second: View) -> Iterable[Suspicion]:
    """Two clocks whose difference moved by whole hours in some rows."""
    now, past = second.now - first.now, second.past - first.past
    known = past[np.isfinite(past)]
    if len(known) < 50 or np.isfinite(now).sum() < LEAST_ROWS:
        return
    low, high = np.quantile(known, [0.002, 0.998])
    width = high - low
    if width > 6 * HOUR:
        return
    odd_now, odd_past = _aside(now, low, high), _aside(past, low, high)
    n = int(np.isfinite(now).sum())
    found = shares([odd_now.sum()], [n], first.per_lot(odd_past)[:, None], first.per_lot(np.isfinite(past))[:, None])
    if odd_now.sum() < 3 or found.now[0] < found.high[0] + 0.01:
        return
    moved = np.rint((now[odd_now] - np.median(known)) / HOUR)
    hours = float(np.median(moved))
    if hours == 0 or (moved == hours).mean() < 0.6:
        return
    column = _moved_one(first, second)
    yield Suspicion(Finding(
        "local_time", (column.name, (second if column is first else first).name),
        f"In {percent(float(found.now[0]))} of the rows {first.name} and {second.name} are {abs(hours):.0f} h further apart than in {lots(comparison.lots)}.",
        severity=0.55, layer="history", rows=int(odd_now.sum()), evidence={"moved_hours": hours, "share": round(float(found.now[0]), 4)},
        suggestion="look whether the source switched between local time and UTC",
    ), float(found.more[0]))  # fmt: skip


def _aside(difference: np.ndarray, low: float, high: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        result: np.ndarray = np.isfinite(difference) & ((difference < low) | (difference > high))
    return result


def _moved_one(first: View, second: View) -> View:
    """The one of two clocks whose days or hours look less like the past."""

    def oddity(view: View) -> float:
        hours = _hour(view.past)
        share = (np.bincount(hours[hours >= 0], minlength=24) + 1) / (max(1, (hours >= 0).sum()) + 24)
        today = _hour(view.now)
        known = view.now_known
        days = np.floor(known / (24 * HOUR))
        main = np.median(days) if len(days) else 0
        return float(-np.log(share[today[today >= 0]]).mean() + 5 * (days != main).mean())

    return first if oddity(first) >= oddity(second) else second
