"""A placeholder that stands for an empty cell: N/A, ?, -999, a zero that cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures import Counts, Moments, Sample, Values, kept, natures
from assayline.measures.plan import parse_number

from .locating import OneOf
from .recognising import odd_values
from .recognising.speaking import about_values

Floats = npt.NDArray[np.float64]

LEAST_DIFFERENT = 8  # different values below which a column is a set of codes, in which any number may be one
LEAST_ROWS = 20
MOST = 0.6  # a value with more of the rows than that is what the column says (research on zero-inflated columns)
REPEATS = 3  # rows of a placeholder: one far value is an outlier
GAP = 5.0  # times the usual step between neighbours: closer values are the end of the range
APART = 0.3  # of the distance between the 10 % and 90 % quantiles: a gap that wide is no accident
THIN = 1.0  # the values next to the gap must be rarer than the placeholder: a range thins out towards its end …
FEW_BESIDE = 0.1  # … and be few themselves
OFTEN = 0.1  # share of the rows above which a zero among numbers with decimals is an amount or a rate of nothing
NEAR = 0.1  # of the way from zero to the median: a gap below that is the grain of the numbers


@dataclass(frozen=True)
class Placeholder:
    """A number that stands for "missing".

    Args:
        number: the number.
        texts: how it is written in the column.
        rows: in how many rows.
        nearest: the value next to it.
        step: the usual distance between neighbouring values there.
        confidence: 0..1.
        exact: whether the rows are those of the whole table.
    """

    number: float
    texts: tuple[str, ...]
    rows: int
    nearest: float
    step: float
    confidence: float
    exact: bool = True


def _looks_made_up(number: float) -> bool:
    """Whether people choose this number to say "nothing": -1, all nines, all eights."""
    digits = f"{abs(number):.10g}".replace(".", "")
    if number == -1:
        return True
    return len(set(digits)) == 1 and digits[0] in "98" and (len(digits) >= 3 or number < 0)


def _may_stand_for_nothing(number: float) -> bool:
    return number == 0 or _looks_made_up(number)


def placeholders(profile: Profile, column: str) -> list[Placeholder]:
    """The numbers of a column that stand for "missing"."""
    return kept(profile, f"placeholders {column}", lambda: _placeholders(profile, column))


def numbers_of(profile: Profile, column: str) -> tuple[Floats, npt.NDArray[np.int64], list[str], bool] | None:
    """Different numbers in order, their rows, how they are written, and whether the rows are those of the whole table."""
    import polars as pl

    values = profile.of(column, Values)
    if values is not None and values.complete:
        texts = pl.Series("v", list(values.counts), dtype=pl.String)
        rows = np.fromiter(values.counts.values(), dtype=np.int64, count=len(values.counts))
        exact = True
    else:
        sample = profile.of(None, Sample)
        if sample is None or column not in sample.frame.columns:
            return None
        table = sample.frame.get_column(column).drop_nulls().alias("v").value_counts(name="n")
        texts = table.get_column("v").cast(pl.String, strict=False)
        rows, exact = table.get_column("n").to_numpy().astype(np.int64), sample.exact
    parsed = parse_number(texts, "number")
    good = (parsed.is_finite().fill_null(False)).to_numpy()
    if not good.any():
        return None
    numbers = parsed.to_numpy()[good]
    written = texts.filter(pl.Series(good)).to_list()
    order = np.argsort(numbers, kind="stable")
    return numbers[order], rows[good][order], [written[i] for i in order.tolist()], exact


def _placeholders(profile: Profile, column: str) -> list[Placeholder]:
    moments = profile.of(column, Moments)
    if moments is None or not moments.n or not (_may_stand_for_nothing(moments.low) or _may_stand_for_nothing(moments.high)):
        return []
    found = numbers_of(profile, column)
    if found is None:
        return []
    numbers, rows, texts, exact = found
    different, start = np.unique(numbers, return_index=True)
    counts = np.add.reduceat(rows, start)
    total = int(counts.sum())
    result: list[Placeholder] = []
    for low in (True, False, True, False):  # twice, for -9999 beyond -999
        taken = {one.number for one in result}
        inside = ~np.isin(different, list(taken)) if taken else np.ones(len(different), dtype=np.bool_)
        one = _at_end(different[inside], counts[inside], total, low)
        if one is not None:
            number, nearest, step, confidence = one
            ways = tuple(text for text, value in zip(texts, numbers.tolist(), strict=True) if value == number)
            rows_of = int(counts[different == number].sum())
            result.append(Placeholder(number, ways, rows_of, nearest, step, confidence, exact))
    return result


def _at_end(x: Floats, n: npt.NDArray[np.int64], total: int, low: bool) -> tuple[float, float, float, float] | None:
    """The value at one end of the range if it is a placeholder: itself, its neighbour, the usual step, the confidence."""
    if len(x) < LEAST_DIFFERENT + 1 or n.sum() < LEAST_ROWS:
        return None
    if not low:
        x, n = -x[::-1], n[::-1]
    value, rest, weights = x[0], x[1:], n[1:]
    rows = int(n[0])
    share = rows / total
    gap = rest[0] - value
    steps = np.diff(rest)
    near = steps[: max(8, len(steps) // 4)]  # steps grow towards the ends; those on this side are compared
    step = float(np.median(near)) if len(near) else 0.0
    q10, q90 = _quantile(rest, weights, 0.1), _quantile(rest, weights, 0.9)
    spread = max(q90 - q10, 1e-12)
    made_up = _looks_made_up(value if low else -value)
    number = float(value if low else -value)
    nearest = float(rest[0] if low else -rest[0])
    if share > MOST or gap <= 0:
        return None
    if made_up:
        if number == -1 and rest[0] >= 0 and rows >= REPEATS and len(rest) >= 2 * LEAST_DIFFERENT:
            return number, nearest, step, 0.8
        enough = rows >= REPEATS or (rows >= 1 and gap > 2 * (rest[-1] - rest[0]) and gap > 0)
        if enough and gap > GAP * step and gap > 0.25 * spread and number != -1:
            return number, nearest, step, 0.95 if rows >= REPEATS else 0.7
        return None
    if number != 0 or rows < REPEATS or gap <= GAP * max(step, 1e-12) or float(np.median(steps)) <= 0:
        return None
    if gap >= APART * spread:
        return number, nearest, step, 0.95
    if share > OFTEN and weights[rest != np.rint(rest)].sum() > 0.5 * weights.sum():
        return None  # amounts and rates: zero is what most of them can be
    # A zero is a value of its own in most columns (rain, discounts): then the values next to it are frequent, for nothing keeps
    # them away. Where zero stands for missing the range thins out before the gap, and the zero stands apart.
    beside = int(weights[rest <= rest[0] + gap].sum())
    center = _quantile(rest, weights, 0.5)
    if beside > THIN * rows or beside > FEW_BESIDE * int(weights.sum()) or gap < NEAR * (center - value):
        return None
    return number, nearest, step, 0.85

def _quantile(x: Floats, weights: npt.NDArray[np.int64], q: float) -> float:
    cumulative = np.cumsum(weights)
    return float(x[int(np.searchsorted(cumulative, q * cumulative[-1]).clip(0, len(x) - 1))])


class DisguisedMissing:
    """Finds words and numbers that stand for an empty cell.

    Reads:    `values` or the row sample, `moments`, `counts`.
    Finds:    "disguised_missing" per column; evidence `rows_share`, and `gap`, `usual_step` for numbers.
    Silent:   on zeros next to which small values are common (rain, discounts), on a value with more than six of ten rows, on
              honest categories such as "none", and in columns of fewer than nine different numbers.
    Source:   isolated spikes at the ends of a range; docs/detectors/disguised_missing.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"mmHg": [60 + n % 40 for n in range(200)] + [0] * 5})
    >>> [finding.rows for finding in DisguisedMissing()(profile(frame), Past())]
    [5]
    """

    codes = ("disguised_missing",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        odd = odd_values(profile)
        for column, nature in natures(profile).items():
            words = odd.get(column, {}).get("disguised_missing")
            if words:
                yield about_values(
                    profile, "disguised_missing", column, words, "say that there is none",
                    severity=0.45, suggestion="leave these cells empty",
                )  # fmt: skip
            if nature.kind != "number" or nature.meaning in ("year", "latitude", "longitude", "postcode"):
                continue
            counts, moments = profile.of(column, Counts), profile.of(column, Moments)
            if counts is None or moments is None:
                continue
            for one in placeholders(profile, column):
                share = one.rows / max(1, nature.filled)
                yield Finding(
                    "disguised_missing", (column,),
                    f"{one.number:g} stands in {one.rows:,} of {nature.filled:,} rows of {column} and the nearest other value is {one.nearest:g}, "
                    f"although neighbouring values usually lie {one.step:g} apart: it stands for a missing value.",
                    severity=0.5, rows=one.rows if one.exact else None, exact_rows=one.exact,
                    evidence={"placeholder": one.number, "rows_share": share, "gap": abs(one.nearest - one.number), "usual_step": one.step,
                              "confidence": one.confidence},
                    suggestion="leave these cells empty",
                    locate=OneOf(column, dict.fromkeys(one.texts, (one.confidence, ""))),
                    picture={"kind": "bars", "labels": [f"{one.number:g}", f"{one.nearest:g}"], "values": [one.rows, 1], "marked": [0]},
                )  # fmt: skip
